//! Bytes from packets as text that is safe to keep.

use std::borrow::Cow;

/// Longest text that is kept of anything a packet says, in bytes.
pub const TEXT_MAX: usize = 4096;

/// The beginning of a text, of at most so many bytes: whole characters.
///
/// ```
/// use netloom_decode::app::text::start;
/// assert_eq!(start("café", 9), "café");
/// assert_eq!(start("café", 4), "caf");
/// ```
pub fn start(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most))
        .unwrap_or_default()
}

/// Text of what a packet says: UTF-8 as it is, everything else and control characters as `\xNN`
/// (as Zeek writes them); cut at [`TEXT_MAX`].
///
/// ```
/// use netloom_decode::app::text::display;
/// assert_eq!(display(b"caf\xc3\xa9"), "café");
/// assert_eq!(display(b"a\x00\xffb"), "a\\x00\\xffb");
/// ```
pub fn display(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.get(..TEXT_MAX).unwrap_or(bytes);
    // Most texts are plain ASCII.
    if is_printable(bytes)
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return Cow::Borrowed(text);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.chars().any(is_unsafe)
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_unsafe(character) {
                let mut buffer = [0; 4];
                for byte in character.encode_utf8(&mut buffer).bytes() {
                    push_hex(&mut out, byte);
                }
            } else {
                out.push(character);
            }
        }
        for &byte in chunk.invalid() {
            push_hex(&mut out, byte);
        }
    }
    Cow::Owned(out)
}

/// Each of eight bytes, and the highest bit of each.
const EACH: u64 = u64::from_ne_bytes([1; 8]);
const HIGHEST: u64 = EACH * 0x80;

/// Whether there is nothing but printable ASCII, spaces included.
pub(crate) fn is_printable(bytes: &[u8]) -> bool {
    is_ascii_from(b' ', bytes)
}

/// Whether there is nothing but visible ASCII.
pub(crate) fn is_graphic(bytes: &[u8]) -> bool {
    is_ascii_from(b'!', bytes)
}

/// Whether no byte is below `least` or above `~`. Eight bytes are compared at a time: with the
/// highest bit of each, which stands in what is no ASCII, in DEL and one, and in anything below
/// `least` less that. A carry or a borrow into the next byte comes only out of a byte that is
/// none already.
#[inline]
fn is_ascii_from(least: u8, bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks();
    words.iter().all(|&word| {
        let word = u64::from_le_bytes(word);
        let odd = word | word.wrapping_add(EACH) | word.wrapping_sub(EACH * u64::from(least));
        odd & HIGHEST == 0
    }) && rest.iter().all(|byte| (least..=b'~').contains(byte))
}

/// The first place of a byte that is most often near, such as the end of a line: to compare eight
/// bytes at a time takes less than to set up a search by vectors, which finds what is far.
pub(crate) fn find(byte: u8, data: &[u8]) -> Option<usize> {
    const NEAR: usize = 8;
    let (words, _) = data.as_chunks();
    let words = words.get(..NEAR).unwrap_or(words);
    for (number, &word) in words.iter().enumerate() {
        let differs = u64::from_le_bytes(word) ^ (EACH * u64::from(byte));
        // The lowest bit of these is in the first byte that does not.
        let same = differs.wrapping_sub(EACH) & !differs & HIGHEST;
        if same != 0 {
            return Some(number * 8 + same.trailing_zeros() as usize / 8);
        }
    }
    let far = words.len() * 8;
    Some(far + memchr::memchr(byte, data.get(far..)?)?)
}

/// Control characters, and those that turn the direction of writing.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn push_hex(out: &mut String, byte: u8) {
    out.push_str("\\x");
    push_digits(out, byte);
}

/// A byte as two hexadecimal digits. Formatting with `{:02x}` takes ten times as long, and
/// fingerprints are made of hundreds of them.
pub(crate) fn push_digits(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(DIGITS[usize::from(byte >> 4)].into());
    out.push(DIGITS[usize::from(byte & 15)].into());
}

/// Bytes as hexadecimal digits, in lower case.
///
/// ```
/// use netloom_decode::app::text::hex;
/// assert_eq!(hex(&[0, 0x1f, 0xa0]), "001fa0");
/// ```
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for &byte in bytes {
        push_digits(&mut out, byte);
    }
    out
}

/// Appends a number in decimal digits.
pub(crate) fn push_decimal(out: &mut String, number: u16) {
    let mut divisor = match number {
        10_000.. => 10_000,
        1000.. => 1000,
        100.. => 100,
        10.. => 10,
        _ => 1,
    };
    while divisor > 0 {
        out.push(char::from(b'0' + (number / divisor % 10) as u8));
        divisor /= 10;
    }
}

/// The line at the start of `data` without its end (CR LF or LF), and the bytes it takes with it;
/// `None` where no end is in sight.
///
/// ```
/// use netloom_decode::app::text::line;
/// assert_eq!(line(b"USER a\r\nPASS"), Some((&b"USER a"[..], 8)));
/// assert_eq!(line(b"USER"), None);
/// ```
pub fn line(data: &[u8]) -> Option<(&[u8], usize)> {
    let end = find(b'\n', data)?;
    let line = data.get(..end)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1))
}

/// The first word of a line, and what follows the spaces behind it.
pub fn word(line: &[u8]) -> (&[u8], &[u8]) {
    match line.iter().position(|&byte| byte == b' ') {
        Some(end) => {
            let (word, rest) = line.split_at(end);
            (word, rest.trim_ascii_start())
        }
        None => (line, &[]),
    }
}

/// Whether `data` starts with `prefix` in any case.
pub fn starts_with_ignore_case(data: &[u8], prefix: &[u8]) -> bool {
    data.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// A decimal number; `None` where there is anything else, or too much.
pub fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    text.iter().try_fold(0_u64, |sum, &byte| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + u64::from(byte - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(number(b"0042"), Some(42));
        assert_eq!(number(b"4x"), None);
        assert_eq!(number(b""), None);
        assert_eq!(
            number(b"9999999999999999999"),
            Some(9_999_999_999_999_999_999)
        );
        assert_eq!(number(b"99999999999999999999"), None);
    }

    proptest! {
        #[test]
        fn printable_as_byte_by_byte(
            text in vec(prop_oneof![any::<u8>(), b' '..=b'~', Just(0x1f), Just(0x7f)], 0..40),
        ) {
            let slow = text.iter().all(|byte| (b' '..=b'~').contains(byte));
            prop_assert_eq!(is_printable(&text), slow);
            prop_assert_eq!(is_graphic(&text), text.iter().all(u8::is_ascii_graphic));
        }

        #[test]
        fn found_as_byte_by_byte(text in vec(0_u8..3, 0..20), far in 0_usize..90, byte in 0_u8..4) {
            let data = [vec![0x80; far], text].concat();
            let slow = data.iter().position(|&other| other == byte);
            prop_assert_eq!(find(byte, &data), slow);
        }

        #[test]
        fn one_odd_byte_shows(mut text in vec(b' '..=b'~', 1..40), at in any::<Index>(), byte: u8) {
            let at = at.index(text.len());
            text[at] = byte;
            prop_assert_eq!(is_printable(&text), (b' '..=b'~').contains(&byte));
            let spaces = text.contains(&b' ');
            prop_assert_eq!(is_graphic(&text), is_printable(&text) && !spaces);
        }
    }

    #[test]
    fn decimal_digits() {
        for number in [0, 7, 10, 99, 100, 4096, 10_000, 65_535] {
            let mut text = String::new();
            push_decimal(&mut text, number);
            assert_eq!(text, number.to_string());
        }
    }

    #[test]
    fn words() {
        assert_eq!(word(b"USER  me"), (&b"USER"[..], &b"me"[..]));
        assert_eq!(word(b"QUIT"), (&b"QUIT"[..], &b""[..]));
    }

    #[test]
    fn direction_marks_are_shown() {
        assert_eq!(display("a\u{202e}b".as_bytes()), "a\\xe2\\x80\\xaeb");
        assert_eq!(display(b"\x1b[2J"), "\\x1b[2J");
    }
}
