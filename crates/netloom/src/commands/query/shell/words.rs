//! What a word may become: names of tables, columns and functions, and words of SQL.

use std::collections::BTreeSet;

use netloom::sql::{TableEntry, identifier};

use super::super::Data;
use crate::output::visible;

const COMMANDS: [&str; 8] = [
    "\\?", "\\d", "\\df", "\\q", "\\rows", "\\timing", "\\x", "\\help",
];

const KEYWORDS: [&str; 52] = [
    "ALL",
    "AND",
    "ANTI JOIN",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CREATE TABLE",
    "CREATE VIEW",
    "CROSS JOIN",
    "DESC",
    "DISTINCT",
    "DROP TABLE",
    "DROP VIEW",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FILTER",
    "FROM",
    "GROUP BY",
    "HAVING",
    "IN",
    "INTERSECT",
    "INTERVAL",
    "IS NOT NULL",
    "IS NULL",
    "JOIN",
    "LEFT JOIN",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "NULLS LAST",
    "OFFSET",
    "ON",
    "OR",
    "ORDER BY",
    "OVER",
    "PARTITION BY",
    "SELECT",
    "THEN",
    "TRUE",
    "UNION ALL",
    "USING",
    "WHEN",
    "WHERE",
    "WITH",
];

/// What there is.
pub(super) struct Words {
    /// Tables with their columns, as SQL writes them.
    tables: Vec<(String, Vec<String>)>,
    functions: Vec<String>,
}

/// A table's name as SQL writes it.
pub(super) fn written(table: &TableEntry) -> String {
    let name = identifier(&table.name);
    match &table.schema {
        Some(schema) => format!("{}.{name}", identifier(schema)),
        None => name,
    }
}

impl Words {
    pub(super) fn new(data: &Data<'_>) -> Self {
        // A name with control characters would reach the terminal as it is.
        let is_harmless = |name: &String| visible(name) == *name;
        let tables = data.sql.tables().into_iter().map(|table| {
            let columns = table.columns.iter().map(|column| identifier(&column.name));
            (written(&table), columns.filter(is_harmless).collect())
        });
        let functions = data.sql.functions().into_iter().map(|(name, _)| name);
        Self {
            tables: tables.filter(|(name, _)| is_harmless(name)).collect(),
            functions: functions.collect(),
        }
    }

    /// Where the word before a place begins, and what it may become.
    pub(super) fn at(&self, line: &str, place: usize) -> (usize, Vec<String>) {
        let before = line.get(..place).unwrap_or(line);
        let start = before
            .char_indices()
            .rev()
            .take_while(|&(_, c)| is_part(c))
            .last()
            .map_or(before.len(), |(start, _)| start);
        let word = before.get(start..).unwrap_or_default();
        let ahead = before.get(..start).unwrap_or_default();
        if let Some(command) = before.trim_start().strip_prefix('\\') {
            if !command.contains(char::is_whitespace) {
                let begin = before.len() - command.len() - 1;
                let commands = COMMANDS.iter().filter(|name| {
                    name.strip_prefix('\\')
                        .is_some_and(|name| name.starts_with(command))
                });
                return (begin, commands.map(|name| (*name).to_owned()).collect());
            }
            return (start, self.of_command(command, word));
        }
        (start, self.of_statement(line, ahead, word))
    }

    fn of_command(&self, command: &str, word: &str) -> Vec<String> {
        let (command, _) = command.split_once(char::is_whitespace).unwrap_or_default();
        let names: Vec<&str> = match command {
            "d" => self.tables.iter().map(|(name, _)| name.as_str()).collect(),
            "df" => self.functions.iter().map(String::as_str).collect(),
            "x" => vec!["auto", "off", "on"],
            "timing" => vec!["off", "on"],
            _ => Vec::new(),
        };
        let names = names.into_iter().filter(|name| name.starts_with(word));
        names.map(str::to_owned).collect()
    }

    fn of_statement(&self, line: &str, ahead: &str, word: &str) -> Vec<String> {
        let small = word.to_lowercase();
        let mut found = BTreeSet::new();
        let last = parts(ahead).last().map(str::to_uppercase);
        // After these stands a table, and nothing else.
        let wants_table = matches!(
            last.as_deref(),
            Some("FROM" | "JOIN" | "TABLE" | "DESCRIBE")
        ) && ahead.ends_with(char::is_whitespace);
        let tables = self.tables.iter().map(|(name, _)| name);
        found.extend(tables.filter(|name| name.starts_with(&small)).cloned());
        if wants_table {
            return found.into_iter().collect();
        }
        let named = self.named(line);
        if let Some((table, start)) = word.rsplit_once('.') {
            let of_alias = named.iter().filter(|(alias, _)| *alias == table);
            let of_alias = of_alias.map(|(_, columns)| *columns);
            let of_name = self.tables.iter().filter(|(name, _)| name == table);
            let of_name = of_name.map(|(_, columns)| columns.as_slice());
            for columns in of_alias.chain(of_name) {
                let columns = columns.iter().filter(|column| column.starts_with(start));
                found.extend(columns.map(|column| format!("{table}.{column}")));
            }
            return found.into_iter().collect();
        }
        if word.is_empty() {
            // Everything there is helps nobody, but the columns of what was named do.
            let columns = named.iter().flat_map(|(_, columns)| columns.iter());
            return columns
                .cloned()
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect();
        }
        let columns: Vec<&String> = if named.is_empty() {
            self.tables
                .iter()
                .flat_map(|(_, columns)| columns)
                .collect()
        } else {
            named
                .iter()
                .flat_map(|(_, columns)| columns.iter())
                .collect()
        };
        // A name in quotes is found by what stands in them.
        let begins = |column: &&&String| {
            column
                .trim_start_matches('"')
                .to_lowercase()
                .starts_with(&small)
        };
        found.extend(columns.iter().filter(begins).map(|&column| column.clone()));
        let functions = self
            .functions
            .iter()
            .filter(|name| name.starts_with(&small));
        found.extend(functions.map(|name| format!("{name}(")));
        let is_small = word.starts_with(char::is_lowercase);
        for keyword in KEYWORDS {
            let in_small = keyword.to_lowercase();
            if in_small.starts_with(&small) {
                found.insert(if is_small {
                    in_small
                } else {
                    (*keyword).to_owned()
                });
            }
        }
        found.into_iter().collect()
    }

    /// The tables that a statement names, each under its name and its alias, with their columns.
    fn named<'a>(&'a self, line: &'a str) -> Vec<(&'a str, &'a [String])> {
        let words: Vec<&str> = parts(line).collect();
        let mut named = Vec::new();
        for (place, word) in words.iter().enumerate() {
            let Some((_, columns)) = self.tables.iter().find(|(name, _)| name == word) else {
                continue;
            };
            named.push((*word, columns.as_slice()));
            let mut next = words.iter().skip(place + 1);
            let alias = match next.next() {
                Some(word) if word.eq_ignore_ascii_case("as") => next.next(),
                other => other,
            };
            let is_keyword = |alias: &str| {
                let upper = alias.to_uppercase();
                KEYWORDS
                    .iter()
                    .any(|keyword| keyword.split(' ').any(|word| word == upper))
            };
            if let Some(alias) = alias.filter(|alias| !is_keyword(alias)) {
                named.push((*alias, columns.as_slice()));
            }
        }
        named
    }
}

/// Whether a character may stand in a name.
fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_part(c) && c != '"')
        .filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Words {
            tables: vec![
                ("flows".to_owned(), owned(&["src_ip", "service"])),
                ("dns".to_owned(), owned(&["query", "src_ip"])),
                ("old.flows".to_owned(), owned(&["src_ip"])),
                ("mine".to_owned(), owned(&["\"Flow ID\"", "flag"])),
            ],
            functions: owned(&["sum", "substr"]),
        }
    }

    #[test]
    fn completions() {
        let words = words();
        for (line, found) in [
            (
                "SELECT s|",
                vec!["select", "service", "src_ip", "substr(", "sum("],
            ),
            ("SEL|", vec!["SELECT"]),
            ("sel|", vec!["select"]),
            ("SELECT qu|", vec!["query"]),
            // Of the tables that are named, before or after.
            ("SELECT qu| FROM flows", vec![]),
            ("SELECT ser| FROM flows", vec!["service"]),
            ("SELECT count(*) FROM dns WHERE q|", vec!["query"]),
            ("SELECT | FROM dns", vec!["query", "src_ip"]),
            ("SELECT dns.q|", vec!["dns.query"]),
            ("SELECT f.s| FROM flows f", vec!["f.service", "f.src_ip"]),
            ("SELECT f.se| FROM flows AS f", vec!["f.service"]),
            ("SELECT where.s| FROM flows where", vec![]),
            ("SELECT * FROM o|", vec!["old.flows"]),
            ("SELECT * FROM old.f|", vec!["old.flows"]),
            ("SELECT * FROM |", vec!["dns", "flows", "mine", "old.flows"]),
            ("SELECT fl| FROM mine", vec!["\"Flow ID\"", "flag", "flows"]),
            ("\\d f|", vec!["flows"]),
            ("\\d |", vec!["flows", "dns", "old.flows", "mine"]),
            ("\\t|", vec!["\\timing"]),
            ("\\x o|", vec!["off", "on"]),
            ("|", vec![]),
        ] {
            let place = line.find('|').unwrap();
            let line = line.replace('|', "");
            assert_eq!(words.at(&line, place).1, found, "{line}");
        }
        assert_eq!(words.at("SELECT 'é', src", 16).0, 13);
    }
}
