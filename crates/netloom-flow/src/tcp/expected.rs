//! Segments that bring what was expected: most of them.

use netloom_decode::TcpFlags;

use super::endpoint::{Endpoint, Moment, Near, State, position};
use super::history::Event;
use super::tracker::{Segment, TcpTracker};

/// What decides how a segment is taken beside its numbers.
const DECIDING: u8 = TcpFlags::SYN.0 | TcpFlags::FIN.0 | TcpFlags::RST.0 | TcpFlags::ACK.0;

impl TcpTracker {
    /// Takes a segment of a connection under way that begins where the last one of its side ended,
    /// and acknowledges nothing that was not seen: it moves positions and changes nothing else.
    /// `false`, and nothing was done, where there may be more to it.
    #[inline]
    pub(super) fn take_expected(&mut self, segment: &Segment<'_>) -> bool {
        let Segment { tcp, at, .. } = *segment;
        let len = i64::from(segment.len);
        let event = if len > 0 { Event::Data } else { Event::Ack };
        let orderly = tcp.flags.0 & DECIDING == TcpFlags::ACK.0
            && tcp.window != 0
            && tcp.ack != 0
            && (segment.seen || len == 0)
            && self.first_seen[usize::from(!segment.from_src)]
            && self.history.has(event, segment.from_src)
            // It does not end the handshake.
            && (self.rtt_done || !segment.from_src || self.rtt.get().is_none());
        let [orig, resp] = &mut self.ends;
        let (me, peer) = if segment.from_src {
            (orig, resp)
        } else {
            (resp, orig)
        };
        if !(orderly && me.goes_on() && peer.goes_on()) {
            return false;
        }
        let start = me.last;
        if start < 0 || tcp.seq != me.initial.wrapping_add(start as u32) {
            return false;
        }
        let acked_before = peer.acked();
        let acked = position(peer.initial, tcp.ack, acked_before);
        let trimmed = peer.trimmed.get(peer.last);
        if acked < 0 || acked > trimmed && acked > peer.seen.next {
            return false;
        }
        let end = start.saturating_add(len);
        if len > 0 {
            let known = me.acked.get(end).max(me.trimmed.get(end));
            if me.skip || me.seen.next != start || me.seen.has_islands() || known > start {
                return false;
            }
            me.last = end;
            me.advanced_at = Moment::at(at);
            me.seen.next = end;
        }
        if acked > acked_before {
            peer.acked = Near::of(acked);
        }
        if acked > trimmed {
            peer.trimmed = Near::of(acked);
        }
        true
    }
}

impl Endpoint {
    /// Whether it is past the handshake and has not ended.
    fn goes_on(&self) -> bool {
        matches!(self.state, State::Established | State::Partial) && !self.fins
    }
}

#[cfg(test)]
mod tests {
    use netloom_decode::Tcp;
    use proptest::prelude::*;

    use super::*;

    /// A side's next segment: how far from where it is to begin, its length, flags, and how far
    /// from the other's end it acknowledges.
    type Step = (bool, i64, u32, u8, i64, u16, bool);

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let near = prop_oneof![12 => Just(0_i64), 1 => -3_i64..3, 1 => -3000_i64..3000];
        let flags = prop_oneof![
            20 => prop_oneof![Just(0x10_u8), Just(0x18)],
            1 => Just(0x02_u8),
            1 => Just(0x12),
            1 => Just(0x11),
            1 => Just(0x14),
            1 => any::<u8>(),
        ];
        let len = prop_oneof![2 => Just(0_u32), 1 => Just(1), 3 => 1_u32..2000];
        let window = prop_oneof![20 => Just(512_u16), 1 => Just(0)];
        let step = (
            any::<bool>(),
            near.clone(),
            len,
            flags,
            near,
            window,
            prop::bool::weighted(0.95),
        );
        prop::collection::vec(step, 1..60)
    }

    /// Both ways of taking segments, side by side.
    fn compare(steps: &[Step], handshake: bool, initial: [u32; 2], may_flip: bool) -> u32 {
        let mut next = initial;
        let (mut quick, mut thorough) = (TcpTracker::default(), TcpTracker::default());
        let mut expected = 0;
        let mut now = 0;
        let opening: &[Step] = &[
            (true, 0, 0, 0x02, 0, 512, true),
            (false, 0, 0, 0x12, 0, 512, true),
            (true, 0, 0, 0x10, 0, 512, true),
        ];
        for &(from_src, skip, len, flags, ack_skip, window, seen) in
            opening.iter().filter(|_| handshake).chain(steps)
        {
            now += 1_000_000;
            let me = usize::from(!from_src);
            let seq = next[me].wrapping_add(skip as u32);
            let tcp = Tcp {
                seq,
                ack: next[1 - me].wrapping_add(ack_skip as u32),
                window,
                flags: TcpFlags(flags),
                ..Tcp::default()
            };
            let segment = Segment {
                tcp: &tcp,
                len,
                seen,
                at: now,
                from_src,
            };
            let mut tried = quick.clone();
            expected += u32::from(tried.take_expected(&segment));
            assert_eq!(
                quick.ingest(&segment, may_flip).unwrap_or_default(),
                thorough.ingest_any(&segment, may_flip)
            );
            assert_eq!(format!("{quick:?}"), format!("{thorough:?}"), "{segment:?}");
            let occupied = len + u32::from(flags & 1) + u32::from(flags >> 1 & 1);
            next[me] = seq.wrapping_add(occupied);
        }
        expected
    }

    #[test]
    fn a_download_is_expected() {
        let request = (true, 0, 300, 0x18, 0, 512, true);
        let answer = (false, 0, 1460, 0x10, 0, 512, true);
        let ack = (true, 0, 0, 0x10, 0, 512, true);
        let mut steps = vec![request];
        for _ in 0..10 {
            steps.extend([answer, ack]);
        }
        // All but the first segment with data of each side.
        assert_eq!(compare(&steps, true, [5, u32::MAX - 2000], true), 19);
    }

    proptest! {
        #[test]
        fn the_same_as_without(
            steps in steps(),
            handshake in any::<bool>(),
            initial in any::<[u32; 2]>(),
            may_flip in any::<bool>(),
        ) {
            compare(&steps, handshake, initial, may_flip);
        }
    }
}
