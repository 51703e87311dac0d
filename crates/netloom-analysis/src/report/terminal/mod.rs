//! The report in a terminal: tables and bar charts that fit a width.
//!
//! What a person wants first comes first: the figures, what stands out, then the details.

pub(crate) mod canvas;
mod named;
mod plot;
mod sections;
pub(crate) mod table;
mod traffic;
mod trouble;

use super::Report;
use canvas::Canvas;

/// How the report is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalOptions {
    /// Columns of the terminal; anything from 40 on, tables are best from 60 to 200.
    pub width: usize,
    /// Whether to colour (ANSI escapes). Never needed to understand the text.
    pub color: bool,
    /// Whether the terminal shows Unicode; otherwise bars and names are ASCII.
    pub unicode: bool,
    /// Most rows of a list.
    pub top: usize,
}

impl Default for TerminalOptions {
    /// 80 columns, no colour, Unicode, ten rows.
    fn default() -> Self {
        Self {
            width: 80,
            color: false,
            unicode: true,
            top: 10,
        }
    }
}

impl TerminalOptions {
    /// The same with a width that can be laid out.
    pub(crate) fn fitted(self) -> Self {
        let width = self.width.clamp(*WIDTHS.start(), *WIDTHS.end());
        Self { width, ..self }
    }
}

/// Narrowest and widest layout; other widths are taken as the nearest of these.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=220;

/// The report as text, each line at most `options.width` columns and ended by a newline.
///
/// Text from packets has its control characters and its invisible characters escaped, so the
/// only escape sequences in the result are the colours asked for.
pub fn render(report: &Report, options: &TerminalOptions) -> String {
    let mut canvas = Canvas::new(options.fitted());
    sections::all(report, &mut canvas);
    canvas.finish()
}
