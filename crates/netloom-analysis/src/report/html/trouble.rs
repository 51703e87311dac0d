//! What goes wrong or could: cleartext, slow connections, local noise, malformed packets.

use std::fmt::Write as _;

use super::super::model::Distribution;
use super::super::{text, units};
use super::parts::severity;
use super::sections::Page;
use super::table::{self, Cell, Column, Kind, name_markup};

impl Page<'_> {
    pub(super) fn risky(&self, out: &mut String) {
        out.push_str(r#"<section id="risky" class="card"><header><h2>Cleartext and risky protocols</h2></header>"#);
        if self.report.risky.is_empty() {
            out.push_str(r#"<p class="muted">None seen.</p>"#);
        }
        for risk in &self.report.risky {
            let _ = write!(
                out,
                r#"<div class="risk"><h3>{}{} <span class="muted">{}, {}, {}</span></h3><p>{}</p><p class="instead"><b>Instead:</b> {}</p>"#,
                severity(&risk.severity),
                name_markup(&risk.label),
                units::counted(risk.flows, "flow", "flows"),
                units::counted(risk.packets, "packet", "packets"),
                units::bytes(risk.bytes),
                text::html(&risk.why),
                text::html(&risk.instead)
            );
            if risk.approximate {
                out.push_str(r#"<p class="muted small">Who to whom is estimated: there were too many pairs to count each.</p>"#);
            }
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
        self.sql(out, "risky");
        out.push_str("</section>");
    }

    pub(super) fn performance(&self, out: &mut String) {
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
            units::counted(
                p.data_retransmissions,
                "packet sent again",
                "packets sent again"
            ),
            text::html(&units::percent(p.data_retransmissions, p.data_packets)),
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
            out.push_str(r#"<p class="muted">No connection stands out.</p>"#);
            self.sql(out, "performance");
            out.push_str("</section>");
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
                            units::count(w.data_retransmissions),
                            units::share(w.retransmission_share)
                        ),
                        w.data_retransmissions as f64,
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
        self.sql(out, "performance");
        out.push_str("</section>");
    }

    pub(super) fn local(&self, out: &mut String) {
        let l = &self.report.local;
        out.push_str(r#"<div class="pair"><section id="local" class="card"><header><h2>ARP and broadcast</h2></header>"#);
        let _ = write!(
            out,
            r#"<dl class="facts"><dt>Broadcast</dt><dd>{}, {}</dd><dt>Multicast</dt><dd>{}, {}</dd><dt>ARP</dt><dd>{}, {}, {} of them gratuitous</dd></dl>"#,
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
        if l.arp_approximate {
            out.push_str(r#"<p class="muted small">There were too many stations to count each: more may have done likewise.</p>"#);
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
        self.sql(out, "local");
        out.push_str("</section>");
    }

    pub(super) fn anomalies(&self, out: &mut String) {
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
        self.sql(out, "anomalies");
        out.push_str("</section></div>");
    }
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
