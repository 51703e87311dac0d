//! Look-ups of Log4j (CVE-2021-44228): `${jndi:…}`, also where percent codes or further look-ups
//! hide it.

use std::borrow::Cow;

use super::url::percent_decoded;
use crate::app::uri::masked;

/// Longest text that is looked at, and longest evidence.
const TEXT_MAX: usize = 4096;
const EVIDENCE_MAX: usize = 150;
/// Most look-ups that are taken apart, one within the other.
const DEPTH_MAX: usize = 16;

/// The first look-up that asks a directory, as far as it may be told; `None` where there is none.
pub(super) fn jndi(data: &[u8]) -> Option<Vec<u8>> {
    // Most texts have neither of what all of them begin with.
    memchr::memchr2(b'$', b'%', data)?;
    let holds = |sign: &[u8]| memchr::memmem::find(data, sign).is_some();
    // `$`, as it is and in one or two percent codes.
    let (plain, once, twice) = (data.contains(&b'$'), holds(b"%24"), holds(b"%2524"));
    if !plain && !once && !twice {
        return None;
    }
    let mut text = Cow::Borrowed(data.get(..TEXT_MAX).unwrap_or(data));
    for _ in 0..=2 {
        if let Some(at) = find(&text) {
            let evidence = masked(alone(text.get(at..)?));
            return Some(evidence.get(..EVIDENCE_MAX).unwrap_or(&evidence).to_vec());
        }
        if !text.contains(&b'%') {
            break;
        }
        text = Cow::Owned(percent_decoded(&text, TEXT_MAX, true));
    }
    None
}

/// A look-up without what follows it, which ends at the latest where a value would.
fn alone(text: &[u8]) -> &[u8] {
    let mut depth = 0_usize;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'{' if at.checked_sub(1).and_then(|at| text.get(at)) == Some(&b'$') => depth += 1,
            b'}' if depth <= 1 => return text.get(..=at).unwrap_or(text),
            b'}' => depth -= 1,
            b'&' | b'"' | b'\'' => return text.get(..at).unwrap_or(text),
            _ if byte.is_ascii_whitespace() => return text.get(..at).unwrap_or(text),
            _ => {}
        }
    }
    text
}

/// Where the look-up begins that comes to `${jndi:` once those within it are resolved.
fn find(text: &[u8]) -> Option<usize> {
    // What has come out of the text so far, and the look-ups that are open: where their words begin
    // in it, and where they themselves begin in the text.
    let mut out: Vec<u8> = Vec::new();
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if text.get(at..at + 2) == Some(b"${") && open.len() < DEPTH_MAX {
            open.push((out.len(), at));
            at += 2;
            continue;
        }
        at += 1;
        if open.is_empty() {
            continue;
        }
        if byte == b'}' {
            let (start, _) = open.pop()?;
            let words = out.split_off(start);
            out.extend_from_slice(&resolved(&words));
        } else {
            out.push(byte);
        }
        if let Some(&(start, from)) = open.last()
            && let Some(words) = out.get(start..)
            && (byte == b':' || byte == b'}')
            && words
                .get(..5)
                .is_some_and(|name| name.eq_ignore_ascii_case(b"jndi:"))
        {
            return Some(from);
        }
    }
    None
}

/// What a look-up comes to where it says so itself: `lower:X` and `upper:X`, and a default behind
/// `:-`, which stands for what is not there (`::-j`, `env:NOBODY:-j`).
fn resolved(words: &[u8]) -> Cow<'_, [u8]> {
    let (name, value) = words.split_at(words.len().min(6));
    if name.eq_ignore_ascii_case(b"lower:") {
        return Cow::Owned(value.to_ascii_lowercase());
    }
    if name.eq_ignore_ascii_case(b"upper:") {
        return Cow::Owned(value.to_ascii_uppercase());
    }
    let default = memchr::memmem::find(words, b":-");
    Cow::Borrowed(default.and_then(|at| words.get(at + 2..)).unwrap_or(words))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn however_it_is_hidden() {
        for text in [
            &b"${jndi:ldap://h/a}"[..],
            b"a=${JNDI:ldap",
            b"%24%7Bjndi%3Aldap%3A%2F%2Fh%7D",
            b"%2524%257Bjndi%253Aldap",
            b"${${lower:j}ndi:ldap://h/a}",
            b"${${lower:J}${upper:n}${lower:d}i:rmi://h}",
            b"${${::-j}${::-n}${::-d}${::-i}${::-:}ldap://h}",
            b"${${env:NOBODY:-j}ndi${env:NOBODY:-:}${env:NOBODY:-l}dap://h}",
            b"${${lower:${lower:jndi}}:ldap}",
            b"${${lower:jndi:}ldap}",
            b"%24%7B%24%7Blower%3Aj%7Dndi%3A",
            b"${a:b}x}${jndi:",
        ] {
            assert!(jndi(text).is_some(), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn what_is_told_is_the_look_up() {
        for (text, expected) in [
            (
                &b"password=secret&a=$x ${${lower:j}ndi:ldap://h/a}&password=secret"[..],
                &b"${${lower:j}ndi:ldap://h/a}"[..],
            ),
            (b"%24%7Bjndi:ldap%26password=secret", b"${jndi:ldap"),
            (
                b"{\"a\":\"${jndi:ldap\",\"password\":\"secret\"}",
                b"${jndi:ldap",
            ),
            (b"${jndi:ldap://a:secret@h/}", b"${jndi:ldap://a:***@h/}"),
        ] {
            let evidence = jndi(text).unwrap();
            assert_eq!(evidence, expected, "{}", evidence.escape_ascii());
        }
    }

    #[test]
    fn what_is_none() {
        for text in [
            &b""[..],
            b"jndi:",
            b"$jndi:",
            b"${name} jndi:",
            b"${a${b}c}",
            b"price=%2410",
            b"${jn}di:",
            b"${x:jndi:a}",
            b"}}}}${",
        ] {
            assert_eq!(jndi(text), None, "{}", text.escape_ascii());
        }
    }

    /// Deep ones and long ones take a moment, too.
    #[test]
    fn long_ones_take_no_longer() {
        for piece in ["${", "${lower:", "${lower:a}", "%2524", "$%24", "${:-", "}"] {
            for count in [100_000, 1000, 20] {
                let _ = jndi(format!("$%24{}", piece.repeat(count)).as_bytes());
                let _ = jndi(format!("{}{}", piece.repeat(count), "}".repeat(count)).as_bytes());
            }
        }
    }

    proptest! {
        #[test]
        fn bytes_never_panic(text in "([$]\\{|\\}|:-?|lower:|jndi|%24|\\PC){0,30}") {
            if let Some(evidence) = jndi(text.as_bytes()) {
                let begins = evidence.starts_with(b"${");
                prop_assert!(begins);
            }
        }
    }
}
