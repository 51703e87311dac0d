//! NNTP (RFC 3977): news, and who reads them.

use super::lines::{is_command, lines, reply};
use super::support::{keep, login, say, software};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
    text, tls,
};

/// NNTP.
pub static PROTOCOL: Protocol = Protocol {
    name: "nntp",
    title: "NNTP",
    category: Category::Chat,
};

/// NNTP on TCP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[119, 433],
    probe,
    parser: Some(|| Box::new(Session::default())),
};

/// What clients say first, and nobody else.
const FIRST: &[&[u8]] = &[
    b"MODE READER",
    b"AUTHINFO USER",
    b"MODE STREAM",
    b"GROUP ",
    b"LIST ACTIVE",
    b"CHECK <",
    b"IHAVE <",
];

fn probe(probe: &Probe<'_>) -> Guess {
    let (data, other) = (probe.data, probe.other);
    let asks = |data: &[u8]| {
        FIRST
            .iter()
            .any(|first| text::starts_with_ignore_case(data, first))
    };
    let greets = |data: &[u8]| data.starts_with(b"200 ") || data.starts_with(b"201 ");
    if greets(data) {
        let Some((line, _)) = text::line(data) else {
            return Guess::More;
        };
        return if super::lines::contains(line, b"NNTP")
            || super::lines::contains(line, b"NNRP")
            || asks(other)
        {
            Guess::Certain
        } else if probe.has_port(119) {
            Guess::Unsure
        } else if other.is_empty() {
            Guess::More
        } else {
            Guess::No
        };
    }
    if asks(data) {
        return match other {
            [] => Guess::Unsure,
            other if greets(other) => Guess::Certain,
            _ => Guess::No,
        };
    }
    let early = |word: &[u8]| {
        let known = data.len().min(word.len());
        data.get(..known)
            .zip(word.get(..known))
            .is_some_and(|(data, word)| data.eq_ignore_ascii_case(word))
    };
    if early(b"200 ") || early(b"201 ") || data.len() < 12 && FIRST.iter().any(|first| early(first))
    {
        Guess::More
    } else {
        Guess::No
    }
}

/// Lines that are read.
const LINES_MAX: u32 = 200;

/// Reads the start of a session.
#[derive(Debug, Default)]
struct Session {
    user: Option<Box<[u8]>>,
    password: bool,
    starttls: bool,
    greeted: bool,
    seen: u32,
}

impl Parser for Session {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        lines(data, |line| {
            self.seen += 1;
            if self.seen > LINES_MAX {
                return Next::Done;
            }
            if context.from_client {
                let (_, rest) = text::word(line);
                if text::starts_with_ignore_case(line, b"AUTHINFO USER ") {
                    self.user = Some(keep(text::word(rest).1, 256));
                } else if text::starts_with_ignore_case(line, b"AUTHINFO PASS") {
                    self.password = true;
                } else if is_command(line, b"STARTTLS") {
                    self.starttls = true;
                } else if is_command(line, b"GROUP") {
                    say(events, "GROUP", &[("group", Value::Text(rest))]);
                }
                return Next::Continue;
            }
            let Some((code, _, words)) = reply(line) else {
                return Next::Continue;
            };
            if !std::mem::replace(&mut self.greeted, true) {
                software(events, false, words);
            }
            if std::mem::take(&mut self.starttls) && code == 382 {
                return Next::Become(Some(&tls::DETECTOR));
            }
            if self.password && matches!(code, 281 | 481 | 482 | 502) {
                self.password = false;
                let user = self.user.as_deref().unwrap_or_default();
                login(events, user, "AUTHINFO", Some(code == 281), true);
            }
            Next::Continue
        })
    }

    fn gap(&mut self, _: &Context, _: u64, _: &mut dyn Events) -> Next {
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.user.as_ref().map_or(0, |user| user.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{conversation, guess};
    use super::*;

    #[test]
    fn a_session() {
        let said = conversation(
            &DETECTOR,
            &[
                (false, b"200 news.example InterNetNews NNRP server\r\n"),
                (true, b"AUTHINFO USER bob\r\n"),
                (false, b"381 more\r\n"),
                (true, b"AUTHINFO PASS secret\r\n"),
                (false, b"281 ok\r\n"),
                (true, b"GROUP comp.x\r\n"),
            ],
        );
        assert!(said.has("login: bob AUTHINFO Some(true) true"), "{said:#?}");
        assert!(said.has("GROUP: group=comp.x"));
        assert!(!said.has("secret"));
        assert_eq!(guess(&DETECTOR, b"200 NNTP ready\r\n"), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"220 x\r\n"), Guess::No);
    }
}
