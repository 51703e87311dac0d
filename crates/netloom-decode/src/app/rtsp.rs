//! RTSP (RFC 2326, RFC 7826): what is played, and the RTP flows that it announces.

use super::http::{base64, without_port};
use super::lines::lines;
use super::support::{login, say, software};
use super::{
    Category, Context, Detector, Event, Events, Guess, Next, Over, Parser, Probe, Protocol, Step,
    Value, text, uri,
};

/// RTSP.
pub static PROTOCOL: Protocol = Protocol {
    name: "rtsp",
    title: "RTSP",
    category: Category::Media,
};

/// RTSP on TCP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[554, 8554],
    probe,
    parser: Some(|| Box::new(Session::default())),
};

/// `DESCRIBE rtsp://h/x RTSP/1.0`: method and target.
fn request(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (method, rest) = text::word(line);
    let (target, version) = text::word(rest);
    let is_method = method.len() > 2
        && method
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    (is_method && version.starts_with(b"RTSP/")).then_some((method, target))
}

/// The status of `RTSP/1.0 200 OK`.
fn status(line: &[u8]) -> Option<u64> {
    let (version, rest) = text::word(line);
    if !version.starts_with(b"RTSP/") {
        return None;
    }
    text::number(text::word(rest).0)
}

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match text::line(data) {
        Some((line, _)) if request(line).is_some() || status(line).is_some() => Guess::Certain,
        Some(_) => Guess::No,
        None => {
            let plausible = data
                .iter()
                .all(|byte| (b' '..=b'~').contains(byte) || *byte == b'\r')
                && data.first().is_none_or(u8::is_ascii_uppercase);
            if plausible && data.len() < 1024 {
                Guess::More
            } else {
                Guess::No
            }
        }
    }
}

/// Lines that are read of a session.
const LINES_MAX: u32 = 2000;

/// Reads heads; bodies and interleaved data are lines that say nothing.
#[derive(Debug, Default)]
struct Session {
    seen: u32,
}

impl Parser for Session {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        // Interleaved frames (RFC 2326, section 10.12): $, channel, length.
        if let [b'$', _, high, low, rest @ ..] = data {
            let length = u64::from(u16::from_be_bytes([*high, *low]));
            let there = (rest.len() as u64).min(length);
            return Step::then(4 + there as usize, Next::Skip(length - there));
        }
        let mut one = false;
        let step = lines(data, |line| {
            self.seen += 1;
            if self.seen > LINES_MAX {
                return Next::Done;
            }
            line_of(context, line, events);
            // After an empty line a frame may follow.
            if line.is_empty() {
                one = true;
                return Next::Quiet;
            }
            Next::Continue
        });
        if one {
            Step::consumed(step.consumed)
        } else {
            step
        }
    }

    fn gap(&mut self, _: &Context, _: u64, _: &mut dyn Events) -> Next {
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

fn line_of(_: &Context, line: &[u8], events: &mut dyn Events) {
    if let Some((method, target)) = request(line) {
        let host = target
            .windows(3)
            .take(8)
            .position(|bytes| bytes == b"://")
            .and_then(|at| target.get(at + 3..))
            .map(|rest| rest.split(|byte| *byte == b'/').next().unwrap_or(rest))
            .map(|rest| rest.rsplit(|byte| *byte == b'@').next().unwrap_or(rest));
        if let Some(host) = host.map(without_port).filter(|host| !host.is_empty()) {
            events.event(Event::ServerName {
                name: host,
                source: "rtsp",
            });
        }
        if let Some(user) = uri::login_in_target(method, target) {
            login(events, &user, "url", None, true);
        }
        say(
            events,
            "request",
            &[
                ("method", Value::Text(method)),
                ("url", Value::Text(&uri::masked(target))),
            ],
        );
        return;
    }
    if let Some(code) = status(line) {
        say(events, "response", &[("status", Value::Number(code))]);
        return;
    }
    let Some(colon) = line
        .iter()
        .position(|&byte| byte == b':')
        .filter(|&at| at < 24)
    else {
        return;
    };
    let (name, value) = line.split_at(colon);
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    if name.eq_ignore_ascii_case(b"user-agent") {
        software(events, true, value);
    } else if name.eq_ignore_ascii_case(b"server") {
        software(events, false, value);
    } else if name.eq_ignore_ascii_case(b"authorization") {
        let (scheme, rest) = text::word(value);
        if scheme.eq_ignore_ascii_case(b"basic") {
            let decoded = base64(rest.trim_ascii());
            let user = decoded
                .split(|&byte| byte == b':')
                .next()
                .unwrap_or_default();
            login(events, user, "basic", None, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{conversation, guess};
    use super::*;

    #[test]
    fn a_session() {
        let said = conversation(
            &DETECTOR,
            &[
                (true, b"OPTIONS rtsp://cam.example:554/live RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: VLC\r\nAuthorization: Basic bWU6c2VjcmV0\r\n\r\n"),
                (false, b"RTSP/1.0 200 OK\r\nServer: cam/1\r\n\r\n$\x00\x00\x02ab"),
                (false, b"RTSP/1.0 404 No\r\n\r\n"),
            ],
        );
        assert!(
            said.has("method=OPTIONS url=rtsp://cam.example:554/live"),
            "{said:#?}"
        );
        assert!(said.has("status=404"));
        assert!(said.has("login: me basic None true"));
        assert!(said.has("software: server cam/1"));
    }

    #[test]
    fn recognition() {
        assert_eq!(
            guess(&DETECTOR, b"DESCRIBE rtsp://x/ RTSP/1.0\r\n"),
            Guess::Certain
        );
        assert_eq!(guess(&DETECTOR, b"RTSP/1.0 200 OK\r\n"), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"GET / HTTP/1.1\r\n"), Guess::No);
        assert_eq!(guess(&DETECTOR, b"\x00"), Guess::No);
    }
}
