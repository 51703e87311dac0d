//! Which ICMP messages answer each other.

/// The two numbers that stand for ports in an ICMP flow's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IcmpPorts {
    /// The message's type.
    pub(crate) src: u16,
    /// The type that answers it; the message's code where nothing does.
    pub(crate) dst: u16,
    /// Nothing answers it: messages the other way are another flow.
    pub(crate) one_way: bool,
}

/// Pairs of ICMPv4 types: echo, router discovery, timestamp, information, address mask.
const V4: [(u8, u8); 5] = [(8, 0), (10, 9), (13, 14), (15, 16), (17, 18)];

/// Pairs of ICMPv6 types: echo, router, neighbour, multicast listener, node information, home
/// agent discovery.
const V6: [(u8, u8); 6] = [
    (128, 129),
    (133, 134),
    (135, 136),
    (130, 131),
    (139, 140),
    (144, 145),
];

/// Type and code as ports: Zeek's way, and the Community ID specification's.
pub(crate) fn ports(v6: bool, icmp_type: u8, code: u8) -> IcmpPorts {
    let pairs: &[(u8, u8)] = if v6 { &V6 } else { &V4 };
    let counterpart = pairs.iter().find_map(|&(a, b)| match icmp_type {
        t if t == a => Some(b),
        t if t == b => Some(a),
        _ => None,
    });
    IcmpPorts {
        src: u16::from(icmp_type),
        dst: u16::from(counterpart.unwrap_or(code)),
        one_way: counterpart.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_symmetric() {
        for v6 in [false, true] {
            for icmp_type in 0..=255 {
                let there = ports(v6, icmp_type, 3);
                if there.one_way {
                    assert_eq!(there.dst, 3);
                } else {
                    let back = ports(v6, there.dst as u8, 0);
                    assert_eq!((back.src, back.dst), (there.dst, there.src));
                }
            }
        }
        assert_eq!(ports(false, 8, 0).dst, 0);
        assert_eq!(ports(true, 135, 0).dst, 136);
        assert!(ports(false, 3, 1).one_way);
    }
}
