//! The state machine of a TCP connection, and what it came to.

use super::endpoint::{Moment, State};
use super::tracker::{Flags, Observed, Segment, TcpTracker};
use crate::record::ConnState;

impl TcpTracker {
    /// The state machine; `true` if the endpoint closes with this segment.
    pub(super) fn step(
        &mut self,
        me: usize,
        peer: usize,
        segment: &Segment<'_>,
        flags: Flags,
        may_flip: bool,
        observed: &mut Observed,
    ) -> bool {
        let mut closes = false;
        match self.ends[me].state {
            State::Inactive => {
                return self.first_step(me, peer, segment, flags, may_flip, observed);
            }
            State::SynSent | State::SynAckSent => {
                if flags.fin {
                    self.ends[me].set(State::Closed);
                    closes = true;
                }
                if flags.rst {
                    self.ends[me].set(State::Reset);
                    closes = true;
                }
            }
            State::Established | State::Partial => {
                if flags.syn
                    && !flags.ack
                    && self.ends[me].state == State::Partial
                    && self.ends[peer].state == State::Inactive
                {
                    self.ends[me].set(State::SynSent);
                }
                if flags.fin && !flags.rst {
                    self.ends[me].set(State::Closed);
                    let other = &mut self.ends[peer];
                    if other.state == State::Reset && other.previous == State::Closed {
                        // FIN, RST, FIN: a normal end after all.
                        other.set(State::Closed);
                    }
                    closes = true;
                }
                if flags.rst {
                    self.ends[me].set(State::Reset);
                    closes = true;
                }
            }
            State::Closed => {
                // After FINs from both, a RST changes nothing.
                if flags.rst && self.ends[peer].state != State::Closed {
                    self.ends[me].set(State::Reset);
                    closes = !self.ends[me].closed;
                }
            }
            State::Reset => {}
        }
        closes
    }

    /// The first segment that says something of its sender.
    fn first_step(
        &mut self,
        mut me: usize,
        mut peer: usize,
        segment: &Segment<'_>,
        flags: Flags,
        may_flip: bool,
        observed: &mut Observed,
    ) -> bool {
        let mut closes = false;
        if flags.syn {
            if me == 0 {
                self.ends[me].set(if flags.ack {
                    State::SynAckSent
                } else {
                    State::SynSent
                });
                self.attempt_at = Moment::at(segment.at);
            } else {
                if !flags.ack
                    && may_flip
                    && self.ends[peer].state == State::SynAckSent
                    && segment.tcp.seq == self.ends[me].initial
                {
                    // The SYN-ACK was captured before its SYN.
                    self.flip();
                    self.history.flipped();
                    self.first_seen[0] = true;
                    observed.flipped = true;
                    (me, peer) = (peer, me);
                    self.ends[peer].set(State::Established);
                }
                if self.ends[peer].state == State::SynSent {
                    self.ends[peer].set(State::Established);
                }
                self.ends[me].set(State::Established);
            }
        }
        if flags.fin {
            self.ends[me].set(State::Closed);
            closes = true;
        }
        if flags.rst {
            self.ends[me].set(State::Reset);
            closes = true;
        }
        if self.ends[me].state == State::Inactive {
            let early_ack = me == 1 && segment.len == 0 && self.ends[0].state == State::SynSent;
            if early_ack {
                // Some acknowledge a SYN before they answer it.
            } else if flags.ack && self.ends[peer].state == State::Established {
                // Its SYN was missed.
                self.ends[me].set(State::Established);
                self.partial = false;
            } else {
                self.ends[me].set(State::Partial);
            }
        }
        closes
    }

    /// How it went so far.
    pub(crate) fn conn_state(&self) -> ConnState {
        use State::{Closed, Established, Inactive, Partial, Reset, SynAckSent, SynSent};
        let [orig, resp] = &self.ends;
        let (o, r) = (orig.state, resp.state);
        let o_inactive = matches!(o, Inactive | Partial);
        let r_inactive = matches!(r, Inactive | Partial);
        match (o, r) {
            (SynSent | SynAckSent, Reset) => ConnState::Rej,
            (Reset, Reset) if self.stream_bytes() == (0, 0) => ConnState::Rej,
            (_, Reset) if o_inactive => ConnState::Rstrh,
            (_, Reset) => ConnState::Rstr,
            (Reset, _) if r_inactive => {
                if self.began_with_syn_then_reset() {
                    ConnState::Rstos0
                } else {
                    ConnState::Oth
                }
            }
            (Reset, _) => ConnState::Rsto,
            (Closed, Closed) => ConnState::SF,
            (Closed, _) if r_inactive => ConnState::Sh,
            (Closed, _) => ConnState::S2,
            (_, Closed) if o_inactive => ConnState::Shr,
            (_, Closed) => ConnState::S3,
            (SynSent, Inactive) => ConnState::S0,
            (Established, Established) => ConnState::S1,
            _ => ConnState::Oth,
        }
    }

    /// Whether the originator sent a SYN and then a RST, and nothing that says there was more.
    fn began_with_syn_then_reset(&self) -> bool {
        let mut letters = self.history.letters().peekable();
        letters.next_if_eq(&b'^');
        letters.next() == Some(b'S')
            && letters.find(|letter| b"HAFGIQR".contains(letter)) == Some(b'R')
    }
}
