use proptest::prelude::*;

use netloom_packet::Timestamp;

use super::{FragmentLimits, FragmentOutcome, Reassembler};
use crate::net::tests::{from_ip, ipv4, ipv4_fragment, ipv6, udp};
use crate::{Transport, checksum};

const MORE: u16 = 0x2000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs_nanos(seconds, 0)
}

fn ingest(reassembler: &mut Reassembler, number: u64, packet: &[u8]) -> FragmentOutcome {
    let ip = from_ip(packet).ip.unwrap();
    reassembler.ingest(at(0), number, &ip, packet)
}

/// IPv6 in fragments; `next` is what the fragment header announces.
fn ipv6_fragment(next: u8, id: u32, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![next, 0];
    bytes.extend((offset | u16::from(more)).to_be_bytes());
    bytes.extend(id.to_be_bytes());
    bytes.extend(payload);
    ipv6(44, &bytes)
}

#[test]
fn in_order() {
    let datagram = udp(53, 4000, &(0..40).collect::<Vec<u8>>());
    let mut reassembler = Reassembler::default();
    let first = ingest(
        &mut reassembler,
        10,
        &ipv4_fragment(17, 5, MORE, &datagram[..24]),
    );
    assert_eq!((first.datagram_number, first.ports), (10, Some((53, 4000))));
    assert_eq!(first.datagram, None);
    let last = ingest(
        &mut reassembler,
        12,
        &ipv4_fragment(17, 5, 3, &datagram[24..]),
    );
    assert_eq!((last.datagram_number, last.ports), (10, Some((53, 4000))));
    let whole = last.datagram.unwrap();
    assert_eq!(whole, ipv4_fragment(17, 5, 0, &datagram));
    assert!(checksum::is_right(&whole[..20]));
    let stats = reassembler.stats();
    assert_eq!((stats.begun, stats.completed, stats.pending), (1, 1, 0));
    assert_eq!(reassembler.memory(), 0);
}

#[test]
fn in_reverse_order_and_ipv6() {
    let datagram = udp(53, 4000, &(0..60).collect::<Vec<u8>>());
    let mut reassembler = Reassembler::default();
    let third = ipv6_fragment(17, 9, 48, false, &datagram[48..]);
    let outcome = ingest(&mut reassembler, 1, &third);
    assert_eq!(
        (outcome.datagram_number, outcome.ports, outcome.first),
        (1, None, None)
    );
    let second = ipv6_fragment(17, 9, 24, true, &datagram[24..48]);
    assert_eq!(ingest(&mut reassembler, 2, &second).ports, None);
    let first = ipv6_fragment(17, 9, 0, true, &datagram[..24]);
    let outcome = ingest(&mut reassembler, 3, &first);
    assert_eq!(
        (outcome.datagram_number, outcome.ports),
        (1, Some((53, 4000)))
    );
    let learned = outcome.first.unwrap();
    assert_eq!(
        (learned.number, learned.protocol, learned.transport),
        (3, 17, Transport::Udp)
    );
    assert_eq!(outcome.datagram.unwrap(), ipv6(17, &datagram));
    let mut later = from_ip(&third);
    learned.apply(&mut later);
    assert_eq!((later.src_port, later.dst_port), (53, 4000));
}

#[test]
fn options_behind_the_fragment_header_belong_to_the_datagram() {
    // Destination options in the fragmentable part: later fragments announce 60, not 17.
    let content = [&[17, 0, 1, 4, 0, 0, 0, 0][..], &udp(7, 8, &[1; 16])].concat();
    let mut reassembler = Reassembler::default();
    let first = ipv6_fragment(60, 9, 0, true, &content[..16]);
    let outcome = ingest(&mut reassembler, 1, &first);
    assert_eq!(
        (outcome.first.unwrap().protocol, outcome.ports),
        (17, Some((7, 8)))
    );
    let outcome = ingest(
        &mut reassembler,
        2,
        &ipv6_fragment(60, 9, 16, false, &content[16..]),
    );
    let whole = outcome.datagram.unwrap();
    assert_eq!(whole, ipv6(60, &content));
    assert_eq!(from_ip(&whole).dst_port, 8);
}

#[test]
fn first_bytes_stay_where_fragments_overlap() {
    let mut reassembler = Reassembler::default();
    ingest(&mut reassembler, 1, &ipv4_fragment(1, 5, MORE, &[1; 24]));
    // Teardrop: inside what is there.
    ingest(&mut reassembler, 2, &ipv4_fragment(1, 5, MORE | 1, &[2; 8]));
    // Over an end, and over a whole piece with gaps on both sides.
    ingest(&mut reassembler, 3, &ipv4_fragment(1, 5, MORE | 5, &[3; 8]));
    ingest(
        &mut reassembler,
        4,
        &ipv4_fragment(1, 5, MORE | 2, &[4; 40]),
    );
    let last = ingest(&mut reassembler, 5, &ipv4_fragment(1, 5, 7, &[5; 8]));
    let whole = last.datagram.unwrap();
    let expected = [&[1; 24][..], &[4; 16], &[3; 8], &[4; 8], &[5; 8]].concat();
    assert_eq!(&whole[20..], expected);
    assert_eq!(reassembler.stats().overlaps, 2);
}

#[test]
fn impossible_fragments_are_refused() {
    let mut reassembler = Reassembler::default();
    for packet in [
        ipv4_fragment(17, 5, MORE, &[1; 7]), // In the middle, no multiple of 8.
        ipv4_fragment(17, 5, MORE | 3, &[]), // Empty.
        ipv4_fragment(17, 5, 0x1fff, &[1; 64]), // Ping of death.
        ipv4(17, &[0; 8]),                   // None at all.
    ] {
        assert!(ingest(&mut reassembler, 1, &packet).refused);
    }
    assert_eq!(
        (reassembler.stats().dropped, reassembler.stats().begun),
        (4, 0)
    );
    // A second end, an end before what was seen, bytes behind the end.
    ingest(&mut reassembler, 2, &ipv4_fragment(17, 6, 4, &[1; 8]));
    assert!(ingest(&mut reassembler, 3, &ipv4_fragment(17, 6, 6, &[1; 8])).refused);
    assert!(ingest(&mut reassembler, 4, &ipv4_fragment(17, 6, 1, &[1; 8])).refused);
    assert!(
        ingest(
            &mut reassembler,
            5,
            &ipv4_fragment(17, 6, MORE | 5, &[1; 8])
        )
        .refused
    );
    assert_eq!(reassembler.stats().pending, 1);
}

#[test]
fn time_and_limits_end_datagrams() {
    let packet = |id| ipv4_fragment(17, id, MORE, &udp(1, 2, &[0; 16]));
    let mut reassembler = Reassembler::default();
    ingest(&mut reassembler, 1, &packet(1));
    let later = packet(2);
    let ip = from_ip(&later).ip.unwrap();
    reassembler.ingest(at(30), 2, &ip, &later);
    assert_eq!(reassembler.stats().pending, 2);
    reassembler.expire(at(31));
    assert_eq!(
        (reassembler.stats().pending, reassembler.stats().incomplete),
        (1, 1)
    );
    reassembler.finish();
    assert_eq!(
        (reassembler.stats().pending, reassembler.stats().incomplete),
        (0, 2)
    );

    let limits = FragmentLimits {
        datagrams: 3,
        ..FragmentLimits::default()
    };
    let mut reassembler = Reassembler::new(limits);
    for id in 0..10 {
        ingest(&mut reassembler, u64::from(id), &packet(id));
    }
    assert_eq!(
        (reassembler.stats().pending, reassembler.stats().incomplete),
        (3, 7)
    );

    let limits = FragmentLimits {
        fragments: 2,
        ..FragmentLimits::default()
    };
    let mut reassembler = Reassembler::new(limits);
    for field in [0, 3, 6] {
        let outcome = ingest(
            &mut reassembler,
            1,
            &ipv4_fragment(17, 1, MORE | field, &[0; 24]),
        );
        assert_eq!(outcome.refused, field == 6);
    }
}

#[test]
fn cut_fragments_still_tell_ports() {
    let datagram = udp(53, 4000, &[7; 40]);
    let first = ipv4_fragment(17, 5, MORE, &datagram[..24]);
    let ip = from_ip(&first).ip.unwrap();
    let mut reassembler = Reassembler::default();
    let outcome = reassembler.ingest(at(0), 1, &ip, &first[..30]);
    assert_eq!(outcome.ports, Some((53, 4000)));
    let outcome = ingest(
        &mut reassembler,
        2,
        &ipv4_fragment(17, 5, 3, &datagram[24..]),
    );
    assert_eq!((outcome.ports, outcome.datagram), (Some((53, 4000)), None));
    assert_eq!(
        (reassembler.stats().incomplete, reassembler.stats().pending),
        (1, 0)
    );
}

/// One fragment of a random flood.
fn any_fragment() -> impl Strategy<Value = (u16, u16, bool, usize)> {
    (0_u16..20, 0_u16..0x2000, any::<bool>(), 0_usize..200)
}

proptest! {
    /// A datagram cut anywhere and shuffled comes out as it was, at its last fragment.
    #[test]
    fn what_was_cut_comes_back(
        payload in prop::collection::vec(any::<u8>(), 16..600),
        cuts in prop::collection::btree_set(1_usize..75, 1..12),
        order in any::<u64>(),
    ) {
        let mut bounds: Vec<usize> =
            cuts.iter().map(|cut| cut * 8).filter(|&cut| cut < payload.len()).collect();
        prop_assume!(!bounds.is_empty());
        bounds.insert(0, 0);
        bounds.push(payload.len());
        let mut fragments: Vec<Vec<u8>> = bounds.windows(2).map(|pair| {
            let more = if pair[1] < payload.len() { MORE } else { 0 };
            ipv4_fragment(253, 77, more | (pair[0] / 8) as u16, &payload[pair[0]..pair[1]])
        }).collect();
        let mut state = order | 1;
        for last in (1..fragments.len()).rev() {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            fragments.swap(last, (state >> 33) as usize % (last + 1));
        }
        let mut reassembler = Reassembler::default();
        let count = fragments.len();
        for (index, fragment) in fragments.iter().enumerate() {
            let outcome = ingest(&mut reassembler, index as u64, fragment);
            prop_assert_eq!(outcome.datagram_number, 0);
            if index + 1 < count {
                prop_assert_eq!(outcome.datagram, None);
            } else {
                prop_assert_eq!(outcome.datagram.unwrap(), ipv4_fragment(253, 77, 0, &payload));
            }
        }
        prop_assert_eq!(reassembler.memory(), 0);
    }

    /// Whatever comes, memory stays within its bound and what was counted adds up.
    #[test]
    fn floods_stay_within_bounds(
        fragments in prop::collection::vec(any_fragment(), 1..300),
        memory in 2_000_usize..20_000,
    ) {
        let limits = FragmentLimits { memory, datagrams: 8, ..FragmentLimits::default() };
        let mut reassembler = Reassembler::new(limits);
        for (index, &(id, offset, more, len)) in fragments.iter().enumerate() {
            let field = offset | if more { MORE } else { 0 };
            let packet = ipv4_fragment(17, id, field, &vec![id as u8; len]);
            let ip = from_ip(&packet).ip.unwrap();
            let outcome = reassembler.ingest(at(index as i64), index as u64, &ip, &packet);
            prop_assert!(reassembler.memory() <= memory);
            if let Some(datagram) = outcome.datagram {
                prop_assert!(datagram[20..].iter().all(|&byte| byte == id as u8));
            }
            let stats = reassembler.stats();
            prop_assert_eq!(stats.begun, stats.completed + stats.incomplete + stats.pending);
        }
        reassembler.finish();
        prop_assert_eq!(reassembler.memory(), 0);
    }
}
