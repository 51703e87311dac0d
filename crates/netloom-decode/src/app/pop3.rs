//! POP3 (RFC 1939): users, and the change to TLS.

use super::lines::{converse, is_command, lines, opens_with};
use super::sasl::Exchange;
use super::support::{keep, login, say};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
    text, tls,
};

/// POP3.
pub static PROTOCOL: Protocol = Protocol {
    name: "pop3",
    title: "POP3",
    category: Category::Mail,
};

/// POP3 on TCP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[110],
    probe,
    parser: Some(|| Box::new(Session::default())),
};

const FIRST: &[&[u8]] = &[
    b"USER", b"APOP", b"CAPA", b"STLS", b"AUTH", b"QUIT", b"UTF8",
];

/// A command of somebody who is logged in, with the numbers that it has.
fn is_later_command(line: &[u8]) -> bool {
    let mut words = line.trim_ascii_end().split(|&byte| byte == b' ');
    let command = words.next().unwrap_or_default();
    let is = |names: &[&[u8]]| names.iter().any(|name| command.eq_ignore_ascii_case(name));
    let mut numbers = 0;
    let are_numbers = words.all(|word| {
        numbers += 1;
        (1..=10).contains(&word.len()) && word.iter().all(u8::is_ascii_digit)
    });
    are_numbers
        && match numbers {
            0 => is(&[b"STAT", b"LIST", b"UIDL", b"NOOP", b"RSET"]),
            1 => is(&[b"RETR", b"DELE", b"LIST", b"UIDL"]),
            2 => is(&[b"TOP"]),
            _ => false,
        }
}

fn is_status(line: &[u8]) -> bool {
    [&b"+OK"[..], b"-ERR"].iter().any(|status| {
        line.strip_prefix(*status)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b" "))
    })
}

fn probe(probe: &Probe<'_>) -> Guess {
    let midway = converse(probe, 110, is_later_command, is_status);
    if midway != Guess::No {
        return midway;
    }
    let (data, other) = (probe.data, probe.other);
    let greeting = |data: &[u8]| data.starts_with(b"+OK") && text::line(data).is_some();
    if greeting(data) {
        let named = text::line(data).is_some_and(|(line, _)| {
            super::lines::contains(line, b"POP") || super::lines::contains(line, b"dovecot")
        });
        return if named || opens_with(other, FIRST) {
            Guess::Certain
        } else if other.is_empty() && probe.has_port(110) {
            Guess::Unsure
        } else if text::line(other).is_none() {
            Guess::More
        } else {
            Guess::No
        };
    }
    if opens_with(data, FIRST) {
        return if greeting(other) {
            Guess::Certain
        } else if other.is_empty() {
            if probe.has_port(110) {
                Guess::Unsure
            } else {
                Guess::More
            }
        } else {
            Guess::No
        };
    }
    let starts = |word: &[u8]| {
        let known = data.len().min(word.len());
        data.get(..known) == word.get(..known)
    };
    if text::line(data).is_none()
        && data.len() < 512
        && (starts(b"+OK") || FIRST.iter().any(|word| starts(word)))
    {
        Guess::More
    } else {
        Guess::No
    }
}

/// What the server's next status is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Asked {
    #[default]
    Nothing,
    Tls,
    Password,
    Apop,
    /// `AUTH`: all that the client says belongs to it.
    Sasl,
}

/// Reads a connection.
#[derive(Debug, Default)]
struct Session {
    asked: Asked,
    user: Option<Box<[u8]>>,
    sasl: Exchange,
}

impl Session {
    fn client(&mut self, line: &[u8], events: &mut dyn Events) -> Next {
        if self.asked == Asked::Sasl {
            self.sasl.response(line);
            return Next::Continue;
        }
        let (command, data) = text::word(line.trim_ascii_end());
        let is = |word: &[u8]| is_command(line, word);
        self.asked = if is(b"USER") {
            self.user = Some(keep(data, 256));
            Asked::Nothing
        } else if is(b"PASS") {
            Asked::Password
        } else if is(b"APOP") {
            self.user = Some(keep(text::word(data).0, 256));
            Asked::Apop
        } else if is(b"STLS") {
            Asked::Tls
        } else if is(b"AUTH") && !data.is_empty() {
            // Without a mechanism, it is asked which there are.
            self.sasl = Exchange::begin(data);
            Asked::Sasl
        } else {
            Asked::Nothing
        };
        let known =
            (3..=4).contains(&command.len()) && command.iter().all(u8::is_ascii_alphanumeric);
        if known {
            let mut fields = vec![("command", Value::Text(command))];
            if !is(b"PASS") && !is(b"APOP") && !is(b"AUTH") && !data.is_empty() {
                fields.push(("argument", Value::Text(data)));
            }
            say(events, "command", &fields);
        }
        Next::Continue
    }

    fn server(&mut self, line: &[u8], events: &mut dyn Events) -> Next {
        let success = if line.starts_with(b"+OK") {
            true
        } else if line.starts_with(b"-ERR") {
            false
        } else {
            return Next::Continue;
        };
        let (method, cleartext) = match std::mem::take(&mut self.asked) {
            Asked::Tls if success => return Next::Become(Some(&tls::DETECTOR)),
            Asked::Password => ("USER/PASS", true),
            Asked::Sasl => {
                let told = std::mem::take(&mut self.sasl).end(Some(success), events);
                return if told && success {
                    Next::Done
                } else {
                    Next::Continue
                };
            }
            Asked::Apop => ("APOP", false),
            _ => return Next::Continue,
        };
        let user = self.user.as_deref().unwrap_or_default();
        login(events, user, method, Some(success), cleartext);
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
                self.client(line, events)
            } else {
                self.server(line, events)
            }
        })
    }

    fn finish(&mut self, _: &Context, events: &mut dyn Events) {
        if self.asked == Asked::Password {
            let user = self.user.as_deref().unwrap_or_default();
            login(events, user, "USER/PASS", None, true);
        }
        std::mem::take(&mut self.sasl).end(None, events);
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.user.as_ref().map_or(0, |user| user.len()) + self.sasl.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{
        Said, conversation, guess, guess_midway, is_told_midway, probe as make, streams,
    };
    use super::*;

    #[test]
    fn from_the_middle_on() {
        let told = |command: &str, reply: &str| is_told_midway(&DETECTOR, command, reply);
        for command in ["RETR 12\r\n", "top 3 0\r\n", "STAT\r\n", "UIDL\r\nQUIT\r\n"] {
            for status in ["+OK 120 octets\r\n", "-ERR no such message\r\n", "+OK\r\n"] {
                assert!(told(command, status), "{command}");
            }
        }
        // Of others, FTP among them.
        for (command, status) in [
            ("RETR file\r\n", "+OK\r\n"),
            ("RETR 12\r\n", "150 here\r\n"),
            ("STAT 1\r\n", "+OK\r\n"),
            ("RETR 12\r\n", "+OKAY\r\n"),
            ("GET a\r\n", "+OK\r\n"),
        ] {
            assert!(!told(command, status), "{command}");
        }
        // Who answers is the server.
        assert_eq!(
            guess_midway(&DETECTOR, (false, b"STAT\r\n"), b"+OK\r\n"),
            Guess::No
        );
        // One side alone tells nothing yet, and seen from the start it would be greeted.
        assert_eq!(
            guess_midway(&DETECTOR, (true, b"STAT\r\n"), b""),
            Guess::More
        );
        assert_eq!(guess(&DETECTOR, b"STAT\r\n"), Guess::No);
    }

    #[test]
    fn a_login() {
        let said = conversation(
            &DETECTOR,
            &[
                (false, b"+OK hello\r\n"),
                (true, b"CAPA\r\n"),
                (false, b"+OK\r\nUSER\r\n.\r\n"),
                (true, b"USER bob\r\n"),
                (false, b"+OK\r\n"),
                (true, b"PASS secret\r\n"),
                (false, b"-ERR no\r\n"),
            ],
        );
        assert!(
            said.has("login: bob USER/PASS Some(false) true"),
            "{said:#?}"
        );
        assert!(!said.has("secret"));
    }

    #[test]
    fn logins_in_two_lines() {
        let said = |client: &[&'static [u8]], answer: &'static [u8]| {
            let mut all: Vec<(bool, &[u8])> = vec![(false, b"+OK POP3\r\n")];
            for line in client {
                all.extend([(true, *line), (false, &b"+ \r\n"[..])]);
            }
            all.push((false, answer));
            conversation(&DETECTOR, &all)
        };
        let login: [&[u8]; 3] = [b"AUTH LOGIN\r\n", b"Ym9i\r\n", b"c2VjcmV0\r\n"];
        assert!(said(&login, b"+OK\r\n").has("login: bob LOGIN Some(true) true"));
        assert!(said(&login, b"-ERR\r\n").has("login: bob LOGIN Some(false) true"));
        assert!(said(&login, b"").has("login: bob LOGIN None true"));
        let initial: [&[u8]; 2] = [b"auth login Ym9i\r\n", b"cHc\r\n"];
        let told = said(&initial, b"+OK\r\n");
        assert!(told.has("login: bob LOGIN Some(true) true"));
        // No command, though it looks like one.
        assert!(!told.has("cHc"), "{told:#?}");
        let other: [&[u8]; 2] = [b"AUTH X\r\n", b"cHc\r\n"];
        assert!(!said(&other, b"+OK\r\n").has("cHc"));
    }

    #[test]
    fn the_change_to_tls() {
        let next = streams(
            &mut Session::default(),
            [(true, &b"STLS\r\n"[..]), (false, b"+OK go\r\n")],
            &mut Said::default(),
        );
        assert!(matches!(next, Next::Become(Some(_))));
    }

    #[test]
    fn recognition() {
        assert_eq!(guess(&DETECTOR, b"+OK POP3 ready\r\n"), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"+OK ready\r\n"), Guess::More);
        let mut asked = make(b"USER me\r\n", true, true, (40_000, 40_001));
        asked.other = b"+OK ready\r\n";
        assert_eq!(probe(&asked), Guess::Certain);
        asked.other = b"220 ready\r\n";
        assert_eq!(probe(&asked), Guess::No);
        assert_eq!(guess(&DETECTOR, b"+PONG\r\n"), Guess::No);
    }
}
