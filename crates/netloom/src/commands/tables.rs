//! `netloom tables`.

use std::io::Write as _;

use netloom::tables::{TableDef, table, tables};

use crate::arguments::TablesOptions;
use crate::failure::{ExitCode, Failure};
use crate::output;

pub(crate) fn run(options: &TablesOptions) -> Result<ExitCode, Failure> {
    let text = match &options.name {
        None => {
            let list: String = tables()
                .iter()
                .map(|table| entry(table.name, 10, table.doc))
                .collect();
            format!("{list}\n`netloom tables NAME` lists the columns of a table.\n")
        }
        Some(name) => describe(table(name).ok_or_else(|| {
            let names: Vec<_> = tables().iter().map(|table| table.name).collect();
            Failure::usage(format!("there is no table '{name}'"))
                .hint(format!("the tables are {}", names.join(", ")))
        })?),
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|cause| Failure::writing("-".as_ref(), &cause))?;
    Ok(ExitCode::SUCCESS)
}

/// The columns of a table.
fn describe(table: &TableDef) -> String {
    let indent = table
        .columns
        .iter()
        .map(|column| column.name.len())
        .max()
        .unwrap_or(0)
        + 2;
    let mut text = format!("A row is: {}\n\n", table.doc);
    for column in &table.columns {
        let unit = if column.unit.is_empty() {
            String::new()
        } else {
            format!(" [{}]", column.unit)
        };
        text += &entry(column.name, indent, &format!("{}{unit}", column.doc));
    }
    text
}

/// A name, and beside it words that wrap within the terminal's width.
fn entry(name: &str, indent: usize, words: &str) -> String {
    let width = output::width().clamp(indent + 30, 110);
    let mut lines = vec![format!("{name:<indent$}")];
    let mut used = indent;
    for word in words.split_whitespace() {
        let len = word.chars().count() + 1;
        if used > indent && used + len > width {
            lines.push(" ".repeat(indent));
            used = indent;
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
            line.push(' ');
        }
        used += len;
    }
    lines
        .iter()
        .fold(String::new(), |text, line| text + line.trim_end() + "\n")
}
