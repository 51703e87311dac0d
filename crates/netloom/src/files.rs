//! The files of a command: those that it reads, and those that it writes.

use std::path::{Path, PathBuf};

use netloom::capture::file::list;
use netloom::tables::output::{AtomicFile, Claims, OutputError};
use netloom::{OpenOptions, Replay};
use netloom_packet::SourceError;

use crate::data::expand;
use crate::failure::Failure;
use crate::output::is_standard;
use crate::progress::{clean_up_on_signal, end_on_signal};

/// What a command reads, and so must not write. All of its outputs begin here.
#[derive(Debug, Default)]
pub(crate) struct Files(Claims);

impl Files {
    /// Of a command that reads these captures: files, folders and globs.
    pub(crate) fn of_captures(given: &[PathBuf]) -> Result<Self, Failure> {
        let files = Self::default();
        files.captures(given)?;
        Ok(files)
    }

    /// Of a command that reads DATA: captures or tables.
    pub(crate) fn of_data(data: &[PathBuf]) -> Result<Self, Failure> {
        let files = Self::default();
        files.data(data)?;
        Ok(files)
    }

    /// Captures that are read.
    pub(crate) fn captures(&self, given: &[PathBuf]) -> Result<(), Failure> {
        for path in given {
            if is_standard(path) {
                self.reads(path);
                continue;
            }
            let found = list(path.as_os_str())?;
            if matches!(&found[..], [one] if one == path) {
                self.reads(path);
                continue;
            }
            for file in found {
                self.0.reads_if(file, is_capture);
            }
        }
        Ok(())
    }

    /// DATA that is read.
    pub(crate) fn data(&self, data: &[PathBuf]) -> Result<(), Failure> {
        for input in expand(data, None)? {
            self.reads(&input.path);
        }
        Ok(())
    }

    /// A file that is read.
    pub(crate) fn reads(&self, path: &Path) {
        self.0.reads(path);
    }

    /// Says if an output would be an input, or another output.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Failure> {
        Ok(self.0.check(path)?)
    }

    /// An output that others write.
    pub(crate) fn writes(&self, path: &Path) -> Result<(), Failure> {
        Ok(self.0.writes(path)?)
    }

    /// Begins an output.
    pub(crate) fn create(&self, path: &Path) -> Result<AtomicFile, OutputError> {
        clean_up_on_signal();
        self.0.create(path)
    }

    /// Begins an output that others see grow.
    pub(crate) fn create_in_place(&self, path: &Path) -> Result<AtomicFile, OutputError> {
        clean_up_on_signal();
        self.0.create_in_place(path)
    }
}

/// Captures that are read more than once. Where one can be read only once, that is waited for: a
/// signal ends the process, and no copy is left.
pub(crate) fn replay(given: &[PathBuf]) -> Result<Replay, SourceError> {
    end_on_signal();
    Replay::new(given, &OpenOptions::default())
}

/// Whether a file of a folder is read: others are left out.
fn is_capture(file: &Path) -> bool {
    netloom::open(&[file], &OpenOptions::default()).is_ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use netloom::capture::file::is_temporary;

    use super::*;

    #[test]
    fn what_is_being_written_is_known_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = Claims::default().create(folder.path().join("a b.html"));
        let written = fs::read_dir(folder.path()).unwrap().next().unwrap();
        let name = written.unwrap().file_name();
        assert!(is_temporary(&name), "{}", name.display());
        for name in ["a.tmp", ".a.tmp", ".a.1-x.tmp", ".a.-1.tmp", "a.1-2.tmp"] {
            assert!(!is_temporary(name.as_ref()), "{name}");
        }
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
