//! The example under each profile, as it is to be.

use std::ops::ControlFlow;
use std::path::Path;

use netloom_capture::file::OpenOptions;
use netloom_flow::{FlowConfig, FlowRules};
use netloom_pipeline::scan::{Plain, Scan, ScanOptions, TableRequest};
use netloom_pipeline::{Control, PipelineOptions};
use netloom_tables::profile::Profile;
use netloom_tables::{RecordBatch, TableFormat, TableName};

/// Rows of each table that are kept.
const ROWS: usize = 4;

/// The first rows of a table of the example.
fn text(profile: Profile, table: TableName, format: TableFormat) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let example = root.join("examples/small-office.pcapng");
    let request = TableRequest::of(profile.parse_columns(table, None).unwrap().unwrap());
    let style = profile.style(table);
    let mut text = Vec::new();
    style.head(format, &request.schema(), &mut text);
    let rules = profile.rules().unwrap_or(FlowRules::Native);
    let mut options = PipelineOptions::new(FlowConfig::new(rules));
    options.threads = 1;
    let scan = Scan::new(vec![request], ScanOptions::new(options));
    let mut open = || netloom_capture::file::open(&[&example], &OpenOptions::default());
    let mut take = |_: usize, batch: RecordBatch| {
        style.rows(format, &batch, &mut text);
        Ok(ControlFlow::Continue(()))
    };
    let outcome = scan
        .run(&mut open, &Control::default(), &Plain, &mut take)
        .unwrap();
    assert!(outcome.failed.is_none());
    let text = String::from_utf8(text).unwrap();
    let head = text
        .lines()
        .take_while(|line| line.starts_with('#'))
        .count();
    let head = head.max(usize::from(format == TableFormat::Csv));
    text.lines()
        .take(head + ROWS)
        .flat_map(|line| [line, "\n"])
        .collect()
}

#[test]
fn profiles_write_what_they_wrote() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/profiles/golden");
    for profile in [
        Profile::Simple,
        Profile::Nfstream,
        Profile::Cic,
        Profile::Zeek,
        Profile::Eve,
        Profile::Ecs,
    ] {
        for &table in profile.tables() {
            let style = profile.style(table);
            let mut formats = vec![style.format(None)];
            if profile == Profile::Zeek {
                formats.push(TableFormat::JsonLines);
            }
            for format in formats {
                let found = text(profile, table, format);
                let path = folder
                    .join(profile.name())
                    .join(style.file_name(table, format));
                if std::env::var_os("NETLOOM_BLESS").is_some() {
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::write(&path, &found).unwrap();
                }
                let expected = std::fs::read_to_string(&path).unwrap_or_default();
                assert_eq!(
                    found,
                    expected,
                    "{}: NETLOOM_BLESS=1 writes it again",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn objects_are_json() {
    for profile in [Profile::Zeek, Profile::Eve, Profile::Ecs] {
        for &table in profile.tables() {
            let lines = text(profile, table, TableFormat::JsonLines);
            assert!(!lines.is_empty(), "{profile} {table}");
            for line in lines.lines() {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(value.is_object());
            }
        }
    }
}
