//! `anomalies`, `cluster` and `forecast`, as a person uses them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::common::{example, run, stderr, stdout};

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Flows of which those with a multiple of `odd` are unlike the others.
fn flows(rows: usize, odd: usize) -> String {
    let mut text = String::from("src_ip,bwd_bytes,duration,service,label\n");
    for row in 0..rows {
        let host = row % 5;
        let noise = row * 7919 % 1000;
        let _ = if odd > 0 && row % odd == odd - 1 {
            writeln!(
                text,
                "10.0.0.{host},{},900.5,irc,attack",
                48_000_000 + noise
            )
        } else {
            writeln!(
                text,
                "10.0.0.{host},{},0.{noise:03},{},benign",
                20_000 + 37 * noise,
                if row % 3 == 0 { "dns" } else { "http" }
            )
        };
    }
    text
}

#[test]
fn anomalies_are_found_scored_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let (normal, data) = (
        folder.path().join("normal.csv"),
        folder.path().join("new.csv"),
    );
    fs::write(&normal, flows(400, 0)).unwrap();
    fs::write(&data, flows(300, 100)).unwrap();
    for detector in ["nearest-distance", "robust-z", "ensemble"] {
        let text = stdout(&[
            "anomalies",
            path(&data),
            "--train",
            path(&normal),
            "--label",
            "label",
            "--detector",
            detector,
        ]);
        assert!(
            text.contains("bwd_bytes 48 MB (normal"),
            "{detector}: {text}"
        );
        assert!(text.contains("[attack]"), "{detector}: {text}");
        assert!(text.contains("ROC-AUC 1,"), "{detector}: {text}");
    }
    let (facts, page) = (folder.path().join("a.json"), folder.path().join("a.html"));
    let table = stdout(&[
        "anomalies",
        path(&data),
        "--label",
        "label",
        "-o",
        "-",
        "--json",
        path(&facts),
        "--html",
        path(&page),
    ]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "src_ip,label,score,p_value,odd,reasons");
    assert_eq!(lines.len(), 301);
    assert!(
        lines[100].contains(",attack,") && lines[100].contains(",true,"),
        "{}",
        lines[100]
    );
    let facts: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(facts).unwrap()).unwrap();
    assert_eq!(facts["rows"], 300);
    assert!(
        facts["labels"]["roc_auc"].as_f64().unwrap() > 0.99,
        "{facts}"
    );
    assert!(
        fs::read_to_string(page)
            .unwrap()
            .starts_with("<!doctype html>")
    );

    let only = stdout(&[
        "anomalies",
        path(&data),
        "-o",
        "-",
        "--only-odd",
        "--show",
        "none",
    ]);
    assert!(only.lines().count() < 10, "{only}");
}

#[test]
fn anomalies_online_and_of_captures() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("stream.csv");
    fs::write(&data, flows(1500, 1400)).unwrap();
    for detector in ["half-space-trees", "robust-z"] {
        let text = stdout(&["anomalies", path(&data), "--online", "--detector", detector]);
        assert!(text.contains("judged by those before it"), "{text}");
        assert!(text.contains("row 1,400"), "{detector}: {text}");
    }
    let text = stdout(&["anomalies", path(&example()), "--top", "3"]);
    assert!(text.contains(" → ") && text.contains("(normal: "), "{text}");
    // A table of the same flows has more columns than are looked at in a capture.
    let normal = folder.path().join("normal.csv");
    run(
        &["export", "flows", path(&example()), "-o", path(&normal)],
        0,
    );
    let text = stdout(&["anomalies", path(&example()), "--train", path(&normal)]);
    assert!(text.contains("normal learnt from 224 flows"), "{text}");
    // The same for any number of threads.
    let of = |threads| {
        stdout(&[
            "anomalies",
            path(&example()),
            "-o",
            "-",
            "--threads",
            threads,
        ])
    };
    assert_eq!(of("1"), of("2"));
}

/// Packets of a client and a server that talk; from `flood` on another one floods.
fn packets(rows: usize, flood: usize) -> String {
    let mut text = String::from("ts,src_mac,src_ip,src_port,dst_ip,dst_port,protocol,len,label\n");
    for row in 0..rows {
        let (time, noise) = (row.min(flood) * 20_000 + row * 40, row * 7919 % 400);
        let stamp = format!(
            "2026-01-01T00:{:02}:{:02}.{:06}Z",
            time / 60_000_000,
            time / 1_000_000 % 60,
            time % 1_000_000
        );
        let _ = if row >= flood {
            writeln!(
                text,
                "{stamp},02:00:00:00:00:09,10.0.0.9,{},10.0.0.2,80,6,60,attack",
                1024 + row
            )
        } else if row % 2 == 0 {
            writeln!(
                text,
                "{stamp},02:00:00:00:00:01,10.0.0.1,5000,10.0.0.2,443,6,{},benign",
                60 + noise / 10
            )
        } else {
            writeln!(
                text,
                "{stamp},02:00:00:00:00:02,10.0.0.2,443,10.0.0.1,5000,6,{},benign",
                1000 + noise
            )
        };
    }
    text
}

#[test]
fn packets_unlike_those_before() {
    let folder = tempfile::tempdir().unwrap();
    let (normal, data) = (
        folder.path().join("normal.csv"),
        folder.path().join("new.csv"),
    );
    fs::write(&normal, packets(2000, 2000)).unwrap();
    fs::write(&data, packets(3000, 2500)).unwrap();
    let kitsune = ["--detector", "kitsune", "--label", "label"];
    let of = |more: &[&str]| stdout(&[&["anomalies", path(&data)], &kitsune[..], more].concat());
    let alone = of(&[]);
    assert!(alone.contains("judged by those before it"), "{alone}");
    let text = of(&["--train", path(&normal)]);
    assert!(text.contains("normal learnt from 1,600 rows"), "{text}");
    for text in [&alone, &text] {
        assert!(
            text.contains("[attack]") && text.contains("10.0.0.9:"),
            "{text}"
        );
        assert!(
            text.contains("in this channel") || text.contains("from this"),
            "{text}"
        );
        assert!(
            text.contains("ROC-AUC 0.9") || text.contains("ROC-AUC 1,"),
            "{text}"
        );
    }
    // Of a capture.
    let text = stdout(&["anomalies", path(&example()), "--detector", "kitsune"]);
    assert!(text.contains(" packets, 115 columns, kitsune"), "{text}");

    let no_packets = folder.path().join("flows.csv");
    fs::write(&no_packets, flows(50, 10)).unwrap();
    let said = stderr(
        &["anomalies", path(&no_packets), "--detector", "kitsune"],
        2,
    );
    assert!(said.contains("netloom export packets"), "{said}");
    let said = stderr(
        &[
            "anomalies",
            path(&data),
            "--detector",
            "kitsune",
            "--per",
            "host",
        ],
        2,
    );
    assert!(said.contains("one by one"), "{said}");
}

#[test]
fn what_anomalies_cannot_do() {
    let example = example();
    let example = path(&example);
    let said = stderr(&["anomalies", example, "--label", "lable"], 2);
    assert!(said.contains("--label"), "{said}");
    let said = stderr(&["anomalies", example, "--false-alarms", "2"], 2);
    assert!(said.contains("above 0 and below 1"), "{said}");
    let said = stderr(
        &[
            "anomalies",
            example,
            "--online",
            "--detector",
            "autoencoder",
        ],
        2,
    );
    assert!(said.contains("half-space-trees or robust-z"), "{said}");
    let said = stderr(&["anomalies", example, "-o", "-", "--json", "-"], 2);
    assert!(said.contains("standard output"), "{said}");
    stderr(&["anomalies", "no-such-file.csv"], 3);
}

/// Hours of a link with a peak at 20:00, that fills.
fn hours(days: usize) -> String {
    let mut text = String::from("time,bytes,link\n");
    for hour in 0..24 * days {
        let (day, of_day) = (1 + hour / 24, hour % 24);
        let peak = if of_day == 20 { 3.0 } else { 1.0 };
        let bytes = peak * (100e9 + 2e9 * hour as f64 / 24.0) + (hour * 7919 % 97) as f64 * 1e7;
        let _ = writeln!(text, "2026-01-{day:02}T{of_day:02}:00:00Z,{bytes:.0},west");
    }
    text
}

#[test]
fn forecasts_of_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let (data, page) = (folder.path().join("link.csv"), folder.path().join("f.html"));
    fs::write(&data, hours(14)).unwrap();
    let text = stdout(&[
        "forecast",
        path(&data),
        "--capacity",
        "1Gbps",
        "--html",
        path(&page),
    ]);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in ["daily", "Peak hours 20:00", "full on 2026-", "Busiest day"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(
        fs::read_to_string(page)
            .unwrap()
            .contains("class=\"series ")
    );
    let table = stdout(&["forecast", path(&data), "--horizon", "48", "-o", "-"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "series,time,value,low,high");
    assert_eq!(lines.len(), 49);
    assert!(lines[1].starts_with(",2026-01-15T00:00:00"), "{}", lines[1]);
    let value = |line: &str| line.split(',').nth(2).unwrap().parse::<f64>().unwrap();
    assert!(value(lines[21]) > 2.0 * value(lines[20]), "{table}");
    let text = stdout(&["forecast", path(&data), "--by", "link", "--horizon", "2"]);
    assert!(text.contains("west"), "{text}");
}

#[test]
fn forecasts_of_captures_and_what_they_cannot() {
    let example = example();
    let example = path(&example);
    let text = stdout(&[
        "forecast",
        example,
        "--per",
        "service",
        "--top",
        "2",
        "--horizon",
        "5",
    ]);
    assert!(
        text.contains("largest of") && text.contains("one for each service"),
        "{text}"
    );
    let of = |threads| {
        stdout(&[
            "forecast",
            example,
            "--per",
            "host",
            "--json",
            "-",
            "--threads",
            threads,
        ])
    };
    assert_eq!(of("1"), of("2"));
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("counted.csv");
    fs::write(&data, "id_time,n\n0,1\n1,2\n2,3\n").unwrap();
    let data = path(&data);
    let said = stderr(&["forecast", data, "--time", "id_time"], 2);
    assert!(said.contains("--interval 1h"), "{said}");
    let said = stderr(
        &[
            "forecast",
            data,
            "--time",
            "id_time",
            "--value",
            "m",
            "--interval",
            "1h",
        ],
        2,
    );
    assert!(said.contains("no column 'm'"), "{said}");
    let said = stderr(
        &[
            "forecast",
            example,
            "--metric",
            "packets",
            "--capacity",
            "1Gbps",
        ],
        2,
    );
    assert!(said.contains("rate of bits"), "{said}");
    stderr(&["forecast", example, data], 2);
}

#[test]
fn series_are_grouped_by_their_shapes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("links.csv");
    let mut text = "time,link,load\n".to_owned();
    for hour in 0..240_i64 {
        for link in 0..12 {
            // Half of them carry much at noon, half a little at any time.
            let load = match (link < 6, hour % 24) {
                (true, 12) => 1000 + link,
                (true, _) => 0,
                (false, hour) => 90 + (hour * 7 + link) % 20,
            };
            writeln!(
                text,
                "{},link{link},{load}",
                1_700_000_000 / 3600 * 3600 + hour * 3600
            )
            .unwrap();
        }
    }
    fs::write(&data, text).unwrap();
    let arguments = [
        "cluster",
        path(&data),
        "--series",
        "link",
        "--metric",
        "load",
        "-k",
        "2",
    ];
    let told = stdout(&arguments);
    assert!(told.contains("12 links by load every 1 h"), "{told}");
    assert!(told.contains("peak_to_mean 24 (others 1.1)"), "{told}");
    assert!(told.contains("such as link link"), "{told}");
    let table = stdout(&[&arguments[..], &["-o", "-"]].concat());
    let group = |link: i64| {
        let row = table
            .lines()
            .find(|row| row.starts_with(&format!("link{link},")));
        row.and_then(|row| row.split(',').rev().nth(2))
            .unwrap()
            .to_owned()
    };
    for link in 0..12 {
        assert_eq!(group(link) == group(0), link < 6, "{table}");
    }

    let example = example();
    let example = path(&example);
    let told = stdout(&["cluster", example, "--series", "host", "--interval", "2s"]);
    assert!(told.contains(" hosts by bytes every 2 s"), "{told}");
    for (whose, metric, hint) in [
        ("nobody", "bytes", "of each host"),
        ("host", "len", "bytes, packets and flows"),
    ] {
        let arguments = ["cluster", example, "--series", whose, "--metric", metric];
        let told = stderr(&arguments, 2);
        assert!(told.contains(hint), "{told}");
    }
}

#[test]
fn groups_are_found_and_described() {
    let folder = tempfile::tempdir().unwrap();
    let (data, page) = (
        folder.path().join("flows.csv"),
        folder.path().join("c.html"),
    );
    fs::write(&data, flows(300, 3)).unwrap();
    for algorithm in ["k-means", "hdbscan"] {
        let text = stdout(&[
            "cluster",
            path(&data),
            "--label",
            "label",
            "--algorithm",
            algorithm,
            "-k",
            "2",
            "--html",
            path(&page),
        ]);
        assert!(
            text.contains("bwd_bytes 48 MB (others"),
            "{algorithm}: {text}"
        );
        assert!(text.contains("labels: attack 100 %"), "{algorithm}: {text}");
    }
    assert!(
        fs::read_to_string(page)
            .unwrap()
            .contains("class=\"scatter\"")
    );
    let table = stdout(&["cluster", path(&data), "-k", "2", "-o", "-"]);
    assert!(
        table.starts_with("src_ip,label,cluster,map_x,map_y\n"),
        "{table}"
    );
    assert_eq!(table.lines().count(), 301);
    let text = stdout(&[
        "cluster",
        path(&example()),
        "--per",
        "host",
        "--window",
        "1d",
    ]);
    assert!(text.contains("hosts in"), "{text}");
    run(&["cluster", path(&data), "--algorithm", "k-medoids"], 2);
    let said = stderr(
        &[
            "cluster",
            path(&data),
            "--eps",
            "0",
            "--algorithm",
            "dbscan",
        ],
        2,
    );
    assert!(said.contains("above 0"), "{said}");
}
