//! X.509 certificates (RFC 5280): what a person asks of one. Signatures are not verified.

mod algorithm;
mod der;
mod name;

#[cfg(test)]
pub(crate) mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netloom_packet::Timestamp;
use sha1::{Digest, Sha1};
use sha2::Sha256;

use der::{Der, tag};

pub use name::Name;

/// Most names of a certificate that are kept (some have thousands).
pub const NAMES_MAX: usize = 512;

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Certificate<'a> {
    /// Version: 1 or 3, seldom 2.
    pub version: u8,
    /// Serial number: two's complement, most significant byte first.
    pub serial: &'a [u8],
    /// Who signed.
    pub issuer: Name<'a>,
    /// Whose it is.
    pub subject: Name<'a>,
    /// Valid from.
    pub not_before: Option<Timestamp>,
    /// Valid to.
    pub not_after: Option<Timestamp>,
    /// Names of hosts (subject alternative names), as written, at most [`NAMES_MAX`].
    pub dns_names: Vec<&'a [u8]>,
    /// Addresses (subject alternative names), at most [`NAMES_MAX`].
    pub addresses: Vec<IpAddr>,
    /// Mail addresses (subject alternative names), at most [`NAMES_MAX`].
    pub mail_addresses: Vec<&'a [u8]>,
    /// Whether it has subject alternative names at all.
    pub has_alternative_names: bool,
    /// Basic constraints: whether it may sign others; `None` where it does not say.
    pub ca: Option<bool>,
    /// Basic constraints: how many may stand between it and the leaf.
    pub path_len: Option<u32>,
    /// Bits of the public key, where its kind is known.
    pub key_bits: Option<u32>,
    /// Object identifier of the key's kind, content octets.
    key_algorithm: &'a [u8],
    /// Object identifier of the key's curve, content octets.
    key_curve: &'a [u8],
    /// Object identifier of the signature's algorithm, content octets.
    signature_algorithm: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads a certificate; `None` where it is none. Extensions that make no sense are passed over.
    pub fn parse(der: &'a [u8]) -> Option<Self> {
        let mut certificate = Der::new(der).inside(tag::SEQUENCE)?;
        let mut signed = certificate.inside(tag::SEQUENCE)?;
        let mut found = Self {
            version: 1,
            ..Self::default()
        };
        if let Some(mut version) = signed.inside(0xa0) {
            let version = unsigned(version.expect(tag::INTEGER)?)?;
            found.version = u8::try_from(version).ok()?.checked_add(1)?;
        }
        found.serial = signed.expect(tag::INTEGER)?;
        signed.expect(tag::SEQUENCE)?;
        found.issuer = Name(sequence(&mut signed)?);
        let mut validity = signed.inside(tag::SEQUENCE)?;
        found.not_before = validity.any().and_then(|value| time(&value));
        found.not_after = validity.any().and_then(|value| time(&value));
        found.subject = Name(sequence(&mut signed)?);
        found.key(signed.inside(tag::SEQUENCE)?)?;
        // Unique identifiers of version 2.
        while matches!(signed.peek(), Some(0x81 | 0x82 | 0xa1 | 0xa2)) {
            signed.any()?;
        }
        if let Some(mut extensions) = signed.inside(0xa3) {
            let mut extensions = extensions.inside(tag::SEQUENCE).unwrap_or(Der::new(&[]));
            while let Some(extension) = extensions.inside(tag::SEQUENCE) {
                found.extension(extension);
            }
        }
        let mut algorithm = certificate.inside(tag::SEQUENCE)?;
        found.signature_algorithm = algorithm.expect(tag::OID)?;
        Some(found)
    }

    /// SubjectPublicKeyInfo.
    fn key(&mut self, mut info: Der<'a>) -> Option<()> {
        let mut algorithm = info.inside(tag::SEQUENCE)?;
        self.key_algorithm = algorithm.expect(tag::OID)?;
        self.key_curve = algorithm.expect(tag::OID).unwrap_or_default();
        // The first byte says how many bits of the last one are not used.
        let bits = info.expect(tag::BIT_STRING)?.get(1..)?;
        self.key_bits = algorithm::key_bits(self.key_algorithm, self.key_curve, bits);
        Some(())
    }

    fn extension(&mut self, mut extension: Der<'a>) -> Option<()> {
        let kind = extension.expect(tag::OID)?;
        extension.expect(tag::BOOLEAN);
        let mut content = Der::new(extension.expect(tag::OCTET_STRING)?);
        match kind {
            // subjectAltName
            [0x55, 0x1d, 0x11] => {
                self.has_alternative_names = true;
                let mut names = content.inside(tag::SEQUENCE)?;
                while let Some(name) = names.any() {
                    match name.tag {
                        0x81 if self.mail_addresses.len() < NAMES_MAX => {
                            self.mail_addresses.push(name.content);
                        }
                        0x82 if self.dns_names.len() < NAMES_MAX => {
                            self.dns_names.push(name.content);
                        }
                        0x87 if self.addresses.len() < NAMES_MAX => {
                            self.addresses.extend(address(name.content));
                        }
                        _ => (),
                    }
                }
            }
            // basicConstraints
            [0x55, 0x1d, 0x13] => {
                let mut constraints = content.inside(tag::SEQUENCE)?;
                let ca = constraints.expect(tag::BOOLEAN);
                self.ca = Some(ca.is_some_and(|ca| ca.iter().any(|&byte| byte != 0)));
                self.path_len = constraints
                    .expect(tag::INTEGER)
                    .and_then(unsigned)
                    .and_then(|len| u32::try_from(len).ok());
            }
            _ => (),
        }
        Some(())
    }

    /// Subject and issuer are the same: nobody else vouches for it.
    pub fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }

    /// Kind of the public key (`rsaEncryption`, `id-ecPublicKey`), else its object identifier.
    pub fn key_algorithm(&self) -> String {
        algorithm::name(self.key_algorithm).into_owned()
    }

    /// Curve of the public key (`prime256v1`), else its object identifier; `None` where it has none.
    pub fn key_curve(&self) -> Option<String> {
        (!self.key_curve.is_empty()).then(|| algorithm::name(self.key_curve).into_owned())
    }

    /// How it was signed (`sha256WithRSAEncryption`), else the object identifier.
    pub fn signature_algorithm(&self) -> String {
        algorithm::name(self.signature_algorithm).into_owned()
    }

    /// Serial number as hexadecimal digits, upper case, without leading zero bytes.
    pub fn serial_text(&self) -> String {
        use std::fmt::Write as _;

        let negative = self.serial.first().is_some_and(|&first| first & 0x80 != 0);
        let mut bytes = self.serial.to_vec();
        let mut text = String::with_capacity(bytes.len() * 2 + 1);
        if negative {
            // The magnitude of a negative number: complement and one.
            let mut carry = true;
            for byte in bytes.iter_mut().rev() {
                let (sum, over) = (!*byte).overflowing_add(carry.into());
                *byte = sum;
                carry = over;
            }
            text.push('-');
        }
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        for byte in bytes
            .get(zeros.min(bytes.len().saturating_sub(1))..)
            .unwrap_or_default()
        {
            let _ = write!(text, "{byte:02X}");
        }
        text
    }

    /// Whether the certificate is for a host of this name or address (RFC 6125, section 6.4): one
    /// of its alternative names; its common name only where it has none of those.
    pub fn is_for(&self, host: &[u8]) -> bool {
        let address = std::str::from_utf8(host)
            .ok()
            .and_then(|text| text.parse::<IpAddr>().ok());
        if let Some(address) = address {
            return self.addresses.contains(&address);
        }
        if self.dns_names.iter().any(|name| covers(name, host)) {
            return true;
        }
        self.dns_names.is_empty()
            && self
                .subject
                .common_name()
                .is_some_and(|name| covers(name, host))
    }
}

/// SHA-1 of a certificate's DER, as hexadecimal digits.
pub fn sha1(der: &[u8]) -> String {
    crate::app::text::hex(&Sha1::digest(der))
}

/// SHA-256 of a certificate's DER, as hexadecimal digits.
pub fn sha256(der: &[u8]) -> String {
    crate::app::text::hex(&Sha256::digest(der))
}

/// Whether a name in a certificate covers a host: equal but for case, or `*` as the whole leftmost
/// label in place of exactly one label.
fn covers(name: &[u8], host: &[u8]) -> bool {
    let host = host.strip_suffix(b".").unwrap_or(host);
    let name = name.strip_suffix(b".").unwrap_or(name);
    if let Some(parent) = name.strip_prefix(b"*.") {
        let Some(dot) = host.iter().position(|&byte| byte == b'.') else {
            return false;
        };
        let rest = host.get(dot + 1..).unwrap_or_default();
        // `*.com` covers nothing: a wildcard stands below a domain.
        return dot > 0 && parent.contains(&b'.') && rest.eq_ignore_ascii_case(parent);
    }
    !name.is_empty() && name.eq_ignore_ascii_case(host)
}

/// The next value with its head, which must be a sequence.
fn sequence<'a>(der: &mut Der<'a>) -> Option<&'a [u8]> {
    let value = der.any()?;
    (value.tag == tag::SEQUENCE).then_some(value.whole)
}

fn unsigned(content: &[u8]) -> Option<u64> {
    if content.is_empty() || content.len() > 8 {
        return None;
    }
    Some(
        content
            .iter()
            .fold(0, |sum, &byte| sum << 8 | u64::from(byte)),
    )
}

fn address(content: &[u8]) -> Option<IpAddr> {
    if let Ok(bytes) = <[u8; 4]>::try_from(content) {
        return Some(IpAddr::V4(Ipv4Addr::from(bytes)));
    }
    let bytes = <[u8; 16]>::try_from(content).ok()?;
    Some(IpAddr::V6(Ipv6Addr::from(bytes)))
}

/// UTCTime or GeneralizedTime (RFC 5280, section 4.1.2.5), seconds and `Z`; seconds may be
/// missing and an offset may stand in place of `Z`, as older certificates have it.
fn time(value: &der::Value<'_>) -> Option<Timestamp> {
    let mut digits = value.content;
    let mut two = || -> Option<i64> {
        let (&[tens, ones], rest) = digits.split_first_chunk()?;
        if !tens.is_ascii_digit() || !ones.is_ascii_digit() {
            return None;
        }
        digits = rest;
        Some(i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
    };
    let year = match value.tag {
        tag::UTC_TIME => match two()? {
            year @ 0..50 => 2000 + year,
            year => 1900 + year,
        },
        tag::GENERALIZED_TIME => two()? * 100 + two()?,
        _ => return None,
    };
    let (month, day) = (two()?, two()?);
    let (hour, minute) = (two()?, two()?);
    let second = two().unwrap_or(0);
    let sound = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !sound {
        return None;
    }
    let offset = match digits {
        b"Z" | b"" => 0,
        [sign @ (b'+' | b'-'), rest @ ..] if rest.len() == 4 => {
            digits = rest;
            let mut two = || -> Option<i64> {
                let (&[tens, ones], rest) = digits.split_first_chunk()?;
                digits = rest;
                (tens.is_ascii_digit() && ones.is_ascii_digit())
                    .then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
            };
            let seconds = two()? * 3600 + two()? * 60;
            if *sign == b'+' { seconds } else { -seconds }
        }
        _ => return None,
    };
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    // 9999-12-31 means "never": far beyond what fits; it saturates.
    Some(Timestamp::from_secs_nanos(seconds - offset, 0))
}

/// Days since 1970-01-01 in the Gregorian calendar, counting years from March.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day
        - 1
        - 719_468
}
