//! Which inputs are captures, which are files of tables, and how their tables are called.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};

use netloom::capture::file::list;
use netloom::sql::table_name_of;
use netloom::tables::read::{Format, detect};

use crate::failure::Failure;
use crate::files::Files;
use crate::output::is_standard;

/// Inputs, by what they are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::commands) struct Inputs {
    /// Captures that are one stream, by the name of their tables' schema.
    pub(super) captures: Vec<(Option<String>, Vec<PathBuf>)>,
    /// Files that are one table, by its name.
    pub(super) tables: Vec<(String, Vec<PathBuf>)>,
    /// Tables that a folder or a glob brought.
    pub(super) found: Vec<PathBuf>,
    /// What was left out, and why.
    pub(super) left_out: Vec<String>,
}

impl Inputs {
    /// All of these as one stream.
    pub(in crate::commands) fn captures(files: &[PathBuf]) -> Self {
        Self {
            captures: vec![(None, files.to_vec())],
            ..Self::default()
        }
    }

    /// Sorts out what was given.
    pub(super) fn sort(given: &[&Path]) -> Result<Self, Failure> {
        let mut inputs = Self::default();
        for &given in given {
            let (name, path) = named(given);
            inputs.add(name, path)?;
        }
        Ok(inputs)
    }

    /// Says which files are read.
    pub(super) fn claim(&self, files: &Files) -> Result<(), Failure> {
        for (_, captures) in &self.captures {
            files.captures(captures)?;
        }
        for path in self.tables.iter().flat_map(|(_, paths)| paths) {
            files.reads(path);
        }
        Ok(())
    }

    fn add(&mut self, name: Option<String>, path: &Path) -> Result<(), Failure> {
        if is_standard(path) {
            put(&mut self.captures, name, path);
            return Ok(());
        }
        let files = list(path.as_os_str())?;
        // Of a folder or a glob, those that say by their names that they are tables.
        let is_one = matches!(&files[..], [file] if file == path);
        let (tables, captures): (Vec<_>, Vec<_>) = files
            .into_iter()
            .partition(|file| is_table(file) && (is_one || is_called_a_table(file)));
        if tables.is_empty() {
            // Whole: what is no capture in a folder is told then.
            put(&mut self.captures, name, path);
            return Ok(());
        }
        for file in captures {
            // What else lies among tables is looked at only if it is a capture for sure.
            match netloom::open(&[&file], &netloom::OpenOptions::default()) {
                Ok(_) => put(&mut self.captures, name.clone(), &file),
                Err(error) => self.left_out.push(format!(
                    "{} was left out: {}",
                    file.display(),
                    error.message
                )),
            }
        }
        for file in tables {
            let name = name.clone().unwrap_or_else(|| table_name_of(&file));
            put(&mut self.tables, name, &file);
            if !is_one {
                self.found.push(file);
            }
        }
        Ok(())
    }
}

/// Whether what stands where the query stands is a file: there is one of that name, or it can be
/// no query.
pub(super) fn is_file(text: &str) -> bool {
    let (_, path) = named(Path::new(text));
    path.exists() || (!text.contains(char::is_whitespace) && text.contains(['/', '.', '*']))
}

/// The files of captures, for those who only show them.
pub(in crate::commands) fn files_of(given: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in given {
        if is_standard(path) {
            files.push(path.clone());
        } else {
            files.extend(list(path.as_os_str())?);
        }
    }
    Ok(files)
}

fn put<N: PartialEq>(groups: &mut Vec<(N, Vec<PathBuf>)>, name: N, path: &Path) {
    match groups.iter_mut().find(|(known, _)| *known == name) {
        Some((_, paths)) => paths.push(path.to_owned()),
        None => groups.push((name, vec![path.to_owned()])),
    }
}

/// `NAME=FILE`, unless there is a file of that very name.
fn named(given: &Path) -> (Option<String>, &Path) {
    let split = || {
        let (name, path) = given.to_str()?.split_once('=')?;
        let is_name = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        is_name.then_some((name, path))
    };
    match split() {
        Some((name, path)) if !given.exists() => (Some(name.to_owned()), Path::new(path)),
        _ => (None, given),
    }
}

/// Whether a file's content is that of a table. What can be read only once (a pipe) is not looked at: it is
/// a capture, or else told to be none.
fn is_table(path: &Path) -> bool {
    if !path.is_file() {
        return false;
    }
    let Ok(mut file) = File::open(path) else {
        return false;
    };
    match detect(&mut file) {
        // Anything can be taken for text: what is compressed or no UTF-8 is no table.
        Ok(Some(Format::Csv)) => is_text(&mut file),
        Ok(format) => format.is_some(),
        Err(_) => false,
    }
}

fn is_text(file: &mut File) -> bool {
    use std::io::Read as _;
    let mut start = Vec::new();
    if file.take(4096).read_to_end(&mut start).is_err() || start.is_empty() {
        return false;
    }
    match std::str::from_utf8(&start) {
        Ok(_) => true,
        // A character that is cut at the end.
        Err(error) => error.error_len().is_none(),
    }
}

fn is_called_a_table(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    [
        "csv", "tsv", "json", "jsonl", "ndjson", "parquet", "pq", "arrow", "feather", "ipc",
        "arrows",
    ]
    .contains(&extension.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_before_files() {
        for (given, name, path) in [
            ("before=a.pcap", Some("before"), "a.pcap"),
            ("x=y=z.csv", Some("x"), "y=z.csv"),
            ("a.pcap", None, "a.pcap"),
            ("dir/k=v/a.pcap", None, "dir/k=v/a.pcap"),
            ("Bad=a.pcap", None, "Bad=a.pcap"),
        ] {
            let named = named(Path::new(given));
            assert_eq!(named, (name.map(str::to_owned), Path::new(path)));
        }
    }

    #[test]
    fn what_is_what() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.csv"), "x,y\n1,2\n").unwrap();
        std::fs::write(at("b.pcap"), [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]).unwrap();
        std::fs::write(at("c.gz"), [0x1f, 0x8b, 8, 0]).unwrap();
        std::fs::write(at("words"), "some words").unwrap();
        let sorted = Inputs::sort(&[&at("a.csv"), &at("b.pcap"), &at("c.gz")]).unwrap();
        assert_eq!(sorted.captures, [(None, vec![at("b.pcap"), at("c.gz")])]);
        assert_eq!(sorted.tables, [("a".to_owned(), vec![at("a.csv")])]);
        let named = format!("n={}", at("a.csv").display());
        let sorted = Inputs::sort(&[named.as_ref()]).unwrap();
        assert_eq!(sorted.tables, [("n".to_owned(), vec![at("a.csv")])]);
    }
}
