//! SQL over the example capture, and over files.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod addresses;
mod capture;
mod files;
mod mistakes;
mod statements;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use netloom_pipeline::PipelineOptions;
use netloom_pipeline::flow::FlowConfig;
use netloom_pipeline::scan::ScanOptions;
use netloom_sql::{Captures, OpenError, QueryError, Session, SessionOptions, as_text};
use netloom_tables::{RecordBatch, format_csv};

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
