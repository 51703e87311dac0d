//! PostgreSQL frontend/backend protocol 3 (manual, chapter 54): TLS requests, user and database
//! of the startup, how the password is asked for, the server's version, errors.

use super::support::{Frame, frame_u32, frames, keep, login, nul_text, risk, say, software};
use super::wire::u32_at;
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Risk, Step,
    Value,
};

/// PostgreSQL.
pub static PROTOCOL: Protocol = Protocol {
    name: "postgresql",
    title: "PostgreSQL",
    category: Category::Database,
};

/// Recognised by the client's startup or TLS request.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[5432],
    probe,
    parser: Some(|| Box::<Postgres>::default()),
};

const KEPT: usize = 2048;
const USER_MAX: usize = 256;
const VERSION_3: u32 = 0x0003_0000;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if !probe.from_client && !probe.other.is_empty() {
        return Guess::More;
    }
    let (Some(length), Some(code)) = (u32_at(data, 0), u32_at(data, 4)) else {
        return if data.len() < 8 && matches!(data.first(), None | Some(0)) {
            Guess::More
        } else {
            Guess::No
        };
    };
    match (length, code) {
        (8, SSL_REQUEST | GSS_REQUEST) | (16, CANCEL_REQUEST) => Guess::Certain,
        (9..=4096, VERSION_3..=0x0003_0002) => {
            let rest = data.get(8..).unwrap_or_default();
            let names: [&[u8]; 4] = [
                b"user\0",
                b"database\0",
                b"application_name\0",
                b"client_encoding\0",
            ];
            if names.iter().any(|name| rest.starts_with(name)) {
                Guess::Certain
            } else if rest.len() < 5 {
                Guess::More
            } else {
                Guess::Unsure
            }
        }
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Postgres {
    started: bool,
    /// The client asked for TLS (or GSSAPI encryption) and waits for one byte.
    asked: bool,
    user: Option<Box<[u8]>>,
    cleartext: bool,
}

impl Parser for Postgres {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if context.from_client {
            return self.client(data, events);
        }
        if self.asked {
            let Some(answer) = data.first() else {
                return Step::consumed(0);
            };
            self.asked = false;
            return match answer {
                b'S' => Step::then(1, Next::Become(Some(&super::tls::DETECTOR))),
                b'N' => Step::consumed(1),
                // GSSAPI encryption, or an error of an old server.
                b'G' => Step::DONE,
                _ => Step::consumed(0),
            };
        }
        frames(data, KEPT, typed, |message| self.server(message, events))
    }

    fn finish(&mut self, _: &Context, events: &mut dyn Events) {
        self.answered(None, events);
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.user.as_ref().map_or(0, |user| user.len())
    }
}

/// A message with its type in front.
fn typed(data: &[u8]) -> Frame {
    match data.first() {
        Some(kind) if kind.is_ascii_alphanumeric() => match frame_u32(data, 1, 1) {
            Frame::Of(..5) => Frame::Wrong,
            other => other,
        },
        None => Frame::More,
        _ => Frame::Wrong,
    }
}

impl Postgres {
    fn answered(&mut self, success: Option<bool>, events: &mut dyn Events) {
        if let Some(user) = self.user.take() {
            login(events, &user, "postgresql", success, self.cleartext);
        }
    }

    fn client(&mut self, data: &[u8], events: &mut dyn Events) -> Step {
        if self.started {
            return frames(data, KEPT, typed, |message| {
                if message.first() == Some(&b'p') && self.cleartext {
                    risk(events, Risk::CleartextCredentials, "PostgreSQL password");
                }
                Next::Continue
            });
        }
        frames(
            data,
            KEPT,
            |data| match frame_u32(data, 0, 0) {
                Frame::Of(8..=10_000) | Frame::More => frame_u32(data, 0, 0),
                _ => Frame::Wrong,
            },
            |message| {
                match u32_at(message, 4) {
                    Some(SSL_REQUEST) => {
                        self.asked = true;
                        say(events, "ssl_request", &[]);
                    }
                    Some(GSS_REQUEST) => self.asked = true,
                    Some(VERSION_3..=0x0003_ffff) => {
                        self.started = true;
                        self.startup(message.get(8..).unwrap_or_default(), events);
                        // What follows has a type in front: read with the next piece.
                        return Next::Skip(0);
                    }
                    _ => return Next::Done,
                }
                Next::Continue
            },
        )
    }

    fn startup(&mut self, mut rest: &[u8], events: &mut dyn Events) {
        let mut fields = Vec::new();
        while let Some((name, after)) = nul_text(rest)
            && let Some((value, after)) = nul_text(after)
            && fields.len() < 16
        {
            match name {
                b"user" => {
                    fields.push(("user", Value::Text(value)));
                    self.user = Some(keep(value, USER_MAX));
                }
                b"database" => fields.push(("database", Value::Text(value))),
                b"application_name" => {
                    fields.push(("application_name", Value::Text(value)));
                    software(events, true, value);
                }
                _ => {}
            }
            rest = after;
        }
        say(events, "startup", &fields);
    }

    fn server(&mut self, message: &[u8], events: &mut dyn Events) -> Next {
        let body = message.get(5..).unwrap_or_default();
        match message.first() {
            Some(b'R') => match u32_at(body, 0) {
                Some(0) => self.answered(Some(true), events),
                Some(method) => {
                    self.cleartext = method == 3;
                    let name = match method {
                        3 => "cleartext_password",
                        5 => "md5_password",
                        7 => "gss",
                        9 => "sspi",
                        10 => "sasl",
                        _ => return Next::Continue,
                    };
                    say(events, "authentication", &[("method", Value::Word(name))]);
                }
                None => {}
            },
            Some(b'S') => {
                if let Some((b"server_version", rest)) = nul_text(body)
                    && let Some((version, _)) = nul_text(rest)
                {
                    software(events, false, version);
                }
            }
            Some(b'E') => {
                self.answered(Some(false), events);
                let mut fields = Vec::new();
                for part in body.split(|&byte| byte == 0).take(16) {
                    match part.split_first() {
                        Some((b'S', text)) => fields.push(("severity", Value::Text(text))),
                        Some((b'C', text)) => fields.push(("code", Value::Text(text))),
                        Some((b'M', text)) => fields.push(("message", Value::Text(text))),
                        _ => {}
                    }
                }
                say(events, "error", &fields);
            }
            // Ready for queries: from here on there is data only.
            Some(b'Z') => {
                self.answered(None, events);
                return Next::Done;
            }
            _ => {}
        }
        Next::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    const STARTUP: &[u8] = b"\0\0\0\x20\0\x03\0\0user\0ann\0database\0shop\0\0";

    #[test]
    fn user_database_and_outcome() {
        let said = conversation(
            &DETECTOR,
            &[
                (true, b"\0\0\0\x08\x04\xd2\x16\x2f"),
                (false, b"N"),
                (true, STARTUP),
                (false, b"R\0\0\0\x08\0\0\0\x03"),
                (true, b"p\0\0\0\x09hush\0"),
                (
                    false,
                    b"R\0\0\0\x08\0\0\0\0S\0\0\0\x18server_version\x0016.1\0",
                ),
                (false, b"Z\0\0\0\x05I"),
            ],
        );
        assert!(said.has("startup: user=ann database=shop"));
        assert!(said.has("authentication: method=cleartext_password"));
        assert!(said.has("risk: cleartext_credentials"));
        assert!(said.has("login: ann postgresql Some(true) true"));
        assert!(said.has("software: server 16.1"));
        assert!(!said.has("hush"));
    }

    #[test]
    fn a_startup_that_is_longer_than_what_is_read_of_it() {
        let mut startup = b"\0\0\x20\0\0\x03\0\0user\0ann\0options\0".to_vec();
        startup.resize(0x2000, b'o');
        let said = conversation(
            &DETECTOR,
            &[
                (true, &startup[..4000]),
                (true, &startup[4000..]),
                (false, b"R\0\0\0\x08\0\0\0\x03"),
                (true, b"p\0\0\0\x09hush\0"),
                (false, b"R\0\0\0\x08\0\0\0\0"),
            ],
        );
        assert!(said.has("startup: user=ann"));
        assert!(said.has("risk: cleartext_credentials"), "{said:#?}");
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, STARTUP), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &STARTUP[..6]), Guess::More);
        assert_eq!(
            guess(&DETECTOR, b"\0\0\0\x08\x04\xd2\x16\x2f"),
            Guess::Certain
        );
        assert_eq!(guess(&DETECTOR, b"\0\0\0\x08\x04\xd2\x16\x2a"), Guess::No);
    }
}
