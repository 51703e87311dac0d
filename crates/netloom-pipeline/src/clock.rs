//! The packet clock.

use netloom_packet::Timestamp;

use crate::block::Block;
use crate::shard::Tick;

/// Nanoseconds between two ticks of the packet clock: how late at most a flow is seen to be idle.
const TICK: i64 = 1_000_000_000;

/// The packet clock: the largest timestamp so far.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    started: bool,
    /// The largest timestamp of the packets that count in flows, where rules want it.
    pub(crate) counted: Option<Timestamp>,
    /// The clock's next tick.
    next: Timestamp,
    /// Number of the last packet.
    pub(crate) number: u64,
}

impl Clock {
    /// Passes a block's packets and notes the ticks.
    pub(crate) fn pass(&mut self, block: &Block, ticks: &mut Vec<Tick>) {
        if !block.batch.is_empty() {
            self.number = block.batch.end_number() - 1;
        }
        // Most blocks pass no tick.
        if self.started && block.latest.is_some_and(|latest| latest < self.next) {
            return;
        }
        for (index, packet) in block.batch.packets.iter().enumerate() {
            if self.started && packet.timestamp < self.next {
                continue;
            }
            self.started = true;
            let clock = packet.timestamp;
            self.next = clock.plus_nanos(TICK - clock.as_nanos().rem_euclid(TICK));
            let number = block.batch.number(index);
            ticks.push(Tick { number, clock });
        }
    }

    /// Time has passed at a live source, after the packets so far: what ends now is ended by the
    /// number of the packet that comes next.
    pub(crate) fn reach(&mut self, time: Timestamp, ticks: &mut Vec<Tick>) {
        if self.started && time >= self.next {
            self.next = time.plus_nanos(TICK - time.as_nanos().rem_euclid(TICK));
            ticks.push(Tick {
                number: self.number + 1,
                clock: time,
            });
        }
    }
}
