//! Which of several captures can hold what a condition on flows means, by time.
//!
//! A capture has no index, but its first packet stands at its beginning, and reading only the
//! headers of its records costs a tenth of decoding it. So:
//!
//! - A capture that begins when every flow that is meant has ended is left out.
//! - Of those before all others, captures that end so long before the first time that is meant
//!   that no flow goes on from them are left out. Their packets are counted, so that numbers and
//!   flow ids stay what they are. Where the condition is about names or services, which packets
//!   of other flows tell, they are read after all.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use netloom::sql::Condition;
use netloom::tables::TableName;
use netloom::{FlowRules, OpenOptions, PacketBatch, PacketSource, Replay, Timestamp};
use netloom_packet::{CaptureInfo, Progress, SourceError};

use super::super::flow_config;
use super::super::query::files_of;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::files::replay;

/// What may pass between the last packet of a flow and its end, beyond the timeouts: lingering.
const SLACK: i64 = 10_000_000_000;

/// Columns that tell what packets of other flows taught.
const TAUGHT: [&str; 10] = [
    "service",
    "confidence",
    "app",
    "category",
    "server_name",
    "server_name_source",
    "domain",
    "risks",
    "risk_severity",
    "risk_details",
];

/// Captures that are read.
pub(super) struct Needed {
    replay: Arc<Replay>,
    /// Packets of the captures before them.
    before: u64,
    /// Captures that are not read, and why.
    pub(super) left_out: Vec<String>,
    /// Those that are.
    pub(super) files: Vec<PathBuf>,
}

impl Needed {
    /// All of them.
    pub(super) fn all(files: &[PathBuf]) -> Result<Self, Failure> {
        Ok(Self {
            replay: Arc::new(replay(files)?),
            before: 0,
            left_out: Vec::new(),
            files: files.to_vec(),
        })
    }

    /// Those that can hold flows for which a condition holds.
    pub(super) fn by_time(
        given: &[PathBuf],
        condition: &str,
        global: &Global,
    ) -> Result<Self, Failure> {
        let files = files_of(given)?;
        let Some(window) = Window::of(condition, global) else {
            return Self::all(given);
        };
        // What can be read only once is not looked into before.
        if files.len() < 2 || !files.iter().all(|file| file.is_file()) {
            return Self::all(given);
        }
        let mut left_out = Vec::new();
        let (mut kept, mut early) = (Vec::new(), Vec::new());
        for file in files {
            match first_packet(&file) {
                // What is wrong with it is said when it is read; what else lies in a folder is none
                // of it.
                None if given.contains(&file) => kept.push((None, file)),
                None => {}
                Some(first) if first > window.last => {
                    left_out.push(format!("{} begins at {first}", file.display()));
                }
                Some(first) if window.may_skip_early && first < window.first => {
                    early.push((first, file));
                }
                Some(first) => kept.push((Some(first), file)),
            }
        }
        let mut before = 0;
        early.sort();
        for (first, file) in early {
            let next = kept.iter().filter_map(|(first, _)| *first).min();
            let whole = headers(&file)
                .filter(|(last, _)| *last < window.first && next.is_none_or(|next| *last < next));
            match whole {
                Some((last, packets)) => {
                    left_out.push(format!("{} ends at {last}", file.display()));
                    before += packets;
                }
                None => kept.push((Some(first), file)),
            }
        }
        if kept.is_empty() || left_out.is_empty() {
            // Something must be read to know that nothing is meant.
            return Self::all(given);
        }
        let files: Vec<PathBuf> = kept.into_iter().map(|(_, file)| file).collect();
        Ok(Self {
            before,
            left_out,
            ..Self::all(&files)?
        })
    }

    /// Says if one of them changed while they were read.
    pub(super) fn check(&self) -> Result<(), SourceError> {
        self.replay.check()
    }

    /// Opens them from their beginning.
    pub(super) fn open(&self) -> Result<Box<dyn PacketSource + Send>, SourceError> {
        let source = self.replay.open()?;
        let before = self.before;
        Ok(Box::new(After { source, before }))
    }
}

/// The times that matter for a condition.
struct Window {
    /// Flows that are meant have no packet before.
    first: Timestamp,
    /// Nor after.
    last: Timestamp,
    /// Whether what came before can be left out.
    may_skip_early: bool,
}

impl Window {
    /// `None` where a condition does not say when, or flows can be of any length.
    fn of(condition: &str, global: &Global) -> Option<Self> {
        // Of the other rules some flows never end.
        if global.flow_rules != FlowRules::Native {
            return None;
        }
        let longest = flow_config(global).longest()?;
        // A mistake in it is told by the query that is made of it.
        let condition = Condition::of_table(TableName::Flows, condition).ok()?;
        let time = condition.filter().time()?;
        let reach = longest.saturating_add(SLACK);
        Some(Self {
            first: Timestamp::from_nanos(time.start().saturating_sub(reach)),
            last: Timestamp::from_nanos(time.end().saturating_add(reach)),
            may_skip_early: condition
                .columns()
                .iter()
                .all(|column| !TAUGHT.contains(&column.as_str())),
        })
    }
}

/// The time of a capture's first packet; `None` where there is none, or it is no capture.
fn first_packet(file: &Path) -> Option<Timestamp> {
    let mut source = netloom::open(&[file], &OpenOptions::default()).ok()?;
    let mut batch = PacketBatch::default();
    let more = source.next_batch(&mut batch).ok()?;
    let first = batch.iter().next().map(|packet| packet.timestamp);
    first.filter(|_| more)
}

/// The largest time of a capture's packets and how many they are, without a look into them.
fn headers(file: &Path) -> Option<(Timestamp, u64)> {
    let mut source = netloom::open(&[file], &OpenOptions::default()).ok()?;
    let mut batch = PacketBatch::default();
    while source.next_batch(&mut batch).ok()? {}
    let info = source.info();
    let last = info.iter().filter_map(|info| info.last_ts).max()?;
    Some((last, info.iter().map(|info| info.packets).sum()))
}

/// Packets that come after others.
struct After {
    source: Box<dyn PacketSource + Send>,
    before: u64,
}

impl PacketSource for After {
    fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        let more = self.source.next_batch(batch)?;
        batch.first_number += self.before;
        Ok(more)
    }

    fn info(&self) -> Vec<CaptureInfo> {
        self.source.info()
    }

    fn progress(&self) -> Progress {
        self.source.progress()
    }
}
