//! What netloom sees in a capture.

use std::path::Path;

use netloom_capture::file::{OpenOptions, open};
use netloom_decode::app::Interest;
use netloom_flow::app::{AppRecord, AppRow, FieldValue, HttpRecord, MessageRecord};
use netloom_flow::{FlowConfig, FlowRecord, FlowRules};
use netloom_pipeline::{Control, Needs, PipelineOptions, ShardFacts, Stage, run};

/// Rows and flows of a capture.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) records: Vec<AppRecord>,
    pub(super) flows: Vec<FlowRecord>,
}

impl Seen {
    /// Rows of `http`.
    pub(super) fn http(&self) -> impl Iterator<Item = (&AppRecord, &HttpRecord)> {
        self.records.iter().filter_map(|record| match &record.row {
            AppRow::Http(http) => Some((record, &**http)),
            _ => None,
        })
    }

    /// Rows of `messages`.
    pub(super) fn messages(&self) -> impl Iterator<Item = (&AppRecord, &MessageRecord)> {
        self.records.iter().filter_map(|record| match &record.row {
            AppRow::Message(message) => Some((record, &**message)),
            _ => None,
        })
    }
}

/// A field of a message as text.
pub(super) fn field(message: &MessageRecord, name: &str) -> Option<String> {
    let (_, value) = message.fields.iter().find(|(known, _)| *known == name)?;
    Some(match value {
        FieldValue::Text(text) => text.to_string(),
        FieldValue::Number(number) => number.to_string(),
        FieldValue::Flag(flag) => flag.to_string(),
        FieldValue::List(items) => items.join(","),
        other => format!("{other:?}"),
    })
}

/// Collects everything.
struct Collect;

impl Stage for Collect {
    type Worker = ();
    type Shard = Seen;
    type Serial = ();
    type Rows = ();
    type Output = Seen;

    fn needs(&self) -> Needs {
        Needs {
            flows: true,
            applications: Some(
                Interest::HTTP
                    .with(Interest::DETAILS)
                    .with(Interest::MESSAGES)
                    .with(Interest::HASHES),
            ),
            ..Needs::default()
        }
    }

    fn new_worker(&self) {}

    fn new_shard(&self) -> Seen {
        Seen::default()
    }

    fn new_serial(&self) {}

    fn flow_end(&self, (): &mut (), shard: &mut Seen, flow: &FlowRecord) {
        shard.flows.push(flow.clone());
    }

    fn app(&self, (): &mut (), shard: &mut Seen, record: AppRecord) {
        shard.records.push(record);
    }

    fn merge(&self, (): (), shards: Vec<Seen>, _: Vec<()>, _: &ShardFacts) -> Seen {
        let mut all = Seen::default();
        for mut shard in shards {
            all.records.append(&mut shard.records);
            all.flows.append(&mut shard.flows);
        }
        all.records.sort_by_key(|record| record.number);
        all
    }
}

/// Reads a capture; nothing where it is no capture at all.
pub(super) fn read(path: &Path, rules: FlowRules) -> Option<Seen> {
    let source = open(&[path], &OpenOptions::default()).ok()?;
    let options = PipelineOptions::new(FlowConfig::new(rules));
    let outcome = run(source, &Collect, &options, &Control::default()).ok()?;
    Some(outcome.output)
}
