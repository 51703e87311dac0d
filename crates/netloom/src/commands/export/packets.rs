//! Tables whose rows are packets, in the order of the capture.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use netloom::Packet;
use netloom::decode::Decoded;
use netloom::pipeline::flow::FlowId;
use netloom::pipeline::{BlockView, Needs, ShardFacts, Stage};
use netloom::tables::{Anomalies, AnomalyRow, Columns, PacketRow, Packets, Table, TableBuilder};

use super::text::{Text, format_rows};
use crate::arguments::Format;

/// A table whose rows are packets.
pub(crate) trait PacketTable: Table + Sync + Send {
    /// Appends the row of a packet, if it has one.
    fn append(
        builder: &mut TableBuilder<Self>,
        packet: &Packet<'_>,
        decoded: &Decoded,
        flow_id: Option<FlowId>,
    );
}

impl PacketTable for Packets {
    fn append(
        builder: &mut TableBuilder<Self>,
        packet: &Packet<'_>,
        decoded: &Decoded,
        flow_id: Option<FlowId>,
    ) {
        let mut row = PacketRow::new(packet, decoded);
        row.flow_id = flow_id;
        row.service = decoded.service_by_port();
        builder.append(&row);
    }
}

impl PacketTable for Anomalies {
    fn append(
        builder: &mut TableBuilder<Self>,
        packet: &Packet<'_>,
        decoded: &Decoded,
        flow_id: Option<FlowId>,
    ) {
        if let Some(stop) = decoded.stopped {
            builder.append(&AnomalyRow {
                timestamp: packet.timestamp,
                number: packet.number,
                flow_id,
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
    /// Flows of packets that were known only after them, from an earlier pass.
    late_flow_ids: HashMap<u64, FlowId>,
}

impl<T: PacketTable> PacketsStage<T> {
    pub(crate) fn new(
        columns: Columns<T>,
        text: Text,
        late_flow_ids: HashMap<u64, FlowId>,
    ) -> Self {
        Self {
            columns,
            format: text.format,
            text: Mutex::new(Some(text)),
            late_flow_ids,
        }
    }
}

impl<T: PacketTable> Stage for PacketsStage<T> {
    type Worker = ();
    type Shard = ();
    type Serial = Option<Text>;
    /// A block's packets as text.
    type Rows = Vec<u8>;
    type Output = Text;

    fn needs(&self) -> Needs {
        let flows = self.columns.contains("flow_id");
        Needs {
            flows,
            flow_ids: flows,
            rows: true,
            ..Needs::default()
        }
    }

    fn new_worker(&self) {}

    fn new_shard(&self) {}

    fn new_serial(&self) -> Option<Text> {
        self.text
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn block(&self, block: &BlockView<'_>) -> Option<Vec<u8>> {
        let mut builder = TableBuilder::new(&self.columns);
        let mut text = Vec::new();
        for (packet, decoded, flow_id) in block.packets() {
            let flow_id = flow_id.or_else(|| self.late_flow_ids.get(&packet.number).copied());
            T::append(&mut builder, &packet, decoded, flow_id);
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
        _shards: &mut [&mut ()],
        rows: Vec<Vec<u8>>,
    ) -> io::Result<()> {
        if let Some(text) = text {
            for rows in rows {
                text.append(&rows)?;
            }
        }
        Ok(())
    }

    fn merge(&self, text: Option<Text>, _: Vec<()>, _: Vec<()>, _: &ShardFacts) -> Text {
        text.expect("the engine makes its ordered state once, and it has the output")
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
