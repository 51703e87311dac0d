//! Why a query gives no rows, told to whoever wrote it.

mod calls;
mod cures;
mod words;

use std::fmt::Write as _;
use std::sync::Arc;

use datafusion::common::{DataFusionError, SchemaError};
use netloom_tables::ColumnDef;
use netloom_tables::read::ReadError;

use crate::statements::{identifier, is_value, names_a_table, unquoted};

/// Why a query gives no rows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The query makes no sense, or names what is not there.
    #[error("{message}")]
    Query {
        /// What is wrong; more than one line where the place is shown.
        message: String,
        /// What a person can do about it.
        hint: Option<String>,
    },
    /// A capture could not be opened: the error of whoever opens them, or what it said.
    #[error("{0}")]
    Capture(String),
    /// A file of a table could not be read.
    #[error(transparent)]
    Table(#[from] ReadError),
    /// There was not enough memory.
    #[error("the query needs more memory than it may have: {0}")]
    Memory(String),
    /// Somebody said stop while it ran: [`Control::stop`](netloom_pipeline::Control::stop).
    #[error("stopped before the query was done")]
    Stopped,
    /// Something else went wrong while it ran.
    #[error("{0}")]
    Failed(String),
}

impl QueryError {
    pub(crate) fn query(message: impl Into<String>) -> Self {
        Self::Query {
            message: message.into(),
            hint: None,
        }
    }

    #[must_use]
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        match self {
            Self::Query { message, .. } => Self::Query {
                message,
                hint: Some(hint.into()),
            },
            other => other,
        }
    }

    /// Of a statement; `sql` is shown where a place in it is known.
    pub(crate) fn of(error: DataFusionError, sql: &str) -> Self {
        let at = match &error {
            DataFusionError::SQL(error, _) => {
                place(&error.to_string()).map(|(_, line, column)| (line, column))
            }
            _ => None,
        };
        let missing = missing_column(&error);
        let error = Self::as_told(error, sql);
        if let Self::Query { .. } = error
            && let Some(name) = unquoted(sql, at)
        {
            let message =
                format!("'{name}' is a word of SQL: as the name of a column it needs quotes");
            return Self::query(message).hint(format!("write \"{name}\""));
        }
        match missing.filter(|name| is_value(sql, name)) {
            Some(name) if !error.means_another(&name) => {
                error.hint(format!("a text stands in single quotes: '{name}'"))
            }
            _ => error,
        }
    }

    /// Whether it names what a name is a misspelling of.
    fn means_another(&self, name: &str) -> bool {
        let Self::Query {
            hint: Some(hint), ..
        } = self
        else {
            return false;
        };
        let meant = hint
            .strip_prefix("did you mean ")
            .and_then(|hint| hint.strip_suffix('?'));
        meant.is_some_and(|meant| difference(&name.to_lowercase(), &meant.to_lowercase()).1)
    }

    fn as_told(error: DataFusionError, sql: &str) -> Self {
        match error {
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
                Self::of(*inner, sql)
            }
            DataFusionError::Collection(errors) => match errors.into_iter().next() {
                Some(first) => Self::of(first, sql),
                None => Self::Failed("an error of which nothing is known".to_owned()),
            },
            DataFusionError::Shared(shared) => match Arc::try_unwrap(shared) {
                Ok(error) => Self::of(error, sql),
                Err(shared) => match shared.find_root() {
                    DataFusionError::External(error) => Self::Capture(error.to_string()),
                    DataFusionError::ResourcesExhausted(message) => Self::Memory(message.clone()),
                    other => Self::Failed(said(other)),
                },
            },
            DataFusionError::External(error) => Self::Capture(error.to_string()),
            DataFusionError::ResourcesExhausted(message) => Self::Memory(message),
            DataFusionError::SchemaError(error, _) => schema_error(&error, sql),
            DataFusionError::SQL(error, _) => syntax_error(&error.to_string(), sql),
            error @ (DataFusionError::Plan(_)
            | DataFusionError::NotImplemented(_)
            | DataFusionError::Configuration(_)) => {
                let said = said(&error);
                in_words(&said).unwrap_or_else(|| Self::query(said))
            }
            other => {
                let said = said(&other);
                in_words(&said).unwrap_or(Self::Failed(said))
            }
        }
    }
}

/// The message without the words of the engine that say which part of it failed.
fn said(error: &DataFusionError) -> String {
    let message = error.message().into_owned();
    let message = message.split("\n\nbacktrace:").next().unwrap_or_default();
    message.trim_end().to_owned()
}

fn in_words(said: &str) -> Option<QueryError> {
    calls::call_error(said).or_else(|| words::told(said))
}

/// A column that is not there, or is there twice.
fn schema_error(error: &SchemaError, sql: &str) -> QueryError {
    match error {
        SchemaError::FieldNotFound {
            field,
            valid_fields,
        } => {
            let error = QueryError::query(format!("there is no column '{}'", field.flat_name()));
            let qualified = field.relation.is_some();
            // Where what stands before the dot is no table, tables help nobody.
            let qualified = qualified
                && valid_fields.iter().any(|column| {
                    let tables = column.relation.as_ref().zip(field.relation.as_ref());
                    tables.is_some_and(|(one, other)| one.table() == other.table())
                });
            let names: Vec<String> = valid_fields
                .iter()
                .map(|column| {
                    if qualified {
                        let table = column.relation.as_ref();
                        table.map_or_else(
                            || column.name.clone(),
                            |table| format!("{}.{}", table.table(), column.name),
                        )
                    } else {
                        column.name.clone()
                    }
                })
                .collect();
            let wanted = field.relation.as_ref().map_or_else(
                || field.name.clone(),
                |table| format!("{}.{}", table.table(), field.name),
            );
            let near = by_alias(&wanted, &names)
                .or_else(|| by_alias(&field.name, &names))
                .or_else(|| nearest(&wanted, &names))
                // `ip.src`, where `ip` is no table.
                .or_else(|| nearest(&wanted.replace('.', "_"), &names))
                .or_else(|| {
                    let swapped = wanted.split_once('.').map(|(one, two)| format!("{two}_{one}"));
                    nearest(&swapped?, &names)
                });
            match near {
                Some(name) => error.hint(format!("did you mean {}?", quoted(name))),
                None if names.is_empty() && !names_a_table(sql) => {
                    error.hint("its table is missing: SELECT … FROM flows")
                }
                None if names.is_empty() => error,
                None => error.hint(format!("there are: {}", listed(&names))),
            }
        }
        SchemaError::AmbiguousReference { field } => {
            QueryError::query(format!("column '{}' is in more than one table", field.name)).hint(
                format!("write the table before it: table.{}", quoted(&field.name)),
            )
        }
        other => QueryError::query(other.to_string()),
    }
}

/// A name, or names with dots between them, as SQL wants them.
fn quoted(name: &str) -> String {
    let parts: Vec<_> = name.split('.').map(identifier).collect();
    parts.join(".")
}

/// Some of many names.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut list = String::new();
    for (place, name) in names.iter().take(SHOWN).enumerate() {
        let comma = if place > 0 { ", " } else { "" };
        _ = write!(list, "{comma}{}", quoted(name));
    }
    if names.len() > SHOWN {
        _ = write!(list, " and {} more", names.len() - SHOWN);
    }
    list
}

/// A statement that cannot be parsed, with a mark under the place.
fn syntax_error(message: &str, sql: &str) -> QueryError {
    let message = message
        .strip_prefix("sql parser error: ")
        .unwrap_or(message);
    if message.starts_with("recursion limit exceeded") {
        return QueryError::query(
            "the query is too large: too many parentheses, functions or queries within one another",
        );
    }
    let Some((what, line, column)) = place(message) else {
        return QueryError::query(format!("the query cannot be understood: {message}"));
    };
    let Some(text) = line.checked_sub(1).and_then(|line| sql.lines().nth(line)) else {
        return QueryError::query(format!("the query cannot be understood: {what}"));
    };
    // Tabs are one column for the parser, and the mark must stand under its character.
    let text = text.replace('\t', " ");
    let address = address_at(&text, column.saturating_sub(1));
    let (text, before) = around(&text, column.saturating_sub(1));
    let mark = " ".repeat(before);
    let error = QueryError::query(format!(
        "the query cannot be understood: {what}\n  {text}\n  {mark}^"
    ));
    match address {
        Some(address) => error.hint(format!("addresses stand in single quotes: '{address}'")),
        None => match cures::of(sql, line, column) {
            Some(cure) => error.hint(cure),
            None => error,
        },
    }
}

/// The address without quotes in which a place of a line is.
fn address_at(line: &str, place: usize) -> Option<&str> {
    let is_part = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
    let byte = line.char_indices().nth(place)?.0;
    let (before, after) = line.split_at_checked(byte)?;
    let begin = before.trim_end_matches(is_part).len();
    let end = byte + after.len() - after.trim_start_matches(is_part).len();
    let word = line.get(begin..end)?;
    word.parse::<std::net::IpAddr>().is_ok().then_some(word)
}

/// What of a line is shown for a place in it, a number of characters, and how many of those shown are
/// before the place.
fn around(line: &str, place: usize) -> (String, usize) {
    const BEFORE: usize = 80;
    const AFTER: usize = 40;
    let length = line.chars().count();
    let place = place.min(length);
    let from = place.saturating_sub(BEFORE);
    let shown: String = line.chars().skip(from).take(BEFORE + AFTER).collect();
    let (start, end) = (
        if from > 0 { "…" } else { "" },
        if length > from + BEFORE + AFTER {
            "…"
        } else {
            ""
        },
    );
    let before = place - from + usize::from(from > 0);
    (format!("{start}{shown}{end}"), before)
}

/// What a parser's message says, and the line and column that it names at its end.
fn place(message: &str) -> Option<(&str, usize, usize)> {
    let (what, place) = message.rsplit_once(" at Line: ")?;
    let (line, column) = place.split_once(", Column: ")?;
    Some((what, line.parse().ok()?, column.parse().ok()?))
}

/// The column that another tool calls so: `orig_bytes` is Zeek's `fwd_payload_bytes`.
fn by_alias<'n>(wanted: &str, names: &'n [String]) -> Option<&'n str> {
    let wanted = wanted.to_lowercase();
    let called_so = |def: &&ColumnDef| {
        let a = &def.aliases;
        [a.zeek, a.nfstream, a.cic, a.ecs, a.ipfix]
            .into_iter()
            .flat_map(|alias| alias.split(" / "))
            .any(|alias| alias.to_lowercase() == wanted)
    };
    let columns = netloom_tables::tables().iter().flat_map(|t| &t.columns);
    columns.filter(called_so).find_map(|def| {
        names
            .iter()
            .find(|name| name.rsplit('.').next() == Some(def.name))
            .map(String::as_str)
    })
}

/// A column that is not there and was named without its table.
fn missing_column(error: &DataFusionError) -> Option<String> {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            missing_column(inner)
        }
        DataFusionError::SchemaError(error, _) => match &**error {
            SchemaError::FieldNotFound { field, .. } if field.relation.is_none() => {
                Some(field.name.clone())
            }
            _ => None,
        },
        _ => None,
    }
}

/// In how many letters a name differs from another one, and whether that may be a slip of the pen.
fn difference(wanted: &str, name: &str) -> (usize, bool) {
    let distance = datafusion::common::utils::datafusion_strsim::levenshtein(wanted, name);
    let bound = wanted.chars().count().div_ceil(3).max(1);
    (distance, distance <= bound)
}

/// The name most like one that is not there, if any is like it.
pub(crate) fn nearest<'n>(wanted: &str, names: &'n [String]) -> Option<&'n str> {
    let wanted = wanted.to_lowercase();
    let near = |name: &&String| {
        let name = name.to_lowercase();
        let (distance, is_near) = difference(&wanted, &name);
        // `address` for `src_address`, `bytes` for `fwd_bytes`.
        let within = wanted.len() >= 3 && (name.contains(&wanted) || wanted.contains(&name));
        (is_near, within, distance)
    };
    names
        .iter()
        .map(|name| (near(&name), name))
        .filter(|((near, within, _), _)| *near || *within)
        .min_by_key(|((near, _, distance), _)| (!near, *distance))
        .map(|(_, name)| name.as_str())
}

/// The error of a table that is not there.
pub(crate) fn no_table(name: &str, tables: &[String]) -> QueryError {
    let error = QueryError::query(format!("there is no table '{name}'"));
    if tables.is_empty() {
        return error.hint("name captures or files of tables after the query");
    }
    match nearest(name, tables) {
        Some(near) => error.hint(format!("did you mean {}?", quoted(near))),
        None => error.hint(format!("there are: {}", listed(tables))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_names() {
        let names: Vec<String> = ["src_ip", "dst_ip", "fwd_bytes", "server_name", "ts"]
            .map(str::to_owned)
            .into();
        for (wanted, name) in [
            ("srcip", Some("src_ip")),
            ("SRC_IP", Some("src_ip")),
            ("bytes", Some("fwd_bytes")),
            ("servername", Some("server_name")),
            ("colour", None),
        ] {
            assert_eq!(nearest(wanted, &names), name, "{wanted}");
        }
    }

    #[test]
    fn the_place_is_marked() {
        let QueryError::Query { message, .. } = syntax_error(
            "sql parser error: Expected: an expression, found: FROM at Line: 1, Column: 8",
            "SELECT FROM flows",
        ) else {
            panic!("not a query error");
        };
        assert_eq!(
            message,
            "the query cannot be understood: Expected: an expression, found: FROM\n  SELECT FROM flows\n         ^"
        );
    }

    #[test]
    fn of_a_long_line_the_place_is_shown() {
        let sql = format!(
            "SELECT {}FROM flows{}",
            "1 + ".repeat(1000),
            " ".repeat(500) + "x"
        );
        let QueryError::Query { message, .. } = syntax_error(
            "sql parser error: Expected: an expression, found: FROM at Line: 1, Column: 4008",
            &sql,
        ) else {
            panic!("not a query error");
        };
        let lines: Vec<&str> = message.lines().collect();
        let [_, text, mark] = lines[..] else {
            panic!("{message}");
        };
        assert!(text.chars().count() < 150, "{text}");
        let place = mark.chars().count() - 1;
        let there: String = text.chars().skip(place).take(4).collect();
        assert_eq!(there, "FROM");
    }
}
