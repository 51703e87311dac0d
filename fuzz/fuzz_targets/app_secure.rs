//! Any conversation, in any pieces and with any gaps, through the probes and parsers of TLS, DTLS
//! and QUIC: no panic, never more consumed than given, memory bounded, lists and texts too.
//!
//! The first byte chooses the protocol; then come pieces: flags, a length in steps of eight bytes,
//! the bytes.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use netloom_decode::app::{
    Context, Detector, Event, Events, Guess, Interest, Next, Parser, Probe, STREAM_MAX, detectors,
};
use netloom_packet::Timestamp;

/// The group's protocols.
const NAMES: [&str; 3] = ["tls", "dtls", "quic"];

/// Most that a parser of the group may hold: a handshake message of both sides and what is put
/// together of their pieces.
const HEAP_MAX: usize = 512 * 1024;

const CLIENT: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 40_000);
const SERVER: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 443);

/// Wants everything, keeps nothing.
struct Nobody;

impl Events for Nobody {
    fn wants(&self, _: Interest) -> bool {
        true
    }

    fn event(&mut self, event: Event<'_>) {
        if let Event::Risk { detail, .. } = event {
            assert!(detail.len() <= 200, "evidence is short");
        }
    }
}

fn group() -> impl Iterator<Item = &'static Detector> {
    detectors()
        .iter()
        .copied()
        .filter(|detector| NAMES.contains(&detector.protocol.name))
}

fn context(tcp: bool, from_client: bool, number: u64, wire_len: usize) -> Context {
    Context {
        timestamp: Timestamp::from_nanos(0),
        number,
        from_client,
        tcp,
        client: CLIENT,
        server: SERVER,
        wire_len,
    }
}

fn probe(tcp: bool, from_client: bool, data: &[u8], other: &[u8], more: usize) {
    for detector in group().filter(|detector| detector.over.contains(tcp)) {
        let guess = (detector.probe)(&Probe {
            data,
            other,
            previous: other,
            wire_len: data.len() + if tcp { 0 } else { more },
            tcp,
            from_client,
            from_start: true,
            packets: 1,
            client: CLIENT,
            server: SERVER,
        });
        assert!(!data.is_empty() || guess != Guess::Certain);
    }
}

/// Gives a piece to a parser as a flow table would; whether it wants more.
fn feed(
    parser: &mut dyn Parser,
    context: &Context,
    held: &mut Vec<u8>,
    skip: &mut u64,
    piece: &[u8],
) -> bool {
    held.extend_from_slice(piece);
    loop {
        let passed = (held.len() as u64).min(*skip);
        held.drain(..passed as usize);
        *skip -= passed;
        if held.is_empty() {
            return true;
        }
        let step = parser.stream(context, held, &mut Nobody);
        assert!(step.consumed <= held.len(), "consumed what is not there");
        held.drain(..step.consumed);
        match step.next {
            Next::Continue if step.consumed == 0 => {
                assert!(held.len() <= STREAM_MAX, "waits for what may not be held");
                return true;
            }
            Next::Continue => {}
            Next::Skip(count) => {
                assert!(step.consumed > 0 || count > 0, "no progress");
                *skip += count;
            }
            Next::Quiet | Next::Done | Next::NotThis | Next::Become(_) => return false,
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&choice, mut rest)) = input.split_first() else {
        return;
    };
    let Some(detector) = group().nth(usize::from(choice) % NAMES.len()) else {
        return;
    };
    let tcp = detector.over.contains(true);
    let Some(new) = detector.parser else { return };
    let mut parser = new();
    let mut held = [Vec::new(), Vec::new()];
    let mut skip = [0, 0];
    let mut number = 0;
    while let [flags, length, after @ ..] = rest {
        let (piece, behind) = after.split_at((usize::from(*length) * 8).min(after.len()));
        rest = behind;
        number += 1;
        let from_client = flags & 1 == 0;
        let side = usize::from(from_client);
        // Bytes of a datagram that the capture lacks.
        let more = usize::from(flags >> 4);
        probe(tcp, from_client, piece, rest, more);
        let goes_on = if !tcp {
            let context = context(false, from_client, number, piece.len() + more);
            matches!(
                parser.datagram(&context, piece, &mut Nobody),
                Next::Continue | Next::Skip(_) | Next::Quiet
            )
        } else if flags & 6 == 6 {
            held[side].clear();
            let context = context(true, from_client, number, 0);
            matches!(
                parser.gap(&context, u64::from(*length) << 4, &mut Nobody),
                Next::Continue | Next::Skip(_)
            )
        } else {
            let context = context(true, from_client, number, 0);
            feed(
                parser.as_mut(),
                &context,
                &mut held[side],
                &mut skip[side],
                piece,
            )
        };
        assert!(parser.heap_bytes() <= HEAP_MAX, "memory is bounded");
        if !goes_on {
            break;
        }
    }
    parser.finish(&context(tcp, true, number, 0), &mut Nobody);
});
