//! Distinguished names as text (RFC 2253, as OpenSSL and with it Zeek write them).

use std::borrow::Cow;
use std::fmt::Write as _;

use super::der::{self, Der, Value, tag};

/// Longest text of a name, in bytes; what would make it longer is left out.
const TEXT_MAX: usize = 4096;

/// A distinguished name, as its DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Name<'a>(pub(super) &'a [u8]);

impl<'a> Name<'a> {
    /// The whole DER of the name.
    pub const fn der(self) -> &'a [u8] {
        self.0
    }

    /// Whether it says nothing.
    pub fn is_empty(self) -> bool {
        Der::new(self.0)
            .expect(tag::SEQUENCE)
            .is_none_or(<[u8]>::is_empty)
    }

    /// The last common name (the most exact one), as it is written in the certificate.
    pub fn common_name(self) -> Option<&'a [u8]> {
        self.last([0x55, 0x04, 0x03]).map(|value| value.content)
    }

    /// The last organisation, as UTF-8.
    pub fn organization(self) -> Option<Cow<'a, [u8]>> {
        self.last([0x55, 0x04, 0x0a]).and_then(decode)
    }

    /// The last value of a kind.
    fn last(self, kind: [u8; 3]) -> Option<Value<'a>> {
        let mut sets = Der::new(self.0).inside(tag::SEQUENCE)?;
        let mut found = None;
        while let Some(mut set) = sets.inside(tag::SET) {
            while let Some(mut pair) = set.inside(tag::SEQUENCE) {
                let this = pair.expect(tag::OID)?;
                let value = pair.any()?;
                if this == kind {
                    found = Some(value);
                }
            }
        }
        found
    }

    /// As text: the most exact part first, `CN=…,O=…,C=…`.
    pub fn to_text(self) -> String {
        let mut sets = Der::new(self.0)
            .inside(tag::SEQUENCE)
            .unwrap_or(Der::new(&[]));
        // The parts one after the other, then where each ends.
        let mut text = String::with_capacity(self.0.len() + 16);
        let mut ends = Vec::with_capacity(8);
        while let Some(mut set) = sets.inside(tag::SET) {
            let start = text.len();
            while let Some(mut pair) = set.inside(tag::SEQUENCE) {
                let (Some(kind), Some(value)) = (pair.expect(tag::OID), pair.any()) else {
                    break;
                };
                if text.len() > start {
                    text.push('+');
                }
                write_pair(&mut text, kind, value);
            }
            if text.len() + ends.len() + 1 > TEXT_MAX {
                text.truncate(start);
                break;
            }
            ends.push(text.len());
        }
        let mut out = String::with_capacity(text.len() + ends.len());
        for (place, &end) in ends.iter().enumerate().rev() {
            let start = place.checked_sub(1).map_or(0, |before| ends[before]);
            if place + 1 < ends.len() {
                out.push(',');
            }
            out.push_str(text.get(start..end).unwrap_or_default());
        }
        out
    }
}

fn write_pair(out: &mut String, kind: &[u8], value: Value<'_>) {
    if let Some(label) = label(kind) {
        out.push_str(label);
        out.push('=');
        if let Some(text) = decode(value) {
            escape(out, &text);
            return;
        }
    } else {
        let oid = der::oid(kind).unwrap_or_default();
        let _ = write!(out, "{oid}=");
    }
    // What has no name or is no text is shown as the DER it is.
    out.push('#');
    for byte in value.whole {
        let _ = write!(out, "{byte:02X}");
    }
}

/// The text of a string value as bytes of UTF-8; `None` where it is no string.
fn decode(value: Value<'_>) -> Option<Cow<'_, [u8]>> {
    let content = value.content;
    let text: String = match value.tag {
        // UTF8String; NumericString, PrintableString, IA5String, VisibleString.
        0x0c | 0x12 | 0x13 | 0x16 | 0x1a => return Some(Cow::Borrowed(content)),
        // TeletexString: Latin-1 in practice.
        0x14 => content.iter().map(|&byte| char::from(byte)).collect(),
        // BMPString: UTF-16, most significant byte first.
        0x1e => {
            let units = content
                .chunks_exact(2)
                .filter_map(|pair| pair.try_into().ok().map(u16::from_be_bytes));
            char::decode_utf16(units)
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        // UniversalString: UTF-32.
        0x1c => content
            .chunks_exact(4)
            .filter_map(|four| four.try_into().ok().map(u32::from_be_bytes))
            .map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
        _ => return None,
    };
    Some(Cow::Owned(text.into_bytes()))
}

/// Escapes as RFC 2253, section 2.4; control characters and everything beyond ASCII as `\XX`.
fn escape(out: &mut String, text: &[u8]) {
    let last = text.len().saturating_sub(1);
    for (place, &byte) in text.iter().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => {
                out.push('\\');
                out.push(byte.into());
            }
            b'#' if place == 0 => out.push_str("\\#"),
            b' ' if place == 0 || place == last => out.push_str("\\ "),
            b' '..=b'~' => out.push(byte.into()),
            _ => {
                let _ = write!(out, "\\{byte:02X}");
            }
        }
    }
}

/// Short names of attribute types (RFC 4519, RFC 2985, and OpenSSL's for the rest), by the content
/// octets of their object identifiers.
fn label(kind: &[u8]) -> Option<&'static str> {
    Some(match kind {
        // 2.5.4
        [0x55, 0x04, last] => match last {
            3 => "CN",
            4 => "SN",
            5 => "serialNumber",
            6 => "C",
            7 => "L",
            8 => "ST",
            9 => "street",
            10 => "O",
            11 => "OU",
            12 => "title",
            13 => "description",
            14 => "searchGuide",
            15 => "businessCategory",
            16 => "postalAddress",
            17 => "postalCode",
            18 => "postOfficeBox",
            20 => "telephoneNumber",
            41 => "name",
            42 => "GN",
            43 => "initials",
            44 => "generationQualifier",
            45 => "x500UniqueIdentifier",
            46 => "dnQualifier",
            65 => "pseudonym",
            97 => "organizationIdentifier",
            _ => return None,
        },
        // 0.9.2342.19200300.100.1
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, last] => match last {
            1 => "UID",
            3 => "mail",
            25 => "DC",
            _ => return None,
        },
        // 1.2.840.113549.1.9
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, last] => match last {
            1 => "emailAddress",
            2 => "unstructuredName",
            7 => "challengePassword",
            8 => "unstructuredAddress",
            _ => return None,
        },
        // 1.3.6.1.4.1.311.60.2.1
        [
            0x2b,
            0x06,
            0x01,
            0x04,
            0x01,
            0x82,
            0x37,
            0x3c,
            0x02,
            0x01,
            last,
        ] => match last {
            1 => "jurisdictionL",
            2 => "jurisdictionST",
            3 => "jurisdictionC",
            _ => return None,
        },
        _ => return None,
    })
}
