//! The sections of the report, in the order a person reads them.

use super::super::model::{Address, Distribution, Report};
use super::super::{text, units};
use super::canvas::{Canvas, Style};
use super::plot;
use super::table::{self, Cell, Column};

/// Writes every section.
pub(super) fn all(report: &Report, canvas: &mut Canvas) {
    overview(report, canvas);
    if report.packets == 0 {
        canvas.end_line();
        canvas.remark("There is no packet in it, so there is nothing more to tell.");
        capture(report, canvas);
        return;
    }
    timeline(report, canvas);
    addresses(report, canvas);
    conversations(report, canvas);
    protocols(report, canvas);
    services(report, canvas);
    sizes(report, canvas);
    unique(report, canvas);
    risky(report, canvas);
    performance(report, canvas);
    local(report, canvas);
    anomalies(report, canvas);
    capture(report, canvas);
}

fn overview(report: &Report, canvas: &mut Canvas) {
    let title = match report.capture.as_slice() {
        [] => "Traffic".to_owned(),
        [one] => canvas.name(&one.name),
        [first, rest @ ..] => {
            format!(
                "{} and {}",
                canvas.name(&first.name),
                units::counted(rest.len() as u64, "more file", "more files")
            )
        }
    };
    let width = canvas.width();
    canvas.put(&text::cut_middle(&title, width, "…"), Style::Bold);
    canvas.end_line();
    if let (Some(first), Some(last)) = (&report.first_ts, &report.last_ts) {
        let line = format!(
            "{}, {}",
            units::period(first, last),
            units::seconds(report.duration)
        );
        canvas.paragraph(&line, 0, Style::Dim);
    }
    if report.interrupted {
        canvas.paragraph(
            "Reading was interrupted: this is what was read until then.",
            0,
            Style::Medium,
        );
    }
    if !report.findings.is_empty() {
        canvas.end_line();
        for finding in &report.findings {
            let style = Style::of_severity(&finding.severity);
            let severity = text::cut_end(&canvas.name(&finding.severity), 8, "…");
            canvas.spaces(2);
            canvas.put(&severity, style);
            canvas.spaces(8_usize.saturating_sub(text::width(&severity)));
            // The title begins beside its severity and goes on below itself.
            let finding_title = canvas.name(&finding.title);
            let lines = super::canvas::wrap(&finding_title, width.saturating_sub(10).max(8));
            for (n, line) in lines.iter().enumerate() {
                if n > 0 {
                    canvas.spaces(10);
                }
                canvas.put(line, Style::Bold);
                canvas.end_line();
            }
            let detail = canvas.name(&finding.detail);
            if !detail.is_empty() {
                canvas.paragraph(&detail, 10, Style::Dim);
            }
        }
    }
    canvas.end_line();
    let bits = rate(report.bits_per_second, units::bits_per_second);
    let exact = format!("{} B", units::count(report.bytes));
    let bytes_note = match (report.bytes >= 1000, bits.is_empty()) {
        (true, false) => format!("{exact}, {bits}"),
        (true, true) => exact,
        (false, _) => bits,
    };
    let mut facts: Vec<(&str, String, String)> = vec![
        (
            "Packets",
            units::count(report.packets),
            rate(report.packets_per_second, units::packets_per_second),
        ),
        ("Bytes", units::bytes(report.bytes), bytes_note),
        ("Flows", units::count(report.flows), String::new()),
    ];
    if let Some(mean) = report.mean_packet_len.filter(|m| m.is_finite()) {
        facts.push((
            "Mean packet",
            units::bytes(mean.round() as u64),
            String::new(),
        ));
    }
    if report.packets > 0 {
        let approximately = if report.unique.approximate {
            "about "
        } else {
            ""
        };
        facts.push((
            "IP addresses",
            format!(
                "{approximately}{} as source, {approximately}{} as destination",
                units::count(report.unique.src_ips),
                units::count(report.unique.dst_ips)
            ),
            String::new(),
        ));
    }
    let rows: Vec<Vec<Cell>> = facts
        .into_iter()
        .map(|(name, value, note)| {
            let value = if note.is_empty() {
                value
            } else {
                format!("{value}  ({note})")
            };
            vec![Cell::dim(name), Cell::Text(value, Style::Bold)]
        })
        .collect();
    table::write(
        canvas,
        &[Column::text("", 12, 14), Column::text("", 10, 120)],
        &rows,
    );
}

/// A rate, nothing where there is none.
fn rate(value: Option<f64>, shown: fn(f64) -> String) -> String {
    value
        .filter(|v| v.is_finite())
        .map(shown)
        .unwrap_or_default()
}

fn timeline(report: &Report, canvas: &mut Canvas) {
    let line = &report.timeline;
    if line.bytes.len() < 2 {
        return;
    }
    canvas.heading("Traffic over time");
    let start = line.start.as_deref().and_then(units::parse_time);
    let interval = line.interval;
    let label = move |value: f64| {
        if interval.is_finite() && interval > 0.0 {
            units::bits_per_second(value * 8.0 / interval)
        } else {
            units::bytes(value as u64)
        }
    };
    plot::chart(canvas, &line.bytes, 6, &label, start, interval);
    canvas.end_line();
    let total: u64 = line.bytes.iter().fold(0, |a, &b| a.saturating_add(b));
    let room = canvas.width().saturating_sub(44).clamp(8, 120);
    let unicode = canvas.options.unicode;
    let row = |name: String, values: &[u64], sum: String, share: String| {
        vec![
            Cell::new(name),
            Cell::Text(plot::spark(values, room, unicode), Style::Bar),
            Cell::new(sum),
            Cell::dim(share),
        ]
    };
    let mut rows: Vec<Vec<Cell>> = line
        .by_protocol
        .iter()
        .map(|series| {
            let sum = series.bytes.iter().fold(0_u64, |a, &b| a.saturating_add(b));
            row(
                canvas.name(&series.name),
                &series.bytes,
                units::bytes(sum),
                units::percent(sum, total),
            )
        })
        .collect();
    let sum = |values: &[u64]| values.iter().fold(0_u64, |a, &b| a.saturating_add(b));
    rows.push(row(
        "packets".into(),
        &line.packets,
        units::count(sum(&line.packets)),
        String::new(),
    ));
    if line.new_flows.iter().any(|&f| f > 0) {
        rows.push(row(
            "new flows".into(),
            &line.new_flows,
            units::count(sum(&line.new_flows)),
            String::new(),
        ));
    }
    table::write(
        canvas,
        &[
            Column::text("", 9, 14),
            Column::text("", room, room),
            Column::number(""),
            Column::number("").optional(2),
        ],
        &rows,
    );
    if let Some(peak) = line
        .bytes
        .iter()
        .enumerate()
        .max_by_key(|&(i, &b)| (b, usize::MAX - i))
    {
        let at = start.map(|s| {
            let ns = s.saturating_add((interval * peak.0 as f64 * 1e9) as i128);
            format!(" at {}", units::axis_time(ns, interval.min(1.0), interval))
        });
        canvas.remark(&format!(
            "Peak {}{}, over {}.",
            label(*peak.1 as f64),
            at.unwrap_or_default(),
            units::seconds(interval)
        ));
    }
}

fn addresses(report: &Report, canvas: &mut Canvas) {
    let top = canvas.options.top;
    let about = if report.approximate {
        ", estimated"
    } else {
        ""
    };
    if !report.top_addresses.is_empty() {
        canvas.heading(&format!("Top addresses by bytes{about}"));
        address_table(
            canvas,
            &report.top_addresses,
            report.bytes,
            Measure::Bytes,
            top,
        );
    }
    if !report.top_addresses_by_packets.is_empty() {
        canvas.heading(&format!("Top addresses by packets{about}"));
        address_table(
            canvas,
            &report.top_addresses_by_packets,
            report.packets,
            Measure::Packets,
            top,
        );
    }
    if !report.top_destinations.is_empty() {
        canvas.heading(&format!("Where traffic goes{about}"));
        address_table(
            canvas,
            &report.top_destinations,
            report.bytes,
            Measure::Received,
            top,
        );
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Measure {
    Bytes,
    Packets,
    Received,
}

fn address_table(canvas: &mut Canvas, list: &[Address], whole: u64, measure: Measure, top: usize) {
    let values = |a: &Address| match measure {
        Measure::Packets => (a.packets, a.packets_sent, a.packets_received),
        Measure::Bytes => (a.bytes, a.bytes_sent, a.bytes_received),
        Measure::Received => (a.bytes_received, 0, a.bytes_received),
    };
    let shown = |value: u64| {
        if measure == Measure::Packets {
            units::count(value)
        } else {
            units::bytes(value)
        }
    };
    let list = list.get(..top).unwrap_or(list);
    let largest = list.iter().map(|a| values(a).0).max().unwrap_or(0).max(1) as f64;
    let named = list.iter().any(|a| a.name.is_some());
    let rows: Vec<Vec<Cell>> = list
        .iter()
        .map(|a| {
            let (total, sent, received) = values(a);
            let bar = if measure == Measure::Received {
                Cell::bar(received as f64 / largest)
            } else {
                Cell::Bar(vec![
                    (sent as f64 / largest, Style::Sent),
                    (received as f64 / largest, Style::Received),
                ])
            };
            let mut row = vec![
                Cell::new(canvas.name(&a.address)),
                Cell::dim(canvas.name(a.name.as_deref().unwrap_or_default())),
            ];
            row.push(Cell::Text(shown(total), Style::Bold));
            row.push(Cell::new(units::percent(total, whole)));
            row.push(Cell::new(shown(sent)));
            row.push(Cell::new(shown(received)));
            row.push(Cell::dim(units::count(a.flows)));
            row.push(bar);
            row
        })
        .collect();
    let total_title = match measure {
        Measure::Bytes => "bytes",
        Measure::Packets => "packets",
        Measure::Received => "received",
    };
    let mut columns = vec![
        (Column::address("address", 39), true),
        (Column::text("name", 8, 24).optional(3), named),
        (Column::number(total_title), true),
        (Column::number("share").optional(4), true),
        (
            Column::number("sent").optional(6),
            measure != Measure::Received,
        ),
        (
            Column::number("received").optional(7),
            measure != Measure::Received,
        ),
        (Column::number("flows").optional(2), true),
        (
            Column::bar(
                if measure == Measure::Received {
                    ""
                } else {
                    "█ out ░ in"
                },
                10,
                40,
            )
            .optional(5),
            true,
        ),
    ];
    let rows = keep(rows, &columns);
    columns.retain(|c| c.1);
    let columns: Vec<Column> = columns.into_iter().map(|c| c.0).collect();
    table::write(canvas, &columns, &rows);
}

/// The rows without the cells of the columns that are not wanted.
fn keep(rows: Vec<Vec<Cell>>, columns: &[(Column, bool)]) -> Vec<Vec<Cell>> {
    rows.into_iter()
        .map(|row| {
            row.into_iter()
                .zip(columns)
                .filter(|(_, c)| c.1)
                .map(|(cell, _)| cell)
                .collect()
        })
        .collect()
}

fn conversations(report: &Report, canvas: &mut Canvas) {
    let list = limited(&report.top_conversations, canvas);
    if list.is_empty() {
        return;
    }
    canvas.heading("Top conversations");
    let largest = list.iter().map(|c| c.bytes).max().unwrap_or(0).max(1) as f64;
    let rows: Vec<Vec<Cell>> = list
        .iter()
        .map(|c| {
            vec![
                Cell::new(canvas.name(&c.a)),
                Cell::new(canvas.name(&c.b)),
                Cell::Text(units::bytes(c.bytes), Style::Bold),
                Cell::new(units::bytes(c.bytes_a_to_b)),
                Cell::new(units::bytes(c.bytes_b_to_a)),
                Cell::dim(units::count(c.packets)),
                Cell::dim(units::count(c.flows)),
                Cell::dim(units::seconds(c.duration)),
                Cell::new(
                    c.services
                        .iter()
                        .map(|s| canvas.name(s))
                        .collect::<Vec<_>>()
                        .join(" "),
                ),
                Cell::Bar(vec![
                    (c.bytes_a_to_b as f64 / largest, Style::Sent),
                    (c.bytes_b_to_a as f64 / largest, Style::Received),
                ]),
            ]
        })
        .collect();
    table::write(
        canvas,
        &[
            Column::address("a", 16),
            Column::address("b", 16),
            Column::number("bytes"),
            Column::number("a → b").optional(5),
            Column::number("b → a").optional(5),
            Column::number("packets").optional(2),
            Column::number("flows").optional(4),
            Column::number("time").optional(3),
            Column::text("services", 8, 28).optional(6),
            Column::bar("", 8, 30).optional(1),
        ],
        &rows,
    );
}

fn protocols(report: &Report, canvas: &mut Canvas) {
    /// Deeper trees than this are drawn no further to the right.
    const DEEPEST: u32 = 12;
    if report.protocols.is_empty() {
        return;
    }
    canvas.heading("Protocols");
    let rows: Vec<Vec<Cell>> = report
        .protocols
        .iter()
        .map(|p| {
            let indent = "  ".repeat(p.depth.min(DEEPEST) as usize);
            vec![
                Cell::new(format!("{indent}{}", canvas.name(&p.name))),
                Cell::new(units::count(p.packets)),
                Cell::Text(units::bytes(p.bytes), Style::Bold),
                Cell::new(units::percent(p.bytes, report.bytes)),
                Cell::bar(p.bytes as f64 / report.bytes.max(1) as f64),
            ]
        })
        .collect();
    table::write(
        canvas,
        &[
            Column::text("protocol", 14, 40),
            Column::number("packets").optional(3),
            Column::number("bytes"),
            Column::number("share"),
            Column::bar("", 8, 40),
        ],
        &rows,
    );
}

fn services(report: &Report, canvas: &mut Canvas) {
    let list = limited(&report.services, canvas);
    if list.is_empty() {
        return;
    }
    canvas.heading("Services");
    let largest = list.iter().map(|s| s.bytes).max().unwrap_or(0).max(1) as f64;
    let rows: Vec<Vec<Cell>> = list
        .iter()
        .map(|s| {
            let port = s.port.map_or_else(
                || canvas.name(&s.transport),
                |p| format!("{}/{p}", canvas.name(&s.transport)),
            );
            vec![
                Cell::new(canvas.name(&s.name)),
                Cell::dim(port),
                Cell::new(units::count(s.flows)),
                Cell::dim(units::count(s.packets)),
                Cell::Text(units::bytes(s.bytes), Style::Bold),
                Cell::new(units::percent(s.bytes, report.bytes)),
                Cell::bar(s.bytes as f64 / largest),
            ]
        })
        .collect();
    table::write(
        canvas,
        &[
            Column::text("service", 8, 24),
            Column::text("port", 8, 14).optional(4),
            Column::number("flows"),
            Column::number("packets").optional(3),
            Column::number("bytes"),
            Column::number("share"),
            Column::bar("", 8, 40),
        ],
        &rows,
    );
    if list.iter().any(|s| s.source == "port") {
        canvas.remark("Told by port number: a service on another port, or another service on this one, is not seen.");
    }
}

fn sizes(report: &Report, canvas: &mut Canvas) {
    let Some(last) = report.packet_sizes.iter().rposition(|b| b.packets > 0) else {
        return;
    };
    canvas.heading("Packet sizes");
    let list = report.packet_sizes.get(..=last).unwrap_or_default();
    let all = list.iter().fold(0_u64, |a, b| a.saturating_add(b.packets));
    let largest = list.iter().map(|b| b.packets).max().unwrap_or(0).max(1) as f64;
    let rows: Vec<Vec<Cell>> = list
        .iter()
        .map(|b| {
            let range = match b.max {
                Some(max) if max == b.min => format!("{max}"),
                Some(max) => format!("{}–{max}", b.min),
                None => format!("{} and more", b.min),
            };
            vec![
                Cell::new(range),
                Cell::Text(units::count(b.packets), Style::Bold),
                Cell::new(units::percent(b.packets, all)),
                Cell::bar(b.packets as f64 / largest),
            ]
        })
        .collect();
    table::write(
        canvas,
        &[
            Column::number("bytes"),
            Column::number("packets"),
            Column::number("share"),
            Column::bar("", 8, 50),
        ],
        &rows,
    );
}

fn unique(report: &Report, canvas: &mut Canvas) {
    let unique = &report.unique;
    if unique.src_macs == 0 && unique.src_ips == 0 && unique.top_macs.is_empty() {
        return;
    }
    canvas.heading("Unique addresses");
    let about = if unique.approximate { "about " } else { "" };
    let of = |sources: u64, destinations: u64| {
        vec![
            Cell::Text(format!("{about}{}", units::count(sources)), Style::Bold),
            Cell::Text(
                format!("{about}{}", units::count(destinations)),
                Style::Bold,
            ),
        ]
    };
    let row = |name: &str, cells: Vec<Cell>| {
        std::iter::once(Cell::new(name))
            .chain(cells)
            .collect::<Vec<_>>()
    };
    table::write(
        canvas,
        &[
            Column::text("", 8, 24),
            Column::number("as source"),
            Column::number("as destination"),
        ],
        &[
            row("IP", of(unique.src_ips, unique.dst_ips)),
            row("hardware", of(unique.src_macs, unique.dst_macs)),
        ],
    );
    let list = limited(&unique.top_macs, canvas);
    if list.is_empty() {
        return;
    }
    canvas.end_line();
    let rows: Vec<Vec<Cell>> = list
        .iter()
        .map(|m| {
            vec![
                Cell::new(canvas.name(&m.mac)),
                Cell::new(units::bytes(m.bytes_sent)),
                Cell::new(units::bytes(m.bytes_received)),
                Cell::dim(units::count(m.packets_sent)),
                Cell::dim(units::count(m.packets_received)),
            ]
        })
        .collect();
    table::write(
        canvas,
        &[
            Column::text("hardware address", 17, 24),
            Column::number("sent"),
            Column::number("received"),
            Column::number("packets sent").optional(3),
            Column::number("received").optional(2),
        ],
        &rows,
    );
}

fn risky(report: &Report, canvas: &mut Canvas) {
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
            &canvas.name(&risk.protocol),
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

fn performance(report: &Report, canvas: &mut Canvas) {
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
            units::counted(p.retransmissions, "retransmission", "retransmissions"),
            units::percent(p.retransmissions, p.data_packets),
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
    if list.is_empty() {
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
                units::count(flow.retransmissions),
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

fn local(report: &Report, canvas: &mut Canvas) {
    let l = &report.local;
    let arp = l
        .arp_requests
        .saturating_add(l.arp_replies)
        .saturating_add(l.arp_gratuitous);
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
                "ARP: {}, {}, {} gratuitous",
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

fn anomalies(report: &Report, canvas: &mut Canvas) {
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

fn capture(report: &Report, canvas: &mut Canvas) {
    canvas.heading("The capture and how far to trust it");
    let q = &report.quality;
    let mut facts: Vec<(&str, String)> = Vec::new();
    if report.packets > 0 {
        let of_packets = |n: u64| {
            format!(
                "{} ({})",
                units::count(n),
                units::percent(n, report.packets)
            )
        };
        let lost = q
            .dropped
            .map_or_else(|| "the capture does not say".to_owned(), units::count);
        facts.push(("lost while capturing", lost));
        facts.push(("cut by a snap length", of_packets(q.truncated)));
        facts.push(("repeated", of_packets(q.duplicates)));
        facts.push(("out of order in time", of_packets(q.out_of_order)));
        facts.push(("longer than a frame", of_packets(q.oversized)));
        facts.push(("not decoded to the end", of_packets(q.decode_stopped)));
        if let Some(share) = q.one_way_tcp_share {
            facts.push((
                "TCP seen one way only",
                format!("{} of flows", units::share(share)),
            ));
        }
        facts.push(("TCP bytes missing", units::bytes(q.missed_bytes)));
        if report.flow_table.evicted > 0 {
            facts.push((
                "flows ended early",
                format!(
                    "{} (memory cap of {})",
                    units::count(report.flow_table.evicted),
                    units::bytes(report.flow_table.max_memory)
                ),
            ));
        }
        if report.flow_table.fragments_incomplete > 0 {
            facts.push((
                "fragments left over",
                units::counted(
                    report.flow_table.fragments_incomplete,
                    "datagram",
                    "datagrams",
                ),
            ));
        }
    }
    let rows: Vec<Vec<Cell>> = facts
        .into_iter()
        .map(|(name, value)| vec![Cell::dim(name), Cell::new(value)])
        .collect();
    table::write(
        canvas,
        &[Column::text("", 22, 26), Column::text("", 12, 80)],
        &rows,
    );
    let most = canvas.options.top;
    for source in report.capture.iter().take(most) {
        canvas.end_line();
        let links: Vec<String> = source
            .interfaces
            .iter()
            .take(4)
            .map(|i| {
                let link = canvas.name(&i.link_type);
                i.name.as_ref().map_or_else(
                    || link.clone(),
                    |name| format!("{} ({link})", canvas.name(name)),
                )
            })
            .collect();
        let mut about = vec![
            canvas.name(&source.format),
            units::counted(source.packets, "packet", "packets"),
            units::bytes(source.bytes),
        ];
        if !links.is_empty() {
            about.push(links.join(", "));
        }
        about.extend(
            [&source.application, &source.os, &source.hardware]
                .into_iter()
                .flatten()
                .map(|t| canvas.name(t)),
        );
        let width = canvas.width();
        let name = text::cut_middle(&canvas.name(&source.name), width.saturating_sub(2), "…");
        canvas.paragraph(&name, 2, Style::Bold);
        canvas.paragraph(&about.join(" · "), 4, Style::Dim);
        for comment in source.comments.iter().take(3) {
            let comment = format!("comment: {}", canvas.name(comment));
            canvas.paragraph(&comment, 4, Style::Plain);
        }
        for warning in source.warnings.iter().take(most) {
            let warning = format!("warning: {}", canvas.name(warning));
            canvas.paragraph(&warning, 4, Style::Medium);
        }
    }
    if let Some(more) = report.capture.len().checked_sub(most).filter(|&n| n > 0) {
        canvas.end_line();
        canvas.remark(&format!(
            "and {}, all in the JSON report.",
            units::counted(more as u64, "more file", "more files")
        ));
    }
}

/// The first rows of a list, as many as the options say.
fn limited<'a, T>(list: &'a [T], canvas: &Canvas) -> &'a [T] {
    list.get(..canvas.options.top).unwrap_or(list)
}
