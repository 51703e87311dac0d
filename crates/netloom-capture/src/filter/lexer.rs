//! Words of the filter language.
//!
//! As in libpcap, the longest word wins: `len-5` is a name, `len - 5` a subtraction.

use std::net::Ipv6Addr;
use std::ops::Range;

use super::error::Fault;
use super::keyword::{self, Keyword};

/// Longest expression, in bytes.
pub(super) const MAX_LENGTH: usize = 64 * 1024;

/// A word and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind {
    Keyword(Keyword),
    /// A number, or a name that stands for one (`tcp-syn`).
    Number(u32),
    /// A name: of a host, a port, a protocol.
    Name(String),
    /// Two to four numbers with dots: an IPv4 address or the beginning of one, or a DECnet
    /// address.
    Dotted(String),
    V6(Ipv6Addr),
    Mac([u8; 6]),
    /// An ARCNET address: `$1f`.
    Arcnet(u8),
    /// An operator or bracket.
    Symbol(Symbol),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symbol {
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    Colon,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Ampersand,
    Bar,
    Caret,
    ShiftLeft,
    ShiftRight,
    Less,
    Greater,
    LessEqual,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
    Not,
}

/// Operators and brackets, longer ones first.
const SYMBOLS: [(&str, Symbol); 25] = [
    ("&&", Symbol::And),
    ("||", Symbol::Or),
    ("<<", Symbol::ShiftLeft),
    (">>", Symbol::ShiftRight),
    ("<=", Symbol::LessEqual),
    (">=", Symbol::GreaterEqual),
    ("!=", Symbol::NotEqual),
    ("==", Symbol::Equal),
    ("(", Symbol::Open),
    (")", Symbol::Close),
    ("[", Symbol::OpenBracket),
    ("]", Symbol::CloseBracket),
    (":", Symbol::Colon),
    ("+", Symbol::Plus),
    ("-", Symbol::Minus),
    ("*", Symbol::Star),
    ("/", Symbol::Slash),
    ("%", Symbol::Percent),
    ("&", Symbol::Ampersand),
    ("|", Symbol::Bar),
    ("^", Symbol::Caret),
    ("<", Symbol::Less),
    (">", Symbol::Greater),
    ("=", Symbol::Equal),
    ("!", Symbol::Not),
];

/// Splits an expression into words.
pub(super) fn tokens(expression: &str) -> Result<Vec<Token>, Fault> {
    if expression.len() > MAX_LENGTH {
        return Err(Fault::new(
            0..0,
            format!("the filter is longer than {MAX_LENGTH} bytes"),
        ));
    }
    let mut tokens = Vec::new();
    let mut position = 0;
    while let Some(rest) = expression.get(position..) {
        let Some(first) = rest.chars().next() else {
            break;
        };
        if matches!(first, ' ' | '\t' | '\r' | '\n') {
            position += 1;
            continue;
        }
        let (length, kind) = word(rest, position)?;
        tokens.push(Token {
            kind,
            span: position..position + length,
        });
        position += length;
    }
    Ok(tokens)
}

/// The word at the beginning of `text`, which stands at `position`: its length and what it is.
fn word(text: &str, position: usize) -> Result<(usize, TokenKind), Fault> {
    // Of the addresses and names that could begin here, the longest; of equally long ones the
    // first of this list.
    let (mac, mac_length) = mac(text).unwrap_or_default();
    let number_length = number_length(text);
    let dotted_length = dotted_length(text);
    let v6 = v6(text);
    let v6_length = v6.map_or(0, |(_, length)| length);
    let colons_length = colons_length(text);
    let name_length = name_length(text);
    let longest = [
        mac_length,
        number_length,
        dotted_length,
        v6_length,
        colons_length,
        name_length,
    ]
    .into_iter()
    .max()
    .unwrap_or(0);
    if longest == 0 {
        return other(text, position);
    }
    let said = text.get(..longest).unwrap_or_default();
    let span = position..position + longest;
    let kind = if longest == mac_length {
        TokenKind::Mac(mac)
    } else if longest == number_length {
        TokenKind::Number(number(said).map_err(|message| Fault::new(span, message))?)
    } else if longest == dotted_length {
        TokenKind::Dotted(said.to_owned())
    } else if let Some((address, _)) = v6.filter(|_| longest == v6_length) {
        TokenKind::V6(address)
    } else if longest == colons_length {
        return Err(Fault::new(span, "this is no Ethernet address")
            .hint("an Ethernet address is six bytes: 00:11:22:33:44:55"));
    } else {
        keyword::find(said).unwrap_or_else(|| TokenKind::Name(said.to_owned()))
    };
    Ok((longest, kind))
}

/// A word that is no number and no plain name.
fn other(text: &str, position: usize) -> Result<(usize, TokenKind), Fault> {
    if let Some(escaped) = text.strip_prefix('\\') {
        let length = escaped
            .find([' ', '!', '(', ')', '\n', '\t'])
            .unwrap_or(escaped.len());
        if length > 0 {
            let name = escaped.get(..length).unwrap_or_default();
            return Ok((1 + length, TokenKind::Name(name.to_owned())));
        }
    }
    if let Some(hex) = text.strip_prefix('$') {
        let length = hex_digits(hex.as_bytes()).min(2);
        if let Some(address) = hex
            .get(..length)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
        {
            return Ok((1 + length, TokenKind::Arcnet(address)));
        }
    }
    for (written, symbol) in SYMBOLS {
        if text.starts_with(written) {
            return Ok((written.len(), TokenKind::Symbol(symbol)));
        }
    }
    let length = text.chars().next().map_or(1, char::len_utf8);
    let fault = Fault::new(
        position..position + length,
        "this character has no meaning in a filter",
    );
    Err(match text.chars().next() {
        Some(',' | ';') => fault.hint("conditions are joined with `and` and `or`"),
        Some('"' | '\'' | '`') => fault.hint("names stand without quotes"),
        Some('~') => fault.hint("`not` negates a condition; there is no bitwise not"),
        _ => fault,
    })
}

/// Hexadecimal digits at the beginning.
fn hex_digits(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count()
}

fn digits(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

/// Length of a number as C writes them: decimal, octal with a leading 0, hexadecimal with 0x.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    if let [b'0', b'x' | b'X', rest @ ..] = bytes {
        let length = hex_digits(rest);
        if length > 0 {
            return 2 + length;
        }
    }
    digits(bytes)
}

/// The value of a number.
pub(super) fn number(text: &str) -> Result<u32, String> {
    let (digits, radix, name) =
        if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            (hex, 16, "hexadecimal")
        } else if text.len() > 1 && text.starts_with('0') {
            (text, 8, "octal")
        } else {
            (text, 10, "decimal")
        };
    u32::from_str_radix(digits, radix).map_err(|_| {
        if digits.chars().all(|c| c.is_digit(radix)) {
            format!("{text} does not fit into 32 bits")
        } else {
            format!("{text} is not {name}: numbers that begin with 0 are octal")
        }
    })
}

/// Length of two to four numbers with dots between them, or 0.
fn dotted_length(text: &str) -> usize {
    let mut length = number_length(text);
    let mut numbers = u32::from(length > 0);
    while numbers > 0 && numbers < 4 {
        let Some(rest) = text.get(length..).and_then(|rest| rest.strip_prefix('.')) else {
            break;
        };
        match number_length(rest) {
            0 => break,
            more => length += 1 + more,
        }
        numbers += 1;
    }
    if numbers < 2 { 0 } else { length }
}

/// An Ethernet address, as `0:1:2:3:4:5` (or with `-` or `.`), `0011.2233.4455` or
/// `001122334455`, and its length.
fn mac(text: &str) -> Option<([u8; 6], usize)> {
    let bytes = text.as_bytes();
    let groups = [
        mac_groups(bytes, b':', 6),
        mac_groups(bytes, b'-', 6),
        mac_groups(bytes, b'.', 6),
        mac_groups(bytes, b'.', 3),
    ];
    let mut best = groups
        .into_iter()
        .flatten()
        .max_by_key(|(_, length)| *length);
    if hex_digits(bytes) >= 12 && best.is_none_or(|(_, length)| length < 12) {
        let mut address = [0; 6];
        for (byte, pair) in address.iter_mut().zip(bytes.chunks(2)) {
            *byte = std::str::from_utf8(pair)
                .ok()
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())?;
        }
        best = Some((address, 12));
    }
    best
}

/// Six groups of one or two digits, or three of exactly four.
fn mac_groups(bytes: &[u8], separator: u8, count: usize) -> Option<([u8; 6], usize)> {
    let mut address = [0; 6];
    let mut position = 0;
    for group in 0..count {
        if group > 0 {
            if bytes.get(position) != Some(&separator) {
                return None;
            }
            position += 1;
        }
        let rest = bytes.get(position..)?;
        let length = if count == 6 {
            hex_digits(rest).min(2)
        } else {
            4
        };
        if length == 0 || hex_digits(rest) < length {
            return None;
        }
        let text = std::str::from_utf8(rest.get(..length)?).ok()?;
        let value = u16::from_str_radix(text, 16).ok()?;
        if count == 6 {
            *address.get_mut(group)? = value as u8;
        } else {
            address
                .get_mut(group * 2..group * 2 + 2)?
                .copy_from_slice(&value.to_be_bytes());
        }
        position += length;
    }
    Some((address, position))
}

/// The longest IPv6 address at the beginning, and its length.
fn v6(text: &str) -> Option<(Ipv6Addr, usize)> {
    /// Eight groups with an IPv4 address at the end.
    const LONGEST: usize = 45;
    let run = text
        .bytes()
        .take(LONGEST)
        .take_while(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
        .count();
    let run_text = text.get(..run)?;
    if !run_text.contains(':') {
        return None;
    }
    (2..=run)
        .rev()
        .find_map(|length| Some((run_text.get(..length)?.parse().ok()?, length)))
}

/// Length of what looks like an Ethernet address but has the wrong form: at least two bytes,
/// each with colons after it.
fn colons_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut length = 0;
    let mut groups = 0;
    while let Some(rest) = bytes.get(length..) {
        let digits = hex_digits(rest);
        if !(1..=2).contains(&digits) {
            break;
        }
        let colons = rest
            .iter()
            .skip(digits)
            .take_while(|byte| **byte == b':')
            .count();
        if colons == 0 {
            break;
        }
        length += digits + colons;
        groups += 1;
    }
    if groups < 2 { 0 } else { length }
}

/// Length of a name: letters, digits, and within it `-`, `_` and `.`.
fn name_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    if !bytes.first().is_some_and(u8::is_ascii_alphanumeric) {
        return 0;
    }
    let length = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        .count();
    let trimmed = bytes
        .iter()
        .take(length)
        .rposition(|byte| !matches!(byte, b'-' | b'_'));
    trimmed.map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(expression: &str) -> Vec<TokenKind> {
        tokens(expression)
            .unwrap()
            .into_iter()
            .map(|token| token.kind)
            .collect()
    }

    #[test]
    fn the_longest_word_wins() {
        assert_eq!(kinds("len-5"), [TokenKind::Name("len-5".into())]);
        assert_eq!(
            kinds("len -5"),
            [
                TokenKind::Keyword(Keyword::Len),
                TokenKind::Symbol(Symbol::Minus),
                TokenKind::Number(5)
            ]
        );
        assert_eq!(kinds("tcp-syn"), [TokenKind::Number(2)]);
        assert_eq!(kinds("6000-6008"), [TokenKind::Name("6000-6008".into())]);
    }

    #[test]
    fn numbers_are_those_of_c() {
        assert_eq!(kinds("10 010 0x10"), [10, 8, 16].map(TokenKind::Number));
        assert!(tokens("08").is_err());
        assert!(tokens("4294967296").is_err());
        assert_eq!(kinds("4294967295"), [TokenKind::Number(u32::MAX)]);
    }

    #[test]
    fn addresses() {
        let mac = TokenKind::Mac([0, 0x11, 0x22, 0x33, 0x44, 0x55]);
        for written in [
            "0:11:22:33:44:55",
            "00-11-22-33-44-55",
            "00.11.22.33.44.55",
            "0011.2233.4455",
            "001122334455",
        ] {
            assert_eq!(kinds(written), std::slice::from_ref(&mac), "{written}");
        }
        assert_eq!(kinds("10.1.2"), [TokenKind::Dotted("10.1.2".into())]);
        assert_eq!(
            kinds("fe80::1"),
            [TokenKind::V6("fe80::1".parse().unwrap())]
        );
        assert_eq!(
            kinds("::ffff:1.2.3.4"),
            [TokenKind::V6("::ffff:1.2.3.4".parse().unwrap())]
        );
        assert_eq!(kinds("$1f"), [TokenKind::Arcnet(0x1f)]);
        assert!(tokens("1:2:3:").is_err());
    }

    #[test]
    fn byte_ranges_are_no_addresses() {
        assert_eq!(kinds("ip[0:2]").len(), 6);
        assert_eq!(kinds("ether[6:4]").len(), 6);
    }

    #[test]
    fn what_is_no_word_is_pointed_at() {
        let fault = tokens("tcp; udp").unwrap_err();
        assert_eq!(fault.span, 3..4);
        assert_eq!(tokens("tcp ü").unwrap_err().span, 4..6);
    }
}
