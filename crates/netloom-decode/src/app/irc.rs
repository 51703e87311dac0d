//! IRC (RFC 2812): who is there; what is said stays unread, but for files that go directly.

use std::net::{IpAddr, Ipv4Addr};

use super::lines::{is_command, lines};
use super::support::{keep, login, say};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
    text, tls,
};

/// IRC.
pub static PROTOCOL: Protocol = Protocol {
    name: "irc",
    title: "IRC",
    category: Category::Chat,
};

/// A file on its way from one client to another (DCC), known by the message that offered it.
pub static DATA: Protocol = Protocol {
    name: "irc-dcc-data",
    title: "IRC DCC data",
    category: Category::FileTransfer,
};

/// IRC on TCP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[6667, 6666, 6668, 6669, 7000],
    probe,
    parser: Some(|| Box::new(Session::default())),
};

fn probe(probe: &Probe<'_>) -> Guess {
    let mut data = probe.data;
    let mut unsure = false;
    // Some of the first lines together say more than one.
    for _ in 0..4 {
        let Some((line, taken)) = text::line(data) else {
            break;
        };
        if let Some(rest) = line.strip_prefix(b":") {
            // :irc.example.org NOTICE AUTH :*** or a numeric reply
            let command = text::word(text::word(rest).1);
            let numeric = command.0.len() == 3 && text::number(command.0).is_some();
            if matches!(
                command.0,
                b"NOTICE" | b"PRIVMSG" | b"JOIN" | b"MODE" | b"NICK" | b"QUIT"
            ) || numeric && !command.1.is_empty()
            {
                return Guess::Certain;
            }
            return Guess::No;
        }
        if line.starts_with(b"NOTICE AUTH :") || line.starts_with(b"NOTICE * :") {
            return Guess::Certain;
        }
        if line.starts_with(b"CAP LS") || line.starts_with(b"CAP REQ :") {
            return Guess::Certain;
        }
        let (command, rest) = text::word(line);
        match command {
            b"NICK" if !rest.is_empty() && rest.len() < 40 && !rest.contains(&b' ') => {
                if unsure {
                    return Guess::Certain;
                }
                unsure = true;
            }
            // USER name mode * :real name
            b"USER" if rest.split(|&byte| byte == b' ').count() >= 4 => {
                if unsure || rest.contains(&b':') {
                    return Guess::Certain;
                }
                unsure = true;
            }
            b"PASS" | b"PING" if probe.data.len() < 256 => unsure = true,
            _ => return Guess::No,
        }
        data = data.get(taken..).unwrap_or_default();
    }
    let early = |word: &[u8]| {
        let known = data.len().min(word.len());
        data.get(..known) == word.get(..known)
    };
    let starts = [
        &b":"[..],
        b"NOTICE ",
        b"CAP ",
        b"NICK ",
        b"USER ",
        b"PASS ",
        b"PING ",
    ]
    .iter()
    .any(|word| early(word));
    match (unsure, starts) {
        (true, true) if data.is_empty() && probe.ports_of_irc() => Guess::Unsure,
        (_, true) if probe.data.len() < 1024 => Guess::More,
        _ => Guess::No,
    }
}

impl Probe<'_> {
    /// Whether one end uses a port of IRC.
    const fn ports_of_irc(&self) -> bool {
        self.server.1 >= 6665 && self.server.1 <= 6669
    }
}

/// Lines that are read.
const LINES_MAX: u32 = 200;

/// The address and port where a line offers a file: `PRIVMSG who :^ADCC SEND name address port size^A`, the address as
/// a number. Port 0, an offer to connect the other way round, is none.
pub fn offer(line: &[u8]) -> Option<(IpAddr, u16)> {
    let rest = match line.strip_prefix(b":") {
        Some(rest) => text::word(rest).1,
        None => line,
    };
    let (command, rest) = text::word(rest);
    let (_, message) = text::word(rest);
    let offer = message
        .strip_prefix(b":\x01DCC SEND ")
        .filter(|_| command.eq_ignore_ascii_case(b"PRIVMSG"))?;
    let rest = match offer.strip_prefix(b"\"") {
        Some(quoted) => {
            let end = quoted.iter().position(|&byte| byte == b'"')?;
            quoted.get(end + 1..)?.trim_ascii_start()
        }
        None => text::word(offer).1,
    };
    let (address, rest) = text::word(rest);
    let port = text::word(rest).0;
    let port = port.strip_suffix(b"\x01").unwrap_or(port);
    let address = u32::try_from(text::number(address)?).ok()?;
    let port = u16::try_from(text::number(port)?).ok()?;
    (port > 0).then_some((Ipv4Addr::from(address).into(), port))
}

/// Reads the start of a session.
#[derive(Debug, Default)]
struct Session {
    nick: Option<Box<[u8]>>,
    password: bool,
    told: bool,
    seen: u32,
}

impl Session {
    fn client(&mut self, line: &[u8], events: &mut dyn Events) {
        let (command, rest) = text::word(line);
        if is_command(line, b"NICK") {
            self.nick = Some(keep(rest.strip_prefix(b":").unwrap_or(rest), 64));
            say(events, "NICK", &[("nick", Value::Text(rest))]);
        } else if is_command(line, b"USER") {
            let (user, rest) = text::word(rest);
            let real = rest.iter().position(|&byte| byte == b':');
            let real = real.and_then(|at| rest.get(at + 1..)).unwrap_or_default();
            say(
                events,
                "USER",
                &[("user", Value::Text(user)), ("value", Value::Text(real))],
            );
        } else if is_command(line, b"PASS") {
            self.password = true;
        } else if is_command(line, b"JOIN") {
            say(
                events,
                "JOIN",
                &[("channel", Value::Text(text::word(rest).0))],
            );
        }
        let _ = command;
    }

    fn server(&mut self, line: &[u8], events: &mut dyn Events) -> Next {
        let rest = match line.strip_prefix(b":") {
            Some(rest) => text::word(rest).1,
            None => line,
        };
        let code = text::word(rest).0;
        match code {
            // RPL_STARTTLS of the IRCv3 extension.
            b"670" => return Next::Become(Some(&tls::DETECTOR)),
            b"001" if !self.told => {
                self.told = true;
                let nick = self.nick.as_deref().unwrap_or_default();
                login(events, nick, "NICK", Some(true), self.password);
            }
            _ => {}
        }
        Next::Continue
    }
}

impl Parser for Session {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        lines(data, |line| {
            self.seen += 1;
            if self.seen > LINES_MAX {
                return Next::Done;
            }
            if context.from_client {
                self.client(line, events);
                Next::Continue
            } else {
                self.server(line, events)
            }
        })
    }

    fn gap(&mut self, _: &Context, _: u64, _: &mut dyn Events) -> Next {
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.nick.as_ref().map_or(0, |nick| nick.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{conversation, guess};
    use super::*;

    #[test]
    fn files_that_go_directly() {
        let to = |address: [u8; 4], port| Some((IpAddr::from(address), port));
        for (line, expected) in [
            (
                &b":a!b@c PRIVMSG d :\x01DCC SEND x.txt 167772167 59130 12\x01"[..],
                to([10, 0, 0, 7], 59_130),
            ),
            (
                b"PRIVMSG d :\x01DCC SEND \"a b.txt\" 167772167 5000\x01",
                to([10, 0, 0, 7], 5000),
            ),
            (b"PRIVMSG d :\x01DCC SEND x 167772167 0 12 7\x01", None),
            (b"PRIVMSG d :\x01DCC CHAT chat 167772167 5000\x01", None),
            (b"PRIVMSG d :DCC SEND x 167772167 5000", None),
            (b"NOTICE d :\x01DCC SEND x 167772167 5000\x01", None),
        ] {
            assert_eq!(offer(line), expected, "{}", text::display(line));
        }
    }

    #[test]
    fn a_session() {
        let said = conversation(
            &DETECTOR,
            &[
                (true, b"PASS secret\r\nNICK bob\r\nUSER b 0 * :Bob B\r\n"),
                (false, b":irc.example.org 001 bob :Welcome\r\n"),
                (true, b"JOIN #x\r\nPRIVMSG #x :private words\r\n"),
            ],
        );
        assert!(said.has("login: bob NICK Some(true) true"), "{said:#?}");
        assert!(said.has("USER: user=b value=Bob B"));
        assert!(said.has("JOIN: channel=#x"));
        assert!(!said.has("secret") && !said.has("private"));
    }

    #[test]
    fn recognition() {
        assert_eq!(
            guess(&DETECTOR, b"NICK a\r\nUSER a 0 * :x\r\n"),
            Guess::Certain
        );
        assert_eq!(
            guess(&DETECTOR, b":irc.x NOTICE AUTH :***\r\n"),
            Guess::Certain
        );
        assert_eq!(guess(&DETECTOR, b"USER bob\r\n"), Guess::No);
        assert_eq!(guess(&DETECTOR, b"NICK a\r\n"), Guess::More);
        assert_eq!(guess(&DETECTOR, b"PING\r\n+PONG\r\n"), Guess::No);
    }
}
