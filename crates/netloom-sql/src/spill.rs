//! Where rows of a query go that do not fit into memory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

/// Folders that are there now, of this process.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn folders() -> MutexGuard<'static, Vec<PathBuf>> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Times that a folder is tried to be removed in which files are being made meanwhile.
const ATTEMPTS: usize = 10;

fn remove(folder: &Path) {
    for _ in 0..ATTEMPTS {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {}
            _ => return,
        }
    }
}

/// Removes what queries of this process have written into temporary files, and lets none go on that
/// needs them: for who ends the process at once.
pub fn remove_spilled() {
    let folders = folders();
    for folder in &*folders {
        remove(folder);
    }
    // Whoever comes after waits for the end.
    std::mem::forget(folders);
}

/// A folder for temporary files, which goes when this does, whoever still has files in it.
pub(crate) struct SpillFolder(TempDir);

impl SpillFolder {
    pub(crate) fn new() -> io::Result<Self> {
        let mut known = folders();
        let folder = tempfile::Builder::new().prefix("netloom-").tempdir()?;
        known.push(folder.path().to_owned());
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SpillFolder {
    fn drop(&mut self) {
        let mut known = folders();
        remove(self.0.path());
        known.retain(|folder| folder != self.0.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_with_what_is_in_it() {
        let folder = SpillFolder::new().unwrap();
        let path = folder.path().to_owned();
        fs::create_dir(path.join("in")).unwrap();
        fs::write(path.join("in/rows"), "rows").unwrap();
        assert!(folders().contains(&path));
        drop(folder);
        assert!(!path.exists() && !folders().contains(&path));
    }
}
