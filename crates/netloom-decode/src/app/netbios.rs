//! NetBIOS datagrams and sessions (RFC 1001, RFC 1002): names of computers and groups of Windows
//! networks, and what they announce. The name service is with [`dns`](super::dns).

use std::net::{IpAddr, Ipv4Addr};

use super::dns::NetbiosName;
use super::wire::Reader;
use super::{
    Category, Context, Detector, Device, DeviceSource, Event, Events, Guess, Interest, Message,
    Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// The datagram service.
pub static DATAGRAM: Protocol = Protocol {
    name: "nbdgm",
    title: "NetBIOS Datagram Service",
    category: Category::Network,
};

/// The session service.
pub static SESSION: Protocol = Protocol {
    name: "nbss",
    title: "NetBIOS Session Service",
    category: Category::FileTransfer,
};

/// Recognises the datagram service.
pub static DATAGRAM_DETECTOR: Detector = Detector {
    protocol: &DATAGRAM,
    over: Over::Udp,
    ports: &[138],
    probe: probe_datagram,
    parser: Some(|| Box::new(Datagrams)),
};

/// Recognises the session service by its request; what is in the session comes after it.
pub static SESSION_DETECTOR: Detector = Detector {
    protocol: &SESSION,
    over: Over::Tcp,
    ports: &[139],
    probe: probe_session,
    parser: Some(|| Box::new(Session)),
};

/// Reads a name: a label of 32 letters, and the scope's labels that may follow.
fn name(reader: &mut Reader<'_>) -> Option<NetbiosName> {
    let name = NetbiosName::decode(reader.bytes8()?)?;
    loop {
        match reader.bytes8()? {
            [] => return Some(name),
            _scope => {}
        }
    }
}

fn text(name: &NetbiosName) -> Vec<u8> {
    let mut out = Vec::new();
    name.write(&mut out);
    out
}

/// The header of a datagram that carries data (RFC 1002, section 4.4.1).
struct Header<'a> {
    kind: u8,
    address: Ipv4Addr,
    source: NetbiosName,
    destination: NetbiosName,
    data: &'a [u8],
}

impl<'a> Header<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let kind = reader.u8().filter(|kind| matches!(kind, 0x10..=0x12))?;
        let _flags_and_id = reader.u24()?;
        let address = Ipv4Addr::from(reader.u32()?);
        let _port_length_offset = reader.take(6)?;
        Some(Self {
            kind,
            address,
            source: name(&mut reader)?,
            destination: name(&mut reader)?,
            data: reader.rest(),
        })
    }
}

fn probe_datagram(probe: &Probe<'_>) -> Guess {
    if Header::read(probe.data).is_some() {
        Guess::Certain
    } else if probe.has_port(138) && matches!(probe.data.first(), Some(0x10..=0x16)) {
        Guess::Unsure
    } else {
        Guess::No
    }
}

/// Every datagram speaks for itself.
#[derive(Debug)]
struct Datagrams;

impl Parser for Datagrams {
    fn datagram(&mut self, _context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        let Some(header) = Header::read(data) else {
            return Next::Continue;
        };
        let announcement = announcement(header.data);
        let os = announcement.as_ref().map(|announcement| {
            format!("Windows NT {}.{}", announcement.major, announcement.minor)
        });
        if events.wants(Interest::DEVICES)
            && let Some(hostname) = header.source.host()
        {
            events.event(Event::Device(Device {
                address: Some(IpAddr::V4(header.address)),
                hostname: Some(hostname),
                os: os.as_deref().map(str::as_bytes),
                model: announcement
                    .as_ref()
                    .and_then(|announcement| announcement.comment),
                ..Device::new(DeviceSource::Nbns)
            }));
        }
        if events.wants(Interest::MESSAGES) {
            let (source, destination) = (text(&header.source), text(&header.destination));
            let kind = match header.kind {
                0x10 => "direct_unique",
                0x11 => "direct_group",
                _ => "broadcast",
            };
            let mut fields = vec![
                ("source_name", Value::Text(&source)),
                ("destination_name", Value::Text(&destination)),
                ("source_ip", Value::Address(header.address.into())),
            ];
            if let Some(announcement) = &announcement {
                fields.push(("announced", Value::Text(announcement.name)));
                if let Some(comment) = announcement.comment {
                    fields.push(("comment", Value::Text(comment)));
                }
            }
            if let Some(os) = &os {
                fields.push(("os", Value::Word(os)));
            }
            events.event(Event::Message(Message {
                kind,
                fields: &fields,
            }));
        }
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// A host that announces itself to the browser service ([MS-BRWS], section 2.2.1).
struct Announcement<'a> {
    name: &'a [u8],
    major: u8,
    minor: u8,
    comment: Option<&'a [u8]>,
}

/// The announcement in the mailslot message that a datagram carries, where it is one.
fn announcement(data: &[u8]) -> Option<Announcement<'_>> {
    const MAILSLOT: &[u8] = b"\\MAILSLOT\\BROWSE\0";
    if !data.starts_with(b"\xffSMB\x25") {
        return None;
    }
    let at = data
        .get(..256.min(data.len()))?
        .windows(MAILSLOT.len())
        .position(|window| window.eq_ignore_ascii_case(MAILSLOT))?;
    let mut reader = Reader::new(data.get(at + MAILSLOT.len()..)?);
    // Host, and local master: the same form.
    reader.u8().filter(|command| matches!(command, 1 | 15))?;
    let _update_count_and_period = reader.take(5)?;
    let name = reader.take(16)?;
    let major = reader.u8()?;
    let minor = reader.u8()?;
    let _types_browser_signature = reader.take(8)?;
    let until_zero = |text| {
        <[u8]>::split(text, |&byte| byte == 0)
            .next()
            .unwrap_or_default()
    };
    let comment = until_zero(reader.rest());
    Some(Announcement {
        name: until_zero(name),
        major,
        minor,
        comment: Some(comment).filter(|comment| !comment.is_empty()),
    })
}

/// The names in a session request (RFC 1002, section 4.3.2): called and calling.
fn request(data: &[u8]) -> Option<(NetbiosName, NetbiosName, usize)> {
    let mut reader = Reader::new(data);
    if reader.u8()? != 0x81 || reader.u8()? > 1 {
        return None;
    }
    let body = reader.bytes16()?;
    let mut names = Reader::new(body);
    Some((name(&mut names)?, name(&mut names)?, 4 + body.len()))
}

fn probe_session(probe: &Probe<'_>) -> Guess {
    let data = if probe.from_client {
        probe.data
    } else {
        probe.other
    };
    match data {
        [] | [0x81] => Guess::More,
        [0x81, 0 | 1, ..] if data.len() < 72 => Guess::More,
        _ if request(data).is_some() => Guess::Certain,
        _ => Guess::No,
    }
}

/// Reads the request and its answer.
#[derive(Debug)]
struct Session;

impl Parser for Session {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if context.from_client {
            let Some((called, calling, len)) = request(data) else {
                let may_come = data.len() < 72 && matches!(data, [] | [0x81, ..]);
                return if may_come {
                    Step::consumed(0)
                } else {
                    Step::then(0, Next::Quiet)
                };
            };
            if events.wants(Interest::DEVICES)
                && let Some(hostname) = calling.host()
            {
                events.event(Event::Device(Device {
                    address: Some(context.client.0),
                    hostname: Some(hostname),
                    ..Device::new(DeviceSource::Nbns)
                }));
            }
            if events.wants(Interest::MESSAGES) {
                let (called, calling) = (text(&called), text(&calling));
                events.event(Event::Message(Message {
                    kind: "session_request",
                    fields: &[
                        ("called_name", Value::Text(&called)),
                        ("calling_name", Value::Text(&calling)),
                    ],
                }));
            }
            // What follows waits for the answer.
            return Step::consumed(len);
        }
        match data {
            // Accepted: from here on another protocol speaks.
            [0x82, 0, 0, 0, ..] => Step::then(4, Next::Become(None)),
            [0x82, ..] if data.len() < 4 => Step::consumed(0),
            _ => Step::DONE,
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
    use crate::app::trial::{Said, datagrams, exchange, guess, streams};

    fn encode(name: &[u8], suffix: u8) -> Vec<u8> {
        let mut bytes = [b' '; 16];
        bytes[..name.len()].copy_from_slice(name);
        bytes[15] = suffix;
        let letters = bytes
            .iter()
            .flat_map(|byte| [b'A' + (byte >> 4), b'A' + (byte & 15)]);
        [32].into_iter().chain(letters).chain([0]).collect()
    }

    fn announced() -> Vec<u8> {
        let mut bytes = vec![0x11, 2, 0, 1, 192, 0, 2, 5, 0, 138, 0, 187, 0, 0];
        bytes.extend(encode(b"DESK", 0x20));
        bytes.extend(encode(b"GROUP", 0x1d));
        bytes.extend_from_slice(b"\xffSMB\x25");
        bytes.resize(bytes.len() + 60, 0);
        bytes.extend_from_slice(b"\\MAILSLOT\\BROWSE\0\x01\x00\x01\x02\x03\x04DESK\0");
        bytes.resize(bytes.len() + 11, 0);
        bytes.extend_from_slice(&[6, 1, 0, 0, 0, 0, 15, 1, 0x55, 0xaa]);
        bytes.extend_from_slice(b"My desk\0");
        bytes
    }

    #[test]
    fn a_host_announces_itself() {
        let bytes = announced();
        assert_eq!(guess(&DATAGRAM_DETECTOR, &bytes), Guess::Certain);
        let said = exchange(&DATAGRAM_DETECTOR, &[(true, &bytes)]);
        assert!(said.has("direct_group: source_name=DESK<20> destination_name=GROUP<1d> source_ip=192.0.2.5 announced=DESK comment=My desk os=Windows NT 6.1"), "{said:?}");
        assert!(said.has("address: Some(192.0.2.5)"));
    }

    #[test]
    fn a_session_begins() {
        let mut bytes = vec![0x81, 0, 0, 68];
        bytes.extend(encode(b"SERVER", 0x20));
        bytes.extend(encode(b"CLIENT", 0));
        assert_eq!(guess(&SESSION_DETECTOR, &bytes), Guess::Certain);
        assert_eq!(guess(&SESSION_DETECTOR, &bytes[..9]), Guess::More);
        assert_eq!(
            guess(&SESSION_DETECTOR, b"\x00\x00\x00\x55\xffSMB"),
            Guess::No
        );
        let mut said = Said::default();
        let next = streams(
            &mut Session,
            [(true, &bytes[..]), (false, b"\x82\x00\x00\x00")],
            &mut said,
        );
        assert!(matches!(next, Next::Become(None)));
        assert!(
            said.has("session_request: called_name=SERVER<20> calling_name=CLIENT<00>"),
            "{said:?}"
        );
    }

    proptest! {
        #[test]
        fn any_bytes(tail: Vec<u8>, at in 0_usize..250, byte: u8) {
            let mut bytes = announced();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let mut said = Said::default();
            for data in [&bytes[..], &tail] {
                let _ = guess(&DATAGRAM_DETECTOR, data);
                let _ = guess(&SESSION_DETECTOR, data);
                datagrams(&mut Datagrams, [(true, data)], &mut said);
                streams(&mut Session, [(true, data), (false, data)], &mut said);
            }
        }
    }
}
