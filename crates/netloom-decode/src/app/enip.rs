//! EtherNet/IP and the Common Industrial Protocol inside it (ODVA): commands, devices that list
//! themselves, CIP services. Fields are named as Suricata's EVE has them below `enip.`.

use super::support::{Frame, frames, say};
use super::wire::{Reader, u16_le_at, u32_le_at};
use super::{
    Category, Context, Detector, Device, DeviceSource, Event, Events, Guess, Interest, Next, Over,
    Parser, Probe, Protocol, Step, Value,
};

/// EtherNet/IP.
pub static PROTOCOL: Protocol = Protocol {
    name: "enip",
    title: "EtherNet/IP",
    category: Category::Industrial,
};

/// Recognised by its encapsulation header.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[44818, 2222],
    probe,
    parser: Some(|| Box::<Enip>::default()),
};

const HEADER: usize = 24;
const KEPT: usize = 1024;
const MESSAGES_MAX: u32 = 1024;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let (Some(command), Some(length), Some(status), Some(options)) = (
        u16_le_at(data, 0),
        u16_le_at(data, 2),
        u32_le_at(data, 8),
        u32_le_at(data, 20),
    ) else {
        return if probe.tcp && data.len() < HEADER && known_start(data) {
            Guess::More
        } else {
            Guess::No
        };
    };
    let whole = if probe.tcp {
        data.len() >= HEADER
    } else {
        usize::from(length) + HEADER == probe.wire_len
    };
    if command_name(command).is_none() || !whole || options != 0 {
        return Guess::No;
    }
    // Behind a message of a stream stands another one.
    let rest = data.get(HEADER + usize::from(length)..);
    if probe.tcp && !rest.is_none_or(known_start) {
        return Guess::No;
    }
    let session = u32_le_at(data, 4).unwrap_or_default();
    let fits = match command {
        // Register: version 1 and no options.
        0x65 => length == 4 && u32_le_at(data, HEADER).is_none_or(|word| word == 1),
        // Lists ask with nothing.
        0x04 | 0x63 | 0x64 => session == 0 || length > 0,
        0x66 => length == 0,
        // Unconnected and connected: the interface is CIP's, 0.
        0x6f | 0x70 => length >= 6 && u32_le_at(data, HEADER).is_none_or(|word| word == 0),
        _ => false,
    };
    let own = probe.has_port(44818) || probe.has_port(2222);
    let fits = fits || own && command_name(command) == Some("legacy") && session == 0;
    match (fits && status <= 0x69, command, own) {
        (true, 0x65 | 0x6f | 0x70, _) | (true, _, true) => Guess::Certain,
        (true, 0x63 | 0x64, false) if length > 0 => Guess::Certain,
        (true, ..) => Guess::Unsure,
        _ => Guess::No,
    }
}

fn known_start(data: &[u8]) -> bool {
    match data {
        [] => true,
        [low] => command_name(u16::from(*low)).is_some(),
        _ => u16_le_at(data, 0).and_then(command_name).is_some(),
    }
}

#[derive(Debug, Default)]
struct Enip {
    messages: u32,
}

impl Parser for Enip {
    fn stream(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| match (u16_le_at(data, 0), u16_le_at(data, 2)) {
                (Some(command), _) if command_name(command).is_none() => Frame::Wrong,
                (_, Some(length)) => Frame::Of(HEADER as u64 + u64::from(length)),
                _ => Frame::More,
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

impl Enip {
    fn message(&mut self, message: &[u8], events: &mut dyn Events) -> Next {
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Next::Done;
        }
        let Some((command, name)) = u16_le_at(message, 0)
            .and_then(|command| command_name(command).map(|name| (command, name)))
        else {
            return Next::Continue;
        };
        let session = u32_le_at(message, 4).unwrap_or_default();
        let status = u32_le_at(message, 8).unwrap_or_default();
        let mut fields = vec![
            ("session", Value::Number(session.into())),
            ("status", Value::Number(status.into())),
        ];
        let body = message.get(HEADER..).unwrap_or_default();
        match command {
            0x63 => identity(body, &mut fields, events),
            0x6f | 0x70 => cip(body, command == 0x70, &mut fields),
            _ => {}
        }
        say(events, name, &fields);
        Next::Continue
    }
}

/// The answer to List Identity: items, of which the first is the device.
fn identity<'a>(
    body: &'a [u8],
    fields: &mut Vec<(&'static str, Value<'a>)>,
    events: &mut dyn Events,
) {
    let mut reader = Reader::new(body);
    let (Some(1..), Some(0x0c), Some(_), Some(version)) = (
        reader.u16_le(),
        reader.u16_le(),
        reader.u16_le(),
        reader.u16_le(),
    ) else {
        return;
    };
    let Some(_) = reader.take(16) else { return };
    let (Some(vendor), Some(kind), Some(product), Some([major, minor]), Some(_), Some(serial)) = (
        reader.u16_le(),
        reader.u16_le(),
        reader.u16_le(),
        reader.take(2),
        reader.u16_le(),
        reader.u32_le(),
    ) else {
        return;
    };
    fields.extend([
        ("protocol_version", Value::Number(version.into())),
        ("vendor_id", Value::Number(vendor.into())),
        ("device_type", Value::Number(kind.into())),
        ("product_code", Value::Number(product.into())),
        ("revision_major", Value::Number((*major).into())),
        ("revision_minor", Value::Number((*minor).into())),
        ("serial", Value::Number(serial.into())),
    ]);
    if let Some(name) = reader.bytes8() {
        fields.push(("product_name", Value::Text(name)));
        if events.wants(Interest::DEVICES) {
            let mut device = Device::new(DeviceSource::Protocol(PROTOCOL.name));
            device.model = Some(name);
            events.event(Event::Device(device));
        }
    }
}

/// The CIP message in the data item: service and class.
fn cip<'a>(body: &'a [u8], connected: bool, fields: &mut Vec<(&'static str, Value<'a>)>) {
    let mut reader = Reader::new(body.get(6..).unwrap_or_default());
    let count = reader.u16_le().unwrap_or_default();
    for _ in 0..count.min(4) {
        let (Some(kind), Some(length)) = (reader.u16_le(), reader.u16_le()) else {
            return;
        };
        let item = reader.take_up_to(length.into());
        if !matches!(kind, 0xb1 | 0xb2) {
            continue;
        }
        // Connected data has a sequence count in front.
        let item = if connected {
            item.get(2..).unwrap_or_default()
        } else {
            item
        };
        let [service, path, rest @ ..] = item else {
            return;
        };
        let response = service & 0x80 != 0;
        fields.push(("cip.service", Value::Word(service_name(service & 0x7f))));
        fields.push(("cip.response", Value::Flag(response)));
        if response {
            if let Some(status) = rest.first() {
                fields.push(("cip.status", Value::Number((*status).into())));
            }
        } else if *path > 0
            && let [0x20, class, ..] = rest
        {
            fields.push(("cip.class", Value::Number((*class).into())));
            if let Some([0x24, instance]) = rest.get(2..4) {
                fields.push(("cip.instance", Value::Number((*instance).into())));
            }
        }
        return;
    }
}

/// Commands of the encapsulation (CIP volume 2, 2-3.2).
fn command_name(command: u16) -> Option<&'static str> {
    Some(match command {
        // Older than the standard, which leaves them to those who know them.
        0x01..=0x03 | 0x05 => "legacy",
        0x04 => "list_services",
        0x63 => "list_identity",
        0x64 => "list_interfaces",
        0x65 => "register_session",
        0x66 => "unregister_session",
        0x6f => "send_rr_data",
        0x70 => "send_unit_data",
        _ => return None,
    })
}

/// Common services (CIP volume 1, appendix A), and those of controllers one meets.
fn service_name(service: u8) -> &'static str {
    match service {
        0x01 => "get_attributes_all",
        0x02 => "set_attributes_all",
        0x03 => "get_attribute_list",
        0x04 => "set_attribute_list",
        0x05 => "reset",
        0x06 => "start",
        0x07 => "stop",
        0x08 => "create",
        0x09 => "delete",
        0x0a => "multiple_service",
        0x0d => "apply_attributes",
        0x0e => "get_attribute_single",
        0x10 => "set_attribute_single",
        0x11 => "find_next_object",
        0x15 => "restore",
        0x16 => "save",
        0x18 => "get_member",
        0x19 => "set_member",
        0x4b => "execute_pccc",
        0x4c => "read_tag",
        0x4d => "write_tag",
        0x4e => "forward_close",
        0x4f => "read_modify_write_tag",
        0x52 => "unconnected_send",
        0x53 => "write_tag_fragmented",
        0x54 => "forward_open",
        0x55 => "get_instance_attribute_list",
        0x5b => "large_forward_open",
        _ => "service",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{self, conversation, guess};

    fn message(command: u8, body: &[u8]) -> Vec<u8> {
        let mut message = vec![command, 0, body.len() as u8, 0];
        message.resize(HEADER, 0);
        message.extend(body);
        message
    }

    #[test]
    fn sessions_and_services() {
        let rr = [
            &[0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0xb2, 0, 6, 0][..],
            &[0x0e, 3, 0x20, 1, 0x24, 1],
        ]
        .concat();
        let said = conversation(
            &DETECTOR,
            &[
                (true, &message(0x65, &[1, 0, 0, 0])),
                (true, &message(0x6f, &rr)),
            ],
        );
        assert_eq!(
            said.0,
            [
                "register_session: session=0 status=0",
                "send_rr_data: session=0 status=0 cip.service=get_attribute_single \
                 cip.response=false cip.class=1 cip.instance=1",
            ]
        );
    }

    #[test]
    fn recognised() {
        let register = message(0x65, &[1, 0, 0, 0]);
        assert_eq!(guess(&DETECTOR, &register), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &register[..9]), Guess::More);
        assert_eq!(guess(&DETECTOR, &message(0x65, &[2, 0, 0, 0])), Guess::No);
    }

    #[test]
    fn older_commands_count_on_its_own_port() {
        let on = |port, data: &[u8]| probe(&trial::probe(data, true, true, (40_000, port)));
        for command in [1, 2, 3, 5] {
            assert_eq!(on(44_818, &message(command, &[])), Guess::Certain);
            assert_eq!(on(8_123, &message(command, &[])), Guess::No);
        }
        // Not within a session, not with options, and no other ones.
        for (command, at) in [(1, 4), (1, 20), (6, 0)] {
            let mut wrong = message(command, &[]);
            wrong[at] = wrong[at].max(1);
            assert_eq!(on(44_818, &wrong), Guess::No, "{command} {at}");
        }
    }
}
