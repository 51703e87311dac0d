//! Rows for people: columns under their names, or a block for each row that is too wide.

use std::fmt::Write as _;

use netloom::analysis::report::text::{cut_end, visible, visible_ascii, width};
use netloom::analysis::report::units;
use netloom::tables::SchemaRef;

/// Blanks between columns.
const GAP: usize = 2;
/// What a column is cut to before the table is given up for blocks.
const NARROW: usize = 12;
/// How wide a text may be while there is room.
const WIDE: usize = 60;

/// How rows are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Columns side by side where they fit, else a block for each row.
    Auto,
    /// Columns side by side, however wide.
    Grid,
    /// A block for each row.
    Blocks,
}

/// Lines that a text has at most in a block.
const LINES: usize = 8;

/// Rows, gathered.
pub(super) struct Table {
    names: Vec<String>,
    numeric: Vec<bool>,
    /// Column by column.
    cells: Vec<Vec<Option<String>>>,
    rows: usize,
}

impl Table {
    pub(super) fn new(schema: &SchemaRef) -> Self {
        let fields = schema.fields();
        Self {
            names: fields.iter().map(|field| field.name().clone()).collect(),
            numeric: fields
                .iter()
                .map(|field| field.data_type().is_numeric())
                .collect(),
            cells: vec![Vec::new(); fields.len()],
            rows: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// Appends rows, column by column.
    pub(super) fn extend(&mut self, cells: Vec<Vec<Option<String>>>, rows: usize) {
        for (column, cells) in self.cells.iter_mut().zip(cells) {
            column.extend(cells);
        }
        self.rows += rows;
    }

    /// The text of the last column, its lines left as they are.
    pub(super) fn last_column_as_lines(&self, harmless: impl Fn(&str) -> String) -> String {
        let cells = self.cells.last().into_iter().flatten().flatten();
        let lines = cells.flat_map(|cell| cell.lines());
        lines.fold(String::new(), |text, line| text + &harmless(line) + "\n")
    }

    /// The rows as they fit into a width, and how many they are; `more`: there are others.
    pub(super) fn text(&self, layout: Layout, room: usize, unicode: bool, more: bool) -> String {
        let harmless = |text: &str| {
            if unicode {
                visible(text).into_owned()
            } else {
                visible_ascii(text).into_owned()
            }
        };
        let names: Vec<String> = self.names.iter().map(|name| harmless(name)).collect();
        let cells: Vec<Vec<String>> = self
            .cells
            .iter()
            .map(|column| {
                let cells = column.iter();
                cells
                    .map(|cell| cell.as_deref().map_or_else(String::new, harmless))
                    .collect()
            })
            .collect();
        let widths = match layout {
            Layout::Auto => self.widths(&names, &cells, room),
            Layout::Grid => self.widths(&names, &cells, usize::MAX),
            Layout::Blocks => None,
        };
        let mut text = match widths {
            Some(widths) => self.grid(&names, &cells, &widths, unicode),
            None => self.blocks(&names, &cells, room, unicode),
        };
        let first = if more { "the first " } else { "" };
        let rows = units::counted(self.rows as u64, "row", "rows");
        _ = writeln!(text, "({first}{rows})");
        text
    }

    /// How wide each column is; `None` where they do not fit side by side.
    fn widths(&self, names: &[String], cells: &[Vec<String>], room: usize) -> Option<Vec<usize>> {
        let natural: Vec<usize> = names
            .iter()
            .zip(cells)
            .map(|(name, cells)| {
                let widest = cells.iter().map(|cell| width(cell)).max().unwrap_or(0);
                widest.max(width(name))
            })
            .collect();
        let gaps = GAP * natural.len().saturating_sub(1);
        let room = room.checked_sub(gaps)?;
        let mut widths: Vec<usize> = natural
            .iter()
            .zip(&self.numeric)
            .map(|(&natural, &numeric)| if numeric { natural } else { natural.min(WIDE) })
            .collect();
        // The widest text gives way first.
        while widths.iter().sum::<usize>() > room {
            let widest = widths
                .iter()
                .enumerate()
                .filter(|&(place, &width)| width > NARROW && !self.numeric[place])
                .max_by_key(|&(place, &width)| (width, usize::MAX - place))?;
            let place = widest.0;
            widths[place] -= 1;
        }
        // Room that is left goes to texts that were cut.
        let mut left = room - widths.iter().sum::<usize>();
        for (width, natural) in widths.iter_mut().zip(&natural) {
            let more = (natural - *width).min(left);
            *width += more;
            left -= more;
        }
        Some(widths)
    }

    fn grid(
        &self,
        names: &[String],
        cells: &[Vec<String>],
        widths: &[usize],
        unicode: bool,
    ) -> String {
        let (line, mark) = if unicode { ("─", "…") } else { ("-", "~") };
        let mut text = String::new();
        let mut put = |row: &dyn Fn(usize) -> String| {
            let mut out = String::new();
            for (place, &wide) in widths.iter().enumerate() {
                let cell = cut_end(&row(place), wide, mark);
                let blanks = " ".repeat(wide.saturating_sub(width(&cell)));
                let gap = if place > 0 {
                    " ".repeat(GAP)
                } else {
                    String::new()
                };
                out += &gap;
                if self.numeric[place] {
                    out += &blanks;
                    out += &cell;
                } else {
                    out += &cell;
                    out += &blanks;
                }
            }
            text += out.trim_end();
            text.push('\n');
        };
        put(&|place| names[place].clone());
        put(&|place| line.repeat(widths[place]));
        for row in 0..self.rows {
            put(&|place| cells[place].get(row).cloned().unwrap_or_default());
        }
        text
    }

    /// A block for each row: a column a line. Where nothing is known, nothing is said.
    fn blocks(
        &self,
        names: &[String],
        cells: &[Vec<String>],
        room: usize,
        unicode: bool,
    ) -> String {
        let (line, mark) = if unicode { ("─", "…") } else { ("-", "~") };
        let indent = names.iter().map(|name| width(name)).max().unwrap_or(0) + GAP;
        let room = room.saturating_sub(indent).max(20);
        let mut text = String::new();
        for row in 0..self.rows {
            let title = format!("{line}{line} row {} ", row + 1);
            let rest = (indent + room).min(60).saturating_sub(width(&title));
            text += &title;
            text += &line.repeat(rest);
            text.push('\n');
            for (name, cells) in names.iter().zip(cells) {
                let cell = cells.get(row).map_or("", String::as_str);
                if cell.is_empty() {
                    continue;
                }
                text += name;
                text += &" ".repeat(indent - width(name));
                text += &wrapped(cell, room, mark).join(&format!("\n{}", " ".repeat(indent)));
                text.push('\n');
            }
        }
        text
    }
}

/// A text in lines of a width, not more than [`LINES`] of them.
fn wrapped(text: &str, room: usize, mark: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let (mut used, mut rest) = (0, text);
    while let Some(c) = rest.chars().next() {
        let (one, after) = rest.split_at(c.len_utf8());
        let wide = width(one);
        if used + wide > room {
            if lines.len() == LINES {
                break;
            }
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(one);
        }
        used += wide;
        rest = after;
    }
    if !rest.is_empty()
        && let Some(last) = lines.last_mut()
    {
        *last = cut_end(&format!("{last}{rest}"), room, mark);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(names: &[(&str, bool)], rows: &[&[Option<&str>]]) -> Table {
        let cells = (0..names.len()).map(|column| {
            let cells = rows.iter().map(|row| row[column].map(str::to_owned));
            cells.collect()
        });
        Table {
            names: names.iter().map(|(name, _)| (*name).to_owned()).collect(),
            numeric: names.iter().map(|(_, numeric)| *numeric).collect(),
            cells: cells.collect(),
            rows: rows.len(),
        }
    }

    #[test]
    fn columns_under_their_names() {
        let table = table(
            &[("src_ip", false), ("n", true)],
            &[&[Some("10.0.0.1"), Some("5")], &[None, Some("123")]],
        );
        assert_eq!(
            table.text(Layout::Auto, 80, true, false),
            "src_ip      n\n────────  ───\n10.0.0.1    5\n          123\n(2 rows)\n"
        );
    }

    #[test]
    fn what_is_hostile_is_harmless() {
        let table = table(&[("name", false)], &[&[Some("a\x1b[2J\nb\u{202e}c")]]);
        assert_eq!(
            table.text(Layout::Auto, 80, true, false),
            "name\n──────────────────────\na\\x1b[2J\\nb\\u{202e}c\n(1 row)\n".replace(
                "──────────────────────",
                &"─".repeat(width("a\\x1b[2J\\nb\\u{202e}c"))
            )
        );
    }

    #[test]
    fn too_wide_is_cut_then_in_blocks() {
        let long = "x".repeat(50);
        let row: &[Option<&str>] = &[Some(&long), Some("7")];
        let cut = table(&[("a", false), ("b", true)], &[row]).text(Layout::Auto, 40, true, false);
        assert!(cut.lines().all(|line| width(line) <= 40), "{cut}");
        assert!(cut.contains('…'), "{cut}");
        let many = table(&[("a", false), ("b", true)], &[row]).text(Layout::Auto, 10, true, false);
        assert!(many.starts_with("── row 1 "), "{many}");
        assert!(many.contains("\nb  7\n"), "{many}");
        // Whole where there is room for it in some lines.
        assert!(many.contains(&format!(
            "\na  {0}\n   {0}\n   {1}\n",
            "x".repeat(20),
            "x".repeat(10)
        )));
        let longer = "y".repeat(1000);
        let many =
            table(&[("a", false)], &[&[Some(&longer)]]).text(Layout::Blocks, 43, true, false);
        assert_eq!(many.matches('y').count(), 8 * 40 - 1, "{many}");
        assert!(many.contains("y…\n(1 row)"), "{many}");
    }
}
