//! Recognition.

use super::name::{self, Broken, Text};
use super::number::known_type;
use super::parse::{Counts, HEADER_LEN};
use super::{CERTIFICATES, Message, NetbiosName};
use crate::app::text::starts_with_ignore_case;
use crate::app::wire::u16_at;
use crate::app::{Guess, Probe};

pub(super) fn dns(probe: &Probe<'_>) -> Guess {
    if probe.tcp {
        return stream(probe, "dns", 53);
    }
    if probe.has_port(5353) || probe.has_port(5355) || probe.has_port(137) {
        // Those have their own probes, and any other use of the port is not worth a guess.
        if !probe.has_port(53) {
            return Guess::No;
        }
    }
    datagram(probe, "dns", probe.has_port(53))
}

pub(super) fn mdns(probe: &Probe<'_>) -> Guess {
    if !probe.has_port(5353) || probe.has_port(53) {
        return Guess::No;
    }
    datagram(probe, "mdns", true)
}

pub(super) fn llmnr(probe: &Probe<'_>) -> Guess {
    if !probe.has_port(5355) || probe.has_port(53) {
        return Guess::No;
    }
    if probe.tcp {
        return stream(probe, "llmnr", 5355);
    }
    datagram(probe, "llmnr", true)
}

/// Whether a payload is a message, as far as it alone tells; TCP: whether it begins one, behind its
/// length.
///
/// On its own port a message may be damaged, cut, or have nothing behind its header, as some errors
/// do (over TCP, what its header counts must begin with a name, and a type and a class that are known);
/// on any other it must make sense up to its last byte.
pub fn is_message(payload: &[u8], wire_len: usize, tcp: bool, own_port: bool) -> bool {
    let message = if tcp {
        framed(payload)
    } else {
        Some((payload, wire_len))
    };
    let Some((data, len)) = message else {
        return false;
    };
    match plausible(data, len, false) {
        // Of TCP it may be the middle of one, where a length and counts are soon found.
        Some(_) if own_port => !tcp || question(data).is_some(),
        Some(counts) => strict(data, len, counts, "dns"),
        None if own_port => is_bare(data, len) || question(data).is_some(),
        None => false,
    }
}

/// Whether it is a header and nothing else.
fn is_bare(data: &[u8], len: usize) -> bool {
    let empty = Counts::read(data).is_some_and(|counts| counts.least_bytes() == HEADER_LEN);
    empty && len == HEADER_LEN
}

pub(super) fn nbns(probe: &Probe<'_>) -> Guess {
    let Some(counts) = plausible(probe.data, probe.wire_len, true) else {
        return Guess::No;
    };
    let own_port = probe.has_port(137);
    // The first name, of the question or of the record, is a NetBIOS name.
    let mut name = Text::new();
    let Ok(end) = name.read(probe.data, HEADER_LEN) else {
        return if own_port { Guess::Unsure } else { Guess::No };
    };
    let mut labels = name.bytes().split(|&byte| byte == b'.');
    let label = labels.next().unwrap_or_default();
    let known = matches!(u16_at(probe.data, end), Some(0x20 | 0x21));
    let netbios = NetbiosName::decode(label).is_some();
    if netbios && known && u16_at(probe.data, end + 2) == Some(1) {
        return Guess::Certain;
    }
    if own_port && counts.questions <= 1 && (netbios || known) {
        return Guess::Certain;
    }
    if own_port { Guess::Unsure } else { Guess::No }
}

/// The counts of a header that may be one.
fn plausible(data: &[u8], len: usize, nbns: bool) -> Option<Counts> {
    let counts = Counts::read(data)?;
    let flags = u16_at(data, 2)?;
    let opcode = flags >> 11 & 15;
    // NBNS: 0 query, 5 registration, 6 release, 7 wait, 8 and 9 refresh.
    let opcodes = if nbns {
        matches!(opcode, 0 | 5..=9)
    } else {
        opcode <= 6
    };
    let something = counts.questions > 0 || counts.answers > 0 || opcode == 6;
    (opcodes && something && counts.least_bytes() <= len.max(data.len())).then_some(counts)
}

fn datagram(probe: &Probe<'_>, service: &'static str, own_port: bool) -> Guess {
    let counts = plausible(probe.data, probe.wire_len, false);
    if own_port {
        // A header that was damaged is forgiven where there is a question behind it.
        return match (counts, question(probe.data)) {
            (_, Some(_)) => Guess::Certain,
            (Some(_), None) if readable_name(probe.data) => Guess::Certain,
            (Some(_), None) => Guess::Unsure,
            (None, None) if u16_at(probe.data, 4) == Some(1) && readable_name(probe.data) => {
                Guess::Certain
            }
            (None, None) => Guess::No,
        };
    }
    match counts {
        Some(counts) if strict(probe.data, probe.wire_len, counts, service) => Guess::Certain,
        _ => Guess::No,
    }
}

/// Whether a name follows the header that is not the root's.
fn readable_name(data: &[u8]) -> bool {
    let mut name = Text::new();
    name.read(data, HEADER_LEN).is_ok() && !name.bytes().is_empty()
}

/// The name of the question behind the header, where its type and class exist.
fn question(data: &[u8]) -> Option<Text> {
    let mut name = Text::new();
    let end = name.read(data, HEADER_LEN).ok()?;
    let known = known_type(u16_at(data, end)?).is_some();
    let class = u16_at(data, end + 2)? & 0x7fff;
    (known && matches!(class, 1 | 3 | 4 | 254 | 255)).then_some(name)
}

/// Whether everything about the message makes sense, up to its last byte.
fn strict(data: &[u8], len: usize, counts: Counts, service: &'static str) -> bool {
    let Some(flags) = u16_at(data, 2) else {
        return false;
    };
    if counts.questions != 1 || flags & 0x0040 != 0 || counts.answers > 512 {
        return false;
    }
    // A query has no response code, and is no authority; and has no answers.
    if flags & 0x8000 == 0 && (flags & 0x040f != 0 || counts.answers != 0) {
        return false;
    }
    let Some(name) = question(data) else {
        return false;
    };
    // Clients of DNSCrypt fill their first query up as they like.
    if starts_with_ignore_case(name.bytes(), CERTIFICATES) {
        return true;
    }
    let Some(message) = Message::parse(data, len, service) else {
        return false;
    };
    name.bytes().iter().all(|&byte| byte > b' ' && byte != 0x7f)
        && !message.malformed
        && message.excess == 0
        // Cut when it was captured is fine, ending too early is not.
        && (!message.truncated || data.len() < len)
}

/// The message that a stream begins with, as far as it is there, and how long it is: its length
/// stands in front (RFC 1035, section 4.2.2).
fn framed(stream: &[u8]) -> Option<(&[u8], usize)> {
    let len = usize::from(u16_at(stream, 0)?);
    let message = stream.get(2..).unwrap_or_default();
    Some((message.get(..len).unwrap_or(message), len))
}

fn stream(probe: &Probe<'_>, service: &'static str, port: u16) -> Guess {
    let data = probe.data;
    let Some((message, len)) = framed(data) else {
        return Guess::More;
    };
    if len < HEADER_LEN {
        return Guess::No;
    }
    if message.len() < HEADER_LEN {
        return Guess::More;
    }
    let Some(counts) = plausible(message, len, false) else {
        return Guess::No;
    };
    if probe.has_port(port) {
        return match name::end(message, HEADER_LEN) {
            Ok(_) => Guess::Certain,
            Err(Broken::Cut) if message.len() < len => Guess::More,
            Err(_) => Guess::Unsure,
        };
    }
    if message.len() < len && data.len() < Probe::MAX {
        return Guess::More;
    }
    if strict(message, len, counts, service) {
        Guess::Certain
    } else {
        Guess::No
    }
}
