//! Linux netfilter log: attributes, one of which is the packet.

use crate::decoded::{Layer, Network, StopKind};
use crate::link::{ethertypes, note_ethertype, note_macs, recognised};
use crate::net;
use crate::walk::{Next, Walk};

/// Attributes (Linux nfnetlink_log.h).
mod attribute {
    pub(super) const HARDWARE_ADDRESS: u16 = 8;
    pub(super) const PAYLOAD: u16 = 9;
}

/// Address families (Linux socket.h, netfilter.h).
mod family {
    pub(super) const IPV4: u8 = 2;
    pub(super) const ARP: u8 = 3;
    pub(super) const BRIDGE: u8 = 7;
    pub(super) const IPV6: u8 = 10;
}

/// Decodes family, version, resource id, then attributes in the capturing machine's byte
/// order until the payload.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    let Some(&[family, version, _, _]) = walk.peek::<4>() else {
        return walk.short(Layer::Link, 4);
    };
    if version != 0 {
        return walk.stop(Layer::Link, StopKind::BadVersion, version.into(), 0);
    }
    walk.skip(4);
    // Lengths are at least 4 and small: the order of their bytes shows in the first one.
    let big_endian = walk
        .peek::<2>()
        .is_some_and(|length| length[0] == 0 && length[1] != 0);
    for _ in 0..256 {
        let Some(&[l0, l1, t0, t1]) = walk.peek::<4>() else {
            return walk.short(Layer::Link, 4);
        };
        let (length, kind) = if big_endian {
            (u16::from_be_bytes([l0, l1]), u16::from_be_bytes([t0, t1]))
        } else {
            (u16::from_le_bytes([l0, l1]), u16::from_le_bytes([t0, t1]))
        };
        let length = usize::from(length);
        if length < 4 {
            return walk.stop(Layer::Link, StopKind::BadLength, length, 4);
        }
        // The top bits tell nesting and byte order.
        match kind & 0x3fff {
            attribute::PAYLOAD => {
                walk.skip(4);
                walk.limit(length - 4);
                return payload(walk, family);
            }
            attribute::HARDWARE_ADDRESS => {
                // Length of the address (network order), padding, the address.
                if let Some(&[_, _, _, _, 0, 6, _, _, a0, a1, a2, a3, a4, a5]) = walk.peek::<14>() {
                    note_macs(walk, None, Some([a0, a1, a2, a3, a4, a5]));
                }
            }
            _ => {}
        }
        walk.skip(length.next_multiple_of(4));
    }
    walk.stop(Layer::Link, StopKind::TooDeep, 256, 256)
}

fn payload(walk: &mut Walk<'_>, family: u8) -> Next {
    match family {
        family::IPV4 => {
            note_ethertype(walk, ethertypes::IPV4);
            Next::Ipv4
        }
        family::IPV6 => {
            note_ethertype(walk, ethertypes::IPV6);
            Next::Ipv6
        }
        family::ARP => {
            note_ethertype(walk, ethertypes::ARP);
            net::arp::step(walk)
        }
        // A bridge's hook sees the network layer of any kind; only IP can be told by itself.
        family::BRIDGE if matches!(walk.peek::<1>(), Some([0x45..=0x4f | 0x60..=0x6f])) => Next::Ip,
        _ => recognised(walk, Network::Other),
    }
}
