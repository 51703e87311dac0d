//! Telnet (RFC 854): negotiation, and who logs in.

use super::support::{login, risk};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Risk, Step,
};

/// Telnet.
pub static PROTOCOL: Protocol = Protocol {
    name: "telnet",
    title: "Telnet",
    category: Category::RemoteAccess,
};

/// Telnet on TCP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[23, 2323],
    probe,
    parser: Some(|| Box::new(Session::default())),
};

const IAC: u8 = 255;
const SB: u8 = 250;
const SE: u8 = 240;
/// WILL, WON'T, DO, DON'T.
const NEGOTIATION: std::ops::RangeInclusive<u8> = 251..=254;
/// Options that are registered, and the extended list's.
const fn is_option(option: u8) -> bool {
    option <= 49 || option == 255 || option >= 138 && option <= 140
}

fn probe(probe: &Probe<'_>) -> Guess {
    let mut negotiations = 0;
    let mut rest = probe.data;
    while let [IAC, command, option, after @ ..] = rest {
        if !NEGOTIATION.contains(command) || !is_option(*option) {
            break;
        }
        negotiations += 1;
        rest = after;
    }
    match (negotiations, probe.data) {
        (2.., _) => Guess::Certain,
        (1, _) if !rest.is_empty() && rest.first() != Some(&IAC) && !rest.is_ascii() => Guess::No,
        (1, _) => Guess::Unsure,
        (_, [] | [IAC]) => Guess::More,
        (_, [IAC, command]) if NEGOTIATION.contains(command) => Guess::More,
        _ => Guess::No,
    }
}

/// Longest text that is kept of a line.
const LINE_MAX: usize = 128;
/// Bytes of a session in which a login is looked for.
const SEARCH_MAX: usize = 64 * 1024;

/// Where the dialogue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Open,
    /// The server asked for the user's name.
    User,
    /// The name is known; the server may ask for a password.
    Named,
    /// The server asked for the password.
    Password,
    /// The password was sent.
    Sent,
}

/// Where a direction stands within a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Code {
    #[default]
    Text,
    Iac,
    Option,
    Sub,
    SubIac,
}

/// Reads a session until somebody has logged in.
#[derive(Debug, Default)]
struct Session {
    codes: [Code; 2],
    state: State,
    /// The end of the server's current line.
    prompt: Vec<u8>,
    /// The client's line.
    typed: Vec<u8>,
    user: Vec<u8>,
    seen: usize,
    told: bool,
}

/// Whether a line ends as a prompt for this does.
fn asks_for(prompt: &[u8], words: &[&[u8]]) -> bool {
    let prompt = prompt.trim_ascii_end();
    let Some(prompt) = prompt.strip_suffix(b":") else {
        return false;
    };
    let prompt = prompt.trim_ascii_end();
    words.iter().any(|word| {
        prompt.len() >= word.len()
            && prompt
                .get(prompt.len() - word.len()..)
                .is_some_and(|end| end.eq_ignore_ascii_case(word))
    })
}

impl Session {
    fn server(&mut self, byte: u8) {
        match byte {
            b'\r' | b'\n' => self.prompt.clear(),
            0 => {}
            _ => {
                if self.prompt.len() >= LINE_MAX {
                    self.prompt.clear();
                }
                self.prompt.push(byte);
                if byte == b':' {
                    self.prompted();
                }
            }
        }
    }

    fn prompted(&mut self) {
        if asks_for(
            &self.prompt,
            &[b"login", b"username", b"user name", b"user"],
        ) {
            self.state = State::User;
            self.typed.clear();
        } else if asks_for(&self.prompt, &[b"password", b"passwd", b"passwort"]) {
            self.state = State::Password;
            self.typed.clear();
        }
    }

    fn client(&mut self, byte: u8, events: &mut dyn Events) -> bool {
        match byte {
            b'\r' | b'\n' => {
                let line = std::mem::take(&mut self.typed);
                match self.state {
                    State::User if !line.is_empty() => {
                        self.user = line;
                        self.state = State::Named;
                    }
                    State::Password => {
                        self.state = State::Sent;
                        login(events, &self.user, "telnet", None, true);
                        return true;
                    }
                    _ => {}
                }
            }
            8 | 127 => _ = self.typed.pop(),
            byte if byte >= b' ' && self.typed.len() < LINE_MAX => {
                // A password is not even held.
                self.typed.push(if self.state == State::Password {
                    b'*'
                } else {
                    byte
                });
            }
            _ => {}
        }
        false
    }
}

impl Parser for Session {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if !std::mem::replace(&mut self.told, true) {
            risk(events, Risk::UnsafeProtocol, "Telnet");
        }
        for (at, &byte) in data.iter().enumerate() {
            let code = &mut self.codes[usize::from(context.from_client)];
            let (next, text) = match (*code, byte) {
                (Code::Text, IAC) => (Code::Iac, false),
                (Code::Text, _) => (Code::Text, true),
                (Code::Iac, SB) => (Code::Sub, false),
                (Code::Iac, 251..=254) => (Code::Option, false),
                (Code::Sub, IAC) => (Code::SubIac, false),
                (Code::SubIac, SE) | (Code::Option | Code::Iac, _) => (Code::Text, false),
                (Code::Sub | Code::SubIac, _) => (Code::Sub, false),
            };
            *code = next;
            if !text {
                continue;
            }
            if !context.from_client {
                self.server(byte);
            } else if self.client(byte, events) {
                return Step::then(at + 1, Next::Done);
            }
        }
        self.seen = self.seen.saturating_add(data.len());
        if self.seen > SEARCH_MAX {
            return Step::then(data.len(), Next::Done);
        }
        Step::consumed(data.len())
    }

    fn gap(&mut self, context: &Context, _: u64, _: &mut dyn Events) -> Next {
        self.codes[usize::from(context.from_client)] = Code::Text;
        Next::Continue
    }

    fn finish(&mut self, _: &Context, events: &mut dyn Events) {
        if matches!(self.state, State::Named | State::Password) {
            login(
                events,
                &self.user,
                "telnet",
                None,
                self.state == State::Password,
            );
        }
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.prompt.capacity() + self.typed.capacity() + self.user.capacity()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::trial::{Said, conversation, guess, streams};
    use super::*;

    #[test]
    fn who_logs_in() {
        let said = conversation(
            &DETECTOR,
            &[
                (false, b"\xff\xfd\x18\xff\xfb\x01Welcome\r\nhost login: "),
                (true, b"\xff\xfa\x18\x00vt100\xff\xf0fa"),
                (false, b"fa"),
                (true, b"\x7fred\r\x00"),
                (false, b"\r\nPassword: "),
                (true, b"secret\r\n"),
            ],
        );
        assert!(said.has("login: fred telnet None true"), "{said:#?}");
        assert!(!said.has("secret"));
        assert!(said.has("unsafe_protocol"));
    }

    #[test]
    fn recognition() {
        assert_eq!(
            guess(&DETECTOR, b"\xff\xfd\x18\xff\xfd\x20"),
            Guess::Certain
        );
        assert_eq!(guess(&DETECTOR, b"\xff\xfd\x18"), Guess::Unsure);
        assert_eq!(guess(&DETECTOR, b"\xff\xd8\xff\xe0"), Guess::No);
        assert_eq!(guess(&DETECTOR, b"hello"), Guess::No);
    }

    proptest! {
        #[test]
        fn bytes_never_panic(pieces in proptest::collection::vec((any::<bool>(), proptest::collection::vec(prop_oneof![Just(255_u8), Just(250), Just(13), any::<u8>()], 0..40)), 0..20)) {
            let mut session = Session::default();
            streams(&mut session, pieces, &mut Said::default());
            prop_assert!(session.heap_bytes() < 4096);
        }
    }
}
