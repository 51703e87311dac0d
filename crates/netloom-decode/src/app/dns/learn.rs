//! Addresses of names, from responses.

use std::net::IpAddr;

use smallvec::SmallVec;

use super::name::Text;
use super::number::{known_type, rtype};
use super::parse::{
    ANSWERS_MAX, Counts, HEADER_LEN, OTHERS_MAX, QUESTIONS_MAX, service_binding, skip_record,
};
use super::{Data, Message, name};
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
/// to live in seconds; `out` says whether to go on.
///
/// Aliases (CNAME) are followed within the message: the addresses at the chain's end belong to the
/// name that was asked for, and live as long as the shortest-lived record on the way. Addresses
/// that service bindings hint at count too (clients connect to them). Each record speaks once: of
/// several questions that lead to it, for the first (there is one at most, RFC 9619). Where there
/// is no question (mDNS), each record speaks for the name that owns it.
pub fn learn(message: &Message<'_>, out: &mut dyn FnMut(&[u8], IpAddr, u32) -> bool) {
    if !message.is_response() || message.rcode() != 0 || message.service == "nbns" {
        return;
    }
    if message.questions.is_empty() {
        for record in message.answers.iter().chain(&message.additionals) {
            if let Data::Address(address) = record.data
                && !record.name.is_empty()
                && !out(&record.name, address, record.ttl)
            {
                return;
            }
        }
        return;
    }
    let mut links: Links = message
        .answers
        .iter()
        .enumerate()
        .map(|(number, record)| Link {
            owner: folded(&record.name),
            number,
            ttl: record.ttl,
            alias: match &record.data {
                Data::Name(target) if record.rtype == rtype::CNAME => Some(folded(target)),
                _ => None,
            },
            followed: false,
        })
        .collect();
    let asked = message.questions.iter().map(|question| &*question.name);
    let asked = asked.map(|name| (!name.is_empty()).then(|| folded(name)));
    follow(asked, &mut links, &mut |question, answer, ttl| {
        let (Some(question), Some(record)) =
            (message.questions.get(question), message.answers.get(answer))
        else {
            return false;
        };
        match &record.data {
            Data::Address(address) => out(&question.name, *address, ttl),
            Data::ServiceBinding(binding) if binding.target.is_empty() => {
                let mut hints = binding.hints.iter();
                hints.all(|&hint| out(&question.name, hint, ttl))
            }
            _ => true,
        }
    });
}

/// As [`learn`], from the bytes of a message of `service`, without reading more of it than it
/// takes: for who looks into every answer there is.
pub fn learn_from(
    data: &[u8],
    service: &'static str,
    out: &mut dyn FnMut(&[u8], IpAddr, u32) -> bool,
) {
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
    let mut name = Text::new();
    // Where the questions are, and their names as numbers; `None` for the root.
    let mut questions = SmallVec::<[(usize, Option<u64>); 1]>::new();
    let mut at = HEADER_LEN;
    for number in 0..usize::from(counts.questions) {
        let end = if number < QUESTIONS_MAX {
            let end = name.read(data, at);
            let text = name.bytes();
            questions.push((at, (!text.is_empty()).then(|| folded(text))));
            end
        } else {
            name::end(data, at)
        };
        let Ok(end) = end else { return };
        at = end + 4;
        if at > data.len() {
            return;
        }
    }
    if questions.iter().all(|(_, name)| name.is_none()) {
        return;
    }
    let mut answers = SmallVec::<[Answer; LINKS]>::new();
    let mut links = Links::new();
    // Names at these places are known: most records point to the question, or to the alias before.
    let first = questions.first().and_then(|question| question.1);
    let first = (HEADER_LEN, first.unwrap_or_else(|| folded(&[])));
    let mut last = first;
    let all = Answers {
        data,
        at,
        left: usize::from(counts.answers).min(ANSWERS_MAX),
    };
    for (number, answer) in all.enumerate() {
        let place = answer.points_to(data).unwrap_or(answer.owner);
        let known = [first, last].into_iter().find(|known| known.0 == place);
        let owner = match known {
            Some((_, owner)) => owner,
            None if name.read(data, answer.owner).is_ok() => folded(name.bytes()),
            None => continue,
        };
        last = (place, owner);
        let mut alias = None;
        if answer.rtype == rtype::CNAME
            && name
                .read(data, answer.data)
                .is_ok_and(|end| end <= answer.end)
        {
            let target = folded(name.bytes());
            last = (answer.data, target);
            alias = Some(target);
        }
        answers.push(answer);
        links.push(Link {
            owner,
            number,
            ttl: answer.ttl,
            alias,
            followed: false,
        });
    }
    let mut shown = usize::MAX;
    let asked = questions.iter().map(|question| question.1);
    follow(asked, &mut links, &mut |question, answer, ttl| {
        let (Some(&(at, _)), Some(answer)) = (questions.get(question), answers.get(answer)) else {
            return false;
        };
        if shown != question {
            shown = question;
            if name.read(data, at).is_err() {
                return false;
            }
        }
        let bytes = data.get(answer.data..answer.end).unwrap_or_default();
        match answer.rtype {
            rtype::A | rtype::AAAA => answer
                .address(bytes)
                .is_none_or(|address| out(name.bytes(), address, ttl)),
            rtype::SVCB | rtype::HTTPS => {
                let hints = answer.hints(data, bytes);
                hints.into_iter().all(|hint| out(name.bytes(), hint, ttl))
            }
            _ => true,
        }
    });
}

/// Answers that take no place on the heap: most responses have no more.
const LINKS: usize = 8;

type Links = SmallVec<[Link; LINKS]>;

/// What following aliases takes of a record of the answer section.
#[derive(Debug, Clone, Copy)]
struct Link {
    /// Name of its owner, [`folded`].
    owner: u64,
    /// Its place in the section.
    number: usize,
    ttl: u32,
    /// Where an alias leads, folded.
    alias: Option<u64>,
    followed: bool,
}

/// Follows aliases from the names that were asked for to their records; `tell` gets the numbers of
/// the question and of the record and how long it holds, and says whether to go on.
///
/// The records of a name are followed once, whatever leads to them, so that the work is that of
/// sorting them, however many questions and aliases somebody puts into a message.
fn follow(
    asked: impl Iterator<Item = Option<u64>>,
    links: &mut Links,
    tell: &mut dyn FnMut(usize, usize, u32) -> bool,
) {
    links.sort_unstable_by_key(|link| (link.owner, link.number));
    for (question, owner) in asked.enumerate() {
        let Some(mut owner) = owner else { continue };
        let mut shortest = u32::MAX;
        for _ in 0..CHAIN_MAX {
            let from = links.partition_point(|link| link.owner < owner);
            let mut alias: Option<(u64, u32)> = None;
            let owned = links.get_mut(from..).unwrap_or_default().iter_mut();
            for link in owned.take_while(|link| link.owner == owner) {
                if std::mem::replace(&mut link.followed, true) {
                    break;
                }
                let ttl = shortest.min(link.ttl);
                if let Some(target) = link.alias {
                    alias = alias.or(Some((target, ttl)));
                } else if !tell(question, link.number, ttl) {
                    return;
                }
            }
            let Some(next) = alias else { break };
            (owner, shortest) = next;
        }
    }
}

/// A name as a number, whatever its case. Two names with the same number do no harm: who wrote both
/// could have written either in the other's place.
fn folded(name: &[u8]) -> u64 {
    // Of the golden ratio, as in Fibonacci hashing.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = name.len() as u64;
    for chunk in name.chunks(8) {
        let mut word = [0; 8];
        for (place, byte) in word.iter_mut().zip(chunk) {
            *place = byte.to_ascii_lowercase();
        }
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
        hash ^= hash >> 32;
    }
    hash
}

/// The addresses of a response without a question, each for the name that owns it; `None` where a
/// record made no sense, which ends the message, or `out` wants no more.
fn learn_owners(
    data: &[u8],
    counts: Counts,
    out: &mut dyn FnMut(&[u8], IpAddr, u32) -> bool,
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
                && !out(name.bytes(), address, record.ttl)
            {
                return None;
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
