//! Tables whose rows are packets, in the order of the capture.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use netloom::decode::Decoded;
use netloom::decode::app::Interest;
use netloom::pipeline::flow::{FlowId, Ingested, KnownFlow};
use netloom::pipeline::{BlockView, Needs, ShardFacts, Stage};
use netloom::tables::{
    Anomalies, AnomalyRow, Columns, PacketRow, Packets, Simple, Table, TableBuilder,
};
use netloom::{FlowRecord, Packet};

use super::text::{Text, format_rows};
use crate::arguments::Format;

/// What is known of a packet's flow only when the flow has ended.
#[derive(Debug, Clone)]
pub(crate) struct FlowName {
    service: Option<&'static str>,
    server_name: Option<Box<str>>,
}

/// What earlier passes found out.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Flows of packets that were known only after them.
    pub(crate) late_flow_ids: HashMap<u64, FlowId>,
    /// What is behind flows.
    pub(crate) names: HashMap<FlowId, FlowName>,
}

/// What rows are to hold, besides their columns.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    /// Rows need their packets' flows.
    pub(crate) flow_ids: bool,
    /// Packets whose flow has no name get no row.
    pub(crate) named_only: bool,
    /// Bytes of payload in the `payload` column.
    pub(crate) payload_bytes: usize,
}

/// A packet, its flow and what is known of it.
pub(crate) struct Seen<'a> {
    packet: &'a Packet<'a>,
    decoded: &'a Decoded,
    flow_id: Option<FlowId>,
    name: Option<&'a FlowName>,
    payload_bytes: usize,
}

impl<'a> Seen<'a> {
    fn row(&self) -> PacketRow<'a> {
        let mut row = PacketRow::new(self.packet, self.decoded);
        row.flow_id = self.flow_id;
        let service = self.name.and_then(|name| name.service);
        row.service = service.or_else(|| self.decoded.service_by_port());
        row.server_name = self.name.and_then(|name| name.server_name.as_deref());
        row.payload_bytes = self.payload_bytes;
        row
    }
}

/// A table whose rows are packets.
pub(crate) trait PacketTable: Table + Sync + Send {
    /// Appends the row of a packet, if it has one.
    fn append(builder: &mut TableBuilder<Self>, seen: &Seen<'_>);
}

impl PacketTable for Packets {
    fn append(builder: &mut TableBuilder<Self>, seen: &Seen<'_>) {
        builder.append(&seen.row());
    }
}

impl PacketTable for Simple {
    fn append(builder: &mut TableBuilder<Self>, seen: &Seen<'_>) {
        builder.append(&seen.row());
    }
}

impl PacketTable for Anomalies {
    fn append(builder: &mut TableBuilder<Self>, seen: &Seen<'_>) {
        if let Some(stop) = seen.decoded.stopped {
            builder.append(&AnomalyRow {
                timestamp: seen.packet.timestamp,
                number: seen.packet.number,
                flow_id: seen.flow_id,
                stop,
            });
        }
    }
}

/// Writes packets.
pub(crate) struct PacketsStage<T: PacketTable> {
    columns: Columns<T>,
    format: Format,
    text: Mutex<Option<Text>>,
    wanted: Wanted,
    known: Known,
    /// What is known by now of flows that go on, where nothing can be read twice.
    live: Option<RwLock<HashMap<FlowId, LiveName>>>,
    /// Rows that were written before their server's name was known.
    late: Arc<AtomicU64>,
}

/// What is known by now of a flow.
struct LiveName {
    name: FlowName,
    /// Rows written without a name.
    unnamed: AtomicU64,
}

/// A flow that has ended, and whether its server has a name.
pub(crate) type Ended = (FlowId, bool);

impl<T: PacketTable> PacketsStage<T> {
    /// Lets rows say what is known of their flow when they are written. Gives the number of
    /// rows that were too early for their server's name.
    pub(crate) fn name_as_known(&mut self) -> Arc<AtomicU64> {
        self.live = Some(RwLock::default());
        Arc::clone(&self.late)
    }

    pub(crate) fn new(columns: Columns<T>, text: Text, wanted: Wanted, known: Known) -> Self {
        Self {
            columns,
            format: text.format,
            text: Mutex::new(Some(text)),
            wanted,
            known,
            live: None,
            late: Arc::default(),
        }
    }
}

impl<T: PacketTable> Stage for PacketsStage<T> {
    type Worker = ();
    type Shard = Vec<Ended>;
    type Serial = Option<Text>;
    /// A block's packets as text.
    type Rows = Vec<u8>;
    type Output = Text;

    fn needs(&self) -> Needs {
        Needs {
            flows: self.wanted.flow_ids,
            flow_ids: self.wanted.flow_ids,
            rows: true,
            applications: self.live.as_ref().map(|_| Interest::NONE),
            known: self.live.is_some(),
            ..Needs::default()
        }
    }

    fn new_worker(&self) {}

    fn new_shard(&self) -> Vec<Ended> {
        Vec::new()
    }

    fn known(&self, (): &mut (), _shard: &mut Vec<Ended>, flow: &Ingested, known: KnownFlow<'_>) {
        let (Some(live), Some(id)) = (&self.live, flow.flow_id) else {
            return;
        };
        let service = known.service.map(|protocol| protocol.name);
        let names = live.read().unwrap_or_else(PoisonError::into_inner);
        let before = names.get(&id);
        let same = before.is_some_and(|before| {
            before.name.service == service
                && before.name.server_name.as_deref() == known.server_name
        });
        if same || before.is_none() && names.len() >= NAMES_MAX {
            return;
        }
        drop(names);
        let mut names = live.write().unwrap_or_else(PoisonError::into_inner);
        let entry = names.entry(id).or_insert_with(|| LiveName {
            name: FlowName {
                service: None,
                server_name: None,
            },
            unnamed: AtomicU64::new(0),
        });
        entry.name = FlowName {
            service,
            server_name: known.server_name.map(Into::into),
        };
        if known.server_name.is_some() {
            let rows = entry.unnamed.swap(0, Ordering::Relaxed);
            self.late.fetch_add(rows, Ordering::Relaxed);
        }
    }

    fn flow_end(&self, (): &mut (), shard: &mut Vec<Ended>, flow: &FlowRecord) {
        if self.live.is_some() {
            shard.push((flow.flow_id, flow.server_name().is_some()));
        }
    }

    fn new_serial(&self) -> Option<Text> {
        self.text
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn block(&self, block: &BlockView<'_>) -> Option<Vec<u8>> {
        let mut builder = TableBuilder::new(&self.columns);
        let mut text = Vec::new();
        let live = self.live.as_ref();
        let live = live.map(|live| live.read().unwrap_or_else(PoisonError::into_inner));
        for (packet, decoded, flow_id) in block.packets() {
            let known = &self.known;
            let flow_id = flow_id.or_else(|| known.late_flow_ids.get(&packet.number).copied());
            let live = flow_id.and_then(|id| live.as_ref()?.get(&id));
            if let Some(live) = live.filter(|live| live.name.server_name.is_none()) {
                live.unnamed.fetch_add(1, Ordering::Relaxed);
            }
            let name = flow_id.and_then(|id| known.names.get(&id));
            let name = name.or_else(|| live.map(|live| &live.name));
            if self.wanted.named_only && name.is_none_or(|name| name.server_name.is_none()) {
                continue;
            }
            T::append(
                &mut builder,
                &Seen {
                    packet: &packet,
                    decoded,
                    flow_id,
                    name,
                    payload_bytes: self.wanted.payload_bytes,
                },
            );
            if builder.is_full() {
                format_rows(self.format, &builder.finish(), &mut text);
            }
        }
        format_rows(self.format, &builder.finish(), &mut text);
        Some(text)
    }

    fn round_end(
        &self,
        text: &mut Option<Text>,
        shards: &mut [&mut Vec<Ended>],
        rows: Vec<Vec<u8>>,
    ) -> io::Result<()> {
        if let Some(live) = &self.live {
            let mut names = live.write().unwrap_or_else(PoisonError::into_inner);
            for (id, named) in shards.iter_mut().flat_map(|shard| shard.drain(..)) {
                if let Some(ended) = names.remove(&id)
                    && named
                    && ended.name.server_name.is_none()
                {
                    let rows = ended.unnamed.into_inner();
                    self.late.fetch_add(rows, Ordering::Relaxed);
                }
            }
        }
        if let Some(text) = text {
            for rows in rows {
                text.append(&rows)?;
            }
        }
        Ok(())
    }

    fn merge(&self, text: Option<Text>, _: Vec<Vec<Ended>>, _: Vec<()>, _: &ShardFacts) -> Text {
        text.expect("the engine makes its ordered state once, and it has the output")
    }
}

/// Most flows whose names the first pass keeps.
const NAMES_MAX: usize = 4 << 20;

/// The first pass: what is behind each flow.
pub(crate) struct NamesStage;

impl Stage for NamesStage {
    type Worker = ();
    type Shard = HashMap<FlowId, FlowName>;
    type Serial = ();
    type Rows = ();
    type Output = HashMap<FlowId, FlowName>;

    fn needs(&self) -> Needs {
        Needs {
            flows: true,
            flow_ids: true,
            applications: Some(Interest::NONE),
            ..Needs::default()
        }
    }

    fn new_worker(&self) {}

    fn new_shard(&self) -> HashMap<FlowId, FlowName> {
        HashMap::new()
    }

    fn new_serial(&self) {}

    fn flow_end(&self, (): &mut (), shard: &mut Self::Shard, flow: &FlowRecord) {
        let name = FlowName {
            service: flow.recognised().map(|protocol| protocol.name),
            server_name: flow.server_name().map(Into::into),
        };
        let known = name.service.is_some() || name.server_name.is_some();
        if known && shard.len() < NAMES_MAX / netloom::pipeline::SHARDS {
            shard.insert(flow.flow_id, name);
        }
    }

    fn merge(
        &self,
        (): (),
        shards: Vec<Self::Shard>,
        _: Vec<()>,
        _: &ShardFacts,
    ) -> HashMap<FlowId, FlowName> {
        shards.into_iter().flatten().collect()
    }
}

/// Lets the engine do what it is told to, and keeps nothing but what the engine itself finds:
/// flows that are known only after their packets, what the captures say of themselves.
pub(crate) struct NoStage(pub(crate) Needs);

impl Stage for NoStage {
    type Worker = ();
    type Shard = ();
    type Serial = ();
    type Rows = ();
    type Output = ();

    fn needs(&self) -> Needs {
        self.0
    }

    fn new_worker(&self) {}

    fn new_shard(&self) {}

    fn new_serial(&self) {}

    fn merge(&self, (): (), _: Vec<()>, _: Vec<()>, _: &ShardFacts) {}
}
