//! Files that are whole or absent.
//!
//! [`AtomicFile`] writes beside its target and renames at the end: whoever looks sees the old
//! file or the new one, never half of it. What is no regular file (`-` for standard output,
//! `/dev/null`, a named pipe) cannot be renamed onto and is written in place.
//!
//! [`Claims`] makes them: no output is one of a command's inputs, or another of its outputs.

mod claims;
mod temporary;

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use self::temporary::{Temporary, create_beside};

pub use self::claims::Claims;
pub use self::temporary::{TemporaryFolder, abandon};

/// An output that cannot be written: what failed, on which file, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{}: {action}", path.display())]
#[non_exhaustive]
pub struct OutputError {
    /// The file, as it was given.
    pub path: PathBuf,
    /// What could not be done.
    pub action: &'static str,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// The system's error.
    #[source]
    pub cause: io::Error,
}

impl OutputError {
    /// Whether it is that the output is one of the inputs, or another output.
    pub fn is_same_file(&self) -> bool {
        let cause = self.cause.get_ref();
        cause.is_some_and(<dyn std::error::Error + Send + Sync>::is::<claims::SameFile>)
    }
}

/// A file being written that takes its name only when it is [committed](Self::commit).
///
/// Dropped without that, it leaves nothing behind and an older file of that name untouched.
/// [`Claims`] begins it.
pub struct AtomicFile {
    /// As it was given.
    path: PathBuf,
    state: State,
    /// What it must not be, it itself among it.
    claims: Claims,
}

enum State {
    /// Standard output.
    Stdout(io::Stdout),
    /// Written in place.
    InPlace(File),
    /// Written beside the target.
    Beside {
        file: File,
        /// Where it is written.
        temporary: Temporary,
        /// Where it goes: the given path with symbolic links followed.
        target: PathBuf,
    },
}

impl fmt::Debug for AtomicFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtomicFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl AtomicFile {
    /// Begins to write `path`.
    fn create(path: impl Into<PathBuf>) -> Result<Self, OutputError> {
        let path = path.into();
        let state = Self::open(&path).map_err(|(action, cause)| OutputError {
            hint: hint(&path, &cause),
            path: path.clone(),
            action,
            cause,
        })?;
        Ok(Self {
            path,
            state,
            claims: Claims::default(),
        })
    }

    /// Begins to write `path` where others see it grow.
    fn create_in_place(path: impl Into<PathBuf>) -> Result<Self, OutputError> {
        let path = path.into();
        let state = if path.as_os_str() == "-" {
            State::Stdout(io::stdout())
        } else {
            let file = File::create(&path).map_err(|cause| OutputError {
                hint: hint(&path, &cause),
                path: path.clone(),
                action: "cannot be written",
                cause,
            })?;
            State::InPlace(file)
        };
        Ok(Self {
            path,
            state,
            claims: Claims::default(),
        })
    }

    fn open(path: &Path) -> Result<State, (&'static str, io::Error)> {
        if path.as_os_str() == "-" {
            return Ok(State::Stdout(io::stdout()));
        }
        let (target, old) = match fs::metadata(path) {
            Ok(old) if old.is_dir() => {
                return Err((
                    "cannot be written",
                    io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"),
                ));
            }
            Ok(old) if !old.is_file() => {
                let file = OpenOptions::new()
                    .write(true)
                    .open(path)
                    .map_err(|cause| ("cannot be written", cause))?;
                return Ok(State::InPlace(file));
            }
            // A link stays a link: the file it points to is replaced.
            Ok(old) => (
                fs::canonicalize(path).map_err(|cause| ("cannot be found", cause))?,
                Some(old),
            ),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => (path.to_owned(), None),
            Err(cause) => return Err(("cannot be looked at", cause)),
        };
        if old.as_ref().is_some_and(|old| old.permissions().readonly()) {
            return Err((
                "cannot be replaced",
                io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only"),
            ));
        }
        let (file, temporary) =
            create_beside(&target).map_err(|cause| ("cannot be created", cause))?;
        if let Some(old) = old {
            // Who may read the old file may read the new one. Not a reason to fail: the file
            // system may know no permissions.
            _ = file.set_permissions(old.permissions());
        }
        Ok(State::Beside {
            file,
            temporary,
            target,
        })
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An error of the system with the file's name and a hint; its kind stays.
    fn named(&self, cause: io::Error) -> io::Error {
        io::Error::new(
            cause.kind(),
            OutputError {
                hint: hint(&self.path, &cause),
                path: self.path.clone(),
                action: "cannot be written",
                cause,
            },
        )
    }

    /// Whether the output is written in place (standard output, a device, a pipe): what was
    /// written cannot be taken back.
    pub fn is_in_place(&self) -> bool {
        !matches!(self.state, State::Beside { .. })
    }

    /// Makes the file durable and gives it its name.
    ///
    /// # Errors
    ///
    /// When the disk is full or fails, or the folder has become unwritable, or the file has become
    /// one of the inputs or another output; nothing is left behind then.
    pub fn commit(mut self) -> Result<(), OutputError> {
        if matches!(self.state, State::Beside { .. }) {
            self.claims.check_but(&self.path, 1)?;
        }
        let result = match &mut self.state {
            State::Stdout(stdout) => stdout.flush(),
            State::InPlace(file) => file.flush(),
            State::Beside {
                file,
                temporary,
                target,
            } => Self::rename(file, temporary, target),
        };
        result.map_err(|cause| OutputError {
            hint: hint(&self.path, &cause),
            path: self.path.clone(),
            action: "cannot be completed",
            cause,
        })
    }

    fn rename(file: &mut File, temporary: &mut Temporary, target: &Path) -> io::Result<()> {
        file.flush()?;
        file.sync_all()?;
        temporary.rename(target)?;
        // So that the name survives a power cut too, where the system can do that.
        if let Ok(folder) = File::open(folder_of(target)) {
            _ = folder.sync_all();
        }
        Ok(())
    }
}

/// Errors carry an [`OutputError`], so that they name the file wherever they are shown.
impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Stdout(stdout) => stdout.write(bytes),
            State::InPlace(file) | State::Beside { file, .. } => file.write(bytes),
        }
        .map_err(|cause| self.named(cause))
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.state {
            State::Stdout(stdout) => stdout.flush(),
            State::InPlace(file) | State::Beside { file, .. } => file.flush(),
        }
        .map_err(|cause| self.named(cause))
    }
}

/// The folder a path is in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// What a person can do about an error.
fn hint(path: &Path, cause: &io::Error) -> Option<String> {
    let folder = folder_of(path).display();
    Some(match cause.kind() {
        io::ErrorKind::NotFound => format!("make the folder first: mkdir -p '{folder}'"),
        io::ErrorKind::PermissionDenied => format!(
            "write to a folder of your own, or ask for permission: ls -ld '{folder}' shows who may write"
        ),
        io::ErrorKind::IsADirectory => {
            format!("name a file in it: {}", path.join("NAME").display())
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("make room on the disk of '{folder}', or write elsewhere")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            format!("'{folder}' is on a read-only file system: write elsewhere")
        }
        io::ErrorKind::InvalidFilename => "choose a shorter name".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn absent_until_committed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.csv");
        let mut file = AtomicFile::create(&target).unwrap();
        file.write_all(b"one\n").unwrap();
        assert!(!target.exists());
        assert!(!file.is_in_place());
        file.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"one\n");
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    #[test]
    fn dropped_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.csv");
        fs::write(&target, "old").unwrap();
        let mut file = AtomicFile::create(&target).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    #[test]
    fn in_place_others_see_it_grow() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        fs::write(&path, "old, and longer than the new").unwrap();
        let mut file = AtomicFile::create_in_place(&path).unwrap();
        assert!(file.is_in_place());
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["out.csv"]);
        let missing = folder.path().join("none/out.csv");
        let error = AtomicFile::create_in_place(missing).unwrap_err();
        assert!(error.hint.unwrap().contains("mkdir -p"));
    }

    #[test]
    fn two_at_once_do_not_meet() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.csv");
        let mut first = AtomicFile::create(&target).unwrap();
        let mut second = AtomicFile::create(&target).unwrap();
        first.write_all(b"first").unwrap();
        second.write_all(b"second").unwrap();
        second.commit().unwrap();
        first.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    #[test]
    fn a_missing_folder_is_named_with_the_cure() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("no/such/a.csv");
        let error = AtomicFile::create(&target).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("no/such/a.csv: cannot be created"),
            "{error}"
        );
        let hint = error.hint.unwrap();
        assert!(
            hint.starts_with("make the folder first") && hint.contains("no/such"),
            "{hint}"
        );
    }

    #[test]
    fn a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = AtomicFile::create(folder.path()).unwrap_err();
        assert_eq!(error.cause.kind(), io::ErrorKind::IsADirectory);
        assert!(error.hint.unwrap().ends_with("/NAME"));
    }

    #[cfg(unix)]
    mod unix {
        use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

        use super::*;

        #[test]
        fn an_unwritable_folder_is_named_with_the_cure() {
            let folder = tempfile::tempdir().unwrap();
            let closed = folder.path().join("closed");
            fs::create_dir(&closed).unwrap();
            fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
            if File::create(closed.join("probe")).is_ok() {
                println!("skipped: this user may write everywhere (root)");
                return;
            }
            let error = AtomicFile::create(closed.join("a.csv")).unwrap_err();
            assert!(error.to_string().contains("closed/a.csv"), "{error}");
            assert!(error.hint.unwrap().contains("shows who may write"));
        }

        #[test]
        fn a_read_only_file_is_not_replaced() {
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path().join("a.csv");
            fs::write(&target, "keep").unwrap();
            fs::set_permissions(&target, fs::Permissions::from_mode(0o444)).unwrap();
            let error = AtomicFile::create(&target).unwrap_err();
            assert!(error.to_string().contains("cannot be replaced"), "{error}");
            assert_eq!(names(folder.path()), ["a.csv"]);
        }

        #[test]
        fn permissions_and_links_stay() {
            let folder = tempfile::tempdir().unwrap();
            let real = folder.path().join("real.csv");
            let link = folder.path().join("link.csv");
            fs::write(&real, "old").unwrap();
            fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
            symlink(&real, &link).unwrap();
            let mut file = AtomicFile::create(&link).unwrap();
            file.write_all(b"new").unwrap();
            file.commit().unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::read(&real).unwrap(), b"new");
            let mode = fs::metadata(&real).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o640);
        }

        #[test]
        fn pipes_are_written_in_place() {
            let folder = tempfile::tempdir().unwrap();
            let pipe = folder.path().join("pipe");
            let made = std::process::Command::new("mkfifo").arg(&pipe).status();
            if !made.is_ok_and(|status| status.success()) {
                println!("skipped: no mkfifo here");
                return;
            }
            let reader = {
                let pipe = pipe.clone();
                std::thread::spawn(move || fs::read(pipe).unwrap())
            };
            let mut file = AtomicFile::create(&pipe).unwrap();
            assert!(file.is_in_place());
            file.write_all(b"through").unwrap();
            file.commit().unwrap();
            assert_eq!(reader.join().unwrap(), b"through");
            assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        }

        #[test]
        fn a_full_disk_is_named_with_the_cure() {
            let Ok(mut file) = AtomicFile::create("/dev/full") else {
                println!("skipped: no /dev/full here");
                return;
            };
            let error = file.write_all(b"x").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            assert!(
                error.to_string().contains("/dev/full: cannot be written"),
                "{error}"
            );
            let inner = error
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<OutputError>());
            assert!(
                inner
                    .unwrap()
                    .hint
                    .as_ref()
                    .unwrap()
                    .starts_with("make room")
            );
        }

        #[test]
        fn devices_are_written_in_place() {
            let mut file = AtomicFile::create("/dev/null").unwrap();
            assert!(file.is_in_place());
            file.write_all(b"gone").unwrap();
            file.commit().unwrap();
            assert!(
                fs::metadata("/dev/null")
                    .unwrap()
                    .file_type()
                    .is_char_device()
            );
        }
    }
}
