//! DNS (RFC 1035), and what uses the form of its messages: mDNS (RFC 6762), LLMNR (RFC 4795) and
//! the NetBIOS name service (RFC 1002).
//!
//! [`Message::parse`] reads a message without any state; the detectors read flows of them, over
//! UDP and TCP, and say each message ([`Event::Dns`](super::Event::Dns)), what devices tell of
//! themselves, and what looks wrong. [`learn`] takes the addresses of names out of a response.

mod devices;
#[cfg(test)]
mod hostile_tests;
mod learn;
mod line;
mod name;
mod netbios;
mod number;
mod parse;
mod parser;
mod probe;
#[cfg(test)]
mod tests;
mod text;

use std::net::{IpAddr, Ipv4Addr};

use netloom_packet::MacAddr;

use super::{Category, Detector, Over, Protocol};

pub use learn::{is_response, learn, learn_from};
pub use line::record_line;
pub(crate) use name::plain_name;
pub use name::{Name, reverse_address};
pub use netbios::{NetbiosName, netbios_base};
pub use number::{known_type, opcode_name, qclass_name, qtype_name, rcode_name, rtype};
pub use probe::is_message;
pub use text::{answer_text, update_text};

/// DNS.
pub static PROTOCOL: Protocol = Protocol {
    name: "dns",
    title: "DNS",
    category: Category::Network,
};

/// Multicast DNS.
pub static MDNS: Protocol = Protocol {
    name: "mdns",
    title: "mDNS",
    category: Category::Network,
};

/// Link-local multicast name resolution.
pub static LLMNR: Protocol = Protocol {
    name: "llmnr",
    title: "LLMNR",
    category: Category::Network,
};

/// NetBIOS name service.
pub static NBNS: Protocol = Protocol {
    name: "nbns",
    title: "NetBIOS Name Service",
    category: Category::Network,
};

/// DNSCrypt: its certificates are asked for in DNS messages.
pub static DNSCRYPT: Protocol = Protocol {
    name: "dnscrypt",
    title: "DNSCrypt",
    category: Category::Network,
};

/// What the names under which DNSCrypt's certificates are found start with.
const CERTIFICATES: &[u8] = b"2.dnscrypt-cert.";

/// Recognises DNS.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[53],
    probe: probe::dns,
    parser: Some(parser::dns),
};

/// Recognises mDNS, by its port: the messages alone do not tell it from DNS.
pub static MDNS_DETECTOR: Detector = Detector {
    protocol: &MDNS,
    over: Over::Udp,
    ports: &[5353],
    probe: probe::mdns,
    parser: Some(parser::mdns),
};

/// Recognises LLMNR, by its port: the messages alone do not tell it from DNS.
pub static LLMNR_DETECTOR: Detector = Detector {
    protocol: &LLMNR,
    over: Over::Both,
    ports: &[5355],
    probe: probe::llmnr,
    parser: Some(parser::llmnr),
};

/// Recognises the NetBIOS name service.
pub static NBNS_DETECTOR: Detector = Detector {
    protocol: &NBNS,
    over: Over::Udp,
    ports: &[137],
    probe: probe::nbns,
    parser: Some(parser::nbns),
};

/// A message. Names are in text form without the final dot, labels as sent (no case folding), bytes that
/// are no printable ASCII as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Message<'a> {
    /// Which protocol it is: `dns`, `mdns`, `llmnr`, `nbns`.
    pub service: &'static str,
    /// Transaction identifier.
    pub id: u16,
    /// The second 16 bits of the header: QR, OPCODE, AA, TC, RD, RA, Z, AD, CD, RCODE.
    pub flags: u16,
    /// Questions, at most 64 kept.
    pub questions: Vec<Question>,
    /// Answer records, at most 256 kept.
    pub answers: Vec<Record<'a>>,
    /// Authority records, at most 64 kept.
    pub authorities: Vec<Record<'a>>,
    /// Additional records, at most 64 kept.
    pub additionals: Vec<Record<'a>>,
    /// Bytes of the message on the wire.
    pub len: usize,
    /// Bytes of it that were captured: what it says is made of no more.
    pub captured: usize,
    /// Whether the bytes ended before the records that the header counts.
    pub truncated: bool,
    /// Whether a name made no sense: what comes behind it could not be read.
    pub malformed: bool,
    /// Bytes behind the last record.
    pub excess: usize,
    /// The first OPT record.
    pub edns: Option<Edns>,
}

impl Message<'_> {
    /// Whether it is a response.
    pub const fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// Response code, the extended one (RFC 6891) not included.
    pub const fn rcode(&self) -> u8 {
        (self.flags & 15) as u8
    }

    /// Response code with the upper bits that EDNS adds (RFC 6891, section 6.1.3).
    pub fn extended_rcode(&self) -> u16 {
        let upper = self.edns.map_or(0, |edns| edns.extended_rcode);
        u16::from(upper) << 4 | self.flags & 15
    }

    /// Kind of query.
    pub const fn opcode(&self) -> u8 {
        (self.flags >> 11 & 15) as u8
    }
}

/// What an OPT record says (RFC 6891).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edns {
    /// Longest UDP payload that the sender can take, bytes.
    pub payload_size: u16,
    /// Upper 8 bits of the response code.
    pub extended_rcode: u8,
    /// Version.
    pub version: u8,
    /// DO: DNSSEC records are welcome.
    pub dnssec_ok: bool,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Question {
    /// Name asked for.
    pub name: Name,
    /// Type (QTYPE).
    pub qtype: u16,
    /// Class (QCLASS), the mDNS unicast bit included.
    pub qclass: u16,
}

/// A resource record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Owner.
    pub name: Name,
    /// Type.
    pub rtype: u16,
    /// Class, the mDNS cache-flush bit included.
    pub class: u16,
    /// Time to live, seconds.
    pub ttl: u32,
    /// What it says.
    pub data: Data<'a>,
}

/// The data of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Data<'a> {
    /// A, AAAA.
    Address(IpAddr),
    /// NS, CNAME, PTR, DNAME, MB, MG, MR.
    Name(Name),
    /// MX: preference, exchange.
    Mx(u16, Name),
    /// SRV: priority, weight, port, target.
    Srv(u16, u16, u16, Name),
    /// TXT, SPF: its strings.
    Txt(Vec<&'a [u8]>),
    /// SOA: (primary name server, mailbox); serial, refresh, retry, expire, minimum (as far as they
    /// are there, else 0).
    Soa(Box<(Name, Name)>, [u32; 5]),
    /// RRSIG: type covered, signer.
    Rrsig(u16, Name),
    /// NSEC: the next name.
    Nsec(Name),
    /// SVCB, HTTPS.
    ServiceBinding(Box<ServiceBinding<'a>>),
    /// NB (NBNS): flags (0x8000: a group) and address of each owner.
    Nb(Vec<(u16, Ipv4Addr)>),
    /// NBSTAT (NBNS): the names of a node with their flags (0x8000: a group), and its hardware
    /// address where it says one.
    NodeStatus(Vec<(NetbiosName, u16)>, Option<MacAddr>),
    /// Anything else, as sent.
    Other(&'a [u8]),
}

/// A service binding (RFC 9460).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ServiceBinding<'a> {
    /// Priority; 0 is an alias.
    pub priority: u16,
    /// The name where the service is; empty for the owner.
    pub target: Name,
    /// Protocols that it speaks.
    pub alpn: Vec<&'a [u8]>,
    /// Its port, where it is not the service's own.
    pub port: Option<u16>,
    /// Addresses to try (`ipv4hint`, `ipv6hint`).
    pub hints: Vec<IpAddr>,
    /// Whether it has a configuration for Encrypted ClientHello.
    pub ech: bool,
}
