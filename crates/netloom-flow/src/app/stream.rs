//! One direction of a TCP connection, as parsers see it.

use netloom_decode::app::{Probe, STREAM_MAX};

use super::TcpData;
use crate::tcp::{Delivered, StreamAssembler};

/// Bytes that came too early and wait for a hole to be filled.
const EARLY_MAX: usize = 64 * 1024;

/// Bytes that a SYN may bring and its answer acknowledges (RFC 7413).
const SYN_DATA_MAX: u32 = 16 * 1024;

/// Where one direction of a connection begins: kept for every connection, so that the payload
/// finds its place whenever it comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum StreamStart {
    /// Nothing was seen yet.
    #[default]
    Unseen,
    /// A SYN with this sequence number.
    Syn(u32),
    /// A segment with this sequence number: the beginning was not captured.
    Middle(u32),
}

impl StreamStart {
    /// Takes the first segment.
    #[inline]
    pub(crate) fn note(&mut self, seq: u32, syn: bool) {
        if *self == Self::Unseen {
            *self = if syn {
                Self::Syn(seq)
            } else {
                Self::Middle(seq)
            };
        }
    }

    /// The other side answers a SYN: of several that were sent, this one opens the stream.
    #[inline]
    pub(crate) fn answered(&mut self, ack: u32) {
        if let Self::Syn(seq) = *self
            && ack.wrapping_sub(seq).wrapping_sub(1) > SYN_DATA_MAX
        {
            *self = Self::Syn(ack.wrapping_sub(1));
        }
    }

    /// Whether there was a segment.
    #[inline]
    pub(crate) fn is_seen(self) -> bool {
        self != Self::Unseen
    }

    fn is_syn(self) -> bool {
        matches!(self, Self::Syn(_))
    }

    /// Sequence number of the first byte.
    fn first(self) -> Option<u32> {
        match self {
            Self::Unseen => None,
            Self::Syn(seq) => Some(seq.wrapping_add(1)),
            Self::Middle(seq) => Some(seq),
        }
    }
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Half {
    assembler: Option<StreamAssembler>,
    /// Bytes in order that nobody has consumed.
    held: Vec<u8>,
    /// Bytes to come that nobody wants.
    skip: u64,
    quiet: bool,
    from_start: bool,
    hole: Option<Box<Hole>>,
}

/// Before anybody knows the protocol: bytes that are missing behind what is held, and those
/// behind the hole.
#[derive(Debug)]
struct Hole {
    missing: u64,
    beyond: Vec<u8>,
}

impl Half {
    /// Puts a segment in its place and gives what is in order.
    pub(super) fn assemble(
        &mut self,
        start: StreamStart,
        data: &TcpData<'_>,
        mut deliver: impl FnMut(&mut Self, Delivered<'_>),
    ) {
        let mut assembler = if let Some(assembler) = self.assembler.take() {
            assembler
        } else {
            let Some(first) = start.first() else { return };
            self.from_start = start.is_syn();
            StreamAssembler::new(first, EARLY_MAX)
        };
        let seq = data.seq.wrapping_add(u32::from(data.syn));
        assembler.ingest(seq, data.payload, |delivered| deliver(self, delivered));
        if (data.payload.len() as u32) < data.wire_len {
            // What the snap length cut off will not come.
            assembler.skip_to(seq.wrapping_add(data.wire_len), |delivered| {
                deliver(self, delivered);
            });
        }
        self.assembler = Some(assembler);
    }

    /// A direction that nobody listens to.
    pub(super) fn unheard() -> Self {
        Self {
            quiet: true,
            ..Self::default()
        }
    }

    /// A direction that is listened to from this sequence number on.
    pub(super) fn from_sequence(first: u32) -> Self {
        Self {
            assembler: Some(StreamAssembler::new(first, EARLY_MAX)),
            ..Self::default()
        }
    }

    /// Whether no payload has come.
    pub(super) fn is_silent(&self) -> bool {
        self.assembler.is_none() && !self.quiet
    }

    /// Whether anything waits behind a hole.
    #[inline]
    pub(super) fn has_hole(&self) -> bool {
        self.assembler
            .as_ref()
            .is_some_and(StreamAssembler::has_hole)
    }

    /// Whether there is a hole that the receiver says it has got.
    pub(super) fn lacks(&self, ack: u32) -> bool {
        self.assembler
            .as_ref()
            .is_some_and(|assembler| assembler.lacks(ack))
    }

    /// Gives up holes before a sequence number.
    pub(super) fn skip_to(
        &mut self,
        sequence: u32,
        mut deliver: impl FnMut(&mut Self, Delivered<'_>),
    ) {
        if let Some(mut assembler) = self.assembler.take() {
            assembler.skip_to(sequence, |delivered| deliver(self, delivered));
            self.assembler = Some(assembler);
        }
    }

    /// Gives up all holes.
    pub(super) fn finish(&mut self, mut deliver: impl FnMut(&mut Self, Delivered<'_>)) {
        if let Some(mut assembler) = self.assembler.take() {
            assembler.finish(|delivered| deliver(self, delivered));
        }
    }

    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    /// Whether the stream is known from its first byte on.
    pub(super) fn starts_at_syn(&self) -> bool {
        self.from_start
    }

    pub(super) fn take_held(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    pub(super) fn put_held(&mut self, held: Vec<u8>) {
        self.held = held;
    }

    /// Keeps bytes until somebody wants them.
    pub(super) fn hold(&mut self, bytes: &[u8]) {
        if self.quiet {
            return;
        }
        let (place, most) = match &mut self.hole {
            Some(hole) => (&mut hole.beyond, Probe::MAX),
            None => (&mut self.held, STREAM_MAX + Probe::MAX),
        };
        let room = most.saturating_sub(place.len());
        place.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// Notes a hole behind what is held; of several the first counts, and what is behind it.
    pub(super) fn note_hole(&mut self, missing: u64) {
        if self.held.is_empty() {
            self.from_start = false;
        } else if self.hole.is_none() {
            self.hole = Some(Box::new(Hole {
                missing,
                beyond: Vec::new(),
            }));
        }
    }

    /// The hole and what is behind it.
    pub(super) fn take_hole(&mut self) -> Option<(u64, Vec<u8>)> {
        let hole = self.hole.take()?;
        Some((hole.missing, hole.beyond))
    }

    pub(super) fn drop_held(&mut self) {
        self.held = Vec::new();
    }

    /// So many bytes to come are of no interest.
    pub(super) fn skip(&mut self, count: u64) {
        self.skip = self.skip.saturating_add(count);
    }

    /// Takes bytes off what is to be skipped; the number of those that are not.
    pub(super) fn pass_over(&mut self, count: u64) -> u64 {
        let passed = self.skip.min(count);
        self.skip -= passed;
        count - passed
    }

    /// Nobody wants this direction any more.
    pub(super) fn silence(&mut self) {
        self.quiet = true;
        self.drop_held();
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.held.capacity()
            + self
                .hole
                .as_ref()
                .map_or(0, |hole| size_of::<Hole>() + hole.beyond.capacity())
            + self.assembler.as_ref().map_or(0, StreamAssembler::buffered)
    }
}

#[cfg(test)]
mod tests {
    use super::StreamStart;

    #[test]
    fn the_syn_that_is_answered_counts() {
        let mut start = StreamStart::default();
        start.note(100, true);
        start.note(70_000, true);
        assert_eq!(start, StreamStart::Syn(100));
        // What the first one brought was acknowledged with it.
        start.answered(101);
        start.answered(801);
        assert_eq!(start, StreamStart::Syn(100));
        start.answered(70_001);
        assert_eq!(start, StreamStart::Syn(70_000));
        start.answered(90);
        assert_eq!(start, StreamStart::Syn(89));
        let mut start = StreamStart::Middle(5);
        start.answered(70_001);
        assert_eq!(start, StreamStart::Middle(5));
    }
}
