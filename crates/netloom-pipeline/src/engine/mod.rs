//! The rounds.

mod ending;
mod reading;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};

use netloom_flow::FlowId;
use netloom_flow::name::NameBook;
use netloom_packet::{CaptureInfo, PacketSource, SourceError, Timestamp};

use self::reading::{Hand, Reading, Slot};
use crate::barrier::{Barrier, PoisonOnPanic};
use crate::block::{Block, BlockView};
use crate::clock::Clock;
use crate::fragments::Fragments;
use crate::interfaces;
use crate::options::{PipelineOptions, SHARDS};
use crate::shard::{Round, Shard, ShardFacts, Tick};
use crate::stage::{Needs, RoundError, Stage, StagePacket};

/// How far the engine has come, and the wish to stop; shared with a progress bar and a signal
/// handler.
#[derive(Debug, Default)]
pub struct Control {
    /// Set to end early: what was read so far is finished as if the capture ended there. (A live
    /// source has an end of its own to be asked for, which loses nothing that has come.)
    pub stop: AtomicBool,
    /// Packets done.
    pub packets: AtomicU64,
    /// Bytes of the files read.
    pub bytes_done: AtomicU64,
    /// Bytes of the files in all; 0: not known.
    pub bytes_total: AtomicU64,
}

/// What a run came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome<O> {
    /// What the stage made of it.
    pub output: O,
    /// What the source said about itself.
    pub captures: Vec<CaptureInfo>,
    /// What the flow tables came to.
    pub facts: ShardFacts,
    /// Whether [`Control::stop`] ended it early.
    pub interrupted: bool,
    /// With [`Needs::flow_ids`]: the flows of packets that were known only after the packet
    /// (fragments that came before the first of their datagram), for a second pass.
    pub late_flow_ids: HashMap<u64, FlowId>,
    /// The same with [`Needs::flow_firsts`]: numbers of packets, and of the first packets of their
    /// flows.
    pub late_flow_firsts: HashMap<u64, u64>,
    /// The source failed in the middle: everything before it is in `output`.
    pub failed: Option<SourceError>,
}

/// Runs a source through a stage.
///
/// # Errors
///
/// When the stage's output fails ([`Stage::round_end`]). A source that fails in the middle is
/// no error here: see [`Outcome::failed`].
pub fn run<T: Stage>(
    source: Box<dyn PacketSource + Send>,
    stage: &T,
    options: &PipelineOptions,
    control: &Control,
) -> Result<Outcome<T::Output>, RoundError> {
    let threads = options.thread_count();
    let needs = stage.needs();
    let engine = Engine {
        stage,
        needs,
        options,
        control,
        barrier: Barrier::new(threads),
        source: Mutex::new(Reading {
            source,
            round: 0,
            begun: 0,
            filled: 0,
            next_number: 1,
            taken: 0,
            asleep: 0,
            round_over: false,
            clock: None,
            ended: false,
            stopped: false,
            failed: None,
        }),
        turn: AtomicU64::new(0),
        turns: Condvar::new(),
        blocks: std::array::from_fn(|_| {
            (0..options.round_blocks.max(1))
                .map(|_| RwLock::default())
                .collect()
        }),
        threads,
        shards: (0..SHARDS)
            .map(|_| Mutex::new(Shard::new(options, needs, stage.new_shard())))
            .collect(),
        rows: (0..options.round_blocks.max(1))
            .map(|_| Mutex::new(None))
            .collect(),
        ticks: RwLock::new(Vec::new()),
        names: RwLock::new(NameBook::default()),
        next: (0..threads).map(|_| Apart::default()).collect(),
        side: AtomicUsize::new(0),
        filled: AtomicUsize::new(0),
        taken_back: AtomicUsize::new(0),
        ordered: Mutex::new(Ordered {
            clock: Clock::default(),
            fragments: Fragments::new(options, needs),
            serial: stage.new_serial(),
            result: Ok(()),
        }),
        ending: AtomicU64::new(0),
        last: AtomicBool::new(false),
        over: AtomicBool::new(false),
        winding_down: AtomicBool::new(false),
    };

    // Before there are threads that would wait for this one if it panicked here.
    let mut hand = Hand::new(0, stage);
    let workers = std::thread::scope(|scope| {
        let engine = &engine;
        let helpers: Vec<_> = (1..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let _guard = PoisonOnPanic(&engine.barrier);
                    let mut hand = Hand::new(thread, stage);
                    engine.work(&mut hand);
                    hand.worker
                })
            })
            .collect();
        let guard = PoisonOnPanic(&engine.barrier);
        engine.work(&mut hand);
        drop(guard);
        let mut workers = vec![hand.worker];
        for helper in helpers {
            match helper.join() {
                Ok(worker) => workers.push(worker),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        workers
    });
    let Ordered {
        serial,
        fragments,
        result,
        ..
    } = into_inner(engine.ordered);
    result?;
    let source = into_inner(engine.source);
    let mut facts = ShardFacts {
        fragments: fragments.facts(),
        ..ShardFacts::default()
    };
    let mut shards = Vec::with_capacity(SHARDS);
    let mut late_flow_ids = HashMap::new();
    let mut late_flow_firsts = HashMap::new();
    for shard in engine.shards {
        let shard = into_inner(shard);
        shard.add_facts(&mut facts);
        late_flow_ids.extend(shard.late_flow_ids);
        late_flow_firsts.extend(shard.late_flow_firsts);
        shards.push(shard.stage);
    }
    let output = stage.merge(serial, shards, workers, &facts);
    Ok(Outcome {
        output,
        captures: source.source.info(),
        facts,
        interrupted: source.stopped,
        late_flow_ids,
        late_flow_firsts,
        failed: source.failed,
    })
}

fn into_inner<V>(mutex: Mutex<V>) -> V {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn lock<V>(mutex: &Mutex<V>) -> MutexGuard<'_, V> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many shards before its turn what a shard will look at is asked for.
const AHEAD: usize = 2;

/// In a cache line of its own: cores that write to one line wait for each other.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart(AtomicUsize);

struct Engine<'e, T: Stage> {
    stage: &'e T,
    needs: Needs,
    options: &'e PipelineOptions,
    control: &'e Control,
    barrier: Barrier,
    source: Mutex<Reading>,
    /// How many of the parts taken from the source have been brought back, and who waits for that.
    turn: AtomicU64,
    turns: Condvar,
    threads: usize,
    /// The blocks of a round, in the order of the stream; of the one that is being worked on,
    /// and of the one that is being read.
    blocks: [Vec<RwLock<Slot>>; 2],
    shards: Vec<Mutex<Shard<T::Shard>>>,
    rows: Vec<Mutex<Option<T::Rows>>>,
    ticks: RwLock<Vec<Tick>>,
    /// What packets taught about flows to come.
    names: RwLock<NameBook>,
    /// Next task of the phase, for each thread's share of the shards; the first one also
    /// counts what is shared by all.
    next: Vec<Apart>,
    /// Which of the two the round is that is being worked on, and how many blocks it has.
    side: AtomicUsize,
    filled: AtomicUsize,
    /// How often a thread has taken its blocks back.
    taken_back: AtomicUsize,
    ordered: Mutex<Ordered<T::Serial>>,
    /// The number by which flows that are alive end after the last round.
    ending: AtomicU64,
    /// It is the last round.
    last: AtomicBool,
    /// Nothing more is wanted.
    over: AtomicBool,
    /// There is work after it.
    winding_down: AtomicBool,
}

/// What is done in order, by one thread at a time.
struct Ordered<S> {
    clock: Clock,
    fragments: Fragments,
    serial: S,
    /// Whether output failed.
    result: Result<(), RoundError>,
}

impl<T: Stage> Engine<'_, T> {
    /// What every thread does.
    fn work(&self, hand: &mut Hand<T::Worker>) {
        loop {
            self.read_and_decode(hand);
            self.meet(hand, || self.begin(&mut lock(&self.ordered)));
            if self.over.load(Ordering::Acquire) {
                return self.wind_down(hand);
            }
            self.run_shards(hand);
            if self.needs.rows {
                self.meet(hand, || self.tell_shards_are_done(&mut lock(&self.ordered)));
                self.make_rows();
            }
            self.meet(hand, || ());
            self.take_back(hand);
            if self.last.load(Ordering::Acquire) {
                self.end(hand);
                return self.wind_down(hand);
            }
            // One thread does it, whose core has what it needs; the others are in the next round already.
            if hand.thread == 0 {
                self.hand_out(&mut lock(&self.ordered));
            }
        }
    }

    /// Where all threads have to come before any goes on. What goes in order is done by the one that
    /// comes last, for it need not wait for anybody; the others read on meanwhile, and nobody waits for
    /// who is reading still.
    fn meet(&self, hand: &mut Hand<T::Worker>, in_order: impl FnOnce()) {
        let arrival = self.barrier.arrive();
        if arrival.is_last() {
            in_order();
            self.barrier.release();
        } else {
            self.read_on(hand, || !self.barrier.has_released(arrival));
            self.barrier.wait_for(arrival);
        }
    }

    /// Makes a round of what was read, and puts it in order.
    fn begin(&self, ordered: &mut Ordered<T::Serial>) {
        if self.over.load(Ordering::Acquire) {
            return;
        }
        let (last, live_clock) = self.begin_round();
        self.last.store(last, Ordering::Release);
        self.put_in_order(last, live_clock, ordered);
        self.reset_tasks();
    }

    fn tell_shards_are_done(&self, ordered: &mut Ordered<T::Serial>) {
        self.tell_flow_ids();
        let mut shards: Vec<_> = self.shards.iter().map(lock).collect();
        self.stage
            .shards_done(&mut ordered.serial, &mut states(&mut shards));
        self.reset_tasks();
    }

    /// The blocks of the round that is being worked on.
    fn round(&self) -> &[RwLock<Slot>] {
        &self.blocks[self.side.load(Ordering::Acquire)]
    }

    fn reset_tasks(&self) {
        for next in &self.next {
            next.0.store(0, Ordering::Release);
        }
    }

    /// Phase 2: what goes in packet order.
    fn put_in_order(
        &self,
        last: bool,
        live_clock: Option<Timestamp>,
        ordered: &mut Ordered<T::Serial>,
    ) {
        let Ordered {
            clock,
            fragments,
            serial,
            ..
        } = ordered;
        let filled = self.filled.load(Ordering::Acquire);
        let mut ticks = self.ticks.write().unwrap_or_else(PoisonError::into_inner);
        ticks.clear();
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        names.begin_round();
        for block in self.round().iter().take(filled) {
            let mut slot = block.write().unwrap_or_else(PoisonError::into_inner);
            let block = &mut slot.block;
            clock.pass(block, &mut ticks);
            for lesson in &block.lessons {
                names.learn(lesson);
            }
            if !block.fragments.is_empty() {
                fragments.place(block, self.options);
            }
            if self.options.flow.rules.is_nfstream() {
                if block.batch.iter().any(|packet| packet.interface > 0) {
                    block.refuse(&interfaces::refused(&lock(&self.source).source.info()));
                }
                block.force_order(&mut clock.counted);
            }
            for &index in &block.cross {
                let Some(packet) = block.batch.get(index as usize) else {
                    continue;
                };
                let packet = StagePacket {
                    packet: &packet,
                    decoded: &block.decoded[index as usize],
                    flow: None,
                    note: block.note(index as usize),
                };
                self.stage.cross(serial, &packet);
            }
        }
        if let Some(time) = live_clock {
            clock.reach(time, &mut ticks);
        }
        if last && fragments.any_pending() {
            let index = filled.saturating_sub(1);
            let mut slot = self.round()[index]
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            let block = &mut slot.block;
            if filled == 0 {
                block.clear();
                block.batch.first_number = clock.number + 1;
                self.filled.store(1, Ordering::Release);
            }
            fragments.flush(block);
        }
    }

    /// Phase 3: shards.
    fn run_shards(&self, hand: &mut Hand<T::Worker>) {
        if !self.needs.flows && !self.needs.packets {
            return;
        }
        self.run_share(hand, hand.thread);
        // Flows of other shares are in another core's caches: who is done reads on sooner than it
        // takes those.
        for share in (hand.thread + 1..self.threads).chain(0..hand.thread) {
            self.read_on(hand, || self.is_any_left(share));
            if self.is_any_left(share) {
                self.run_share(hand, share);
            }
        }
    }

    /// The shards of a thread's share.
    fn share(&self, thread: usize) -> Range<usize> {
        thread * SHARDS / self.threads..(thread + 1) * SHARDS / self.threads
    }

    fn is_any_left(&self, share: usize) -> bool {
        self.next[share].0.load(Ordering::Acquire) < self.share(share).len()
    }

    /// Runs the shards of a share that nobody has taken yet.
    fn run_share(&self, hand: &mut Hand<T::Worker>, share: usize) {
        let filled = self.filled.load(Ordering::Acquire);
        let guards: Vec<_> = self
            .round()
            .iter()
            .take(filled)
            .map(|block| block.read().unwrap_or_else(PoisonError::into_inner))
            .collect();
        let blocks: Vec<&Block> = guards.iter().map(|guard| &guard.block).collect();
        let ticks = self.ticks.read().unwrap_or_else(PoisonError::into_inner);
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let round = Round {
            blocks: &blocks,
            ticks: &ticks,
            names: &names,
        };
        let shards = self.share(share);
        let prefetch = |index: usize| {
            if index < shards.end {
                for block in &blocks {
                    block.prefetch(index);
                }
            }
        };
        for index in 0..AHEAD {
            prefetch(shards.start + index);
        }
        loop {
            let index = shards.start + self.next[share].0.fetch_add(1, Ordering::AcqRel);
            if index >= shards.end {
                break;
            }
            prefetch(index + AHEAD);
            lock(&self.shards[index]).round(
                self.stage,
                self.needs,
                &mut hand.worker,
                index,
                &round,
            );
        }
    }

    /// Between phases 3 and 4: packets learn their flows.
    fn tell_flow_ids(&self) {
        if !self.needs.flow_ids {
            return;
        }
        let filled = self.filled.load(Ordering::Acquire);
        let mut blocks: Vec<_> = self
            .round()
            .iter()
            .take(filled)
            .map(|slot| slot.write().unwrap_or_else(PoisonError::into_inner))
            .collect();
        for slot in &mut blocks {
            let len = slot.block.batch.len();
            slot.block.flow_ids.resize(len, None);
        }
        for shard in &self.shards {
            for (block, index, id) in lock(shard).flow_ids.drain(..) {
                if let Some(place) = blocks
                    .get_mut(block as usize)
                    .and_then(|slot| slot.block.flow_ids.get_mut(index as usize))
                {
                    *place = Some(id);
                }
            }
        }
    }

    /// Phase 4: rows.
    fn make_rows(&self) {
        let filled = self.filled.load(Ordering::Acquire);
        loop {
            let index = self.next[0].0.fetch_add(1, Ordering::AcqRel);
            if index >= filled {
                break;
            }
            let slot = self.round()[index]
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            *lock(&self.rows[index]) = self.stage.block(&BlockView { block: &slot.block });
        }
        self.stage.work();
    }

    /// Phase 5: hands out what the round gave.
    fn hand_out(&self, ordered: &mut Ordered<T::Serial>) {
        let mut shards: Vec<_> = self.shards.iter().map(lock).collect();
        let rows = self
            .rows
            .iter()
            .filter_map(|rows| lock(rows).take())
            .collect();
        let serial = &mut ordered.serial;
        ordered.result = self.stage.round_end(serial, &mut states(&mut shards), rows);
        if ordered.result.is_err() || self.stage.is_done(serial) {
            self.over.store(true, Ordering::Release);
        }
    }
}

/// The stage's states of all shards.
fn states<'a, S>(shards: &'a mut [MutexGuard<'_, Shard<S>>]) -> Vec<&'a mut S> {
    shards.iter_mut().map(|shard| &mut shard.stage).collect()
}
