//! What a live capture writes through.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

use netloom_packet::{LinkType, Packet, SourceError, Timestamp};

use super::destination::{Destination, WriteCompression};
use super::names::FileNames;
use super::pcap::{self, PcapResolution};
use super::pcapng::{
    self, Encoder, InterfaceDescription, InterfaceStatistics, PacketNotes, SectionDescription,
};

/// Bytes put together before they are written: a system call for some dozen packets. With 256 KiB
/// the kernel's copy took more time than the calls cost: the bytes had left the core's cache.
const CHUNK: usize = 32 * 1024;

/// Bytes put together before they are compressed into a stream.
const STREAM_CHUNK: usize = 256 * 1024;

/// Bytes of a compressed frame at most: larger ones compress hardly better.
const FRAME: usize = 4 * 1024 * 1024;

/// Bytes of the smallest compressed frame that a small `--rotate` asks for.
const FRAME_MIN: usize = 64 * 1024;

/// How well packets compress, until it is known: they seldom do better.
const EXPECTED_RATIO: f64 = 0.25;

/// Bytes of a frame from which its ratio says something.
const RATIO_FROM: usize = 16 * 1024;

/// Packets are written at the latest after half a second, so that a process that is killed
/// loses less than one.
const FLUSH_NANOS: i64 = 500_000_000;

/// Room for an interface's statistics at the end of a file of limited size.
const STATISTICS_LEN: u64 = 128;

/// The format of a capture file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FileFormat {
    /// pcapng: several interfaces, what is known of them, statistics.
    #[default]
    Pcapng,
    /// pcap: one link type, packets and nothing else.
    Pcap(PcapResolution),
}

/// When a new file is begun. Both limits may be set; the first one reached counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rotation {
    /// At this size in bytes. No file grows beyond it, but one with a single larger packet;
    /// a compressed one may, by a frame.
    pub bytes: Option<u64>,
    /// When the file has been open for so many nanoseconds.
    pub nanos: Option<i64>,
}

impl Rotation {
    /// Whether a new file is ever begun.
    pub const fn is_any(self) -> bool {
        self.bytes.is_some() || self.nanos.is_some()
    }
}

/// How a capture is written.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// The format.
    pub format: FileFormat,
    /// The compression.
    pub compression: Option<WriteCompression>,
    /// When a new file is begun.
    pub rotation: Rotation,
    /// How many files are kept; the oldest goes before another one is begun. `None`: all.
    pub keep: Option<usize>,
    /// What is said of where the capture was made (pcapng).
    pub section: SectionDescription,
    /// Packets go out as they come, not when there are many ([`CaptureWriter::batch_end`]).
    pub packet_buffered: bool,
}

/// The files of a capture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WrittenFiles {
    /// Those that are there, oldest first; the one being written is the last.
    pub kept: VecDeque<PathBuf>,
    /// How many were removed because newer ones took their place.
    pub removed: u64,
    /// Packets written, to all files.
    pub packets: u64,
    /// Bytes written, to all files.
    pub bytes: u64,
}

/// A file that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedFile {
    /// Its name.
    pub path: PathBuf,
    /// Packets in it.
    pub packets: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Writes a capture into one file or many.
///
/// Files bear their final names from the start. What is in a file at any moment can be read:
/// whole packets, or whole compressed frames of them, are written with one system call, at the
/// latest half a second after they came ([`tick`](Self::tick)). When a file cannot take more
/// (the disk is full), it is cut back to whole packets, and the error is returned.
///
/// It reads no clock: whoever captures brings the time.
pub struct CaptureWriter {
    names: FileNames,
    options: WriteOptions,
    encoder: Encoder,
    interfaces: usize,
    /// Where all packets of a pcap file have to come from.
    link_type: Option<LinkType>,
    snap_len: u32,
    destination: Option<Destination>,
    /// Whole packets that are not written yet.
    chunk: Vec<u8>,
    /// Bytes of it from which it is written.
    chunk_limit: usize,
    /// The file's header is not written yet.
    at_start: bool,
    /// What a byte of the chunk will take in the file, going by what was written last.
    ratio: f64,
    packets: u64,
    opened: Timestamp,
    last_flush: Timestamp,
    statistics: Vec<Counted>,
    files: WrittenFiles,
    closed: Vec<ClosedFile>,
    failed: bool,
}

/// What was counted on an interface until now, and until the file began.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    now: Option<InterfaceStatistics>,
    before: InterfaceStatistics,
}

impl CaptureWriter {
    /// Opens the first file at the time `now`, and writes what is known before any packet.
    ///
    /// `interfaces` are described in the order of [`Packet::interface`].
    ///
    /// # Errors
    ///
    /// When the file cannot be written, or is to be pcap and the interfaces' link types differ.
    pub fn create(
        names: FileNames,
        options: WriteOptions,
        interfaces: Vec<InterfaceDescription>,
        now: Timestamp,
    ) -> Result<Self, SourceError> {
        let mut writer = Self {
            names,
            options,
            encoder: Encoder::default(),
            interfaces: interfaces.len(),
            link_type: None,
            snap_len: interfaces.first().map_or(0, |first| first.snap_len),
            destination: None,
            chunk: Vec::with_capacity(CHUNK + CHUNK / 4),
            chunk_limit: CHUNK,
            at_start: true,
            ratio: EXPECTED_RATIO,
            packets: 0,
            opened: now,
            last_flush: now,
            statistics: vec![Counted::default(); interfaces.len()],
            files: WrittenFiles::default(),
            closed: Vec::new(),
            failed: false,
        };
        if let FileFormat::Pcap(_) = writer.options.format {
            writer.link_type = interfaces.first().map(|first| first.link_type);
            let other = interfaces
                .iter()
                .map(|interface| interface.link_type)
                .find(|&link_type| Some(link_type) != writer.link_type);
            if let (Some(first), Some(other)) = (writer.link_type, other) {
                let name = writer.names.next(now).display().to_string();
                return Err(pcap::other_link_type(&name, first, other));
            }
        }
        for interface in interfaces {
            writer.encoder.describe(interface);
        }
        writer.open(now)?;
        Ok(writer)
    }

    /// The files so far.
    pub const fn files(&self) -> &WrittenFiles {
        &self.files
    }

    /// Takes the files that were completed since this was last asked.
    pub fn take_closed(&mut self) -> Vec<ClosedFile> {
        std::mem::take(&mut self.closed)
    }

    /// Bytes in all files; a few may still wait to be written.
    pub fn bytes(&self) -> u64 {
        let current = self.destination.as_ref().map_or(0, Destination::length);
        self.files.bytes + current
    }

    /// Whether what is written stays: a file, not a pipe or device.
    pub fn is_regular(&self) -> bool {
        self.destination
            .as_ref()
            .is_some_and(Destination::is_regular)
    }

    /// Says what was counted on an interface since capturing began; it stands at the file's
    /// end (of each file: what was counted while it was written).
    pub fn set_statistics(&mut self, interface: u32, counted: InterfaceStatistics) {
        if let Some(place) = self.statistics.get_mut(interface as usize) {
            place.now = Some(counted);
        }
    }

    /// Writes a packet, into a new file if the old one has reached its limit.
    ///
    /// # Errors
    ///
    /// When it cannot be written; nothing is written after that.
    #[inline]
    pub fn write(
        &mut self,
        packet: &Packet<'_>,
        notes: PacketNotes<'_>,
    ) -> Result<(), SourceError> {
        if self.options.rotation.is_any() && self.is_due(packet.data.len(), packet.timestamp) {
            self.rotate(packet.timestamp)?;
        }
        let done = match self.options.format {
            FileFormat::Pcapng => self.encoder.packet(&mut self.chunk, packet, notes),
            FileFormat::Pcap(resolution) => {
                if self.link_type != Some(packet.link_type) {
                    self.set_link_type(packet.link_type)?;
                }
                pcap::packet(&mut self.chunk, resolution, packet)
            }
        };
        if let Err(error) = done {
            return Err(self.failure(error));
        }
        self.packets += 1;
        self.files.packets += 1;
        if self.chunk.len() >= self.chunk_limit {
            self.flush()?;
        }
        Ok(())
    }

    /// The packets that were there have been written: those who wait for them get them, if that
    /// was asked for or the output is a pipe.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn batch_end(&mut self) -> Result<(), SourceError> {
        if self.options.packet_buffered || !self.is_regular() {
            self.flush()?;
        }
        Ok(())
    }

    /// The clock says `now`: writes what has waited long enough, and begins a new file when it
    /// is time, with or without packets. To be called several times a second.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn tick(&mut self, now: Timestamp) -> Result<(), SourceError> {
        if self.is_old(now) {
            self.rotate(now)?;
        }
        // A clock that was set back must not stop this.
        if now.nanos_since(self.last_flush).unsigned_abs() >= FLUSH_NANOS.unsigned_abs() {
            self.last_flush = now;
            self.flush()?;
        }
        Ok(())
    }

    /// Writes out all packets that wait.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn flush(&mut self) -> Result<(), SourceError> {
        let Some(destination) = &mut self.destination else {
            self.chunk.clear();
            return Ok(());
        };
        if self.failed || self.chunk.is_empty() {
            self.chunk.clear();
            return Ok(());
        }
        let (format, at_start) = (self.options.format, self.at_start);
        let before = destination.length();
        let done = destination.write(&self.chunk, |chunk, written| match format {
            FileFormat::Pcapng => pcapng::last_whole(chunk, written),
            FileFormat::Pcap(_) => pcap::last_whole(chunk, written, at_start),
        });
        if self.chunk.len() >= RATIO_FROM {
            let grown = destination.length().saturating_sub(before);
            self.ratio = grown as f64 / self.chunk.len() as f64;
        }
        self.chunk.clear();
        self.at_start = false;
        done.map_err(|error| self.failure(error))
    }

    /// Writes what was counted, and all that waits, at the time `now`.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write); the files are there nonetheless.
    pub fn finish(&mut self, now: Timestamp) -> Result<(), SourceError> {
        if self.link_type.is_none()
            && let FileFormat::Pcap(_) = self.options.format
            && !self.failed
        {
            // No packet and no interface: anybody's guess.
            self.set_link_type(LinkType::ETHERNET)?;
        }
        self.close(now)
    }

    fn limit_of_chunks(&self) -> usize {
        match &self.destination {
            Some(open) if open.likes_large_chunks() => {}
            Some(open) if open.is_compressed() => return STREAM_CHUNK,
            _ => return CHUNK,
        }
        let limit = self.options.rotation.bytes;
        limit.map_or(FRAME, |bytes| {
            usize::try_from(bytes / 4)
                .unwrap_or(FRAME)
                .clamp(FRAME_MIN, FRAME)
        })
    }

    fn is_old(&self, now: Timestamp) -> bool {
        let limit = self.options.rotation.nanos;
        limit.is_some_and(|limit| now.nanos_since(self.opened) >= limit)
    }

    /// Whether a packet goes to a new file.
    fn is_due(&self, caplen: usize, timestamp: Timestamp) -> bool {
        if self.is_old(timestamp) {
            return true;
        }
        let (Some(limit), Some(destination)) = (self.options.rotation.bytes, &self.destination)
        else {
            return false;
        };
        if self.packets == 0 {
            return false;
        }
        let waiting = (self.chunk.len() + caplen) as u64;
        let waiting = if destination.is_compressed() {
            (waiting as f64 * self.ratio) as u64
        } else {
            let end = match self.options.format {
                FileFormat::Pcapng => 64 + STATISTICS_LEN * self.interfaces as u64,
                FileFormat::Pcap(_) => pcap::PACKET_HEADER as u64,
            };
            waiting + end
        };
        destination.length() + waiting > limit
    }

    fn rotate(&mut self, now: Timestamp) -> Result<(), SourceError> {
        self.close(now)?;
        // By time, files begin a whole number of intervals after the first.
        let start = match self.options.rotation.nanos {
            Some(interval) if interval > 0 && self.is_old(now) => {
                let passed = now.nanos_since(self.opened) / interval;
                self.opened.plus_nanos(passed.saturating_mul(interval))
            }
            _ => now,
        };
        self.open(start)
    }

    fn open(&mut self, start: Timestamp) -> Result<(), SourceError> {
        if let Some(keep) = self.options.keep {
            while self.files.kept.len() >= keep.max(1) {
                if let Some(oldest) = self.files.kept.pop_front()
                    && std::fs::remove_file(&oldest).is_ok()
                {
                    self.files.removed += 1;
                }
            }
        }
        let path = self.names.next(start);
        let opened = Destination::create(&path, self.options.compression);
        self.destination = Some(opened.map_err(|error| {
            self.failed = true;
            let words = match error.kind() {
                io::ErrorKind::NotFound => "cannot be written: there is no such folder",
                io::ErrorKind::PermissionDenied => "cannot be written: this user may not",
                _ => "cannot be written",
            };
            SourceError::new(path.display().to_string(), words).caused_by(error)
        })?);
        self.files.kept.push_back(path);
        self.chunk_limit = self.limit_of_chunks();
        self.opened = start;
        self.packets = 0;
        self.at_start = true;
        match self.options.format {
            FileFormat::Pcapng => self.encoder.section(&mut self.chunk, &self.options.section),
            FileFormat::Pcap(resolution) => {
                if let Some(link_type) = self.link_type {
                    let header = pcap::file_header(resolution, link_type, self.snap_len);
                    self.chunk.extend(header);
                }
            }
        }
        // A disk that is full already is found out now.
        self.flush()
    }

    /// The first packet says what the file's link type is; another one is refused.
    fn set_link_type(&mut self, link_type: LinkType) -> Result<(), SourceError> {
        if let Some(first) = self.link_type {
            return Err(pcap::other_link_type(&self.name(), first, link_type));
        }
        self.link_type = Some(link_type);
        if let FileFormat::Pcap(resolution) = self.options.format {
            let header = pcap::file_header(resolution, link_type, self.snap_len);
            self.chunk.extend(header);
        }
        Ok(())
    }

    fn close(&mut self, now: Timestamp) -> Result<(), SourceError> {
        if self.options.format == FileFormat::Pcapng && !self.failed {
            for (interface, counted) in self.statistics.iter_mut().enumerate() {
                let Some(total) = counted.now else { continue };
                let here = since(&total, &counted.before);
                counted.before = total;
                counted.before.start = Some(now);
                self.encoder
                    .statistics(&mut self.chunk, interface as u32, now, &here);
            }
        }
        let mut done = self.flush();
        if let Some(mut destination) = self.destination.take() {
            if done.is_ok() && !self.failed {
                done = destination.finish().map_err(|error| {
                    let name = destination.path().display().to_string();
                    SourceError::new(name, "cannot be written").caused_by(error)
                });
            }
            self.files.bytes += destination.length();
            if destination.is_regular() {
                self.closed.push(ClosedFile {
                    path: destination.path().to_owned(),
                    packets: self.packets,
                    bytes: destination.length(),
                });
            }
        }
        done
    }

    fn name(&self) -> String {
        let destination = self.destination.as_ref();
        destination.map_or_else(String::new, |open| open.path().display().to_string())
    }

    fn failure(&mut self, error: io::Error) -> SourceError {
        self.failed = true;
        SourceError::new(self.name(), "cannot be written").caused_by(error)
    }
}

impl std::fmt::Debug for CaptureWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaptureWriter")
            .field("options", &self.options)
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// What was counted after `before`.
fn since(total: &InterfaceStatistics, before: &InterfaceStatistics) -> InterfaceStatistics {
    let minus = |now: Option<u64>, before: Option<u64>| {
        now.map(|now| now.saturating_sub(before.unwrap_or(0)))
    };
    InterfaceStatistics {
        start: before.start.or(total.start),
        end: total.end,
        received: minus(total.received, before.received),
        dropped_interface: minus(total.dropped_interface, before.dropped_interface),
        dropped_kernel: minus(total.dropped_kernel, before.dropped_kernel),
        delivered: minus(total.delivered, before.delivered),
    }
}
