//! Pieces that sections of every page are made of.

use std::fmt::Write as _;

use super::super::text;
use super::table::name_markup;

/// Figures side by side: name, value and a note below it.
pub(crate) fn figures(out: &mut String, id: &str, figures: &[(&str, String, String)]) {
    // Writing to a String cannot fail.
    let _ = write!(out, r#"<dl class="figures" id="{id}">"#);
    for (name, value, note) in figures {
        let _ = write!(
            out,
            r#"<div><dt>{name}</dt><dd class="value{}">{}</dd><dd class="note">{}</dd></div>"#,
            if value.len() > 11 { " long" } else { "" },
            text::html(value),
            text::html(note)
        );
    }
    out.push_str("</dl>");
}

/// What stands out: severity, title and detail of each.
pub(crate) fn findings<'a>(
    out: &mut String,
    list: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>,
) {
    out.push_str(r#"<ul class="findings">"#);
    for (weight, title, detail) in list {
        let _ = write!(
            out,
            r#"<li>{}<p class="title">{}</p>"#,
            severity(weight),
            name_markup(title)
        );
        if !detail.is_empty() {
            let _ = write!(out, r#"<p class="detail">{}</p>"#, text::html(detail));
        }
        out.push_str("</li>");
    }
    out.push_str("</ul>");
}

/// A severity as a sign and a word: the colour only repeats them.
pub(crate) fn severity(name: &str) -> String {
    let (class, sign) = match name {
        "high" | "critical" => ("high", r#"<path d="M7 1l6 11H1z" fill="currentColor"/>"#),
        "medium" => (
            "medium",
            r#"<path d="M7 1l6 6-6 6-6-6z" fill="currentColor"/>"#,
        ),
        "low" => (
            "low",
            r#"<rect x="2" y="2" width="10" height="10" rx="2" fill="currentColor"/>"#,
        ),
        _ => (
            "info",
            r#"<circle cx="7" cy="7" r="5" fill="currentColor"/>"#,
        ),
    };
    format!(
        r#"<span class="severity {class}"><svg width="14" height="14" aria-hidden="true">{sign}</svg><span class="clamp">{}</span></span>"#,
        text::html(name)
    )
}

/// The colour of a series, for a legend.
pub(crate) fn swatch(color: &str) -> String {
    format!(
        r#"<svg class="swatch" width="12" height="12" aria-hidden="true"><rect width="12" height="12" rx="3" fill="{color}"/></svg>"#
    )
}
