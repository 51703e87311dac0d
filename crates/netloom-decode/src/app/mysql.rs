//! MySQL and MariaDB client/server protocol (MySQL internals manual, chapter 14): the server's
//! greeting with its version, the switch to TLS, the login, commands by name (never their text).

use super::support::{Frame, frames, keep, login, nul_text, printable, say, software, until_nul};
use super::wire::{Reader, u16_le_at, u32_le_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// MySQL.
pub static PROTOCOL: Protocol = Protocol {
    name: "mysql",
    title: "MySQL",
    category: Category::Database,
};

/// Recognised by the server's greeting.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[3306],
    probe,
    parser: Some(|| Box::<MySql>::default()),
};

const KEPT: usize = 1024;
const USER_MAX: usize = 256;
/// CLIENT_SSL: what follows is TLS.
const SSL: u32 = 0x0800;
const SECURE_CONNECTION: u32 = 0x8000;
const CONNECT_WITH_DB: u32 = 8;
const PLUGIN_AUTH: u32 = 0x0008_0000;
const LENENC_AUTH: u32 = 0x0020_0000;
/// Commands said of a connection; a busy one says the same again and again.
const COMMANDS_MAX: u32 = 64;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if probe.from_client {
        // A login whose greeting was not captured: capabilities, a packet size, 23 zeros.
        return match data {
            [_, _, 0, 1, rest @ ..] if rest.len() >= 32 => {
                let length = usize::from(u16_le_at(data, 0).unwrap_or_default());
                let zeros = rest
                    .get(9..32)
                    .is_some_and(|zeros| zeros.iter().all(|&b| b == 0));
                let protocol_41 = rest[1] & 2 != 0;
                if zeros && protocol_41 && (32..=4096).contains(&length) && data.len() <= length + 4
                {
                    Guess::Certain
                } else {
                    Guess::No
                }
            }
            _ => Guess::No,
        };
    }
    match data {
        [length, high, 0, 0, 10, version @ ..] => {
            let length = usize::from(*length) | usize::from(*high) << 8;
            if !(20..=512).contains(&length) {
                return Guess::No;
            }
            let Some((version, rest)) = nul_text(version) else {
                return if version.len() < 64 && data.len() < length + 4 {
                    Guess::More
                } else {
                    Guess::No
                };
            };
            // After the thread's number and eight bytes of salt comes a zero.
            match rest.get(12) {
                None => Guess::More,
                Some(0)
                    if printable(version) && version.first().is_some_and(u8::is_ascii_digit) =>
                {
                    Guess::Certain
                }
                _ => Guess::No,
            }
        }
        // "Host is blocked", "too many connections": an error instead of the greeting.
        [_, 0, 0, 0, 0xff, code @ ..] if code.len() > 16 => {
            let number = u16_le_at(code, 0).unwrap_or_default();
            let text = code.get(2..).unwrap_or_default();
            if (1000..2000).contains(&number)
                && usize::from(data[0]) + 4 == data.len()
                && printable(text.get(..12).unwrap_or_default())
            {
                Guess::Certain
            } else {
                Guess::No
            }
        }
        _ if data.len() < 5 => Guess::More,
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct MySql {
    greeted: bool,
    logged_in: bool,
    user: Option<Box<[u8]>>,
    /// The password was sent as it is.
    cleartext: bool,
    /// The server has asked for it so: the client's next packet is it.
    asked: bool,
    /// So the server's greeting says, for clients that name no method.
    by_default: bool,
    commands: u32,
}

/// Methods of authentication that send the password as it is: MySQL's, and MariaDB's for PAM.
fn is_cleartext(plugin: &[u8]) -> bool {
    matches!(plugin, b"mysql_clear_password" | b"dialog")
}

/// The method of authentication in a greeting (protocol::HandshakeV10), of which this is what follows
/// the version.
fn greeted_with(greeting: &[u8]) -> Option<&[u8]> {
    // The thread's number, salt, capabilities, character set, status, capabilities, ten zeros.
    const SALT: usize = 31;
    let length = usize::from(*greeting.get(20)?);
    let salt = length.saturating_sub(8).max(13);
    let (plugin, _) = nul_text(greeting.get(SALT + salt..)?)?;
    Some(plugin)
}

impl Parser for MySql {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        // Once logged in, the server's rows are bulk.
        if !context.from_client && self.logged_in {
            return Step::then(data.len(), Next::Quiet);
        }
        frames(
            data,
            KEPT,
            |data| match data {
                [a, b, c, _, ..] => Frame::Of(4 + u64::from(u32::from_le_bytes([*a, *b, *c, 0]))),
                _ => Frame::More,
            },
            |message| {
                let sequence = message.get(3).copied().unwrap_or_default();
                let body = message.get(4..).unwrap_or_default();
                if context.from_client {
                    self.client(sequence, body, events)
                } else {
                    self.server(body, events)
                }
            },
        )
    }

    fn finish(&mut self, _: &Context, events: &mut dyn Events) {
        self.answered(None, events);
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.user.as_ref().map_or(0, |user| user.len())
    }
}

impl MySql {
    fn answered(&mut self, success: Option<bool>, events: &mut dyn Events) {
        if let Some(user) = self.user.take() {
            login(events, &user, "mysql", success, self.cleartext);
        }
    }

    fn server(&mut self, body: &[u8], events: &mut dyn Events) -> Next {
        if !self.greeted {
            self.greeted = true;
            if let [10, rest @ ..] = body
                && let Some((version, rest)) = nul_text(rest)
            {
                software(events, false, version);
                let thread = u32_le_at(rest, 0).unwrap_or_default();
                self.by_default = greeted_with(rest).is_some_and(is_cleartext);
                say(
                    events,
                    "greeting",
                    &[
                        ("version", Value::Text(version)),
                        ("thread_id", Value::Number(thread.into())),
                    ],
                );
                return Next::Continue;
            }
        }
        match body.first() {
            Some(0) if self.user.is_some() => {
                self.answered(Some(true), events);
                self.logged_in = true;
            }
            Some(0xff) => {
                self.answered(Some(false), events);
                let code = u16_le_at(body, 1).unwrap_or_default();
                say(events, "error", &[("code", Value::Number(code.into()))]);
            }
            // Another method is to be used (protocol::AuthSwitchRequest).
            Some(0xfe) if self.user.is_some() => {
                let plugin = nul_text(body.get(1..).unwrap_or_default());
                self.asked = plugin.is_some_and(|(plugin, _)| is_cleartext(plugin));
                // What came before was for the method that is not used.
                self.cleartext = false;
            }
            _ => {}
        }
        Next::Continue
    }

    fn client(&mut self, sequence: u8, body: &[u8], events: &mut dyn Events) -> Next {
        if sequence == 1 && !self.logged_in && self.user.is_none() {
            let Some(capabilities) = u32_le_at(body, 0) else {
                return Next::Continue;
            };
            if capabilities & SSL != 0 && body.len() == 32 {
                say(events, "ssl_request", &[]);
                return Next::Become(Some(&super::tls::DETECTOR));
            }
            self.login(capabilities, body, events);
            return Next::Continue;
        }
        if sequence > 1 && std::mem::take(&mut self.asked) {
            // With a NUL behind it; nothing else is no password.
            self.cleartext = body.len() > 1;
            return Next::Continue;
        }
        if sequence == 0 {
            self.answered(None, events);
            self.logged_in = true;
            let Some(name) = body.first().and_then(|&command| command_name(command)) else {
                return Next::Continue;
            };
            self.commands += 1;
            if self.commands > COMMANDS_MAX {
                return Next::Done;
            }
            say(events, name, &[]);
        }
        Next::Continue
    }

    fn login(&mut self, capabilities: u32, body: &[u8], events: &mut dyn Events) {
        let rest = body.get(32..).unwrap_or_default();
        let Some((user, rest)) = nul_text(rest) else {
            return;
        };
        let mut fields = vec![("username", Value::Text(user))];
        let mut reader = Reader::new(rest);
        let proof = if capabilities & (SECURE_CONNECTION | LENENC_AUTH) != 0 {
            reader.bytes8()
        } else {
            let text = nul_text(rest).map(|(text, _)| text);
            text.filter(|text| reader.skip(text.len() + 1).is_some())
        };
        let scramble = proof.is_some();
        if scramble
            && capabilities & CONNECT_WITH_DB != 0
            && let Some((database, after)) = nul_text(reader.rest())
        {
            fields.push(("database", Value::Text(database)));
            reader = Reader::new(after);
        }
        if scramble && capabilities & PLUGIN_AUTH != 0 {
            let plugin = nul_text(reader.rest()).map(|(plugin, _)| plugin);
            if let Some(plugin) = plugin {
                fields.push(("auth_plugin", Value::Text(plugin)));
            }
            let sent = proof.is_some_and(|proof| !until_nul(proof).is_empty());
            self.cleartext = sent && plugin.map_or(self.by_default, is_cleartext);
        }
        say(events, "login", &fields);
        self.user = Some(keep(user, USER_MAX));
    }
}

/// Names of commands as Zeek writes them.
fn command_name(command: u8) -> Option<&'static str> {
    const NAMES: [&str; 32] = [
        "sleep",
        "quit",
        "init_db",
        "query",
        "field_list",
        "create_db",
        "drop_db",
        "refresh",
        "shutdown",
        "statistics",
        "process_info",
        "connect",
        "process_kill",
        "debug",
        "ping",
        "time",
        "delayed_insert",
        "change_user",
        "binlog_dump",
        "table_dump",
        "connect_out",
        "register_slave",
        "stmt_prepare",
        "stmt_execute",
        "stmt_send_long_data",
        "stmt_close",
        "stmt_reset",
        "set_option",
        "stmt_fetch",
        "daemon",
        "binlog_dump_gtid",
        "reset_connection",
    ];
    NAMES.get(usize::from(command)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, probe as first};

    fn greeting() -> Vec<u8> {
        let mut body = b"\x0a8.0.33\0\x07\0\0\0saltsalt\0".to_vec();
        body.extend([0xff, 0xf7, 0x21, 2, 0, 0xff, 0x81, 21, 0]);
        let mut packet = vec![body.len() as u8, 0, 0, 0];
        packet.extend(body);
        packet
    }

    fn hello(capabilities: u32, tail: &[u8]) -> Vec<u8> {
        let mut packet = vec![(32 + tail.len()) as u8, 0, 0, 1];
        packet.extend(capabilities.to_le_bytes());
        packet.extend([0, 0, 0, 1, 33]);
        packet.extend([0; 23]);
        packet.extend(tail);
        packet
    }

    #[test]
    fn version_user_and_outcome() {
        let said = conversation(
            &DETECTOR,
            &[
                (false, &greeting()),
                (true, &hello(0x8208, b"root\0\x02xxshop\0")),
                (false, &[7, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0]),
                (true, b"\x05\0\0\0\x03SEL1"),
            ],
        );
        assert_eq!(said.0[0], "software: server 8.0.33");
        assert!(said.has("login: username=root database=shop"));
        assert!(said.has("login: root mysql Some(true) false"));
        assert!(said.has("query:") && !said.has("SEL1"));
    }

    #[test]
    fn passwords_in_clear() {
        let ok = [7, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0];
        // At once.
        let tail = b"root\0\x03pw\0mysql_clear_password\0";
        let said = conversation(
            &DETECTOR,
            &[
                (false, &greeting()),
                (true, &hello(0x0008_8200, tail)),
                (false, &ok),
            ],
        );
        assert!(said.has("auth_plugin=mysql_clear_password"), "{said:#?}");
        assert!(said.has("login: root mysql Some(true) true"), "{said:#?}");
        assert!(!said.has("pw"));
        // As the greeting says, where the client names no method.
        let mut packet = greeting();
        packet.extend([0; 9]);
        packet.extend(b"saltsaltsalt\0mysql_clear_password\0");
        packet[0] = packet.len() as u8 - 4;
        let tail = b"root\0\x03pw\0";
        let said = conversation(
            &DETECTOR,
            &[
                (false, &packet),
                (true, &hello(0x0008_8200, tail)),
                (false, &ok),
            ],
        );
        assert!(said.has("login: root mysql Some(true) true"), "{said:#?}");
        // When asked to.
        let said = |plugin: &[u8]| {
            let switch = [&[2 + plugin.len() as u8, 0, 0, 2, 0xfe], plugin, b"\0"].concat();
            conversation(
                &DETECTOR,
                &[
                    (false, &greeting()),
                    (
                        true,
                        &hello(0x0008_8200, b"root\0\0caching_sha2_password\0"),
                    ),
                    (false, &switch),
                    (true, b"\x03\0\0\x03pw\0"),
                    (false, &[7, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0]),
                ],
            )
        };
        assert!(said(b"mysql_clear_password").has("login: root mysql Some(true) true"));
        assert!(said(b"mysql_native_password").has("login: root mysql Some(true) false"));
    }

    #[test]
    fn tls_takes_over() {
        let said = conversation(
            &DETECTOR,
            &[(false, &greeting()), (true, &hello(0x0a00, b""))],
        );
        assert!(said.has("ssl_request:"));
    }

    #[test]
    fn recognised() {
        let (greeting, hello) = (greeting(), hello(0x8208, b"root\0\0"));
        let ports = (40_000, 40_001);
        assert_eq!(
            (DETECTOR.probe)(&first(&greeting, true, false, ports)),
            Guess::Certain
        );
        assert_eq!(
            (DETECTOR.probe)(&first(&greeting[..9], true, false, ports)),
            Guess::More
        );
        assert_eq!(
            (DETECTOR.probe)(&first(&hello, true, true, ports)),
            Guess::Certain
        );
        assert_eq!(
            (DETECTOR.probe)(&first(b"220 ftp ready\r\n", true, false, ports)),
            Guess::No
        );
    }
}
