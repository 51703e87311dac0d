//! Reassembly of fragmented datagrams (RFC 791 section 3.2, RFC 8200 section 4.5), bounded in
//! memory, in datagrams and in time.
//!
//! Fragments may come in any order. Where they overlap, the bytes that came first stay, as in
//! Zeek; every overlap is counted, because hosts differ in what they keep and IPv6 hosts throw
//! such a datagram away (RFC 5722), which is what attacks live on. Fragments that no datagram
//! can have (empty, beyond 65,535 bytes, in the middle and not a multiple of 8) are refused.
//!
//! Where the capture cut a fragment, its datagram cannot be put together, but the ports that
//! its first fragment shows are still told for the others.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use netloom_packet::Timestamp;

use super::extension::number;
use super::{ipv4, ipv6};
use crate::checksum;
use crate::decoded::{DecodeOptions, Decoded, Fragment, Ip, Transport, TunnelSet};
use crate::walk::decode_ip;

/// Bounds of a [`Reassembler`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentLimits {
    /// Bytes that unfinished datagrams may hold together, bookkeeping included; the oldest are
    /// given up beyond. Not less than what one datagram needs is of use.
    pub memory: usize,
    /// Unfinished datagrams; the oldest are given up beyond.
    pub datagrams: usize,
    /// Fragments of one datagram; further ones are refused.
    pub fragments: usize,
    /// Nanoseconds of packet time from a datagram's first seen fragment until it is given up.
    pub timeout_nanos: i64,
}

impl Default for FragmentLimits {
    /// 4 MiB, 16,384 datagrams of at most 1,500 fragments, 30 s (as Linux).
    ///
    /// 1,500 is what the largest datagram takes at the smallest MTU of the Internet (RFC 791:
    /// 68 bytes, so 48 bytes a fragment).
    fn default() -> Self {
        Self {
            memory: 4 << 20,
            datagrams: 16_384,
            fragments: 1_500,
            timeout_nanos: 30_000_000_000,
        }
    }
}

/// What was counted while reassembling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FragmentStats {
    /// Datagrams of which a fragment was taken.
    pub begun: u64,
    /// Datagrams put together.
    pub completed: u64,
    /// Datagrams given up: time, memory, bytes that were not captured, or
    /// [`finish`](Reassembler::finish).
    pub incomplete: u64,
    /// Fragments refused.
    pub dropped: u64,
    /// Fragments that brought bytes which had come before; exact copies are among them.
    pub overlaps: u64,
    /// Datagrams that are unfinished now.
    pub pending: u64,
}

/// What the first fragment of a datagram shows for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstFragment {
    /// Number of the packet that was the first fragment.
    pub number: u64,
    /// Upper-layer protocol (IANA number), after extension headers.
    pub protocol: u8,
    /// The transport header.
    pub transport: Transport,
    /// Port of the source, 0 where the transport has none or it was not captured.
    pub src_port: u16,
    /// Port of the destination, likewise.
    pub dst_port: u16,
}

impl FirstFragment {
    /// Makes a later fragment look as its datagram does: protocol and ports are filled in. Its
    /// transport and its payload stay as they are: no transport header was in it.
    pub fn apply(&self, decoded: &mut Decoded) {
        decoded.src_port = self.src_port;
        decoded.dst_port = self.dst_port;
        if let Some(ip) = &mut decoded.ip {
            ip.protocol = self.protocol;
        }
    }
}

/// What became of a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FragmentOutcome {
    /// Number of the packet with which its datagram began to be seen: the same for all
    /// fragments of a datagram, in whatever order they come, and for no other datagram.
    pub datagram_number: u64,
    /// What the datagram's first fragment showed, if it has come.
    pub first: Option<FirstFragment>,
    /// The ports of the datagram (0 and 0 where its transport has none), if its first fragment
    /// has come.
    pub ports: Option<(u16, u16)>,
    /// The whole datagram if this fragment was the last that was missing: an IP header without
    /// options or extension headers, made for it, then the payload, for
    /// [`decode_ip`].
    pub datagram: Option<Vec<u8>>,
    /// The fragment was not taken: it cannot be part of a datagram, or there were too many.
    pub refused: bool,
}

/// Which datagram a fragment is part of: RFC 791 counts the protocol in, RFC 8200 does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    id: u32,
    protocol: Option<u8>,
}

/// A run of bytes that one fragment brought.
#[derive(Debug, Clone, Copy)]
struct Piece {
    /// Where in the datagram's payload it begins.
    start: u32,
    end: u32,
    /// Where in [`Datagram::bytes`] its bytes are.
    at: u32,
}

/// Fields of the first fragment's IP header that the datagram's takes over.
#[derive(Debug, Clone, Copy, Default)]
struct HeaderFields {
    protocol: u8,
    tos: u8,
    ttl: u8,
}

#[derive(Debug)]
struct Datagram {
    serial: u64,
    number: u64,
    first: Option<FirstFragment>,
    header: HeaderFields,
    /// Length of the payload, known from the last fragment on.
    len: Option<u32>,
    /// Sorted, without overlaps.
    pieces: Vec<Piece>,
    /// Bytes that `pieces` cover.
    covered: u32,
    bytes: Vec<u8>,
    fragments: usize,
    /// A fragment was not captured whole: nothing can be put together.
    is_cut: bool,
}

/// An entry of the queue by age; the datagram with this key may be another by now.
#[derive(Debug, Clone, Copy)]
struct Aged {
    begun: Timestamp,
    serial: u64,
    key: Key,
}

/// What a datagram costs beside its bytes and pieces: its places in the map (which may be half
/// empty) and in the queue.
const DATAGRAM_COST: usize =
    2 * (size_of::<Key>() + size_of::<Datagram>() + 8) + 2 * size_of::<Aged>();

/// Largest IPv4 total length and IPv6 payload length.
const MAX_LEN: usize = 65_535;

/// Puts fragmented datagrams together.
///
/// ```
/// use netloom_decode::net::fragment::Reassembler;
/// use netloom_decode::{DecodeOptions, decode_ip};
/// use netloom_packet::Timestamp;
///
/// let mut reassembler = Reassembler::default();
/// # let packets: [Vec<u8>; 0] = [];
/// for (number, packet) in packets.iter().enumerate() {
///     let decoded = decode_ip(packet, packet.len() as u32, DecodeOptions::default());
///     if let Some(ip) = decoded.ip.filter(|ip| ip.fragment.is_some()) {
///         let outcome = reassembler.ingest(Timestamp::default(), number as u64, &ip, packet);
///         if let Some(datagram) = outcome.datagram {
///             let whole = decode_ip(&datagram, datagram.len() as u32, DecodeOptions::default());
///             assert_eq!(Some((whole.src_port, whole.dst_port)), outcome.ports);
///         }
///     }
/// }
/// assert_eq!(reassembler.stats().completed, 0);
/// ```
#[derive(Debug, Default)]
pub struct Reassembler {
    limits: FragmentLimits,
    datagrams: HashMap<Key, Datagram>,
    by_age: VecDeque<Aged>,
    next_serial: u64,
    memory: usize,
    stats: FragmentStats,
}

impl Reassembler {
    /// With other limits than the default ones.
    pub fn new(limits: FragmentLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Takes a fragment: `ip` is its header as decoded, with offsets into `data`, the bytes of
    /// the packet; `number` the packet's. What `ip` says is no fragment is refused.
    pub fn ingest(
        &mut self,
        timestamp: Timestamp,
        number: u64,
        ip: &Ip,
        data: &[u8],
    ) -> FragmentOutcome {
        self.expire(timestamp);
        let Some(fragment) = ip.fragment else {
            self.stats.dropped += 1;
            return FragmentOutcome::refused(number);
        };
        let key = Key {
            src: ip.src,
            dst: ip.dst,
            id: fragment.id,
            protocol: ip
                .src
                .is_ipv4()
                .then(|| carried_protocol(ip, &fragment, data)),
        };
        if !is_possible(ip, &fragment) {
            self.stats.dropped += 1;
            return self.datagrams.get(&key).map_or_else(
                || FragmentOutcome::refused(number),
                |datagram| FragmentOutcome {
                    refused: true,
                    ..datagram.outcome()
                },
            );
        }

        let serial = self.next_serial;
        let mut is_new = false;
        let datagram = self.datagrams.entry(key).or_insert_with(|| {
            is_new = true;
            Datagram::new(serial, number)
        });
        if is_new {
            self.next_serial += 1;
            self.stats.begun += 1;
            self.memory += DATAGRAM_COST;
            self.by_age.push_back(Aged {
                begun: timestamp,
                serial,
                key,
            });
        }
        if fragment.offset == 0 && datagram.first.is_none() {
            datagram.learn(number, ip, &fragment, data);
        }
        let before = datagram.memory();
        let taken = datagram.take(&fragment, data, self.limits.fragments);
        self.memory = self.memory + datagram.memory() - before;
        self.stats.overlaps += u64::from(taken == Taken::Overlapping);
        self.stats.dropped += u64::from(taken == Taken::Refused);

        let mut outcome = datagram.outcome();
        outcome.refused = taken == Taken::Refused;
        if datagram.is_complete() {
            if datagram.is_cut {
                self.stats.incomplete += 1;
            } else {
                outcome.datagram = Some(datagram.put_together(&key));
                self.stats.completed += 1;
            }
            self.remove(&key);
        }
        self.shrink();
        outcome
    }

    /// Gives up the datagrams that began longer than the timeout before `now`.
    /// [`ingest`](Self::ingest) does so by itself.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some(oldest) = self.by_age.front() {
            let is_live = self.is_live(oldest);
            if is_live && now.nanos_since(oldest.begun) <= self.limits.timeout_nanos {
                break;
            }
            self.drop_oldest();
        }
    }

    /// Gives up all that is unfinished: the capture has ended.
    pub fn finish(&mut self) {
        while !self.by_age.is_empty() {
            self.drop_oldest();
        }
    }

    /// What was counted so far.
    pub fn stats(&self) -> FragmentStats {
        FragmentStats {
            pending: self.datagrams.len() as u64,
            ..self.stats
        }
    }

    /// Bytes that unfinished datagrams hold, bookkeeping included.
    pub fn memory(&self) -> usize {
        self.memory
    }

    fn is_live(&self, aged: &Aged) -> bool {
        self.datagrams
            .get(&aged.key)
            .is_some_and(|datagram| datagram.serial == aged.serial)
    }

    /// Takes the oldest entry off the queue, and gives its datagram up if it is still there.
    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.by_age.pop_front()
            && self.is_live(&oldest)
        {
            self.stats.incomplete += 1;
            self.remove(&oldest.key);
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Some(datagram) = self.datagrams.remove(key) {
            self.memory -= DATAGRAM_COST + datagram.memory();
        }
    }

    /// Keeps within the limits.
    fn shrink(&mut self) {
        while (self.memory > self.limits.memory || self.datagrams.len() > self.limits.datagrams)
            && !self.by_age.is_empty()
        {
            self.drop_oldest();
        }
        // Finished datagrams leave their entries behind; they are cleared out before they are
        // more than the unfinished ones.
        if self.by_age.len() > 2 * self.datagrams.len() + 16 {
            let datagrams = &self.datagrams;
            self.by_age.retain(|aged| {
                datagrams
                    .get(&aged.key)
                    .is_some_and(|datagram| datagram.serial == aged.serial)
            });
        }
    }
}

impl FragmentOutcome {
    fn refused(number: u64) -> Self {
        Self {
            datagram_number: number,
            first: None,
            ports: None,
            datagram: None,
            refused: true,
        }
    }
}

/// What became of a fragment's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    New,
    Overlapping,
    Refused,
}

impl Datagram {
    fn new(serial: u64, number: u64) -> Self {
        Self {
            serial,
            number,
            first: None,
            header: HeaderFields::default(),
            len: None,
            pieces: Vec::new(),
            covered: 0,
            bytes: Vec::new(),
            fragments: 0,
            is_cut: false,
        }
    }

    fn memory(&self) -> usize {
        self.bytes.capacity() + self.pieces.capacity() * size_of::<Piece>()
    }

    fn outcome(&self) -> FragmentOutcome {
        FragmentOutcome {
            datagram_number: self.number,
            first: self.first,
            ports: self.first.map(|first| (first.src_port, first.dst_port)),
            datagram: None,
            refused: false,
        }
    }

    /// Learns from the first fragment what it shows for all.
    fn learn(&mut self, number: u64, ip: &Ip, fragment: &Fragment, data: &[u8]) {
        let from_header = data.get(ip.offset as usize..).unwrap_or_default();
        let options = DecodeOptions {
            tunnels: TunnelSet::NONE,
        };
        let decoded = decode_ip(from_header, ip.total_len, options);
        self.first = Some(FirstFragment {
            number,
            protocol: ip.protocol,
            transport: decoded.transport,
            src_port: decoded.src_port,
            dst_port: decoded.dst_port,
        });
        self.header = HeaderFields {
            protocol: carried_protocol(ip, fragment, data),
            tos: ip.tos,
            ttl: ip.ttl,
        };
    }

    fn take(&mut self, fragment: &Fragment, data: &[u8], max_fragments: usize) -> Taken {
        let (start, mut end) = (fragment.offset, fragment.offset + fragment.len);
        if self.fragments >= max_fragments {
            return Taken::Refused;
        }
        if fragment.more {
            if let Some(len) = self.len {
                // Bytes behind the end of the datagram: the end that was told first stands.
                if start >= len {
                    return Taken::Refused;
                }
                end = end.min(len);
            }
        } else {
            let seen = self.pieces.last().map_or(0, |piece| piece.end);
            if self.len.is_some_and(|len| len != end) || end < seen {
                return Taken::Refused;
            }
            self.len = Some(end);
        }
        self.fragments += 1;
        let from = fragment.data_offset as usize;
        let captured = data.get(from..).unwrap_or_default();
        if captured.len() < (end - start) as usize && !self.is_cut {
            self.is_cut = true;
            self.bytes = Vec::new();
        }
        self.insert(start, end, captured)
    }

    /// Takes those of the bytes from `start` to `end` that have not come before.
    fn insert(&mut self, start: u32, end: u32, captured: &[u8]) -> Taken {
        let mut taken = Taken::New;
        let mut at = start;
        let mut index = self.pieces.partition_point(|piece| piece.end <= start);
        while at < end {
            let next = self.pieces.get(index).copied();
            let gap_end = next.map_or(end, |piece| piece.start.min(end));
            if at < gap_end {
                self.add(index, at, gap_end, start, captured);
                index += 1;
            }
            match next {
                Some(piece) if piece.start < end => {
                    taken = Taken::Overlapping;
                    at = piece.end.max(at);
                    index += 1;
                }
                _ => break,
            }
        }
        taken
    }

    /// Adds the piece from `from` to `to` of a fragment that begins at `start`.
    fn add(&mut self, index: usize, from: u32, to: u32, start: u32, captured: &[u8]) {
        self.covered += to - from;
        let at = self.bytes.len() as u32;
        if !self.is_cut {
            let bytes = captured.get((from - start) as usize..(to - start) as usize);
            self.bytes.extend_from_slice(bytes.unwrap_or_default());
        }
        self.pieces.insert(
            index,
            Piece {
                start: from,
                end: to,
                at,
            },
        );
    }

    fn is_complete(&self) -> bool {
        self.len == Some(self.covered)
    }

    /// The datagram with a header of its own; only of one that is complete.
    fn put_together(&self, key: &Key) -> Vec<u8> {
        let payload_len = self.covered as usize;
        let HeaderFields { protocol, tos, ttl } = self.header;
        let mut datagram = Vec::with_capacity(ipv6::HEADER_LEN + payload_len);
        match (key.src, key.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let total_len = (ipv4::MIN_HEADER_LEN + payload_len) as u16;
                datagram.extend_from_slice(&[0x45, tos]);
                datagram.extend_from_slice(&total_len.to_be_bytes());
                datagram.extend_from_slice(&(key.id as u16).to_be_bytes());
                datagram.extend_from_slice(&[0, 0, ttl, protocol, 0, 0]);
                datagram.extend_from_slice(&src.octets());
                datagram.extend_from_slice(&dst.octets());
                let sum = checksum::of(&datagram);
                datagram[10..12].copy_from_slice(&sum.to_be_bytes());
            }
            (src, dst) => {
                datagram.extend_from_slice(&[0x60 | tos >> 4, tos << 4, 0, 0]);
                datagram.extend_from_slice(&(payload_len as u16).to_be_bytes());
                datagram.extend_from_slice(&[protocol, ttl]);
                for address in [src, dst] {
                    match address {
                        IpAddr::V4(v4) => {
                            datagram.extend_from_slice(&v4.to_ipv6_mapped().octets());
                        }
                        IpAddr::V6(v6) => datagram.extend_from_slice(&v6.octets()),
                    }
                }
            }
        }
        for piece in &self.pieces {
            let (at, len) = (piece.at as usize, (piece.end - piece.start) as usize);
            datagram.extend_from_slice(self.bytes.get(at..at + len).unwrap_or_default());
        }
        datagram
    }
}

/// The protocol number in the header that makes the packet a fragment: IPv4's own, for IPv6
/// the fragment header's. It is that of the datagram's payload as put together.
fn carried_protocol(ip: &Ip, fragment: &Fragment, data: &[u8]) -> u8 {
    let at = if ip.src.is_ipv4() {
        Some(ip.offset as usize + 9)
    } else {
        (fragment.data_offset as usize).checked_sub(8)
    };
    at.and_then(|at| data.get(at))
        .copied()
        .unwrap_or(number::NO_NEXT_HEADER)
}

/// Whether a datagram can have such a fragment.
fn is_possible(ip: &Ip, fragment: &Fragment) -> bool {
    let header_len = if ip.src.is_ipv4() {
        ipv4::MIN_HEADER_LEN
    } else {
        0
    };
    let end = u64::from(fragment.offset) + u64::from(fragment.len);
    fragment.len > 0
        && end + header_len as u64 <= MAX_LEN as u64
        && (!fragment.more || fragment.len.is_multiple_of(8))
}

#[cfg(test)]
#[path = "fragment_tests.rs"]
mod tests;
