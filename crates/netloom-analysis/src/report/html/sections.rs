//! The sections of the page.

use std::fmt::Write as _;

use super::super::chart::theme::{Across, Paint, SERIES};
use super::super::chart::timeline::{Drawn, Measure};
use super::super::chart::{bars, icicle};
use super::super::model::{Address, Distribution, Report};
use super::super::{text, units};
use super::table::{self, Cell, Column, Kind, name_markup};

/// The report on its way to a page.
pub(super) struct Page<'a> {
    report: &'a Report,
    drawn: Option<Drawn>,
}

/// Deepest indentation the style sheet knows.
const DEEPEST: u32 = 8;

impl<'a> Page<'a> {
    pub(super) fn new(report: &'a Report) -> Self {
        Self {
            report,
            drawn: Drawn::new(&report.timeline),
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
        add(self.drawn.is_some(), "time", "Over time");
        add(!r.top_addresses.is_empty(), "addresses", "Addresses");
        add(
            !r.top_conversations.is_empty(),
            "conversations",
            "Conversations",
        );
        add(!r.protocols.is_empty(), "protocols", "Protocols");
        add(true, "sizes", "Sizes");
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
            self.timeline(out);
            self.addresses(out);
            self.conversations(out);
            self.protocols(out);
            self.sizes(out);
            self.risky(out);
            self.performance(out);
            self.local(out);
            self.anomalies(out);
        }
        self.capture(out);
    }

    fn overview(&self, out: &mut String) {
        let r = self.report;
        if r.packets == 0 {
            out.push_str(r#"<section id="overview" class="card"><header><h2>Overview</h2></header><p>There is no packet in this capture, so there is nothing to tell.</p></section>"#);
            return;
        }
        if r.findings.is_empty() {
            out.push_str(r#"<section id="overview" class="card"><header><h2>What stands out</h2></header><p>Nothing. The figures follow.</p></section>"#);
        } else {
            out.push_str(r#"<section id="overview" class="card"><header><h2>What stands out</h2></header><ul class="findings">"#);
            for f in &r.findings {
                let _ = write!(
                    out,
                    r#"<li>{}<p class="title">{}</p>"#,
                    severity(&f.severity),
                    name_markup(&f.title)
                );
                if !f.detail.is_empty() {
                    let _ = write!(out, r#"<p class="detail">{}</p>"#, text::html(&f.detail));
                }
                out.push_str("</li>");
            }
            out.push_str("</ul></section>");
        }
        let about = if r.unique.approximate { "about " } else { "" };
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
                "IP addresses",
                format!("{about}{}", units::count(r.unique.src_ips)),
                format!(
                    "as source, {about}{} as destination",
                    units::count(r.unique.dst_ips)
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
        // The exact number beside the rounded one.
        if let Some(traffic) = figures.get_mut(1) {
            let exact = format!("{} B", units::count(r.bytes));
            traffic.2 = if traffic.2.is_empty() {
                exact
            } else {
                format!("{}, {exact}", traffic.2)
            };
        }
        out.push_str(r#"<dl class="figures">"#);
        for (name, value, note) in figures {
            let _ = write!(
                out,
                r#"<div><dt>{name}</dt><dd class="value{}">{}</dd><dd class="note">{}</dd></div>"#,
                if value.len() > 11 { " long" } else { "" },
                text::html(&value),
                text::html(&note)
            );
        }
        out.push_str("</dl>");
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
            r#"<p class="hint"><span id="plot-help" class="js-only">Hover to read values; drag or turn the wheel with Shift to zoom, double-click to see it all. Keys: ← → read, + − zoom, Shift with ← → moves, 0 resets.</span> Intervals of {}.</p><p class="visually-hidden" aria-live="polite" id="plot-says"></p>"#,
            units::seconds(drawn.interval)
        );
        Self::timeline_table(out, drawn);
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

    fn addresses(&self, out: &mut String) {
        let r = self.report;
        if r.top_addresses.is_empty() && r.top_addresses_by_packets.is_empty() {
            return;
        }
        let estimated = if r.approximate {
            r#" <span class="muted small">(estimated: there were too many to count each)</span>"#
        } else {
            ""
        };
        let _ = write!(
            out,
            r#"<section id="addresses" class="card"><header><h2>Top addresses{estimated}</h2><div class="switch js-only" role="group" aria-label="Order by" data-views="addresses"><button type="button" data-show="bytes" aria-pressed="true">Bytes</button><button type="button" data-show="packets" aria-pressed="false">Packets</button></div></header>"#
        );
        directions(out, "sent", "received");
        out.push_str(r#"<div data-view="bytes">"#);
        address_table(out, "Addresses by bytes", &r.top_addresses, r.bytes, false);
        out.push_str(r#"</div><div data-view="packets">"#);
        address_table(
            out,
            "Addresses by packets",
            &r.top_addresses_by_packets,
            r.packets,
            true,
        );
        out.push_str("</div></section>");
        if r.top_destinations.is_empty() {
            return;
        }
        out.push_str(r#"<section id="destinations" class="card"><header><h2>Where traffic goes</h2><p class="muted small">addresses that answered, by what they received</p></header>"#);
        let largest = r
            .top_destinations
            .iter()
            .map(|a| a.bytes_received)
            .max()
            .unwrap_or(0) as f64;
        let rows: Vec<Vec<Cell>> = r
            .top_destinations
            .iter()
            .map(|a| {
                vec![
                    Cell::Name(a.address.clone(), a.name.clone()),
                    Cell::Strong(units::bytes(a.bytes_received), a.bytes_received as f64),
                    Cell::bar(
                        a.bytes_received as f64,
                        largest,
                        &units::bytes(a.bytes_received),
                    ),
                    Cell::Number(units::count(a.flows), a.flows as f64),
                ]
            })
            .collect();
        table::write(
            out,
            "Destinations",
            &[
                Column::new("Address", Kind::Address),
                Column::new("Received", Kind::Number),
                Column::new("", Kind::Bar),
                Column::new("Flows", Kind::Number).optional(),
            ],
            &rows,
        );
        out.push_str("</section>");
    }

    fn conversations(&self, out: &mut String) {
        let list = &self.report.top_conversations;
        if list.is_empty() {
            return;
        }
        out.push_str(r#"<section id="conversations" class="card"><header><h2>Top conversations</h2></header>"#);
        directions(out, "first to second", "second to first");
        let largest = list.iter().map(|c| c.bytes).max().unwrap_or(0) as f64;
        let rows: Vec<Vec<Cell>> = list
            .iter()
            .map(|c| {
                let says = format!(
                    "{} there, {} back",
                    units::bytes(c.bytes_a_to_b),
                    units::bytes(c.bytes_b_to_a)
                );
                vec![
                    Cell::Name(c.a.clone(), None),
                    Cell::Name(c.b.clone(), None),
                    Cell::Strong(units::bytes(c.bytes), c.bytes as f64),
                    Cell::both(c.bytes_a_to_b, c.bytes_b_to_a, largest, says),
                    Cell::Number(units::count(c.packets), c.packets as f64),
                    Cell::Number(units::count(c.flows), c.flows as f64),
                    Cell::Number(units::seconds(c.duration), c.duration),
                    Cell::Text(c.services.join(", ")),
                ]
            })
            .collect();
        table::write(
            out,
            "Conversations",
            &[
                Column::new("First", Kind::Address),
                Column::new("Second", Kind::Address),
                Column::new("Bytes", Kind::Number),
                Column::new("", Kind::Bar).optional(),
                Column::new("Packets", Kind::Number).optional(),
                Column::new("Flows", Kind::Number).optional(),
                Column::new("Time", Kind::Number).optional(),
                Column::new("Services", Kind::Words).optional(),
            ],
            &rows,
        );
        out.push_str("</section>");
    }

    fn protocols(&self, out: &mut String) {
        let r = self.report;
        if r.protocols.is_empty() {
            return;
        }
        out.push_str(r#"<section id="protocols" class="card"><header><h2>Protocols</h2><p class="muted small">each stands on the one that carries it, as wide as its share of the bytes</p></header>"#);
        let (height, tree) = icicle::draw(&r.protocols, Across::Percent, r.bytes, &Paint::PAGE);
        let _ = write!(
            out,
            r#"<svg class="marks" height="{height}" role="group" tabindex="0" aria-label="Protocol tree; arrow keys read its parts">{tree}</svg><details open><summary>As a table</summary>"#
        );
        let rows: Vec<Vec<Cell>> = r
            .protocols
            .iter()
            .map(|p| {
                let indent = p.depth.min(DEEPEST);
                vec![
                    Cell::Markup(format!(
                        r#"<div class="indent{indent}">{}</div>"#,
                        name_markup(&p.name)
                    )),
                    Cell::Number(units::count(p.packets), p.packets as f64),
                    Cell::Strong(units::bytes(p.bytes), p.bytes as f64),
                    Cell::Number(units::percent(p.bytes, r.bytes), p.bytes as f64),
                    Cell::bar(
                        p.bytes as f64,
                        r.bytes as f64,
                        &units::percent(p.bytes, r.bytes),
                    ),
                ]
            })
            .collect();
        table::write(
            out,
            "Protocols",
            &[
                Column::new("Protocol", Kind::Words),
                Column::new("Packets", Kind::Number).optional(),
                Column::new("Bytes", Kind::Number),
                Column::new("Share", Kind::Number),
                Column::new("", Kind::Bar),
            ],
            &rows,
        );
        out.push_str("</details></section>");
    }

    fn sizes(&self, out: &mut String) {
        let r = self.report;
        out.push_str(r#"<div class="pair">"#);
        if !r.services.is_empty() {
            self.services(out);
        }
        out.push_str(r#"<section id="sizes" class="card"><header><h2>Packet sizes</h2><p class="muted small">bytes on the wire</p></header>"#);
        if let Some(last) = r.packet_sizes.iter().rposition(|b| b.packets > 0) {
            let list = r.packet_sizes.get(..=last).unwrap_or_default();
            let _ = write!(
                out,
                r#"<svg class="marks" height="240" role="group" tabindex="0" aria-label="Histogram of packet sizes; arrow keys read its columns">{}</svg>"#,
                bars::histogram(list, Across::Percent, 212.0, &Paint::PAGE)
            );
        } else {
            out.push_str(r#"<p class="muted">No sizes were counted.</p>"#);
        }
        self.unique(out);
        out.push_str("</section></div>");
    }

    fn services(&self, out: &mut String) {
        let r = self.report;
        out.push_str(r#"<section id="services" class="card"><header><h2>Services</h2></header>"#);
        let largest = r.services.iter().map(|s| s.bytes).max().unwrap_or(0) as f64;
        let rows: Vec<Vec<Cell>> = r
            .services
            .iter()
            .map(|s| {
                let port = s
                    .port
                    .map_or_else(|| s.transport.clone(), |p| format!("{}/{p}", s.transport));
                vec![
                    Cell::Name(s.name.clone(), Some(port)),
                    Cell::Number(units::count(s.flows), s.flows as f64),
                    Cell::Number(units::count(s.packets), s.packets as f64),
                    Cell::Strong(units::bytes(s.bytes), s.bytes as f64),
                    Cell::bar(s.bytes as f64, largest, &units::percent(s.bytes, r.bytes)),
                ]
            })
            .collect();
        table::write(
            out,
            "Services",
            &[
                Column::new("Service", Kind::Address),
                Column::new("Flows", Kind::Number),
                Column::new("Packets", Kind::Number).optional(),
                Column::new("Bytes", Kind::Number),
                Column::new("", Kind::Bar),
            ],
            &rows,
        );
        if r.services.iter().any(|s| s.source == "port") {
            out.push_str(r#"<p class="hint">Told by port number: a service on another port, or another service on this one, is not seen.</p>"#);
        }
        out.push_str("</section>");
    }

    fn unique(&self, out: &mut String) {
        let u = &self.report.unique;
        let about = if u.approximate { "about " } else { "" };
        let _ = write!(
            out,
            r#"<h3>Unique addresses</h3><dl class="facts"><dt>IP</dt><dd>{about}{} as source, {about}{} as destination</dd><dt>Hardware</dt><dd>{about}{} as source, {about}{} as destination</dd></dl>"#,
            units::count(u.src_ips),
            units::count(u.dst_ips),
            units::count(u.src_macs),
            units::count(u.dst_macs)
        );
        if u.top_macs.is_empty() {
            return;
        }
        let rows: Vec<Vec<Cell>> = u
            .top_macs
            .iter()
            .map(|m| {
                vec![
                    Cell::Name(m.mac.clone(), None),
                    Cell::Strong(units::bytes(m.bytes_sent), m.bytes_sent as f64),
                    Cell::Number(units::bytes(m.bytes_received), m.bytes_received as f64),
                    Cell::Number(units::count(m.packets_sent), m.packets_sent as f64),
                ]
            })
            .collect();
        out.push_str("<h3>Hardware addresses</h3>");
        table::write(
            out,
            "Hardware addresses",
            &[
                Column::new("Address", Kind::Address),
                Column::new("Sent", Kind::Number),
                Column::new("Received", Kind::Number),
                Column::new("Packets sent", Kind::Number).optional(),
            ],
            &rows,
        );
    }

    fn risky(&self, out: &mut String) {
        out.push_str(r#"<section id="risky" class="card"><header><h2>Cleartext and risky protocols</h2></header>"#);
        if self.report.risky.is_empty() {
            out.push_str(r#"<p class="muted">None seen.</p>"#);
        }
        for risk in &self.report.risky {
            let _ = write!(
                out,
                r#"<div class="risk"><h3>{}{} <span class="muted">{}, {}, {}</span></h3><p>{}</p><p class="instead"><b>Instead:</b> {}</p>"#,
                severity(&risk.severity),
                name_markup(&risk.protocol),
                units::counted(risk.flows, "flow", "flows"),
                units::counted(risk.packets, "packet", "packets"),
                units::bytes(risk.bytes),
                text::html(&risk.why),
                text::html(&risk.instead)
            );
            let rows: Vec<Vec<Cell>> = risk
                .pairs
                .iter()
                .map(|p| {
                    vec![
                        Cell::Name(p.src.clone(), None),
                        Cell::Name(p.dst.clone(), None),
                        Cell::Number(p.dst_port.to_string(), f64::from(p.dst_port)),
                        Cell::Strong(units::bytes(p.bytes), p.bytes as f64),
                        Cell::Number(units::count(p.flows), p.flows as f64),
                        Cell::Text(p.detail.clone().unwrap_or_default()),
                    ]
                })
                .collect();
            if !rows.is_empty() {
                table::write(
                    out,
                    "Who to whom",
                    &[
                        Column::new("From", Kind::Address),
                        Column::new("To", Kind::Address),
                        Column::new("Port", Kind::Number),
                        Column::new("Bytes", Kind::Number),
                        Column::new("Flows", Kind::Number).optional(),
                        Column::new("Seen", Kind::Words).optional(),
                    ],
                    &rows,
                );
            }
            out.push_str("</div>");
        }
        out.push_str("</section>");
    }

    fn performance(&self, out: &mut String) {
        let p = &self.report.performance;
        out.push_str(r#"<section id="performance" class="card"><header><h2>Slow and lossy connections</h2></header>"#);
        if p.tcp_flows == 0 && p.failed_connections == 0 && p.worst.is_empty() {
            out.push_str(
                r#"<p class="muted">There is no TCP connection to measure.</p></section>"#,
            );
            return;
        }
        let rows: Vec<Vec<Cell>> = [
            ("Round trip of the handshake", &p.rtt_ms),
            ("Server's time to answer", &p.server_delay_ms),
        ]
        .into_iter()
        .filter(|(_, d)| d.count > 0)
        .map(|(name, d)| distribution(name, d))
        .collect();
        if !rows.is_empty() {
            table::write(
                out,
                "Times",
                &[
                    Column::new("", Kind::Words),
                    Column::new("Median", Kind::Number),
                    Column::new("95 %", Kind::Number),
                    Column::new("99 %", Kind::Number).optional(),
                    Column::new("Largest", Kind::Number),
                    Column::new("Flows", Kind::Number).optional(),
                ],
                &rows,
            );
        }
        let _ = write!(
            out,
            r#"<p class="more">{}; {} ({} of {}); {} out of order; {}; {}.</p>"#,
            units::counted(p.tcp_flows, "TCP flow", "TCP flows"),
            units::counted(p.retransmissions, "packet sent again", "packets sent again"),
            text::html(&units::percent(p.retransmissions, p.data_packets)),
            units::counted(p.data_packets, "data packet", "data packets"),
            units::count(p.out_of_order),
            units::counted(p.zero_windows, "zero window", "zero windows"),
            units::counted(
                p.failed_connections,
                "connection failed",
                "connections failed"
            )
        );
        if p.worst.is_empty() {
            out.push_str(r#"<p class="muted">No connection stands out.</p></section>"#);
            return;
        }
        out.push_str("<h3>Connections that suffered most</h3>");
        let rows: Vec<Vec<Cell>> = p
            .worst
            .iter()
            .map(|w| {
                let ms = |v: Option<f64>| {
                    Cell::Number(units::optional_milliseconds(v), v.unwrap_or(-1.0))
                };
                vec![
                    Cell::Markup(format!(
                        r#"{} → {}<span class="sub">{}</span>"#,
                        name_markup(&w.src),
                        name_markup(&w.dst),
                        name_markup(w.service.as_deref().unwrap_or_default())
                    )),
                    Cell::Name(w.why.clone(), Some(format!("flow {}", w.flow_id))),
                    ms(w.tcp_rtt_ms),
                    ms(w.server_delay_ms),
                    Cell::Strong(
                        format!(
                            "{} ({})",
                            units::count(w.retransmissions),
                            units::share(w.retransmission_share)
                        ),
                        w.retransmissions as f64,
                    ),
                    Cell::Number(units::count(w.zero_windows), w.zero_windows as f64),
                    Cell::Number(units::bytes(w.missed_bytes), w.missed_bytes as f64),
                ]
            })
            .collect();
        table::write(
            out,
            "Connections that suffered most",
            &[
                Column::new("Connection", Kind::Address),
                Column::new("Why", Kind::Words),
                Column::new("Round trip", Kind::Number).optional(),
                Column::new("Server", Kind::Number).optional(),
                Column::new("Sent again", Kind::Number).optional(),
                Column::new("Zero windows", Kind::Number).optional(),
                Column::new("Missing", Kind::Number).optional(),
            ],
            &rows,
        );
        out.push_str("</section>");
    }

    fn local(&self, out: &mut String) {
        let l = &self.report.local;
        out.push_str(r#"<div class="pair"><section id="local" class="card"><header><h2>ARP and broadcast</h2></header>"#);
        let _ = write!(
            out,
            r#"<dl class="facts"><dt>Broadcast</dt><dd>{}, {}</dd><dt>Multicast</dt><dd>{}, {}</dd><dt>ARP</dt><dd>{}, {}, {} gratuitous</dd></dl>"#,
            units::counted(l.broadcast_packets, "packet", "packets"),
            units::bytes(l.broadcast_bytes),
            units::counted(l.multicast_packets, "packet", "packets"),
            units::bytes(l.multicast_bytes),
            units::counted(l.arp_requests, "request", "requests"),
            units::counted(l.arp_replies, "reply", "replies"),
            units::count(l.arp_gratuitous)
        );
        for c in &l.arp_conflicts {
            let macs: Vec<String> = c.macs.iter().map(|m| name_markup(m)).collect();
            let _ = write!(
                out,
                r#"<p class="warning">{} is claimed by {}.</p>"#,
                name_markup(&c.address),
                macs.join(" and ")
            );
        }
        if !l.arp_top.is_empty() {
            out.push_str("<h3>Who asks by ARP</h3>");
            let rows: Vec<Vec<Cell>> = l
                .arp_top
                .iter()
                .map(|a| {
                    vec![
                        Cell::Name(a.mac.clone(), Some(a.address.clone())),
                        Cell::Strong(units::count(a.requests), a.requests as f64),
                        Cell::Number(units::count(a.targets), a.targets as f64),
                    ]
                })
                .collect();
            table::write(
                out,
                "Who asks by ARP",
                &[
                    Column::new("Station", Kind::Address),
                    Column::new("Requests", Kind::Number),
                    Column::new("Addresses asked for", Kind::Number),
                ],
                &rows,
            );
        }
        out.push_str("</section>");
    }

    fn anomalies(&self, out: &mut String) {
        out.push_str(r#"<section id="anomalies" class="card"><header><h2>Malformed and odd packets</h2></header>"#);
        if self.report.anomalies.is_empty() {
            out.push_str(r#"<p class="muted">None: every packet made sense.</p>"#);
        } else {
            let rows: Vec<Vec<Cell>> = self
                .report
                .anomalies
                .iter()
                .map(|a| {
                    vec![
                        Cell::Name(
                            format!("{} {}", a.layer, a.kind),
                            Some(format!(
                                "packet {}: {}",
                                units::count(a.first_number),
                                a.example
                            )),
                        ),
                        Cell::Strong(units::count(a.packets), a.packets as f64),
                    ]
                })
                .collect();
            table::write(
                out,
                "Malformed and odd packets",
                &[
                    Column::new("Kind, and the first of it", Kind::Words),
                    Column::new("Packets", Kind::Number),
                ],
                &rows,
            );
        }
        out.push_str("</section></div>");
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

/// Size of the timeline's own coordinates.
const PLOT_WIDTH: f64 = 1000.0;
/// See [`PLOT_WIDTH`].
const PLOT_HEIGHT: f64 = 250.0;

fn address_table(out: &mut String, label: &str, list: &[Address], whole: u64, packets: bool) {
    let values = |a: &Address| {
        if packets {
            (a.packets, a.packets_sent, a.packets_received)
        } else {
            (a.bytes, a.bytes_sent, a.bytes_received)
        }
    };
    let shown = |v: u64| {
        if packets {
            units::count(v)
        } else {
            units::bytes(v)
        }
    };
    let largest = list.iter().map(|a| values(a).0).max().unwrap_or(0) as f64;
    let rows: Vec<Vec<Cell>> = list
        .iter()
        .map(|a| {
            let (total, sent, received) = values(a);
            let says = format!("{} sent, {} received", shown(sent), shown(received));
            vec![
                Cell::Name(a.address.clone(), a.name.clone()),
                Cell::Strong(shown(total), total as f64),
                Cell::Number(units::percent(total, whole), total as f64),
                Cell::both(sent, received, largest, says),
                Cell::Number(shown(sent), sent as f64),
                Cell::Number(shown(received), received as f64),
                Cell::Number(units::count(a.flows), a.flows as f64),
            ]
        })
        .collect();
    table::write(
        out,
        label,
        &[
            Column::new("Address", Kind::Address),
            Column::new(if packets { "Packets" } else { "Bytes" }, Kind::Number),
            Column::new("Share", Kind::Number).optional(),
            Column::new("", Kind::Bar),
            Column::new("Sent", Kind::Number).optional(),
            Column::new("Received", Kind::Number).optional(),
            Column::new("Flows", Kind::Number).optional(),
        ],
        &rows,
    );
}

fn distribution(name: &str, d: &Distribution) -> Vec<Cell> {
    let ms = |v: Option<f64>| Cell::Number(units::optional_milliseconds(v), v.unwrap_or(-1.0));
    vec![
        Cell::Text(name.to_owned()),
        ms(d.p50),
        ms(d.p95),
        ms(d.p99),
        ms(d.max),
        Cell::Number(units::count(d.count), d.count as f64),
    ]
}

/// A rate, nothing where there is none.
fn rate(value: Option<f64>, shown: fn(f64) -> String) -> String {
    value
        .filter(|v| v.is_finite())
        .map(shown)
        .unwrap_or_default()
}

/// A severity as a sign and a word: the colour only repeats them.
fn severity(name: &str) -> String {
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

fn swatch(color: &str) -> String {
    format!(
        r#"<svg class="swatch" width="12" height="12" aria-hidden="true"><rect width="12" height="12" rx="3" fill="{color}"/></svg>"#
    )
}

/// What the two colours of a bar mean.
fn directions(out: &mut String, sent: &str, received: &str) {
    let _ = write!(
        out,
        r#"<ul class="legend small" aria-label="Colours"><li>{}{sent}</li><li>{}{received}</li></ul>"#,
        swatch(Paint::PAGE.sent),
        swatch(Paint::PAGE.received)
    );
}
