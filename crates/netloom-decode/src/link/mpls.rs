//! MPLS label stacks (RFC 3032) and what can be told of their content.

use netloom_packet::LinkType;

use crate::decoded::{Layer, Network, TunnelKind};
use crate::link::{open, recognised};
use crate::walk::{Next, Walk};

/// Router alert of the generic associated channel (RFC 5586).
const GAL: u32 = 13;
/// More labels than this in one stack are nobody's network.
const MAX_LABELS: usize = 32;

/// Decodes a label stack and guesses its content, which nothing in the stack announces.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    let mut label = 0;
    let mut bottom = false;
    for _ in 0..MAX_LABELS {
        let Some(&entry) = walk.peek::<4>() else {
            return walk.short(Layer::Mpls, 4);
        };
        walk.skip(4);
        let entry = u32::from_be_bytes(entry);
        label = entry >> 12;
        bottom = entry & 0x100 != 0;
        if bottom {
            break;
        }
    }
    walk.out.last_layer = walk.out.last_layer.max(Layer::Mpls);
    if let Err(next) = open(walk, TunnelKind::Mpls, label) {
        return next;
    }
    if !bottom || label == GAL {
        return recognised(walk, Network::Other);
    }
    content(walk)
}

/// IP by its version nibble; else a pseudowire with Ethernet, with or without control word
/// (RFC 4448, RFC 4928 section 3).
fn content(walk: &mut Walk<'_>) -> Next {
    let bytes = walk.rest();
    let Some(nibble) = bytes.first().map(|byte| byte >> 4) else {
        return walk.short(Layer::Mpls, 1);
    };
    match nibble {
        4 if !is_ethernet(bytes) || is_ipv4(bytes) && !is_ip_in_ethernet(bytes) => Next::Ipv4,
        6 if !is_ethernet(bytes) || is_ipv6(walk) && !is_ip_in_ethernet(bytes) => Next::Ipv6,
        // An associated channel: 4 bytes that end in the channel's type (RFC 4385 section 5).
        1 => match bytes.get(2..4) {
            Some([0x00, 0x21]) => {
                walk.skip(4);
                Next::Ipv4
            }
            Some([0x00, 0x57]) => {
                walk.skip(4);
                Next::Ipv6
            }
            _ => recognised(walk, Network::Other),
        },
        // A control word, unless the frame makes sense only without it.
        0 if is_ethernet(bytes.get(4..).unwrap_or_default()) || !is_ethernet(bytes) => {
            walk.skip(4);
            if is_ethernet(walk.rest()) {
                Next::Link(LinkType::ETHERNET)
            } else {
                recognised(walk, Network::Other)
            }
        }
        _ if is_ethernet(bytes) => Next::Link(LinkType::ETHERNET),
        _ => recognised(walk, Network::Other),
    }
}

fn is_ipv4(bytes: &[u8]) -> bool {
    matches!(bytes, [first, _, hi, lo, ..]
        if first & 0xf >= 5 && u16::from_be_bytes([*hi, *lo]) >= u16::from(first & 0xf) * 4)
}

fn is_ipv6(walk: &Walk<'_>) -> bool {
    let left = walk.wire_end.saturating_sub(walk.at);
    matches!(walk.rest(), [_, _, _, _, hi, lo, ..]
        if usize::from(u16::from_be_bytes([*hi, *lo])) + 40 <= left)
}

/// Whether the bytes are an Ethernet header by its type and by the version nibble behind it.
fn is_ip_in_ethernet(bytes: &[u8]) -> bool {
    matches!(
        bytes.get(12..15),
        Some([0x08, 0x00, 0x45..=0x4f] | [0x86, 0xdd, 0x60..=0x6f])
    )
}

/// Whether the bytes look like an Ethernet header: a type that is in wide use, or a length
/// with LLC behind it.
fn is_ethernet(bytes: &[u8]) -> bool {
    let Some([hi, lo]) = bytes.get(12..14).and_then(<[u8]>::first_chunk::<2>) else {
        return false;
    };
    match u16::from_be_bytes([*hi, *lo]) {
        0x0800 | 0x0806 | 0x8035 | 0x8100 | 0x86dd | 0x8809 | 0x8847 | 0x8848 | 0x8863 | 0x8864
        | 0x888e | 0x88a8 | 0x88cc | 0x88e5 | 0x88e7 | 0x88f7 | 0x8902 | 0x9000 | 0x9100 => true,
        length @ 3..=1500 => {
            usize::from(length) + 14 <= bytes.len()
                && matches!(
                    bytes.get(14..17),
                    Some(
                        [0xaa, 0xaa, 0x03]
                            | [0x42, 0x42, 0x03]
                            | [0xfe, 0xfe, 0x03]
                            | [0xe0, 0xe0, 0x03]
                            | [0xff, 0xff, _]
                    )
                )
        }
        _ => false,
    }
}
