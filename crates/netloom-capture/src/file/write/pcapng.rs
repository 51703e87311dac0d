//! Packets into pcapng (draft-ietf-opsawg-pcapng).

use std::io::{self, Write};

use netloom_packet::{LinkType, MacAddr, Packet, PacketSink, SourceError, Timestamp};

/// `if_tsresol`: ten to the minus ninth.
const NANOSECONDS: u8 = 9;

/// `if_tsoffset` of the interfaces that hold packets from before 1970, in seconds: the
/// earliest a [`Timestamp`] can say.
const BEFORE_EPOCH: i64 = -9_223_372_036;

/// Nanoseconds in a second.
const NANOS: i64 = 1_000_000_000;

/// The longest text of an option: what a length of 16 bits can say, and the filter's type byte.
const OPTION_MAX: usize = 65_000;

/// What a section says about where it was written (the options of a section header block).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionDescription {
    /// `shb_hardware`: the machine.
    pub hardware: Option<String>,
    /// `shb_os`: its operating system.
    pub os: Option<String>,
    /// `shb_userappl`: the program.
    pub application: Option<String>,
    /// `opt_comment`, any number.
    pub comments: Vec<String>,
}

impl Default for SectionDescription {
    fn default() -> Self {
        Self {
            hardware: None,
            os: None,
            application: Some("netloom".to_owned()),
            comments: Vec::new(),
        }
    }
}

/// What is known of an interface (the options of an interface description block).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InterfaceDescription {
    /// `if_name`, `eth0`.
    pub name: Option<String>,
    /// `if_description`, for people.
    pub description: Option<String>,
    /// `if_filter`, the expression that packets had to meet.
    pub filter: Option<String>,
    /// `if_os`.
    pub os: Option<String>,
    /// `if_MACaddr`.
    pub mac: Option<MacAddr>,
    /// `if_speed`, in bits a second.
    pub speed: Option<u64>,
    /// Link type of its packets.
    pub link_type: LinkType,
    /// Snap length; 0: none.
    pub snap_len: u32,
}

/// What was counted on an interface (an interface statistics block).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InterfaceStatistics {
    /// `isb_starttime`: when capturing began.
    pub start: Option<Timestamp>,
    /// `isb_endtime`: when it ended.
    pub end: Option<Timestamp>,
    /// `isb_ifrecv`: packets received, those included that were dropped for lack of room.
    pub received: Option<u64>,
    /// `isb_ifdrop`: packets that the interface dropped.
    pub dropped_interface: Option<u64>,
    /// `isb_osdrop`: packets that the operating system dropped.
    pub dropped_kernel: Option<u64>,
    /// `isb_usrdeliv`: packets that were delivered.
    pub delivered: Option<u64>,
}

/// Which way a packet went, seen from the capturing machine (`epb_flags`, bits 0 and 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It was received.
    Inbound,
    /// It was sent.
    Outbound,
}

/// What is known of a packet beside its bytes (the options of an enhanced packet block).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PacketNotes<'a> {
    /// Which way it went; `None` where that is not known.
    pub direction: Option<Direction>,
    /// A comment (`opt_comment`).
    pub comment: Option<&'a str>,
}

/// Puts pcapng blocks together; where they go is for others.
///
/// Kept apart from [`PcapngWriter`] because a rotated capture begins a section in each file.
#[derive(Debug, Clone, Default)]
pub(super) struct Encoder {
    /// Interfaces by their [`Packet::interface`], where something is known of them.
    described: Vec<InterfaceDescription>,
    /// What interface descriptions of this section were written for.
    interfaces: Vec<Described>,
}

/// What an interface description was written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Described {
    interface: u32,
    link_type: LinkType,
    before_epoch: bool,
}

impl Encoder {
    /// Knows of one more interface; descriptions count as [`Packet::interface`] does.
    pub(super) fn describe(&mut self, interface: InterfaceDescription) -> u32 {
        self.described.push(interface);
        self.described.len() as u32 - 1
    }

    /// A section header, and the interfaces that are known.
    pub(super) fn section(&mut self, out: &mut Vec<u8>, section: &SectionDescription) {
        self.interfaces.clear();
        let start = begin(out, 0x0a0d_0d0a);
        put(out, 0x1a2b_3c4d);
        // Version 1.0, and a section of unknown length.
        put(out, 1);
        out.extend([0xff; 8]);
        for comment in &section.comments {
            text(out, 1, Some(comment));
        }
        text(out, 2, section.hardware.as_deref());
        text(out, 3, section.os.as_deref());
        text(out, 4, section.application.as_deref());
        option(out, 0, &[]);
        end(out, start);
        for interface in 0..self.described.len() {
            let link_type = self.described[interface].link_type;
            self.interface(
                out,
                Described {
                    interface: interface as u32,
                    link_type,
                    before_epoch: false,
                },
            );
        }
    }

    /// The index of the interface of a packet; describes it if it is new.
    fn interface(&mut self, out: &mut Vec<u8>, wanted: Described) -> u32 {
        // Most captures have one, and few have many.
        let known = self.interfaces.iter().position(|known| *known == wanted);
        if let Some(index) = known {
            return index as u32;
        }
        let about = self.described.get(wanted.interface as usize);
        let start = begin(out, 1);
        out.extend(wanted.link_type.0.to_le_bytes());
        out.extend([0; 2]);
        put(out, about.map_or(0, |about| about.snap_len));
        if let Some(about) = about {
            text(out, 2, about.name.as_deref());
            text(out, 3, about.description.as_deref());
            if let Some(mac) = about.mac {
                option(out, 6, &mac.0);
            }
            if let Some(speed) = about.speed {
                option(out, 8, &speed.to_le_bytes());
            }
        }
        option(out, 9, &[NANOSECONDS]);
        if let Some(about) = about {
            if let Some(filter) = &about.filter {
                // The first byte says what follows: 0 is an expression in words.
                let mut value = vec![0];
                value.extend(cut(filter).as_bytes());
                option(out, 11, &value);
            }
            text(out, 12, about.os.as_deref());
        }
        if wanted.before_epoch {
            option(out, 14, &BEFORE_EPOCH.to_le_bytes());
        }
        option(out, 0, &[]);
        end(out, start);
        self.interfaces.push(wanted);
        self.interfaces.len() as u32 - 1
    }

    /// A packet.
    #[inline]
    pub(super) fn packet(
        &mut self,
        out: &mut Vec<u8>,
        packet: &Packet<'_>,
        notes: PacketNotes<'_>,
    ) -> io::Result<()> {
        let nanos = packet.timestamp.as_nanos();
        let before_epoch = nanos < 0;
        let interface = self.interface(
            out,
            Described {
                interface: packet.interface,
                link_type: packet.link_type,
                before_epoch,
            },
        );
        let ticks = if before_epoch {
            nanos.saturating_sub(BEFORE_EPOCH * NANOS).max(0)
        } else {
            nanos
        };
        let caplen = packet.data.len();
        let comment = notes.comment.map(cut);
        let options = notes.direction.map_or(0, |_| 8)
            + comment.map_or(0, |comment| 4 + comment.len().next_multiple_of(4));
        let options = if options > 0 { options + 4 } else { 0 };
        let length = 32 + caplen.next_multiple_of(4) + options;
        let total = u32::try_from(length)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a packet over 4 GiB"))?;
        out.reserve(length);
        let mut header = [0_u8; 28];
        let fields = [
            6,
            total,
            interface,
            (ticks >> 32) as u32,
            ticks as u32,
            caplen as u32,
            packet.wire_len,
        ];
        for (place, field) in header.chunks_exact_mut(4).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&header);
        out.extend_from_slice(packet.data);
        out.extend_from_slice(&[0; 3][..caplen.next_multiple_of(4) - caplen]);
        if options > 0 {
            text(out, 1, comment);
            if let Some(direction) = notes.direction {
                let flags: u32 = match direction {
                    Direction::Inbound => 1,
                    Direction::Outbound => 2,
                };
                option(out, 2, &flags.to_le_bytes());
            }
            option(out, 0, &[]);
        }
        put(out, total);
        Ok(())
    }

    /// What was counted on an interface; nothing if no description of it stands in the section.
    pub(super) fn statistics(
        &self,
        out: &mut Vec<u8>,
        interface: u32,
        now: Timestamp,
        counted: &InterfaceStatistics,
    ) {
        let written = |known: &Described| known.interface == interface && !known.before_epoch;
        let Some(index) = self.interfaces.iter().position(written) else {
            return;
        };
        let start = begin(out, 5);
        put(out, index as u32);
        time(out, now);
        for (code, moment) in [(2, counted.start), (3, counted.end)] {
            if let Some(moment) = moment {
                let mut value = Vec::with_capacity(8);
                time(&mut value, moment);
                option(out, code, &value);
            }
        }
        for (code, count) in [
            (4, counted.received),
            (5, counted.dropped_interface),
            (7, counted.dropped_kernel),
            (8, counted.delivered),
        ] {
            if let Some(count) = count {
                option(out, code, &count.to_le_bytes());
            }
        }
        option(out, 0, &[]);
        end(out, start);
    }
}

/// A time as two halves, the upper one first, in the nanoseconds of every interface here.
fn time(out: &mut Vec<u8>, moment: Timestamp) {
    let ticks = moment.as_nanos().max(0);
    put(out, (ticks >> 32) as u32);
    put(out, ticks as u32);
}

fn begin(out: &mut Vec<u8>, block_type: u32) -> usize {
    let start = out.len();
    put(out, block_type);
    // The length, once it is known.
    put(out, 0);
    start
}

fn put(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn text(out: &mut Vec<u8>, code: u16, value: Option<&str>) {
    if let Some(value) = value {
        option(out, code, cut(value).as_bytes());
    }
}

/// A text that fits an option.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(OPTION_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&(value.len() as u16).to_le_bytes());
    out.extend_from_slice(value);
    out.extend_from_slice(&[0; 3][..value.len().next_multiple_of(4) - value.len()]);
}

/// Ends a block of few bytes: all but packets are.
fn end(out: &mut Vec<u8>, start: usize) {
    let length = (out.len() - start + 4) as u32;
    if let Some(field) = out.get_mut(start + 4..start + 8) {
        field.copy_from_slice(&length.to_le_bytes());
    }
    put(out, length);
}

/// Where the last whole block ends among the first `written` bytes of `chunk`, which begins
/// with a block.
pub(super) fn last_whole(chunk: &[u8], written: usize) -> usize {
    let mut end = 0;
    while let Some(&[a, b, c, d]) = chunk.get(end + 4..end + 8) {
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length < 12 || end + length > written {
            break;
        }
        end += length;
    }
    end
}

/// Writes pcapng: one section in little endian, times in nanoseconds.
///
/// An interface that nothing was said of ([`describe`](Self::describe)) is described when its
/// first packet comes: one for each pair of [`Packet::interface`] and link type (and once more
/// for packets from before 1970, as pcapng's times are unsigned).
///
/// ```
/// use netloom_capture::file::{OpenOptions, PcapngWriter, open_reader};
/// use netloom_packet::{LinkType, Packet, PacketBatch, PacketSink, Timestamp};
///
/// # fn main() -> Result<(), netloom_packet::SourceError> {
/// let mut writer = PcapngWriter::new("memory", Vec::new());
/// writer.write_packet(&Packet {
///     number: 1,
///     timestamp: Timestamp::from_nanos(1),
///     link_type: LinkType::RAW,
///     interface: 0,
///     wire_len: 100,
///     data: &[0x45; 20],
/// })?;
/// writer.finish()?;
/// let bytes = std::io::Cursor::new(writer.into_inner());
/// let mut source = open_reader("memory", bytes, &OpenOptions::default())?;
/// let mut batch = PacketBatch::default();
/// assert!(source.next_batch(&mut batch)?);
/// assert_eq!(batch.get(0).unwrap().wire_len, 100);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PcapngWriter<W> {
    name: String,
    writer: W,
    section: SectionDescription,
    encoder: Encoder,
    started: bool,
    /// The blocks that are being put together.
    block: Vec<u8>,
}

impl<W: Write> PcapngWriter<W> {
    /// Writes to `writer`, which should be buffered; `name` is what messages call it.
    pub fn new(name: impl Into<String>, writer: W) -> Self {
        Self {
            name: name.into(),
            writer,
            section: SectionDescription::default(),
            encoder: Encoder::default(),
            started: false,
            block: Vec::new(),
        }
    }

    /// Says where the capture was made; before the first packet.
    #[must_use]
    pub fn section(mut self, section: SectionDescription) -> Self {
        self.section = section;
        self
    }

    /// Describes the next interface, before the first packet; returns its index, from 0, which
    /// is [`Packet::interface`] of its packets.
    pub fn describe(&mut self, interface: InterfaceDescription) -> u32 {
        self.encoder.describe(interface)
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.writer
    }

    /// Writes a packet and what is known of it.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(
        &mut self,
        packet: &Packet<'_>,
        notes: PacketNotes<'_>,
    ) -> Result<(), SourceError> {
        self.start();
        let done = self.encoder.packet(&mut self.block, packet, notes);
        done.and_then(|()| self.hand_on())
            .map_err(|error| self.failed(error))
    }

    /// Writes what was counted on an interface, at the time `now`.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn statistics(
        &mut self,
        interface: u32,
        now: Timestamp,
        counted: &InterfaceStatistics,
    ) -> Result<(), SourceError> {
        self.start();
        self.encoder
            .statistics(&mut self.block, interface, now, counted);
        self.hand_on().map_err(|error| self.failed(error))
    }

    fn start(&mut self) {
        if !self.started {
            self.started = true;
            self.encoder.section(&mut self.block, &self.section);
        }
    }

    fn hand_on(&mut self) -> io::Result<()> {
        let done = self.writer.write_all(&self.block);
        self.block.clear();
        done
    }

    fn failed(&self, error: io::Error) -> SourceError {
        SourceError::new(self.name.clone(), "cannot be written").caused_by(error)
    }
}

impl<W: Write> PacketSink for PcapngWriter<W> {
    fn write_packet(&mut self, packet: &Packet<'_>) -> Result<(), SourceError> {
        self.write(packet, PacketNotes::default())
    }

    fn finish(&mut self) -> Result<(), SourceError> {
        // A capture without packets has a header too.
        self.start();
        self.hand_on()
            .and_then(|()| self.writer.flush())
            .map_err(|error| self.failed(error))
    }
}
