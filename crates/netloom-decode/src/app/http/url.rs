//! URLs that look like attacks.

/// Longest URL that is looked at.
const URL_MAX: usize = 2048;

/// Percent-decoded, at most `max` bytes; `plus`: `+` is a space (forms).
pub(super) fn percent_decoded(text: &[u8], max: usize, plus: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len().min(max));
    let mut rest = text;
    while out.len() < max {
        let digit = |byte: u8| (byte as char).to_digit(16);
        match rest {
            [] => break,
            [b'%', high, low, after @ ..] if digit(*high).is_some() && digit(*low).is_some() => {
                let value = digit(*high).unwrap_or(0) << 4 | digit(*low).unwrap_or(0);
                out.push(value as u8);
                rest = after;
            }
            [b'+', after @ ..] if plus => {
                out.push(b' ');
                rest = after;
            }
            [byte, after @ ..] => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    out
}

/// Signs of attacks, lower case, after decoding.
const SIGNS: &[(&str, &[&[u8]])] = &[
    (
        "path traversal",
        &[
            b"/../..",
            b"\\..\\..",
            b"../../",
            b"..\\..\\",
            b"/etc/passwd",
            b"/etc/shadow",
            b"boot.ini",
            b"/.%2e/",
            b"..%2f",
        ],
    ),
    (
        "SQL injection",
        &[
            b"union select",
            b"union all select",
            b"information_schema",
            b"xp_cmdshell",
            b"' or '",
            b"' or 1=1",
            b"\" or \"",
            b" or 1=1",
            b"benchmark(",
            b"waitfor delay",
            b"' and '",
            b"1'='1",
            b"order by 1--",
            b"';--",
            b"' --",
            b"'--",
            b"select * from",
            b"' union",
            b"'#&",
        ],
    ),
    (
        "cross-site scripting",
        &[
            b"<script",
            b"</script",
            b"javascript:alert",
            b"onerror=",
            b"onload=",
            b"<img src=",
            b"<iframe",
            b"document.cookie",
            b"<svg",
        ],
    ),
    (
        "remote code",
        &[
            b"<?php",
            b"/bin/sh",
            b"/bin/bash",
            b"cmd.exe",
            b";wget ",
            b"|wget ",
            b"`wget ",
            b"chmod 777",
            b"${jndi:",
            b"invokefunction",
            b"allow_url_include",
            b"base64_decode(",
            b"call_user_func",
            b"/wp-config.php",
            b"php://input",
        ],
    ),
];

/// What a URL looks like an attempt at, if it does.
pub(super) fn suspicious(url: &[u8]) -> Option<&'static str> {
    // Most URLs hold none of the characters that attacks need.
    let plain = !url.iter().any(|byte| b"%<>'\"`;|$\\".contains(byte))
        && !url.windows(2).any(|pair| pair == b"..")
        && !url.windows(4).any(|part| part == b"/etc")
        && !url
            .windows(4)
            .any(|part| part == b".exe" || part == b".php");
    if plain {
        return None;
    }
    let mut decoded = percent_decoded(url, URL_MAX, true);
    if decoded.contains(&b'%') {
        // Twice encoded, to get past the first look.
        decoded = percent_decoded(&decoded, URL_MAX, true);
    }
    decoded.make_ascii_lowercase();
    let squeezed = squeeze(&decoded);
    SIGNS
        .iter()
        .find(|(_, signs)| {
            signs
                .iter()
                .any(|sign| squeezed.windows(sign.len()).any(|window| window == *sign))
        })
        .map(|(what, _)| *what)
}

/// Runs of white space and comments of SQL as one space.
fn squeeze(text: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return out,
            [b'/', b'*', b'*', b'/', after @ ..] => {
                space(&mut out);
                after
            }
            [byte, after @ ..] if byte.is_ascii_whitespace() => {
                space(&mut out);
                after
            }
            [byte, after @ ..] => {
                out.push(*byte);
                after
            }
        };
    }
}

fn space(out: &mut Vec<u8>) {
    if out.last() != Some(&b' ') {
        out.push(b' ');
    }
}

#[cfg(test)]
mod tests {
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
