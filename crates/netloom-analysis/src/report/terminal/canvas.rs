//! Lines of styled text.

use super::super::text;
use super::TerminalOptions;

/// What a piece of text means; a colour only where colours are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Style {
    #[default]
    Plain,
    Dim,
    Bold,
    Heading,
    Sent,
    Received,
    Bar,
    High,
    Medium,
    Low,
    Info,
}

impl Style {
    /// The style of a severity's name.
    pub(crate) fn of_severity(severity: &str) -> Self {
        match severity {
            "high" | "critical" => Self::High,
            "medium" => Self::Medium,
            "low" => Self::Low,
            _ => Self::Info,
        }
    }

    /// SGR parameters (ECMA-48 section 8.3.117), from the sixteen colours a theme can set.
    fn sgr(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Dim => "2",
            Self::Bold => "1",
            Self::Heading => "1;36",
            Self::Sent | Self::Medium => "33",
            Self::Received | Self::Bar => "34",
            Self::High => "1;31",
            Self::Low => "36",
            Self::Info => "32",
        }
    }
}

/// Text under construction.
pub(crate) struct Canvas {
    out: String,
    pub(crate) options: TerminalOptions,
}

impl Canvas {
    pub(crate) fn new(options: TerminalOptions) -> Self {
        Self {
            out: String::with_capacity(16 * 1024),
            options,
        }
    }

    pub(crate) fn finish(self) -> String {
        self.out
    }

    pub(crate) fn width(&self) -> usize {
        self.options.width
    }

    /// Text from a packet or a file, harmless for this terminal.
    pub(crate) fn name(&self, name: &str) -> String {
        if self.options.unicode {
            text::visible(name).into_owned()
        } else {
            text::visible_ascii(name).into_owned()
        }
    }

    /// Appends text in a style. Whatever could act on a terminal is escaped here once more, so
    /// that a forgotten [`Self::name`] shows as an odd character and does nothing.
    pub(crate) fn put(&mut self, content: &str, style: Style) {
        let content = text::visible(content);
        let sgr = if self.options.color { style.sgr() } else { "" };
        if !sgr.is_empty() {
            self.out.push_str("\x1b[");
            self.out.push_str(sgr);
            self.out.push('m');
        }
        if self.options.unicode {
            self.out.push_str(&content);
        } else {
            self.out.extend(content.chars().map(ascii));
        }
        if !sgr.is_empty() {
            self.out.push_str("\x1b[0m");
        }
    }

    /// Ends the line, without blanks at its end.
    pub(crate) fn end_line(&mut self) {
        let kept = self.out.trim_end_matches(' ').len();
        self.out.truncate(kept);
        self.out.push('\n');
    }

    pub(crate) fn spaces(&mut self, count: usize) {
        self.out.extend(std::iter::repeat_n(' ', count));
    }

    /// A blank line, then a heading with a rule to the right edge.
    pub(crate) fn heading(&mut self, title: &str) {
        self.end_line();
        self.put(title, Style::Heading);
        let rest = self.width().saturating_sub(text::width(title) + 1);
        self.spaces(1);
        self.put(&"─".repeat(rest), Style::Dim);
        self.end_line();
    }

    /// A paragraph, broken at spaces, each line `indent` columns in. A word that is longer than
    /// a line is broken where the line ends.
    pub(crate) fn paragraph(&mut self, content: &str, indent: usize, style: Style) {
        for line in wrap(content, self.width().saturating_sub(indent).max(8)) {
            self.spaces(indent);
            self.put(&line, style);
            self.end_line();
        }
    }

    /// A quiet remark.
    pub(crate) fn remark(&mut self, content: &str) {
        self.paragraph(content, 2, Style::Dim);
    }
}

/// The nearest ASCII character of the same width.
fn ascii(c: char) -> char {
    match c {
        c if c.is_ascii() => c,
        '–' | '─' => '-',
        '·' => '*',
        '…' => '~',
        'µ' => 'u',
        '×' => 'x',
        '→' => '>',
        '█' | '▉' | '▊' | '▋' | '▌' | '▇' | '▆' | '▅' => '#',
        '▍' | '▎' | '▏' | '▄' | '▃' => '+',
        '▂' | '▁' | '░' => '.',
        '│' | '┤' => '|',
        '≤' => '<',
        _ => '?',
    }
}

/// Lines of at most `width` columns, broken at spaces.
pub(crate) fn wrap(content: &str, width: usize) -> Vec<String> {
    let content = text::visible(content);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in content.split(' ').filter(|w| !w.is_empty()) {
        let needed = text::width(word);
        if used > 0 && used + 1 + needed > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        for c in word.chars() {
            let columns = text::width(c.encode_utf8(&mut [0; 4]));
            if used + columns > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += columns;
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}
