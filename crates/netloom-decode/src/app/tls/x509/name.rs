//! Distinguished names as text (RFC 2253, as OpenSSL and with it Zeek write them).

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
    pub fn organization(self) -> Option<Vec<u8>> {
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
        let mut parts = Vec::new();
        let mut sets = Der::new(self.0)
            .inside(tag::SEQUENCE)
            .unwrap_or(Der::new(&[]));
        let mut len = 0;
        while let Some(mut set) = sets.inside(tag::SET) {
            let mut part = String::new();
            while let Some(mut pair) = set.inside(tag::SEQUENCE) {
                let (Some(kind), Some(value)) = (pair.expect(tag::OID), pair.any()) else {
                    break;
                };
                if !part.is_empty() {
                    part.push('+');
                }
                write_pair(&mut part, kind, value);
            }
            len += part.len() + 1;
            if len > TEXT_MAX {
                break;
            }
            parts.push(part);
        }
        parts.reverse();
        parts.join(",")
    }
}

fn write_pair(out: &mut String, kind: &[u8], value: Value<'_>) {
    let oid = der::oid(kind).unwrap_or_default();
    if let Some(label) = label(&oid) {
        out.push_str(label);
        out.push('=');
        if let Some(text) = decode(value) {
            escape(out, &text);
            return;
        }
    } else {
        let _ = write!(out, "{oid}=");
    }
    // What has no name or is no text is shown as the DER it is.
    out.push('#');
    for byte in value.whole {
        let _ = write!(out, "{byte:02X}");
    }
}

/// The text of a string value as bytes of UTF-8; `None` where it is no string.
fn decode(value: Value<'_>) -> Option<Vec<u8>> {
    let content = value.content;
    match value.tag {
        // UTF8String; NumericString, PrintableString, IA5String, VisibleString.
        0x0c | 0x12 | 0x13 | 0x16 | 0x1a => Some(content.to_vec()),
        // TeletexString: Latin-1 in practice.
        0x14 => {
            let text: String = content.iter().map(|&byte| char::from(byte)).collect();
            Some(text.into_bytes())
        }
        // BMPString: UTF-16, most significant byte first.
        0x1e => {
            let units = content
                .chunks_exact(2)
                .filter_map(|pair| pair.try_into().ok().map(u16::from_be_bytes));
            let text: String = char::decode_utf16(units)
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect();
            Some(text.into_bytes())
        }
        // UniversalString: UTF-32.
        0x1c => {
            let text: String = content
                .chunks_exact(4)
                .filter_map(|four| four.try_into().ok().map(u32::from_be_bytes))
                .map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect();
            Some(text.into_bytes())
        }
        _ => None,
    }
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

/// Short names of attribute types (RFC 4519, RFC 2985, and OpenSSL's for the rest).
fn label(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "street",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.13" => "description",
        "2.5.4.14" => "searchGuide",
        "2.5.4.15" => "businessCategory",
        "2.5.4.16" => "postalAddress",
        "2.5.4.17" => "postalCode",
        "2.5.4.18" => "postOfficeBox",
        "2.5.4.20" => "telephoneNumber",
        "2.5.4.41" => "name",
        "2.5.4.42" => "GN",
        "2.5.4.43" => "initials",
        "2.5.4.44" => "generationQualifier",
        "2.5.4.45" => "x500UniqueIdentifier",
        "2.5.4.46" => "dnQualifier",
        "2.5.4.65" => "pseudonym",
        "2.5.4.97" => "organizationIdentifier",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.3" => "mail",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        "1.2.840.113549.1.9.2" => "unstructuredName",
        "1.2.840.113549.1.9.7" => "challengePassword",
        "1.2.840.113549.1.9.8" => "unstructuredAddress",
        "1.3.6.1.4.1.311.60.2.1.1" => "jurisdictionL",
        "1.3.6.1.4.1.311.60.2.1.2" => "jurisdictionST",
        "1.3.6.1.4.1.311.60.2.1.3" => "jurisdictionC",
        _ => return None,
    })
}
