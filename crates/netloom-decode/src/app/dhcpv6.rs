//! DHCPv6 (RFC 8415): who asks for an address or settings, and what it is called.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr};

use netloom_packet::MacAddr;

use super::wire::{Reader, u16_at};
use super::{
    Category, Context, Detector, Device, DeviceSource, Event, Events, Guess, Interest, Message,
    Next, Over, Parser, Probe, Protocol, Value, dns,
};

/// DHCPv6.
pub static PROTOCOL: Protocol = Protocol {
    name: "dhcpv6",
    title: "DHCPv6",
    category: Category::Network,
};

/// Recognises DHCPv6.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[546, 547],
    probe,
    parser: Some(|| Box::new(Dhcpv6)),
};

/// Relays that a message may have come through.
const RELAYS_MAX: usize = 8;
/// Addresses that are said.
const LIST_MAX: usize = 8;

/// Names of messages by number (RFC 8415, section 7.3, and later ones of IANA's registry).
const KINDS: [&str; 14] = [
    "",
    "solicit",
    "advertise",
    "request",
    "confirm",
    "renew",
    "rebind",
    "reply",
    "release",
    "decline",
    "reconfigure",
    "information_request",
    "relay_forward",
    "relay_reply",
];

fn probe(probe: &Probe<'_>) -> Guess {
    let own_port = DETECTOR.ports.iter().any(|&port| probe.has_port(port));
    let Some(&kind) = probe.data.first().filter(|_| own_port) else {
        return Guess::No;
    };
    let start = match kind {
        1..=11 => 4,
        12 | 13 => 34,
        _ => return Guess::No,
    };
    // Options have to fill what is left.
    let mut reader = Reader::new(probe.data);
    if reader.skip(start).is_none() || reader.is_empty() {
        return Guess::Unsure;
    }
    while !reader.is_empty() {
        let fits =
            reader.u16().is_some_and(|code| code > 0 && code < 1024) && reader.bytes16().is_some();
        if !fits {
            let cut = probe.data.len() < probe.wire_len;
            return if cut { Guess::Certain } else { Guess::Unsure };
        }
    }
    Guess::Certain
}

/// Every message speaks for itself.
#[derive(Debug)]
struct Dhcpv6;

impl Parser for Dhcpv6 {
    fn datagram(&mut self, _context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        let (data, relay) = unwrap_relays(data);
        if let Some(lease) = Lease::read(data) {
            lease.say(relay, events);
        }
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// The client's message inside those of relays, and the address of the client's link or peer
/// as the innermost relay saw it.
fn unwrap_relays(mut data: &[u8]) -> (&[u8], Option<Ipv6Addr>) {
    let mut peer = None;
    for _ in 0..RELAYS_MAX {
        if !matches!(data.first(), Some(12 | 13)) {
            break;
        }
        let mut reader = Reader::new(data);
        let address = reader
            .skip(18)
            .and_then(|()| reader.take(16))
            .and_then(|octets| octets.first_chunk::<16>().copied());
        let Some(address) = address else { break };
        peer = Some(Ipv6Addr::from(address));
        let mut inner = None;
        while let (Some(code), Some(value)) = (reader.u16(), reader.bytes16()) {
            // The relay message option.
            if code == 9 {
                inner = Some(value);
            }
        }
        let Some(inner) = inner else { break };
        data = inner;
    }
    (data, peer)
}

/// What a client's message, or the answer to one, says.
#[derive(Debug, Default)]
struct Lease<'a> {
    kind: u8,
    id: u32,
    client_duid: &'a [u8],
    server_duid: &'a [u8],
    fqdn: Option<Vec<u8>>,
    vendor: Option<&'a [u8]>,
    addresses: Vec<Ipv6Addr>,
    dns_servers: Vec<Ipv6Addr>,
    domain: Option<Vec<u8>>,
    status: Option<u16>,
    params: Vec<u16>,
}

impl<'a> Lease<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let mut lease = Lease {
            kind: reader.u8()?,
            id: reader.u24()?,
            ..Self::default()
        };
        while let (Some(code), Some(value)) = (reader.u16(), reader.bytes16()) {
            match code {
                1 => lease.client_duid = value,
                2 => lease.server_duid = value,
                // Identity associations, for addresses and for temporary ones.
                3 => lease.association(value.get(12..).unwrap_or_default()),
                4 => lease.association(value.get(4..).unwrap_or_default()),
                6 => {
                    lease.params = value
                        .chunks_exact(2)
                        .take(128)
                        .filter_map(|code| u16_at(code, 0))
                        .collect();
                }
                13 => lease.status = u16_at(value, 0),
                // Enterprise number, then texts with their lengths.
                16 => lease.vendor = value.get(4..).and_then(|rest| Reader::new(rest).bytes16()),
                23 => lease.dns_servers = addresses(value).take(LIST_MAX).collect(),
                24 => lease.domain = dns::plain_name(value),
                39 => lease.fqdn = value.get(1..).and_then(dns::plain_name),
                _ => {}
            }
        }
        Some(lease)
    }

    /// Addresses in an identity association (RFC 8415, section 21.6).
    fn association(&mut self, options: &[u8]) {
        let mut reader = Reader::new(options);
        while let (Some(code), Some(value)) = (reader.u16(), reader.bytes16()) {
            if code == 5 && self.addresses.len() < LIST_MAX {
                self.addresses.extend(addresses(value).take(1));
            }
        }
    }

    fn say(&self, relay: Option<Ipv6Addr>, events: &mut dyn Events) {
        let from_client = !matches!(self.kind, 2 | 7 | 10);
        let mac = duid_mac(self.client_duid);
        let mut fingerprint = String::new();
        for code in &self.params {
            if !fingerprint.is_empty() {
                fingerprint.push(',');
            }
            let _ = write!(fingerprint, "{code}");
        }
        if events.wants(Interest::DEVICES) {
            // A reply says which address is the client's; a client's own message comes from its
            // link-local one, unless a relay passed it on.
            let granted = self.addresses.first().filter(|_| self.kind == 7).copied();
            let address = match (from_client, relay) {
                (true, None) => None,
                (true, Some(peer)) => Some(IpAddr::V6(peer)),
                (false, _) => Some(IpAddr::V6(granted.unwrap_or(Ipv6Addr::UNSPECIFIED))),
            };
            if from_client || granted.is_some() {
                events.event(Event::Device(Device {
                    address,
                    mac,
                    hostname: self.fqdn.as_deref(),
                    vendor: self.vendor.filter(|_| from_client),
                    fingerprint: (from_client && !fingerprint.is_empty()).then_some(&fingerprint),
                    ..Device::new(DeviceSource::Dhcp)
                }));
            }
        }
        if events.wants(Interest::MESSAGES) {
            self.say_message(mac, &fingerprint, events);
        }
    }

    fn say_message(&self, mac: Option<MacAddr>, fingerprint: &str, events: &mut dyn Events) {
        let kind = KINDS.get(usize::from(self.kind)).copied();
        let kind = kind.filter(|kind| !kind.is_empty()).unwrap_or("other");
        let mac = mac.map(|mac| mac.to_string()).unwrap_or_default();
        let texts: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        let assigned: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
        let texts: Vec<String> = self.dns_servers.iter().map(ToString::to_string).collect();
        let dns_servers: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
        let mut fields: Vec<(&'static str, Value<'_>)> =
            vec![("id", Value::Number(self.id.into()))];
        if !mac.is_empty() {
            fields.push(("client_mac", Value::Word(&mac)));
        }
        for (name, duid) in [
            ("client_duid", self.client_duid),
            ("server_duid", self.server_duid),
        ] {
            if !duid.is_empty() {
                fields.push((name, Value::Bytes(duid)));
            }
        }
        for (name, text) in [
            ("client_fqdn", self.fqdn.as_deref()),
            ("domain", self.domain.as_deref()),
            ("vendor_class", self.vendor),
        ] {
            if let Some(text) = text {
                fields.push((name, Value::Text(text)));
            }
        }
        if !assigned.is_empty() {
            fields.push(("addresses", Value::List(&assigned)));
        }
        if !dns_servers.is_empty() {
            fields.push(("dns_servers", Value::List(&dns_servers)));
        }
        if let Some(status) = self.status {
            fields.push(("status", Value::Number(status.into())));
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

fn addresses(value: &[u8]) -> impl Iterator<Item = Ipv6Addr> {
    // An address of an association has lifetimes and options behind it: only whole ones count.
    value
        .chunks_exact(16)
        .filter_map(|octets| Some(Ipv6Addr::from(*octets.first_chunk::<16>()?)))
}

/// The hardware address in a DUID of type 1 (link layer and time) or 3 (link layer; RFC 8415,
/// section 11).
fn duid_mac(duid: &[u8]) -> Option<MacAddr> {
    let at = match (u16_at(duid, 0)?, u16_at(duid, 2)?) {
        (1, 1) => 8,
        (3, 1) => 4,
        _ => return None,
    };
    let mac: [u8; 6] = duid.get(at..)?.try_into().ok()?;
    Some(MacAddr(mac))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::app::trial::{Said, datagrams, exchange, probe as of};

    fn option(code: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = code.to_be_bytes().to_vec();
        bytes.extend_from_slice(&(value.len() as u16).to_be_bytes());
        bytes.extend_from_slice(value);
        bytes
    }

    fn solicit() -> Vec<u8> {
        [
            vec![1, 0, 0, 9],
            option(1, &[0, 1, 0, 1, 1, 2, 3, 4, 2, 0, 0, 0, 0, 1]),
            option(16, b"\x00\x00\x01\x37\x00\x08MSFT 5.0"),
            option(39, b"\x00\x06laptop\x04test"),
            option(6, &[0, 23, 0, 24]),
        ]
        .concat()
    }

    #[test]
    fn a_client_asks() {
        let bytes = solicit();
        let guess = |ports| (DETECTOR.probe)(&of(&bytes, false, true, ports));
        assert_eq!(guess((546, 547)), Guess::Certain);
        assert_eq!(guess((1000, 1001)), Guess::No);
        let said = exchange(&DETECTOR, &[(true, &bytes)]);
        for fact in [
            "solicit: id=9 client_mac=02:00:00:00:00:01",
            "client_fqdn=laptop.test vendor_class=MSFT 5.0 params=23,24",
            "address: None",
        ] {
            assert!(said.has(fact), "{fact}: {said:?}");
        }
    }

    #[test]
    fn a_relayed_reply() {
        let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);
        let mut association = vec![0; 12];
        association.extend_from_slice(&option(5, &[&address.octets()[..], &[0; 8]].concat()));
        let reply = [
            vec![7, 0, 0, 9],
            option(1, &[0, 3, 0, 1, 2, 0, 0, 0, 0, 1]),
            option(3, &association),
        ]
        .concat();
        let mut relayed = vec![13, 0];
        relayed.resize(34, 1);
        relayed.extend_from_slice(&option(9, &reply));
        let said = exchange(&DETECTOR, &[(false, &relayed)]);
        assert!(
            said.has("reply: id=9 client_mac=02:00:00:00:00:01"),
            "{said:?}"
        );
        assert!(said.has("addresses=[2001:db8::7]"), "{said:?}");
        assert!(said.has("address: Some(2001:db8::7)"), "{said:?}");
    }

    proptest! {
        #[test]
        fn any_bytes(tail: Vec<u8>, cut in 0_usize..100) {
            let bytes = [solicit(), tail.clone()].concat();
            let bytes = bytes.get(..cut).unwrap_or(&bytes);
            let _ = (DETECTOR.probe)(&of(bytes, false, true, (546, 547)));
            let mut said = Said::default();
            datagrams(&mut Dhcpv6, [(true, bytes), (false, &tail)], &mut said);
        }
    }
}
