//! Who talks to whom, in what, and how much.

use super::super::model::{Address, Report, Service};
use super::super::units;
use super::canvas::{Canvas, Style};
use super::sections::{and_more, limited};
use super::table::{self, Cell, Column};

pub(super) fn addresses(report: &Report, canvas: &mut Canvas) {
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
        Measure::Received => (
            a.bytes_received_as_responder,
            0,
            a.bytes_received_as_responder,
        ),
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
        // Those of an address are not only those in which it answered.
        (
            Column::number("flows").optional(2),
            measure != Measure::Received,
        ),
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

pub(super) fn conversations(report: &Report, canvas: &mut Canvas) {
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

pub(super) fn protocols(report: &Report, canvas: &mut Canvas) {
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
    canvas.remark("What TCP and UDP carry is told by port; what flows speak is under Services.");
}

pub(super) fn services(report: &Report, canvas: &mut Canvas) {
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
                Cell::new(if s.is_by_port() {
                    format!("{} ?", canvas.name(&s.name))
                } else {
                    canvas.name(&s.name)
                }),
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
    if list.iter().any(Service::is_by_port) {
        canvas.remark(
            "?: nothing was said that could be recognised; the port is usually used for this.",
        );
    }
    and_more(&report.services, list, ("service", "services"), canvas);
}

pub(super) fn sizes(report: &Report, canvas: &mut Canvas) {
    let list = report.sizes_seen();
    if list.is_empty() {
        return;
    }
    canvas.heading("Packet sizes");
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

pub(super) fn unique(report: &Report, canvas: &mut Canvas) {
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
