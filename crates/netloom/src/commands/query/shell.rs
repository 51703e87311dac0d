//! The shell: statements one after the other, from a person or from standard input.
//!
//! | file | what |
//! |---|---|
//! | `shell.rs` | commands and statements, and what is done about them |
//! | `editor.rs` | lines of a terminal: history, when a statement is whole |
//! | `words.rs` | what a word may become |

mod editor;
mod words;

use std::fmt::Write as _;
use std::io::{self, BufRead as _, Write as _};

use netloom::analysis::report::text::{cut_end, width};
use netloom::analysis::report::units;
use netloom::sql::{TableEntry, statements};

use self::editor::Lines;
use super::output::{self, How, Layout};
use super::{Data, is_terminal};
use crate::clock::Stopwatch;
use crate::failure::Failure;
use crate::output::{Printer, visible};

const HELP: &str = "\
SELECT ...;      a statement; it ends with a semicolon and may have several lines
\\d               the tables
\\d TABLE         the columns of a table, and what they mean
\\df [TEXT]       the functions, or those whose name has TEXT in it
\\x [on|off|auto] a block for each row: always, never, or where the table is too wide
\\rows N          how many rows are shown; 0 is all
\\timing [on|off] how long a statement took
\\?               this
\\q               leave; so does Ctrl-D
Tab completes names, the arrows and Ctrl-R go back to earlier statements. Ctrl-C gives a line up,
or stops the query that runs.
";

/// Statements from a person, until the person leaves.
pub(super) fn on_terminal(
    data: &mut Data<'_>,
    how: How<'_>,
    printer: &Printer,
) -> Result<(), Failure> {
    let mut lines = Lines::new(printer)?;
    let mut shell = Shell {
        data,
        how,
        timing: true,
        printer,
    };
    let tables = shell.data.sql.tables().len();
    let here = match tables {
        0 => "no tables here: name captures or files of tables after netloom query".to_owned(),
        _ => format!(
            "{} here: \\d lists them",
            units::counted(tables as u64, "table", "tables")
        ),
    };
    say(&format!("{here}, \\? helps, \\q leaves\n"))?;
    loop {
        lines.may_be(shell.data);
        let Some(text) = lines.next()? else {
            return Ok(());
        };
        match shell.take(&text) {
            Ok(Next::Leave) => return Ok(()),
            Ok(Next::More) => {}
            Err(failure) if failure.is_broken_pipe() => return Err(failure),
            // Whoever made a mistake tries again.
            Err(failure) => printer.failure(&failure),
        }
    }
}

/// Statements from standard input, until its end or the first that fails. Whether there were any.
pub(super) fn from_input(
    data: &mut Data<'_>,
    how: How<'_>,
    printer: &Printer,
) -> Result<bool, Failure> {
    let mut shell = Shell {
        data,
        how,
        timing: false,
        printer,
    };
    if !how.is_stdout() {
        let text = io::read_to_string(io::stdin().lock());
        let text = text.map_err(|cause| Failure::input("standard input", Some(&cause)))?;
        return shell.rows_to_file(&text);
    }
    let (mut input, mut line) = (io::stdin().lock(), String::new());
    // What is not whole yet.
    let (mut pending, mut any) = (String::new(), false);
    loop {
        line.clear();
        let read = input.read_line(&mut line);
        if read.map_err(|cause| Failure::input("standard input", Some(&cause)))? == 0 {
            return Ok(shell.statements(&pending)? || any);
        }
        let (text, is_first) = (line.trim(), pending.trim().is_empty());
        if is_first && (text.starts_with('\\') || is_leave(text)) {
            any = true;
            if shell.take(text)? == Next::Leave {
                return Ok(true);
            }
            continue;
        }
        pending.push_str(&line);
        // Taken apart only where a statement may end: each time from its beginning.
        if line.contains(';') {
            let (whole, rest) = statements(&pending);
            any |= !whole.is_empty();
            shell.each(&whole)?;
            pending = rest.to_owned();
            pending.push('\n');
        }
    }
}

/// The statements of a text; their rows go where the options say.
pub(super) fn of_text(
    text: &str,
    data: &mut Data<'_>,
    how: How<'_>,
    printer: &Printer,
) -> Result<bool, Failure> {
    let mut shell = Shell {
        data,
        how,
        timing: false,
        printer,
    };
    if how.is_stdout() {
        shell.statements(text)
    } else {
        shell.rows_to_file(text)
    }
}

/// Whether there is more to come.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    More,
    Leave,
}

/// What statements and commands are about.
struct Shell<'a, 'd> {
    data: &'a mut Data<'d>,
    how: How<'a>,
    timing: bool,
    printer: &'a Printer,
}

impl Shell<'_, '_> {
    /// A command, or statements.
    fn take(&mut self, text: &str) -> Result<Next, Failure> {
        let text = text.trim();
        if let Some(command) = text.strip_prefix('\\') {
            return self.command(command.trim_end_matches(';').trim_end());
        }
        if is_leave(text) {
            return Ok(Next::Leave);
        }
        self.statements(text)?;
        Ok(Next::More)
    }

    /// All statements of a text, the last one whole or not. Whether there was one.
    fn statements(&mut self, text: &str) -> Result<bool, Failure> {
        let all = all(text);
        self.each(&all)?;
        Ok(!all.is_empty())
    }

    fn each(&mut self, all: &[&str]) -> Result<(), Failure> {
        for statement in all {
            let watch = Stopwatch::start();
            self.data.begin();
            let rows = self.data.query(statement)?;
            output::write(rows, &self.how, self.data, self.printer)?;
            if self.timing {
                say_beside(&format!("{:.2} s\n", watch.elapsed().as_secs_f64()));
            }
        }
        Ok(())
    }

    /// The rows of a text's one statement that has some, into a file.
    fn rows_to_file(&mut self, text: &str) -> Result<bool, Failure> {
        let all = all(text);
        let mut given = None;
        for statement in &all {
            let rows = self.data.query(statement)?;
            if rows.schema().fields().is_empty() {
                output::write(rows, &self.how, self.data, self.printer)?;
            } else if given.replace(rows).is_some() {
                return Err(
                    Failure::usage("two statements give rows, and -o takes those of one")
                        .hint("without -o they come one after the other; UNION ALL makes them one"),
                );
            }
        }
        match given {
            Some(rows) => output::write(rows, &self.how, self.data, self.printer)?,
            None if all.is_empty() => return Ok(false),
            None => return Err(Failure::usage("no statement gives rows, and -o takes some")),
        }
        Ok(true)
    }

    fn command(&mut self, text: &str) -> Result<Next, Failure> {
        let (command, argument) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let argument = argument.trim();
        match command {
            "q" | "quit" => return Ok(Next::Leave),
            "d" | "dt" | "dv" if argument.is_empty() => say(&list(&self.data.sql.tables()))?,
            "d" | "d+" => {
                let tables = self.data.sql.tables();
                let table = tables.iter().find(|table| is_called(table, argument));
                say(&columns(table.ok_or_else(|| {
                    Failure::usage(format!("there is no table '{argument}'")).hint("\\d lists them")
                })?))?;
            }
            "df" => say(&functions(self.data, &argument.to_lowercase()))?,
            "x" => {
                self.how.layout = match (argument, self.how.layout) {
                    ("on", _) | ("", Layout::Auto | Layout::Grid) => Layout::Blocks,
                    ("auto", _) | ("", Layout::Blocks) => Layout::Auto,
                    ("off", _) => Layout::Grid,
                    _ => return Err(unknown(command, argument, "on, off or auto")),
                };
                say_beside(match self.how.layout {
                    Layout::Blocks => "a block for each row\n",
                    Layout::Grid => "columns side by side\n",
                    Layout::Auto => "a block for each row where the table is too wide\n",
                });
            }
            "timing" => {
                self.timing = match argument {
                    "" => !self.timing,
                    "on" => true,
                    "off" => false,
                    _ => return Err(unknown(command, argument, "on or off")),
                };
                say_beside(if self.timing {
                    "timing is on\n"
                } else {
                    "timing is off\n"
                });
            }
            "rows" => {
                self.how.rows = (argument.parse())
                    .map_err(|_| unknown(command, argument, "a number; 0 is all"))?;
            }
            "?" | "h" | "help" => say(HELP)?,
            other => {
                return Err(
                    Failure::usage(format!("there is no command \\{other}")).hint("\\? lists them")
                );
            }
        }
        Ok(Next::More)
    }
}

/// Whether somebody leaves as elsewhere.
fn is_leave(text: &str) -> bool {
    matches!(text.trim_end_matches(';').trim_end(), "exit" | "quit")
}

/// The statements of a text, the last one whole or not.
fn all(text: &str) -> Vec<&str> {
    let (mut all, rest) = statements(text);
    if !rest.is_empty() {
        all.push(rest);
    }
    all
}

fn unknown(command: &str, argument: &str, takes: &str) -> Failure {
    Failure::usage(format!("\\{command} takes {takes}, and not '{argument}'"))
}

/// Data, on standard output.
fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|cause| Failure::writing("-".as_ref(), &cause))
}

/// What is about the data, on standard error.
fn say_beside(text: &str) {
    // Nobody is left to tell when standard error is gone.
    _ = io::stderr().write_all(text.as_bytes());
}

/// Whether somebody means this table: as SQL writes its name, or as it is.
fn is_called(table: &TableEntry, name: &str) -> bool {
    table.full_name() == name || words::written(table) == name
}

fn list(tables: &[TableEntry]) -> String {
    if tables.is_empty() {
        return "no tables\n".to_owned();
    }
    let rows = tables.iter().map(|table| {
        let what = table.doc.map_or_else(
            || units::counted(table.columns.len() as u64, "column", "columns"),
            str::to_owned,
        );
        [words::written(table), what]
    });
    side_by_side(rows.collect(), |text, left| {
        let first = text.split_inclusive(". ").next().unwrap_or_default();
        vec![cut_end(first.trim_end(), left, "…")]
    })
}

fn columns(table: &TableEntry) -> String {
    let rows = table.columns.iter().map(|column| {
        let doc = column.doc.unwrap_or_default();
        [
            netloom::sql::identifier(&column.name),
            column.data_type.clone(),
            doc.to_owned(),
        ]
    });
    side_by_side(rows.collect(), lines_of)
}

fn functions(data: &Data<'_>, part: &str) -> String {
    let mut functions = data.sql.functions();
    functions.retain(|(name, _)| name.contains(part));
    let (known, others): (Vec<_>, Vec<_>) = functions.iter().partition(|(_, help)| help.is_some());
    let mut text = String::new();
    for (call, doc) in known.iter().filter_map(|(_, help)| *help) {
        _ = writeln!(text, "{call}\n    {doc}");
    }
    if !others.is_empty() {
        let mut names = "of SQL:".to_owned();
        let mut used = names.len();
        for (name, _) in others {
            if used + 1 + name.len() > room() {
                names.push_str("\n   ");
                used = 3;
            }
            names.push(' ');
            names.push_str(name);
            used += 1 + name.len();
        }
        text += &names;
        text.push('\n');
    }
    if text.is_empty() {
        "no function is called so\n".clone_into(&mut text);
    }
    text
}

/// Columns of the terminal.
fn room() -> usize {
    if is_terminal() {
        crate::output::width()
    } else {
        usize::MAX
    }
}

/// A text in lines of so many columns, broken between words.
fn lines_of(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else {
            continue;
        };
        if line.is_empty() {
            line.push_str(word);
        } else if width(line) + 1 + width(word) <= most {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// Columns of text; the last one in lines, for which there is so much room.
fn side_by_side<const N: usize>(
    rows: Vec<[String; N]>,
    lines: impl Fn(&str, usize) -> Vec<String>,
) -> String {
    let rows: Vec<[String; N]> = rows
        .into_iter()
        .map(|row| row.map(|cell| visible(&cell)))
        .collect();
    let wide = |place: usize| {
        let cells = rows.iter().map(|row| width(&row[place]));
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N.saturating_sub(1)).map(wide).collect();
    let used: usize = widths.iter().map(|wide| wide + 2).sum();
    let left = room().saturating_sub(used).max(20);
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, wide) in row.iter().zip(&widths) {
            line += cell;
            line += &" ".repeat(wide + 2 - width(cell));
        }
        let last = row.last().map_or("", String::as_str);
        for (place, part) in lines(last, left).iter().enumerate() {
            if place > 0 {
                line = " ".repeat(used);
            }
            line += part;
            text += line.trim_end();
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meanings_have_as_many_lines_as_they_need() {
        let rows = vec![
            ["a".to_owned(), "one two three".to_owned()],
            ["long".to_owned(), String::new()],
        ];
        let text = side_by_side(rows, |text, _| lines_of(text, 7));
        assert_eq!(text, "a     one two\n      three\nlong\n");
    }
}
