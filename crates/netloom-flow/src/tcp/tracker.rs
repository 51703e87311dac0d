//! The state of a TCP connection.

use netloom_decode::{Tcp, TcpFlags};

use super::endpoint::{Endpoint, Moment, Near, State, position};
use super::history::{Event, History};
use crate::app::StreamStart;

/// Sequence numbers further from what is expected than this are not believed in SYN, RST and
/// an acknowledgment of 0.
const FAR: i32 = 1 << 20;
/// Without any acknowledgment, a stream with more than this beyond a hole is not followed.
const ABOVE_HOLE: i64 = 16_384;
/// A hole filled later than this after newer data is taken for a retransmission, where the
/// round trip is not known (or shorter): Wireshark's threshold.
const REORDERING_NS: i64 = 3_000_000;

/// A segment to look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    /// The header.
    pub(crate) tcp: &'a Tcp,
    /// Payload length by the headers.
    pub(crate) len: u32,
    /// The payload counts as seen (else only its length is believed).
    pub(crate) seen: bool,
    /// When it was seen, ns.
    pub(crate) at: i64,
    /// From the originator, as known so far.
    pub(crate) from_src: bool,
}

/// What a segment was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    /// Originator and responder were exchanged by it.
    pub(crate) flipped: bool,
    /// It carried nothing that was not seen before.
    pub(crate) retransmission: bool,
    /// It came after newer data.
    pub(crate) out_of_order: bool,
    /// It announced a closed window.
    pub(crate) zero_window: bool,
}

/// A TCP connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct TcpTracker {
    /// Originator, responder.
    pub(super) ends: [Endpoint; 2],
    pub(crate) history: History,
    pub(crate) missed_bytes: u64,
    /// Whether the SYN was not seen first; decides how the first acknowledgment is taken.
    pub(super) partial: bool,
    /// Packets were seen from: the originator, the responder.
    pub(super) first_seen: [bool; 2],
    /// A close waits for missing data.
    close_waits: bool,
    /// The attempt began with a SYN at this time.
    pub(super) attempt_at: Moment,
    /// Both sides have closed, or it was reset.
    closed_at: Moment,
    /// The handshake is behind it.
    under_way: bool,
    /// Time of the last SYN, then of the SYN-ACK.
    handshake_at: Moment,
    /// Round trip: up to the SYN-ACK, then all of it.
    pub(super) rtt: Moment,
    pub(super) rtt_done: bool,
    /// Where the streams of originator and responder begin, for those who read them.
    pub(crate) starts: [StreamStart; 2],
}

impl TcpTracker {
    /// Bytes on the heap beyond the tracker itself.
    #[inline]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.history.heap_bytes()
            + self
                .ends
                .iter()
                .map(|end| end.seen.heap_bytes())
                .sum::<usize>()
    }

    /// Round-trip time of the handshake, where all of it was seen.
    pub(crate) fn handshake_rtt(&self) -> Option<i64> {
        self.rtt.get().filter(|_| self.rtt_done)
    }

    /// When it was over: both sides closed, or one aborted (Zeek's notion: not while data
    /// that came before is missing).
    pub(crate) fn closed_at(&self) -> Option<i64> {
        self.closed_at.get()
    }

    /// When both sides had closed with FIN: Zeek's connections last until then.
    pub(crate) fn both_closed_at(&self) -> Option<i64> {
        let both = self
            .ends
            .iter()
            .all(|end| end.closed && end.state != State::Reset);
        self.closed_at.get().filter(|_| both)
    }

    /// When an attempt that nobody has answered began.
    pub(crate) fn unanswered_since(&self) -> Option<i64> {
        let [orig, resp] = &self.ends;
        self.attempt_at.get().filter(|_| {
            matches!(orig.state, State::SynSent | State::SynAckSent)
                && resp.state == State::Inactive
        })
    }

    /// Whether the handshake is behind it (or was never seen).
    pub(crate) fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// Whether it was not seen from its SYN on.
    pub(crate) fn is_partial(&self) -> bool {
        self.partial
    }

    /// Sequence numbers of the first bytes of originator and responder.
    pub(crate) fn first_bytes(&self) -> [u32; 2] {
        self.ends.each_ref().map(|end| end.initial.wrapping_add(1))
    }

    /// Whether both sides sent a FIN, or one a RST: the connection has ended.
    pub(crate) fn has_ended(&self) -> bool {
        let [orig, resp] = &self.ends;
        self.was_reset() || orig.state == State::Closed && resp.state == State::Closed
    }

    /// Whether one side aborted.
    pub(crate) fn was_reset(&self) -> bool {
        self.ends.iter().any(|end| end.state == State::Reset)
    }

    /// Bytes of (originator, responder) by sequence numbers.
    pub(crate) fn stream_bytes(&self) -> (u64, u64) {
        let [orig, resp] = &self.ends;
        (orig.stream_bytes(resp), resp.stream_bytes(orig))
    }

    /// Whether a segment begins another connection between the same endpoints (Zeek's rule).
    pub(crate) fn is_reuse(&self, tcp: &Tcp) -> bool {
        if !tcp.flags.contains(TcpFlags::SYN) {
            return false;
        }
        let [orig, resp] = &self.ends;
        let ack = tcp.flags.contains(TcpFlags::ACK);
        if ack && orig.state != State::Inactive {
            return false;
        }
        if orig.closed || resp.closed {
            return true;
        }
        let began = if ack { resp } else { orig };
        if tcp.seq == began.initial {
            return false;
        }
        // SYN and SYN-ACK in the wrong order.
        !(!ack
            && began.state == State::SynAckSent
            && resp.state == State::Inactive
            && tcp.seq == resp.initial)
    }

    /// Takes a segment. Directions are only turned round where `may_flip`. `None` where it is one
    /// that was expected: there is nothing to say about it, and no more on the heap.
    #[inline]
    pub(crate) fn ingest(&mut self, segment: &Segment<'_>, may_flip: bool) -> Option<Observed> {
        if self.take_expected(segment) {
            return None;
        }
        Some(self.ingest_any(segment, may_flip))
    }

    /// Takes a segment, whatever it is.
    pub(super) fn ingest_any(&mut self, segment: &Segment<'_>, may_flip: bool) -> Observed {
        let Segment { tcp, len, at, .. } = *segment;
        let flags = Flags::of(tcp.flags);
        let mut from_src = segment.from_src;
        let mut observed = Observed::default();

        let me = usize::from(!from_src);
        if from_src && !self.first_seen[0] {
            self.partial = !flags.syn || flags.ack;
        } else if !from_src && !self.first_seen[1] && !self.partial {
            self.partial = !flags.syn;
        }

        // Data of a RST is no part of the stream.
        let data = if flags.rst { 0 } else { i64::from(len) };
        let occupied = data + i64::from(flags.syn) + i64::from(flags.fin);
        let start = self.begin(me, tcp.seq, occupied, flags);
        let underflow = start < 0;

        if self.note_history(me, from_src, start, len, flags) {
            // The first productive segment after a lone SYN-ACK: no scan, its sender answered.
            if may_flip {
                self.flip();
                self.history.replace(b"^h");
                self.first_seen[0] = true;
                from_src = !from_src;
                observed.flipped = true;
            }
            let (event, letter) = if len > 0 {
                (Event::Data, b'd')
            } else {
                (Event::Ack, b'a')
            };
            self.history.seen_before(event, letter, from_src);
        }
        let me = usize::from(!from_src);
        let peer = 1 - me;

        if tcp.window == 0 && !flags.rst {
            observed.zero_window = !flags.syn;
            if self.ends[peer].state != State::Closed && self.ends[me].state != State::Reset {
                self.history
                    .count(&mut self.ends[me].zero_windows, b'w', from_src);
            }
        }
        if flags.fin {
            self.ends[me].fins = true;
            self.ends[me].fin = Near::of(start + occupied);
        }

        let acked = flags.ack.then(|| self.note_ack(peer, tcp.ack, flags));
        self.measure_handshake(from_src, flags, at, tcp.ack);
        self.classify(me, start, data, occupied, at, flags, &mut observed);
        let end = start.saturating_add(occupied);
        let delta = end.saturating_sub(self.ends[me].last);
        self.note_last(me, from_src, end, delta, len, flags, at);

        let was = (self.ends[me].state, self.ends[peer].state);
        let flipped_by_history = std::mem::take(&mut observed.flipped);
        let closes = self.step(me, peer, segment, flags, may_flip, &mut observed);
        let (me, peer) = if observed.flipped {
            (peer, me)
        } else {
            (me, peer)
        };
        observed.flipped |= flipped_by_history;
        if was.0.is_handshake()
            && was.1.is_handshake()
            && !(self.ends[0].state.is_handshake() && self.ends[1].state.is_handshake())
        {
            self.under_way = true;
        }

        if let Some(acked) = acked {
            self.acknowledge(peer, acked, at);
        }
        self.first_seen[me] = true;
        if data > 0 && !underflow && segment.seen {
            let data_start = start + i64::from(flags.syn);
            self.note_data(me, data_start, data_start + data);
        }
        self.check_eof(me, at);
        if closes {
            self.close(me, at);
        }
        observed
    }

    /// Sets up the endpoint's sequence space where this segment begins it; returns the
    /// segment's position.
    fn begin(&mut self, me: usize, sequence: u32, occupied: i64, flags: Flags) -> i64 {
        let end = &mut self.ends[me];
        match end.state {
            State::Inactive if flags.syn => {
                end.restart(sequence, occupied);
            }
            // As if there had been a SYN before it.
            State::Inactive => end.restart(sequence.wrapping_sub(1), 1),
            State::SynSent | State::SynAckSent if flags.syn && sequence != end.initial => {
                end.restart(sequence, occupied);
            }
            State::Established | State::Partial if flags.syn => {
                // Perhaps this SYN is the one that counts.
                end.restart(sequence, occupied);
            }
            State::Reset if flags.syn && end.previous == State::Inactive => {
                end.restart(sequence, occupied);
            }
            _ => {}
        }
        position(end.initial, sequence, end.last)
    }

    /// Gives letters for flags and content; `true` if this is the first productive segment
    /// after a lone SYN-ACK (whose sender then was the responder).
    fn note_history(
        &mut self,
        me: usize,
        from_src: bool,
        start: i64,
        len: u32,
        flags: Flags,
    ) -> bool {
        let history = &mut self.history;
        let end = &mut self.ends[me];
        let place = start as u32;
        match (flags.syn, flags.fin, flags.rst) {
            (_, true, true) => {
                history.seen_before(Event::FinRst, b'i', from_src);
            }
            (true, true, _) | (true, _, true) => {
                history.seen_before(Event::MultiFlag, b'q', from_src);
            }
            (true, false, false) => {
                let letter = if flags.ack { b'h' } else { b's' };
                if history.seen_before(Event::Syn, letter, from_src) && place != end.last_syn {
                    history.push(letter, from_src);
                }
                end.last_syn = place;
            }
            (false, true, false) => {
                let place = place.wrapping_add(len);
                if history.seen_before(Event::Fin, b'f', from_src) && place != end.last_fin {
                    history.push(b'f', from_src);
                }
                end.last_fin = place;
            }
            (false, false, true) => {
                if history.seen_before(Event::Rst, b'r', from_src) && place != end.last_rst {
                    history.push(b'r', from_src);
                }
                end.last_rst = place;
            }
            (false, false, false) => {
                let (event, letter) = if len > 0 {
                    (Event::Data, b'd')
                } else if flags.ack {
                    (Event::Ack, b'a')
                } else {
                    return false;
                };
                if history.is(b"H") {
                    return true;
                }
                history.seen_before(event, letter, from_src);
            }
        }
        false
    }

    /// Notes an acknowledgment of the peer's data; returns its position, 0 where it makes no
    /// sense.
    fn note_ack(&mut self, peer: usize, number: u32, flags: Flags) -> i64 {
        let peer = &mut self.ends[peer];
        if peer.state == State::Inactive {
            // As if the acknowledged byte before had been its SYN.
            peer.restart(number.wrapping_sub(1), 0);
            return 1;
        }
        let before = peer.acked();
        let acked = position(peer.initial, number, before);
        if acked < 0 {
            return 0;
        }
        let broken = number == 0 && acked - before > i64::from(FAR);
        if !flags.rst && !broken && acked > before {
            peer.acked = Near::of(acked);
        }
        acked
    }

    /// Measures SYN to SYN-ACK and SYN-ACK to ACK.
    fn measure_handshake(&mut self, from_src: bool, flags: Flags, at: i64, ack: u32) {
        if self.rtt_done || flags.rst || flags.fin {
            return;
        }
        match (flags.syn, flags.ack, from_src) {
            (true, false, true) => self.handshake_at = Moment::at(at),
            (true, true, false) => {
                if let Some(sent) = self.handshake_at.get()
                    && self.ends[0].state == State::SynSent
                    && ack == self.ends[0].initial.wrapping_add(1)
                {
                    self.rtt = Moment::at(at.saturating_sub(sent).max(0));
                    self.handshake_at = Moment::at(at);
                }
            }
            (false, true, true) => {
                if let (Some(first), Some(answered)) = (self.rtt.get(), self.handshake_at.get()) {
                    self.rtt = Moment::at(first.saturating_add(at.saturating_sub(answered).max(0)));
                    self.rtt_done = true;
                }
            }
            _ => {}
        }
    }

    /// Tells retransmissions from reordering.
    #[expect(clippy::too_many_arguments, reason = "facts of one segment")]
    fn classify(
        &self,
        me: usize,
        start: i64,
        data: i64,
        occupied: i64,
        at: i64,
        flags: Flags,
        observed: &mut Observed,
    ) {
        let end = &self.ends[me];
        if occupied == 0 || flags.rst || end.state == State::Inactive {
            return;
        }
        if start.saturating_add(occupied) > end.last {
            return;
        }
        // A byte before the next one: a keep-alive.
        if data <= 1 && !flags.syn && !flags.fin && start == end.last - 1 {
            return;
        }
        let data_start = start + i64::from(flags.syn);
        if data > 0 && !end.skip && end.seen.has_new(data_start, data_start + data) {
            let patience = self.handshake_rtt().unwrap_or(0).max(REORDERING_NS);
            if end
                .advanced_at
                .get()
                .is_none_or(|newer| at.saturating_sub(newer) <= patience)
            {
                observed.out_of_order = true;
                return;
            }
        }
        observed.retransmission = true;
    }

    /// Moves the endpoint's last position.
    #[expect(clippy::too_many_arguments, reason = "facts of one segment")]
    fn note_last(
        &mut self,
        me: usize,
        from_src: bool,
        end_position: i64,
        delta: i64,
        len: u32,
        flags: Flags,
        at: i64,
    ) {
        let end = &mut self.ends[me];
        let far = delta > i64::from(FAR) || delta < -i64::from(FAR);
        if (flags.syn || flags.rst) && far {
            return;
        }
        if flags.fin && end.last == 1 {
            // Up to 4 GiB of which nothing was seen: the FIN tells how much.
            end.last = i64::from(end_position as u32);
            end.advanced_at = Moment::at(at);
        } else if end.state == State::Reset {
            // Nothing it says counts any more.
        } else if delta > 0 {
            end.last = end_position;
            end.advanced_at = Moment::at(at);
        } else if len > 0 {
            self.history.count(&mut end.resent, b't', from_src);
        }
    }

    /// Looks for holes in what is acknowledged.
    fn acknowledge(&mut self, me: usize, mut position: i64, at: i64) {
        let clean = self.ends[0].is_clean() && self.ends[1].is_clean();
        let end = &mut self.ends[me];
        let fin = end.fin.get(end.last);
        if end.fins && position >= fin {
            position = fin - 1;
        }
        if position <= end.trimmed.get(end.last) {
            return;
        }
        let before_capture = position <= 2 && self.partial;
        if position > end.seen.next && !before_capture {
            let (missing, holes) = end.seen.skip_to(position);
            if clean && !end.skip {
                self.missed_bytes = self.missed_bytes.saturating_add(missing);
                for _ in 0..holes {
                    self.history.count(&mut end.gaps, b'g', me == 0);
                }
            }
        }
        end.trimmed = Near::of(position);
        self.check_eof(me, at);
    }

    /// Notes data that was seen.
    fn note_data(&mut self, me: usize, start: i64, stop: i64) {
        let end = &mut self.ends[me];
        let (acked, trimmed) = (end.acked(), end.trimmed.get(end.last));
        if end.skip || stop <= acked {
            return;
        }
        end.seen.insert(start.max(acked.max(trimmed)), stop);
        let beyond = end
            .seen
            .last_island_end()
            .map_or(0, |stop| stop - end.seen.next);
        if end.nothing_acked() && beyond > ABOVE_HOLE {
            // Acknowledgments take another way: no telling what is missing.
            end.seen.clear_islands();
            end.skip = true;
        }
    }

    /// Finishes a close that waited for data, once the endpoint has nothing more to come.
    fn check_eof(&mut self, me: usize, at: i64) {
        let (end, peer) = (&self.ends[me], &self.ends[1 - me]);
        let over = end.fins || matches!(end.state, State::Closed | State::Reset);
        if end.eof || !over || end.is_waiting(peer) {
            return;
        }
        self.ends[me].eof = true;
        if self.close_waits {
            self.close(me, at);
            self.close_waits = false;
        }
    }

    /// The endpoint has closed.
    fn close(&mut self, me: usize, at: i64) {
        let peer = &self.ends[1 - me];
        if self.ends[me].is_waiting(peer) {
            self.close_waits = true;
            return;
        }
        self.close_waits = false;
        let complete =
            self.ends[me].state == State::Reset || peer.closed || peer.state == State::Inactive;
        let end = &mut self.ends[me];
        if !end.closed {
            end.closed = true;
            if complete && self.closed_at.get().is_none() {
                self.closed_at = Moment::at(at);
            }
        }
    }

    pub(super) fn flip(&mut self) {
        self.ends.swap(0, 1);
        self.first_seen.swap(0, 1);
        self.partial = false;
        self.handshake_at = Moment::default();
    }
}

/// Flags of a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flags {
    pub(super) syn: bool,
    pub(super) ack: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
}

impl Flags {
    fn of(flags: TcpFlags) -> Self {
        Self {
            syn: flags.contains(TcpFlags::SYN),
            ack: flags.contains(TcpFlags::ACK),
            fin: flags.contains(TcpFlags::FIN),
            rst: flags.contains(TcpFlags::RST),
        }
    }
}
