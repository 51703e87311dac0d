//! IMAP (RFC 9051, RFC 3501): users, and the change to TLS.

use super::lines::{converse, lines};
use super::sasl::Exchange;
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

/// Commands of somebody who is logged in.
const LATER: &[&[u8]] = &[
    b"SELECT",
    b"EXAMINE",
    b"FETCH",
    b"STORE",
    b"SEARCH",
    b"COPY",
    b"MOVE",
    b"EXPUNGE",
    b"CLOSE",
    b"UNSELECT",
    b"CHECK",
    b"IDLE",
    b"LIST",
    b"LSUB",
    b"STATUS",
    b"APPEND",
    b"CREATE",
    b"DELETE",
    b"RENAME",
    b"SUBSCRIBE",
    b"UNSUBSCRIBE",
    b"NAMESPACE",
    b"GETQUOTAROOT",
    b"ENABLE",
    b"SORT",
    b"THREAD",
    b"UID",
];

fn is_among(word: &[u8], words: &[&[u8]]) -> bool {
    words.iter().any(|known| word.eq_ignore_ascii_case(known))
}

fn is_later_command(line: &[u8]) -> bool {
    command(line).is_some_and(|(_, name, _)| is_among(name, LATER) || is_among(name, COMMANDS))
        || line.trim_ascii_end().eq_ignore_ascii_case(b"DONE")
}

/// A response behind the greeting: `* 3 EXISTS`, `* FLAGS (…)`, `a1 OK done`, `+ idling`.
fn is_response(line: &[u8]) -> bool {
    let (first, rest) = text::word(line.trim_ascii_end());
    let (second, rest) = text::word(rest);
    match first {
        b"+" => true,
        b"*" if !second.is_empty() && second.iter().all(u8::is_ascii_digit) => is_among(
            text::word(rest).0,
            &[b"EXISTS", b"RECENT", b"EXPUNGE", b"FETCH"],
        ),
        b"*" => is_among(
            second,
            &[
                b"OK",
                b"NO",
                b"BAD",
                b"BYE",
                b"FLAGS",
                b"LIST",
                b"LSUB",
                b"SEARCH",
                b"STATUS",
                b"CAPABILITY",
                b"VANISHED",
                b"ESEARCH",
                b"SORT",
                b"THREAD",
                b"NAMESPACE",
            ],
        ),
        _ => command(line).is_some_and(|(_, name, _)| is_among(name, &[b"OK", b"NO", b"BAD"])),
    }
}

fn probe(probe: &Probe<'_>) -> Guess {
    let midway = converse(probe, 143, is_later_command, is_response);
    if midway != Guess::No {
        return midway;
    }
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
    /// `AUTHENTICATE`: all that the client says belongs to it.
    Sasl,
    Tls,
}

/// Longest name of a user that is kept.
const USER_MAX: usize = 256;

/// A command that goes on behind a literal (RFC 3501, section 4.3).
#[derive(Debug, Clone, Copy)]
struct Rest {
    /// Bytes of the literal that have not come.
    literal: u64,
    /// Of LOGIN, how many arguments were read before it; more of any other command.
    arguments: u8,
}

/// Reads a connection.
#[derive(Debug, Default)]
struct Session {
    asked: Option<(Asked, Box<[u8]>)>,
    user: Option<Box<[u8]>>,
    rest: Option<Rest>,
    sasl: Exchange,
}

/// Arguments of LOGIN: the user and the password.
const ARGUMENTS: u8 = 2;

/// The first argument, quotes taken off, and what follows it.
fn argument(data: &[u8]) -> (&[u8], &[u8]) {
    let Some(quoted) = data.strip_prefix(b"\"") else {
        return text::word(data);
    };
    let mut is_escaped = false;
    let end = quoted.iter().position(|&byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    let (text, rest) = quoted.split_at(end.unwrap_or(quoted.len()));
    (text, rest.get(1..).unwrap_or_default())
}

/// The length of the literal that a line announces at its end: `{3}`, or `{3+}` of a client that
/// does not wait (RFC 7888).
fn literal(line: &[u8]) -> Option<u64> {
    let open = line.iter().rposition(|&byte| byte == b'{')?;
    let length = line.get(open + 1..)?.strip_suffix(b"}")?;
    text::number(length.strip_suffix(b"+").unwrap_or(length))
}

impl Session {
    fn client(&mut self, line: &[u8], events: &mut dyn Events) {
        let line = line.trim_ascii_end();
        if let Some(rest) = self.rest.take() {
            self.go_on(line, rest.arguments);
            return;
        }
        if let Some((Asked::Sasl, _)) = self.asked {
            self.sasl.response(line);
            return;
        }
        let Some((tag, name, data)) = command(line) else {
            return;
        };
        let is = |word: &[u8]| name.eq_ignore_ascii_case(word);
        let asked = if is(b"LOGIN") {
            self.user = None;
            Some(Asked::Login)
        } else if is(b"STARTTLS") {
            Some(Asked::Tls)
        } else if is(b"AUTHENTICATE") {
            self.sasl = Exchange::begin(data);
            Some(Asked::Sasl)
        } else {
            None
        };
        if let Some(asked) = asked {
            self.asked = Some((asked, keep(tag, 32)));
        }
        let is_login = asked == Some(Asked::Login);
        self.go_on(data, if is_login { 0 } else { ARGUMENTS });
        say(events, "command", &[("command", Value::Text(name))]);
    }

    /// Arguments of a command up to the line's end, of which so many were read before.
    fn go_on(&mut self, line: &[u8], mut arguments: u8) {
        let mut data = line.trim_ascii();
        while arguments < ARGUMENTS && !data.is_empty() && !(data.starts_with(b"{")) {
            let (text, rest) = argument(data);
            if arguments == 0 {
                self.user = Some(keep(text, USER_MAX));
            }
            arguments += 1;
            data = rest.trim_ascii_start();
        }
        self.rest = literal(line).map(|literal| Rest { literal, arguments });
    }

    /// What there is of a literal; how many bytes were taken, and whether it is over.
    fn literal(&mut self, data: &[u8]) -> (usize, bool) {
        let Some(rest) = &mut self.rest else {
            return (0, true);
        };
        let length = usize::try_from(rest.literal).unwrap_or(usize::MAX);
        let there = data.get(..length).unwrap_or(data);
        let is_whole = there.len() == length;
        if rest.arguments == 0 && length <= USER_MAX {
            if !is_whole {
                return (0, false);
            }
            self.user = Some(there.into());
        }
        rest.literal -= there.len() as u64;
        if is_whole {
            rest.arguments = rest.arguments.saturating_add(1);
        }
        (there.len(), is_whole)
    }

    fn server(&mut self, line: &[u8], events: &mut dyn Events) -> Next {
        let (tag, status) = text::word(line);
        if !matches!(tag, b"*" | b"+") {
            // Where a literal was not wanted, it does not come.
            self.rest = None;
        }
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
        let told = if asked == Asked::Sasl {
            std::mem::take(&mut self.sasl).end(Some(success), events)
        } else {
            let user = self.user.as_deref().unwrap_or_default();
            login(events, user, "LOGIN", Some(success), true);
            true
        };
        if told && success {
            // From here on there are mails.
            return Next::Done;
        }
        Next::Continue
    }
}

impl Parser for Session {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if !context.from_client {
            return lines(data, |line| self.server(line, events));
        }
        let mut consumed = 0;
        loop {
            let (taken, is_over) = self.literal(data.get(consumed..).unwrap_or_default());
            consumed += taken;
            if !is_over {
                return Step::consumed(consumed);
            }
            let mut is_literal = false;
            let rest = data.get(consumed..).unwrap_or_default();
            let step = lines(rest, |line| {
                self.client(line, events);
                is_literal = self.rest.is_some();
                if is_literal {
                    Next::Quiet
                } else {
                    Next::Continue
                }
            });
            consumed += step.consumed;
            if !is_literal {
                return Step::consumed(consumed);
            }
        }
    }

    fn gap(&mut self, context: &Context, missing: u64, _: &mut dyn Events) -> Next {
        if context.from_client
            && let Some(rest) = &mut self.rest
        {
            rest.literal = rest.literal.saturating_sub(missing);
        }
        Next::Continue
    }

    fn finish(&mut self, _: &Context, events: &mut dyn Events) {
        if let Some((Asked::Login, _)) = self.asked {
            let user = self.user.as_deref().unwrap_or_default();
            login(events, user, "LOGIN", None, true);
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
        for command in [
            "A12 UID FETCH 1:* (FLAGS)\r\n",
            "a.3 select inbox\r\n",
            "DONE\r\n",
        ] {
            for response in [
                "* 3 EXISTS\r\n",
                "* FLAGS (\\Seen)\r\n",
                "A12 OK done\r\n",
                "+ idling\r\n",
            ] {
                assert!(told(command, response), "{command}");
            }
        }
        for (command, response) in [
            ("A12 UID FETCH 1:*\r\n", "* 3 SHEEP\r\n"),
            ("A12 UID FETCH 1:*\r\n", "A12 FINE\r\n"),
            ("A12 SHEAR 3\r\n", "* 3 EXISTS\r\n"),
            ("SELECT 1\r\n", "* OK\r\n"),
        ] {
            assert!(!told(command, response), "{command}");
        }
        assert_eq!(
            guess_midway(&DETECTOR, (true, b"A1 IDLE\r\n"), b""),
            Guess::More
        );
    }

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
        let said = conversation(
            &DETECTOR,
            &[
                (false, b"* OK ready\r\n"),
                (true, b"a AUTHENTICATE LOGIN\r\n"),
                (false, b"+\r\n"),
                (true, b"Ym9i\r\n"),
                (false, b"+\r\n"),
                (true, b"c2VjcmV0\r\n"),
                (false, b"a OK in\r\n"),
            ],
        );
        assert!(said.has("login: bob LOGIN Some(true) true"), "{said:#?}");
    }

    #[test]
    fn literals() {
        let said = |login: &[u8], size: usize| {
            let mut all = vec![(false, &b"* OK IMAP ready\r\n"[..])];
            all.extend(login.chunks(size).map(|piece| (true, piece)));
            all.push((false, b"+ go\r\n+ go\r\na NO wrong\r\n"));
            all.push((true, b"b NOOP\r\n"));
            conversation(&DETECTOR, &all)
        };
        for login in [
            &b"a LOGIN {5}\r\nb\r\n b {9}\r\nmy secret\r\n"[..],
            b"a login {5+}\r\nb\r\n b {9+}\r\nmy secret\r\n",
            b"a LOGIN {5}\r\nb\r\n b \"my secret\"\r\n",
        ] {
            // However it is cut.
            for size in [1, 2, 5, 100] {
                let said = said(login, size);
                assert!(
                    said.has("login: b\\x0d\\x0a b LOGIN Some(false) true"),
                    "{said:#?}"
                );
                assert!(said.has("command=NOOP"));
                let commands = said.0.iter().filter(|line| line.starts_with("command"));
                assert_eq!(commands.count(), 2, "{said:#?}");
                assert!(!said.has("secret"));
            }
        }
        let quoted = said(b"a LOGIN \"b \\\"c\" {6}\r\nsecret\r\n", 100);
        assert!(
            quoted.has("login: b \\\"c LOGIN Some(false) true"),
            "{quoted:#?}"
        );
        // Nobody waits for a literal that was refused.
        let refused = said(b"a LOGIN {99999999999}\r\n", 100);
        assert!(refused.has("login:  LOGIN Some(false) true"));
        assert!(refused.has("command=NOOP"), "{refused:#?}");
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
