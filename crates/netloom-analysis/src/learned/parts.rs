//! Pieces that all of these pages and texts have.

use std::fmt::Write as _;

use netloom_ml::card::Source;
use netloom_ml::dataset::LeftOut;

use crate::report::terminal::canvas::{Canvas, Style, wrap};
use crate::report::{text, units};

/// Sources in a line, the first few by name.
pub(super) fn sources(list: &[Source]) -> String {
    const SHOWN: usize = 3;
    let names: Vec<String> = list
        .iter()
        .take(SHOWN)
        .map(|source| text::cut_middle(&text::visible(&source.name), 60, "…"))
        .collect();
    let more = list.len().saturating_sub(SHOWN);
    if more > 0 {
        format!("{} and {more} more", names.join(", "))
    } else {
        names.join(", ")
    }
}

/// A title and a quiet line below it.
pub(super) fn head(canvas: &mut Canvas, title: &str, about: &str) {
    let title = text::cut_middle(&canvas.name(title), canvas.width(), "…");
    canvas.put(&title, Style::Bold);
    canvas.end_line();
    canvas.paragraph(about, 0, Style::Dim);
}

/// Names and what there is to say of them, the latter in a column.
pub(super) fn facts(canvas: &mut Canvas, facts: &[(&str, String)]) {
    canvas.end_line();
    let label = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
    for (name, words) in facts {
        for (place, line) in wrap(words, canvas.width().saturating_sub(label).max(16))
            .iter()
            .enumerate()
        {
            if place == 0 {
                canvas.put(name, Style::Dim);
                canvas.spaces(label.saturating_sub(name.len()));
            } else {
                canvas.spaces(label);
            }
            canvas.put(line, Style::Plain);
            canvas.end_line();
        }
    }
}

/// The same in a page.
pub(super) fn facts_markup(out: &mut String, facts: &[(&str, String)]) {
    out.push_str(r#"<dl class="facts">"#);
    for (name, words) in facts {
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "<dt>{name}</dt><dd>{}</dd>",
            text::html(&text::visible(words))
        );
    }
    out.push_str("</dl>");
}

/// Begins a section of a page.
pub(super) fn section(out: &mut String, id: &str, title: &str, note: &str) {
    let _ = write!(
        out,
        r#"<section class="card" id="{id}"><header><h2>{title}</h2><p class="muted small">{}</p></header>"#,
        text::html(note)
    );
}

/// The section that says how something was found: its facts, the columns that were looked at and
/// those that were not, and what to be wary of.
pub(super) fn how(
    out: &mut String,
    title: &str,
    mut facts: Vec<(&str, String)>,
    (columns, left_out): (&[String], &[LeftOut]),
    warnings: &[String],
) {
    facts.push(("Columns", columns.join(", ")));
    let left: Vec<String> = left_out
        .iter()
        .map(|left| format!("{} ({})", left.column, left.reason))
        .collect();
    if !left.is_empty() {
        facts.push(("Left out", left.join(", ")));
    }
    for warning in warnings {
        facts.push(("Good to know", warning.clone()));
    }
    section(out, "how", title, "");
    facts_markup(out, &facts);
    out.push_str("</section>");
}

/// A footer that says what made the page.
pub(super) fn footer(version: &str) -> String {
    format!(
        "Made by netloom <bdi>{}</bdi>. Times are UTC. All facts are embedded in this page, which loads nothing and sends nothing.",
        text::html(version)
    )
}

/// Three digits, as scores are shown.
pub(super) fn score(value: f64) -> String {
    if value.is_finite() {
        netloom_ml::words::value("", value)
    } else {
        units::NONE.to_owned()
    }
}

/// So many flows, rows, or whatever they are.
pub(super) fn rows_of(count: u64, row: &str) -> String {
    let row = text::visible(row);
    // host in 60 s: 12 hosts in 60 s; host by bytes every 1 s: 12 hosts by bytes every 1 s
    for between in [" in ", " by "] {
        if let Some((what, how)) = row.split_once(between) {
            let what = units::counted(count, what, &format!("{what}s"));
            return format!("{what}{between}{how}");
        }
    }
    units::counted(count, &row, &format!("{row}s"))
}
