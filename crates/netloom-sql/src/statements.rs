//! Statements in a text that has several of them.

use datafusion::sql::sqlparser::ast::{Expr, SelectItem, SetExpr, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
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

/// A name as it must be written in SQL: in quotes where it is not in small letters, or is a word
/// of SQL itself.
///
/// ```
/// assert_eq!(netloom_sql::identifier("src_ip"), "src_ip");
/// assert_eq!(netloom_sql::identifier("interval"), "\"interval\"");
/// assert_eq!(netloom_sql::identifier("Flow ID"), "\"Flow ID\"");
/// ```
pub fn identifier(name: &str) -> String {
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let is_plain = starts_well
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if is_plain && !is_reserved(name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// Whether a word is one of SQL's that names no column unless it stands in quotes.
pub(crate) fn is_reserved(word: &str) -> bool {
    // Quick, and true of few names.
    let is_keyword = matches!(Token::make_word(word, None), Token::Word(word) if word.keyword != Keyword::NoKeyword);
    let names_columns = || {
        let sql = format!("SELECT a, {word}, {word} FROM t");
        let parsed = Parser::parse_sql(&GenericDialect {}, &sql).unwrap_or_default();
        let [Statement::Query(query)] = &parsed[..] else {
            return false;
        };
        let SetExpr::Select(select) = &*query.body else {
            return false;
        };
        let is_name =
            |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(Expr::Identifier(_)));
        select.projection.len() == 3 && select.projection.iter().all(is_name)
    };
    is_keyword && !names_columns()
}

/// The column of netloom's that a statement names without the quotes which its name needs: a word
/// in the place `at` (line and column), or one that a value does not follow as it must in SQL.
pub(crate) fn unquoted(sql: &str, at: Option<(usize, usize)>) -> Option<String> {
    let mut tokens = Vec::new();
    // Of what cannot be taken apart the beginning is enough.
    _ = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location_into_buf(&mut tokens);
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    tokens.iter().enumerate().find_map(|(place, found)| {
        let Token::Word(word) = &found.token else {
            return None;
        };
        let name = word.value.to_lowercase();
        let before = place.checked_sub(1).and_then(|place| tokens.get(place));
        let is_qualified = before.is_some_and(|token| token.token == Token::Period);
        let is_column = || {
            let tables = netloom_tables::tables().iter();
            let mut columns = tables.flat_map(|table| &table.columns);
            columns.any(|column| column.name == name)
        };
        if word.quote_style.is_some() || is_qualified || !is_column() || !is_reserved(&name) {
            return None;
        }
        let is_there = at.is_some_and(|(line, column)| {
            (found.span.start.line, found.span.start.column) == (line as u64, column as u64)
        });
        // `INTERVAL '1 minute'` is what SQL has it for.
        let after = tokens.get(place + 1).map(|token| &token.token);
        let is_value = match after {
            Some(Token::Word(next)) => {
                next.quote_style.is_some() || next.keyword == Keyword::NoKeyword
            }
            Some(
                Token::SingleQuotedString(_)
                | Token::Number(..)
                | Token::LParen
                | Token::Plus
                | Token::Minus,
            ) => true,
            _ => false,
        };
        (is_there || word.keyword == Keyword::INTERVAL && !is_value).then_some(name)
    })
}

/// Whether a text has a `FROM`.
pub(crate) fn names_a_table(sql: &str) -> bool {
    let mut tokens = Vec::new();
    _ = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location_into_buf(&mut tokens);
    let is_from = |token: &TokenWithSpan| matches!(&token.token, Token::Word(word) if word.keyword == Keyword::FROM);
    tokens.iter().any(is_from)
}

/// Whether a name stands where a constant would: behind a comparison, and not as the table of a column
/// or a function.
pub(crate) fn is_value(sql: &str, name: &str) -> bool {
    let mut tokens = Vec::new();
    _ = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location_into_buf(&mut tokens);
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    tokens.windows(2).enumerate().any(|(place, pair)| {
        let [before, word] = pair else { return false };
        let is_name =
            matches!(&word.token, Token::Word(word) if word.value.eq_ignore_ascii_case(name));
        let compares = match &before.token {
            Token::Eq
            | Token::DoubleEq
            | Token::Neq
            | Token::Lt
            | Token::LtEq
            | Token::Gt
            | Token::GtEq => true,
            Token::Word(word) => matches!(word.keyword, Keyword::LIKE | Keyword::ILIKE),
            _ => false,
        };
        let after = tokens.get(place + 2).map(|token| &token.token);
        is_name && compares && !matches!(after, Some(Token::Period | Token::LParen))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_sql() {
        for reserved in ["interval", "end", "select", "from"] {
            assert!(is_reserved(reserved), "{reserved}");
        }
        for free in [
            "start", "ts", "number", "len", "src_ip", "service", "host", "version",
        ] {
            assert!(!is_reserved(free), "{free}");
        }
        assert_eq!(identifier("start"), "start");
    }

    #[test]
    fn names_that_need_quotes() {
        let found = |sql: &str, at| unquoted(sql, at);
        let interval = Some("interval".to_owned());
        assert_eq!(
            found("SELECT start, interval FROM timeline", None),
            interval
        );
        assert_eq!(
            found("SELECT INTERVAL, start FROM timeline", None),
            interval
        );
        assert_eq!(found("SELECT ts + INTERVAL '1 s' FROM packets", None), None);
        assert_eq!(
            found("SELECT ts + interval 1 hour FROM packets", None),
            None
        );
        assert_eq!(found("SELECT \"interval\", t.interval FROM t", None), None);
    }

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
