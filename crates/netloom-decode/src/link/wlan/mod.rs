//! IEEE 802.11 frames: data down to LLC, the rest recognised.

pub(super) mod radio;

use netloom_packet::LinkType;

use crate::aggregate;
use crate::decoded::{Layer, Network, StopKind, Subframes};
use crate::link::{drop_trailer, llc, note_macs, recognised};
use crate::walk::{Next, Walk};

/// What a capture's own header says of the frame behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Hints {
    /// The frame check sequence is at the end.
    pub(super) check_sequence: bool,
    /// The header is padded to a multiple of 4 bytes.
    pub(super) padded_header: bool,
}

/// Frame control bits (802.11-2020 section 9.2.4.1), first byte high.
mod control {
    pub(super) const TO_DS: u8 = 0x01;
    pub(super) const FROM_DS: u8 = 0x02;
    pub(super) const PROTECTED: u8 = 0x40;
    pub(super) const ORDER: u8 = 0x80;
    /// Of a data frame's subtype: carries nothing; has a QoS field.
    pub(super) const NULL: u8 = 0x40;
    pub(super) const QOS: u8 = 0x80;
}

/// Decodes an 802.11 header.
pub(super) fn step(walk: &mut Walk<'_>, hints: Hints) -> Next {
    if hints.check_sequence {
        drop_trailer(walk, 4);
    }
    let Some(&[kind, flags]) = walk.peek::<2>() else {
        return walk.short(Layer::Link, 2);
    };
    if kind & 3 != 0 {
        return walk.stop(Layer::Link, StopKind::BadVersion, usize::from(kind & 3), 0);
    }
    match kind >> 2 & 3 {
        2 => data(walk, kind, flags, hints),
        0 => {
            if let Some((dst, src)) = address(walk, 4).zip(address(walk, 10)) {
                note_macs(walk, Some(dst), Some(src));
            }
            recognised(walk, Network::WlanControl)
        }
        1 => {
            // Acknowledgment and clear-to-send have only a receiver.
            let one_address = matches!(kind >> 4, 0b1100 | 0b1101);
            let src = if one_address { None } else { address(walk, 10) };
            note_macs(walk, address(walk, 4), src);
            recognised(walk, Network::WlanControl)
        }
        _ => recognised(walk, Network::Other),
    }
}

/// The hardware address at an offset into the frame.
fn address(walk: &Walk<'_>, offset: usize) -> Option<[u8; 6]> {
    walk.rest().get(offset..)?.first_chunk().copied()
}

fn data(walk: &mut Walk<'_>, kind: u8, flags: u8, hints: Hints) -> Next {
    const A_MSDU: u8 = 0x80;
    const MESH_CONTROL: u8 = 0x01;

    let (to_ds, from_ds) = (flags & control::TO_DS != 0, flags & control::FROM_DS != 0);
    let four_addresses = to_ds && from_ds;
    let qos_at: usize = if four_addresses { 30 } else { 24 };
    let qos = kind & control::QOS != 0;
    let mut length = qos_at;
    if qos {
        length += 2;
        if flags & control::ORDER != 0 {
            length += 4;
        }
    }
    if hints.padded_header {
        length = length.next_multiple_of(4);
    }
    let bytes = walk.rest();
    if bytes.len() < length {
        return walk.short(Layer::Link, length);
    }
    let (first, second, third) = (address(walk, 4), address(walk, 10), address(walk, 16));
    let (dst, src) = match (to_ds, from_ds) {
        (false, false) => (first, second),
        (false, true) => (first, third),
        (true, false) => (third, second),
        (true, true) => (third, address(walk, 24)),
    };
    note_macs(walk, dst, src);
    let qos_control: [u8; 2] = match bytes.get(qos_at..qos_at + 2) {
        Some(&[low, high]) if qos => [low, high],
        _ => [0, 0],
    };
    let fragment = bytes.get(22).map_or(0, |byte| byte & 0x0f);
    walk.skip(length);
    if kind & control::NULL != 0 {
        return recognised(walk, Network::WlanControl);
    }
    if flags & control::PROTECTED != 0 {
        return recognised(walk, Network::WlanEncrypted);
    }
    if fragment != 0 {
        // The LLC header was in the first fragment.
        return recognised(walk, Network::Other);
    }
    if four_addresses && qos_control[1] & MESH_CONTROL != 0 {
        // Flags (low bits: how many more addresses), TTL, sequence number.
        let more = walk.peek::<1>().map_or(0, |byte| usize::from(byte[0] & 3));
        let mesh = 6 + 6 * more;
        if walk.rest().len() < mesh {
            return walk.short(Layer::Link, mesh);
        }
        walk.skip(mesh);
    }
    if qos_control[0] & A_MSDU != 0 {
        return first_subframe(walk);
    }
    body(walk, dst, src)
}

/// An aggregate of frames: the first one counts, as one packet has one place in the tables;
/// where the others are is noted.
fn first_subframe(walk: &mut Walk<'_>) -> Next {
    let Some(&[d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, l0, l1]) = walk.peek::<14>() else {
        return walk.short(Layer::Link, 14);
    };
    let length = u16::from_be_bytes([l0, l1]);
    note_subframes(walk, 14 + usize::from(length));
    walk.skip(14);
    walk.limit(length.into());
    body(
        walk,
        Some([d0, d1, d2, d3, d4, d5]),
        Some([s0, s1, s2, s3, s4, s5]),
    )
}

/// Notes where the second frame of an aggregate begins, behind the first of `len` bytes. Of
/// aggregates in each other the outermost is noted.
fn note_subframes(walk: &mut Walk<'_>, len: usize) {
    if !walk.out.subframes.is_empty() {
        return;
    }
    let offset = walk.at.saturating_add(aggregate::padded(len));
    let left = walk.wire_end.saturating_sub(offset);
    // An aggregate has at most 11454 bytes (802.11-2020 table 9-25).
    if let (Ok(offset), Ok(wire_len)) = (u16::try_from(offset), u16::try_from(left)) {
        walk.out.subframes = Subframes {
            offset,
            wire_len,
            depth: walk.out.tunnels.len() as u8,
        };
    }
}

/// The frame body: LLC, but for old drivers that sent Ethernet frames or Novell's raw 802.3.
fn body(walk: &mut Walk<'_>, dst: Option<[u8; 6]>, src: Option<[u8; 6]>) -> Next {
    let bytes = walk.rest();
    if bytes.starts_with(&[0xff, 0xff]) && !bytes.starts_with(&[0xff; 6]) {
        return recognised(walk, Network::Ipx);
    }
    if bytes.len() >= 14
        && dst.is_some_and(|address| bytes.starts_with(&address))
        && src.is_some_and(|address| bytes.get(6..12) == Some(address.as_slice()))
    {
        return Next::Link(LinkType::ETHERNET);
    }
    if bytes.is_empty() {
        return recognised(walk, Network::WlanControl);
    }
    llc::step(walk, llc::BridgePad::None)
}
