//! Addresses of names, from responses.

use std::net::IpAddr;

use super::name::Text;
use super::number::{known_type, rtype};
use super::parse::{ANSWERS_MAX, Counts, HEADER_LEN, OTHERS_MAX, service_binding, skip_record};
use super::{Data, Message, Record, name};
use crate::app::wire::{u16_at, u32_at};

/// Longest chain of aliases that is followed.
const CHAIN_MAX: usize = 16;

/// Whether a datagram looks like a DNS response with answers; wrong for about one in a thousand
/// million random payloads. Only its header and first question are read.
///
/// ```
/// use netloom_decode::app::dns::is_response;
/// assert!(!is_response(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"));
/// ```
pub fn is_response(data: &[u8]) -> bool {
    let (Some(flags), Some(counts)) = (u16_at(data, 2), Counts::read(data)) else {
        return false;
    };
    // QR set; OPCODE, Z and RCODE 0.
    flags & 0xf84f == 0x8000
        && counts.questions == 1
        && counts.answers > 0
        // Room for a datagram that was cut when it was captured.
        && counts.least_bytes() <= data.len().max(1500)
        && question_makes_sense(data)
}

/// Whether there is a question behind the header, of a type and class that exist.
fn question_makes_sense(data: &[u8]) -> bool {
    let Ok(end) = name::end(data, HEADER_LEN) else {
        return false;
    };
    let (Some(qtype), Some(qclass)) = (u16_at(data, end), u16_at(data, end + 2)) else {
        return false;
    };
    known_type(qtype).is_some() && qclass & 0x7fff == 1
}

/// Says which addresses a response gives to the names that were asked for: name, address, time
/// to live in seconds.
///
/// Aliases (CNAME) are followed within the message: the addresses at the chain's end belong to the
/// name that was asked for, and live as long as the shortest-lived record on the way. Addresses
/// that service bindings hint at count too (clients connect to them). Where there is no question
/// (mDNS), each record speaks for the name that owns it.
pub fn learn(message: &Message<'_>, out: &mut dyn FnMut(&[u8], IpAddr, u32)) {
    if !message.is_response() || message.rcode() != 0 || message.service == "nbns" {
        return;
    }
    if message.questions.is_empty() {
        for record in message.answers.iter().chain(&message.additionals) {
            if let Data::Address(address) = record.data
                && !record.name.is_empty()
            {
                out(&record.name, address, record.ttl);
            }
        }
    }
    for question in &message.questions {
        if question.name.is_empty() {
            continue;
        }
        let mut owner: &[u8] = &question.name;
        let mut shortest = u32::MAX;
        for _ in 0..CHAIN_MAX {
            let mut alias: Option<(&[u8], u32)> = None;
            for record in owned(&message.answers, owner) {
                let ttl = shortest.min(record.ttl);
                match &record.data {
                    Data::Address(address) => out(&question.name, *address, ttl),
                    Data::Name(target) if record.rtype == rtype::CNAME => {
                        alias = alias.or(Some((target, ttl)));
                    }
                    Data::ServiceBinding(binding) if binding.target.is_empty() => {
                        for &hint in &binding.hints {
                            out(&question.name, hint, ttl);
                        }
                    }
                    _ => {}
                }
            }
            let Some((target, ttl)) = alias else { break };
            (owner, shortest) = (target, ttl);
        }
    }
}

/// As [`learn`], from the bytes of a message of `service`, without reading more of it than it
/// takes: for who looks into every answer there is.
pub fn learn_from(data: &[u8], service: &'static str, out: &mut dyn FnMut(&[u8], IpAddr, u32)) {
    let (Some(flags), Some(counts)) = (u16_at(data, 2), Counts::read(data)) else {
        return;
    };
    if flags & 0x800f != 0x8000 || service == "nbns" {
        return;
    }
    if counts.questions == 0 {
        let _ = learn_owners(data, counts, out);
        return;
    }
    if counts.questions > 1 {
        if let Some(message) = Message::parse(data, data.len(), service) {
            learn(&message, out);
        }
        return;
    }
    let mut question = Text::new();
    let Ok(end) = question.read(data, HEADER_LEN) else {
        return;
    };
    if question.bytes().is_empty() || data.len() < end + 4 {
        return;
    }
    let answers = Answers {
        data,
        at: end + 4,
        left: usize::from(counts.answers).min(ANSWERS_MAX),
    };
    // Names at these places are the one that is looked for: most records point there.
    let mut known = HEADER_LEN;
    let (mut owner, mut name) = (question, Text::new());
    let mut shortest = u32::MAX;
    for _ in 0..CHAIN_MAX {
        let mut alias: Option<(usize, u32)> = None;
        for answer in answers.clone() {
            if answer.points_to(data) != Some(known)
                && (name.read(data, answer.owner).is_err()
                    || !name.bytes().eq_ignore_ascii_case(owner.bytes()))
            {
                continue;
            }
            let ttl = shortest.min(answer.ttl);
            let bytes = data.get(answer.data..answer.end).unwrap_or_default();
            match answer.rtype {
                rtype::A | rtype::AAAA => {
                    if let Some(address) = answer.address(bytes) {
                        out(question.bytes(), address, ttl);
                    }
                }
                rtype::CNAME
                    if alias.is_none()
                        && name::end(data, answer.data).is_ok_and(|end| end <= answer.end) =>
                {
                    alias = Some((answer.data, ttl));
                }
                rtype::SVCB | rtype::HTTPS => {
                    for hint in answer.hints(data, bytes) {
                        out(question.bytes(), hint, ttl);
                    }
                }
                _ => {}
            }
        }
        let Some((at, ttl)) = alias else { break };
        if owner.read(data, at).is_err() {
            break;
        }
        (known, shortest) = (at, ttl);
    }
}

/// The addresses of a response without a question, each for the name that owns it; `None` where a
/// record made no sense, which ends the message.
fn learn_owners(
    data: &[u8],
    counts: Counts,
    out: &mut dyn FnMut(&[u8], IpAddr, u32),
) -> Option<()> {
    let mut name = Text::new();
    let mut at = HEADER_LEN;
    for (count, max, speaks) in [
        (counts.answers, ANSWERS_MAX, true),
        (counts.authorities, OTHERS_MAX, false),
        (counts.additionals, OTHERS_MAX, true),
    ] {
        for number in 0..usize::from(count) {
            if number >= max {
                at = skip_record(data, at).ok()?;
                continue;
            }
            let record = Answer::read(data, at, name::end(data, at).ok()?)?;
            at = record.end;
            let bytes = data.get(record.data..record.end).unwrap_or_default();
            if speaks
                && let Some(address) = record.address(bytes)
                && name.read(data, record.owner).is_ok()
                && !name.bytes().is_empty()
            {
                out(name.bytes(), address, record.ttl);
            }
        }
    }
    Some(())
}

/// The answer section, record by record, up to the first that makes no sense.
#[derive(Clone)]
struct Answers<'a> {
    data: &'a [u8],
    at: usize,
    left: usize,
}

/// Where the parts of a record are.
#[derive(Clone, Copy)]
struct Answer {
    owner: usize,
    rtype: u16,
    ttl: u32,
    data: usize,
    end: usize,
}

impl Iterator for Answers<'_> {
    type Item = Answer;

    fn next(&mut self) -> Option<Answer> {
        self.left = self.left.checked_sub(1)?;
        let owner = self.at;
        let fields = if pointed(self.data, owner) == Some(HEADER_LEN) {
            // The name of the question, which was read.
            owner + 2
        } else {
            name::end(self.data, owner).ok()?
        };
        let answer = Answer::read(self.data, owner, fields)?;
        self.at = answer.end;
        Some(answer)
    }
}

/// Where a compression pointer leads.
fn pointed(data: &[u8], at: usize) -> Option<usize> {
    let pointer = u16_at(data, at)?;
    (pointer >= 0xc000).then_some(usize::from(pointer & 0x3fff))
}

impl Answer {
    /// The record whose owner's name is at one place and whose fields are at another, if it ends
    /// within the message.
    fn read(message: &[u8], owner: usize, fields: usize) -> Option<Self> {
        let data = fields + 10;
        let end = data + usize::from(u16_at(message, fields + 8)?);
        (end <= message.len()).then_some(Self {
            owner,
            rtype: u16_at(message, fields)?,
            ttl: u32_at(message, fields + 4)?,
            data,
            end,
        })
    }

    /// The address that it says, if it is a record of one.
    fn address(self, bytes: &[u8]) -> Option<IpAddr> {
        match self.rtype {
            rtype::A => Some(<[u8; 4]>::try_from(bytes).ok()?.into()),
            rtype::AAAA => Some(<[u8; 16]>::try_from(bytes).ok()?.into()),
            _ => None,
        }
    }

    /// Where its owner's name is, if that is nothing but a pointer.
    fn points_to(self, data: &[u8]) -> Option<usize> {
        pointed(data, self.owner)
    }

    /// Addresses that a service binding hints at.
    fn hints(self, data: &[u8], bytes: &[u8]) -> Vec<IpAddr> {
        let binding = name::read(data, self.data + 2)
            .ok()
            .filter(|(target, end)| target.is_empty() && *end <= self.end)
            .and_then(|(target, end)| {
                let rest = bytes.get(end - self.data..)?;
                service_binding(u16_at(bytes, 0)?, target, rest)
            });
        binding.map_or_else(Vec::new, |binding| binding.hints)
    }
}

fn owned<'m, 'a>(
    records: &'m [Record<'a>],
    owner: &'m [u8],
) -> impl Iterator<Item = &'m Record<'a>> {
    records
        .iter()
        .filter(move |record| record.name.eq_ignore_ascii_case(owner))
}
