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
}
