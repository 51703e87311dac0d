//! Redis (RESP, the Redis serialization protocol): commands by name, logins, errors.

use super::support::{keep, login, printable, risk, say, software};
use super::text::{line, number, starts_with_ignore_case, word};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Risk, Step,
    Value,
};

/// Redis.
pub static PROTOCOL: Protocol = Protocol {
    name: "redis",
    title: "Redis",
    category: Category::Database,
};

/// Recognised by a request as an array of bulk strings.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[6379],
    probe,
    parser: Some(|| Box::<Redis>::default()),
};

/// Arguments of a command that are looked at, and their longest.
const ARGUMENTS: usize = 4;
const ARGUMENT_MAX: usize = 256;
/// Commands after which a connection is no longer followed.
const COMMANDS_MAX: u32 = 256;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    // `*2\r\n$4\r\nAUTH`: numbers, and a word of letters behind them.
    let Some(rest) = data.strip_prefix(b"*") else {
        return match data {
            [] => Guess::More,
            // An answer, or a command as a plain line: too little to be sure of.
            b"+PONG\r\n" | b"PING\r\n" => Guess::Certain,
            _ if data.starts_with(b"-NOAUTH ") || data.starts_with(b"-ERR unknown command") => {
                Guess::Certain
            }
            _ => Guess::No,
        };
    };
    let Some((count, used)) = line(rest) else {
        return early(data);
    };
    let Some(rest) = rest.get(used..) else {
        return Guess::More;
    };
    if rest.is_empty() {
        return early(data);
    }
    let (Some(1..=1_048_576), Some(rest)) = (number(count), rest.strip_prefix(b"$")) else {
        return Guess::No;
    };
    let Some((length, used)) = line(rest) else {
        return early(data);
    };
    let Some(length) = number(length).filter(|length| (1..=1 << 20).contains(length)) else {
        return Guess::No;
    };
    let text = rest.get(used..).unwrap_or_default();
    match text.get(..(length as usize).min(8)) {
        None => early(data),
        Some(word) if printable(word) => Guess::Certain,
        Some(_) => Guess::Unsure,
    }
}

fn early(data: &[u8]) -> Guess {
    if data.len() < 32 {
        Guess::More
    } else {
        Guess::No
    }
}

/// What is to be done with a request in arguments.
#[derive(Debug, Default)]
struct Redis {
    /// Arguments of the request at hand that are still to come.
    missing: u64,
    /// The first ones.
    arguments: Vec<Box<[u8]>>,
    total: u64,
    commands: u32,
    user: Option<Box<[u8]>>,
}

impl Parser for Redis {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if context.from_client {
            self.requests(data, events)
        } else {
            self.answer(data, events)
        }
    }

    fn finish(&mut self, _: &Context, events: &mut dyn Events) {
        self.answered(None, events);
    }

    fn heap_bytes(&self) -> usize {
        let arguments: usize = self.arguments.iter().map(|text| text.len() + 16).sum();
        size_of::<Self>() + arguments + self.user.as_ref().map_or(0, |user| user.len())
    }
}

impl Redis {
    fn answered(&mut self, success: Option<bool>, events: &mut dyn Events) {
        if let Some(user) = self.user.take() {
            login(events, &user, "AUTH", success, true);
        }
    }

    /// The first line of an answer tells of a login; what else is answered is data.
    fn answer(&mut self, data: &[u8], events: &mut dyn Events) -> Step {
        if self.user.is_some()
            && let Some((text, _)) = line(data)
        {
            let success = text.first() != Some(&b'-');
            self.answered(Some(success), events);
        }
        Step::consumed(data.len())
    }

    fn requests(&mut self, data: &[u8], events: &mut dyn Events) -> Step {
        let mut consumed = 0;
        loop {
            let rest = data.get(consumed..).unwrap_or_default();
            if rest.is_empty() {
                return Step::consumed(consumed);
            }
            let Some((text, used)) = line(rest) else {
                return if rest.len() > 4096 {
                    Step::DONE
                } else {
                    Step::consumed(consumed)
                };
            };
            if self.missing == 0 {
                if let Some(count) = text.strip_prefix(b"*") {
                    let Some(count) = number(count) else {
                        return Step::DONE;
                    };
                    self.missing = count;
                    self.total = count;
                } else {
                    // A command typed as a line.
                    for part in text.split(|&byte| byte == b' ').take(ARGUMENTS) {
                        self.arguments.push(keep(part, ARGUMENT_MAX));
                    }
                    self.total = self.arguments.len() as u64;
                    if !self.command(events) {
                        return Step::DONE;
                    }
                }
                consumed += used;
                continue;
            }
            let Some(length) = text.strip_prefix(b"$").and_then(number) else {
                return Step::DONE;
            };
            let whole = length.saturating_add(2);
            let argument = rest.get(used..).unwrap_or_default();
            let wanted = whole.min(ARGUMENT_MAX as u64 + 2) as usize;
            if argument.len() < wanted {
                return Step::consumed(consumed);
            }
            self.missing -= 1;
            if self.arguments.len() < ARGUMENTS {
                let text = argument.get(..length.min(ARGUMENT_MAX as u64) as usize);
                self.arguments.push(text.unwrap_or_default().into());
            }
            if self.missing == 0 && !self.command(events) {
                return Step::DONE;
            }
            if (argument.len() as u64) < whole {
                let skip = whole - argument.len() as u64;
                return Step::then(data.len(), Next::Skip(skip));
            }
            consumed += used + whole as usize;
        }
    }

    /// A whole command; `false` where enough was seen.
    fn command(&mut self, events: &mut dyn Events) -> bool {
        let arguments = std::mem::take(&mut self.arguments);
        let Some(name) = arguments.first() else {
            return true;
        };
        self.commands += 1;
        let name = name.to_ascii_uppercase();
        if name == b"AUTH" {
            // One argument is a password, two are a user and a password (Redis 6).
            let user = if self.total > 2 {
                arguments.get(1).cloned().unwrap_or_default()
            } else {
                Box::default()
            };
            self.user = Some(user);
            risk(events, Risk::CleartextCredentials, "Redis password");
        } else if name == b"CLIENT"
            && let (Some(what), Some(which), Some(value)) =
                (arguments.get(1), arguments.get(2), arguments.get(3))
            && starts_with_ignore_case(what, b"SETINFO")
            && starts_with_ignore_case(which, b"LIB-NAME")
        {
            software(events, true, value);
        }
        if printable(word(&name).0) {
            say(
                events,
                "command",
                &[
                    ("name", Value::Text(&name)),
                    ("arguments", Value::Number(self.total.saturating_sub(1))),
                ],
            );
        }
        self.commands < COMMANDS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    const AUTH: &[u8] = b"*3\r\n$4\r\nauth\r\n$3\r\nann\r\n$4\r\nhush\r\n";

    #[test]
    fn logins_and_commands() {
        let said = conversation(
            &DETECTOR,
            &[
                (true, AUTH),
                (false, b"+OK\r\n"),
                (true, b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"),
            ],
        );
        assert!(said.has("login: ann AUTH Some(true) true"));
        assert!(said.has("command: name=AUTH arguments=2"));
        assert!(said.has("command: name=GET arguments=1"));
        assert!(!said.has("hush"));
    }

    #[test]
    fn long_values_are_passed_over() {
        let mut set = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9000\r\n".to_vec();
        set.extend([b'x'; 9000]);
        set.extend(b"\r\n*1\r\n$4\r\nPING\r\n");
        let said = conversation(&DETECTOR, &[(true, &set)]);
        assert!(said.has("name=SET") && said.has("name=PING"));
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, AUTH), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"*3\r\n$"), Guess::More);
        assert_eq!(guess(&DETECTOR, b"* OK IMAP ready\r\n$"), Guess::No);
    }
}
