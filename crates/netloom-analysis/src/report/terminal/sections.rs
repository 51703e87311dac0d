//! The sections of the report, in the order a person reads them; here what is first and last.

use super::super::chart::timeline::Drawn;
use super::super::model::Report;
use super::super::{text, units};
use super::canvas::{Canvas, Style};
use super::table::{self, Cell, Column};
use super::{named, plot, traffic, trouble};

/// Writes every section.
pub(super) fn all(report: &Report, canvas: &mut Canvas) {
    overview(report, canvas);
    if report.packets == 0 {
        canvas.end_line();
        canvas.remark("There is no packet in it, so there is nothing more to tell.");
        capture(report, canvas);
        return;
    }
    named::sites(report, canvas);
    named::applications(report, canvas);
    named::hosts(report, canvas);
    timeline(report, canvas);
    traffic::addresses(report, canvas);
    traffic::conversations(report, canvas);
    named::countries(report, canvas);
    traffic::protocols(report, canvas);
    traffic::services(report, canvas);
    named::dns(report, canvas);
    named::tls(report, canvas);
    named::http(report, canvas);
    traffic::sizes(report, canvas);
    traffic::unique(report, canvas);
    named::risks(report, canvas);
    trouble::risky(report, canvas);
    trouble::performance(report, canvas);
    trouble::local(report, canvas);
    trouble::anomalies(report, canvas);
    capture(report, canvas);
}

fn overview(report: &Report, canvas: &mut Canvas) {
    let title = match report.captures_read().as_slice() {
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
    if let Some(filter) = &report.filter {
        let line = format!("Only packets that match: {}", canvas.name(filter));
        canvas.paragraph(&line, 0, Style::Dim);
    }
    if report.interrupted {
        canvas.paragraph(
            "Reading was interrupted: this is what was read until then.",
            0,
            Style::Medium,
        );
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
        let about = if report.unique.approximate {
            "about "
        } else {
            ""
        };
        let (name, sources, destinations) = report.unique.stations();
        facts.push((
            name,
            format!(
                "{about}{} as source, {about}{} as destination",
                units::count(sources),
                units::count(destinations)
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
    findings(report, canvas);
}

/// What stands out: so much that the figures and it fit a screen, the rest is further down.
fn findings(report: &Report, canvas: &mut Canvas) {
    if report.findings.is_empty() {
        return;
    }
    let width = canvas.width();
    canvas.end_line();
    for finding in report.findings.iter().take(FINDINGS_MAX) {
        let style = Style::of_severity(&finding.severity);
        let severity = text::cut_end(&canvas.name(&finding.severity), 8, "…");
        canvas.spaces(2);
        canvas.put(&severity, style);
        canvas.spaces(8_usize.saturating_sub(text::width(&severity)));
        // The title begins beside its severity and goes on below itself.
        let title = canvas.name(&finding.title);
        let lines = super::canvas::wrap(&title, width.saturating_sub(10).max(8));
        for (n, line) in lines.iter().enumerate() {
            if n > 0 {
                canvas.spaces(10);
            }
            canvas.put(line, Style::Bold);
            canvas.end_line();
        }
        let detail = canvas.name(first_sentence(&finding.detail));
        if !detail.is_empty() {
            canvas.paragraph(&detail, 10, Style::Dim);
        }
    }
    if let Some(more) = report
        .findings
        .len()
        .checked_sub(FINDINGS_MAX)
        .filter(|&more| more > 0)
    {
        canvas.remark(&format!(
            "… and {} of less weight; the sections below and the page tell them.",
            units::counted(more as u64, "finding", "findings")
        ));
    }
}

/// Findings at the head of the report.
const FINDINGS_MAX: usize = 8;

/// What is wrong; what to do about it stands in the section about it.
fn first_sentence(text: &str) -> &str {
    text.find(". ")
        .and_then(|end| text.get(..=end))
        .unwrap_or(text)
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
    let wanted = (canvas.width().saturating_sub(16) / 20).max(1);
    let ticks = Drawn::new(line)
        .map(|d| d.ticks(wanted))
        .unwrap_or_default();
    plot::chart(canvas, &line.bytes, 6, &label, &ticks);
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
            let span = interval * line.bytes.len() as f64;
            format!(" at {}", units::axis_time(ns, interval.min(1.0), span))
        });
        let columns = plot::columns(canvas);
        let joined = if line.bytes.len() > columns {
            let seconds = interval * line.bytes.len() as f64 / columns as f64;
            format!(
                "; a column of the chart is the mean of {}",
                units::seconds(seconds)
            )
        } else {
            String::new()
        };
        canvas.remark(&format!(
            "Peak {}{}, over {}{joined}. Protocols here are told by port.",
            label(*peak.1 as f64),
            at.unwrap_or_default(),
            units::seconds(interval)
        ));
    }
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

/// Says how many of a list are not shown.
pub(super) fn and_more<T>(all: &[T], shown: &[T], noun: (&str, &str), canvas: &mut Canvas) {
    more(all.len().saturating_sub(shown.len()) as u64, noun, canvas);
}

/// Says how many more there are than are shown, where there are.
pub(super) fn more(rest: u64, (one, many): (&str, &str), canvas: &mut Canvas) {
    if rest > 0 {
        let (one, many) = (format!("more {one}"), format!("more {many}"));
        canvas.remark(&format!("and {}.", units::counted(rest, &one, &many)));
    }
}

/// The first rows of a list, as many as the options say.
pub(super) fn limited<'a, T>(list: &'a [T], canvas: &Canvas) -> &'a [T] {
    list.get(..canvas.options.top).unwrap_or(list)
}
