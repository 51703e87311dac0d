//! What is wrong with a filter, and where.

use std::fmt;
use std::ops::Range;

/// A filter that cannot be compiled: where it goes wrong, why, and what to do.
///
/// `Display` is several lines: the message, the expression and a caret under the place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilterError {
    /// The expression as it was given.
    pub expression: String,
    /// Column of the first character that is wrong, from 1; one past the last where something
    /// is missing at the end.
    pub column: usize,
    /// Characters that are meant, from `column` on; at least 1.
    pub width: usize,
    /// What is wrong.
    pub message: String,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// Whether the expression is sound, but no packet of this link type can ever match.
    pub matches_nothing: bool,
}

/// Longest line of the expression shown around the caret, in characters.
const SHOWN: usize = 72;

impl FilterError {
    pub(super) fn new(expression: &str, fault: &Fault) -> Self {
        let before = expression.get(..fault.span.start);
        let meant = expression.get(fault.span.clone());
        Self {
            expression: expression.to_owned(),
            column: before.map_or(0, |text| text.chars().count()) + 1,
            width: meant.map_or(1, |text| text.chars().count()).max(1),
            // They repeat words of the expression.
            message: plain(&fault.message),
            hint: fault.hint.as_deref().map(plain),
            matches_nothing: fault.matches_nothing,
        }
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (column {})", self.message, self.column)?;
        // A long expression is shown from a little before the place.
        let start = if self.column > SHOWN - 12 {
            self.column - 12
        } else {
            0
        };
        // Line breaks and other controls would move the caret, or the terminal's cursor.
        let shown: String = self.expression.chars().skip(start).take(SHOWN).collect();
        let shown = plain(&shown);
        let (cut, indent) = if start > 0 { ("…", 1) } else { ("", 0) };
        writeln!(f, "  {cut}{}", shown.trim_end())?;
        let place = self.column - 1 - start + indent;
        let width = self
            .width
            .min((SHOWN + indent).saturating_sub(place).max(1));
        write!(f, "  {}{}", " ".repeat(place), "^".repeat(width))
    }
}

/// Text with a blank for each character that is not plain.
fn plain(text: &str) -> String {
    let blank = |c| if is_plain(c) { c } else { ' ' };
    text.chars().map(blank).collect()
}

/// Whether a character takes one place and does nothing else: what reorders or hides text does
/// not count as plain.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

impl std::error::Error for FilterError {}

/// A fault at a place of the expression, before the expression itself is added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Bytes of the expression.
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) matches_nothing: bool,
}

impl Fault {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            hint: None,
            matches_nothing: false,
        }
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(expression: &str, span: Range<usize>) -> String {
        FilterError::new(expression, &Fault::new(span, "wrong")).to_string()
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        assert_eq!(
            shown("tcp prot 80", 4..8),
            "wrong (column 5)\n  tcp prot 80\n      ^^^^"
        );
        assert_eq!(shown("tcp", 3..3), "wrong (column 4)\n  tcp\n     ^");
    }

    #[test]
    fn a_long_expression_is_cut() {
        let expression = format!("{}bad{}", "port 1 or ".repeat(30), " or port 2".repeat(30));
        let text = shown(&expression, 300..303);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].chars().count() < 80, "{text}");
        let column = lines[2].find('^').unwrap();
        let marked: String = lines[1].chars().skip(column).take(3).collect();
        assert_eq!(marked, "bad");
    }

    #[test]
    fn controls_do_not_reach_the_terminal() {
        let text = shown("a\u{1b}[2J\n\u{202e}b", 0..1);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
        assert_eq!(text.lines().count(), 3);
    }
}
