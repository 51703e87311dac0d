//! Classic pcap: <https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/>, and the variants
//! that were written before and beside it.

use netloom_packet::{CaptureInfo, Interface, LinkType, PacketRef, Timestamp, WarningKind};

use super::link_types;
use super::scan::{Found, Scan, max_packet, u16_at, u32_at, warn};

/// Bytes of the file header.
pub(super) const FILE_HEADER: usize = 24;

/// The two lengths of a record header: which one comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lengths {
    /// Captured, then on the wire (version 2.4).
    Captured,
    /// On the wire, then captured (before 2.3, and DG/UX's 543.0).
    Wire,
    /// Version 2.3 was written both ways: the larger one is that on the wire.
    Either,
}

/// A magic number and what it says: <https://wiki.wireshark.org/Development/LibpcapFileFormat>.
struct Magic {
    value: u32,
    nanos_per_tick: i64,
    /// Bytes between the file header and the first record.
    after_header: usize,
    record_header: usize,
}

const fn magic(value: u32, nanos_per_tick: i64) -> Magic {
    Magic {
        value,
        nanos_per_tick,
        after_header: 0,
        record_header: 16,
    }
}

const MAGICS: [Magic; 6] = [
    magic(0xa1b2_c3d4, 1_000),
    magic(0xa1b2_3c4d, 1),
    // Navtel's, with nanoseconds; named in libpcap's sources.
    magic(0xa12b_3c4d, 1),
    // Alexey Kuznetzov's patches of 1999: interface index, protocol and packet type follow the
    // usual record header.
    Magic {
        record_header: 24,
        ..magic(0xa1b2_cd34, 1_000)
    },
    // Ixia's hardware and software captures: the length of all records follows the header.
    Magic {
        after_header: 4,
        ..magic(0x1c00_01ac, 1)
    },
    Magic {
        after_header: 4,
        ..magic(0x1c00_01ab, 1_000)
    },
];

/// Whether these bytes begin a pcap file.
pub(super) fn is_pcap(start: &[u8]) -> bool {
    find_magic(start).is_some()
}

/// Whether these bytes, fewer than four, can be the first ones of a pcap file.
pub(super) fn may_be_pcap(start: &[u8]) -> bool {
    MAGICS.iter().any(|magic| {
        magic.value.to_le_bytes().starts_with(start) || magic.value.to_be_bytes().starts_with(start)
    })
}

fn find_magic(start: &[u8]) -> Option<(&'static Magic, bool)> {
    let little = u32_at(start, 0, false)?;
    MAGICS.iter().find_map(|magic| {
        if magic.value == little {
            Some((magic, false))
        } else if magic.value == little.swap_bytes() {
            Some((magic, true))
        } else {
            None
        }
    })
}

/// Finds the packets of a pcap file.
#[derive(Debug)]
pub(super) struct PcapScanner {
    big_endian: bool,
    nanos_per_tick: i64,
    record_header: usize,
    lengths: Lengths,
    link_type: LinkType,
    max_packet: u32,
    /// Bytes of file header that are not skipped yet.
    header_left: usize,
}

impl PcapScanner {
    /// Reads the file header; `None` when it is not whole (or is none).
    pub(super) fn new(start: &[u8], info: &mut CaptureInfo) -> Option<Self> {
        let (magic, big_endian) = find_magic(start)?;
        let major = u16_at(start, 4, big_endian)?;
        let minor = u16_at(start, 6, big_endian)?;
        // Then the time zone and the accuracy of the stamps, which nobody has ever set.
        let snap_len = u32_at(start, 16, big_endian)?;
        let network = u32_at(start, 20, big_endian)?;
        let lengths = match (major, minor) {
            (2, 0..=2) | (543, _) => Lengths::Wire,
            (2, 3) => Lengths::Either,
            (2, 4) => Lengths::Captured,
            _ => {
                warn(
                    info,
                    WarningKind::Skipped,
                    4,
                    format!("pcap version {major}.{minor} is not known; read as version 2.4"),
                );
                Lengths::Captured
            }
        };
        let (mut link_type, fcs) = link_types::from_pcap_header(network);
        let mut nanos_per_tick = magic.nanos_per_tick;
        // AIX writes version 2.2 with nanoseconds and the interface's ifType (RFC 1573) in
        // place of a link type. Only these four say that it was AIX.
        if magic.value == 0xa1b2_c3d4 && (major, minor) == (2, 2) {
            let aix = match network {
                6 => Some(LinkType::ETHERNET),
                9 => Some(LinkType::TOKEN_RING),
                15 => Some(LinkType::FDDI),
                24 => Some(LinkType::NULL),
                _ => None,
            };
            if let Some(aix) = aix {
                link_type = aix;
                nanos_per_tick = 1;
            }
        }
        let mut interface = Interface::default();
        interface.link_type = link_type;
        interface.snap_len = snap_len;
        interface.ticks_per_second = 1_000_000_000 / nanos_per_tick as u64;
        info.interfaces.push(interface);
        if let Some(fcs) = fcs.filter(|fcs| *fcs > 0) {
            info.comments.push(format!(
                "each packet ends with {fcs} bytes of frame check sequence"
            ));
        }
        Some(Self {
            big_endian,
            nanos_per_tick,
            record_header: magic.record_header,
            lengths,
            link_type,
            max_packet: max_packet(link_type.0),
            header_left: FILE_HEADER + magic.after_header,
        })
    }

    /// Finds the packets from `position` on.
    pub(super) fn scan(&mut self, block: &[u8], position: usize, found: &mut Found<'_>) -> Scan {
        let mut position = position;
        if self.header_left > 0 {
            let skipped = self
                .header_left
                .min(block.len() - position.min(block.len()));
            self.header_left -= skipped;
            position += skipped;
            if self.header_left > 0 {
                return Scan {
                    consumed: position,
                    needed: self.header_left,
                    stop: false,
                };
            }
        }
        let scan = if self.big_endian {
            self.records::<true>(block, position, found)
        } else {
            self.records::<false>(block, position, found)
        };
        if let Some(interface) = found.info.interfaces.first_mut() {
            interface.packets = found.tally.packets();
        }
        scan
    }

    fn records<const BIG_ENDIAN: bool>(
        &self,
        block: &[u8],
        mut position: usize,
        found: &mut Found<'_>,
    ) -> Scan {
        let mut tally = *found.tally;
        let mut needed = self.record_header;
        let mut too_long = None;
        // One slice a record, so that its bounds are checked once.
        while let Some(header) = block
            .get(position..)
            .and_then(|rest| rest.first_chunk::<16>())
        {
            let field = |index: usize| {
                let bytes = [
                    header[index],
                    header[index + 1],
                    header[index + 2],
                    header[index + 3],
                ];
                if BIG_ENDIAN {
                    u32::from_be_bytes(bytes)
                } else {
                    u32::from_le_bytes(bytes)
                }
            };
            let (caplen, wire_len) = self.in_order(field(8), field(12));
            if caplen > self.max_packet {
                too_long = Some(caplen);
                break;
            }
            let data = position + self.record_header;
            let end = data + caplen as usize;
            if end > block.len() {
                needed = end - position;
                break;
            }
            let timestamp = Timestamp::from_secs_nanos(
                i64::from(field(0)),
                i64::from(field(4)) * self.nanos_per_tick,
            );
            tally.add(timestamp, caplen, wire_len);
            found.packets.push(PacketRef {
                timestamp,
                offset: data as u32,
                caplen,
                wire_len,
                interface: 0,
                link_type: self.link_type,
            });
            position = end;
        }
        *found.tally = tally;
        if let Some(caplen) = too_long {
            found.warn(
                WarningKind::Corrupt,
                position,
                format!(
                    "a packet of {caplen} bytes (at most {} are possible); what follows was not read",
                    self.max_packet
                ),
            );
        }
        Scan {
            consumed: position,
            needed,
            stop: too_long.is_some(),
        }
    }

    /// Captured length and length on the wire from the two fields of a record header.
    #[inline]
    fn in_order(&self, first: u32, second: u32) -> (u32, u32) {
        let swap = match self.lengths {
            Lengths::Captured => false,
            Lengths::Wire => true,
            Lengths::Either => first > second,
        };
        if swap {
            (second, first)
        } else {
            (first, second)
        }
    }

    /// What a file that ends here ends in.
    pub(super) const fn end_of(&self) -> &'static str {
        if self.header_left > 0 {
            "the file header"
        } else {
            "a packet"
        }
    }
}
