//! Files with a name of their own, until they get the one they are to have, and folders for what does not
//! fit into memory.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use super::folder_of;

/// Those that are there now, of this process.
static NOW: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn now() -> MutexGuard<'static, Vec<PathBuf>> {
    NOW.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes what outputs of this process have written so far, and its folders for what does not fit into
/// memory, and lets none be begun or completed after it: for who ends the process at once.
pub fn abandon() {
    let now = now();
    for path in &*now {
        remove(path);
    }
    // Whoever comes after waits for the end.
    std::mem::forget(now);
}

/// Times that a folder is tried to be removed in which files are being made meanwhile.
const ATTEMPTS: usize = 10;

/// Removes a file, or a folder with what is in it. Nobody is there to tell when this fails.
fn remove(path: &Path) {
    if !path.is_dir() {
        _ = fs::remove_file(path);
        return;
    }
    for _ in 0..ATTEMPTS {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {}
            _ => return,
        }
    }
}

/// A folder for temporary files, which goes when this does, whoever still has files in it, and
/// when the process is ended at once ([`abandon`]).
#[derive(Debug)]
pub struct TemporaryFolder(TempDir);

impl TemporaryFolder {
    /// Makes one where the system has its temporary files.
    ///
    /// # Errors
    ///
    /// When none can be made there.
    pub fn new() -> io::Result<Self> {
        let mut now = now();
        let folder = tempfile::Builder::new().prefix("netloom-").tempdir()?;
        now.push(folder.path().to_owned());
        Ok(Self(folder))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let mut now = now();
        remove(self.path());
        now.retain(|known| known != self.path());
    }
}

/// Removes the file when dropped.
pub(super) struct Temporary(Option<PathBuf>);

impl Temporary {
    /// Gives the file the name that it is to have.
    pub(super) fn rename(&mut self, target: &Path) -> io::Result<()> {
        let Some(path) = &self.0 else {
            return Ok(());
        };
        let mut now = now();
        fs::rename(path, target)?;
        now.retain(|known| known != path);
        self.0 = None;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            let mut now = now();
            remove(&path);
            now.retain(|known| *known != path);
        }
    }
}

/// Creates a file with a name of its own in the target's folder: only within one file system
/// is a rename atomic. Whoever lists inputs knows such names (`is_temporary` of netloom-capture).
pub(super) fn create_beside(target: &Path) -> io::Result<(File, Temporary)> {
    let name = target.file_name().ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "the path ends in no file name")
    })?;
    let folder = folder_of(target);
    for attempt in 0..1000_u32 {
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}-{attempt}.tmp", std::process::id()));
        let path = folder.join(hidden);
        let mut now = now();
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => {
                now.push(path.clone());
                return Ok((file, Temporary(Some(path))));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        "a thousand temporary files are in the way",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_known_while_they_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let (_file, temporary) = create_beside(&folder.path().join("a b.html")).unwrap();
        let path = temporary.0.as_ref().unwrap();
        assert!(now().contains(path));
        let path = path.clone();
        drop(temporary);
        assert!(!path.exists() && !now().contains(&path));
    }

    #[test]
    fn a_folder_goes_with_what_is_in_it() {
        let folder = TemporaryFolder::new().unwrap();
        let path = folder.path().to_owned();
        fs::create_dir(path.join("in")).unwrap();
        fs::write(path.join("in/rows"), "rows").unwrap();
        assert!(now().contains(&path));
        drop(folder);
        assert!(!path.exists() && !now().contains(&path));
    }
}
