//! Long headers (RFC 9000, section 17.2), coalesced packets included.

use crate::app::wire::Reader;

use super::version::Version;

/// Longest connection ID (RFC 9000, section 17.2).
pub(super) const CID_MAX: usize = 20;

/// What a packet with a long header is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
    /// Version Negotiation.
    Negotiation,
    /// Of a version whose packets are not known.
    Unknown,
}

/// A packet with a long header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Long<'a> {
    pub(super) kind: Kind,
    pub(super) version: Version,
    pub(super) dcid: &'a [u8],
    pub(super) scid: &'a [u8],
    /// The packet from its first byte to what its length says, as far as it was captured; for
    /// kinds without a length to the end of the datagram.
    pub(super) whole: &'a [u8],
    /// Where the (protected) packet number begins.
    pub(super) number_at: usize,
    /// Bytes of the packet on the wire.
    pub(super) wire_len: usize,
}

impl<'a> Long<'a> {
    /// Reads the packet at the start of `data`, of which `wire_len` bytes were on the wire; `None`
    /// where it has no long header, or its lengths do not fit.
    pub(super) fn read(data: &'a [u8], wire_len: usize) -> Option<Self> {
        let mut reader = Reader::new(data);
        let first = reader.u8()?;
        if first & 0x80 == 0 {
            return None;
        }
        let version = Version(reader.u32()?);
        let dcid = reader.bytes8()?;
        let scid = reader.bytes8()?;
        let mut packet = Self {
            kind: Kind::Unknown,
            version,
            dcid,
            scid,
            whole: data,
            number_at: data.len(),
            wire_len,
        };
        if version == Version::NEGOTIATION {
            packet.kind = Kind::Negotiation;
            return Some(packet);
        }
        if !version.is_known() {
            return Some(packet);
        }
        if dcid.len() > CID_MAX || scid.len() > CID_MAX {
            return None;
        }
        let bits = first >> 4 & 3;
        // Version 2 has the same in another order.
        let bits = if version.is_v2() {
            bits.wrapping_sub(1) & 3
        } else {
            bits
        };
        packet.kind = match bits {
            0 => Kind::Initial,
            1 => Kind::ZeroRtt,
            2 => Kind::Handshake,
            _ => Kind::Retry,
        };
        if packet.kind == Kind::Retry {
            return Some(packet);
        }
        if packet.kind == Kind::Initial {
            let token = usize::try_from(varint(&mut reader)?).ok()?;
            reader.skip(token)?;
        }
        let len = usize::try_from(varint(&mut reader)?).ok()?;
        packet.number_at = data.len() - reader.len();
        packet.wire_len = packet.number_at.checked_add(len)?;
        if packet.wire_len > wire_len || len < 4 {
            return None;
        }
        packet.whole = data.get(..packet.wire_len).unwrap_or(data);
        Some(packet)
    }

    /// The versions that Version Negotiation lists.
    pub(super) fn versions(&self) -> impl Iterator<Item = Version> + use<'a> {
        let head = 7 + self.dcid.len() + self.scid.len();
        let list = self.whole.get(head..).unwrap_or_default();
        list.chunks_exact(4)
            .filter_map(|four| four.try_into().ok())
            .map(|four| Version(u32::from_be_bytes(four)))
    }
}

/// A number of variable length (RFC 9000, section 16).
pub(super) fn varint(reader: &mut Reader<'_>) -> Option<u64> {
    let first = reader.u8()?;
    let more = (1_usize << (first >> 6)) - 1;
    let start = u64::from(first & 0x3f);
    let bytes = reader.take(more)?;
    Some(
        bytes
            .iter()
            .fold(start, |sum, &byte| sum << 8 | u64::from(byte)),
    )
}
