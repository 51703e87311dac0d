//! Every link type on bytes written out here, then on any bytes.

use std::net::{IpAddr, Ipv4Addr};

use netloom_packet::{LinkType, MacAddr, Packet, Timestamp};
use proptest::prelude::*;

use crate::{DecodeOptions, Decoded, Network, StopKind, TunnelKind, decode};

/// An IPv4 datagram of 28 bytes: UDP from 192.0.2.1 port 1234 to 198.51.100.2 port 53.
const UDP: [u8; 28] = [
    0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2, 0x04, 0xd2, 0, 53, 0,
    8, 0, 0,
];
/// The same over IPv6, from 2001:db8::1 to 2001:db8::2.
const UDP6: [u8; 48] = [
    0x60, 0, 0, 0, 0, 8, 17, 64, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20,
    0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x04, 0xd2, 0, 53, 0, 8, 0, 0,
];
const DST: [u8; 6] = [0x02, 0, 0, 0, 0, 0x0d];
const SRC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x05];

fn run(link_type: LinkType, data: &[u8]) -> Decoded {
    run_cut(link_type, data, data.len())
}

fn run_cut(link_type: LinkType, data: &[u8], wire_len: usize) -> Decoded {
    let packet = Packet {
        number: 1,
        timestamp: Timestamp::from_nanos(0),
        link_type,
        interface: 0,
        wire_len: wire_len as u32,
        data,
    };
    decode(&packet, DecodeOptions::default())
}

/// Decodes `header` with the datagram behind it and checks that the datagram was reached.
#[track_caller]
fn reaches_udp(link_type: LinkType, header: &[u8]) -> Decoded {
    let decoded = run(link_type, &[header, &UDP].concat());
    assert_eq!(decoded.stopped, None, "{link_type}");
    assert_eq!(decoded.network, Network::Ipv4, "{link_type}");
    let ip = decoded.ip.unwrap();
    assert_eq!(
        ip.src,
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        "{link_type}"
    );
    assert_eq!(ip.offset as usize, header.len(), "{link_type}");
    assert_eq!(
        (decoded.src_port, decoded.dst_port),
        (1234, 53),
        "{link_type}"
    );
    decoded
}

#[track_caller]
fn reaches_udp6(link_type: LinkType, header: &[u8]) {
    let decoded = run(link_type, &[header, &UDP6].concat());
    assert_eq!(
        (decoded.network, decoded.dst_port),
        (Network::Ipv6, 53),
        "{link_type}"
    );
}

fn ethernet(tail: &[u8]) -> Vec<u8> {
    [&DST, &SRC, tail].concat()
}

#[test]
fn ethernet_ii_and_padding() {
    let mut frame = [ethernet(&[8, 0]), UDP.to_vec()].concat();
    frame.resize(60, 0xee);
    let decoded = run(LinkType::ETHERNET, &frame);
    assert_eq!(decoded.src_mac, Some(MacAddr(SRC)));
    assert_eq!(decoded.dst_mac, Some(MacAddr(DST)));
    assert_eq!(decoded.ethertype, Some(0x0800));
    assert_eq!(decoded.dst_port, 53);
    assert_eq!((decoded.payload_len, decoded.payload_wire_len), (0, 0));
    reaches_udp6(LinkType::ETHERNET, &ethernet(&[0x86, 0xdd]));
}

#[test]
fn ethernet_cut_and_too_short() {
    let frame = ethernet(&[8, 0]);
    let cut = run_cut(LinkType::ETHERNET, &frame[..10], 60)
        .stopped
        .unwrap();
    assert_eq!(
        (cut.kind, cut.needed, cut.found),
        (StopKind::CutBySnapLength, 14, 10)
    );
    let short = run(LinkType::ETHERNET, &frame[..10]).stopped.unwrap();
    assert_eq!(short.kind, StopKind::Truncated);
    let between = run(LinkType::ETHERNET, &ethernet(&[0x05, 0xdd, 0, 0]))
        .stopped
        .unwrap();
    assert_eq!((between.kind, between.needed), (StopKind::BadLength, 1501));
}

#[test]
fn ieee_802_3_with_llc_and_snap() {
    reaches_udp(
        LinkType::ETHERNET,
        &ethernet(&[0, 36, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0]),
    );
    reaches_udp(LinkType::ETHERNET, &ethernet(&[0, 31, 6, 6, 3]));
    for (tail, network) in [
        (&[0, 38, 0x42, 0x42, 3][..], Network::Stp),
        (
            &[0, 20, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0x00],
            Network::Cdp,
        ),
        (
            &[0, 20, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x01, 0x0b],
            Network::Stp,
        ),
        (
            &[0, 20, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0x04],
            Network::Dtp,
        ),
        (
            &[0, 20, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0x03],
            Network::Vtp,
        ),
        (
            &[0, 20, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x01, 0x11],
            Network::Udld,
        ),
        (
            &[0, 20, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x01, 0x04],
            Network::Pagp,
        ),
        (
            &[0, 20, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x01, 0x02],
            Network::Other,
        ),
        (&[0, 20, 0xfe, 0xfe, 3, 0x83], Network::Osi),
        (&[0, 30, 0xff, 0xff, 0, 30], Network::Ipx),
        (&[0, 30, 0xe0, 0xe0, 3, 0xff, 0xff], Network::Ipx),
        (&[0, 30, 0xf0, 0xf0, 3], Network::NetBeui),
        (&[0, 30, 0x04, 0x04, 3], Network::Other),
        (&[0x88, 0xcc, 2, 7], Network::Lldp),
        (&[0x88, 0x8e, 2, 0], Network::Eapol),
        (&[0x88, 0x09, 1], Network::SlowProtocols),
        (&[0x90, 0x00, 0], Network::Loopback),
        (&[0x81, 0x37, 0xff], Network::Ipx),
        (&[0x88, 0x63, 0x11, 9], Network::PppoeDiscovery),
        (&[0x12, 0x34, 0], Network::Other),
    ] {
        let decoded = run(LinkType::ETHERNET, &ethernet(tail));
        assert_eq!(decoded.network, network, "{tail:02x?}");
        assert_eq!(decoded.stopped, None, "{tail:02x?}");
    }
    // The length field bounds the payload.
    let mut frame = ethernet(&[0, 5, 0x42, 0x42, 3, 1, 2]);
    frame.resize(60, 0);
    assert_eq!(run(LinkType::ETHERNET, &frame).payload_len, 2);
}

#[test]
fn tags() {
    let one = reaches_udp(LinkType::ETHERNET, &ethernet(&[0x81, 0, 0xe0, 5, 8, 0]));
    assert_eq!(one.vlans.as_slice(), [5]);
    assert_eq!(one.ethertype, Some(0x0800));
    let two = [0x88, 0xa8, 0, 7, 0x91, 0, 0, 8, 0x81, 0, 0, 9, 8, 0];
    assert_eq!(
        reaches_udp(LinkType::ETHERNET, &ethernet(&two))
            .vlans
            .as_slice(),
        [7, 8, 9]
    );
    // A length behind the tag.
    reaches_udp(
        LinkType::ETHERNET,
        &ethernet(&[0x81, 0, 0, 5, 0, 36, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0]),
    );
    // VN-Tag, R-TAG, Cisco MetaData, MACsec that only protects (with an ICV behind).
    reaches_udp(
        LinkType::ETHERNET,
        &ethernet(&[0x89, 0x26, 0, 1, 2, 3, 8, 0]),
    );
    reaches_udp(
        LinkType::ETHERNET,
        &ethernet(&[0xf1, 0xc1, 0, 0, 0, 9, 8, 0]),
    );
    reaches_udp(
        LinkType::ETHERNET,
        &ethernet(&[0x89, 0x09, 1, 1, 0, 1, 0, 2, 8, 0]),
    );
    let macsec = ethernet(&[
        0x88, 0xe5, 0x20, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 0,
    ]);
    let decoded = run(LinkType::ETHERNET, &[&macsec[..], &UDP, &[0; 16]].concat());
    assert_eq!(decoded.dst_port, 53);
    let encrypted = run(
        LinkType::ETHERNET,
        &ethernet(&[0x88, 0xe5, 0x0c, 0, 0, 0, 0, 1, 9, 9]),
    );
    assert_eq!(
        (encrypted.network, encrypted.ethertype),
        (Network::Other, Some(0x88e5))
    );
}

#[test]
fn inner_ethernet() {
    let inner = [&[1_u8; 6][..], &[3; 6], &[0x81, 0, 0, 99, 8, 0]].concat();
    let with =
        |outer: &[u8]| reaches_udp(LinkType::ETHERNET, &[&ethernet(outer), &inner[..]].concat());
    let pbb = with(&[0x88, 0xa8, 0, 3, 0x88, 0xe7, 0, 0, 0x12, 0x34]);
    assert_eq!(pbb.src_mac, Some(MacAddr(SRC)));
    assert_eq!(
        pbb.vlans.as_slice(),
        [3],
        "the customer's tags are not the frame's"
    );
    assert_eq!(pbb.ethertype, Some(0x88e7));
    let tunnel = pbb.tunnels.as_slice()[0];
    assert_eq!(
        (tunnel.kind, tunnel.id, tunnel.ip_offset),
        (TunnelKind::Pbb, 0x1234, u16::MAX)
    );
    // TRILL, FabricPath, transparent Ethernet, NSH, Cisco ISL.
    assert_eq!(
        with(&[0x22, 0xf3, 0, 0x3f, 0, 1, 0, 2]).src_mac,
        Some(MacAddr(SRC))
    );
    with(&[0x89, 0x03, 0, 0x60]);
    with(&[0x65, 0x58]);
    with(&[0x89, 0x4f, 0, 2, 1, 3, 0, 0, 1, 0xff]);
    let isl = [
        1, 0, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 60, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0, 20, 0, 1, 0, 0,
    ];
    let decoded = reaches_udp(LinkType::ETHERNET, &[&isl, &ethernet(&[8, 0])[..]].concat());
    assert_eq!(decoded.vlans.as_slice(), [10]);
    assert_eq!(decoded.src_mac, Some(MacAddr(SRC)));
}

#[test]
fn mpls_by_content() {
    let stack = [0x88, 0x47, 0, 1, 0x00, 64, 0, 2, 0x01, 64];
    let decoded = reaches_udp(LinkType::ETHERNET, &ethernet(&stack));
    assert_eq!(decoded.ethertype, Some(0x8847));
    let tunnel = decoded.tunnels.as_slice()[0];
    assert_eq!((tunnel.kind, tunnel.id), (TunnelKind::Mpls, 0x20));
    reaches_udp6(LinkType::ETHERNET, &ethernet(&stack));
    // Pseudowires: with a control word, without one, and without one to an address 00:….
    for control_and_destination in [
        &[0, 0, 0, 1, 0x40, 0, 0, 0, 0, 1][..],
        &[0x40, 0, 0, 0, 0, 1],
        &[0, 0x1b, 0x21, 0, 0, 1],
        &[0x62, 0, 0, 0, 0, 1],
    ] {
        let header = [&stack[..], control_and_destination, &SRC, &[8, 0]].concat();
        reaches_udp(LinkType::ETHERNET, &ethernet(&header));
    }
    let channel = run(
        LinkType::ETHERNET,
        &ethernet(&[&stack[..], &[0x10, 0, 0, 7, 1]].concat()),
    );
    assert_eq!(channel.network, Network::Other);
    let endless = run(
        LinkType::ETHERNET,
        &ethernet(&[&[0x88, 0x47][..], &[0; 400]].concat()),
    );
    assert_eq!(endless.network, Network::Other);
}

#[test]
fn pppoe() {
    let session = [0x88, 0x64, 0x11, 0, 0x12, 0x34, 0, 30, 0, 0x21];
    let decoded = reaches_udp(LinkType::ETHERNET, &ethernet(&session));
    let tunnel = decoded.tunnels.as_slice()[0];
    assert_eq!((tunnel.kind, tunnel.id), (TunnelKind::Pppoe, 0x1234));
    let lcp = run(
        LinkType::PPP_ETHER,
        &[0x11, 0, 0, 1, 0, 6, 0xc0, 0x21, 1, 1, 0, 4],
    );
    assert_eq!((lcp.network, lcp.payload_len), (Network::PppControl, 4));
    let wrong = run(LinkType::PPP_ETHER, &[0x21, 0, 0, 1, 0, 6, 0, 0x21])
        .stopped
        .unwrap();
    assert_eq!(wrong.kind, StopKind::BadVersion);
}

#[test]
fn headers_without_variants() {
    let snap = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    let cooked = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 5, 0, 0, 8, 0];
    assert_eq!(
        reaches_udp(LinkType::LINUX_SLL, &cooked).src_mac,
        Some(MacAddr(SRC))
    );
    let cooked2 = [8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 5, 0, 0];
    assert_eq!(
        reaches_udp(LinkType::LINUX_SLL2, &cooked2).src_mac,
        Some(MacAddr(SRC))
    );
    let fc = [[0x10, 0].as_slice(), &DST, &[0x10, 0], &SRC, &snap].concat();
    assert_eq!(
        reaches_udp(LinkType::IP_OVER_FC, &fc).src_mac,
        Some(MacAddr(SRC))
    );
    let fddi = [&[0x57], &ethernet(&snap)[..]].concat();
    assert_eq!(
        reaches_udp(LinkType::FDDI, &fddi).dst_mac,
        Some(MacAddr(DST))
    );
    let ring = [&[0x10, 0x40], &ethernet(&snap)[..]].concat();
    assert_eq!(
        reaches_udp(LinkType::TOKEN_RING, &ring).dst_mac,
        Some(MacAddr(DST))
    );
    let mut routed = ring.clone();
    routed[8] |= 0x80;
    routed.splice(14..14, [0x06, 0x30, 0, 0x11, 0, 0x20]);
    assert_eq!(
        reaches_udp(LinkType::TOKEN_RING, &routed).src_mac,
        Some(MacAddr(SRC))
    );
    let dsa = ethernet(&[0x40, 0, 0, 0, 8, 0]);
    let edsa = ethernet(&[0xda, 0xda, 0, 0, 0x40, 0, 0, 0, 8, 0]);
    let mut upper_pdu = vec![0, 12, 0, 4];
    upper_pdu.extend_from_slice(b"ip\0\0");
    upper_pdu.extend_from_slice(&[0, 0, 0, 0]);
    let mut pktap = vec![0; 108];
    (pktap[0], pktap[4], pktap[8]) = (108, 1, 1);
    pktap.extend(ethernet(&[8, 0]));
    let mut pflog = vec![0; 64];
    (pflog[0], pflog[1]) = (61, 2);
    let mut slip = vec![0; 16];
    slip[1] = 0x40;
    let nflog = [2, 0, 0, 0, 8, 0, 1, 0, 8, 0, 1, 3, 32, 0, 9, 0];
    let nflog_big = [2, 0, 0, 0, 0, 8, 0, 1, 8, 0, 1, 3, 0, 32, 0, 9];
    let firewire = [&[1; 8][..], &[2; 8], &[8, 0]].concat();
    for (link_type, header) in [
        (LinkType::RAW, &[][..]),
        (LinkType(12), &[]),
        (LinkType::IPV4, &[]),
        (LinkType::NULL, &[2, 0, 0, 0]),
        (LinkType::NULL, &[0, 0, 0, 2]),
        (LinkType::NULL, &[0, 2, 0, 0]),
        (LinkType::LOOP, &[0, 0, 0, 2]),
        (LinkType::PPP, &[0xff, 3, 0, 0x21]),
        (LinkType::PPP, &[0, 0x21]),
        (LinkType::PPP, &[0x21]),
        (LinkType::PPP_HDLC, &[0x0f, 0, 8, 0]),
        (LinkType::PPP_WITH_DIR, &[1, 0xff, 3, 0, 0x21]),
        (LinkType::PPP_PPPD, &[0, 3, 0, 0x21]),
        (LinkType::PPP_PPPD, &[0, 0xff, 3, 0, 0x21]),
        (LinkType::PPP, &[0xff, 3, 0, 0x3d, 0xc0, 0, 0, 1, 0, 0x21]),
        (LinkType::C_HDLC, &[0x0f, 0, 8, 0]),
        (LinkType::C_HDLC_WITH_DIR, &[1, 0x0f, 0, 8, 0]),
        (LinkType::FRELAY, &[0x18, 0x41, 3, 0xcc]),
        (LinkType::FRELAY, &[0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0]),
        (LinkType::FRELAY, &[0x18, 0x40, 0x40, 0x01, 3, 0xcc]),
        (LinkType::FRELAY, &[0x18, 0x40, 0x01, 8, 0]),
        (LinkType::FRELAY_WITH_DIR, &[0, 0x18, 0x41, 3, 0xcc]),
        (LinkType::ATM_RFC1483, &snap),
        (LinkType::ATM_RFC1483, &[0xfe, 0xfe, 3, 0xcf, 0, 0x21]),
        (
            LinkType::SUNATM,
            &[2, 0, 0, 40, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0],
        ),
        (LinkType::ARCNET_LINUX, &[1, 2, 0, 0, 0xd4, 0, 0, 1]),
        (LinkType::ARCNET_LINUX, &[1, 2, 0, 0, 0xf0]),
        (LinkType::DSA_TAG_DSA, &dsa),
        (LinkType::DSA_TAG_BRCM, &dsa),
        (LinkType::DSA_TAG_EDSA, &edsa),
        (
            LinkType::DSA_TAG_BRCM_PREPEND,
            &[&[0; 4], &ethernet(&[8, 0])[..]].concat(),
        ),
        (LinkType::WIRESHARK_UPPER_PDU, &upper_pdu),
        (LinkType::PKTAP, &pktap),
        (LinkType(149), &pktap),
        (LinkType::PFLOG, &pflog),
        (LinkType::SLIP, &slip),
        (LinkType::NFLOG, &nflog),
        (LinkType::NFLOG, &nflog_big),
        (LinkType::APPLE_IP_OVER_IEEE1394, &firewire),
    ] {
        reaches_udp(link_type, header);
    }
    for (link_type, header) in [
        (LinkType::RAW, &[][..]),
        (LinkType::IPV6, &[]),
        (LinkType::NULL, &[10, 0, 0, 0]),
        (LinkType::NULL, &[0, 0, 0, 23]),
        (LinkType::NULL, &[24, 0, 0, 0]),
        (LinkType::NULL, &[28, 0, 0, 0]),
        (LinkType::NULL, &[0, 0, 0, 30]),
        (LinkType::PPP, &[0, 0x57]),
        (LinkType::FRELAY, &[0x18, 0x41, 3, 0x8e]),
    ] {
        reaches_udp6(link_type, header);
    }
}

#[test]
fn frames_with_check_sequences() {
    let frame = [ethernet(&[8, 0]), UDP.to_vec(), vec![1, 2, 3, 4]].concat();
    for (link_type, header) in [
        (LinkType::NETANALYZER, &[0; 4][..]),
        (LinkType::NETANALYZER_TRANSPARENT, &[0; 12]),
        (
            LinkType::ETHERNET_MPACKET,
            &[0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0xd5],
        ),
    ] {
        let decoded = run(link_type, &[header, &frame].concat());
        assert_eq!(
            (decoded.dst_port, decoded.payload_wire_len),
            (53, 0),
            "{link_type}"
        );
    }
}

#[test]
fn cooked_kernel_numbers() {
    let netlink = [0, 4, 0x03, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 1, 2];
    assert_eq!(run(LinkType::LINUX_SLL, &netlink).network, Network::Other);
    let llc = [
        0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0x42, 0x42, 3, 0,
    ];
    assert_eq!(run(LinkType::LINUX_SLL, &llc).network, Network::Stp);
    let ipx = [
        0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 3, 0,
    ];
    assert_eq!(run(LinkType::LINUX_SLL, &ipx).network, Network::Ipx);
}

#[test]
fn ieee_802_11_data() {
    const BSSID: [u8; 6] = [0x02, 0, 0, 0, 0, 0x0b];
    const SNAP: [u8; 8] = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    let header = |control: [u8; 2], a: [u8; 6], b: [u8; 6], c: [u8; 6]| {
        [&control[..], &[0, 0], &a, &b, &c, &[0x10, 0]].concat()
    };
    let from_ap = header([0x08, 0x02], DST, BSSID, SRC);
    let to_ap = header([0x08, 0x01], BSSID, SRC, DST);
    let ad_hoc = header([0x08, 0x00], DST, SRC, BSSID);
    let mut bridged = header([0x08, 0x03], BSSID, BSSID, DST);
    bridged.extend(SRC);
    let mut qos = header([0x88, 0x01], BSSID, SRC, DST);
    qos.extend([0, 0]);
    let mut high_throughput = header([0x88, 0x81], BSSID, SRC, DST);
    high_throughput.extend([0, 0, 1, 2, 3, 4]);
    for frame in [&from_ap, &to_ap, &ad_hoc, &bridged, &qos, &high_throughput] {
        let decoded = reaches_udp(LinkType::IEEE802_11, &[&frame[..], &SNAP].concat());
        assert_eq!(decoded.dst_mac, Some(MacAddr(DST)));
        assert_eq!(decoded.src_mac, Some(MacAddr(SRC)));
        assert_eq!(decoded.ethertype, Some(0x0800));
    }
    // An aggregate.
    let mut aggregate = header([0x88, 0x01], BSSID, SRC, BSSID);
    aggregate.extend([0x80, 0]);
    aggregate.extend(DST);
    aggregate.extend(SRC);
    aggregate.extend([0, 36]);
    reaches_udp(LinkType::IEEE802_11, &[&aggregate[..], &SNAP].concat());
    // Encrypted; no data; management; control; a later fragment.
    for (control, network) in [
        ([0x08, 0x41], Network::WlanEncrypted),
        ([0x48, 0x01], Network::WlanControl),
        ([0x80, 0x00], Network::WlanControl),
        ([0xb4, 0x00], Network::WlanControl),
    ] {
        let frame = [header(control, BSSID, SRC, DST), vec![9; 30]].concat();
        assert_eq!(
            run(LinkType::IEEE802_11, &frame).network,
            network,
            "{control:02x?}"
        );
    }
    // Radiotap with a timer, a check sequence and a padded header.
    let mut radiotap = vec![0, 0, 17, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x30];
    radiotap.extend(&qos);
    radiotap.extend([0, 0]);
    radiotap.extend(SNAP);
    radiotap.extend(UDP);
    radiotap.extend([1, 2, 3, 4]);
    let decoded = run(LinkType::IEEE802_11_RADIOTAP, &radiotap);
    assert_eq!((decoded.dst_port, decoded.payload_wire_len), (53, 0));
    // Prism and AVS (each under Prism's link type), PPI with its 802.11 field.
    let mut prism = vec![0; 144];
    (prism[0], prism[4]) = (0x44, 144);
    prism.extend(&to_ap);
    reaches_udp(LinkType::IEEE802_11_PRISM, &[&prism[..], &SNAP].concat());
    let mut avs = vec![0; 64];
    avs[..8].copy_from_slice(&[0x80, 0x21, 0x10, 0x01, 0, 0, 0, 64]);
    avs.extend(&to_ap);
    reaches_udp(LinkType::IEEE802_11_PRISM, &[&avs[..], &SNAP].concat());
    reaches_udp(LinkType::IEEE802_11_AVS, &[&avs[..], &SNAP].concat());
    let mut ppi = vec![0, 0, 32, 0, 105, 0, 0, 0, 2, 0, 20, 0];
    ppi.extend([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    ppi.extend(&to_ap);
    ppi.extend(SNAP);
    let decoded = run(LinkType::PPI, &[&ppi[..], &UDP, &[1, 2, 3, 4]].concat());
    assert_eq!((decoded.dst_port, decoded.payload_wire_len), (53, 0));
}

#[test]
fn juniper() {
    let magic = [0x4d, 0x47, 0x43];
    let with = |flags: u8, rest: &[u8]| [&magic[..], &[flags], rest].concat();
    for (link_type, header) in [
        (LinkType::JUNIPER_ETHER, with(1, &ethernet(&[8, 0]))),
        (
            LinkType::JUNIPER_ETHER,
            with(0x81, &[&[0, 3, 1, 1, 9], &ethernet(&[8, 0])[..]].concat()),
        ),
        (LinkType::JUNIPER_PPP, with(1, &[0xff, 3, 0, 0x21])),
        (LinkType::JUNIPER_CHDLC, with(1, &[0x0f, 0, 8, 0])),
        (LinkType::JUNIPER_FRELAY, with(1, &[0x18, 0x41, 3, 0xcc])),
        (LinkType::JUNIPER_GGSN, with(1, &[0, 0, 2, 0, 0, 0, 0, 0])),
        (LinkType::JUNIPER_SERVICES, with(1, &[0; 8])),
        (LinkType::JUNIPER_MLPPP, with(1, &[0x54, 0, 0, 0, 0, 0x21])),
        (
            LinkType::JUNIPER_MLPPP,
            with(1, &[0x47, 0, 0, 0, 0, 0, 0, 0]),
        ),
        (LinkType::JUNIPER_MLFR, with(1, &[0x54, 0, 0, 0, 3, 0xcc])),
        (
            LinkType::JUNIPER_ATM1,
            with(1, &[0, 0, 0, 0, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0]),
        ),
        (LinkType::JUNIPER_ATM2, with(1, &[0; 8])),
        (LinkType::JUNIPER_ETHER, with(3, &[2, 0, 0, 0])),
    ] {
        reaches_udp(link_type, &header);
    }
    let other = run(LinkType::JUNIPER_ETHER, &[1, 2, 3, 4, 5])
        .stopped
        .unwrap();
    assert_eq!(other.kind, StopKind::BadVersion);
}

#[test]
fn link_types_that_are_not_decoded_say_so() {
    for link_type in [
        LinkType::USB_LINUX,
        LinkType::NETLINK,
        LinkType::DVB_CI,
        LinkType(9999),
    ] {
        let stop = run(link_type, &UDP).stopped.unwrap();
        assert_eq!(
            (stop.kind, stop.needed),
            (StopKind::Unsupported, link_type.0.into())
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Any bytes of any link type: no panic, and every offset lies inside the packet.
    #[test]
    fn any_bytes(link_type in 0_u16..300, data in prop::collection::vec(any::<u8>(), 0..200), more in 0_usize..50) {
        inside(&data, &run_cut(LinkType(link_type), &data, data.len() + more));
    }

    /// The same behind a plausible Ethernet header, where the steps nest.
    #[test]
    fn any_ethertypes(types in prop::collection::vec(prop::sample::select(vec![
        0x8100_u16, 0x88a8, 0x8847, 0x8864, 0x88e7, 0x8926, 0xf1c1, 0x8909, 0x88e5, 0x8903, 0x22f3,
        0x894f, 0x6558, 0x880b, 0x0806, 0x0800, 0x86dd, 0x002e,
    ]), 1..8), filler in prop::collection::vec(any::<u8>(), 0..120)) {
        let mut data = vec![2; 12];
        let mut filler = filler.into_iter();
        for ethertype in types {
            data.extend(ethertype.to_be_bytes());
            data.extend(filler.by_ref().take(4));
        }
        data.extend(filler);
        inside(&data, &run(LinkType::ETHERNET, &data));
    }
}

#[track_caller]
fn inside(data: &[u8], decoded: &Decoded) {
    let end = decoded.payload_offset as usize + decoded.payload_len as usize;
    assert!(end <= data.len());
    assert!(decoded.payload_len <= decoded.payload_wire_len);
    if let Some(ip) = decoded.ip {
        assert!((ip.offset as usize) < data.len());
    }
    if let Some(stop) = decoded.stopped {
        assert!(stop.offset as usize <= data.len());
    }
}

#[test]
fn tags_of_bridge_extenders_and_of_switches_with_a_clock() {
    let tagged = |tag: &[u8]| [ethernet(tag), vec![0x08, 0x00]].concat();
    // 802.1BR: priority and ingress, egress, extensions of both.
    reaches_udp(
        LinkType::ETHERNET,
        &tagged(&[0x89, 0x3f, 0, 0, 0x10, 0x20, 0, 0]),
    );
    // Arista's time stamps of 8 and of 6 bytes.
    reaches_udp(
        LinkType::ETHERNET,
        &tagged(&[0xd2, 0x8b, 0, 1, 0, 0x10, 1, 2, 3, 4, 5, 6, 7, 8]),
    );
    reaches_udp(
        LinkType::ETHERNET,
        &tagged(&[0xd2, 0x8b, 0, 1, 1, 0x20, 1, 2, 3, 4, 5, 6]),
    );
    // Another subtype, and a tag that was cut.
    let other = run(
        LinkType::ETHERNET,
        &ethernet(&[0xd2, 0x8b, 0, 9, 0, 0x10, 1, 2]),
    );
    assert_eq!(
        (other.network, other.ethertype),
        (Network::Other, Some(0xd28b))
    );
    let cut = run(
        LinkType::ETHERNET,
        &ethernet(&[0xd2, 0x8b, 0, 1, 0, 0x10, 1, 2]),
    );
    assert_eq!(cut.stopped.unwrap().kind, StopKind::Truncated);
}

#[test]
fn ip_over_infiniband_and_solaris() {
    let mut ipoib = [0; 44];
    ipoib[40] = 0x08;
    let decoded = reaches_udp(LinkType::IPOIB, &ipoib);
    assert_eq!(decoded.ethertype, Some(0x0800));
    assert!(run(LinkType::IPOIB, &ipoib[..43]).stopped.is_some());
    let mut ipnet = [0; 24];
    (ipnet[0], ipnet[1]) = (1, 2);
    reaches_udp(LinkType::IPNET, &ipnet);
    ipnet[1] = 26;
    reaches_udp6(LinkType::IPNET, &ipnet);
    ipnet[1] = 99;
    assert_eq!(run(LinkType::IPNET, &ipnet).network, Network::Other);
    assert!(run(LinkType::IPNET, &ipnet[..23]).stopped.is_some());
}

#[test]
fn what_the_version_says_counts_where_the_link_type_says_otherwise() {
    reaches_udp6(LinkType::IPV4, &[]);
    reaches_udp(LinkType::IPV6, &[]);
    // BSD loopback with a hardware type in front of the EtherType.
    reaches_udp(LinkType::NULL, &[0x0f, 0, 0x08, 0]);
    reaches_udp6(LinkType::NULL, &[0x0f, 0, 0x86, 0xdd]);
}
