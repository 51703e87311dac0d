//! IKE and the ISAKMP of its first version (RFC 2408, RFC 2409, RFC 7296): who sets up IPsec with which
//! algorithms, as far as it is in clear. On port 4500 its messages stand behind four zero bytes, among
//! encapsulated packets (RFC 3948).

mod names;

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use self::names::{
    Kind, auth_method, exchange, group, notify, payload, transform, v1_encryption, v1_hash, vendor,
};
use super::support::say;
use super::wire::{Reader, u16_at, u32_at, zeros};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Value, text,
};

/// IPsec, of which IKE is what can be read.
pub static PROTOCOL: Protocol = Protocol {
    name: "ipsec",
    title: "IPsec (IKE)",
    category: Category::Vpn,
};

/// Recognised by header fields that fit one another and the datagram; ESP in UDP by numbers that count up.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[500, 4500],
    probe,
    parser: Some(|| Box::<Ike>::default()),
};

const HEADER: usize = 28;
/// Messages of a flow that are told.
const MESSAGES_MAX: u32 = 64;
/// Entries of a list that are kept.
const LIST_MAX: usize = 16;
/// Payloads, proposals, transforms and attributes that are looked at in a message, all together.
const STEPS_MAX: usize = 512;
/// Longest text of one entry.
const TEXT_MAX: usize = 256;

/// Flags of the second version: the sender set up the connection; it is an answer.
const INITIATOR: u8 = 0x08;
const RESPONSE: u8 = 0x20;
/// Flag of the first version: what follows is encrypted.
const ENCRYPTED: u8 = 0x01;

/// Two cookies, next payload, version, exchange, flags, message, length; behind four zeros on
/// port 4500, where other packets are ESP.
fn probe(probe: &Probe<'_>) -> Guess {
    let mut data = probe.data;
    let mut whole = probe.wire_len.max(data.len());
    if data.get(..4) == Some(&[0; 4]) {
        data = data.get(4..).unwrap_or_default();
        whole -= 4;
    }
    if data.len() >= HEADER {
        let known = match data[17] {
            0x10 => {
                matches!(data[18], 2 | 4 | 5 | 6 | 32 | 33)
                    && data[16] <= 16 | u8::from(data[16] == 20)
                    || matches!(data[18], 2 | 4..=6 | 32..=34)
                        && matches!(data[16], 0..=16 | 20 | 21 | 130..=135)
            }
            0x20 => {
                matches!(data[18], 34..=37 | 38 | 43)
                    && matches!(data[16], 0 | 33..=54)
                    && data[19] & 0xc7 == 0
            }
            _ => false,
        };
        if known
            && !zeros(&data[..8])
            && u32_at(data, 24).map(|length| length as usize) == Some(whole)
        {
            return Guess::Certain;
        }
        if known
            && !zeros(&data[..8])
            && u32_at(data, 24).is_some_and(|length| length as usize >= whole)
            && probe.has_port(500)
        {
            return Guess::Certain;
        }
    }
    if !probe.has_port(4500) {
        return Guess::No;
    }
    // ESP: an index above 255, numbers that count up.
    match (u32_at(probe.data, 0), u32_at(probe.data, 4)) {
        (Some(256..), Some(number)) if number < 1 << 24 && whole >= 36 => {
            let same = probe.previous.get(..4) == probe.data.get(..4)
                && u32_at(probe.previous, 4)
                    .is_some_and(|last| number > last && number - last < 1024);
            if same { Guess::Certain } else { Guess::Unsure }
        }
        _ => Guess::No,
    }
}

/// What a proposal, and a transform, begins with where another one follows it.
const PROPOSAL: u8 = 2;
const TRANSFORM: u8 = 3;

/// Proposals or transforms one behind another, each with its header: `more` where one follows, and its
/// length, are at its beginning in both versions. One without a length ends them.
fn parts(data: &[u8], more: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let data = rest?;
        let length = usize::from(u16_at(data, 2)?);
        let follows = data.first() == Some(&more) && length > 0;
        rest = data.get(length..).filter(|_| follows);
        data.get(..length.min(data.len()))
    })
}

/// The transforms of a proposal: behind the SPI whose length it says.
fn transforms_of(proposal: &[u8]) -> &[u8] {
    let spi = proposal.get(6).copied().map_or(0, usize::from);
    proposal.get(8 + spi..).unwrap_or_default()
}

/// Reads the messages of a flow.
#[derive(Debug, Default)]
struct Ike {
    messages: u32,
}

/// What the payloads of a message say.
#[derive(Debug, Default)]
struct Said {
    payloads: Vec<&'static str>,
    /// What is offered, or was chosen: algorithms of a proposal (of the first version: of a transform).
    proposals: Vec<String>,
    auth_methods: Vec<&'static str>,
    notify: Vec<String>,
    vendors: Vec<String>,
    identity: Option<(&'static str, String)>,
    encrypted: bool,
    /// Steps that are left.
    steps: usize,
}

impl Said {
    fn step(&mut self) -> bool {
        self.steps = self.steps.saturating_sub(1);
        self.steps > 0
    }

    /// The payloads from `first` on.
    fn payloads(&mut self, first: u8, body: &[u8], v1: bool) {
        let mut next = first;
        let mut rest = body;
        while next != 0 && self.step() {
            let Some(name) = payload(next, v1) else {
                return;
            };
            if self.payloads.len() < LIST_MAX {
                self.payloads.push(name);
            }
            let Some(length) = u16_at(rest, 2).map(usize::from) else {
                return;
            };
            let (Some(&after), Some(content)) = (rest.first(), rest.get(4..length.min(rest.len())))
            else {
                return;
            };
            match (name, v1) {
                ("SA", true) => self.v1_proposals(content.get(8..).unwrap_or_default()),
                ("SA", false) => self.v2_proposals(content),
                ("N", _) => self.notification(content, v1),
                ("VID", _) => self.vendor(content),
                ("ID" | "IDi" | "IDr", true) => self.identification(content),
                ("SK" | "SKF", _) => {
                    // The payload names what is encrypted in it.
                    self.encrypted = true;
                    return;
                }
                _ => {}
            }
            next = after;
            let Some(behind) = rest.get(length..) else {
                return;
            };
            rest = behind;
        }
    }

    /// Proposals of the first version: each of their transforms is a choice (RFC 2408, sections 3.5, 3.6).
    fn v1_proposals(&mut self, proposals: &[u8]) {
        for proposal in parts(proposals, PROPOSAL) {
            for transform in parts(transforms_of(proposal), TRANSFORM) {
                let Some(attributes) = transform.get(8..).filter(|_| self.step()) else {
                    break;
                };
                // Of ISAKMP itself; not of what it sets up.
                if proposal.get(5) == Some(&1) {
                    self.v1_transform(attributes);
                }
            }
            if !self.step() {
                break;
            }
        }
    }

    /// Attributes of a transform (RFC 2409, appendix A).
    fn v1_transform(&mut self, attributes: &[u8]) {
        let mut parts = [const { String::new() }; 3];
        let mut key_length = None;
        let mut reader = Reader::new(attributes);
        while let (Some(kind), Some(value)) = (reader.u16(), reader.u16())
            && self.step()
        {
            if kind & 0x8000 == 0 {
                // The value is a length, and what it is comes behind.
                if reader.skip(value.into()).is_none() {
                    break;
                }
                continue;
            }
            match kind & 0x7fff {
                1 => parts[0] = v1_encryption(value),
                2 => parts[1] = v1_hash(value),
                3 => {
                    let method = auth_method(value);
                    if self.auth_methods.len() < LIST_MAX && !self.auth_methods.contains(&method) {
                        self.auth_methods.push(method);
                    }
                }
                4 => parts[2] = group(value),
                14 => key_length = Some(value),
                _ => {}
            }
        }
        if let Some(bits) = key_length.filter(|_| !parts[0].is_empty()) {
            let _ = write!(parts[0], "_{bits}");
        }
        let known: Vec<&str> = parts
            .iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        self.add_proposal(known.join("/"));
    }

    /// Proposals of the second version: alternatives of each kind of algorithm (RFC 7296, section 3.3).
    fn v2_proposals(&mut self, proposals: &[u8]) {
        for proposal in parts(proposals, PROPOSAL) {
            let mut algorithms: Vec<(Kind, String)> = Vec::new();
            for one in parts(transforms_of(proposal), TRANSFORM) {
                let (Some(&kind), Some(id)) = (one.get(4), u16_at(one, 6)) else {
                    break;
                };
                if algorithms.len() >= LIST_MAX || !self.step() {
                    break;
                }
                if let Some((kind, mut name)) = transform(kind, id) {
                    // The only attribute there is: the key's length in bits.
                    if one.get(8..10) == Some(&[0x80, 14])
                        && let Some(bits) = u16_at(one, 10)
                    {
                        let _ = write!(name, "_{bits}");
                    }
                    algorithms.push((kind, name));
                }
            }
            algorithms.sort_by_key(|(kind, _)| *kind);
            let names: Vec<&str> = algorithms.iter().map(|(_, name)| name.as_str()).collect();
            self.add_proposal(names.join("/"));
            if !self.step() {
                break;
            }
        }
    }

    fn add_proposal(&mut self, proposal: String) {
        if !proposal.is_empty()
            && self.proposals.len() < LIST_MAX
            && !self.proposals.contains(&proposal)
        {
            self.proposals.push(proposal);
        }
    }

    fn notification(&mut self, content: &[u8], v1: bool) {
        // A domain of interpretation stands in front in the first version.
        let kind = u16_at(content, if v1 { 6 } else { 2 });
        if let Some(kind) = kind
            && self.notify.len() < LIST_MAX
        {
            self.notify.push(notify(kind, v1));
        }
    }

    fn vendor(&mut self, content: &[u8]) {
        if self.vendors.len() < LIST_MAX && !content.is_empty() {
            let known = vendor(content).map(str::to_owned);
            let shown = content.get(..TEXT_MAX / 2).unwrap_or(content);
            self.vendors.push(known.unwrap_or_else(|| text::hex(shown)));
        }
    }

    /// Who a side says it is (RFC 2407, section 4.6.2).
    fn identification(&mut self, content: &[u8]) {
        let data = content.get(4..).unwrap_or_default();
        let address = || match data.len() {
            4 => data
                .first_chunk()
                .map(|bytes: &[u8; 4]| IpAddr::V4(Ipv4Addr::from(*bytes))),
            16 => data
                .first_chunk()
                .map(|bytes: &[u8; 16]| IpAddr::V6(Ipv6Addr::from(*bytes))),
            _ => None,
        };
        let shown = data.get(..TEXT_MAX).unwrap_or(data);
        let words = || text::display(shown).into_owned();
        let identity = match content.first() {
            Some(1 | 5) => address().map(|address| ("address", address.to_string())),
            Some(2) => Some(("fqdn", words())),
            Some(3) => Some(("user_fqdn", words())),
            Some(11) => Some(("key_id", words())),
            _ => None,
        };
        if self.identity.is_none() {
            self.identity = identity.filter(|(_, text)| !text.is_empty());
        }
    }
}

impl Parser for Ike {
    fn datagram(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        // Behind a marker on port 4500; what has none there is ESP, or one byte that keeps a way open.
        let message = data.strip_prefix(&[0; 4]).unwrap_or(data);
        let (Some(header), Some(body)) = (message.get(..HEADER), message.get(HEADER..)) else {
            return Next::Continue;
        };
        let (first, version, kind, flags) = (header[16], header[17], header[18], header[19]);
        let v1 = version >> 4 == 1;
        let (Some(name), 1 | 2) = (exchange(kind, v1), version >> 4) else {
            return Next::Continue;
        };
        if zeros(&header[..8]) {
            return Next::Continue;
        }
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Next::Done;
        }
        let mut said = Said {
            steps: STEPS_MAX,
            encrypted: v1 && flags & ENCRYPTED != 0,
            ..Said::default()
        };
        if !said.encrypted {
            said.payloads(first, body, v1);
        }
        tell(header, name, &said, events);
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// Tells of a message.
fn tell(header: &[u8], name: &'static str, said: &Said, events: &mut dyn Events) {
    let (version, flags) = (header[17], header[19]);
    let mut fields = vec![
        ("version_major", Value::Number((version >> 4).into())),
        ("version_minor", Value::Number((version & 15).into())),
        ("init_spi", Value::Bytes(&header[..8])),
        ("resp_spi", Value::Bytes(&header[8..16])),
        ("exchange_type", Value::Number(header[18].into())),
        (
            "message_id",
            Value::Number(u32_at(header, 20).unwrap_or_default().into()),
        ),
    ];
    if version >> 4 == 2 {
        let role = match flags & INITIATOR {
            0 => "responder",
            _ => "initiator",
        };
        fields.push(("role", Value::Word(role)));
        fields.push(("response", Value::Flag(flags & RESPONSE != 0)));
    }
    fields.push(("encrypted", Value::Flag(said.encrypted)));
    let lists: [(&'static str, Vec<&[u8]>); 5] = [
        ("payload", bytes_of(&said.payloads)),
        ("proposals", bytes_of(&said.proposals)),
        ("auth_methods", bytes_of(&said.auth_methods)),
        ("notify", bytes_of(&said.notify)),
        ("vendor_ids", bytes_of(&said.vendors)),
    ];
    for (name, texts) in lists.iter().filter(|(_, texts)| !texts.is_empty()) {
        fields.push((name, Value::List(texts)));
    }
    if let Some((kind, text)) = &said.identity {
        fields.push(("id_type", Value::Word(kind)));
        fields.push(("id", Value::Word(text)));
    }
    say(events, name, &fields);
}

fn bytes_of<T: AsRef<str>>(texts: &[T]) -> Vec<&[u8]> {
    texts.iter().map(|text| text.as_ref().as_bytes()).collect()
}

#[cfg(test)]
mod tests;
