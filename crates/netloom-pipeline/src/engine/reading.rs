//! Reading: who is free reads the next block and decodes it, of this round or of the one to come.

use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError, RwLock, TryLockError};
use std::time::Duration;

use netloom_packet::{PacketBatch, PacketSource, SourceError, Timestamp};

use super::{Engine, lock};
use crate::barrier::soon;
use crate::block::Block;
use crate::prefetch;
use crate::stage::Stage;

/// How long a thread that waits for its turn sleeps before it looks whether the others are still there.
const NAP: Duration = Duration::from_millis(50);

/// The source, and where in a round reading is.
pub(super) struct Reading {
    pub(super) source: Box<dyn PacketSource + Send>,
    /// Number of the round that is being filled, from 0, and how many blocks it has.
    pub(super) round: usize,
    pub(super) filled: usize,
    /// How many rounds have begun: `round`, or one less where that is read ahead.
    pub(super) begun: usize,
    pub(super) next_number: u64,
    /// How many parts were taken to be read.
    pub(super) taken: u64,
    /// How many threads sleep until it is their part's turn.
    pub(super) asleep: usize,
    /// The source has nothing more for now: what is there is not kept waiting for it.
    pub(super) round_over: bool,
    /// The time that a live source has come to, where it has handed out all it had.
    pub(super) clock: Option<Timestamp>,
    pub(super) ended: bool,
    pub(super) stopped: bool,
    pub(super) failed: Option<SourceError>,
}

/// A block in its place in the round.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// The thread whose memory it is.
    pub(super) owner: usize,
    pub(super) block: Block,
}

/// What came of asking for the next packets.
struct Fetched<'e> {
    source: MutexGuard<'e, Reading>,
    /// Their round and their place in it, where that was given out before they were read.
    place: Option<(usize, usize)>,
    /// Whether the source goes on.
    more: Result<bool, SourceError>,
}

/// What a thread has to itself.
pub(super) struct Hand<W> {
    pub(super) thread: usize,
    pub(super) worker: W,
    /// Blocks to fill. A thread fills the memory it filled before: what another core wrote last
    /// would have to come from that core's cache first.
    pub(super) spare: Vec<Block>,
    /// How many blocks it has in all.
    pub(super) blocks: usize,
}

impl<W> Hand<W> {
    pub(super) fn new<T: Stage<Worker = W>>(thread: usize, stage: &T) -> Self {
        Self {
            thread,
            worker: stage.new_worker(),
            spare: Vec::new(),
            blocks: 0,
        }
    }
}

impl<T: Stage> Engine<'_, T> {
    /// After the round: a thread takes its blocks back. The next round has places of its own, so
    /// that all have done so before these are used again.
    pub(super) fn take_back(&self, hand: &mut Hand<T::Worker>) {
        for slot in self.round() {
            let mut slot = slot.write().unwrap_or_else(PoisonError::into_inner);
            if slot.owner == hand.thread && slot.block.is_in_use() {
                hand.spare.push(std::mem::take(&mut slot.block));
            }
        }
        self.taken_back.fetch_add(1, Ordering::AcqRel);
    }

    /// Phase 1: whoever is free reads the next block and decodes it.
    pub(super) fn read_and_decode(&self, hand: &mut Hand<T::Worker>) {
        while self.read_block(hand, false, |_| true) {}
    }

    /// What a thread does that would wait: it reads rounds to come, as far as nobody would have to wait
    /// for packets that have yet to come, and with a few blocks more than a round needs of it.
    pub(super) fn read_on(&self, hand: &mut Hand<T::Worker>, meanwhile: impl Fn() -> bool) {
        let most = self.blocks[0].len().div_ceil(self.threads) + 2;
        while meanwhile() {
            let room = hand.blocks < most || !hand.spare.is_empty();
            if !room || !self.read_block(hand, true, |source| source.is_ready()) {
                break;
            }
        }
    }

    /// Reads a block, if the source `may` be asked, and decodes it (a part of a file while others read,
    /// too; what is in order is only where its packets are); `false` where the round (and, reading
    /// `ahead`, the one after it) has all it can have.
    fn read_block(
        &self,
        hand: &mut Hand<T::Worker>,
        ahead: bool,
        may: impl Fn(&(dyn PacketSource + Send)) -> bool,
    ) -> bool {
        if let Some(block) = hand.spare.last_mut() {
            prefetch::to_write_all(&mut block.batch.packets);
        }
        let mut source = self.source();
        let over = self.over.load(Ordering::Acquire) || source.ended || source.round_over;
        if over || !self.is_room(&mut source, ahead) {
            return false;
        }
        if self.control.stop.load(Ordering::Relaxed) {
            source.ended = true;
            source.stopped = true;
            return false;
        }
        if !may(&*source.source) {
            return false;
        }
        let mut block = hand.spare.pop().unwrap_or_else(|| {
            hand.blocks += 1;
            Block::default()
        });
        block.clear();
        let fetched = self.fetch(source, &mut block.batch);
        source = fetched.source;
        match fetched.more {
            Ok(true) => {}
            Ok(false) => {
                source.ended = true;
                return false;
            }
            Err(error) => {
                source.ended = true;
                source.failed = Some(error);
                return false;
            }
        }
        source.round_over = !source.source.is_ready();
        source.clock = source.source.clock().filter(|_| source.round_over);
        if block.batch.is_empty() {
            hand.spare.push(block);
            return true;
        }
        // A source that dropped packets has left their numbers out.
        block.batch.first_number = block.batch.first_number.max(source.next_number);
        source.next_number = block.batch.end_number();
        let (round, place) = fetched.place.unwrap_or_else(|| {
            source.filled += 1;
            (source.round, source.filled - 1)
        });
        // Nobody else has this place: they are given out under the source's lock.
        let mut slot = self.blocks[round % 2][place]
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let progress = source.source.progress();
        drop(source);
        self.control
            .packets
            .fetch_add(block.batch.len() as u64, Ordering::Relaxed);
        self.control
            .bytes_done
            .store(progress.done, Ordering::Relaxed);
        self.control
            .bytes_total
            .store(progress.total.unwrap_or(0), Ordering::Relaxed);
        block.decode(self.options, self.stage, self.needs, &mut hand.worker);
        slot.owner = hand.thread;
        slot.block = block;
        true
    }

    /// Fills a batch with the next packets: from a part of a file, which is read without the source, where
    /// there are parts. Such a part has its place in the round already.
    fn fetch<'e>(
        &'e self,
        mut source: MutexGuard<'e, Reading>,
        batch: &mut PacketBatch,
    ) -> Fetched<'e> {
        let Some(part) = source.source.take_part() else {
            let more = source.source.next_batch(batch);
            return Fetched {
                source,
                place: None,
                more,
            };
        };
        let place = (source.round, source.filled);
        source.filled += 1;
        let turn = source.taken;
        source.taken += 1;
        drop(source);
        let part = part(&mut batch.block);
        let mut source = self.in_turn(turn);
        let more = if source.ended {
            Ok(false)
        } else {
            source.source.next_batch_of(part, batch)
        };
        self.next_turn(&source);
        Fetched {
            source,
            place: Some(place),
            more,
        }
    }

    /// Whether there is a place for one more block.
    fn is_room(&self, source: &mut Reading, ahead: bool) -> bool {
        let most = self.blocks[0].len();
        if source.round > source.begun {
            return ahead && source.filled < most;
        }
        if source.filled < most {
            return true;
        }
        // The places of the round before this one, once all have taken their blocks out of them.
        let taken_back = self.taken_back.load(Ordering::Acquire);
        if !ahead || taken_back < source.begun * self.threads {
            return false;
        }
        source.round += 1;
        source.filled = 0;
        true
    }

    /// The source, once nobody else reads: that takes microseconds, sleeping and being woken more.
    fn source(&self) -> MutexGuard<'_, Reading> {
        let free = soon(|| match self.source.try_lock() {
            Ok(source) => Some(source),
            Err(TryLockError::Poisoned(source)) => Some(source.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        free.unwrap_or_else(|| lock(&self.source))
    }

    /// The source, once all parts before this one have been brought back to it.
    fn in_turn(&self, turn: u64) -> MutexGuard<'_, Reading> {
        let has_come = || self.turn.load(Ordering::Acquire) == turn;
        soon(|| has_come().then_some(()));
        let mut source = self.source();
        while !has_come() {
            self.barrier.check();
            source.asleep += 1;
            let woken = self.turns.wait_timeout(source, NAP);
            source = woken.unwrap_or_else(PoisonError::into_inner).0;
            source.asleep -= 1;
        }
        source
    }

    /// The part was brought back.
    fn next_turn(&self, source: &Reading) {
        self.turn.fetch_add(1, Ordering::Release);
        // It costs a system call even where nobody sleeps.
        if source.asleep > 0 {
            self.turns.notify_all();
        }
    }

    /// Makes a round of what was read. Returns whether it is the last, and the time that a live
    /// source has come to.
    pub(super) fn begin_round(&self) -> (bool, Option<Timestamp>) {
        let mut source = lock(&self.source);
        let round = source.begun;
        source.begun += 1;
        self.side.store(round % 2, Ordering::Release);
        if source.round > round {
            // It was full.
            self.begin_with(self.blocks[0].len());
            return (false, None);
        }
        source.round = source.begun;
        source.round_over = false;
        self.begin_with(std::mem::take(&mut source.filled));
        (source.ended, source.clock.take())
    }

    /// The round has so many blocks, but for those at its end that no packet came for: their parts were
    /// behind the end of the file.
    fn begin_with(&self, filled: usize) {
        let is_empty = |slot: &RwLock<Slot>| {
            let slot = slot.read().unwrap_or_else(PoisonError::into_inner);
            slot.block.batch.is_empty()
        };
        let places = self.round().iter().take(filled);
        let empty = places.rev().take_while(|slot| is_empty(slot)).count();
        self.filled.store(filled - empty, Ordering::Release);
    }
}
