//! Syslog (RFC 5424, and RFC 3164 that it replaced), over UDP and TCP (RFC 6587).

use super::text::number;
use super::{
    Category, Context, Detector, Event, Events, Guess, Interest, Message, Next, Over, Parser,
    Probe, Protocol, Step, Value,
};

/// Syslog.
pub static PROTOCOL: Protocol = Protocol {
    name: "syslog",
    title: "Syslog",
    category: Category::Management,
};

/// Recognises syslog.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[514, 601],
    probe,
    parser: Some(|| Box::new(Syslog::default())),
};

/// Bytes of a message that are looked at.
const MESSAGE_MAX: usize = 8192;

fn probe(probe: &Probe<'_>) -> Guess {
    let mut data = probe.data;
    if probe.tcp {
        // Octet counting puts a length and a space in front (RFC 6587, section 3.4.1).
        if let Some(space) = data.iter().take(6).position(|&byte| byte == b' ')
            && data.get(..space).and_then(number).is_some()
        {
            data = data.get(space + 1..).unwrap_or_default();
        }
        if data.len() < 20
            && probe
                .data
                .first()
                .is_some_and(|&b| b == b'<' || b.is_ascii_digit())
        {
            return if priority(data).is_some() || data.len() < 5 {
                Guess::More
            } else {
                Guess::No
            };
        }
    }
    let Some((_, rest)) = priority(data) else {
        return Guess::No;
    };
    if dated(rest) {
        return Guess::Certain;
    }
    let text = rest.get(..16).unwrap_or(rest);
    let readable = !text.is_empty() && text.iter().all(|byte| (b' '..=b'~').contains(byte));
    match (readable, probe.has_port(514) && !probe.tcp) {
        (false, _) => Guess::No,
        (true, true) => Guess::Certain,
        (true, false) => Guess::Unsure,
    }
}

/// The priority in angle brackets, and what is behind it.
fn priority(data: &[u8]) -> Option<(u8, &[u8])> {
    let data = data.strip_prefix(b"<")?;
    let end = data.iter().take(4).position(|&byte| byte == b'>')?;
    let (digits, rest) = data.split_at(end);
    let value = number(digits).filter(|&value| value <= 191)?;
    Some((value as u8, rest.get(1..)?))
}

/// Whether a time follows: `1 2003-10-11T…` or `Oct 11 22:14:15`, perhaps behind a sequence number.
fn dated(rest: &[u8]) -> bool {
    const MONTHS: [&[u8]; 12] = [
        b"Jan ", b"Feb ", b"Mar ", b"Apr ", b"May ", b"Jun ", b"Jul ", b"Aug ", b"Sep ", b"Oct ",
        b"Nov ", b"Dec ",
    ];
    let day = |text: &[u8]| MONTHS.iter().any(|month| text.starts_with(month));
    if day(rest) {
        return true;
    }
    match rest {
        [b'1', b' ', b'-', b' ', ..] => true,
        [b'1', b' ', date @ ..] => {
            matches!(date, [a, b, c, d, b'-', ..] if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()))
        }
        _ => {
            let digits = rest
                .iter()
                .take(10)
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            let behind = rest.get(digits..).and_then(|rest| rest.strip_prefix(b": "));
            digits > 0 && behind.is_some_and(|rest| day(rest.strip_prefix(b"*").unwrap_or(rest)))
        }
    }
}

/// Counts nothing, keeps nothing: a message is a line or a datagram.
#[derive(Debug, Default)]
struct Syslog {
    /// TCP: inside a line that is longer than what is looked at.
    inside: [bool; 2],
}

impl Parser for Syslog {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        let mut inside = self.inside[usize::from(context.from_client)];
        let mut consumed = 0;
        loop {
            let rest = data.get(consumed..).unwrap_or_default();
            let counted = counted(rest);
            let (start, end) = match counted {
                // Lines end with LF (some senders write NUL), counted messages where they say.
                Some((start, len)) if !inside => (start, start.saturating_add(len)),
                _ => match rest.iter().position(|&byte| matches!(byte, b'\n' | 0)) {
                    Some(end) => (0, end + 1),
                    None => (0, usize::MAX),
                },
            };
            if let Some(message) = rest.get(start..end) {
                if !inside {
                    say(message, events);
                }
                inside = false;
                consumed += end;
            } else if rest.len() >= MESSAGE_MAX {
                if !inside {
                    say(rest.get(start..).unwrap_or_default(), events);
                }
                self.inside[usize::from(context.from_client)] = end == usize::MAX;
                return match end.checked_sub(rest.len()).filter(|_| end != usize::MAX) {
                    Some(left) => Step::then(data.len(), Next::Skip(left as u64)),
                    None => Step::consumed(data.len()),
                };
            } else {
                self.inside[usize::from(context.from_client)] = inside;
                return Step::consumed(consumed);
            }
        }
    }

    fn datagram(&mut self, _context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        say(data, events);
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// Where a counted message starts, and its length.
fn counted(data: &[u8]) -> Option<(usize, usize)> {
    let space = data.iter().take(7).position(|&byte| byte == b' ')?;
    let len = data.get(..space).and_then(number)?;
    let behind = data.get(space + 1);
    (behind.is_none_or(|&byte| byte == b'<')).then_some((space + 1, len as usize))
}

fn say(data: &[u8], events: &mut dyn Events) {
    const FACILITIES: [&str; 24] = [
        "KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON",
        "AUTHPRIV", "FTP", "NTP", "AUDIT", "ALERT", "CLOCK", "LOCAL0", "LOCAL1", "LOCAL2",
        "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6", "LOCAL7",
    ];
    const SEVERITIES: [&str; 8] = [
        "EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG",
    ];
    if !events.wants(Interest::MESSAGES) {
        return;
    }
    let Some((priority, text)) = priority(data) else {
        return;
    };
    let text = text.get(..MESSAGE_MAX).unwrap_or(text);
    let facility = FACILITIES.get(usize::from(priority >> 3)).copied();
    let severity = SEVERITIES.get(usize::from(priority & 7)).copied();
    events.event(Event::Message(Message {
        kind: "message",
        fields: &[
            ("facility", Value::Word(facility.unwrap_or_default())),
            ("severity", Value::Word(severity.unwrap_or_default())),
            ("message", Value::Text(text.trim_ascii_end())),
        ],
    }));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::app::trial::{Said, conversation, exchange, probe as of, streams};

    #[test]
    fn datagrams() {
        let old = b"<34>Oct 11 22:14:15 host su: failed\n";
        let guess = |data: &[u8], port| (DETECTOR.probe)(&of(data, false, true, (4000, port)));
        assert_eq!(guess(old, 11_000), Guess::Certain);
        assert_eq!(
            guess(b"<165>1 2003-10-11T22:14:15Z host app - -", 9),
            Guess::Certain
        );
        assert_eq!(
            guess(b"<189>42: *Mar  1 18:46:11: %SYS-5", 9),
            Guess::Certain
        );
        assert_eq!(guess(b"<13>something else", 514), Guess::Certain);
        assert_eq!(guess(b"<13>something else", 9), Guess::Unsure);
        assert_eq!(guess(b"<192>Oct 11 22:14:15", 514), Guess::No);
        assert_eq!(guess(b"<html>", 514), Guess::No);
        let said = exchange(&DETECTOR, &[(true, old)]);
        let expected =
            "message: facility=AUTH severity=CRIT message=Oct 11 22:14:15 host su: failed";
        assert_eq!(said.0, [expected]);
    }

    #[test]
    fn lines_and_counts() {
        let said = conversation(
            &DETECTOR,
            &[(true, b"<1>a\n<2>b\x0012 <3>c\nd567890<4>e\n")],
        );
        let texts: Vec<_> = said
            .0
            .iter()
            .map(|line| line.rsplit('=').next().unwrap())
            .collect();
        assert_eq!(texts, ["a", "b\\x00", "c\\x0ad567890", "e"]);
    }

    proptest! {
        #[test]
        fn any_stream(pieces: Vec<(bool, Vec<u8>)>) {
            let mut parser = Syslog::default();
            streams(&mut parser, pieces.clone(), &mut Said::default());
            for (_, piece) in &pieces {
                let _ = (DETECTOR.probe)(&of(piece, true, true, (514, 514)));
                let _ = (DETECTOR.probe)(&of(piece, false, true, (514, 514)));
            }
        }

        #[test]
        fn long_lines(len in 8000_usize..20_000, more: Vec<u8>) {
            let mut line = b"<1>".to_vec();
            line.resize(len, b'x');
            let mut said = Said::default();
            streams(&mut Syslog::default(), [(true, &line[..]), (true, &more), (true, b"\n<2>z\n")], &mut said);
            prop_assert!(said.has("message=z"));
        }
    }
}
