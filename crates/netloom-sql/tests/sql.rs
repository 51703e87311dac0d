//! SQL over the example capture: files of `slt/`, and what they cannot say.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use netloom_pipeline::PipelineOptions;
use netloom_pipeline::flow::FlowConfig;
use netloom_pipeline::scan::ScanOptions;
use netloom_sql::{Captures, OpenError, QueryError, Session, SessionOptions, as_text};
use netloom_tables::read::ReadOptions;
use netloom_tables::{RecordBatch, TableFormat, format_csv, table_writer};
use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/small-office.pcapng")
}

fn captures(files: &[PathBuf], threads: usize) -> Arc<Captures> {
    let open = |files: &[PathBuf]| {
        netloom_capture::file::open(files, &netloom_capture::file::OpenOptions::default())
            .map_err(OpenError::from)
    };
    let mut options = PipelineOptions::new(FlowConfig::default());
    options.threads = threads;
    Arc::new(Captures::new(
        files.to_vec(),
        open,
        ScanOptions::new(options),
    ))
}

fn session(captures: &Arc<Captures>) -> Session {
    let session = Session::new(&SessionOptions::default()).unwrap();
    session.add_captures(captures, None).unwrap();
    session
}

fn rows(session: &Session, sql: &str) -> Result<Vec<RecordBatch>, QueryError> {
    session.query(sql)?.collect()
}

/// The rows of a query as CSV without its head.
fn csv(session: &Session, sql: &str) -> String {
    let mut text = Vec::new();
    for batch in rows(session, sql).unwrap_or_else(|error| panic!("{sql}: {error}")) {
        format_csv(&as_text(&batch).unwrap(), &mut text);
    }
    String::from_utf8(text).unwrap()
}

/// What a query says that cannot be run: message and hint.
fn complaint(session: &Session, sql: &str) -> (String, String) {
    match rows(session, sql) {
        Err(QueryError::Query { message, hint }) => (message, hint.unwrap_or_default()),
        other => panic!("{sql}: {other:?}"),
    }
}

/// A session as sqllogictest wants it.
struct Tested(Session);

impl DB for Tested {
    type Error = QueryError;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, QueryError> {
        let rows = self.0.query(sql)?;
        let columns = rows.schema().fields().len();
        let mut lines = Vec::new();
        for batch in rows {
            let batch = batch?;
            let cells = netloom_sql::cells(&batch).unwrap();
            for row in 0..batch.num_rows() {
                let cell = |column: &Vec<Option<String>>| {
                    let cell = column[row].clone();
                    cell.map_or_else(
                        || "NULL".to_owned(),
                        |cell| match cell.as_str() {
                            "" => "(empty)".to_owned(),
                            _ => cell,
                        },
                    )
                };
                lines.push(cells.iter().map(cell).collect());
            }
        }
        if columns == 0 {
            return Ok(DBOutput::StatementComplete(0));
        }
        Ok(DBOutput::Rows {
            types: vec![DefaultColumnType::Any; columns],
            rows: lines,
        })
    }
}

#[test]
fn files_of_statements() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let captures = captures(&[example()], 2);
        let copies = tempfile::tempdir().unwrap();
        let copied = file.ends_with("copies.slt");
        if copied {
            copy_tables(&session(&captures), copies.path());
        }
        let mut runner = Runner::new(|| async {
            let session = session(&captures);
            if copied {
                for name in ["p.parquet", "f.jsonl", "c.csv"] {
                    let path = copies.path().join(name);
                    let table = netloom_sql::table_name_of(&path);
                    let options = ReadOptions::default();
                    session.add_files(&table, &[path], &options).unwrap();
                }
            }
            Ok(Tested(session))
        });
        runner
            .run_file(&file)
            .unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Writes tables of a capture as files of several kinds.
fn copy_tables(session: &Session, folder: &Path) {
    for (table, name, format) in [
        ("packets", "p.parquet", TableFormat::Parquet),
        ("flows", "f.jsonl", TableFormat::JsonLines),
        ("flows", "c.csv", TableFormat::Csv),
    ] {
        let rows = session.query(&format!("SELECT * FROM {table}")).unwrap();
        let file = std::fs::File::create(folder.join(name)).unwrap();
        let mut writer = table_writer(format, file, &rows.schema(), false).unwrap();
        for batch in rows {
            writer.write(&batch.unwrap()).unwrap();
        }
        writer.finish().unwrap();
    }
}

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
fn mistakes_are_told_with_their_cure() {
    let session = session(&captures(&[example()], 2));
    for (sql, message, hint) in [
        (
            "SELECT srcip FROM flows",
            "there is no column 'srcip'",
            "did you mean src_ip?",
        ),
        (
            "SELECT flows.srvice FROM flows",
            "there is no column 'flows.srvice'",
            "did you mean flows.service?",
        ),
        (
            "SELECT \"id.orig_h\" FROM flows",
            "there is no column 'id.orig_h'",
            "did you mean src_ip?",
        ),
        (
            "SELECT * FROM flow",
            "there is no table 'flow'",
            "did you mean flows?",
        ),
        (
            "SELECT * FROM nothing",
            "there is no table 'nothing'",
            "there are: ",
        ),
        (
            "SELECT sum(service) FROM flows",
            "sum does not take (text)",
            "sum(double)",
        ),
        (
            "SELECT entropy(1)",
            "argument 1 of entropy is Int64, not a text: entropy(text)",
            "",
        ),
        (
            "SELECT entrpy('a')",
            "there is no function 'entrpy'",
            "did you mean entropy?",
        ),
        ("", "there is no query", "SELECT"),
        ("COPY flows TO 'x.csv'", "queries read", "-o OUT"),
        (
            "INSERT INTO flows (service) VALUES ('x')",
            "queries read",
            "",
        ),
        (
            "DROP TABLE flows",
            "'flows' is a table of what is read",
            "CREATE VIEW",
        ),
        ("DROP TABLE IF EXISTS main.flows", "stays as it is", ""),
        (
            "CREATE OR REPLACE TABLE flows AS SELECT 1",
            "stays as it is",
            "",
        ),
        (
            "CREATE OR REPLACE VIEW flows AS SELECT 1 AS a",
            "stays as it is",
            "",
        ),
        ("CREATE SCHEMA s", "queries read", ""),
        (
            "SET datafusion.execution.target_partitions = 8",
            "queries read",
            "",
        ),
        (
            "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
            "queries read",
            "",
        ),
        (
            "SELECT in_subnet(src_ip, 'nonsense') FROM flows",
            "nonsense",
            "",
        ),
        (
            "SELECT * FROM flows WHERE src_ip > 'nonsense'",
            "nonsense",
            "",
        ),
        (
            "SELECT start, interval FROM timeline",
            "'interval' is a word of SQL",
            "write \"interval\"",
        ),
        (
            "SELECT interval FROM timeline",
            "'interval' is a word of SQL",
            "write \"interval\"",
        ),
        (
            "SELECT interval, start FROM timeline",
            "'interval' is a word of SQL",
            "write \"interval\"",
        ),
        (
            "SELECT start, end FROM flows",
            "'end' is a word of SQL",
            "write \"end\"",
        ),
    ] {
        let said = complaint(&session, sql);
        assert!(said.0.contains(message), "{sql}: {said:?}");
        assert!(said.1.contains(hint), "{sql}: {said:?}");
    }
    let (message, _) = complaint(&session, "SELECT * FORM flows");
    assert!(message.ends_with('^'), "{message}");
    let (message, hint) = complaint(&session, "SELECT nosuch(1)");
    assert_eq!(
        (message.as_str(), hint.as_str()),
        ("there is no function 'nosuch'", "")
    );
}

#[test]
fn what_is_made_can_be_taken_away() {
    let session = Session::new(&SessionOptions::default()).unwrap();
    for sql in [
        "CREATE TABLE t AS SELECT 1 AS a",
        "CREATE OR REPLACE TABLE t AS SELECT 2 AS a",
        "CREATE VIEW v AS SELECT a FROM t",
        "DROP VIEW v",
        "DROP TABLE t",
    ] {
        rows(&session, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    assert!(session.tables().is_empty());
}

#[test]
fn information_comes_in_order() {
    let session = session(&captures(&[], 1));
    let names = |sql: &str| csv(&session, sql);
    let sorted = |text: &str| text.lines().is_sorted();
    let tables = names("SELECT table_schema, table_name FROM information_schema.tables");
    assert!(tables.lines().count() > 10 && sorted(&tables), "{tables}");
    let shown = names("SHOW TABLES");
    assert!(shown.lines().count() > 10 && sorted(&shown), "{shown}");
    let settings = names("SELECT name FROM information_schema.df_settings");
    assert!(
        settings.lines().count() > 50 && sorted(&settings),
        "{settings}"
    );
    let first = names("SELECT name FROM information_schema.df_settings LIMIT 2");
    assert!(settings.starts_with(&first), "{first}");
    // Columns as they stand in the table.
    let columns = names(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'packets' LIMIT 2",
    );
    assert_eq!(columns, "number\nts\n");
    assert!(names("SHOW FUNCTIONS").lines().count() > 50);
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

#[test]
fn files_are_tables() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("a.csv"), "src_ip,n\n10.0.0.9,1\n10.0.0.10,2\n").unwrap();
    std::fs::write(at("b.jsonl"), "{\"src_ip\":\"9.0.0.1\",\"n\":3}\n").unwrap();
    std::fs::write(at("other.csv"), "x,y\n1,2\n").unwrap();
    let session = Session::new(&SessionOptions::default()).unwrap();
    let add = |name: &str, files: &[&str]| {
        let files: Vec<_> = files.iter().map(|name| at(name)).collect();
        session.add_files(name, &files, &ReadOptions::default())
    };
    add("a", &["a.csv"]).unwrap();
    // Addresses are compared as addresses there, too.
    assert_eq!(
        csv(&session, "SELECT src_ip FROM a ORDER BY src_ip"),
        "10.0.0.9\n10.0.0.10\n"
    );
    assert_eq!(csv(&session, "SELECT max(src_ip) FROM a"), "10.0.0.10\n");
    let twice = add("a", &["b.jsonl"]).unwrap_err();
    assert!(twice.to_string().contains("two tables 'a'"), "{twice}");
    let unlike = add("c", &["a.csv", "other.csv"]).unwrap_err();
    assert!(unlike.to_string().contains("other.csv"), "{unlike}");
    add("twice", &["a.csv", "a.csv"]).unwrap();
    assert_eq!(csv(&session, "SELECT count(*) FROM twice"), "4\n");
    let absent = add("d", &["absent.csv"]).unwrap_err();
    assert!(matches!(absent, QueryError::Table(_)), "{absent:?}");
}

#[test]
fn files_of_one_table_have_the_same_columns() {
    let folder = tempfile::tempdir().unwrap();
    let session = Session::new(&SessionOptions::default()).unwrap();
    let written = |name: &str, sql: &str| {
        let path = folder.path().join(name);
        let rows = session.query(sql).unwrap();
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = table_writer(TableFormat::Parquet, file, &rows.schema(), false).unwrap();
        for batch in rows {
            writer.write(&batch.unwrap()).unwrap();
        }
        writer.finish().unwrap();
        path
    };
    let first = written("a1.parquet", "SELECT 1 AS x, 'a' AS y");
    let turned = written("a2.parquet", "SELECT 'b' AS y, 2 AS x");
    let unlike = written("a3.parquet", "SELECT '3' AS x, 'c' AS z");
    let add = |name: &str, paths: &[&PathBuf]| {
        let paths: Vec<_> = paths.iter().map(|&path| path.clone()).collect();
        session.add_files(name, &paths, &ReadOptions::default())
    };
    add("t", &[&first, &turned]).unwrap();
    assert_eq!(csv(&session, "SELECT x, y FROM t ORDER BY x"), "1,a\n2,b\n");
    let error = add("u", &[&first, &unlike]).unwrap_err().to_string();
    assert!(
        error.contains("a3.parquet") && error.contains("'x'"),
        "{error}"
    );
}

#[test]
fn statements_of_thousands_of_parts() {
    let session = session(&captures(&[example()], 2));
    let chain = |operator: &str, part: &dyn Fn(usize) -> String| {
        let parts: Vec<String> = (0..9000).map(part).collect();
        parts.join(operator)
    };
    let count = |condition: &str| {
        let sql = format!("SELECT count(*) FROM flows WHERE {condition}");
        csv(&session, &sql)
    };
    let ports = chain(" OR ", &|port| format!("dst_port = {port}"));
    assert_eq!(count(&ports), count("dst_port < 9000"));
    let others = chain(" AND ", &|port| format!("dst_port <> {port}"));
    assert_eq!(count(&others), count("dst_port >= 9000"));
    let union: Vec<String> = (0..300).map(|n| format!("SELECT {n} AS n")).collect();
    let union = union.join(" UNION ALL ");
    let rows = csv(&session, &union);
    let rows: Vec<usize> = rows.lines().map(|row| row.parse().unwrap()).collect();
    assert!(rows.into_iter().eq(0..300));
    let nested = format!("SELECT {}1{}", "abs(".repeat(100), ")".repeat(100));
    assert_eq!(csv(&session, &nested), "1\n");

    let large = "the query is too large";
    for sql in [
        format!("SELECT {}", chain(" + ", &|n| n.to_string())),
        format!("SELECT {}1{}", "(".repeat(9000), ")".repeat(9000)),
        format!("SELECT 1; SELECT {}", chain(" || ", &|n| format!("'{n}'"))),
        format!(
            "WITH t AS (SELECT 1 AS a), {} SELECT * FROM t1",
            chain(", ", &|n| format!("t{n} AS (SELECT a FROM t)"))
        ),
        chain(" UNION ", &|n| format!("SELECT {n}")),
        chain(" EXCEPT ", &|n| format!("SELECT {n}")),
    ] {
        let (message, _) = complaint(&session, &sql);
        assert!(message.starts_with(large), "{message}");
    }
    // One that cannot be understood is not shown whole.
    let (message, _) = complaint(
        &session,
        &format!("SELECT {} FROM", chain(" + ", &|n| n.to_string())),
    );
    assert!(message.len() < 500, "{message}");
}

#[test]
fn addresses_that_are_chosen_are_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.csv");
    let rows = "src_ip,dst_ip,g\n10.0.0.10,10.0.0.2,1\n,10.0.0.9,1\n9.9.9.9,::1,2\n2001:db8::1,9.0.0.1,2\n";
    std::fs::write(&file, rows).unwrap();
    let session = Session::new(&SessionOptions::default()).unwrap();
    session
        .add_files("a", &[file], &ReadOptions::default())
        .unwrap();
    let in_order = "9.9.9.9\n10.0.0.9\n10.0.0.10\n2001:db8::1\n";
    for one in [
        "coalesce(src_ip, dst_ip)",
        "coalesce(src_ip, '10.0.0.9')",
        "nvl(src_ip, dst_ip)",
        "nvl2(src_ip, src_ip, dst_ip)",
        "CASE WHEN src_ip IS NULL THEN dst_ip ELSE src_ip END",
        "CASE g WHEN 3 THEN NULL ELSE coalesce(nullif(src_ip, ''), dst_ip) END",
    ] {
        let one = one.replace("nullif(src_ip, '')", "nullif(src_ip, '1.1.1.1')");
        assert_eq!(
            csv(&session, &format!("SELECT {one} FROM a ORDER BY 1")),
            in_order,
            "{one}"
        );
        assert_eq!(
            csv(
                &session,
                &format!("SELECT x FROM (SELECT {one} AS x FROM a) ORDER BY x")
            ),
            in_order
        );
        assert_eq!(
            csv(&session, &format!("SELECT min({one}), max({one}) FROM a")),
            "9.9.9.9,2001:db8::1\n"
        );
        assert_eq!(
            csv(
                &session,
                &format!("SELECT count(*) FROM a WHERE {one} < '10.0.0.10'")
            ),
            "2\n"
        );
    }
    // A choice between an address and a word is a text.
    let words = csv(
        &session,
        "SELECT coalesce(src_ip, 'none') FROM a ORDER BY 1",
    );
    assert_eq!(words, "10.0.0.10\n2001:db8::1\n9.9.9.9\nnone\n");
    let firsts = csv(
        &session,
        "SELECT DISTINCT ON (g) g, dst_ip FROM a ORDER BY g, dst_ip",
    );
    assert_eq!(firsts, "1,10.0.0.2\n2,9.0.0.1\n");
    let (message, hint) = complaint(
        &session,
        "SELECT array_agg(DISTINCT src_ip ORDER BY src_ip) FROM a",
    );
    assert!(
        message.contains("DISTINCT") && hint.contains("SELECT DISTINCT"),
        "{message}"
    );
}
