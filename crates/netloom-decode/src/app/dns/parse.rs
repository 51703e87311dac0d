//! Bytes to [`Message`].

use std::net::{Ipv4Addr, Ipv6Addr};

use netloom_packet::MacAddr;

use super::name::{self, Broken, Name, Text};
use super::netbios::{self, NetbiosName};
use super::number::rtype;
use super::{Data, Edns, Message, Question, Record, ServiceBinding};
use crate::app::wire::{Reader, u16_at, u32_at};

/// Bytes of the header.
pub(super) const HEADER_LEN: usize = 12;
/// Fewest bytes of a record: the root's name, type, class, time to live, length.
const RECORD_MIN: usize = 11;
/// Fewest bytes of a question.
const QUESTION_MIN: usize = 5;

pub(super) const QUESTIONS_MAX: usize = 64;
pub(super) const ANSWERS_MAX: usize = 256;
pub(super) const OTHERS_MAX: usize = 64;
/// Strings of a TXT record, addresses of an NB record, names of a node status, values of a
/// service binding that are kept.
const LIST_MAX: usize = 64;

/// The counts of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) questions: u16,
    pub(super) answers: u16,
    pub(super) authorities: u16,
    pub(super) additionals: u16,
}

impl Counts {
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        Some(Self {
            questions: u16_at(data, 4)?,
            answers: u16_at(data, 6)?,
            authorities: u16_at(data, 8)?,
            additionals: u16_at(data, 10)?,
        })
    }

    /// Bytes that so many questions and records take at least, with the header.
    pub(super) fn least_bytes(self) -> usize {
        let records = usize::from(self.answers)
            + usize::from(self.authorities)
            + usize::from(self.additionals);
        HEADER_LEN + usize::from(self.questions) * QUESTION_MIN + records * RECORD_MIN
    }
}

impl<'a> Message<'a> {
    /// Reads a message of `service` (`dns`, `mdns`, `llmnr`, `nbns`), as far as it goes; `None`
    /// where not even its header is there. `len` is how long it was on the wire.
    ///
    /// Questions and records up to the first that makes no sense are in the result;
    /// [`truncated`](Self::truncated) and [`malformed`](Self::malformed) say what ended it.
    pub fn parse(data: &'a [u8], len: usize, service: &'static str) -> Option<Self> {
        let counts = Counts::read(data)?;
        let mut message = Self {
            service,
            id: u16_at(data, 0)?,
            flags: u16_at(data, 2)?,
            len,
            captured: data.len(),
            ..Self::default()
        };
        let mut cursor = Cursor {
            data,
            at: HEADER_LEN,
            nbns: service == "nbns",
            text: Text::new(),
        };
        match cursor.sections(counts, &mut message) {
            Ok(()) => message.excess = len.max(data.len()).saturating_sub(cursor.at),
            Err(Broken::Cut) => message.truncated = true,
            Err(Broken::Malformed) => message.malformed = true,
        }
        Some(message)
    }
}

/// Walks through a message.
struct Cursor<'a> {
    data: &'a [u8],
    at: usize,
    nbns: bool,
    /// The name that was read last.
    text: Text,
}

impl<'a> Cursor<'a> {
    fn sections(&mut self, counts: Counts, message: &mut Message<'a>) -> Result<(), Broken> {
        message.questions.reserve_exact(
            QUESTIONS_MAX
                .min(counts.questions.into())
                .min(self.data.len() / 16 + 1),
        );
        for number in 0..usize::from(counts.questions) {
            if number < QUESTIONS_MAX {
                let question = self.question()?;
                message.questions.push(question);
            } else {
                self.at = name::end(self.data, self.at)?;
                let _type_and_class: &[u8; 4] = self.fields()?;
            }
        }
        let sections = [
            (counts.answers, ANSWERS_MAX, &mut message.answers),
            (counts.authorities, OTHERS_MAX, &mut message.authorities),
            (counts.additionals, OTHERS_MAX, &mut message.additionals),
        ];
        for (count, max, records) in sections {
            let room = self.data.len().saturating_sub(self.at) / RECORD_MIN;
            records.reserve_exact(max.min(count.into()).min(room));
            for number in 0..usize::from(count) {
                if number < max {
                    let record = self.record()?;
                    if record.rtype == rtype::OPT && !self.nbns {
                        message.edns = message.edns.or_else(|| Some(edns(&record)));
                    }
                    records.push(record);
                } else {
                    self.at = skip_record(self.data, self.at)?;
                }
            }
        }
        Ok(())
    }

    fn name(&mut self) -> Result<Name, Broken> {
        self.at = self.text.read(self.data, self.at)?;
        let text = self.text.bytes();
        let netbios = self.nbns.then(|| netbios::decode_name(text));
        Ok(match netbios.flatten() {
            Some(name) => Name::from(&name[..]),
            None => Name::from(text),
        })
    }

    /// Fields of fixed size.
    fn fields<const LEN: usize>(&mut self) -> Result<&'a [u8; LEN], Broken> {
        let rest = self.data.get(self.at..).unwrap_or_default();
        let fields = rest.first_chunk().ok_or(Broken::Cut)?;
        self.at += LEN;
        Ok(fields)
    }

    fn question(&mut self) -> Result<Question, Broken> {
        let name = self.name()?;
        let &[t1, t0, c1, c0] = self.fields()?;
        Ok(Question {
            name,
            qtype: u16::from_be_bytes([t1, t0]),
            qclass: u16::from_be_bytes([c1, c0]),
        })
    }

    fn record(&mut self) -> Result<Record<'a>, Broken> {
        let name = self.name()?;
        let &[t1, t0, c1, c0, s3, s2, s1, s0, l1, l0] = self.fields()?;
        let rtype = u16::from_be_bytes([t1, t0]);
        let length = usize::from(u16::from_be_bytes([l1, l0]));
        let start = self.at;
        let bytes = self.data.get(start..start + length).ok_or(Broken::Cut)?;
        let data = self.record_data(rtype, start, bytes);
        self.at = start + length;
        Ok(Record {
            name,
            rtype,
            class: u16::from_be_bytes([c1, c0]),
            ttl: u32::from_be_bytes([s3, s2, s1, s0]),
            data: data.unwrap_or(Data::Other(bytes)),
        })
    }

    /// The data of a record; `None` where it is not what its type says.
    fn record_data(&mut self, rtype: u16, start: usize, bytes: &'a [u8]) -> Option<Data<'a>> {
        // Names may point anywhere before them, but have to end with the data.
        let mut name_at = |skip: usize| {
            let end = self.text.read(self.data, start + skip).ok()?;
            (end <= start + bytes.len()).then(|| (Name::from(self.text.bytes()), end))
        };
        match rtype {
            rtype::A => {
                let octets: [u8; 4] = bytes.try_into().ok()?;
                Some(Data::Address(Ipv4Addr::from(octets).into()))
            }
            rtype::AAAA => {
                let octets: [u8; 16] = bytes.try_into().ok()?;
                Some(Data::Address(Ipv6Addr::from(octets).into()))
            }
            rtype::NB if self.nbns => Some(Data::Nb(nb(bytes))),
            rtype::SRV if self.nbns => node_status(bytes),
            rtype::NS
            | rtype::CNAME
            | rtype::PTR
            | rtype::DNAME
            | rtype::MB
            | rtype::MG
            | rtype::MR => Some(Data::Name(name_at(0)?.0)),
            rtype::MX => Some(Data::Mx(u16_at(bytes, 0)?, name_at(2)?.0)),
            rtype::SRV => Some(Data::Srv(
                u16_at(bytes, 0)?,
                u16_at(bytes, 2)?,
                u16_at(bytes, 4)?,
                name_at(6)?.0,
            )),
            rtype::TXT | rtype::SPF => {
                let mut reader = Reader::new(bytes);
                // Each is a few words at least, as a rule.
                let mut strings = Vec::with_capacity((bytes.len() / 16 + 1).min(LIST_MAX));
                while strings.len() < LIST_MAX && !reader.is_empty() {
                    strings.push(reader.bytes8()?);
                }
                Some(Data::Txt(strings))
            }
            rtype::SOA => {
                let (primary, end) = name_at(0)?;
                let (mailbox, end) = name_at(end - start)?;
                let mut numbers = [0; 5];
                for (number, at) in numbers.iter_mut().zip((end - start..).step_by(4)) {
                    *number = u32_at(bytes, at).unwrap_or(0);
                }
                Some(Data::Soa(Box::new((primary, mailbox)), numbers))
            }
            rtype::RRSIG => Some(Data::Rrsig(u16_at(bytes, 0)?, name_at(18)?.0)),
            rtype::NSEC => Some(Data::Nsec(name_at(0)?.0)),
            rtype::SVCB | rtype::HTTPS => {
                let (target, end) = name_at(2)?;
                service_binding(u16_at(bytes, 0)?, target, bytes.get(end - start..)?)
                    .map(Data::ServiceBinding)
            }
            _ => None,
        }
    }
}

/// Passes over a record that is not kept, its name's labels are not even looked at: the place
/// behind it.
pub(super) fn skip_record(data: &[u8], mut at: usize) -> Result<usize, Broken> {
    loop {
        match *data.get(at).ok_or(Broken::Cut)? {
            0 => {
                at += 1;
                break;
            }
            length @ 1..=0x3f => at += 1 + usize::from(length),
            0xc0.. => {
                at += 2;
                break;
            }
            _ => return Err(Broken::Malformed),
        }
    }
    // Type, class, time to live.
    at += 8;
    let length = u16_at(data, at).ok_or(Broken::Cut)?;
    at += 2 + usize::from(length);
    if at > data.len() {
        return Err(Broken::Cut);
    }
    Ok(at)
}

/// What an OPT record says (RFC 6891, section 6.1.3).
fn edns(record: &Record<'_>) -> Edns {
    Edns {
        payload_size: record.class,
        extended_rcode: (record.ttl >> 24) as u8,
        version: (record.ttl >> 16) as u8,
        dnssec_ok: record.ttl & 0x8000 != 0,
    }
}

/// Flags and addresses of an NB record (RFC 1002, section 4.2.13).
fn nb(bytes: &[u8]) -> Vec<(u16, Ipv4Addr)> {
    bytes
        .chunks_exact(6)
        .take(LIST_MAX)
        .filter_map(|chunk| {
            let &[high, low, a, b, c, d] = chunk else {
                return None;
            };
            Some((u16::from_be_bytes([high, low]), Ipv4Addr::new(a, b, c, d)))
        })
        .collect()
}

/// A node status response (RFC 1002, section 4.2.18): names with their flags, and the
/// hardware address.
fn node_status<'a>(bytes: &[u8]) -> Option<Data<'a>> {
    let mut reader = Reader::new(bytes);
    let count = reader.u8()?;
    let mut names = Vec::new();
    for _ in 0..count {
        let name: [u8; 16] = reader.take(16)?.try_into().ok()?;
        let flags = reader.u16()?;
        if names.len() < LIST_MAX {
            names.push((NetbiosName::from_bytes(name), flags));
        }
    }
    let mac: Option<[u8; 6]> = reader.take(6).and_then(|mac| mac.try_into().ok());
    Some(Data::NodeStatus(
        names,
        mac.filter(|mac| mac != &[0; 6]).map(MacAddr),
    ))
}

/// Parameters of a service binding (RFC 9460, section 2.2).
pub(super) fn service_binding(
    priority: u16,
    target: Name,
    bytes: &[u8],
) -> Option<Box<ServiceBinding<'_>>> {
    let mut reader = Reader::new(bytes);
    let mut binding = ServiceBinding {
        priority,
        target,
        ..ServiceBinding::default()
    };
    while !reader.is_empty() {
        let key = reader.u16()?;
        let mut value = Reader::new(reader.bytes16()?);
        match key {
            1 => {
                while binding.alpn.len() < LIST_MAX && !value.is_empty() {
                    binding.alpn.push(value.bytes8()?);
                }
            }
            3 => binding.port = value.u16(),
            4 => {
                while let Some(octets) = value.u32().filter(|_| binding.hints.len() < LIST_MAX) {
                    binding.hints.push(Ipv4Addr::from(octets).into());
                }
            }
            5 => binding.ech = true,
            6 => {
                while let Some(octets) = value.take(16).filter(|_| binding.hints.len() < LIST_MAX) {
                    let octets: [u8; 16] = octets.try_into().ok()?;
                    binding.hints.push(Ipv6Addr::from(octets).into());
                }
            }
            _ => {}
        }
    }
    Some(Box::new(binding))
}
