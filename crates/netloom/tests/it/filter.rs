//! Filters on the command line: where they stand, what they leave, what is said of wrong ones.

use crate::common::{example, run, stderr, stdout};

fn capture() -> String {
    example().to_str().unwrap().to_owned()
}

/// The numbers of the packets that an export has.
fn numbers(arguments: &[&str]) -> Vec<u64> {
    let text = stdout(arguments);
    let rows = text.lines().skip(1);
    rows.map(|row| row.parse().unwrap()).collect()
}

const EXPORT: [&str; 4] = ["export", "packets", "--columns", "number"];

#[test]
fn every_place_of_a_filter_means_the_same() {
    let capture = capture();
    let with = |rest: &[&str]| numbers(&[&EXPORT, rest].concat());
    let all = with(&[&capture]);
    let some = with(&[&capture, "--filter", "udp port 53"]);
    assert!(!some.is_empty() && some.len() < all.len());
    assert_eq!(some, with(&[&capture, "--", "udp", "port", "53"]));
    assert_eq!(some, with(&[&capture, "--", "udp port 53"]));
    assert_eq!(some, with(&["-r", &capture, "udp", "port", "53"]));
    assert_eq!(some, with(&["-r", &capture, "--", "udp port 53"]));
    assert_eq!(all, with(&["-r", &capture]));
    // The rest of the packets, and the numbers of both are those of the capture.
    let mut others = with(&[&capture, "--filter", "not udp port 53"]);
    others.extend(&some);
    others.sort_unstable();
    assert_eq!(others, all);
}

#[test]
fn the_same_packets_match_with_any_number_of_threads() {
    let capture = capture();
    let filter = "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0";
    for table in ["packets", "flows"] {
        let with = |threads: &str| {
            stdout(&[
                "export",
                table,
                &capture,
                "--threads",
                threads,
                "--filter",
                filter,
            ])
        };
        let one = with("1");
        assert!(one.lines().count() > 1);
        for threads in ["2", "5"] {
            assert_eq!(one, with(threads), "{table}, {threads} threads");
        }
    }
}

#[test]
fn a_flow_keeps_its_id() {
    let capture = capture();
    let ids = |rest: &[&str]| {
        let arguments = [&["export", "flows", &capture, "--columns", "flow_id"], rest].concat();
        let mut ids: Vec<String> = stdout(&arguments).lines().map(str::to_owned).collect();
        ids.sort_unstable();
        ids
    };
    let all = ids(&[]);
    // Both directions of a flow meet the filter, so all flows stay whole.
    let some = ids(&["--filter", "port 53"]);
    assert!(some.len() > 1);
    assert!(some.iter().all(|id| all.contains(id)));
}

#[test]
fn the_report_is_about_what_matches() {
    let capture = capture();
    let packets = |rest: &[&str]| {
        let arguments = [&["report", &capture, "--json", "-"], rest].concat();
        let report: serde_json::Value = serde_json::from_str(&stdout(&arguments)).unwrap();
        report["packets"].as_u64().unwrap()
    };
    let dns = numbers(&[&EXPORT, &[&*capture, "--", "port", "53"][..]].concat());
    assert_eq!(packets(&["--", "port", "53"]), dns.len() as u64);
    assert_eq!(packets(&["--filter", "len = 0"]), 0);
    let said = stderr(&["report", &capture, "--", "port", "53"], 0);
    assert!(
        said.contains(&format!("{} of {} packets match", dns.len(), packets(&[]))),
        "{said}"
    );
}

#[test]
fn a_wrong_filter_is_pointed_at() {
    let capture = capture();
    let said = stderr(&["report", &capture, "--filter", "tcp prot 80"], 2);
    assert_eq!(
        said,
        "error: here should be `and` or `or` before the next condition (column 5)\n  \
         tcp prot 80\n      ^^^^\n\nhint: is `port` meant?\n"
    );
    // Sound in itself, but nothing that Ethernet has.
    let said = stderr(&["export", "flows", &capture, "--", "type", "mgt"], 2);
    assert!(
        said.contains("column 1") && said.contains("ETHERNET"),
        "{said}"
    );
    let said = stderr(
        &["report", &capture, "--", "host", "no.such.name.invalid"],
        2,
    );
    assert!(said.contains("DNS"), "{said}");
    let said = stderr(&["report", &capture, "--filter", "tcp", "--", "udp"], 2);
    assert!(said.contains("given twice"), "{said}");
    // A wrong filter says so before a capture is looked for.
    let said = stderr(&["report", "no-such-file.pcap", "--filter", "("], 2);
    assert!(said.contains("column 2"), "{said}");
}

#[test]
fn controls_in_a_filter_do_not_reach_the_terminal() {
    let output = run(&["report", "x.pcap", "--filter", "\\\u{1b}[2J and"], 2);
    assert!(!output.stderr.contains(&0x1b));
}

#[test]
fn a_filter_that_nothing_matches_is_no_error() {
    let capture = capture();
    assert_eq!(
        stdout(&[
            "export",
            "packets",
            &capture,
            "--columns",
            "number",
            "--filter",
            "ip and ip6"
        ]),
        "number\n"
    );
}
