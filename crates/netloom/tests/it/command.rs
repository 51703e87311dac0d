//! The command as a person uses it.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use crate::common::{example, netloom, run, stderr, stdout};

fn path(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_report_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let (page, facts, pictures) = (
        folder.path().join("a.html"),
        folder.path().join("a.json"),
        folder.path().join("png"),
    );
    let example = example();
    let text = stdout(&[
        "report",
        path(&example),
        "--html",
        path(&page),
        "--json",
        path(&facts),
        "--png",
        path(&pictures),
    ]);
    assert!(!text.contains('\x1b'), "colour in a pipe");
    assert!(text.contains("telnet"), "{text}");
    let facts: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(facts).unwrap()).unwrap();
    for key in [
        "packets",
        "bytes",
        "flows",
        "first_ts",
        "last_ts",
        "protocols",
        "top_addresses",
        "capture",
    ] {
        assert!(!facts[key].is_null(), "{key}");
    }
    let page = fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!doctype html>") || page.starts_with("<!DOCTYPE html>"));
    let names: Vec<_> = fs::read_dir(pictures)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(
        names
            .iter()
            .any(|name| name.extension().is_some_and(|ext| ext == "svg"))
    );
    let png = names
        .iter()
        .find(|name| name.extension().is_some_and(|ext| ext == "png"))
        .unwrap();
    assert!(fs::read(png).unwrap().starts_with(b"\x89PNG\r\n"));
}

#[test]
fn what_the_report_says_is_what_the_tables_hold() {
    let example = example();
    let facts: serde_json::Value =
        serde_json::from_str(&stdout(&["report", path(&example), "--json", "-"])).unwrap();
    let packets = stdout(&[
        "export",
        "packets",
        path(&example),
        "--columns",
        "number,len",
    ]);
    let rows: Vec<u64> = packets
        .lines()
        .skip(1)
        .map(|row| row.split(',').nth(1).unwrap().parse().unwrap())
        .collect();
    assert_eq!(facts["packets"], rows.len());
    assert_eq!(facts["bytes"], rows.iter().sum::<u64>());
    let flows = stdout(&["export", "flows", path(&example), "--format", "jsonl"]);
    let flows: Vec<serde_json::Value> = flows
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(facts["flows"], flows.len());
    let of_flows: u64 = flows
        .iter()
        .map(|flow| flow["fwd_packets"].as_u64().unwrap() + flow["bwd_packets"].as_u64().unwrap())
        .sum();
    // Every packet with an IP header is in exactly one flow.
    let with_ip = stdout(&[
        "export",
        "packets",
        path(&example),
        "--columns",
        "src_ip,len",
    ])
    .lines()
    .skip(1)
    .filter(|row| !row.starts_with(','))
    .count();
    assert_eq!(of_flows, with_ip as u64);
}

#[test]
fn packets_name_their_flows() {
    let example = example();
    let packets = stdout(&[
        "export",
        "packets",
        path(&example),
        "--columns",
        "flow_id,src_ip",
    ]);
    let flows = stdout(&[
        "export",
        "flows",
        path(&example),
        "--columns",
        "flow_id,fwd_packets,bwd_packets",
    ]);
    let mut counts = std::collections::HashMap::new();
    for row in packets.lines().skip(1) {
        let (id, ip) = row.split_once(',').unwrap();
        if !id.is_empty() {
            *counts.entry(id).or_insert(0_u64) += 1;
        }
        assert!(id.is_empty() || !ip.is_empty());
    }
    assert!(!counts.is_empty());
    let mut seen = 0;
    for row in flows.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        let packets: u64 = cells[1].parse::<u64>().unwrap() + cells[2].parse::<u64>().unwrap();
        assert_eq!(counts.get(cells[0]), Some(&packets), "{row}");
        seen += 1;
    }
    assert_eq!(seen, counts.len());
}

#[test]
fn the_same_bytes_for_any_number_of_threads() {
    let example = example();
    for arguments in [
        &["report", path(&example), "--json", "-"][..],
        &["export", "flows", path(&example)],
        &["export", "packets", path(&example)],
        &["export", "flows", path(&example), "--flow-rules", "zeek"],
    ] {
        let with = |threads: &str| stdout(&[arguments, &["--threads", threads]].concat());
        let one = with("1");
        assert_eq!(one, with("2"), "{arguments:?}");
        assert_eq!(one, with("7"), "{arguments:?}");
    }
}

#[test]
fn a_capture_cut_in_parts_gives_what_the_whole_gives() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(example()).unwrap();
    // Standard input, a compressed copy, and the file itself.
    let mut child = netloom()
        .args(["export", "flows", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&whole).unwrap();
    let piped = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let example = example();
    assert_eq!(piped, stdout(&["export", "flows", path(&example)]));
    let copy = folder.path().join("copy.pcapng");
    fs::write(&copy, &whole).unwrap();
    assert_eq!(piped, stdout(&["export", "flows", path(folder.path())]));
}

#[test]
fn damage_is_a_warning_and_not_a_capture_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(example()).unwrap();
    let cut = folder.path().join("cut.pcapng");
    fs::write(&cut, &whole[..whole.len() - 7]).unwrap();
    let output = run(&["report", path(&cut)], 0);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("warning") && said.contains("byte"), "{said}");

    let text = folder.path().join("notes.txt");
    fs::write(&text, "dear diary\n").unwrap();
    let said = stderr(&["report", path(&text)], 3);
    assert!(
        said.contains("notes.txt") && said.contains("hint:"),
        "{said}"
    );

    let empty = folder.path().join("empty.pcap");
    fs::write(&empty, "").unwrap();
    assert!(stderr(&["report", path(&empty)], 3).contains("empty"));

    assert!(stderr(&["report", "no-such-file.pcap"], 3).contains("no-such-file.pcap"));
}

#[test]
fn wrong_usage_says_what_is_right() {
    let example = example();
    let said = stderr(
        &["export", "flows", path(&example), "--columns", "src_iq"],
        2,
    );
    assert!(said.contains("src_ip"), "{said}");
    assert!(stderr(&["report", path(&example), "--idle-timeout", "120"], 2).contains("120s"));
    assert!(stderr(&["export", "cats", path(&example)], 2).contains("flows"));
    let said = stderr(
        &["report", path(&example), "--html", "no/such/folder/a.html"],
        3,
    );
    assert!(said.contains("no/such/folder"), "{said}");
}

#[test]
fn nothing_is_left_behind_by_an_export_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("flows.csv");
    fs::write(&target, "what was there").unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "dear diary\n").unwrap();
    run(&["export", "flows", path(&text), "-o", path(&target)], 3);
    assert_eq!(fs::read_to_string(&target).unwrap(), "what was there");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn findings_can_fail_a_script() {
    let example = example();
    run(&["report", path(&example), "--fail-on", "high"], 1);
    run(&["report", path(&example)], 0);
}

#[test]
fn tables_are_listed() {
    assert!(stdout(&["tables"]).contains("flows"));
    assert!(stdout(&["tables", "flows"]).contains("conn_state"));
    assert!(stderr(&["tables", "cats"], 2).contains("packets"));
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let mut child = netloom()
        .args(["export", "packets", path(&example())])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn what_captures_say_of_themselves() {
    let example = example();
    let rows = stdout(&["export", "capture", path(&example), "--format", "jsonl"]);
    let row: serde_json::Value = serde_json::from_str(rows.trim_end()).unwrap();
    assert_eq!(row["format"], "pcapng");
    let facts: serde_json::Value =
        serde_json::from_str(&stdout(&["report", path(&example), "--json", "-"])).unwrap();
    assert_eq!(row["packets"], facts["packets"]);
}

#[test]
fn packets_that_make_no_sense_are_rows() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("cut.pcap");
    // A pcap of one Ethernet frame whose IPv4 header ends after five bytes.
    let mut bytes = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    bytes.extend([0; 8]);
    bytes.extend([0, 0, 4, 0, 1, 0, 0, 0]);
    bytes.extend([0; 8]);
    bytes.extend([19, 0, 0, 0, 19, 0, 0, 0]);
    bytes.extend([2; 12]);
    bytes.extend([8, 0, 0x45, 0, 0, 20, 0]);
    fs::write(&capture, bytes).unwrap();
    let rows = stdout(&[
        "export",
        "anomalies",
        path(&capture),
        "--columns",
        "number,layer,kind",
    ]);
    assert_eq!(rows, "number,layer,kind\n1,ipv4,truncated\n");
    let rows = stdout(&["export", "anomalies", path(&capture), "--format", "json"]);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&rows).unwrap()[0]["kind"],
        "truncated"
    );
}
