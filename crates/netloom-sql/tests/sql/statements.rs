//! Statements: files of `slt/`, and what they cannot say.

use std::path::Path;

use netloom_sql::{QueryError, Session, SessionOptions};
use netloom_tables::read::ReadOptions;
use netloom_tables::{TableFormat, TableName, table_writer};
use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner};

use crate::{captures, complaint, csv, example, rows, session};

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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql/slt");
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
fn what_others_have_is_understood() {
    let session = session(&captures(&[example()], 2));
    let all = csv(&session, "SELECT * FROM tls");
    assert!(!all.is_empty());
    assert_eq!(csv(&session, "FROM tls"), all);
    assert_eq!(csv(&session, "SELECT * FROM (FROM tls)"), all);
    assert_eq!(csv(&session, "FROM tls SELECT *"), all);
}

#[test]
fn times_may_end_with_the_minute() {
    let session = session(&captures(&[example()], 2));
    let count = |condition: &str| {
        let sql = format!("SELECT count(*) FROM packets WHERE {condition}");
        csv(&session, &sql)
    };
    let minute = csv(
        &session,
        "SELECT to_char(min(ts) + INTERVAL '1 minute', '%Y-%m-%d %H:%M') FROM packets",
    );
    let minute = minute.trim();
    let expected = count(&format!("ts >= '{minute}:00'"));
    assert!(!["0\n", &count("true")].contains(&&*expected), "{expected}");
    for condition in [
        format!("ts >= '{minute}'"),
        format!("'{minute}' <= ts"),
        format!("ts >= TIMESTAMP '{minute}'"),
        format!("ts >= '{}Z'", minute.replace(' ', "T")),
        format!("ts BETWEEN '{minute}' AND '2100-01-01 00:00'"),
        format!("NOT ts < '{minute}'"),
    ] {
        assert_eq!(count(&condition), expected, "{condition}");
    }
    // The scan leaves out what is not in the range, as with seconds.
    let plan = csv(
        &session,
        &format!("EXPLAIN SELECT count(*) FROM packets WHERE ts >= '{minute}'"),
    );
    assert!(plan.contains("only=[ts"), "{plan}");
}

#[test]
fn information_comes_in_order() {
    let session = session(&captures(&[], 1));
    let names = |sql: &str| csv(&session, sql);
    let sorted = |text: &str| text.lines().is_sorted();
    let tables = names("SELECT table_schema, table_name FROM information_schema.tables");
    assert!(tables.lines().count() > 10 && sorted(&tables), "{tables}");
    // Those that say what is there are not among them.
    let shown = names("SHOW TABLES");
    assert_eq!(shown.lines().count(), TableName::ALL.len(), "{shown}");
    assert!(sorted(&shown), "{shown}");
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
