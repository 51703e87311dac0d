//! Scripted conversations; the numbers that are expected were worked out by hand.

use std::net::{IpAddr, Ipv4Addr};

use netloom_decode::{Ip, Network, Tcp};
use netloom_packet::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::config::{FlowConfig, FlowRules};
use crate::record::FlowRecord;
use crate::table::FlowTable;

const MS: i64 = 1_000_000;
const ALL: FeatureSet = FeatureSet::ALL;

/// A packet between client and server; headers are Ethernet (14 bytes) and IPv4 (20 bytes).
#[derive(Debug, Clone, Copy)]
struct Sent {
    at: i64,
    from_client: bool,
    /// Flags, window and header length; `None`: UDP.
    tcp: Option<(u8, u16, u8)>,
    payload: u32,
}

fn tcp(ms: i64, from_client: bool, flags: TcpFlags, payload: u32) -> Sent {
    Sent {
        at: ms * MS,
        from_client,
        tcp: Some((flags.0, 1000, 20)),
        payload,
    }
}

fn udp(ms: i64, from_client: bool, payload: u32) -> Sent {
    Sent {
        at: ms * MS,
        from_client,
        tcp: None,
        payload,
    }
}

fn decoded(sent: &Sent) -> Decoded {
    let (client, server) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let ends = [(client, 40_000), (server, 9_999)];
    let [(src, src_port), (dst, dst_port)] = if sent.from_client {
        ends
    } else {
        [ends[1], ends[0]]
    };
    let (transport, header) = match sent.tcp {
        Some((flags, window, header_len)) => {
            let tcp = Tcp {
                flags: TcpFlags(flags),
                window,
                header_len,
                ..Tcp::default()
            };
            (Transport::Tcp(tcp), u32::from(header_len))
        }
        None => (Transport::Udp, 8),
    };
    Decoded {
        network: Network::Ipv4,
        ip: Some(Ip {
            src: IpAddr::V4(src),
            dst: IpAddr::V4(dst),
            offset: 14,
            header_len: 20,
            total_len: 20 + header + sent.payload,
            ttl: 64,
            tos: 0,
            protocol: if sent.tcp.is_some() { 6 } else { 17 },
            fragment: None,
        }),
        transport,
        src_port,
        dst_port,
        payload_len: sent.payload,
        payload_wire_len: sent.payload,
        ..Decoded::default()
    }
}

/// The flows of a conversation.
fn flows(script: &[Sent], rules: FlowRules, features: FeatureSet) -> Vec<FlowRecord> {
    let mut config = FlowConfig::new(rules);
    config.features = features;
    let mut table = FlowTable::new(&config);
    let mut closed = Vec::new();
    for (number, sent) in (1..).zip(script) {
        let decoded = decoded(sent);
        let wire_len = 14 + decoded.ip.map_or(0, |ip| ip.total_len);
        let packet = FlowPacket {
            number,
            timestamp: Timestamp::from_nanos(sent.at),
            wire_len,
            caplen: wire_len,
            data: &[],
            decoded: &decoded,
            later_fragment: false,
            outer: false,
            payload_only: false,
        };
        table.ingest(&packet, &mut closed);
        let memory = table.stats().memory;
        assert!(memory <= config.max_memory);
    }
    table.finish(script.len() as u64 + 1, &mut closed);
    closed
}

/// The only flow of a conversation.
fn flow(script: &[Sent]) -> FlowRecord {
    let mut flows = flows(script, FlowRules::Native, ALL);
    assert_eq!(flows.len(), 1);
    flows.remove(0)
}

/// A short web request: handshake, 100 bytes asked, 1000 and 400 answered, closed by both.
fn request() -> Vec<Sent> {
    const SYN: TcpFlags = TcpFlags::SYN;
    const SYN_ACK: TcpFlags = TcpFlags(0x12);
    const ACK: TcpFlags = TcpFlags::ACK;
    const PSH_ACK: TcpFlags = TcpFlags(0x18);
    const FIN_ACK: TcpFlags = TcpFlags(0x11);
    let mut script = vec![
        tcp(0, true, SYN, 0),
        tcp(20, false, SYN_ACK, 0),
        tcp(40, true, ACK, 0),
        tcp(50, true, PSH_ACK, 100),
        tcp(80, false, ACK, 1000),
        tcp(90, false, PSH_ACK, 400),
        tcp(130, true, FIN_ACK, 0),
        tcp(150, false, FIN_ACK, 0),
    ];
    // The handshake has options, and windows of its own.
    script[0].tcp = Some((SYN.0, 64_240, 40));
    script[1].tcp = Some((SYN_ACK.0, 65_160, 32));
    script
}

#[test]
fn lengths_of_a_request() {
    let flow = flow(&request());
    let features = flow.statistics().unwrap();
    // Frames: 74, 54, 154, 54 there; 66, 1054, 454, 54 back.
    let fwd = features.fwd().lengths();
    assert_eq!((fwd.count(), fwd.sum()), (4, 336));
    assert_eq!(
        (fwd.min(), fwd.mean(), fwd.max()),
        (Some(54), Some(84.0), Some(154))
    );
    // Off by -10, -30, 70, -30: 100 + 900 + 4900 + 900 = 6800.
    assert_eq!(fwd.variance(), Some(6800.0 / 3.0));
    let bwd = features.bwd().lengths();
    assert_eq!((bwd.count(), bwd.sum(), bwd.max()), (4, 1628, Some(1054)));
    let both = features.lengths();
    assert_eq!((both.count(), both.sum()), (8, 1964));
    assert_eq!((both.min(), both.max()), (Some(54), Some(1054)));
    assert_eq!(both.sum(), u128::from(flow.bytes()));

    let payloads = features.payloads();
    assert_eq!((payloads.count(), payloads.sum()), (8, 1500));
    assert_eq!(
        (payloads.min(), payloads.mean(), payloads.max()),
        (Some(0), Some(187.5), Some(1000))
    );
    // 100² + 1000² + 400² - 1500²/8 = 888,750.
    assert_eq!(payloads.variance(), Some(888_750.0 / 7.0));
    assert_eq!(features.fwd().payloads().mean(), Some(25.0));
    assert_eq!(features.bwd().payloads().sum(), 1400);
}

#[test]
fn times_of_a_request() {
    let flow = flow(&request());
    let features = flow.statistics().unwrap();
    let ms = |value: Option<u64>| value.map(|nanos| nanos as f64 / 1e6);
    // 20 20 10 30 10 40 20.
    let iats = features.iats();
    assert_eq!((iats.count(), iats.sum()), (7, 150_000_000));
    assert_eq!((ms(iats.min()), ms(iats.max())), (Some(10.0), Some(40.0)));
    assert_eq!(iats.mean(), Some(150e6 / 7.0));
    // 400 + 400 + 100 + 900 + 100 + 1600 + 400 - 150²/7 = 685.714… ms².
    let expected = ((3900.0 - 22_500.0 / 7.0) / 6.0_f64).sqrt() * 1e6;
    assert!((iats.std().unwrap() - expected).abs() < 1e-3);
    // There: 0 40 50 130, so 40 10 80. Back: 20 80 90 150, so 60 10 60.
    let fwd = features.fwd().iats();
    assert_eq!(
        (fwd.count(), ms(fwd.min()), ms(fwd.max())),
        (3, Some(10.0), Some(80.0))
    );
    assert_eq!(features.fwd().iats().sum(), 130_000_000);
    let bwd = features.bwd().iats();
    assert_eq!(
        (bwd.count(), ms(bwd.min()), ms(bwd.max())),
        (3, Some(10.0), Some(60.0))
    );
    assert_eq!(
        (features.bwd().first(), features.bwd().last()),
        (Some(20 * MS), Some(150 * MS))
    );
}

#[test]
fn flags_headers_and_windows_of_a_request() {
    let flow = flow(&request());
    let features = flow.statistics().unwrap();
    let (fwd, bwd) = (features.fwd(), features.bwd());
    for (flag, there, back) in [
        (TcpFlags::SYN, 1, 1),
        (TcpFlags::ACK, 3, 4),
        (TcpFlags::PSH, 1, 1),
        (TcpFlags::FIN, 1, 1),
        (TcpFlags::RST, 0, 0),
        (TcpFlags::URG, 0, 0),
        (TcpFlags::ECE, 0, 0),
        (TcpFlags::CWR, 0, 0),
    ] {
        assert_eq!(
            (fwd.flags().get(flag), bwd.flags().get(flag)),
            (there, back),
            "{flag:?}"
        );
        assert_eq!(features.flag(flag), u64::from(there + back));
    }
    assert_eq!((fwd.header_bytes(), fwd.header_min()), (100, Some(20)));
    assert_eq!((bwd.header_bytes(), bwd.header_min()), (92, Some(20)));
    assert_eq!(
        (fwd.init_window(), bwd.init_window()),
        (Some(64_240), Some(65_160))
    );
}

#[test]
fn the_sequence_of_a_request() {
    let flow = flow(&request());
    let sequence = flow.sequence().unwrap();
    let steps: Vec<_> = sequence
        .steps()
        .iter()
        .map(|step| (step.iat / 1_000_000, step.len, u8::from(step.backward)))
        .collect();
    assert_eq!(
        steps,
        [
            (0, 74, 0),
            (20, 66, 1),
            (20, 54, 0),
            (10, 154, 0),
            (30, 1054, 1),
            (10, 454, 1),
            (40, 54, 0),
            (20, 54, 1)
        ]
    );
}

#[test]
fn one_packet_has_no_deviation_and_no_times() {
    let flow = flow(&[udp(5, true, 30)]);
    let features = flow.statistics().unwrap();
    let (fwd, bwd) = (features.fwd(), features.bwd());
    assert_eq!(
        (fwd.lengths().mean(), fwd.lengths().std()),
        (Some(72.0), None)
    );
    assert_eq!((features.iats().count(), features.iats().mean()), (0, None));
    assert_eq!((fwd.header_bytes(), fwd.header_min()), (8, Some(8)));
    assert_eq!(fwd.init_window(), None);
    assert_eq!((fwd.first(), fwd.last()), (Some(5 * MS), Some(5 * MS)));
    assert_eq!(
        (bwd.packets(), bwd.lengths().min(), bwd.first()),
        (0, None, None)
    );
    assert_eq!((bwd.header_bytes(), bwd.header_min()), (0, None));
    assert_eq!(features.activity().subflows(), 1);
    assert_eq!(features.activity().active().count(), 0);
    let steps = flow.sequence().unwrap().steps().to_vec();
    assert_eq!(
        steps,
        [Step {
            iat: 0,
            len: 72,
            backward: false
        }]
    );
}

#[test]
fn the_first_packet_is_kept_whole() {
    // What two packets give is what is kept of the first alone plus the second.
    let mut first = tcp(0, true, TcpFlags(0xff), 12);
    first.tcp = Some((0xff, 7, 60));
    let flow = flow(&[first, udp(0, true, 1)][..1]);
    let features = flow.statistics().unwrap();
    assert!((0..8).all(|bit| features.fwd().flags().get(TcpFlags(1 << bit)) == 1));
    assert_eq!(features.fwd().header_bytes(), 60);
    assert_eq!(features.fwd().init_window(), Some(7));
    assert_eq!(features.payloads().sum(), 12);
}

#[test]
fn pauses_bulks_and_answers() {
    // Four packets within 30 ms, an answer, a pause of 2 s, five packets at once, a pause of
    // 10 s, one more.
    let mut script: Vec<_> = (0..4).map(|n| udp(n * 10, true, 100)).collect();
    script.push(udp(40, false, 10));
    script.extend((0..5).map(|_| udp(2040, true, 200)));
    script.push(udp(12_040, true, 1));
    let flow = flow(&script);
    let features = flow.statistics().unwrap();
    let bulks = features.fwd().bulks();
    assert_eq!(
        (bulks.count(), bulks.packets(), bulks.bytes()),
        (2, 9, 1400)
    );
    assert_eq!(bulks.nanos(), 30_000_000);
    assert_eq!(bulks.bytes_per_s(), Some(1400.0 / 0.03));
    assert_eq!(features.bwd().bulks().count(), 0);
    let activity = features.activity();
    assert_eq!(activity.subflows(), 3);
    assert_eq!(
        (activity.active().count(), activity.active().max()),
        (1, Some(2_040_000_000))
    );
    assert_eq!(
        (activity.idle().count(), activity.idle().min()),
        (1, Some(10_000_000_000))
    );
}

#[test]
fn a_flow_that_is_turned_round_takes_its_features_with_it() {
    // The SYN-ACK was seen first, and the SYN's sender is who acknowledges it with data.
    let mut script = request();
    script.remove(0);
    let turned = flow(&script);
    assert_eq!(turned.src_port, Some(40_000));
    let features = turned.statistics().unwrap();
    assert_eq!((features.fwd().packets(), turned.fwd.packets), (3, 3));
    assert_eq!(features.bwd().lengths().sum(), 1628);
    assert_eq!(features.bwd().init_window(), Some(65_160));
    let backward: Vec<_> = turned
        .sequence()
        .unwrap()
        .steps()
        .iter()
        .map(|step| step.backward)
        .collect();
    assert_eq!(backward, [true, false, false, true, true, false, true]);
}

#[test]
fn nobody_asked() {
    let closed = flows(&request(), FlowRules::Native, FeatureSet::NONE);
    assert_eq!(closed[0].features, FlowFeatures::default());
    assert!(closed[0].statistics().is_none() && closed[0].sequence().is_none());
    let closed = flows(&request(), FlowRules::Native, FeatureSet::SEQUENCE);
    assert!(closed[0].statistics().is_none() && closed[0].sequence().is_some());
}

#[test]
fn what_is_kept_of_one_packet_is_small() {
    assert_eq!(size_of::<FlowFeatures>(), 16);
    // Beside the flow itself, which is 530 bytes with TCP: together 1.2 KiB.
    assert!(size_of::<Kept>() <= 640, "{}", size_of::<Kept>());
}

fn script() -> impl Strategy<Value = Vec<Sent>> {
    let packet = (
        // Mostly forwards, sometimes back; long enough for idle times, too short for timeouts.
        -1_000_000_000_i64..8_000_000_000,
        any::<bool>(),
        any::<(u8, u16)>(),
        0_u32..3000,
    );
    proptest::collection::vec(packet, 1..60).prop_map(|packets| {
        let mut at = 0_i64;
        packets
            .into_iter()
            .map(|(step, from_client, (flags, window), payload)| {
                at += if step % 3 == 0 {
                    step % 5_000_000
                } else {
                    step
                };
                let tcp = Some((flags, window, 20 + (flags & 7) * 4));
                Sent {
                    at,
                    from_client,
                    tcp,
                    payload,
                }
            })
            .collect()
    })
}

/// Samples as the table makes them, without a table.
fn statistics(script: &[Sent]) -> Statistics {
    let sample = |sent: &Sent| Sample {
        at: sent.at,
        len: sent.payload + 54,
        payload_len: sent.payload,
        header_len: sent.tcp.map(|(_, _, len)| len.into()),
        tcp: sent.tcp.map(|(flags, window, _)| (TcpFlags(flags), window)),
    };
    let mut whole = Statistics::new(script[0].from_client, &sample(&script[0]));
    for sent in &script[1..] {
        whole.add(sent.from_client, &sample(sent));
    }
    whole
}

proptest! {
    #[test]
    fn features_agree_with_the_record(script in script(), rules in 0_usize..4) {
        let rules = [FlowRules::Native, FlowRules::Zeek, FlowRules::Nfstream, FlowRules::Ndpi][rules];
        for flow in flows(&script, rules, ALL) {
            let features = flow.statistics().unwrap();
            for (direction, side) in [(features.fwd(), &flow.fwd), (features.bwd(), &flow.bwd)] {
                prop_assert_eq!(direction.packets(), side.packets);
                prop_assert_eq!(direction.lengths().sum(), u128::from(side.bytes));
                prop_assert_eq!(direction.payloads().sum(), u128::from(side.payload_bytes));
            }
            prop_assert_eq!(features.packets(), flow.packets());
            // Packets behind the second FIN count, and do not lengthen Zeek's connections.
            let iats = features.iats().sum();
            let duration = u128::from(flow.duration().unsigned_abs());
            prop_assert!(iats == duration || rules == FlowRules::Zeek && iats > duration);
            let steps = flow.sequence().unwrap().steps().len();
            prop_assert_eq!(steps as u64, flow.packets().min(Sequence::MAX as u64));
            let activity = features.activity();
            for spread in [
                features.lengths(), features.payloads(), features.iats(), features.fwd().iats(),
                features.bwd().iats(), activity.active(), activity.idle(),
            ] {
                let (min, mean, max) = (spread.min(), spread.mean(), spread.max());
                prop_assert_eq!(min.is_some(), spread.count() > 0);
                if let (Some(min), Some(mean), Some(max)) = (min, mean, max) {
                    prop_assert!(min as f64 <= mean * (1.0 + 1e-12));
                    prop_assert!(mean <= max as f64 * (1.0 + 1e-12));
                }
                prop_assert!(spread.std().is_none_or(|std| std.is_finite() && std >= 0.0));
            }
        }
    }

    #[test]
    fn parts_give_what_the_whole_gives(mut script in script(), cut in 1_usize..59) {
        script.sort_by_key(|sent| sent.at);
        let cut = cut.min(script.len() - 1);
        if cut > 0 {
            let whole = statistics(&script);
            let mut merged = statistics(&script[..cut]);
            merged.merge(&statistics(&script[cut..]));
            prop_assert_eq!(merged.iats(), whole.iats());
            prop_assert_eq!(merged.lengths(), whole.lengths());
            for (part, whole) in [(merged.fwd(), whole.fwd()), (merged.bwd(), whole.bwd())] {
                prop_assert_eq!(part.payloads(), whole.payloads());
                prop_assert_eq!(part.iats(), whole.iats());
                prop_assert_eq!(part.flags(), whole.flags());
                prop_assert_eq!(part.header_bytes(), whole.header_bytes());
                prop_assert_eq!(part.header_min(), whole.header_min());
                prop_assert_eq!(part.init_window(), whole.init_window());
                prop_assert_eq!((part.first(), part.last()), (whole.first(), whole.last()));
            }
        }
    }
}
