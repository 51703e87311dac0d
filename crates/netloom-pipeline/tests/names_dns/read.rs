//! A capture through the engine: its rows of `dns`, and the names of its devices.

use std::net::IpAddr;
use std::path::Path;

use netloom_capture::file::{OpenOptions, open};
use netloom_decode::app::Interest;
use netloom_flow::app::{AppRecord, AppRow, DnsRecord};
use netloom_flow::{FlowConfig, FlowRules};
use netloom_pipeline::{Control, Needs, PipelineOptions, ShardFacts, Stage, run};

/// A row of `dns`.
pub(crate) struct Row {
    pub(crate) src: (IpAddr, u16),
    pub(crate) dst: (IpAddr, u16),
    pub(crate) tcp: bool,
    pub(crate) record: DnsRecord,
}

/// What a capture gave.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) rows: Vec<Row>,
    pub(crate) hosts: Vec<String>,
}

/// Keeps all records.
struct Records;

impl Stage for Records {
    type Worker = ();
    type Shard = Vec<AppRecord>;
    type Serial = ();
    type Rows = ();
    type Output = Vec<AppRecord>;

    fn needs(&self) -> Needs {
        Needs {
            flows: true,
            applications: Some(
                Interest::DNS
                    .with(Interest::DETAILS)
                    .with(Interest::DEVICES),
            ),
            ..Needs::default()
        }
    }

    fn new_worker(&self) {}

    fn new_shard(&self) -> Vec<AppRecord> {
        Vec::new()
    }

    fn new_serial(&self) {}

    fn app(&self, (): &mut (), shard: &mut Vec<AppRecord>, record: AppRecord) {
        shard.push(record);
    }

    fn merge(
        &self,
        (): (),
        shards: Vec<Vec<AppRecord>>,
        _: Vec<()>,
        _: &ShardFacts,
    ) -> Vec<AppRecord> {
        shards.concat()
    }
}

/// Reads a capture; as far as it can be read.
pub(crate) fn names(path: &Path, rules: FlowRules) -> Names {
    let Ok(source) = open(&[path], &OpenOptions::default()) else {
        return Names::default();
    };
    let mut options = PipelineOptions::new(FlowConfig::new(rules));
    options.threads = 1;
    let outcome = run(source, &Records, &options, &Control::default()).unwrap();
    let mut names = Names::default();
    for record in outcome.output {
        match record.row {
            AppRow::Dns(row) => names.rows.push(Row {
                src: record.src,
                dst: record.dst,
                tcp: record.protocol == 6,
                record: *row,
            }),
            AppRow::Device(device) => {
                names.hosts.extend(device.hostname.map(String::from));
            }
            _ => {}
        }
    }
    names
}
