//! Features of flows: numbers that models learn from.
//!
//! They are kept only for who asks ([`FlowConfig::features`](crate::FlowConfig::features)), cost
//! O(1) a packet, and their memory counts in the flow table's cap. Sizes are whole bytes, times
//! whole nanoseconds; means and deviations are made of exact sums ([`Spread`]).
//!
//! What each feature means, its formula, its unit and its edge cases stand with the columns of the
//! `flows` table. What holds for all of them:
//!
//! - A value that does not exist is absent: the deviation of one packet, a rate where no time
//!   passed, anything about packets of a direction that had none. Never 0 in its place, never
//!   infinity.
//! - Deviations are those of a sample (n - 1).
//! - A packet whose timestamp is before that of the packet before it counts as simultaneous with
//!   it.
//! - `fwd` is src→dst, as everywhere: a flow that is turned round takes its features with it.

mod activity;
mod bulk;
mod nfstream;
mod sequence;
mod spread;
mod statistics;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Deref;

use netloom_decode::{Decoded, TcpFlags, Transport};

pub use activity::Activity;
pub use bulk::Bulks;
pub use nfstream::{Counts, Nfstream, NfstreamPacket};
pub use sequence::{Sequence, Step};
pub use spread::Spread;
pub use statistics::{Direction, FlagCounts, Statistics};

use crate::table::FlowPacket;

/// Which features are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FeatureSet(u8);

impl FeatureSet {
    /// None.
    pub const NONE: Self = Self(0);
    /// What is summed up over all packets: [`Statistics`].
    pub const STATISTICS: Self = Self(1);
    /// The first packets one by one: [`Sequence`].
    pub const SEQUENCE: Self = Self(2);
    /// What NFStream sums up, the way it does: [`Nfstream`].
    pub const NFSTREAM: Self = Self(4);
    /// All of them.
    pub const ALL: Self = Self(7);

    /// Both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What features see of a packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// When it was seen, ns.
    at: i64,
    /// Frame length on the wire.
    len: u32,
    /// Transport payload by the headers.
    payload_len: u32,
    /// Transport header, where there is one.
    header_len: Option<u16>,
    /// TCP's flags and window.
    tcp: Option<(TcpFlags, u16)>,
}

impl Sample {
    /// A packet of which only time and length are believed.
    pub(crate) fn new(packet: &FlowPacket<'_>) -> Self {
        Self {
            at: packet.timestamp.as_nanos(),
            len: packet.wire_len,
            payload_len: 0,
            header_len: None,
            tcp: None,
        }
    }

    /// The same with payload and, where it has one, its transport header.
    pub(crate) fn with_content(
        mut self,
        decoded: &Decoded,
        payload_len: u32,
        header: bool,
    ) -> Self {
        self.payload_len = payload_len;
        if header {
            self.header_len = header_len(decoded);
            if let Transport::Tcp(tcp) = &decoded.transport {
                self.tcp = Some((tcp.flags, tcp.window));
            }
        }
        self
    }
}

/// Bytes of the transport header, options included.
fn header_len(decoded: &Decoded) -> Option<u16> {
    match decoded.transport {
        Transport::None => None,
        Transport::Tcp(tcp) => Some(tcp.header_len.into()),
        Transport::Udp | Transport::UdpLite => Some(8),
        _ => {
            let ip = decoded.ip?;
            let len = ip.total_len.checked_sub(ip.header_len)?;
            len.checked_sub(decoded.payload_wire_len)?.try_into().ok()
        }
    }
}

/// What was summed up of a flow: kept with it, or made of its only packet. Hundreds of bytes, which
/// are not moved with it.
#[derive(Debug, Clone, PartialEq)]
pub enum Summed<'a, T> {
    /// Kept.
    Kept(&'a T),
    /// Made.
    Made(Box<T>),
}

impl<T> Deref for Summed<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Kept(kept) => kept,
            Self::Made(made) => made,
        }
    }
}

/// Features of a flow, as far as they were asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FlowFeatures(State);

/// Floods are flows of one packet: of that no more is kept than the packet.
#[derive(Debug, Clone, PartialEq, Default)]
enum State {
    /// Nobody asked.
    #[default]
    Off,
    /// One packet.
    First(First),
    Kept(Box<Kept>),
}

/// A flow's only packet so far. Bytes have no alignment: with them a [`State`] takes 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct First {
    len: [u8; 4],
    payload_len: [u8; 4],
    window: [u8; 2],
    header_len: u8,
    flags: u8,
    /// [`HAS_HEADER`], [`IS_TCP`], [`BACKWARD`], and above them what is kept.
    facts: u8,
}

const HAS_HEADER: u8 = 1;
const IS_TCP: u8 = 2;
const BACKWARD: u8 = 4;
const SET_SHIFT: u32 = 3;

#[derive(Debug, Clone, PartialEq, Default)]
struct Kept {
    statistics: Option<Statistics>,
    sequence: Option<Sequence>,
    nfstream: Option<Box<Nfstream>>,
}

impl First {
    /// `None` where it does not fit.
    fn new(set: FeatureSet, from_src: bool, sample: &Sample) -> Option<Self> {
        let header_len = u8::try_from(sample.header_len.unwrap_or(0)).ok()?;
        let mut facts = set.0 << SET_SHIFT;
        if sample.header_len.is_some() {
            facts |= HAS_HEADER;
        }
        if sample.tcp.is_some() {
            facts |= IS_TCP;
        }
        if !from_src {
            facts |= BACKWARD;
        }
        let (flags, window) = sample.tcp.unwrap_or_default();
        Some(Self {
            len: sample.len.to_ne_bytes(),
            payload_len: sample.payload_len.to_ne_bytes(),
            window: window.to_ne_bytes(),
            header_len,
            flags: flags.0,
            facts,
        })
    }

    fn set(self) -> FeatureSet {
        FeatureSet(self.facts >> SET_SHIFT)
    }

    fn is_from_src(self) -> bool {
        self.facts & BACKWARD == 0
    }

    fn sample(self, at: i64) -> Sample {
        Sample {
            at,
            len: u32::from_ne_bytes(self.len),
            payload_len: u32::from_ne_bytes(self.payload_len),
            header_len: (self.facts & HAS_HEADER != 0).then_some(self.header_len.into()),
            tcp: (self.facts & IS_TCP != 0)
                .then_some((TcpFlags(self.flags), u16::from_ne_bytes(self.window))),
        }
    }
}

impl Kept {
    fn new(set: FeatureSet, from_src: bool, sample: &Sample) -> Self {
        let mut kept = Self::default();
        if set.contains(FeatureSet::STATISTICS) {
            kept.statistics = Some(Statistics::new(from_src, sample));
        }
        if set.contains(FeatureSet::SEQUENCE) {
            let mut sequence = Sequence::default();
            sequence.add(sample.at, sample.len, !from_src);
            kept.sequence = Some(sequence);
        }
        if set.contains(FeatureSet::NFSTREAM) {
            let nfstream = kept.nfstream.insert(Box::default());
            nfstream.add(from_src, sample);
        }
        kept
    }

    fn add(&mut self, from_src: bool, sample: &Sample) {
        if let Some(statistics) = &mut self.statistics {
            statistics.add(from_src, sample);
        }
        if let Some(sequence) = &mut self.sequence {
            sequence.add(sample.at, sample.len, !from_src);
        }
        if let Some(nfstream) = &mut self.nfstream {
            nfstream.add(from_src, sample);
        }
    }
}

impl FlowFeatures {
    /// Takes a packet of a flow that began at `start` (its first packet's time).
    pub(crate) fn ingest(&mut self, set: FeatureSet, start: i64, from_src: bool, sample: &Sample) {
        match &mut self.0 {
            State::Kept(kept) => kept.add(from_src, sample),
            State::First(first) => {
                let mut kept = Kept::new(first.set(), first.is_from_src(), &first.sample(start));
                kept.add(from_src, sample);
                self.0 = State::Kept(Box::new(kept));
            }
            State::Off => {
                // What begins a flow is mostly its first packet; not so where that one was a
                // fragment that counts only when it is whole.
                let first = (start == sample.at)
                    .then(|| First::new(set, from_src, sample))
                    .flatten();
                self.0 = first.map_or_else(
                    || State::Kept(Box::new(Kept::new(set, from_src, sample))),
                    State::First,
                );
            }
        }
    }

    /// Originator and responder were exchanged.
    pub(crate) fn flip(&mut self) {
        match &mut self.0 {
            State::Off => {}
            State::First(first) => first.facts ^= BACKWARD,
            State::Kept(kept) => {
                if let Some(statistics) = &mut kept.statistics {
                    statistics.flip();
                }
                if let Some(sequence) = &mut kept.sequence {
                    sequence.flip();
                }
                if let Some(nfstream) = &mut kept.nfstream {
                    nfstream.flip();
                }
            }
        }
    }

    /// Bytes on the heap.
    #[inline]
    pub(crate) fn heap_bytes(&self) -> usize {
        let State::Kept(kept) = &self.0 else {
            return 0;
        };
        let statistics = kept.statistics.as_ref().map_or(0, Statistics::heap_bytes);
        let sequence = kept.sequence.as_ref().map_or(0, Sequence::heap_bytes);
        let nfstream = |nfstream: &Nfstream| size_of::<Nfstream>() + nfstream.heap_bytes();
        let nfstream = kept.nfstream.as_deref().map_or(0, nfstream);
        size_of::<Kept>() + statistics + sequence + nfstream
    }

    /// What was summed up over all packets, of a flow that began at `start` (ns since 1970);
    /// `None` where nobody asked ([`FeatureSet::STATISTICS`]) or no packet counted.
    pub fn statistics(&self, start: i64) -> Option<Summed<'_, Statistics>> {
        match &self.0 {
            State::Off => None,
            State::First(first) => first.set().contains(FeatureSet::STATISTICS).then(|| {
                let statistics = Statistics::new(first.is_from_src(), &first.sample(start));
                Summed::Made(Box::new(statistics))
            }),
            State::Kept(kept) => kept.statistics.as_ref().map(Summed::Kept),
        }
    }

    /// The first packets one by one; `None` where nobody asked ([`FeatureSet::SEQUENCE`]) or no
    /// packet counted.
    pub fn sequence(&self) -> Option<Cow<'_, Sequence>> {
        match &self.0 {
            State::Off => None,
            State::First(first) => first.set().contains(FeatureSet::SEQUENCE).then(|| {
                let mut sequence = Sequence::default();
                sequence.add(0, first.sample(0).len, !first.is_from_src());
                Cow::Owned(sequence)
            }),
            State::Kept(kept) => kept.sequence.as_ref().map(Cow::Borrowed),
        }
    }

    /// What NFStream sums up, of a flow that began at `start` (ns since 1970); `None` where nobody
    /// asked ([`FeatureSet::NFSTREAM`]) or no packet counted.
    pub fn nfstream(&self, start: i64) -> Option<Summed<'_, Nfstream>> {
        match &self.0 {
            State::Off => None,
            State::First(first) => first.set().contains(FeatureSet::NFSTREAM).then(|| {
                let mut nfstream = Box::<Nfstream>::default();
                nfstream.add(first.is_from_src(), &first.sample(start));
                Summed::Made(nfstream)
            }),
            State::Kept(kept) => kept.nfstream.as_deref().map(Summed::Kept),
        }
    }
}
