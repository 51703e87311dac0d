//! JA3 and JA4.

use netloom_flow::{FlowRecord, FlowRules};
use serde_json::Value;

use super::line::Line;
use crate::seen::{Seen, cell, read};
use crate::support::{Capture, Tally};

#[derive(Default)]
pub(super) struct Prints {
    pub(super) ja3: Tally,
    pub(super) ja4: Tally,
    pub(super) ja4_variant: Tally,
    /// Rows of the last capture.
    rows: Option<(String, Vec<Value>)>,
}

/// JA4 as nDPI makes it, from ours. It differs from what JA4's authors publish in three ways: `i`
/// stands for a name that is an address, and `d` for no name at all; of the application protocol
/// the first two characters are taken, and `0` for the second where it is all of the list; the
/// hash over no extensions is that of an empty text.
fn variant(ja4: &str, row: &Value) -> String {
    let mut text: Vec<char> = ja4.chars().collect();
    let name = cell(row, "server_name");
    let alpn = cell(row, "client_alpns");
    if text.len() < 10 {
        return String::new();
    }
    text[3] = if name.parse::<std::net::IpAddr>().is_ok() {
        'i'
    } else {
        'd'
    };
    let mut start = alpn.split(',').next().unwrap_or_default().chars();
    if let (Some(first), Some(second)) = (start.next(), start.next()) {
        let second = if alpn.len() == 2 { '0' } else { second };
        (text[8], text[9]) = (first, second);
    }
    let text: String = text.into_iter().collect();
    match text.strip_suffix("000000000000") {
        Some(start) => format!("{start}e3b0c44298fc"),
        None => text,
    }
}

impl Prints {
    pub(super) fn line(&mut self, capture: &str, line: &Line, found: &[&FlowRecord], seen: &Seen) {
        if let Some(expected) = &line.ja4 {
            if self.rows.as_ref().is_none_or(|(of, _)| of != capture) {
                self.rows = Some((capture.to_owned(), seen.tls()));
            }
            let rows = self
                .rows
                .as_ref()
                .map(|(_, rows)| &**rows)
                .unwrap_or_default();
            let ids: Vec<String> = found.iter().map(|flow| flow.flow_id.to_string()).collect();
            let ours: Vec<String> = rows
                .iter()
                .filter(|row| ids.contains(&cell(row, "flow_id")))
                .map(|row| variant(&cell(row, "ja4"), row))
                .collect();
            self.ja4_variant.add(capture, ours.contains(expected), || {
                format!("{}: nDPI `{expected}`, netloom {ours:?}", line.key)
            });
        }
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
