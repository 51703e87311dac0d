//! Charts as SVG, drawn here so that a page shows them without a script and prints them.

pub(crate) mod bars;
pub(crate) mod icicle;
pub(crate) mod theme;
pub(crate) mod timeline;
pub(crate) mod world;

use std::fmt::Write as _;

use super::model::Address;
use super::{Report, png, text, units};
use bars::Bar;
pub use theme::Theme;
use theme::{Across, Paint};
use timeline::Measure;

/// Width of a picture in pixels.
const WIDTH: f64 = 960.0;
/// Room above the drawing for the title.
const HEAD: f64 = 64.0;
/// Most bars of a chart.
const MOST_BARS: usize = 20;

/// A chart that stands alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Name for a file, without extension: lower-case letters and hyphens.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// The picture: an SVG document that refers to nothing outside itself.
    pub svg: String,
}

/// Every chart the report has facts for, in the order of the report.
pub fn charts(report: &Report, theme: Theme) -> Vec<Chart> {
    let paint = Paint::of(theme);
    let mut out = Vec::new();
    let mut add = |name: &'static str, title: &str, subtitle: &str, drawing: (f64, String)| {
        out.push(Chart {
            name,
            title: title.to_owned(),
            svg: document(title, subtitle, drawing, &paint),
        });
    };
    let source = match report.capture.as_slice() {
        [] => String::new(),
        [one] => text::cut_middle(&text::visible(&one.name), 60, "…"),
        [first, rest @ ..] => {
            format!(
                "{} and {} more",
                text::cut_middle(&text::visible(&first.name), 60, "…"),
                units::count(rest.len() as u64)
            )
        }
    };
    for (name, title, measure) in [
        ("timeline-bytes", "Traffic over time", Measure::Bytes),
        ("timeline-packets", "Packets over time", Measure::Packets),
        ("timeline-flows", "New flows over time", Measure::Flows),
    ] {
        if measure == Measure::Flows && report.timeline.new_flows.iter().all(|&f| f == 0) {
            continue;
        }
        if let Some(drawing) = timeline::draw(&report.timeline, measure, &paint) {
            add(name, title, &source, drawing);
        }
    }
    let directions = "sent (orange) and received (blue)";
    let addresses = |list: &[Address], packets: bool| -> Vec<Bar> {
        list.iter()
            .take(MOST_BARS)
            .map(|a| {
                let (sent, received) = if packets {
                    (a.packets_sent, a.packets_received)
                } else {
                    (a.bytes_sent, a.bytes_received)
                };
                Bar {
                    label: text::visible(a.name.as_ref().unwrap_or(&a.address)).into_owned(),
                    parts: vec![(sent as f64, paint.sent), (received as f64, paint.received)],
                    value: if packets {
                        units::count(a.packets)
                    } else {
                        units::bytes(a.bytes)
                    },
                }
            })
            .collect()
    };
    for (name, title, list, packets) in [
        (
            "top-addresses-bytes",
            "Top addresses by bytes",
            &report.top_addresses,
            false,
        ),
        (
            "top-addresses-packets",
            "Top addresses by packets",
            &report.top_addresses_by_packets,
            true,
        ),
    ] {
        if !list.is_empty() {
            add(
                name,
                title,
                directions,
                bars::draw(&addresses(list, packets), &paint, 39),
            );
        }
    }
    if !report.top_destinations.is_empty() {
        let destinations: Vec<Bar> = report
            .top_destinations
            .iter()
            .take(MOST_BARS)
            .map(|a| Bar {
                label: text::visible(a.name.as_ref().unwrap_or(&a.address)).into_owned(),
                parts: vec![(a.bytes_received_as_responder as f64, paint.received)],
                value: units::bytes(a.bytes_received_as_responder),
            })
            .collect();
        add(
            "top-destinations",
            "Where traffic goes",
            "received as the side that answers",
            bars::draw(&destinations, &paint, 39),
        );
    }
    if !report.top_conversations.is_empty() {
        let list: Vec<Bar> = report
            .top_conversations
            .iter()
            .take(MOST_BARS)
            .map(|c| Bar {
                label: format!(
                    "{} – {}",
                    text::cut_middle(&text::visible(&c.a), 24, "…"),
                    text::cut_middle(&text::visible(&c.b), 24, "…")
                ),
                parts: vec![
                    (c.bytes_a_to_b as f64, paint.sent),
                    (c.bytes_b_to_a as f64, paint.received),
                ],
                value: units::bytes(c.bytes),
            })
            .collect();
        add(
            "top-conversations",
            "Top conversations",
            "left to right (orange) and back (blue)",
            bars::draw(&list, &paint, 51),
        );
    }
    if !report.sites.is_empty() {
        add(
            "top-sites",
            "Most visited sites",
            "sent to it (orange) and received from it (blue)",
            bars::draw(&sites(report, &paint), &paint, 51),
        );
    }
    if let Some(map) = world::draw(&report.countries, &paint) {
        // The map's own units are more than the picture's pixels.
        let scale = WIDTH / world::WIDTH;
        let map = format!(r#"<g transform="scale({scale:.4})">{map}</g>"#);
        add(
            "countries",
            "Countries",
            "bytes of the addresses outside, by the country they were given to",
            (world::HEIGHT * scale, map),
        );
    }
    if !report.protocols.is_empty() {
        let across = Across::Pixels {
            left: 24.0,
            width: WIDTH - 48.0,
        };
        let drawing = icicle::draw(&report.protocols, across, report.bytes, &paint);
        add(
            "protocols",
            "Protocols",
            "each on the one that carries it, as wide as its share of the bytes",
            drawing,
        );
    }
    if !report.services.is_empty() {
        let list: Vec<Bar> = report
            .services
            .iter()
            .take(MOST_BARS)
            .map(|s| Bar {
                label: text::visible(&s.name).into_owned(),
                parts: vec![(s.bytes as f64, paint.bar)],
                value: units::bytes(s.bytes),
            })
            .collect();
        add(
            "services",
            "Services by bytes",
            "",
            bars::draw(&list, &paint, 20),
        );
    }
    let sizes = report.sizes_seen();
    if !sizes.is_empty() {
        let across = Across::Pixels {
            left: 24.0,
            width: WIDTH - 48.0,
        };
        let drawing = bars::histogram(sizes, across, 220.0, &paint);
        add(
            "packet-sizes",
            "Packet sizes",
            "share of the packets by length on the wire in bytes",
            (250.0, drawing),
        );
    }
    out
}

/// The sites with the most bytes.
fn sites(report: &Report, paint: &Paint) -> Vec<Bar> {
    report
        .sites
        .iter()
        .take(MOST_BARS)
        .map(|site| {
            let sent = site.bytes.saturating_sub(site.bytes_received);
            Bar {
                label: text::visible(&site.name).into_owned(),
                parts: vec![
                    (sent as f64, paint.sent),
                    (site.bytes_received as f64, paint.received),
                ],
                value: units::bytes(site.bytes),
            }
        })
        .collect()
}

/// A whole SVG document around a drawing.
fn document(
    title: &str,
    subtitle: &str,
    (height, drawing): (f64, String),
    paint: &Paint,
) -> String {
    let height = HEAD + height + 20.0;
    let mut out = String::with_capacity(drawing.len() + 1024);
    let _ = write!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" font-family="{}, sans-serif" role="img"><title>{}</title><rect width="100%" height="100%" fill="{}"/><text x="24" y="32" font-size="18" fill="{}">{}</text><text x="24" y="51" font-size="12.5" fill="{}">{}</text><g transform="translate(0 {HEAD})">{drawing}</g></svg>"#,
        png::FONT_FAMILY,
        text::html(title),
        paint.ground,
        paint.text,
        text::html(title),
        paint.muted,
        text::html(subtitle),
    );
    out
}
