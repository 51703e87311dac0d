//! GIOP (CORBA, OMG formal/2012-11-14): requests by operation, answers by status.

use super::support::{Frame, frames, printable, say};
use super::wire::{u32_at, u32_le_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// CORBA's GIOP.
pub static PROTOCOL: Protocol = Protocol {
    name: "giop",
    title: "CORBA GIOP",
    category: Category::Rpc,
};

/// Recognised by the magic `GIOP`, and by its relatives for one-way (MIOP, ZIOP).
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[2809, 683],
    probe,
    parser: Some(|| Box::<Giop>::default()),
};

const KEPT: usize = 2048;
const MESSAGES_MAX: u32 = 256;

fn probe(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [b'G' | b'Z', b'I', b'O', b'P', 1, 0..=3, _, 0..=7, ..]
        | [b'M', b'I', b'O', b'P', 0x10, ..] => Guess::Certain,
        data if probe.tcp && data.len() < 8 => {
            let start = data.get(..4).unwrap_or(data);
            if b"GIOP".starts_with(start) || b"ZIOP".starts_with(start) {
                Guess::More
            } else {
                Guess::No
            }
        }
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Giop {
    messages: u32,
}

/// A number in the sender's byte order, which the flags tell.
fn number(message: &[u8], at: usize) -> Option<u32> {
    if message.get(6)? & 1 != 0 {
        u32_le_at(message, at)
    } else {
        u32_at(message, at)
    }
}

impl Parser for Giop {
    fn stream(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| match data {
                [b'G', b'I', b'O', b'P', ..] => {
                    number(data, 8).map_or(Frame::More, |length| Frame::Of(u64::from(length) + 12))
                }
                _ if data.len() < 4 => Frame::More,
                _ => Frame::Wrong,
            },
            |message| self.message(message, events),
        )
    }

    fn datagram(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        if data.starts_with(b"GIOP") {
            return self.message(data, events);
        }
        Next::Done
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Giop {
    fn message(&mut self, message: &[u8], events: &mut dyn Events) -> Next {
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Next::Done;
        }
        let (Some(&minor), Some(&kind)) = (message.get(5), message.get(7)) else {
            return Next::Continue;
        };
        let name = match kind {
            0 => "request",
            1 => "reply",
            2 => "cancel_request",
            3 => "locate_request",
            4 => "locate_reply",
            5 => "close_connection",
            6 => "message_error",
            _ => "fragment",
        };
        let version = format!("1.{minor}");
        let mut fields = vec![("version", Value::Word(&version))];
        if kind == 0
            && let Some(operation) = operation(message, minor)
        {
            fields.push(("operation", Value::Text(operation)));
        }
        say(events, name, &fields);
        Next::Continue
    }
}

/// The operation of a request: its place depends on the version (15.4.2).
fn operation(message: &[u8], minor: u8) -> Option<&[u8]> {
    let mut at = 12;
    if minor >= 2 {
        // Number, flags and three spare bytes, then the target.
        at += 8;
        let length = number(message, at + 4)? as usize;
        at = at.checked_add(8)?.checked_add(length)?.next_multiple_of(4);
    } else {
        // Contexts of the service, number, whether an answer is wanted, the object's key.
        let contexts = number(message, at)?;
        at += 4;
        for _ in 0..contexts.min(16) {
            let length = number(message, at + 4)? as usize;
            at = at.checked_add(8)?.checked_add(length)?.next_multiple_of(4);
        }
        at = (at + 5).next_multiple_of(4);
        let length = number(message, at)? as usize;
        at = at.checked_add(4)?.checked_add(length)?.next_multiple_of(4);
    }
    let length = number(message, at)? as usize;
    let text = message.get(at + 4..at.checked_add(4)?.checked_add(length)?)?;
    let text = text.strip_suffix(b"\0").unwrap_or(text);
    printable(text).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    const REQUEST: &[u8] = b"GIOP\x01\x00\x01\0\x20\0\0\0\0\0\0\0\x05\0\0\0\x01\0\0\0\x04\0\0\0key!\x05\0\0\0echo\0\0\0\0";

    #[test]
    fn operations() {
        let said = conversation(&DETECTOR, &[(true, REQUEST)]);
        assert_eq!(said.0, ["request: version=1.0 operation=echo"]);
        assert_eq!(guess(&DETECTOR, REQUEST), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"GIO"), Guess::More);
        assert_eq!(guess(&DETECTOR, b"GIOP\x09\x00\x01\0"), Guess::No);
    }
}
