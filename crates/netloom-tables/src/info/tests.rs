//! Lines of packets that are made here.

use std::net::Ipv6Addr;

use netloom_decode::{Decoded, Icmp, Layer};
use netloom_packet::{LinkType, Packet, Timestamp};

use super::*;

/// The line of a packet of these bytes.
fn line_of(decoded: &Decoded, data: &[u8]) -> Option<String> {
    let packet = Packet {
        number: 1,
        timestamp: Timestamp::from_nanos(0),
        link_type: LinkType::ETHERNET,
        interface: 0,
        wire_len: data.len() as u32,
        data,
    };
    info(&PacketRow::new(&packet, decoded))
}

/// The line of a packet whose payload is `data`.
fn line(decoded: Decoded, data: &[u8]) -> Option<String> {
    let decoded = Decoded {
        payload_len: data.len() as u32,
        payload_wire_len: data.len() as u32,
        ..decoded
    };
    line_of(&decoded, data)
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
        (1, v4(15, 0), "Information request id=7 seq=1"),
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
        let decoded = Decoded {
            payload_offset: 8,
            payload_len: 4,
            payload_wire_len: 4,
            ..over_ip(17, Transport::Udp, fragment)
        };
        line_of(&decoded, &data).unwrap()
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
