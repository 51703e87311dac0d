//! Tuya's local protocol: smart home devices that announce themselves and are driven on the
//! local network.

use super::support::json_text;
use super::wire::u32_at;
use super::{
    Category, Context, Detector, Device, DeviceSource, Event, Events, Guess, Interest, Next, Over,
    Parser, Probe, Protocol,
};

/// Tuya's local protocol.
pub static PROTOCOL: Protocol = Protocol {
    name: "tuyalp",
    title: "Tuya LAN Protocol",
    category: Category::Iot,
};

/// Recognises Tuya's local protocol.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[6666, 6667, 6668, 7000],
    probe,
    parser: Some(|| Box::new(Tuya)),
};

/// Bytes of prefix, sequence, command and length.
const HEADER_LEN: usize = 16;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let (Some(prefix), Some(length)) = (u32_at(data, 0), u32_at(data, 12)) else {
        let may_come = probe.tcp && [0, 0, 0x55, 0xaa].starts_with(data.get(..4).unwrap_or(data));
        return if may_come { Guess::More } else { Guess::No };
    };
    let end = HEADER_LEN.saturating_add(length as usize);
    // The end mark is the last of what the length covers.
    let marked = match (prefix, end.checked_sub(4)) {
        (0x55aa, Some(at)) => u32_at(data, at) == Some(0xaa55),
        _ => false,
    };
    if marked && (probe.tcp || end == probe.wire_len) {
        Guess::Certain
    } else {
        Guess::No
    }
}

/// Older devices announce themselves readably.
#[derive(Debug)]
struct Tuya;

impl Parser for Tuya {
    fn datagram(&mut self, _context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        if events.wants(Interest::DEVICES) {
            let body = data.get(HEADER_LEN..).unwrap_or_default();
            events.event(Event::Device(Device {
                vendor: Some(b"Tuya"),
                hostname: json_text(body, b"gwId"),
                model: json_text(body, b"productKey"),
                ..Device::new(DeviceSource::Protocol(PROTOCOL.name))
            }));
        }
        Next::Done
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::app::trial::{Said, datagrams, exchange, guess, probe as of};

    fn message(body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0x55, 0xaa, 0, 0, 0, 0, 0, 0, 0, 0x13, 0, 0];
        bytes.extend_from_slice(&(body.len() as u16 + 4).to_be_bytes());
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(&[0, 0, 0xaa, 0x55]);
        bytes
    }

    #[test]
    fn a_device_announces_itself() {
        let bytes =
            message(b"\0\0\0\0{\"ip\":\"192.0.2.1\",\"gwId\":\"d1\",\"productKey\":\"k1\"}");
        let udp = |data: &[u8]| (DETECTOR.probe)(&of(data, false, true, (1, 2)));
        assert_eq!(udp(&bytes), Guess::Certain);
        assert_eq!(udp(&bytes[..bytes.len() - 1]), Guess::No);
        assert_eq!(guess(&DETECTOR, &bytes[..3]), Guess::More);
        let said = exchange(&DETECTOR, &[(true, &bytes)]);
        assert!(said.has(&format!("model: Some({:?})", b"k1")), "{said:?}");
    }

    proptest! {
        #[test]
        fn any_bytes(tail: Vec<u8>) {
            let _ = guess(&DETECTOR, &tail);
            let bytes = message(&tail);
            datagrams(&mut Tuya, [(true, &bytes[..])], &mut Said::default());
        }
    }
}
