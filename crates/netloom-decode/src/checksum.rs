//! The Internet checksum (RFC 1071) of headers and datagrams.
//!
//! Checksums are verified only when asked for: hosts that capture their own packets see them
//! before the card has filled the checksum in.

use std::net::IpAddr;

use crate::decoded::{Decoded, Network, Transport};
use crate::net::extension::number;

/// What verifying a checksum came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Checksum {
    /// It is right.
    Good,
    /// It is wrong.
    Bad,
    /// It cannot be told: bytes are missing (snap length, fragments), the sender left it out
    /// (UDP over IPv4), or there is none.
    Unknown,
}

impl Checksum {
    /// `Some(true)` for good, `Some(false)` for bad.
    pub const fn is_good(self) -> Option<bool> {
        match self {
            Self::Good => Some(true),
            Self::Bad => Some(false),
            Self::Unknown => None,
        }
    }

    fn when(good: bool) -> Self {
        if good { Self::Good } else { Self::Bad }
    }
}

/// A sum in ones' complement over bytes, in pieces of even length but the last.
#[derive(Debug, Clone, Copy, Default)]
struct Sum(u64);

impl Sum {
    fn add(mut self, bytes: &[u8]) -> Self {
        let mut words = bytes.chunks_exact(4);
        for word in &mut words {
            // At most 2^32 words of 32 bits: never more than 64 bits.
            self.0 += u64::from(u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
        }
        let mut last = [0; 4];
        let rest = words.remainder();
        last[..rest.len()].copy_from_slice(rest);
        self.0 += u64::from(u32::from_be_bytes(last));
        self
    }

    fn fold(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }
}

/// The checksum of `bytes` in which the checksum's own field is 0.
pub fn of(bytes: &[u8]) -> u16 {
    !Sum::default().add(bytes).fold()
}

/// Whether the checksum that is somewhere among `bytes` is right for them.
pub fn is_right(bytes: &[u8]) -> bool {
    Sum::default().add(bytes).fold() == 0xffff
}

/// Verifies the checksum of the IPv4 header of a packet; `Unknown` where there is none (IPv6).
/// `data` are the bytes that `decoded` was made of.
pub fn verify_ip(data: &[u8], decoded: &Decoded) -> Checksum {
    let (Network::Ipv4, Some(ip)) = (decoded.network, decoded.ip) else {
        return Checksum::Unknown;
    };
    let start = ip.offset as usize;
    // AH may count in the header's length (its own bytes are no part of the checksum).
    let own_len = data
        .get(start)
        .map_or(0, |first| usize::from(first & 0x0f) * 4);
    match data.get(start..start + own_len) {
        Some(header) if own_len >= 20 => Checksum::when(is_right(header)),
        _ => Checksum::Unknown,
    }
}

/// Verifies the checksum of the transport header of a packet: TCP, UDP, UDP-Lite, ICMP,
/// ICMPv6, IGMP. `data` are the bytes that `decoded` was made of.
///
/// The pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1) takes the destination of the
/// IP header; behind a routing header that has not been used up the final destination is
/// another, and the answer is `Unknown`.
pub fn verify_transport(data: &[u8], decoded: &Decoded) -> Checksum {
    let Some(ip) = decoded.ip else {
        return Checksum::Unknown;
    };
    if ip.fragment.is_some() {
        return Checksum::Unknown;
    }
    let start = (ip.offset as usize).saturating_add(ip.header_len as usize);
    let end = (ip.offset as usize).saturating_add(ip.total_len as usize);
    let Some(segment) = data.get(start..end) else {
        return Checksum::Unknown;
    };
    let word = |at: usize| {
        segment
            .get(at..at + 2)
            .map_or(0, |w| u16::from_be_bytes([w[0], w[1]]))
    };
    let pseudo_header = |protocol: u8, len: usize| {
        let sum = match (ip.src, ip.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                Sum::default().add(&src.octets()).add(&dst.octets())
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                Sum::default().add(&src.octets()).add(&dst.octets())
            }
            _ => Sum::default(),
        };
        Sum(sum.0 + u64::from(protocol) + len as u64)
    };
    let over = |protocol: u8, covered: &[u8], len: usize| {
        if has_open_route(data, decoded) {
            return Checksum::Unknown;
        }
        Checksum::when(pseudo_header(protocol, len).add(covered).fold() == 0xffff)
    };
    match decoded.transport {
        Transport::Tcp(_) => over(number::TCP, segment, segment.len()),
        Transport::Udp => {
            if word(6) == 0 {
                // Not computed; over IPv6 that is allowed for some tunnels only (RFC 6935).
                return Checksum::Unknown;
            }
            let len = match usize::from(word(4)) {
                0 => segment.len(),
                said => said,
            };
            segment
                .get(..len)
                .map_or(Checksum::Unknown, |covered| over(number::UDP, covered, len))
        }
        Transport::UdpLite => {
            let coverage = match usize::from(word(4)) {
                0 => segment.len(),
                said => said,
            };
            segment
                .get(..coverage)
                .map_or(Checksum::Unknown, |covered| {
                    over(number::UDP_LITE, covered, segment.len())
                })
        }
        Transport::Icmpv4(_) | Transport::Igmp(_) => Checksum::when(is_right(segment)),
        Transport::Icmpv6(_) => over(number::ICMPV6, segment, segment.len()),
        _ => Checksum::Unknown,
    }
}

/// Whether an IPv6 routing header of the packet has segments left.
fn has_open_route(data: &[u8], decoded: &Decoded) -> bool {
    let Some(ip) = decoded.ip.filter(|ip| ip.src.is_ipv6()) else {
        return false;
    };
    let start = ip.offset as usize;
    let end = start.saturating_add(ip.header_len as usize);
    let Some(mut header) = data.get(start + 6).copied() else {
        return false;
    };
    let mut at = start + 40;
    while at < end {
        let Some(&[next, length, _, segments_left]) =
            data.get(at..).and_then(|rest| rest.first_chunk::<4>())
        else {
            return false;
        };
        if header == number::ROUTING {
            return segments_left > 0;
        }
        at += match header {
            number::FRAGMENT => 8,
            number::AH => (usize::from(length) + 2) * 4,
            _ => (usize::from(length) + 1) * 8,
        };
        header = next;
    }
    false
}

#[cfg(test)]
#[path = "checksum_tests.rs"]
mod tests;
