//! TiVo's discovery: media servers and video recorders that look for each other.

use super::text::line;
use super::{
    Category, Context, Detector, Device, DeviceSource, Event, Events, Guess, Interest, Next, Over,
    Parser, Protocol,
};

/// TiVo's discovery.
pub static PROTOCOL: Protocol = Protocol {
    name: "tivoconnect",
    title: "TiVoConnect",
    category: Category::Network,
};

/// Recognises the beacons.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[2190],
    probe: |probe| {
        if probe.data.get(..12).is_some_and(is_start) {
            Guess::Certain
        } else {
            Guess::No
        }
    },
    parser: Some(|| Box::new(Beacon)),
};

fn is_start(start: &[u8]) -> bool {
    start.eq_ignore_ascii_case(b"TiVoConnect=")
}

/// One beacon says everything.
#[derive(Debug)]
struct Beacon;

impl Parser for Beacon {
    fn datagram(&mut self, _context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        let mut device = Device::new(DeviceSource::Protocol(PROTOCOL.name));
        let mut rest = data;
        while let Some((text, len)) = line(rest) {
            rest = rest.get(len..).unwrap_or_default();
            let Some(at) = text.iter().position(|&byte| byte == b'=') else {
                continue;
            };
            let (name, value) = text.split_at(at);
            let value = value.get(1..).filter(|value| !value.is_empty());
            match name {
                b"machine" => device.hostname = value,
                b"platform" => device.model = value,
                b"services" => device.service = value,
                _ => {}
            }
        }
        if device.hostname.is_some() && events.wants(Interest::DEVICES) {
            events.event(Event::Device(device));
        }
        Next::Done
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{exchange, guess};

    #[test]
    fn a_beacon() {
        let bytes =
            b"TiVoConnect=1\nmachine=NAS\nplatform=pc/minidlna\nservices=TiVoMediaServer:80/http\n";
        assert_eq!(guess(&DETECTOR, bytes), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"TiVo"), Guess::No);
        let said = exchange(&DETECTOR, &[(true, bytes)]);
        assert!(
            said.has(&format!("hostname: Some({:?})", b"NAS")),
            "{said:?}"
        );
    }
}
