//! IMAP (RFC 9051, RFC 3501): users, and the change to TLS.

use super::http::base64;
use super::lines::lines;
use super::smtp::plain_user;
use super::support::{keep, login, say};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
    text, tls,
};

/// IMAP.
pub static PROTOCOL: Protocol = Protocol {
    name: "imap",
    title: "IMAP",
    category: Category::Mail,
};

/// IMAP on TCP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[143],
    probe,
    parser: Some(|| Box::new(Session::default())),
};

/// Commands of a session that is not logged in.
const COMMANDS: &[&[u8]] = &[
    b"CAPABILITY",
    b"LOGIN",
    b"AUTHENTICATE",
    b"STARTTLS",
    b"NOOP",
    b"LOGOUT",
    b"ID",
];

/// A command's tag, its name and what follows.
fn command(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (tag, rest) = text::word(line.trim_ascii_end());
    let (name, data) = text::word(rest);
    let is_tag = !tag.is_empty()
        && tag.len() <= 32
        && tag
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'.');
    (is_tag && !name.is_empty()).then_some((tag, name, data))
}

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let Some((line, _)) = text::line(data) else {
        let may = data.is_empty()
            || data.starts_with(b"* ")
            || data == b"*"
            || data.len() < 32
                && data
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ');
        return if may && data.len() < 1024 {
            Guess::More
        } else {
            Guess::No
        };
    };
    let greets = |line: &[u8]| {
        [&b"* OK"[..], b"* PREAUTH", b"* BYE"]
            .iter()
            .any(|start| text::starts_with_ignore_case(line, start))
    };
    if greets(line) {
        let named = super::lines::contains(line, b"IMAP");
        let answered = text::line(probe.other)
            .and_then(|(line, _)| command(line))
            .is_some_and(|(_, name, _)| {
                COMMANDS
                    .iter()
                    .any(|known| name.eq_ignore_ascii_case(known))
            });
        return if named || answered {
            Guess::Certain
        } else if probe.has_port(143) {
            Guess::Unsure
        } else {
            Guess::More
        };
    }
    match command(line) {
        Some((_, name, _))
            if COMMANDS
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known)) =>
        {
            if greets(probe.other) {
                Guess::Certain
            } else if probe.other.is_empty() && probe.has_port(143) {
                Guess::Unsure
            } else if probe.other.is_empty() {
                Guess::More
            } else {
                Guess::No
            }
        }
        _ => Guess::No,
    }
}

/// What was asked under which tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Login,
    /// `AUTHENTICATE PLAIN`, its response to come.
    Plain,
    PlainSent,
    Tls,
}

/// Reads a connection.
#[derive(Debug, Default)]
struct Session {
    asked: Option<(Asked, Box<[u8]>)>,
    user: Option<Box<[u8]>>,
}

/// The first argument, quotes taken off.
fn argument(data: &[u8]) -> &[u8] {
    match data.strip_prefix(b"\"") {
        Some(quoted) => quoted.split(|&byte| byte == b'"').next().unwrap_or(quoted),
        None => text::word(data).0,
    }
}

impl Session {
    fn client(&mut self, line: &[u8], events: &mut dyn Events) {
        if let Some((asked @ Asked::Plain, _)) = &mut self.asked {
            *asked = Asked::PlainSent;
            self.user = Some(keep(plain_user(&base64(line.trim_ascii())), 256));
            return;
        }
        let Some((tag, name, data)) = command(line) else {
            return;
        };
        let is = |word: &[u8]| name.eq_ignore_ascii_case(word);
        let asked = if is(b"LOGIN") {
            self.user = Some(keep(argument(data), 256));
            Some(Asked::Login)
        } else if is(b"STARTTLS") {
            Some(Asked::Tls)
        } else if is(b"AUTHENTICATE") && text::starts_with_ignore_case(data, b"PLAIN") {
            let initial = text::word(data).1;
            if initial.is_empty() {
                Some(Asked::Plain)
            } else {
                self.user = Some(keep(plain_user(&base64(initial)), 256));
                Some(Asked::PlainSent)
            }
        } else {
            None
        };
        if let Some(asked) = asked {
            self.asked = Some((asked, keep(tag, 32)));
        }
        say(events, "command", &[("command", Value::Text(name))]);
    }

    fn server(&mut self, line: &[u8], events: &mut dyn Events) -> Next {
        let (tag, status) = text::word(line);
        let Some((asked, _)) = self.asked.take_if(|(_, known)| **known == *tag) else {
            return Next::Continue;
        };
        let success = text::starts_with_ignore_case(status, b"OK");
        if asked == Asked::Tls {
            return if success {
                Next::Become(Some(&tls::DETECTOR))
            } else {
                Next::Continue
            };
        }
        let method = if asked == Asked::Login {
            "LOGIN"
        } else {
            "PLAIN"
        };
        let user = self.user.as_deref().unwrap_or_default();
        login(events, user, method, Some(success), true);
        if success {
            // From here on there are mails.
            return Next::Done;
        }
        Next::Continue
    }
}

impl Parser for Session {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        lines(data, |line| {
            if context.from_client {
                self.client(line, events);
                Next::Continue
            } else {
                self.server(line, events)
            }
        })
    }

    fn finish(&mut self, _: &Context, events: &mut dyn Events) {
        if let Some((Asked::Login | Asked::PlainSent, _)) = self.asked {
            let user = self.user.as_deref().unwrap_or_default();
            login(events, user, "LOGIN", None, true);
        }
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.user.as_ref().map_or(0, |user| user.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{Said, conversation, guess, probe as make, streams};
    use super::*;

    #[test]
    fn logins() {
        let said = conversation(
            &DETECTOR,
            &[
                (false, b"* OK ready\r\n"),
                (true, b"a1 LOGIN \"bob b\" secret\r\n"),
                (false, b"a1 NO wrong\r\n"),
                (true, b"a2 AUTHENTICATE PLAIN\r\n"),
                (false, b"+\r\n"),
                (true, b"AGJvYgBzZWNyZXQ=\r\n"),
                (false, b"* CAPABILITY x\r\na2 OK in\r\n"),
            ],
        );
        assert!(said.has("login: bob b LOGIN Some(false) true"), "{said:#?}");
        assert!(said.has("login: bob PLAIN Some(true) true"));
        assert!(!said.has("secret"));
    }

    #[test]
    fn the_change_to_tls() {
        let next = streams(
            &mut Session::default(),
            [(true, &b"x STARTTLS\r\n"[..]), (false, b"x OK go\r\n")],
            &mut Said::default(),
        );
        assert!(matches!(next, Next::Become(Some(_))));
    }

    #[test]
    fn recognition() {
        assert_eq!(
            guess(&DETECTOR, b"* OK IMAP4rev1 ready\r\n"),
            Guess::Certain
        );
        assert_eq!(guess(&DETECTOR, b"* OK ready\r\n"), Guess::More);
        let mut asked = make(b"1 CAPABILITY\r\n", true, true, (40_000, 40_001));
        asked.other = b"* OK ready\r\n";
        assert_eq!(probe(&asked), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"GET / HTTP/1.1\r\n"), Guess::No);
        assert_eq!(guess(&DETECTOR, b"\x00\x01"), Guess::No);
    }
}
