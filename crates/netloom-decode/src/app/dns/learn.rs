//! Addresses of names, from responses.

use std::net::IpAddr;

use super::number::{known_type, rtype};
use super::parse::{Counts, HEADER_LEN};
use super::{Data, Message, Record, name};
use crate::app::wire::u16_at;

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
    let mut text = Vec::new();
    let Ok(end) = name::read(data, HEADER_LEN, &mut text) else {
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

fn owned<'m, 'a>(
    records: &'m [Record<'a>],
    owner: &'m [u8],
) -> impl Iterator<Item = &'m Record<'a>> {
    records
        .iter()
        .filter(move |record| record.name.eq_ignore_ascii_case(owner))
}
