//! RTCP (RFC 3550, 6): packets whose lengths add up to the datagram; names from SDES.

use super::support::say;
use super::wire::{Reader, u16_at, u32_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Value,
};

/// RTCP.
pub static PROTOCOL: Protocol = Protocol {
    name: "rtcp",
    title: "RTCP",
    category: Category::Media,
};

/// Recognised by a compound packet that fills the datagram.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[5005],
    probe,
    parser: Some(|| Box::<Rtcp>::default()),
};

const MESSAGES_MAX: u32 = 64;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let mut at = 0;
    let mut count = 0;
    let mut first = 0;
    while at < probe.wire_len {
        let (Some(&head), Some(&kind), Some(words)) =
            (data.get(at), data.get(at + 1), u16_at(data, at + 2))
        else {
            break;
        };
        if head >> 6 != 2 || !matches!(kind, 192..=195 | 200..=213) {
            return encrypted(probe);
        }
        let reports = usize::from(head & 31);
        let size = 4 * (usize::from(words) + 1);
        if kind == 200 && size < 28 + 24 * reports || kind == 201 && size < 8 + 24 * reports {
            return encrypted(probe);
        }
        if count == 0 {
            first = kind;
        }
        count += 1;
        at += size;
    }
    let reports = matches!(first, 200 | 201);
    if at == probe.wire_len && (reports || count > 1) && u32_at(data, 4) != Some(0) {
        Guess::Certain
    } else if at == probe.wire_len && count == 1 {
        Guess::Unsure
    } else {
        encrypted(probe)
    }
}

/// SRTCP (RFC 3711, 3.4): only the first header and source can be read; at the end stand whether
/// it is encrypted, the packet's number, and a tag of ten bytes (or four). The packet before has
/// the same source and a number before this one.
fn encrypted(probe: &Probe<'_>) -> Guess {
    let number = |data: &[u8], tag: usize| {
        let report = matches!(data, [first, 200 | 201, ..] if first >> 6 == 2);
        let last = u32_at(data, data.len().checked_sub(4 + tag)?)?;
        (report && data.len() >= 12 + tag && last >> 31 == 1).then_some(last)
    };
    let source = |data: &[u8]| u32_at(data, 4).filter(|&source| source != 0);
    let (data, previous) = (probe.data, probe.previous);
    let counts = [10, 4].iter().any(|&tag| {
        number(data, tag)
            .zip(number(previous, tag))
            .is_some_and(|(now, before)| now > before && now - before <= 16)
    });
    if counts
        && data.len() == probe.wire_len
        && source(data).is_some()
        && source(data) == source(previous)
    {
        Guess::Certain
    } else {
        Guess::No
    }
}

/// Whether packets fill the datagram: what is encrypted does not add up.
fn fills(mut data: &[u8]) -> bool {
    while let (Some(&head), Some(words)) = (data.first(), u16_at(data, 2))
        && head >> 6 == 2
        && let Some(rest) = data.get(4 * (usize::from(words) + 1)..)
    {
        data = rest;
    }
    data.is_empty()
}

#[derive(Debug, Default)]
struct Rtcp {
    messages: u32,
}

impl Parser for Rtcp {
    fn datagram(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Next::Done;
        }
        if !fills(data) {
            return Next::Continue;
        }
        let mut rest = data;
        while let (Some(&head), Some(&kind), Some(words)) =
            (rest.first(), rest.get(1), u16_at(rest, 2))
            && head >> 6 == 2
        {
            let size = 4 * (usize::from(words) + 1);
            let packet = rest.get(..size).unwrap_or(rest);
            packet_of(kind, packet, events);
            rest = rest.get(size..).unwrap_or_default();
        }
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

fn packet_of(kind: u8, packet: &[u8], events: &mut dyn Events) {
    let name = match kind {
        200 => "sender_report",
        201 => "receiver_report",
        202 => "source_description",
        203 => "bye",
        204 => "app",
        205 => "transport_feedback",
        206 => "payload_feedback",
        207 => "extended_report",
        _ => return,
    };
    let source = format!("0x{:08x}", u32_at(packet, 4).unwrap_or_default());
    let mut fields = vec![("ssrc", Value::Word(source.as_str()))];
    if kind == 202 {
        let mut items = Reader::new(packet.get(8..).unwrap_or_default());
        while let Some(item) = items.u8().filter(|&item| item != 0)
            && let Some(text) = items.bytes8()
        {
            let name = match item {
                1 => "cname",
                2 => "name",
                6 => "tool",
                _ => continue,
            };
            fields.push((name, Value::Text(text)));
            if fields.len() > 8 {
                break;
            }
        }
    }
    say(events, name, &fields);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{exchange, guess};

    const COMPOUND: &[u8] =
        b"\x80\xc9\0\x01\xde\xad\xbe\xef\x81\xca\0\x03\xde\xad\xbe\xef\x01\x04a@bc\0\0";

    #[test]
    fn reports_and_names() {
        let said = exchange(&DETECTOR, &[(true, COMPOUND)]);
        assert_eq!(
            said.0,
            [
                "receiver_report: ssrc=0xdeadbeef",
                "source_description: ssrc=0xdeadbeef cname=a@bc"
            ]
        );
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, COMPOUND), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &COMPOUND[..20]), Guess::No);
    }

    #[test]
    fn encrypted_reports_count() {
        // RFC 3711: header, source, what cannot be read, number with its flag, tag.
        let report = |source: &[u8; 4], number: u32| {
            let mut data = b"\x81\xc8\0\x0c".to_vec();
            data.extend(source);
            data.extend([0x5a; 60]);
            data.extend((1 << 31 | number).to_be_bytes());
            data.extend([0xa5; 10]);
            data
        };
        let ask = |data: &[u8], previous: &[u8]| {
            let probe = Probe {
                previous,
                ..crate::app::trial::probe(data, false, true, (40_000, 40_001))
            };
            (DETECTOR.probe)(&probe)
        };
        let (first, second) = (report(b"abcd", 1), report(b"abcd", 2));
        assert_eq!(ask(&second, &first), Guess::Certain);
        // Alone, backwards, of another source, cut.
        assert_eq!(ask(&first, b""), Guess::No);
        assert_eq!(ask(&first, &second), Guess::No);
        assert_eq!(ask(&second, &report(b"abce", 1)), Guess::No);
        assert_eq!(ask(&second[..80], &first), Guess::No);
        let said = exchange(&DETECTOR, &[(true, &first)]);
        assert!(said.0.is_empty(), "{said:?}");
    }
}
