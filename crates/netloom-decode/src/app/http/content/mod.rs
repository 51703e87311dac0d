//! What a body is, by its first bytes.

mod exact;
mod text;

use self::exact::{exact, ocsp};
use self::text::{is_json, markup, program, script};

/// Kinds by the bytes at their start: where, what, and the media type as Zeek names it.
const MAGIC: &[(usize, &[u8], &str)] = &[
    (0, b"MZ", "application/x-dosexec"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"\xfe\xed\xfa\xce", "application/x-mach-o-executable"),
    (0, b"\xfe\xed\xfa\xcf", "application/x-mach-o-executable"),
    (0, b"\xce\xfa\xed\xfe", "application/x-mach-o-executable"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-o-executable"),
    (0, b"\xca\xfe\xba\xbe", "application/x-java-applet"),
    (0, b"\xca\xfe\xd0\x0d", "application/x-java-pack200"),
    (0, b"\xfe\xed\xfe\xed", "application/x-java-keystore"),
    (0, b"dex\n", "application/x-dex"),
    (0, b"MDMP", "application/x-windows-minidump"),
    (
        0,
        b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F",
        "application/x-ms-shortcut",
    ),
    (0, b"REGEDIT4", "application/vnd.ms-reg"),
    (
        0,
        b"\xff\xfeW\0i\0n\0d\0o\0w\0s\0 \0R\0e\0g\0",
        "application/vnd.ms-reg",
    ),
    (0, b"regf", "application/vnd.ms-regf"),
    (0, b"!BDN", "application/vnd.ms-outlook"),
    (0, b"ITSF", "application/mshelp"),
    (0, b"\x78\x9f\x3e\x22", "application/vnd.ms-tnef"),
    (4, b"Standard Jet DB\0", "application/x-msaccess"),
    (4, b"Standard ACE DB\0", "application/x-msaccess"),
    (0, b"bplist0", "application/bplist"),
    (0, b"\x89PNG", "image/png"),
    (0, b"\x8aMNG", "video/x-mng"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (0, b"BM", "image/x-ms-bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"\0\0\x01\0", "image/x-icon"),
    (0, b"\0\0\x02\0", "image/x-cursor"),
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (0, b"gimp xcf", "image/x-xcf"),
    (0, b"AC10", "image/vnd.dwg"),
    (4, b"ftypjp2", "image/jp2"),
    (0, b"\0\0\0\x0cjP  ", "image/jp2"),
    (8, b"WEBP", "image/webp"),
    (0, b"DDS ", "application/x-ms-dds"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"PK\x07\x08PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/x-gzip"),
    (0, b"\x1f\x9d", "application/x-compress"),
    (0, b"\x5d\0\0", "application/x-lzma"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x04\x22\x4d\x18", "application/x-lz4"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"LZIP", "application/x-lzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/x-rar"),
    (0, b"xar!", "application/x-xar"),
    (0, b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed"),
    (7, b"**ACE**", "application/x-ace"),
    (0, b"WARC/", "application/warc"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/msword"),
    (0, b"FWS", "application/x-shockwave-flash"),
    (0, b"CWS", "application/x-shockwave-flash"),
    (0, b"ZWS", "application/x-shockwave-flash"),
    (0, b"FLV\x01", "video/x-flv"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"moov", "video/quicktime"),
    (4, b"mdat", "video/quicktime"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp3g", "video/3gpp"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/x-matroska"),
    (0, b"\0\0\x01\xba", "video/mpeg"),
    (0, b"\0\0\x01\xb3", "video/mpeg"),
    (0, b"\x30\x26\xb2\x75", "video/x-ms-asf"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"\xff\xfa", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"fLaC", "audio/x-flac"),
    (0, b"MThd", "audio/midi"),
    (0, b"OggS", "application/ogg"),
    (8, b"WAVE", "audio/x-wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"wOFF", "application/font-woff"),
    (0, b"wOF2", "application/font-woff2"),
    (0, b"\0\x01\0\0\0", "application/x-font-ttf"),
    (0, b"OTTO", "application/vnd.ms-opentype"),
    (0, b"SQLite format 3\0", "application/x-sqlite3"),
    (0, b"!<arch>\n", "application/x-archive"),
    (0, b"\xed\xab\xee\xdb", "application/x-rpm"),
    (0, b"Cr24", "application/chrome-ext"),
    (0, b"CrOD", "application/chrome-ext-upd"),
    (257, b"ustar", "application/x-tar"),
    (0, b"d8:announce", "application/x-bittorrent"),
    (0, b"\xa1\xb2\xc3\xd4", "application/vnd.tcpdump.pcap"),
    (0, b"\xd4\xc3\xb2\xa1", "application/vnd.tcpdump.pcap"),
    (0, b"-----BEGIN CERTIFICATE-----", "application/x-pem"),
    (0, b"-----BEGIN PGP MESSAGE-", "application/pgp"),
    (
        0,
        b"-----BEGIN PGP PUBLIC KEY BLOCK-",
        "application/pgp-keys",
    ),
    (0, b"-----BEGIN PGP SIGNATURE-", "application/pgp-signature"),
    (0, b"{\\rtf", "text/rtf"),
    (0, b"#EXTM3U", "application/vnd.apple.mpegurl"),
    (0, b"BEGIN:VCALENDAR", "text/calendar"),
    (0, b"BEGIN:VCARD", "text/x-vcard"),
    (0, b"<?php", "text/x-php"),
];

/// The media type of a body by its first bytes, in Zeek's words; `None` where they say nothing.
///
/// ```
/// use netloom_decode::app::http::sniff;
/// assert_eq!(sniff(b"\x89PNG\r\n\x1a\n\0\0"), Some("image/png"));
/// assert_eq!(sniff(b"  <!DOCTYPE html>"), Some("text/html"));
/// assert_eq!(sniff(b"some words"), Some("text/plain"));
/// assert_eq!(sniff(b"\x01\x02\x03"), None);
/// ```
pub fn sniff(start: &[u8]) -> Option<&'static str> {
    if let Some((_, bytes, kind)) = magic(start) {
        // Two letters alone may begin a text.
        if bytes.len() > 2
            || !is_text(start)
            || *kind == "application/x-dosexec" && start.len() == 2
        {
            return Some(exact(kind, start));
        }
    }
    if let Some(kind) = ocsp(start) {
        return Some(kind);
    }
    if start.starts_with(b"#!") {
        return Some(script(start));
    }
    let trimmed = start
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(start)
        .trim_ascii_start();
    if let Some(kind) = markup(trimmed) {
        return Some(kind);
    }
    if !is_text(start) {
        return None;
    }
    Some(if is_json(trimmed) {
        "text/json"
    } else {
        program(trimmed).unwrap_or("text/plain")
    })
}

/// By the first byte of a body: a bit for each line of [`MAGIC`] that may fit.
static CANDIDATES: [u128; 256] = {
    assert!(MAGIC.len() <= 128, "a bit for each line");
    let mut candidates = [0; 256];
    let mut line = 0;
    while line < MAGIC.len() {
        let (at, bytes, _) = MAGIC[line];
        let mut first = 0;
        while first < candidates.len() {
            if at > 0 || bytes[0] as usize == first {
                candidates[first] |= 1 << line;
            }
            first += 1;
        }
        line += 1;
    }
    candidates
};

/// The first line of [`MAGIC`] that fits.
fn magic(start: &[u8]) -> Option<&'static (usize, &'static [u8], &'static str)> {
    let mut candidates = CANDIDATES[usize::from(*start.first()?)];
    while candidates != 0 {
        let line = MAGIC.get(candidates.trailing_zeros() as usize)?;
        candidates &= candidates - 1;
        let (at, bytes, _) = line;
        if start.get(*at..).is_some_and(|rest| rest.starts_with(bytes)) {
            return Some(line);
        }
    }
    None
}

/// Whether it is text: UTF-8 (its last character may be cut) without control characters.
fn is_text(start: &[u8]) -> bool {
    let valid = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            let valid = start.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let odd = |byte: u8| byte == 0x7f || byte < b' ' && !(8..=13).contains(&byte) && byte != 0x1b;
    // Without a branch for each byte, many are compared at once.
    let any_odd = |piece: &[u8]| piece.iter().fold(false, |any, &byte| any | odd(byte));
    !valid.is_empty() && !valid.as_bytes().chunks(64).any(any_odd)
}

/// Whether a kind is something that runs.
pub fn is_program(kind: &str) -> bool {
    matches!(
        kind,
        "application/x-dosexec"
            | "application/x-executable"
            | "application/x-sharedlib"
            | "application/x-mach-o-executable"
            | "application/x-java-applet"
            | "application/java-archive"
            | "application/x-java-pack200"
            | "application/x-dex"
            | "application/x-rpm"
            | "application/x-debian-package"
            | "application/x-ms-shortcut"
            | "application/chrome-ext"
            | "text/x-shellscript"
            | "text/x-msdos-batch"
            | "text/x-python"
            | "text/x-perl"
            | "text/x-ruby"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found() {
        for line in MAGIC {
            let (at, bytes, _) = *line;
            let start = [&vec![0xee; at][..], bytes].concat();
            let slow = MAGIC
                .iter()
                .find(|(at, bytes, _)| start.get(*at..).is_some_and(|r| r.starts_with(bytes)));
            assert_eq!(magic(&start), slow, "{line:?}");
        }
        assert_eq!(magic(b""), None);
    }

    #[test]
    fn kinds() {
        assert_eq!(sniff(b"MZ\x90\0\x03"), Some("application/x-dosexec"));
        assert_eq!(sniff(b"MZ is a name"), Some("text/plain"));
        assert_eq!(sniff(b"#!/bin/sh\n"), Some("text/x-shellscript"));
        assert_eq!(sniff(b"#!/usr/bin/env python3\n"), Some("text/x-python"));
        assert_eq!(sniff(b"{\"a\": 1}"), Some("text/json"));
        assert_eq!(sniff(b"<!-- x --><HTML>"), Some("text/html"));
        assert_eq!(
            sniff("caf\u{e9}".as_bytes().get(..4).unwrap()),
            Some("text/plain")
        );
        assert_eq!(sniff(b"a\0b"), None);
        assert_eq!(sniff(b""), None);
    }
}
