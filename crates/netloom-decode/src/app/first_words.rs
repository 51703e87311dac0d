//! Protocols whose first words say what they are, and what is asked for: git, rsync,
//! Subversion, X11, Gopher, Finger, WHOIS.

use super::support::{keep, nul_text, printable, say};
use super::wire::{u16_at, u16_le_at};
use super::{
    Category, Context, Detector, Event, Events, Guess, Next, Over, Parser, Probe, Protocol, Step,
    Value, text,
};

/// git's own protocol (pkt-line).
pub static GIT: Protocol = protocol("git", "Git", Category::Productivity);
/// rsync.
pub static RSYNC: Protocol = protocol("rsync", "rsync", Category::FileTransfer);
/// Subversion's own protocol.
pub static SVN: Protocol = protocol("svn", "Subversion", Category::Productivity);
/// The X Window System.
pub static X11: Protocol = protocol("x11", "X11", Category::RemoteAccess);
/// Gopher (RFC 1436).
pub static GOPHER: Protocol = protocol("gopher", "Gopher", Category::Web);
/// Finger (RFC 1288).
pub static FINGER: Protocol = protocol("finger", "Finger", Category::Network);
/// WHOIS (RFC 3912).
pub static WHOIS: Protocol = protocol("whois", "WHOIS", Category::Network);

const fn protocol(name: &'static str, title: &'static str, category: Category) -> Protocol {
    Protocol {
        name,
        title,
        category,
    }
}

/// git on TCP.
pub static GIT_DETECTOR: Detector = detector(&GIT, &[9418], probe_git, Some(|| Box::new(Git)));
/// rsync on TCP.
pub static RSYNC_DETECTOR: Detector = detector(&RSYNC, &[873], probe_rsync, None);
/// Subversion on TCP.
pub static SVN_DETECTOR: Detector = detector(&SVN, &[3690], probe_svn, None);
/// X11 on TCP.
pub static X11_DETECTOR: Detector = detector(&X11, &[6000, 6001, 6010], probe_x11, None);
/// Gopher on TCP.
pub static GOPHER_DETECTOR: Detector = detector(
    &GOPHER,
    &[70],
    probe_gopher,
    Some(|| Box::new(Query::new("selector"))),
);
/// Finger on TCP.
pub static FINGER_DETECTOR: Detector = detector(
    &FINGER,
    &[79],
    probe_finger,
    Some(|| Box::new(Query::new("user"))),
);
/// WHOIS on TCP.
pub static WHOIS_DETECTOR: Detector = detector(
    &WHOIS,
    &[43, 4343],
    probe_whois,
    Some(|| Box::new(Query::new("query"))),
);

const fn detector(
    protocol: &'static Protocol,
    ports: &'static [u16],
    probe: fn(&Probe<'_>) -> Guess,
    parser: Option<fn() -> Box<dyn Parser>>,
) -> Detector {
    Detector {
        protocol,
        over: Over::Tcp,
        ports,
        probe,
        parser,
    }
}

/// Certain where `data` starts with the words; more where it may.
fn words(data: &[u8], words: &[&[u8]]) -> Guess {
    if words.iter().any(|word| data.starts_with(word)) {
        Guess::Certain
    } else if words.iter().any(|word| word.starts_with(data)) {
        Guess::More
    } else {
        Guess::No
    }
}

/// `0032git-upload-pack /path\0host=example.org\0`
fn probe_git(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let length = data.get(..4).unwrap_or(data);
    if !length.iter().all(u8::is_ascii_hexdigit) {
        return Guess::No;
    }
    match data.get(4..) {
        Some(rest) => words(
            rest,
            &[
                b"git-upload-pack ",
                b"git-receive-pack ",
                b"git-upload-archive ",
            ],
        ),
        None => Guess::More,
    }
}

/// Reads what is asked of a git server.
#[derive(Debug)]
struct Git;

impl Parser for Git {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if !context.from_client {
            return Step::consumed(data.len());
        }
        let length = data
            .get(..4)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let Some(packet) = length.and_then(|length| data.get(4..length)) else {
            return if data.len() > 8192 {
                Step::DONE
            } else {
                Step::consumed(0)
            };
        };
        if let Some((command, rest)) = nul_text(packet) {
            let (command, path) = text::word(command);
            let host = nul_text(rest).and_then(|(host, _)| host.strip_prefix(b"host="));
            if let Some(host) = host.filter(|host| printable(host)) {
                events.event(Event::ServerName {
                    name: super::http::without_port(host),
                    source: "git",
                });
            }
            say(
                events,
                "request",
                &[
                    ("command", Value::Text(command)),
                    ("path", Value::Text(path)),
                ],
            );
        }
        Step::DONE
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// `@RSYNCD: 31.0`
fn probe_rsync(probe: &Probe<'_>) -> Guess {
    words(probe.data, &[b"@RSYNCD: "])
}

/// `( success ( 2 2 ( ) ( edit-pipeline ...` and the client's `( 2 ( edit-pipeline ...`
fn probe_svn(probe: &Probe<'_>) -> Guess {
    words(probe.data, &[b"( success ( ", b"( 2 ( edit-pipeline "])
}

/// A connection's setup: byte order, version 11.0, lengths of the authorisation.
fn probe_x11(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let read = match data.first() {
        Some(b'l') => u16_le_at,
        Some(b'B') => u16_at,
        None => return Guess::More,
        Some(_) => return Guess::No,
    };
    let (Some(major), Some(minor), Some(name), Some(secret), Some(unused)) = (
        read(data, 2),
        read(data, 4),
        read(data, 6),
        read(data, 8),
        read(data, 10),
    ) else {
        return if data.len() < 12 && read(data, 2).is_none_or(|major| major == 11) {
            Guess::More
        } else {
            Guess::No
        };
    };
    if (major, minor, unused) != (11, 0, 0) || name > 64 || secret > 1024 {
        return Guess::No;
    }
    let padded = |length: u16| usize::from(length).next_multiple_of(4);
    let whole = 12 + padded(name) + padded(secret);
    if data.len() == whole || name == 18 && data.get(12..30) == Some(b"MIT-MAGIC-COOKIE-1") {
        Guess::Certain
    } else if data.len() < whole {
        Guess::More
    } else {
        Guess::No
    }
}

/// One line is all that the client says.
fn one_line(probe: &Probe<'_>, port: u16) -> Option<Guess> {
    if probe.server.1 != port {
        return Some(Guess::No);
    }
    let data = if probe.from_client {
        probe.data
    } else {
        probe.other
    };
    match text::line(data) {
        Some((line, taken))
            if taken == data.len()
                && (line.is_empty() || line.iter().all(|&byte| byte >= b' ' || byte == b'\t')) =>
        {
            None
        }
        None if data.len() < 512 => Some(Guess::More),
        Some(_) | None => Some(Guess::No),
    }
}

/// The server's menu: lines of a type, words, and three fields behind tabs.
fn probe_gopher(probe: &Probe<'_>) -> Guess {
    if let Some(guess) = one_line(probe, 70) {
        return guess;
    }
    let answer = if probe.from_client {
        probe.other
    } else {
        probe.data
    };
    match text::line(answer) {
        Some((line, _)) if line.split(|&byte| byte == b'\t').count() > 3 => Guess::Certain,
        _ => Guess::Unsure,
    }
}

fn probe_finger(probe: &Probe<'_>) -> Guess {
    one_line(probe, 79).unwrap_or(Guess::Unsure)
}

/// Words that answers of registries begin with or hold early.
const REGISTRY: &[&[u8]] = &[
    b"whois",
    b"domain",
    b"registr",
    b"refer:",
    b"netrange",
    b"inetnum",
    b"% ",
    b"no match",
];

fn probe_whois(probe: &Probe<'_>) -> Guess {
    if let Some(guess) = one_line(probe, 43) {
        return guess;
    }
    let answer = if probe.from_client {
        probe.other
    } else {
        probe.data
    };
    let start = answer.get(..1024).unwrap_or(answer);
    if REGISTRY
        .iter()
        .any(|word| super::lines::contains(start, word))
    {
        Guess::Certain
    } else {
        Guess::Unsure
    }
}

/// Reads the one line that is asked.
#[derive(Debug)]
struct Query {
    what: &'static str,
}

impl Query {
    const fn new(what: &'static str) -> Self {
        Self { what }
    }
}

impl Parser for Query {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if !context.from_client {
            return Step::consumed(data.len());
        }
        match text::line(data) {
            Some((line, taken)) => {
                let line = keep(line, 512);
                say(events, "query", &[(self.what, Value::Text(&line))]);
                Step::then(taken, Next::Done)
            }
            None if data.len() > 4096 => Step::DONE,
            None => Step::consumed(0),
        }
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{conversation, guess, probe as make};
    use super::*;

    #[test]
    fn git() {
        let request = b"0033git-upload-pack /project.git\0host=myserver.com\0";
        assert_eq!(guess(&GIT_DETECTOR, request), Guess::Certain);
        assert_eq!(guess(&GIT_DETECTOR, b"00"), Guess::More);
        assert_eq!(guess(&GIT_DETECTOR, b"0033hello"), Guess::No);
        let said = conversation(&GIT_DETECTOR, &[(true, request)]);
        assert!(
            said.has("command=git-upload-pack path=/project.git"),
            "{said:#?}"
        );
    }

    #[test]
    fn first_words() {
        assert_eq!(guess(&RSYNC_DETECTOR, b"@RSYNCD: 31.0\n"), Guess::Certain);
        assert_eq!(
            guess(&SVN_DETECTOR, b"( success ( 2 2 ( ) ( ) ) ) "),
            Guess::Certain
        );
        assert_eq!(guess(&SVN_DETECTOR, b"(hello"), Guess::No);
        let x11 = b"l\0\x0b\0\0\0\x12\0\x10\0\0\0MIT-MAGIC-COOKIE-1\0\0";
        assert_eq!(guess(&X11_DETECTOR, x11), Guess::Certain);
        assert_eq!(guess(&X11_DETECTOR, b"list of things"), Guess::No);
    }

    #[test]
    fn one_line_asked() {
        let mut asked = make(b"example.org\r\n", true, true, (40_000, 43));
        assert_eq!(probe_whois(&asked), Guess::Unsure);
        asked.other = b"% IANA WHOIS server\r\n";
        assert_eq!(probe_whois(&asked), Guess::Certain);
        asked.server.1 = 44;
        assert_eq!(probe_whois(&asked), Guess::No);
        let said = conversation(&WHOIS_DETECTOR, &[(true, b"example.org\r\n")]);
        assert!(said.has("query: query=example.org"), "{said:#?}");
    }
}
