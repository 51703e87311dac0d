//! SNMP versions 1 and 2c (RFC 1157, RFC 3416) and 3 (RFC 3412, RFC 3414).
//!
//! A community is a password that every message carries readably: it is never said, only whether
//! it is one of the two that devices are delivered with.

use std::fmt::Write as _;

use super::{
    Category, Context, Detector, Device, DeviceSource, Event, Events, Guess, Interest, Login,
    Message, Next, Over, Parser, Probe, Protocol, Value,
};

/// SNMP.
pub static PROTOCOL: Protocol = Protocol {
    name: "snmp",
    title: "SNMP",
    category: Category::Management,
};

/// Recognises SNMP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[161, 162],
    probe,
    parser: Some(|| Box::new(Snmp::default())),
};

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// Variables of a message that are read.
const VARIABLES_MAX: usize = 32;
/// What the device says it is: 1.3.6.1.2.1.1.1.0 (sysDescr, RFC 3418), and its name, …5.0.
const SYS_DESCR: &[u8] = &[0x2b, 6, 1, 2, 1, 1, 1, 0];
const SYS_NAME: &[u8] = &[0x2b, 6, 1, 2, 1, 1, 5, 0];

/// An element of the basic encoding rules: tag, content, and what follows. A content that was cut
/// when it was captured is taken as far as it goes, where that is allowed.
fn element(data: &[u8], may_be_cut: bool) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = data.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let (bytes, behind) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.is_empty() || bytes.len() > 4 {
            return None;
        }
        length = bytes
            .iter()
            .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        rest = behind;
    }
    match rest.split_at_checked(length) {
        Some((content, behind)) => Some((tag, content, behind)),
        None if may_be_cut => Some((tag, rest, &[])),
        None => None,
    }
}

/// An element that has to have this tag.
fn expect(data: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(data, true)?;
    (tag == wanted).then_some((content, rest))
}

fn integer(content: &[u8]) -> Option<u64> {
    (content.len() <= 8).then(|| {
        content
            .iter()
            .fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte))
    })
}

fn probe(probe: &Probe<'_>) -> Guess {
    let Some((content, _)) = expect(probe.data, SEQUENCE) else {
        return Guess::No;
    };
    // The sequence is the whole datagram.
    if declared_len(probe.data) != Some(probe.wire_len) {
        return Guess::No;
    }
    match message(content) {
        Some(_) => Guess::Certain,
        None => Guess::No,
    }
}

/// Bytes that the first element says it has, its header included.
fn declared_len(data: &[u8]) -> Option<usize> {
    let &first = data.get(1)?;
    if first & 0x80 == 0 {
        return Some(2 + usize::from(first));
    }
    let count = usize::from(first & 0x7f);
    let bytes = data
        .get(2..2 + count)
        .filter(|_| (1..=4).contains(&count))?;
    Some(
        2 + count
            + bytes
                .iter()
                .fold(0, |sum, &byte| sum << 8 | usize::from(byte)),
    )
}

/// The parts of a message.
#[derive(Debug)]
enum Parts<'a> {
    /// Version (1 or 2), community, PDU.
    Community(u8, &'a [u8], u8, &'a [u8]),
    /// User, whether encrypted, PDU where it is readable.
    User(&'a [u8], bool, Option<(u8, &'a [u8])>),
}

fn message(content: &[u8]) -> Option<Parts<'_>> {
    let (version, rest) = expect(content, INTEGER)?;
    match version {
        [version @ (0 | 1)] => {
            let (community, rest) = expect(rest, OCTET_STRING)?;
            let (tag, pdu, _) = element(rest, true)?;
            (0xa0..=0xa8).contains(&tag).then_some(Parts::Community(
                version + 1,
                community,
                tag,
                pdu,
            ))
        }
        [3] => {
            // Identifier, size, flags, security model.
            let (header, rest) = expect(rest, SEQUENCE)?;
            let (_, header) = expect(header, INTEGER)?;
            let (_, header) = expect(header, INTEGER)?;
            let (flags, _) = expect(header, OCTET_STRING)?;
            let encrypted = flags.first().is_some_and(|flags| flags & 2 != 0);
            // Parameters of the user-based model, inside a string.
            let (security, rest) = expect(rest, OCTET_STRING)?;
            let user = expect(security, SEQUENCE)
                .and_then(|(security, _)| {
                    let (_, security) = expect(security, OCTET_STRING)?;
                    let (_, security) = expect(security, INTEGER)?;
                    let (_, security) = expect(security, INTEGER)?;
                    Some(expect(security, OCTET_STRING)?.0)
                })
                .unwrap_or_default();
            let pdu = expect(rest, SEQUENCE).and_then(|(scoped, _)| {
                let (_, scoped) = expect(scoped, OCTET_STRING)?;
                let (_, scoped) = expect(scoped, OCTET_STRING)?;
                let (tag, pdu, _) = element(scoped, true)?;
                Some((tag, pdu))
            });
            Some(Parts::User(user, encrypted, pdu))
        }
        _ => None,
    }
}

/// What has been said of the flow.
#[derive(Debug, Default)]
struct Snmp {
    /// Messages that made sense, up to two.
    understood: u8,
    said_login: bool,
    said_device: bool,
}

impl Parser for Snmp {
    fn datagram(&mut self, _context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        let Some(parts) = expect(data, SEQUENCE).and_then(|(content, _)| message(content)) else {
            // One message, and then something else altogether: it was none, or sent amiss.
            let amiss = self.understood == 1 && data.first() != Some(&SEQUENCE);
            return if amiss { Next::NotThis } else { Next::Continue };
        };
        self.understood = self.understood.saturating_add(1).min(2);
        let login = match &parts {
            Parts::Community(..) => Login {
                user: &[],
                method: "community",
                success: None,
                cleartext: true,
            },
            Parts::User(user, ..) => Login {
                user,
                method: "usm",
                success: None,
                cleartext: false,
            },
        };
        if !self.said_login && (login.cleartext || !login.user.is_empty()) {
            self.said_login = true;
            events.event(Event::Login(login));
        }
        let pdu = match &parts {
            Parts::Community(_, _, tag, pdu) => Some((*tag, *pdu)),
            Parts::User(_, _, pdu) => *pdu,
        };
        let variables = pdu
            .map(|(tag, pdu)| variables(tag, pdu))
            .unwrap_or_default();
        if !self.said_device && pdu.is_some_and(|(tag, _)| tag == 0xa2) {
            self.device(&variables, events);
        }
        if events.wants(Interest::MESSAGES) {
            say(&parts, pdu, &variables, events);
        }
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Snmp {
    /// A response may say what the device is, and its name.
    fn device(&mut self, variables: &[Variable<'_>], events: &mut dyn Events) {
        let text = |oid: &[u8]| {
            variables
                .iter()
                .find(|variable| variable.oid == oid && variable.tag == OCTET_STRING)
                .map(|variable| variable.value)
                .filter(|value| !value.is_empty())
        };
        let (model, hostname) = (text(SYS_DESCR), text(SYS_NAME));
        if (model.is_some() || hostname.is_some()) && events.wants(Interest::DEVICES) {
            self.said_device = true;
            events.event(Event::Device(Device {
                hostname,
                model,
                ..Device::new(DeviceSource::Protocol(PROTOCOL.name))
            }));
        }
    }
}

/// A variable of a message.
#[derive(Debug, Clone, Copy)]
struct Variable<'a> {
    oid: &'a [u8],
    tag: u8,
    value: &'a [u8],
}

/// The variables of a PDU.
fn variables(tag: u8, pdu: &[u8]) -> Vec<Variable<'_>> {
    let mut out = Vec::new();
    // Identifier, error, index; traps of version 1 have an enterprise, an address, two numbers
    // and a time instead.
    let fields = if tag == 0xa4 { 5 } else { 3 };
    let mut rest = pdu;
    for _ in 0..fields {
        let Some((_, _, behind)) = element(rest, false) else {
            return out;
        };
        rest = behind;
    }
    let mut rest = expect(rest, SEQUENCE).map_or(&[][..], |(list, _)| list);
    while out.len() < VARIABLES_MAX
        && let Some((variable, behind)) = expect(rest, SEQUENCE)
    {
        rest = behind;
        if let Some((oid, value)) = expect(variable, OBJECT_IDENTIFIER)
            && let Some((tag, value, _)) = element(value, true)
        {
            out.push(Variable { oid, tag, value });
        }
    }
    out
}

/// An object identifier in dotted form (X.690, section 8.19).
fn dotted(oid: &[u8]) -> String {
    let mut text = String::new();
    let mut value = 0_u64;
    for &byte in oid.iter().take(128) {
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        let _ = if text.is_empty() {
            let first = (value / 40).min(2);
            write!(text, "{first}.{}", value - first * 40)
        } else {
            write!(text, ".{value}")
        };
        value = 0;
    }
    text
}

fn say(
    parts: &Parts<'_>,
    pdu: Option<(u8, &[u8])>,
    variables: &[Variable<'_>],
    events: &mut dyn Events,
) {
    const KINDS: [&str; 9] = [
        "get_request",
        "get_next_request",
        "response",
        "set_request",
        "trap_v1",
        "get_bulk_request",
        "inform_request",
        "trap_v2",
        "report",
    ];
    let kind = pdu
        .and_then(|(tag, _)| KINDS.get(usize::from(tag.wrapping_sub(0xa0))))
        .copied()
        .unwrap_or("encrypted");
    let mut fields = Vec::new();
    match parts {
        Parts::Community(version, community, ..) => {
            fields.push(("version", Value::Number((*version).into())));
            let default = matches!(*community, b"public" | b"private");
            fields.push(("default_community", Value::Flag(default)));
        }
        Parts::User(user, encrypted, _) => {
            fields.push(("version", Value::Number(3)));
            fields.push(("usm", Value::Text(user)));
            fields.push(("encrypted", Value::Flag(*encrypted)));
        }
    }
    if let Some((tag, pdu)) = pdu
        && tag != 0xa4
        && let Some((_, error)) = expect(pdu, INTEGER)
        && let Some((error, _)) = expect(error, INTEGER)
        && let Some(error) = integer(error).filter(|&error| error != 0 && kind == "response")
    {
        fields.push(("error_status", Value::Number(error)));
    }
    let names: Vec<String> = variables
        .iter()
        .map(|variable| dotted(variable.oid))
        .collect();
    let names: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
    if !names.is_empty() {
        fields.push(("vars", Value::List(&names)));
    }
    events.event(Event::Message(Message {
        kind,
        fields: &fields,
    }));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::app::trial::{Said, datagrams, exchange, guess};

    fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, content.len() as u8], content].concat()
    }

    /// A response with sysDescr "Router".
    fn response() -> Vec<u8> {
        let variable = [tagged(6, SYS_DESCR), tagged(4, b"Router")].concat();
        let pdu = [
            tagged(2, &[9]),
            tagged(2, &[0]),
            tagged(2, &[0]),
            tagged(0x30, &tagged(0x30, &variable)),
        ]
        .concat();
        let message = [tagged(2, &[1]), tagged(4, b"public"), tagged(0xa2, &pdu)].concat();
        tagged(0x30, &message)
    }

    #[test]
    fn a_response() {
        let bytes = response();
        assert_eq!(guess(&DETECTOR, &bytes), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &bytes[..bytes.len() - 1]), Guess::No);
        let said = exchange(&DETECTOR, &[(false, &bytes), (false, &bytes)]);
        assert!(
            said.has("response: version=2 default_community=true vars=[1.3.6.1.2.1.1.1.0]"),
            "{said:?}"
        );
        assert!(said.has(&format!("model: Some({:?})", b"Router")));
        assert!(!said.has("public"));
        let logins = said.0.iter().filter(|line| line.starts_with("login"));
        assert_eq!(logins.collect::<Vec<_>>(), ["login:  community None true"]);
    }

    #[test]
    fn version_3_names_its_user() {
        let security = tagged(
            0x30,
            &[
                tagged(4, b"engine"),
                tagged(2, &[1]),
                tagged(2, &[2]),
                tagged(4, b"alice"),
            ]
            .concat(),
        );
        let header = [
            tagged(2, &[1]),
            tagged(2, &[2]),
            tagged(4, &[3]),
            tagged(2, &[3]),
        ]
        .concat();
        let message = [
            tagged(2, &[3]),
            tagged(0x30, &header),
            tagged(4, &security),
            tagged(4, b"secret"),
        ]
        .concat();
        let bytes = tagged(0x30, &message);
        assert_eq!(guess(&DETECTOR, &bytes), Guess::Certain);
        let said = exchange(&DETECTOR, &[(true, &bytes)]);
        assert!(said.has("login: alice usm None false"), "{said:?}");
        assert!(
            said.has("encrypted: version=3 usm=alice encrypted=true"),
            "{said:?}"
        );
    }

    #[test]
    fn one_message_and_then_something_else() {
        let bytes = response();
        let end = |pieces: &[(bool, &[u8])]| {
            let mut said = Said::default();
            let mut parser = (DETECTOR.parser.unwrap())();
            datagrams(parser.as_mut(), pieces.iter().copied(), &mut said)
        };
        let cut = end(&[(true, &bytes), (false, b"\x30\x40\x80\x81")]);
        assert!(matches!(cut, Next::Continue));
        let other = end(&[(true, &bytes), (false, b"\x12\x34")]);
        assert!(matches!(other, Next::NotThis));
        let well = [(true, &*bytes), (false, &*bytes), (false, &b"\x12"[..])];
        assert!(matches!(end(&well), Next::Continue));
    }

    #[test]
    fn identifiers() {
        assert_eq!(dotted(&[0x2b, 6, 1, 4, 1, 0x82, 0x37]), "1.3.6.1.4.1.311");
        assert_eq!(dotted(&[0x88, 0x37]), "2.999");
    }

    proptest! {
        #[test]
        fn any_bytes(tail: Vec<u8>, at in 0_usize..50, byte: u8) {
            let mut bytes = response();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let mut said = Said::default();
            let _ = guess(&DETECTOR, &bytes);
            let _ = guess(&DETECTOR, &tail);
            datagrams(&mut Snmp::default(), [(true, &bytes[..]), (false, &tail)], &mut said);
        }
    }
}
