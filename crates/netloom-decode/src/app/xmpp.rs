//! XMPP (RFC 6120), once Jabber: the stream's opening, and the change to TLS.

use super::http::base64;
use super::lines::contains;
use super::smtp::plain_user;
use super::support::{keep, login, say};
use super::{
    Category, Context, Detector, Event, Events, Guess, Next, Over, Parser, Probe, Protocol, Step,
    Value, text, tls,
};

/// XMPP.
pub static PROTOCOL: Protocol = Protocol {
    name: "xmpp",
    title: "XMPP",
    category: Category::Chat,
};

/// XMPP on TCP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[5222, 5269],
    probe,
    parser: Some(|| Box::new(Session::default())),
};

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data.trim_ascii_start();
    if data.starts_with(b"<stream:stream") {
        return Guess::Certain;
    }
    if data.starts_with(b"<?xml") {
        let start = data.get(..300).unwrap_or(data);
        return if contains(start, b"<stream:stream") || contains(start, b"jabber:") {
            Guess::Certain
        } else if data.len() < 300 {
            Guess::More
        } else {
            Guess::No
        };
    }
    if b"<stream:stream".starts_with(data) || b"<?xml".starts_with(data) {
        Guess::More
    } else {
        Guess::No
    }
}

/// Bytes of a direction in which the opening is looked for.
const OPENING_MAX: usize = 16 * 1024;

/// Reads the opening.
#[derive(Debug, Default)]
struct Session {
    told: bool,
    starttls: bool,
    /// The client's next text is its message of SASL PLAIN (RFC 6120, section 6.4.2).
    plain: bool,
    /// Who has sent it.
    user: Option<Box<[u8]>>,
}

/// Longest name of a user that is kept.
const USER_MAX: usize = 256;

/// The value of an attribute.
fn attribute<'a>(tag: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = tag.windows(name.len()).position(|window| window == name)?;
    let rest = tag.get(at + name.len()..)?;
    let (&quote, rest) = rest.split_first()?;
    let end = rest.iter().position(|&byte| byte == quote)?;
    rest.get(..end)
}

impl Session {
    fn answered(&mut self, success: Option<bool>, events: &mut dyn Events) {
        if let Some(user) = self.user.take() {
            login(events, &user, "PLAIN", success, true);
        }
    }

    /// The login, as far as this tag is about it; the text before a tag belongs to the tag.
    fn sasl(&mut self, from_client: bool, tag: &[u8], events: &mut dyn Events) {
        let trimmed = tag.trim_ascii_start();
        if !from_client {
            if trimmed.starts_with(b"<success") {
                self.answered(Some(true), events);
            } else if trimmed.starts_with(b"<failure") {
                self.answered(Some(false), events);
            }
        } else if self.plain && trimmed.starts_with(b"<") {
            // It may come in an element of its own.
            self.plain = trimmed.starts_with(b"<response");
        } else if std::mem::take(&mut self.plain) {
            let end = text::find(b'<', trimmed).unwrap_or(trimmed.len());
            let message = base64(trimmed.get(..end).unwrap_or_default().trim_ascii());
            if message.contains(&0) {
                self.user = Some(keep(plain_user(&message), USER_MAX));
            }
        } else if trimmed.starts_with(b"<auth") {
            let is_plain = |name: &[u8]| name.eq_ignore_ascii_case(b"PLAIN");
            self.plain = attribute(tag, b" mechanism=").is_some_and(is_plain);
        }
    }
}

impl Parser for Session {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        let mut consumed = 0;
        while let Some(end) = data
            .get(consumed..)
            .and_then(|rest| rest.iter().position(|&byte| byte == b'>'))
        {
            let tag = data.get(consumed..consumed + end).unwrap_or_default();
            consumed += end + 1;
            self.sasl(context.from_client, tag, events);
            if contains(tag, b"<stream:stream") && context.from_client && !self.told {
                self.told = true;
                if let Some(to) = attribute(tag, b" to=").filter(|to| !to.is_empty()) {
                    events.event(Event::ServerName {
                        name: to,
                        source: "xmpp",
                    });
                    say(events, "stream", &[("to", Value::Text(to))]);
                }
            } else if context.from_client && tag.trim_ascii_start().starts_with(b"<starttls") {
                self.starttls = true;
            } else if !context.from_client && self.starttls && contains(tag, b"<proceed") {
                return Step::then(consumed, Next::Become(Some(&tls::DETECTOR)));
            } else if tag.trim_ascii_start().starts_with(b"<message")
                || tag.trim_ascii_start().starts_with(b"<iq")
            {
                // The opening is over; what people say stays unread.
                return Step::then(consumed, Next::Done);
            }
        }
        if data.len() - consumed > OPENING_MAX {
            return Step::DONE;
        }
        Step::consumed(consumed)
    }

    fn finish(&mut self, _: &Context, events: &mut dyn Events) {
        self.answered(None, events);
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.user.as_ref().map_or(0, |user| user.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{Said, conversation, guess, streams};
    use super::*;

    #[test]
    fn a_login() {
        let said = |auth: &[u8], answer: &[u8]| {
            conversation(
                &DETECTOR,
                &[
                    (true, b"<stream:stream to='example.org'>"),
                    (false, b"<stream:stream><stream:features/>"),
                    (true, auth),
                    (false, answer),
                ],
            )
        };
        let plain = b"<auth xmlns='x' mechanism='PLAIN'>AGJvYgBzZWNyZXQ=</auth>";
        assert!(said(plain, b"<success xmlns='x'/>").has("login: bob PLAIN Some(true) true"));
        assert!(said(plain, b"<failure xmlns='x'>").has("login: bob PLAIN Some(false) true"));
        assert!(said(plain, b"").has("login: bob PLAIN None true"));
        let later = b"<auth mechanism='PLAIN'/><response xmlns='x'>AGJvYgBzZWNyZXQ=</response>";
        assert!(said(later, b"<success xmlns='x'/>").has("login: bob PLAIN Some(true) true"));
        let other = b"<auth xmlns='x' mechanism='SCRAM-SHA-1'>biwsbj1ib2I=</auth>";
        assert!(!said(other, b"<success xmlns='x'/>").has("login"));
    }

    #[test]
    fn an_opening() {
        let mut said = Said::default();
        let pieces: [(bool, &[u8]); 4] = [
            (
                true,
                b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='example.org'>",
            ),
            (
                false,
                b"<stream:stream from='example.org'><stream:features/>",
            ),
            (true, b"<starttls xmlns='x'/>"),
            (false, b"<proceed xmlns='x'/>"),
        ];
        let next = streams(&mut Session::default(), pieces, &mut said);
        assert!(matches!(next, Next::Become(Some(_))));
        assert!(said.has("stream: to=example.org"), "{said:#?}");
        assert_eq!(guess(&DETECTOR, b"<stream:stream to='a'>"), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"<html>"), Guess::No);
    }
}
