//! What was asked and shown in clear: DNS, TLS handshakes, HTTP.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::super::model::Count;
use super::super::{text, units, words};
use super::sections::Page;
use super::table::{self, Cell, Column, Kind};

/// Begins a section whose lists may be estimates.
fn heading(out: &mut String, id: &str, title: &str, approximate: bool) {
    let estimated = if approximate {
        r#" <span class="muted small">(estimated: there was too much to count each)</span>"#
    } else {
        ""
    };
    let _ = write!(
        out,
        r#"<section id="{id}" class="card"><header><h2>{title}{estimated}</h2></header>"#
    );
}

impl Page<'_> {
    pub(super) fn has_dns(&self) -> bool {
        let d = &self.report.dns;
        d.queries > 0 || d.local_queries > 0 || d.encrypted_flows > 0
    }

    pub(super) fn dns(&self, out: &mut String) {
        if !self.has_dns() {
            return;
        }
        let d = &self.report.dns;
        heading(out, "dns", "Names asked for (DNS)", d.approximate);
        let mut list: Vec<(&str, String)> = Vec::new();
        if d.queries > 0 {
            list.push((
                "Queries",
                format!(
                    "{}, {} answered ({})",
                    units::count(d.queries),
                    units::count(d.answered),
                    units::percent(d.answered, d.queries)
                ),
            ));
            list.push(("Errors", units::count(d.failures)));
        }
        if let (Some(p50), Some(p95)) = (d.rtt_ms.p50, d.rtt_ms.p95) {
            list.push((
                "Time to the answer",
                format!(
                    "half within {}, 95 % within {}",
                    units::milliseconds(p50),
                    units::milliseconds(p95)
                ),
            ));
        }
        if d.local_queries > 0 {
            list.push((
                "On the local network",
                format!(
                    "{} of mDNS, LLMNR and NetBIOS",
                    units::counted(d.local_queries, "message", "messages")
                ),
            ));
        }
        if d.encrypted_flows > 0 {
            list.push((
                "Encrypted",
                units::counted(d.encrypted_flows, "flow", "flows"),
            ));
        }
        list.push(("Types", words::tally(&d.types, Into::into)));
        list.push(("Answers", words::tally(&d.rcodes, Into::into)));
        facts(out, &list);
        out.push_str(r#"<div class="pair">"#);
        count_table(
            out,
            "Asked for most",
            "Name",
            "Queries",
            &d.top_names,
            |_| None,
        );
        let rows: Vec<Vec<Cell>> = d
            .failed_names
            .iter()
            .map(|f| {
                vec![
                    Cell::Name(f.name.clone(), None),
                    Cell::Text(f.rcode.clone()),
                    Cell::Strong(units::count(f.count), f.count as f64),
                ]
            })
            .collect();
        titled(
            out,
            "Failed most",
            &[
                Column::new("Name", Kind::Address),
                Column::new("Error", Kind::Address),
                Column::new("Times", Kind::Number),
            ],
            &rows,
        );
        let rows: Vec<Vec<Cell>> = d
            .servers
            .iter()
            .map(|s| {
                vec![
                    Cell::Name(s.address.clone(), None),
                    Cell::Strong(units::count(s.queries), s.queries as f64),
                    Cell::Number(
                        units::percent(s.answered, s.queries),
                        s.answered as f64 / s.queries as f64,
                    ),
                    Cell::Number(
                        units::optional_milliseconds(s.median_ms),
                        s.median_ms.unwrap_or(-1.0),
                    ),
                ]
            })
            .collect();
        titled(
            out,
            "Servers",
            &[
                Column::new("Server", Kind::Address),
                Column::new("Queries", Kind::Number),
                Column::new("Answered", Kind::Number).optional(),
                Column::new("Median", Kind::Number),
            ],
            &rows,
        );
        let rows: Vec<Vec<Cell>> = d
            .slow
            .iter()
            .map(|s| {
                vec![
                    Cell::Name(s.name.clone(), Some(s.server.clone())),
                    Cell::Strong(units::milliseconds(s.rtt_ms), s.rtt_ms),
                ]
            })
            .collect();
        titled(
            out,
            "Slowest answers",
            &[
                Column::new("Name and server", Kind::Address),
                Column::new("Time", Kind::Number),
            ],
            &rows,
        );
        out.push_str("</div>");
        self.sql(out, "dns");
        out.push_str("</section>");
    }

    pub(super) fn tls(&self, out: &mut String) {
        let t = &self.report.tls;
        if t.handshakes == 0 {
            return;
        }
        heading(out, "tls", "Encryption (TLS and QUIC)", t.approximate);
        let mut list = vec![
            (
                "Handshakes",
                format!(
                    "{}, {} completed",
                    units::count(t.handshakes),
                    units::count(t.established)
                ),
            ),
            (
                "With a server name",
                format!(
                    "{} ({})",
                    units::count(t.with_server_name),
                    units::percent(t.with_server_name, t.handshakes)
                ),
            ),
        ];
        if t.ech > 0 {
            list.push(("Encrypted Client Hello", units::count(t.ech)));
        }
        list.push(("Versions", words::tally(&t.versions, words::tls_version)));
        facts(out, &list);
        let rows: Vec<Vec<Cell>> = t
            .expiring
            .iter()
            .map(|c| {
                let class = if c.state == "expired" { "high" } else { "medium" };
                vec![
                    Cell::Name(c.server.clone(), Some(c.subject.clone())),
                    Cell::Markup(format!(
                        r#"<span class="severity {class}">{}</span><span class="sub">until {}</span>"#,
                        text::html(&words::validity(c)),
                        text::html(c.not_after.get(..10).unwrap_or(&c.not_after))
                    )),
                    Cell::Name(c.issuer.clone(), None),
                ]
            })
            .collect();
        titled(
            out,
            "Certificates that have ended, end soon or have not begun",
            &[
                Column::new("Server and subject", Kind::Address),
                Column::new("Validity", Kind::Address),
                Column::new("Issued by", Kind::Words).optional(),
            ],
            &rows,
        );
        out.push_str(r#"<div class="pair">"#);
        count_table(
            out,
            "Certificates issued by",
            "Issuer",
            "Seen",
            &t.issuers,
            |_| None,
        );
        count_table(
            out,
            "Cipher suites",
            "Suite",
            "Handshakes",
            &t.ciphers,
            |_| None,
        );
        count_table(
            out,
            "Client programs by fingerprint",
            "JA4",
            "Handshakes",
            &t.clients,
            |_| None,
        );
        out.push_str("</div>");
        self.sql(out, "tls");
        out.push_str("</section>");
    }

    pub(super) fn has_http(&self) -> bool {
        let h = &self.report.http;
        h.requests > 0 || !h.statuses.is_empty()
    }

    pub(super) fn http(&self, out: &mut String) {
        if !self.has_http() {
            return;
        }
        let h = &self.report.http;
        heading(out, "http", "HTTP in clear", h.approximate);
        facts(
            out,
            &[
                ("Requests", units::count(h.requests)),
                ("Answered with", units::bytes(h.response_bytes)),
                ("Methods", words::tally(&h.methods, Into::into)),
            ],
        );
        out.push_str(r#"<div class="pair">"#);
        count_table(out, "Hosts", "Host", "Requests", &h.hosts, |_| None);
        count_table(
            out,
            "Programs that asked",
            "User-Agent",
            "Requests",
            &h.user_agents,
            |_| None,
        );
        count_table(out, "Statuses", "Status", "Answers", &h.statuses, |c| {
            Some(words::status_class(&c.name)).filter(|w| !w.is_empty())
        });
        count_table(
            out,
            "Types of answers",
            "Type",
            "Answers",
            &h.mime_types,
            |_| None,
        );
        out.push_str("</div>");
        self.sql(out, "http");
        out.push_str("</section>");
    }
}

/// Facts that have a value.
fn facts(out: &mut String, list: &[(&str, String)]) {
    out.push_str(r#"<dl class="facts">"#);
    for (name, value) in list.iter().filter(|(_, value)| !value.is_empty()) {
        let value: Cow<'_, str> = text::cut_end(value, 400, "…").into();
        let _ = write!(
            out,
            "<dt>{name}</dt><dd><bdi>{}</bdi></dd>",
            text::html(&value)
        );
    }
    out.push_str("</dl>");
}

/// A table under a heading, nothing without rows.
fn titled(out: &mut String, title: &str, columns: &[Column], rows: &[Vec<Cell>]) {
    if rows.is_empty() {
        return;
    }
    let _ = write!(out, "<div><h3>{title}</h3>");
    table::write(out, title, columns, rows);
    out.push_str("</div>");
}

/// Names and how often each was there, with a bar and maybe a word about each.
fn count_table(
    out: &mut String,
    title: &str,
    name: &'static str,
    number: &'static str,
    list: &[Count],
    about: impl Fn(&Count) -> Option<&'static str>,
) {
    let largest = list.iter().map(|c| c.count).max().unwrap_or(0) as f64;
    let rows: Vec<Vec<Cell>> = list
        .iter()
        .map(|c| {
            let count = units::count(c.count);
            vec![
                Cell::Name(c.name.clone(), about(c).map(Into::into)),
                Cell::Strong(count.clone(), c.count as f64),
                Cell::bar(c.count as f64, largest, &count),
            ]
        })
        .collect();
    titled(
        out,
        title,
        &[
            Column::new(name, Kind::Address),
            Column::new(number, Kind::Number),
            Column::new("", Kind::Bar).optional(),
        ],
        &rows,
    );
}
