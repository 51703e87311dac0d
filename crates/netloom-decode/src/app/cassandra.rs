//! Cassandra's native protocol (CQL binary protocol v3 to v5): the startup's options and what is
//! asked, by opcode.

use super::support::{frame_u32, frames, login, printable, say, software};
use super::wire::{Reader, u32_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// Cassandra.
pub static PROTOCOL: Protocol = Protocol {
    name: "cassandra",
    title: "Cassandra",
    category: Category::Database,
};

/// Recognised by STARTUP and OPTIONS, the only requests that may come first, and their answers.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[9042, 7000],
    probe,
    parser: Some(|| Box::<Cassandra>::default()),
};

const KEPT: usize = 1024;
const COMMANDS_MAX: u32 = 64;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let Some(&version) = data.first() else {
        return Guess::More;
    };
    // Nodes among each other begin with a magic number.
    if version == 0xca {
        return match data.get(..4) {
            Some([0xca, 0x55, 0x2d, 0xfa]) => Guess::Certain,
            Some(_) => Guess::No,
            None => Guess::More,
        };
    }
    if !matches!(version & 0x7f, 3..=5) {
        return Guess::No;
    }
    let (Some(&flags), Some(&opcode), Some(length)) = (data.get(1), data.get(4), u32_at(data, 5))
    else {
        return if data.len() < 9 {
            Guess::More
        } else {
            Guess::No
        };
    };
    let body = data.get(9..).unwrap_or_default();
    if flags > 0x1f {
        return Guess::No;
    }
    match (version & 0x80 != 0, opcode, length) {
        // OPTIONS has no body, STARTUP a map with CQL_VERSION in it.
        (false, 5, 0) if data.len() == 9 && data[2] == 0 => Guess::Certain,
        (false, 1, 8..=4096) => {
            if body
                .windows(11)
                .take(256)
                .any(|part| part == b"CQL_VERSION")
            {
                Guess::Certain
            } else if body.len() < length as usize {
                Guess::More
            } else {
                Guess::No
            }
        }
        (true, 6, 8..=65_536)
            if body
                .windows(11)
                .take(256)
                .any(|part| part == b"CQL_VERSION") =>
        {
            Guess::Certain
        }
        (true, 0 | 2 | 3, _) if body.len() == length as usize => Guess::Unsure,
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Cassandra {
    commands: u32,
}

impl Parser for Cassandra {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if !context.from_client {
            return Step::then(data.len(), Next::Quiet);
        }
        frames(
            data,
            KEPT,
            |data| frame_u32(data, 5, 9),
            |message| {
                let kind = match message.get(4) {
                    Some(1) => "startup",
                    Some(5) => "options",
                    Some(7) => "query",
                    Some(9) => "prepare",
                    Some(10) => "execute",
                    Some(11) => "register",
                    Some(13) => "batch",
                    Some(15) => "auth_response",
                    _ => return Next::Continue,
                };
                self.commands += 1;
                let version = message.first().copied().unwrap_or_default() & 0x7f;
                let mut fields = vec![("version", Value::Number(version.into()))];
                if kind == "startup" {
                    startup(message.get(9..).unwrap_or_default(), &mut fields, events);
                }
                say(events, kind, &fields);
                let is_compressed = message.get(1).is_some_and(|flags| flags & 1 != 0);
                if kind == "auth_response" && !is_compressed {
                    password(message.get(9..).unwrap_or_default(), events);
                }
                // Version 5 changes the framing after the startup.
                if version >= 5 && kind == "startup" || self.commands >= COMMANDS_MAX {
                    return Next::Done;
                }
                Next::Continue
            },
        )
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// The answer to PasswordAuthenticator, behind its length: `authorization NUL user NUL password`
/// (RFC 4616). Others answer with what has not that form.
fn password(body: &[u8], events: &mut dyn Events) {
    let token = body.get(4..).unwrap_or_default();
    let mut parts = token.split(|&byte| byte == 0).skip(1);
    if let (Some(user), Some(password), None) = (parts.next(), parts.next(), parts.next())
        && printable(user)
        && !password.is_empty()
    {
        login(events, user, "PLAIN", None, true);
    }
}

fn startup<'a>(
    body: &'a [u8],
    fields: &mut Vec<(&'static str, Value<'a>)>,
    events: &mut dyn Events,
) {
    let mut reader = Reader::new(body);
    let count = reader.u16().unwrap_or_default().min(16);
    for _ in 0..count {
        let (Some(name), Some(value)) = (reader.bytes16(), reader.bytes16()) else {
            break;
        };
        match name {
            b"CQL_VERSION" => fields.push(("cql_version", Value::Text(value))),
            b"DRIVER_NAME" => software(events, true, value),
            b"COMPRESSION" => fields.push(("compression", Value::Text(value))),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    const STARTUP: &[u8] = b"\x04\0\0\x01\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0";

    #[test]
    fn startup_and_query() {
        let said = conversation(
            &DETECTOR,
            &[(true, STARTUP), (true, b"\x04\0\0\x02\x07\0\0\0\x03abc")],
        );
        assert_eq!(
            said.0,
            ["startup: version=4 cql_version=3.0.0", "query: version=4"]
        );
    }

    #[test]
    fn logins() {
        let said = |token: &[u8], flags: u8| {
            let mut response = vec![4, flags, 0, 1, 15, 0, 0, 0, token.len() as u8 + 4];
            response.extend([0, 0, 0, token.len() as u8]);
            response.extend(token);
            conversation(&DETECTOR, &[(true, STARTUP), (true, &response)])
        };
        let plain = said(b"\0bob\0secret", 0);
        assert!(plain.has("login: bob PLAIN None true"), "{plain:#?}");
        assert!(!plain.has("secret"));
        for other in [&b"\0bob\0"[..], b"a ticket", b"\x60\0\x01\0\x02\0\x03"] {
            assert!(!said(other, 0).has("login"), "{}", other.escape_ascii());
        }
        assert!(!said(b"\0bob\0secret", 1).has("login"));
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, STARTUP), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"\x04\0\0\0\x05\0\0\0\0"), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"\x04\0\0\0\x05\0\0\0\x01x"), Guess::No);
        // Among nodes.
        assert_eq!(guess(&DETECTOR, b"\xca\x55\x2d\xfa\x0c"), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"\xca\x55"), Guess::More);
        assert_eq!(guess(&DETECTOR, b"\xca\x55\x2d\xfb"), Guess::No);
    }
}
