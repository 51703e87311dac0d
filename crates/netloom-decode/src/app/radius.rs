//! RADIUS (RFC 2865, 2866, 5176): who logs in where, and what the server says.

use std::net::{IpAddr, Ipv4Addr};

use super::support::{keep, login, say};
use super::wire::{Reader, u16_at, u32_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Value,
};

/// RADIUS.
pub static PROTOCOL: Protocol = Protocol {
    name: "radius",
    title: "RADIUS",
    category: Category::Authentication,
};

/// Recognised by a length that is the datagram's and attributes that add up to it.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[1812, 1813, 1645, 1646, 3799, 1700],
    probe,
    parser: Some(|| Box::<Radius>::default()),
};

const HEADER: usize = 20;
const MESSAGES_MAX: u32 = 256;
const USER_MAX: usize = 256;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let Some(&code) = data.first() else {
        return Guess::No;
    };
    let known = code_name(code).is_some();
    let Some(length) = u16_at(data, 2).map(usize::from) else {
        return Guess::No;
    };
    if !known || length != probe.wire_len || !(HEADER..=4096).contains(&length) {
        return Guess::No;
    }
    let own = DETECTOR.ports.iter().any(|&port| probe.has_port(port));
    let mut reader = Reader::new(data.get(HEADER..).unwrap_or_default());
    let mut attributes = 0;
    let mut at = HEADER;
    while at < length {
        let (Some(kind), Some(size)) = (reader.u8(), reader.u8()) else {
            break;
        };
        if size < 2 || kind == 0 || at + usize::from(size) > length {
            // On its own port a broken attribute behind good ones does not change what it is.
            return if own && attributes > 0 {
                Guess::Certain
            } else {
                Guess::No
            };
        }
        at += usize::from(size);
        attributes += 1;
        if reader.skip(usize::from(size) - 2).is_none() {
            break;
        }
    }
    if attributes >= 2 || own && attributes == 1 {
        Guess::Certain
    } else if own {
        Guess::Unsure
    } else {
        Guess::No
    }
}

#[derive(Debug, Default)]
struct Radius {
    messages: u32,
    /// User of the request that waits, and its identifier.
    user: Option<(u8, Box<[u8]>, &'static str)>,
}

impl Parser for Radius {
    fn datagram(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Next::Done;
        }
        let (Some(&code), Some(&id)) = (data.first(), data.get(1)) else {
            return Next::Continue;
        };
        let Some(kind) = code_name(code) else {
            return Next::Continue;
        };
        let mut fields = vec![("id", Value::Number(id.into()))];
        let mut user: &[u8] = &[];
        let mut method = "RADIUS";
        let mut reader = Reader::new(data.get(HEADER..).unwrap_or_default());
        while let (Some(kind), Some(size)) = (reader.u8(), reader.u8())
            && let Some(value) = reader.take(usize::from(size).saturating_sub(2))
            && fields.len() < 32
        {
            match kind {
                2 => method = "PAP",
                3 => method = "CHAP",
                79 => method = "EAP",
                _ => {}
            }
            if kind == 1 {
                user = value;
            }
            if let Some(field) = attribute(kind, value) {
                fields.push(field);
            }
        }
        say(events, kind, &fields);
        match code {
            1 => {
                if !user.is_empty() && self.user.as_ref().is_none_or(|known| *known.1 != *user) {
                    self.answered(None, events);
                    self.user = Some((id, keep(user, USER_MAX), method));
                } else if let Some(known) = &mut self.user {
                    known.0 = id;
                }
            }
            2 | 3 if self.user.as_ref().is_some_and(|known| known.0 == id) => {
                self.answered(Some(code == 2), events);
            }
            _ => {}
        }
        Next::Continue
    }

    fn finish(&mut self, _: &Context, events: &mut dyn Events) {
        self.answered(None, events);
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.user.as_ref().map_or(0, |(_, user, _)| user.len())
    }
}

impl Radius {
    fn answered(&mut self, success: Option<bool>, events: &mut dyn Events) {
        if let Some((_, user, method)) = self.user.take() {
            // The password is hidden with a shared secret (RFC 2865, 5.2).
            login(events, &user, method, success, false);
        }
    }
}

/// Codes (IANA's RADIUS types), as RFC 2865 writes them.
fn code_name(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "access_request",
        2 => "access_accept",
        3 => "access_reject",
        4 => "accounting_request",
        5 => "accounting_response",
        11 => "access_challenge",
        12 => "status_server",
        13 => "status_client",
        40 => "disconnect_request",
        41 => "disconnect_ack",
        42 => "disconnect_nak",
        43 => "coa_request",
        44 => "coa_ack",
        45 => "coa_nak",
        _ => return None,
    })
}

/// Attributes that say who and where, named as Zeek's radius.log where it has them.
fn attribute(kind: u8, value: &[u8]) -> Option<(&'static str, Value<'_>)> {
    let address = || {
        let bytes: [u8; 4] = value.try_into().ok()?;
        Some(Value::Address(IpAddr::V4(Ipv4Addr::from(bytes))))
    };
    let number = || u32_at(value, 0).map(|number| Value::Number(number.into()));
    Some(match kind {
        1 => ("username", Value::Text(value)),
        4 => ("nas_address", address()?),
        5 => ("nas_port", number()?),
        8 => ("framed_addr", address()?),
        18 => ("reply_msg", Value::Text(value)),
        30 => ("called_station", Value::Text(value)),
        31 => ("mac", Value::Text(value)),
        32 => ("nas_identifier", Value::Text(value)),
        40 => ("accounting_status", number()?),
        42 => ("input_octets", number()?),
        43 => ("output_octets", number()?),
        44 => ("session", Value::Text(value)),
        46 => ("session_time", number()?),
        49 => ("terminate_cause", number()?),
        61 => ("nas_port_type", number()?),
        66 => ("tunnel_client", Value::Text(value)),
        77 => ("connect_info", Value::Text(value)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{exchange, guess};

    fn packet(code: u8, attributes: &[u8]) -> Vec<u8> {
        let mut packet = vec![code, 7, 0, (HEADER + attributes.len()) as u8];
        packet.extend([9; 16]);
        packet.extend(attributes);
        packet
    }

    #[test]
    fn who_logs_in() {
        let request = packet(
            1,
            b"\x01\x05ann\x02\x12hiddenhiddenhidd\x04\x06\xc0\0\x02\x09",
        );
        let said = exchange(
            &DETECTOR,
            &[
                (true, &request),
                (false, &packet(3, b"\x12\x04no\x01\x03x")),
            ],
        );
        assert_eq!(
            said.0[0],
            "access_request: id=7 username=ann nas_address=192.0.2.9"
        );
        assert!(said.has("access_reject: id=7 reply_msg=no"));
        assert!(said.has("login: ann PAP Some(false) false"));
    }

    #[test]
    fn recognised() {
        assert_eq!(
            guess(&DETECTOR, &packet(1, b"\x01\x05ann\x04\x06\xc0\0\x02\x09")),
            Guess::Certain
        );
        assert_eq!(
            guess(&DETECTOR, &packet(1, b"\x01\x09ann\x04\x06\xc0\0\x02\x09")),
            Guess::No
        );
        assert_eq!(guess(&DETECTOR, &packet(1, b"")), Guess::No);
    }
}
