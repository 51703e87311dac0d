//! One case: a file, what is done to it, and everything it is put through.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use netloom::analysis::report::terminal::{self, TerminalOptions};
use netloom::analysis::report::{Report, html, json};
use netloom::analysis::summary::{ReportContext, SummaryStage};
use netloom::pipeline::{
    BlockView, Control, Needs, PipelineOptions, ShardFacts, Stage, StagePacket, run,
};
use netloom::tables::{
    Columns, FlowRow, Flows, FlowsBuilder, PacketRow, Packets, PacketsBuilder, format_csv,
    format_json_lines,
};
use netloom::{FlowConfig, FlowRecord, FlowRules, OpenOptions, PacketBatch, PacketSource};
use netloom_capture::file::open_reader;
use netloom_packet::{CaptureInfo, Progress, SourceError};

use super::mutation::Mutation;
use super::random::Random;

/// The width reports are rendered for.
const WIDTH: usize = 80;

/// How a case is run.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) file: Arc<[u8]>,
    pub(super) mutation: Mutation,
    pub(super) rules: FlowRules,
    /// Bytes of a block, blocks of a round: chosen by chance, they must not matter.
    pub(super) block_size: usize,
    pub(super) round_blocks: usize,
    pub(super) threads: usize,
    /// A small memory cap, so that flows are evicted.
    pub(super) small_cap: bool,
    /// Whether the costly is done too: rows of packets, the page, all of it again on two
    /// threads with blocks of another size, which must not matter.
    pub(super) thorough: bool,
}

/// What a case came to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Came {
    pub(super) refused: u64,
    pub(super) packets: u64,
    pub(super) flows: u64,
    pub(super) evicted: u64,
}

impl Case {
    /// Chooses what the file's name and the case's number leave open.
    pub(super) fn new(
        name: &str,
        file: &Arc<[u8]>,
        mutation: Mutation,
        rules: FlowRules,
        random: &mut Random,
    ) -> Self {
        Self {
            name: name.to_owned(),
            file: Arc::clone(file),
            mutation,
            rules,
            block_size: [64, 4096, 1 << 16, 1 << 16][random.below(4) as usize],
            round_blocks: 1 + random.below(8) as usize,
            threads: 1,
            small_cap: random.below(8) == 0,
            thorough: random.below(4) == 0,
        }
    }

    fn options(&self) -> PipelineOptions {
        let mut flow = FlowConfig::new(self.rules);
        if self.small_cap {
            flow.max_memory = 1 << 18;
        }
        let mut options = PipelineOptions::new(flow);
        options.threads = self.threads;
        options.round_blocks = self.round_blocks;
        options
    }

    /// The packets of the case, counted in `delivered` and looked at as they are read; `None`
    /// where the file is no capture.
    fn open(
        &self,
        delivered: &Arc<AtomicU64>,
    ) -> Result<Option<Box<dyn PacketSource + Send>>, String> {
        let reader = self.mutation.reader(Arc::clone(&self.file));
        match open_reader(
            self.name.clone(),
            reader,
            &OpenOptions {
                block_size: self.block_size,
            },
        ) {
            Ok(source) => Ok(Some(Box::new(Counted {
                source,
                delivered: Arc::clone(delivered),
            }))),
            Err(error) if error.message.is_empty() || error.message.contains(char::is_control) => {
                Err(format!("an error that cannot be shown: {error:?}"))
            }
            Err(_) => Ok(None),
        }
    }

    /// Runs the case; what is wrong, if anything is.
    pub(super) fn run(&self) -> Result<Came, String> {
        let delivered = Arc::new(AtomicU64::new(0));
        let Some(source) = self.open(&delivered)? else {
            return Ok(Came {
                refused: 1,
                ..Came::default()
            });
        };
        let (report, facts) = self.report(source)?;
        let read = delivered.swap(0, Ordering::Relaxed);
        same(
            "packets of the report and packets read",
            report.packets,
            read,
        )?;

        if self.thorough {
            let again = Self {
                threads: 2,
                block_size: if self.block_size == 4096 {
                    1 << 16
                } else {
                    4096
                },
                round_blocks: 9 - self.round_blocks,
                thorough: false,
                ..self.clone()
            };
            if let Some(source) = again.open(&delivered)? {
                let (_, other) = again.report(source)?;
                same(
                    "packets read on two threads",
                    delivered.swap(0, Ordering::Relaxed),
                    read,
                )?;
                if let Some((left, right)) = difference(&facts, &other) {
                    return Err(format!(
                        "the report depends on threads or blocks: {left} and {right}"
                    ));
                }
            }
        }

        let Some(source) = self.open(&delivered)? else {
            return Err("opened once, refused the second time".to_owned());
        };
        let exported = self.export(source)?;
        same(
            "packets read twice",
            delivered.load(Ordering::Relaxed),
            read,
        )?;
        same(
            "packets as rows",
            exported.packets,
            if self.thorough { read } else { 0 },
        )?;
        same(
            "flows of the report and flows exported",
            report.flows,
            exported.flows,
        )?;
        if self.rules == FlowRules::Native {
            same(
                "packets of all flows and packets with IP",
                exported.flow_packets,
                exported.ip_packets,
            )?;
        }
        Ok(Came {
            refused: 0,
            packets: read,
            flows: report.flows,
            evicted: report.flow_table.evicted,
        })
    }

    /// What `netloom report` does; the report, and as JSON.
    fn report(&self, source: Box<dyn PacketSource + Send>) -> Result<(Report, String), String> {
        let options = self.options();
        let outcome = run(
            source,
            &SummaryStage::new(10),
            &options,
            &Control::default(),
        )
        .map_err(|error| format!("the engine failed: {error}"))?;
        if let Some(failed) = outcome.failed {
            return Err(format!("reading from memory failed: {failed}"));
        }
        let context = ReportContext {
            captures: outcome.captures,
            flow_rules: self.rules.name().to_owned(),
            max_memory: options.flow.max_memory as u64,
            ..ReportContext::default()
        };
        let listed: u64 = context.captures.iter().map(|capture| capture.packets).sum();
        let report = outcome.output.report(&context);
        same(
            "packets of the report and of the capture's description",
            report.packets,
            listed,
        )?;
        let shown = terminal::render(
            &report,
            &TerminalOptions {
                width: WIDTH,
                ..TerminalOptions::default()
            },
        );
        plain("the report on a terminal", shown.as_bytes())?;
        let text = json::to_string(&report).map_err(|error| format!("no JSON: {error}"))?;
        plain("the report as JSON", text.as_bytes())?;
        let facts: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| format!("the JSON is none: {error}"))?;
        same(
            "packets in the JSON",
            facts["packets"].as_u64().unwrap_or(u64::MAX),
            report.packets,
        )?;
        if self.thorough {
            plain("the page", html::render(&report).as_bytes())?;
        }
        Ok((report, text))
    }

    /// What `netloom export` does, both tables at once.
    fn export(&self, source: Box<dyn PacketSource + Send>) -> Result<Exported, String> {
        let stage = ExportStage {
            packets: self.thorough,
        };
        let outcome = run(source, &stage, &self.options(), &Control::default())
            .map_err(|error| format!("{error}"))?;
        let exported = outcome.output;
        same(
            "flows begun and flows ended",
            outcome.facts.flows,
            exported.flows,
        )?;
        Ok(exported)
    }
}

fn same(what: &str, left: u64, right: u64) -> Result<(), String> {
    if left == right {
        Ok(())
    } else {
        Err(format!("{what}: {left} and {right}"))
    }
}

/// The first lines in which two texts differ, if they do: where one ends before the other, that is
/// what it has there.
fn difference<'a>(left: &'a str, right: &'a str) -> Option<(&'a str, &'a str)> {
    const END: &str = "the end";
    if left == right {
        return None;
    }
    let (mut lefts, mut rights) = (left.lines(), right.lines());
    loop {
        match (lefts.next(), rights.next()) {
            // Line ends differ.
            (None, None) => return Some((left, right)),
            (a, b) if a == b => {}
            (a, b) => return Some((a.unwrap_or(END), b.unwrap_or(END))),
        }
    }
}

/// Text for people has no control characters but line ends, and is UTF-8.
fn plain(what: &str, text: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(text).map_err(|error| format!("{what}: {error}"))?;
    match text
        .chars()
        .find(|&letter| letter.is_control() && letter != '\n')
    {
        None => Ok(()),
        Some(found) => Err(format!("{what}: control character {found:?}")),
    }
}

/// A source whose packets are counted, by someone other than those who are checked.
struct Counted {
    source: Box<dyn PacketSource + Send>,
    delivered: Arc<AtomicU64>,
}

impl PacketSource for Counted {
    fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        let more = self.source.next_batch(batch)?;
        if more {
            assert_eq!(
                batch.iter().count(),
                batch.len(),
                "a packet outside its block"
            );
            self.delivered
                .fetch_add(batch.len() as u64, Ordering::Relaxed);
        }
        Ok(more)
    }

    fn info(&self) -> Vec<CaptureInfo> {
        self.source.info()
    }

    fn progress(&self) -> Progress {
        self.source.progress()
    }
}

/// What was exported, counted.
#[derive(Debug, Default)]
struct Exported {
    flows: u64,
    flow_packets: u64,
    ip_packets: u64,
    packets: u64,
}

/// Formats flows, and packets where asked for, as `netloom export` does.
struct ExportStage {
    packets: bool,
}

impl Stage for ExportStage {
    type Worker = u64;
    type Shard = Vec<FlowRecord>;
    type Serial = Exported;
    type Rows = Result<u64, String>;
    type Output = Exported;

    fn needs(&self) -> Needs {
        Needs {
            flows: true,
            packets: true,
            rows: self.packets,
            flow_ids: self.packets,
            applications: Some(netloom::decode::app::Interest::ALL),
            features: netloom::pipeline::flow::features::FeatureSet::ALL,
            ..Needs::default()
        }
    }

    fn new_worker(&self) -> u64 {
        0
    }

    fn new_shard(&self) -> Vec<FlowRecord> {
        Vec::new()
    }

    fn new_serial(&self) -> Exported {
        Exported::default()
    }

    fn packet(&self, ip_packets: &mut u64, _: &mut Vec<FlowRecord>, packet: &StagePacket<'_>) {
        *ip_packets += u64::from(packet.decoded.ip.is_some());
    }

    fn flow_end(&self, _: &mut u64, shard: &mut Vec<FlowRecord>, flow: FlowRecord) {
        shard.push(flow);
    }

    fn block(&self, block: &BlockView<'_>) -> Option<Result<u64, String>> {
        let mut builder = PacketsBuilder::new(&Columns::<Packets>::all());
        for (packet, decoded, flow_id) in block.packets() {
            let mut row = PacketRow::new(&packet, decoded);
            row.flow_id = flow_id;
            builder.append(&row);
        }
        let rows = block.len() as u64;
        Some(written("packets", &builder.finish(), rows).map(|()| rows))
    }

    fn round_end(
        &self,
        exported: &mut Exported,
        shards: &mut [&mut Vec<FlowRecord>],
        rows: Vec<Result<u64, String>>,
    ) -> io::Result<()> {
        for rows in rows {
            exported.packets += rows.map_err(io::Error::other)?;
        }
        let mut builder = FlowsBuilder::new(&Columns::<Flows>::all());
        let mut flows = 0;
        for flow in shards.iter_mut().flat_map(|shard| shard.drain(..)) {
            builder.append(&FlowRow::new(&flow));
            flows += 1;
            exported.flow_packets += flow.packets();
        }
        exported.flows += flows;
        written("flows", &builder.finish(), flows).map_err(io::Error::other)
    }

    fn merge(
        &self,
        exported: Exported,
        _: Vec<Vec<FlowRecord>>,
        workers: Vec<u64>,
        _: &ShardFacts,
    ) -> Exported {
        Exported {
            ip_packets: workers.iter().sum(),
            ..exported
        }
    }
}

/// Formats a batch both ways: a line a row, nothing that a terminal would obey, JSON that parses.
fn written(what: &str, batch: &netloom::tables::RecordBatch, rows: u64) -> Result<(), String> {
    let mut text = Vec::new();
    format_csv(batch, &mut text);
    plain(&format!("{what} as CSV"), &text)?;
    text.clear();
    format_json_lines(batch, &mut text);
    plain(&format!("{what} as JSON"), &text)?;
    let mut lines = 0;
    for line in text
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        lines += 1;
        // All of them would take longer than all the rest.
        if lines % 16 == 1 {
            let row: serde_json::Value = serde_json::from_slice(line)
                .map_err(|error| format!("{what}: no JSON: {error}"))?;
            if !row.is_object() {
                return Err(format!("{what}: a row that is no object"));
            }
        }
    }
    same(&format!("{what}: lines and rows"), lines, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_differs() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(difference("a\nb\n", "a\nc\n"), Some(("b", "c")));
        assert_eq!(difference("a\nb\n", "a\n"), Some(("b", "the end")));
        assert_eq!(difference("a\n", "a\nb\n"), Some(("the end", "b")));
        assert_eq!(difference("a\n", "a"), Some(("a\n", "a")));
    }
}
