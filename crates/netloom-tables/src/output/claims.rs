//! No output is an input, and no two outputs are one file.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{AtomicFile, OutputError, folder_of};

/// The files that a command reads and those that it writes.
///
/// All outputs of a command are made [here](Self::create), after all of its inputs were named
/// ([`reads`](Self::reads), [`reads_if`](Self::reads_if)): an output that is the same file as an
/// input, or as another output, is refused before anything is written, and once more before it
/// takes its name. The same file is meant, not the same path: links, hard or symbolic, lead to it,
/// too. What is no regular file (a terminal, a pipe, a device) holds nothing that could be lost and
/// may be both.
#[derive(Debug, Clone, Default)]
pub struct Claims(Arc<Mutex<Claimed>>);

#[derive(Debug, Default)]
struct Claimed {
    inputs: Vec<Input>,
    outputs: Vec<PathBuf>,
}

#[derive(Debug)]
struct Input {
    path: PathBuf,
    /// Which file it was when it was named.
    file: FileId,
    /// Whether it is read, where that depends on what is in it.
    is_read: fn(&Path) -> bool,
}

/// Which file a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FileId {
    /// A file that is there.
    #[cfg(unix)]
    Node { device: u64, inode: u64 },
    /// A file by its folder, with links followed, and its name: one that is not there yet, or that
    /// the system has no number for.
    Path(PathBuf),
}

impl FileId {
    /// `None` where there is no regular file and none can be made.
    fn of(path: &Path) -> Option<Self> {
        if path.as_os_str() == "-" {
            return standard_input();
        }
        match fs::metadata(path) {
            Ok(file) if !file.is_file() => None,
            Ok(file) => Self::of_file(path, &file),
            Err(_) => Self::by_path(path),
        }
    }

    #[cfg(unix)]
    #[expect(
        clippy::unnecessary_wraps,
        reason = "other systems have to look for it"
    )]
    fn of_file(_: &Path, file: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        Some(Self::Node {
            device: file.dev(),
            inode: file.ino(),
        })
    }

    #[cfg(not(unix))]
    fn of_file(path: &Path, _: &Metadata) -> Option<Self> {
        fs::canonicalize(path).ok().map(Self::Path)
    }

    fn by_path(path: &Path) -> Option<Self> {
        let folder = fs::canonicalize(folder_of(path)).ok()?;
        Some(Self::Path(folder.join(path.file_name()?)))
    }
}

/// The file that standard input is read from, if it is one.
#[cfg(unix)]
fn standard_input() -> Option<FileId> {
    use std::os::fd::AsFd as _;
    let copy = io::stdin().as_fd().try_clone_to_owned().ok()?;
    let file = fs::File::from(copy).metadata().ok()?;
    if file.is_file() {
        FileId::of_file("-".as_ref(), &file)
    } else {
        None
    }
}

#[cfg(not(unix))]
fn standard_input() -> Option<FileId> {
    None
}

impl Claims {
    /// A file that is read; `-` is standard input. What is no regular file is of no matter.
    pub fn reads(&self, path: impl Into<PathBuf>) {
        self.reads_if(path, |_| true);
    }

    /// A file that is read if it is of the right kind, as one in a folder; that is looked at only
    /// where it matters.
    pub fn reads_if(&self, path: impl Into<PathBuf>, is_read: fn(&Path) -> bool) {
        let path = path.into();
        if let Some(file) = FileId::of(&path) {
            self.lock().inputs.push(Input {
                path,
                file,
                is_read,
            });
        }
    }

    /// Begins to write `path`, which takes its name when it is
    /// [committed](AtomicFile::commit); `-` is standard output.
    ///
    /// # Errors
    ///
    /// When it is an input or another output, when the folder does not exist or cannot be written
    /// to, or `path` is a folder.
    pub fn create(&self, path: impl Into<PathBuf>) -> Result<AtomicFile, OutputError> {
        let path = path.into();
        self.check(&path)?;
        let mut file = AtomicFile::create(&path)?;
        self.lock().outputs.push(path);
        file.claims = self.clone();
        Ok(file)
    }

    /// Begins to write `path` where others see it grow: what was there is gone at once, and what
    /// was written stays, committed or not; `-` is standard output.
    ///
    /// # Errors
    ///
    /// As for [`create`](Self::create).
    pub fn create_in_place(&self, path: impl Into<PathBuf>) -> Result<AtomicFile, OutputError> {
        let path = path.into();
        self.check(&path)?;
        let file = AtomicFile::create_in_place(&path)?;
        self.lock().outputs.push(path);
        Ok(file)
    }

    /// Takes note of an output that others write.
    ///
    /// # Errors
    ///
    /// When it is an input or another output.
    pub fn writes(&self, path: impl Into<PathBuf>) -> Result<(), OutputError> {
        let path = path.into();
        self.check(&path)?;
        self.lock().outputs.push(path);
        Ok(())
    }

    /// Whether `path` may be written: it is neither an input nor an output that was begun.
    ///
    /// # Errors
    ///
    /// When it is one, which the error names.
    pub fn check(&self, path: &Path) -> Result<(), OutputError> {
        self.check_but(path, 0)
    }

    /// As [`check`](Self::check), for an output that is among them `own` times.
    pub(super) fn check_but(&self, path: &Path, mut own: usize) -> Result<(), OutputError> {
        // Where standard output goes, only who redirected it knows; it has been truncated then.
        if path.as_os_str() == "-" {
            return Ok(());
        }
        let Some(file) = FileId::of(path) else {
            return Ok(());
        };
        let claimed = self.lock();
        for input in &claimed.inputs {
            // Also where others have moved files meanwhile.
            let is_same =
                input.file == file || FileId::of(&input.path).is_some_and(|now| now == file);
            if is_same && (input.is_read)(&input.path) {
                return Err(SameFile::error(path, &input.path, true));
            }
        }
        for output in &claimed.outputs {
            if own > 0 && output == path {
                own -= 1;
                continue;
            }
            if output.as_os_str() != "-" && FileId::of(output).is_some_and(|now| now == file) {
                return Err(SameFile::error(path, output, false));
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Claimed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an output is, too.
#[derive(Debug)]
pub(super) struct SameFile {
    other: PathBuf,
    is_input: bool,
}

impl SameFile {
    fn error(path: &Path, other: &Path, is_input: bool) -> OutputError {
        let hint = if is_input {
            "name another file: what is read would be lost"
        } else {
            "give each output a name of its own"
        };
        OutputError {
            path: path.to_owned(),
            action: "cannot be written",
            hint: Some(hint.to_owned()),
            cause: io::Error::new(
                io::ErrorKind::InvalidInput,
                Self {
                    other: other.to_owned(),
                    is_input,
                },
            ),
        }
    }
}

impl fmt::Display for SameFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_input { "input" } else { "output" };
        if self.other.as_os_str() == OsStr::new("-") {
            return f.write_str("it is the file that standard input comes from");
        }
        write!(
            f,
            "it is the same file as the {what} {}",
            self.other.display()
        )
    }
}

impl std::error::Error for SameFile {}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::tests::names;
    use super::*;

    #[track_caller]
    fn refused(result: Result<AtomicFile, OutputError>, other: &Path) {
        let error = result.unwrap_err();
        assert!(error.is_same_file());
        assert!(
            error.cause.to_string().contains(other.to_str().unwrap()),
            "{error}: {}",
            error.cause
        );
    }

    #[test]
    fn an_input_is_no_output() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("a.pcap");
        fs::write(&input, "packets").unwrap();
        let claims = Claims::default();
        claims.reads(&input);
        refused(claims.create(&input), &input);
        refused(claims.create_in_place(&input), &input);
        refused(claims.create(folder.path().join("./a.pcap")), &input);
        let deeper = folder.path().join("deeper");
        fs::create_dir(&deeper).unwrap();
        refused(claims.create(deeper.join("../a.pcap")), &input);
        assert_eq!(fs::read(&input).unwrap(), b"packets");
        // Another file that is there is replaced.
        let other = folder.path().join("other");
        fs::write(&other, "old").unwrap();
        claims.create(&other).unwrap().commit().unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"");
    }

    #[test]
    fn what_is_not_there_yet() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        let claims = Claims::default();
        claims.reads(&key);
        refused(claims.create(folder.path().join("./key")), &key);
        let page = folder.path().join("page");
        let first = claims.create(&page).unwrap();
        refused(claims.create(folder.path().join("./page")), &page);
        drop(first);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn what_is_read_only_if_it_is_of_a_kind() {
        let folder = tempfile::tempdir().unwrap();
        let (yes, no) = (folder.path().join("yes"), folder.path().join("no"));
        fs::write(&yes, "").unwrap();
        fs::write(&no, "").unwrap();
        let claims = Claims::default();
        for path in [&yes, &no] {
            claims.reads_if(path, |path| path.ends_with("yes"));
        }
        refused(claims.create(&yes), &yes);
        claims.create(&no).unwrap().commit().unwrap();
    }

    #[test]
    fn it_is_looked_at_again_before_it_gets_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("a.pcap");
        let out = folder.path().join("out.csv");
        fs::write(&input, "packets").unwrap();
        let claims = Claims::default();
        claims.reads(&input);
        let mut file = claims.create(&out).unwrap();
        file.write_all(b"rows").unwrap();
        // Somebody gives the capture another name while it is read.
        fs::rename(&input, &out).unwrap();
        assert!(file.commit().unwrap_err().is_same_file());
        assert_eq!(fs::read(&out).unwrap(), b"packets");
        assert_eq!(names(folder.path()), ["out.csv"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_to_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.pcap"), "packets").unwrap();
        std::os::unix::fs::symlink(at("a.pcap"), at("soft")).unwrap();
        fs::hard_link(at("a.pcap"), at("hard")).unwrap();
        for (input, output) in [
            ("soft", "a.pcap"),
            ("a.pcap", "soft"),
            ("hard", "a.pcap"),
            ("soft", "hard"),
        ] {
            let claims = Claims::default();
            claims.reads(at(input));
            refused(claims.create(at(output)), &at(input));
        }
        let claims = Claims::default();
        let _one = claims.create(at("soft")).unwrap();
        refused(claims.create(at("hard")), &at("soft"));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_may_be_both() {
        let claims = Claims::default();
        claims.reads("/dev/null");
        claims.reads("-");
        let _one = claims.create("/dev/null").unwrap();
        let _other = claims.create("/dev/null").unwrap();
        let _standard = claims.create("-").unwrap();
        claims.check("-".as_ref()).unwrap();
    }
}
