//! What netloom sees in a capture.

use std::path::Path;

use netloom_capture::file::{OpenOptions, open};
use netloom_decode::app::Interest;
use netloom_flow::app::{
    AppRecord, AppRow, DeviceRecord, DnsRecord, FieldValue, HttpRecord, MessageRecord,
};
use netloom_flow::{FlowConfig, FlowRecord, FlowRules};
use netloom_pipeline::{Control, Needs, PipelineOptions, ShardFacts, Stage, run};
use netloom_tables::{Columns, TableBuilder, Tls, TlsRow, format_json_lines};
use serde_json::Value;

/// Rows and flows of a capture.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) records: Vec<AppRecord>,
    pub(crate) flows: Vec<FlowRecord>,
}

macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident $variant:ident $record:ty;)*) => {
        impl Seen {
            $($(#[$doc])* pub(crate) fn $name(&self) -> impl Iterator<Item = (&AppRecord, &$record)> {
                self.records.iter().filter_map(|record| match &record.row {
                    AppRow::$variant(row) => Some((record, &**row)),
                    _ => None,
                })
            })*
        }
    };
}

rows! {
    /// Rows of `dns`.
    dns Dns DnsRecord;
    /// Rows of `http`.
    http Http HttpRecord;
    /// Rows of `messages`.
    messages Message MessageRecord;
    /// What devices said.
    devices Device DeviceRecord;
}

impl Seen {
    /// Rows of `tls` with all of their columns, in the order of their first packets.
    pub(crate) fn tls(&self) -> Vec<Value> {
        let all = Columns::<Tls>::all();
        let names = all.defs().map(|column| column.name);
        let more = [
            "client_extensions",
            "client_signature_algorithms",
            "ja3_text",
            "server_extensions",
            "ja3s_text",
            "cyu",
            "cyu_text",
        ];
        let columns = Columns::<Tls>::named(names.chain(more)).unwrap();
        let mut builder = TableBuilder::new(&columns);
        for record in &self.records {
            if let Some(row) = TlsRow::new(record) {
                builder.append(&row);
            }
        }
        let mut text = Vec::new();
        format_json_lines(&builder.finish(), &mut text);
        let lines = String::from_utf8(text).unwrap();
        let mut rows: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        rows.sort_by_key(|row| row["ts"].as_str().unwrap_or_default().to_owned());
        rows
    }
}

/// A cell as text; lists joined by commas, nothing for null.
pub(crate) fn cell(row: &Value, name: &str) -> String {
    match &row[name] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().filter_map(Value::as_str).collect();
            items.join(",")
        }
        Value::Bool(flag) => if *flag { "T" } else { "F" }.to_owned(),
        other => other.to_string(),
    }
}

/// A field of a message.
pub(crate) fn field<'a>(message: &'a MessageRecord, name: &str) -> Option<&'a FieldValue> {
    let mut fields = message.fields.iter();
    fields
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

/// A field as text; lists joined by commas.
pub(crate) fn field_text(message: &MessageRecord, name: &str) -> Option<String> {
    Some(match field(message, name)? {
        FieldValue::Text(text) => text.to_string(),
        FieldValue::Number(number) => number.to_string(),
        FieldValue::Flag(flag) => flag.to_string(),
        FieldValue::List(items) => items.join(","),
        other => format!("{other:?}"),
    })
}

/// Keeps everything.
struct Keep;

impl Stage for Keep {
    type Worker = ();
    type Shard = Seen;
    type Serial = ();
    type Rows = ();
    type Output = Seen;

    fn needs(&self) -> Needs {
        Needs {
            flows: true,
            applications: Some(Interest::ALL),
            ..Needs::default()
        }
    }

    fn new_worker(&self) {}

    fn new_shard(&self) -> Seen {
        Seen::default()
    }

    fn new_serial(&self) {}

    fn flow_end(&self, (): &mut (), shard: &mut Seen, flow: FlowRecord) {
        shard.flows.push(flow);
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
        all.flows.sort_by_key(|flow| flow.first_number);
        all
    }
}

/// Reads a capture, as far as it can be read, on one thread.
pub(crate) fn read(path: &Path, rules: FlowRules) -> Seen {
    let Ok(source) = open(&[path], &OpenOptions::default()) else {
        return Seen::default();
    };
    let mut options = PipelineOptions::new(FlowConfig::new(rules));
    options.threads = 1;
    run(source, &Keep, &options, &Control::default())
        .unwrap()
        .output
}
