//! What names tell: sites, applications, devices, DNS, TLS, HTTP, countries, risks.

use super::super::model::{Count, Report, Site};
use super::super::{country, units, words};
use super::canvas::{Canvas, Style};
use super::sections::{and_more, limited, more};
use super::table::{self, Cell, Column};

pub(super) fn sites(report: &Report, canvas: &mut Canvas) {
    if !report.sites.is_empty() {
        canvas.heading("Most visited sites");
        let list = limited(&report.sites, canvas);
        site_table(canvas, list, "site", report.bytes);
        if let Some(share) = report.named_share.filter(|s| s.is_finite()) {
            canvas.remark(&format!(
                "{} of the bytes belong to flows whose server has a name.",
                units::share(share)
            ));
        }
    }
    if !report.domains.is_empty() {
        canvas.heading("Domains");
        let list = limited(&report.domains, canvas);
        site_table(canvas, list, "domain", report.bytes);
    }
}

fn site_table(canvas: &mut Canvas, list: &[Site], title: &'static str, whole: u64) {
    let largest = list.iter().map(|s| s.bytes).max().unwrap_or(0).max(1) as f64;
    let rows: Vec<Vec<Cell>> = list
        .iter()
        .map(|s| {
            vec![
                Cell::new(canvas.name(&s.name)),
                Cell::Text(units::bytes(s.bytes), Style::Bold),
                Cell::new(units::percent(s.bytes, whole)),
                Cell::dim(units::count(s.flows)),
                Cell::new(clients(canvas, s)),
                Cell::dim(canvas.name(s.app.as_deref().unwrap_or_default())),
                Cell::bar(s.bytes as f64 / largest),
            ]
        })
        .collect();
    write_filled(
        canvas,
        &[
            Column::text(title, 30, 52),
            Column::number("bytes"),
            Column::number("share").optional(4),
            Column::number("flows").optional(3),
            Column::text("used by", 19, 26).optional(5),
            Column::text("product", 8, 18).optional(2),
            Column::bar("", 8, 24),
        ],
        rows,
    );
}

/// The client with the most bytes, and how many there are besides.
fn clients(canvas: &Canvas, site: &Site) -> String {
    let first = canvas.name(site.clients.first().map_or("", String::as_str));
    match site.client_count.saturating_sub(1) {
        0 => first,
        more if site.has_more_clients() => format!("{first} +{} or more", units::count(more)),
        more => format!("{first} +{}", units::count(more)),
    }
}

pub(super) fn applications(report: &Report, canvas: &mut Canvas) {
    if report.applications.is_empty() && report.categories.is_empty() {
        return;
    }
    canvas.heading(if report.applications.is_empty() {
        "What it is for"
    } else {
        "Applications"
    });
    let list = limited(&report.applications, canvas);
    let largest = list.iter().map(|g| g.bytes).max().unwrap_or(0).max(1) as f64;
    let rows: Vec<Vec<Cell>> = list
        .iter()
        .map(|g| {
            vec![
                Cell::new(canvas.name(&g.name)),
                Cell::dim(words::spaced(&canvas.name(&g.label))),
                Cell::Text(units::bytes(g.bytes), Style::Bold),
                Cell::new(units::percent(g.bytes, report.bytes)),
                Cell::dim(units::count(g.flows)),
                Cell::bar(g.bytes as f64 / largest),
            ]
        })
        .collect();
    if !rows.is_empty() {
        table::write(
            canvas,
            &[
                Column::text("application", 14, 28),
                Column::text("category", 8, 18).optional(4),
                Column::number("bytes"),
                Column::number("share").optional(3),
                Column::number("flows").optional(2),
                Column::bar("", 8, 30),
            ],
            &rows,
        );
        let noun = ("application", "applications");
        and_more(&report.applications, list, noun, canvas);
    }
    let shown = limited(&report.categories, canvas);
    let mut categories: Vec<String> = shown
        .iter()
        .map(|g| {
            format!(
                "{} {}",
                words::spaced(&canvas.name(&g.name)),
                units::percent(g.bytes, report.bytes)
            )
        })
        .collect();
    let rest = report.categories.len().saturating_sub(shown.len());
    if rest > 0 {
        categories.push(format!("and {rest} more"));
    }
    if !categories.is_empty() {
        let line = format!("By category: {}.", categories.join(", "));
        canvas.paragraph(&line, 2, Style::Plain);
    }
}

pub(super) fn hosts(report: &Report, canvas: &mut Canvas) {
    let list = limited(&report.hosts, canvas);
    if list.is_empty() {
        return;
    }
    canvas.heading("Devices on the local network");
    let rows: Vec<Vec<Cell>> = list
        .iter()
        .map(|h| {
            let what = [&h.device, &h.os]
                .into_iter()
                .flatten()
                .map(|t| canvas.name(t))
                .collect::<Vec<_>>()
                .join(", ");
            vec![
                Cell::new(canvas.name(&h.address)),
                Cell::Text(
                    canvas.name(h.name.as_deref().unwrap_or_default()),
                    Style::Bold,
                ),
                Cell::new(what),
                Cell::dim(canvas.name(h.vendor.as_deref().unwrap_or_default())),
                Cell::new(units::bytes(h.bytes_sent)),
                Cell::new(units::bytes(h.bytes_received)),
                Cell::dim(canvas.name(&h.services.join(" "))),
            ]
        })
        .collect();
    write_filled(
        canvas,
        &[
            Column::address("address", 13),
            Column::text("name", 16, 30),
            Column::text("system", 12, 28).optional(5),
            Column::text("maker", 10, 22).optional(3),
            Column::number("sent"),
            Column::number("received"),
            Column::text("offers", 6, 30).optional(2),
        ],
        rows,
    );
    let rest = report.host_count.saturating_sub(list.len() as u64);
    more(rest, ("device", "devices"), canvas);
}

/// Writes a table without the columns that are empty in each row.
fn write_filled(canvas: &mut Canvas, columns: &[Column], rows: Vec<Vec<Cell>>) {
    let filled: Vec<bool> = (0..columns.len())
        .map(|column| {
            rows.iter().any(|row| match row.get(column) {
                Some(Cell::Text(content, _)) => !content.is_empty(),
                other => other.is_some(),
            })
        })
        .collect();
    let columns: Vec<Column> = columns
        .iter()
        .zip(&filled)
        .filter(|(_, filled)| **filled)
        .map(|(column, _)| *column)
        .collect();
    let rows: Vec<Vec<Cell>> = rows
        .into_iter()
        .map(|row| {
            row.into_iter()
                .zip(&filled)
                .filter(|(_, filled)| **filled)
                .map(|(cell, _)| cell)
                .collect()
        })
        .collect();
    table::write(canvas, &columns, &rows);
}

pub(super) fn countries(report: &Report, canvas: &mut Canvas) {
    let list = limited(&report.countries, canvas);
    if list.is_empty() {
        return;
    }
    canvas.heading("Countries");
    let largest = list.iter().map(|g| g.bytes).max().unwrap_or(0).max(1) as f64;
    let rows: Vec<Vec<Cell>> = list
        .iter()
        .map(|g| {
            vec![
                Cell::new(canvas.name(country::name(&g.name))),
                Cell::Text(units::bytes(g.bytes), Style::Bold),
                Cell::new(units::percent(g.bytes, report.bytes)),
                Cell::dim(units::count(g.flows)),
                Cell::bar(g.bytes as f64 / largest),
            ]
        })
        .collect();
    table::write(
        canvas,
        &[
            Column::text("country", 14, 32),
            Column::number("bytes"),
            Column::number("share").optional(3),
            Column::number("flows").optional(2),
            Column::bar("", 8, 30),
        ],
        &rows,
    );
    if let Some(more) = report
        .countries
        .len()
        .checked_sub(list.len())
        .filter(|&n| n > 0)
    {
        canvas.remark(&format!(
            "and {}. To which an address was given, not where it is.",
            units::counted(more as u64, "more country", "more countries")
        ));
    }
}

/// A list of names with how often each was there, under a title.
fn count_table(canvas: &mut Canvas, title: &'static str, number: &'static str, list: &[Count]) {
    let rows: Vec<Vec<Cell>> = limited(list, canvas)
        .iter()
        .map(|c| {
            vec![
                Cell::new(canvas.name(&c.name)),
                Cell::Text(units::count(c.count), Style::Bold),
            ]
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    canvas.end_line();
    table::write(
        canvas,
        &[Column::text(title, 24, 90), Column::number(number)],
        &rows,
    );
}

/// Short lists, one a line: what it counts, then names and numbers.
fn tallies(canvas: &mut Canvas, lists: &[(&str, String)]) {
    let rows: Vec<Vec<Cell>> = lists
        .iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(title, list)| vec![Cell::dim(*title), Cell::new(canvas.name(list))])
        .collect();
    if !rows.is_empty() {
        table::write(
            canvas,
            &[Column::text("", 8, 12), Column::text("", 12, 200)],
            &rows,
        );
    }
}

/// The heading of a section that may be an estimate.
fn estimated(heading: &str, approximate: bool) -> String {
    format!("{heading}{}", if approximate { ", estimated" } else { "" })
}

pub(super) fn dns(report: &Report, canvas: &mut Canvas) {
    let d = &report.dns;
    if d.queries == 0 && d.local_queries == 0 && d.encrypted_flows == 0 {
        return;
    }
    canvas.heading(&estimated("Names asked for (DNS)", d.approximate));
    let mut facts = Vec::new();
    if d.queries > 0 {
        facts.push(format!(
            "{}, {} answered ({}), {} with an error",
            units::counted(d.queries, "query", "queries"),
            units::count(d.answered),
            units::percent(d.answered, d.queries),
            units::count(d.failures)
        ));
    }
    if let (Some(p50), Some(p95)) = (d.rtt_ms.p50, d.rtt_ms.p95) {
        facts.push(format!(
            "half of the answers within {}, 95 % within {}",
            units::milliseconds(p50),
            units::milliseconds(p95)
        ));
    }
    if d.local_queries > 0 {
        facts.push(format!(
            "{} of mDNS, LLMNR and NetBIOS",
            units::counted(d.local_queries, "message", "messages")
        ));
    }
    if d.encrypted_flows > 0 {
        facts.push(format!(
            "{} of encrypted DNS",
            units::counted(d.encrypted_flows, "flow", "flows")
        ));
    }
    canvas.paragraph(&format!("{}.", facts.join("; ")), 2, Style::Plain);
    tallies(
        canvas,
        &[
            ("types", words::tally(&d.types, Into::into)),
            ("answers", words::tally(&d.rcodes, Into::into)),
        ],
    );
    count_table(canvas, "asked for most", "queries", &d.top_names);
    let rows: Vec<Vec<Cell>> = limited(&d.failed_names, canvas)
        .iter()
        .map(|f| {
            vec![
                Cell::new(canvas.name(&f.name)),
                Cell::Text(canvas.name(&f.rcode), Style::Medium),
                Cell::Text(units::count(f.count), Style::Bold),
            ]
        })
        .collect();
    if !rows.is_empty() {
        canvas.end_line();
        table::write(
            canvas,
            &[
                Column::text("failed most", 24, 80),
                Column::text("error", 8, 12),
                Column::number("times"),
            ],
            &rows,
        );
    }
    let rows: Vec<Vec<Cell>> = limited(&d.servers, canvas)
        .iter()
        .map(|s| {
            vec![
                Cell::new(canvas.name(&s.address)),
                Cell::Text(units::count(s.queries), Style::Bold),
                Cell::new(units::percent(s.answered, s.queries)),
                Cell::new(units::optional_milliseconds(s.median_ms)),
            ]
        })
        .collect();
    if !rows.is_empty() {
        canvas.end_line();
        table::write(
            canvas,
            &[
                Column::address("server", 15),
                Column::number("queries"),
                Column::number("answered"),
                Column::number("median"),
            ],
            &rows,
        );
    }
    let rows: Vec<Vec<Cell>> = limited(&d.slow, canvas)
        .iter()
        .map(|s| {
            vec![
                Cell::new(canvas.name(&s.name)),
                Cell::Text(units::milliseconds(s.rtt_ms), Style::Bold),
                Cell::dim(canvas.name(&s.server)),
            ]
        })
        .collect();
    if !rows.is_empty() {
        canvas.end_line();
        table::write(
            canvas,
            &[
                Column::text("slowest answers", 24, 80),
                Column::number("time"),
                Column::address("server", 15).optional(2),
            ],
            &rows,
        );
    }
}

pub(super) fn tls(report: &Report, canvas: &mut Canvas) {
    let t = &report.tls;
    if t.handshakes == 0 {
        return;
    }
    canvas.heading(&estimated("Encryption (TLS and QUIC)", t.approximate));
    let mut facts = vec![
        units::counted(t.handshakes, "handshake", "handshakes"),
        format!("{} completed", units::count(t.established)),
        format!("{} with a server name", units::count(t.with_server_name)),
    ];
    if t.ech > 0 {
        facts.push(format!(
            "{} with Encrypted Client Hello",
            units::count(t.ech)
        ));
    }
    canvas.paragraph(&format!("{}.", facts.join(", ")), 2, Style::Plain);
    let versions = words::tally(&t.versions, words::tls_version);
    tallies(canvas, &[("versions", versions)]);
    count_table(canvas, "certificates issued by", "seen", &t.issuers);
    count_table(canvas, "cipher suites", "handshakes", &t.ciphers);
    count_table(canvas, "client programs by JA4", "handshakes", &t.clients);
    let rows: Vec<Vec<Cell>> = limited(&t.expiring, canvas)
        .iter()
        .map(|c| {
            let style = match c.state.as_str() {
                "expired" => Style::High,
                _ => Style::Medium,
            };
            vec![
                Cell::new(canvas.name(&c.server)),
                Cell::Text(canvas.name(&words::validity(c)), style),
                Cell::dim(canvas.name(&c.issuer)),
            ]
        })
        .collect();
    if !rows.is_empty() {
        canvas.end_line();
        table::write(
            canvas,
            &[
                Column::text("certificate of", 20, 60),
                Column::text("validity", 12, 32),
                Column::text("issued by", 16, 60).optional(2),
            ],
            &rows,
        );
    }
}

pub(super) fn http(report: &Report, canvas: &mut Canvas) {
    let h = &report.http;
    if h.requests == 0 && h.statuses.is_empty() {
        return;
    }
    canvas.heading(&estimated("HTTP in clear", h.approximate));
    canvas.paragraph(
        &format!(
            "{}, {} of answers.",
            units::counted(h.requests, "request", "requests"),
            units::bytes(h.response_bytes)
        ),
        2,
        Style::Plain,
    );
    tallies(
        canvas,
        &[
            ("methods", words::tally(&h.methods, Into::into)),
            ("statuses", words::tally(&h.statuses, Into::into)),
        ],
    );
    count_table(canvas, "host", "requests", &h.hosts);
    count_table(canvas, "program that asked", "requests", &h.user_agents);
    count_table(canvas, "type of answer", "answers", &h.mime_types);
}

pub(super) fn risks(report: &Report, canvas: &mut Canvas) {
    if report.risks.is_empty() {
        return;
    }
    canvas.heading("Risks");
    for risk in &report.risks {
        canvas.spaces(2);
        let severity = super::super::text::cut_end(&canvas.name(&risk.severity), 8, "…");
        canvas.put(&severity, Style::of_severity(&risk.severity));
        canvas.spaces(9_usize.saturating_sub(super::super::text::width(&severity)));
        let room = canvas.width().saturating_sub(11);
        let figures = format!("  {}", units::counted(risk.flows, "flow", "flows"));
        let name = super::super::text::cut_end(
            &canvas.name(&risk.title),
            room.saturating_sub(figures.len()),
            "…",
        );
        canvas.put(&name, Style::Bold);
        canvas.put(&figures, Style::Plain);
        canvas.end_line();
        let shown = match risk.severity.as_str() {
            "high" | "medium" => 2,
            "low" => 1,
            // What only informs needs no example here; the page and JSON have them.
            _ => 0,
        };
        let rows: Vec<Vec<Cell>> = risk
            .examples
            .iter()
            .take(shown.min(canvas.options.top))
            .map(|e| {
                let to = e.server_name.as_ref().unwrap_or(&e.dst);
                vec![
                    Cell::new("       "),
                    Cell::new(canvas.name(&e.src)),
                    Cell::new(format!("→ {}", canvas.name(to))),
                    Cell::dim(if e.detail == *to {
                        String::new()
                    } else {
                        canvas.name(&e.detail)
                    }),
                ]
            })
            .collect();
        table::write(
            canvas,
            &[
                Column::text("", 7, 7).optional(4),
                Column::address("", 12),
                Column::address("", 18),
                Column::text("", 12, 120).optional(3),
            ],
            &rows,
        );
    }
}
