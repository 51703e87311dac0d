//! What a person should notice first, in sentences with their numbers.

use crate::report::model::{Finding, Report};

/// Different addresses asked for by ARP that make a scan of the local network.
const ARP_SCAN_TARGETS: u64 = 64;
/// Share of TCP data sent again that is worth saying.
const LOSSY: f64 = 0.02;
/// Share of connection attempts that failed that is worth saying, of at least this many.
const FAILED: (f64, u64) = (0.5, 20);
/// Share of TCP flows in one direction only that makes a capture one-sided.
const ONE_WAY: f64 = 0.5;

/// The findings, the worst first.
pub(crate) fn findings(report: &Report) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |severity: &str, title: String, detail: String| {
        findings.push(Finding {
            severity: severity.to_owned(),
            title,
            detail,
        });
    };
    for risky in report.risky.iter().filter(|risky| risky.severity != "low") {
        let pair = risky.pairs.first();
        let who = pair.map_or(String::new(), |pair| {
            format!(
                " Most of it: {} to {} port {}.",
                pair.src, pair.dst, pair.dst_port
            )
        });
        say(
            &risky.severity,
            format!("{} seen in {}", risky.protocol, count(risky.flows, "flow")),
            format!("{}{who} {}", risky.why, risky.instead),
        );
    }
    for conflict in &report.local.arp_conflicts {
        say(
            "medium",
            format!(
                "{} stations claim the address {}",
                conflict.macs.len(),
                conflict.address
            ),
            format!(
                "By ARP: {}. A replaced device, a fail-over pair, or somebody in between.",
                conflict.macs.join(", ")
            ),
        );
    }
    for asker in report
        .local
        .arp_top
        .iter()
        .filter(|asker| asker.targets >= ARP_SCAN_TARGETS)
    {
        say(
            "medium",
            format!(
                "{} asked by ARP for {} addresses",
                asker.address, asker.targets
            ),
            format!(
                "{} of {} looks like a scan of the local network.",
                count(asker.requests, "request"),
                asker.mac
            ),
        );
    }
    performance(report, &mut say);
    capture_quality(report, &mut say);
    let rank = |finding: &Finding| {
        ["high", "medium", "low", "info"]
            .iter()
            .position(|known| *known == finding.severity)
    };
    findings.sort_by_key(rank);
    findings
}

fn performance(report: &Report, say: &mut impl FnMut(&str, String, String)) {
    let performance = &report.performance;
    if performance.data_packets >= 100 {
        let share = performance.retransmissions as f64 / performance.data_packets as f64;
        if share >= LOSSY {
            say(
                "low",
                format!("{:.1} % of TCP data packets were sent again", share * 100.0),
                format!(
                    "{} of {} data packets: packets are being lost on the way.",
                    performance.retransmissions, performance.data_packets
                ),
            );
        }
    }
    let failed = performance.failed_connections;
    if failed >= FAILED.1 && failed as f64 >= FAILED.0 * performance.tcp_flows as f64 {
        say(
            "medium",
            format!(
                "{} of {} TCP connections failed",
                failed, performance.tcp_flows
            ),
            "Unanswered or refused: a service that is down, a firewall, or a port scan.".to_owned(),
        );
    }
}

fn capture_quality(report: &Report, say: &mut impl FnMut(&str, String, String)) {
    let quality = &report.quality;
    if let Some(dropped) = quality.dropped.filter(|&dropped| dropped > 0) {
        say(
            "medium",
            format!("The capture lost {}", count(dropped, "packet")),
            "It says so itself: counts are too low, and gaps may look like faults of the network."
                .to_owned(),
        );
    }
    for capture in &report.capture {
        for warning in &capture.warnings {
            say(
                "low",
                format!("{} is damaged", capture.name),
                warning.clone(),
            );
        }
    }
    if report.packets == 0 {
        return;
    }
    let share = |part: u64| part as f64 / report.packets as f64;
    if share(quality.duplicates) >= 0.01 {
        say(
            "low",
            format!(
                "{:.1} % of the packets are there twice",
                share(quality.duplicates) * 100.0
            ),
            "A mirror port that copies both directions does that; counts are too high.".to_owned(),
        );
    }
    if quality.truncated > 0 {
        say(
            "info",
            format!("{} cut by a snap length", are(quality.truncated, "packet")),
            "Headers are there, contents are not: lengths are right, names may be missing."
                .to_owned(),
        );
    }
    if let Some(one_way) = quality.one_way_tcp_share.filter(|&share| share >= ONE_WAY) {
        say(
            "low",
            format!("{:.0} % of the TCP flows were seen in one direction only", one_way * 100.0),
            "The capture point sees half of the traffic: round-trip times and losses cannot be told.".to_owned(),
        );
    }
    if report.flow_table.evicted > 0 {
        say(
            "low",
            format!(
                "{} ended early for lack of memory",
                are(report.flow_table.evicted, "flow")
            ),
            "Raise --max-memory to keep them whole.".to_owned(),
        );
    }
}

fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn are(number: u64, what: &str) -> String {
    format!(
        "{} {}",
        count(number, what),
        if number == 1 { "was" } else { "were" }
    )
}
