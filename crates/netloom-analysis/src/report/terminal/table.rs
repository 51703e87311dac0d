//! Tables that fit a width: columns give way in a set order instead of wrapping.

use super::super::text;
use super::canvas::{Canvas, Style};

/// Blanks between columns.
const GAP: usize = 2;
/// Blanks before the first column.
const INDENT: usize = 2;

/// Where a column's text is cut when it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    End,
    Middle,
}

/// A column: its title and how it behaves when room is short.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    right: bool,
    bar: bool,
    cut: Cut,
    min: usize,
    max: usize,
    /// Columns with the smallest rank go first; `u8::MAX` never goes.
    rank: u8,
}

impl Column {
    /// Numbers: to the right, never cut.
    pub(crate) const fn number(title: &'static str) -> Self {
        Self {
            title,
            right: true,
            bar: false,
            cut: Cut::End,
            min: usize::MAX,
            max: 22,
            rank: u8::MAX,
        }
    }

    /// Text, cut at its end down to `min` columns, and never wider than `max`.
    pub(crate) const fn text(title: &'static str, min: usize, max: usize) -> Self {
        Self {
            title,
            right: false,
            bar: false,
            cut: Cut::End,
            min,
            max,
            rank: u8::MAX,
        }
    }

    /// An address: as [`Self::text`], cut in its middle.
    pub(crate) const fn address(title: &'static str, min: usize) -> Self {
        Self {
            cut: Cut::Middle,
            ..Self::text(title, min, 47)
        }
    }

    /// A bar: takes the room that is left.
    pub(crate) const fn bar(title: &'static str, min: usize, max: usize) -> Self {
        Self {
            bar: true,
            rank: 1,
            ..Self::text(title, min, max)
        }
    }

    /// May be left out; the smallest rank first.
    pub(crate) const fn optional(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

/// What stands in a column of a row.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    /// A text.
    Text(String, Style),
    /// Shares of the column's width, one after the other.
    Bar(Vec<(f64, Style)>),
}

impl Cell {
    pub(crate) fn new(content: impl Into<String>) -> Self {
        Self::Text(content.into(), Style::Plain)
    }

    pub(crate) fn dim(content: impl Into<String>) -> Self {
        Self::Text(content.into(), Style::Dim)
    }

    pub(crate) fn bar(share: f64) -> Self {
        Self::Bar(vec![(share, Style::Bar)])
    }

    fn natural(&self) -> usize {
        match self {
            Self::Text(content, _) => text::width(content),
            Self::Bar(_) => 0,
        }
    }
}

/// Writes a table: a quiet line of titles, then the rows.
pub(crate) fn write(canvas: &mut Canvas, columns: &[Column], rows: &[Vec<Cell>]) {
    let widths = fit(columns, rows, canvas.width().saturating_sub(INDENT));
    let shown: Vec<(usize, Column, usize)> = columns
        .iter()
        .zip(&widths)
        .enumerate()
        .filter_map(|(i, (column, width))| width.map(|w| (i, *column, w)))
        .collect();
    if columns.iter().any(|c| !c.title.is_empty()) {
        for (n, (_, column, width)) in shown.iter().enumerate() {
            canvas.spaces(if n == 0 { INDENT } else { GAP });
            put_padded(
                canvas,
                &Cell::dim(column.title),
                column,
                *width,
                n + 1 == shown.len(),
            );
        }
        canvas.end_line();
    }
    for row in rows {
        for (n, (i, column, width)) in shown.iter().enumerate() {
            canvas.spaces(if n == 0 { INDENT } else { GAP });
            if let Some(cell) = row.get(*i) {
                put_padded(canvas, cell, column, *width, n + 1 == shown.len());
            } else {
                canvas.spaces(*width);
            }
        }
        canvas.end_line();
    }
}

fn put_padded(canvas: &mut Canvas, cell: &Cell, column: &Column, width: usize, last: bool) {
    match cell {
        Cell::Text(content, style) => {
            let content = match column.cut {
                Cut::End => text::cut_end(content, width, "…"),
                Cut::Middle => text::cut_middle(content, width, "…"),
            };
            let pad = width.saturating_sub(text::width(&content));
            if column.right {
                canvas.spaces(pad);
            }
            canvas.put(&content, *style);
            if !column.right && !last {
                canvas.spaces(pad);
            }
        }
        Cell::Bar(parts) => {
            let used = put_bar(canvas, parts, width);
            if !last {
                canvas.spaces(width.saturating_sub(used));
            }
        }
    }
}

/// A bar of parts; gives the columns used. A single part ends in eighths of a column, several
/// parts in whole ones.
fn put_bar(canvas: &mut Canvas, parts: &[(f64, Style)], width: usize) -> usize {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let clean = |share: f64| {
        if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        }
    };
    let mut used = 0;
    if let [(share, style)] = parts {
        let eighths = (clean(*share) * width as f64 * 8.0).round() as usize;
        // Something is never shown as nothing.
        let eighths = if eighths == 0 && *share > 0.0 {
            1
        } else {
            eighths
        };
        let mut bar = "█".repeat(eighths / 8);
        bar.push_str(EIGHTHS.get(eighths % 8).copied().unwrap_or_default());
        used = eighths.div_ceil(8);
        canvas.put(&bar, *style);
        return used;
    }
    let mut sum = 0.0;
    for (n, (share, style)) in parts.iter().enumerate() {
        sum += clean(*share);
        let end = ((sum * width as f64).round() as usize).min(width);
        // Parts differ in their glyph too: colour alone tells nothing in a pipe.
        let glyph = if n % 2 == 0 { "█" } else { "░" };
        canvas.put(&glyph.repeat(end.saturating_sub(used)), *style);
        used = used.max(end);
    }
    used
}

/// The width of each column, none for those left out.
///
/// First bars and long names become short, then the least important columns go, then addresses
/// are shortened too, then columns go by rank, and only when nothing else is left is everything
/// cut.
fn fit(columns: &[Column], rows: &[Vec<Cell>], room: usize) -> Vec<Option<usize>> {
    // Wide enough for any IPv6 address (RFC 5952); text is not cut below this while a column
    // that matters less is there.
    const WHOLE_ADDRESS: usize = 39;
    // Columns up to this rank go before an address is shortened.
    const LESS_THAN_ADDRESSES: u8 = 3;
    let natural: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            let cells = rows
                .iter()
                .filter_map(|r| r.get(i))
                .map(Cell::natural)
                .max()
                .unwrap_or(0);
            let cells = if column.bar { column.min } else { cells };
            cells.max(text::width(column.title)).min(column.max)
        })
        .collect();
    let mut widths: Vec<Option<usize>> = natural.iter().copied().map(Some).collect();
    let total = |widths: &[Option<usize>]| {
        let shown = widths.iter().flatten().count();
        widths.iter().flatten().sum::<usize>() + shown.saturating_sub(1) * GAP
    };
    let mut shorten_addresses = false;
    while total(&widths) > room {
        let floor = |column: &Column| match column.cut {
            Cut::Middle if !shorten_addresses => column.min.max(WHOLE_ADDRESS),
            _ => column.min.max(1),
        };
        let widest = widths
            .iter_mut()
            .zip(columns)
            .filter_map(|(width, column)| width.as_mut().map(|w| (w, column)))
            .filter(|(width, column)| **width > floor(column))
            .map(|(width, _)| width)
            .max();
        if let Some(width) = widest {
            *width -= 1;
            continue;
        }
        let last_rank = if shorten_addresses {
            u8::MAX - 1
        } else {
            LESS_THAN_ADDRESSES
        };
        let dropped = widths
            .iter_mut()
            .zip(columns)
            .filter(|(width, column)| width.is_some() && column.rank <= last_rank)
            .min_by_key(|(_, column)| column.rank)
            .map(|(width, _)| width);
        if let Some(width) = dropped {
            *width = None;
            // Room was made: text that had been cut gets it back.
            for ((width, natural), column) in widths.iter_mut().zip(&natural).zip(columns) {
                if let (Some(width), false) = (width, column.bar) {
                    *width = *natural;
                }
            }
            continue;
        }
        if !shorten_addresses {
            shorten_addresses = true;
            continue;
        }
        let Some(width) = widths.iter_mut().flatten().filter(|w| **w > 1).max() else {
            break;
        };
        *width -= 1;
    }
    let mut left = room.saturating_sub(total(&widths));
    for (column, width) in columns.iter().zip(&mut widths) {
        if let (true, Some(width)) = (column.bar, width) {
            let more = left.min(column.max.saturating_sub(*width));
            *width += more;
            left -= more;
        }
    }
    widths
}
