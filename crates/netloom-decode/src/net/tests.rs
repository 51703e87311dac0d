//! Literal headers; the builders serve the tests of `transport` and `tunnel` too.

use std::net::Ipv4Addr;

use netloom_packet::MacAddr;

use super::arp::Arp;
use crate::decoded::{Fragment, Layer, Network, Stop, StopKind, Transport};
use crate::walk::{decode, decode_ip};
use crate::{DecodeOptions, Decoded, TunnelKind};
use netloom_packet::{LinkType, Packet, Timestamp};

pub(crate) const SRC: [u8; 4] = [192, 0, 2, 1];
pub(crate) const DST: [u8; 4] = [198, 51, 100, 2];
pub(crate) const SRC6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
pub(crate) const DST6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

/// An IPv4 datagram with these flags and offset (the 16-bit field).
pub(crate) fn ipv4_fragment(protocol: u8, id: u16, field: u16, payload: &[u8]) -> Vec<u8> {
    let total = (20 + payload.len()) as u16;
    let mut bytes = vec![0x45, 0];
    bytes.extend(total.to_be_bytes());
    bytes.extend(id.to_be_bytes());
    bytes.extend(field.to_be_bytes());
    bytes.extend([64, protocol, 0, 0]);
    bytes.extend(SRC);
    bytes.extend(DST);
    let sum = crate::checksum::of(&bytes);
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub(crate) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_fragment(protocol, 7, 0, payload)
}

pub(crate) fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend((payload.len() as u16).to_be_bytes());
    bytes.extend([next_header, 64]);
    bytes.extend(SRC6);
    bytes.extend(DST6);
    bytes.extend(payload);
    bytes
}

pub(crate) fn udp(src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(src_port.to_be_bytes());
    bytes.extend(dst_port.to_be_bytes());
    bytes.extend((8 + payload.len() as u16).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    bytes
}

/// Ethernet in front of an IPv4 or IPv6 packet.
pub(crate) fn ethernet(ip: &[u8]) -> Vec<u8> {
    let ethertype = if ip[0] >> 4 == 4 {
        [0x08, 0x00]
    } else {
        [0x86, 0xdd]
    };
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], &ethertype[..], ip].concat()
}

pub(crate) fn from_ip(bytes: &[u8]) -> Decoded {
    decode_ip(bytes, bytes.len() as u32, DecodeOptions::default())
}

fn payload<'a>(bytes: &'a [u8], decoded: &Decoded) -> &'a [u8] {
    let start = decoded.payload_offset as usize;
    &bytes[start..start + decoded.payload_len as usize]
}

#[test]
fn ipv4_with_options_and_padding() {
    let mut bytes = vec![0x46, 0x28, 0, 34, 0x12, 0x34, 0x40, 0, 57, 17, 0, 0];
    bytes.extend(SRC);
    bytes.extend(DST);
    bytes.extend([0x94, 4, 0, 0]); // Router alert (RFC 2113).
    bytes.extend(udp(1000, 2000, b"hi"));
    bytes.extend([0; 12]); // Padding of the frame.
    let decoded = from_ip(&bytes);
    let ip = decoded.ip.unwrap();
    assert_eq!(ip.src, Ipv4Addr::from(SRC));
    assert_eq!(ip.dst, Ipv4Addr::from(DST));
    assert_eq!(
        (ip.header_len, ip.total_len, ip.ttl, ip.tos),
        (24, 34, 57, 0x28)
    );
    assert_eq!((ip.protocol, ip.fragment), (17, None));
    assert_eq!((decoded.src_port, decoded.dst_port), (1000, 2000));
    assert_eq!(payload(&bytes, &decoded), b"hi");
    assert_eq!(decoded.payload_wire_len, 2);
    assert_eq!(decoded.network, Network::Ipv4);
    assert_eq!(decoded.stopped, None);
}

#[test]
fn ipv4_lengths_that_make_no_sense() {
    let good = ipv4(17, &udp(1, 2, b"abcd"));
    let stop = |bytes: &[u8]| from_ip(bytes).stopped.unwrap();

    let mut short_header = good.clone();
    short_header[0] = 0x44;
    assert_eq!(
        stop(&short_header),
        Stop {
            layer: Layer::Ipv4,
            kind: StopKind::BadLength,
            offset: 0,
            needed: 16,
            found: 20
        }
    );
    assert_eq!(from_ip(&short_header).ip, None);

    let mut short_total = good.clone();
    short_total[2..4].copy_from_slice(&[0, 19]);
    assert_eq!(stop(&short_total).kind, StopKind::BadLength);

    // Longer than the wire had it: read as far as it goes.
    let mut long_total = good.clone();
    long_total[2..4].copy_from_slice(&[1, 0]);
    let decoded = from_ip(&long_total);
    assert_eq!(decoded.stopped.unwrap().kind, StopKind::BadLength);
    assert_eq!((decoded.src_port, decoded.dst_port), (1, 2));
    assert_eq!(decoded.ip.unwrap().total_len, 256);
    assert_eq!((decoded.payload_len, decoded.payload_wire_len), (4, 4));

    // 0: segmentation offload.
    let mut offload = good.clone();
    offload[2..4].copy_from_slice(&[0, 0]);
    let decoded = from_ip(&offload);
    assert_eq!(decoded.stopped, None);
    assert_eq!(decoded.ip.unwrap().total_len, good.len() as u32);

    assert_eq!(stop(&good[..19]).kind, StopKind::Truncated);
    assert_eq!(stop(&[0x55; 20]).kind, StopKind::BadVersion);
    assert_eq!(stop(&[]).kind, StopKind::Truncated);
}

#[test]
fn snap_length_is_told_from_malformed() {
    let good = ipv4(6, &[0; 1000]);
    let decoded = decode_ip(&good[..30], good.len() as u32, DecodeOptions::default());
    let stop = decoded.stopped.unwrap();
    assert_eq!(
        (stop.layer, stop.kind),
        (Layer::Tcp, StopKind::CutBySnapLength)
    );
    assert_eq!((stop.needed, stop.found), (20, 10));

    let good = ipv4(17, &udp(5, 6, &[1; 500]));
    let decoded = decode_ip(&good[..100], good.len() as u32, DecodeOptions::default());
    assert_eq!(decoded.stopped, None);
    assert_eq!((decoded.payload_len, decoded.payload_wire_len), (72, 500));
}

#[test]
fn ipv4_fragments() {
    let first = ipv4_fragment(17, 99, 0x2000, &udp(53, 1024, &[7; 16])[..16]);
    let decoded = from_ip(&first);
    assert_eq!((decoded.src_port, decoded.dst_port), (53, 1024));
    assert_eq!(decoded.transport, Transport::Udp);
    // The length field is the whole datagram's: nothing is wrong with it.
    assert_eq!(decoded.stopped, None);
    assert_eq!(
        decoded.ip.unwrap().fragment,
        Some(Fragment {
            id: 99,
            offset: 0,
            more: true,
            len: 16,
            data_offset: 20
        })
    );

    let later = ipv4_fragment(17, 99, 2, &[7; 8]);
    let decoded = from_ip(&later);
    assert_eq!((decoded.src_port, decoded.dst_port), (0, 0));
    assert_eq!(decoded.transport, Transport::None);
    assert_eq!(
        decoded.ip.unwrap().fragment,
        Some(Fragment {
            id: 99,
            offset: 16,
            more: false,
            len: 8,
            data_offset: 20
        })
    );
    assert_eq!((decoded.payload_offset, decoded.payload_len), (20, 8));
}

#[test]
fn tunnels_in_fragments_stay_closed() {
    let inner = ipv4(17, &udp(1, 2, b"inner"));
    let first = ipv4_fragment(4, 9, 0x2000, &inner[..32]);
    let decoded = from_ip(&first);
    assert!(decoded.tunnels.is_empty());
    assert_eq!(decoded.ip.unwrap().protocol, 4);
    assert!(decoded.ip.unwrap().fragment.is_some());
}

#[test]
fn ipv6_extension_headers() {
    let mut chain = vec![43, 0, 5, 2, 0, 0, 1, 0]; // Hop by hop: router alert, PadN.
    chain.extend([60, 0, 4, 0, 0, 0, 0, 0]); // Routing, no segments left.
    chain.extend([51, 0, 1, 4, 0, 0, 0, 0]); // Destination options.
    chain.extend([17, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9, 9, 9]); // AH.
    chain.extend(udp(546, 547, b"x"));
    let bytes = ipv6(0, &chain);
    let decoded = from_ip(&bytes);
    let ip = decoded.ip.unwrap();
    assert_eq!(decoded.stopped, None);
    assert_eq!((ip.protocol, ip.header_len, ip.total_len), (17, 80, 89));
    assert_eq!((decoded.src_port, decoded.dst_port), (546, 547));
    assert_eq!(payload(&bytes, &decoded), b"x");

    // A header that is longer than the packet.
    let bytes = ipv6(60, &[17, 4, 0, 0, 0, 0, 0, 0]);
    let stop = from_ip(&bytes).stopped.unwrap();
    assert_eq!(
        (stop.layer, stop.kind),
        (Layer::Ipv6Extension, StopKind::BadLength)
    );
    assert_eq!((stop.needed, stop.found), (40, 8));
}

#[test]
fn ipv6_ends_without_upper_layer() {
    let decoded = from_ip(&ipv6(59, b"ignored"));
    assert_eq!(
        (decoded.ip.unwrap().protocol, decoded.transport),
        (59, Transport::None)
    );
    // A binding update: mobility is the last header and the message itself.
    let decoded = from_ip(&ipv6(135, &[59, 0, 5, 0, 0, 0, 0, 0]));
    assert_eq!(
        (decoded.ip.unwrap().protocol, decoded.transport),
        (135, Transport::Other)
    );
    assert_eq!(decoded.payload_len, 8);
}

#[test]
fn ipv6_fragments_and_atomic_ones() {
    let datagram = udp(9, 10, &[3; 24]);
    let mut first = vec![17, 0, 0, 1, 0, 0, 1, 2];
    first.extend(&datagram[..16]);
    let decoded = from_ip(&ipv6(44, &first));
    assert_eq!((decoded.src_port, decoded.dst_port), (9, 10));
    assert_eq!(
        decoded.ip.unwrap().fragment,
        Some(Fragment {
            id: 0x102,
            offset: 0,
            more: true,
            len: 16,
            data_offset: 48
        })
    );
    let mut later = vec![17, 0, 0, 16, 0, 0, 1, 2];
    later.extend(&datagram[16..]);
    let decoded = from_ip(&ipv6(44, &later));
    assert_eq!((decoded.src_port, decoded.transport), (0, Transport::None));
    assert_eq!(
        decoded.ip.unwrap().fragment,
        Some(Fragment {
            id: 0x102,
            offset: 16,
            more: false,
            len: 16,
            data_offset: 48
        })
    );
    let mut atomic = vec![17, 0, 0, 0, 0, 0, 1, 2];
    atomic.extend(&datagram);
    let decoded = from_ip(&ipv6(44, &atomic));
    assert_eq!(decoded.ip.unwrap().fragment, None);
    assert_eq!(decoded.payload_len, 24);
}

#[test]
fn jumbograms() {
    let data = vec![0x55; 70_000];
    let mut chain = vec![17, 0, 0xc2, 4];
    chain.extend((8 + 8 + data.len() as u32).to_be_bytes());
    chain.extend([0, 1, 0, 2, 0, 0, 0, 0]);
    chain.extend(&data);
    let mut bytes = ipv6(0, &chain);
    bytes[4..6].copy_from_slice(&[0, 0]);
    bytes.extend([0; 6]); // Padding that the option tells from payload.
    let decoded = from_ip(&bytes);
    assert_eq!(decoded.stopped, None);
    assert_eq!(decoded.ip.unwrap().total_len, 40 + 16 + 70_000);
    assert_eq!((decoded.src_port, decoded.payload_len), (1, 70_000));
}

#[test]
fn authentication_header_over_ipv4() {
    let mut bytes = vec![6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    bytes.extend([9; 12]);
    bytes.extend([
        0, 22, 0xc0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0,
    ]);
    let decoded = from_ip(&ipv4(51, &bytes));
    assert_eq!((decoded.src_port, decoded.dst_port), (22, 0xc000));
    let ip = decoded.ip.unwrap();
    assert_eq!((ip.protocol, ip.header_len), (6, 44));
}

#[test]
fn arp_request() {
    let message = [
        0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 9,
    ];
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1, 8, 6]);
    frame.extend(message);
    frame.extend([0; 18]);
    let packet = Packet {
        number: 1,
        timestamp: Timestamp::from_nanos(0),
        link_type: LinkType::ETHERNET,
        interface: 0,
        wire_len: frame.len() as u32,
        data: &frame,
    };
    let decoded = decode(&packet, DecodeOptions::default());
    assert_eq!(
        (decoded.network, decoded.payload_offset, decoded.payload_len),
        (Network::Arp, 14, 28)
    );
    assert_eq!(decoded.stopped, None);
    let arp = Arp::parse(payload(&frame, &decoded)).unwrap();
    assert_eq!(decoded.arp(&frame), Some(arp));
    assert_eq!(decoded.arp(&frame[..41]), None);
    assert_eq!(arp.operation, Arp::REQUEST);
    assert_eq!(arp.sender_mac, MacAddr([2, 0, 0, 0, 0, 1]));
    assert_eq!(arp.sender_ip, Ipv4Addr::new(192, 0, 2, 1));
    assert_eq!(arp.target_ip, Ipv4Addr::new(192, 0, 2, 9));
    assert!(!arp.is_gratuitous() && !arp.is_probe());
    assert_eq!(Arp::parse(&message[..27]), None);
}

#[test]
fn what_a_tunnel_leads_nowhere_stays_with_its_carrier() {
    // IP in IP whose inner header is cut.
    let decoded = from_ip(&ipv4(4, &[0x45, 0, 0, 20]));
    assert!(decoded.tunnels.is_empty());
    assert_eq!(decoded.ip.unwrap().protocol, 4);
    assert_eq!(decoded.transport, Transport::Other);
    let stop = decoded.stopped.unwrap();
    assert_eq!(
        (stop.layer, stop.offset, stop.kind),
        (Layer::Ipv4, 20, StopKind::Truncated)
    );
    // And one deeper than is opened.
    let mut packet = ipv4(17, &udp(1, 2, b""));
    for _ in 0..7 {
        packet = ipv4(4, &packet);
    }
    let decoded = from_ip(&packet);
    assert_eq!(decoded.tunnels.len(), 6);
    assert!(
        decoded
            .tunnels
            .as_slice()
            .iter()
            .all(|tunnel| tunnel.kind == TunnelKind::IpIp)
    );
    assert_eq!(decoded.tunnels.as_slice()[5].ip_offset, 100);
    assert_eq!(decoded.ip.unwrap().offset, 120);
    assert_eq!(decoded.stopped.unwrap().kind, StopKind::TooDeep);
}
