//! The rounds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use netloom_flow::FlowId;
use netloom_packet::{CaptureInfo, PacketSource, SourceError, Timestamp};

use crate::barrier::{Barrier, PoisonOnPanic};
use crate::block::{Block, BlockView};
use crate::fragments::Fragments;
use crate::options::{PipelineOptions, SHARDS};
use crate::shard::{Shard, ShardFacts, Tick};
use crate::stage::{Needs, RoundError, Stage, StagePacket};

/// Nanoseconds between two ticks of the packet clock: how late at most a flow is seen to be idle.
const TICK: i64 = 1_000_000_000;

/// How far the engine has come, and the wish to stop; shared with a progress bar and a signal
/// handler.
#[derive(Debug, Default)]
pub struct Control {
    /// Set to end early: what was read so far is finished as if the capture ended there.
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
            filled: 0,
            next_number: 1,
            ended: false,
            stopped: false,
            failed: None,
        }),
        blocks: (0..options.round_blocks.max(1))
            .map(|_| RwLock::default())
            .collect(),
        shards: (0..SHARDS)
            .map(|_| Mutex::new(Shard::new(options, needs, stage.new_shard())))
            .collect(),
        rows: (0..options.round_blocks.max(1))
            .map(|_| Mutex::new(None))
            .collect(),
        ticks: RwLock::new(Vec::new()),
        next: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    };

    let mut serial = stage.new_serial();
    // Before there are threads that would wait for this one if it panicked here.
    let mut worker = stage.new_worker();
    let (led, workers) = std::thread::scope(|scope| {
        let engine = &engine;
        let helpers: Vec<_> = (1..threads)
            .map(|_| scope.spawn(|| engine.help()))
            .collect();
        let led = engine.lead(&mut worker, &mut serial);
        let mut workers = vec![worker];
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
    for shard in engine.shards {
        let shard = into_inner(shard);
        shard.add_facts(&mut facts);
        late_flow_ids.extend(shard.late_flow_ids);
        shards.push(shard.stage);
    }
    let output = stage.merge(serial, shards, workers, &facts);
    Ok(Outcome {
        output,
        captures: source.source.info(),
        facts,
        interrupted: source.stopped,
        late_flow_ids,
        failed: source.failed,
    })
}

fn into_inner<V>(mutex: Mutex<V>) -> V {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn lock<V>(mutex: &Mutex<V>) -> MutexGuard<'_, V> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The source, and where in a round reading is.
struct Reading {
    source: Box<dyn PacketSource + Send>,
    /// Blocks filled in this round.
    filled: usize,
    next_number: u64,
    ended: bool,
    stopped: bool,
    failed: Option<SourceError>,
}

struct Engine<'e, T: Stage> {
    stage: &'e T,
    needs: Needs,
    options: &'e PipelineOptions,
    control: &'e Control,
    barrier: Barrier,
    source: Mutex<Reading>,
    blocks: Vec<RwLock<Block>>,
    shards: Vec<Mutex<Shard<T::Shard>>>,
    rows: Vec<Mutex<Option<T::Rows>>>,
    ticks: RwLock<Vec<Tick>>,
    /// Next task of the phase.
    next: AtomicUsize,
    /// The last round is over.
    over: AtomicBool,
}

impl<T: Stage> Engine<'_, T> {
    /// What every thread but the first does.
    fn help(&self) -> T::Worker {
        let _guard = PoisonOnPanic(&self.barrier);
        let mut worker = self.stage.new_worker();
        loop {
            self.read_and_decode(&mut worker);
            self.barrier.wait();
            // The first thread puts things in order.
            self.barrier.wait();
            if self.over.load(Ordering::Acquire) {
                return worker;
            }
            self.run_shards(&mut worker);
            self.barrier.wait();
            if self.needs.rows {
                // The first thread tells the blocks their packets' flows.
                self.barrier.wait();
                self.make_rows();
                self.barrier.wait();
            }
            // The first thread hands out what the round gave.
            self.barrier.wait();
            if self.over.load(Ordering::Acquire) {
                return worker;
            }
        }
    }

    /// What the first thread does: its share, and all that is done in order.
    fn lead(
        &self,
        worker: &mut T::Worker,
        serial: &mut T::Serial,
    ) -> Result<Fragments, RoundError> {
        let _guard = PoisonOnPanic(&self.barrier);
        let mut clock = Clock::default();
        let mut fragments = Fragments::new(self.options);
        loop {
            self.read_and_decode(worker);
            self.barrier.wait();
            let last = self.put_in_order(&mut clock, &mut fragments, serial);
            self.next.store(0, Ordering::Release);
            self.barrier.wait();
            self.run_shards(worker);
            self.barrier.wait();
            if self.needs.rows {
                self.tell_flow_ids();
                self.next.store(0, Ordering::Release);
                self.barrier.wait();
                self.make_rows();
                self.barrier.wait();
            }
            let handed_out = self.hand_out(last.then_some(clock.number + 1), worker, serial);
            if last || handed_out.is_err() {
                self.over.store(true, Ordering::Release);
            }
            lock(&self.source).filled = 0;
            self.next.store(0, Ordering::Release);
            self.barrier.wait();
            handed_out?;
            if last {
                return Ok(fragments);
            }
        }
    }

    /// Phase 1: whoever is free reads the next block and decodes it.
    fn read_and_decode(&self, worker: &mut T::Worker) {
        loop {
            let mut source = lock(&self.source);
            if source.ended || source.filled >= self.blocks.len() {
                return;
            }
            if self.control.stop.load(Ordering::Relaxed) {
                source.ended = true;
                source.stopped = true;
                return;
            }
            let slot = source.filled;
            // Nobody else has this slot's lock: slots are given out under the source's lock.
            let mut block = self.blocks[slot]
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            block.clear();
            match source.source.next_batch(&mut block.batch) {
                Ok(true) => {}
                Ok(false) => {
                    source.ended = true;
                    return;
                }
                Err(error) => {
                    source.ended = true;
                    source.failed = Some(error);
                    return;
                }
            }
            block.batch.first_number = source.next_number;
            source.next_number += block.batch.len() as u64;
            source.filled += 1;
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
            block.decode(self.options, self.stage, self.needs, worker);
        }
    }

    /// Phase 2: what goes in packet order. Returns whether this is the last round.
    fn put_in_order(
        &self,
        clock: &mut Clock,
        fragments: &mut Fragments,
        serial: &mut T::Serial,
    ) -> bool {
        let (filled, last) = {
            let source = lock(&self.source);
            (source.filled, source.ended)
        };
        let mut ticks = self.ticks.write().unwrap_or_else(PoisonError::into_inner);
        ticks.clear();
        for block in self.blocks.iter().take(filled) {
            let mut block = block.write().unwrap_or_else(PoisonError::into_inner);
            clock.pass(&block, &mut ticks);
            if !block.fragments.is_empty() {
                fragments.place(&mut block, self.options);
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
        if last && fragments.any_pending() {
            let index = filled.saturating_sub(1);
            let mut block = self.blocks[index]
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            if filled == 0 {
                block.clear();
                block.batch.first_number = clock.number + 1;
                lock(&self.source).filled = 1;
            }
            fragments.flush(&mut block);
        }
        last
    }

    /// Phase 3: shards.
    fn run_shards(&self, worker: &mut T::Worker) {
        if !self.needs.flows && !self.needs.packets {
            return;
        }
        let filled = lock(&self.source).filled;
        let guards: Vec<_> = self
            .blocks
            .iter()
            .take(filled)
            .map(|block| block.read().unwrap_or_else(PoisonError::into_inner))
            .collect();
        let blocks: Vec<&Block> = guards.iter().map(|guard| &**guard).collect();
        let ticks = self.ticks.read().unwrap_or_else(PoisonError::into_inner);
        loop {
            let index = self.next.fetch_add(1, Ordering::AcqRel);
            let Some(shard) = self.shards.get(index) else {
                return;
            };
            lock(shard).round(self.stage, self.needs, worker, index, &blocks, &ticks);
        }
    }

    /// Between phases 3 and 4: packets learn their flows.
    fn tell_flow_ids(&self) {
        if !self.needs.flow_ids {
            return;
        }
        let filled = lock(&self.source).filled;
        let mut blocks: Vec<_> = self
            .blocks
            .iter()
            .take(filled)
            .map(|block| block.write().unwrap_or_else(PoisonError::into_inner))
            .collect();
        for block in &mut blocks {
            let len = block.batch.len();
            block.flow_ids.resize(len, None);
        }
        for shard in &self.shards {
            for (block, index, id) in lock(shard).flow_ids.drain(..) {
                if let Some(place) = blocks
                    .get_mut(block as usize)
                    .and_then(|block| block.flow_ids.get_mut(index as usize))
                {
                    *place = Some(id);
                }
            }
        }
    }

    /// Phase 4: rows.
    fn make_rows(&self) {
        let filled = lock(&self.source).filled;
        loop {
            let index = self.next.fetch_add(1, Ordering::AcqRel);
            if index >= filled {
                return;
            }
            let block = self.blocks[index]
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            *lock(&self.rows[index]) = self.stage.block(&BlockView { block: &block });
        }
    }

    /// Phase 5: hands out what the round gave; at the end of the capture, ends all flows first:
    /// by the number `ended`, which no packet has any more, so that they come after the flows
    /// that the last packet ended even where that was in the round before.
    fn hand_out(
        &self,
        ended: Option<u64>,
        worker: &mut T::Worker,
        serial: &mut T::Serial,
    ) -> Result<(), RoundError> {
        let mut shards: Vec<_> = self.shards.iter().map(lock).collect();
        let rows = self
            .rows
            .iter()
            .filter_map(|rows| lock(rows).take())
            .collect();
        if let Some(number) = ended
            && self.needs.flows
        {
            self.stage.capture_end(serial, &mut states(&mut shards));
            for shard in &mut shards {
                shard.finish(self.stage, worker, number);
                self.stage.shard_end(serial, &mut shard.stage);
            }
        }
        self.stage.round_end(serial, &mut states(&mut shards), rows)
    }
}

/// The stage's states of all shards.
fn states<'a, S>(shards: &'a mut [MutexGuard<'_, Shard<S>>]) -> Vec<&'a mut S> {
    shards.iter_mut().map(|shard| &mut shard.stage).collect()
}

/// The packet clock: the largest timestamp so far.
#[derive(Debug, Default)]
struct Clock {
    started: bool,
    /// The clock's next tick.
    next: Timestamp,
    /// Number of the last packet.
    number: u64,
}

impl Clock {
    /// Passes a block's packets and notes the ticks.
    fn pass(&mut self, block: &Block, ticks: &mut Vec<Tick>) {
        for (index, packet) in block.batch.packets.iter().enumerate() {
            if self.started && packet.timestamp < self.next {
                continue;
            }
            self.started = true;
            let clock = packet.timestamp;
            self.next = clock.plus_nanos(TICK - clock.as_nanos().rem_euclid(TICK));
            let number = block.batch.first_number + index as u64;
            ticks.push(Tick { number, clock });
        }
        if !block.batch.is_empty() {
            self.number = block.batch.first_number + block.batch.len() as u64 - 1;
        }
    }
}
