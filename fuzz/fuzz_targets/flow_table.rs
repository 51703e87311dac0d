//! Any frames at any times under any rules: no panic, every packet in one flow, memory within
//! the cap.
//!
//! The first byte chooses rules and a small or large cap; then, for each packet, two bytes of
//! time that passes, one of length, and the frame.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netloom_decode::{DecodeOptions, decode};
use netloom_flow::features::FeatureSet;
use netloom_flow::{
    FlowConfig, FlowPacket, FlowRecord, FlowRules, FlowTable, NfstreamView, nfstream_view,
};
use netloom_packet::{LinkType, Packet, Timestamp};

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, mut rest)) = bytes.split_first() else { return };
    let rules = [FlowRules::Native, FlowRules::Zeek, FlowRules::Nfstream, FlowRules::Ndpi]
        [usize::from(choice & 3)];
    let mut config = FlowConfig::new(rules);
    config.max_memory = if choice & 4 == 0 { 50_000 } else { 1 << 24 };
    config.checksums = choice & 8 != 0;
    config.packet_flow_ids = choice & 16 != 0;
    if choice & 32 == 0 {
        config.features = FeatureSet::ALL;
    }
    let mut table = FlowTable::new(&config);
    let mut closed = Vec::new();
    let (mut number, mut counted, mut clock) = (0, 0, 0_i64);
    while let Some((&[low, high, length], after)) = rest.split_first_chunk() {
        let (frame, after) = after.split_at(after.len().min(length.into()));
        rest = after;
        number += 1;
        // Mostly forwards, a second a step at most, sometimes far back.
        let step = i64::from(i16::from_le_bytes([low, high]));
        clock = clock.saturating_add(step * 30_000_000);
        let packet = Packet {
            number,
            timestamp: Timestamp::from_nanos(clock),
            link_type: LinkType::RAW,
            interface: 0,
            wire_len: frame.len() as u32,
            data: frame,
        };
        let mut decoded = decode(&packet, DecodeOptions { tunnels: rules.tunnels() });
        if rules.is_nfstream() {
            match nfstream_view(&packet, &decoded) {
                NfstreamView::Same => {}
                NfstreamView::Ignored => continue,
                NfstreamView::Other(seen) => decoded = *seen,
            }
        }
        if step & 7 == 0 {
            table.advance(packet.timestamp, number, &mut closed);
        }
        let fragment = decoded.ip.and_then(|ip| ip.fragment);
        let later_fragment = fragment.is_some_and(|fragment| fragment.offset > 0);
        let flow_packet = FlowPacket { later_fragment, ..FlowPacket::new(&packet, &decoded) };
        let ingested = table.ingest(&flow_packet, &mut closed);
        // Zeek counts datagrams and what is not corrupt.
        if ingested.is_some() && rules != FlowRules::Zeek {
            counted += 1;
        }
        let stats = table.stats();
        assert!(stats.memory <= config.max_memory || stats.live <= 1, "{stats:?}");
    }
    table.finish(number, &mut closed);
    assert_eq!(table.stats().live, 0);
    if rules != FlowRules::Zeek {
        assert_eq!(closed.iter().map(FlowRecord::packets).sum::<u64>(), counted);
    }
    for flow in &closed {
        let Some(features) = flow.statistics() else { continue };
        assert_eq!(features.packets(), flow.packets());
        if rules != FlowRules::Zeek {
            assert_eq!(features.lengths().sum(), u128::from(flow.bytes()));
        }
        for spread in [features.lengths(), features.payloads(), features.iats()] {
            assert!(spread.std().is_none_or(f64::is_finite));
        }
        let nfstream = flow.nfstream().map(|nfstream| nfstream.bidirectional().packets());
        assert_eq!(nfstream, Some(flow.packets()));
    }
});
