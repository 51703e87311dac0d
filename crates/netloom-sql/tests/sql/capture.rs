//! Queries over captures: what is read, and how often.

use std::path::{Path, PathBuf};

use netloom_sql::QueryError;

use crate::{captures, csv, example, rows, session};

#[test]
fn a_query_of_several_tables_reads_captures_once() {
    let captures = captures(&[example()], 2);
    let session = session(&captures);
    let joined = csv(
        &session,
        "SELECT count(*) FROM dns JOIN flows USING (flow_id) JOIN tls ON tls.src_ip = flows.src_ip",
    );
    assert_ne!(joined.trim(), "0");
    assert_eq!(captures.passes_begun(), 1);
    let both = csv(
        &session,
        "SELECT 'flows', count(*) FROM flows UNION ALL SELECT 'packets', count(*) FROM packets",
    );
    assert_eq!(both.lines().count(), 2, "{both}");
    assert!(both.starts_with("flows,"), "{both}");
    assert_eq!(captures.passes_begun(), 2);
    let outcomes = captures.take_outcomes();
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes.iter().all(|outcome| !outcome.interrupted));
}

#[test]
fn a_large_side_of_a_join_waits_on_disk() {
    // Both sides of the join are the packets: the side that is kept is read to its end first,
    // and the rows of the other come in between.
    let captures = captures(&[example()], 2);
    let session = session(&captures);
    let packets = csv(&session, "SELECT count(*) FROM packets");
    let joined = csv(
        &session,
        "SELECT count(*) FROM packets a JOIN packets b ON a.number = b.number",
    );
    assert_eq!(packets, joined);
    assert_eq!(captures.passes_begun(), 2);
}

#[test]
fn a_capture_cut_in_three_gives_what_the_whole_gives() {
    let folder = tempfile::tempdir().unwrap();
    let parts = cut(&example(), folder.path(), 3);
    let whole = session(&captures(&[example()], 1));
    let cut = session(&captures(&parts, 2));
    for sql in [
        "SELECT * FROM flows",
        "SELECT number, ts, len, flow_id, server_name FROM packets",
        "SELECT * FROM dns",
        "SELECT src_ip, count(*), sum(len) FROM packets GROUP BY 1",
        "SELECT * FROM hosts",
    ] {
        let expected = csv(&whole, sql);
        assert!(!expected.is_empty(), "{sql}");
        assert_eq!(csv(&cut, sql), expected, "{sql}");
    }
}

/// Cuts a capture into parts of as many packets.
fn cut(path: &Path, folder: &Path, parts: usize) -> Vec<PathBuf> {
    use netloom_capture::file::{OpenOptions, PacketNotes, PcapngWriter};
    use netloom_pipeline::packet::PacketBatch;
    let open = || netloom_capture::file::open(&[path], &OpenOptions::default()).unwrap();
    let mut batch = PacketBatch::default();
    let (mut source, mut packets) = (open(), 0);
    while source.next_batch(&mut batch).unwrap() {
        packets += batch.len();
    }
    let each = packets.div_ceil(parts);
    let mut files = Vec::new();
    let mut writer: Option<PcapngWriter<Vec<u8>>> = None;
    let (mut source, mut number) = (open(), 0);
    let mut end = |writer: Option<PcapngWriter<Vec<u8>>>| {
        if let Some(writer) = writer {
            let path = folder.join(format!("{}.pcapng", files.len()));
            std::fs::write(&path, writer.into_inner()).unwrap();
            files.push(path);
        }
    };
    while source.next_batch(&mut batch).unwrap() {
        for packet in batch.iter() {
            if number % each == 0 {
                end(writer.take());
            }
            number += 1;
            writer
                .get_or_insert_with(|| PcapngWriter::new("part", Vec::new()))
                .write(&packet, PacketNotes::default())
                .unwrap();
        }
    }
    end(writer);
    assert_eq!(files.len(), parts);
    files
}

#[test]
fn filters_that_the_scan_takes_over_change_nothing() {
    let session = session(&captures(&[example()], 2));
    // On the right, a condition that says the same and that no scan understands.
    for (pushed, other) in [
        ("len > 100", "len + 0 > 100"),
        (
            "src_port = 53 OR src_port > 1000",
            "src_port + 0 = 53 OR src_port + 0 > 1000",
        ),
        ("protocol IN (6, 1)", "protocol + 0 IN (6, 1)"),
        (
            "in_subnet(src_ip, '192.168.0.0/16')",
            "in_subnet(concat(src_ip, ''), '192.168.0.0/16')",
        ),
        (
            "src_ip > '192.168.1.9'",
            "ip_key(concat(src_ip, '')) > ip_key('192.168.1.9')",
        ),
        (
            "dst_port BETWEEN 80 AND 443",
            "dst_port + 0 BETWEEN 80 AND 443",
        ),
        ("src_port <> 53", "src_port + 0 <> 53"),
        (
            "ts >= (SELECT min(ts) FROM packets) + INTERVAL '2 seconds'",
            "ts::text >= ((SELECT min(ts) FROM packets) + INTERVAL '2 seconds')::text",
        ),
    ] {
        let count = |condition: &str| {
            csv(
                &session,
                &format!("SELECT count(*), sum(number) FROM packets WHERE {condition}"),
            )
        };
        assert_eq!(count(pushed), count(other), "{pushed}");
    }
    for (pushed, other) in [
        ("dst_port = 443", "dst_port + 0 = 443"),
        ("NOT (dst_port = 443)", "NOT (dst_port + 0 = 443)"),
    ] {
        let count = |condition: &str| {
            csv(
                &session,
                &format!("SELECT count(*), sum(fwd_bytes) FROM flows WHERE {condition}"),
            )
        };
        assert_eq!(count(pushed), count(other), "{pushed}");
    }
}

#[test]
fn plans_say_what_is_pushed_down() {
    let session = session(&captures(&[example()], 2));
    let plan = csv(
        &session,
        "EXPLAIN SELECT src_ip, sum(len) FROM packets WHERE len > 100 AND ttl < 64 GROUP BY 1",
    );
    assert!(plan.contains("table=packets"), "{plan}");
    assert!(
        plan.contains("decodes=[src_ip, ttl, len]")
            || plan.contains("decodes=[len, ttl, src_ip]")
            || plan.contains("decodes=[len, src_ip, ttl]"),
        "{plan}"
    );
    assert!(plan.contains("only=[len > "), "{plan}");
    assert!(plan.contains("ttl"), "{plan}");
    let counted = csv(&session, "EXPLAIN SELECT count(*) FROM packets");
    assert!(counted.contains("decodes=[]"), "{counted}");
    let joined = csv(
        &session,
        "EXPLAIN SELECT query, service FROM dns JOIN flows USING (flow_id) WHERE flows.dst_port = 53",
    );
    assert_eq!(
        joined.matches("one pass for 2 scans").count(),
        2,
        "{joined}"
    );
}

#[test]
fn captures_that_cannot_be_opened() {
    let session = session(&captures(&["/nonexistent.pcap".into()], 1));
    for sql in [
        "SELECT count(*) FROM flows",
        "SELECT count(*) FROM flows JOIN dns USING (flow_id)",
    ] {
        match rows(&session, sql) {
            Err(QueryError::Capture(message)) => assert!(message.contains("/nonexistent.pcap")),
            other => panic!("{other:?}"),
        }
    }
}
