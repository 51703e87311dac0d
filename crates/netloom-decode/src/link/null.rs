//! BSD loopback: an address family of 4 bytes, in either byte order.

use crate::decoded::{Layer, Network};
use crate::link::{ethertype, ethertypes, note_ethertype, ppp, recognised};
use crate::walk::{Next, Walk};

/// Decodes a NULL or LOOP header.
///
/// NULL is in the byte order of the machine that captured, LOOP in network order, but files
/// of either kind are mislabelled often enough that both are read by what makes sense: address
/// families are small numbers.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    let Some(&header) = walk.peek::<4>() else {
        return walk.short(Layer::Link, 4);
    };
    // PPP over a loopback device, as some systems captured it.
    if header[..2] == [0xff, 0x03] {
        return ppp::framed(walk);
    }
    walk.skip(4);
    let big = u32::from_be_bytes(header);
    let family = if big <= 0xffff {
        big
    } else if big.trailing_zeros() >= 16 && big >> 16 <= 0xff {
        // IRIX and UNICOS/mp: a 16-bit family in front.
        big >> 16
    } else {
        big.swap_bytes()
    };
    let version = walk.peek::<1>().map(|byte| byte[0] >> 4);
    match family {
        2 => {
            note_ethertype(walk, ethertypes::IPV4);
            Next::Ip
        }
        // IPv6 on Linux, BSD/OS and NetBSD and OpenBSD, FreeBSD, Darwin.
        10 | 24 | 28 | 30 => {
            note_ethertype(walk, ethertypes::IPV6);
            Next::Ip
        }
        // IPv6 on Windows; IPX on BSD.
        23 if version == Some(6) => {
            note_ethertype(walk, ethertypes::IPV6);
            Next::Ipv6
        }
        23 => recognised(walk, Network::Ipx),
        7 => recognised(walk, Network::Osi),
        0x0600..=0xffff => ethertype(walk, family as u16),
        // A hardware type in front of an EtherType.
        _ if matches!(
            (header, version),
            ([_, _, 0x08, 0x00], Some(4)) | ([_, _, 0x86, 0xdd], Some(6))
        ) =>
        {
            ethertype(walk, u16::from_be_bytes([header[2], header[3]]))
        }
        _ => recognised(walk, Network::Other),
    }
}
