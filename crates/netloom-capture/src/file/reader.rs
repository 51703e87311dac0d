//! One capture: bytes of a stream to batches of packets.

use std::io;

use netloom_packet::{CaptureInfo, PacketBatch, PacketSource, Progress, SourceError, WarningKind};

use super::compressed::{ByteStream, Compression, is_damage};
use super::pcap::PcapScanner;
use super::pcapng::PcapngScanner;
use super::scan::{Found, Scan, Tally, warn};
use super::{compressed, sniff};

/// The smallest block that is asked for; a packet may be larger, then the block grows.
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
    scanner: Scanner,
    info: CaptureInfo,
    tally: Tally,
    /// The start of a packet whose end was not in the last block.
    carried: Vec<u8>,
    /// Offset in the (decompressed) stream of the first byte that is carried, or else to be
    /// read next.
    offset: u64,
    block_size: usize,
    /// Bytes that are read at a time by now, as packets are small or large.
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
        Ok(Self {
            stream: opened.stream,
            scanner,
            info,
            tally: Tally::default(),
            carried: Vec::new(),
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
        batch.packets.clear();
        batch.first_number = self.next_number;
        if let Some(error) = self.failed.take() {
            self.ended = true;
            return Err(SourceError::new(self.info.name.clone(), "reading failed")
                .at(self.offset)
                .caused_by(error));
        }
        if self.ended {
            return Ok(false);
        }
        let block = &mut batch.block;
        self.size(block);
        let mut filled = self.carried.len();
        if let Some(front) = block.get_mut(..filled) {
            front.copy_from_slice(&self.carried);
        }
        self.carried.clear();
        let mut consumed = 0;
        loop {
            let end = self.read(block, &mut filled);
            let scan = self.scan(block, filled, consumed, &mut batch.packets);
            consumed = scan.consumed;
            if scan.stop {
                self.ended = true;
                break;
            }
            if end {
                self.end(filled - consumed, consumed);
                break;
            }
            if !batch.packets.is_empty() {
                self.carried
                    .extend_from_slice(block.get(consumed..filled).unwrap_or_default());
                break;
            }
            // No whole packet yet: make room for one.
            if consumed > 0 {
                block.copy_within(consumed..filled, 0);
                filled -= consumed;
                self.offset += consumed as u64;
                consumed = 0;
            }
            if scan.needed > block.len() {
                // No more than doubled, so that a length without bytes behind it costs nothing.
                let size = scan.needed.min(block.len().saturating_mul(2));
                block.resize(size, 0);
            }
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
        if !batch.packets.is_empty() {
            return Ok(true);
        }
        if self.failed.is_some() {
            return self.fill(batch);
        }
        Ok(false)
    }

    /// Gives the block its size. It keeps its old content: clearing 1 MiB takes longer than
    /// finding the packets in it.
    fn size(&self, block: &mut Vec<u8>) {
        let size = self.wanted.max(self.carried.len() + MIN_BLOCK);
        if block.len() > size {
            block.truncate(size);
            // A block that grew for one packet does not stay so.
            block.shrink_to(size.max(self.block_size) * 2);
        } else if block.len() < size {
            block.resize(size, 0);
        }
    }

    /// Reads until the block is full (or there is something, if eager); whether the end of the
    /// stream was reached.
    fn read(&mut self, block: &mut [u8], filled: &mut usize) -> bool {
        while let Some(rest) = block.get_mut(*filled..).filter(|rest| !rest.is_empty()) {
            match self.stream.read(rest) {
                Ok(0) => return true,
                Ok(length) => {
                    *filled += length;
                    if self.eager {
                        return false;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if is_damage(&error, self.compressed) {
                        let (kind, what) = if error.kind() == io::ErrorKind::UnexpectedEof {
                            (WarningKind::Truncated, "the compressed data end too early")
                        } else {
                            (WarningKind::Corrupt, "the compressed data are damaged")
                        };
                        let offset = self.offset + *filled as u64;
                        warn(&mut self.info, kind, offset, format!("{what} ({error})"));
                        self.damaged = true;
                    } else {
                        self.failed = Some(error);
                    }
                    return true;
                }
            }
        }
        false
    }

    fn scan(
        &mut self,
        block: &[u8],
        filled: usize,
        from: usize,
        packets: &mut Vec<netloom_packet::PacketRef>,
    ) -> Scan {
        let block = block.get(..filled).unwrap_or_default();
        let mut found = Found {
            packets,
            tally: &mut self.tally,
            info: &mut self.info,
            block_offset: self.offset,
        };
        match &mut self.scanner {
            Scanner::Pcap(scanner) => scanner.scan(block, from, &mut found),
            Scanner::Pcapng(scanner) => scanner.scan(block, from, &mut found),
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

    fn info(&self) -> Vec<CaptureInfo> {
        vec![self.info.clone()]
    }

    fn progress(&self) -> Progress {
        Progress::default()
    }
}
