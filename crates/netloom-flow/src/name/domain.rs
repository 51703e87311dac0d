//! Registrable domains, by the Public Suffix List (publicsuffix.org, as the `psl` crate has it).

use std::borrow::Cow;
use std::net::IpAddr;

/// Longest name that is looked at, in bytes (RFC 1035).
const NAME_MAX: usize = 253;

/// The part of a name that somebody registered: `bbc.co.uk` of `www.bbc.co.uk`.
///
/// `None` for addresses, names of one label, public suffixes themselves and what stands below
/// no known top-level domain (`printer.local`). In lower case, as names that differ in case alone are
/// the same (RFC 4343); a dot at the end is left out.
///
/// ```
/// use netloom_flow::name::registrable_domain;
/// assert_eq!(registrable_domain("www.bbc.co.uk").as_deref(), Some("bbc.co.uk"));
/// assert_eq!(registrable_domain("wWw.BBC.co.Uk").as_deref(), Some("bbc.co.uk"));
/// assert_eq!(registrable_domain("printer.local"), None);
/// ```
pub fn registrable_domain(name: &str) -> Option<Cow<'_, str>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > NAME_MAX || has_empty_label(name) || is_address(name) {
        return None;
    }
    // The list is in lower case.
    let mut lower = [0; NAME_MAX];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    let domain = psl::domain(lower)?;
    if !domain.suffix().is_known() {
        return None;
    }
    let domain = name.get(name.len().checked_sub(domain.as_bytes().len())?..)?;
    Some(if domain.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(domain.to_ascii_lowercase())
    } else {
        Cow::Borrowed(domain)
    })
}

/// Whether nothing stands between two dots, or before the first or behind the last one.
fn has_empty_label(name: &str) -> bool {
    let mut before = b'.';
    let mut twice = |byte| std::mem::replace(&mut before, byte) == b'.' && byte == b'.';
    name.bytes().any(&mut twice) || twice(b'.')
}

/// Whether a name is an address. Most names hold a letter that no address has, near their start.
///
/// ```
/// use netloom_flow::name::is_address;
/// assert!(is_address("192.0.2.1") && is_address("2001:db8::1"));
/// assert!(!is_address("www.example.org"));
/// ```
pub fn is_address(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'))
        && name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::registrable_domain;

    #[test]
    fn domains() {
        for (name, domain) in [
            ("example.com", Some("example.com")),
            ("a.b.Example.COM", Some("example.com")),
            ("A.B.example.com", Some("example.com")),
            ("www.bbc.co.uk.", Some("bbc.co.uk")),
            ("co.uk", None),
            ("com", None),
            ("localhost", None),
            ("nas.local", None),
            ("10.0.0.1", None),
            ("a..com", None),
            (".a.com", None),
            ("a.com..", None),
            ("", None),
            // A private suffix: each customer is on his own.
            ("shop.user.github.io", Some("user.github.io")),
        ] {
            assert_eq!(registrable_domain(name).as_deref(), domain, "{name}");
        }
        assert_eq!(registrable_domain(&"a.".repeat(200)), None);
    }

    #[test]
    fn anything_goes() {
        proptest::proptest!(|(name in ".{0,300}")| {
            if let Some(domain) = registrable_domain(&name) {
                assert!(name.to_ascii_lowercase().trim_end_matches('.').ends_with(&*domain));
            }
        });
    }
}
