//! Parts of a capture as they are read, by whichever thread.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use netloom_packet::Part;

/// Room in a block in front of what is read: for the start of a packet that the part before ended in.
pub(super) const ROOM: usize = 4096;

/// A file of which threads read parts, each at its own place.
pub(super) struct Plain {
    pub(super) file: Arc<File>,
    /// Bytes that were taken to be read.
    pub(super) taken: u64,
    /// Where it ends for who reads it, whatever is there.
    pub(super) end: u64,
    /// Bytes that have come, counted.
    pub(super) count: Arc<AtomicU64>,
}

impl Plain {
    /// A file, where the system can read at a place of one.
    pub(super) fn of(file: &Arc<File>, end: u64, count: &Arc<AtomicU64>) -> Option<Self> {
        cfg!(unix).then(|| Self {
            file: Arc::clone(file),
            taken: 0,
            end,
            count: Arc::clone(count),
        })
    }
}

/// A part of a file, to be read.
pub(super) struct FilePart {
    pub(super) file: Arc<File>,
    pub(super) offset: u64,
    /// Where the file ends for who reads it.
    pub(super) end: u64,
    pub(super) size: usize,
    /// The size of the largest part.
    pub(super) largest: usize,
}

impl FilePart {
    pub(super) fn read(&self, block: &mut Vec<u8>) -> Part {
        read_part(block, self.size, self.largest, |done, rest| {
            let offset = self.offset + done as u64;
            let left = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
            let wanted = rest.len().min(left);
            let length = read_at(
                &self.file,
                rest.get_mut(..wanted).unwrap_or_default(),
                offset,
            )?;
            Ok((length, false))
        })
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(not(unix))]
fn read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Fills a part of `size` bytes of a block by `read`, which is told how many are there and says how many
/// more there are now, and whether that is enough.
pub(super) fn read_part(
    block: &mut Vec<u8>,
    size: usize,
    largest: usize,
    mut read: impl FnMut(usize, &mut [u8]) -> io::Result<(usize, bool)>,
) -> Part {
    fit(block, ROOM + size, ROOM + largest);
    let mut part = Part {
        bytes: ROOM..ROOM,
        is_last: false,
        error: None,
    };
    while let Some(rest) = block
        .get_mut(part.bytes.end..)
        .filter(|rest| !rest.is_empty())
    {
        match read(part.bytes.len(), rest) {
            Ok((0, _)) => {
                part.is_last = true;
                break;
            }
            Ok((length, enough)) => {
                part.bytes.end += length;
                if enough {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                part.is_last = true;
                part.error = Some(error);
                break;
            }
        }
    }
    part
}

/// Gives a block its size. It keeps its old content: clearing 1 MiB takes longer than finding the
/// packets in it.
fn fit(block: &mut Vec<u8>, size: usize, largest: usize) {
    if block.len() > size {
        block.truncate(size);
        // A block that grew for one packet does not stay so.
        block.shrink_to(size.max(largest) * 2);
    } else if block.len() < size {
        block.resize(size, 0);
    }
}
