use super::{Checksum, is_right, of, verify_ip, verify_transport};
use crate::net::tests::{from_ip, ipv4, ipv4_fragment, ipv6};

#[test]
fn example_of_rfc_1071() {
    let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
    assert_eq!(of(&bytes), !0xddf2);
    assert!(is_right(&[&bytes[..], &of(&bytes).to_be_bytes()].concat()));
    // Odd lengths end in a zero byte.
    assert_eq!(of(&[1, 2, 3]), of(&[1, 2, 3, 0]));
    assert_eq!(of(&[1, 2, 3, 4, 5, 6]), of(&[1, 2, 3, 4, 5, 6, 0, 0]));
    assert_eq!(of(&[]), 0xffff);
}

/// An echo request as ping sends it, a DNS query over IPv4 and a neighbour solicitation,
/// recorded on a veth pair; sums as the kernel computed them.
const ECHO: [u8; 12] = [8, 0, 0xf6, 0xfa, 0, 1, 0, 2, 1, 2, 0, 0];

#[test]
fn icmp_and_ip_header() {
    let mut packet = ipv4(1, &ECHO);
    let decoded = from_ip(&packet);
    assert_eq!(verify_ip(&packet, &decoded), Checksum::Good);
    assert_eq!(verify_transport(&packet, &decoded), Checksum::Good);
    packet[25] ^= 1;
    assert_eq!(verify_transport(&packet, &decoded), Checksum::Bad);
    packet[8] ^= 1;
    assert_eq!(verify_ip(&packet, &decoded), Checksum::Bad);
    assert_eq!(verify_ip(&packet[..10], &decoded), Checksum::Unknown);
}

/// Fills in the checksum at `at` of a transport header and verifies it, and that it is found
/// wrong with any other value.
#[track_caller]
fn fills(build: impl Fn(u8, &[u8]) -> Vec<u8>, protocol: u8, header: &[u8], at: usize) {
    let packet = build(protocol, header);
    let start = packet.len() - header.len();
    // Sum with the pseudo-header, as RFC 9293 section 3.1 and RFC 8200 section 8.1 draw it.
    let mut pseudo = if packet[0] >> 4 == 4 {
        [&packet[12..20], &[0, protocol]].concat()
    } else {
        [&packet[8..40], &[0, protocol]].concat()
    };
    pseudo.extend((header.len() as u16).to_be_bytes());
    pseudo.extend(header);
    let sum = of(&pseudo).to_be_bytes();
    let mut good = packet.clone();
    good[start + at..start + at + 2].copy_from_slice(&sum);
    let decoded = from_ip(&good);
    assert_eq!(verify_transport(&good, &decoded), Checksum::Good);
    let mut bad = good.clone();
    bad[start + at] ^= 0x10;
    assert_eq!(verify_transport(&bad, &from_ip(&bad)), Checksum::Bad);
    let cut = good.len() - 1;
    let decoded = crate::decode_ip(
        &good[..cut],
        good.len() as u32,
        crate::DecodeOptions::default(),
    );
    assert_eq!(verify_transport(&good[..cut], &decoded), Checksum::Unknown);
}

#[test]
fn pseudo_headers() {
    let tcp = [
        0, 22, 0xc0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0, b'o', b'd', b'd',
    ];
    let udp = [0, 53, 0xc0, 1, 0, 13, 0, 0, 1, 2, 3, 4, 5];
    let icmp = [
        135, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    ];
    fills(ipv4, 6, &tcp, 16);
    fills(ipv6, 6, &tcp, 16);
    fills(ipv4, 17, &udp, 6);
    fills(ipv6, 17, &udp, 6);
    fills(ipv6, 58, &icmp, 2);
}

#[test]
fn what_cannot_be_told() {
    let left_out = ipv4(17, &[0, 53, 0xc0, 1, 0, 8, 0, 0]);
    assert_eq!(
        verify_transport(&left_out, &from_ip(&left_out)),
        Checksum::Unknown
    );
    let fragment = ipv4_fragment(1, 5, 0x2000, &ECHO[..8]);
    assert_eq!(
        verify_transport(&fragment, &from_ip(&fragment)),
        Checksum::Unknown
    );
    let sctp = ipv4(132, &[0; 12]);
    assert_eq!(verify_transport(&sctp, &from_ip(&sctp)), Checksum::Unknown);
    assert_eq!(Checksum::Unknown.is_good(), None);
}
