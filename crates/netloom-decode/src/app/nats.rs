//! NATS: the server's INFO and the client's CONNECT, in lines.

use super::support::{login, risk, say, software};
use super::text::{line, word};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Risk, Step,
    Value,
};

/// NATS.
pub static PROTOCOL: Protocol = Protocol {
    name: "nats",
    title: "NATS",
    category: Category::Rpc,
};

/// Recognised by `INFO {` of the server and `CONNECT {` of the client.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[4222],
    probe,
    parser: Some(|| Box::<Nats>::default()),
};

const LINES_MAX: u32 = 128;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    for start in [&b"INFO {\""[..], b"CONNECT {\""] {
        if data.starts_with(start) {
            return Guess::Certain;
        }
        if start.starts_with(data) {
            return Guess::More;
        }
    }
    Guess::No
}

#[derive(Debug, Default)]
struct Nats {
    lines: u32,
}

impl Parser for Nats {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        let mut consumed = 0;
        while let Some((text, used)) = line(data.get(consumed..).unwrap_or_default()) {
            consumed += used;
            self.lines += 1;
            let (command, rest) = word(text);
            match command {
                b"INFO" => {
                    let mut fields = Vec::new();
                    for (name, key) in [("server_id", "server_id"), ("version", "version")] {
                        if let Some(text) = member(rest, key) {
                            fields.push((name, Value::Text(text)));
                        }
                    }
                    if let Some(version) = member(rest, "version") {
                        software(events, false, &[b"nats-server ", version].concat());
                    }
                    say(events, "INFO", &fields);
                }
                b"CONNECT" => {
                    let mut fields = Vec::new();
                    for key in ["user", "name", "lang", "version"] {
                        if let Some(text) = member(rest, key) {
                            fields.push((key, Value::Text(text)));
                        }
                    }
                    say(events, "CONNECT", &fields);
                    let user = member(rest, "user").unwrap_or_default();
                    let secret = member(rest, "pass").or_else(|| member(rest, "auth_token"));
                    if secret.is_some_and(|secret| !secret.is_empty()) {
                        login(events, user, "CONNECT", None, true);
                        risk(events, Risk::CleartextCredentials, "NATS password");
                    }
                }
                b"PUB" | b"HPUB" | b"MSG" | b"HMSG" => {
                    let (subject, sizes) = word(rest);
                    say(
                        events,
                        if command == b"PUB" { "PUB" } else { "MSG" },
                        &[("subject", Value::Text(subject))],
                    );
                    // The last word is the size of what follows.
                    let size = sizes
                        .rsplit(|&byte| byte == b' ')
                        .next()
                        .unwrap_or_default();
                    let Some(size) = super::text::number(size).filter(|&size| size < 1 << 30)
                    else {
                        return Step::DONE;
                    };
                    let rest = (data.len() - consumed) as u64;
                    if rest < size + 2 {
                        return Step::then(data.len(), Next::Skip(size + 2 - rest));
                    }
                    consumed += size as usize + 2;
                }
                b"SUB" => {
                    say(events, "SUB", &[("subject", Value::Text(word(rest).0))]);
                }
                _ => {}
            }
            if self.lines > LINES_MAX {
                return Step::DONE;
            }
        }
        let held = data.len() - consumed;
        if held > 32 * 1024 && !context.from_client || held > 8192 && context.from_client {
            return Step::DONE;
        }
        Step::consumed(consumed)
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// The text of a member of a JSON object, as it stands between its quotes (no escapes undone).
fn member<'a>(object: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let pattern = format!("\"{key}\":");
    let at = object
        .windows(pattern.len())
        .position(|window| window == pattern.as_bytes())?;
    let rest = object.get(at + pattern.len()..)?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"")?;
    rest.split(|&byte| byte == b'"').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    #[test]
    fn users_and_subjects() {
        let said = conversation(
            &DETECTOR,
            &[
                (false, b"INFO {\"server_id\":\"X\",\"version\":\"2.1.0\"}\r\n"),
                (true, b"CONNECT {\"user\":\"ann\",\"pass\":\"hush\"}\r\nPUB a.b 5\r\nhello\r\nSUB c 1\r\n"),
            ],
        );
        assert!(said.has("software: server nats-server 2.1.0"));
        assert!(said.has("login: ann CONNECT None true"));
        assert!(said.has("PUB: subject=a.b") && said.has("SUB: subject=c"));
        assert!(!said.has("hush"));
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, b"INFO {\"server_id\""), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"CONN"), Guess::More);
        assert_eq!(
            guess(&DETECTOR, b"CONNECT host:443 HTTP/1.1\r\n"),
            Guess::No
        );
    }
}
