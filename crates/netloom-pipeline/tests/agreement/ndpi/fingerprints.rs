//! JA3 and JA4.

use netloom_flow::{FlowRecord, FlowRules};
use serde_json::Value;

use super::line::Line;
use crate::seen::{cell, read};
use crate::support::{Capture, Tally};

#[derive(Default)]
pub(super) struct Prints {
    pub(super) ja3: Tally,
    pub(super) ja4: Tally,
}

impl Prints {
    pub(super) fn line(&mut self, capture: &str, line: &Line, found: &[&FlowRecord]) {
        for (expected, kind, tally) in [
            (&line.ja4, "ja4", &mut self.ja4),
            (&line.ja3, "ja3", &mut self.ja3),
        ] {
            let Some(expected) = expected else { continue };
            let ours: Vec<&str> = found
                .iter()
                .filter_map(|flow| flow.app.as_ref()?.fingerprint(kind))
                .collect();
            tally.add(capture, ours.contains(&expected.as_str()), || {
                let ours = ours.first().unwrap_or(&"nothing");
                format!("{}: nDPI `{expected}`, netloom `{ours}`", line.key)
            });
        }
    }
}

/// What JA4's authors expect of their own captures.
pub(super) fn authors(captures: &[Capture]) -> Tally {
    let mut tally = Tally::default();
    for capture in captures {
        let mut rows: Option<Vec<Value>> = None;
        for file in &capture.expected {
            if file.extension().is_none_or(|kind| kind != "snap") {
                continue;
            }
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let field = |line: &str, name: &str| {
                let value = line.trim().trim_start_matches("- ").strip_prefix(name)?;
                Some(value.trim().to_owned())
            };
            let mut port = String::new();
            for line in text.lines() {
                if let Some(value) = field(line, "src_port:") {
                    port = value;
                } else if let Some(expected) = field(line, "ja4:") {
                    let rows =
                        rows.get_or_insert_with(|| read(&capture.path, FlowRules::Native).tls());
                    let of_port = rows.iter().filter(|row| cell(row, "src_port") == port);
                    let prints: Vec<_> = of_port.map(|row| cell(row, "ja4")).collect();
                    tally.add(capture.short(), prints.contains(&expected), || {
                        format!("port {port}: `{expected}`, netloom {prints:?}")
                    });
                }
            }
        }
    }
    tally
}
