//! The key under which addresses and names are replaced.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use netloom::tables::anonymize::{AnonymizeKey, Anonymizer};

use crate::arguments::ExportOptions;
use crate::failure::Failure;
use crate::output::Printer;

/// What replaces addresses and names, if that is asked for.
pub(super) fn anonymizer(
    options: &ExportOptions,
    printer: &Printer,
) -> Result<Option<Arc<Anonymizer>>, Failure> {
    let key = match &options.anonymize_key {
        Some(file) => kept(file, printer)?,
        None if options.anonymize => {
            printer.note(
                "addresses and names are replaced under a key of this run that is kept nowhere; \
                 with --anonymize-key FILE, exports fit together",
            );
            random()?
        }
        None => return Ok(None),
    };
    Ok(Some(Arc::new(Anonymizer::new(&key))))
}

/// The key of a file, which is made where it is not there.
fn kept(file: &Path, printer: &Printer) -> Result<AnonymizeKey, Failure> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let key = random()?;
            create(file, &key).map_err(|cause| Failure::writing(file, &cause))?;
            printer.note(&format!(
                "{}: a new key; who has it can find out who was who",
                file.display()
            ));
            return Ok(key);
        }
        Err(cause) => return Err(Failure::reading(file, &cause)),
    };
    AnonymizeKey::parse(&bytes).map_err(|error| {
        Failure::usage(format!("{}: {error}", file.display()))
            .hint("name a file that is not there, and it is made with a new key")
    })
}

/// Nobody else may read it, not even for a moment.
fn create(file: &Path, key: &AnonymizeKey) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file)?;
    file.write_all(format!("{}\n", key.to_hex()).as_bytes())?;
    file.sync_all()
}

fn random() -> Result<AnonymizeKey, Failure> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|cause| {
        Failure::usage(format!("the system has no random numbers: {cause}"))
            .hint("--anonymize-key FILE takes a key of 64 hexadecimal digits")
    })?;
    Ok(AnonymizeKey::new(key))
}
