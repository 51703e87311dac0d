//! One capture: bytes of a stream to batches of packets.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use netloom_packet::{
    CaptureInfo, PacketBatch, PacketSource, Part, Progress, ReadPart, SourceError, WarningKind,
};

use super::compressed::{ByteStream, Compression, is_damage};
use super::part::{FilePart, Plain, ROOM, read_part};
use super::pcap::PcapScanner;
use super::pcapng::PcapngScanner;
use super::scan::{Found, Scan, Tally, warn};
use super::{compressed, sniff};

/// The smallest part that is asked for; a packet may be larger, then it is put together of several.
const MIN_BLOCK: usize = 64;
/// Packets in a block, about, where they are small: what is decoded of a packet takes more memory than
/// a small packet itself.
const PACKETS: usize = 1024;

/// What is known of a stream before it is opened.
pub(super) struct Stream {
    /// Path as given, `-` for standard input.
    pub(super) name: String,
    /// The bytes as they lie on disk.
    pub(super) bytes: ByteStream,
    /// The same, where several threads may read them at once.
    pub(super) plain: Option<Plain>,
    /// Bytes to read at a time.
    pub(super) block_size: usize,
    /// Whether packets are handed on as soon as they are there (a pipe), or once a block is
    /// full (a file).
    pub(super) eager: bool,
}

/// Finds packets in a format's bytes.
#[derive(Debug)]
enum Scanner {
    Pcap(PcapScanner),
    Pcapng(Box<PcapngScanner>),
    /// The stream ends before its header does.
    Nothing,
}

/// A capture that is being read.
pub(super) struct CaptureReader {
    stream: ByteStream,
    /// What is read in place of `stream`: a file that is not compressed.
    plain: Option<Plain>,
    scanner: Scanner,
    info: CaptureInfo,
    tally: Tally,
    /// The start of a packet whose end was not in the last part.
    carried: Vec<u8>,
    /// Bytes that are needed of it.
    needed: usize,
    /// Offset in the (decompressed) stream of the first byte that is carried, or else comes next.
    offset: u64,
    block_size: usize,
    /// Bytes that are asked for at a time by now, as packets are small or large.
    wanted: usize,
    eager: bool,
    compressed: bool,
    ended: bool,
    /// The compressed data ended too early or made no sense; the warning is given.
    damaged: bool,
    /// An error of the system that comes after the packets in front of it.
    failed: Option<io::Error>,
    next_number: u64,
}

impl CaptureReader {
    /// Recognises the format of a stream by its content.
    pub(super) fn open(stream: Stream) -> Result<Self, SourceError> {
        let Stream {
            name,
            bytes,
            plain,
            block_size,
            eager,
        } = stream;
        let cannot_read =
            |error: io::Error| SourceError::new(name.clone(), "cannot be read").caused_by(error);
        let opened = compressed::open(bytes, sniff::HEADER).map_err(cannot_read)?;
        let mut info = CaptureInfo::default();
        info.name.clone_from(&name);
        let (format, scanner) = match sniff::format(&opened.start) {
            Some(sniff::Format::Pcap) => (
                "pcap",
                PcapScanner::new(&opened.start, &mut info).map_or(Scanner::Nothing, Scanner::Pcap),
            ),
            Some(sniff::Format::Pcapng) => ("pcapng", Scanner::Pcapng(Box::default())),
            None if opened.start.is_empty() && opened.damaged => ("", Scanner::Nothing),
            None => return Err(sniff::no_capture(&name, opened)),
        };
        if !format.is_empty() {
            info.format = opened
                .layers
                .iter()
                .rev()
                .fold(format.to_owned(), |format, layer: &Compression| {
                    format + "+" + layer.name()
                });
        }
        let plain = plain.filter(|_| opened.layers.is_empty());
        if let Some(plain) = &plain {
            // What was looked at is read again.
            plain.count.store(0, Ordering::Relaxed);
        }
        Ok(Self {
            stream: opened.stream,
            plain,
            scanner,
            info,
            tally: Tally::default(),
            carried: Vec::new(),
            needed: 0,
            offset: 0,
            block_size: block_size.max(MIN_BLOCK),
            // As for small packets, until it is known how large they are.
            wanted: block_size.max(MIN_BLOCK) / 4,
            eager,
            compressed: !opened.layers.is_empty(),
            ended: false,
            damaged: false,
            failed: None,
            next_number: 1,
        })
    }

    /// What the capture has said about itself so far.
    pub(super) const fn capture_info(&self) -> &CaptureInfo {
        &self.info
    }

    /// Fills `batch` with the packets of the next block; `false` at the end.
    fn fill(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        loop {
            let part = match self.take() {
                Some(part) => part.read(&mut batch.block),
                None => self.read(&mut batch.block),
            };
            let more = self.find(part, batch)?;
            if !more || !batch.packets.is_empty() {
                return Ok(more);
            }
        }
    }

    /// The next part of a file that several threads may read.
    fn take(&mut self) -> Option<FilePart> {
        if self.ended || self.failed.is_some() {
            return None;
        }
        let plain = self.plain.as_mut()?;
        let part = FilePart {
            file: Arc::clone(&plain.file),
            offset: plain.taken,
            end: plain.end,
            size: self.wanted,
            largest: self.block_size,
        };
        plain.taken += self.wanted as u64;
        Some(part)
    }

    /// Reads a part of what is no such file: until it is full, or there is something, if eager.
    fn read(&mut self, block: &mut Vec<u8>) -> Part {
        if self.ended || self.failed.is_some() {
            return Part {
                bytes: ROOM..ROOM,
                is_last: true,
                error: None,
            };
        }
        let stream = &mut self.stream;
        let eager = self.eager;
        read_part(block, self.wanted, self.block_size, |_, rest| {
            let length = stream.read(rest)?;
            Ok((length, eager))
        })
    }

    /// Finds the packets in a part of the stream; `false` at the end.
    fn find(&mut self, part: Part, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        batch.packets.clear();
        batch.first_number = self.next_number;
        if self.ended || self.failed.is_some() {
            return self.over();
        }
        if let Some(plain) = &self.plain {
            plain
                .count
                .fetch_add(part.bytes.len() as u64, Ordering::Relaxed);
        }
        if let Some(error) = part.error {
            let read = self.carried.len() + part.bytes.len();
            self.note_error(error, self.offset + read as u64);
        }
        let block = &mut batch.block;
        if !part.is_last && self.carried.len() + part.bytes.len() < self.needed {
            self.carried
                .extend_from_slice(block.get(part.bytes).unwrap_or_default());
            return Ok(true);
        }
        let bytes = self.put_carried(block, part.bytes);
        let scan = self.scan(block, bytes.clone(), &mut batch.packets);
        let consumed = scan.consumed - bytes.start;
        if scan.stop {
            self.ended = true;
        } else if part.is_last {
            self.end(bytes.len() - consumed, consumed);
        } else {
            self.carried
                .extend_from_slice(block.get(scan.consumed..bytes.end).unwrap_or_default());
            self.needed = scan.needed;
        }
        self.offset += consumed as u64;
        self.wanted = match consumed.checked_div(batch.packets.len()) {
            Some(bytes) => bytes
                .saturating_mul(PACKETS)
                .clamp(self.block_size / 4, self.block_size),
            None => self.block_size,
        };
        self.tally.store(&mut self.info);
        self.next_number += batch.packets.len() as u64;
        if batch.packets.is_empty() && (self.ended || self.failed.is_some()) {
            return self.over();
        }
        Ok(true)
    }

    /// What there is after the last packet: nothing, or first the error that ended it.
    fn over(&mut self) -> Result<bool, SourceError> {
        self.ended = true;
        match self.failed.take() {
            Some(error) => Err(SourceError::new(self.info.name.clone(), "reading failed")
                .at(self.offset)
                .caused_by(error)),
            None => Ok(false),
        }
    }

    /// Puts the start of a packet in front of what was read after it; where both lie then.
    fn put_carried(&mut self, block: &mut Vec<u8>, bytes: Range<usize>) -> Range<usize> {
        let Some(start) = bytes.start.checked_sub(self.carried.len()) else {
            self.carried
                .extend_from_slice(block.get(bytes).unwrap_or_default());
            std::mem::swap(&mut self.carried, block);
            self.carried.clear();
            return 0..block.len();
        };
        if let Some(front) = block.get_mut(start..bytes.start) {
            front.copy_from_slice(&self.carried);
        }
        self.carried.clear();
        start..bytes.end
    }

    /// Takes note of what ended reading at `offset`: compressed data that are damaged, or a system that
    /// fails.
    fn note_error(&mut self, error: io::Error, offset: u64) {
        if !is_damage(&error, self.compressed) {
            self.failed = Some(error);
            return;
        }
        let (kind, what) = if error.kind() == io::ErrorKind::UnexpectedEof {
            (WarningKind::Truncated, "the compressed data end too early")
        } else {
            (WarningKind::Corrupt, "the compressed data are damaged")
        };
        warn(&mut self.info, kind, offset, format!("{what} ({error})"));
        self.damaged = true;
    }

    fn scan(
        &mut self,
        block: &[u8],
        bytes: Range<usize>,
        packets: &mut Vec<netloom_packet::PacketRef>,
    ) -> Scan {
        let block = block.get(..bytes.end).unwrap_or_default();
        let mut found = Found {
            packets,
            tally: &mut self.tally,
            info: &mut self.info,
            // Less than none at the start of a stream: blocks have room in front.
            block_offset: self.offset.wrapping_sub(bytes.start as u64),
        };
        match &mut self.scanner {
            Scanner::Pcap(scanner) => scanner.scan(block, bytes.start, &mut found),
            Scanner::Pcapng(scanner) => scanner.scan(block, bytes.start, &mut found),
            Scanner::Nothing => Scan {
                consumed: block.len(),
                needed: 1,
                stop: false,
            },
        }
    }

    /// Takes note of the end of the stream, with `left` bytes that are no whole packet.
    fn end(&mut self, left: usize, consumed: usize) {
        self.ended = self.failed.is_none();
        let (what, whole) = match &self.scanner {
            Scanner::Pcap(scanner) => (scanner.end_of(), true),
            Scanner::Pcapng(scanner) => ("a block", scanner.is_between_blocks()),
            Scanner::Nothing => ("the file header", false),
        };
        if (left > 0 || !whole) && !self.damaged {
            let offset = match self.scanner {
                Scanner::Nothing => 0,
                _ => self.offset + consumed as u64,
            };
            warn(
                &mut self.info,
                WarningKind::Truncated,
                offset,
                format!("the file ends inside {what}; it was read up to there"),
            );
        }
    }
}

impl PacketSource for CaptureReader {
    fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        self.fill(batch)
    }

    fn take_part(&mut self) -> Option<ReadPart> {
        let part = self.take()?;
        Some(Box::new(move |block| part.read(block)))
    }

    fn next_batch_of(&mut self, part: Part, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        self.find(part, batch)
    }

    fn info(&self) -> Vec<CaptureInfo> {
        vec![self.info.clone()]
    }

    fn progress(&self) -> Progress {
        Progress::default()
    }
}
