//! What holds for any bytes: offsets lie inside the packet, a prefix never yields more payload
//! than the whole, and etherparse reads generated packets alike.

use etherparse::{NetHeaders, PacketBuilder, PacketHeaders, TransportHeader};
use proptest::prelude::*;

use netloom_decode::net::fragment::{FragmentLimits, Reassembler};
use netloom_decode::{
    DecodeOptions, Decoded, Network, StopKind, Transport, TunnelSet, checksum, decode, decode_ip,
};
use netloom_packet::{LinkType, Packet, Timestamp};

fn packet(data: &[u8], wire_len: usize, link_type: LinkType) -> Packet<'_> {
    Packet {
        number: 1,
        timestamp: Timestamp::from_nanos(0),
        link_type,
        interface: 0,
        wire_len: wire_len as u32,
        data,
    }
}

/// What holds of everything that was decoded from `data`.
fn check(decoded: &Decoded, data: &[u8]) -> Result<(), TestCaseError> {
    let len = data.len() as u64;
    let payload_end = u64::from(decoded.payload_offset) + u64::from(decoded.payload_len);
    prop_assert!(payload_end <= len, "payload ends at {payload_end} of {len}");
    prop_assert!(decoded.payload_len <= decoded.payload_wire_len);
    let is_ip = matches!(decoded.network, Network::Ipv4 | Network::Ipv6);
    prop_assert_eq!(decoded.ip.is_some(), is_ip);
    if let Some(ip) = decoded.ip {
        let least = if ip.src.is_ipv4() { 20 } else { 40 };
        prop_assert!(u64::from(ip.offset) + least <= len);
        prop_assert!(u64::from(ip.header_len) >= least);
        prop_assert!(ip.header_len <= ip.total_len || decoded.stopped.is_some());
        if let Some(fragment) = ip.fragment {
            prop_assert!(fragment.data_offset > ip.offset);
            prop_assert!(u64::from(fragment.data_offset) <= len);
            prop_assert!(fragment.offset > 0 || fragment.more);
        }
    } else {
        prop_assert_eq!((decoded.src_port, decoded.dst_port), (0, 0));
    }
    if let Some(stop) = decoded.stopped {
        prop_assert!(u64::from(stop.offset) <= len);
        if matches!(stop.kind, StopKind::Truncated | StopKind::CutBySnapLength) {
            prop_assert!(stop.found < stop.needed, "{stop:?}");
        }
        prop_assert!(!stop.to_string().is_empty());
    }
    checksum::verify_ip(data, decoded);
    checksum::verify_transport(data, decoded);
    Ok(())
}

/// Bytes that look like the beginning of a packet more often than chance would have it:
/// headers of the kinds that nest, in any order.
fn nested() -> impl Strategy<Value = Vec<u8>> {
    let header = prop_oneof![
        Just(vec![
            0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8
        ]),
        Just(vec![
            0x45, 0, 0, 0, 0, 0, 0, 0, 64, 47, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8
        ]),
        Just(vec![
            0x45, 0, 0, 0, 0, 0, 0, 0, 64, 4, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8
        ]),
        Just([&[0x60, 0, 0, 0, 0, 0, 44, 64][..], &[0x20; 32]].concat()),
        Just([&[0x60, 0, 0, 0, 0, 0, 0, 64][..], &[0x20; 32]].concat()),
        Just(vec![17, 0, 0, 0, 0, 0, 0, 1]),
        Just(vec![60, 0, 0xc2, 4, 0, 1, 0, 0]),
        Just(vec![4, 1, 0x08, 0x68, 0, 0, 0, 0]),
        Just(vec![
            0x12, 0xb5, 0x12, 0xb5, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 1, 0
        ]),
        Just(vec![
            0x17, 0xc1, 0x17, 0xc1, 0, 0, 0, 0, 0, 0, 0x65, 0x58, 0, 0, 1, 0
        ]),
        Just(vec![
            0x06, 0xa5, 0x06, 0xa5, 0, 0, 0, 0, 0, 2, 0, 1, 0, 2, 0, 0x21
        ]),
        Just(vec![0, 0, 8, 0]),
        Just(vec![
            0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 1, 0, 0, 0, 0
        ]),
        Just(vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]),
        Just(vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd]),
        prop::collection::vec(any::<u8>(), 0..24),
    ];
    (
        prop::collection::vec(header, 1..9),
        any::<prop::sample::Index>(),
        any::<u8>(),
    )
        .prop_map(|(headers, place, value)| {
            let mut bytes = headers.concat();
            if !bytes.is_empty() {
                let at = place.index(bytes.len());
                bytes[at] = value;
            }
            bytes
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        link_type in 0_u16..300,
        more in 0_usize..100,
    ) {
        let packet = packet(&bytes, bytes.len() + more, LinkType(link_type));
        check(&decode(&packet, DecodeOptions::default()), &bytes)?;
        check(&decode_ip(&bytes, packet.wire_len, DecodeOptions::default()), &bytes)?;
    }

    #[test]
    fn nested_headers(bytes in nested(), more in 0_usize..3000) {
        let all = DecodeOptions::default();
        let none = DecodeOptions { tunnels: TunnelSet::NONE };
        let wire_len = (bytes.len() + more) as u32;
        for options in [all, none] {
            check(&decode_ip(&bytes, wire_len, options), &bytes)?;
            check(&decode(&packet(&bytes, bytes.len(), LinkType::ETHERNET), options), &bytes)?;
        }
        let closed = decode_ip(&bytes, wire_len, none);
        prop_assert!(closed.ip.is_none() || closed.tunnels.is_empty());
    }

    /// With tunnels closed, as those over UDP need bytes of the inner packet to be opened.
    #[test]
    fn a_prefix_never_yields_more_payload(bytes in nested(), cut in any::<prop::sample::Index>()) {
        let none = DecodeOptions { tunnels: TunnelSet::NONE };
        let whole = decode_ip(&bytes, bytes.len() as u32, none);
        let cut = cut.index(bytes.len() + 1);
        let prefix = decode_ip(&bytes[..cut], bytes.len() as u32, none);
        check(&prefix, &bytes[..cut])?;
        if whole.stopped.is_none() && prefix.stopped.is_none() {
            prop_assert!(prefix.payload_len <= whole.payload_len);
            prop_assert_eq!(prefix.payload_wire_len, whole.payload_wire_len);
            prop_assert_eq!(prefix.payload_offset, whole.payload_offset);
            prop_assert_eq!(prefix.ip, whole.ip);
        }
    }

    #[test]
    fn reassembly_of_any_bytes(packets in prop::collection::vec(nested(), 1..20)) {
        let limits = FragmentLimits { memory: 4_096, ..FragmentLimits::default() };
        let mut reassembler = Reassembler::new(limits);
        for (number, bytes) in packets.iter().enumerate() {
            let decoded = decode_ip(bytes, bytes.len() as u32, DecodeOptions::default());
            let Some(ip) = decoded.ip else { continue };
            let outcome = reassembler.ingest(Timestamp::default(), number as u64, &ip, bytes);
            prop_assert!(reassembler.memory() <= limits.memory);
            if let Some(datagram) = outcome.datagram {
                let whole = decode_ip(&datagram, datagram.len() as u32, DecodeOptions::default());
                prop_assert!(whole.ip.is_some());
                check(&whole, &datagram)?;
            }
        }
    }

    /// etherparse as the oracle: addresses, ports, flags, options and payload of what its
    /// builder makes.
    #[test]
    fn as_etherparse_reads_it(
        src in any::<[u8; 16]>(),
        dst in any::<[u8; 16]>(),
        is_v6 in any::<bool>(),
        kind in 0_u8..4,
        ports in any::<(u16, u16)>(),
        numbers in any::<(u32, u32, u16)>(),
        content in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let four = |a: [u8; 16]| [a[0], a[1], a[2], a[3]];
        let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let builder = if is_v6 {
            ethernet.ipv6(src, dst, 61)
        } else {
            ethernet.ipv4(four(src), four(dst), 61)
        };
        // Tunnels stay closed: the oracle opens none.
        let options = DecodeOptions { tunnels: TunnelSet::NONE };
        let mut frame = Vec::new();
        let (src_port, dst_port) = ports;
        match kind {
            0 => builder.udp(src_port, dst_port).write(&mut frame, &content),
            1 => builder.tcp(src_port, dst_port, numbers.0, numbers.2).write(&mut frame, &content),
            2 => builder
                .tcp(src_port, dst_port, numbers.0, numbers.2)
                .syn()
                .ack(numbers.1)
                .options(&[
                    etherparse::TcpOptionElement::MaximumSegmentSize(src_port),
                    etherparse::TcpOptionElement::WindowScale(7),
                    etherparse::TcpOptionElement::SelectiveAcknowledgementPermitted,
                    etherparse::TcpOptionElement::Timestamp(numbers.0, numbers.1),
                ])
                .unwrap()
                .write(&mut frame, &content),
            _ => builder.icmpv4_echo_request(src_port, dst_port).write(&mut frame, &content),
        }
        .unwrap();

        let ours = decode(&packet(&frame, frame.len(), LinkType::ETHERNET), options);
        let theirs = PacketHeaders::from_ethernet_slice(&frame).unwrap();
        prop_assert_eq!(ours.stopped, None);
        let ip = ours.ip.unwrap();
        match theirs.net.unwrap() {
            NetHeaders::Ipv4(header, _) => {
                prop_assert_eq!(ip.src, std::net::IpAddr::from(header.source));
                prop_assert_eq!(ip.dst, std::net::IpAddr::from(header.destination));
                prop_assert_eq!((ip.ttl, ip.protocol), (header.time_to_live, header.protocol.0));
                prop_assert_eq!(ip.total_len, u32::from(header.total_len));
            }
            NetHeaders::Ipv6(header, _) => {
                prop_assert_eq!(ip.src, std::net::IpAddr::from(header.source));
                prop_assert_eq!(ip.dst, std::net::IpAddr::from(header.destination));
                prop_assert_eq!((ip.ttl, ip.protocol), (header.hop_limit, header.next_header.0));
                prop_assert_eq!(ip.total_len, u32::from(header.payload_length) + 40);
            }
            NetHeaders::Arp(_) => prop_assert!(false, "no ARP was made"),
        }
        match theirs.transport.unwrap() {
            TransportHeader::Udp(header) => {
                prop_assert_eq!(ours.transport, Transport::Udp);
                prop_assert_eq!(ours.src_port, header.source_port);
                prop_assert_eq!(ours.dst_port, header.destination_port);
            }
            TransportHeader::Tcp(header) => {
                let Transport::Tcp(tcp) = ours.transport else {
                    return Err(TestCaseError::fail("TCP expected"));
                };
                prop_assert_eq!(ours.src_port, header.source_port);
                prop_assert_eq!((tcp.seq, tcp.ack), (header.sequence_number, header.acknowledgment_number));
                prop_assert_eq!(tcp.window, header.window_size);
                prop_assert_eq!(usize::from(tcp.header_len), header.header_len());
                prop_assert_eq!(tcp.flags.0 & 0x12, u8::from(header.syn) * 2 + u8::from(header.ack) * 16);
                if kind == 2 {
                    prop_assert_eq!((tcp.mss, tcp.window_scale), (src_port, Some(7)));
                    prop_assert!(tcp.sack_permitted);
                    prop_assert_eq!(tcp.timestamps, Some((numbers.0, numbers.1)));
                }
            }
            TransportHeader::Icmpv4(_) => {
                let Transport::Icmpv4(icmp) = ours.transport else {
                    return Err(TestCaseError::fail("ICMP expected"));
                };
                prop_assert_eq!((icmp.icmp_type, icmp.id, icmp.seq), (8, src_port, dst_port));
            }
            other => prop_assert!(false, "{other:?} was not made"),
        }
        let start = ours.payload_offset as usize;
        prop_assert_eq!(&frame[start..start + ours.payload_len as usize], &content[..]);
        prop_assert_eq!(theirs.payload.slice(), &content[..]);
        // The builder fills checksums in; ICMP over IPv6 by number 1 has no pseudo-header.
        prop_assert_ne!(checksum::verify_ip(&frame, &ours), checksum::Checksum::Bad);
        prop_assert_eq!(checksum::verify_transport(&frame, &ours).is_good(), Some(true));
    }
}
