//! The BSD r-commands: rlogin (RFC 1282), rsh and rexec. All that they send is readable.

use super::support::{keep, login, printable, risk, say};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Risk, Step,
    Value,
};

/// rlogin.
pub static RLOGIN: Protocol = Protocol {
    name: "rlogin",
    title: "rlogin",
    category: Category::RemoteAccess,
};

/// rsh.
pub static RSH: Protocol = Protocol {
    name: "rsh",
    title: "Remote Shell",
    category: Category::RemoteAccess,
};

/// rexec.
pub static REXEC: Protocol = Protocol {
    name: "rexec",
    title: "rexec",
    category: Category::RemoteAccess,
};

/// rlogin on TCP.
pub static RLOGIN_DETECTOR: Detector = Detector {
    protocol: &RLOGIN,
    over: Over::Tcp,
    ports: &[513],
    probe: probe_rlogin,
    parser: Some(|| Box::new(Greeting(&RLOGIN))),
};

/// rsh on TCP.
pub static RSH_DETECTOR: Detector = Detector {
    protocol: &RSH,
    over: Over::Tcp,
    ports: &[514],
    probe: probe_rsh,
    parser: Some(|| Box::new(Greeting(&RSH))),
};

/// rexec on TCP.
pub static REXEC_DETECTOR: Detector = Detector {
    protocol: &REXEC,
    over: Over::Tcp,
    ports: &[512],
    probe: probe_rexec,
    parser: Some(|| Box::new(Greeting(&REXEC))),
};

/// Longest greeting that is waited for.
const GREETING_MAX: usize = 1024;

/// The four texts of a greeting, each ending with NUL; `None` where they are not whole or not
/// printable (the first may be empty).
fn greeting(data: &[u8]) -> Option<[&[u8]; 4]> {
    let mut parts = data
        .get(..GREETING_MAX)
        .unwrap_or(data)
        .split(|&byte| byte == 0);
    let mut out = [&[][..]; 4];
    for (at, place) in out.iter_mut().enumerate() {
        *place = parts.next()?;
        if !(printable(place) || at == 0 && place.is_empty()) {
            return None;
        }
    }
    // What follows the last NUL is there, if only empty.
    parts.next().map(|_| out)
}

/// Whether it may become a greeting.
fn early(data: &[u8]) -> bool {
    data.len() < GREETING_MAX
        && data.split(|&byte| byte == 0).count() <= 4
        && data
            .iter()
            .all(|byte| *byte == 0 || (b' '..=b'~').contains(byte))
}

/// `NUL client-user NUL server-user NUL terminal/speed NUL`
fn probe_rlogin(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if !probe.from_client || !data.starts_with(&[0]) {
        // The server answers with a NUL and text.
        return if data.is_empty() {
            Guess::More
        } else {
            Guess::No
        };
    }
    match greeting(data) {
        Some([b"", _, _, terminal]) => {
            let speed = terminal
                .rsplit(|&byte| byte == b'/')
                .next()
                .unwrap_or_default();
            if terminal.contains(&b'/') && speed.iter().all(u8::is_ascii_digit) {
                Guess::Certain
            } else {
                Guess::No
            }
        }
        None if early(data) && probe.has_port(513) => Guess::More,
        Some(_) | None => Guess::No,
    }
}

/// `port NUL client-user NUL server-user NUL command NUL`, from a port that needs rights.
fn probe_rsh(probe: &Probe<'_>) -> Guess {
    by_port(probe, 514)
}

/// `port NUL user NUL password NUL command NUL`
fn probe_rexec(probe: &Probe<'_>) -> Guess {
    by_port(probe, 512)
}

fn by_port(probe: &Probe<'_>, port: u16) -> Guess {
    let data = probe.data;
    // Texts alone are too little to tell them from others elsewhere.
    if probe.server.1 != port || !probe.from_client {
        return Guess::No;
    }
    match greeting(data) {
        Some([number, ..]) if number.len() <= 5 && number.iter().all(u8::is_ascii_digit) => {
            Guess::Certain
        }
        None if early(data) => Guess::More,
        Some(_) | None => Guess::No,
    }
}

/// Reads the greeting.
#[derive(Debug)]
struct Greeting(&'static Protocol);

impl Parser for Greeting {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if !context.from_client {
            return Step::then(data.len(), Next::Continue);
        }
        let Some([first, second, third, fourth]) = greeting(data) else {
            return if early(data) {
                Step::consumed(0)
            } else {
                Step::DONE
            };
        };
        risk(events, Risk::UnsafeProtocol, self.0.title);
        let method = self.0.name;
        let text = |text| Value::Text(text);
        if self.0 == &REXEC {
            login(events, second, method, None, true);
            say(
                events,
                "exec",
                &[("user", text(second)), ("command", text(fourth))],
            );
        } else {
            login(events, third, method, None, false);
            let user = keep(second, 256);
            let what = if self.0 == &RSH {
                "command"
            } else {
                "terminal"
            };
            say(
                events,
                "login",
                &[
                    ("client_user", text(&user)),
                    ("server_user", text(third)),
                    (what, text(fourth)),
                ],
            );
        }
        let _ = first;
        Step::DONE
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
    fn greetings() {
        let said = conversation(&RLOGIN_DETECTOR, &[(true, b"\0me\0root\0vt100/38400\0")]);
        assert!(said.has("login: root rlogin None false"), "{said:#?}");
        let said = conversation(&RSH_DETECTOR, &[(true, b"1022\0me\0you\0ls -l\0")]);
        assert!(
            said.has("client_user=me server_user=you command=ls -l"),
            "{said:#?}"
        );
        let said = conversation(&REXEC_DETECTOR, &[(true, b"0\0me\0secret\0id\0")]);
        assert!(said.has("login: me rexec None true"));
        assert!(!said.has("secret"));
    }

    #[test]
    fn recognition() {
        assert_eq!(
            guess(&RLOGIN_DETECTOR, b"\0me\0root\0xterm/9600\0"),
            Guess::Certain
        );
        assert_eq!(guess(&RLOGIN_DETECTOR, b"\0me\0root\0xterm\0"), Guess::No);
        let rsh = b"1022\0me\0you\0ls\0";
        assert_eq!(guess(&RSH_DETECTOR, rsh), Guess::No);
        assert_eq!(
            probe_rsh(&make(rsh, true, true, (1023, 514))),
            Guess::Certain
        );
        assert_eq!(
            probe_rexec(&make(b"0\0a\0b", true, true, (9999, 512))),
            Guess::More
        );
    }
}
