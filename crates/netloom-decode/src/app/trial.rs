//! A small driver for tests of parsers: probes and feeds one detector, and keeps what it said.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use netloom_packet::Timestamp;

use super::text::display;
use super::{
    Context, Detector, Event, Events, Guess, Interest, Next, Parser, Probe, STREAM_MAX, Value,
};

/// Events as lines of text.
#[derive(Debug, Default)]
pub(crate) struct Said(pub(crate) Vec<String>);

impl Said {
    /// Whether a line contains this.
    pub(crate) fn has(&self, what: &str) -> bool {
        self.0.iter().any(|line| line.contains(what))
    }
}

impl Events for Said {
    fn wants(&self, interest: Interest) -> bool {
        Interest::ALL.contains(interest)
    }

    fn event(&mut self, event: Event<'_>) {
        let line = match event {
            Event::Message(message) => {
                let mut line = format!("{}:", message.kind);
                for (name, value) in message.fields {
                    let _ = match value {
                        Value::Text(text) => write!(line, " {name}={}", display(text)),
                        Value::Word(word) => write!(line, " {name}={word}"),
                        Value::Number(number) => write!(line, " {name}={number}"),
                        Value::Flag(flag) => write!(line, " {name}={flag}"),
                        Value::Address(address) => write!(line, " {name}={address}"),
                        Value::Bytes(bytes) => write!(line, " {name}={bytes:02x?}"),
                        Value::List(list) => {
                            let texts: Vec<_> = list.iter().map(|text| display(text)).collect();
                            write!(line, " {name}=[{}]", texts.join(","))
                        }
                    };
                }
                line
            }
            Event::Login(login) => format!(
                "login: {} {} {:?} {}",
                display(login.user),
                login.method,
                login.success,
                login.cleartext
            ),
            Event::Software { of_client, text } => {
                let who = if of_client { "client" } else { "server" };
                format!("software: {who} {}", display(text))
            }
            Event::Risk { risk, detail } => format!("risk: {} {detail}", risk.name()),
            Event::Carries { protocol, .. } => format!("carries: {}", protocol.name),
            Event::Service(protocol) => format!("service: {}", protocol.name),
            Event::Expect(expect) => format!(
                "expect: {} {}:{} {}",
                expect.protocol.name,
                expect.to,
                expect.port,
                if expect.tcp { "tcp" } else { "udp" }
            ),
            other => format!("{other:?}"),
        };
        self.0.push(line);
    }
}

/// A probe of the first bytes.
pub(crate) fn probe(data: &[u8], tcp: bool, from_client: bool, ports: (u16, u16)) -> Probe<'_> {
    Probe {
        data,
        other: &[],
        previous: &[],
        wire_len: data.len(),
        tcp,
        from_client,
        from_start: true,
        packets: 1,
        client: (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), ports.0),
        server: (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), ports.1),
    }
}

/// What the detector says to the first bytes of a client, on a port that is not its own.
pub(crate) fn guess(detector: &Detector, data: &[u8]) -> Guess {
    let tcp = detector.over.contains(true);
    (detector.probe)(&probe(data, tcp, true, (40_000, 40_001)))
}

/// What the detector says to a conversation from its middle, on a port that is not its own: one
/// side's bytes, and the other's.
pub(crate) fn guess_midway(
    detector: &Detector,
    (from_client, data): (bool, &[u8]),
    other: &[u8],
) -> Guess {
    (detector.probe)(&Probe {
        other,
        from_start: false,
        ..probe(data, true, from_client, (40_000, 40_001))
    })
}

/// Whether a command and its reply in the middle of a conversation tell the protocol, whichever side is
/// heard first.
pub(crate) fn is_told_midway(detector: &Detector, command: &str, reply: &str) -> bool {
    let (command, reply) = (command.as_bytes(), reply.as_bytes());
    let told = [
        guess_midway(detector, (true, command), reply),
        guess_midway(detector, (false, reply), command),
    ]
    .map(|guess| guess == Guess::Certain);
    assert_eq!(told[0], told[1]);
    told[0]
}

/// Where a piece was seen.
pub(crate) fn context(tcp: bool, from_client: bool, number: u64, wire_len: usize) -> Context {
    Context {
        timestamp: Timestamp::from_nanos(0),
        number,
        from_client,
        tcp,
        client: (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 40_000),
        server: (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 40_001),
        wire_len,
    }
}

/// One direction's bytes as the flow table would hold them.
#[derive(Default)]
struct Held {
    bytes: VecDeque<u8>,
    skip: u64,
    quiet: bool,
}

/// Feeds a parser pieces of two streams; returns how it ended (`Continue` where it did not).
pub(crate) fn streams(
    parser: &mut dyn Parser,
    pieces: impl IntoIterator<Item = (bool, impl AsRef<[u8]>)>,
    said: &mut Said,
) -> Next {
    let mut held = [Held::default(), Held::default()];
    let mut number = 0;
    for (from_client, piece) in pieces {
        number += 1;
        let context = context(true, from_client, number, 0);
        let side = &mut held[usize::from(from_client)];
        if side.quiet {
            continue;
        }
        let mut piece = piece.as_ref();
        let skipped = (piece.len() as u64).min(side.skip);
        side.skip -= skipped;
        piece = &piece[skipped as usize..];
        side.bytes.extend(piece);
        while !side.bytes.is_empty() {
            let data = side.bytes.make_contiguous();
            let step = parser.stream(&context, data, said);
            assert!(step.consumed <= data.len(), "consumed more than there is");
            side.bytes.drain(..step.consumed);
            match step.next {
                Next::Continue => {
                    if side.bytes.len() > STREAM_MAX {
                        let missing = side.bytes.len() as u64;
                        side.bytes.clear();
                        if !matches!(parser.gap(&context, missing, said), Next::Continue) {
                            return Next::Done;
                        }
                    }
                    break;
                }
                Next::Skip(count) => {
                    let now = (side.bytes.len() as u64).min(count);
                    side.bytes.drain(..now as usize);
                    side.skip = count - now;
                    assert!(step.consumed > 0 || count > 0, "no progress");
                }
                Next::Quiet => {
                    side.quiet = true;
                    break;
                }
                other => return other,
            }
        }
    }
    parser.finish(&context(true, true, number, 0), said);
    Next::Continue
}

/// Feeds datagrams.
pub(crate) fn datagrams<'a>(
    parser: &mut dyn Parser,
    pieces: impl IntoIterator<Item = (bool, &'a [u8])>,
    said: &mut Said,
) -> Next {
    let mut number = 0;
    for (from_client, data) in pieces {
        number += 1;
        let context = context(false, from_client, number, data.len());
        match parser.datagram(&context, data, said) {
            Next::Continue | Next::Skip(_) | Next::Quiet => {}
            other => return other,
        }
    }
    parser.finish(&context(false, true, number, 0), said);
    Next::Continue
}

/// Reads a conversation over TCP: whole pieces and single bytes must say the same.
pub(crate) fn conversation(detector: &Detector, pieces: &[(bool, &[u8])]) -> Said {
    let new = detector.parser.unwrap();
    let mut whole = Said::default();
    streams(new().as_mut(), pieces.iter().copied(), &mut whole);
    let mut bytewise = Said::default();
    let bytes = pieces
        .iter()
        .flat_map(|&(side, piece)| piece.iter().map(move |&byte| (side, [byte])));
    streams(new().as_mut(), bytes, &mut bytewise);
    assert_eq!(whole.0, bytewise.0, "cuts of a stream change what is said");
    whole
}

/// Reads a conversation of datagrams.
pub(crate) fn exchange(detector: &Detector, pieces: &[(bool, &[u8])]) -> Said {
    let new = detector.parser.unwrap();
    let mut said = Said::default();
    datagrams(new().as_mut(), pieces.iter().copied(), &mut said);
    said
}
