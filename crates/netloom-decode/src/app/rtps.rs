//! RTPS, the wire protocol of DDS (OMG formal/22-04-01): versions, vendors, submessages.

use super::support::say;
use super::wire::u16_at;
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// RTPS.
pub static PROTOCOL: Protocol = Protocol {
    name: "rtps",
    title: "RTPS (DDS)",
    category: Category::Rpc,
};

/// Recognised by the magic `RTPS`.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[7400, 7410],
    probe,
    parser: Some(|| Box::<Rtps>::default()),
};

fn probe(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [b'R', b'T', b'P', b'S' | b'X', 1..=2, 0..=9, 0..=2, ..] => Guess::Certain,
        data if probe.tcp
            && data.len() < 7
            && b"RTPS".starts_with(data.get(..4).unwrap_or(data)) =>
        {
            Guess::More
        }
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Rtps {
    said: [bool; 2],
}

impl Rtps {
    fn first(&mut self, from_client: bool, data: &[u8], events: &mut dyn Events) {
        let side = &mut self.said[usize::from(from_client)];
        let (Some([major, minor]), Some(vendor)) = (data.get(4..6), u16_at(data, 6)) else {
            return;
        };
        if *side {
            return;
        }
        *side = true;
        let version = format!("{major}.{minor}");
        say(
            events,
            "message",
            &[
                ("version", Value::Word(&version)),
                ("vendor_id", Value::Number(vendor.into())),
                ("vendor", Value::Word(vendor_name(vendor))),
            ],
        );
    }
}

impl Parser for Rtps {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if data.len() < 8 {
            return Step::consumed(0);
        }
        self.first(context.from_client, data, events);
        Step::then(data.len(), Next::Quiet)
    }

    fn datagram(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.first(context.from_client, data, events);
        if self.said == [true; 2] {
            Next::Done
        } else {
            Next::Continue
        }
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// Vendors (dds-foundation.org/dds-rtps-vendor-and-product-ids).
fn vendor_name(vendor: u16) -> &'static str {
    match vendor {
        0x0101 => "RTI",
        0x0102 => "OpenSplice",
        0x0103 => "OpenDDS",
        0x0105 => "GurumNetworks",
        0x0106 => "CoreDX",
        0x010f => "eProsima",
        0x0110 => "Cyclone DDS",
        0x0112 => "RustDDS",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{exchange, guess};

    #[test]
    fn vendors() {
        let message = b"RTPS\x02\x03\x01\x0fguidprefix12";
        assert_eq!(guess(&DETECTOR, message), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"RTSP/1.0 200 OK"), Guess::No);
        let said = exchange(&DETECTOR, &[(true, message)]);
        assert_eq!(
            said.0,
            ["message: version=2.3 vendor_id=271 vendor=eProsima"]
        );
    }
}
