//! The `flows` table, in the order of the packets that closed the flows.

use std::io;
use std::sync::{Mutex, PoisonError};

use netloom::FlowRecord;
use netloom::decode::app::Interest;
use netloom::pipeline::{Needs, ShardFacts, Stage};
use netloom::tables::{Columns, Flows, FlowsBuilder};

use super::text::{Text, format_rows};

/// Writes flows as they end.
pub(crate) struct FlowsStage {
    columns: Columns<Flows>,
    text: Mutex<Option<Text>>,
}

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
        }
    }
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
    type Shard = Vec<FlowRecord>;
    type Serial = Writer;
    type Rows = ();
    type Output = Text;

    fn needs(&self) -> Needs {
        Needs {
            flows: true,
            applications: Some(Interest::NONE),
            ..Needs::default()
        }
    }

    fn new_worker(&self) {}

    fn new_shard(&self) -> Vec<FlowRecord> {
        Vec::new()
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

    fn flow_end(&self, (): &mut (), shard: &mut Vec<FlowRecord>, flow: &FlowRecord) {
        shard.push(flow.clone());
    }

    fn round_end(
        &self,
        writer: &mut Writer,
        shards: &mut [&mut Vec<FlowRecord>],
        _rows: Vec<()>,
    ) -> io::Result<()> {
        let Some(text) = &writer.text else {
            return Ok(());
        };
        let format = text.format;
        for shard in shards {
            writer.closed.append(shard);
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

    fn merge(&self, writer: Writer, _: Vec<Vec<FlowRecord>>, _: Vec<()>, _: &ShardFacts) -> Text {
        writer
            .text
            .expect("the engine makes its ordered state once, and it has the output")
    }
}
