//! BACnet/IP (ASHRAE 135, annex J): services, devices that answer who they are.

use super::support::say;
use super::wire::u16_at;
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Value,
};

/// BACnet.
pub static PROTOCOL: Protocol = Protocol {
    name: "bacnet",
    title: "BACnet",
    category: Category::Industrial,
};

/// Recognised by the virtual link's header, whose length is the datagram's.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[47808],
    probe,
    parser: Some(|| Box::<Bacnet>::default()),
};

const MESSAGES_MAX: u32 = 1024;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match data {
        [0x81, function @ 0..=0x0c, _, _, ..]
            if u16_at(data, 2).map(usize::from) == Some(probe.wire_len) =>
        {
            match (function, application(data)) {
                // A version of the network layer, 1, behind it.
                (4 | 9 | 10 | 11, None) => Guess::No,
                _ => Guess::Certain,
            }
        }
        _ => Guess::No,
    }
}

/// Where the application's message begins; 0 for one of the network layer itself, `None` where
/// there is no network layer.
fn application(data: &[u8]) -> Option<usize> {
    let mut at = match data.get(1)? {
        // Forwarded: the original sender's address stands in front.
        4 => 10,
        9..=11 => 4,
        _ => return None,
    };
    let (&1, &control) = (data.get(at)?, data.get(at + 1)?) else {
        return None;
    };
    at += 2;
    for bit in [0x20, 0x08] {
        if control & bit != 0 {
            at += 3 + usize::from(*data.get(at + 2)?);
        }
    }
    if control & 0x20 != 0 {
        at += 1;
    }
    Some(if control & 0x80 != 0 { 0 } else { at })
}

#[derive(Debug, Default)]
struct Bacnet {
    messages: u32,
}

impl Parser for Bacnet {
    fn datagram(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Next::Done;
        }
        let Some(at) = application(data).filter(|&at| at > 0) else {
            return Next::Continue;
        };
        let Some([first, rest @ ..]) = data.get(at..) else {
            return Next::Continue;
        };
        let (kind, service) = match (first >> 4, rest) {
            // Segmented ones have two bytes more.
            (0, [_, id, rest @ ..]) => {
                let service = if first & 8 != 0 {
                    rest.get(2)
                } else {
                    rest.first()
                };
                say_service(
                    events,
                    "confirmed_request",
                    service.copied(),
                    Some(*id),
                    false,
                );
                return Next::Continue;
            }
            (1, [service, ..]) => ("unconfirmed_request", *service),
            (2, [id, service, ..]) => {
                say_service(events, "simple_ack", Some(*service), Some(*id), false);
                return Next::Continue;
            }
            (3, [id, rest @ ..]) => {
                let service = if first & 8 != 0 {
                    rest.get(2)
                } else {
                    rest.first()
                };
                say_service(events, "complex_ack", service.copied(), Some(*id), false);
                return Next::Continue;
            }
            (5, [id, service, ..]) => {
                say_service(events, "error", Some(*service), Some(*id), false);
                return Next::Continue;
            }
            _ => return Next::Continue,
        };
        // I-Am: the device's object identifier, its instance in the lower 22 bits.
        if service == 0
            && let Some([0xc4, a, b, c, d]) = rest.get(1..6)
        {
            let instance = u32::from_be_bytes([*a, *b, *c, *d]) & 0x003f_ffff;
            say(
                events,
                kind,
                &[
                    ("service", Value::Word(unconfirmed(0))),
                    ("device", Value::Number(instance.into())),
                ],
            );
        } else {
            say_service(events, kind, Some(service), None, true);
        }
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

fn say_service(
    events: &mut dyn Events,
    kind: &str,
    service: Option<u8>,
    id: Option<u8>,
    of_unconfirmed: bool,
) {
    let Some(service) = service else { return };
    let name = if of_unconfirmed {
        unconfirmed(service)
    } else {
        confirmed(service)
    };
    let mut fields = vec![("service", Value::Word(name))];
    if let Some(id) = id {
        fields.push(("invoke_id", Value::Number(id.into())));
    }
    say(events, kind, &fields);
}

fn unconfirmed(service: u8) -> &'static str {
    match service {
        0 => "i_am",
        1 => "i_have",
        2 => "unconfirmed_cov_notification",
        3 => "unconfirmed_event_notification",
        4 => "unconfirmed_private_transfer",
        5 => "unconfirmed_text_message",
        6 => "time_synchronization",
        7 => "who_has",
        8 => "who_is",
        9 => "utc_time_synchronization",
        10 => "write_group",
        _ => "unknown",
    }
}

fn confirmed(service: u8) -> &'static str {
    match service {
        0 => "acknowledge_alarm",
        1 => "confirmed_cov_notification",
        2 => "confirmed_event_notification",
        3 => "get_alarm_summary",
        4 => "get_enrollment_summary",
        5 => "subscribe_cov",
        6 => "atomic_read_file",
        7 => "atomic_write_file",
        8 => "add_list_element",
        9 => "remove_list_element",
        10 => "create_object",
        11 => "delete_object",
        12 => "read_property",
        14 => "read_property_multiple",
        15 => "write_property",
        16 => "write_property_multiple",
        17 => "device_communication_control",
        18 => "confirmed_private_transfer",
        20 => "reinitialize_device",
        26 => "read_range",
        28 => "subscribe_cov_property",
        29 => "get_event_information",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{exchange, guess};

    const I_AM: &[u8] = &[0x81, 0x0b, 0, 14, 1, 0, 0x10, 0, 0xc4, 2, 0, 0, 5, 0x22];
    const READ: &[u8] = &[0x81, 0x0a, 0, 12, 1, 4, 0, 5, 7, 12, 0x0c, 2];

    #[test]
    fn services() {
        let said = exchange(&DETECTOR, &[(true, I_AM), (true, READ)]);
        assert_eq!(
            said.0,
            [
                "unconfirmed_request: service=i_am device=5",
                "confirmed_request: service=read_property invoke_id=7",
            ]
        );
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, I_AM), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &I_AM[..13]), Guess::No);
        assert_eq!(guess(&DETECTOR, &[0x81, 0x0b, 0, 6, 2, 0]), Guess::No);
    }
}
