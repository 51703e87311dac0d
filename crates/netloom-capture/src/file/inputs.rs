//! Inputs as a person gives them, turned into files.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use netloom_packet::SourceError;

use super::compressed::Counted;
use super::part::Plain;
use super::reader::Stream;

/// Folders within folders that are looked into.
const MAX_DEPTH: usize = 64;

/// A stream of bytes to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    /// Where it is; `None` for standard input.
    pub(super) path: Option<PathBuf>,
    /// Where a copy of it lies, if one was made.
    pub(super) spooled: Option<PathBuf>,
    /// Where it ends for who reads it, if not where the file does.
    pub(super) end: Option<u64>,
    /// The folder or glob that brought it, as an index into [`Expanded::groups`]; `None` where
    /// it was named itself.
    pub(super) group: Option<usize>,
}

/// Inputs, expanded.
#[derive(Debug, Clone, Default)]
pub(super) struct Expanded {
    /// The files, in order.
    pub(super) inputs: Vec<Input>,
    /// Folders and globs, as given.
    pub(super) groups: Vec<String>,
}

/// Finds the files that the inputs mean.
pub(super) fn expand(given: &[&OsStr]) -> Result<Expanded, SourceError> {
    let mut expanded = Expanded::default();
    let mut stdin = false;
    for name in given {
        if *name == "-" {
            if stdin {
                return Err(SourceError::new("-", "standard input is given twice"));
            }
            stdin = true;
            expanded.inputs.push(Input {
                path: None,
                spooled: None,
                end: None,
                group: None,
            });
            continue;
        }
        let path = Path::new(name);
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => expanded.add_folder(path)?,
            Ok(_) => expanded.inputs.push(Input {
                path: Some(path.to_owned()),
                spooled: None,
                end: None,
                group: None,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_pattern(name) => {
                expanded.add_glob(name)?;
            }
            Err(error) => return Err(cannot_open(path, error)),
        }
    }
    if expanded.inputs.is_empty() && expanded.groups.is_empty() {
        return Err(SourceError::new("-", "no input is given")
            .hint("name a capture, a folder of captures, or - for standard input"));
    }
    Ok(expanded)
}

impl Expanded {
    fn group(&mut self, name: String) -> usize {
        self.groups.push(name);
        self.groups.len() - 1
    }

    fn add_folder(&mut self, folder: &Path) -> Result<(), SourceError> {
        let group = self.group(folder.display().to_string());
        let mut files = Vec::new();
        walk(folder, 0, &mut files).map_err(|error| cannot_open(folder, error))?;
        files.sort();
        self.add(files, group);
        Ok(())
    }

    fn add_glob(&mut self, pattern: &OsStr) -> Result<(), SourceError> {
        let name = pattern.to_string_lossy().into_owned();
        let matches = glob::glob(&name).map_err(|error| {
            SourceError::new(name.clone(), format!("not a valid pattern: {}", error.msg))
        })?;
        let group = self.group(name.clone());
        let mut files = Vec::new();
        // What cannot be looked at does not match.
        for path in matches.flatten() {
            if path.is_dir() {
                walk(&path, 0, &mut files).map_err(|error| cannot_open(&path, error))?;
            } else if !path.file_name().is_some_and(is_temporary) {
                files.push(path);
            }
        }
        if files.is_empty() {
            return Err(SourceError::new(name, "no file matches")
                .hint("check the pattern: * stands for any part of a name, ** for folders"));
        }
        files.sort();
        self.add(files, group);
        Ok(())
    }

    fn add(&mut self, files: Vec<PathBuf>, group: usize) {
        self.inputs.extend(files.into_iter().map(|path| Input {
            path: Some(path),
            spooled: None,
            end: None,
            group: Some(group),
        }));
    }
}

/// Collects the regular files of a folder and of those in it. Links to folders are not
/// followed: they can form circles.
fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let path = entry.path();
        if kind.is_dir() {
            if depth < MAX_DEPTH {
                walk(&path, depth + 1, files)?;
            }
        } else if (kind.is_file() || (kind.is_symlink() && path.is_file()))
            && !is_temporary(&entry.file_name())
        {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a name is one of those under which outputs are written until they are complete:
/// `.name.PID-N.tmp`. What has such a name is no input.
pub fn is_temporary(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let numbers = name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix(".tmp"))
        .and_then(|name| name.rsplit_once('.'))
        .and_then(|(_, numbers)| numbers.split_once('-'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(process, attempt)| is_number(process) && is_number(attempt))
}

fn is_pattern(name: &OsStr) -> bool {
    name.to_string_lossy().contains(['*', '?', '['])
}

/// A stream that was opened, and what the system knows of it.
pub(super) struct Source {
    pub(super) stream: Stream,
    /// Bytes on disk, where it is a regular file.
    pub(super) size: Option<u64>,
}

impl Input {
    /// The name for messages: the path as given, `-` for standard input.
    pub(super) fn name(&self) -> String {
        self.path
            .as_ref()
            .map_or_else(|| "-".to_owned(), |path| path.display().to_string())
    }

    /// Opens the stream; bytes read from it are counted in `count`.
    pub(super) fn open(
        &self,
        block_size: usize,
        count: &Arc<AtomicU64>,
    ) -> Result<Source, SourceError> {
        let count = Arc::clone(count);
        let Some(path) = self.spooled.as_ref().or(self.path.as_ref()) else {
            let stdin = io::stdin();
            if stdin.is_terminal() {
                return Err(SourceError::new("-", "standard input is a terminal")
                    .hint("pipe a capture into it: tcpdump -w - | netloom …"));
            }
            return Ok(Source {
                stream: Stream {
                    name: self.name(),
                    bytes: Box::new(Counted {
                        inner: stdin,
                        count,
                    }),
                    plain: None,
                    block_size,
                    eager: true,
                },
                size: None,
            });
        };
        let file = Arc::new(File::open(path).map_err(|error| cannot_open(path, error))?);
        let metadata = file.metadata().map_err(|error| cannot_open(path, error))?;
        let regular = metadata.is_file();
        let end = self.end.unwrap_or(u64::MAX);
        Ok(Source {
            stream: Stream {
                name: self.name(),
                plain: regular.then(|| Plain::of(&file, end, &count)).flatten(),
                bytes: Box::new(Counted {
                    inner: file.take(end),
                    count,
                }),
                block_size,
                eager: !regular,
            },
            size: regular.then_some(metadata.len().min(end)),
        })
    }
}

pub(super) fn cannot_open(path: &Path, error: io::Error) -> SourceError {
    let name = path.display().to_string();
    let hint = match error.kind() {
        io::ErrorKind::NotFound => Some("check the name; a pattern must stand in quotes"),
        io::ErrorKind::PermissionDenied => {
            Some("you may not read it: ask its owner, or read it as another user")
        }
        _ => None,
    };
    let message = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder",
        io::ErrorKind::PermissionDenied => "permission denied",
        _ => "cannot be opened",
    };
    let failed = SourceError::new(name, message).caused_by(error);
    match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}
