//! PFCP (3GPP TS 29.244), between control and user planes of mobile cores: messages, nodes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::support::say;
use super::wire::{Reader, u16_at, u32_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Value,
};

/// PFCP.
pub static PROTOCOL: Protocol = Protocol {
    name: "pfcp",
    title: "PFCP",
    category: Category::Network,
};

/// Recognised by version, type, a length that is the datagram's, and elements that fill it.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[8805],
    probe,
    parser: Some(|| Box::<Pfcp>::default()),
};

const MESSAGES_MAX: u32 = 512;

/// Where the elements begin: behind the session's number where there is one.
fn elements(first: u8) -> usize {
    if first & 1 != 0 { 16 } else { 8 }
}

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let (Some(&first), Some(&kind), Some(length)) =
        (data.first(), data.get(1), u16_at(data, 2).map(usize::from))
    else {
        return Guess::No;
    };
    // Version 1, spare bits zero; messages of sessions have their number.
    if first >> 5 != 1 || first & 0x18 != 0 || message_name(kind).is_none() {
        return Guess::No;
    }
    let session = kind >= 50;
    if session != (first & 1 != 0) || length + 4 != probe.wire_len && first & 4 == 0 {
        return Guess::No;
    }
    let mut reader = Reader::new(data.get(elements(first)..).unwrap_or_default());
    let mut count = 0;
    while let (Some(kind), Some(size)) = (reader.u16(), reader.u16()) {
        if kind == 0 || reader.skip(size.into()).is_none() {
            return if data.len() < probe.wire_len && count > 0 {
                Guess::Certain
            } else {
                Guess::No
            };
        }
        count += 1;
    }
    if count > 0 || probe.has_port(8805) {
        Guess::Certain
    } else {
        Guess::No
    }
}

#[derive(Debug, Default)]
struct Pfcp {
    messages: u32,
}

impl Parser for Pfcp {
    fn datagram(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Next::Done;
        }
        let (Some(&first), Some(name)) =
            (data.first(), data.get(1).copied().and_then(message_name))
        else {
            return Next::Continue;
        };
        let at = elements(first);
        let mut fields = Vec::new();
        if let Some(sequence) = u32_at(data, at - 4) {
            fields.push(("sequence", Value::Number((sequence >> 8).into())));
        }
        if first & 1 != 0
            && let (Some(high), Some(low)) = (u32_at(data, 4), u32_at(data, 8))
        {
            fields.push((
                "seid",
                Value::Number(u64::from(high) << 32 | u64::from(low)),
            ));
        }
        let mut reader = Reader::new(data.get(at..).unwrap_or_default());
        while let (Some(kind), Some(value)) = (reader.u16(), reader.bytes16()) {
            match (kind, value) {
                (19, [cause, ..]) => fields.push(("cause", Value::Number((*cause).into()))),
                (60, value) => fields.extend(node(value).map(|node| ("node_id", node))),
                _ => {}
            }
            if fields.len() > 8 {
                break;
            }
        }
        say(events, name, &fields);
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// Node ID (8.2.38): an address or a name.
fn node(value: &[u8]) -> Option<Value<'_>> {
    match value.split_first()? {
        (0, rest) => {
            let bytes: [u8; 4] = rest.try_into().ok()?;
            Some(Value::Address(IpAddr::V4(Ipv4Addr::from(bytes))))
        }
        (1, rest) => {
            let bytes: [u8; 16] = rest.try_into().ok()?;
            Some(Value::Address(IpAddr::V6(Ipv6Addr::from(bytes))))
        }
        (2, rest) => Some(Value::Text(rest)),
        _ => None,
    }
}

/// Messages (7.3).
fn message_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        1 => "heartbeat_request",
        2 => "heartbeat_response",
        3 => "pfd_management_request",
        4 => "pfd_management_response",
        5 => "association_setup_request",
        6 => "association_setup_response",
        7 => "association_update_request",
        8 => "association_update_response",
        9 => "association_release_request",
        10 => "association_release_response",
        11 => "version_not_supported_response",
        12 => "node_report_request",
        13 => "node_report_response",
        14 => "session_set_deletion_request",
        15 => "session_set_deletion_response",
        50 => "session_establishment_request",
        51 => "session_establishment_response",
        52 => "session_modification_request",
        53 => "session_modification_response",
        54 => "session_deletion_request",
        55 => "session_deletion_response",
        56 => "session_report_request",
        57 => "session_report_response",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{exchange, probe as first};

    const SETUP: &[u8] = &[0x20, 5, 0, 13, 0, 0, 7, 0, 0, 60, 0, 5, 0, 192, 0, 2, 9];

    #[test]
    fn nodes() {
        let said = exchange(&DETECTOR, &[(true, SETUP)]);
        assert_eq!(
            said.0,
            ["association_setup_request: sequence=7 node_id=192.0.2.9"]
        );
        let ports = (40_000, 40_001);
        assert_eq!(
            (DETECTOR.probe)(&first(SETUP, false, true, ports)),
            Guess::Certain
        );
        assert_eq!(
            (DETECTOR.probe)(&first(&SETUP[..16], false, true, ports)),
            Guess::No
        );
    }
}
