//! VNC: the Remote Framebuffer protocol (RFC 6143), its handshake.

use super::support::say;
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// VNC.
pub static PROTOCOL: Protocol = Protocol {
    name: "vnc",
    title: "VNC",
    category: Category::RemoteAccess,
};

/// VNC on TCP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[5900, 5901, 5800],
    probe,
    parser: Some(|| Box::new(Session::default())),
};

/// `003.008` of `RFB 003.008`.
fn version(data: &[u8]) -> Option<&[u8]> {
    let version = data.get(..12)?.strip_prefix(b"RFB ")?.strip_suffix(b"\n")?;
    let digits = |part: Option<&[u8]>| part.is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    (digits(version.get(..3)) && version.get(3) == Some(&b'.') && digits(version.get(4..)))
        .then_some(version)
}

fn probe(probe: &Probe<'_>) -> Guess {
    if version(probe.data).is_some() {
        Guess::Certain
    } else if probe.data.len() < 12
        && b"RFB ".starts_with(probe.data.get(..4).unwrap_or(probe.data))
    {
        Guess::More
    } else {
        Guess::No
    }
}

/// Reads the versions.
#[derive(Debug, Default)]
struct Session {
    versions: [Option<[u8; 7]>; 2],
}

impl Parser for Session {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if data.len() < 12 {
            return Step::consumed(0);
        }
        let Some(found) = version(data).and_then(|version| version.first_chunk()) else {
            return Step::DONE;
        };
        self.versions[usize::from(context.from_client)] = Some(*found);
        if let [Some(server), Some(client)] = &self.versions {
            say(
                events,
                "handshake",
                &[
                    ("client_version", Value::Text(client)),
                    ("server_version", Value::Text(server)),
                ],
            );
            return Step::then(12, Next::Done);
        }
        Step::then(12, Next::Quiet)
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{conversation, guess};
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(guess(&DETECTOR, b"RFB 003.008\n"), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"RFB 003.0"), Guess::More);
        assert_eq!(guess(&DETECTOR, b"RFB hello, \n"), Guess::No);
        let said = conversation(
            &DETECTOR,
            &[
                (false, b"RFB 003.008\n"),
                (true, b"RFB 003.003\n"),
                (false, b"\x01\x02"),
            ],
        );
        assert!(
            said.has("client_version=003.003 server_version=003.008"),
            "{said:#?}"
        );
    }
}
