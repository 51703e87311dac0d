//! Flows under Zeek's rules against the `conn.log` baselines of Zeek's own tests.

mod support;

use std::path::Path;

use netloom_flow::{FlowRecord, FlowRules};
use support::Agreement;

/// Columns that are compared where a baseline has them.
const COLUMNS: [&str; 11] = [
    "proto",
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "conn_state",
    "orig_pkts",
    "orig_ip_bytes",
    "resp_pkts",
    "resp_ip_bytes",
    "history",
];

/// A baseline: the columns it has, and its rows cut to those that are compared.
struct Baseline {
    columns: Vec<&'static str>,
    rows: Vec<String>,
}

fn baseline(path: &Path) -> Option<Baseline> {
    let text = std::fs::read_to_string(path).ok()?;
    let mut header: Option<Vec<&str>> = None;
    let mut rows = Vec::new();
    let mut columns = Vec::new();
    for line in text.lines() {
        if let Some(fields) = line.strip_prefix("#fields\t") {
            header = Some(fields.split('\t').collect());
        } else if line.starts_with('#') || line.trim().is_empty() {
            continue;
        } else if header.is_none() {
            header = Some(line.split('\t').collect());
        } else if let Some(header) = &header {
            let fields: Vec<&str> = line.split('\t').collect();
            columns = COLUMNS
                .into_iter()
                .filter(|column| header.contains(column) && *column != "history")
                .collect();
            let row: Vec<&str> = columns
                .iter()
                .map(|column| fields[header.iter().position(|name| name == column).unwrap()])
                .collect();
            rows.push(row.join(" "));
        }
    }
    Some(Baseline { columns, rows })
}

fn row(flow: &FlowRecord, columns: &[&str]) -> String {
    let fields: Vec<String> = columns
        .iter()
        .map(|&column| match column {
            "proto" => match flow.protocol {
                6 => "tcp".into(),
                17 => "udp".into(),
                1 | 58 => "icmp".into(),
                _ => "unknown_transport".into(),
            },
            "id.orig_h" => flow.src_ip.to_string(),
            "id.resp_h" => flow.dst_ip.to_string(),
            "id.orig_p" => flow.src_port.unwrap_or(0).to_string(),
            "id.resp_p" => flow.dst_port.unwrap_or(0).to_string(),
            "conn_state" => flow.conn_state.name().into(),
            "orig_pkts" => flow.fwd.packets.to_string(),
            "orig_ip_bytes" => flow.fwd.ip_bytes.to_string(),
            "resp_pkts" => flow.bwd.packets.to_string(),
            "resp_ip_bytes" => flow.bwd.ip_bytes.to_string(),
            _ => flow.history.clone(),
        })
        .collect();
    fields.join(" ")
}

/// Protocols that Zeek writes no connection for: ESP and mobility headers.
fn is_logged(flow: &FlowRecord) -> bool {
    !matches!(flow.protocol, 50 | 135) && flow.packets() > 0
}

#[test]
fn conn_log() {
    let Some(data) = support::data() else { return };
    let mut results = Vec::new();
    for capture in support::captures(&data, "zeek") {
        let flows = support::flows(&data.join(&capture.path), FlowRules::Zeek);
        for log in &capture.expected {
            let name = Path::new(log).file_name().unwrap().to_string_lossy();
            if !name.starts_with("conn") || !name.ends_with(".log") {
                continue;
            }
            let Some(baseline) = baseline(&data.join(log)) else {
                continue;
            };
            let ours = flows
                .iter()
                .filter(|flow| is_logged(flow))
                .map(|flow| row(flow, &baseline.columns))
                .collect();
            let agreement = Agreement::of(baseline.rows, ours);
            let log = log.trim_start_matches("zeek/Baseline/");
            results.push((
                format!("{} {log}", capture.path.trim_start_matches("zeek/Traces/")),
                agreement,
            ));
        }
    }
    for (name, agreement) in &results {
        if agreement.share() < 1.0 {
            println!("{name}");
            for row in agreement.theirs_only.iter().take(12) {
                println!("   zeek {row}");
            }
            for row in agreement.ours_only.iter().take(12) {
                println!("   ours {row}");
            }
        }
    }
    let (table, pooled, mean) = support::summary(&results);
    println!("{table}");
    assert!(pooled >= 98.0 && mean >= 98.0, "{pooled:.2} {mean:.2}");
}
