//! Memcached, text and binary, over TCP and UDP. Over UDP it is much used to amplify floods.

use super::support::{frame_u32, frames, say};
use super::text::{line, word};
use super::wire::{u16_at, u32_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// Memcached.
pub static PROTOCOL: Protocol = Protocol {
    name: "memcached",
    title: "Memcached",
    category: Category::Database,
};

/// Recognised by commands and answers of its text protocol, and by the binary header.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[11211],
    probe,
    parser: Some(|| Box::<Memcached>::default()),
};

const COMMANDS_MAX: u32 = 64;

/// Commands and answers, each with what has to follow.
const STARTS: &[&[u8]] = &[
    b"stats\r\n",
    b"stats ",
    b"gets ",
    b"version\r\n",
    b"flush_all",
    b"STAT ",
    b"VALUE ",
    b"STORED\r\n",
    b"NOT_STORED\r\n",
    b"SERVER_ERROR ",
    b"CLIENT_ERROR ",
];

fn probe(probe: &Probe<'_>) -> Guess {
    let mut data = probe.data;
    if !probe.tcp {
        // Request, sequence, count, reserved: one datagram of one, or one of several.
        match (u16_at(data, 2), u16_at(data, 4), u16_at(data, 6)) {
            (Some(sequence), Some(count), Some(0)) if sequence < count && count < 1024 => {
                data = data.get(8..).unwrap_or_default();
            }
            _ => return Guess::No,
        }
    }
    match data {
        [] => Guess::More,
        [0x80 | 0x81, ..] => binary(data),
        _ => text(data, probe.has_port(11211)),
    }
}

fn text(data: &[u8], own: bool) -> Guess {
    for start in STARTS {
        if data.starts_with(start) {
            let strong = data.starts_with(b"STAT pid ")
                || data.starts_with(b"STAT ")
                || data.starts_with(b"VALUE ") && storage(data)
                || matches!(*start, b"stats\r\n" | b"STORED\r\n" | b"NOT_STORED\r\n");
            return if strong || own {
                Guess::Certain
            } else {
                Guess::Unsure
            };
        }
        if start.starts_with(data) {
            return Guess::More;
        }
    }
    for start in [
        &b"set "[..],
        b"add ",
        b"replace ",
        b"append ",
        b"prepend ",
        b"cas ",
    ] {
        if data.starts_with(start) {
            return match line(data) {
                Some(_) if storage(data) => Guess::Certain,
                None if data.len() < 256 => Guess::More,
                _ => Guess::No,
            };
        }
        if start.starts_with(data) {
            return Guess::More;
        }
    }
    if own && (data.starts_with(b"get ") || data.starts_with(b"delete ")) {
        return Guess::Certain;
    }
    Guess::No
}

/// A command or an answer with a key and numbers behind it: `set key 0 60 5`.
fn storage(data: &[u8]) -> bool {
    let Some((line, _)) = line(data) else {
        return false;
    };
    let mut words = line.split(|&byte| byte == b' ').skip(1);
    let key = words
        .next()
        .is_some_and(|key| (1..=250).contains(&key.len()));
    let mut numbers = 0;
    for word in words {
        if word.is_empty() || !word.iter().all(u8::is_ascii_digit) && word != b"noreply" {
            return false;
        }
        numbers += 1;
    }
    key && (2..=5).contains(&numbers)
}

fn binary(data: &[u8]) -> Guess {
    let (Some(&opcode), Some(key), Some(total)) = (data.get(1), u16_at(data, 2), u32_at(data, 8))
    else {
        return if data.len() < 12 {
            Guess::More
        } else {
            Guess::No
        };
    };
    let extras = u32::from(data.get(4).copied().unwrap_or_default());
    let plain = data.get(5) == Some(&0) && opcode <= 0x27 && key <= 250 && extras <= 24;
    let sum = u32::from(key) + extras;
    if plain && sum <= total && total < 1 << 20 && data.len() == 24 + total as usize {
        Guess::Certain
    } else if plain && data.len() < 24 {
        Guess::More
    } else {
        Guess::No
    }
}

#[derive(Debug, Default)]
struct Memcached {
    commands: u32,
}

impl Parser for Memcached {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if !context.from_client {
            return Step::then(data.len(), Next::Quiet);
        }
        if data.first() == Some(&0x80) {
            return frames(data, 24, |data| frame_u32(data, 8, 24), |_| self.counted());
        }
        let mut consumed = 0;
        while let Some((text, used)) = line(data.get(consumed..).unwrap_or_default()) {
            consumed += used;
            let skip = command(text, events);
            if !matches!(self.counted(), Next::Continue) {
                return Step::DONE;
            }
            if let Some(length) = skip {
                let rest = (data.len() - consumed) as u64;
                if rest < length {
                    return Step::then(data.len(), Next::Skip(length - rest));
                }
                consumed += length as usize;
            }
        }
        if data.len() - consumed > 4096 {
            return Step::DONE;
        }
        Step::consumed(consumed)
    }

    fn datagram(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        if context.from_client
            && let Some((text, _)) = line(data.get(8..).unwrap_or_default())
        {
            command(text, events);
        }
        self.counted()
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Memcached {
    fn counted(&mut self) -> Next {
        self.commands += 1;
        if self.commands < COMMANDS_MAX {
            Next::Continue
        } else {
            Next::Done
        }
    }
}

/// Says a command; the bytes of the value that follows it.
fn command(text: &[u8], events: &mut dyn Events) -> Option<u64> {
    let (name, rest) = word(text);
    if !super::support::printable(name) {
        return None;
    }
    let (key, rest) = word(rest);
    let mut fields = vec![("name", Value::Text(name))];
    if !key.is_empty() {
        fields.push(("key", Value::Text(key)));
    }
    say(events, "command", &fields);
    if !matches!(
        name,
        b"set" | b"add" | b"replace" | b"append" | b"prepend" | b"cas"
    ) {
        return None;
    }
    let length = rest.split(|&byte| byte == b' ').nth(2)?;
    super::text::number(length)?.checked_add(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, exchange, guess, probe as first};

    #[test]
    fn commands_without_their_values() {
        let said = conversation(
            &DETECTOR,
            &[
                (true, b"set k 0 60 6\r\nsecret\r\nget k\r\n"),
                (false, b"STORED\r\n"),
            ],
        );
        assert_eq!(
            said.0,
            ["command: name=set key=k", "command: name=get key=k"]
        );
        let said = exchange(&DETECTOR, &[(true, b"\0\x01\0\0\0\x01\0\0stats\r\n")]);
        assert_eq!(said.0, ["command: name=stats"]);
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, b"set k 0 60 6\r\n"), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"set -o vi\r\n"), Guess::No);
        let ports = (40_000, 40_001);
        let flood = first(b"\0\x01\0\0\0\x01\0\0stats\r\n", false, true, ports);
        assert_eq!((DETECTOR.probe)(&flood), Guess::Certain);
    }
}
