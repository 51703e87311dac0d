//! `netloom query` and `netloom slice`.

use crate::common::{example, netloom, run, stderr, stdout};

fn query(sql: &str, more: &[&str]) -> String {
    let example = example();
    let mut arguments = vec!["query", sql, example.to_str().unwrap()];
    arguments.extend(more);
    stdout(&arguments)
}

#[test]
fn rows_in_every_format() {
    let sql = "SELECT number, len FROM packets ORDER BY number LIMIT 2";
    let csv = query(sql, &[]);
    assert!(csv.starts_with("number,len\n1,"), "{csv}");
    let json = query(sql, &["--format", "jsonl"]);
    assert!(json.starts_with("{\"number\":1,\"len\":"), "{json}");
    let table = query(sql, &["--format", "table"]);
    assert!(table.starts_with("number  len\n──────  "), "{table}");
    // A plan is for people, and it says what is pushed down.
    let plan = query("EXPLAIN SELECT src_ip FROM packets WHERE len > 99", &[]);
    assert!(plan.contains("decodes=[src_ip"), "{plan}");
    assert!(plan.contains("only=[len > "), "{plan}");

    let folder = tempfile::tempdir().unwrap();
    let parquet = folder.path().join("few.parquet");
    query(sql, &["-o", parquet.to_str().unwrap()]);
    let back = stdout(&["query", "SELECT * FROM few", parquet.to_str().unwrap()]);
    assert_eq!(back, csv);
    let named = format!("other={}", parquet.display());
    let both = query(
        "SELECT count(*) FROM packets JOIN other USING (number, len)",
        &[&named],
    );
    assert_eq!(both, "count(*)\n2\n");
}

#[test]
fn mistakes() {
    let example = example();
    let example = example.to_str().unwrap();
    let said = stderr(&["query", "SELECT srcip FROM flows", example], 2);
    assert!(
        said.contains("no column 'srcip'") && said.contains("src_ip"),
        "{said}"
    );
    let said = stderr(&["query", "SELECT * FROM flow", example], 2);
    assert!(said.contains("did you mean flows?"), "{said}");
    let said = stderr(&["query", "SELECT 1", "/nonexistent.pcap"], 3);
    assert!(said.contains("/nonexistent.pcap"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.csv");
    // It fails while it runs, and leaves nothing behind.
    stderr(
        &[
            "query",
            "SELECT 1 / (number - number) FROM packets",
            example,
            "-o",
            out.to_str().unwrap(),
        ],
        3,
    );
    assert!(!out.exists());
}

#[test]
fn no_column_is_called_as_another() {
    let sql = "SELECT a.number, b.number FROM packets a JOIN packets b ON a.number + 1 = b.number ORDER BY 1 LIMIT 1";
    assert_eq!(
        query(sql, &["--format", "jsonl"]),
        "{\"number\":1,\"number.1\":2}\n"
    );
    assert_eq!(query(sql, &[]), "number,number.1\n1,2\n");
}

#[test]
fn the_same_for_any_number_of_threads() {
    let sql = "SELECT dst_ip, count(*), avg(duration) FROM flows GROUP BY 1 UNION ALL SELECT src_ip, count(*), 0 FROM packets GROUP BY 1";
    let one = query(sql, &["--threads", "1"]);
    assert!(one.lines().count() > 5, "{one}");
    assert_eq!(one, query(sql, &["--threads", "4"]));
}

#[test]
fn slices_are_whole_flows() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("slice.pcapng");
    let out = out.to_str().unwrap();
    let example = example();
    let example = example.to_str().unwrap();
    let facts = "SELECT src_ip, src_port, dst_ip, dst_port, fwd_packets, bwd_packets, fwd_bytes, bwd_bytes, start, history FROM flows";
    let order = "ORDER BY start, src_ip, src_port, dst_ip";
    for (arguments, condition) in [
        (vec!["--where", "dst_port = 53"], "dst_port = 53"),
        (
            vec!["--sql", "SELECT flow_id FROM flows WHERE dst_port = 53;"],
            "dst_port = 53",
        ),
    ] {
        let mut slice = vec!["slice", example, "-w", out];
        slice.extend(arguments);
        run(&slice, 0);
        let expected = query(&format!("{facts} WHERE {condition} {order}"), &[]);
        assert!(expected.lines().count() > 1, "{expected}");
        assert_eq!(
            stdout(&["query", &format!("{facts} {order}"), out]),
            expected
        );
    }
    let id = query(
        "SELECT flow_id FROM flows ORDER BY fwd_bytes DESC LIMIT 1",
        &[],
    );
    let id = id.lines().nth(1).unwrap();
    run(&["slice", example, "--flow", id, "-w", out], 0);
    let expected = query(&format!("{facts} WHERE flow_id = '{id}'"), &[]);
    assert_eq!(stdout(&["query", facts, out]), expected);
    let comments = std::fs::read(out).unwrap();
    let comment = format!("flow {id}: asked for by its id");
    assert!(
        comments
            .windows(comment.len())
            .any(|w| w == comment.as_bytes())
    );

    let said = stderr(&["slice", example, "--flow", "nosuchflow", "-w", out], 3);
    assert!(said.contains("no flow 'nosuchflow'"), "{said}");
    let said = stderr(&["slice", example, "-w", out], 2);
    assert!(said.contains("--where"), "{said}");
}

#[test]
fn slices_by_filter_are_the_bytes_of_the_capture() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("slice.pcapng");
    let out = out.to_str().unwrap();
    let example = example();
    let example = example.to_str().unwrap();
    run(
        &[
            "slice",
            example,
            "--packets-only",
            "-w",
            out,
            "--",
            "udp port 53",
        ],
        0,
    );
    let packets = "SELECT ts, len, caplen, payload FROM packets WHERE protocol = 17 AND (src_port = 53 OR dst_port = 53) ORDER BY ts, len, payload";
    let (sliced, whole) = (
        stdout(&["query", packets, out]),
        stdout(&["query", packets, example]),
    );
    assert!(whole.lines().count() > 10);
    assert!(sliced == whole, "the slice differs");
    run(&["slice", example, "-w", out, "--", "tcp port 443"], 0);
    let flows = "SELECT count(*), sum(fwd_packets + bwd_packets) FROM flows WHERE protocol = 6 AND (src_port = 443 OR dst_port = 443)";
    assert_eq!(
        stdout(&["query", flows, out]),
        stdout(&["query", flows, example])
    );
}

/// The example in three captures, as a ring of them would be: cut at two times.
fn in_three(folder: &std::path::Path) {
    let example = example();
    let example = example.to_str().unwrap();
    let (one, two) = ("2026-11-20T11:42:05Z", "2026-11-20T11:42:25Z");
    let parts = [
        format!("ts < '{one}'"),
        format!("ts >= '{one}' AND ts < '{two}'"),
        format!("ts >= '{two}'"),
    ];
    for (part, condition) in parts.iter().enumerate() {
        let path = folder.join(format!("{part}.pcapng"));
        let sql = format!("SELECT number FROM packets WHERE {condition}");
        let path = path.to_str().unwrap();
        run(&["slice", example, "--sql", &sql, "-w", path], 0);
    }
}

#[test]
fn of_a_folder_only_captures_that_can_match_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let parts = folder.path().join("ring");
    std::fs::create_dir(&parts).unwrap();
    in_three(&parts);
    let example = example();
    let (ring, whole) = (parts.to_str().unwrap(), example.to_str().unwrap());
    let out = folder.path().join("out.pcapng");
    let out = out.to_str().unwrap();
    let packets = "SELECT ts, len, payload FROM packets";
    let cases = [
        (
            "start >= '2026-11-20T11:42:40Z'",
            vec!["0.pcapng ends", "1.pcapng ends"],
        ),
        (
            "start < '2026-11-20T11:41:50Z'",
            vec!["1.pcapng begins", "2.pcapng begins"],
        ),
        // DNS answers before may have named the server.
        (
            "start >= '2026-11-20T11:42:40Z' AND server_name IS NULL",
            vec![],
        ),
        ("dst_port = 443", vec![]),
        ("start >= '2026-11-20T11:42:40Z' OR dst_port = 53", vec![]),
        ("start >= '2030-01-01T00:00:00Z'", vec![]),
    ];
    for (condition, left_out) in cases {
        let slice = |from: &str| {
            let more = ["--idle-timeout", "1s", "--active-timeout", "2s", "-w", out];
            let mut arguments = vec!["slice", from, "--where", condition];
            arguments.extend(more);
            let said = String::from_utf8(run(&arguments, 0).stderr).unwrap();
            let bytes = std::fs::read(out).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            // The comments have the ids of flows.
            let ids: Vec<String> = (text.match_indices("flow "))
                .filter_map(|(at, _)| text.get(at..at + 22).map(str::to_owned))
                .collect();
            (stdout(&["query", packets, out]), ids, said)
        };
        let (some, all) = (slice(ring), slice(whole));
        assert!(some.0 == all.0, "{condition}: other packets");
        assert_eq!(some.1, all.1, "{condition}: other ids");
        for words in &left_out {
            assert!(some.2.contains(words), "{condition}: {}", some.2);
        }
        assert_eq!(
            some.2.contains("not read"),
            !left_out.is_empty(),
            "{}",
            some.2
        );
    }
}

/// A shell's `<(…)` is one. What reads its captures twice copies it.
#[cfg(target_os = "linux")]
#[test]
fn a_pipe_by_its_name_is_a_capture() {
    let example = example();
    let example = example.to_str().unwrap();
    for arguments in [
        &["query", "SELECT count(*), sum(len) FROM packets"][..],
        &["export", "packets", "--profile", "simple"],
        &["export", "flows"],
        &["anomalies"],
    ] {
        let expected = run(&[arguments, &[example]].concat(), 0);
        let piped = netloom()
            .args(arguments)
            .arg("/dev/stdin")
            .stdin(piped(example))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&piped.stderr);
        assert!(piped.status.success(), "{arguments:?}: {said}");
        assert_eq!(
            String::from_utf8_lossy(&piped.stdout).replace("/dev/stdin", example),
            String::from_utf8_lossy(&expected.stdout),
            "{arguments:?}"
        );
    }
}

/// A pipe that gives a file's bytes.
#[cfg(target_os = "linux")]
fn piped(file: &str) -> std::io::PipeReader {
    let bytes = std::fs::read(file).unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    std::thread::spawn(move || std::io::Write::write_all(&mut writer, &bytes));
    reader
}
