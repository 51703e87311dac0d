//! The project's own chores: `cargo xtask COMMAND`.
//!
//! What is generated is committed, so that readers need not build anything; `--check` says
//! whether it is current.

mod arguments;
mod bench;
mod bench_live;
mod docs;
mod hostile;
mod vendors;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  docs            write the generated pages of docs/ (the dictionary of tables)
  docs --check    fail where a generated page is not current
  bench [--small] [--flood] [--keep]
                  measure `report` beside its peers on the benchmark capture, made under target/bench:
                  speed, threads, time a packet, memory. --small: on a tenth of it; --flood: also
                  under a flood, with little memory; --keep: leave the captures for the next time
  bench-live [--loop 400] [--capture FILE]
                  `capture` beside tcpdump on the same interface while tcpreplay sends as fast as it
                  can: packets, losses, CPU time; needs root, tcpreplay and tcpdump
  vendors FOLDER  write the table of who makes network cards from the IEEE's registries in FOLDER:
                  oui.csv, oui28.csv, oui36.csv, iab.csv
  hostile [--share 1.0] [--seed 1] [--cuts 50] [--flips 20] [--only NAME] [--case N]
                  every file of the shared data whole, cut and with bytes flipped, through
                  everything; --share: of the cases; --only, --case: some again

Of ../shared: data/ (captures) and bench/ (what makes the benchmark capture, what times the peers).";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["docs"] => docs::write(&root()),
        ["docs", "--check"] => docs::check(&root()),
        ["bench", options @ ..] => bench::run(&root(), options),
        ["bench-live", options @ ..] => bench_live::run(&root(), options),
        ["vendors", folder] => vendors::write(&root(), Path::new(folder)),
        ["hostile", options @ ..] => hostile::run(&root(), options),
        ["help" | "--help" | "-h"] => {
            say(USAGE);
            Ok(())
        }
        _ => bail!("no such command: '{}'\n\n{USAGE}", arguments.join(" ")),
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path
}

/// The folder of test data and benchmarks beside the workspace.
pub(crate) fn shared(root: &Path) -> Result<PathBuf> {
    let shared = root.join("../shared");
    if !shared.is_dir() {
        bail!(
            "{} is not there: it holds the captures and the benchmark, which are no part of the repository",
            shared.display()
        );
    }
    Ok(shared)
}

/// The time, to measure with.
#[expect(
    clippy::disallowed_methods,
    reason = "a program for developers measures how long things take"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The number of KiB in the line of `/proc/PID/status` that begins with `field`.
pub(crate) fn status_kib(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Prints a result.
#[expect(
    clippy::print_stdout,
    reason = "a program for developers, its output is for them"
)]
pub(crate) fn print(text: &str) {
    println!("{text}");
}

/// Tells the person at the terminal.
#[expect(
    clippy::print_stderr,
    reason = "a program for developers, its output is for them"
)]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_found_in_a_status() {
        let status = "VmHWM:\t    2048 kB\nRssAnon:\t     512 kB\n";
        assert_eq!(status_kib(status, "RssAnon:"), Some(512));
        assert_eq!(status_kib(status, "VmRSS:"), None);
    }
}
