//! MGCP (RFC 3435) over UDP: commands to gateways, and the media that they set up.

use super::support::{printable, say};
use super::text::{line, number, word};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Value, sdp,
};

/// MGCP.
pub static PROTOCOL: Protocol = Protocol {
    name: "mgcp",
    title: "MGCP",
    category: Category::Voip,
};

/// Recognised by commands that end in the protocol's version.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[2427, 2727],
    probe,
    parser: Some(|| Box::<Mgcp>::default()),
};

const MESSAGES_MAX: u32 = 512;
const VERBS: [&[u8]; 9] = [
    b"AUEP", b"AUCX", b"CRCX", b"DLCX", b"EPCF", b"MDCX", b"NTFY", b"RQNT", b"RSIP",
];

fn probe(probe: &Probe<'_>) -> Guess {
    let Some((first, _)) = line(probe.data) else {
        return Guess::No;
    };
    let (start, rest) = word(first);
    if VERBS.iter().any(|verb| verb.eq_ignore_ascii_case(start)) {
        let version = rest.windows(6).any(|part| part == b" MGCP ");
        return if version {
            Guess::Certain
        } else {
            Guess::Unsure
        };
    }
    // An answer: a code, a transaction's number.
    let (transaction, _) = word(rest);
    let own = DETECTOR.ports.iter().any(|&port| probe.has_port(port));
    if own && start.len() == 3 && number(start).is_some() && number(transaction).is_some() {
        Guess::Certain
    } else {
        Guess::No
    }
}

#[derive(Debug, Default)]
struct Mgcp {
    messages: u32,
}

impl Parser for Mgcp {
    fn datagram(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Next::Done;
        }
        let Some((first, _)) = line(data) else {
            return Next::Continue;
        };
        let (start, rest) = word(first);
        let (transaction, rest) = word(rest);
        if !printable(start) {
            return Next::Continue;
        }
        let id = number(transaction).unwrap_or_default();
        if let Some(code) = number(start) {
            say(
                events,
                "response",
                &[
                    ("code", Value::Number(code)),
                    ("transaction_id", Value::Number(id)),
                    ("comment", Value::Text(rest)),
                ],
            );
        } else {
            let kind = super::text::display(start);
            say(
                events,
                &kind,
                &[
                    ("transaction_id", Value::Number(id)),
                    ("endpoint", Value::Text(word(rest).0)),
                ],
            );
        }
        // A session description follows an empty line.
        let body = data
            .windows(5)
            .position(|part| part == b"\nv=0\r" || part == b"\nv=0\n")
            .and_then(|at| data.get(at + 1..));
        if let Some(body) = body {
            sdp::announce(body, events);
        }
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{exchange, guess};

    const CREATE: &[u8] = b"CRCX 7 aaln/1@gw.example MGCP 1.0\r\nC: 1\r\n";

    #[test]
    fn commands_and_media() {
        let said = exchange(
            &DETECTOR,
            &[
                (true, CREATE),
                (
                    false,
                    b"200 7 OK\r\n\r\nv=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP 0\r\n",
                ),
            ],
        );
        assert!(said.has("CRCX: transaction_id=7 endpoint=aaln/1@gw.example"));
        assert!(said.has("response: code=200 transaction_id=7 comment=OK"));
        assert!(said.has("expect: rtp 192.0.2.9:4000 udp"));
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, CREATE), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"200 7 OK\r\n"), Guess::No);
    }
}
