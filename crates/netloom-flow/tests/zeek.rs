//! Flows under Zeek's rules against the `conn.log` baselines of Zeek's own tests.

mod support;
#[path = "support/zeek_tests.rs"]
mod zeek_tests;

use std::net::IpAddr;
use std::path::Path;

use netloom_flow::{FlowConfig, FlowRecord, FlowRules};
use support::Agreement;
use zeek_tests::{ignores_checksums, limits, server_ports};

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

fn baseline(path: &Path, history: bool) -> Option<Baseline> {
    let text = std::fs::read_to_string(path).ok()?;
    let mut header: Option<Vec<&str>> = None;
    let mut rows = Vec::new();
    let mut columns = Vec::new();
    for line in text.lines() {
        if let Some(fields) = line.strip_prefix("#fields\t") {
            header = Some(fields.split('\t').collect());
        } else if line.starts_with('#') || line.trim().is_empty() {
            // About the file.
        } else if let Some(header) = &header {
            let fields: Vec<&str> = line.split('\t').collect();
            let place = |column: &str| header.iter().position(|name| *name == column);
            columns = COLUMNS
                .into_iter()
                .filter(|column| place(column).is_some() && (history || *column != "history"))
                .collect();
            let row: Vec<&str> = columns
                .iter()
                .filter_map(|column| fields.get(place(column)?).copied())
                .collect();
            rows.push(row.join(" "));
        } else {
            header = Some(line.split('\t').collect());
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
            _ if flow.history.is_empty() => "-".into(),
            _ => flow.history.clone(),
        })
        .collect();
    fields.join(" ")
}

/// Whether Zeek writes a connection: not for ESP, mobility headers and IGMP, which it looks
/// into in other ways, nor for IPv6 with nothing in it, nor for datagrams of which fragments are missing.
fn is_logged(flow: &FlowRecord) -> bool {
    let looked_into = matches!(flow.protocol, 2 | 50 | 59 | 135);
    let fragments_only = flow.packets() == 0 && flow.fwd.fragments + flow.bwd.fragments > 0;
    !looked_into && !fragments_only
}

/// Whether a baseline can be of a capture: the addresses of one of its rows are among the
/// capture's bytes, and its ports beside each other. (A test that reads several captures has
/// its logs listed with each.)
fn belongs(baseline: &Baseline, bytes: &[u8]) -> bool {
    let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    let has_address = |text: &str| match text.parse() {
        Ok(IpAddr::V4(address)) => has(&address.octets()),
        Ok(IpAddr::V6(address)) => has(&address.octets()),
        Err(_) => false,
    };
    let has_ports = |src: &str, dst: &str| {
        let (Ok(src), Ok(dst)) = (src.parse::<u16>(), dst.parse::<u16>()) else {
            return false;
        };
        let (src, dst) = (src.to_be_bytes(), dst.to_be_bytes());
        has(&[src, dst].concat()) || has(&[dst, src].concat())
    };
    let column = |name| baseline.columns.iter().position(|&column| column == name);
    let (Some(src), Some(dst)) = (column("id.orig_h"), column("id.resp_h")) else {
        return true;
    };
    baseline.rows.iter().any(|row| {
        let fields: Vec<&str> = row.split(' ').collect();
        let with_ports = matches!(fields[0], "tcp" | "udp");
        has_address(fields[src])
            && has_address(fields[dst])
            && (!with_ports || has_ports(fields[src + 1], fields[dst + 1]))
    })
}

#[test]
fn conn_log() {
    let Some(data) = support::data() else { return };
    let (mut results, mut histories) = (Vec::new(), Vec::new());
    for capture in support::captures(&data, "zeek") {
        let path = data.join(&capture.path);
        let (mut rows, mut with_history) = (Agreement::default(), Agreement::default());
        for log in &capture.expected {
            let log = log.trim_start_matches("zeek/Baseline/");
            let Some((test, name)) = log.split_once('/') else {
                continue;
            };
            let is_log = Path::new(name)
                .extension()
                .is_some_and(|extension| extension == "log");
            if !name.starts_with("conn") || !is_log {
                continue;
            }
            let Some(baseline) = baseline(&data.join("zeek/Baseline").join(log), false) else {
                continue;
            };
            if !belongs(&baseline, &std::fs::read(&path).unwrap_or_default()) {
                continue;
            }
            let mut config = FlowConfig::new(FlowRules::Zeek);
            config.checksums = !ignores_checksums(test);
            config.server_ports = server_ports(test);
            config.limits = limits(test);
            let mut flows = support::flows(&path, &config);
            flows.retain(is_logged);
            let ours = flows
                .iter()
                .map(|flow| row(flow, &baseline.columns))
                .collect();
            if !baseline.columns.is_empty() {
                rows.add(Agreement::of(baseline.rows, ours));
            }
            if let Some(baseline) = self::baseline(&data.join("zeek/Baseline").join(log), true) {
                let ours = flows
                    .iter()
                    .map(|flow| row(flow, &baseline.columns))
                    .collect();
                with_history.add(Agreement::of(baseline.rows, ours));
            }
        }
        let name = capture.path.trim_start_matches("zeek/Traces/").to_string();
        if rows.total > 0 {
            results.push((name.clone(), rows));
        }
        if with_history.total > 0 {
            histories.push((name, with_history));
        }
    }
    let (pooled, mean) = support::percentages(&results);
    let (with_history, with_history_mean) = support::percentages(&histories);
    let page = format!(
        "{INTRODUCTION}\n{}\nWith `history` compared too (some baselines have nothing else): {with_history:.2} % \
         pooled, {with_history_mean:.2} % mean.\n\n## Rows that differ\n\n{}",
        support::table(&results),
        support::differing_rows("Zeek", &histories)
    );
    support::bless("agreement-zeek.md", &page);
    println!("{page}");
    assert!(pooled >= 98.0 && mean >= 98.0, "{pooled:.2} {mean:.2}");
}

/// What the page says before its figures.
const INTRODUCTION: &str = "\
# Agreement with Zeek

Written by the test `zeek` of `netloom-flow` (`NETLOOM_BLESS=1`). Flows under
`--flow-rules zeek` are compared with the `conn.log` baselines of Zeek's own tests: protocol,
addresses, ports, `conn_state`, packets and IP bytes each way, where a baseline has them. A row
that only one side has is a miss; an explained difference is a miss too. Tests that Zeek ran
without `-C` are compared with `--checksums`. A baseline that is listed for several captures is
compared with the one whose addresses and ports it shows; rows of several baselines of one
capture are taken together. Where a test ran Zeek in bare mode (`-b`), netloom is told the ports
of servers that the scripts make known which the test loads, and no others; it is told the limits
of analyzers that a test sets, too.

What Zeek's rules mean here, beside its timeouts: a datagram in fragments counts as one packet
once it is whole. The packets of a tunnel over UDP count in its outer flow too. Each datagram in
an 802.11 aggregate (A-MSDU) counts as a packet. An IP length of 0 (segmentation offload) counts
as 0 bytes. ESP, mobility headers, IGMP and IPv6 with no next header have no connection in Zeek,
and are left out. DNS and NTP replies that come first turn their flow round, yet count on the
side where Zeek noted them.

Differences that are known:

- `globus-url-copy.pcap`: the test has Zeek stop looking at a GridFTP data channel after 2 bytes
  (`GridFTP::size_threshold`); netloom counts all of it.

In `history` only:

- `ssh/ssh.pcap`: one of its tests reads the packets of port 22 alone.
";
