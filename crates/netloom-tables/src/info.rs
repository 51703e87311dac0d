//! The `info` column: a packet in one line, for people.
//!
//! Text out of the packet (a name asked for, a request line) is made safe: no control characters
//! get into it.

mod app;
mod datagram;
mod icmp;
mod stream;

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

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use netloom_decode::{Decoded, Icmp, Layer};
    use netloom_packet::{LinkType, Packet, Timestamp};

    use super::*;

    /// The line of a packet whose payload is `data`.
    fn line(decoded: Decoded, data: &[u8]) -> Option<String> {
        let packet = Packet {
            number: 1,
            timestamp: Timestamp::from_nanos(0),
            link_type: LinkType::ETHERNET,
            interface: 0,
            wire_len: data.len() as u32,
            data,
        };
        let decoded = Decoded {
            payload_len: data.len() as u32,
            payload_wire_len: data.len() as u32,
            ..decoded
        };
        info(&PacketRow::new(&packet, &decoded))
    }

    fn over_ip(protocol: u8, transport: Transport, fragment: Option<Fragment>) -> Decoded {
        Decoded {
            network: Network::Ipv4,
            ip: Some(Ip {
                src: [10, 0, 0, 1].into(),
                dst: [10, 0, 0, 2].into(),
                offset: 14,
                header_len: 20,
                total_len: 100,
                ttl: 64,
                tos: 0,
                protocol,
                fragment,
            }),
            transport,
            src_port: 53,
            dst_port: 3456,
            last_layer: Layer::Payload,
            ..Decoded::default()
        }
    }

    fn icmp(icmp_type: u8, code: u8) -> Icmp {
        Icmp {
            icmp_type,
            code,
            id: 7,
            seq: 1,
        }
    }

    #[test]
    fn transports() {
        let tcp = Tcp {
            seq: 1,
            ack: 5,
            window: 100,
            flags: TcpFlags(0x12),
            ..Tcp::default()
        };
        let bare = Tcp {
            window_scale: Some(255),
            ..Tcp::default()
        };
        let v4 = |kind, code| Transport::Icmpv4(icmp(kind, code));
        for (protocol, transport, expected) in [
            (
                6,
                Transport::Tcp(tcp),
                "53 → 3456 [SYN, ACK] Seq=1 Ack=5 Win=100 Len=4",
            ),
            (
                6,
                Transport::Tcp(bare),
                "53 → 3456 [none] Seq=0 Win=0 Len=4 WS=16384",
            ),
            (17, Transport::Udp, "53 → 3456 Len=4"),
            (
                132,
                Transport::Sctp(0xabc),
                "53 → 3456 SCTP tag=0x00000abc Len=4",
            ),
            (33, Transport::Dccp(2), "53 → 3456 DCCP type=2 Len=4"),
            (50, Transport::Esp(1), "ESP SPI=0x00000001 Len=4"),
            (2, Transport::Igmp(0x16), "IGMPv2 membership report Len=4"),
            (2, Transport::Igmp(0x99), "IGMP type=153 Len=4"),
            (89, Transport::Other, "ospfigp Len=4"),
            (255, Transport::None, "IP protocol 255 Len=4"),
            (1, v4(8, 0), "Echo request id=7 seq=1"),
            (1, v4(0, 0), "Echo reply id=7 seq=1"),
            (1, v4(3, 3), "Destination unreachable: port"),
            (1, v4(3, 99), "Destination unreachable: code 99"),
            (1, v4(11, 0), "Time to live exceeded in transit"),
            (
                1,
                v4(12, 1),
                "Parameter problem: required option is missing",
            ),
            (
                1,
                v4(43, 2),
                "Extended echo reply id=7 seq=1 (no such interface)",
            ),
            (1, v4(200, 1), "ICMP type=200 code=1"),
            (
                58,
                Transport::Icmpv6(icmp(4, 1)),
                "Parameter problem: unrecognized Next Header type encountered",
            ),
            (
                58,
                Transport::Icmpv6(icmp(155, 0x83)),
                "RPL control: secure destination advertisement object acknowledgment",
            ),
            (
                58,
                Transport::Icmpv6(icmp(128, 0)),
                "Echo request id=7 seq=1",
            ),
            (
                58,
                Transport::Icmpv6(icmp(135, 0)),
                "Neighbor solicitation for",
            ),
        ] {
            let decoded = over_ip(protocol, transport, None);
            assert_eq!(line(decoded, b"abcd").as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_neighbor_is_named() {
        let target = "fe80::1".parse::<Ipv6Addr>().unwrap().octets();
        let decoded = over_ip(58, Transport::Icmpv6(icmp(136, 0)), None);
        assert_eq!(
            line(decoded, &target).as_deref(),
            Some("Neighbor advertisement of fe80::1")
        );
        // Router and solicited; an option of another kind, then the link-layer address.
        let mut message = vec![136, 0, 0, 0, 0xc0, 0, 0, 0];
        message.extend_from_slice(&target);
        message.extend_from_slice(&[5, 1, 0, 0, 0, 0, 5, 220, 2, 1, 2, 0, 0, 0, 0, 9]);
        let mut decoded = over_ip(58, Transport::Icmpv6(icmp(136, 0)), None);
        decoded.payload_offset = 8;
        assert_eq!(
            line(decoded, &message).as_deref(),
            Some("Neighbor advertisement of fe80::1 (rtr, sol) is at 02:00:00:00:00:09")
        );
        // An option of no length ends them.
        let soliciting = over_ip(58, Transport::Icmpv6(icmp(133, 0)), None);
        assert_eq!(
            line(soliciting, &[1, 0, 1, 1]).as_deref(),
            Some("Router solicitation")
        );
    }

    #[test]
    fn fragments() {
        let part = Fragment {
            id: 0x1a2b,
            offset: 1480,
            more: true,
            len: 800,
            data_offset: 34,
        };
        let later = over_ip(17, Transport::None, Some(part));
        assert_eq!(
            line(later, b"").as_deref(),
            Some("Fragment udp id=0x1a2b offset=1480 len=800 more")
        );
        let first = Fragment { offset: 0, ..part };
        let first = over_ip(17, Transport::Udp, Some(first));
        assert_eq!(
            line(first, b"abcd").as_deref(),
            Some("53 → 3456 Len=4 [first fragment]")
        );
    }

    #[test]
    fn lengths_of_udp_that_cannot_be() {
        let with = |said: u8, fragment| {
            // Ports, length, checksum, then four bytes.
            let data = [0, 53, 13, 128, 0, said, 0, 0, 1, 2, 3, 4];
            let packet = Packet {
                number: 1,
                timestamp: Timestamp::from_nanos(0),
                link_type: LinkType::ETHERNET,
                interface: 0,
                wire_len: 12,
                data: &data,
            };
            let decoded = Decoded {
                payload_offset: 8,
                payload_len: 4,
                payload_wire_len: 4,
                ..over_ip(17, Transport::Udp, fragment)
            };
            info(&PacketRow::new(&packet, &decoded)).unwrap()
        };
        assert_eq!(with(12, None), "53 → 3456 Len=4");
        assert_eq!(with(5, None), "53 → 3456 [bad UDP length 5 < 8]");
        assert_eq!(
            with(100, None),
            "53 → 3456 [bad UDP length 100 > IP payload length] Len=92"
        );
        // The rest comes with other fragments.
        let part = Fragment {
            id: 1,
            offset: 0,
            more: true,
            len: 12,
            data_offset: 0,
        };
        assert_eq!(with(100, Some(part)), "53 → 3456 Len=4 [first fragment]");
    }

    #[test]
    fn arp_messages() {
        let message = |operation: u8, sender_ip: u8, target_ip: u8| {
            let mut bytes = [0; Arp::LEN];
            bytes[..8].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, operation]);
            bytes[13] = 9;
            if sender_ip > 0 {
                bytes[14..18].copy_from_slice(&[10, 0, 0, sender_ip]);
            }
            bytes[24..28].copy_from_slice(&[10, 0, 0, target_ip]);
            bytes
        };
        let decoded = Decoded {
            network: Network::Arp,
            ..Decoded::default()
        };
        for (operation, sender, target, expected) in [
            (1, 2, 1, "Who has 10.0.0.1? Tell 10.0.0.2"),
            (1, 0, 1, "Who has 10.0.0.1? (probe)"),
            (1, 2, 2, "Announcement: 10.0.0.2 is at 00:00:00:00:00:09"),
            (2, 2, 1, "10.0.0.2 is at 00:00:00:00:00:09"),
            (77, 2, 1, "ARP operation 77"),
        ] {
            let bytes = message(operation, sender, target);
            assert_eq!(line(decoded, &bytes).as_deref(), Some(expected));
        }
        assert_eq!(
            line(decoded, &[0; 5]).as_deref(),
            Some("ARP about other addresses than IPv4 over Ethernet, or cut")
        );
    }

    #[test]
    fn without_ip() {
        let other = Decoded {
            network: Network::Other,
            ethertype: Some(0x88b5),
            ..Decoded::default()
        };
        assert_eq!(line(other, b"").as_deref(), Some("EtherType 0x88b5 Len=0"));
        let named = Decoded {
            ethertype: Some(0x88f7),
            ..other
        };
        assert_eq!(
            line(named, b"").as_deref(),
            Some("Precision time (PTP) Len=0")
        );
        assert_eq!(
            line(Decoded::default(), b"x").as_deref(),
            Some("ETHERNET frame Len=1")
        );
    }
}
