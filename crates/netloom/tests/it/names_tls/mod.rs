//! TLS, DTLS and QUIC against what Zeek, nDPI, tshark, Suricata and JA4's authors say of the same
//! captures.
//!
//! Percentages are printed pooled and as the mean over captures; what differs is listed in
//! `docs/agreement-tls.md` (written with `NETLOOM_BLESS=1`) and counts as a miss.

mod ndpi;
mod suricata;
mod tshark;
mod zeek;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use netloom::decode::app::Interest;
use netloom::pipeline::flow::app::AppRecord;
use netloom::pipeline::{Control, Needs, PipelineOptions, ShardFacts, Stage, run};
use netloom::tables::{Columns, TableBuilder, Tls, TlsRow, format_json_lines};
use netloom::{FlowConfig, FlowRecord, FlowRules, OpenOptions};
use serde_json::Value;

use crate::common::root;

/// A capture and what its source says of it.
struct Capture {
    /// Below the shared data.
    path: String,
    source: String,
    expected: Vec<PathBuf>,
}

/// The shared data and its captures; none where this checkout lacks them.
#[expect(clippy::print_stdout, reason = "a test that compares nothing says why")]
fn captures() -> Option<(PathBuf, Vec<Capture>)> {
    let data = root().join("../shared/data");
    let Ok(list) = std::fs::read_to_string(data.join("CAPTURES.tsv")) else {
        println!("not compared: the shared captures are not there");
        return None;
    };
    let captures = list.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let expected = fields.get(5)?.split(';').filter(|name| !name.is_empty());
        Some(Capture {
            path: (*fields.first()?).to_owned(),
            source: (*fields.get(3)?).to_owned(),
            expected: expected.map(|name| data.join(name)).collect(),
        })
    });
    let captures = captures.collect();
    Some((data, captures))
}

/// Keeps handshakes and flows.
struct Keep;

impl Stage for Keep {
    type Worker = ();
    type Shard = (Vec<AppRecord>, Vec<FlowRecord>);
    type Serial = ();
    type Rows = ();
    type Output = (Vec<AppRecord>, Vec<FlowRecord>);

    fn needs(&self) -> Needs {
        Needs {
            flows: true,
            applications: Some(
                Interest::TLS
                    .with(Interest::DETAILS)
                    .with(Interest::JA4)
                    .with(Interest::HASHES),
            ),
            ..Needs::default()
        }
    }

    fn new_worker(&self) {}

    fn new_shard(&self) -> Self::Shard {
        (Vec::new(), Vec::new())
    }

    fn new_serial(&self) {}

    fn flow_end(&self, (): &mut (), shard: &mut Self::Shard, flow: &FlowRecord) {
        shard.1.push(flow.clone());
    }

    fn app(&self, (): &mut (), shard: &mut Self::Shard, record: AppRecord) {
        shard.0.push(record);
    }

    fn merge(&self, (): (), shards: Vec<Self::Shard>, _: Vec<()>, _: &ShardFacts) -> Self::Output {
        let (records, flows): (Vec<_>, Vec<_>) = shards.into_iter().unzip();
        (records.concat(), flows.concat())
    }
}

/// Rows of `tls`, in the order of their first packets, and flows of a capture.
fn look(path: &Path, rules: FlowRules) -> (Vec<Value>, Vec<FlowRecord>) {
    let Ok(source) = netloom::open(&[path], &OpenOptions::default()) else {
        return (Vec::new(), Vec::new());
    };
    let options = PipelineOptions::new(FlowConfig::new(rules));
    let outcome = run(source, &Keep, &options, &Control::default()).unwrap();
    let (records, flows) = outcome.output;
    let all = Columns::<Tls>::all();
    let names = all.defs().map(|column| column.name);
    let more = ["client_extensions", "ja3_text"];
    let columns = Columns::<Tls>::named(names.chain(more)).unwrap();
    let mut builder = TableBuilder::new(&columns);
    for record in &records {
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
    (rows, flows)
}

/// A cell as text; lists joined by commas, nothing for null.
fn cell(row: &Value, name: &str) -> String {
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

/// How many values are the same, capture by capture.
#[derive(Default)]
struct Tally {
    captures: BTreeMap<String, (u64, u64)>,
    differences: Vec<String>,
}

impl Tally {
    fn add(&mut self, capture: &str, same: bool, difference: impl FnOnce() -> String) {
        let counts = self.captures.entry(capture.to_owned()).or_default();
        counts.0 += u64::from(same);
        counts.1 += 1;
        if !same {
            self.differences
                .push(format!("{capture}: {}", difference()));
        }
    }

    fn values(&self) -> u64 {
        self.captures.values().map(|counts| counts.1).sum()
    }

    fn pooled(&self) -> f64 {
        let same: u64 = self.captures.values().map(|counts| counts.0).sum();
        same as f64 / self.values().max(1) as f64
    }

    fn mean(&self) -> f64 {
        let shares = self
            .captures
            .values()
            .map(|counts| counts.0 as f64 / counts.1.max(1) as f64);
        shares.sum::<f64>() / self.captures.len().max(1) as f64
    }
}

/// A comparison, and how much of it must be the same.
struct Part {
    name: &'static str,
    least: f64,
    tally: Tally,
}

/// Prints the parts as a table, writes them down when asked to, and fails where too much differs.
#[expect(clippy::print_stdout, reason = "the figures are what the test is for")]
fn conclude(peer: &str, parts: &[Part]) {
    let mut text =
        format!("| {peer} | captures | values | pooled | mean |\n|---|---|---|---|---|\n");
    for Part { name, tally, .. } in parts {
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {:.2} % | {:.2} % |",
            tally.captures.len(),
            tally.values(),
            100.0 * tally.pooled(),
            100.0 * tally.mean()
        );
    }
    println!("{text}");
    for part in parts {
        let differences = &part.tally.differences;
        if !differences.is_empty() {
            let _ = writeln!(text, "\n{}:\n", part.name);
        }
        for difference in differences {
            println!("{}: {difference}", part.name);
            let _ = writeln!(text, "- {}", difference.replace('|', "\\|"));
        }
    }
    bless(peer, &text);
    for Part { name, least, tally } in parts {
        assert!(tally.values() > 0, "{peer}, {name}: nothing was compared");
        assert!(tally.pooled() >= *least, "{peer}, {name}, pooled");
        assert!(tally.mean() >= *least, "{peer}, {name}, mean");
    }
}

/// Writes the section of a peer into the page of the docs when `NETLOOM_BLESS` is set.
fn bless(peer: &str, text: &str) {
    static PAGE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    if std::env::var_os("NETLOOM_BLESS").is_none() {
        return;
    }
    let _guard = PAGE.lock();
    let path = root().join("docs/agreement-tls.md");
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    let heading = format!("## {peer}\n");
    let mut sections: Vec<String> = Vec::new();
    for line in page.lines() {
        if line.starts_with("## ") || sections.is_empty() {
            sections.push(String::new());
        }
        let section = sections.last_mut().unwrap();
        section.push_str(line);
        section.push('\n');
    }
    let section = format!("{heading}\n{}\n", text.trim_end());
    match sections.iter_mut().find(|old| old.starts_with(&heading)) {
        Some(old) => *old = section,
        None => sections.push(section),
    }
    let page: Vec<_> = sections.iter().map(|section| section.trim_end()).collect();
    std::fs::write(path, page.join("\n\n") + "\n").unwrap();
}
