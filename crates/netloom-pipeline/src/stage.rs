//! What can be plugged into the engine.

use netloom_decode::Decoded;
use netloom_decode::app::Interest;
use netloom_flow::app::AppRecord;
use netloom_flow::features::FeatureSet;
use netloom_flow::{FlowKey, FlowRecord, Ingested, KnownFlow};
use netloom_packet::Packet;

use crate::block::BlockView;
use crate::shard::ShardFacts;

/// What a stage wants the engine to do for it; what nobody needs is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// A flow table: [`Stage::flow_end`] and [`StagePacket::flow`].
    pub flows: bool,
    /// [`Stage::inspect`] and [`Stage::packet`].
    pub packets: bool,
    /// [`Stage::block`].
    pub rows: bool,
    /// Rows are to know their packets' flows ([`BlockView::flow_id`]).
    pub flow_ids: bool,
    /// [`Stage::block`] is to know with which packets its packets' flows began
    /// ([`BlockView::flow_first`]): cheaper than `flow_ids`.
    pub flow_firsts: bool,
    /// Payloads are looked at: flows get names ([`FlowRecord::app`]), and [`Stage::app`] the
    /// rows of these kinds.
    pub applications: Option<Interest>,
    /// What is kept of flows for models ([`FlowRecord::features`]).
    pub features: FeatureSet,
    /// What is known of flows is told while they go on: [`Stage::known`]. For a source that is
    /// read once: no list is kept of packets whose flow is known only after them.
    pub known: bool,
    /// Rows are made of what the capture says of packets alone (number, time, lengths), or of
    /// nothing: no packet is decoded, and what `Decoded` says in [`Stage::block`] means nothing.
    pub undecoded: bool,
}

/// A packet as a stage sees it.
#[derive(Debug, Clone, Copy)]
pub struct StagePacket<'a> {
    /// The packet.
    pub packet: &'a Packet<'a>,
    /// What is in it; ports of later fragments are filled in where the first was seen.
    pub decoded: &'a Decoded,
    /// Its flow, where it counts in one, by its key and what happened there.
    pub flow: Option<(&'a FlowKey, &'a Ingested)>,
    /// What [`Stage::inspect`] said about it; 0 before that.
    pub note: u64,
}

impl StagePacket<'_> {
    /// Its application protocol, by port.
    #[inline]
    pub fn service(&self) -> Option<&'static str> {
        self.decoded.service_by_port()
    }
}

/// What became of fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FragmentFacts {
    /// Datagrams put together.
    pub completed: u64,
    /// Datagrams given up: time, memory, or the end of the capture.
    pub incomplete: u64,
    /// Fragments that overlapped with others.
    pub overlaps: u64,
}

/// Output failed: the engine stops and gives it back.
pub type RoundError = std::io::Error;

/// A consumer of packets and flows.
///
/// State lives in three places. *Workers* are one a thread: only sums in which the order does
/// not matter belong there. *Shards* are one a logical shard: whatever depends on order,
/// bounds or eviction. *Serial* is one, used by one thread at a time in packet order.
pub trait Stage: Sync {
    /// State of a thread.
    type Worker: Send;
    /// State of a logical shard.
    type Shard: Send;
    /// State of what is done in order.
    type Serial: Send;
    /// What a block's packets become.
    type Rows: Send;
    /// What it all comes to.
    type Output;

    /// What the engine has to do for this stage.
    fn needs(&self) -> Needs;
    /// State of one more thread.
    fn new_worker(&self) -> Self::Worker;
    /// State of one more logical shard.
    fn new_shard(&self) -> Self::Shard;
    /// State of what is done in order.
    fn new_serial(&self) -> Self::Serial;

    /// A packet right after it was decoded, in any order; what depends on no other packet is
    /// cheapest here. What it returns comes with the packet to [`packet`](Self::packet).
    /// Fragments after the first have no ports yet, and no packet has its flow.
    fn inspect(&self, _worker: &mut Self::Worker, _packet: &StagePacket<'_>) -> u64 {
        0
    }

    /// A packet of a shard, in order within the shard.
    fn packet(
        &self,
        _worker: &mut Self::Worker,
        _shard: &mut Self::Shard,
        _packet: &StagePacket<'_>,
    ) {
    }

    /// What is known by now of the flow that a packet of a shard belongs to; right after the
    /// packet's payload was looked at, and before the flow's end.
    fn known(
        &self,
        _worker: &mut Self::Worker,
        _shard: &mut Self::Shard,
        _flow: &Ingested,
        _known: KnownFlow<'_>,
    ) {
    }

    /// A flow of a shard has ended; in order of [`FlowRecord::closed_by`] within the shard.
    fn flow_end(&self, _worker: &mut Self::Worker, _shard: &mut Self::Shard, _flow: FlowRecord) {}

    /// A row that the payload of a shard's flow gave; before the flow's end, in packet order
    /// within the shard.
    fn app(&self, _worker: &mut Self::Worker, _shard: &mut Self::Shard, _record: AppRecord) {}

    /// Whether [`cross`](Self::cross) is to see a packet.
    fn wants_cross(&self, _decoded: &Decoded) -> bool {
        false
    }

    /// A packet that matters beyond its flow, in packet order over the whole capture.
    fn cross(&self, _serial: &mut Self::Serial, _packet: &StagePacket<'_>) {}

    /// The shards have taken the round's packets: what ended in it is put in order and cut into
    /// [work](Self::work). Only with [`Needs::rows`].
    fn shards_done(&self, _serial: &mut Self::Serial, _shards: &mut [&mut Self::Shard]) {}

    /// Turns a block's packets into rows.
    fn block(&self, _block: &BlockView<'_>) -> Option<Self::Rows> {
        None
    }

    /// Does what work there is that others left, until none is left: all threads call it at
    /// once, in each round after [`block`](Self::block). Only with [`Needs::rows`].
    fn work(&self) {}

    /// A round is over: hands out rows (in packet order) and what the shards hold back.
    /// Everything closed in this round was closed by a packet of this round, or, where a source is
    /// live and the time went on without a packet, by the number of the packet that comes next.
    /// A live source's rounds come as often as its packets, and about ten times a second without.
    ///
    /// # Errors
    ///
    /// When output fails; the engine stops.
    fn round_end(
        &self,
        _serial: &mut Self::Serial,
        _shards: &mut [&mut Self::Shard],
        _rows: Vec<Self::Rows>,
    ) -> Result<(), RoundError> {
        Ok(())
    }

    /// The capture has ended: what packets closed is there, flows that are alive end next.
    fn capture_end(&self, _serial: &mut Self::Serial, _shards: &mut [&mut Self::Shard]) {}

    /// At the end of the capture, the flows of a shard that were alive have ended. Shards come
    /// in their order, before the last [`round_end`](Self::round_end).
    fn shard_end(&self, _serial: &mut Self::Serial, _shard: &mut Self::Shard) {}

    /// The last [`round_end`](Self::round_end) is over: whether there is more
    /// [work](Self::work), which is then done and handed out by one more `round_end`, before
    /// this is asked again. Only with [`Needs::rows`].
    ///
    /// # Errors
    ///
    /// As for [`round_end`](Self::round_end).
    fn wind_down(
        &self,
        _serial: &mut Self::Serial,
        _shards: &mut [&mut Self::Shard],
    ) -> Result<bool, RoundError> {
        Ok(false)
    }

    /// Whether nothing further is wanted: the engine ends without reading on, and without ending
    /// the flows that are alive.
    fn is_done(&self, _serial: &Self::Serial) -> bool {
        false
    }

    /// Brings everything together at the end. Shards come in their order, workers in any.
    fn merge(
        &self,
        serial: Self::Serial,
        shards: Vec<Self::Shard>,
        workers: Vec<Self::Worker>,
        facts: &ShardFacts,
    ) -> Self::Output;
}
