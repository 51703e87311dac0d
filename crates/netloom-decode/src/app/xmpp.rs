//! XMPP (RFC 6120), once Jabber: the stream's opening, and the change to TLS.

use super::lines::contains;
use super::support::say;
use super::{
    Category, Context, Detector, Event, Events, Guess, Next, Over, Parser, Probe, Protocol, Step,
    Value, tls,
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
}

/// The value of an attribute.
fn attribute<'a>(tag: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = tag.windows(name.len()).position(|window| window == name)?;
    let rest = tag.get(at + name.len()..)?;
    let (&quote, rest) = rest.split_first()?;
    let end = rest.iter().position(|&byte| byte == quote)?;
    rest.get(..end)
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

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{Said, guess, streams};
    use super::*;

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
