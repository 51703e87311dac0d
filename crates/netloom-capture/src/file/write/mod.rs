//! Captures into files: pcapng and pcap, rotated, compressed, and readable whatever happens.
//!
//! [`PcapngWriter`] and [`PcapWriter`] turn packets into bytes for any [`Write`](std::io::Write).
//! [`CaptureWriter`] is what a live capture writes through: it puts whole packets together into
//! chunks, starts a new file when one is large or old enough, and leaves a file that can be read
//! when the disk is full or the process is killed.

mod destination;
mod names;
mod pcap;
mod pcapng;
mod writer;

pub use self::destination::WriteCompression;
pub use self::names::FileNames;
pub use self::pcap::{PcapResolution, PcapWriter};
pub use self::pcapng::{
    Direction, InterfaceDescription, InterfaceStatistics, PacketNotes, PcapngWriter,
    SectionDescription,
};
pub use self::writer::{
    CaptureWriter, ClosedFile, FileFormat, Rotation, WriteOptions, WrittenFiles,
};

#[cfg(test)]
mod tests;
