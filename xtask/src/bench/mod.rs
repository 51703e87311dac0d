//! `cargo xtask bench`: `netloom report` beside its peers, and what is promised of its speed
//! and memory, as one table.

mod process;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use self::process::{Measured, run_command};
use crate::arguments::Options;
use crate::say;

/// Runs of which the best counts.
const RUNS: usize = 3;
/// GiB of the benchmark capture, and of the small one.
const SIZE: &str = "1.4";
const SMALL_SIZE: &str = "0.14";
/// Memory cap of the flow table in the flood.
const FLOOD_CAP_MIB: u64 = 128;
/// What a report may use beside the flow table.
const BESIDE_MIB: f64 = 64.0;
/// What `report` may take, as a multiple of tcpdump copying the capture.
const PEER_BOUND: f64 = 1.5;
/// How much faster two threads should be than one.
const THREADS_BOUND: f64 = 1.6;

/// A line of the table.
struct Row {
    what: String,
    measured: String,
    bound: String,
    holds: Option<bool>,
}

/// Runs the command.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<()> {
    let mut options = Options::new(arguments);
    let small_only = options.flag("--small");
    let flood = options.flag("--flood");
    let keep = options.flag("--keep");
    options.end()?;
    let shared = crate::shared(root)?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;

    let make = Make {
        script: shared.join("bench/make-capture"),
        folder: folder.clone(),
    };
    let binary = build(root, &target)?;
    let small = make.capture("small.pcap", SMALL_SIZE, false)?;
    let large = if small_only {
        None
    } else {
        Some(make.capture("benchmark.pcap", SIZE, false)?)
    };
    let capture = large.as_ref().unwrap_or(&small);

    let mut rows = peers(&shared.join("bench/peers"), &binary, capture)?;
    rows.push(threads(&binary, capture)?);
    rows.extend(per_packet(&binary, &small, large.as_deref())?);
    rows.push(memory(&binary, capture)?);
    if flood {
        let size = if small_only { SMALL_SIZE } else { SIZE };
        let name = if small_only {
            "flood-small.pcap"
        } else {
            "flood.pcap"
        };
        rows.extend(under_flood(&binary, &make.capture(name, size, true)?)?);
    }
    crate::print(&table(&rows));
    if !keep {
        std::fs::remove_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    }
    let missed = rows.iter().filter(|row| row.holds == Some(false)).count();
    if missed > 0 {
        say(&format!("{missed} of the bounds do not hold in this run"));
    }
    Ok(())
}

/// Builds the binary that is measured.
fn build(root: &Path, target: &Path) -> Result<PathBuf> {
    say("building netloom (release)");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run_command(
        Command::new(cargo)
            .current_dir(root)
            .args([
                "build",
                "--release",
                "--quiet",
                "--package",
                "netloom",
                "--target-dir",
            ])
            .arg(target),
    )?;
    Ok(target
        .join("release")
        .join("netloom")
        .with_extension(std::env::consts::EXE_EXTENSION))
}

/// Makes captures.
struct Make {
    script: PathBuf,
    folder: PathBuf,
}

impl Make {
    /// A capture of about `gib` GiB, made or found from the last time.
    fn capture(&self, name: &str, gib: &str, flood: bool) -> Result<PathBuf> {
        let path = self.folder.join(name);
        if path.is_file() {
            say(&format!("{} is there already", path.display()));
            return Ok(path);
        }
        say(&format!("making {}", path.display()));
        // Under another name until it is whole.
        let unfinished = path.with_extension("unfinished");
        let mut command = Command::new(&self.script);
        command.arg(&unfinished).args(["--gib", gib]);
        if flood {
            command.arg("--flood");
        }
        run_command(&mut command)?;
        std::fs::rename(&unfinished, &path).with_context(|| format!("{}", path.display()))?;
        Ok(path)
    }
}

/// The peers' own table, `netloom report` being one of them.
fn peers(script: &Path, binary: &Path, capture: &Path) -> Result<Vec<Row>> {
    say("timing the peers");
    let printed = run_command(
        Command::new(script)
            .arg(capture)
            .arg(binary)
            .args(["report", "--no-progress"])
            .arg(capture),
    )?;
    let rows: Vec<Row> = printed.lines().filter_map(peer).collect();
    if rows.is_empty() {
        bail!(
            "{} printed nothing that could be read:\n{printed}",
            script.display()
        );
    }
    Ok(rows)
}

/// A row of the peers' table: `NAME  1.23 s  4.56x  789 MiB peak RSS`, or what went wrong.
fn peer(line: &str) -> Option<Row> {
    let (name, rest) = line.split_once("  ")?;
    let rest = rest.split_whitespace().collect::<Vec<_>>();
    let times = rest
        .iter()
        .find_map(|word| word.strip_suffix('x')?.parse::<f64>().ok());
    let ours = name.starts_with("netloom");
    Some(Row {
        what: name.trim().to_owned(),
        measured: rest.join(" "),
        bound: if ours {
            format!("at most {PEER_BOUND:.2}x")
        } else {
            String::new()
        },
        holds: if ours {
            Some(times.is_some_and(|times| times <= PEER_BOUND))
        } else {
            None
        },
    })
}

/// Measures `report` several times; the fastest run, with the most memory of any.
fn best(binary: &Path, capture: &Path, arguments: &[&str]) -> Result<Measured> {
    let mut best = process::report(binary, capture, arguments)?;
    for _ in 1..RUNS {
        let run = process::report(binary, capture, arguments)?;
        best.peak_anon = best.peak_anon.max(run.peak_anon);
        best.seconds = best.seconds.min(run.seconds);
    }
    Ok(best)
}

fn threads(binary: &Path, capture: &Path) -> Result<Row> {
    say("timing one thread and two");
    let one = best(binary, capture, &["--threads", "1"])?;
    let two = best(binary, capture, &["--threads", "2"])?;
    let ratio = one.seconds / two.seconds;
    Ok(Row {
        what: "`--threads 1` against `--threads 2`".to_owned(),
        measured: format!(
            "{:.2} s, {:.2} s: {ratio:.2} times as fast",
            one.seconds, two.seconds
        ),
        bound: format!("at least {THREADS_BOUND:.2}"),
        holds: Some(ratio >= THREADS_BOUND),
    })
}

fn per_packet(binary: &Path, small: &Path, large: Option<&Path>) -> Result<Vec<Row>> {
    say("timing a packet");
    let nanos = |measured: &Measured| measured.seconds * 1e9 / measured.packets.max(1) as f64;
    let row = |path: &Path, measured: &Measured| -> Result<Row> {
        let bytes = std::fs::metadata(path)?.len() as f64;
        Ok(Row {
            what: format!("time a packet, {:.2} GB", bytes / 1e9),
            measured: format!(
                "{:.0} ns ({} packets, {:.2} GB/s)",
                nanos(measured),
                measured.packets,
                bytes / 1e9 / measured.seconds
            ),
            bound: String::new(),
            holds: None,
        })
    };
    let few = best(binary, small, &[])?;
    let mut rows = vec![row(small, &few)?];
    if let Some(large) = large {
        let many = best(binary, large, &[])?;
        let mut row = row(large, &many)?;
        row.bound = format!("flat: at most 1.10 times {:.0} ns", nanos(&few));
        row.holds = Some(nanos(&many) <= 1.1 * nanos(&few));
        rows.push(row);
    }
    Ok(rows)
}

fn memory(binary: &Path, capture: &Path) -> Result<Row> {
    say("measuring memory");
    let measured = best(binary, capture, &[])?;
    let bound = measured.peak_live as f64 / 1024.0 + BESIDE_MIB;
    Ok(memory_row(
        format!(
            "peak anonymous memory, {} flows alive at once",
            measured.peak_live
        ),
        &measured,
        bound,
        "1 KiB a live flow + 64 MiB",
    ))
}

/// `bound` in MiB.
fn memory_row(what: String, measured: &Measured, bound: f64, why: &str) -> Row {
    let Some(peak) = measured.peak_anon else {
        return Row {
            what,
            measured: "not told by this system".to_owned(),
            bound: why.to_owned(),
            holds: None,
        };
    };
    let peak = peak as f64 / 1024.0;
    Row {
        what,
        measured: format!("{peak:.0} MiB"),
        bound: format!("{bound:.0} MiB: {why}"),
        holds: Some(peak <= bound),
    }
}

fn under_flood(binary: &Path, capture: &Path) -> Result<Vec<Row>> {
    say("measuring the flood");
    let free = best(binary, capture, &[])?;
    let cap = format!("{FLOOD_CAP_MIB}MiB");
    let capped = best(binary, capture, &["--max-memory", &cap])?;
    let describe = |run: &Measured| {
        format!(
            "{} flows, {} alive at once, {} evicted, {:.2} s",
            run.flows, run.peak_live, run.evicted, run.seconds
        )
    };
    Ok(vec![
        memory_row(
            format!("flood ({})", describe(&free)),
            &free,
            free.peak_live as f64 / 1024.0 + BESIDE_MIB,
            "1 KiB a live flow + 64 MiB",
        ),
        memory_row(
            format!("flood with `--max-memory {cap}` ({})", describe(&capped)),
            &capped,
            FLOOD_CAP_MIB as f64 + BESIDE_MIB,
            "the cap + 64 MiB for all else",
        ),
    ])
}

/// The rows as a Markdown table.
fn table(rows: &[Row]) -> String {
    let mut text = "| what | measured | bound | holds |\n|---|---|---|---|\n".to_owned();
    for row in rows {
        let holds = match row.holds {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        // Writing to a string does not fail.
        _ = writeln!(
            text,
            "| {} | {} | {} | {holds} |",
            row.what, row.measured, row.bound
        );
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_peers_are_understood() {
        let base =
            peer("tcpdump, copy to /dev/null             1.20 s    1.00x       10 MiB peak RSS")
                .unwrap();
        assert_eq!(
            (base.what.as_str(), base.holds),
            ("tcpdump, copy to /dev/null", None)
        );
        assert_eq!(base.measured, "1.20 s 1.00x 10 MiB peak RSS");
        let slow = "netloom report                         2.20 s    1.83x       90 MiB peak RSS";
        assert_eq!(peer(slow).unwrap().holds, Some(false));
        let failed = peer("netloom report                     failed: no").unwrap();
        assert_eq!(failed.holds, Some(false));
        assert!(
            table(&[base, failed])
                .ends_with("| netloom report | failed: no | at most 1.50x | **no** |")
        );
    }
}
