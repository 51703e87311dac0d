//! The engine's flows are those of one table fed in one thread, which the comparisons with Zeek
//! and nDPI are made with.

#[path = "../../netloom-flow/tests/support/mod.rs"]
mod support;

use std::path::Path;

use netloom_capture::file::{self, OpenOptions};
use netloom_flow::{EndReason, FlowConfig, FlowRecord, FlowRules};
use netloom_pipeline::{Control, Needs, PipelineOptions, ShardFacts, Stage, run};

/// Keeps every flow.
struct Keep;

impl Stage for Keep {
    type Worker = ();
    type Shard = Vec<FlowRecord>;
    type Serial = ();
    type Rows = ();
    type Output = Vec<FlowRecord>;

    fn needs(&self) -> Needs {
        Needs {
            flows: true,
            ..Needs::default()
        }
    }

    fn new_worker(&self) {}

    fn new_shard(&self) -> Vec<FlowRecord> {
        Vec::new()
    }

    fn new_serial(&self) {}

    fn flow_end(&self, (): &mut (), shard: &mut Vec<FlowRecord>, flow: FlowRecord) {
        shard.push(flow);
    }

    fn merge(
        &self,
        (): (),
        shards: Vec<Vec<FlowRecord>>,
        _workers: Vec<()>,
        _facts: &ShardFacts,
    ) -> Vec<FlowRecord> {
        shards.into_iter().flatten().collect()
    }
}

fn by_engine(path: &Path, config: &FlowConfig, threads: usize) -> Vec<FlowRecord> {
    let Ok(source) = file::open(&[path], &OpenOptions::default()) else {
        return Vec::new();
    };
    let mut options = PipelineOptions::new(config.clone());
    options.threads = threads;
    run(source, &Keep, &options, &Control::default())
        .expect("a stage without output")
        .output
}

/// Flows as text, in an order of their own, without the packet that ended them and whether that
/// was the capture's end: the engine's clock ticks for all shards at once, so it may notice
/// later that time is over.
fn rows(mut flows: Vec<FlowRecord>) -> Vec<String> {
    let mut rows: Vec<String> = flows
        .iter_mut()
        .map(|flow| {
            flow.closed_by = 0;
            flow.end_reason = EndReason::default();
            format!("{flow:?}")
        })
        .collect();
    rows.sort_unstable();
    rows
}

#[test]
fn the_engine_agrees_with_one_table() {
    /// Larger captures hold nothing that the smaller ones do not.
    const MAX_BYTES: u64 = 1 << 20;
    let Some(data) = support::data() else { return };
    let (mut captures, mut flows, mut different) = (0, 0, Vec::new());
    for capture in support::all_captures(&data) {
        let path = data.join(&capture.path);
        if !std::fs::metadata(&path).is_ok_and(|file| file.len() <= MAX_BYTES) {
            continue;
        }
        captures += 1;
        // Under NFStream's rules the engine looks at packets as NFStream does, which the table
        // knows nothing of: the test `nfstream` compares that with NFStream itself.
        for rules in [FlowRules::Native, FlowRules::Zeek, FlowRules::Ndpi] {
            let config = FlowConfig::new(rules);
            let expected = rows(support::flows(&path, &config));
            flows += expected.len();
            if rows(by_engine(&path, &config, 2)) != expected {
                different.push(format!("{} {}", rules.name(), capture.path));
            }
        }
    }
    println!("{captures} captures, {flows} flows");
    assert!(captures > 0 && different.is_empty(), "{different:#?}");
}
