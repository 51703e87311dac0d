//! Files that DATA names.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::output::{Printer, is_standard};

/// Folders within folders that are looked into.
const MAX_DEPTH: usize = 16;

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    /// It holds packets; otherwise it is a table.
    pub(crate) is_capture: bool,
}

/// The files that are named, in their order; those of folders and globs in the order of their
/// names. In a folder what is neither a capture nor a table is left out, which is told to who wants
/// details.
pub(crate) fn expand(data: &[PathBuf], printer: Option<&Printer>) -> Result<Vec<Input>, Failure> {
    let mut inputs = Vec::new();
    for path in data {
        let before = inputs.len();
        if path.is_dir() {
            folder(path, 0, &mut inputs, printer)?;
        } else if is_standard(path) || path.exists() {
            inputs.push(Input {
                path: path.clone(),
                is_capture: is_standard(path) || is_capture(path)?,
            });
        } else if let Some(pattern) = path.to_str().filter(|name| name.contains(['*', '?', '['])) {
            let found = glob::glob(pattern)
                .map_err(|error| Failure::usage(format!("{pattern}: {}", error.msg)))?;
            // In the order of the alphabet, as a shell has it.
            for path in found.flatten().filter(|path| path.is_file()) {
                let is_capture = is_capture(&path)?;
                inputs.push(Input { path, is_capture });
            }
        } else {
            // Says that there is no such file, in the words of the reader.
            is_capture(path)?;
        }
        if inputs.len() == before {
            return Err(Failure::input(
                format!("{}: holds no file that can be read", path.display()),
                None,
            )
            .hint("DATA is a capture, or a table: CSV, JSON lines, JSON, Parquet or Arrow"));
        }
    }
    Ok(inputs)
}

fn folder(
    path: &Path,
    depth: usize,
    inputs: &mut Vec<Input>,
    printer: Option<&Printer>,
) -> Result<(), Failure> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    let cannot = |cause: &std::io::Error| {
        Failure::input(format!("{}: cannot be read", path.display()), Some(cause))
    };
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
        .map_err(|cause| cannot(&cause))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(|cause| cannot(&cause))?;
    entries.sort();
    for entry in entries {
        let hidden = entry
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if entry.is_dir() {
            folder(&entry, depth + 1, inputs, printer)?;
            continue;
        }
        // Opening a pipe would wait for somebody to write.
        if !entry.is_file() {
            continue;
        }
        let start = start(&entry)?;
        let capture = is_capture_start(&start);
        if capture || looks_like_a_table(&entry, &start) {
            inputs.push(Input {
                path: entry,
                is_capture: capture,
            });
        } else if let Some(printer) = printer {
            printer.detail(&format!(
                "{}: is no capture and no table, left out",
                entry.display()
            ));
        }
    }
    Ok(())
}

/// Whether a file begins as a capture does, compressed or not. What can be read only once (a pipe) is not
/// looked at: it is a capture, or else told to be none.
fn is_capture(path: &Path) -> Result<bool, Failure> {
    if path.exists() && !path.is_file() {
        return Ok(true);
    }
    Ok(is_capture_start(&start(path)?))
}

fn start(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(16).read_to_end(&mut start))
        .map_err(|cause| {
            let failure =
                Failure::input(format!("{}: cannot be read", path.display()), Some(&cause));
            if cause.kind() == std::io::ErrorKind::NotFound {
                failure.hint("check the name and the folder; DATA is a capture or a table")
            } else {
                failure
            }
        })?;
    Ok(start)
}

fn is_capture_start(start: &[u8]) -> bool {
    // pcap in both byte orders, with micro- and nanoseconds and Kuznetzov's headers; pcapng's
    // section header; gzip, zstd, lz4, in which only captures are read.
    const MAGICS: [&[u8]; 10] = [
        &[0xa1, 0xb2, 0xc3, 0xd4],
        &[0xd4, 0xc3, 0xb2, 0xa1],
        &[0xa1, 0xb2, 0x3c, 0x4d],
        &[0x4d, 0x3c, 0xb2, 0xa1],
        &[0xa1, 0xb2, 0xcd, 0x34],
        &[0x34, 0xcd, 0xb2, 0xa1],
        &[0x0a, 0x0d, 0x0d, 0x0a],
        &[0x1f, 0x8b],
        &[0x28, 0xb5, 0x2f, 0xfd],
        &[0x04, 0x22, 0x4d, 0x18],
    ];
    MAGICS.iter().any(|magic| start.starts_with(magic))
}

/// Of the files in a folder, those that a person would call a table.
fn looks_like_a_table(path: &Path, start: &[u8]) -> bool {
    const NAMES: [&str; 11] = [
        "csv", "tsv", "txt", "log", "json", "jsonl", "ndjson", "parquet", "arrow", "feather", "ipc",
    ];
    let named = path
        .extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| NAMES.contains(&extension.to_ascii_lowercase().as_str()));
    named && !start.is_empty()
}
