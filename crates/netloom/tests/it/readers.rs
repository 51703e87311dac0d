//! What is exported is read by pyarrow, DuckDB and Polars as it was written.
//!
//! Skipped, with a reason, where a library is not here: `.ci/run tools` installs them in
//! `target/tools`.

use std::path::{Path, PathBuf};
use std::process::Command;

use netloom::tables::TableName;

use crate::common::{example, root, run};

/// A Python that has the library: the one that `.ci/run tools` installs, or any.
fn python(library: &str) -> Option<PathBuf> {
    // The binary is in `target/PROFILE`.
    let target = Path::new(env!("CARGO_BIN_EXE_netloom"))
        .ancestors()
        .nth(2)?;
    let installed = target.join("tools").join(library).join("bin/python");
    [installed, "python3".into()].into_iter().find(|python| {
        let import = format!("import {library}");
        let output = Command::new(python).args(["-c", &import]).output();
        output.is_ok_and(|output| output.status.success())
    })
}

#[test]
fn other_libraries_read_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let example = example();
    for extension in ["jsonl", "parquet", "arrow"] {
        let pattern = folder.path().join(format!("{{table}}.{extension}"));
        let tables = TableName::ALL.map(TableName::name).join(",");
        let (example, pattern) = (example.to_str().unwrap(), pattern.to_str().unwrap());
        run(&["export", &tables, example, "-o", pattern], 0);
    }
    for (library, files) in [("pyarrow", 20), ("duckdb", 10), ("polars", 20)] {
        let Some(python) = python(library) else {
            println!("not read by {library}, which is not here; `.ci/run tools` installs it");
            continue;
        };
        let output = Command::new(python)
            .arg(root().join("crates/netloom/tests/it/readers.py"))
            .arg(library)
            .arg(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{library}: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(said.lines().count(), files, "{library}: {said}");
        assert!(said.contains("packets.parquet: 2577 rows"), "{said}");
    }
}
