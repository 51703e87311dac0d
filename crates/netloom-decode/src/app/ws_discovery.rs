//! WS-Discovery (OASIS 1.1, and the draft of 2005 that most devices speak): printers, cameras and
//! computers announce and look for services in XML datagrams.

use memchr::memmem::find;

use super::{
    Category, Context, Detector, Device, DeviceSource, Event, Events, Guess, Interest, Message,
    Next, Over, Parser, Probe, Protocol, Value, uri,
};

/// WS-Discovery.
pub static PROTOCOL: Protocol = Protocol {
    name: "wsd",
    title: "WS-Discovery",
    category: Category::Network,
};

/// Recognises WS-Discovery.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[3702],
    probe,
    parser: Some(|| Box::new(WsDiscovery)),
};

/// Namespaces of the protocol.
const NAMESPACES: [&[u8]; 2] = [b"/ws/2005/04/discovery", b"docs.oasis-open.org/ws-dd/"];
/// Bytes that are searched.
const SEARCHED_MAX: usize = 8192;

fn probe(probe: &Probe<'_>) -> Guess {
    let start = probe.data.trim_ascii_start();
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    if !start.starts_with(b"<") || start.len() < 64 {
        return Guess::No;
    }
    let searched = start.get(..SEARCHED_MAX).unwrap_or(start);
    if NAMESPACES
        .iter()
        .any(|namespace| find(searched, namespace).is_some())
    {
        Guess::Certain
    } else {
        Guess::No
    }
}

/// Every message speaks for itself.
#[derive(Debug)]
struct WsDiscovery;

impl Parser for WsDiscovery {
    fn datagram(&mut self, _context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        let data = data.get(..SEARCHED_MAX).unwrap_or(data);
        let action = element(data, b"Action").unwrap_or_default();
        // The last part of the address that names the action: Hello, Bye, Probe, ProbeMatches, ….
        let kind = action
            .rsplit(|&byte| byte == b'/')
            .next()
            .unwrap_or_default();
        let kind = std::str::from_utf8(kind).unwrap_or_default().trim();
        let announces = matches!(kind, "Hello" | "ProbeMatches" | "ResolveMatches");
        let types = element(data, b"Types").filter(|types| !types.is_empty());
        let scopes = element(data, b"Scopes").filter(|scopes| !scopes.is_empty());
        if announces && events.wants(Interest::DEVICES) {
            let scope = |prefix: &[u8]| {
                scopes?
                    .split(u8::is_ascii_whitespace)
                    .find_map(|scope| scope.strip_prefix(prefix))
                    .filter(|value| !value.is_empty())
            };
            events.event(Event::Device(Device {
                model: scope(b"onvif://www.onvif.org/hardware/"),
                vendor: scope(b"onvif://www.onvif.org/name/"),
                service: types.and_then(|types| types.split(u8::is_ascii_whitespace).next()),
                ..Device::new(DeviceSource::Protocol(PROTOCOL.name))
            }));
        }
        if events.wants(Interest::MESSAGES) {
            let xaddrs = element(data, b"XAddrs").map(uri::masked);
            let fields: Vec<_> = [
                ("types", types),
                ("scopes", scopes),
                ("xaddrs", xaddrs.as_deref()),
                ("address", element(data, b"Address")),
            ]
            .into_iter()
            .filter_map(|(name, text)| Some((name, Value::Text(text?))))
            .collect();
            events.event(Event::Message(Message {
                kind: if kind.is_empty() { "message" } else { kind },
                fields: &fields,
            }));
        }
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// The text of the first element of this name, whatever its namespace prefix.
fn element<'a>(data: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = data;
    while let Some(at) = find(rest, name) {
        let before = at.checked_sub(1).and_then(|before| rest.get(before));
        let behind = rest.get(at + name.len()..)?;
        // An opening tag: "<Name" or "<prefix:Name", then its end or attributes.
        let opens = match before {
            Some(b'<') => true,
            Some(b':') => rest.get(..at).is_some_and(|start| {
                let tag = start
                    .iter()
                    .rposition(|&byte| matches!(byte, b'<' | b'/' | b'>' | b' '));
                tag.and_then(|tag| start.get(tag)) == Some(&b'<')
            }),
            _ => false,
        };
        if opens && matches!(behind.first(), Some(b'>' | b' ' | b'\t' | b'\r' | b'\n')) {
            let content = behind.iter().position(|&byte| byte == b'>')? + 1;
            let content = behind.get(content..)?;
            let end = content.iter().position(|&byte| byte == b'<')?;
            return content.get(..end).map(<[u8]>::trim_ascii);
        }
        rest = behind;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::app::trial::{Said, datagrams, exchange, guess};

    const HELLO: &[u8] = b"<?xml version=\"1.0\"?><s:Envelope \
        xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\"><s:Header><a:Action s:must=\"1\">\
        http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</a:Action></s:Header><d:Types>\
        dn:Camera tds:Device</d:Types><d:Scopes>onvif://www.onvif.org/hardware/C1 \
        onvif://www.onvif.org/name/ACME</d:Scopes><d:XAddrs>http://192.0.2.1/on</d:XAddrs>";

    #[test]
    fn a_camera_answers() {
        assert_eq!(guess(&DETECTOR, HELLO), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &[b'<'; 80]), Guess::No);
        let said = exchange(&DETECTOR, &[(true, HELLO)]);
        for fact in [
            "ProbeMatches: types=dn:Camera tds:Device".to_owned(),
            "xaddrs=http://192.0.2.1/on".to_owned(),
            format!("model: Some({:?})", b"C1"),
            format!("vendor: Some({:?})", b"ACME"),
            format!("service: Some({:?})", b"dn:Camera"),
        ] {
            assert!(said.has(&fact), "{fact}: {said:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes(tail: Vec<u8>, cut in 0_usize..400) {
            let bytes = [HELLO.get(..cut).unwrap_or(HELLO), &tail].concat();
            let _ = guess(&DETECTOR, &bytes);
            let mut said = Said::default();
            datagrams(&mut WsDiscovery, [(true, &bytes[..]), (true, &tail)], &mut said);
        }
    }
}
