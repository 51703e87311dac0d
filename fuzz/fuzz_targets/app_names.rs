//! Any bytes as the payloads of DNS, DHCP and the other protocols that name hosts: no panic, no
//! state that grows, and nothing consumed that is not there.
//!
//! The first byte picks the detector, the second says the transport, direction and port; then come
//! pieces, each with its length in front.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use netloom_decode::app::dns::{self, Message};
use netloom_decode::app::{Context, Detector, Event, Events, Interest, Next, Probe, detectors};
use netloom_packet::Timestamp;

/// Names of the group's protocols.
const NAMES: [&str; 20] = [
    "dns", "mdns", "llmnr", "nbns", "dhcp", "dhcpv6", "ssdp", "ntp", "nbdgm", "nbss", "snmp",
    "syslog", "wsd", "dnscrypt", "dropbox", "bjnp", "tplink_shp", "tuyalp", "tivoconnect",
    "merakicloud",
];

/// Wants everything, keeps nothing.
struct Listener;

impl Events for Listener {
    fn wants(&self, _: Interest) -> bool {
        true
    }

    fn event(&mut self, event: Event<'_>) {
        if let Event::Dns(message) = event {
            check(message);
        }
    }
}

fn check(message: &Message<'_>) {
    assert!(message.questions.len() <= 64 && message.answers.len() <= 256);
    assert!(message.authorities.len() <= 64 && message.additionals.len() <= 64);
    for record in &message.answers {
        let _ = dns::answer_text(record);
    }
    let mut told = 0;
    dns::learn(message, &mut |name, _, _| {
        assert!(name.len() <= 255);
        told += 1;
        true
    });
    // A record speaks once; one that hints at addresses may name many.
    assert!(told <= message.captured / 4);
}

fn group() -> impl Iterator<Item = &'static Detector> {
    detectors()
        .iter()
        .copied()
        .filter(|detector| NAMES.contains(&detector.protocol.name))
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&[choice, how], mut rest)) = bytes.split_first_chunk() else {
        return;
    };
    let count = group().count();
    let Some(detector) = group().nth(usize::from(choice) % count) else {
        return;
    };
    let tcp = detector.over.contains(true) && (how & 1 != 0 || !detector.over.contains(false));
    let port = detector.ports.first().copied().filter(|_| how & 2 != 0);
    let client = (IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000);
    let server = (IpAddr::V4(Ipv4Addr::LOCALHOST), port.unwrap_or(4711));
    let mut parser = detector.parser.map(|new| new());
    let mut held = [Vec::new(), Vec::new()];
    let mut number = 0;
    while let Some((&[len, from], behind)) = rest.split_first_chunk() {
        let (piece, behind) = behind.split_at(usize::from(len).min(behind.len()));
        rest = behind;
        number += 1;
        let from_client = from & 1 == 0;
        let wire_len = piece.len() + usize::from(from >> 4);
        let probe = Probe {
            data: piece,
            other: &[],
            previous: &[],
            wire_len: if tcp { piece.len() } else { wire_len },
            tcp,
            from_client,
            from_start: true,
            packets: number,
            client,
            server,
        };
        for other in group().filter(|other| other.over.contains(tcp)) {
            let _ = (other.probe)(&probe);
        }
        let _ = dns::is_response(piece);
        let Some(parser) = &mut parser else { continue };
        let context = Context {
            timestamp: Timestamp::from_nanos(0),
            number: number.into(),
            from_client,
            tcp,
            client,
            server,
            wire_len: if tcp { 0 } else { wire_len },
        };
        if tcp {
            let side = &mut held[usize::from(from_client)];
            side.extend_from_slice(piece);
            let step = parser.stream(&context, side, &mut Listener);
            assert!(step.consumed <= side.len());
            side.drain(..step.consumed);
            if !matches!(step.next, Next::Continue) {
                return;
            }
        } else if !matches!(
            parser.datagram(&context, piece, &mut Listener),
            Next::Continue
        ) {
            return;
        }
        assert!(parser.heap_bytes() < 4096);
    }
});
