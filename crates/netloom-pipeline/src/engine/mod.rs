//! The rounds.

mod reading;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

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
            side: 0,
            filled: 0,
            next_number: 1,
            round_over: false,
            clock: None,
            ended: false,
            stopped: false,
            failed: None,
        }),
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
        next: (0..threads).map(|_| AtomicUsize::new(0)).collect(),
        side: AtomicUsize::new(0),
        filled: AtomicUsize::new(0),
        ending: AtomicU64::new(0),
        over: AtomicBool::new(false),
        winding_down: AtomicBool::new(false),
    };

    let mut serial = stage.new_serial();
    // Before there are threads that would wait for this one if it panicked here.
    let mut hand = Hand::new(0, stage);
    let (led, workers) = std::thread::scope(|scope| {
        let engine = &engine;
        let helpers: Vec<_> = (1..threads)
            .map(|thread| scope.spawn(move || engine.help(thread)))
            .collect();
        let led = engine.lead(&mut hand, &mut serial);
        let mut workers = vec![hand.worker];
        for helper in helpers {
            match helper.join() {
                Ok(worker) => workers.push(worker),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        (led, workers)
    });
    let fragments = led?;
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

struct Engine<'e, T: Stage> {
    stage: &'e T,
    needs: Needs,
    options: &'e PipelineOptions,
    control: &'e Control,
    barrier: Barrier,
    source: Mutex<Reading>,
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
    next: Vec<AtomicUsize>,
    /// Which of the two the round is that is being worked on, and how many blocks it has.
    side: AtomicUsize,
    filled: AtomicUsize,
    /// The last round is over: flows that are alive end, by this number; 0: not yet.
    ending: AtomicU64,
    /// Nothing more is to be read or ended.
    over: AtomicBool,
    /// There is work after it.
    winding_down: AtomicBool,
}

impl<T: Stage> Engine<'_, T> {
    /// What every thread but the first does.
    fn help(&self, thread: usize) -> T::Worker {
        let _guard = PoisonOnPanic(&self.barrier);
        let mut hand = Hand::new(thread, self.stage);
        loop {
            self.read_and_decode(&mut hand);
            self.barrier.wait();
            // The first thread makes a round of what was read,
            self.barrier.wait();
            // and puts it in order: what it does alone is kept short by reading on meanwhile.
            self.read_until_lead_is_done(&mut hand);
            if self.over.load(Ordering::Acquire) {
                self.help_wind_down();
                return hand.worker;
            }
            match self.ending.load(Ordering::Acquire) {
                0 => {}
                number => {
                    self.end_flows(number, &mut hand, |_| ());
                    continue;
                }
            }
            self.run_shards(&mut hand);
            self.read_until_shards_are_done(&mut hand);
            if self.needs.rows {
                // The first thread tells the blocks their packets' flows.
                self.read_until_lead_is_done(&mut hand);
                self.make_rows();
                self.barrier.wait();
            }
            // On to the next round, while the first thread hands out what this one gave.
            self.take_back(&mut hand);
        }
    }

    /// What the first thread does: its share, and all that is done in order.
    fn lead(
        &self,
        hand: &mut Hand<T::Worker>,
        serial: &mut T::Serial,
    ) -> Result<Fragments, RoundError> {
        let _guard = PoisonOnPanic(&self.barrier);
        let mut clock = Clock::default();
        let mut fragments = Fragments::new(self.options, self.needs);
        loop {
            self.read_and_decode(hand);
            self.barrier.wait();
            let (last, live_clock) = self.begin_round();
            self.barrier.wait();
            self.put_in_order(last, live_clock, &mut clock, &mut fragments, serial);
            self.reset_tasks();
            self.barrier.open();
            self.run_shards(hand);
            self.read_until_shards_are_done(hand);
            if self.needs.rows {
                self.tell_flow_ids();
                let mut shards: Vec<_> = self.shards.iter().map(lock).collect();
                self.stage.shards_done(serial, &mut states(&mut shards));
                drop(shards);
                self.reset_tasks();
                self.barrier.open();
                self.make_rows();
                self.barrier.wait();
            }
            self.take_back(hand);
            if last && self.needs.flows {
                self.lead_end(clock.number + 1, hand, serial);
            }
            let handed_out = self.hand_out(serial);
            let done = handed_out.is_ok() && self.stage.is_done(serial);
            if last || done || handed_out.is_err() {
                self.over.store(true, Ordering::Release);
                self.pass_over_round();
                let wound_down = self.wind_down(handed_out, serial);
                return wound_down.map(|()| fragments);
            }
        }
    }

    /// At the end of the capture, ends all flows: by `number`, which no packet has any more, so that
    /// they come after the flows that the last packet ended even where that was in the round before.
    fn lead_end(&self, number: u64, hand: &mut Hand<T::Worker>, serial: &mut T::Serial) {
        let mut shards: Vec<_> = self.shards.iter().map(lock).collect();
        self.stage.capture_end(serial, &mut states(&mut shards));
        drop(shards);
        self.ending.store(number, Ordering::Release);
        self.pass_over_round();
        self.end_flows(number, hand, |shard| self.stage.shard_end(serial, shard));
        self.ending.store(0, Ordering::Release);
    }

    /// The others stand where a round's blocks are decoded: they go on to where its shards would be
    /// run.
    fn pass_over_round(&self) {
        for _ in 0..2 {
            self.barrier.wait();
        }
        self.barrier.open();
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
    fn wind_down(
        &self,
        handed_out: Result<(), RoundError>,
        serial: &mut T::Serial,
    ) -> Result<(), RoundError> {
        if !self.needs.rows {
            return handed_out;
        }
        let mut result = handed_out;
        loop {
            let more = result.and_then(|()| {
                let mut shards: Vec<_> = self.shards.iter().map(lock).collect();
                self.stage.wind_down(serial, &mut states(&mut shards))
            });
            self.winding_down
                .store(matches!(more, Ok(true)), Ordering::Release);
            self.barrier.wait();
            if !more? {
                return Ok(());
            }
            self.stage.work();
            self.barrier.wait();
            let mut shards: Vec<_> = self.shards.iter().map(lock).collect();
            result = self
                .stage
                .round_end(serial, &mut states(&mut shards), Vec::new());
        }
    }

    /// What the others do meanwhile.
    fn help_wind_down(&self) {
        if !self.needs.rows {
            return;
        }
        loop {
            self.barrier.wait();
            if !self.winding_down.load(Ordering::Acquire) {
                return;
            }
            self.stage.work();
            self.barrier.wait();
        }
    }

    /// The blocks of the round that is being worked on.
    fn round(&self) -> &[RwLock<Slot>] {
        &self.blocks[self.side.load(Ordering::Acquire)]
    }

    fn reset_tasks(&self) {
        for next in &self.next {
            next.store(0, Ordering::Release);
        }
    }

    /// Phase 2: what goes in packet order.
    fn put_in_order(
        &self,
        last: bool,
        live_clock: Option<Timestamp>,
        clock: &mut Clock,
        fragments: &mut Fragments,
        serial: &mut T::Serial,
    ) {
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
                    packet,
                    decoded: &block.decoded[index as usize],
                    flow: None,
                    note: block.notes.get(index as usize).copied().unwrap_or(0),
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
        // Its own shards first, whose flows are in its core's caches, then what others left.
        for share in (hand.thread..self.threads).chain(0..hand.thread) {
            let start = share * SHARDS / self.threads;
            let end = (share + 1) * SHARDS / self.threads;
            loop {
                let index = start + self.next[share].fetch_add(1, Ordering::AcqRel);
                if index >= end {
                    break;
                }
                lock(&self.shards[index]).round(
                    self.stage,
                    self.needs,
                    &mut hand.worker,
                    index,
                    &Round {
                        blocks: &blocks,
                        ticks: &ticks,
                        names: &names,
                    },
                );
            }
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
            let index = self.next[0].fetch_add(1, Ordering::AcqRel);
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
    fn hand_out(&self, serial: &mut T::Serial) -> Result<(), RoundError> {
        let mut shards: Vec<_> = self.shards.iter().map(lock).collect();
        let rows = self
            .rows
            .iter()
            .filter_map(|rows| lock(rows).take())
            .collect();
        self.stage.round_end(serial, &mut states(&mut shards), rows)
    }
}

/// The stage's states of all shards.
fn states<'a, S>(shards: &'a mut [MutexGuard<'_, Shard<S>>]) -> Vec<&'a mut S> {
    shards.iter_mut().map(|shard| &mut shard.stage).collect()
}
