//! Wireshark's dissectors as a service: `sharkd` reads capture after capture in one process, where
//! tshark takes most of its time to start.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Captures after which a process is replaced: it does not give back all of its memory.
const CAPTURES_MAX: u32 = 100;

/// A packet as Wireshark shows it.
#[derive(Debug)]
pub(super) struct Frame {
    /// Number in the capture, from 1.
    pub(super) number: u64,
    /// The columns that were asked for; several values of a field are joined by commas.
    pub(super) columns: Vec<String>,
}

/// Asks Wireshark for columns of packets.
pub(super) struct Wireshark {
    /// Preferences and heuristics, as Wireshark reads them.
    config: TempDir,
    columns: Vec<&'static str>,
    process: Option<Process>,
}

/// Why a process gives no packets.
enum Refusal {
    /// It cannot read the capture.
    Capture,
    /// It is of no more use.
    Ended,
}

struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    captures: u32,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Wireshark {
    /// Wireshark with these preferences (lines of its `preferences` file), asked for these
    /// columns: `%p` (protocol), `%i` (info) or the name of a field.
    pub(super) fn new(preferences: &str, columns: &[&'static str]) -> Self {
        let config = TempDir::new().unwrap();
        let formats: Vec<String> = columns
            .iter()
            .map(|column| match column.strip_prefix('%') {
                Some(_) => format!("\t\"{column}\", \"{column}\""),
                None => format!("\t\"{column}\", \"%Cus:{column}:0:U\""),
            })
            .collect();
        let text = format!(
            "{preferences}gui.column.format: \n{}\n",
            formats.join(",\n")
        );
        std::fs::write(config.path().join("preferences"), text).unwrap();
        // Off by default, as any datagram may look like it; peers of Teredo use any ports.
        std::fs::write(config.path().join("heuristic_protos"), "teredo_udp,1\n").unwrap();
        Self {
            config,
            columns: columns.to_vec(),
            process: None,
        }
    }

    /// Whether there is a tshark.
    pub(super) fn is_installed() -> bool {
        let found = Command::new("tshark").arg("--version").output();
        found.is_ok_and(|output| output.status.success())
    }

    /// The packets of a capture; an error says why there are none.
    pub(super) fn frames(&mut self, path: &Path) -> Result<Vec<Frame>, String> {
        match self.ask(path) {
            Ok(frames) => return Ok(frames),
            // What is damaged it does not open.
            Err(Refusal::Capture) => {}
            Err(Refusal::Ended) => self.process = None,
        }
        self.tshark(path)
    }

    fn ask(&mut self, path: &Path) -> Result<Vec<Frame>, Refusal> {
        if self
            .process
            .as_ref()
            .is_some_and(|process| process.captures >= CAPTURES_MAX)
        {
            self.process = None;
        }
        if self.process.is_none() {
            self.process = Some(Process::start(self.config.path()).ok_or(Refusal::Ended)?);
        }
        let process = self.process.as_mut().ok_or(Refusal::Ended)?;
        process.captures += 1;
        let load = json!({"jsonrpc": "2.0", "id": 1, "method": "load", "params": {"file": path}});
        let frames = json!({"jsonrpc": "2.0", "id": 2, "method": "frames"});
        // Not every request gets an answer: the second is waited for.
        process
            .input
            .write_all(format!("{load}\n{frames}\n").as_bytes())
            .map_err(|_| Refusal::Ended)?;
        process.input.flush().map_err(|_| Refusal::Ended)?;
        let mut loaded = false;
        loop {
            let mut line = Vec::new();
            process
                .output
                .read_until(b'\n', &mut line)
                .map_err(|_| Refusal::Ended)?;
            if line.is_empty() {
                return Err(Refusal::Ended);
            }
            let answer: Value = serde_json::from_slice(&line).map_err(|_| Refusal::Ended)?;
            match answer["id"].as_u64() {
                Some(1) => loaded = answer["result"]["status"] == "OK",
                Some(2) if !loaded => return Err(Refusal::Capture),
                Some(2) => {
                    let rows = answer["result"].as_array().ok_or(Refusal::Ended)?;
                    let frames: Option<Vec<Frame>> = rows.iter().map(frame).collect();
                    return frames.ok_or(Refusal::Ended);
                }
                _ => {}
            }
        }
    }

    /// The same from tshark itself.
    fn tshark(&self, path: &Path) -> Result<Vec<Frame>, String> {
        let mut command = Command::new("tshark");
        command
            .env("WIRESHARK_CONFIG_DIR", self.config.path())
            .env("LC_ALL", "C.UTF-8");
        command.arg("-n").arg("-r").arg(path);
        command.args(["-T", "fields", "-E", "separator=/t", "-E", "occurrence=a"]);
        command.args(["-E", "aggregator=,", "-e", "frame.number"]);
        for column in &self.columns {
            command.arg("-e").arg(match *column {
                "%p" => "_ws.col.Protocol",
                "%i" => "_ws.col.Info",
                field => field,
            });
        }
        let output = command.output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        // A damaged capture makes it fail at its end; what it printed until then counts.
        if text.is_empty() && !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr);
            return Err(reason.lines().last().unwrap_or_default().to_owned());
        }
        let frames = text.lines().filter_map(|line| {
            let mut columns = line.split('\t').map(str::to_owned);
            Some(Frame {
                number: columns.next()?.parse().ok()?,
                columns: columns.collect(),
            })
        });
        Ok(frames.collect())
    }
}

impl Process {
    fn start(config: &Path) -> Option<Self> {
        let mut child = Command::new("sharkd")
            .arg("-")
            .env("WIRESHARK_CONFIG_DIR", config)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        Some(Self {
            input: child.stdin.take()?,
            output: BufReader::new(child.stdout.take()?),
            child,
            captures: 0,
        })
    }
}

fn frame(row: &Value) -> Option<Frame> {
    let columns = row["c"].as_array()?.iter();
    Some(Frame {
        number: row["num"].as_u64()?,
        columns: columns
            .map(|column| column.as_str().unwrap_or_default().to_owned())
            .collect(),
    })
}
