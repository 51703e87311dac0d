//! What a file is, by its first bytes; and what to say of one that is no capture.

use std::borrow::Cow;

use netloom_packet::SourceError;

use super::compressed::{Opened, read_up_to};
use super::{pcap, pcapng};

/// Bytes needed to know a capture: those of a pcap file header.
pub(super) const HEADER: usize = pcap::FILE_HEADER;

/// Bytes looked at to say what a file is that is no capture.
const LOOKED_AT: usize = 1024;

/// A format of captures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Classic pcap and its variants.
    Pcap,
    /// pcapng.
    Pcapng,
}

/// The format of a capture that begins with `start`.
///
/// A start of one to three bytes that a capture could have is taken for one that was cut.
pub(super) fn format(start: &[u8]) -> Option<Format> {
    if start.is_empty() {
        None
    } else if start.len() < 4 {
        if pcapng::may_be_pcapng(start) {
            Some(Format::Pcapng)
        } else {
            pcap::may_be_pcap(start).then_some(Format::Pcap)
        }
    } else if pcapng::is_pcapng(start) {
        Some(Format::Pcapng)
    } else {
        pcap::is_pcap(start).then_some(Format::Pcap)
    }
}

/// The error for a stream that is no capture, with what it looks like instead.
pub(super) fn no_capture(name: &str, mut opened: Opened) -> SourceError {
    let mut start = vec![0; LOOKED_AT];
    let (length, _) = read_up_to(&mut opened.stream, &mut start);
    start.truncate(length);
    let (what, hint) = describe(&start);
    let inside = opened
        .layers
        .iter()
        .map(|layer| layer.name())
        .collect::<Vec<_>>()
        .join(" of ");
    let message: Cow<'static, str> = match (start.is_empty(), inside.is_empty()) {
        (true, true) => "the file is empty".into(),
        (true, false) => format!("no capture: {inside} of nothing").into(),
        (false, true) => format!("no capture: it looks like {what}").into(),
        (false, false) => format!("no capture: {inside} of {what}").into(),
    };
    SourceError::new(name, message).hint(hint)
}

const CONVERT: &str =
    "Wireshark's editcap can turn it into pcapng: editcap -F pcapng IN OUT.pcapng";
const CAPTURES: &str =
    "captures are pcap or pcapng files, plain or compressed with gzip, zstd or lz4";
const UNPACK: &str =
    "unpack it first: captures are read plain or compressed with gzip, zstd or lz4";
const EMPTY: &str = "was the capture started, and did it have leave to write? even a capture without packets has a header";

/// First bytes, what they belong to, and what to do.
const KNOWN: &[(&[u8], &str, &str)] = &[
    (b"snoop\0\0\0", "a snoop capture (Solaris)", CONVERT),
    (b"RTSS", "a Network Monitor 1 capture", CONVERT),
    (b"GMBU", "a Network Monitor 2 capture", CONVERT),
    (b"TRSNIFF data", "a DOS Sniffer capture", CONVERT),
    (b"XCP\0", "a NetXRay or Sniffer capture", CONVERT),
    (b"btsnoop\0", "a Bluetooth btsnoop log", CONVERT),
    (b"iptrace ", "an AIX iptrace capture", CONVERT),
    (b"\x7fver", "an EtherPeek or OmniPeek capture", CONVERT),
    (b"5View", "a 5View capture", CONVERT),
    (b"\x54\x52\x00\x64", "a Novell LANalyzer capture", CONVERT),
    (b"\x01\x10", "a Novell LANalyzer capture", CONVERT),
    (b"CWGP", "a CommView capture", CONVERT),
    (b"LSCP", "a Viavi Observer capture", CONVERT),
    (b"ObserverPktBuffe", "a Viavi Observer capture", CONVERT),
    (b"\x7fELF", "a program (ELF)", CAPTURES),
    (b"MZ", "a Windows program", CAPTURES),
    (b"PK\x03\x04", "a ZIP archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (b"\xfd7zXZ\0", "xz", UNPACK),
    (b"BZh", "bzip2", UNPACK),
    (b"\x1f\x9d", "the output of compress", UNPACK),
    (b"\x1f\x8b", "damaged gzip", UNPACK),
    (b"PAR1", "a Parquet table", CAPTURES),
    (b"ARROW1", "an Arrow table", CAPTURES),
    (b"SQLite format 3\0", "an SQLite database", CAPTURES),
    (b"%PDF", "a PDF", CAPTURES),
    (b"\x89PNG", "a PNG picture", CAPTURES),
    (b"\xff\xd8\xff", "a JPEG picture", CAPTURES),
    (b"\xd0\xcf\x11\xe0", "an old Office document", CAPTURES),
    (
        b"version https://git-lfs",
        "a Git LFS pointer, not the file it stands for",
        "fetch the file itself: git lfs pull",
    ),
];

/// What a file's first bytes look like, and what to do about it.
fn describe(start: &[u8]) -> (Cow<'static, str>, &'static str) {
    if start.is_empty() {
        return ("nothing".into(), EMPTY);
    }
    if let Some((_, what, hint)) = KNOWN.iter().find(|(magic, ..)| start.starts_with(magic)) {
        return ((*what).into(), hint);
    }
    if start.get(257..262) == Some(b"ustar") {
        return ("a tar archive".into(), UNPACK);
    }
    if let Some(text) = as_text(start) {
        return describe_text(text);
    }
    if looks_like_erf(start) {
        return ("an Endace ERF capture".into(), CONVERT);
    }
    if start.iter().all(|byte| *byte == 0) {
        return (
            "nothing but zero bytes".into(),
            "the file may be one that was never completely written or downloaded",
        );
    }
    let first: Vec<String> = start
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    (
        format!("no format known here (it begins with {})", first.join(" ")).into(),
        CAPTURES,
    )
}

fn describe_text(text: &str) -> (Cow<'static, str>, &'static str) {
    let trimmed = text.trim_start_matches('\u{feff}').trim_start();
    let head: String = trimmed
        .chars()
        .take(64)
        .collect::<String>()
        .to_ascii_lowercase();
    let first_line = trimmed.lines().next().unwrap_or_default();
    if head.starts_with("<!doctype html") || head.starts_with("<html") {
        return (
            "an HTML page".into(),
            "a download may have brought a page in place of the capture: look at it in a browser",
        );
    }
    if head.starts_with("<?xml") {
        return ("XML".into(), CAPTURES);
    }
    if head.starts_with('{') || head.starts_with('[') {
        return ("JSON".into(), CAPTURES);
    }
    if head.starts_with("#separator") || head.starts_with("#fields") {
        return ("a Zeek log".into(), CAPTURES);
    }
    if head.starts_with("0000") {
        return (
            "a hex dump".into(),
            "Wireshark's text2pcap can turn it into a capture",
        );
    }
    if is_tcpdump_text(first_line) {
        return (
            "the printed output of tcpdump".into(),
            "write packets instead of text with tcpdump -w FILE",
        );
    }
    for (separator, what) in [
        (',', "a CSV table"),
        ('\t', "a tab-separated table"),
        (';', "a CSV table"),
    ] {
        if first_line.matches(separator).count() >= 2 {
            return (what.into(), CAPTURES);
        }
    }
    ("text".into(), CAPTURES)
}

/// A line such as `12:34:56.789012 IP a > b: …`.
fn is_tcpdump_text(line: &str) -> bool {
    line.get(..8).is_some_and(|time| {
        time.bytes().enumerate().all(|(index, byte)| match index {
            2 | 5 => byte == b':',
            _ => byte.is_ascii_digit(),
        })
    }) && line.contains(" > ")
}

/// The start as text, if it is any; a character cut at the end is no fault.
fn as_text(start: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            std::str::from_utf8(start.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let printable = |character: char| !character.is_control() || "\t\r\n\u{c}".contains(character);
    text.chars().all(printable).then_some(text)
}

/// Endace's extensible record format has no magic: two records in a row whose lengths fit.
fn looks_like_erf(start: &[u8]) -> bool {
    let record = |from: usize| -> Option<usize> {
        let header = start.get(from..from + 16)?;
        let (kind, length) = match header {
            [_, _, _, _, _, _, _, _, kind, _, high, low, ..] => {
                (kind & 0x7f, usize::from(*high) << 8 | usize::from(*low))
            }
            _ => return None,
        };
        ((1..=27).contains(&kind) && length >= 16).then_some(from + length)
    };
    record(0).and_then(record).is_some()
}
