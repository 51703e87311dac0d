//! What is said to the person: data on standard output, all else on standard error.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use crate::arguments::{Color, Global};
use crate::failure::Failure;

/// Whether a path stands for standard input, or for standard output.
pub(crate) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Whether nobody can go back in an output.
pub(crate) fn is_pipe(path: &Path) -> bool {
    is_standard(path) || std::fs::metadata(path).is_ok_and(|output| !output.is_file())
}

/// Says things on standard error, and knows what standard output is.
#[derive(Debug)]
pub(crate) struct Printer {
    quiet: bool,
    verbose: u8,
    color: Color,
}

impl Printer {
    pub(crate) fn new(global: &Global) -> Self {
        Self {
            quiet: global.quiet,
            verbose: global.verbose,
            color: global.color,
        }
    }

    /// Something that went wrong but did not stop the work.
    pub(crate) fn warning(&self, message: &str) {
        self.say("warning", "33", message);
    }

    /// Something that is good to know.
    pub(crate) fn note(&self, message: &str) {
        if !self.quiet {
            self.say("note", "36", message);
        }
    }

    /// Something for those who asked for more.
    pub(crate) fn detail(&self, message: &str) {
        if self.verbose > 0 && !self.quiet {
            self.say("info", "36", message);
        }
    }

    /// Something that is said in any case.
    #[expect(clippy::unused_self, reason = "saying things is its part")]
    pub(crate) fn plain(&self, message: &str) {
        _ = writeln!(io::stderr(), "{}", visible(message));
    }

    /// What ended the command.
    pub(crate) fn failure(&self, failure: &Failure) {
        let message = failure.to_string();
        let mut lines = message.lines();
        self.say("error", "31", lines.next().unwrap_or_default());
        // A filter is shown with a mark under the place that is wrong.
        for line in lines {
            _ = writeln!(io::stderr(), "{}", visible(line));
        }
        if let Some(hint) = failure.what_to_do() {
            _ = writeln!(io::stderr(), "\nhint: {}", visible(hint));
        }
    }

    fn say(&self, kind: &str, color: &str, message: &str) {
        let message = visible(message);
        // Nobody is left to tell when standard error is gone.
        _ = if self.colors(&io::stderr()) {
            writeln!(io::stderr(), "\x1b[1;{color}m{kind}:\x1b[0m {message}")
        } else {
            writeln!(io::stderr(), "{kind}: {message}")
        };
    }

    /// Whether to colour what goes to `stream`.
    pub(crate) fn colors(&self, stream: &impl IsTerminal) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            // https://no-color.org
            Color::Auto => {
                stream.is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    // It shows what would colour as it stands.
                    && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        }
    }

    /// Whether a progress bar may be shown.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }
}

/// Text with its control characters made visible: file names and contents may be hostile.
pub(crate) fn visible(text: &str) -> String {
    netloom::analysis::report::text::visible(text).into_owned()
}

/// Whether the terminal shows Unicode, as its locale says.
pub(crate) fn unicode() -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())
        .is_none_or(|value| {
            let value = value.to_ascii_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        })
}

/// Columns of the terminal that standard output is, or 100 where it is none.
pub(crate) fn width() -> usize {
    terminal_size::terminal_size_of(io::stdout())
        .map_or(100, |(terminal_size::Width(width), _)| usize::from(width))
}
