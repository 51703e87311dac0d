//! Who talks to whom, in what, and how much.

use std::fmt::Write as _;

use super::super::chart::theme::{Across, Paint};
use super::super::chart::{bars, icicle};
use super::super::model::{Address, Service};
use super::super::units;
use super::parts::swatch;
use super::sections::Page;
use super::table::{self, Cell, Column, Kind, name_markup};

/// Deepest indentation the style sheet knows.
const DEEPEST: u32 = 8;

impl Page<'_> {
    pub(super) fn addresses(&self, out: &mut String) {
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
        out.push_str("</div>");
        self.sql(out, "addresses");
        out.push_str("</section>");
        if r.top_destinations.is_empty() {
            return;
        }
        out.push_str(r#"<section id="destinations" class="card"><header><h2>Where traffic goes</h2><p class="muted small">what each address received as the side that answers</p></header>"#);
        let largest = r
            .top_destinations
            .iter()
            .map(|a| a.bytes_received_as_responder)
            .max()
            .unwrap_or(0) as f64;
        let rows: Vec<Vec<Cell>> = r
            .top_destinations
            .iter()
            .map(|a| {
                vec![
                    Cell::Name(a.address.clone(), a.name.clone()),
                    Cell::Strong(
                        units::bytes(a.bytes_received_as_responder),
                        a.bytes_received_as_responder as f64,
                    ),
                    Cell::bar(
                        a.bytes_received_as_responder as f64,
                        largest,
                        &units::bytes(a.bytes_received_as_responder),
                    ),
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
            ],
            &rows,
        );
        self.sql(out, "destinations");
        out.push_str("</section>");
    }

    pub(super) fn conversations(&self, out: &mut String) {
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
        self.sql(out, "conversations");
        out.push_str("</section>");
    }

    pub(super) fn protocols(&self, out: &mut String) {
        let r = self.report;
        if r.protocols.is_empty() {
            return;
        }
        out.push_str(r#"<section id="protocols" class="card"><header><h2>Protocols</h2><p class="muted small">each stands on the one that carries it, as wide as its share of the bytes; what TCP and UDP carry is told by port</p></header>"#);
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
        out.push_str("</details>");
        self.sql(out, "protocols");
        out.push_str("</section>");
    }

    pub(super) fn sizes(&self, out: &mut String) {
        let r = self.report;
        out.push_str(r#"<div class="pair">"#);
        if !r.services.is_empty() {
            self.services(out);
        }
        out.push_str(r#"<section id="sizes" class="card"><header><h2>Packet sizes</h2><p class="muted small">bytes on the wire</p></header>"#);
        let list = r.sizes_seen();
        if list.is_empty() {
            out.push_str(r#"<p class="muted">No sizes were counted.</p>"#);
        } else {
            let _ = write!(
                out,
                r#"<svg class="marks" height="240" role="group" tabindex="0" aria-label="Histogram of packet sizes; arrow keys read its columns">{}</svg>"#,
                bars::histogram(list, Across::Percent, 212.0, &Paint::PAGE)
            );
        }
        self.unique(out);
        self.sql(out, "sizes");
        out.push_str("</section></div>");
    }

    pub(super) fn services(&self, out: &mut String) {
        let r = self.report;
        out.push_str(r#"<section id="services" class="card"><header><h2>Services</h2></header>"#);
        let largest = r.services.iter().map(|s| s.bytes).max().unwrap_or(0) as f64;
        let rows: Vec<Vec<Cell>> = r
            .services
            .iter()
            .map(|s| {
                let mut port = s
                    .port
                    .map_or_else(|| s.transport.clone(), |p| format!("{}/{p}", s.transport));
                if s.is_by_port() {
                    port += " · told by port";
                }
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
        if r.services.iter().any(Service::is_by_port) {
            out.push_str(r#"<p class="hint">Told by port: nothing was said that could be recognised, and the port is usually used for this.</p>"#);
        }
        self.sql(out, "services");
        out.push_str("</section>");
    }

    pub(super) fn unique(&self, out: &mut String) {
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
}

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

/// What the two colours of a bar mean.
pub(super) fn directions(out: &mut String, sent: &str, received: &str) {
    let _ = write!(
        out,
        r#"<ul class="legend small" aria-label="Colours"><li>{}{sent}</li><li>{}{received}</li></ul>"#,
        swatch(Paint::PAGE.sent),
        swatch(Paint::PAGE.received)
    );
}
