//! Captures that are read more than once.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use netloom_packet::{PacketSource, SourceError};
use tempfile::TempPath;

use super::inputs::{self, Expanded, Input, cannot_open};
use super::{OpenOptions, merge};

/// Captures that are read more than once, each time as the same stream.
///
/// What can be read only once, standard input or a pipe, is copied to a temporary file first; the
/// file goes when this does. A file is read as far as it went at first: one that grows is the same
/// each time. One that was cut, replaced or written over meanwhile is an error.
#[derive(Debug)]
pub struct Replay {
    expanded: Expanded,
    options: OpenOptions,
    /// How each input was when it was looked at first; `None` of copies.
    seen: Mutex<Vec<Option<Seen>>>,
    /// Copies of what can be read only once.
    _copies: Vec<Copy>,
}

impl Replay {
    /// Takes inputs as [`open`](super::open) does, and copies those that can be read only once.
    ///
    /// # Errors
    ///
    /// When an input does not exist, or such a one cannot be read or copied.
    pub fn new<I: AsRef<OsStr>>(inputs: &[I], options: &OpenOptions) -> Result<Self, SourceError> {
        let names: Vec<&OsStr> = inputs.iter().map(AsRef::as_ref).collect();
        let mut expanded = inputs::expand(&names)?;
        let mut copies = Vec::new();
        for input in &mut expanded.inputs {
            if let Some(copy) = Copy::of(input)? {
                input.spooled = Some(copy.path.to_path_buf());
                copies.push(copy);
            }
        }
        let replay = Self {
            expanded,
            options: *options,
            seen: Mutex::default(),
            _copies: copies,
        };
        replay.renew();
        Ok(replay)
    }

    /// Takes the files as they are now from here on.
    pub fn renew(&self) {
        let seen = self.expanded.inputs.iter().map(Seen::of);
        *self.seen() = seen.collect();
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Option<Seen>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the captures from their beginning.
    ///
    /// # Errors
    ///
    /// As for [`open`](super::open), and as for [`check`](Self::check).
    pub fn open(&self) -> Result<Box<dyn PacketSource + Send>, SourceError> {
        self.check()?;
        let mut expanded = self.expanded.clone();
        for (input, seen) in expanded.inputs.iter_mut().zip(&*self.seen()) {
            input.end = seen.as_ref().map(|seen| seen.size);
        }
        Ok(Box::new(merge::Files::open(expanded, self.options)?))
    }

    /// Says if a file is no longer what it was: what was read of it at different times may not be
    /// of the same packets.
    ///
    /// # Errors
    ///
    /// When one was cut, replaced, written over or removed.
    pub fn check(&self) -> Result<(), SourceError> {
        for (input, seen) in self.expanded.inputs.iter().zip(&*self.seen()) {
            let Some(seen) = seen else { continue };
            if Seen::of(input).is_some_and(|now| seen.goes_on_as(&now)) {
                continue;
            }
            return Err(
                SourceError::new(input.name(), "the file changed while it was read")
                    .hint("it is read more than once: read a copy of it, or try again when nobody writes to it"),
            );
        }
        Ok(())
    }
}

/// What the system says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    /// Which file it is: device and inode.
    #[cfg(unix)]
    which: (u64, u64),
    size: u64,
    changed: Option<SystemTime>,
}

impl Seen {
    /// `None` of what is no file, or not there.
    fn of(input: &Input) -> Option<Self> {
        let (Some(path), None) = (&input.path, &input.spooled) else {
            return None;
        };
        let metadata = fs::metadata(path).ok()?;
        metadata.is_file().then(|| Self {
            #[cfg(unix)]
            which: which(&metadata),
            size: metadata.len(),
            changed: metadata.modified().ok(),
        })
    }

    /// Whether a file that is so now begins with what it was.
    fn goes_on_as(&self, now: &Self) -> bool {
        let mut then = now.clone();
        if now.size > self.size {
            (then.size, then.changed) = (self.size, self.changed);
        }
        then == *self
    }
}

#[cfg(unix)]
fn which(metadata: &fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

/// Copies that are there now, of this process.
static COPIES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn copies() -> MutexGuard<'static, Vec<PathBuf>> {
    COPIES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes all copies that were made of what can be read only once: for who ends the process at
/// once. No other is begun after it.
pub fn remove_copies() {
    let copies = copies();
    for path in &*copies {
        // Nobody is there to tell when this fails.
        _ = fs::remove_file(path);
    }
    // Whoever comes after waits for the end.
    std::mem::forget(copies);
}

/// A copy of a stream in a temporary file, which goes when this does.
#[derive(Debug)]
struct Copy {
    path: TempPath,
}

impl Copy {
    /// Of what can be read only once: standard input, a pipe, a device.
    fn of(input: &Input) -> Result<Option<Self>, SourceError> {
        let copied = match &input.path {
            None => Self::from(&mut io::stdin().lock()),
            Some(path) => {
                let metadata = fs::metadata(path).map_err(|error| cannot_open(path, error))?;
                if metadata.is_file() {
                    return Ok(None);
                }
                let mut file = File::open(path).map_err(|error| cannot_open(path, error))?;
                Self::from(&mut file)
            }
        };
        copied.map(Some).map_err(|error| {
            SourceError::new(input.name(), "cannot be copied to a temporary file")
                .hint("it is read twice; TMPDIR names a folder with more room")
                .caused_by(error)
        })
    }

    fn from(stream: &mut impl io::Read) -> io::Result<Self> {
        let (mut file, copy) = {
            let mut known = copies();
            let (file, path) = tempfile::NamedTempFile::new()?.into_parts();
            known.push(path.to_path_buf());
            (file, Self { path })
        };
        io::copy(stream, &mut file)?;
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let mut known = copies();
        // Nobody is there to tell when this fails.
        _ = fs::remove_file(&self.path);
        known.retain(|path| *path != *self.path);
    }
}
