//! SSDP (UPnP Device Architecture 2.0, section 1): devices announce and look for services.
//!
//! Its messages have the form of HTTP's but travel in datagrams, and are not HTTP.

use super::text::{find, line, starts_with_ignore_case};
use super::uri::masked;
use super::{
    Category, Context, Detector, Device, DeviceSource, Event, Events, Guess, Interest, Message,
    Next, Over, Parser, Probe, Protocol, Value,
};

/// SSDP.
pub static PROTOCOL: Protocol = Protocol {
    name: "ssdp",
    title: "SSDP",
    category: Category::Network,
};

/// Recognises SSDP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[1900],
    probe,
    parser: Some(|| Box::new(Ssdp::default())),
};

/// Longest name of a header that matters, with some room.
const NAME_MAX: usize = 32;
/// Lines of a message that are read.
const LINES_MAX: usize = 64;

fn probe(probe: &Probe<'_>) -> Guess {
    // A response has the same first line as any of HTTP, but comes in a datagram.
    if Kind::of(probe.data).is_some() {
        Guess::Certain
    } else {
        Guess::No
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Notify,
    Search,
    Response,
}

impl Kind {
    fn of(data: &[u8]) -> Option<Self> {
        if starts_with_ignore_case(data, b"NOTIFY * HTTP/1.") {
            Some(Self::Notify)
        } else if starts_with_ignore_case(data, b"M-SEARCH * HTTP/1.") {
            Some(Self::Search)
        } else if data.starts_with(b"HTTP/1.1 200 OK") || data.starts_with(b"HTTP/1.0 200 OK") {
            Some(Self::Response)
        } else {
            None
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Notify => "notify",
            Self::Search => "search",
            Self::Response => "response",
        }
    }
}

/// Every message speaks for itself; what has been said of the program is not said again.
#[derive(Debug, Default)]
struct Ssdp {
    said_software: bool,
}

/// The headers that matter.
#[derive(Debug, Default)]
struct Headers<'a> {
    target: Option<&'a [u8]>,
    kind: Option<&'a [u8]>,
    name: Option<&'a [u8]>,
    server: Option<&'a [u8]>,
    user_agent: Option<&'a [u8]>,
    location: Option<&'a [u8]>,
    friendly_name: Option<&'a [u8]>,
}

impl<'a> Headers<'a> {
    fn read(mut data: &'a [u8]) -> Self {
        let mut headers = Self::default();
        for _ in 0..LINES_MAX {
            let Some((text, len)) = line(data) else { break };
            data = data.get(len..).unwrap_or_default();
            let Some(colon) = find(b':', text) else {
                continue;
            };
            let (name, value) = text.split_at(colon);
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            if value.is_empty() {
                continue;
            }
            let name = name.trim_ascii();
            let mut lower = [0; NAME_MAX];
            let Some(lower) = lower.get_mut(..name.len()) else {
                continue;
            };
            lower.copy_from_slice(name);
            lower.make_ascii_lowercase();
            let place = match &*lower {
                b"nt" | b"st" => &mut headers.target,
                b"nts" | b"man" => &mut headers.kind,
                b"usn" => &mut headers.name,
                b"server" => &mut headers.server,
                b"user-agent" => &mut headers.user_agent,
                b"location" | b"al" => &mut headers.location,
                b"friendlyname.upnp.org" | b"x-friendly-name" | b"cpfn.upnp.org" => {
                    &mut headers.friendly_name
                }
                _ => continue,
            };
            *place = place.or(Some(value));
        }
        headers
    }
}

impl Parser for Ssdp {
    fn datagram(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        let Some(kind) = Kind::of(data) else {
            return Next::Continue;
        };
        let headers = Headers::read(data);
        let program = headers.server.or(headers.user_agent);
        if !self.said_software
            && let Some(text) = program
        {
            self.said_software = true;
            events.event(Event::Software {
                of_client: context.from_client,
                text,
            });
        }
        if kind != Kind::Search && events.wants(Interest::DEVICES) {
            let service = headers
                .target
                .filter(|target| starts_with_ignore_case(target, b"urn:"));
            if service.is_some() || headers.server.is_some() || headers.friendly_name.is_some() {
                events.event(Event::Device(Device {
                    hostname: headers.friendly_name,
                    vendor: headers.server,
                    service,
                    ..Device::new(DeviceSource::Ssdp)
                }));
            }
        }
        if events.wants(Interest::MESSAGES) {
            let target = if kind == Kind::Notify { "nt" } else { "st" };
            let location = headers.location.map(masked);
            let fields: Vec<_> = [
                (target, headers.target),
                ("nts", headers.kind.filter(|_| kind == Kind::Notify)),
                ("usn", headers.name),
                ("server", headers.server),
                ("user_agent", headers.user_agent),
                ("location", location.as_deref()),
            ]
            .into_iter()
            .filter_map(|(name, text)| Some((name, Value::Text(text?))))
            .collect();
            events.event(Event::Message(Message {
                kind: kind.name(),
                fields: &fields,
            }));
        }
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::app::trial::{Said, datagrams, exchange, guess};

    const NOTIFY: &[u8] = b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\
        LOCATION: http://192.0.2.1:80/d.xml\r\nSERVER: Linux/3.14 UPnP/1.0 Bridge/1.9\r\n\
        NTS: ssdp:alive\r\nNT: urn:schemas-upnp-org:device:Basic:1\r\nUSN: uuid:1\r\n\r\n";

    #[test]
    fn a_device_announces_itself() {
        assert_eq!(guess(&DETECTOR, NOTIFY), Guess::Certain);
        let said = exchange(&DETECTOR, &[(true, NOTIFY), (true, NOTIFY)]);
        assert!(said.has("notify: nt=urn:schemas-upnp-org:device:Basic:1 nts=ssdp:alive usn=uuid:1 server=Linux/3.14 UPnP/1.0 Bridge/1.9 location=http://192.0.2.1:80/d.xml"), "{said:?}");
        assert!(said.has("Device"));
        let software = said.0.iter().filter(|line| line.starts_with("software"));
        assert_eq!(software.count(), 1);
    }

    #[test]
    fn a_search_is_no_device() {
        let search = b"M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nST: ssdp:all\r\nUSER-AGENT: Chrome\r\n\r\n";
        assert_eq!(guess(&DETECTOR, search), Guess::Certain);
        let said = exchange(&DETECTOR, &[(true, search)]);
        assert!(
            said.has("search: st=ssdp:all user_agent=Chrome"),
            "{said:?}"
        );
        assert!(!said.has("Device"));
        assert_eq!(guess(&DETECTOR, b"GET / HTTP/1.1\r\n"), Guess::No);
    }

    proptest! {
        #[test]
        fn any_bytes(tail: Vec<u8>) {
            let bytes = [NOTIFY, &tail].concat();
            let _ = guess(&DETECTOR, &tail);
            let mut said = Said::default();
            datagrams(&mut Ssdp::default(), [(true, &bytes[..]), (true, &tail)], &mut said);
        }
    }
}
