//! ICMP in one line.

use std::fmt::Write as _;
use std::net::Ipv6Addr;

use netloom_decode::Icmp;
use netloom_packet::MacAddr;

use crate::schema::some;

/// ICMP types: RFC 792, 950, 1256, 8335; IANA, "ICMP Parameters".
pub(super) fn icmpv4(message: Icmp, out: &mut String) -> Option<()> {
    let Icmp {
        icmp_type,
        code,
        id,
        seq,
    } = message;
    match icmp_type {
        0 => write!(out, "Echo reply id={id} seq={seq}").ok(),
        8 => write!(out, "Echo request id={id} seq={seq}").ok(),
        13 => write!(out, "Timestamp request id={id} seq={seq}").ok(),
        14 => write!(out, "Timestamp reply id={id} seq={seq}").ok(),
        42 => write!(out, "Extended echo request id={id} seq={seq}").ok(),
        43 => write!(out, "Extended echo reply id={id} seq={seq} code={code}").ok(),
        3 => {
            out.push_str("Destination unreachable: ");
            out.push_str(match code {
                0 => "network",
                1 => "host",
                2 => "protocol",
                3 => "port",
                4 => "fragmentation needed",
                5 => "source route failed",
                6 => "network unknown",
                7 => "host unknown",
                9 => "network administratively prohibited",
                10 => "host administratively prohibited",
                11 => "network, for this type of service",
                12 => "host, for this type of service",
                13 => "communication administratively filtered",
                _ => return write!(out, "code {code}").ok(),
            });
            Some(())
        }
        4 => some("Source quench", out),
        5 => {
            out.push_str(match code {
                0 | 2 => "Redirect for network",
                _ => "Redirect for host",
            });
            Some(())
        }
        9 => some("Router advertisement", out),
        10 => some("Router solicitation", out),
        11 => {
            out.push_str(match code {
                0 => "Time to live exceeded in transit",
                _ => "Fragment reassembly time exceeded",
            });
            Some(())
        }
        12 => write!(out, "Parameter problem code={code}").ok(),
        17 => write!(out, "Address mask request id={id} seq={seq}").ok(),
        18 => write!(out, "Address mask reply id={id} seq={seq}").ok(),
        _ => write!(out, "ICMP type={icmp_type} code={code}").ok(),
    }
}

/// ICMPv6 types: RFC 4443, 4861, 2710, 3810, 2894, 6550, 8335; IANA, "ICMPv6 Parameters".
///
/// `flags`: the byte behind the checksum.
pub(super) fn icmpv6(message: Icmp, flags: u8, payload: &[u8], out: &mut String) -> Option<()> {
    let Icmp {
        icmp_type,
        code,
        id,
        seq,
    } = message;
    let about = |text: &str, out: &mut String| {
        out.push_str(text);
        // The address follows the eight bytes of header (RFC 4861 sections 4.3 to 4.5).
        match payload.first_chunk::<16>() {
            Some(bytes) => write!(out, " {}", Ipv6Addr::from(*bytes)).ok(),
            None => Some(()),
        }
    };
    match icmp_type {
        1 => {
            out.push_str("Destination unreachable: ");
            out.push_str(match code {
                0 => "no route",
                1 => "administratively prohibited",
                2 => "beyond scope of source address",
                3 => "address",
                4 => "port",
                5 => "source address failed policy",
                6 => "route rejected",
                _ => return write!(out, "code {code}").ok(),
            });
            Some(())
        }
        2 => some("Packet too big", out),
        3 => {
            out.push_str(match code {
                0 => "Hop limit exceeded in transit",
                _ => "Fragment reassembly time exceeded",
            });
            Some(())
        }
        4 => write!(out, "Parameter problem code={code}").ok(),
        128 => write!(out, "Echo request id={id} seq={seq}").ok(),
        129 => write!(out, "Echo reply id={id} seq={seq}").ok(),
        130 => about("Multicast listener query for", out),
        131 => about("Multicast listener report for", out),
        132 => about("Multicast listener done for", out),
        133 => {
            out.push_str("Router solicitation");
            link_address(payload, 0, " from", out)
        }
        134 => {
            out.push_str("Router advertisement");
            link_address(payload, 8, " from", out)
        }
        135 => {
            about("Neighbor solicitation for", out)?;
            link_address(payload, 16, " from", out)
        }
        136 => {
            about("Neighbor advertisement of", out)?;
            neighbor_flags(flags, out);
            link_address(payload, 16, " is at", out)
        }
        137 => about("Redirect to", out),
        138 => some(
            match code {
                0 => "Router renumbering command",
                1 => "Router renumbering result",
                _ => "Router renumbering",
            },
            out,
        ),
        143 => some("Multicast listener report v2", out),
        155 => write!(out, "RPL control code={code}").ok(),
        160 => write!(out, "Extended echo request id={id} seq={seq}").ok(),
        161 => write!(out, "Extended echo reply id={id} seq={seq} code={code}").ok(),
        _ => write!(out, "ICMPv6 type={icmp_type} code={code}").ok(),
    }
}

/// The address of the Ethernet kind in an option that begins at or behind `at` (RFC 4861,
/// section 4.6.1), with a word before it.
fn link_address(payload: &[u8], at: usize, word: &str, out: &mut String) -> Option<()> {
    let mut options = payload.get(at..).unwrap_or_default();
    while let [kind, units, rest @ ..] = options {
        if let (1 | 2, 1, Some(&address)) = (*kind, *units, rest.first_chunk::<6>()) {
            return write!(out, "{word} {}", MacAddr(address)).ok();
        }
        // An option of length 0 is none.
        let len = usize::from(*units) * 8;
        options = options.get(len..).filter(|_| len > 0).unwrap_or_default();
    }
    Some(())
}

/// Flags of a neighbor advertisement (RFC 4861, section 4.4), as Wireshark writes them.
fn neighbor_flags(flags: u8, out: &mut String) {
    let mut before = " (";
    for (bit, name) in [(0x80, "rtr"), (0x40, "sol"), (0x20, "ovr")] {
        if flags & bit != 0 {
            out.push_str(before);
            out.push_str(name);
            before = ", ";
        }
    }
    if before == ", " {
        out.push(')');
    }
}
