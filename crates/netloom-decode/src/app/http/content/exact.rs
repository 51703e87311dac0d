//! Bodies whose first bytes begin more than one kind.

use crate::app::wire::u16_at;
use memchr::memmem::find;

/// What is packed as ZIP says further in which kind of document it is.
const OPEN_DOCUMENTS: &[(&[u8], &str)] = &[
    (
        b"text-template",
        "application/vnd.oasis.opendocument.text-template",
    ),
    (b"text-web", "application/vnd.oasis.opendocument.text-web"),
    (
        b"text-master",
        "application/vnd.oasis.opendocument.text-master",
    ),
    (b"text", "application/vnd.oasis.opendocument.text"),
    (
        b"spreadsheet-template",
        "application/vnd.oasis.opendocument.spreadsheet-template",
    ),
    (
        b"spreadsheet",
        "application/vnd.oasis.opendocument.spreadsheet",
    ),
    (
        b"presentation-template",
        "application/vnd.oasis.opendocument.presentation-template",
    ),
    (
        b"presentation",
        "application/vnd.oasis.opendocument.presentation",
    ),
    (
        b"graphics-template",
        "application/vnd.oasis.opendocument.graphics-template",
    ),
    (b"graphics", "application/vnd.oasis.opendocument.graphics"),
    (b"chart", "application/vnd.oasis.opendocument.chart"),
    (b"formula", "application/vnd.oasis.opendocument.formula"),
    (b"database", "application/vnd.oasis.opendocument.database"),
    (b"image", "application/vnd.oasis.opendocument.image"),
];

/// The kind in full where the bytes that a body begins with are those of several.
pub(super) fn exact(kind: &'static str, start: &[u8]) -> &'static str {
    match kind {
        "application/x-executable" => elf(start).unwrap_or(kind),
        // The same four bytes: then come the number of architectures, or the version, which
        // began with 45.
        "application/x-java-applet" if matches!(start.get(4..8), Some([_, _, 0, 1..=20])) => {
            "application/x-mach-o-executable"
        }
        "application/zip" => zip(start).unwrap_or(kind),
        "application/x-archive" if start.starts_with(b"!<arch>\ndebian") => {
            "application/x-debian-package"
        }
        // DocType (RFC 8794, section 11.2.7).
        "video/x-matroska" if find(start, b"webm").is_some() => "video/webm",
        _ => kind,
    }
}

/// By `e_type` of the ELF header, in the order of bytes that it says.
fn elf(start: &[u8]) -> Option<&'static str> {
    let number = u16_at(start, 16)?;
    let number = match start.get(5)? {
        1 => number.swap_bytes(),
        2 => number,
        _ => return None,
    };
    Some(match number {
        1 => "application/x-object",
        2 => "application/x-executable",
        3 => "application/x-sharedlib",
        4 => "application/x-coredump",
        _ => return None,
    })
}

/// By the name of the first file, and what it holds where it is not packed.
fn zip(start: &[u8]) -> Option<&'static str> {
    // Where the name of a file stands behind its signature (APPNOTE.TXT, section 4.3.7).
    const NAME: usize = 30;
    let name = start.get(NAME..)?;
    if let Some(kind) = name.strip_prefix(b"mimetypeapplication/") {
        if kind.starts_with(b"epub+zip") {
            return Some("application/epub+zip");
        }
        let kind = kind.strip_prefix(b"vnd.oasis.opendocument.")?;
        return OPEN_DOCUMENTS
            .iter()
            .find(|(word, _)| kind.starts_with(word))
            .map(|(_, kind)| *kind);
    }
    let has_manifest = |near| find(near, b"META-INF/MANIFEST.MF").is_some();
    if name.starts_with(b"META-INF/") || name.get(..200).is_some_and(has_manifest) {
        return Some("application/java-archive");
    }
    let office = [
        &b"[Content_Types].xml"[..],
        b"_rels/.rels",
        b"word/",
        b"xl/",
        b"ppt/",
    ];
    if office.iter().any(|first| name.starts_with(first)) {
        let has = |folder: &[u8]| {
            let mut rest = start;
            while let Some(at) = find(rest, b"PK\x03\x04") {
                let name = rest.get(at + NAME..).unwrap_or_default();
                if name.starts_with(folder) {
                    return true;
                }
                rest = rest.get(at + 4..).unwrap_or_default();
            }
            false
        };
        return Some(if has(b"word/") {
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        } else if has(b"xl/") {
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        } else if has(b"ppt/") {
            "application/vnd.openxmlformats-officedocument.presentationml.presentation"
        } else {
            "application/vnd.openxmlformats-officedocument"
        });
    }
    // What Office writes: version 2.0, and that its files may be read in one go.
    (start.get(4..8)? == [0x14, 0, 6, 0]).then_some("application/vnd.openxmlformats-officedocument")
}

/// Requests and responses of OCSP (RFC 6960): DER, told by the identifier of SHA-1, with which
/// certificates are named, or of the basic response, where each has them.
pub(super) fn ocsp(start: &[u8]) -> Option<&'static str> {
    if start.first() != Some(&0x30) {
        return None;
    }
    let begins =
        |oid: &[u8]| (11..=19).any(|at| start.get(at..).is_some_and(|rest| rest.starts_with(oid)));
    if begins(b"\x06\x05\x2b\x0e\x03\x02\x1a") {
        Some("application/ocsp-request")
    } else if begins(b"\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x01") {
        Some("application/ocsp-response")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::sniff;

    fn local_file(name: &[u8], content: &[u8]) -> Vec<u8> {
        let mut file = b"PK\x03\x04\x14\0\0\0\0\0".to_vec();
        file.resize(30, 0);
        file.extend_from_slice(name);
        file.extend_from_slice(content);
        file
    }

    #[test]
    fn packed_documents() {
        let kind = |files: &[(&[u8], &[u8])]| {
            let parts: Vec<_> = files
                .iter()
                .flat_map(|(name, content)| local_file(name, content))
                .collect();
            sniff(&parts).unwrap()
        };
        assert_eq!(kind(&[(b"a.txt", b"words")]), "application/zip");
        assert_eq!(
            kind(&[(b"META-INF/MANIFEST.MF", b"")]),
            "application/java-archive"
        );
        assert_eq!(
            kind(&[(b"mimetype", b"application/epub+zip")]),
            "application/epub+zip"
        );
        assert_eq!(
            kind(&[(b"mimetype", b"application/vnd.oasis.opendocument.text")]),
            "application/vnd.oasis.opendocument.text"
        );
        assert_eq!(
            kind(&[
                (b"[Content_Types].xml", b"<Types>"),
                (b"xl/workbook.xml", b"")
            ]),
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        );
        assert_eq!(
            kind(&[(b"[Content_Types].xml", b"<Types>")]),
            "application/vnd.openxmlformats-officedocument"
        );
    }

    #[test]
    fn programs() {
        let elf = |kind: [u8; 2], order: u8| {
            let mut header = b"\x7fELF\x02".to_vec();
            header.push(order);
            header.resize(16, 0);
            header.extend_from_slice(&kind);
            sniff(&header).unwrap()
        };
        assert_eq!(elf([2, 0], 1), "application/x-executable");
        assert_eq!(elf([3, 0], 1), "application/x-sharedlib");
        assert_eq!(elf([0, 4], 2), "application/x-coredump");
        assert_eq!(elf([0, 9], 7), "application/x-executable");
        assert_eq!(sniff(b"\x7fELF"), Some("application/x-executable"));
        assert_eq!(
            sniff(b"\xca\xfe\xba\xbe\0\0\0\x02"),
            Some("application/x-mach-o-executable")
        );
        assert_eq!(
            sniff(b"\xca\xfe\xba\xbe\0\0\0\x41"),
            Some("application/x-java-applet")
        );
        assert_eq!(
            sniff(b"!<arch>\ndebian-binary"),
            Some("application/x-debian-package")
        );
        assert_eq!(sniff(b"\x1aE\xdf\xa3\x9fB\x82\x84webm"), Some("video/webm"));
    }

    #[test]
    fn certificates_asked_for() {
        let at = |at: usize, oid: &[u8]| {
            let mut bytes = vec![0x30; at];
            bytes.extend_from_slice(oid);
            sniff(&bytes)
        };
        let sha1 = b"\x06\x05\x2b\x0e\x03\x02\x1a";
        assert_eq!(at(11, sha1), Some("application/ocsp-request"));
        assert_eq!(at(20, sha1), None);
        assert_eq!(
            at(17, b"\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x01"),
            Some("application/ocsp-response")
        );
    }
}
