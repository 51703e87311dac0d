//! DHCP (RFC 2131, RFC 2132) and BOOTP (RFC 951): who asks for an address, and what it is called.

use std::net::{IpAddr, Ipv4Addr};

use netloom_packet::MacAddr;

use super::text::push_decimal;
use super::wire::Reader;
use super::{
    Category, Context, Detector, Device, DeviceSource, Event, Events, Guess, Interest, Message,
    Next, Over, Parser, Probe, Protocol, Value,
};

/// DHCP.
pub static PROTOCOL: Protocol = Protocol {
    name: "dhcp",
    title: "DHCP",
    category: Category::Network,
};

/// Recognises DHCP and BOOTP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[67, 68, 4011],
    probe,
    parser: Some(|| Box::new(Dhcp)),
};

/// Bytes before the options.
const FIXED_LEN: usize = 236;
/// What stands in front of the options (RFC 2132, section 2).
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Most addresses of a list that are said.
const LIST_MAX: usize = 8;

fn probe(probe: &Probe<'_>) -> Guess {
    let &[op, hardware, hardware_len, ..] = probe.data else {
        return Guess::No;
    };
    if !matches!(op, 1 | 2) || hardware_len > 16 || probe.wire_len < FIXED_LEN {
        return Guess::No;
    }
    if probe.data.get(FIXED_LEN..FIXED_LEN + 4) == Some(&COOKIE) {
        return Guess::Certain;
    }
    let own_port = DETECTOR.ports.iter().any(|&port| probe.has_port(port));
    if own_port && hardware == 1 && hardware_len == 6 {
        Guess::Unsure
    } else {
        Guess::No
    }
}

/// Every message speaks for itself.
#[derive(Debug)]
struct Dhcp;

impl Parser for Dhcp {
    fn datagram(&mut self, _context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        if let Some(lease) = Lease::read(data) {
            lease.say(events);
        }
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heading {
    /// Whether it goes to a server (BOOTREQUEST).
    pub is_request: bool,
    /// The transaction it belongs to.
    pub transaction_id: u32,
    /// DHCP message type (option 53): 1 discover, 2 offer and so on (RFC 2132, section 9.6); 0 in
    /// BOOTP, which has none.
    pub message_type: u8,
}

impl Heading {
    /// Reads it from a datagram; `None` where that is no DHCP.
    pub fn parse(data: &[u8]) -> Option<Self> {
        if !matches!(data.first(), Some(1 | 2)) {
            return None;
        }
        let lease = Lease::read(data)?;
        Some(Self {
            is_request: lease.request,
            transaction_id: lease.id,
            message_type: lease.kind,
        })
    }
}

/// What a message says.
#[derive(Debug, Default)]
struct Lease<'a> {
    request: bool,
    id: u32,
    mac: Option<MacAddr>,
    client_ip: Option<Ipv4Addr>,
    assigned_ip: Option<Ipv4Addr>,
    next_server_ip: Option<Ipv4Addr>,
    relay_ip: Option<Ipv4Addr>,
    kind: u8,
    hostname: Option<&'a [u8]>,
    fqdn: Vec<u8>,
    domain: Option<&'a [u8]>,
    vendor: Option<&'a [u8]>,
    client_id: Option<&'a [u8]>,
    requested_ip: Option<Ipv4Addr>,
    server_id: Option<Ipv4Addr>,
    subnet_mask: Option<Ipv4Addr>,
    routers: Vec<Ipv4Addr>,
    dns_servers: Vec<Ipv4Addr>,
    /// Of the lease, in seconds (option 51); the other two count from its start too.
    duration: Option<u32>,
    renewal_time: Option<u32>,
    rebinding_time: Option<u32>,
    message: Option<&'a [u8]>,
    params: &'a [u8],
}

impl<'a> Lease<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let op = reader.u8()?;
        let hardware = reader.u8()?;
        let hardware_len = reader.u8()?;
        let _hops = reader.u8()?;
        let mut lease = Lease {
            request: op == 1,
            id: reader.u32()?,
            ..Self::default()
        };
        let _seconds_and_flags = reader.u32()?;
        let mut address = || Some(Ipv4Addr::from(reader.u32()?)).filter(|ip| !ip.is_unspecified());
        lease.client_ip = address();
        lease.assigned_ip = address();
        lease.next_server_ip = address();
        lease.relay_ip = address();
        let hardware_address = reader.take(16)?;
        if hardware == 1
            && hardware_len == 6
            && let Some(mac) = hardware_address.first_chunk()
            && mac != &[0; 6]
        {
            lease.mac = Some(MacAddr(*mac));
        }
        let server_name = reader.take(64)?;
        let file = reader.take(128)?;
        if reader.take(4)? != COOKIE {
            return None;
        }
        let overload = lease.options(reader.rest());
        // The fields for names may hold further options (RFC 2132, section 9.3).
        if overload & 1 != 0 {
            lease.options(file);
        }
        if overload & 2 != 0 {
            lease.options(server_name);
        }
        Some(lease)
    }

    /// Reads options as far as they go; gives the value of option overload.
    fn options(&mut self, options: &'a [u8]) -> u8 {
        let mut reader = Reader::new(options);
        let mut overload = 0;
        while let Some(code) = reader.u8() {
            if code == 0 {
                continue;
            }
            if code == 255 {
                break;
            }
            // What the snap length left of a value may be half a name: not taken.
            let Some(value) = reader.bytes8() else { break };
            let text = Some(trim(value)).filter(|text| !text.is_empty());
            match code {
                1 => self.subnet_mask = addresses(value).next(),
                3 => self.routers = addresses(value).take(LIST_MAX).collect(),
                6 => self.dns_servers = addresses(value).take(LIST_MAX).collect(),
                12 => self.hostname = text.or(self.hostname),
                15 => self.domain = text.or(self.domain),
                50 => self.requested_ip = addresses(value).next(),
                51 => self.duration = Reader::new(value).u32(),
                52 => overload = value.first().copied().unwrap_or(0),
                53 => self.kind = value.first().copied().unwrap_or(0),
                54 => self.server_id = addresses(value).next(),
                55 => self.params = value,
                56 => self.message = text,
                58 => self.renewal_time = Reader::new(value).u32(),
                59 => self.rebinding_time = Reader::new(value).u32(),
                60 => self.vendor = text.or(self.vendor),
                61 => self.client_id = Some(value),
                81 => self.fqdn = fqdn(value).unwrap_or_default(),
                _ => {}
            }
        }
        overload
    }

    fn say(&self, events: &mut dyn Events) {
        let fingerprint = self.fingerprint();
        if events.wants(Interest::DEVICES) {
            self.say_device(&fingerprint, events);
        }
        if events.wants(Interest::MESSAGES) {
            self.say_message(&fingerprint, events);
        }
    }

    /// Numbers of the options that the client asks for, joined by commas.
    fn fingerprint(&self) -> String {
        let mut text = String::new();
        for code in self.params {
            if !text.is_empty() {
                text.push(',');
            }
            push_decimal(&mut text, (*code).into());
        }
        text
    }

    fn say_device(&self, fingerprint: &str, events: &mut dyn Events) {
        // A server's reply gives the address when it acknowledges; before, it only offers. That of
        // BOOTP, which has no types, gives it at once.
        let granted = self
            .assigned_ip
            .filter(|_| !self.request && matches!(self.kind, 0 | 5));
        let address = granted.or(self.client_ip);
        // What a REQUEST asks for is no more than that until it is acknowledged.
        let requested = self.requested_ip.filter(|_| self.request && self.kind == 3);
        let fqdn = Some(&self.fqdn[..]).filter(|fqdn| !fqdn.is_empty());
        let device = Device {
            // Never the packet's source: that may be a relay, or the server. A client that has no
            // address yet is known by its hardware address alone (RFC 2131, table 5).
            address: Some(IpAddr::V4(address.unwrap_or(Ipv4Addr::UNSPECIFIED))),
            requested: requested.map(IpAddr::V4),
            mac: self.mac,
            hostname: self.hostname.or(fqdn),
            vendor: self.vendor.filter(|_| self.request),
            fingerprint: (self.request && !fingerprint.is_empty()).then_some(fingerprint),
            ..Device::new(DeviceSource::Dhcp)
        };
        if self.mac.is_some() || address.is_some() {
            events.event(Event::Device(device));
        }
    }

    fn say_message(&self, fingerprint: &str, events: &mut dyn Events) {
        const KINDS: [&str; 9] = [
            "bootp", "discover", "offer", "request", "decline", "ack", "nak", "release", "inform",
        ];
        let kind = KINDS
            .get(usize::from(self.kind))
            .copied()
            .unwrap_or("other");
        let mac = self.mac.map(|mac| mac.to_string()).unwrap_or_default();
        let list = |addresses: &[Ipv4Addr]| -> Vec<String> {
            addresses.iter().map(ToString::to_string).collect()
        };
        let (routers, dns_servers) = (list(&self.routers), list(&self.dns_servers));
        let routers: Vec<&[u8]> = routers.iter().map(String::as_bytes).collect();
        let dns_servers: Vec<&[u8]> = dns_servers.iter().map(String::as_bytes).collect();
        let direction = if self.request { "request" } else { "reply" };
        let mut fields: Vec<(&'static str, Value<'_>)> = vec![
            ("type", Value::Word(direction)),
            ("dhcp_type", Value::Word(kind)),
            ("id", Value::Number(self.id.into())),
        ];
        if !mac.is_empty() {
            fields.push(("client_mac", Value::Word(&mac)));
        }
        let mut address = |name, ip: Option<Ipv4Addr>| {
            if let Some(ip) = ip {
                fields.push((name, Value::Address(ip.into())));
            }
        };
        address("client_ip", self.client_ip);
        address("assigned_ip", self.assigned_ip);
        address("next_server_ip", self.next_server_ip);
        address("relay_ip", self.relay_ip);
        address("requested_ip", self.requested_ip);
        address("server_id", self.server_id);
        address("subnet_mask", self.subnet_mask);
        let fqdn = Some(&self.fqdn[..]).filter(|fqdn| !fqdn.is_empty());
        for (name, text) in [
            ("hostname", self.hostname),
            ("client_fqdn", fqdn),
            ("domain", self.domain),
            ("vendor_class_identifier", self.vendor),
            ("message", self.message),
        ] {
            if let Some(text) = text {
                fields.push((name, Value::Text(text)));
            }
        }
        if let Some(id) = self.client_id {
            fields.push(("client_id", Value::Bytes(id)));
        }
        for (name, seconds) in [
            ("lease_time", self.duration),
            ("renewal_time", self.renewal_time),
            ("rebinding_time", self.rebinding_time),
        ] {
            if let Some(seconds) = seconds {
                fields.push((name, Value::Number(seconds.into())));
            }
        }
        if !routers.is_empty() {
            fields.push(("routers", Value::List(&routers)));
        }
        if !dns_servers.is_empty() {
            fields.push(("dns_servers", Value::List(&dns_servers)));
        }
        if !fingerprint.is_empty() {
            fields.push(("params", Value::Word(fingerprint)));
        }
        events.event(Event::Message(Message {
            kind,
            fields: &fields,
        }));
    }
}

/// A text without the zeros and spaces that some clients end it with.
fn trim(text: &[u8]) -> &[u8] {
    let end = text
        .iter()
        .rposition(|&byte| byte != 0 && byte != b' ')
        .map_or(0, |last| last + 1);
    text.get(..end).unwrap_or(text)
}

fn addresses(value: &[u8]) -> impl Iterator<Item = Ipv4Addr> {
    value
        .chunks_exact(4)
        .filter_map(|octets| Some(Ipv4Addr::from(*octets.first_chunk::<4>()?)))
}

/// The name in option 81 (RFC 4702): in the form of DNS where bit E is set, else as text.
fn fqdn(value: &[u8]) -> Option<Vec<u8>> {
    let flags = *value.first()?;
    let name = value.get(3..)?;
    if flags & 0x04 == 0 {
        return Some(trim(name).to_vec());
    }
    super::dns::plain_name(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::app::trial::{Said, datagrams, exchange, guess};

    fn message(op: u8, assigned: [u8; 4], options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![op, 1, 6, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(&assigned);
        bytes.resize(28, 0);
        bytes.extend_from_slice(&[2, 0, 0, 0, 0, 1]);
        bytes.resize(FIXED_LEN, 0);
        bytes.extend_from_slice(&COOKIE);
        bytes.extend_from_slice(options);
        bytes
    }

    #[test]
    fn a_request() {
        let mut options =
            b"\x35\x01\x03\x0c\x06laptop\x3c\x08MSFT 5.0\x37\x03\x01\x0f\x03".to_vec();
        options.extend_from_slice(b"\x32\x04\xc0\x00\x02\x07\x51\x0b\x00\x00\x00laptop.x\xff");
        let bytes = message(1, [0; 4], &options);
        assert_eq!(guess(&DETECTOR, &bytes), Guess::Certain);
        let said = exchange(&DETECTOR, &[(true, &bytes)]);
        for fact in [
            "request: type=request dhcp_type=request id=9 client_mac=02:00:00:00:00:01",
            "requested_ip=192.0.2.7",
            "hostname=laptop client_fqdn=laptop.x",
            "vendor_class_identifier=MSFT 5.0",
            "params=1,15,3",
            "fingerprint: Some(\"1,15,3\")",
            "address: Some(0.0.0.0), requested: Some(192.0.2.7)",
        ] {
            assert!(said.has(fact), "{fact}: {said:?}");
        }
    }

    #[test]
    fn an_acknowledgement_gives_the_address() {
        let options =
            b"\x35\x01\x05\x33\x04\x00\x00\x0e\x10\x06\x08\x01\x01\x01\x01\x08\x08\x08\x08\xff";
        let bytes = message(2, [192, 0, 2, 9], options);
        let said = exchange(&DETECTOR, &[(false, &bytes)]);
        assert!(said.has("address: Some(192.0.2.9)"), "{said:?}");
        assert!(
            said.has("lease_time=3600 dns_servers=[1.1.1.1,8.8.8.8]"),
            "{said:?}"
        );
        // So does an answer of BOOTP, but not an offer.
        let bytes = message(2, [192, 0, 2, 9], b"\xff");
        let said = exchange(&DETECTOR, &[(false, &bytes)]);
        assert!(said.has("address: Some(192.0.2.9)"), "{said:?}");
        let bytes = message(2, [192, 0, 2, 9], b"\x35\x01\x02\xff");
        let said = exchange(&DETECTOR, &[(false, &bytes)]);
        assert!(said.has("address: Some(0.0.0.0)"), "{said:?}");
    }

    #[test]
    fn options_in_the_fields_for_names() {
        let mut bytes = message(1, [0; 4], b"\x34\x01\x01\x35\x01\x01\xff");
        bytes[108..115].copy_from_slice(b"\x0c\x04host\xff");
        assert!(exchange(&DETECTOR, &[(true, &bytes)]).has("discover: type=request"));
        assert!(exchange(&DETECTOR, &[(true, &bytes)]).has("hostname=host"));
    }

    #[test]
    fn names_in_the_form_of_dns() {
        let name = b"\x05\x00\x00\x02pc\x04test\x00";
        assert_eq!(fqdn(name).as_deref(), Some(&b"pc.test"[..]));
        assert_eq!(fqdn(b"\x00\x00"), None);
    }

    proptest! {
        #[test]
        fn any_bytes(tail: Vec<u8>, cut in 0_usize..400) {
            let bytes = message(1, [0; 4], &tail);
            let bytes = bytes.get(..cut).unwrap_or(&bytes);
            let _ = guess(&DETECTOR, bytes);
            let _ = guess(&DETECTOR, &tail);
            let mut said = Said::default();
            datagrams(&mut Dhcp, [(true, bytes), (false, &tail)], &mut said);
        }
    }
}
