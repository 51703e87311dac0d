//! MongoDB wire protocol: commands (`OP_MSG`, `OP_QUERY`), the database they go to, logins by
//! name of mechanism.

use super::support::{Frame, frames, nul_text, printable, say, software};
use super::wire::{Reader, u32_le_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// MongoDB.
pub static PROTOCOL: Protocol = Protocol {
    name: "mongodb",
    title: "MongoDB",
    category: Category::Database,
};

/// Recognised by its header: a length that fits and a known operation.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[27017],
    probe,
    parser: Some(|| Box::<Mongo>::default()),
};

const KEPT: usize = 2048;
const COMMANDS_MAX: u32 = 256;
const OP_REPLY: u32 = 1;
const OP_QUERY: u32 = 2004;
const OP_COMPRESSED: u32 = 2012;
const OP_MSG: u32 = 2013;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let (Some(length), Some(answer_to), Some(operation)) =
        (u32_le_at(data, 0), u32_le_at(data, 8), u32_le_at(data, 12))
    else {
        return if matches!(data, [] | [_] | [_, _] | [_, _, _]) || data.get(3) < Some(&4) {
            Guess::More
        } else {
            Guess::No
        };
    };
    if !(16..=48_000_000).contains(&length) || data.len() > length as usize && probe.packets == 1 {
        return Guess::No;
    }
    let body = data.get(16..).unwrap_or_default();
    match operation {
        // Flags, then a section of kind 0: a document whose length fits.
        OP_MSG if body.len() >= 9 => {
            let flags = u32_le_at(body, 0).unwrap_or(u32::MAX);
            let document = u32_le_at(body, 5).unwrap_or_default();
            if flags & !0x0001_0003 == 0 && body[4] <= 1 && document <= length - 16 {
                Guess::Certain
            } else {
                Guess::No
            }
        }
        OP_QUERY if body.len() >= 8 => {
            let name = body.get(4..).unwrap_or_default();
            match nul_text(name) {
                Some((name, _))
                    if matches!(answer_to, 0 | u32::MAX)
                        && printable(name)
                        && name.contains(&b'.') =>
                {
                    Guess::Certain
                }
                _ => Guess::No,
            }
        }
        OP_REPLY if body.len() >= 20 => {
            let returned = u32_le_at(body, 16).unwrap_or_default();
            if answer_to != 0
                && returned < 100_000
                && u32_le_at(body, 0).is_some_and(|flags| flags < 16)
            {
                Guess::Certain
            } else {
                Guess::No
            }
        }
        // The operation inside, its size, the compressor.
        OP_COMPRESSED if body.len() >= 9 => {
            if matches!(u32_le_at(body, 0), Some(OP_MSG | OP_QUERY | OP_REPLY)) && body[8] <= 3 {
                Guess::Certain
            } else {
                Guess::No
            }
        }
        OP_MSG | OP_QUERY | OP_REPLY | OP_COMPRESSED => Guess::More,
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Mongo {
    commands: u32,
}

impl Parser for Mongo {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| match u32_le_at(data, 0) {
                Some(length @ 16..=48_000_000) => Frame::Of(length.into()),
                Some(_) => Frame::Wrong,
                None => Frame::More,
            },
            |message| {
                if context.from_client {
                    self.request(message, events);
                }
                if self.commands < COMMANDS_MAX {
                    Next::Continue
                } else {
                    Next::Done
                }
            },
        )
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Mongo {
    fn request(&mut self, message: &[u8], events: &mut dyn Events) {
        self.commands += 1;
        let body = message.get(16..).unwrap_or_default();
        match u32_le_at(message, 12) {
            Some(OP_MSG) if body.get(4) == Some(&0) => {
                command(body.get(5..).unwrap_or_default(), &[], events);
            }
            Some(OP_QUERY) => {
                if let Some((name, rest)) = nul_text(body.get(4..).unwrap_or_default()) {
                    command(rest.get(8..).unwrap_or_default(), name, events);
                }
            }
            _ => {}
        }
    }
}

/// A command is a document; its first element names it.
fn command(document: &[u8], collection: &[u8], events: &mut dyn Events) {
    let mut reader = Reader::new(document.get(4..).unwrap_or_default());
    let mut fields = Vec::new();
    let mut first = true;
    let mut name: &[u8] = &[];
    for _ in 0..64 {
        let Some(kind) = reader.u8().filter(|&kind| kind != 0) else {
            break;
        };
        let Some((key, rest)) = nul_text(reader.rest()) else {
            break;
        };
        reader = Reader::new(rest);
        let Some(value) = element(kind, &mut reader) else {
            break;
        };
        if first {
            first = false;
            name = key;
            if let Element::Text(text) = value {
                fields.push(("collection", Value::Text(text)));
            }
            continue;
        }
        match (key, value) {
            (b"$db", Element::Text(text)) => fields.push(("database", Value::Text(text))),
            (b"mechanism", Element::Text(text)) => fields.push(("mechanism", Value::Text(text))),
            (b"saslSupportedMechs", Element::Text(text)) => {
                fields.push(("user", Value::Text(text)));
            }
            (b"client", Element::Document(client)) => {
                if let Some(driver) = find(client, b"driver")
                    && let Element::Document(driver) = driver
                    && let Some(Element::Text(text)) = find(driver, b"name")
                {
                    software(events, true, text);
                }
            }
            _ => {}
        }
    }
    if !printable(name) {
        return;
    }
    if !collection.is_empty() {
        fields.push(("namespace", Value::Text(collection)));
    }
    fields.insert(0, ("command", Value::Text(name)));
    say(events, "command", &fields);
}

/// A value of a document.
#[derive(Clone, Copy)]
enum Element<'a> {
    Text(&'a [u8]),
    Document(&'a [u8]),
    Other,
}

/// The value of an element (bsonspec.org, version 1.1).
fn element<'a>(kind: u8, reader: &mut Reader<'a>) -> Option<Element<'a>> {
    let skip = match kind {
        2 | 13 | 14 => {
            let length = reader.u32_le()? as usize;
            let text = reader.take(length)?;
            return Some(Element::Text(text.strip_suffix(b"\0").unwrap_or(text)));
        }
        3 | 4 => {
            let length = (reader.u32_le()? as usize).checked_sub(4)?;
            return Some(Element::Document(reader.take(length)?));
        }
        5 => reader.u32_le()? as usize + 1,
        1 | 9 | 17 | 18 => 8,
        7 => 12,
        8 => 1,
        16 => 4,
        19 => 16,
        6 | 10 | 0x7f | 0xff => 0,
        _ => return None,
    };
    reader.skip(skip)?;
    Some(Element::Other)
}

/// An element of a document (without its length).
fn find<'a>(document: &'a [u8], wanted: &[u8]) -> Option<Element<'a>> {
    let mut reader = Reader::new(document);
    for _ in 0..32 {
        let kind = reader.u8().filter(|&kind| kind != 0)?;
        let (key, rest) = nul_text(reader.rest())?;
        reader = Reader::new(rest);
        let value = element(kind, &mut reader)?;
        if key == wanted {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    fn message() -> Vec<u8> {
        let mut document = b"\x02find\0\x06\0\0\0users\0\x02$db\0\x05\0\0\0shop\0\0".to_vec();
        let length = document.len() as u32 + 4;
        document.splice(0..0, length.to_le_bytes());
        let mut message = (21 + document.len() as u32).to_le_bytes().to_vec();
        message.extend([7, 0, 0, 0, 0, 0, 0, 0]);
        message.extend(OP_MSG.to_le_bytes());
        message.extend([0; 5]);
        message.extend(document);
        message
    }

    #[test]
    fn commands_and_databases() {
        let said = conversation(&DETECTOR, &[(true, &message())]);
        assert_eq!(
            said.0,
            ["command: command=find collection=users database=shop"]
        );
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, &message()), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &message()[..10]), Guess::More);
        assert_eq!(guess(&DETECTOR, b"GET / HTTP/1.1\r\n\r\n"), Guess::No);
    }
}
