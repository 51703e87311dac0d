//! KNXnet/IP (ISO 22510): services of building automation over UDP and TCP.

use std::net::{IpAddr, Ipv4Addr};

use super::support::{Frame, frames, say, until_nul};
use super::wire::u16_at;
use super::{
    Category, Context, Detector, Device, DeviceSource, Event, Events, Guess, Interest, Next, Over,
    Parser, Probe, Protocol, Step, Value,
};

/// KNXnet/IP.
pub static PROTOCOL: Protocol = Protocol {
    name: "knx",
    title: "KNXnet/IP",
    category: Category::Industrial,
};

/// Recognised by its header: sizes, version and a known service.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[3671],
    probe,
    parser: Some(|| Box::<Knx>::default()),
};

const KEPT: usize = 512;
const MESSAGES_MAX: u32 = 512;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match data {
        [6, 0x10, _, _, _, _, ..] => {
            let service = u16_at(data, 2).and_then(service_name);
            let length = u16_at(data, 4).map_or(0, usize::from);
            let fits = if probe.tcp {
                (6..=1024).contains(&length)
            } else {
                length == probe.wire_len
            };
            if service.is_some() && fits {
                Guess::Certain
            } else {
                Guess::No
            }
        }
        [] | [6] | [6, 0x10, ..] if probe.tcp => Guess::More,
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Knx {
    messages: u32,
}

impl Parser for Knx {
    fn stream(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| match (data.first(), u16_at(data, 4)) {
                (Some(6), Some(length @ 6..)) => Frame::Of(length.into()),
                (Some(6), None) => Frame::More,
                _ => Frame::Wrong,
            },
            |message| self.message(message, events),
        )
    }

    fn datagram(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.message(data, events)
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Knx {
    fn message(&mut self, message: &[u8], events: &mut dyn Events) -> Next {
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Next::Done;
        }
        let Some(name) = u16_at(message, 2).and_then(service_name) else {
            return Next::Continue;
        };
        let mut fields = Vec::new();
        let body = message.get(6..).unwrap_or_default();
        // The control endpoint of requests: 8, 1, address, port.
        if let [8, 1, a, b, c, d, ..] = body {
            let address = IpAddr::V4(Ipv4Addr::new(*a, *b, *c, *d));
            fields.push(("endpoint", Value::Address(address)));
        }
        // Device information: medium, status, address, …, serial, multicast, MAC, name.
        let at = if name == "description_response" { 0 } else { 8 };
        if matches!(name, "search_response" | "description_response")
            && let Some([0x36, 1, ..]) = body.get(at..)
        {
            let device = body
                .get(at + 4..at + 6)
                .map(|address| format!("{}.{}.{}", address[0] >> 4, address[0] & 15, address[1]));
            let title = until_nul(body.get(at + 24..at + 54).unwrap_or_default());
            fields.push(("device_name", Value::Text(title)));
            if events.wants(Interest::DEVICES) && !title.is_empty() {
                let mut device = Device::new(DeviceSource::Protocol(PROTOCOL.name));
                device.model = Some(title);
                events.event(Event::Device(device));
            }
            let address = device.unwrap_or_default();
            let mut all = fields;
            all.push(("individual_address", Value::Word(&address)));
            say(events, name, &all);
            return Next::Continue;
        }
        say(events, name, &fields);
        Next::Continue
    }
}

/// Services (KNX standard 3/8/1).
fn service_name(service: u16) -> Option<&'static str> {
    Some(match service {
        0x0201 => "search_request",
        0x0202 => "search_response",
        0x0203 => "description_request",
        0x0204 => "description_response",
        0x0205 => "connect_request",
        0x0206 => "connect_response",
        0x0207 => "connectionstate_request",
        0x0208 => "connectionstate_response",
        0x0209 => "disconnect_request",
        0x020a => "disconnect_response",
        0x020b => "search_request_extended",
        0x020c => "search_response_extended",
        0x0310 => "device_configuration_request",
        0x0311 => "device_configuration_ack",
        0x0420 => "tunnelling_request",
        0x0421 => "tunnelling_ack",
        0x0422 => "tunnelling_feature_get",
        0x0423 => "tunnelling_feature_response",
        0x0424 => "tunnelling_feature_set",
        0x0425 => "tunnelling_feature_info",
        0x0530 => "routing_indication",
        0x0531 => "routing_lost_message",
        0x0532 => "routing_busy",
        0x0533 => "routing_system_broadcast",
        0x0740 => "remote_diagnostic_request",
        0x0741 => "remote_diagnostic_response",
        0x0950 => "secure_wrapper",
        0x0951 => "session_request",
        0x0952 => "session_response",
        0x0953 => "session_authenticate",
        0x0954 => "session_status",
        0x0955 => "timer_notify",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{exchange, guess};

    const SEARCH: &[u8] = &[6, 0x10, 2, 1, 0, 14, 8, 1, 192, 0, 2, 9, 14, 87];

    #[test]
    fn searches() {
        let said = exchange(&DETECTOR, &[(true, SEARCH)]);
        assert_eq!(said.0, ["search_request: endpoint=192.0.2.9"]);
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, SEARCH), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &[6, 0x10, 2, 99, 0, 14, 8, 1]), Guess::No);
    }
}
