//! Each tunnel around the same inner packet, and what must not be taken for one.

use crate::decoded::{Layer, StopKind, Transport, TunnelKind, TunnelSet};
use crate::net::tests::{DST, ethernet, from_ip, ipv4, ipv6, udp};
use crate::walk::decode_ip;
use crate::{DecodeOptions, Decoded};

fn inner() -> Vec<u8> {
    ipv4(17, &udp(1111, 2222, b"inner payload"))
}

fn inner6() -> Vec<u8> {
    ipv6(17, &udp(1111, 2222, b"inner payload"))
}

/// The packet is opened to `inner`, which ends it, through one tunnel.
#[track_caller]
fn opens(packet: &[u8], kind: TunnelKind, id: u32) -> Decoded {
    let decoded = from_ip(packet);
    assert_eq!(decoded.stopped, None, "{decoded:?}");
    let [tunnel] = decoded.tunnels.as_slice() else {
        panic!("{decoded:?}")
    };
    assert_eq!((tunnel.kind, tunnel.id, tunnel.ip_offset), (kind, id, 0));
    assert_eq!((decoded.src_port, decoded.dst_port), (1111, 2222));
    let start = decoded.payload_offset as usize;
    assert_eq!(
        &packet[start..start + decoded.payload_len as usize],
        b"inner payload"
    );
    // Closed, it belongs to the outer addresses.
    let closed = DecodeOptions {
        tunnels: TunnelSet::ALL.without(kind),
    };
    let outer = decode_ip(packet, packet.len() as u32, closed);
    assert_eq!(outer.ip.map(|ip| ip.offset), Some(0));
    assert!(outer.tunnels.is_empty() && outer.stopped.is_none());
    // Cut anywhere, what is there is outer or inner, and in bounds.
    for cut in 0..packet.len() {
        let decoded = decode_ip(
            &packet[..cut],
            packet.len() as u32,
            DecodeOptions::default(),
        );
        assert!(decoded.payload_offset as usize + decoded.payload_len as usize <= cut);
    }
    decoded
}

/// The packet stays what its outer headers say, without complaint.
#[track_caller]
fn stays(packet: &[u8]) {
    let decoded = from_ip(packet);
    assert!(decoded.tunnels.is_empty(), "{decoded:?}");
    assert_eq!(decoded.ip.unwrap().offset, 0);
    assert_eq!(decoded.stopped, None);
}

fn over_udp(port: u16, parts: &[&[u8]]) -> Vec<u8> {
    ipv4(17, &udp(40_000, port, &parts.concat()))
}

#[test]
fn ip_in_ip() {
    opens(&ipv4(4, &inner()), TunnelKind::IpIp, 0);
    opens(&ipv4(41, &inner6()), TunnelKind::IpIp, 0);
    opens(&ipv6(4, &inner()), TunnelKind::IpIp, 0);
    let decoded = opens(&ipv6(41, &inner6()), TunnelKind::IpIp, 0);
    assert_eq!(decoded.ip.unwrap().offset, 40);
}

#[test]
fn gre() {
    opens(
        &ipv4(47, &[&[0, 0, 8, 0][..], &inner()].concat()),
        TunnelKind::Gre,
        0,
    );
    opens(
        &ipv4(47, &[&[0, 0, 0x86, 0xdd][..], &inner6()].concat()),
        TunnelKind::Gre,
        0,
    );
    // Checksum, key, sequence number.
    let header = [0xb0, 0, 8, 0, 1, 2, 0, 0, 0, 0, 0, 77, 0, 0, 0, 1];
    opens(
        &ipv4(47, &[&header[..], &inner()].concat()),
        TunnelKind::Gre,
        77,
    );
    // Routing: one entry of four bytes, then the end.
    let header = [
        0x40, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 4, 9, 9, 9, 9, 0, 0, 0, 0,
    ];
    opens(
        &ipv4(47, &[&header[..], &inner()].concat()),
        TunnelKind::Gre,
        0,
    );
    // NVGRE.
    let header = [0x20, 0, 0x65, 0x58, 0, 0x12, 0x34, 0x56];
    let packet = ipv4(47, &[&header[..], &ethernet(&inner())].concat());
    opens(&packet, TunnelKind::Gre, 0x0012_3456);
    // WCCP, with and without its redirect header.
    opens(
        &ipv4(47, &[&[0, 0, 0x88, 0x3e][..], &inner()].concat()),
        TunnelKind::Gre,
        0,
    );
    let header = [0, 0, 0x88, 0x3e, 0, 1, 2, 3];
    opens(
        &ipv4(47, &[&header[..], &inner()].concat()),
        TunnelKind::Gre,
        0,
    );
    // PPTP: key with length and call id, sequence and acknowledgment numbers.
    let header = [
        0x30, 0x81, 0x88, 0x0b, 0, 45, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 3, 0, 0x21,
    ];
    opens(
        &ipv4(47, &[&header[..], &inner()].concat()),
        TunnelKind::Gre,
        9,
    );
    // In UDP.
    opens(
        &over_udp(4754, &[&[0, 0, 8, 0], &inner()]),
        TunnelKind::Gre,
        0,
    );

    stays(&ipv4(47, &[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 9, 0, 0, 0, 2])); // PPTP's acknowledgment.
    stays(&ipv4(47, &[0, 0, 0x12, 0x34, 1, 2, 3, 4]));
    stays(&over_udp(4754, &[&[0, 0, 8, 0], b"no packet at all"]));
    let stop = from_ip(&ipv4(47, &[0, 7, 8, 0])).stopped.unwrap();
    assert_eq!(
        (stop.layer, stop.kind),
        (Layer::Tunnel, StopKind::BadVersion)
    );
    let stop = from_ip(&ipv4(47, &[0xb0, 0, 8, 0, 1])).stopped.unwrap();
    assert_eq!((stop.kind, stop.offset), (StopKind::Truncated, 20));
}

#[test]
fn cisco_metadata_in_gre() {
    // A key, then the type before version, count of options and a security group tag.
    let header = [0x20, 0, 0x89, 0x09, 0, 0, 0, 40];
    let metadata = [0x08, 0, 1, 1, 0, 1, 0, 9];
    opens(
        &ipv4(47, &[&header[..], &metadata, &inner()].concat()),
        TunnelKind::Gre,
        40,
    );
    stays(&ipv4(
        47,
        &[&header[..], &[0x12, 0x34, 1, 1, 0, 1, 0, 9]].concat(),
    ));
    let cut = from_ip(&ipv4(47, &[&header[..], &[8, 0]].concat()));
    assert_eq!(cut.stopped.unwrap().kind, StopKind::Truncated);
}

#[test]
fn erspan() {
    let frame = ethernet(&inner());
    let one = [0, 0, 0x88, 0xbe];
    opens(
        &ipv4(47, &[&one[..], &frame].concat()),
        TunnelKind::Erspan,
        0,
    );
    let two = [
        0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0x64, 0, 0x7b, 0, 0, 0, 3,
    ];
    opens(
        &ipv4(47, &[&two[..], &frame].concat()),
        TunnelKind::Erspan,
        0x7b,
    );
    let three = [
        0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0x64, 4, 1, 0, 0, 0, 9, 0, 0, 0, 1, 1, 1, 1, 1, 2,
        2, 2, 2,
    ];
    opens(
        &ipv4(47, &[&three[..], &frame].concat()),
        TunnelKind::Erspan,
        1,
    );
    let mut three_with_ip = three[..20].to_vec();
    three_with_ip[18..20].copy_from_slice(&[0x08, 0]);
    opens(
        &ipv4(47, &[&three_with_ip[..], &inner()].concat()),
        TunnelKind::Erspan,
        1,
    );
    assert_eq!(
        from_ip(&ipv4(47, &two[..12])).stopped.unwrap().kind,
        StopKind::Truncated
    );
}

#[test]
fn vxlan() {
    let frame = ethernet(&inner());
    let header = [8, 0, 0, 0, 0, 0x30, 0x39, 0];
    for port in [4789, 8472] {
        opens(
            &over_udp(port, &[&header, &frame]),
            TunnelKind::Vxlan,
            12_345,
        );
    }
    let reply = ipv4(17, &udp(4789, 50_000, &[&header[..], &frame].concat()));
    opens(&reply, TunnelKind::Vxlan, 12_345);
    // Reserved bits are to be ignored (RFC 7348 section 5), where nobody else sends to the port.
    let odd = [0xff, 1, 0, 0, 0, 0x30, 0x39, 7];
    opens(&over_udp(4789, &[&odd, &frame]), TunnelKind::Vxlan, 12_345);
    stays(&over_udp(8472, &[&odd, &frame]));
    // Group policy.
    opens(
        &over_udp(4789, &[&[0x88, 0, 0, 5, 0, 0, 1, 0], &frame]),
        TunnelKind::Vxlan,
        1,
    );
    // Generic protocol extension: IPv4, IPv6, Ethernet, NSH.
    opens(
        &over_udp(4790, &[&[0x0c, 0, 0, 1, 0, 0, 1, 0], &inner()]),
        TunnelKind::Vxlan,
        1,
    );
    opens(
        &over_udp(4790, &[&[0x0c, 0, 0, 2, 0, 0, 1, 0], &inner6()]),
        TunnelKind::Vxlan,
        1,
    );
    opens(
        &over_udp(4790, &[&[0x0c, 0, 0, 3, 0, 0, 1, 0], &frame]),
        TunnelKind::Vxlan,
        1,
    );
    opens(
        &over_udp(4790, &[&[8, 0, 0, 1, 0, 0, 1, 0], &inner()]),
        TunnelKind::Vxlan,
        1,
    );
    let service = [0x0c, 0, 0, 4, 0, 0, 1, 0, 0, 2, 2, 1, 0, 0, 1, 0xff];
    opens(&over_udp(4790, &[&service, &inner()]), TunnelKind::Vxlan, 1);

    stays(&over_udp(4789, &[&[0, 0, 0, 0, 0, 0, 1, 0], &frame]));
    stays(&over_udp(4789, &[&header, b"not a frame, but long enough"]));
    stays(&over_udp(4789, &[&header[..5]]));
}

#[test]
fn geneve() {
    let frame = ethernet(&inner6());
    let header = [
        2, 0, 0x65, 0x58, 0, 0, 5, 0, 1, 2, 0x80, 1, 0xaa, 0xbb, 0xcc, 0xdd,
    ];
    opens(&over_udp(6081, &[&header, &frame]), TunnelKind::Geneve, 5);
    opens(
        &over_udp(6081, &[&[0, 0, 8, 0, 0, 0, 6, 0], &inner()]),
        TunnelKind::Geneve,
        6,
    );
    stays(&over_udp(6081, &[&[0x40, 0, 8, 0, 0, 0, 6, 0], &inner()]));
    stays(&over_udp(6081, &[&[63, 0, 8, 0, 0, 0, 6, 0], &inner()]));
}

#[test]
fn gtp_u() {
    let teid = 0xdead_beef;
    let header = [0x30, 255, 0, 41, 0xde, 0xad, 0xbe, 0xef];
    opens(
        &over_udp(2152, &[&header, &inner()]),
        TunnelKind::GtpU,
        teid,
    );
    // Sequence number.
    let header = [0x32, 255, 0, 45, 0xde, 0xad, 0xbe, 0xef, 0, 1, 0, 0];
    opens(
        &over_udp(2152, &[&header, &inner6()]),
        TunnelKind::GtpU,
        teid,
    );
    // A PDU session container (0x85) of four bytes, then one of eight.
    let header = [
        0x34, 255, 0, 0, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0x85, 1, 0, 9, 0xc0, 2, 0, 0, 0, 0, 0, 0,
        0,
    ];
    opens(
        &over_udp(2152, &[&header, &inner()]),
        TunnelKind::GtpU,
        teid,
    );
    let mut endless = header;
    endless[12] = 0;
    stays(&over_udp(2152, &[&endless, &inner()]));
    stays(&over_udp(2152, &[&[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0]])); // Echo request.
    stays(&over_udp(
        2152,
        &[&[0x30, 255, 0, 4, 0, 0, 0, 1], b"\xff\x03nothing"],
    ));
}

#[test]
fn teredo() {
    opens(&over_udp(3544, &[&inner6()]), TunnelKind::Teredo, 0);
    let authentication = [0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0];
    let origin = [0, 0, 0xf2, 0x27, 0x3f, 0xff, 0xfd, 0xfe];
    opens(
        &over_udp(3544, &[&authentication, &inner6()]),
        TunnelKind::Teredo,
        0,
    );
    opens(
        &over_udp(3544, &[&authentication, &origin, &inner6()]),
        TunnelKind::Teredo,
        0,
    );
    // Between clients: any ports, but a Teredo address.
    let mut between = inner6();
    stays(&over_udp(40_001, &[&between]));
    between[8..12].copy_from_slice(&[0x20, 1, 0, 0]);
    opens(&over_udp(40_001, &[&between]), TunnelKind::Teredo, 0);
    stays(&over_udp(40_001, &[&between, b"more"]));
    // A bubble, with what some put behind it.
    let bubble = [ipv6(59, &[]), b"trailer".to_vec()].concat();
    assert_eq!(
        from_ip(&over_udp(3544, &[&bubble])).ip.unwrap().protocol,
        59
    );
    stays(&over_udp(3544, &[&inner()]));
}

#[test]
fn l2tp() {
    let two = [0x40, 2, 0, 61, 0, 5, 0, 6, 0xff, 3, 0, 0x21];
    opens(
        &over_udp(1701, &[&two, &inner()]),
        TunnelKind::L2tp,
        0x0005_0006,
    );
    // Sequence numbers and an offset of two.
    let two = [0x0a, 2, 0, 5, 0, 6, 0, 0, 0, 0, 0, 2, 9, 9, 0, 0x21];
    opens(
        &over_udp(1701, &[&two, &inner()]),
        TunnelKind::L2tp,
        0x0005_0006,
    );
    stays(&over_udp(
        1701,
        &[&[
            0xc8, 2, 0, 20, 0, 5, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 6,
        ]],
    ));

    // Version 3: no cookie; a cookie of four and a sublayer; over UDP.
    let frame = ethernet(&inner());
    opens(
        &ipv4(115, &[&[0, 0, 0, 9][..], &frame].concat()),
        TunnelKind::L2tp,
        9,
    );
    let header = [0, 0, 0, 9, 1, 2, 3, 4, 0x40, 0, 0, 1];
    opens(
        &ipv4(115, &[&header[..], &frame].concat()),
        TunnelKind::L2tp,
        9,
    );
    opens(
        &over_udp(1701, &[&[0, 3, 0, 0, 0, 0, 0, 9], &frame]),
        TunnelKind::L2tp,
        9,
    );
    stays(&ipv4(
        115,
        &[0, 0, 0, 0, 0xc8, 3, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0],
    )); // Control.
}

#[test]
fn others_over_udp() {
    // AYIYA: identity of 16 bytes, signature of 20.
    let ayiya = [&[0x41, 0x52, 0x11, 41, 0, 0, 0, 0][..], &[1; 36]].concat();
    opens(&over_udp(5072, &[&ayiya, &inner6()]), TunnelKind::Ayiya, 0);

    let capwap = [0, 0x10, 0x02, 0, 0, 0, 0, 0];
    opens(
        &over_udp(5247, &[&capwap, &ethernet(&inner())]),
        TunnelKind::Capwap,
        0,
    );
    // 802.11, its frame control as it should be and swapped.
    let rest_of_header = [
        &[0; 2][..],
        &[2, 0, 0, 0, 0, 9],
        &[2, 0, 0, 0, 0, 1],
        &[2; 6],
        &[0; 2],
    ];
    let llc = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    for frame_control in [[0x08, 0x01], [0x01, 0x08]] {
        let native = [0, 0x10, 0x03, 0, 0, 0, 0, 0];
        let packet = over_udp(
            5247,
            &[
                &native,
                &frame_control,
                &rest_of_header.concat(),
                &llc,
                &inner(),
            ],
        );
        opens(&packet, TunnelKind::Capwap, 0);
    }
    stays(&over_udp(
        5247,
        &[&[1, 0x10, 0x02, 0, 0, 0, 0, 0], &ethernet(&inner())],
    ));

    let tzsp = [1, 0, 0, 1, 0, 10, 1, 0xd8, 1];
    opens(
        &over_udp(37_008, &[&tzsp, &ethernet(&inner())]),
        TunnelKind::Tzsp,
        0,
    );
    stays(&over_udp(37_008, &[&tzsp[..8]]));
}

#[test]
fn others_over_ip() {
    opens(
        &ipv4(97, &[&[0x30, 0][..], &ethernet(&inner())].concat()),
        TunnelKind::EtherIp,
        0,
    );
    let stop = from_ip(&ipv4(97, &[0x20, 0])).stopped.unwrap();
    assert_eq!(stop.kind, StopKind::BadVersion);

    let packet = ipv6(143, &ethernet(&inner()));
    opens(&packet, TunnelKind::EtherIp, 0);

    let register = [0x21, 0, 0xde, 0xff, 0, 0, 0, 0];
    opens(
        &ipv4(103, &[&register[..], &inner()].concat()),
        TunnelKind::PimRegister,
        0,
    );
    stays(&ipv4(103, &[0x20, 0, 0xde, 0xff, 0, 1, 0, 2])); // Hello.
    stays(&ipv4(
        103,
        &[&[0x21, 0, 0, 0, 0x40, 0, 0, 0][..], &inner()].concat(),
    ));
}

#[test]
fn mpls() {
    let stack = [0, 0x06, 0x40, 64, 0, 0x07, 0xd1, 64];
    for packet in [
        ipv4(137, &[&stack[..], &inner()].concat()),
        over_udp(6635, &[&stack, &inner()]),
    ] {
        let decoded = from_ip(&packet);
        assert_eq!((decoded.src_port, decoded.stopped), (1111, None));
        assert_eq!(decoded.tunnels.as_slice()[0].kind, TunnelKind::Mpls);
        assert_eq!(decoded.tunnels.as_slice()[0].id, 0x7d);
    }
    stays(&over_udp(
        6635,
        &[b"\x00\x01\x00\x40 and no bottom of a stack"],
    ));
}

#[test]
fn what_is_not_ip_inside_leaves_the_carrier() {
    let arp = [
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6][..],
        &[
            0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 9,
        ],
    ]
    .concat();
    let packet = over_udp(4789, &[&[8, 0, 0, 0, 0, 0, 1, 0], &arp]);
    let decoded = from_ip(&packet);
    assert!(decoded.tunnels.is_empty());
    assert_eq!(decoded.transport, Transport::Udp);
    assert_eq!(
        (decoded.dst_port, decoded.payload_len),
        (4789, 8 + arp.len() as u32)
    );
    assert_eq!(decoded.ip.unwrap().dst, std::net::Ipv4Addr::from(DST));
}
