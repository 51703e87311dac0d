//! Tags between the addresses of a frame and its EtherType: 802.1Q and 802.1ad VLANs, VN-Tag,
//! 802.1CB R-TAG, Cisco MetaData, 802.1AE MACsec; and the headers of TRILL, FabricPath and NSH.
//!
//! The frames inside the latter three count as the frame itself: the addresses that are kept
//! are the outer ones, VLAN tags those of both.

use netloom_packet::LinkType;

use crate::decoded::{Layer, Network, StopKind};
use crate::link::ethernet::type_or_length;
use crate::link::ethertypes;
use crate::link::{drop_trailer, is_outermost, note_ethertype, recognised};
use crate::walk::{Next, Walk};

/// A VLAN tag behind its TPID: 3 bits of priority, DEI, 12 bits of identifier, the next type.
pub(super) fn vlan(walk: &mut Walk<'_>) -> Next {
    let Some(&[tci_hi, tci_lo, hi, lo]) = walk.peek::<4>() else {
        return walk.short(Layer::Vlan, 4);
    };
    if is_outermost(walk) {
        walk.out.vlans.push(u16::from_be_bytes([tci_hi, tci_lo]));
    }
    walk.out.last_layer = walk.out.last_layer.max(Layer::Vlan);
    walk.skip(4);
    type_or_length(walk, u16::from_be_bytes([hi, lo]))
}

/// A tag of `len` bytes whose content does not matter here, then the next type: VN-Tag
/// (direction, virtual interfaces) and R-TAG (sequence number).
pub(super) fn skip_to_ethertype(walk: &mut Walk<'_>, len: usize) -> Next {
    behind(walk, len, 0)
}

/// An EtherType between `before` bytes that do not matter here and `after` such bytes.
pub(super) fn behind(walk: &mut Walk<'_>, before: usize, after: usize) -> Next {
    let len = before + 2 + after;
    let bytes = walk.rest();
    let Some(&[hi, lo]) = bytes.get(before..).and_then(<[u8]>::first_chunk) else {
        return walk.short(Layer::Link, len);
    };
    if bytes.len() < len {
        return walk.short(Layer::Link, len);
    }
    walk.skip(len);
    type_or_length(walk, u16::from_be_bytes([hi, lo]))
}

/// Arista's tag: a subtype, of which 1 is a time stamp, whose version says if it has 8 or 6 bytes
/// (seconds of 4 or of 2), then the type.
pub(super) fn arista(walk: &mut Walk<'_>) -> Next {
    const TIMESTAMP: [u8; 2] = [0, 1];
    let Some(&[s0, s1, _time_scale, format]) = walk.peek::<4>() else {
        return walk.short(Layer::Link, 4);
    };
    match ([s0, s1], format >> 4) {
        (TIMESTAMP, 1) => skip_to_ethertype(walk, 12),
        (TIMESTAMP, 2) => skip_to_ethertype(walk, 10),
        _ => {
            note_ethertype(walk, ethertypes::ARISTA);
            recognised(walk, Network::Other)
        }
    }
}

/// Cisco MetaData: version, count of options, options of 4 bytes (security group tags), type.
pub(super) fn cisco_metadata(walk: &mut Walk<'_>) -> Next {
    let Some(&[_version, options]) = walk.peek::<2>() else {
        return walk.short(Layer::Link, 2);
    };
    // One option is always there, even where the count is left 0.
    skip_to_ethertype(walk, 2 + 4 * usize::from(options.max(1)))
}

/// 802.1AE: opened only where the frame is protected but not encrypted.
pub(super) fn macsec(walk: &mut Walk<'_>) -> Next {
    const SCI_PRESENT: u8 = 0x20;
    const ENCRYPTED: u8 = 0x08;
    const CHANGED: u8 = 0x04;
    /// The default cipher suites' integrity check value.
    const ICV: usize = 16;

    let Some(&[tci, _short_length, ..]) = walk.peek::<6>() else {
        return walk.short(Layer::Link, 6);
    };
    let len = if tci & SCI_PRESENT == 0 { 6 } else { 14 };
    if tci & (ENCRYPTED | CHANGED) != 0 {
        note_ethertype(walk, ethertypes::MACSEC);
        walk.skip(len);
        return recognised(walk, Network::Other);
    }
    if walk.rest().len() < len + 2 {
        return walk.short(Layer::Link, len + 2);
    }
    drop_trailer(walk, ICV);
    skip_to_ethertype(walk, len)
}

/// Cisco FabricPath behind its EtherType: forwarding tag and hop count, then the inner frame.
pub(super) fn fabric_path(walk: &mut Walk<'_>) -> Next {
    if walk.rest().len() < 2 {
        return walk.short(Layer::Link, 2);
    }
    walk.skip(2);
    Next::Link(LinkType::ETHERNET)
}

/// TRILL (RFC 6325 section 3): version, options length, hop count, two nicknames, options.
pub(super) fn trill(walk: &mut Walk<'_>) -> Next {
    let Some(&[hi, lo, ..]) = walk.peek::<6>() else {
        return walk.short(Layer::Link, 6);
    };
    let first = u16::from_be_bytes([hi, lo]);
    let version = first >> 14;
    if version != 0 {
        return walk.stop(Layer::Link, StopKind::BadVersion, version.into(), 0);
    }
    let len = 6 + 4 * usize::from(first >> 6 & 0x1f);
    if walk.rest().len() < len {
        return walk.short(Layer::Link, len);
    }
    walk.skip(len);
    Next::Link(LinkType::ETHERNET)
}

/// Network Service Header (RFC 8300 section 2.2): its length in words of 4 bytes, and what
/// comes next.
pub(super) fn nsh(walk: &mut Walk<'_>) -> Next {
    let Some(&[_, length, _, next, ..]) = walk.peek::<8>() else {
        return walk.short(Layer::Link, 8);
    };
    let len = 4 * usize::from(length & 0x3f);
    if len < 8 {
        return walk.stop(Layer::Link, StopKind::BadLength, len, 8);
    }
    if walk.rest().len() < len {
        return walk.short(Layer::Link, len);
    }
    walk.skip(len);
    match next {
        1 => Next::Ipv4,
        2 => Next::Ipv6,
        3 => Next::Link(LinkType::ETHERNET),
        5 => Next::EtherType(ethertypes::MPLS),
        _ => recognised(walk, Network::Other),
    }
}
