//! Lines of a terminal.

use std::path::PathBuf;

use netloom::sql::statements;
use rustyline::completion::{Completer, Pair};
use rustyline::config::Configurer as _;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{ColorMode, CompletionType, Config, Context, Editor, Helper};

use super::super::Data;
use super::is_leave;
use super::words::Words;
use crate::failure::Failure;
use crate::output::{Printer, visible};
use crate::progress::end_on_signal;

/// Statements of history that are kept.
const HISTORY: usize = 2000;

const PROMPT: &str = "netloom> ";

/// What a person types, a statement or a command at a time.
pub(super) struct Lines {
    editor: Editor<Words, DefaultHistory>,
    history: Option<PathBuf>,
}

impl Lines {
    pub(super) fn new(printer: &Printer) -> Result<Self, Failure> {
        let colors = if printer.colors(&std::io::stdout()) {
            ColorMode::Enabled
        } else {
            ColorMode::Disabled
        };
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .color_mode(colors)
            .build();
        let mut editor: Editor<Words, DefaultHistory> =
            Editor::with_config(config).map_err(|error| broken(&error))?;
        editor.set_history_ignore_space(true);
        // Both fail for a history that cannot be kept in memory, which this one can.
        _ = editor.set_history_ignore_dups(true);
        _ = editor.set_max_history_size(HISTORY);
        let history = history();
        if let Some(path) = &history {
            // There is none the first time, and a shell without one is a shell.
            _ = editor.load_history(path);
        }
        Ok(Self { editor, history })
    }

    /// What words may become is what there is now.
    pub(super) fn may_be(&mut self, data: &Data<'_>) {
        self.editor.set_helper(Some(Words::new(data)));
    }

    /// The next statements or command; `None`: the person leaves.
    pub(super) fn next(&mut self) -> Result<Option<String>, Failure> {
        // Nothing runs that could be stopped.
        end_on_signal();
        loop {
            let text = match self.editor.readline(PROMPT) {
                Ok(text) => text,
                Err(ReadlineError::Interrupted) => continue,
                Err(ReadlineError::Eof) => return Ok(None),
                Err(error) => return Err(broken(&error)),
            };
            if text.trim().is_empty() {
                continue;
            }
            let is_new = self.editor.add_history_entry(text.trim_end());
            if let (Ok(true), Some(path)) = (is_new, &self.history) {
                _ = self.editor.append_history(path);
            }
            return Ok(Some(text));
        }
    }
}

fn broken(error: &ReadlineError) -> Failure {
    match error {
        ReadlineError::Io(cause) => Failure::input("the terminal", Some(cause)),
        other => Failure::input(format!("the terminal: {other}"), None),
    }
}

/// Where the history is kept: `$XDG_STATE_HOME/netloom/query_history`.
fn history() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.filter(|path| path.is_absolute()).or_else(|| {
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
        Some(PathBuf::from(home).join(".local/state"))
    })?;
    let folder = state.join("netloom");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("query_history"))
}

/// Whether what was typed is done: a command is with its line, a statement with its semicolon.
fn is_whole(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || text.starts_with('\\') || is_leave(text) {
        return true;
    }
    let (whole, rest) = statements(text);
    rest.is_empty() && !(whole.is_empty() && text.starts_with("/*"))
}

impl Helper for Words {}

impl Completer for Words {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, words) = self.at(line, pos);
        let pairs = words.into_iter().map(|word| Pair {
            display: visible(&word),
            replacement: word,
        });
        Ok((start, pairs.collect()))
    }
}

impl Hinter for Words {
    type Hint = String;
}

impl Highlighter for Words {}

impl Validator for Words {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_whole(context.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_whole() {
        for (text, whole) in [
            ("", true),
            ("\\d flows", true),
            ("quit", true),
            ("SELECT 1", false),
            ("SELECT 1;", true),
            ("SELECT 1;\n\n", true),
            ("SELECT ';", false),
            ("SELECT 1; SELECT", false),
            ("-- a comment", true),
            ("/* a comment", false),
        ] {
            assert_eq!(is_whole(text), whole, "{text}");
        }
    }
}
