//! DLEP (RFC 8175), radios and routers: signals over UDP, messages over TCP.

use super::support::{Frame, frames, say};
use super::wire::{Reader, u16_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// DLEP.
pub static PROTOCOL: Protocol = Protocol {
    name: "dlep",
    title: "DLEP",
    category: Category::Network,
};

/// Recognised by the signals' prefix, and by data items that fill a message.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[854],
    probe,
    parser: Some(|| Box::<Dlep>::default()),
};

const KEPT: usize = 1024;
const MESSAGES_MAX: u32 = 256;

/// Whether data items fill `data`: the number of them.
fn items(data: &[u8]) -> Option<u32> {
    let mut reader = Reader::new(data);
    let mut count = 0;
    while let (Some(kind), Some(length)) = (reader.u16(), reader.u16()) {
        if !(1..=30).contains(&kind) {
            return None;
        }
        reader.skip(length.into())?;
        count += 1;
    }
    reader.is_empty().then_some(count)
}

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if !probe.tcp {
        // `DLEP`, the signal, the length.
        return match data {
            [b'D', b'L', b'E', b'P', 0, 1 | 2, ..] => Guess::Certain,
            _ => Guess::No,
        };
    }
    let (Some(kind), Some(length)) = (u16_at(data, 0), u16_at(data, 2)) else {
        return if data.first().is_none_or(|&high| high == 0) {
            Guess::More
        } else {
            Guess::No
        };
    };
    if message_name(kind).is_none() {
        return Guess::No;
    }
    let Some(body) = data.get(4..4 + usize::from(length)) else {
        return if length <= 1024 && data.len() < 1028 {
            Guess::More
        } else {
            Guess::No
        };
    };
    match (items(body), probe.has_port(854)) {
        (Some(1..), true) => Guess::Certain,
        // The first message of a session has its heartbeat interval.
        (Some(2..), false) if kind <= 2 && body.starts_with(&[0, 5, 0, 4]) => Guess::Certain,
        (Some(_), true) => Guess::Unsure,
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Dlep {
    messages: u32,
}

impl Parser for Dlep {
    fn stream(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| u16_at(data, 2).map_or(Frame::More, |length| Frame::Of(4 + u64::from(length))),
            |message| {
                self.messages += 1;
                if let Some(name) = u16_at(message, 0).and_then(message_name) {
                    said(name, message.get(4..).unwrap_or_default(), events);
                }
                if self.messages < MESSAGES_MAX {
                    Next::Continue
                } else {
                    Next::Done
                }
            },
        )
    }

    fn datagram(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.messages += 1;
        let name = match u16_at(data, 4) {
            Some(1) => "peer_discovery",
            Some(2) => "peer_offer",
            _ => return Next::Continue,
        };
        said(name, data.get(8..).unwrap_or_default(), events);
        if self.messages < MESSAGES_MAX {
            Next::Continue
        } else {
            Next::Done
        }
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// Says a message with the peer's own description where it gives one.
fn said(name: &str, body: &[u8], events: &mut dyn Events) {
    let mut fields = Vec::new();
    let mut reader = Reader::new(body);
    while let (Some(kind), Some(value)) = (reader.u16(), reader.bytes16()) {
        match kind {
            // Peer Type: flags, then text.
            4 => fields.push(("peer_type", Value::Text(value.get(1..).unwrap_or_default()))),
            1 => fields.push((
                "status",
                Value::Number(value.first().copied().unwrap_or_default().into()),
            )),
            7 => fields.push(("mac", Value::Bytes(value))),
            _ => {}
        }
        if fields.len() >= 8 {
            break;
        }
    }
    say(events, name, &fields);
}

/// Messages (RFC 8175, table 2).
fn message_name(kind: u16) -> Option<&'static str> {
    Some(match kind {
        1 => "session_initialization",
        2 => "session_initialization_response",
        3 => "session_update",
        4 => "session_update_response",
        5 => "session_termination",
        6 => "session_termination_response",
        7 => "destination_up",
        8 => "destination_up_response",
        9 => "destination_announce",
        10 => "destination_announce_response",
        11 => "destination_down",
        12 => "destination_down_response",
        13 => "destination_update",
        14 => "link_characteristics_request",
        15 => "link_characteristics_response",
        16 => "heartbeat",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, exchange, guess};

    const INITIALIZATION: &[u8] = b"\0\x01\0\x11\0\x05\0\x04\0\0\xea\x60\0\x04\0\x05\0radi";

    #[test]
    fn peers() {
        let said = exchange(&DETECTOR, &[(true, b"DLEP\0\x01\0\x09\0\x04\0\x05\0unit")]);
        assert_eq!(said.0, ["peer_discovery: peer_type=unit"]);
        let said = conversation(&DETECTOR, &[(true, INITIALIZATION)]);
        assert_eq!(said.0, ["session_initialization: peer_type=radi"]);
        assert_eq!(guess(&DETECTOR, INITIALIZATION), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &INITIALIZATION[..10]), Guess::More);
    }
}
