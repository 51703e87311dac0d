//! The sections of the page; here what is first and last.

use std::fmt::Write as _;

use super::super::chart::theme::{Paint, SERIES};
use super::super::chart::timeline::{Drawn, Measure};
use super::super::model::{Finding, Report};
use super::super::queries::{self, Query};
use super::super::{text, units};
use super::parts::{self, swatch};
use super::table::{self, Cell, Column, Kind, name_markup};

/// The report on its way to a page.
pub(super) struct Page<'a> {
    pub(super) report: &'a Report,
    drawn: Option<Drawn>,
    queries: Vec<Query>,
}

impl<'a> Page<'a> {
    pub(super) fn new(report: &'a Report) -> Self {
        Self {
            report,
            drawn: Drawn::new(&report.timeline),
            queries: queries::queries(report),
        }
    }

    /// Anchors and names of the sections that are there.
    pub(super) fn contents(&self) -> Vec<(&'static str, &'static str)> {
        let r = self.report;
        if r.packets == 0 {
            return vec![("overview", "Overview"), ("capture", "Capture")];
        }
        let mut list = vec![("overview", "Overview")];
        let mut add = |there: bool, id, name| {
            if there {
                list.push((id, name));
            }
        };
        add(
            !r.sites.is_empty() || !r.domains.is_empty(),
            "sites",
            "Sites",
        );
        add(
            !r.applications.is_empty() || !r.categories.is_empty(),
            "applications",
            "Applications",
        );
        add(!r.hosts.is_empty(), "devices", "Devices");
        add(self.drawn.is_some(), "time", "Over time");
        add(!r.top_addresses.is_empty(), "addresses", "Addresses");
        add(
            !r.top_conversations.is_empty(),
            "conversations",
            "Conversations",
        );
        add(!r.countries.is_empty(), "countries", "Countries");
        add(!r.protocols.is_empty(), "protocols", "Protocols");
        add(self.has_dns(), "dns", "DNS");
        add(r.tls.handshakes > 0, "tls", "TLS");
        add(self.has_http(), "http", "HTTP");
        add(true, "sizes", "Sizes");
        add(!r.risks.is_empty(), "risks", "Risks");
        add(true, "risky", "Cleartext and risky");
        add(true, "performance", "Slow and lossy");
        add(true, "local", "Local");
        add(true, "anomalies", "Anomalies");
        add(true, "capture", "Capture");
        list
    }

    pub(super) fn write(&self, out: &mut String) {
        self.overview(out);
        if self.report.packets > 0 {
            self.sites(out);
            self.applications(out);
            self.devices(out);
            self.timeline(out);
            self.addresses(out);
            self.conversations(out);
            self.countries(out);
            self.protocols(out);
            self.dns(out);
            self.tls(out);
            self.http(out);
            self.sizes(out);
            self.risks(out);
            self.risky(out);
            self.performance(out);
            self.local(out);
            self.anomalies(out);
        }
        self.capture(out);
    }

    /// The commands that give a section's numbers, folded away.
    pub(super) fn sql(&self, out: &mut String, section: &str) {
        self.commands(out, |query| query.section == section);
    }

    /// Those that give certain facts of a section.
    pub(super) fn sql_of(&self, out: &mut String, section: &str, facts: &str) {
        self.commands(out, |query| {
            query.section == section && query.facts == facts
        });
    }

    fn commands(&self, out: &mut String, which: impl Fn(&Query) -> bool) {
        let mut queries = self.queries.iter().filter(|query| which(query)).peekable();
        if queries.peek().is_none() {
            return;
        }
        out.push_str(r#"<details class="sql"><summary>SQL</summary><p class="hint">What gives these numbers, to copy into a shell.</p>"#);
        for query in queries {
            let _ = write!(
                out,
                r#"<p class="what">{}</p><pre data-facts="{}"><code>{}</code></pre>"#,
                query.what,
                query.facts,
                text::html(&queries::command(self.report, &query.sql))
            );
        }
        out.push_str("</details>");
    }

    fn overview(&self, out: &mut String) {
        let r = self.report;
        if r.packets == 0 {
            out.push_str(r#"<section id="overview" class="card"><header><h2>Overview</h2></header><p>There is no packet in this capture, so there is nothing to tell.</p></section>"#);
            return;
        }
        let about = if r.unique.approximate { "about " } else { "" };
        let (stations, sources, destinations) = r.unique.stations();
        let mut figures = vec![
            (
                "Packets",
                units::count(r.packets),
                rate(r.packets_per_second, units::packets_per_second),
            ),
            (
                "Traffic",
                units::bytes(r.bytes),
                rate(r.bits_per_second, units::bits_per_second),
            ),
            ("Flows", units::count(r.flows), String::new()),
            ("Time span", units::seconds(r.duration), String::new()),
            (
                stations,
                format!("{about}{}", units::count(sources)),
                format!(
                    "as source, {about}{} as destination",
                    units::count(destinations)
                ),
            ),
        ];
        if let Some(mean) = r.mean_packet_len.filter(|m| m.is_finite()) {
            figures.push((
                "Mean packet",
                units::bytes(mean.round() as u64),
                String::new(),
            ));
        }
        // The exact number beside the rounded one, on one line.
        if r.bytes >= 1000
            && let Some(traffic) = figures.get_mut(1)
        {
            let exact = format!("{}\u{a0}B", units::count(r.bytes));
            traffic.2 = if traffic.2.is_empty() {
                exact
            } else {
                format!("{}, {exact}", traffic.2)
            };
        }
        parts::figures(out, "overview", &figures);
        self.sql(out, "overview");
        self.findings(out);
    }

    fn findings(&self, out: &mut String) {
        let list = &self.report.findings;
        out.push_str(
            r#"<section id="findings" class="card"><header><h2>What stands out</h2></header>"#,
        );
        if list.is_empty() {
            out.push_str("<p>Nothing.</p></section>");
            return;
        }
        let (first, rest) = list.split_at(list.len().min(FINDINGS_MAX));
        let write = |out: &mut String, list: &[Finding]| {
            let list = list.iter();
            parts::findings(
                out,
                list.map(|f| (f.severity.as_str(), f.title.as_str(), f.detail.as_str())),
            );
        };
        write(out, first);
        if !rest.is_empty() {
            let _ = write!(
                out,
                "<details><summary>And {} of less weight</summary>",
                units::counted(rest.len() as u64, "finding", "findings")
            );
            write(out, rest);
            out.push_str("</details>");
        }
        out.push_str("</section>");
    }

    fn timeline(&self, out: &mut String) {
        let Some(drawn) = &self.drawn else { return };
        out.push_str(r#"<section id="time" class="card"><header><h2>Traffic over time</h2><div class="zoom js-only">"#);
        out.push_str(r#"<div class="switch" role="group" aria-label="What to show">"#);
        for measure in Measure::ALL {
            let _ = write!(
                out,
                r#"<button type="button" data-measure="{}" aria-pressed="{}">{}</button>"#,
                measure.key(),
                measure == Measure::Bytes,
                measure.title()
            );
        }
        out.push_str(r#"</div><button class="button" type="button" id="zoom-in" aria-label="Zoom in">+</button><button class="button" type="button" id="zoom-out" aria-label="Zoom out">−</button><button class="button" type="button" id="zoom-reset" disabled>Reset</button></div></header>"#);
        let top = drawn.top(Measure::Bytes);
        out.push_str(r#"<div class="timeline"><svg class="axis up" height="100%" width="100%" overflow="visible" aria-hidden="true">"#);
        for quarter in 0..=4_u8 {
            let value = top * f64::from(4 - quarter) / 4.0;
            let label = if quarter == 4 {
                "0".to_owned()
            } else {
                Measure::Bytes.label(value, drawn.interval)
            };
            let _ = write!(
                out,
                r#"<text x="92%" y="{}%" dy="{}" text-anchor="end">{}</text>"#,
                u32::from(quarter) * 25,
                ["10", "4", "4", "4", "0"]
                    .get(usize::from(quarter))
                    .unwrap_or(&"4"),
                text::html(&label)
            );
        }
        out.push_str(r#"</svg><div class="plot" id="plot" tabindex="0" role="group" aria-roledescription="chart" aria-describedby="plot-help" aria-label="Traffic over time"><svg class="grid" aria-hidden="true">"#);
        for quarter in 0..=4 {
            let _ = write!(
                out,
                r#"<line x1="0" x2="100%" y1="{0}%" y2="{0}%"/>"#,
                quarter * 25
            );
        }
        let _ = write!(
            out,
            r#"</svg><svg class="area" viewBox="0 0 {PLOT_WIDTH} {PLOT_HEIGHT}" preserveAspectRatio="none" aria-hidden="true">"#
        );
        for measure in Measure::ALL {
            let hidden = if measure == Measure::Bytes {
                ""
            } else {
                r#" display="none""#
            };
            let _ = write!(out, r#"<g data-measure="{}"{hidden}>"#, measure.key());
            let parts = drawn.parts(measure);
            for (i, path) in drawn
                .paths(measure, PLOT_WIDTH, PLOT_HEIGHT)
                .iter()
                .enumerate()
            {
                let name = parts.get(i).map_or("", |p| p.0);
                let _ = write!(
                    out,
                    r#"<path d="{path}" fill="{}"/>"#,
                    Paint::PAGE.series(i, name)
                );
            }
            out.push_str("</g>");
        }
        out.push_str(r#"</svg></div><svg class="axis across" aria-hidden="true">"#);
        let ticks = drawn.ticks(5);
        for (at, label) in &ticks {
            let anchor = if *at < 0.04 {
                "start"
            } else if *at > 0.96 {
                "end"
            } else {
                "middle"
            };
            let _ = write!(
                out,
                r#"<text x="{}%" y="18" text-anchor="{anchor}">{}</text>"#,
                super::super::chart::theme::number(at * 100.0),
                text::html(label)
            );
        }
        out.push_str("</svg></div>");
        let _ = write!(
            out,
            r#"<ul class="legend" id="legend" aria-label="Protocols">"#
        );
        let all = drawn.bytes.iter().fold(0_u64, |a, &b| a.saturating_add(b));
        for (i, (name, values)) in drawn.parts(Measure::Bytes).iter().enumerate() {
            let sum = values.iter().fold(0_u64, |a, &b| a.saturating_add(b));
            let _ = write!(
                out,
                r#"<li>{}<span class="clamp"><bdi>{}</bdi></span> <span class="muted">{}</span></li>"#,
                swatch(Paint::PAGE.series(i, name)),
                text::html(name),
                text::html(&units::percent(sum, all))
            );
        }
        out.push_str("</ul>");
        let _ = write!(
            out,
            r#"<p class="hint"><span id="plot-help" class="js-only">Hover to read values; drag or turn the wheel with Shift to zoom, double-click to see it all. Keys: ← → read, + − zoom, Shift with ← → moves, 0 resets.</span> Intervals of {}. Packets are counted by the port that they go to or come from; what flows speak is under Services.</p><p class="visually-hidden" aria-live="polite" id="plot-says"></p>"#,
            units::seconds(drawn.interval)
        );
        Self::timeline_table(out, drawn);
        self.sql(out, "time");
        out.push_str("</section>");
    }

    /// The same as a table, for those who cannot see the chart.
    fn timeline_table(out: &mut String, drawn: &Drawn) {
        out.push_str("<details><summary>As a table</summary>");
        let rows: Vec<Vec<Cell>> = (0..drawn.points)
            .map(|i| {
                let at = |values: &[u64]| values.get(i).copied().unwrap_or(0);
                let time = drawn.start.map_or_else(
                    || format!("interval {}", i + 1),
                    |start| {
                        let ns = start.saturating_add((drawn.interval * i as f64 * 1e9) as i128);
                        let civil = units::Civil::from_nanoseconds(ns);
                        format!(
                            "{} {}",
                            civil.date(),
                            units::axis_time(ns, drawn.interval.min(1.0), 1.0)
                        )
                    },
                );
                vec![
                    Cell::Number(time, i as f64),
                    Cell::Number(units::count(at(&drawn.bytes)), at(&drawn.bytes) as f64),
                    Cell::Number(units::count(at(&drawn.packets)), at(&drawn.packets) as f64),
                    Cell::Number(units::count(at(&drawn.flows)), at(&drawn.flows) as f64),
                ]
            })
            .collect();
        table::write(
            out,
            "Traffic over time",
            &[
                Column::new("From (UTC)", Kind::Number),
                Column::new("Bytes", Kind::Number),
                Column::new("Packets", Kind::Number),
                Column::new("New flows", Kind::Number),
            ],
            &rows,
        );
        out.push_str("</details>");
    }

    /// What the script needs to read the drawn timeline: JSON.
    pub(super) fn timeline_facts(&self) -> String {
        let Some(drawn) = &self.drawn else {
            return "null".to_owned();
        };
        let measures: serde_json::Map<String, serde_json::Value> = Measure::ALL
            .iter()
            .map(|&measure| {
                let parts: Vec<serde_json::Value> = drawn
                    .parts(measure)
                    .iter()
                    .enumerate()
                    .map(|(i, (name, values))| {
                        let values: Vec<u64> = (0..drawn.points)
                            .map(|i| values.get(i).copied().unwrap_or(0))
                            .collect();
                        let color = if *name == "other" {
                            SERIES - 1
                        } else {
                            i % (SERIES - 1)
                        };
                        serde_json::json!({ "name": name, "color": color, "values": values })
                    })
                    .collect();
                let value = serde_json::json!({ "top": drawn.top(measure), "parts": parts });
                (measure.key().to_owned(), value)
            })
            .collect();
        let known = drawn.interval.is_finite() && drawn.interval > 0.0;
        serde_json::json!({
            "start_ms": drawn.start.map(|ns| ns as f64 / 1e6),
            "interval": if known { drawn.interval } else { 0.0 },
            "points": drawn.points,
            "width": PLOT_WIDTH,
            "height": PLOT_HEIGHT,
            "measures": measures,
        })
        .to_string()
    }

    fn capture(&self, out: &mut String) {
        let r = self.report;
        let q = &r.quality;
        out.push_str(r#"<section id="capture" class="card"><header><h2>The capture and how far to trust it</h2></header>"#);
        if r.packets > 0 {
            let of_packets =
                |n: u64| format!("{} ({})", units::count(n), units::percent(n, r.packets));
            let mut facts = vec![
                (
                    "Lost while capturing",
                    q.dropped
                        .map_or_else(|| "the capture does not say".to_owned(), units::count),
                ),
                ("Cut by a snap length", of_packets(q.truncated)),
                ("Repeated", of_packets(q.duplicates)),
                ("Out of order in time", of_packets(q.out_of_order)),
                ("Longer than a frame can be", of_packets(q.oversized)),
                ("Not decoded to the end", of_packets(q.decode_stopped)),
                ("TCP bytes missing", units::bytes(q.missed_bytes)),
            ];
            if let Some(share) = q.one_way_tcp_share {
                facts.push((
                    "TCP seen one way only",
                    format!("{} of flows", units::share(share)),
                ));
            }
            if r.flow_table.fragments_incomplete > 0 {
                let left =
                    units::counted(r.flow_table.fragments_incomplete, "datagram", "datagrams");
                facts.push(("Fragments left over", left));
            }
            out.push_str(r#"<dl class="facts">"#);
            for (name, value) in facts {
                let _ = write!(out, "<dt>{name}</dt><dd>{}</dd>", text::html(&value));
            }
            out.push_str("</dl>");
        }
        self.files(out);
        self.sql(out, "capture");
        out.push_str("</section>");
    }

    fn files(&self, out: &mut String) {
        let list = &self.report.capture;
        if list.is_empty() {
            return;
        }
        out.push_str("<h3>Files</h3>");
        let rows: Vec<Vec<Cell>> =
            list.iter()
                .map(|c| {
                    let mut about = vec![text::html(&c.format)];
                    for i in c.interfaces.iter().take(8) {
                        let link = text::html(&i.link_type);
                        about.push(i.name.as_ref().map_or_else(
                            || link.clone(),
                            |n| format!("{} ({link})", text::html(n)),
                        ));
                    }
                    about.extend(
                        [&c.application, &c.os, &c.hardware]
                            .into_iter()
                            .flatten()
                            .map(|t| text::html(t)),
                    );
                    let mut markup = format!(
                        r#"{}<span class="sub">{}</span>"#,
                        name_markup(&c.name),
                        about.join(" · ")
                    );
                    for comment in c.comments.iter().take(8) {
                        let _ = write!(
                            markup,
                            r#"<span class="sub">Comment: {}</span>"#,
                            name_markup(comment)
                        );
                    }
                    for warning in c.warnings.iter().take(8) {
                        let _ = write!(
                            markup,
                            r#"<span class="sub warning">Warning: {}</span>"#,
                            name_markup(warning)
                        );
                    }
                    vec![
                        Cell::Markup(markup),
                        Cell::Strong(units::count(c.packets), c.packets as f64),
                        Cell::Number(units::bytes(c.bytes), c.bytes as f64),
                    ]
                })
                .collect();
        table::write(
            out,
            "Files",
            &[
                Column::new("File", Kind::Words),
                Column::new("Packets", Kind::Number),
                Column::new("Bytes", Kind::Number),
            ],
            &rows,
        );
    }
}

/// Findings that are shown without being asked for.
const FINDINGS_MAX: usize = 8;

/// Size of the timeline's own coordinates.
const PLOT_WIDTH: f64 = 1000.0;
/// See [`PLOT_WIDTH`].
const PLOT_HEIGHT: f64 = 250.0;

/// A rate, nothing where there is none.
fn rate(value: Option<f64>, shown: fn(f64) -> String) -> String {
    value
        .filter(|v| v.is_finite())
        .map(shown)
        .unwrap_or_default()
}
