//! Tables of the page.

use std::fmt::Write as _;

use super::super::chart::theme::{Paint, number, share};
use super::super::text;

/// Most rows the page shows; longer lists are in its facts.
const MOST_ROWS: usize = 500;
/// Columns of a name after which even its title is cut.
const LONGEST_NAME: usize = 1000;
/// Columns of a word that breaks only where it is longer: those of a MAC address.
const LONG_WORD: usize = 17;
/// Rows from which on a table scrolls.
const LONG: usize = 25;

/// How a column is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An address or another name.
    Address,
    /// A sentence or a list.
    Words,
    /// A number.
    Number,
    /// A bar, without a heading of its own.
    Bar,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    kind: Kind,
    optional: bool,
}

impl Column {
    pub(crate) const fn new(title: &'static str, kind: Kind) -> Self {
        Self {
            title,
            kind,
            optional: false,
        }
    }

    /// Left out where the screen is narrow.
    pub(crate) const fn optional(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }

    fn class(self) -> &'static str {
        match (self.kind, self.optional) {
            (Kind::Number, false) => "n",
            (Kind::Number, true) => "n opt",
            (Kind::Bar, false) => "bar",
            (Kind::Bar, true) => "bar opt",
            (Kind::Address, false) => "addr",
            (Kind::Address, true) => "addr opt",
            (Kind::Words, false) => "words",
            (Kind::Words, true) => "words opt",
        }
    }
}

/// What stands in a column of a row.
pub(crate) enum Cell {
    /// A name from the traffic, with a quieter second one.
    Name(String, Option<String>),
    /// Words.
    Text(String),
    /// Markup made by this module's callers from escaped text.
    Markup(String),
    /// A number as shown, and to sort by.
    Number(String, f64),
    /// The number the table is about.
    Strong(String, f64),
    /// Parts of a bar (share of the width, colour), and what it says.
    Bar(Vec<(f64, &'static str)>, String),
}

impl Cell {
    /// A bar of one part.
    pub(crate) fn bar(part: f64, whole: f64, says: &str) -> Self {
        Self::Bar(vec![(share(part, whole), Paint::PAGE.bar)], says.to_owned())
    }

    /// A bar of what was sent and what was received.
    pub(crate) fn both(sent: u64, received: u64, largest: f64, says: String) -> Self {
        Self::Bar(
            vec![
                (share(sent as f64, largest), Paint::PAGE.sent),
                (share(received as f64, largest), Paint::PAGE.received),
            ],
            says,
        )
    }
}

/// Writes a table under a name for those who cannot see it.
pub(crate) fn write(out: &mut String, label: &str, columns: &[Column], rows: &[Vec<Cell>]) {
    let long = if rows.len() > LONG { " long" } else { "" };
    let sortable = rows.len() > 1;
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        r#"<div class="scroll{long}" role="region" aria-label="{0}"{1}><table><caption class="visually-hidden">{0}</caption><thead><tr>"#,
        text::html(label),
        // Where it may scroll and nothing in it takes the focus, it does.
        if long.is_empty() && sortable {
            ""
        } else {
            r#" tabindex="0""#
        },
    );
    for column in columns {
        let title = text::html(column.title);
        let class = column.class();
        if column.kind == Kind::Bar || column.title.is_empty() {
            let _ = write!(out, r#"<td class="{class}"></td>"#);
        } else if sortable {
            let _ = write!(
                out,
                r#"<th scope="col" class="{class}" data-sort>{title}</th>"#
            );
        } else {
            let _ = write!(out, r#"<th scope="col" class="{class}">{title}</th>"#);
        }
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows.iter().take(MOST_ROWS) {
        out.push_str("<tr>");
        for (cell, column) in row.iter().zip(columns) {
            write_cell(out, cell, column.class());
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    if rows.len() > MOST_ROWS {
        let _ = write!(
            out,
            r#"<p class="more">The first {MOST_ROWS} of {}; all are in the facts of this page and in the JSON report.</p>"#,
            super::super::units::count(rows.len() as u64)
        );
    }
}

fn write_cell(out: &mut String, cell: &Cell, class: &str) {
    let _ = match cell {
        Cell::Name(name, second) => {
            let _ = write!(out, r#"<td class="{class}">{}"#, name_markup(name));
            if let Some(second) = second {
                let _ = write!(out, r#"<span class="sub">{}</span>"#, name_markup(second));
            }
            write!(out, "</td>")
        }
        Cell::Text(content) => write!(out, r#"<td class="{class}">{}</td>"#, name_markup(content)),
        Cell::Markup(markup) => write!(out, r#"<td class="{class}">{markup}</td>"#),
        Cell::Number(shown, value) => {
            write!(
                out,
                r#"<td class="{class}" data-v="{}">{}</td>"#,
                sort_key(*value),
                text::html(shown)
            )
        }
        Cell::Strong(shown, value) => write!(
            out,
            r#"<td class="{class} strong" data-v="{}">{}</td>"#,
            sort_key(*value),
            text::html(shown)
        ),
        Cell::Bar(parts, says) => {
            let _ = write!(
                out,
                r#"<td class="{class}"><svg role="img" aria-label="{0}" data-text="{0}">"#,
                text::html(says)
            );
            let mut at = 0.0;
            for (part, color) in parts {
                let part = part.min(1.0 - at);
                let _ = write!(
                    out,
                    r#"<rect x="{}%" width="{}%" height="100%" fill="{color}"/>"#,
                    number(at * 100.0),
                    number(part * 100.0)
                );
                at += part;
            }
            write!(out, "</svg></td>")
        }
    };
}

/// A name as markup: isolated, in one line where it is short, and where it is long, cut to a few
/// lines with the whole of it in a title.
pub(crate) fn name_markup(name: &str) -> String {
    let visible = text::visible(name);
    let width = text::width(&visible);
    let shown = text::html(&text::cut_end(&visible, LONGEST_NAME, "…"));
    let broken: Vec<String> = shown.split(' ').map(breakable).collect();
    let broken = broken.join(" ");
    if width > 60 {
        format!(r#"<bdi class="clamp" title="{shown}">{broken}</bdi>"#)
    } else if width <= LONG_WORD && !visible.contains(' ') {
        format!(r#"<bdi class="whole">{broken}</bdi>"#)
    } else {
        format!("<bdi>{broken}</bdi>")
    }
}

/// A word that was made markup, with the places where it may break if it is long: between the
/// parts of an IPv6 address, of a path, of a domain name. References such as `&amp;` have none of
/// these characters.
fn breakable(word: &str) -> String {
    if text::width(word) <= LONG_WORD {
        return word.to_owned();
    }
    let mut broken = String::with_capacity(word.len() + 32);
    let mut rest = word.chars().peekable();
    while let Some(c) = rest.next() {
        broken.push(c);
        let next = rest.peek().copied();
        let breaks = match c {
            '/' => true,
            // `::` stays together.
            ':' => next != Some(':'),
            // Numbers stay together.
            '.' => next.is_some_and(char::is_alphabetic),
            _ => false,
        };
        if breaks && next.is_some() {
            broken.push_str("<wbr>");
        }
    }
    broken
}

fn sort_key(value: f64) -> String {
    if value.is_finite() {
        format!("{value}")
    } else {
        "-1".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_break_between_their_parts() {
        for (name, broken) in [
            ("branch.office.example", "branch.<wbr>office.<wbr>example"),
            (
                "2001:db8::aaaa:bbbb:1",
                "2001:<wbr>db8::<wbr>aaaa:<wbr>bbbb:<wbr>1",
            ),
            (
                "ftp:21/tcp, rlogin:513/tcp, ssh:22/tcp",
                "ftp:21/tcp, rlogin:513/tcp, ssh:22/tcp",
            ),
            ("GET /a/long/path.html 1.25", "GET /a/long/path.html 1.25"),
            (
                "/a/path/of/many/parts?x=&y=1.5",
                "/<wbr>a/<wbr>path/<wbr>of/<wbr>many/<wbr>parts?x=&amp;y=1.5",
            ),
        ] {
            assert_eq!(name_markup(name), format!("<bdi>{broken}</bdi>"));
        }
        for name in ["web.example", "02:00:00:77:00:10"] {
            let whole = format!(r#"<bdi class="whole">{name}</bdi>"#);
            assert_eq!(name_markup(name), whole);
        }
    }
}
