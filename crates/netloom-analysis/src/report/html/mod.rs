//! The report as one page: no network, no other file, and readable without its script.
//!
//! The charts are drawn here, as SVG; the script only adds reading by pointer and keys, zoom,
//! sorting and the choice of theme.

pub(crate) mod frame;
mod handshakes;
mod named;
pub(crate) mod parts;
mod sections;
pub(crate) mod table;
mod traffic;
mod trouble;

use std::fmt::Write as _;

use self::frame::Frame;
use super::{Report, json, text, units};

/// The page.
pub fn render(report: &Report) -> String {
    let title = title(report);
    let page = sections::Page::new(report);
    let mut main = String::with_capacity(128 * 1024);
    page.write(&mut main);
    let mut footer_markup = String::new();
    footer(&mut footer_markup, report);
    Frame {
        brand: "netloom report",
        kind: "traffic report",
        title: &title,
        about: &about(report),
        warning: report
            .interrupted
            .then_some("Reading was interrupted: this is what was read until then."),
        contents: &page.contents(),
        facts: &json::to_string(report).unwrap_or_else(|_| "{}".to_owned()),
        timeline_facts: &page.timeline_facts(),
    }
    .page(&main, &footer_markup)
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

fn about(report: &Report) -> String {
    let mut about = Vec::new();
    if let (Some(first), Some(last)) = (&report.first_ts, &report.last_ts) {
        about.push(units::period(first, last));
        about.push(units::seconds(report.duration));
    }
    if let Some(filter) = &report.filter {
        let filter = text::cut_middle(&text::visible(filter), 200, "…");
        about.push(format!("only packets that match {filter}"));
    }
    about.join(" · ")
}

fn footer(out: &mut String, report: &Report) {
    let table = &report.flow_table;
    let _ = write!(
        out,
        "Made by netloom <bdi>{}</bdi>. Flow rules: <bdi>{}</bdi>. Lengths are frame lengths on the wire; times are UTC; kB, MB and GB are powers of 1000. Flow table: at most {} alive at once, {} ended early under a cap of {}. Facts of schema {} are embedded in this page, which loads nothing and sends nothing.",
        text::html(&report.netloom_version),
        text::html(&report.flow_rules),
        units::counted(table.peak_live, "flow", "flows"),
        units::count(table.evicted),
        units::bytes(table.max_memory),
        report.schema_version,
    );
}
