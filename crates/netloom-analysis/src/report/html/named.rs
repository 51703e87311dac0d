//! What names tell: sites, applications, devices, countries, and risks of flows.

use std::fmt::Write as _;

use super::super::chart::theme::Paint;
use super::super::chart::world;
use super::super::model::{Group, RiskExample, RiskSummary, Site};
use super::super::{country, text, units, words};
use super::parts::severity;
use super::sections::Page;
use super::table::{self, Cell, Column, Kind, name_markup};
use super::traffic::directions;

/// Clients of a site that are named; how many there are besides is said.
const CLIENTS_SHOWN: usize = 3;
/// Examples of a risk that are shown; the facts have all.
const EXAMPLES_SHOWN: usize = 5;

impl Page<'_> {
    pub(super) fn sites(&self, out: &mut String) {
        let r = self.report;
        let views: Vec<(&str, &str, &[Site])> = [
            ("sites", "Sites", r.sites.as_slice()),
            ("domains", "Domains", r.domains.as_slice()),
        ]
        .into_iter()
        .filter(|(.., list)| !list.is_empty())
        .collect();
        if views.is_empty() {
            return;
        }
        out.push_str(r#"<section id="sites" class="card"><header><h2>Most visited sites</h2>"#);
        if views.len() > 1 {
            out.push_str(r#"<div class="switch js-only" role="group" aria-label="Names by" data-views="sites"><button type="button" data-show="sites" aria-pressed="true">Sites</button><button type="button" data-show="domains" aria-pressed="false">Domains</button></div>"#);
        }
        out.push_str("</header>");
        directions(out, "sent to it", "received from it");
        for (view, title, list) in &views {
            let _ = write!(out, r#"<div data-view="{view}">"#);
            site_table(out, title, list, r.bytes);
            out.push_str("</div>");
        }
        if let Some(share) = r.named_share.filter(|s| s.is_finite()) {
            let _ = write!(
                out,
                r#"<p class="hint">{} of the bytes belong to flows whose server has a name.</p>"#,
                text::html(&units::share(share))
            );
        }
        self.sql(out, "sites");
        out.push_str("</section>");
    }

    pub(super) fn applications(&self, out: &mut String) {
        let r = self.report;
        if r.applications.is_empty() && r.categories.is_empty() {
            return;
        }
        out.push_str(r#"<div class="pair" id="applications">"#);
        if !r.applications.is_empty() {
            out.push_str(r#"<section class="card"><header><h2>Applications</h2></header>"#);
            group_table(out, "Application", &r.applications, r.bytes, |g| {
                let label = words::spaced(&g.label);
                Cell::Name(g.name.clone(), Some(label).filter(|l| !l.is_empty()))
            });
            self.sql_of(out, "applications", "/applications");
            out.push_str("</section>");
        }
        if !r.categories.is_empty() {
            out.push_str(r#"<section class="card"><header><h2>What it is for</h2></header>"#);
            group_table(out, "Category", &r.categories, r.bytes, |g| {
                Cell::Text(words::spaced(&g.name))
            });
            self.sql_of(out, "applications", "/categories");
            out.push_str("</section>");
        }
        out.push_str("</div>");
    }

    pub(super) fn devices(&self, out: &mut String) {
        let list = &self.report.hosts;
        if list.is_empty() {
            return;
        }
        out.push_str(r#"<section id="devices" class="card"><header><h2>Devices on the local network</h2></header>"#);
        let rows: Vec<Vec<Cell>> = list
            .iter()
            .map(|h| {
                let name = h.name.as_deref().unwrap_or_default();
                let source = h
                    .name_source
                    .as_deref()
                    .filter(|_| !name.is_empty())
                    .map(|s| format!("by {}", words::name_source(s)));
                let system: Vec<&str> = [&h.device, &h.os]
                    .into_iter()
                    .filter_map(|t| t.as_deref())
                    .collect();
                let mac = h.mac.clone().unwrap_or_default();
                let maker = match &h.vendor {
                    Some(vendor) => Cell::Name(vendor.clone(), Some(mac)),
                    None => Cell::Name(mac, None),
                };
                vec![
                    Cell::Name(h.address.clone(), None),
                    Cell::Name(name.to_owned(), source),
                    Cell::Text(system.join(", ")),
                    maker,
                    Cell::Strong(units::bytes(h.bytes_sent), h.bytes_sent as f64),
                    Cell::Strong(units::bytes(h.bytes_received), h.bytes_received as f64),
                    Cell::Number(units::count(h.peers), h.peers as f64),
                    Cell::Text(h.services.join(", ")),
                ]
            })
            .collect();
        table::write(
            out,
            "Devices on the local network",
            &[
                Column::new("Address", Kind::Address),
                Column::new("Name", Kind::Address),
                Column::new("System", Kind::Words).optional(),
                Column::new("Maker", Kind::Address).optional(),
                Column::new("Sent", Kind::Number),
                Column::new("Received", Kind::Number).optional(),
                Column::new("Peers", Kind::Number).optional(),
                Column::new("Offers", Kind::Words).optional(),
            ],
            &rows,
        );
        let rest = self.report.host_count.saturating_sub(list.len() as u64);
        if rest > 0 {
            let more = units::counted(rest, "more device", "more devices");
            let _ = write!(out, r#"<p class="more">and {more}</p>"#);
        }
        self.sql(out, "devices");
        out.push_str("</section>");
    }

    pub(super) fn countries(&self, out: &mut String) {
        let r = self.report;
        if r.countries.is_empty() {
            return;
        }
        out.push_str(r#"<section id="countries" class="card"><header><h2>Countries</h2><p class="muted small">of the addresses outside, by the country they were given to</p></header><div class="geo">"#);
        if let Some(map) = world::draw(&r.countries, &Paint::PAGE) {
            let _ = write!(
                out,
                r#"<svg class="map" viewBox="0 0 {} {}" role="img" aria-label="Map of the world with the bytes of each country; the table has the same">{map}</svg>"#,
                world::WIDTH,
                world::HEIGHT
            );
        }
        out.push_str("<div>");
        group_table(out, "Country", &r.countries, r.bytes, |g| {
            Cell::Text(country::name(&g.name).to_owned())
        });
        self.sql(out, "countries");
        out.push_str("</div></div></section>");
    }

    pub(super) fn risks(&self, out: &mut String) {
        let (loud, quiet): (Vec<_>, Vec<_>) = self
            .report
            .risks
            .iter()
            .partition(|r| matches!(r.severity.as_str(), "high" | "medium"));
        if loud.is_empty() && quiet.is_empty() {
            return;
        }
        out.push_str(
            r#"<section id="risks" class="card"><header><h2>Risks of single flows</h2></header>"#,
        );
        for risk in &loud {
            risk_block(out, risk);
        }
        if !quiet.is_empty() {
            let _ = write!(
                out,
                "<details{}><summary>{}</summary>",
                if loud.is_empty() { " open" } else { "" },
                match quiet.len() {
                    1 => "1 of low weight, or only to know".to_owned(),
                    several => format!(
                        "{} of low weight, or only to know",
                        units::count(several as u64)
                    ),
                }
            );
            for risk in &quiet {
                risk_block(out, risk);
            }
            out.push_str("</details>");
        }
        self.sql(out, "risks");
        out.push_str("</section>");
    }
}

fn risk_block(out: &mut String, risk: &RiskSummary) {
    let _ = write!(
        out,
        r#"<div class="risk"><h3>{}{} <span class="muted">{}</span></h3>"#,
        severity(&risk.severity),
        name_markup(&risk.title),
        units::counted(risk.flows, "flow", "flows"),
    );
    let rows: Vec<Vec<Cell>> = risk
        .examples
        .iter()
        .take(EXAMPLES_SHOWN)
        .map(example_row)
        .collect();
    if !rows.is_empty() {
        table::write(
            out,
            "Examples",
            &[
                Column::new("From", Kind::Address),
                Column::new("To", Kind::Address),
                Column::new("Seen", Kind::Words),
                Column::new("Flow", Kind::Address).optional(),
            ],
            &rows,
        );
    }
    out.push_str("</div>");
}

fn example_row(e: &RiskExample) -> Vec<Cell> {
    let to = match &e.server_name {
        Some(name) => Cell::Name(name.clone(), Some(e.dst.clone())),
        None => Cell::Name(e.dst.clone(), None),
    };
    vec![
        Cell::Name(e.src.clone(), None),
        to,
        Cell::Text(e.detail.clone()),
        Cell::Name(e.flow_id.clone(), None),
    ]
}

fn site_table(out: &mut String, label: &str, list: &[Site], whole: u64) {
    let largest = list.iter().map(|s| s.bytes).max().unwrap_or(0) as f64;
    let rows: Vec<Vec<Cell>> = list
        .iter()
        .map(|s| {
            let sources: Vec<String> = s
                .sources
                .iter()
                .map(|source| words::name_source(source).into_owned())
                .collect();
            let mut about = format!("by {}", sources.join(", "));
            if let Some(app) = s.app.as_ref().filter(|a| !a.is_empty()) {
                about = format!("{app} · {about}");
            }
            let mut clients = s
                .clients
                .iter()
                .take(CLIENTS_SHOWN)
                .map(|c| name_markup(c))
                .collect::<Vec<_>>()
                .join(", ");
            let shown = s.clients.len().min(CLIENTS_SHOWN) as u64;
            if let Some(more) = s.client_count.checked_sub(shown).filter(|&n| n > 0) {
                let least = if s.has_more_clients() {
                    "at least "
                } else {
                    ""
                };
                let _ = write!(clients, " and {least}{} more", units::count(more));
            }
            let sent = s.bytes.saturating_sub(s.bytes_received);
            let says = format!(
                "{} sent, {} received",
                units::bytes(sent),
                units::bytes(s.bytes_received)
            );
            vec![
                Cell::Name(s.name.clone(), Some(about)),
                Cell::Strong(units::bytes(s.bytes), s.bytes as f64),
                Cell::Number(units::percent(s.bytes, whole), s.bytes as f64),
                Cell::both(sent, s.bytes_received, largest, says),
                Cell::Number(units::count(s.flows), s.flows as f64),
                Cell::Markup(clients),
            ]
        })
        .collect();
    table::write(
        out,
        label,
        &[
            Column::new("Name", Kind::Address),
            Column::new("Bytes", Kind::Number),
            Column::new("Share", Kind::Number).optional(),
            Column::new("", Kind::Bar),
            Column::new("Flows", Kind::Number).optional(),
            Column::new("Used by", Kind::Words).optional(),
        ],
        &rows,
    );
}

fn group_table(
    out: &mut String,
    title: &'static str,
    list: &[Group],
    whole: u64,
    name: impl Fn(&Group) -> Cell,
) {
    let largest = list.iter().map(|g| g.bytes).max().unwrap_or(0) as f64;
    let rows: Vec<Vec<Cell>> = list
        .iter()
        .map(|g| {
            vec![
                name(g),
                Cell::Strong(units::bytes(g.bytes), g.bytes as f64),
                Cell::bar(g.bytes as f64, largest, &units::percent(g.bytes, whole)),
                Cell::Number(units::percent(g.bytes, whole), g.bytes as f64),
                Cell::Number(units::count(g.flows), g.flows as f64),
            ]
        })
        .collect();
    table::write(
        out,
        title,
        &[
            Column::new(title, Kind::Address),
            Column::new("Bytes", Kind::Number),
            Column::new("", Kind::Bar),
            Column::new("Share", Kind::Number).optional(),
            Column::new("Flows", Kind::Number).optional(),
        ],
        &rows,
    );
}
