//! OPC UA over TCP (OPC 10000-6): hello, endpoints, security policies.

use super::support::{Frame, frames, say};
use super::wire::{Reader, u32_le_at};
use super::{
    Category, Context, Detector, Event, Events, Guess, Next, Over, Parser, Probe, Protocol, Step,
    Value,
};

/// OPC UA.
pub static PROTOCOL: Protocol = Protocol {
    name: "opcua",
    title: "OPC UA",
    category: Category::Industrial,
};

/// Recognised by the types of messages, in letters.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[4840],
    probe,
    parser: Some(|| Box::<OpcUa>::default()),
};

const KEPT: usize = 1024;
const MESSAGES_MAX: u32 = 64;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let kinds: [&[u8]; 7] = [
        b"HELF", b"ACKF", b"ERRF", b"OPNF", b"MSGF", b"MSGC", b"RHEF",
    ];
    let start = data.get(..4).unwrap_or(data);
    if !kinds.iter().any(|kind| kind.starts_with(start)) {
        return Guess::No;
    }
    match u32_le_at(data, 4) {
        Some(12..=0x0100_0000) => Guess::Certain,
        Some(_) => Guess::No,
        None => Guess::More,
    }
}

#[derive(Debug, Default)]
struct OpcUa {
    messages: u32,
}

impl Parser for OpcUa {
    fn stream(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| match u32_le_at(data, 4) {
                Some(length @ 8..=0x0400_0000)
                    if data.first().is_some_and(u8::is_ascii_uppercase) =>
                {
                    Frame::Of(length.into())
                }
                None => Frame::More,
                _ => Frame::Wrong,
            },
            |message| {
                self.messages += 1;
                message_of(message, events);
                if self.messages < MESSAGES_MAX {
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

fn message_of(message: &[u8], events: &mut dyn Events) {
    let mut reader = Reader::new(message.get(8..).unwrap_or_default());
    match message.get(..3) {
        Some(b"HEL") => {
            let version = reader.u32_le().unwrap_or_default();
            let Some(()) = reader.skip(16) else { return };
            let url = string(&mut reader).unwrap_or_default();
            let host = url
                .strip_prefix(b"opc.tcp://")
                .and_then(|rest| rest.split(|byte| matches!(byte, b':' | b'/')).next());
            if let Some(host) = host
                && host.iter().any(u8::is_ascii_alphabetic)
            {
                events.event(Event::ServerName {
                    name: host,
                    source: "opcua_endpoint",
                });
            }
            say(
                events,
                "hello",
                &[
                    ("version", Value::Number(version.into())),
                    ("endpoint_url", Value::Text(url)),
                ],
            );
        }
        Some(b"ACK") => say(events, "acknowledge", &[]),
        Some(b"ERR") => {
            let code = reader.u32_le().unwrap_or_default();
            let reason = string(&mut reader).unwrap_or_default();
            say(
                events,
                "error",
                &[
                    ("code", Value::Number(code.into())),
                    ("reason", Value::Text(reason)),
                ],
            );
        }
        Some(b"OPN") => {
            let Some(()) = reader.skip(4) else { return };
            let policy = string(&mut reader).unwrap_or_default();
            let name = policy
                .rsplit(|&byte| byte == b'#')
                .next()
                .unwrap_or_default();
            say(
                events,
                "open_secure_channel",
                &[("security_policy", Value::Text(name))],
            );
        }
        Some(b"CLO") => say(events, "close_secure_channel", &[]),
        _ => {}
    }
}

/// A text with its length in front; -1 stands for none.
fn string<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    match reader.u32_le()? {
        u32::MAX => Some(&[]),
        length => reader.take(length as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    #[test]
    fn endpoints() {
        let url = b"opc.tcp://plant:4840/a";
        let mut hello = b"HELF".to_vec();
        hello.extend((32 + url.len() as u32).to_le_bytes());
        hello.extend([0; 20]);
        hello.extend((url.len() as u32).to_le_bytes());
        hello.extend(url);
        assert_eq!(guess(&DETECTOR, &hello), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &hello[..3]), Guess::More);
        assert_eq!(guess(&DETECTOR, b"HELO mail"), Guess::No);
        let said = conversation(&DETECTOR, &[(true, &hello)]);
        assert!(said.has("hello: version=0 endpoint_url=opc.tcp://plant:4840/a"));
        assert!(said.has("ServerName"));
    }
}
