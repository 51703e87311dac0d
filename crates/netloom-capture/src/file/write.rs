//! Packets into pcapng files.

use std::io::{self, Write};

use netloom_packet::{LinkType, Packet, PacketSink, SourceError};

/// `if_tsresol`: ten to the minus ninth.
const NANOSECONDS: u8 = 9;

/// `if_tsoffset` of the interfaces that hold packets from before 1970, in seconds: the
/// earliest a [`Timestamp`](netloom_packet::Timestamp) can say.
const BEFORE_EPOCH: i64 = -9_223_372_036;

/// Nanoseconds in a second.
const NANOS: i64 = 1_000_000_000;

/// Writes pcapng: one section in little endian, times in nanoseconds.
///
/// An interface is described when its first packet comes: one for each pair of
/// [`Packet::interface`] and link type (and once more for packets from before 1970, as
/// pcapng's times are unsigned).
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
    interfaces: Vec<Described>,
    started: bool,
    /// The block that is being put together.
    block: Vec<u8>,
}

/// What an interface description was written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Described {
    interface: u32,
    link_type: LinkType,
    before_epoch: bool,
}

impl<W: Write> PcapngWriter<W> {
    /// Writes to `writer`, which should be buffered; `name` is what messages call it.
    pub fn new(name: impl Into<String>, writer: W) -> Self {
        Self {
            name: name.into(),
            writer,
            interfaces: Vec::new(),
            started: false,
            block: Vec::new(),
        }
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.writer
    }

    fn start(&mut self) -> io::Result<()> {
        if self.started {
            return Ok(());
        }
        self.started = true;
        self.begin(0x0a0d_0d0a);
        self.u32(0x1a2b_3c4d);
        // Version 1.0, and a section of unknown length.
        self.u32(1);
        self.block.extend([0xff; 8]);
        // shb_userappl
        self.option(4, b"netloom");
        self.option(0, &[]);
        self.end()
    }

    /// The index of the interface of a packet; describes it if it is new.
    fn interface(&mut self, wanted: Described) -> io::Result<u32> {
        let known = self.interfaces.iter().position(|known| *known == wanted);
        if let Some(index) = known {
            return Ok(index as u32);
        }
        self.begin(1);
        self.block.extend(wanted.link_type.0.to_le_bytes());
        self.block.extend([0; 2]);
        // No snap length: packets come as long as they are.
        self.u32(0);
        self.option(9, &[NANOSECONDS]);
        if wanted.before_epoch {
            self.option(14, &BEFORE_EPOCH.to_le_bytes());
        }
        self.option(0, &[]);
        self.end()?;
        self.interfaces.push(wanted);
        Ok(self.interfaces.len() as u32 - 1)
    }

    fn packet(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        self.start()?;
        let nanos = packet.timestamp.as_nanos();
        let before_epoch = nanos < 0;
        let interface = self.interface(Described {
            interface: packet.interface,
            link_type: packet.link_type,
            before_epoch,
        })?;
        let ticks = if before_epoch {
            nanos.saturating_sub(BEFORE_EPOCH * NANOS).max(0)
        } else {
            nanos
        };
        let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "a packet over 4 GiB");
        let caplen = u32::try_from(packet.data.len()).map_err(too_long)?;
        self.begin(6);
        self.u32(interface);
        self.u32((ticks >> 32) as u32);
        self.u32(ticks as u32);
        self.u32(caplen);
        self.u32(packet.wire_len);
        self.block.extend(packet.data);
        self.end()
    }

    fn begin(&mut self, block_type: u32) {
        self.block.clear();
        self.u32(block_type);
        // The length, once it is known.
        self.u32(0);
    }

    fn u32(&mut self, value: u32) {
        self.block.extend(value.to_le_bytes());
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        self.block.extend(code.to_le_bytes());
        self.block.extend((value.len() as u16).to_le_bytes());
        self.block.extend(value);
        self.pad();
    }

    fn pad(&mut self) {
        let padded = self.block.len().next_multiple_of(4);
        self.block.resize(padded, 0);
    }

    fn end(&mut self) -> io::Result<()> {
        self.pad();
        let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "a block over 4 GiB");
        let length = u32::try_from(self.block.len() + 4).map_err(too_long)?;
        if let Some(field) = self.block.get_mut(4..8) {
            field.copy_from_slice(&length.to_le_bytes());
        }
        self.u32(length);
        self.writer.write_all(&self.block)
    }

    fn failed(&self, error: io::Error) -> SourceError {
        SourceError::new(self.name.clone(), "cannot be written").caused_by(error)
    }
}

impl<W: Write> PacketSink for PcapngWriter<W> {
    fn write_packet(&mut self, packet: &Packet<'_>) -> Result<(), SourceError> {
        self.packet(packet).map_err(|error| self.failed(error))
    }

    fn finish(&mut self) -> Result<(), SourceError> {
        // A capture without packets has a header too.
        self.start()
            .and_then(|()| self.writer.flush())
            .map_err(|error| self.failed(error))
    }
}
