//! A byte stream out of TCP segments, for parsers of what runs over TCP.

use std::collections::BTreeMap;

/// What comes out of a [`StreamAssembler`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered<'a> {
    /// The next bytes of the stream.
    Data(&'a [u8]),
    /// So many bytes of the stream are missing here.
    Gap(u64),
}

/// Puts one direction of a TCP connection in order, within bounded memory.
///
/// Bytes are delivered once, in order; where segments overlap, the bytes that came first
/// stay. Segments that come too early are kept until the hole before them is filled; when
/// more than the limit would be kept, or [`skip_to`](Self::skip_to) says that the receiver
/// had the bytes, the hole is reported as a [`Delivered::Gap`] and the stream goes on after
/// it. The memory in use never exceeds the limit by more than one segment.
///
/// ```
/// use netloom_flow::{Delivered, StreamAssembler};
///
/// let mut stream = StreamAssembler::new(1000, 65_536);
/// let mut text = Vec::new();
/// for (sequence, payload) in [(1000, "GET "), (1008, "HTTP"), (1004, "/ib ")] {
///     stream.ingest(sequence, payload.as_bytes(), |delivered| {
///         if let Delivered::Data(bytes) = delivered {
///             text.extend_from_slice(bytes);
///         }
///     });
/// }
/// assert_eq!(text, b"GET /ib HTTP");
/// ```
#[derive(Debug, Clone)]
pub struct StreamAssembler {
    /// Sequence number of position 0.
    initial: u32,
    limit: u32,
    /// Position of the next byte to deliver.
    next: u64,
    /// What came too early; most streams never have any.
    early: Option<Box<Early>>,
}

/// Segments that wait for a hole to be filled.
#[derive(Debug, Clone, Default)]
struct Early {
    buffered: usize,
    /// By position; no overlaps, all beyond the next byte to deliver.
    segments: BTreeMap<u64, Box<[u8]>>,
}

/// What a kept segment costs beside its bytes.
const OVERHEAD: usize = 64;

impl StreamAssembler {
    /// A stream whose first byte has this sequence number (one more than the SYN's); up to
    /// `limit` bytes are kept of what comes too early.
    pub fn new(first: u32, limit: usize) -> Self {
        Self {
            initial: first,
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
            next: 0,
            early: None,
        }
    }

    /// How many bytes of the stream have been delivered or given up.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Bytes of memory that kept segments use.
    pub fn buffered(&self) -> usize {
        self.early.as_ref().map_or(0, |early| early.buffered)
    }

    /// Whether anything waits behind a hole.
    #[inline]
    pub fn has_hole(&self) -> bool {
        self.early.is_some()
    }

    /// Position of the first segment that was kept.
    fn first_early(&self) -> Option<u64> {
        let early = self.early.as_ref()?;
        early.segments.first_key_value().map(|(&at, _)| at)
    }

    /// Takes a segment's payload and delivers what is in order now.
    ///
    /// A segment from more than 1 GiB ahead is of another connection, or forged, and dropped.
    pub fn ingest(
        &mut self,
        sequence: u32,
        payload: &[u8],
        mut deliver: impl FnMut(Delivered<'_>),
    ) {
        let Some((start, payload)) = self.place(sequence, payload) else {
            return;
        };
        if start > self.next {
            self.keep(start, payload);
            while self.buffered() > self.limit as usize {
                self.give_up_hole(&mut deliver);
            }
            return;
        }
        if self.early.is_none() {
            self.next = start + payload.len() as u64;
            deliver(Delivered::Data(payload));
            return;
        }
        // Bytes that were kept came earlier: deliver up to them, then them.
        let end = start + payload.len() as u64;
        while self.next < end {
            let until = self.first_early().map_or(end, |at| at.min(end));
            let from = (self.next - start) as usize;
            let to = (until - start) as usize;
            if let Some(bytes) = payload.get(from..to).filter(|bytes| !bytes.is_empty()) {
                self.next = until;
                deliver(Delivered::Data(bytes));
            }
            if !self.deliver_early(&mut deliver) && self.next < end && until >= end {
                break;
            }
        }
    }

    /// The receiver has acknowledged everything before `sequence`: what is missing of it will
    /// not come, so holes are reported.
    pub fn skip_to(&mut self, sequence: u32, mut deliver: impl FnMut(Delivered<'_>)) {
        let offset = self.offset(sequence);
        if offset <= 0 {
            return;
        }
        let target = self.next + offset.unsigned_abs();
        while self.next < target {
            let hole_end = self.first_early().map_or(target, |at| at.min(target));
            self.gap(hole_end, &mut deliver);
            self.deliver_early(&mut deliver);
        }
    }

    /// The stream is over: delivers what was kept, with its holes.
    pub fn finish(&mut self, mut deliver: impl FnMut(Delivered<'_>)) {
        while self.early.is_some() {
            self.give_up_hole(&mut deliver);
        }
    }

    /// Whether bytes wait behind a hole that ends before `ack`: the receiver has what the
    /// capture lacks, and will not be sent it again.
    pub fn lacks(&self, ack: u32) -> bool {
        let Some(first) = self.first_early() else {
            return false;
        };
        let offset = self.offset(ack);
        (1..1 << 30).contains(&offset) && self.next + offset.unsigned_abs() > first
    }

    /// Distance from the next byte to a sequence number.
    fn offset(&self, sequence: u32) -> i64 {
        let next = self.initial.wrapping_add(self.next as u32);
        i64::from(sequence.wrapping_sub(next) as i32)
    }

    /// Position of a payload without what has been delivered; `None` where nothing is left.
    fn place<'a>(&self, sequence: u32, payload: &'a [u8]) -> Option<(u64, &'a [u8])> {
        let offset = self.offset(sequence);
        if offset >= 1 << 30 {
            return None;
        }
        let (start, payload) = match u64::try_from(offset) {
            Ok(ahead) => (self.next + ahead, payload),
            Err(_) => (self.next, payload.get(usize::try_from(-offset).ok()?..)?),
        };
        (!payload.is_empty()).then_some((start, payload))
    }

    /// Keeps what is new of an early payload.
    fn keep(&mut self, start: u64, payload: &[u8]) {
        let early = self.early.get_or_insert_default();
        let end = start + payload.len() as u64;
        let mut at = start;
        if let Some((&from, bytes)) = early.segments.range(..=start).next_back() {
            at = at.max(from + bytes.len() as u64);
        }
        while at < end {
            let (until, resume) = early
                .segments
                .range(at..)
                .next()
                .map_or((end, end), |(&from, bytes)| {
                    (from.min(end), from.saturating_add(bytes.len() as u64))
                });
            let new = payload.get((at - start) as usize..(until - start) as usize);
            if let Some(bytes) = new.filter(|bytes| !bytes.is_empty()) {
                early.buffered += bytes.len() + OVERHEAD;
                early.segments.insert(at, bytes.into());
            }
            at = resume;
        }
    }

    /// Delivers kept segments that are in order now; whether there were any.
    fn deliver_early(&mut self, deliver: &mut impl FnMut(Delivered<'_>)) -> bool {
        let mut any = false;
        while let Some(early) = &mut self.early {
            let Some(entry) = early.segments.first_entry() else {
                self.early = None;
                break;
            };
            if *entry.key() > self.next {
                break;
            }
            let (at, bytes) = entry.remove_entry();
            early.buffered = early.buffered.saturating_sub(bytes.len() + OVERHEAD);
            let known = (self.next - at) as usize;
            if let Some(new) = bytes.get(known..).filter(|new| !new.is_empty()) {
                self.next += new.len() as u64;
                deliver(Delivered::Data(new));
            }
            any = true;
        }
        any
    }

    /// Reports the hole before the first kept segment and goes on after it.
    fn give_up_hole(&mut self, deliver: &mut impl FnMut(Delivered<'_>)) {
        if let Some(at) = self.first_early() {
            self.gap(at, deliver);
        }
        self.deliver_early(deliver);
    }

    fn gap(&mut self, until: u64, deliver: &mut impl FnMut(Delivered<'_>)) {
        if until > self.next {
            let missing = until - self.next;
            self.next = until;
            deliver(Delivered::Gap(missing));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn collect(stream: &mut StreamAssembler, sequence: u32, payload: &[u8]) -> Vec<String> {
        let mut out = Vec::new();
        stream.ingest(sequence, payload, |delivered| out.push(show(delivered)));
        out
    }

    fn show(delivered: Delivered<'_>) -> String {
        match delivered {
            Delivered::Data(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Delivered::Gap(len) => format!("<{len}>"),
        }
    }

    #[test]
    fn order_over_the_end_of_sequence_space() {
        let mut stream = StreamAssembler::new(u32::MAX - 1, 100_000);
        assert_eq!(collect(&mut stream, 2, b"ef"), [""; 0]);
        assert_eq!(collect(&mut stream, u32::MAX - 1, b"abcd"), ["abcd", "ef"]);
        assert_eq!(stream.position(), 6);
        assert_eq!(stream.buffered(), 0);
    }

    #[test]
    fn the_first_bytes_stay() {
        let mut stream = StreamAssembler::new(0, 100_000);
        collect(&mut stream, 2, b"cd");
        collect(&mut stream, 1, b"XXXe");
        assert_eq!(collect(&mut stream, 0, b"a"), ["a", "X", "cd", "e"]);
        assert_eq!(collect(&mut stream, 3, b"YYf"), ["f"]);
    }

    #[test]
    fn holes_are_told() {
        let mut stream = StreamAssembler::new(0, 100_000);
        collect(&mut stream, 4, b"ef");
        let mut out = Vec::new();
        stream.skip_to(5, |delivered| out.push(show(delivered)));
        assert_eq!(out, ["<4>", "ef"]);
        collect(&mut stream, 10, b"k");
        stream.finish(|delivered| out.push(show(delivered)));
        assert_eq!(out, ["<4>", "ef", "<4>", "k"]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut stream = StreamAssembler::new(0, 1000);
        let mut gaps = 0;
        for at in 1..200_u32 {
            stream.ingest(at * 100, &[0; 50], |delivered| {
                if let Delivered::Gap(missing) = delivered {
                    gaps += missing;
                }
            });
            assert!(stream.buffered() <= 1000);
        }
        assert!(gaps > 0);
    }

    proptest! {
        /// Whatever the order and overlaps, the stream comes out as it was.
        #[test]
        fn any_order(
            text in prop::collection::vec(any::<u8>(), 1..200),
            cuts in prop::collection::vec((any::<prop::sample::Index>(), 1_usize..30), 0..60),
            initial in any::<u32>(),
        ) {
            let mut stream = StreamAssembler::new(initial, 1 << 20);
            let mut out = Vec::new();
            let mut take = |delivered: Delivered<'_>| match delivered {
                Delivered::Data(bytes) => out.extend_from_slice(bytes),
                Delivered::Gap(_) => out.clear(),
            };
            for (at, len) in cuts {
                let at = at.index(text.len());
                let end = (at + len).min(text.len());
                stream.ingest(initial.wrapping_add(at as u32), &text[at..end], &mut take);
            }
            stream.ingest(initial, &text, &mut take);
            prop_assert_eq!(stream.buffered(), 0);
            prop_assert_eq!(out, text);
        }

        /// Hostile sequence numbers: no panic, every byte of the position accounted for.
        #[test]
        fn hostile(
            segments in prop::collection::vec((any::<u32>(), 0_usize..40, any::<bool>()), 0..100),
            limit in 0_usize..2000,
        ) {
            let mut stream = StreamAssembler::new(0, limit);
            let mut total = 0;
            let mut take = |delivered: Delivered<'_>| total += match delivered {
                Delivered::Data(bytes) => bytes.len() as u64,
                Delivered::Gap(missing) => missing,
            };
            for (sequence, len, skip) in segments {
                if skip {
                    stream.skip_to(sequence, &mut take);
                } else {
                    stream.ingest(sequence, &vec![0; len], &mut take);
                }
                prop_assert!(stream.buffered() <= limit);
            }
            stream.finish(&mut take);
            prop_assert_eq!(total, stream.position());
        }
    }
}
