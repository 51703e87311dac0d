//! Files as tables.

use std::path::PathBuf;

use netloom_sql::{QueryError, Session, SessionOptions};
use netloom_tables::read::ReadOptions;
use netloom_tables::{TableFormat, table_writer};

use crate::csv;

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
