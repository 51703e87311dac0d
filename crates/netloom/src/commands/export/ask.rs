//! Asks what to export, where no table was named.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::ValueEnum;
use netloom::analysis::report::units;
use netloom::tables::{ColumnDef, TableFormat};
use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

use crate::arguments::{ExportOptions, Format, Table};
use crate::dialogue::{self, Step, quoted};
use crate::failure::Failure;
use crate::files::Files;
use crate::output::visible;

/// Lines that the questions take.
const HEIGHT: u16 = 16;

/// Captures that are listed, at most: the newest ones.
const MOST_FILES: usize = 200;

/// Whether to ask: somebody is there to answer.
pub(super) fn possible() -> bool {
    dialogue::possible()
}

/// Asks what the options do not say; the whole command line, or `None` if the person would rather
/// not.
pub(super) fn ask(options: &ExportOptions) -> Result<Option<Vec<String>>, Failure> {
    let mut questions = Questions::new(options, captures());
    questions.to_terminal = std::io::stdout().is_terminal();
    if !dialogue::ask(&mut questions, HEIGHT)? {
        return Ok(None);
    }
    let given = std::env::args_os().skip(1);
    let given = given.map(|word| word.to_string_lossy().into_owned());
    Ok(Some(questions.command_line(given)))
}

/// A command line as a person types it.
pub(super) fn shown(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

/// A capture that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Capture {
    name: String,
    bytes: u64,
}

/// The captures of this folder, the newest first.
fn captures() -> Vec<Capture> {
    let Ok(entries) = std::fs::read_dir(".") else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_file() && is_capture(&name) {
            let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let bytes = metadata.len();
            found.push((changed, Capture { name, bytes }));
        }
    }
    found.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.name.cmp(&other.name)));
    found.truncate(MOST_FILES);
    found.into_iter().map(|(_, capture)| capture).collect()
}

fn is_capture(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let bare = [".gz", ".zst", ".lz4"]
        .iter()
        .find_map(|packed| name.strip_suffix(packed))
        .unwrap_or(&name);
    [".pcap", ".pcapng", ".cap", ".dmp"]
        .iter()
        .any(|extension| bare.ends_with(extension))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    File,
    FileName,
    Table,
    Columns,
    Format,
    Output,
}

struct Questions {
    captures: Vec<Capture>,
    /// What is not said yet.
    open: Vec<Question>,
    /// Which of them is being asked.
    at: usize,
    file: usize,
    file_name: String,
    table: usize,
    /// Whether each column is wanted.
    columns: Vec<bool>,
    column: usize,
    format: usize,
    /// The output's name, once it was typed.
    output: Option<String>,
    /// Why it cannot be that.
    refused: Option<String>,
    /// Captures that were named before.
    given: Vec<PathBuf>,
    /// Whether what gets no name is shown on a terminal.
    to_terminal: bool,
}

impl Questions {
    fn new(options: &ExportOptions, captures: Vec<Capture>) -> Self {
        let inputs = &options.inputs;
        let named = options.output.as_os_str() != "-";
        let open = [
            (
                Question::File,
                inputs.files().is_empty() && !inputs.is_live(),
            ),
            (Question::Table, true),
            (Question::Columns, options.columns.is_none()),
            (Question::Format, options.format.is_none() && !named),
            (Question::Output, !named),
        ];
        let format = options.format.and_then(|given| {
            let known = Format::value_variants().iter();
            known.into_iter().position(|format| *format == given)
        });
        let mut questions = Self {
            captures,
            open: open
                .into_iter()
                .filter_map(|(question, open)| open.then_some(question))
                .collect(),
            at: 0,
            file: 0,
            file_name: String::new(),
            table: 0,
            columns: Vec::new(),
            column: 0,
            format: format.unwrap_or(0),
            output: None,
            refused: None,
            given: inputs.files().to_vec(),
            to_terminal: false,
        };
        questions.choose_table(0);
        questions
    }

    /// The questions in their order.
    fn steps(&self) -> Vec<Question> {
        let mut steps = Vec::new();
        for &question in &self.open {
            if question != Question::File {
                steps.push(question);
                continue;
            }
            if !self.captures.is_empty() {
                steps.push(Question::File);
            }
            if self.file >= self.captures.len() {
                steps.push(Question::FileName);
            }
        }
        steps
    }

    fn question(&self) -> Option<Question> {
        self.steps().get(self.at).copied()
    }

    fn tables() -> &'static [Table] {
        Table::value_variants()
    }

    fn defs(&self) -> &'static [ColumnDef] {
        Self::tables()
            .get(self.table)
            .map_or(&[], |table| &table.name().definition().columns)
    }

    fn format(&self) -> TableFormat {
        Format::value_variants()
            .get(self.format)
            .map_or(TableFormat::Csv, |format| format.format())
    }

    fn choose_table(&mut self, place: usize) {
        self.table = place;
        self.columns = self.defs().iter().map(|column| column.default).collect();
        self.column = 0;
    }

    fn table_name(&self) -> &'static str {
        Self::tables()
            .get(self.table)
            .map_or("", |table| table.name().name())
    }

    /// The output's name.
    fn output(&self) -> String {
        self.output
            .clone()
            .unwrap_or_else(|| format!("{}.{}", self.table_name(), self.format()))
    }

    /// The capture that was chosen.
    fn capture(&self) -> &str {
        let chosen = self.captures.get(self.file);
        chosen.map_or_else(|| self.file_name.trim(), |capture| &capture.name)
    }

    /// Why the output cannot be written, if that is so: it is begun as it will be, and left again.
    fn refusal(&self) -> Option<String> {
        let output = self.output().replace("{table}", self.table_name());
        let output = Path::new(output.trim());
        if output.as_os_str().is_empty() {
            let format = self.format();
            return (self.to_terminal && !format.is_text())
                .then(|| format!("A terminal cannot show {format}: it needs a name."));
        }
        let mut captures = self.given.clone();
        if self.open.contains(&Question::File) {
            captures.push(self.capture().into());
        }
        // What is wrong with a capture is told when it is read.
        let files = Files::of_captures(&captures).unwrap_or_default();
        let begun = match output.metadata() {
            // Whoever reads a pipe would take this for the output.
            Ok(there) if !there.is_file() && !there.is_dir() => files.check(output),
            _ => files.create(output).map(drop).map_err(Failure::from),
        };
        begun.err().map(|failure| failure.to_string())
    }

    /// Whether the question may be left behind.
    fn is_answered(&self, question: Question) -> bool {
        match question {
            Question::FileName => Path::new(self.file_name.trim()).exists(),
            Question::Columns => self.columns.contains(&true),
            Question::Output => self.refused.is_none(),
            _ => true,
        }
    }

    /// How long the list is that is chosen from, and the place in it.
    fn list(&mut self, question: Question) -> Option<(usize, &mut usize)> {
        Some(match question {
            Question::File => (self.captures.len() + 1, &mut self.file),
            Question::Table => (Self::tables().len(), &mut self.table),
            Question::Columns => (self.columns.len(), &mut self.column),
            Question::Format => (Format::value_variants().len(), &mut self.format),
            Question::FileName | Question::Output => return None,
        })
    }

    fn rows(&self, question: Question) -> Vec<String> {
        match question {
            Question::File => {
                let names = self.captures.iter().map(|capture| visible(&capture.name));
                let width = names.clone().map(|name| name.chars().count()).max();
                let width = width.unwrap_or(0);
                let sizes = self
                    .captures
                    .iter()
                    .map(|capture| units::bytes(capture.bytes));
                names
                    .zip(sizes)
                    .map(|(name, size)| format!("{name:<width$}  {size:>10}"))
                    .chain(["another one".to_owned()])
                    .collect()
            }
            Question::Table => named(Self::tables()),
            Question::Format => named(Format::value_variants()),
            Question::Columns => {
                let defs = self.defs();
                let width = defs.iter().map(|column| column.name.len()).max();
                let width = width.unwrap_or(0);
                defs.iter()
                    .zip(&self.columns)
                    .map(|(column, wanted)| {
                        let mark = if *wanted { 'x' } else { ' ' };
                        format!("[{mark}] {:<width$}  {}", column.name, column.doc)
                    })
                    .collect()
            }
            Question::FileName | Question::Output => Vec::new(),
        }
    }

    /// The words that were given, and behind them (before those of a filter) the answers.
    fn command_line(&self, given: impl Iterator<Item = String>) -> Vec<String> {
        let mut words = vec!["netloom".to_owned()];
        words.extend(given);
        let mut answers = vec![self.table_name().to_owned()];
        if self.open.contains(&Question::File) {
            let name = self.capture();
            // Else it would be taken for an option.
            let dash = if name.starts_with('-') { "./" } else { "" };
            answers.push(format!("{dash}{name}"));
        }
        let default = self.defs().iter().map(|column| column.default);
        if self.open.contains(&Question::Columns) && !default.eq(self.columns.iter().copied()) {
            let wanted = self.defs().iter().zip(&self.columns);
            let names: Vec<&str> = wanted
                .filter_map(|(column, wanted)| wanted.then_some(column.name))
                .collect();
            answers.extend(["--columns".to_owned(), names.join(",")]);
        }
        let output = self.output();
        let output = output.trim();
        if self.open.contains(&Question::Format) {
            let format = self.format();
            let by_name = TableFormat::by_extension(Path::new(output)).unwrap_or(TableFormat::Csv);
            if by_name != format {
                answers.extend(["--format".to_owned(), format.to_string()]);
            }
        }
        if self.open.contains(&Question::Output) && !output.is_empty() {
            answers.extend(["-o".to_owned(), output.to_owned()]);
        }
        let end = words.iter().position(|word| word == "--");
        let end = end.unwrap_or(words.len());
        words.splice(end..end, answers);
        words
    }
}

/// What there is to choose from, with what it says of itself.
fn named<T: ValueEnum>(variants: &[T]) -> Vec<String> {
    let values = variants.iter().filter_map(ValueEnum::to_possible_value);
    values
        .map(|value| {
            let help = value.get_help().map(ToString::to_string);
            format!("{:<10} {}", value.get_name(), help.unwrap_or_default())
        })
        .collect()
}

impl dialogue::Questions for Questions {
    fn key(&mut self, key: KeyEvent) -> Step {
        let Some(question) = self.question() else {
            return Step::Done;
        };
        match (key.code, question) {
            (KeyCode::Enter, _) => {
                if question == Question::Output {
                    self.refused = self.refusal().map(|why| visible(&why));
                }
                if self.is_answered(question) {
                    self.at += 1;
                }
                if self.question().is_none() {
                    return Step::Done;
                }
            }
            (KeyCode::Esc, _) if self.at == 0 => return Step::Left,
            (KeyCode::Esc, _) => self.at -= 1,
            (_, Question::FileName) => dialogue::type_text(&mut self.file_name, key),
            (_, Question::Output) => {
                let mut output = self.output();
                dialogue::type_text(&mut output, key);
                self.output = Some(output);
                self.refused = None;
            }
            (KeyCode::Char('q'), _) => return Step::Left,
            (KeyCode::Left | KeyCode::Backspace, _) => self.at = self.at.saturating_sub(1),
            (KeyCode::Char(' '), Question::Columns) => {
                if let Some(wanted) = self.columns.get_mut(self.column) {
                    *wanted = !*wanted;
                }
            }
            (KeyCode::Char('a'), Question::Columns) => self.columns.fill(true),
            (KeyCode::Char('n'), Question::Columns) => self.columns.fill(false),
            _ => {
                if let Some(by) = dialogue::moves(key)
                    && let Some((length, place)) = self.list(question)
                {
                    *place = dialogue::moved(*place, by, length);
                    if question == Question::Table {
                        self.choose_table(self.table);
                    }
                }
            }
        }
        Step::Asking
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        const CHOOSE: &str = "↑ ↓ choose   Enter next   Esc back   q leave";
        const TYPE: &str = "Enter next   Ctrl-U clear   Esc back   Ctrl-C leave";
        let Some(question) = self.question() else {
            return;
        };
        let number = (self.at + 1, self.steps().len());
        let (title, keys, place) = match question {
            Question::File => ("Which capture?", CHOOSE, self.file),
            Question::FileName => ("Which capture?", TYPE, 0),
            Question::Table => ("Which table?", CHOOSE, self.table),
            Question::Columns => (
                "Which columns?",
                "↑ ↓ move   Space choose   a all   n none   Enter next   Esc back   q leave",
                self.column,
            ),
            Question::Format => ("In which format?", CHOOSE, self.format),
            Question::Output => ("Where to save it?", TYPE, 0),
        };
        let body = |room| match question {
            Question::FileName => {
                let there = self.is_answered(question);
                let about = if there {
                    ""
                } else {
                    "There is no such file or folder."
                };
                let about = if self.file_name.is_empty() {
                    "The name of a capture, or of a folder with captures in it."
                } else {
                    about
                };
                dialogue::typed(&self.file_name, &[about])
            }
            Question::Output => {
                let output = self.output();
                let about = match output.trim() {
                    _ if self.refused.is_some() => self.refused.as_deref().unwrap_or_default(),
                    "" => "Without a name, it is shown here.",
                    name if Path::new(name).exists() => "There is such a file: it is replaced.",
                    _ => "Without a name, it would be shown here.",
                };
                dialogue::typed(&output, &[about])
            }
            _ => dialogue::list(self.rows(question), place, room),
        };
        dialogue::show(frame, number, title, body, keys);
    }
}

#[cfg(test)]
mod tests;
