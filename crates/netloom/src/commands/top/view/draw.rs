//! What is on the screen.

use netloom::analysis::report::units;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row, Sparkline, Table};

use super::{Heading, TABS, Tab, View};
use crate::commands::top::model::Model;
use crate::output::visible;

/// Columns from which a second table stands beside the first.
const WIDE: u16 = 130;

/// Rows from which there is a graph.
const GRAPH_FROM: u16 = 14;

impl View {
    pub(in crate::commands::top) fn draw(
        &mut self,
        frame: &mut Frame<'_>,
        model: &Model,
        heading: &Heading,
    ) {
        let area = frame.area();
        if area.width == 0 || area.height == 0 {
            return;
        }
        let graph = if area.height >= GRAPH_FROM {
            (area.height / 4).clamp(4, 10)
        } else {
            0
        };
        let tabs = u16::from(area.height >= 4);
        let keys = u16::from(area.height >= 6);
        let [top, chart, names, table, bottom] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(graph),
            Constraint::Length(tabs),
            Constraint::Min(0),
            Constraint::Length(keys),
        ])
        .areas(area);
        frame.render_widget(self.heading(model, heading), top);
        if chart.height > 0 {
            draw_graph(frame, chart, model, heading);
        }
        if names.height > 0 {
            frame.render_widget(self.tabs(), names);
        }
        if area.width >= WIDE {
            let other = if self.tab == Tab::Services {
                Tab::Hosts
            } else {
                Tab::Services
            };
            let [left, _, right] = Layout::horizontal([
                Constraint::Percentage(60),
                Constraint::Length(2),
                Constraint::Min(0),
            ])
            .areas(table);
            self.rows = self.draw_table(frame, left, model, heading, self.tab, self.first_row);
            self.draw_table(frame, right, model, heading, other, 0);
        } else {
            self.rows = self.draw_table(frame, table, model, heading, self.tab, self.first_row);
        }
        self.page = usize::from(table.height.saturating_sub(1)).max(1);
        self.first_row = self.first_row.min(self.rows.saturating_sub(self.page));
        if bottom.height > 0 {
            frame.render_widget(self.keys(heading), bottom);
        }
        if self.help {
            draw_help(frame, area);
        }
    }

    fn heading(&self, model: &Model, heading: &Heading) -> Paragraph<'static> {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let mut spans = vec![
            Span::styled(visible(&heading.source), bold),
            Span::raw(format!(
                "  {}  {}  {}",
                heading.progress,
                units::counted(model.packets, "packet", "packets"),
                units::bytes(model.bytes)
            )),
        ];
        if heading.dropped > 0 {
            spans.push(Span::styled(
                format!("  {} dropped", units::count(heading.dropped)),
                bold.fg(Color::Red),
            ));
        }
        if self.paused {
            spans.push(Span::styled("  PAUSED", bold.fg(Color::Yellow)));
        }
        Paragraph::new(Line::from(spans))
    }

    fn tabs(&self) -> Paragraph<'static> {
        let mut spans = Vec::new();
        for (number, tab) in TABS.iter().enumerate() {
            let style = if *tab == self.tab {
                Style::new().add_modifier(Modifier::REVERSED)
            } else {
                Style::new()
            };
            spans.push(Span::styled(
                format!(" {} {} ", number + 1, tab.name()),
                style,
            ));
            spans.push(Span::raw(" "));
        }
        Paragraph::new(Line::from(spans))
    }

    fn keys(&self, heading: &Heading) -> Paragraph<'static> {
        if self.typing || !self.filter.is_empty() {
            let cursor = if self.typing {
                "█"
            } else {
                "  (Esc clears it)"
            };
            return Paragraph::new(format!("only rows with: {}{cursor}", visible(&self.filter)));
        }
        if let Some(message) = &heading.message {
            return Paragraph::new(visible(message)).style(Style::new().fg(Color::Yellow));
        }
        Paragraph::new(format!(
            "q quit  p pause  s sort: {}{}  / filter  1-5 tables  ? help",
            self.sort.name(),
            if self.reversed { " (reversed)" } else { "" }
        ))
        .style(Style::new().add_modifier(Modifier::DIM))
    }

    /// Draws a table from a row on; returns how many rows there are to scroll through.
    fn draw_table(
        &self,
        frame: &mut Frame<'_>,
        area: Rect,
        model: &Model,
        heading: &Heading,
        tab: Tab,
        first_row: usize,
    ) -> usize {
        if area.height == 0 || area.width == 0 {
            return 0;
        }
        let room = usize::from(area.height.saturating_sub(1));
        let page = self.page_of(model, tab, heading.second, first_row, room);
        if page.rows == 0 {
            let text = if self.filter.is_empty() {
                tab.empty(heading.live).to_owned()
            } else {
                format!("No row contains '{}'.", visible(&self.filter))
            };
            frame.render_widget(Paragraph::new(text), area);
            return 0;
        }
        // Columns go from the right where there is no room for them.
        let (out, back) = tab.ways();
        let columns: [(&str, u16); 5] = [
            (if heading.live { "Now" } else { "Share" }, 12),
            ("Bytes", 9),
            (out, 9),
            (back, 9),
            ("Packets", 9),
        ];
        let name = match (area.width, tab) {
            (..60, _) => 15,
            (_, Tab::Conversations | Tab::Sites | Tab::Processes) => 46,
            _ => 24,
        };
        let mut left = area.width.saturating_sub(name);
        let shown = columns
            .iter()
            .take_while(|(_, width)| {
                let fits = left > *width;
                left = left.saturating_sub(*width + 1);
                fits
            })
            .count();
        let cells = |texts: [String; 5], name: String| {
            let numbers = texts
                .into_iter()
                .take(shown)
                .map(|text| Cell::from(Line::from(text).right_aligned()));
            Row::new(std::iter::once(Cell::from(name)).chain(numbers))
        };
        let header = cells(
            columns.map(|(name, _)| name.to_owned()),
            tab.name().to_owned(),
        )
        .style(Style::new().add_modifier(Modifier::BOLD));
        let mut rows: Vec<Row<'_>> = page
            .items
            .into_iter()
            .map(|item| {
                let bytes = item.entry.bytes();
                let texts = [
                    if heading.live {
                        units::bits_per_second(item.rate)
                    } else {
                        units::percent(bytes, model.bytes)
                    },
                    units::bytes(bytes),
                    units::bytes(item.entry.sent),
                    units::bytes(item.entry.received),
                    units::short(item.entry.packets),
                ];
                cells(texts, item.name)
            })
            .collect();
        if page.others > 0 && rows.len() < room {
            let bytes = units::bytes(page.others);
            let texts = [
                String::new(),
                bytes,
                String::new(),
                String::new(),
                String::new(),
            ];
            rows.push(cells(texts, "(smaller ones)".to_owned()));
        }
        let mut widths = vec![Constraint::Min(10)];
        widths.extend(
            columns
                .iter()
                .take(shown)
                .map(|(_, width)| Constraint::Length(*width)),
        );
        frame.render_widget(Table::new(rows, widths).header(header), area);
        page.rows
    }
}

fn draw_graph(frame: &mut Frame<'_>, area: Rect, model: &Model, heading: &Heading) {
    let width = usize::from(area.width);
    let data = model.throughput(width, heading.live.then_some(heading.second));
    let peak = data.iter().copied().max().unwrap_or(0);
    let title = if heading.live {
        let now = data.last().copied().unwrap_or(0);
        format!(
            "now {}  peak {}  ({width} s)",
            units::bits_per_second(now as f64),
            units::bits_per_second(peak as f64)
        )
    } else {
        format!("peak {}", units::bits_per_second(peak as f64))
    };
    let block =
        Block::new().title(Line::from(title).style(Style::new().add_modifier(Modifier::DIM)));
    let graph = Sparkline::default()
        .block(block)
        .data(&data)
        .max(peak.max(1))
        .style(Style::new().fg(Color::Cyan));
    frame.render_widget(graph, area);
}

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    let lines = [
        "q, Ctrl-C   quit",
        "1-5, Tab    the tables",
        "s           sort: rate, bytes, packets, name",
        "r           the other way round",
        "/           only rows that contain a text",
        "p, space    pause; the counting goes on",
        "↑ ↓ PgUp PgDn Home End   scroll",
        "",
        "Rates are those of the last 3 whole seconds.",
        "Any key closes this.",
    ];
    let (width, height) = (
        52.min(area.width),
        (lines.len() as u16 + 2).min(area.height),
    );
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    frame.render_widget(Clear, place);
    let lines: Vec<Line<'_>> = lines.iter().map(|&line| Line::from(line)).collect();
    frame.render_widget(
        Paragraph::new(lines).block(Block::bordered().title("netloom top")),
        place,
    );
}
