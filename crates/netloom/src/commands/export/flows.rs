//! The `flows` table, in the order of the packets that closed the flows.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use netloom::capture::live::sockets::{Owner, SocketWatcher};
use netloom::decode::app::Interest;
use netloom::pipeline::flow::FlowOwner;
use netloom::pipeline::{Needs, ShardFacts, Stage, StagePacket};
use netloom::tables::{Columns, Flows, FlowsBuilder};
use netloom::{FlowRecord, Timestamp};

use super::text::{Text, format_rows};

/// Writes flows as they end.
pub(crate) struct FlowsStage {
    columns: Columns<Flows>,
    text: Mutex<Option<Text>>,
    owners: Option<SocketWatcher>,
}

/// What a shard knows.
#[derive(Default)]
pub(crate) struct Shard {
    closed: Vec<FlowRecord>,
    /// Owners of flows that go on, as far as they are known, and when to ask next.
    owners: HashMap<Begun, (Option<Arc<Owner>>, Timestamp)>,
}

/// A flow by its first packet and its protocol.
type Begun = (u64, u8);

/// Between two questions about a flow whose process is not known, in ns.
const ASK_AGAIN: i64 = 500_000_000;

/// What is done in order.
pub(crate) struct Writer {
    text: Option<Text>,
    builder: FlowsBuilder,
    closed: Vec<FlowRecord>,
    rows: Vec<u8>,
}

impl FlowsStage {
    pub(crate) fn new(columns: Columns<Flows>, text: Text) -> Self {
        Self {
            columns,
            text: Mutex::new(Some(text)),
            owners: None,
        }
    }

    /// Looks for the processes and users of this machine that own the flows, if anybody wants
    /// to know. Where that cannot be, they stay unknown.
    pub(crate) fn find_owners(&mut self) {
        let wanted = ["process", "pid", "user"];
        if wanted.iter().any(|name| self.columns.contains(name)) {
            self.owners = SocketWatcher::start().ok();
        }
    }
}

/// Whether nothing further is to be learned about an owner.
fn is_found(owner: Option<&Arc<Owner>>) -> bool {
    owner.is_some_and(|owner| owner.pid.is_some())
}

impl Writer {
    fn format(&mut self, format: crate::arguments::Format) {
        if !self.builder.is_empty() {
            format_rows(format, &self.builder.finish(), &mut self.rows);
        }
    }
}

impl Stage for FlowsStage {
    type Worker = ();
    type Shard = Shard;
    type Serial = Writer;
    type Rows = ();
    type Output = Text;

    fn needs(&self) -> Needs {
        Needs {
            flows: true,
            packets: self.owners.is_some(),
            applications: Some(Interest::NONE),
            features: self.columns.requires().features(),
            ..Needs::default()
        }
    }

    fn new_worker(&self) {}

    fn new_shard(&self) -> Shard {
        Shard::default()
    }

    fn new_serial(&self) -> Writer {
        Writer {
            text: self
                .text
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
            builder: FlowsBuilder::new(&self.columns),
            closed: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Owners are asked for while their sockets are there: from the first packet on.
    fn packet(&self, (): &mut (), shard: &mut Shard, packet: &StagePacket<'_>) {
        let (Some(watcher), Some(flow)) = (&self.owners, packet.flow) else {
            return;
        };
        let Some(key) = flow.key else {
            return;
        };
        let now = packet.packet.timestamp;
        let begun = (flow.first_number, key.protocol());
        let (owner, next) = shard.owners.entry(begun).or_insert((None, now));
        if is_found(owner.as_ref()) || now < *next {
            return;
        }
        *next = now.plus_nanos(ASK_AGAIN);
        let (first, second) = (key.first().into(), key.second().into());
        if let Some(found) = watcher.lookup(key.protocol(), first, second) {
            *owner = Some(found);
        }
    }

    fn flow_end(&self, (): &mut (), shard: &mut Shard, flow: &FlowRecord) {
        let mut flow = flow.clone();
        if let Some(watcher) = &self.owners {
            let begun = (flow.first_number, flow.protocol);
            let mut owner = shard.owners.remove(&begun).and_then(|(owner, _)| owner);
            if !is_found(owner.as_ref()) {
                let src = (flow.src_ip, flow.src_port.unwrap_or(0)).into();
                let dst = (flow.dst_ip, flow.dst_port.unwrap_or(0)).into();
                owner = watcher.lookup(flow.protocol, src, dst).or(owner);
            }
            flow.owner = owner.map(|owner| {
                let number = owner.uid.to_string();
                let user = owner.user.as_deref().unwrap_or(&number);
                Box::new(FlowOwner::new(
                    owner.pid,
                    owner.process.as_deref(),
                    Some(user),
                ))
            });
        }
        shard.closed.push(flow);
    }

    fn round_end(
        &self,
        writer: &mut Writer,
        shards: &mut [&mut Shard],
        _rows: Vec<()>,
    ) -> io::Result<()> {
        let Some(text) = &writer.text else {
            return Ok(());
        };
        let format = text.format;
        for shard in shards {
            writer.closed.append(&mut shard.closed);
        }
        writer
            .closed
            .sort_unstable_by_key(|flow| (flow.closed_by, flow.flow_id));
        let closed = std::mem::take(&mut writer.closed);
        for record in &closed {
            writer.builder.append_record(record);
            if writer.builder.is_full() {
                writer.format(format);
            }
        }
        writer.format(format);
        writer.closed = closed;
        writer.closed.clear();
        if let Some(text) = &mut writer.text {
            text.append(&writer.rows)?;
        }
        writer.rows.clear();
        Ok(())
    }

    fn merge(&self, writer: Writer, _: Vec<Shard>, _: Vec<()>, _: &ShardFacts) -> Text {
        writer
            .text
            .expect("the engine makes its ordered state once, and it has the output")
    }
}
