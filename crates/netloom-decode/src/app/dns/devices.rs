//! What messages tell of the devices that sent them.

use netloom_packet::MacAddr;

use super::number::rtype;
use super::{Data, Message, Record, reverse_address};
use crate::app::wire::Reader;
use crate::app::{Device, DeviceSource, Event, Events, Room};

/// Facts that are taken from one message.
const FACTS_MAX: usize = 64;
/// Bytes of names and other texts in them, and how many times the message's own. Two bytes may point to a
/// name of 255.
const TEXT_FREE: usize = 1024;
const TEXT_RATIO: usize = 4;
/// Keys of TXT records whose values are a device's model, or who made it.
const MODEL_KEYS: [&[u8]; 5] = [b"model", b"md", b"ty", b"am", b"usb_mdl"];
const VENDOR_KEYS: [&[u8]; 3] = [b"manufacturer", b"usb_mfg", b"vendor"];
/// A group's name, not a host's (RFC 1002, section 4.2.1.3).
const GROUP: u16 = 0x8000;

/// Says what a message tells of devices.
pub(super) fn say(message: &Message<'_>, events: &mut dyn Events) {
    let mut left = FACTS_MAX;
    let mut room = Room::<TEXT_FREE, TEXT_RATIO>::default();
    room.earn(message.captured);
    let mut tell = |device: Device<'_>| {
        let texts = [
            device.hostname,
            device.vendor,
            device.model,
            device.os,
            device.service,
        ];
        let bytes: usize = texts.into_iter().flatten().map(<[u8]>::len).sum();
        if left > 0 && room.take(bytes) {
            left -= 1;
            events.event(Event::Device(device));
        }
    };
    match message.service {
        "mdns" if message.is_response() => {
            for record in message.answers.iter().chain(&message.additionals) {
                mdns(record, &mut tell);
            }
        }
        "llmnr" if message.is_response() => {
            for record in &message.answers {
                address(record, DeviceSource::Llmnr, &mut tell);
            }
        }
        "nbns" => nbns(message, &mut tell),
        "dns" if message.is_response() => {
            for record in &message.answers {
                reverse(record, DeviceSource::Dns, &mut tell);
            }
        }
        _ => {}
    }
}

/// The address of a name.
fn address(record: &Record<'_>, source: DeviceSource, tell: &mut dyn FnMut(Device<'_>)) {
    if let Data::Address(address) = record.data
        && !record.name.is_empty()
    {
        tell(Device {
            address: Some(address),
            hostname: Some(&record.name),
            ..Device::new(source)
        });
    }
    reverse(record, source, tell);
}

/// The name of an address.
fn reverse(record: &Record<'_>, source: DeviceSource, tell: &mut dyn FnMut(Device<'_>)) {
    if let (rtype::PTR, Data::Name(name)) = (record.rtype, &record.data)
        && !name.is_empty()
        && let Some(address) = reverse_address(&record.name)
    {
        tell(Device {
            address: Some(address),
            hostname: Some(name),
            ..Device::new(source)
        });
    }
}

/// A record that a device announced of itself (RFC 6762, RFC 6763).
fn mdns(record: &Record<'_>, tell: &mut dyn FnMut(Device<'_>)) {
    let mut device = Device::new(DeviceSource::Mdns);
    match &record.data {
        Data::Address(_) => address(record, DeviceSource::Mdns, tell),
        Data::Name(target) if record.rtype == rtype::PTR => {
            reverse(record, DeviceSource::Mdns, tell);
            // The list of services points to types, a type to its instances.
            let listed = record.name.starts_with(b"_services._dns-sd._udp");
            let from = if listed { &**target } else { &record.name };
            device.service = service_type(from);
        }
        Data::Srv(..) => device.service = service_type(&record.name),
        Data::Txt(strings) => {
            for string in strings {
                let Some(at) = string.iter().position(|&byte| byte == b'=') else {
                    continue;
                };
                let (key, value) = string.split_at(at);
                let value = value.get(1..).filter(|value| !value.is_empty());
                let is = |word: &[u8]| key.eq_ignore_ascii_case(word);
                if MODEL_KEYS.iter().copied().any(is) {
                    device.model = device.model.or(value);
                } else if VENDOR_KEYS.iter().copied().any(is) {
                    device.vendor = device.vendor.or(value);
                }
            }
        }
        Data::Other(bytes) if record.rtype == rtype::HINFO => {
            let mut reader = Reader::new(bytes);
            let _cpu = reader.bytes8();
            device.os = reader.bytes8().filter(|os| !os.is_empty());
        }
        _ => {}
    }
    if device.service.is_some()
        || device.model.is_some()
        || device.vendor.is_some()
        || device.os.is_some()
    {
        tell(device);
    }
}

/// The service type in the name of a type or an instance: `_ipp._tcp` of
/// `Printer._ipp._tcp.local`.
fn service_type(name: &[u8]) -> Option<&[u8]> {
    // Both stand near the end: what is in front of them is not looked at.
    let mut dots = (0..name.len())
        .rev()
        .filter(|&at| name.get(at) == Some(&b'.'));
    let transport = dots.find(|&dot| {
        let label = name.get(dot + 1..dot + 5);
        matches!(label, Some(b"_tcp" | b"_udp"))
    })?;
    let start = dots.next().map_or(0, |dot| dot + 1);
    name.get(start..transport + 5)
        .filter(|service| service.starts_with(b"_") && service.len() > 6)
}

/// Names that a node registers, answers to, or lists.
fn nbns(message: &Message<'_>, tell: &mut dyn FnMut(Device<'_>)) {
    // Registration, release, refresh: the record stands behind the question.
    let announced = matches!(message.opcode(), 5 | 8 | 9) && !message.is_response();
    let records = if announced {
        &message.additionals
    } else if message.is_response() && message.rcode() == 0 && message.opcode() == 0 {
        &message.answers
    } else {
        return;
    };
    for record in records {
        match &record.data {
            Data::Nb(owners) => {
                let Some(host) = host_of(&record.name) else {
                    continue;
                };
                for &(flags, address) in owners {
                    if flags & GROUP == 0 && !address.is_unspecified() {
                        tell(Device {
                            address: Some(address.into()),
                            hostname: Some(host),
                            ..Device::new(DeviceSource::Nbns)
                        });
                    }
                }
            }
            Data::NodeStatus(names, mac) => {
                let mut unique = names.iter().filter(|(_, flags)| flags & GROUP == 0);
                let host = unique.find_map(|(name, _)| name.host());
                if host.is_some() || mac.is_some() {
                    tell(Device {
                        mac: mac.filter(|&mac| mac != MacAddr::BROADCAST),
                        hostname: host,
                        ..Device::new(DeviceSource::Nbns)
                    });
                }
            }
            _ => {}
        }
    }
}

/// The host in a NetBIOS name's text form, where it is one's own: `PC` of `PC<20>`.
fn host_of(name: &[u8]) -> Option<&[u8]> {
    let end = name.iter().position(|&byte| byte == b'<')?;
    let (base, suffix) = name.split_at(end);
    (!base.is_empty() && (suffix.starts_with(b"<00>") || suffix.starts_with(b"<20>")))
        .then_some(base)
}
