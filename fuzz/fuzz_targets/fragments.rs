//! Fragments: a flood of any kind stays within the memory bound, and a datagram that was cut
//! comes back as it was, in whatever order its pieces arrive.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netloom_decode::net::fragment::{FragmentLimits, Reassembler};
use netloom_decode::{DecodeOptions, decode_ip};
use netloom_packet::Timestamp;

/// An IPv4 fragment between two fixed hosts.
fn fragment(id: u8, field: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x45, 0];
    bytes.extend((20 + payload.len() as u16).to_be_bytes());
    bytes.extend([0, id]);
    bytes.extend(field.to_be_bytes());
    bytes.extend([64, 253, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    bytes.extend(payload);
    bytes
}

fn flood(data: &[u8]) {
    let limits = FragmentLimits { memory: 8_192, datagrams: 16, ..FragmentLimits::default() };
    let mut reassembler = Reassembler::new(limits);
    let mut rest = data;
    let mut number = 0;
    while let [id, high, low, len, seconds, tail @ ..] = rest {
        let (payload, after) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = after;
        number += 1;
        let packet = fragment(id & 7, u16::from_be_bytes([high & 0x3f, *low]), payload);
        let decoded = decode_ip(&packet, packet.len() as u32, DecodeOptions::default());
        let Some(ip) = decoded.ip else { panic!("{decoded:?}") };
        let now = Timestamp::from_secs_nanos(i64::from(*seconds), 0);
        let outcome = reassembler.ingest(now, number, &ip, &packet);
        assert!(reassembler.memory() <= limits.memory);
        if let Some(datagram) = outcome.datagram {
            let whole = decode_ip(&datagram, datagram.len() as u32, DecodeOptions::default());
            assert!(whole.ip.is_some_and(|ip| ip.fragment.is_none()));
        }
        let stats = reassembler.stats();
        assert_eq!(stats.begun, stats.completed + stats.incomplete + stats.pending);
    }
    reassembler.finish();
    assert_eq!(reassembler.memory(), 0);
}

fn round_trip(data: &[u8]) {
    let [order, step, payload @ ..] = data else { return };
    let step = (usize::from(*step) % 16 + 1) * 8;
    if payload.len() <= step || payload.len() > 8_000 {
        return;
    }
    let mut fragments: Vec<Vec<u8>> = payload
        .chunks(step)
        .enumerate()
        .map(|(index, chunk)| {
            let more = if (index + 1) * step < payload.len() { 0x2000 } else { 0 };
            fragment(1, more | (index * step / 8) as u16, chunk)
        })
        .collect();
    let count = fragments.len();
    fragments.rotate_left(usize::from(*order) % count);
    if order & 0x80 != 0 {
        fragments.reverse();
    }
    let mut reassembler = Reassembler::default();
    let mut found = None;
    for (index, packet) in fragments.iter().enumerate() {
        let decoded = decode_ip(packet, packet.len() as u32, DecodeOptions::default());
        let Some(ip) = decoded.ip else { panic!("{decoded:?}") };
        let outcome = reassembler.ingest(Timestamp::default(), index as u64, &ip, packet);
        assert!(!outcome.refused);
        assert_eq!(outcome.datagram.is_some(), index + 1 == count);
        found = outcome.datagram;
    }
    assert_eq!(found.as_deref().and_then(|datagram| datagram.get(20..)), Some(payload));
    assert_eq!(reassembler.memory(), 0);
}

fuzz_target!(|data: &[u8]| {
    flood(data);
    round_trip(data);
});
