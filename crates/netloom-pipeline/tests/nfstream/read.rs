//! A capture through the engine: its flows as the profile `nfstream` has them; and CSV read back.

use std::io;
use std::path::Path;

use netloom_capture::file::{OpenOptions, open};
use netloom_flow::{FlowConfig, FlowRecord, FlowRules};
use netloom_pipeline::{Control, Needs, PipelineOptions, ShardFacts, Stage, run};
use netloom_tables::profile::NfstreamFlows;
use netloom_tables::{Columns, FlowRow, TableBuilder, csv_header, format_csv};

/// Keeps all flows, in the order in which they end.
struct Flows(Needs);

impl Stage for Flows {
    type Worker = ();
    type Shard = Vec<FlowRecord>;
    type Serial = Vec<FlowRecord>;
    type Rows = ();
    type Output = Vec<FlowRecord>;

    fn needs(&self) -> Needs {
        self.0
    }

    fn new_worker(&self) {}

    fn new_shard(&self) -> Vec<FlowRecord> {
        Vec::new()
    }

    fn new_serial(&self) -> Vec<FlowRecord> {
        Vec::new()
    }

    fn flow_end(&self, (): &mut (), shard: &mut Vec<FlowRecord>, flow: FlowRecord) {
        shard.push(flow);
    }

    fn round_end(
        &self,
        flows: &mut Vec<FlowRecord>,
        shards: &mut [&mut Vec<FlowRecord>],
        _: Vec<()>,
    ) -> io::Result<()> {
        let begin = flows.len();
        for shard in shards {
            flows.append(shard);
        }
        flows[begin..].sort_unstable_by_key(|flow| (flow.closed_by, flow.flow_id()));
        Ok(())
    }

    fn merge(
        &self,
        flows: Vec<FlowRecord>,
        _: Vec<Vec<FlowRecord>>,
        _: Vec<()>,
        _: &ShardFacts,
    ) -> Vec<FlowRecord> {
        flows
    }
}

/// The flows of a capture as CSV, as far as it can be read; `None` where it cannot be read at all.
pub(crate) fn flows(path: &Path) -> Option<Vec<u8>> {
    let columns = Columns::<NfstreamFlows>::all();
    let needs = Needs {
        flows: true,
        features: columns.requires().features(),
        ..Needs::default()
    };
    let source = open(&[path], &OpenOptions::default()).ok()?;
    let mut options = PipelineOptions::new(FlowConfig::new(FlowRules::Nfstream));
    options.threads = 1;
    let outcome = run(source, &Flows(needs), &options, &Control::default()).unwrap();
    let mut outcome = outcome;
    outcome.output.sort_by_key(|f| f.first_number);
    let mut builder = TableBuilder::new(&columns);
    let mut csv = Vec::new();
    csv_header(builder.schema(), &mut csv);
    for (number, record) in (0..).zip(&outcome.output) {
        let mut row = FlowRow::new(record);
        row.number = number;
        builder.append(&row);
    }
    format_csv(&builder.finish(), &mut csv);
    Some(csv)
}

/// Rows of a CSV file (RFC 4180), the header first.
pub(crate) fn rows(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for line in text.lines() {
        let mut cells = vec![String::new()];
        let mut quoted = false;
        for letter in line.chars() {
            match letter {
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(String::new()),
                _ => cells.last_mut().unwrap().push(letter),
            }
        }
        rows.push(cells);
    }
    rows
}
