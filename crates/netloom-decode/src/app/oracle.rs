//! Oracle's TNS: connect descriptors (service, program, host, user of the client's system).

use super::support::{Frame, frames, say, software};
use super::wire::u16_at;
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// Oracle TNS.
pub static PROTOCOL: Protocol = Protocol {
    name: "oracle",
    title: "Oracle",
    category: Category::Database,
};

/// Recognised by a CONNECT packet with a descriptor.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[1521, 1526],
    probe,
    parser: Some(|| Box::new(Oracle)),
};

const KEPT: usize = 4096;
const CONNECT: u8 = 1;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let Some(&kind) = data.get(4) else {
        return if data.first().is_none_or(|&high| high < 0x20) {
            Guess::More
        } else {
            Guess::No
        };
    };
    let length = u16_at(data, 0).map_or(0, usize::from);
    let plain = u16_at(data, 2) == Some(0) && data.get(5).is_some_and(|byte| byte & !0x24 == 0);
    match kind {
        CONNECT if plain && length >= 58 && u16_at(data, 6) == Some(0) => {
            if data.len() < 34 {
                return Guess::More;
            }
            // Version, the oldest it works with, and the place of the descriptor.
            let version = u16_at(data, 8).unwrap_or_default();
            let oldest = u16_at(data, 10).unwrap_or_default();
            let size = u16_at(data, 24).map_or(0, usize::from);
            let at = u16_at(data, 26).map_or(0, usize::from);
            let known = (300..=400).contains(&version) && (256..=400).contains(&oldest);
            let place = (34..=80).contains(&at) && (at + size == length || at == length);
            if known && place {
                Guess::Certain
            } else {
                Guess::No
            }
        }
        // ACCEPT, REFUSE, REDIRECT, RESEND, of the server.
        2 | 4 | 5 | 11 if !probe.from_client && plain && length == data.len() => {
            if kind == 4
                && data
                    .get(12..)
                    .is_some_and(|text| text.starts_with(b"(DESCRIPTION="))
            {
                Guess::Certain
            } else {
                Guess::Unsure
            }
        }
        _ => Guess::No,
    }
}

#[derive(Debug)]
struct Oracle;

impl Parser for Oracle {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| match u16_at(data, 0) {
                Some(length @ 8..) => Frame::Of(length.into()),
                None => Frame::More,
                _ => Frame::Wrong,
            },
            |packet| {
                match packet.get(4) {
                    Some(&CONNECT) => connect(packet, events),
                    // What is behind may be a descriptor that was too long for CONNECT.
                    Some(6) if context.from_client => {
                        if let Some(text) = packet.get(10..)
                            && text.starts_with(b"(DESCRIPTION")
                        {
                            descriptor(text, events);
                        }
                        return Next::Done;
                    }
                    Some(4) => {
                        let text = packet.get(12..).unwrap_or_default();
                        if let Some(code) = value(text, b"ERR=") {
                            say(events, "refuse", &[("code", Value::Text(code))]);
                        }
                        return Next::Done;
                    }
                    _ => {}
                }
                Next::Continue
            },
        )
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

fn connect(packet: &[u8], events: &mut dyn Events) {
    let at = u16_at(packet, 26).map_or(0, usize::from);
    let text = packet.get(at..).unwrap_or_default();
    if !text.is_empty() {
        descriptor(text, events);
    }
}

fn descriptor(text: &[u8], events: &mut dyn Events) {
    let mut fields = Vec::new();
    for (name, key) in [
        ("service_name", &b"SERVICE_NAME="[..]),
        ("sid", b"(SID="),
        ("program", b"PROGRAM="),
        ("user", b"(USER="),
    ] {
        if let Some(value) = value(text, key).filter(|value| !value.is_empty()) {
            if name == "program" {
                software(events, true, value);
            }
            fields.push((name, Value::Text(value)));
        }
    }
    // The first HOST is the client's in CID, the other the server's in ADDRESS.
    if let Some(at) = find(text, b"(CID=")
        && let Some(host) = value(text.get(at..).unwrap_or_default(), b"(HOST=")
    {
        fields.push(("host", Value::Text(host)));
    }
    say(events, "connect", &fields);
}

/// Where `key` stands, in any case.
fn find(text: &[u8], key: &[u8]) -> Option<usize> {
    text.windows(key.len())
        .position(|window| window.eq_ignore_ascii_case(key))
}

/// What stands behind `key`, up to a bracket.
fn value<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let at = find(text, key)? + key.len();
    text.get(at..)?
        .split(|byte| matches!(byte, b'(' | b')'))
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    fn packet() -> Vec<u8> {
        let text = b"(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME=shop)(CID=(PROGRAM=sqlplus)(HOST=pc)(USER=ann))))";
        let mut packet = vec![0, 58 + text.len() as u8, 0, 0, 1, 0, 0, 0, 1, 0x3b, 1, 0x2c];
        packet.extend([0; 12]);
        packet.extend([0, text.len() as u8, 0, 58]);
        packet.resize(58, 0);
        packet.extend(text);
        packet
    }

    #[test]
    fn descriptors() {
        let said = conversation(&DETECTOR, &[(true, &packet())]);
        assert_eq!(
            said.0,
            [
                "software: client sqlplus",
                "connect: service_name=shop program=sqlplus user=ann host=pc",
            ]
        );
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, &packet()), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &packet()[..20]), Guess::More);
        assert_eq!(guess(&DETECTOR, b"\0\x3a\0\0\x02\0\0\0\0"), Guess::No);
    }
}
