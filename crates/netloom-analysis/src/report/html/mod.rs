//! The report as one page: no network, no other file, and readable without its script.
//!
//! The charts are drawn here, as SVG; the script only adds reading by pointer and keys, zoom,
//! sorting and the choice of theme. A content security policy allows exactly this page's own
//! style and script by their hashes, so that even text that were not escaped could neither run
//! nor load anything.

mod handshakes;
mod named;
mod sections;
mod table;
mod traffic;
mod trouble;

use std::fmt::Write as _;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::{Report, json, text, units};

static STYLE: &str = include_str!("../../../assets/report.css");
static SCRIPT: &str = include_str!("../../../assets/report.js");

/// The page.
pub fn render(report: &Report) -> String {
    let mut out = String::with_capacity(STYLE.len() + SCRIPT.len() + 128 * 1024);
    let title = title(report);
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>{} · traffic report</title>
<style>{STYLE}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
"##,
        hash(STYLE),
        hash(SCRIPT),
        text::html(&title),
    );
    let page = sections::Page::new(report);
    head(&mut out, report, &title);
    navigation(&mut out, &page);
    out.push_str("<main id=\"main\" class=\"wrap\">\n");
    page.write(&mut out);
    out.push_str("</main>\n");
    footer(&mut out, report);
    let facts = json::to_string(report).unwrap_or_else(|_| "{}".to_owned());
    let _ = write!(
        out,
        r#"<script type="application/json" id="facts">{}</script>
<script type="application/json" id="timeline-facts">{}</script>
<script>{SCRIPT}</script>
</body>
</html>
"#,
        text::script_json(&facts),
        text::script_json(&text::plain_json(&page.timeline_facts())),
    );
    out
}

/// A source of the content security policy that allows just this text.
fn hash(content: &str) -> String {
    format!(
        "sha256-{}",
        base64::engine::general_purpose::STANDARD.encode(Sha256::digest(content))
    )
}

fn title(report: &Report) -> String {
    match report.captures_read().as_slice() {
        [] => "Traffic".to_owned(),
        [one] => file_name(&one.name),
        [first, rest @ ..] => {
            format!(
                "{} and {}",
                file_name(&first.name),
                units::counted(rest.len() as u64, "more file", "more files")
            )
        }
    }
}

/// The last part of a path, which tells most; the whole stands at the end of the page.
fn file_name(path: &str) -> String {
    let name = path
        .rsplit(['/', '\\'])
        .next()
        .filter(|n| !n.is_empty())
        .unwrap_or(path);
    text::cut_middle(&text::visible(name), 80, "…")
}

fn head(out: &mut String, report: &Report, title: &str) {
    let mut about = Vec::new();
    if let (Some(first), Some(last)) = (&report.first_ts, &report.last_ts) {
        about.push(units::period(first, last));
        about.push(units::seconds(report.duration));
    }
    let interrupted = if report.interrupted {
        r#"<p class="warning">Reading was interrupted: this is what was read until then.</p>"#
    } else {
        ""
    };
    let _ = write!(
        out,
        r#"<header class="top"><div class="wrap"><div><p class="brand">netloom report</p><h1><bdi>{}</bdi></h1><p class="muted">{}</p>{interrupted}</div><div class="tools js-only"><button class="button" type="button" id="save">Save facts (JSON)</button><button class="button" type="button" id="theme">Theme: system</button></div></div></header>"#,
        text::html(title),
        text::html(&about.join(" · ")),
    );
}

fn navigation(out: &mut String, page: &sections::Page<'_>) {
    out.push_str("<nav class=\"toc\" aria-label=\"Sections\"><div class=\"wrap\">");
    for (id, title) in page.contents() {
        let _ = write!(out, "<a href=\"#{id}\">{title}</a>");
    }
    out.push_str("</div></nav>\n");
}

fn footer(out: &mut String, report: &Report) {
    let table = &report.flow_table;
    let _ = write!(
        out,
        r#"<footer class="wrap"><p>Made by netloom <bdi>{}</bdi>. Flow rules: <bdi>{}</bdi>. Lengths are frame lengths on the wire; times are UTC; kB, MB and GB are powers of 1000. Flow table: at most {} alive at once, {} ended early under a cap of {}. Facts of schema {} are embedded in this page, which loads nothing and sends nothing.</p></footer>"#,
        text::html(&report.netloom_version),
        text::html(&report.flow_rules),
        units::counted(table.peak_live, "flow", "flows"),
        units::count(table.evicted),
        units::bytes(table.max_memory),
        report.schema_version,
    );
}
