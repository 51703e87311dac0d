//! URLs that look like attacks.

use super::words::{Case, Words, words_of};

/// Longest URL that is looked at.
const URL_MAX: usize = 2048;

/// Percent-decoded, at most `max` bytes; `plus`: `+` is a space (forms).
pub(crate) fn percent_decoded(text: &[u8], max: usize, plus: bool) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    let mut out = Vec::with_capacity(text.len().min(max));
    let mut rest = text;
    while out.len() < max {
        match rest {
            [] => break,
            [b'%', high, low, after @ ..] => {
                if let (Some(high), Some(low)) = (digit(*high), digit(*low)) {
                    out.push((high << 4 | low) as u8);
                    rest = after;
                } else {
                    out.push(b'%');
                    rest = rest.get(1..).unwrap_or_default();
                }
            }
            [b'+', after @ ..] if plus => {
                out.push(b' ');
                rest = after;
            }
            [byte, after @ ..] => {
                out.push(*byte);
                // What follows as it is.
                let run = memchr::memchr2(b'%', b'+', after).unwrap_or(after.len());
                let (plain, after) = after.split_at(run.min(max - out.len()));
                out.extend_from_slice(plain);
                rest = after;
            }
        }
    }
    out
}

const PATH: &str = "path traversal";
const SQL: &str = "SQL injection";
const SCRIPT: &str = "cross-site scripting";
const CODE: &str = "remote code";

/// Signs of attacks, lower case, after decoding.
const SIGNS: [(&[u8], &str); 52] = [
    (b"/../..", PATH),
    (b"\\..\\..", PATH),
    (b"../../", PATH),
    (b"..\\..\\", PATH),
    (b"/etc/passwd", PATH),
    (b"/etc/shadow", PATH),
    (b"boot.ini", PATH),
    (b"/.%2e/", PATH),
    (b"..%2f", PATH),
    (b"union select", SQL),
    (b"union all select", SQL),
    (b"information_schema", SQL),
    (b"xp_cmdshell", SQL),
    (b"' or '", SQL),
    (b"' or 1=1", SQL),
    (b"\" or \"", SQL),
    (b" or 1=1", SQL),
    (b"benchmark(", SQL),
    (b"waitfor delay", SQL),
    (b"' and '", SQL),
    (b"1'='1", SQL),
    (b"order by 1--", SQL),
    (b"';--", SQL),
    (b"' --", SQL),
    (b"'--", SQL),
    (b"select * from", SQL),
    (b"' union", SQL),
    (b"'#&", SQL),
    (b"<script", SCRIPT),
    (b"</script", SCRIPT),
    (b"javascript:alert", SCRIPT),
    (b"onerror=", SCRIPT),
    (b"onload=", SCRIPT),
    (b"<img src=", SCRIPT),
    (b"<iframe", SCRIPT),
    (b"document.cookie", SCRIPT),
    (b"<svg", SCRIPT),
    (b"<?php", CODE),
    (b"/bin/sh", CODE),
    (b"/bin/bash", CODE),
    (b"cmd.exe", CODE),
    (b";wget ", CODE),
    (b"|wget ", CODE),
    (b"`wget ", CODE),
    (b"chmod 777", CODE),
    (b"${jndi:", CODE),
    (b"invokefunction", CODE),
    (b"allow_url_include", CODE),
    (b"base64_decode(", CODE),
    (b"call_user_func", CODE),
    (b"/wp-config.php", CODE),
    (b"php://input", CODE),
];

static SIGN_WORDS: [&[u8]; SIGNS.len()] = words_of(&SIGNS);
static SIGN_FINDER: Words = Words::new(&SIGN_WORDS, Case::AsIs);

/// Bytes that attacks need and most URLs lack, and those whose followers decide.
const ODD: [bool; 256] = {
    let mut odd = [false; 256];
    let bytes = b"%<>'\"`;|$\\./";
    let mut at = 0;
    while at < bytes.len() {
        odd[bytes[at] as usize] = true;
        at += 1;
    }
    odd
};

/// Whether nothing in a URL could be a part of an attack.
fn is_plain(url: &[u8]) -> bool {
    let mut rest = url;
    while let Some(at) = rest.iter().position(|&byte| ODD[usize::from(byte)]) {
        rest = match rest.get(at..).unwrap_or_default() {
            [b'.', after @ ..] => {
                if after.starts_with(b".") || after.starts_with(b"exe") || after.starts_with(b"php")
                {
                    return false;
                }
                after
            }
            [b'/', after @ ..] => {
                if after.starts_with(b"etc") {
                    return false;
                }
                after
            }
            _ => return false,
        };
    }
    true
}

/// What a URL looks like an attempt at, if it does.
pub(super) fn suspicious(url: &[u8]) -> Option<&'static str> {
    if is_plain(url) {
        return None;
    }
    let mut decoded = percent_decoded(url, URL_MAX, true);
    if decoded.contains(&b'%') {
        // Twice encoded, to get past the first look.
        decoded = percent_decoded(&decoded, URL_MAX, true);
    }
    decoded.make_ascii_lowercase();
    let (sign, _) = SIGN_FINDER.find(&squeezed(&decoded))?;
    SIGNS.get(sign).map(|(_, what)| *what)
}

/// With one space for each run of white space and empty comments of SQL.
fn squeezed(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        let run = rest
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || *byte == b'/')
            .unwrap_or(rest.len());
        let (plain, after) = rest.split_at(run);
        out.extend_from_slice(plain);
        rest = match after {
            [] => return out,
            [b'/', b'*', b'*', b'/', after @ ..] => after,
            [b'/', after @ ..] => {
                out.push(b'/');
                rest = after;
                continue;
            }
            [_, after @ ..] => after,
        };
        if out.last() != Some(&b' ') {
            out.push(b' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn attacks() {
        assert_eq!(suspicious(b"/../../etc/passwd"), Some("path traversal"));
        assert_eq!(
            suspicious(b"/a?id=1%27%20UNION%20%20SELECT%20password"),
            Some("SQL injection")
        );
        assert_eq!(
            suspicious(b"/a?q=1+union/**/select+2&x='"),
            Some("SQL injection")
        );
        assert_eq!(
            suspicious(b"/a?n=%3Cscript%3Ealert(1)%3C/script%3E"),
            Some("cross-site scripting")
        );
        assert_eq!(
            suspicious(b"/x?%2524%7Bjndi:ldap://a%7D"),
            Some("remote code")
        );
    }

    #[test]
    fn one_space_for_each_run() {
        for (text, expected) in [
            (&b"a  b"[..], &b"a b"[..]),
            (b"/**/ x\t\n", b" x "),
            (b"a/**//**/b/* */", b"a b/* */"),
            (b"/a//b/", b"/a//b/"),
            (b"", b""),
        ] {
            assert_eq!(squeezed(text), expected);
        }
    }

    proptest! {
        #[test]
        fn decoded_as_byte_by_byte(text in "[a%+12]{0,40}", max in 0_usize..40, plus: bool) {
            let text = text.as_bytes();
            let digit = |at: usize| text.get(at).and_then(|&byte| (byte as char).to_digit(16));
            let (mut slow, mut at) = (Vec::new(), 0);
            while let Some(&byte) = text.get(at).filter(|_| slow.len() < max) {
                let code = digit(at + 1).zip(digit(at + 2)).filter(|_| byte == b'%');
                at += if code.is_some() { 3 } else { 1 };
                slow.push(match code {
                    Some((high, low)) => (high << 4 | low) as u8,
                    None if byte == b'+' && plus => b' ',
                    None => byte,
                });
            }
            prop_assert_eq!(percent_decoded(text, max, plus), slow);
        }
    }

    #[test]
    fn harmless() {
        for url in [
            &b"/"[..],
            b"/index.php?id=1&name=O%27Brien",
            b"/search?q=union+jack&safe=on",
            b"/a/../b.css",
            b"/setup.exe",
            b"/q?t=it%27s%20select",
        ] {
            assert_eq!(suspicious(url), None, "{}", String::from_utf8_lossy(url));
        }
    }
}
