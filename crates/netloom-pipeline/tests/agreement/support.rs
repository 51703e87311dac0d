//! Captures, counts, tables and pages.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A capture and what was published about it.
pub(crate) struct Capture {
    /// Below the shared data.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) source: String,
    /// Files of results.
    pub(crate) expected: Vec<PathBuf>,
}

impl Capture {
    /// The name without what all of its source share.
    pub(crate) fn short(&self) -> &str {
        let name = &*self.name;
        ["zeek/Traces/", "ndpi/pcap/", "suricata-verify/tests/"]
            .iter()
            .find_map(|start| name.strip_prefix(start))
            .unwrap_or(name)
    }

    /// The file of results that ends like this.
    pub(crate) fn result(&self, end: &str) -> Option<&Path> {
        let mut all = self.expected.iter();
        all.find(|path| path.to_string_lossy().ends_with(end))
            .map(PathBuf::as_path)
    }
}

/// The captures of a source, or all of them; `None` where this checkout has none.
#[expect(clippy::print_stdout, reason = "a test that compares nothing says why")]
pub(crate) fn captures(source: &str) -> Option<Vec<Capture>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let Ok(list) = std::fs::read_to_string(data.join("CAPTURES.tsv")) else {
        println!("not compared: the captures of ../shared/data are not here");
        return None;
    };
    let captures = list.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let expected = fields.get(5)?.split(';').filter(|name| !name.is_empty());
        let name = *fields.first()?;
        Some(Capture {
            name: name.to_owned(),
            path: data.join(name),
            source: (*fields.get(3)?).to_owned(),
            expected: expected.map(|name| data.join(name)).collect(),
        })
    });
    Some(
        captures
            .filter(|capture| source.is_empty() || capture.source == source)
            .collect(),
    )
}

/// Calls `each` for all items on all processors, each of which has a state of its own; results come
/// in the items' order.
pub(crate) fn in_parallel<T: Sync, S, R: Send>(
    items: &[T],
    state: impl Fn() -> S + Sync,
    each: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(2, |count| count.get().min(8));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut state = state();
        let mut mine = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else {
                return mine;
            };
            mine.push((at, each(&mut state, item)));
        }
    };
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// How many values are the same, by capture, and which are not.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The same, and all.
    pub(crate) captures: BTreeMap<String, (u64, u64)>,
    pub(crate) differences: Vec<String>,
}

impl Tally {
    /// A value.
    pub(crate) fn add(&mut self, capture: &str, same: bool, difference: impl FnOnce() -> String) {
        let counts = self.captures.entry(capture.to_owned()).or_default();
        counts.0 += u64::from(same);
        counts.1 += 1;
        if !same {
            self.differences
                .push(format!("`{capture}`: {}", difference()));
        }
    }

    /// What another has counted, too.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (capture, counts) in &other.captures {
            let sum = self.captures.entry(capture.clone()).or_default();
            *sum = (sum.0 + counts.0, sum.1 + counts.1);
        }
        self.differences.extend_from_slice(&other.differences);
    }

    pub(crate) fn same(&self) -> u64 {
        self.captures.values().map(|counts| counts.0).sum()
    }

    pub(crate) fn all(&self) -> u64 {
        self.captures.values().map(|counts| counts.1).sum()
    }

    /// Share of all values, in percent.
    pub(crate) fn pooled(&self) -> f64 {
        100.0 * self.same() as f64 / self.all().max(1) as f64
    }

    /// Mean of the captures' shares, in percent.
    pub(crate) fn mean(&self) -> f64 {
        let shares = self
            .captures
            .values()
            .map(|&(same, all)| same as f64 / all.max(1) as f64);
        100.0 * shares.sum::<f64>() / self.captures.len().max(1) as f64
    }
}

/// A comparison.
pub(crate) struct Part {
    pub(crate) name: String,
    /// Percent that must be the same, pooled and as mean; `None` where there is no bound.
    pub(crate) least: Option<f64>,
    pub(crate) tally: Tally,
}

impl Part {
    pub(crate) fn new(
        name: impl Into<String>,
        least: impl Into<Option<f64>>,
        tally: Tally,
    ) -> Self {
        Self {
            name: name.into(),
            least: least.into(),
            tally,
        }
    }
}

/// Percent with two digits, never rounded up to a bound.
pub(crate) fn percent(value: f64) -> String {
    format!("{:.2}", (value * 100.0 + 1e-9).floor() / 100.0)
}

/// Prints the table of a peer, writes its page when asked to, and fails where too much differs.
///
/// `more` stands between the table and the differences.
pub(crate) fn conclude(page: &str, title: &str, introduction: &str, parts: &[Part], more: &str) {
    let mut table = String::from(
        "| what | captures | compared | agree | % pooled | % mean | bound |\n\
         |---|---:|---:|---:|---:|---:|---:|\n",
    );
    for Part { name, least, tally } in parts {
        let _ = writeln!(
            table,
            "| {name} | {} | {} | {} | {} | {} | {} |",
            tally.captures.len(),
            tally.all(),
            tally.same(),
            percent(tally.pooled()),
            percent(tally.mean()),
            least.map_or_else(String::new, |least| least.to_string()),
        );
    }
    // Past the harness, which shows what a test printed only where it fails.
    let _ = writeln!(std::io::stdout().lock(), "\n{title}\n\n{table}");

    let mut text = format!("# {title}\n\n{introduction}\n{table}\n{more}");
    text += "## All differences\n\n";
    for part in parts {
        let _ = writeln!(text, "### {}\n", part.name);
        for difference in &part.tally.differences {
            let _ = writeln!(text, "- {}", one_line(difference));
        }
        if part.tally.differences.is_empty() {
            text += "None.\n";
        }
        text.push('\n');
    }
    bless(page, &(text.trim_end().to_owned() + "\n"));

    for Part { name, least, tally } in parts {
        let Some(least) = *least else { continue };
        assert!(tally.all() > 0, "{name}: nothing was compared");
        assert!(
            tally.pooled() >= least && tally.mean() >= least,
            "{name}: {} % pooled, {} % mean\n{}",
            percent(tally.pooled()),
            percent(tally.mean()),
            tally.differences.join("\n")
        );
    }
}

/// Text of captures in a list of a page: nothing of it is markup or ends the line.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect::<String>()
        .replace('<', "&lt;")
}

/// Writes a page of the docs when `NETLOOM_BLESS` is set; says so where it is not current.
fn bless(page: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(page);
    if std::env::var_os("NETLOOM_BLESS").is_some() {
        std::fs::write(path, text).unwrap();
    } else if std::fs::read_to_string(path).is_ok_and(|old| old != text) {
        let _ = writeln!(
            std::io::stdout().lock(),
            "docs/{page} is not current: run with NETLOOM_BLESS=1"
        );
    }
}
