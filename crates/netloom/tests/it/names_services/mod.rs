//! SMB and MQTT against suricata-verify; which protocol a flow speaks, for databases, directories,
//! calls and industry, against nDPI.
//!
//! Rates are pooled over all checks and means over captures. What differs is listed by name in
//! `docs/agreement-suricata.md`, and is a miss.

mod ndpi;
mod suricata;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use netloom::decode::app::Interest;
use netloom::pipeline::flow::app::{AppRecord, AppRow, MessageRecord};
use netloom::pipeline::{Control, Needs, PipelineOptions, ShardFacts, Stage, run};
use netloom::{FlowConfig, FlowRecord, FlowRules, OpenOptions};

/// What was compared, and what differed.
#[derive(Debug, Default)]
struct Agreement {
    /// A capture's name, what was compared, what agrees.
    captures: Vec<(String, usize, usize)>,
    /// Each difference in words.
    differences: Vec<String>,
}

impl Agreement {
    fn add(&mut self, capture: &str, compared: usize, agreeing: usize) {
        if compared > 0 {
            self.captures.push((capture.to_owned(), compared, agreeing));
        }
    }

    fn compared(&self) -> usize {
        self.captures.iter().map(|(_, compared, _)| compared).sum()
    }

    fn agreeing(&self) -> usize {
        self.captures.iter().map(|(_, _, agreeing)| agreeing).sum()
    }

    /// Of everything compared, percent.
    fn pooled(&self) -> f64 {
        100.0 * self.agreeing() as f64 / self.compared().max(1) as f64
    }

    /// Mean over captures, percent.
    fn mean(&self) -> f64 {
        let rates = self
            .captures
            .iter()
            .map(|(_, compared, agreeing)| *agreeing as f64 / *compared as f64);
        100.0 * rates.sum::<f64>() / self.captures.len().max(1) as f64
    }

    fn row(&self, name: &str) -> String {
        format!(
            "| {name} | {} | {} | {} | {:.2} | {:.2} |\n",
            self.captures.len(),
            self.compared(),
            self.agreeing(),
            self.pooled(),
            self.mean()
        )
    }
}

/// Rows and flows of a capture.
#[derive(Debug, Default)]
struct Seen {
    records: Vec<AppRecord>,
    flows: Vec<FlowRecord>,
}

impl Seen {
    /// Rows of `messages`.
    fn messages(&self) -> impl Iterator<Item = (&AppRecord, &MessageRecord)> {
        self.records.iter().filter_map(|record| match &record.row {
            AppRow::Message(message) => Some((record, &**message)),
            _ => None,
        })
    }
}

/// Collects messages and flows.
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
            applications: Some(Interest::MESSAGES.with(Interest::HASHES)),
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
fn read(path: &Path, rules: FlowRules) -> Option<Seen> {
    let source = netloom::open(&[path], &OpenOptions::default()).ok()?;
    let options = PipelineOptions::new(FlowConfig::new(rules));
    let outcome = run(source, &Collect, &options, &Control::default()).ok()?;
    Some(outcome.output)
}

/// The shared test data, if this checkout has it.
#[expect(clippy::print_stdout, reason = "a test that compares nothing says why")]
fn data() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if path.is_dir() {
        return Some(path);
    }
    println!("not compared: the captures of ../shared/data are not here");
    None
}

#[test]
fn services_agree_with_suricata_and_ndpi() {
    let Some(data) = data() else {
        return;
    };
    let smb = suricata::checks(&data, "smb");
    let mqtt = suricata::checks(&data, "mqtt");
    let (services, strangers) = ndpi::services(&data);
    let mut table = String::from(
        "| what | captures | compared | agree | % pooled | % mean |\n|---|---:|---:|---:|---:|---:|\n",
    );
    table += &smb.agreement.row("suricata-verify, checks of smb");
    table += &mqtt.agreement.row("suricata-verify, checks of mqtt");
    table += &services.row("nDPI's master protocol of services' flows");
    table += &strangers.row("flows that netloom takes for a service: nDPI agrees");
    println!("{table}");
    let left_out = smb.left_out + mqtt.left_out;
    let keys = smb.keys + mqtt.keys;
    let mut page = format!(
        "# Agreement with Suricata on SMB and MQTT\n\n\
        Written by the test `names_services` of `netloom` (`NETLOOM_BLESS=1`). A check is a filter \
        of suricata-verify's `test.yaml`: so many events that match all of its keys. Every \
        difference is a miss, explained or not.\n\n{table}\n\
        Keys left out of the comparison, {left_out} of {keys}:\n\n"
    );
    for (key, reason) in suricata::LEFT_OUT {
        let _ = writeln!(page, "- `{key}`: {reason}");
    }
    page += "\n## All differences\n\n";
    for (title, agreement) in [
        ("smb", &smb.agreement),
        ("mqtt", &mqtt.agreement),
        ("nDPI has a service, netloom has not", &services),
        ("netloom has a service, nDPI has something else", &strangers),
    ] {
        let _ = writeln!(page, "### {title}\n");
        for difference in &agreement.differences {
            let _ = writeln!(page, "- {difference}");
        }
        if agreement.differences.is_empty() {
            page += "None.\n";
        }
        page.push('\n');
    }
    let page = page.trim_end().to_owned() + "\n";
    let path = crate::common::root().join("docs/agreement-suricata.md");
    if std::env::var_os("NETLOOM_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    } else if std::fs::read_to_string(&path).is_ok_and(|old| old != page) {
        println!("docs/agreement-suricata.md is not current: run with NETLOOM_BLESS=1");
    }
    assert!(left_out * 5 <= keys, "{left_out} of {keys} keys left out");
    for (name, agreement, least) in [
        ("smb", &smb.agreement, 80.0),
        ("mqtt", &mqtt.agreement, 80.0),
        ("nDPI", &services, 92.0),
        ("nDPI, the other way", &strangers, 92.0),
    ] {
        if agreement.compared() > 0 {
            assert!(
                agreement.pooled() >= least,
                "{name}: {:.2} % pooled\n{}",
                agreement.pooled(),
                agreement.differences.join("\n")
            );
        }
    }
}
