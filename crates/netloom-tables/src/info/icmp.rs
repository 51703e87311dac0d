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
        15 => write!(out, "Information request id={id} seq={seq}").ok(),
        16 => write!(out, "Information reply id={id} seq={seq}").ok(),
        42 => write!(out, "Extended echo request id={id} seq={seq}").ok(),
        43 => extended_reply(message, out),
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
        12 => {
            out.push_str("Parameter problem: ");
            out.push_str(match code {
                0 => "pointer indicates the error",
                1 => "required option is missing",
                2 => "bad length",
                _ => return write!(out, "code {code}").ok(),
            });
            Some(())
        }
        17 => write!(out, "Address mask request id={id} seq={seq}").ok(),
        18 => write!(out, "Address mask reply id={id} seq={seq}").ok(),
        _ => write!(out, "ICMP type={icmp_type} code={code}").ok(),
    }
}

/// The reply to an extended echo, and whether the interface asked about was found (RFC 8335,
/// section 3).
fn extended_reply(message: Icmp, out: &mut String) -> Option<()> {
    let Icmp { code, id, seq, .. } = message;
    write!(out, "Extended echo reply id={id} seq={seq} (").ok()?;
    out.push_str(match code {
        0 => "no error",
        1 => "malformed query",
        2 => "no such interface",
        3 => "no such table entry",
        4 => "multiple interfaces satisfy query",
        _ => return write!(out, "code {code})").ok(),
    });
    out.push(')');
    Some(())
}

/// ICMPv6 types: RFC 4443, 4861, 2710, 3810, 2894, 6275, 6550, 7112, 8335, 8754, 8883; IANA, "ICMPv6 Parameters".
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
        4 => {
            out.push_str("Parameter problem: ");
            out.push_str(match code {
                0 => "erroneous header field encountered",
                1 => "unrecognized Next Header type encountered",
                2 => "unrecognized IPv6 option encountered",
                3 => "IPv6 first fragment has incomplete IPv6 header chain",
                4 => "SR upper-layer header error",
                5 => "unrecognized Next Header type encountered by intermediate node",
                6 => "extension header too big",
                7 => "extension header chain too long",
                8 => "too many extension headers",
                9 => "too many options in extension header",
                10 => "option too big",
                _ => return write!(out, "code {code}").ok(),
            });
            Some(())
        }
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
        144 => write!(out, "Home agent address discovery request id={id}").ok(),
        145 => write!(out, "Home agent address discovery reply id={id}").ok(),
        146 => write!(out, "Mobile prefix solicitation id={id}").ok(),
        147 => write!(out, "Mobile prefix advertisement id={id}").ok(),
        155 => {
            out.push_str("RPL control: ");
            // The upper bit: the secure form of the same.
            if code & 0x80 != 0 && code != 0x8a {
                out.push_str("secure ");
            }
            out.push_str(match code {
                0x00 | 0x80 => "DODAG information solicitation",
                0x01 | 0x81 => "DODAG information object",
                0x02 | 0x82 => "destination advertisement object",
                0x03 | 0x83 => "destination advertisement object acknowledgment",
                0x8a => "consistency check",
                _ => return write!(out, "code {code}").ok(),
            });
            Some(())
        }
        160 => write!(out, "Extended echo request id={id} seq={seq}").ok(),
        161 => extended_reply(message, out),
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
