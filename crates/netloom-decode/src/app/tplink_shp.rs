//! TP-Link's smart home protocol: JSON, each byte combined with the one before.

use super::support::json_text;
use super::{
    Category, Context, Detector, Device, DeviceSource, Event, Events, Guess, Interest, Next, Over,
    Parser, Probe, Protocol, Step,
};

/// TP-Link's smart home protocol.
pub static PROTOCOL: Protocol = Protocol {
    name: "tplink_shp",
    title: "TP-Link Smart Home",
    category: Category::Iot,
};

/// Recognises TP-Link's smart home protocol.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[9999],
    probe,
    parser: Some(|| Box::new(Shp)),
};

/// The first byte's partner.
const KEY: u8 = 171;
/// Bytes of a message that are read.
const READ_MAX: usize = 4096;

/// The text behind the bytes.
fn decode(data: &[u8]) -> impl Iterator<Item = u8> {
    data.iter().scan(KEY, |key, &byte| {
        let clear = byte ^ *key;
        *key = byte;
        Some(clear)
    })
}

fn probe(probe: &Probe<'_>) -> Guess {
    let data = if probe.tcp {
        probe.data.get(4..).unwrap_or_default()
    } else {
        probe.data
    };
    // `{"`, then JSON without control characters.
    if !data.starts_with(&[0xd0, 0xf2]) {
        return if probe.tcp && probe.data.len() < 6 {
            Guess::More
        } else {
            Guess::No
        };
    }
    let readable = decode(data)
        .take(32)
        .all(|byte| (b' '..=b'~').contains(&byte));
    if readable && data.len() >= 12 {
        Guess::Certain
    } else {
        Guess::No
    }
}

/// Every message speaks for itself.
#[derive(Debug)]
struct Shp;

impl Shp {
    fn message(data: &[u8], events: &mut dyn Events) {
        if !events.wants(Interest::DEVICES) {
            return;
        }
        let text: Vec<u8> = decode(data).take(READ_MAX).collect();
        let model = json_text(&text, b"model");
        let hostname = json_text(&text, b"alias").or_else(|| json_text(&text, b"dev_name"));
        if model.is_some() || hostname.is_some() {
            events.event(Event::Device(Device {
                hostname,
                model,
                vendor: Some(b"TP-Link"),
                ..Device::new(DeviceSource::Protocol(PROTOCOL.name))
            }));
        }
    }
}

impl Parser for Shp {
    fn stream(&mut self, _context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        let Some(len) = super::wire::u32_at(data, 0).map(|len| len as usize) else {
            return Step::consumed(0);
        };
        let body = data.get(4..).unwrap_or_default();
        if body.len() < len.min(READ_MAX) {
            return Step::consumed(0);
        }
        Self::message(body.get(..len).unwrap_or(body), events);
        // One message each way tells what there is to know.
        Step::then(data.len(), Next::Quiet)
    }

    fn datagram(&mut self, _context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        Self::message(data, events);
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::app::trial::{Said, conversation, datagrams, exchange, probe as of, streams};

    fn encode(text: &[u8]) -> Vec<u8> {
        let mut key = KEY;
        text.iter()
            .map(|&byte| {
                key ^= byte;
                key
            })
            .collect()
    }

    const ANSWER: &[u8] =
        b"{\"system\":{\"get_sysinfo\":{\"model\":\"HS110(EU)\",\"alias\":\"Lamp\"}}}";

    #[test]
    fn a_plug_answers() {
        let bytes = encode(ANSWER);
        let guess = |data: &[u8], tcp| (DETECTOR.probe)(&of(data, tcp, false, (4000, 1)));
        assert_eq!(guess(&bytes, false), Guess::Certain);
        assert_eq!(guess(&encode(b"{\"\x01\x02345678901234"), false), Guess::No);
        let said = exchange(&DETECTOR, &[(false, &bytes)]);
        assert!(
            said.has(&format!("hostname: Some({:?})", b"Lamp")),
            "{said:?}"
        );
        let framed = [&(bytes.len() as u32).to_be_bytes()[..], &bytes].concat();
        assert_eq!(guess(&framed, true), Guess::Certain);
        assert_eq!(guess(&framed[..5], true), Guess::More);
        let said = conversation(&DETECTOR, &[(false, &framed)]);
        assert!(
            said.has(&format!("model: Some({:?})", b"HS110(EU)")),
            "{said:?}"
        );
    }

    proptest! {
        #[test]
        fn any_bytes(tail: Vec<u8>) {
            let pieces = [(true, &tail[..]), (false, &tail)];
            datagrams(&mut Shp, pieces, &mut Said::default());
            streams(&mut Shp, pieces, &mut Said::default());
            let _ = (DETECTOR.probe)(&of(&tail, true, true, (1, 9999)));
        }
    }
}
