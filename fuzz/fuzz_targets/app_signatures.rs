//! Any bytes before the probes of all protocols, both transports, both directions, and as what
//! peers and miners say: no panic, nothing consumed that is not there, no state that grows.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use netloom_decode::app::{
    Context, Event, Events, Guess, Interest, Next, Probe, bittorrent, detectors, mining,
};
use netloom_packet::Timestamp;

/// Wants everything, keeps nothing.
struct Listener;

impl Events for Listener {
    fn wants(&self, _: Interest) -> bool {
        true
    }

    fn event(&mut self, _: Event<'_>) {}
}

fuzz_target!(|bytes: &[u8]| {
    // Where the data ends and what came the other way begins; a port; then both.
    let Some((&[cut, high, low], rest)) = bytes.split_first_chunk() else {
        return;
    };
    let (data, other) = rest.split_at(usize::from(cut).min(rest.len()));
    let client = (IpAddr::V4(Ipv4Addr::LOCALHOST), 50_000);
    let server = (
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        u16::from_be_bytes([high, low]),
    );
    for tcp in [false, true] {
        for from_client in [false, true] {
            let probe = Probe {
                data,
                other,
                previous: other,
                wire_len: data.len() + if tcp { 0 } else { usize::from(low & 1) },
                tcp,
                from_client,
                from_start: true,
                packets: 1,
                client,
                server,
            };
            for detector in detectors() {
                if detector.over.contains(tcp) {
                    let guess = (detector.probe)(&probe);
                    // Nothing at all is never anything.
                    assert!(!data.is_empty() || guess != Guess::Certain);
                }
            }
        }
    }
    for detector in [&bittorrent::DETECTOR, &mining::DETECTOR] {
        let Some(new) = detector.parser else { continue };
        let (mut stream, mut datagrams) = (new(), new());
        for (number, (from_client, piece)) in [(true, data), (false, other)].into_iter().enumerate()
        {
            let context = Context {
                timestamp: Timestamp::from_nanos(0),
                number: number as u64,
                from_client,
                tcp: true,
                client,
                server,
                wire_len: 0,
            };
            let step = stream.stream(&context, piece, &mut Listener);
            assert!(step.consumed <= piece.len());
            let next = datagrams.datagram(&context, piece, &mut Listener);
            assert!(matches!(next, Next::Continue | Next::Done));
            assert!(stream.heap_bytes() + datagrams.heap_bytes() < 256);
        }
    }
});
