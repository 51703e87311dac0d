//! The commands on the report's page give the numbers of its JSON.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Map, Value};

use crate::common::{root, run};

/// The commands of a page: where their facts stand, and the command.
fn commands(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for part in page.split("<pre data-facts=\"").skip(1) {
        let (facts, rest) = part.split_once("\"><code>").unwrap();
        let (command, _) = rest.split_once("</code>").unwrap();
        let command = command
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&");
        found.push((facts.to_owned(), command));
    }
    found
}

/// The rows of a command, run by a shell as a person would.
fn rows(command: &str, folder: &Path) -> Vec<Map<String, Value>> {
    let binary = Path::new(env!("CARGO_BIN_EXE_netloom"));
    let output = Command::new("sh")
        .args(["-c", &format!("{command} --format jsonl")])
        .current_dir(folder)
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", binary.parent().unwrap().display()),
        )
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str(line).unwrap());
    rows.collect()
}

/// What a row is about: its texts, but for those that say something about it.
fn key(row: &Map<String, Value>, columns: &[&String]) -> Vec<String> {
    let named = |name: &str| row.get(name).map(ToString::to_string).unwrap_or_default();
    // Two ends of a conversation, in whatever order.
    if columns.iter().any(|column| *column == "b") {
        let mut ends = vec![named("a"), named("b")];
        ends.sort();
        return ends;
    }
    let keys = [
        "name",
        "path",
        "address",
        "mac",
        "min",
        "risk",
        "layer",
        "kind",
        "flow_id",
        "start",
        "transport",
        "protocol",
        "server",
        "rtt_ms",
    ];
    keys.into_iter()
        .filter(|key| columns.iter().any(|column| column == key))
        .map(named)
        .collect()
}

/// Numbers that differ in their last digits are the same: they were added up in another order.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
        _ => one == other,
    }
}

/// Percentiles of the report are those of a histogram, within 2 % and a microsecond; medians of
/// servers those of a coarse one, within 5 %.
fn near(name: &str, one: &Value, other: &Value) -> bool {
    let within =
        |share: f64, exact: f64, told: f64| (exact - told).abs() <= share * exact.abs() + 0.0011;
    match (name, one.as_f64(), other.as_f64()) {
        ("p50" | "p95" | "p99", Some(exact), Some(told)) => within(0.02, exact, told),
        ("median_ms", Some(exact), Some(told)) => within(0.05, exact, told),
        _ => same(one, other),
    }
}

/// The intervals of the timeline that have something, as rows.
fn intervals(timeline: &Value, columns: &[&String]) -> Vec<Value> {
    let start: chrono::DateTime<chrono::Utc> = timeline["start"].as_str().unwrap().parse().unwrap();
    let nanos = (timeline["interval"].as_f64().unwrap() * 1e9).round() as i64;
    let length = timeline["packets"].as_array().unwrap().len();
    let row = |place: usize| {
        let mut row = Map::new();
        let at = start + chrono::TimeDelta::nanoseconds(nanos * place as i64);
        let at = at.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true);
        row.insert("start".to_owned(), at.into());
        for column in columns.iter().filter(|column| **column != "start") {
            row.insert((*column).clone(), timeline[column.as_str()][place].clone());
        }
        row
    };
    let has_any = |row: &Map<String, Value>| row.values().any(|value| value.as_u64() > Some(0));
    (0..length)
        .map(row)
        .filter(has_any)
        .map(Value::Object)
        .collect()
}

/// How many numbers of a page were compared; each of them is that of the JSON.
fn compare(captures: &[&str], more: &[&str], folder: &Path) -> usize {
    let (html, json) = (folder.join("r.html"), folder.join("r.json"));
    let mut arguments = vec!["report", "--html", html.to_str().unwrap(), "--json"];
    arguments.push(json.to_str().unwrap());
    arguments.extend(captures);
    arguments.extend(more);
    run(&arguments, 0);
    let page = std::fs::read_to_string(&html).unwrap();
    let facts: Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    let mut compared = 0;
    for (pointer, command) in commands(&page) {
        let rows = rows(&command, folder);
        let columns: Vec<&String> = rows
            .first()
            .map(|row| row.keys().collect())
            .unwrap_or_default();
        let expected = facts.pointer(&pointer).unwrap();
        let expected = match expected {
            Value::Array(list) => list.clone(),
            one if pointer == "/timeline" => intervals(one, &columns),
            one => vec![one.clone()],
        };
        // A list of lengths has those that no packet had, too.
        let expected = expected
            .into_iter()
            .filter(|row| pointer != "/packet_sizes" || row["packets"] != 0);
        let expected: BTreeMap<Vec<String>, Map<String, Value>> = expected
            .map(|row| row.as_object().unwrap().clone())
            .map(|row| (key(&row, &columns), row))
            .collect();
        assert_eq!(
            rows.len(),
            expected.len(),
            "{command}\n{rows:?}\n{expected:?}"
        );
        for row in &rows {
            let of = key(row, &columns);
            let fact = expected
                .get(&of)
                .unwrap_or_else(|| panic!("{command}: no {of:?} in {expected:?}"));
            for (name, value) in row
                .iter()
                .filter(|(name, _)| !["a", "b"].contains(&name.as_str()))
            {
                assert!(
                    near(name, value, &fact[name]),
                    "{pointer} {of:?} {name}: the query gives {value}, the report {}\n{command}",
                    fact[name]
                );
                compared += 1;
            }
        }
    }
    compared
}

#[test]
fn each_query_of_the_page_gives_what_its_json_says() {
    let folder = tempfile::tempdir().unwrap();
    let name = "my 'small' $office.pcapng";
    let example = root().join("examples/small-office.pcapng");
    std::fs::copy(example, folder.path().join(name)).unwrap();
    let path = folder.path().join(name);
    let compared = compare(&[path.to_str().unwrap()], &[], folder.path());
    assert!(compared > 500, "{compared}");
    // As the report was asked for.
    let more = ["--flow-rules", "zeek", "--filter", "not tcp port 22"];
    let compared = compare(&[path.to_str().unwrap()], &more, folder.path());
    assert!(compared > 400, "{compared}");
    let more = [
        "--idle-timeout",
        "1s",
        "--active-timeout",
        "2s",
        "--filter",
        "tcp port 80",
    ];
    let compared = compare(&[path.to_str().unwrap()], &more, folder.path());
    assert!(compared > 100, "{compared}");
}

/// Intervals longer than a day, cooked frames without destinations, DNS on other ports, products told by
/// addresses alone.
#[test]
fn queries_of_other_captures_give_it_too() {
    let data = root().join("../shared/data");
    if !data.is_dir() {
        println!("not compared: the shared captures are not there");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "mercury/unit_tests/pcaps/emix.pcap",
        "ndpi/pcap/log4j-webapp-exploit.pcap",
        "suricata-verify/tests/dns/dns-incomplete/input.pcap",
        "ndpi/pcap/telegram_videocall.pcapng",
    ] {
        let path = data.join(name);
        let compared = compare(&[path.to_str().unwrap()], &[], folder.path());
        assert!(compared > 50, "{name}: {compared}");
    }
}
