//! CoAP (RFC 7252) over UDP: methods, paths, answers.

use super::support::say;
use super::wire::{Reader, u16_at};
use super::{
    Category, Context, Detector, Event, Events, Guess, Next, Over, Parser, Probe, Protocol, Value,
    uri,
};

/// CoAP.
pub static PROTOCOL: Protocol = Protocol {
    name: "coap",
    title: "CoAP",
    category: Category::Iot,
};

/// Recognised by options that can be read to their end, with at least one that is known.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[5683],
    probe,
    parser: Some(|| Box::<Coap>::default()),
};

const MESSAGES_MAX: u32 = 256;

/// A message's header and options.
struct Message<'a> {
    kind: u8,
    code: u8,
    id: u16,
    path: Vec<&'a [u8]>,
    query: Vec<&'a [u8]>,
    host: &'a [u8],
    known: u32,
}

/// Options that a message may have, from IANA's registry.
fn known_option(number: u16) -> bool {
    matches!(
        number,
        1 | 3..=9 | 11..=17 | 19..=21 | 23 | 27 | 28 | 31 | 35 | 39 | 60 | 252 | 258 | 292
    )
}

fn read(data: &[u8]) -> Option<Message<'_>> {
    let mut reader = Reader::new(data);
    let first = reader.u8()?;
    let code = reader.u8()?;
    let id = reader.u16()?;
    let token = first & 15;
    if first >> 6 != 1 || token > 8 {
        return None;
    }
    reader.skip(token.into())?;
    let mut message = Message {
        kind: first >> 4 & 3,
        code,
        id,
        path: Vec::new(),
        query: Vec::new(),
        host: &[],
        known: 0,
    };
    let mut number = 0_u16;
    while let Some(head) = reader.u8() {
        if head == 0xff {
            // A payload may not be empty.
            return (!reader.is_empty()).then_some(message);
        }
        let delta = extended(head >> 4, &mut reader)?;
        let length = extended(head & 15, &mut reader)?;
        number = number.checked_add(delta)?;
        let value = reader.take(length.into())?;
        if !known_option(number) {
            // Others exist, but what is certain has only known ones.
            message.known = 0;
            return Some(message);
        }
        message.known += 1;
        match number {
            3 => message.host = value,
            11 if message.path.len() < 32 => message.path.push(value),
            15 if message.query.len() < 32 => message.query.push(value),
            _ => {}
        }
    }
    Some(message)
}

/// Deltas and lengths of more than four bits (3.1).
fn extended(nibble: u8, reader: &mut Reader<'_>) -> Option<u16> {
    match nibble {
        0..=12 => Some(nibble.into()),
        13 => Some(u16::from(reader.u8()?) + 13),
        14 => reader.u16()?.checked_add(269),
        _ => None,
    }
}

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 4 || data[0] >> 6 != 1 || probe.wire_len > data.len() {
        return Guess::No;
    }
    let Some(name) = code_name(data[1]) else {
        return Guess::No;
    };
    let Some(message) = read(data) else {
        return Guess::No;
    };
    let own = probe.has_port(5683);
    let answers = u16_at(probe.other, 2) == Some(message.id)
        && probe.other.first().is_some_and(|b| b >> 6 == 1);
    if own && (message.known > 0 || data[1] == 0 && data.len() == 4) {
        return Guess::Certain;
    }
    // Methods with a readable path, or answers to a message with the same number.
    let text = !message.path.is_empty()
        && message
            .path
            .iter()
            .all(|part| super::support::printable(part));
    let long: usize = message.path.iter().map(|part| part.len()).sum();
    let asks = text && long >= 4 && data[1] < 32 && message.kind < 2 && name != "EMPTY";
    if asks || answers && message.known > 0 {
        Guess::Certain
    } else if message.known > 1 || own {
        Guess::Unsure
    } else {
        Guess::No
    }
}

#[derive(Debug, Default)]
struct Coap {
    messages: u32,
    named: bool,
}

impl Parser for Coap {
    fn datagram(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Next::Done;
        }
        let (Some(message), Some(name)) = (read(data), data.get(1).copied().and_then(code_name))
        else {
            return Next::Continue;
        };
        let kind = ["CON", "NON", "ACK", "RST"];
        let kind = kind
            .get(usize::from(message.kind))
            .copied()
            .unwrap_or_default();
        let code = format!("{}.{:02}", message.code >> 5, message.code & 31);
        let path = message.path.join(&b'/');
        let query = message.query.join(&b'&');
        let shown = uri::masked_query(&query);
        let mut fields = vec![
            ("type", Value::Word(kind)),
            ("code", Value::Word(&code)),
            ("id", Value::Number(message.id.into())),
        ];
        for (name, text) in [("host", message.host), ("path", &path), ("query", &shown)] {
            if !text.is_empty() {
                fields.push((name, Value::Text(text)));
            }
        }
        say(events, name, &fields);
        if !self.named && !message.host.is_empty() && context.from_client {
            self.named = true;
            events.event(Event::ServerName {
                name: message.host,
                source: "coap_host",
            });
        }
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// Methods and answers (12.1), RFC 8132 and 7959 included.
fn code_name(code: u8) -> Option<&'static str> {
    Some(match code {
        0 => "EMPTY",
        1 => "GET",
        2 => "POST",
        3 => "PUT",
        4 => "DELETE",
        5 => "FETCH",
        6 => "PATCH",
        7 => "iPATCH",
        0x41 => "Created",
        0x42 => "Deleted",
        0x43 => "Valid",
        0x44 => "Changed",
        0x45 => "Content",
        0x5f => "Continue",
        0x80 => "Bad Request",
        0x81 => "Unauthorized",
        0x82 => "Bad Option",
        0x83 => "Forbidden",
        0x84 => "Not Found",
        0x85 => "Method Not Allowed",
        0x86 => "Not Acceptable",
        0x88 => "Request Entity Incomplete",
        0x89 => "Conflict",
        0x8c => "Precondition Failed",
        0x8d => "Request Entity Too Large",
        0x8f => "Unsupported Content-Format",
        0x96 => "Unprocessable Entity",
        0x9d => "Too Many Requests",
        0xa0 => "Internal Server Error",
        0xa1 => "Not Implemented",
        0xa2 => "Bad Gateway",
        0xa3 => "Service Unavailable",
        0xa4 => "Gateway Timeout",
        0xa5 => "Proxying Not Supported",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{exchange, guess};

    const GET: &[u8] = b"\x41\x01\x12\x34\x99\x34host\x84room\x04temp\x43u=C";

    #[test]
    fn methods_and_paths() {
        let said = exchange(
            &DETECTOR,
            &[(true, GET), (false, b"\x61\x45\x12\x34\x99\xc0\xff21")],
        );
        assert_eq!(
            said.0[0],
            "GET: type=CON code=0.01 id=4660 host=host path=room/temp query=u=C"
        );
        assert!(said.has("Content: type=ACK code=2.05 id=4660"));
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, GET), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"\x49\x01\x12\x34"), Guess::No);
        assert_eq!(guess(&DETECTOR, b"\x41\x01\x12\x34\x99\xff"), Guess::No);
    }
}
