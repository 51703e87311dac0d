//! The `packets` table, in the order of the capture.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use netloom::decode::service::service_by_port;
use netloom::pipeline::flow::FlowId;
use netloom::pipeline::{BlockView, Needs, ShardFacts, Stage};
use netloom::tables::{Columns, PacketRow, Packets, PacketsBuilder};

use super::text::{Text, format_rows};
use crate::arguments::Format;

/// Writes packets.
pub(crate) struct PacketsStage {
    columns: Columns<Packets>,
    format: Format,
    text: Mutex<Option<Text>>,
    /// Flows of packets that were known only after them, from an earlier pass.
    late_flow_ids: HashMap<u64, FlowId>,
}

impl PacketsStage {
    pub(crate) fn new(
        columns: Columns<Packets>,
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

impl Stage for PacketsStage {
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
            packets: false,
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
        let mut builder = PacketsBuilder::new(&self.columns);
        let mut text = Vec::new();
        for (packet, decoded, flow_id) in block.packets() {
            let mut row = PacketRow::new(&packet, decoded);
            row.flow_id = flow_id.or_else(|| self.late_flow_ids.get(&packet.number).copied());
            row.service = decoded
                .ip
                .and_then(|ip| service_by_port(ip.protocol, decoded.src_port, decoded.dst_port));
            builder.append(&row);
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

/// Finds the flows that are known only after their packets; the engine does all of it.
pub(crate) struct FlowIdsStage;

impl Stage for FlowIdsStage {
    type Worker = ();
    type Shard = ();
    type Serial = ();
    type Rows = ();
    type Output = ();

    fn needs(&self) -> Needs {
        Needs {
            flows: true,
            flow_ids: true,
            ..Needs::default()
        }
    }

    fn new_worker(&self) {}

    fn new_shard(&self) {}

    fn new_serial(&self) {}

    fn merge(&self, (): (), _: Vec<()>, _: Vec<()>, _: &ShardFacts) {}
}
