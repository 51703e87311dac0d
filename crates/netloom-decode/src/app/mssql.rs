//! TDS, the protocol of Microsoft SQL Server ([MS-TDS]): versions, the login's user, program and
//! database, encryption.

use super::ntlmssp::{self, Ntlm};
use super::support::{Frame, frames, keep, login, risk, say, software, utf16_le};
use super::wire::{u16_at, u16_le_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Risk, Step,
    Value,
};

/// TDS.
pub static PROTOCOL: Protocol = Protocol {
    name: "mssql",
    title: "SQL Server",
    category: Category::Database,
};

/// Recognised by the first packet of a connection: pre-login or login.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[1433],
    probe,
    parser: Some(|| Box::<Tds>::default()),
};

const KEPT: usize = 8192;
const NAME_MAX: usize = 128;
const PRELOGIN: u8 = 0x12;
const LOGIN7: u8 = 0x10;
const RESPONSE: u8 = 0x04;
const SSPI: u8 = 0x11;

/// A call by name, as versions before 7.2 send it: how many letters, then they in UTF-16.
fn call(data: &[u8]) -> bool {
    let letters = u16_le_at(data, 8).map_or(0, usize::from);
    data.first() == Some(&3)
        && (4..=128).contains(&letters)
        && data.get(10..10 + 2 * letters).is_some_and(|name| {
            name.chunks_exact(2).all(|letter| {
                letter[1] == 0
                    && (letter[0].is_ascii_alphanumeric() || b"_.@#$".contains(&letter[0]))
            })
        })
}

/// A request of a session that began before the capture: a batch, a call or a transaction, whose
/// headers hold that of the transaction alone (ALL_HEADERS of MS-TDS, since 7.2).
fn transaction(data: &[u8]) -> bool {
    matches!(data, [1 | 3 | 14, 0..=0x1f, ..])
        && u16_at(data, 2).is_some_and(|length| length > 30)
        && data.get(7) == Some(&0)
        && (data.get(8..18) == Some(&[22, 0, 0, 0, 18, 0, 0, 0, 2, 0]) || call(data))
}

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if transaction(data) {
        return Guess::Certain;
    }
    match data {
        [kind @ (PRELOGIN | LOGIN7 | RESPONSE), status, ..] if data.len() >= 8 => {
            let length = u16_at(data, 2).map_or(0, usize::from);
            let whole = length >= 9 && status & !1 == 0 && data[7] == 0 && data.len() <= length;
            let body = &data[8..];
            if !whole {
                return Guess::No;
            }
            match *kind {
                // Options: token 0 (version) first, at an offset within, six bytes long.
                PRELOGIN => match body {
                    [0, 0, offset, 0, 6, 1 | 0xff, ..] if usize::from(*offset) < length => {
                        Guess::Certain
                    }
                    _ if body.len() < 6 => Guess::More,
                    _ => Guess::No,
                },
                // A length of its own, then the version 7.x.
                LOGIN7 => match (super::wire::u32_le_at(body, 0), body.get(7)) {
                    (Some(own), Some(0x70..=0x74)) if own as usize + 8 >= length => Guess::Certain,
                    (_, None) => Guess::More,
                    _ => Guess::No,
                },
                _ if probe.from_client => Guess::No,
                // The answer to a pre-login, or the tokens of a login's answer.
                _ => match body {
                    [0, 0, offset, 0, 6, 1 | 0xff, ..] if usize::from(*offset) < length => {
                        Guess::Certain
                    }
                    [0xe3 | 0xab | 0xaa, ..] => Guess::Unsure,
                    _ => Guess::No,
                },
            }
        }
        [PRELOGIN | LOGIN7 | RESPONSE] | [PRELOGIN | LOGIN7 | RESPONSE, 0 | 1, ..]
            if data.len() < 8 =>
        {
            Guess::More
        }
        [] => Guess::More,
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Tds {
    user: Option<(Box<[u8]>, &'static str)>,
    greeted: bool,
    /// Both sides want all of it encrypted: TLS records within TDS packets follow.
    encrypted: bool,
}

impl Parser for Tds {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| match u16_at(data, 2) {
                Some(length @ 8..) if data.first().is_some_and(|&kind| kind < 0x20) => {
                    Frame::Of(length.into())
                }
                None if data.len() < 4 => Frame::More,
                _ => Frame::Wrong,
            },
            |message| self.packet(context.from_client, message, events),
        )
    }

    fn finish(&mut self, _: &Context, events: &mut dyn Events) {
        self.answered(None, events);
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.user.as_ref().map_or(0, |(user, _)| user.len())
    }
}

impl Tds {
    fn answered(&mut self, success: Option<bool>, events: &mut dyn Events) {
        if let Some((user, method)) = self.user.take() {
            login(events, &user, method, success, method == "LOGIN7");
        }
    }

    fn packet(&mut self, from_client: bool, packet: &[u8], events: &mut dyn Events) -> Next {
        let body = packet.get(8..).unwrap_or_default();
        match packet.first() {
            Some(&PRELOGIN) if body.first() == Some(&0x16) => return Next::Done,
            Some(&PRELOGIN) => self.prelogin(from_client, body, events),
            Some(&RESPONSE) if !self.greeted && body.starts_with(&[0, 0]) => {
                self.prelogin(from_client, body, events);
            }
            Some(&LOGIN7) => self.login7(body, events),
            Some(&SSPI) => {
                if let Some(Ntlm::Authenticate(client)) = ntlmssp::find(body) {
                    self.user = Some((keep(client.user.as_bytes(), 2 * NAME_MAX), "NTLM"));
                }
            }
            Some(&RESPONSE) => return self.tokens(body, events),
            // Queries: data from here on.
            Some(1 | 3) => {
                self.answered(None, events);
                return Next::Done;
            }
            _ => {}
        }
        Next::Continue
    }

    fn prelogin(&mut self, from_client: bool, body: &[u8], events: &mut dyn Events) {
        let mut version = None;
        let mut encryption = None;
        for option in body.chunks_exact(5).take(16) {
            if option[0] == 0xff {
                break;
            }
            let at = usize::from(u16::from_be_bytes([option[1], option[2]]));
            let value = body.get(at..).unwrap_or_default();
            match (option[0], value) {
                (0, [major, minor, build, low, ..]) => {
                    let build = u16::from_be_bytes([*build, *low]);
                    version = Some(format!("{major}.{minor}.{build}"));
                }
                (1, [byte, ..]) => {
                    encryption = Some(match byte {
                        0 => "off",
                        1 => "on",
                        2 => "not_supported",
                        _ => "required",
                    });
                }
                _ => {}
            }
        }
        let mut fields = Vec::new();
        if let Some(version) = &version {
            fields.push(("version", Value::Word(version)));
            if !from_client {
                self.greeted = true;
                software(events, false, format!("SQL Server {version}").as_bytes());
            }
        }
        if let Some(word) = encryption {
            self.encrypted |= !from_client && matches!(word, "on" | "required");
            fields.push(("encryption", Value::Word(word)));
        }
        say(events, "prelogin", &fields);
    }

    /// Texts of a login: pairs of offset and length in characters from byte 36 on (2.2.6.4).
    fn login7(&mut self, body: &[u8], events: &mut dyn Events) {
        let text = |index: usize| {
            let at = usize::from(u16_le_at(body, 36 + 4 * index)?);
            let length = 2 * usize::from(u16_le_at(body, 38 + 4 * index)?);
            Some(utf16_le(body.get(at..at + length)?, NAME_MAX))
        };
        let texts = [0, 1, 3, 4, 8].map(|index| text(index).unwrap_or_default());
        let [host, user, program, server, database] = &texts;
        let mut fields = Vec::new();
        for (name, text) in [
            ("hostname", host),
            ("user", user),
            ("application", program),
            ("server", server),
            ("database", database),
        ] {
            if !text.is_empty() {
                fields.push((name, Value::Word(text)));
            }
        }
        say(events, "login", &fields);
        software(events, true, program.as_bytes());
        if !user.is_empty() {
            self.user = Some((keep(user.as_bytes(), 2 * NAME_MAX), "LOGIN7"));
            // The password is only turned about, which anybody can undo (2.2.6.4).
            risk(events, Risk::CleartextCredentials, "SQL Server login");
        }
    }

    /// The answer to a login: LOGINACK, or an error first.
    fn tokens(&mut self, body: &[u8], events: &mut dyn Events) -> Next {
        let mut rest = body;
        for _ in 0..32 {
            match rest {
                [0xad, ..] => {
                    self.answered(Some(true), events);
                    return Next::Done;
                }
                [token @ (0xaa | 0xab | 0xe3), ..] => {
                    if *token == 0xaa {
                        self.answered(Some(false), events);
                        let number = super::wire::u32_le_at(rest, 3).unwrap_or_default();
                        say(events, "error", &[("code", Value::Number(number.into()))]);
                        return Next::Done;
                    }
                    let length = u16_le_at(rest, 1).map_or(usize::MAX - 3, usize::from);
                    rest = rest.get(length + 3..).unwrap_or_default();
                }
                _ => break,
            }
        }
        Next::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    const PRE: &[u8] =
        b"\x12\x01\0\x1a\0\0\0\0\0\0\x0b\0\x06\x01\0\x11\0\x01\xff\x0f\0\x07\xd0\0\0\x02";

    fn login7() -> Vec<u8> {
        let mut body = vec![0; 94];
        body[7] = 0x74;
        for (index, text) in [(1, "sa"), (8, "shop")] {
            let at = body.len() as u16;
            body[36 + 4 * index..38 + 4 * index].copy_from_slice(&at.to_le_bytes());
            body[38 + 4 * index] = text.len() as u8;
            body.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        }
        body[0] = body.len() as u8;
        let mut packet = vec![LOGIN7, 1, 0, body.len() as u8 + 8, 0, 0, 0, 0];
        packet.extend(body);
        packet
    }

    #[test]
    fn user_and_outcome() {
        let said = conversation(
            &DETECTOR,
            &[
                (true, PRE),
                (true, &login7()),
                (false, b"\x04\x01\0\x0c\0\0\0\0\xaa\0\0\0"),
            ],
        );
        assert_eq!(
            said.0[0],
            "prelogin: version=15.0.2000 encryption=not_supported"
        );
        assert!(said.has("login: user=sa database=shop"));
        assert!(said.has("login: sa LOGIN7 Some(false) true"));
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, PRE), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &login7()), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &PRE[..9]), Guess::More);
        assert_eq!(
            guess(&DETECTOR, b"\x12\x01\0\x1a\0\0\0\0\x01\0\x0b\0\x06\x01"),
            Guess::No
        );
    }

    #[test]
    fn sessions_from_the_middle() {
        let batch =
            b"\x01\x01\0\x20\0\0\x01\0\x16\0\0\0\x12\0\0\0\x02\0\0\0\0\0\0\0\0\0\x01\0\0\0g\0";
        assert_eq!(guess(&DETECTOR, batch), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &batch[..17]), Guess::No);
        let call = b"\x03\x01\0\x20\0\0\x01\0\x04\0p\0r\0o\0c\0\0\0";
        assert_eq!(guess(&DETECTOR, call), Guess::Certain);
        let mut wrong = *call;
        wrong[11] = 1;
        assert_eq!(guess(&DETECTOR, &wrong), Guess::No);
        assert_eq!(guess(&DETECTOR, &call[..16]), Guess::No);
    }
}
