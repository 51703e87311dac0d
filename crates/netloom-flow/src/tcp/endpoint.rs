//! One endpoint of a TCP connection: its state and its sequence space.

use super::ranges::Ranges;

/// What one endpoint has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    /// Nothing.
    #[default]
    Inactive,
    /// Sent a SYN.
    SynSent,
    /// Began with a SYN-ACK.
    SynAckSent,
    /// Was met in the middle.
    Partial,
    /// Finished the handshake.
    Established,
    /// Sent a FIN.
    Closed,
    /// Sent a RST.
    Reset,
}

impl State {
    /// Before anything was agreed on.
    pub(super) const fn is_handshake(self) -> bool {
        matches!(self, Self::Inactive | Self::SynSent | Self::SynAckSent)
    }
}

/// Nanoseconds, or nothing yet, in eight bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(i64);

impl Moment {
    pub(super) fn at(nanos: i64) -> Self {
        Self(nanos.max(i64::MIN + 1))
    }

    pub(super) fn get(self) -> Option<i64> {
        (self.0 != i64::MIN).then_some(self.0)
    }
}

impl Default for Moment {
    fn default() -> Self {
        Self(i64::MIN)
    }
}

/// A position of an endpoint within 2 GiB of its last one, in four bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Near(u32);

impl Near {
    pub(super) fn of(position: i64) -> Self {
        Self(position as u32)
    }

    pub(super) fn get(self, last: i64) -> i64 {
        position(0, self.0, last)
    }
}

/// One endpoint. Positions are relative to its SYN: 0 is the SYN, 1 the first byte.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) state: State,
    pub(super) previous: State,
    pub(super) closed: bool,
    pub(super) eof: bool,
    pub(super) skip: bool,
    pub(super) fins: bool,
    /// Sequence number of position 0.
    pub(super) initial: u32,
    /// One past the last position sent.
    pub(super) last: i64,
    /// What the peer has acknowledged.
    pub(super) acked: Near,
    /// What the peer has acknowledged, and was checked for holes.
    pub(super) trimmed: Near,
    /// One past the FIN.
    pub(super) fin: Near,
    pub(super) seen: Ranges,
    /// When `last` last moved.
    pub(super) advanced_at: Moment,
    pub(super) last_syn: u32,
    pub(super) last_fin: u32,
    pub(super) last_rst: u32,
    pub(super) resent: u32,
    pub(super) zero_windows: u32,
    pub(super) gaps: u32,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self {
            state: State::Inactive,
            previous: State::Inactive,
            closed: false,
            eof: false,
            skip: false,
            fins: false,
            initial: 0,
            last: 0,
            acked: Near::of(0),
            trimmed: Near::of(1),
            fin: Near::of(0),
            seen: Ranges::start_at(1),
            advanced_at: Moment::default(),
            last_syn: 0,
            last_fin: 0,
            last_rst: 0,
            resent: 0,
            zero_windows: 0,
            gaps: 0,
        }
    }
}

/// Relative position of `sequence`, the one nearest to `near`.
pub(super) fn position(initial: u32, sequence: u32, near: i64) -> i64 {
    let offset = sequence.wrapping_sub(initial).wrapping_sub(near as u32) as i32;
    near.saturating_add(i64::from(offset))
}

impl Endpoint {
    pub(super) fn set(&mut self, state: State) {
        if state != self.state {
            self.previous = self.state;
            self.state = state;
        }
    }

    /// Begins anew: position 0 is at `initial`.
    pub(super) fn restart(&mut self, initial: u32, last: i64) {
        self.initial = initial;
        self.acked = Near::of(0);
        self.last = last;
    }

    pub(super) fn acked(&self) -> i64 {
        self.acked.get(self.last)
    }

    pub(super) fn nothing_acked(&self) -> bool {
        matches!(self.acked(), 0 | 1)
    }

    /// Bytes sent by sequence numbers, see `Side::stream_bytes`.
    pub(super) fn stream_bytes(&self, peer: &Self) -> u64 {
        if self.previous == State::SynSent
            && self.state == State::Reset
            && peer.state == State::Inactive
            && !self.nothing_acked()
        {
            // A half-open connection found and aborted: the numbers belong to another one.
            return 0;
        }
        let mut size = self.last.max(self.acked());
        // Neither the SYN nor the FIN are bytes.
        if size > 0 {
            size -= 1;
        }
        if self.fins && size > 0 {
            size -= 1;
        }
        size.max(0) as u64
    }

    /// Whether something it sent is still missing before its end.
    pub(super) fn is_waiting(&self, peer: &Self) -> bool {
        if self.skip || self.last < self.seen.next {
            return false;
        }
        if self.seen.next != self.last - 1 && self.seen.next != self.last {
            return true;
        }
        self.state != State::Reset
            && peer
                .seen
                .last_island_end()
                .is_some_and(|end| end > peer.seen.next)
    }

    /// Whether its part of the conversation was orderly.
    pub(super) fn is_clean(&self) -> bool {
        self.state == State::Established
            || self.state == State::Closed && self.previous == State::Established
    }
}
