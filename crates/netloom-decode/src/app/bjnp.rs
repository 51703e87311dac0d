//! BJNP: how Canon's printers and scanners are found and driven.

use super::wire::u32_at;
use super::{
    Category, Context, Detector, Device, DeviceSource, Event, Events, Guess, Interest, Next, Over,
    Parser, Probe, Protocol,
};

/// BJNP.
pub static PROTOCOL: Protocol = Protocol {
    name: "bjnp",
    title: "Canon BJNP",
    category: Category::Iot,
};

/// Recognises BJNP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[8610, 8611, 8612, 8613],
    probe,
    parser: Some(|| Box::new(Bjnp { said: false })),
};

/// Bytes of the header: name, device type, command, sequence, session, length.
const HEADER_LEN: usize = 16;

fn probe(probe: &Probe<'_>) -> Guess {
    let Some(name) = probe.data.first_chunk::<4>() else {
        return Guess::No;
    };
    let known = matches!(name, b"BJNP" | b"BNJB" | b"BJNB" | b"PJNB" | b"MFNP");
    let length = u32_at(probe.data, 12).map(|length| length as usize);
    if known && length == probe.wire_len.checked_sub(HEADER_LEN) {
        Guess::Certain
    } else {
        Guess::No
    }
}

/// Says once that there is a printer.
#[derive(Debug)]
struct Bjnp {
    said: bool,
}

impl Parser for Bjnp {
    fn datagram(&mut self, _context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        // The highest bit of the device type marks a response; its command 0x30 carries the
        // identity (IEEE 1284) behind a length.
        let response = data.get(4).is_some_and(|kind| kind & 0x80 != 0);
        if response && !self.said && events.wants(Interest::DEVICES) {
            self.said = true;
            let identity = data.get(HEADER_LEN..).unwrap_or_default();
            let field = |name: &[u8]| {
                let at = identity
                    .windows(name.len())
                    .position(|window| window == name)?;
                let value = identity.get(at + name.len()..)?;
                value.split(|&byte| byte == b';').next()
            };
            events.event(Event::Device(Device {
                vendor: Some(field(b"MFG:").unwrap_or(b"Canon")),
                model: field(b"MDL:"),
                service: Some(b"bjnp"),
                ..Device::new(DeviceSource::Protocol(PROTOCOL.name))
            }));
        }
        if self.said {
            Next::Done
        } else {
            Next::Continue
        }
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::app::trial::{Said, datagrams, exchange, guess};

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = b"BJNP".to_vec();
        bytes.extend_from_slice(&[kind, 0x30, 0, 0, 0, 1, 0, 0]);
        bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    #[test]
    fn a_printer_answers() {
        let bytes = message(0x82, b"\x00\x20MFG:Canon;CMD:X;MDL:MX860;");
        assert_eq!(guess(&DETECTOR, &bytes), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &bytes[..20]), Guess::No);
        let said = exchange(&DETECTOR, &[(true, &message(2, b"")), (false, &bytes)]);
        assert!(
            said.has(&format!("model: Some({:?})", b"MX860")),
            "{said:?}"
        );
        assert_eq!(said.0.len(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes(tail: Vec<u8>) {
            let _ = guess(&DETECTOR, &tail);
            let bytes = message(0x82, &tail);
            let pieces = [(true, &tail[..]), (false, &bytes)];
            datagrams(&mut Bjnp { said: false }, pieces, &mut Said::default());
        }
    }
}
