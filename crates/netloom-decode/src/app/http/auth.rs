//! Credentials as HTTP, mail and news carry them.

/// Longest encoded text that is decoded.
const ENCODED_MAX: usize = 4096;

/// Base64 (RFC 4648), what can be decoded of it; the URL alphabet too.
///
/// ```
/// use netloom_decode::app::http::base64;
/// assert_eq!(base64(b"bWU6c2VjcmV0"), b"me:secret");
/// assert_eq!(base64(b"bWU="), b"me");
/// ```
pub fn base64(text: &[u8]) -> Vec<u8> {
    base64_whole(text.get(..ENCODED_MAX).unwrap_or(text))
}

/// The same however long it is.
pub(crate) fn base64_whole(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0);
    for &byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => break,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

/// The value of a parameter such as `username="me"` in a list of them.
pub(crate) fn parameter<'a>(list: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    list.split(|&byte| byte == b',').find_map(|item| {
        let item = item.trim_ascii();
        let equals = item.iter().position(|&byte| byte == b'=')?;
        let (key, value) = (item.get(..equals)?, item.get(equals + 1..)?.trim_ascii());
        if !key.trim_ascii().eq_ignore_ascii_case(name) {
            return None;
        }
        let value = value.strip_prefix(b"\"").unwrap_or(value);
        Some(value.strip_suffix(b"\"").unwrap_or(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded() {
        assert_eq!(base64(b"TWFu"), b"Man");
        assert_eq!(base64(b"TWE="), b"Ma");
        assert_eq!(base64(b""), b"");
        assert_eq!(base64(b"!"), b"");
    }

    #[test]
    fn parameters() {
        let list = br#"username="Mufasa", realm="x", nc=1"#;
        assert_eq!(parameter(list, b"USERNAME"), Some(&b"Mufasa"[..]));
        assert_eq!(parameter(list, b"nc"), Some(&b"1"[..]));
        assert_eq!(parameter(list, b"uri"), None);
    }
}
