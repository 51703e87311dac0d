//! What a person should notice first, in sentences with their numbers.

mod named;

use crate::report::model::{Finding, Report};
use crate::report::units;

/// Different addresses asked for by ARP that make a scan of the local network.
const ARP_SCAN_TARGETS: u64 = 64;
/// Share of TCP data sent again that is worth saying.
const LOSSY: f64 = 0.02;
/// Share of connection attempts that failed that is worth saying, of at least this many.
const FAILED: (f64, u64) = (0.5, 20);
/// Share of packets that repeat another that is worth saying.
const TWICE: f64 = 0.01;
/// Share of TCP flows in one direction only that makes a capture one-sided.
const ONE_WAY: f64 = 0.5;

/// Examples that a finding about several things names.
const NAMED_MAX: usize = 3;

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
        let who = risky.pairs.first().map_or(String::new(), |pair| {
            let how = match () {
                () if pair.flows == risky.flows => "",
                () if pair.flows > risky.flows / 2 => "mostly ",
                () => "such as ",
            };
            format!(", {how}{} to {} port {}", pair.src, pair.dst, pair.dst_port)
        });
        say(
            &risky.severity,
            format!("{} in {}{who}", risky.label, count(risky.flows, "flow")),
            format!("{} {}", risky.why, risky.instead),
        );
    }
    named::named(report, &mut say);
    arp(report, &mut say);
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

fn arp(report: &Report, say: &mut impl FnMut(&str, String, String)) {
    let conflicts = &report.local.arp_conflicts;
    if let Some(first) = conflicts.first() {
        let title = match conflicts.len() {
            1 => format!(
                "{} stations claim the address {}",
                first.macs.len(),
                first.address
            ),
            several => format!(
                "{} are claimed by more than one station each",
                count(several as u64, "address")
            ),
        };
        let claims: Vec<String> = conflicts
            .iter()
            .map(|conflict| {
                format!(
                    "{} by {}",
                    conflict.address,
                    listed(&conflict.macs, " and ")
                )
            })
            .collect();
        say(
            "medium",
            title,
            format!(
                "ARP: {}. A replaced device, a fail-over pair, or somebody in between.",
                listed(&claims, ", ")
            ),
        );
    }
    let askers: Vec<_> = report
        .local
        .arp_top
        .iter()
        .filter(|asker| asker.targets >= ARP_SCAN_TARGETS)
        .collect();
    if let Some(first) = askers.first() {
        let others = match askers.len() {
            1 => String::new(),
            several => format!(", and {} do likewise", count(several as u64 - 1, "station")),
        };
        say(
            "medium",
            format!(
                "{} asked by ARP for {}",
                first.address,
                count(first.targets, "address")
            ),
            format!(
                "{} of {} look like a scan of the local network{others}.",
                count(first.requests, "request"),
                first.mac
            ),
        );
    }
}

fn performance(report: &Report, say: &mut impl FnMut(&str, String, String)) {
    let performance = &report.performance;
    if let Some(worst) = performance.worst.first() {
        let service = worst
            .service
            .as_ref()
            .map_or(String::new(), |service| format!(" ({service})"));
        say(
            "low",
            "Some connections were slow or lossy".to_owned(),
            format!(
                "The worst: {} to {}{service}: {}.",
                worst.src, worst.dst, worst.why
            ),
        );
    }
    if performance.data_packets >= 100 {
        let share = performance.data_retransmissions as f64 / performance.data_packets as f64;
        if share >= LOSSY {
            say(
                "low",
                format!("{:.1} % of TCP data packets were sent again", share * 100.0),
                format!(
                    "{} of {}: {}.",
                    units::count(performance.data_retransmissions),
                    count(performance.data_packets, "data packet"),
                    if twice(report) >= TWICE {
                        "but frames were recorded twice, so many of these may be none"
                    } else {
                        "packets are being lost on the way"
                    }
                ),
            );
        }
    }
    let failed = performance.failed_connections;
    if failed >= FAILED.1 && failed as f64 >= FAILED.0 * performance.tcp_flows as f64 {
        say(
            "medium",
            format!(
                "{} of {} failed",
                units::count(failed),
                count(performance.tcp_flows, "TCP connection")
            ),
            "Unanswered or refused: a service that is down, a firewall, a port scan or a flood."
                .to_owned(),
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
    let damaged: Vec<_> = report
        .capture
        .iter()
        .filter(|capture| !capture.format.is_empty())
        .filter_map(|capture| capture.warnings.first().map(|warning| (capture, warning)))
        .collect();
    if let Some((capture, warning)) = damaged.first() {
        let title = match damaged.len() {
            1 => format!("{} is damaged", capture.name),
            several => format!("{} are damaged", count(several as u64, "file")),
        };
        let detail = match (damaged.len(), capture.warnings.len()) {
            (1, 1) => String::clone(warning),
            (1, several) => format!("{warning}, and {} more", count(several as u64 - 1, "fault")),
            (_, _) => format!("{}: {warning}, and so on", capture.name),
        };
        say("low", title, detail);
    }
    let left_out: Vec<String> = report
        .capture
        .iter()
        .filter(|capture| capture.format.is_empty())
        .flat_map(|capture| capture.warnings.iter().cloned())
        .collect();
    if !left_out.is_empty() {
        say(
            "info",
            "Not every file that was named is a capture".to_owned(),
            format!("{}.", listed(&left_out, "; ")),
        );
    }
    if report.packets == 0 {
        return;
    }
    if twice(report) >= TWICE {
        say(
            "low",
            format!(
                "{:.1} % of the packets are there twice",
                twice(report) * 100.0
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

/// Share of the packets that repeat another.
fn twice(report: &Report) -> f64 {
    report.quality.duplicates as f64 / report.packets.max(1) as f64
}

/// `1 flow`, `2 flows`, `1,000 addresses`.
fn count(number: u64, what: &str) -> String {
    let plural = format!("{what}{}", if what.ends_with('s') { "es" } else { "s" });
    units::counted(number, what, &plural)
}

fn are(number: u64, what: &str) -> String {
    let verb = if number == 1 { "was" } else { "were" };
    format!("{} {verb}", count(number, what))
}

/// The first few of a list, and how many there are besides.
fn listed(names: &[String], between: &str) -> String {
    let shown = names.get(..NAMED_MAX).unwrap_or(names);
    let list = shown.join(between);
    match names.len() - shown.len() {
        0 => list,
        more => format!("{list} and {} more", units::count(more as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::model::{ArpAsker, ArpConflict, Capture, LocalTraffic, Risky, RiskyPair};

    #[test]
    fn many_of_a_kind_are_one_finding() {
        let conflict = |n: u8| ArpConflict {
            address: format!("10.0.0.{n}"),
            macs: vec!["02:00:00:00:00:01".into(), "02:00:00:00:00:02".into()],
        };
        let asker = |n: u8| ArpAsker {
            mac: format!("02:00:00:00:00:{n:02x}"),
            address: format!("10.0.0.{n}"),
            requests: 1_000,
            targets: 254,
        };
        let damaged = |name: &str| Capture {
            name: name.into(),
            format: "pcap".into(),
            warnings: vec!["ends in the middle of a packet".into()],
            ..Capture::default()
        };
        let report = Report {
            local: LocalTraffic {
                arp_conflicts: (1..=40).map(conflict).collect(),
                arp_top: (1..=4).map(asker).collect(),
                ..LocalTraffic::default()
            },
            capture: vec![damaged("a.pcap"), damaged("b.pcap")],
            ..Report::default()
        };
        let said: Vec<(String, String)> = findings(&report)
            .into_iter()
            .map(|finding| (finding.title, finding.detail))
            .collect();
        assert_eq!(said.len(), 3, "{said:#?}");
        assert_eq!(
            said[0].0,
            "40 addresses are claimed by more than one station each"
        );
        assert!(said[0].1.contains("10.0.0.3 by"), "{}", said[0].1);
        assert!(said[0].1.contains("and 37 more"), "{}", said[0].1);
        assert_eq!(said[1].0, "10.0.0.1 asked by ARP for 254 addresses");
        assert!(
            said[1].1.contains("and 3 stations do likewise"),
            "{}",
            said[1].1
        );
        assert_eq!(said[2].0, "2 files are damaged");
    }

    /// A SYN that nobody answers is sent again, but no data.
    #[test]
    fn only_data_is_data_sent_again() {
        let said = |data_retransmissions| {
            let mut report = Report::default();
            report.performance.retransmissions = 496;
            report.performance.data_retransmissions = data_retransmissions;
            report.performance.data_packets = 466;
            let titles = findings(&report).into_iter().map(|finding| finding.title);
            titles.collect::<Vec<_>>()
        };
        assert!(said(0).is_empty());
        assert_eq!(said(46), ["9.9 % of TCP data packets were sent again"]);
    }

    #[test]
    fn who_to_whom_is_in_the_title() {
        let risky = |flows| Risky {
            protocol: "telnet".into(),
            label: "Telnet".into(),
            severity: "high".into(),
            flows,
            pairs: vec![RiskyPair {
                src: "10.0.0.1".into(),
                dst: "10.0.0.2".into(),
                dst_port: 23,
                flows: 1,
                ..RiskyPair::default()
            }],
            ..Risky::default()
        };
        let title = |flows| {
            let report = Report {
                risky: vec![risky(flows)],
                ..Report::default()
            };
            findings(&report)[0].title.clone()
        };
        assert_eq!(title(1), "Telnet in 1 flow, 10.0.0.1 to 10.0.0.2 port 23");
        assert_eq!(
            title(5),
            "Telnet in 5 flows, such as 10.0.0.1 to 10.0.0.2 port 23"
        );
    }
}
