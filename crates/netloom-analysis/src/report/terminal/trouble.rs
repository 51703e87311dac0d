//! What goes wrong or could: cleartext, slow connections, local noise, malformed packets.

use super::super::model::{Distribution, Report};
use super::super::{text, units};
use super::canvas::{Canvas, Style};
use super::sections::limited;
use super::table::{self, Cell, Column};

/// What is said of pairs that are estimates.
const PAIRS_FORGOTTEN: &str = "Who to whom is estimated: there were too many pairs to count each.";

/// What is said of ARP where stations were forgotten.
const ARP_FORGOTTEN: &str =
    "There were too many stations to count each: more may have done likewise.";

pub(super) fn risky(report: &Report, canvas: &mut Canvas) {
    canvas.heading("Cleartext and risky protocols");
    if report.risky.is_empty() {
        canvas.remark("None seen.");
        return;
    }
    for (n, risk) in report.risky.iter().enumerate() {
        if n > 0 {
            canvas.end_line();
        }
        canvas.spaces(2);
        let severity = text::cut_end(&canvas.name(&risk.severity), 8, "…");
        canvas.put(&severity, Style::of_severity(&risk.severity));
        canvas.spaces(9_usize.saturating_sub(text::width(&severity)));
        let room = canvas.width().saturating_sub(11);
        let figures = format!(
            "  {}, {}, {}",
            units::counted(risk.flows, "flow", "flows"),
            units::counted(risk.packets, "packet", "packets"),
            units::bytes(risk.bytes)
        );
        let name = text::cut_end(
            &canvas.name(&risk.label),
            room.saturating_sub(text::width(&figures)).max(8),
            "…",
        );
        canvas.put(&name, Style::Bold);
        canvas.put(
            &text::cut_end(&figures, room.saturating_sub(text::width(&name)), "…"),
            Style::Plain,
        );
        canvas.end_line();
        let why = canvas.name(&risk.why);
        canvas.paragraph(&why, 11, Style::Plain);
        let instead = format!("Instead: {}", canvas.name(&risk.instead));
        canvas.paragraph(&instead, 11, Style::Low);
        if risk.approximate {
            canvas.paragraph(PAIRS_FORGOTTEN, 11, Style::Low);
        }
        let rows: Vec<Vec<Cell>> = limited(&risk.pairs, canvas)
            .iter()
            .map(|p| {
                vec![
                    Cell::new("       "),
                    Cell::new(canvas.name(&p.src)),
                    Cell::new(format!("→ {}", endpoint(&canvas.name(&p.dst), p.dst_port))),
                    Cell::new(units::bytes(p.bytes)),
                    Cell::dim(units::counted(p.flows, "flow", "flows")),
                    Cell::new(canvas.name(p.detail.as_deref().unwrap_or_default())),
                ]
            })
            .collect();
        table::write(
            canvas,
            &[
                Column::text("", 7, 7).optional(4),
                Column::address("", 12),
                Column::address("", 14),
                Column::number(""),
                Column::number("").optional(2),
                Column::text("", 12, 60).optional(3),
            ],
            &rows,
        );
    }
}

/// `address:port`, with brackets around an IPv6 address (RFC 3986 section 3.2.2).
fn endpoint(address: &str, port: u16) -> String {
    if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    }
}

pub(super) fn performance(report: &Report, canvas: &mut Canvas) {
    let p = &report.performance;
    if p.tcp_flows == 0 && p.failed_connections == 0 && p.worst.is_empty() {
        return;
    }
    canvas.heading("Slow and lossy connections");
    let rows: Vec<Vec<Cell>> = [
        ("round trip", &p.rtt_ms),
        ("server delay", &p.server_delay_ms),
    ]
    .into_iter()
    .filter(|(_, d)| d.count > 0)
    .map(|(name, d)| distribution(name, d))
    .collect();
    if !rows.is_empty() {
        table::write(
            canvas,
            &[
                Column::text("", 12, 14),
                Column::number("median"),
                Column::number("95 %"),
                Column::number("99 %"),
                Column::number("largest"),
                Column::number("flows").optional(2),
            ],
            &rows,
        );
    }
    let facts = [
        units::counted(p.tcp_flows, "TCP flow", "TCP flows"),
        format!(
            "{} ({} of {})",
            units::counted(p.data_retransmissions, "retransmission", "retransmissions"),
            units::percent(p.data_retransmissions, p.data_packets),
            units::counted(p.data_packets, "data packet", "data packets")
        ),
        format!("{} out of order", units::count(p.out_of_order)),
        units::counted(p.zero_windows, "zero window", "zero windows"),
        units::counted(
            p.failed_connections,
            "failed connection",
            "failed connections",
        ),
    ];
    canvas.paragraph(&facts.join(", "), 2, Style::Plain);
    let list = limited(&p.worst, canvas);
    if p.worst.is_empty() {
        canvas.remark("No connection stands out.");
        return;
    }
    for flow in list {
        canvas.end_line();
        let rows = vec![vec![
            Cell::Text(canvas.name(&flow.src), Style::Bold),
            Cell::Text(format!("→ {}", canvas.name(&flow.dst)), Style::Bold),
            Cell::new(canvas.name(flow.service.as_deref().unwrap_or_default())),
        ]];
        table::write(
            canvas,
            &[
                Column::address("", 18),
                Column::address("", 20),
                Column::text("", 4, 16).optional(2),
            ],
            &rows,
        );
        let why = canvas.name(&flow.why);
        canvas.paragraph(&why, 4, Style::Medium);
        let mut facts = vec![
            units::counted(flow.packets, "packet", "packets"),
            format!(
                "round trip {}",
                units::optional_milliseconds(flow.tcp_rtt_ms)
            ),
            format!(
                "server delay {}",
                units::optional_milliseconds(flow.server_delay_ms)
            ),
            format!(
                "{} sent again ({})",
                units::count(flow.data_retransmissions),
                units::share(flow.retransmission_share)
            ),
        ];
        if flow.zero_windows > 0 {
            facts.push(units::counted(
                flow.zero_windows,
                "zero window",
                "zero windows",
            ));
        }
        if flow.missed_bytes > 0 {
            facts.push(format!("{} missing", units::bytes(flow.missed_bytes)));
        }
        facts.push(format!("flow {}", canvas.name(&flow.flow_id)));
        canvas.paragraph(&facts.join(", "), 4, Style::Dim);
    }
}

fn distribution(name: &str, d: &Distribution) -> Vec<Cell> {
    let mut row = vec![Cell::new(name)];
    row.extend([d.p50, d.p95, d.p99, d.max].map(|v| Cell::new(units::optional_milliseconds(v))));
    row.push(Cell::dim(units::count(d.count)));
    row
}

pub(super) fn local(report: &Report, canvas: &mut Canvas) {
    let l = &report.local;
    let arp = l.arp_requests.saturating_add(l.arp_replies);
    if arp == 0 && l.broadcast_packets == 0 && l.multicast_packets == 0 {
        return;
    }
    canvas.heading("ARP and broadcast");
    let row = |name: &str, packets: u64, bytes: u64| {
        vec![
            Cell::new(name),
            Cell::Text(units::count(packets), Style::Bold),
            Cell::new(units::bytes(bytes)),
            Cell::dim(units::percent(packets, report.packets)),
        ]
    };
    table::write(
        canvas,
        &[
            Column::text("", 9, 12),
            Column::number("packets"),
            Column::number("bytes"),
            Column::number("of packets"),
        ],
        &[
            row("broadcast", l.broadcast_packets, l.broadcast_bytes),
            row("multicast", l.multicast_packets, l.multicast_bytes),
        ],
    );
    if arp > 0 {
        canvas.paragraph(
            &format!(
                "ARP: {}, {}, {} of them gratuitous",
                units::counted(l.arp_requests, "request", "requests"),
                units::counted(l.arp_replies, "reply", "replies"),
                units::count(l.arp_gratuitous)
            ),
            2,
            Style::Plain,
        );
    }
    for conflict in limited(&l.arp_conflicts, canvas) {
        let macs: Vec<String> = conflict.macs.iter().map(|m| canvas.name(m)).collect();
        let line = format!(
            "{} is claimed by {}",
            canvas.name(&conflict.address),
            macs.join(" and ")
        );
        canvas.paragraph(&line, 2, Style::High);
    }
    if l.arp_approximate {
        canvas.paragraph(ARP_FORGOTTEN, 2, Style::Low);
    }
    let rows: Vec<Vec<Cell>> = limited(&l.arp_top, canvas)
        .iter()
        .map(|a| {
            vec![
                Cell::new(canvas.name(&a.mac)),
                Cell::new(canvas.name(&a.address)),
                Cell::Text(units::count(a.requests), Style::Bold),
                Cell::new(units::count(a.targets)),
            ]
        })
        .collect();
    if !rows.is_empty() {
        canvas.end_line();
        table::write(
            canvas,
            &[
                Column::text("who asks by ARP", 17, 24),
                Column::address("address", 15),
                Column::number("requests"),
                Column::number("addresses asked for"),
            ],
            &rows,
        );
    }
}

pub(super) fn anomalies(report: &Report, canvas: &mut Canvas) {
    canvas.heading("Malformed and odd packets");
    if report.anomalies.is_empty() {
        canvas.remark("None: every packet made sense.");
        return;
    }
    let rows: Vec<Vec<Cell>> = report
        .anomalies
        .iter()
        .take(canvas.options.top.saturating_mul(2))
        .map(|a| {
            vec![
                Cell::new(format!(
                    "{} {}",
                    canvas.name(&a.layer),
                    canvas.name(&a.kind)
                )),
                Cell::Text(units::count(a.packets), Style::Bold),
                Cell::dim(units::count(a.first_number)),
                Cell::new(canvas.name(&a.example)),
            ]
        })
        .collect();
    table::write(
        canvas,
        &[
            Column::text("kind", 14, 32),
            Column::number("packets"),
            Column::number("first").optional(2),
            Column::text("there", 16, 120).optional(3),
        ],
        &rows,
    );
}
