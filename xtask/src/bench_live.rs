//! `cargo xtask bench-live`: `netloom capture` and tcpdump on the same interface at the same
//! time, with buffers of the same size, while a capture is replayed as fast as it goes.
//!
//! It needs root, tcpreplay and tcpdump; everything happens in network namespaces of its own.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::arguments::Options;
use crate::say;

/// Runs, each of which counts.
const RUNS: usize = 3;
/// KiB of each one's buffer.
const BUFFER_KIB: &str = "8192";
/// What netloom's CPU time may be, as a multiple of tcpdump's.
const CPU_BOUND: f64 = 1.2;
/// Until both have begun, and until both have taken what was sent.
const SETTLE: Duration = Duration::from_millis(1500);
/// Clock ticks a second in /proc (`USER_HZ`, the same on every Linux that matters).
const TICKS: f64 = 100.0;

/// What one of them came to.
#[derive(Debug, Default, Clone, Copy)]
struct Came {
    captured: u64,
    dropped: u64,
    cpu: f64,
}

/// Runs the command.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<()> {
    let mut options = Options::new(arguments);
    let loops: u32 = options.value("--loop")?.unwrap_or(400);
    let capture: PathBuf = options
        .value("--capture")?
        .unwrap_or_else(|| root.join("examples/small-office.pcapng"));
    options.end()?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let built = Command::new("cargo")
        .args(["build", "--release", "-p", "netloom"])
        .current_dir(root)
        .status()?;
    if !built.success() {
        bail!("netloom does not build");
    }
    let binary = target.join("release/netloom");
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder)?;
    let cable = Cable::new()?;
    let mut text = String::from("run  program  packets    dropped  CPU s  CPU a packet\n");
    let (mut ours, mut theirs) = (Came::default(), Came::default());
    for number in 1..=RUNS {
        let (netloom, tcpdump) = once(&cable, &binary, &folder, &capture, loops)?;
        for (name, came) in [("netloom", &netloom), ("tcpdump", &tcpdump)] {
            writeln!(
                text,
                "{number:>3}  {name}  {:>9}  {:>7}  {:>5.2}  {:>6.0} ns",
                came.captured,
                came.dropped,
                came.cpu,
                came.cpu * 1e9 / came.captured.max(1) as f64
            )?;
        }
        for (sum, came) in [(&mut ours, &netloom), (&mut theirs, &tcpdump)] {
            sum.captured += came.captured;
            sum.dropped += came.dropped;
            sum.cpu += came.cpu;
        }
    }
    let ratio = ours.cpu / theirs.cpu.max(1.0 / TICKS);
    let judged = |holds: bool| if holds { "holds" } else { "does NOT hold" };
    writeln!(
        text,
        "CPU time beside tcpdump's: {ratio:.2} times (at most {CPU_BOUND}: {})\n\
         dropped beside tcpdump: {} and {} (no more: {})",
        judged(ratio <= CPU_BOUND),
        ours.dropped,
        theirs.dropped,
        judged(ours.dropped <= theirs.dropped)
    )?;
    say(&text);
    Ok(())
}

/// One run, both side by side.
fn once(
    cable: &Cable,
    binary: &Path,
    folder: &Path,
    capture: &Path,
    loops: u32,
) -> Result<(Came, Came)> {
    let said = |name: &str| folder.join(format!("live-{name}.txt"));
    let start = |program: &Path, arguments: &[&str], name: &str| -> Result<Child> {
        let stderr = std::fs::File::create(said(name))?;
        Command::new("ip")
            .args(["netns", "exec", &cable.listener])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .with_context(|| program.display().to_string())
    };
    let (ours, theirs) = (
        folder.join("live-netloom.pcapng"),
        folder.join("live-tcpdump.pcap"),
    );
    let path = |path: &Path| path.display().to_string();
    let mut netloom = start(
        binary,
        &[
            "capture",
            "-q",
            "-i",
            "wire1",
            "-B",
            BUFFER_KIB,
            "-w",
            &path(&ours),
        ],
        "netloom",
    )?;
    let mut tcpdump = start(
        Path::new("tcpdump"),
        &["-i", "wire1", "-B", BUFFER_KIB, "-w", &path(&theirs)],
        "tcpdump",
    )?;
    std::thread::sleep(SETTLE);
    let sent = Command::new("ip")
        .args([
            "netns",
            "exec",
            &cable.sender,
            "tcpreplay",
            "-q",
            "-t",
            "-K",
            "-i",
            "wire0",
        ])
        .args(["--loop", &loops.to_string()])
        .arg(capture)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    std::thread::sleep(SETTLE);
    let (our_cpu, their_cpu) = (cpu(&netloom), cpu(&tcpdump));
    for child in [&netloom, &tcpdump] {
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()?;
    }
    netloom.wait()?;
    tcpdump.wait()?;
    if !sent?.success() {
        bail!("tcpreplay failed");
    }
    let came = |name: &str, cpu: Option<f64>| -> Result<Came> {
        let text = std::fs::read_to_string(said(name))?;
        Ok(Came {
            captured: number(&text, "captured").with_context(|| text.clone())?,
            dropped: number(&text, "dropped by kernel").with_context(|| text.clone())?,
            cpu: cpu.context("its CPU time cannot be read")?,
        })
    };
    let both = (came("netloom", our_cpu)?, came("tcpdump", their_cpu)?);
    _ = std::fs::remove_file(ours);
    _ = std::fs::remove_file(theirs);
    Ok(both)
}

/// Seconds of a core that a process has used, all its threads together.
fn cpu(child: &Child) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    // Behind the name, which may hold anything: state is field 3, utime 14, stime 15.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

/// The number in front of some words, as both programs say it at their end.
fn number(text: &str, words: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains(words))?;
    line.split(' ').next()?.replace(',', "").parse().ok()
}

/// Two network namespaces and a cable between them, until dropped.
struct Cable {
    sender: String,
    listener: String,
}

impl Cable {
    fn new() -> Result<Self> {
        let name = format!("nl-bench-{}", std::process::id());
        let cable = Self {
            sender: format!("{name}a"),
            listener: format!("{name}b"),
        };
        let (a, b) = (&cable.sender, &cable.listener);
        for arguments in [
            format!("netns add {a}"),
            format!("netns add {b}"),
            format!("-n {a} link add wire0 type veth peer name wire1 netns {b}"),
            format!("-n {a} link set wire0 mtu 9000 up"),
            format!("-n {b} link set wire1 mtu 9000 up"),
        ] {
            let status = Command::new("ip").args(arguments.split(' ')).status()?;
            if !status.success() {
                bail!("ip {arguments}: not possible here (it takes root)");
            }
        }
        Ok(cable)
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for name in [&self.sender, &self.listener] {
            _ = Command::new("ip")
                .args(["netns", "del", name])
                .stderr(Stdio::null())
                .status();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_summaries_are_understood() {
        let tcpdump =
            "5 packets captured\n6 packets received by filter\n7 packets dropped by kernel\n";
        assert_eq!(number(tcpdump, "captured"), Some(5));
        assert_eq!(number(tcpdump, "dropped by kernel"), Some(7));
        let netloom = "1,234 packets captured\n0 dropped by kernel\n";
        assert_eq!(number(netloom, "captured"), Some(1234));
        assert_eq!(number(netloom, "dropped by kernel"), Some(0));
        assert_eq!(number("", "captured"), None);
    }

    #[test]
    fn the_time_of_a_process_is_read() {
        let mut child = Command::new("sleep").arg("5").spawn().unwrap();
        let used = cpu(&child);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(used.is_some_and(|used| used < 5.0));
    }
}
