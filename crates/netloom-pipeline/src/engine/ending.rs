//! What happens once everything was read.

use std::sync::atomic::Ordering;

use super::reading::Hand;
use super::{Engine, Ordered, lock, states};
use crate::stage::Stage;

impl<T: Stage> Engine<'_, T> {
    /// At the end of the capture, ends all flows: by a number which no packet has any more, so that
    /// they come after the flows that the last packet ended even where that was in the round before.
    pub(super) fn end(&self, hand: &mut Hand<T::Worker>) {
        let mut ordered = (hand.thread == 0).then(|| lock(&self.ordered));
        if self.needs.flows {
            if let Some(ordered) = &mut ordered {
                let mut shards: Vec<_> = self.shards.iter().map(lock).collect();
                self.stage
                    .capture_end(&mut ordered.serial, &mut states(&mut shards));
                self.ending
                    .store(ordered.clock.number + 1, Ordering::Release);
            }
            self.barrier.wait();
            let number = self.ending.load(Ordering::Acquire);
            self.end_flows(number, hand, |shard| {
                if let Some(ordered) = &mut ordered {
                    self.stage.shard_end(&mut ordered.serial, shard);
                }
            });
        }
        if let Some(ordered) = &mut ordered {
            self.hand_out(ordered);
        }
    }

    /// A thread's share of ending all flows: a few shards a thread, then `end_shard` for each of
    /// them in their order, while the others go on. Not all shards at once: what their flows leave
    /// behind waits for `end_shard`.
    fn end_flows(
        &self,
        number: u64,
        hand: &mut Hand<T::Worker>,
        mut end_shard: impl FnMut(&mut T::Shard),
    ) {
        for shards in self.shards.chunks(4 * self.threads) {
            for shard in shards.iter().skip(hand.thread).step_by(self.threads) {
                lock(shard).finish(self.stage, &mut hand.worker, number);
            }
            self.barrier.wait();
            if hand.thread == 0 {
                for shard in shards {
                    end_shard(&mut lock(shard).stage);
                }
            }
        }
    }

    /// After the last round: work that was left for all threads.
    pub(super) fn wind_down(&self, hand: &Hand<T::Worker>) {
        if !self.needs.rows {
            return;
        }
        loop {
            if hand.thread == 0 {
                let more = self.is_more(&mut lock(&self.ordered));
                self.winding_down.store(more, Ordering::Release);
            }
            self.barrier.wait();
            if !self.winding_down.load(Ordering::Acquire) {
                return;
            }
            self.stage.work();
            self.barrier.wait();
            if hand.thread == 0 {
                self.hand_out(&mut lock(&self.ordered));
            }
        }
    }

    /// Whether there is more work after the last round.
    fn is_more(&self, ordered: &mut Ordered<T::Serial>) -> bool {
        if ordered.result.is_err() {
            return false;
        }
        let mut shards: Vec<_> = self.shards.iter().map(lock).collect();
        let more = self
            .stage
            .wind_down(&mut ordered.serial, &mut states(&mut shards));
        more.unwrap_or_else(|error| {
            ordered.result = Err(error);
            false
        })
    }
}
