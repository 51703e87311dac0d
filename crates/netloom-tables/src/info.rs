//! The `info` column: a packet in one line, for people.
//!
//! Made from numbers and names of our own alone: no text out of the packet gets into it, so it
//! holds no control characters and nothing a stranger wrote.

use std::fmt::Write as _;
use std::net::Ipv6Addr;

use netloom_decode::net::arp::Arp;
use netloom_decode::{Fragment, Icmp, Ip, Network, Tcp, TcpFlags, Transport};

use crate::protocol::protocol_name;
use crate::schema::{PacketRow, some};

/// A packet in one line; `None` where nothing was understood.
///
/// Meant for people: wording and detail may change from version to version.
pub fn info(row: &PacketRow<'_>) -> Option<String> {
    let mut line = String::new();
    append(row, &mut line)?;
    Some(line)
}

/// Appends the line of a packet.
pub(crate) fn append(row: &PacketRow<'_>, out: &mut String) -> Option<()> {
    match row.decoded.network {
        Network::Ipv4 | Network::Ipv6 => ip(row, row.decoded.ip.as_ref()?, out),
        Network::Arp | Network::Rarp => arp(payload(row), out),
        other => {
            out.push_str(match other {
                Network::Lldp => "Link layer discovery (LLDP)",
                Network::Cdp => "Cisco discovery protocol",
                Network::Stp => "Spanning tree",
                Network::Eapol => "802.1X authentication (EAPOL)",
                Network::PppoeDiscovery => "PPPoE discovery",
                Network::SlowProtocols => "Slow protocols (LACP, OAM)",
                Network::WlanControl => "802.11 management or control",
                Network::WlanEncrypted => "802.11 data, encrypted",
                Network::Ipx => "IPX",
                Network::Osi => "OSI (IS-IS)",
                Network::PppControl => "PPP control",
                Network::Loopback => "Ethernet loopback",
                _ => return unknown(row.decoded.ethertype, out),
            });
            Some(())
        }
    }
}

/// The captured payload.
fn payload<'a>(row: &PacketRow<'a>) -> &'a [u8] {
    let start = row.decoded.payload_offset as usize;
    let end = start.saturating_add(row.decoded.payload_len as usize);
    row.data
        .get(start..end.min(row.data.len()))
        .unwrap_or_default()
}

fn unknown(ethertype: Option<u16>, out: &mut String) -> Option<()> {
    write!(out, "EtherType 0x{:04x}", ethertype?).ok()
}

fn ip(row: &PacketRow<'_>, ip: &Ip, out: &mut String) -> Option<()> {
    if let Some(part) = ip.fragment
        && (part.offset > 0 || matches!(row.decoded.transport, Transport::None))
    {
        return fragment(ip, &part, out);
    }
    transport(row, ip, out)?;
    if ip.fragment.is_some() {
        out.push_str(" [first fragment]");
    }
    Some(())
}

fn fragment(ip: &Ip, part: &Fragment, out: &mut String) -> Option<()> {
    out.push_str("Fragment");
    if let Some(name) = protocol_name(ip.protocol) {
        out.push(' ');
        out.push_str(name);
    }
    write!(
        out,
        " id=0x{:04x} offset={} len={}",
        part.id, part.offset, part.len
    )
    .ok()?;
    if part.more {
        out.push_str(" more");
    }
    Some(())
}

fn transport(row: &PacketRow<'_>, ip: &Ip, out: &mut String) -> Option<()> {
    let decoded = row.decoded;
    let len = decoded.payload_wire_len;
    match &decoded.transport {
        Transport::Tcp(header) => {
            ports(row, out);
            tcp(header, len, out);
            Some(())
        }
        Transport::Udp | Transport::UdpLite => {
            ports(row, out);
            out.push_str(" Len=");
            out.push_str(itoa::Buffer::new().format(len));
            Some(())
        }
        Transport::Sctp(tag) => {
            ports(row, out);
            write!(out, " SCTP tag=0x{tag:08x} Len={len}").ok()
        }
        Transport::Dccp(kind) => {
            ports(row, out);
            write!(out, " DCCP type={kind} Len={len}").ok()
        }
        Transport::Icmpv4(message) => icmpv4(*message, out),
        Transport::Icmpv6(message) => icmpv6(*message, payload(row), out),
        Transport::Igmp(kind) => {
            out.push_str(match kind {
                0x11 => "IGMP membership query",
                0x12 => "IGMPv1 membership report",
                0x16 => "IGMPv2 membership report",
                0x17 => "IGMP leave group",
                0x22 => "IGMPv3 membership report",
                _ => return write!(out, "IGMP type={kind}").ok(),
            });
            Some(())
        }
        Transport::Esp(spi) => write!(out, "ESP SPI=0x{spi:08x} Len={len}").ok(),
        _ => {
            match protocol_name(ip.protocol) {
                Some(name) => out.push_str(name),
                None => write!(out, "IP protocol {}", ip.protocol).ok()?,
            }
            write!(out, " Len={len}").ok()
        }
    }
}

fn ports(row: &PacketRow<'_>, out: &mut String) {
    let mut number = itoa::Buffer::new();
    out.push_str(number.format(row.decoded.src_port));
    out.push_str(" → ");
    out.push_str(number.format(row.decoded.dst_port));
}

fn tcp(header: &Tcp, len: u32, out: &mut String) {
    const NAMES: [(TcpFlags, &str); 8] = [
        (TcpFlags::FIN, "FIN"),
        (TcpFlags::SYN, "SYN"),
        (TcpFlags::RST, "RST"),
        (TcpFlags::PSH, "PSH"),
        (TcpFlags::ACK, "ACK"),
        (TcpFlags::URG, "URG"),
        (TcpFlags::ECE, "ECE"),
        (TcpFlags::CWR, "CWR"),
    ];
    let mut number = itoa::Buffer::new();
    let mut field = |name: &str, value: u32, out: &mut String| {
        out.push_str(name);
        out.push_str(number.format(value));
    };
    out.push_str(" [");
    let mut first = true;
    for (flag, name) in NAMES {
        if header.flags.contains(flag) {
            if !first {
                out.push_str(", ");
            }
            out.push_str(name);
            first = false;
        }
    }
    out.push(']');
    field(" Seq=", header.seq, out);
    if header.flags.contains(TcpFlags::ACK) {
        field(" Ack=", header.ack, out);
    }
    field(" Win=", header.window.into(), out);
    field(" Len=", len, out);
    if header.mss > 0 {
        field(" MSS=", header.mss.into(), out);
    }
    if let Some(shift) = header.window_scale {
        // RFC 7323 section 2.3: a shift above 14 counts as 14.
        field(" WS=", 1 << shift.min(14), out);
    }
    if header.sack_permitted {
        out.push_str(" SACK_PERM");
    }
}

/// ICMP types: RFC 792, 950, 1256, 8335; IANA, "ICMP Parameters".
fn icmpv4(message: Icmp, out: &mut String) -> Option<()> {
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
                9 => "network prohibited",
                10 => "host prohibited",
                11 => "network, for this type of service",
                12 => "host, for this type of service",
                13 => "communication prohibited",
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

/// ICMPv6 types: RFC 4443, 4861, 2710, 3810; IANA, "ICMPv6 Parameters".
fn icmpv6(message: Icmp, payload: &[u8], out: &mut String) -> Option<()> {
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
                1 => "prohibited",
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
        133 => some("Router solicitation", out),
        134 => some("Router advertisement", out),
        135 => about("Neighbor solicitation for", out),
        136 => about("Neighbor advertisement of", out),
        137 => about("Redirect to", out),
        143 => some("Multicast listener report v2", out),
        _ => write!(out, "ICMPv6 type={icmp_type} code={code}").ok(),
    }
}

fn arp(message: &[u8], out: &mut String) -> Option<()> {
    let Some(arp) = Arp::parse(message) else {
        out.push_str("ARP about other addresses than IPv4 over Ethernet, or cut");
        return Some(());
    };
    let Arp {
        operation,
        sender_mac,
        sender_ip,
        target_mac,
        target_ip,
    } = arp;
    match operation {
        Arp::REQUEST if arp.is_probe() => write!(out, "Who has {target_ip}? (probe)").ok(),
        Arp::REQUEST | Arp::REPLY if arp.is_gratuitous() => {
            write!(out, "Announcement: {sender_ip} is at {sender_mac}").ok()
        }
        Arp::REQUEST => write!(out, "Who has {target_ip}? Tell {sender_ip}").ok(),
        Arp::REPLY => write!(out, "{sender_ip} is at {sender_mac}").ok(),
        3 => write!(out, "Who is {target_mac}? Tell {sender_mac}").ok(),
        4 => write!(out, "{target_mac} is at {target_ip}").ok(),
        8 => write!(out, "Who is {target_mac}? Tell {sender_mac} (InARP)").ok(),
        9 => write!(out, "{sender_mac} is at {sender_ip} (InARP)").ok(),
        _ => write!(out, "ARP operation {operation}").ok(),
    }
}
