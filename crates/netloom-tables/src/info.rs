//! The `info` column: a packet in one line, for people.
//!
//! Text out of the packet (a name asked for, a request line) is made safe: no control characters
//! get into it.

mod app;
mod datagram;
mod icmp;
mod stream;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use netloom_decode::app::dns::is_message;
use netloom_decode::net::arp::Arp;
use netloom_decode::{Fragment, Ip, Network, Tcp, TcpFlags, Transport};

use crate::ethertype::ethertype_title;
use crate::protocol::protocol_name;
use crate::schema::{PacketRow, some};

pub use stream::{Conversation, Segment, SegmentNote};

/// A packet in one line: what it is, as far as it was understood, and a length at the least.
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
        Network::Ipv4 | Network::Ipv6 => match &row.decoded.ip {
            Some(header) => ip(row, header, out),
            None => unknown(row, out),
        },
        Network::Arp | Network::Rarp => match Arp::parse(payload(row)) {
            Some(message) => arp(&message, out),
            None => some(
                "ARP about other addresses than IPv4 over Ethernet, or cut",
                out,
            ),
        },
        other => {
            let name = match other {
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
                Network::Dtp => "Dynamic trunking protocol",
                Network::Vtp => "VLAN trunking protocol",
                Network::Udld => "Unidirectional link detection",
                Network::Pagp => "Port aggregation protocol",
                Network::NetBeui => "NetBIOS frames (NetBEUI)",
                _ => return unknown(row, out),
            };
            out.push_str(name);
            length(row, out)
        }
    }
}

/// The captured payload.
fn payload<'a>(row: &PacketRow<'a>) -> &'a [u8] {
    row.decoded.payload(row.data)
}

/// What carries something that has no name here.
fn unknown(row: &PacketRow<'_>, out: &mut String) -> Option<()> {
    match row.decoded.ethertype {
        Some(ethertype) => {
            match ethertype_title(ethertype) {
                Some(title) => out.push_str(title),
                None => write!(out, "EtherType 0x{ethertype:04x}").ok()?,
            }
            length(row, out)
        }
        // LLC, for one.
        None if row.decoded.network == Network::Other => {
            write!(out, "{} frame", row.packet.link_type).ok()?;
            length(row, out)
        }
        // Not even the link layer was read: cut, or of a kind that is not known.
        None => {
            let packet = &row.packet;
            write!(out, "{} frame Len={}", packet.link_type, packet.wire_len).ok()
        }
    }
}

/// How long what is behind the known headers is, on the wire.
fn length(row: &PacketRow<'_>, out: &mut String) -> Option<()> {
    let len = row.decoded.payload_wire_len;
    write!(out, " Len={len}").ok()
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
            if let Some(SegmentNote::Says(said)) = row.note {
                out.push_str(said);
                return Some(());
            }
            if row.note.is_none() && len > 0 && application(row, true, out) {
                return Some(());
            }
            ports(row, out);
            tcp(header, len, out);
            match row.note {
                Some(SegmentNote::Part) => out.push_str(" [part of a message]"),
                Some(SegmentNote::Begins(line)) => {
                    out.push_str(" [begins ");
                    out.push_str(line);
                    out.push(']');
                }
                Some(SegmentNote::Again) => out.push_str(" [sent again]"),
                _ => {}
            }
            Some(())
        }
        Transport::Udp | Transport::UdpLite => {
            if application(row, false, out) {
                return Some(());
            }
            ports(row, out);
            datagram_length(row, ip, out)
        }
        Transport::Sctp(tag) => {
            ports(row, out);
            write!(out, " SCTP tag=0x{tag:08x} Len={len}").ok()
        }
        Transport::Dccp(kind) => {
            ports(row, out);
            write!(out, " DCCP type={kind} Len={len}").ok()
        }
        Transport::Icmpv4(message) => icmp::icmpv4(*message, out),
        Transport::Icmpv6(message) => {
            let at = (row.decoded.payload_offset as usize).checked_sub(4);
            let flags = at.and_then(|at| row.data.get(at)).copied();
            icmp::icmpv6(*message, flags.unwrap_or_default(), payload(row), out)
        }
        Transport::Igmp(kind) => {
            out.push_str(match kind {
                0x11 => "IGMP membership query",
                0x12 => "IGMPv1 membership report",
                0x16 => "IGMPv2 membership report",
                0x17 => "IGMP leave group",
                0x22 => "IGMPv3 membership report",
                _ => return write!(out, "IGMP type={kind} Len={len}").ok(),
            });
            length(row, out)
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

/// What the payload says, where it is DNS, TLS or HTTP by its bytes, or DHCP, NTP, SSDP, or ARP in
/// a tunnel on their ports.
/// Nothing is appended where it is not.
///
/// What its flow turned out to be is not asked: the line is there with the packet.
fn application(row: &PacketRow<'_>, is_tcp: bool, out: &mut String) -> bool {
    let payload = payload(row);
    let begin = out.len();
    let by_port = match row.decoded.service_by_port() {
        Some(service @ ("dns" | "mdns" | "llmnr")) => Some(service),
        // Messages of the same form, with names of another.
        Some("nbns") => return false,
        Some(service @ ("dhcp" | "ntp" | "ssdp" | "vxlan" | "geneve")) if !is_tcp => {
            let len = row.decoded.payload_wire_len;
            if datagram::datagram(service, payload, len, out).is_some() {
                return true;
            }
            out.truncate(begin);
            None
        }
        _ => None,
    };
    let said = match payload.first() {
        Some(20..=24) if is_tcp && by_port.is_none() => app::tls(payload, out),
        Some(b'A'..=b'Z') if is_tcp && by_port.is_none() => app::http(payload, out),
        _ => {
            let len = row.decoded.payload_wire_len as usize;
            let service = by_port.unwrap_or("dns");
            if !is_message(payload, len, is_tcp, by_port.is_some()) {
                None
            } else if is_tcp {
                payload
                    .get(2..)
                    .and_then(|message| app::dns(message, message.len(), service, out))
            } else {
                app::dns(payload, len, service, out)
            }
        }
    };
    if said.is_none() {
        out.truncate(begin);
    }
    said.is_some()
}

/// Bytes behind a header of UDP, as it says itself, and where that cannot be.
fn datagram_length(row: &PacketRow<'_>, ip: &Ip, out: &mut String) -> Option<()> {
    const HEADER: u32 = 8;
    let there = row.decoded.payload_wire_len + HEADER;
    // The header ends where the payload begins; the checksum is behind the length.
    let at = (row.decoded.payload_offset as usize).checked_sub(4);
    let said = at.and_then(|at| row.data.get(at..)?.first_chunk());
    let said = match (&row.decoded.transport, ip.fragment, said) {
        // A first fragment has not all of it. UDP-Lite says how much is checked.
        (Transport::Udp, None, Some(&bytes)) => u16::from_be_bytes(bytes).into(),
        _ => there,
    };
    if said < HEADER {
        return write!(out, " [bad UDP length {said} < {HEADER}]").ok();
    }
    if said > there {
        write!(out, " [bad UDP length {said} > IP payload length]").ok()?;
    }
    out.push_str(" Len=");
    out.push_str(itoa::Buffer::new().format(said.max(there) - HEADER));
    Some(())
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
    if first {
        out.push_str("none");
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

fn arp(arp: &Arp, out: &mut String) -> Option<()> {
    let Arp {
        operation,
        sender_mac,
        sender_ip,
        target_mac,
        target_ip,
    } = *arp;
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
