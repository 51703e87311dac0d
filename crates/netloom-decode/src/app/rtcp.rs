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
            // What is encrypted (SRTCP, RFC 3711) is only readable up to the first source.
            return Guess::No;
        }
        let reports = usize::from(head & 31);
        let size = 4 * (usize::from(words) + 1);
        if kind == 200 && size < 28 + 24 * reports || kind == 201 && size < 8 + 24 * reports {
            return Guess::No;
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
        Guess::No
    }
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
}
