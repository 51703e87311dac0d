//! Making text from packets harmless for the place it is shown.
//!
//! A host name, a file name or a comment of a capture can hold anything: terminal escape
//! sequences, markup, or characters that turn the reading direction around so that one name
//! looks like another. [`visible`] makes every such character a visible escape; [`html`] and
//! [`script_json`] then make the result inert in a page.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;

/// Whether a character is shown as an escape: it has no glyph of its own, or it changes how
/// its neighbours are shown.
///
/// These are the control characters (C0, DEL and C1: terminals act on them), the bidirectional
/// controls (UAX #9 section 2, used to disguise names), the zero-width and invisible format
/// characters, line and paragraph separators, tags, and noncharacters.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || (c as u32) & 0xfffe == 0xfffe
}

/// The text with hidden characters as escapes: `\n`, `\x1b`, `\u{202e}`.
///
/// A backslash stays as it is: names such as `DOMAIN\alice` are common, and an escape that is
/// really four harmless characters harms nobody.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) {
            push_escape(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// As [`visible`], and every character outside ASCII as an escape, for terminals without
/// Unicode.
pub fn visible_ascii(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if c.is_ascii() && !c.is_control() {
            out.push(c);
        } else {
            push_escape(&mut out, c);
        }
    }
    Cow::Owned(out)
}

fn push_escape(out: &mut String, c: char) {
    // Writing to a String cannot fail.
    let _ = match c {
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        c if c.is_ascii() => write!(out, "\\x{:02x}", c as u32),
        c => write!(out, "\\u{{{:x}}}", c as u32),
    };
}

/// Text for HTML and SVG, in elements and in quoted attributes: [`visible`], then the five
/// characters that mean something in markup as references.
pub fn html(text: &str) -> String {
    let text = visible(text);
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// JSON for a `<script>` element: `<`, `>` and `&` become `\u` escapes, so that no `</script>` or `<!--` within can end or change the element.
///
/// In JSON these characters stand only within strings, so the value stays the same.
pub fn script_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + json.len() / 16);
    for c in json.chars() {
        match c {
            '<' | '>' | '&' => push_json_escape(&mut out, c),
            c => out.push(c),
        }
    }
    out
}

/// JSON in which hidden characters ([`is_hidden`]) stand as escapes, so that showing it on a
/// terminal or in an editor does what its bytes say and nothing else.
///
/// Newlines stay: within strings JSON has none.
pub fn plain_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_hidden(c) {
            push_json_escape(&mut out, c);
        } else {
            out.push(c);
        }
    }
    out
}

/// `\uXXXX`, twice for a character beyond the Basic Multilingual Plane (RFC 8259 section 7).
fn push_json_escape(out: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a String cannot fail.
        let _ = write!(out, "\\u{unit:04x}");
    }
}

/// Columns a text takes on a terminal.
pub fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn char_width(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// The text cut at its end to at most `max` columns, with `mark` in place of what is gone.
pub fn cut_end(text: &str, max: usize, mark: &str) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let room = max.saturating_sub(width(mark));
    let mut out = take_columns(text.chars(), room);
    if width(mark) <= max {
        out.push_str(mark);
    }
    out
}

/// The text cut in its middle to at most `max` columns: for addresses, whose two ends tell
/// most.
pub fn cut_middle(text: &str, max: usize, mark: &str) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    if max <= width(mark) + 2 {
        return cut_end(text, max, mark);
    }
    let room = max - width(mark);
    let head = take_columns(text.chars(), room.div_ceil(2));
    let tail: String = take_columns(text.chars().rev(), room / 2)
        .chars()
        .rev()
        .collect();
    head + mark + &tail
}

fn take_columns(chars: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    let mut out = String::new();
    for c in chars {
        used += char_width(c);
        if used > room {
            break;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_what_terminals_and_eyes_obey() {
        assert_eq!(
            visible("a\x1b[31mb\u{202e}c\u{9b}d\ne"),
            "a\\x1b[31mb\\u{202e}c\\u{9b}d\\ne"
        );
        assert_eq!(visible("plain ü 漢"), "plain ü 漢");
        assert_eq!(visible_ascii("ü\u{7}"), "\\u{fc}\\x07");
        assert_eq!(
            html("<a href='x'>&\"\u{200b}"),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\\u{200b}"
        );
        assert_eq!(
            script_json("\"</script><!--\""),
            "\"\\u003c/script\\u003e\\u003c!--\""
        );
    }

    #[test]
    fn cuts_to_columns() {
        assert_eq!(cut_end("abcdef", 4, "…"), "abc…");
        assert_eq!(cut_end("abcd", 4, "…"), "abcd");
        assert_eq!(
            cut_middle("2001:db8:1234:5678::9", 11, "…"),
            "2001:…678::9".replace("678::9", "78::9")
        );
        assert_eq!(width(&cut_end("漢字漢字", 5, "…")), 5);
        assert_eq!(cut_end("abc", 0, "…"), "");
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left(text in "\\PC*|(.|\\n)*") {
            prop_assert!(!visible(&text).chars().any(is_hidden));
            prop_assert!(visible_ascii(&text).bytes().all(|b| (0x20..0x7f).contains(&b)));
            let escaped = html(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            let json = serde_json::to_string(&text).unwrap();
            let safe = script_json(&json);
            prop_assert!(!safe.contains(['<', '>', '&']));
            prop_assert_eq!(&serde_json::from_str::<String>(&safe).unwrap(), &text);
            let plain = plain_json(&json);
            prop_assert!(!plain.chars().any(is_hidden));
            prop_assert_eq!(serde_json::from_str::<String>(&plain).unwrap(), text);
        }

        #[test]
        fn cuts_never_exceed(text in ".*", max in 0_usize..40) {
            let text = visible(&text);
            prop_assert!(width(&cut_end(&text, max, "…")) <= max);
            prop_assert!(width(&cut_middle(&text, max, "..")) <= max);
        }
    }
}
