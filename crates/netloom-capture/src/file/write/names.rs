//! The names of a rotated capture's files.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use netloom_packet::Timestamp;

/// Names for one file after another, from the name a person gave.
///
/// A name with patterns as in strftime and `tcpdump -G` (`%Y %m %d %H %M %S %y %j %F %T %s %%`)
/// is filled in; into any other, the time and a number are put before the extension:
/// `office.pcapng.zst` becomes `office-20260331-235959-00001.pcapng.zst`.
///
/// ```
/// use netloom_capture::file::FileNames;
/// use netloom_packet::Timestamp;
///
/// let midnight = Timestamp::from_secs_nanos(1_767_225_600, 0);
/// let mut names = FileNames::rotated("day-%Y-%m-%d.pcap".as_ref(), |_| 0);
/// assert_eq!(names.next(midnight).to_str(), Some("day-2026-01-01.pcap"));
/// // The same name twice would cost the first file.
/// assert_eq!(names.next(midnight).to_str(), Some("day-2026-01-01-00002.pcap"));
/// ```
#[derive(Debug, Clone)]
pub struct FileNames {
    path: PathBuf,
    rotated: bool,
    utc_offset: fn(Timestamp) -> i64,
    number: u64,
    last: Option<PathBuf>,
}

impl FileNames {
    /// One file of this very name.
    pub fn single(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            rotated: false,
            utc_offset: |_| 0,
            number: 0,
            last: None,
        }
    }

    /// Many files; `utc_offset` says by how many seconds the names' time is ahead of UTC at a
    /// time.
    pub fn rotated(path: &Path, utc_offset: fn(Timestamp) -> i64) -> Self {
        Self {
            path: path.to_owned(),
            rotated: true,
            utc_offset,
            number: 0,
            last: None,
        }
    }

    /// The name of the next file, which begins at `start`.
    pub fn next(&mut self, start: Timestamp) -> PathBuf {
        if !self.rotated {
            return self.path.clone();
        }
        self.number += 1;
        let offset = (self.utc_offset)(start);
        let local = start.plus_nanos(offset.saturating_mul(1_000_000_000));
        let pattern = self.path.to_string_lossy();
        if !has_pattern(&pattern) {
            let stamp = fill("%Y%m%d-%H%M%S", local, start);
            return insert(&self.path, &format!("-{stamp}-{:05}", self.number));
        }
        let mut name = PathBuf::from(fill(&pattern, local, start));
        // Only the time tells the files apart, and it was the same.
        if self.last.as_ref() == Some(&name) {
            name = insert(&name, &format!("-{:05}", self.number));
        } else {
            self.last = Some(name.clone());
        }
        name
    }
}

/// The letters that stand for a part of the time.
const LETTERS: &str = "YmdHMSyjFTs%";

fn has_pattern(name: &str) -> bool {
    let mut rest = name;
    while let Some((_, after)) = rest.split_once('%') {
        if after.starts_with(|letter| LETTERS.contains(letter)) {
            return true;
        }
        rest = after;
    }
    false
}

/// Fills in a pattern; `local` is what the clock on the wall says at `start`.
fn fill(pattern: &str, local: Timestamp, start: Timestamp) -> String {
    let (year, month, day, hour, minute, second, _) = local.to_civil();
    let mut name = String::with_capacity(pattern.len() + 16);
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            name.push(letter);
            continue;
        }
        // Writing to a string does not fail.
        _ = match letters.next() {
            Some('Y') => write!(name, "{year:04}"),
            Some('y') => write!(name, "{:02}", year.rem_euclid(100)),
            Some('m') => write!(name, "{month:02}"),
            Some('d') => write!(name, "{day:02}"),
            Some('H') => write!(name, "{hour:02}"),
            Some('M') => write!(name, "{minute:02}"),
            Some('S') => write!(name, "{second:02}"),
            Some('j') => write!(name, "{:03}", day_of_year(year, month, day)),
            Some('F') => write!(name, "{year:04}-{month:02}-{day:02}"),
            Some('T') => write!(name, "{hour:02}:{minute:02}:{second:02}"),
            Some('s') => write!(name, "{}", start.as_secs()),
            Some('%') | None => write!(name, "%"),
            Some(other) => write!(name, "%{other}"),
        };
    }
    name
}

fn day_of_year(year: i32, month: u8, day: u8) -> u16 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before: u16 = months
        .iter()
        .take(usize::from(month).saturating_sub(1))
        .sum();
    before + u16::from(day)
}

/// Puts `text` before the extension, and before that of a compression too.
fn insert(path: &Path, text: &str) -> PathBuf {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let packed = super::WriteCompression::by_name(Path::new(&name)).is_some();
    let inner = if packed {
        Path::new(&name).file_stem().map_or(0, OsStr::len)
    } else {
        name.len()
    };
    let (inner, outer) = name.split_at_checked(inner).unwrap_or((&name, ""));
    let stem = Path::new(inner).file_stem().map_or(0, OsStr::len);
    let (stem, extension) = inner.split_at_checked(stem).unwrap_or((inner, ""));
    path.with_file_name(format!("{stem}{text}{extension}{outer}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-02-29 23:59:59 UTC.
    const LEAP: Timestamp = Timestamp::from_secs_nanos(1_709_251_199, 0);

    fn first(path: &str) -> String {
        let mut names = FileNames::rotated(Path::new(path), |_| 0);
        names.next(LEAP).to_str().unwrap().to_owned()
    }

    #[test]
    fn patterns() {
        // Expected values from `date -u -d @1709251199 +…`.
        assert_eq!(
            first("/a/%Y%m%d-%H%M%S.pcap"),
            "/a/20240229-235959.pcap".to_owned()
        );
        assert_eq!(
            first("%y %j %F %T %s %% %Q %"),
            "24 060 2024-02-29 23:59:59 1709251199 % %Q %"
        );
    }

    #[test]
    fn a_time_and_a_number_stand_before_the_extensions() {
        assert_eq!(first("a.pcap"), "a-20240229-235959-00001.pcap");
        assert_eq!(
            first("/x/a.b.pcapng.zst"),
            "/x/a.b-20240229-235959-00001.pcapng.zst"
        );
        assert_eq!(first("a"), "a-20240229-235959-00001");
        assert_eq!(first("a.gz"), "a-20240229-235959-00001.gz");
        // A percent sign that stands for nothing is no pattern.
        assert_eq!(first("100%.pcap"), "100%-20240229-235959-00001.pcap");
        let mut names = FileNames::rotated(Path::new("a.pcap"), |_| -7200);
        names.next(LEAP);
        assert_eq!(
            names.next(LEAP).to_str(),
            Some("a-20240229-215959-00002.pcap")
        );
    }

    #[test]
    fn a_single_file_keeps_its_name() {
        let mut names = FileNames::single(Path::new("%Y.pcap"));
        assert_eq!(names.next(LEAP).to_str(), Some("%Y.pcap"));
    }
}
