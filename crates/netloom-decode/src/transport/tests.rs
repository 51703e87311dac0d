use super::sctp::first_chunk_type;
use super::{TcpOption, TcpOptions};
use crate::decoded::{Icmp, Layer, StopKind, Tcp, TcpFlags, Transport};
use crate::net::tests::{from_ip, ipv4, ipv6, udp};

/// A SYN of Linux: MSS 1460, SACK permitted, timestamps, NOP, window scale 7.
const SYN: [u8; 40] = [
    0xa0, 0x10, 0x01, 0xbb, 0x11, 0x22, 0x33, 0x44, 0, 0, 0, 0, 0xa0, 0x02, 0xfa, 0xf0, 0, 0, 0, 0,
    2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7,
];

#[test]
fn tcp_with_options() {
    let decoded = from_ip(&ipv4(6, &SYN));
    assert_eq!((decoded.src_port, decoded.dst_port), (0xa010, 443));
    assert_eq!(
        decoded.transport,
        Transport::Tcp(Tcp {
            seq: 0x1122_3344,
            ack: 0,
            window: 64_240,
            flags: TcpFlags::SYN,
            header_len: 40,
            mss: 1460,
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: Some((9, 0)),
        })
    );
    assert_eq!((decoded.payload_offset, decoded.payload_len), (60, 0));
    assert_eq!((decoded.last_layer, decoded.stopped), (Layer::Tcp, None));
}

#[test]
fn tcp_option_with_a_bad_length_ends_the_options_only() {
    for bad in [0, 1, 200] {
        let mut bytes = SYN.to_vec();
        bytes[25] = bad;
        bytes.extend(b"data");
        let decoded = from_ip(&ipv4(6, &bytes));
        let Transport::Tcp(tcp) = decoded.transport else {
            panic!("{decoded:?}")
        };
        assert_eq!(
            (tcp.mss, tcp.sack_permitted, tcp.window_scale),
            (1460, false, None)
        );
        assert_eq!((decoded.stopped, decoded.payload_len), (None, 4));
    }
    let mut options = TcpOptions::new(&[1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 34, 3, 7, 0, 9, 9]);
    assert_eq!(
        options.next(),
        Some(TcpOption::Sack(&[0, 0, 0, 1, 0, 0, 0, 2]))
    );
    assert_eq!(
        options.next(),
        Some(TcpOption::Other {
            kind: 34,
            value: &[7]
        })
    );
    assert_eq!(options.next(), None);
    assert_eq!(options.next(), None);
}

#[test]
fn tcp_offsets_that_make_no_sense() {
    let mut bytes = SYN.to_vec();
    bytes[12] = 0x40;
    let decoded = from_ip(&ipv4(6, &bytes));
    assert_eq!(decoded.stopped.unwrap().kind, StopKind::BadLength);
    assert_eq!(decoded.dst_port, 443);
    bytes[12] = 0xf0;
    let decoded = from_ip(&ipv4(6, &bytes));
    assert_eq!(decoded.stopped.unwrap().kind, StopKind::BadLength);
    assert_eq!((decoded.payload_len, decoded.payload_wire_len), (0, 0));
    // Ports are told as soon as they are there.
    let decoded = from_ip(&ipv4(6, &SYN[..4]));
    assert_eq!(
        (decoded.dst_port, decoded.transport),
        (443, Transport::None)
    );
    assert_eq!(decoded.stopped.unwrap().kind, StopKind::Truncated);
}

#[test]
fn udp_lengths() {
    let mut bytes = udp(5000, 6000, b"payload");
    let decoded = from_ip(&ipv4(17, &bytes));
    assert_eq!(
        (decoded.transport, decoded.payload_len),
        (Transport::Udp, 7)
    );
    // Shorter than the datagram: the rest is no payload.
    bytes[4..6].copy_from_slice(&10_u16.to_be_bytes());
    let decoded = from_ip(&ipv4(17, &bytes));
    assert_eq!((decoded.stopped, decoded.payload_len), (None, 2));
    // Longer, or too short to be.
    for wrong in [16_u16, 7, 0] {
        bytes[4..6].copy_from_slice(&wrong.to_be_bytes());
        let decoded = from_ip(&ipv4(17, &bytes));
        assert_eq!(
            decoded.stopped.unwrap().kind,
            StopKind::BadLength,
            "{wrong}"
        );
        assert_eq!((decoded.src_port, decoded.payload_len), (5000, 7));
    }
    bytes[4..6].copy_from_slice(&[0, 0]);
    assert_eq!(from_ip(&ipv6(17, &bytes)).stopped, None);
    // UDP-Lite: the field is the checksum's coverage.
    bytes[4..6].copy_from_slice(&[0, 8]);
    let decoded = from_ip(&ipv4(136, &bytes));
    assert_eq!(
        (decoded.transport, decoded.payload_len),
        (Transport::UdpLite, 7)
    );
    assert_eq!((decoded.dst_port, decoded.stopped), (6000, None));
}

#[test]
fn icmp_with_and_without_identifier() {
    let decoded = from_ip(&ipv4(1, &[8, 0, 0, 0, 0x12, 0x34, 0, 5, b'a']));
    let echo = Icmp {
        icmp_type: 8,
        code: 0,
        id: 0x1234,
        seq: 5,
    };
    assert_eq!(
        (decoded.transport, decoded.payload_len),
        (Transport::Icmpv4(echo), 1)
    );
    let decoded = from_ip(&ipv4(1, &[3, 4, 0, 0, 0, 0, 5, 0xdc, 0x45]));
    let unreachable = Icmp {
        icmp_type: 3,
        code: 4,
        id: 0,
        seq: 0,
    };
    assert_eq!(decoded.transport, Transport::Icmpv4(unreachable));
    assert_eq!((decoded.src_port, decoded.dst_port), (0, 0));
    let decoded = from_ip(&ipv6(58, &[129, 0, 0, 0, 0, 7, 0, 8]));
    let reply = Icmp {
        icmp_type: 129,
        code: 0,
        id: 7,
        seq: 8,
    };
    assert_eq!(decoded.transport, Transport::Icmpv6(reply));
    let decoded = from_ip(&ipv4(1, &[8, 0, 0]));
    assert!(matches!(decoded.transport, Transport::Icmpv4(icmp) if icmp.icmp_type == 8));
    assert_eq!(decoded.stopped.unwrap().layer, Layer::Icmp);
}

#[test]
fn other_transports() {
    let igmp = from_ip(&ipv4(
        2,
        &[0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 224, 0, 0, 251],
    ));
    assert_eq!(
        (igmp.transport, igmp.payload_len),
        (Transport::Igmp(0x22), 8)
    );

    let init = [
        0x0b, 0x59, 0x0b, 0x5a, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0, 1, 0, 0, 20, 0, 0, 0, 1,
    ];
    let packet = ipv4(132, &init);
    let sctp = from_ip(&packet);
    assert_eq!(sctp.transport, Transport::Sctp(0xdead_beef));
    assert_eq!((sctp.src_port, sctp.dst_port), (2905, 2906));
    assert_eq!(
        first_chunk_type(&packet[sctp.payload_offset as usize..]),
        Some(1)
    );

    let request = [
        0x80, 0, 0x13, 0x88, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 42, b'!', b'!',
    ];
    let dccp = from_ip(&ipv4(33, &request));
    assert_eq!((dccp.transport, dccp.dst_port), (Transport::Dccp(0), 5000));
    assert_eq!(dccp.payload_len, 2);
    let mut wrong = request;
    wrong[4] = 3;
    assert_eq!(
        from_ip(&ipv4(33, &wrong)).stopped.unwrap().kind,
        StopKind::BadLength
    );

    let esp = from_ip(&ipv6(50, &[0, 0, 0x10, 1, 0, 0, 0, 1, 0xaa, 0xbb]));
    assert_eq!(
        (esp.transport, esp.payload_len),
        (Transport::Esp(0x1001), 2)
    );

    let ospf = from_ip(&ipv4(89, &[2, 1, 0, 44]));
    assert_eq!((ospf.transport, ospf.payload_len), (Transport::Other, 4));
}
