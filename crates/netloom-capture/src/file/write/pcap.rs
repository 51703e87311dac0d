//! Packets into pcap, as every tool since 1994 reads it (draft-ietf-opsawg-pcap).

use std::io::{self, Write};

use netloom_packet::{LinkType, Packet, PacketSink, SourceError};

/// The snap length that is said where there is none: what tcpdump says, and the largest that
/// libpcap reads without a complaint.
const SNAP_LEN_MAX: u32 = 262_144;

/// Length of a file header.
const FILE_HEADER: usize = 24;

/// Length of a packet's header.
pub(super) const PACKET_HEADER: usize = 16;

/// How exact a pcap file's times are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PcapResolution {
    /// Nanoseconds: magic number `0xa1b23c4d`, read by tcpdump since 4.6 (2014).
    #[default]
    Nanoseconds,
    /// Microseconds: magic number `0xa1b2c3d4`, read by everything.
    Microseconds,
}

impl PcapResolution {
    const fn magic(self) -> u32 {
        match self {
            Self::Nanoseconds => 0xa1b2_3c4d,
            Self::Microseconds => 0xa1b2_c3d4,
        }
    }

    const fn nanos(self) -> u32 {
        match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1000,
        }
    }
}

/// The file header.
pub(super) fn file_header(
    resolution: PcapResolution,
    link_type: LinkType,
    snap_len: u32,
) -> [u8; FILE_HEADER] {
    let mut header = [0; FILE_HEADER];
    let snap_len = match snap_len {
        0 => SNAP_LEN_MAX,
        snap_len => snap_len,
    };
    // Version 2.4; the correction of the time zone and its accuracy are always 0.
    let version = 2 | 4 << 16;
    let link_type = u32::from(link_type.0);
    let fields = [resolution.magic(), version, 0, 0, snap_len, link_type];
    for (place, field) in header.chunks_exact_mut(4).zip(fields) {
        place.copy_from_slice(&field.to_le_bytes());
    }
    header
}

/// A packet with its header. Times before 1970 and after 2106 wrap, as pcap's 32 bits do.
#[inline]
pub(super) fn packet(
    out: &mut Vec<u8>,
    resolution: PcapResolution,
    packet: &Packet<'_>,
) -> io::Result<()> {
    let caplen = u32::try_from(packet.data.len())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a packet over 4 GiB"))?;
    let nanos = packet.timestamp.as_nanos().rem_euclid(1_000_000_000) as u32;
    let mut header = [0; PACKET_HEADER];
    let fields = [
        packet.timestamp.as_secs() as u32,
        nanos / resolution.nanos(),
        caplen,
        packet.wire_len,
    ];
    for (place, field) in header.chunks_exact_mut(4).zip(fields) {
        place.copy_from_slice(&field.to_le_bytes());
    }
    out.reserve(PACKET_HEADER + packet.data.len());
    out.extend_from_slice(&header);
    out.extend_from_slice(packet.data);
    Ok(())
}

/// Where the last whole packet ends among the first `written` bytes of `chunk`, which begins
/// with a packet, or with a file header where `at_start`.
pub(super) fn last_whole(chunk: &[u8], written: usize, at_start: bool) -> usize {
    let mut end = if at_start { FILE_HEADER } else { 0 };
    if end > written {
        return 0;
    }
    while let Some(&[a, b, c, d]) = chunk.get(end + 8..end + 12) {
        let caplen = u32::from_le_bytes([a, b, c, d]) as usize;
        let next = end + PACKET_HEADER + caplen;
        if next > written {
            break;
        }
        end = next;
    }
    end
}

/// Writes pcap: little endian, one link type a file.
///
/// ```
/// use netloom_capture::file::{PcapResolution, PcapWriter};
/// use netloom_packet::{LinkType, Packet, PacketSink, Timestamp};
///
/// # fn main() -> Result<(), netloom_packet::SourceError> {
/// let mut writer = PcapWriter::new("memory", Vec::new(), PcapResolution::Nanoseconds);
/// writer.write_packet(&Packet {
///     number: 1,
///     timestamp: Timestamp::from_nanos(1),
///     link_type: LinkType::ETHERNET,
///     interface: 0,
///     wire_len: 60,
///     data: &[0; 60],
/// })?;
/// writer.finish()?;
/// assert_eq!(writer.into_inner().len(), 24 + 16 + 60);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PcapWriter<W> {
    name: String,
    writer: W,
    resolution: PcapResolution,
    link_type: Option<LinkType>,
    snap_len: u32,
    bytes: Vec<u8>,
}

impl<W: Write> PcapWriter<W> {
    /// Writes to `writer`, which should be buffered; `name` is what messages call it. The link
    /// type is that of the first packet.
    pub fn new(name: impl Into<String>, writer: W, resolution: PcapResolution) -> Self {
        Self {
            name: name.into(),
            writer,
            resolution,
            link_type: None,
            snap_len: 0,
            bytes: Vec::new(),
        }
    }

    /// Sets the snap length that the file's header says; 0: none.
    #[must_use]
    pub fn snap_len(mut self, snap_len: u32) -> Self {
        self.snap_len = snap_len;
        self
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.writer
    }

    fn start(&mut self, link_type: LinkType) -> LinkType {
        *self.link_type.get_or_insert_with(|| {
            let header = file_header(self.resolution, link_type, self.snap_len);
            self.bytes.extend(header);
            link_type
        })
    }

    fn hand_on(&mut self) -> io::Result<()> {
        let done = self.writer.write_all(&self.bytes);
        self.bytes.clear();
        done
    }

    fn failed(&self, error: io::Error) -> SourceError {
        SourceError::new(self.name.clone(), "cannot be written").caused_by(error)
    }
}

/// The error of a packet whose link type is not that of its file.
pub(super) fn other_link_type(name: &str, of_file: LinkType, of_packet: LinkType) -> SourceError {
    SourceError::new(
        name,
        format!("a pcap file holds packets of one link type: this one {of_file}, not {of_packet}"),
    )
    .hint("write pcapng, which holds any")
}

impl<W: Write> PacketSink for PcapWriter<W> {
    fn write_packet(&mut self, packet: &Packet<'_>) -> Result<(), SourceError> {
        let link_type = self.start(packet.link_type);
        if link_type != packet.link_type {
            return Err(other_link_type(&self.name, link_type, packet.link_type));
        }
        self::packet(&mut self.bytes, self.resolution, packet)
            .and_then(|()| self.hand_on())
            .map_err(|error| self.failed(error))
    }

    fn finish(&mut self) -> Result<(), SourceError> {
        // A capture without packets has a header too; its link type is anybody's guess.
        self.start(LinkType::ETHERNET);
        self.hand_on()
            .and_then(|()| self.writer.flush())
            .map_err(|error| self.failed(error))
    }
}
