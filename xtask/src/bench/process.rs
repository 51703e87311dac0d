//! Programs that are run and watched.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// How often memory is looked at.
const SAMPLE: Duration = Duration::from_millis(10);

/// A run of `netloom report`.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    /// From start to end of the process.
    pub(super) seconds: f64,
    /// KiB of anonymous memory at the most; `None` where the system does not say.
    pub(super) peak_anon: Option<u64>,
    /// What the report says.
    pub(super) packets: u64,
    pub(super) flows: u64,
    pub(super) peak_live: u64,
    pub(super) evicted: u64,
}

/// Runs `netloom report` and watches its memory.
pub(super) fn report(binary: &Path, capture: &Path, arguments: &[&str]) -> Result<Measured> {
    let out = capture.with_extension("json");
    let began = crate::now();
    let mut child = Command::new(binary)
        .args(["report", "--no-progress", "--quiet", "--json"])
        .arg(&out)
        .args(arguments)
        .arg(capture)
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("{}", binary.display()))?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_anon = None;
    let (status, seconds) = loop {
        if let Ok(status) = std::fs::read_to_string(&status_file)
            && let Some(kib) = crate::status_kib(&status, "RssAnon:")
        {
            peak_anon = peak_anon.max(Some(kib));
        }
        if let Some(status) = child.try_wait()? {
            break (status, began.elapsed().as_secs_f64());
        }
        std::thread::sleep(SAMPLE);
    };
    if !status.success() {
        bail!(
            "{} report {} ended with {status}",
            binary.display(),
            capture.display()
        );
    }
    let text = std::fs::read_to_string(&out).with_context(|| format!("{}", out.display()))?;
    std::fs::remove_file(&out)?;
    let facts: serde_json::Value = serde_json::from_str(&text)?;
    let number = |pointer: &str| {
        facts
            .pointer(pointer)
            .and_then(serde_json::Value::as_u64)
            .with_context(|| format!("no {pointer} in the report"))
    };
    Ok(Measured {
        seconds,
        peak_anon,
        packets: number("/packets")?,
        flows: number("/flows")?,
        peak_live: number("/flow_table/peak_live")?,
        evicted: number("/flow_table/evicted")?,
    })
}

/// Runs a program to its end; what it printed.
pub(super) fn run_command(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("{name} cannot be run"))?;
    if !done.status.success() {
        bail!("{name} ended with {}", done.status);
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
