//! Captures in files: pcap and pcapng, plain or compressed.
//!
//! [`open`] takes paths as a person gives them (files, globs, folders, `-` for standard input)
//! and returns one stream of packets ordered by time. Formats and compressions are recognised
//! by content, never by name.
//!
//! Memory does not grow with the capture: a block of bytes at a time is read into the batch
//! that the caller brings, and what is kept of a capture's own words (comments, names,
//! secrets, warnings) has bounds.
//!
//! A capture that is cut or damaged is read to its last whole packet; why it ends there is a
//! [`Warning`](netloom_packet::Warning) of its [`CaptureInfo`](netloom_packet::CaptureInfo).
//!
//! [`PcapngWriter`] and [`PcapWriter`] write packets, [`CaptureWriter`] a live capture. Nothing
//! here looks inside of them.

mod compressed;
mod inputs;
mod link_types;
mod merge;
mod part;
mod pcap;
mod pcapng;
mod reader;
mod replay;
mod scan;
mod sniff;
mod write;

use std::ffi::OsStr;
use std::io::Read;
use std::path::PathBuf;

use netloom_packet::{PacketSource, SourceError};

use self::reader::{CaptureReader, Stream};

pub use self::inputs::is_temporary;
pub use self::replay::{Replay, remove_copies};
pub use self::write::{
    CaptureWriter, ClosedFile, Direction, FileFormat, FileNames, InterfaceDescription,
    InterfaceStatistics, PacketNotes, PcapResolution, PcapWriter, PcapngWriter, Rotation,
    SectionDescription, WriteCompression, WriteOptions, WrittenFiles,
};

/// How captures are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// Bytes read at a time, and so about the size of a batch; down to a quarter of it where packets
    /// are small. Larger packets are read too.
    ///
    /// The default, 256 KiB, is what measured best for who makes rows of packets.
    pub block_size: usize,
}

impl OpenOptions {
    /// For who keeps sums of packets and flows: of blocks as small as these, a few and all that is
    /// decoded of them stay in a core's second-level cache.
    pub const FOR_SUMS: Self = Self {
        block_size: 64 * 1024,
    };
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            block_size: 256 * 1024,
        }
    }
}

/// Opens captures as one stream.
///
/// An input is a file, a folder (its captures, recursively, in the order of their paths), a
/// glob (where no file has that very name) or `-`, standard input. Several inputs are merged
/// by time; packets of the same time, and files as a whole that say nothing else, keep the
/// order of the inputs. The packets of the merged stream are numbered from 1, their interfaces
/// are counted over all files.
///
/// What a folder or a glob brings that is no capture is left out, with a warning.
///
/// # Errors
///
/// When an input does not exist, cannot be read, or is no capture (and was named itself), and
/// when there is no capture at all.
pub fn open<I: AsRef<OsStr>>(
    inputs: &[I],
    options: &OpenOptions,
) -> Result<Box<dyn PacketSource + Send>, SourceError> {
    let names: Vec<&OsStr> = inputs.iter().map(AsRef::as_ref).collect();
    let expanded = inputs::expand(&names)?;
    Ok(Box::new(merge::Files::open(expanded, *options)?))
}

/// The files that an input means: itself, those of a folder, or those that a glob matches; none
/// for `-`.
///
/// # Errors
///
/// When it does not exist, cannot be looked into, or no file matches.
pub fn list(input: &OsStr) -> Result<Vec<PathBuf>, SourceError> {
    let expanded = inputs::expand(&[input])?;
    let paths = expanded.inputs.into_iter().filter_map(|input| input.path);
    Ok(paths.collect())
}

/// Reads a capture from a stream of bytes; `name` is what messages call it.
///
/// # Errors
///
/// When the stream is no capture, or reading it fails.
pub fn open_reader(
    name: impl Into<String>,
    reader: impl Read + Send + 'static,
    options: &OpenOptions,
) -> Result<Box<dyn PacketSource + Send>, SourceError> {
    let stream = Stream {
        name: name.into(),
        bytes: Box::new(reader),
        plain: None,
        block_size: options.block_size,
        eager: false,
    };
    Ok(Box::new(CaptureReader::open(stream)?))
}

#[cfg(test)]
mod tests;
