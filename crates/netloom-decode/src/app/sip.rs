//! SIP (RFC 3261) over UDP and TCP: requests, answers, who calls whom, with which program; media
//! that session descriptions announce. Fields are named as Suricata's EVE has them below `sip.`.

use super::support::{keep, login, say, software};
use super::text::{find, line, number, starts_with_ignore_case, word};
use super::uri::{login_in_target, masked, masked_line};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
    sdp,
};

/// SIP.
pub static PROTOCOL: Protocol = Protocol {
    name: "sip",
    title: "SIP",
    category: Category::Voip,
};

/// Recognised by request and status lines.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[5060],
    probe,
    parser: Some(|| Box::<Sip>::default()),
};

const MESSAGES_MAX: u32 = 512;
const HEAD_MAX: usize = 16 * 1024;
const BODY_MAX: usize = 16 * 1024;

const METHODS: [&[u8]; 14] = [
    b"INVITE",
    b"ACK",
    b"BYE",
    b"CANCEL",
    b"OPTIONS",
    b"REGISTER",
    b"PRACK",
    b"SUBSCRIBE",
    b"NOTIFY",
    b"PUBLISH",
    b"INFO",
    b"REFER",
    b"MESSAGE",
    b"UPDATE",
];

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    // Keep-alives of line ends stand before messages (RFC 5626, 3.5.1).
    let blank = data
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    let data = data.get(blank..).unwrap_or_default();
    if data.is_empty() {
        return if probe.has_port(5060) {
            Guess::More
        } else {
            Guess::No
        };
    }
    if data.starts_with(b"SIP/2.0 ") {
        return Guess::Certain;
    }
    if probe.tcp && b"SIP/2.0 ".starts_with(data) {
        return Guess::More;
    }
    let (method, _) = word(data.get(..16).unwrap_or(data));
    if !METHODS.contains(&method) {
        let start = probe.tcp && METHODS.iter().any(|known| known.starts_with(data));
        return if start { Guess::More } else { Guess::No };
    }
    let rest = data.get(method.len() + 1..).unwrap_or_default();
    let known = [&b"sip:"[..], b"sips:", b"tel:", b"urn:"];
    let uri = known
        .iter()
        .any(|scheme| starts_with_ignore_case(rest, scheme));
    match line(data) {
        Some((first, _)) if first.ends_with(b" SIP/2.0") => Guess::Certain,
        Some((first, _)) if uri && first.windows(5).any(|part| part == b" SIP/") => Guess::Certain,
        Some(_) if uri && method == b"OPTIONS" => Guess::Unsure,
        None if uri && !probe.tcp => Guess::Certain,
        None if uri && data.len() < 2048 => Guess::More,
        None if rest.len() < 5 && probe.tcp => Guess::More,
        // RTSP and HTTP share method names; their lines end otherwise.
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Sip {
    messages: u32,
    /// Programs already said, of client and server.
    named: [bool; 2],
    user: Option<Box<[u8]>>,
}

impl Parser for Sip {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        let mut consumed = 0;
        loop {
            let rest = data.get(consumed..).unwrap_or_default();
            let blank = rest
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                .count();
            consumed += blank;
            let rest = rest.get(blank..).unwrap_or_default();
            let Some(head) = head_length(rest) else {
                return if rest.len() > HEAD_MAX {
                    Step::DONE
                } else {
                    Step::consumed(consumed)
                };
            };
            let (head, after) = rest.split_at(head);
            let length = header(head, b"content-length", b"l")
                .and_then(number)
                .unwrap_or_default();
            let wanted = length.min(BODY_MAX as u64) as usize;
            let Some(body) = after.get(..wanted) else {
                return Step::consumed(consumed);
            };
            if !self.message(context.from_client, head, body, events) {
                return Step::DONE;
            }
            if after.len() as u64 >= length {
                consumed += head.len() + length as usize;
            } else {
                return Step::then(data.len(), Next::Skip(length - after.len() as u64));
            }
        }
    }

    fn datagram(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        let head = head_length(data).unwrap_or(data.len());
        let (head, body) = data.split_at(head);
        if self.message(context.from_client, head, body, events) {
            Next::Continue
        } else {
            Next::Done
        }
    }

    fn finish(&mut self, _: &Context, events: &mut dyn Events) {
        self.answered(None, events);
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.user.as_ref().map_or(0, |user| user.len())
    }
}

/// Bytes up to the empty line, it included.
fn head_length(data: &[u8]) -> Option<usize> {
    let searched = data.get(..HEAD_MAX + 3).unwrap_or(data);
    memchr::memmem::find(searched, b"\r\n\r\n").map(|at| at + 4)
}

/// The value of a header, by its long and short names, in any case.
fn header<'a>(head: &'a [u8], long: &[u8], short: &[u8]) -> Option<&'a [u8]> {
    let mut rest = head;
    while let Some((text, used)) = line(rest) {
        rest = rest.get(used..).unwrap_or_default();
        let Some(colon) = find(b':', text) else {
            continue;
        };
        let (name, value) = text.split_at(colon);
        let name = name.trim_ascii();
        if name.eq_ignore_ascii_case(long) || !short.is_empty() && name.eq_ignore_ascii_case(short)
        {
            return Some(value.get(1..).unwrap_or_default().trim_ascii());
        }
    }
    None
}

/// The address in a From or To: what stands in angle brackets, or before the parameters.
fn address(value: &[u8]) -> &[u8] {
    if let Some(open) = value.iter().position(|&byte| byte == b'<') {
        let inside = value.get(open + 1..).unwrap_or_default();
        return inside
            .split(|&byte| byte == b'>')
            .next()
            .unwrap_or_default();
    }
    value.split(|&byte| byte == b';').next().unwrap_or_default()
}

impl Sip {
    fn answered(&mut self, success: Option<bool>, events: &mut dyn Events) {
        if let Some(user) = self.user.take() {
            login(events, &user, "digest", success, false);
        }
    }

    /// A message; `false` where enough was seen.
    fn message(
        &mut self,
        from_client: bool,
        head: &[u8],
        body: &[u8],
        events: &mut dyn Events,
    ) -> bool {
        let blank = head
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let head = head.get(blank..).unwrap_or_default();
        let Some((first, _)) = line(head) else {
            return true;
        };
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return false;
        }
        let (start, rest) = word(first);
        let response = start == b"SIP/2.0";
        let (target, request_line);
        let who = |long, short| header(head, long, short).map(address).map(masked);
        let (from, to) = (who(b"from", b"f"), who(b"to", b"t"));
        let mut fields = Vec::new();
        if response {
            let (code, reason) = word(rest);
            fields.push(("version", Value::Text(start)));
            fields.push(("code", Value::Text(code)));
            fields.push(("reason", Value::Text(reason)));
            fields.push(("response_line", Value::Text(first)));
            match number(code) {
                Some(200..=299) => self.answered(Some(true), events),
                Some(403 | 404) => self.answered(Some(false), events),
                _ => {}
            }
        } else {
            if !METHODS.contains(&start) {
                return true;
            }
            let (uri, version) = word(rest);
            target = masked(uri);
            request_line = masked_line(first);
            if let Some(user) = login_in_target(start, uri) {
                login(events, &user, "url", None, true);
            }
            fields.push(("method", Value::Text(start)));
            fields.push(("uri", Value::Text(&target)));
            fields.push(("version", Value::Text(version)));
            fields.push(("request_line", Value::Text(&request_line)));
        }
        for (name, value) in [
            ("from", from.as_deref()),
            ("to", to.as_deref()),
            ("call_id", header(head, b"call-id", b"i")),
            ("cseq", header(head, b"cseq", b"")),
        ] {
            if let Some(value) = value {
                fields.push((name, Value::Text(value)));
            }
        }
        let agent = header(head, b"user-agent", b"").or_else(|| header(head, b"server", b""));
        if let Some(agent) = agent {
            fields.push(("user_agent", Value::Text(agent)));
            let named = &mut self.named[usize::from(from_client)];
            if !*named {
                *named = true;
                software(events, from_client, agent);
            }
        }
        let text;
        if response {
            text = String::new();
        } else {
            text = super::text::display(start).into_owned();
            let proof = header(head, b"authorization", b"")
                .or_else(|| header(head, b"proxy-authorization", b""));
            if let Some(proof) = proof
                && let Some(at) = proof.windows(10).position(|part| part == b"username=\"")
            {
                let user = proof.get(at + 10..).unwrap_or_default();
                let user = user.split(|&byte| byte == b'"').next().unwrap_or_default();
                if self.user.is_none() {
                    self.user = Some(keep(user, 256));
                }
                fields.push(("username", Value::Text(user)));
            }
        }
        let kind = if response { "response" } else { &text };
        say(events, kind, &fields);
        if header(head, b"content-type", b"c")
            .is_some_and(|kind| starts_with_ignore_case(kind, b"application/sdp"))
        {
            sdp::announce(body, events);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, exchange, guess};

    const INVITE: &[u8] = b"INVITE sip:bob@example.org SIP/2.0\r\nFrom: \"Ann\" <sip:ann@example.org>;tag=1\r\nTo: <sip:bob@example.org>\r\nCall-ID: x\r\nUser-Agent: phone 1\r\nContent-Type: application/sdp\r\nContent-Length: 50\r\n\r\nv=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP 0 8\r\n";

    #[test]
    fn calls_and_media() {
        let said = exchange(
            &DETECTOR,
            &[
                (true, INVITE),
                (
                    false,
                    b"SIP/2.0 100 Trying\r\nf: sip:ann@example.org;x\r\n\r\n",
                ),
            ],
        );
        assert!(said.has("software: client phone 1"));
        assert!(said.has("INVITE: method=INVITE uri=sip:bob@example.org version=SIP/2.0"));
        assert!(said.has("from=sip:ann@example.org to=sip:bob@example.org call_id=x"));
        assert!(said.has("expect: rtp 192.0.2.9:4000 udp"));
        assert!(said.has("expect: rtcp 192.0.2.9:4001 udp"));
        assert!(said.has("response: version=SIP/2.0 code=100 reason=Trying"));
        let stream = conversation(
            &DETECTOR,
            &[(true, INVITE), (true, b"\r\n\r\n"), (true, INVITE)],
        );
        assert_eq!(
            stream
                .0
                .iter()
                .filter(|line| line.starts_with("INVITE"))
                .count(),
            2
        );
    }

    #[test]
    fn registrations_are_logins() {
        let said = exchange(
            &DETECTOR,
            &[
                (true, b"REGISTER sip:a SIP/2.0\r\nAuthorization: Digest username=\"ann\", realm=\"a\"\r\n\r\n"),
                (false, b"SIP/2.0 200 OK\r\n\r\n"),
            ],
        );
        assert!(said.has("login: ann digest Some(true) false"));
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, INVITE), Guess::Certain);
        assert_eq!(
            guess(&DETECTOR, b"OPTIONS rtsp://a RTSP/1.0\r\n"),
            Guess::No
        );
        assert_eq!(guess(&DETECTOR, b"OPTIONS * HTTP/1.1\r\n"), Guess::No);
        assert_eq!(guess(&DETECTOR, b"SIP/2.0 2"), Guess::Certain);
    }
}
