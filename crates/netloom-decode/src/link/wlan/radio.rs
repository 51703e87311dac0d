//! What capture tools put in front of 802.11 frames: radiotap, Prism, AVS, PPI.

use netloom_packet::LinkType;

use super::{Hints, step};
use crate::decoded::{Layer, StopKind};
use crate::walk::{Next, Walk};

/// Decodes a radiotap header as far as the flags that change how the frame is read.
pub(in crate::link) fn radiotap(walk: &mut Walk<'_>) -> Next {
    const TSFT: u32 = 1;
    const FLAGS: u32 = 1 << 1;
    const MORE: u32 = 1 << 31;
    const CHECK_SEQUENCE: u8 = 0x10;
    const DATA_PAD: u8 = 0x20;

    let Some(&[version, _, l0, l1, p0, p1, p2, p3]) = walk.peek::<8>() else {
        return walk.short(Layer::Link, 8);
    };
    if version != 0 {
        return walk.stop(Layer::Link, StopKind::BadVersion, version.into(), 0);
    }
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if length < 8 {
        return walk.stop(Layer::Link, StopKind::BadLength, length, 8);
    }
    let Some(header) = walk.rest().get(..length) else {
        return walk.short(Layer::Link, length);
    };
    let present = u32::from_le_bytes([p0, p1, p2, p3]);
    // Further words of the bit map, each announced by the top bit of the one before.
    let mut fields = 8;
    let mut word = present;
    while word & MORE != 0 {
        let Some(&next) = header.get(fields..).and_then(<[u8]>::first_chunk) else {
            break;
        };
        word = u32::from_le_bytes(next);
        fields += 4;
    }
    let flags_at = if present & TSFT == 0 {
        fields
    } else {
        fields.next_multiple_of(8) + 8
    };
    let flags = match header.get(flags_at) {
        Some(&flags) if present & FLAGS != 0 => flags,
        _ => 0,
    };
    walk.skip(length);
    step(
        walk,
        Hints {
            check_sequence: flags & CHECK_SEQUENCE != 0,
            padded_header: flags & DATA_PAD != 0,
        },
    )
}

/// Decodes a Prism monitoring header (or the AVS header that has taken its place).
pub(in crate::link) fn prism(walk: &mut Walk<'_>) -> Next {
    /// Message code, message length, device name.
    const LEAST: usize = 24;

    let Some(&[c0, c1, c2, c3, l0, l1, l2, l3]) = walk.peek::<8>() else {
        return walk.short(Layer::Link, 8);
    };
    if is_avs(u32::from_be_bytes([c0, c1, c2, c3])) {
        return avs(walk);
    }
    // The length is in the byte order of the machine that captured.
    let little = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let big = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    skip_header(walk, little.min(big), LEAST)
}

/// Decodes an AVS header: version, length, both in network order.
pub(in crate::link) fn avs(walk: &mut Walk<'_>) -> Next {
    let Some(&[_, _, _, _, l0, l1, l2, l3]) = walk.peek::<8>() else {
        return walk.short(Layer::Link, 8);
    };
    skip_header(walk, u32::from_be_bytes([l0, l1, l2, l3]) as usize, 8)
}

fn is_avs(version: u32) -> bool {
    version & 0xffff_f000 == 0x8021_1000
}

fn skip_header(walk: &mut Walk<'_>, length: usize, least: usize) -> Next {
    if length < least {
        return walk.stop(Layer::Link, StopKind::BadLength, length, least);
    }
    if walk.rest().len() < length {
        return walk.short(Layer::Link, length);
    }
    walk.skip(length);
    step(walk, Hints::default())
}

/// Decodes a Per-Packet Information header: its length, the link type behind it, and the
/// 802.11 common field that tells about the check sequence.
pub(in crate::link) fn ppi(walk: &mut Walk<'_>) -> Next {
    const IEEE802_11_COMMON: u16 = 2;
    const CHECK_SEQUENCE: u8 = 0x01;
    const ALIGNED: u8 = 0x01;

    let Some(&[version, flags, l0, l1, d0, d1, d2, d3]) = walk.peek::<8>() else {
        return walk.short(Layer::Link, 8);
    };
    if version != 0 {
        return walk.stop(Layer::Link, StopKind::BadVersion, version.into(), 0);
    }
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if length < 8 {
        return walk.stop(Layer::Link, StopKind::BadLength, length, 8);
    }
    let Some(mut fields) = walk.rest().get(8..length) else {
        return walk.short(Layer::Link, length);
    };
    let mut hints = Hints::default();
    while let Some((&[t0, t1, s0, s1], rest)) = fields.split_first_chunk() {
        let size = usize::from(u16::from_le_bytes([s0, s1]));
        if u16::from_le_bytes([t0, t1]) == IEEE802_11_COMMON {
            // Flags stand behind the 8-byte timer.
            hints.check_sequence = rest.get(8).is_some_and(|byte| byte & CHECK_SEQUENCE != 0);
        }
        let size = if flags & ALIGNED == 0 {
            size
        } else {
            size.next_multiple_of(4)
        };
        fields = rest.get(size..).unwrap_or_default();
    }
    walk.skip(length);
    match u32::from_le_bytes([d0, d1, d2, d3]) {
        105 => step(walk, hints),
        number => match u16::try_from(number) {
            Ok(number) => Next::Link(LinkType(number)),
            Err(_) => walk.stop(Layer::Link, StopKind::Unsupported, number as usize, 0),
        },
    }
}
