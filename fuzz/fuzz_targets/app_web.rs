//! Any conversation, in any pieces and with any gaps, through the probes and parsers of HTTP,
//! mail, files and terminals: no panic, never more consumed than given, memory bounded.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use netloom_decode::app::{
    Context, Detector, Event, Events, Interest, Next, Parser, Probe, STREAM_MAX, detectors,
};
use netloom_packet::Timestamp;

/// The group's protocols.
const NAMES: &[&str] = &[
    "http",
    "http2",
    "websocket",
    "ssh",
    "ftp",
    "smtp",
    "pop3",
    "imap",
    "rdp",
    "vnc",
    "telnet",
    "tftp",
    "irc",
    "rlogin",
    "rsh",
    "rexec",
    "rtsp",
    "socks",
    "nntp",
    "xmpp",
    "git",
    "rsync",
    "svn",
    "x11",
    "gopher",
    "finger",
    "whois",
];

/// Most that any parser of the group may hold.
const HEAP_MAX: usize = 512 * 1024;

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

const CLIENT: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 40_000);

fn context(tcp: bool, from_client: bool, port: u16) -> Context {
    Context {
        timestamp: Timestamp::from_nanos(0),
        number: 1,
        from_client,
        tcp,
        client: CLIENT,
        server: (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), port),
        wire_len: 0,
    }
}

fn probe(detector: &Detector, tcp: bool, data: &[u8], other: &[u8], port: u16) {
    for from_client in [true, false] {
        let _ = (detector.probe)(&Probe {
            data,
            other,
            previous: &[],
            wire_len: data.len(),
            tcp,
            from_client,
            from_start: true,
            packets: 1,
            client: CLIENT,
            server: (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), port),
        });
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
        assert!(parser.heap_bytes() <= HEAP_MAX, "holds too much");
        held.drain(..step.consumed);
        match step.next {
            Next::Continue if step.consumed == 0 => {
                if held.len() > STREAM_MAX {
                    held.clear();
                }
                return true;
            }
            Next::Continue => {}
            Next::Skip(count) => {
                assert!(step.consumed > 0 || count > 0, "no progress");
                *skip += count;
            }
            _ => return false,
        }
    }
}

// The first byte chooses a protocol; then pieces: a byte of flags, a length, bytes.
fuzz_target!(|input: &[u8]| {
    let group: Vec<_> = detectors()
        .iter()
        .filter(|detector| NAMES.contains(&detector.protocol.name))
        .collect();
    let Some((&choice, mut rest)) = input.split_first() else {
        return;
    };
    let detector = group[usize::from(choice) % group.len()];
    let tcp = detector.over.contains(true);
    let port = detector.ports.first().copied().unwrap_or(1);
    for other in &group {
        let half = rest.len() / 2;
        probe(other, tcp, &rest[..half], &rest[half..], port);
    }
    let Some(new) = detector.parser else {
        return;
    };
    let mut parser = new();
    let mut held = [Vec::new(), Vec::new()];
    let mut skip = [0, 0];
    while let [flags, length, after @ ..] = rest {
        let (piece, more) = after.split_at((*length as usize * 4).min(after.len()));
        rest = more;
        let from_client = flags & 1 == 1;
        let side = usize::from(from_client);
        let context = context(tcp, from_client, port);
        let goes_on = if !tcp {
            matches!(
                parser.datagram(&context, piece, &mut Nobody),
                Next::Continue | Next::Skip(_) | Next::Quiet
            )
        } else if flags & 6 == 6 {
            held[side].clear();
            matches!(
                parser.gap(&context, u64::from(*length) << 4, &mut Nobody),
                Next::Continue | Next::Skip(_)
            )
        } else {
            feed(
                parser.as_mut(),
                &context,
                &mut held[side],
                &mut skip[side],
                piece,
            )
        };
        if !goes_on {
            break;
        }
    }
    parser.finish(&context(tcp, true, port), &mut Nobody);
});
