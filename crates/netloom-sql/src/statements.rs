//! Statements in a text that has several of them.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

/// The statements of a text that end with a semicolon, without it, and what comes after the last
/// one: a statement that is not whole yet, or nothing where only blanks and comments follow.
///
/// A semicolon in a text, a name or a comment ends nothing.
///
/// ```
/// use netloom_sql::statements;
///
/// let (whole, rest) = statements("SELECT ';'; -- one; two\nSELECT 2;\nSELECT");
/// assert_eq!(whole, ["SELECT ';'", "-- one; two\nSELECT 2"]);
/// assert_eq!(rest, "SELECT");
/// ```
pub fn statements(text: &str) -> (Vec<&str>, &str) {
    let dialect = GenericDialect {};
    let mut tokens = Vec::new();
    // What cannot be taken apart (a text without its end) is not whole.
    let is_broken = Tokenizer::new(&dialect, text)
        .tokenize_with_location_into_buf(&mut tokens)
        .is_err();
    let places = Places::new(text);
    let (mut whole, mut begin, mut has_words) = (Vec::new(), 0, false);
    for TokenWithSpan { token, span } in &tokens {
        match token {
            Token::SemiColon => {
                let end = places.of(span.start);
                if has_words {
                    whole.extend(text.get(begin..end).map(str::trim));
                }
                (begin, has_words) = (end + 1, false);
            }
            Token::Whitespace(_) | Token::EOF => {}
            _ => has_words = true,
        }
    }
    let rest = text.get(begin..).unwrap_or_default().trim();
    (whole, if has_words || is_broken { rest } else { "" })
}

/// Where lines begin.
struct Places<'a> {
    text: &'a str,
    lines: Vec<usize>,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        let begins = text.match_indices('\n').map(|(end, _)| end + 1);
        let lines = std::iter::once(0).chain(begins).collect();
        Self { text, lines }
    }

    /// The byte of a line and a column, both from 1, in characters.
    fn of(&self, place: Location) -> usize {
        let line = usize::try_from(place.line.saturating_sub(1)).unwrap_or(usize::MAX);
        let column = usize::try_from(place.column.saturating_sub(1)).unwrap_or(usize::MAX);
        let begin = self.lines.get(line).copied().unwrap_or(self.text.len());
        let rest = self.text.get(begin..).unwrap_or_default();
        let within = rest.char_indices().nth(column);
        begin + within.map_or(rest.len(), |(byte, _)| byte)
    }
}

/// A name as it must be written in SQL: in quotes where it is not in small letters.
///
/// ```
/// assert_eq!(netloom_sql::identifier("src_ip"), "src_ip");
/// assert_eq!(netloom_sql::identifier("Flow ID"), "\"Flow ID\"");
/// ```
pub fn identifier(name: &str) -> String {
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let is_plain = starts_well
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if is_plain {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_that_end_and_those_that_do_not() {
        let cases: &[(&str, &[&str], &str)] = &[
            ("", &[], ""),
            (" ; ;\n", &[], ""),
            ("SELECT 1", &[], "SELECT 1"),
            ("SELECT 1;", &["SELECT 1"], ""),
            ("SELECT 1; SELECT 2", &["SELECT 1"], "SELECT 2"),
            ("SELECT ';'; x", &["SELECT ';'"], "x"),
            ("SELECT 'it''s;", &[], "SELECT 'it''s;"),
            ("SELECT \";\";", &["SELECT \";\""], ""),
            ("SELECT 1 -- no;\n;", &["SELECT 1 -- no;"], ""),
            ("SELECT /* ; */ 1;", &["SELECT /* ; */ 1"], ""),
            ("SELECT 1; -- done", &["SELECT 1"], ""),
            ("SELECT 1; /* not", &["SELECT 1"], "/* not"),
            (
                "SELECT 'é😀';\nSELECT 'ü';",
                &["SELECT 'é😀'", "SELECT 'ü'"],
                "",
            ),
            ("SELECT $$;$$;", &["SELECT $$;$$"], ""),
        ];
        for (text, whole, rest) in cases {
            assert_eq!(statements(text), (whole.to_vec(), *rest), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken_apart(text in "[a-z ;'\"\n$/*é-]{0,40}") {
            let (whole, rest) = statements(&text);
            proptest::prop_assert!(whole.iter().all(|one| !one.is_empty() && text.contains(one)));
            proptest::prop_assert!(text.contains(rest));
        }
    }
}
