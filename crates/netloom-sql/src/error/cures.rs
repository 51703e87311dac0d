//! What is likely meant where a statement cannot be parsed.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer, Word};

use super::difference;

/// The words that begin the parts of a query, in their order.
const PARTS: [(&str, Keyword); 7] = [
    ("SELECT", Keyword::SELECT),
    ("FROM", Keyword::FROM),
    ("WHERE", Keyword::WHERE),
    ("GROUP", Keyword::GROUP),
    ("HAVING", Keyword::HAVING),
    ("ORDER", Keyword::ORDER),
    ("LIMIT", Keyword::LIMIT),
];

/// Quotes of texts that are set, which some programs put in the place of straight ones.
const CURLY: [char; 6] = ['‘', '’', '‚', '“', '”', '„'];

/// The cure of what stands in a place (line and column) of a statement, as far as that tells it.
pub(super) fn of(sql: &str, line: usize, column: usize) -> Option<String> {
    let mut tokens = Vec::new();
    // Of what cannot be taken apart the beginning is enough.
    _ = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location_into_buf(&mut tokens);
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    let at = tokens.iter().position(|token| {
        let start = token.span.start;
        (start.line, start.column) == (line as u64, column as u64)
    });
    let Some(at) = at else {
        // Where it could not be taken apart, that is why.
        let rest = sql.lines().nth(line.checked_sub(1)?)?;
        return rest.contains(CURLY).then(straight);
    };
    let token = |at: Option<usize>| at.and_then(|at| tokens.get(at)).map(|token| &token.token);
    let found = token(Some(at))?;
    let before = token(at.checked_sub(1));
    let after = token(Some(at + 1));
    if is_curly(found) || before.is_some_and(is_curly) {
        return Some(straight());
    }
    from_words(found, before)
        .or_else(|| of_part(found, after, tokens[..at].iter().map(|token| &token.token)))
        .or_else(|| misspelt(found, before))
}

fn straight() -> String {
    "quotes are straight ones: 'dns'".to_owned()
}

fn is_curly(token: &Token) -> bool {
    match token {
        Token::Char(char) => CURLY.contains(char),
        Token::Word(word) => word.value.starts_with(CURLY),
        _ => false,
    }
}

fn keyword(token: Option<&Token>) -> Keyword {
    match token {
        Some(Token::Word(word)) if word.quote_style.is_none() => word.keyword,
        _ => Keyword::NoKeyword,
    }
}

/// What stands behind a word or a sign that wants something else.
fn from_words(found: &Token, before: Option<&Token>) -> Option<String> {
    let name = match found {
        Token::Word(word) if word.quote_style.is_none() => Some(&word.value),
        _ => None,
    };
    let cure = match (keyword(before), before, found) {
        (Keyword::IN, ..) => match name {
            Some(column) => format!("array_has({column}, 'x') looks into a list"),
            None => "a list stands in parentheses: IN ('dns', 'tls')".to_owned(),
        },
        (Keyword::USING, ..) => {
            format!("columns stand in parentheses: USING ({})", name?)
        }
        (Keyword::IS, ..) => "= compares with a value; IS is for NULL, TRUE and FALSE".to_owned(),
        (_, _, Token::RArrow) | (_, Some(Token::Eq), Token::Gt) => "write >=".to_owned(),
        (_, Some(Token::Eq), Token::Lt) => "write <=".to_owned(),
        (.., Token::Word(word)) if word.keyword == Keyword::EXISTS => {
            "EXISTS is for queries: column IS NOT NULL asks for values".to_owned()
        }
        _ => return None,
    };
    Some(cure)
}

/// A part of a query in the wrong place, or without its second word.
fn of_part<'t>(
    found: &Token,
    after: Option<&Token>,
    before: impl Iterator<Item = &'t Token>,
) -> Option<String> {
    let place = |token: &Token| {
        let keyword = keyword(Some(token));
        PARTS.iter().position(|(_, part)| *part == keyword)
    };
    let this = place(found)?;
    let (name, part) = PARTS[this];
    if matches!(part, Keyword::GROUP | Keyword::ORDER) && keyword(after) != Keyword::BY {
        return Some(format!("write {name} BY"));
    }
    let later = before.filter_map(place).max()?;
    (later > this).then(|| {
        "the order is SELECT … FROM … WHERE … GROUP BY … HAVING … ORDER BY … LIMIT".to_owned()
    })
}

/// A word that is nearly one of SQL's: the one in this place, or the one before it, which was taken
/// for a name.
fn misspelt(found: &Token, before: Option<&Token>) -> Option<String> {
    let near = |token: &Token| {
        let Token::Word(Word {
            value,
            quote_style: None,
            keyword: Keyword::NoKeyword,
        }) = token
        else {
            return None;
        };
        let word = value.to_uppercase();
        let likely = PARTS.iter().filter_map(|(name, _)| {
            let (distance, is_near) = difference(&word, name);
            // All of them have four letters or more, and so has what is nearly one.
            (is_near && word.len() + 1 >= name.len()).then_some((distance, *name))
        });
        likely.min().map(|(_, name)| name)
    };
    let name = near(found).or_else(|| near(before?))?;
    Some(format!("did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use datafusion::common::DataFusionError;
    use datafusion::sql::parser::DFParser;

    /// The cure of what cannot be parsed.
    fn cure(sql: &str) -> Option<String> {
        let error = DFParser::parse_sql(sql).expect_err(sql);
        let DataFusionError::SQL(error, _) = error.find_root() else {
            panic!("{sql}: {error}");
        };
        let said = error.to_string();
        let (_, line, column) = super::super::place(&said)?;
        super::of(sql, line, column)
    }

    #[test]
    fn what_is_meant() {
        for (sql, said) in [
            ("SELEC a FROM t", "did you mean SELECT?"),
            ("SELECT * FORM t", "did you mean FROM?"),
            ("SELECT a FROM t WERE a = 1", "did you mean WHERE?"),
            ("SELECT a FROM t GRUOP BY a", "did you mean GROUP?"),
            ("SELECT a FROM t LIMT 3", "did you mean LIMIT?"),
            ("SELECT a, count(*) FROM t GROUP a", "write GROUP BY"),
            ("SELECT a FROM t ORDER a", "write ORDER BY"),
            ("SELECT a FROM t LIMIT 3 ORDER BY a", "the order is SELECT"),
            ("SELECT a FROM t GROUP BY a WHERE a > 1", "the order is"),
            ("SELECT a FROM t WHERE a IN 'x', 'y'", "IN ('dns', 'tls')"),
            (
                "SELECT a FROM t WHERE 'x' IN risks",
                "array_has(risks, 'x')",
            ),
            ("SELECT a FROM t JOIN u USING flow_id", "USING (flow_id)"),
            ("SELECT a FROM t WHERE a IS 'x'", "= compares with a value"),
            ("SELECT a FROM t WHERE a => 5", "write >="),
            ("SELECT a FROM t WHERE a =< 5", "write <="),
            ("SELECT a FROM t WHERE a = ‘x’", "quotes are straight"),
            ("SELECT a FROM t WHERE a = “x”", "quotes are straight"),
            ("SELECT a FROM t WHERE NOT EXISTS a", "IS NOT NULL"),
        ] {
            let cure = cure(sql).unwrap_or_default();
            assert!(cure.contains(said), "{sql}: {cure:?}");
        }
    }

    #[test]
    fn what_may_mean_anything_has_no_cure() {
        for sql in ["SELECT a b c FROM t", "SELECT (a FROM t", "x y z"] {
            assert_eq!(cure(sql), None, "{sql}");
        }
    }
}
