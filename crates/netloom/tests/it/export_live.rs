//! Tables written live, as packets pass; in network namespaces of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::common::{example, run, stderr, stdout};
use crate::network::{Ended, Network};

/// Starts `netloom export TABLE -i wire1`.
fn export(network: &Network, table: &str, arguments: &[&str]) -> crate::network::Capture {
    let mut all = vec!["export", table, "-i", "wire1"];
    all.extend(arguments);
    network.start(&all, "listening on")
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn clean(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.number("dropped by kernel"), 0);
}

#[test]
fn rows_are_there_while_it_runs_and_all_of_them_at_the_end() {
    let Some(network) = Network::new() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let file = path.to_str().unwrap();
    let capture = export(&network, "packets", &["-o", file, "--", "udp", "port", "9"]);
    // However slow the machine is: the header comes before any row, and rows before the end.
    let wait_for = |many: usize| {
        while !path.exists() || lines(&path).len() < many {
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait_for(1);
    network.send(10, false).wait().unwrap();
    wait_for(11);
    assert_eq!(lines(&path).len(), 11);
    network.send(5, false).wait().unwrap();
    let ended = capture.stop("INT");
    clean(&ended);
    assert_eq!(ended.number("captured"), 15);
    assert_eq!(lines(&path).len(), 16);
}

#[test]
fn a_count_a_duration_and_a_filter_end_and_choose() {
    let Some(network) = Network::new() else {
        return;
    };
    let counted = export(
        &network,
        "packets",
        &["-c", "7", "--columns", "dst_ip,dst_port", "--filter", "udp"],
    );
    let timed = export(&network, "flows", &["--duration", "1s", "--format", "json"]);
    let nothing = export(&network, "packets", &["--duration", "1s", "--", "tcp"]);
    network.send(20, false).wait().unwrap();
    let ended = counted.wait();
    clean(&ended);
    assert_eq!(ended.number("captured"), 7);
    assert!(ended.number("received by filter") >= 7, "{}", ended.stderr);
    let text = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(
        text,
        format!("dst_ip,dst_port\n{}", "10.77.0.3,9\n".repeat(7))
    );
    let ended = timed.wait();
    clean(&ended);
    let rows: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["fwd_packets"], ended.number("captured"));
    // What was sent came from another machine, as far as this one knows.
    assert!(rows[0]["process"].is_null());
    let ended = nothing.wait();
    clean(&ended);
    assert_eq!(String::from_utf8(ended.stdout).unwrap().lines().count(), 1);
}

#[test]
fn every_table_has_the_rows_of_the_file() {
    let Some(network) = Network::new() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let tables = [
        "flows", "dns", "tls", "http", "messages", "hosts", "packets",
    ];
    let captures: Vec<_> = tables
        .iter()
        .map(|table| {
            let path = folder.path().join(format!("{table}.csv"));
            let capture = export(&network, table, &["-o", path.to_str().unwrap()]);
            (*table, path, capture)
        })
        .collect();
    let simple = folder.path().join("simple.csv");
    let simple_capture = export(
        &network,
        "packets",
        &["--profile", "simple", "-o", simple.to_str().unwrap()],
    );
    let Some(sent) = network.replay(&example(), "--pps=2000") else {
        return;
    };
    // Replayed faster than it was captured, no flow times out; nor does one in the file then.
    let patient = ["--idle-timeout", "0", "--active-timeout", "0"];
    for (table, path, capture) in captures {
        let ended = capture.stop("TERM");
        clean(&ended);
        assert_eq!(ended.number("captured"), sent, "{table}");
        let recorded = example();
        let mut arguments = vec!["export", table, recorded.to_str().unwrap()];
        arguments.extend(patient);
        let theirs = stdout(&arguments);
        let mine = lines(&path).len();
        if table == "flows" || table == "packets" || table == "hosts" {
            assert_eq!(mine, theirs.lines().count(), "{table}");
        } else {
            // Questions without an answer are given up by the clock, which goes faster here.
            assert!(mine > 1 || theirs.lines().count() == 1, "{table}");
        }
    }
    clean(&simple_capture.stop("INT"));
    let named = |line: &&String| !line.split(',').nth(4).unwrap().is_empty();
    let rows = lines(&simple);
    assert_eq!(rows.len() as u64, sent + 1);
    assert!(
        rows.iter().skip(1).filter(named).count() > 0,
        "nothing has a name"
    );
}

#[test]
fn flows_of_this_machine_say_whose_they_are() {
    let Some(network) = Network::new() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows.jsonl");
    let capture = network.start(
        &["export", "flows", "-i", "lo", "-o", path.to_str().unwrap()],
        "listening on",
    );
    let script = "import socket,sys,time\n\
        s=socket.create_server(('127.0.0.1',0))\n\
        c=socket.create_connection(s.getsockname()); a,_=s.accept()\n\
        for i in range(10):\n\
        \x20   c.send(b'x'); a.recv(1); time.sleep(0.2)\n\
        print('done'); sys.stdout.flush(); sys.stdin.readline()\n";
    let spawned = network
        .listener("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        println!("skipped: no python3");
        return;
    };
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut said)
        .unwrap();
    if said.trim() != "done" {
        println!("skipped: no python3");
        return;
    }
    let ended = capture.stop("INT");
    _ = child.stdin.take().unwrap().write_all(b"\n");
    child.wait().unwrap();
    clean(&ended);
    let rows = lines(&path);
    assert_eq!(rows.len(), 1, "{rows:?}");
    let row: Value = serde_json::from_str(&rows[0]).unwrap();
    assert!(
        row["process"].as_str().unwrap().starts_with("python"),
        "{row}"
    );
    assert_eq!(row["pid"], child.id());
    assert_eq!(row["user"], "root");
}

#[test]
fn without_permission_it_says_what_to_do() {
    let Some(network) = Network::new() else {
        return;
    };
    let output = network
        .listener("setpriv")
        .args([
            "--bounding-set=-net_raw,-net_admin,-sys_admin",
            "--inh-caps=-all",
        ])
        .arg(env!("CARGO_BIN_EXE_netloom"))
        .args(["export", "flows", "-i", "wire1", "-c", "1"])
        .output();
    let Ok(output) = output else {
        println!("skipped: no setpriv");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("sudo setcap cap_net_raw"), "{said}");
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    for (arguments, words) in [
        (
            &["flows", "-i", "lo", "a.pcap"][..],
            "both an interface and a capture",
        ),
        (
            &["flows", "-i", "lo", "-r", "a.pcap"][..],
            "cannot be used with",
        ),
        (&["flows", "--duration", "5s", "a.pcap"][..], "--interface"),
        (&["flows"][..], "no capture is given"),
        (
            &["flows", "-i", "lo", "--", "tcp", "prot", "80"][..],
            "^^^^",
        ),
    ] {
        let all: Vec<&str> = ["export"].iter().chain(arguments).copied().collect();
        let said = stderr(&all, 2);
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    run(&["export", "flows", "--help"], 0);
}
