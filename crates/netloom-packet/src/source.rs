//! Where packets come from and go to, as traits; the I/O is elsewhere.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Range;
use std::{fmt, io};

use crate::{LinkType, Packet, PacketBatch, Timestamp};

/// A stream of packets in batches.
pub trait PacketSource {
    /// Clears `batch` and fills it with the next packets; `false` at the end of the stream.
    ///
    /// A damaged source is read to its last whole packet, then ends with a [`Warning`] in
    /// [`info`](Self::info) instead of an error.
    ///
    /// # Errors
    ///
    /// When the source cannot be read at all (the device failed, permission was lost).
    fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError>;

    /// Takes the next part of the stream, for a thread to read while others have the source: copying
    /// out of the system's memory is most of what reading costs. `None` where the source is to read by
    /// itself ([`next_batch`](Self::next_batch)), now or always.
    fn take_part(&mut self) -> Option<ReadPart> {
        None
    }

    /// As [`next_batch`](Self::next_batch), with a part that was read into the batch's block. Parts come
    /// back in the order in which they were taken, all of them up to the end of the stream. There may be
    /// no packet in one: it lies in the parts that follow, too.
    ///
    /// # Errors
    ///
    /// As for [`next_batch`](Self::next_batch).
    fn next_batch_of(&mut self, part: Part, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        let _ = part;
        self.next_batch(batch)
    }

    /// What the source has said about itself so far: one entry a file or interface; complete
    /// only after the last batch.
    fn info(&self) -> Vec<CaptureInfo>;

    /// How far reading has come, for a progress bar.
    fn progress(&self) -> Progress {
        Progress::default()
    }

    /// Whether the next batch can be had without waiting for packets that have yet to come. A
    /// recorded source never waits for those.
    fn is_ready(&self) -> bool {
        true
    }

    /// The time up to which a live source has handed out everything, so that time passes where
    /// no packets come. `None` for a recorded source: there, only packets move the time.
    fn clock(&self) -> Option<Timestamp> {
        None
    }
}

impl<S: PacketSource + ?Sized> PacketSource for Box<S> {
    fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        (**self).next_batch(batch)
    }

    fn take_part(&mut self) -> Option<ReadPart> {
        (**self).take_part()
    }

    fn next_batch_of(&mut self, part: Part, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        (**self).next_batch_of(part, batch)
    }

    fn info(&self) -> Vec<CaptureInfo> {
        (**self).info()
    }

    fn progress(&self) -> Progress {
        (**self).progress()
    }

    fn is_ready(&self) -> bool {
        (**self).is_ready()
    }

    fn clock(&self) -> Option<Timestamp> {
        (**self).clock()
    }
}

/// Reads a part of a stream into a block, which it gives the size it needs.
pub type ReadPart = Box<dyn FnOnce(&mut Vec<u8>) -> Part + Send>;

/// A part of a stream that was read.
#[derive(Debug)]
pub struct Part {
    /// Where it lies in the block.
    pub bytes: Range<usize>,
    /// Whether the stream ends with it.
    pub is_last: bool,
    /// Why it does, where it should not.
    pub error: Option<io::Error>,
}

/// Takes packets one by one.
pub trait PacketSink {
    /// Takes a packet.
    ///
    /// # Errors
    ///
    /// When the packet cannot be stored (disk full, pipe closed).
    fn write_packet(&mut self, packet: &Packet<'_>) -> Result<(), SourceError>;

    /// Writes out what is held back; call it once, at the end.
    ///
    /// # Errors
    ///
    /// As for [`write_packet`](Self::write_packet).
    fn finish(&mut self) -> Result<(), SourceError>;
}

/// How far a source has been read, in bytes of the files as they lie on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes read.
    pub done: u64,
    /// Bytes in all, where known.
    pub total: Option<u64>,
}

/// A source that cannot be read (or written): what failed, where, and what to do.
#[derive(Debug)]
#[non_exhaustive]
pub struct SourceError {
    /// File or interface.
    pub source_name: String,
    /// Byte offset in it, where there is one.
    pub offset: Option<u64>,
    /// What failed.
    pub message: Cow<'static, str>,
    /// What a person can do about it.
    pub hint: Option<Cow<'static, str>>,
    /// The system's error.
    pub cause: Option<io::Error>,
}

impl SourceError {
    /// An error about `source_name`.
    pub fn new(source_name: impl Into<String>, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            source_name: source_name.into(),
            offset: None,
            message: message.into(),
            hint: None,
            cause: None,
        }
    }

    /// Adds the byte offset.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the system's error.
    #[must_use]
    pub fn caused_by(mut self, cause: io::Error) -> Self {
        self.cause = Some(cause);
        self
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source_name, self.message)?;
        if let Some(offset) = self.offset {
            write!(f, " (at byte {offset})")?;
        }
        Ok(())
    }
}

impl std::error::Error for SourceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

/// What a file or an interface says about itself, and what was counted while reading it.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct CaptureInfo {
    /// Path as given (`-` for standard input), or interface name.
    pub name: String,
    /// `pcap`, `pcapng`, with `+gzip`, `+zstd`, `+lz4`; empty when nothing could be read.
    pub format: String,
    /// Packets read.
    pub packets: u64,
    /// Their lengths on the wire, added up.
    pub bytes: u64,
    /// Packets of which fewer bytes were captured than were on the wire.
    pub truncated: u64,
    /// Packets earlier than one before them.
    pub out_of_order: u64,
    /// Smallest timestamp.
    pub first_ts: Option<Timestamp>,
    /// Largest timestamp.
    pub last_ts: Option<Timestamp>,
    /// Packets that the capture itself says the kernel dropped (pcapng ISB `isb_osdrop`, EPB
    /// `epb_dropcount`, or a live counter).
    pub dropped_kernel: Option<u64>,
    /// Packets that the capture itself says the interface dropped (ISB `isb_ifdrop`).
    pub dropped_interface: Option<u64>,
    /// The interfaces, in the order of [`Packet::interface`] (counted over all files of a
    /// merged stream).
    pub interfaces: Vec<Interface>,
    /// Hardware, operating system, application that wrote it (SHB options).
    pub hardware: Option<String>,
    /// See `hardware`.
    pub os: Option<String>,
    /// See `hardware`.
    pub application: Option<String>,
    /// Comments of sections and interfaces, then of packets (those up to a bound).
    pub comments: Vec<String>,
    /// Comments on packets, counted.
    pub packet_comments: u64,
    /// Names that the capture brings along (NRB), up to a bound.
    pub names: Vec<NameRecord>,
    /// Decryption secrets (DSB) as they stand, up to a bound: (secrets type, bytes).
    pub secrets: Vec<(u32, Vec<u8>)>,
    /// What was wrong with it.
    pub warnings: Vec<Warning>,
}

/// An interface that a capture names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Interface {
    /// [`Packet::interface`] of its packets. In a merged stream the interfaces of a file that
    /// only turn up while others are being read do not follow the file's first ones.
    pub index: u32,
    /// Its name, `eth0` (if_name).
    pub name: Option<String>,
    /// Its description (if_description).
    pub description: Option<String>,
    /// The filter that was set (if_filter).
    pub filter: Option<String>,
    /// Link type of its packets.
    pub link_type: LinkType,
    /// Snap length; 0: none.
    pub snap_len: u32,
    /// Ticks a second of its timestamps in the file.
    pub ticks_per_second: u64,
    /// Packets read from it.
    pub packets: u64,
    /// Packets that it received, as the capture says (isb_ifrecv).
    pub received: Option<u64>,
    /// Packets that the interface dropped, as the capture says (isb_ifdrop).
    pub dropped_interface: Option<u64>,
    /// Packets that the operating system dropped, as the capture says (isb_osdrop).
    pub dropped_kernel: Option<u64>,
}

/// An address and a name for it that came with the capture (pcapng NRB).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRecord {
    /// The address.
    pub address: IpAddr,
    /// The name: hostile text, escape it where it is shown.
    pub name: String,
}

/// Something wrong with a source that did not stop it from being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What kind.
    pub kind: WarningKind,
    /// Byte offset in the (decompressed) stream.
    pub offset: u64,
    /// In words.
    pub message: String,
}

/// The kinds of [`Warning`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WarningKind {
    /// The file ends inside a packet or block.
    Truncated,
    /// A length or type makes no sense; what follows was not read.
    Corrupt,
    /// Something was skipped that is not understood; the rest was read.
    Skipped,
    /// An interface went down or away while it was captured, or came back.
    Interrupted,
    /// Packets came without a time.
    Untimed,
}
