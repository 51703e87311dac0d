//! The screen of `netloom top`: what is on it, and what keys do to it.

use std::cmp::Ordering;
use std::hash::Hash;

use netloom::analysis::report::units;
use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row, Sparkline, Table};

use super::model::{Entry, Model, Ranking};
use crate::output::visible;

/// The tables, in the order of their keys.
const TABS: [Tab; 5] = [
    Tab::Hosts,
    Tab::Sites,
    Tab::Services,
    Tab::Conversations,
    Tab::Processes,
];

/// Characters of what rows have to contain, at most.
const MAX_FILTER: usize = 60;

/// Columns from which a second table stands beside the first.
const WIDE: u16 = 130;

/// Rows from which there is a graph.
const GRAPH_FROM: u16 = 14;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tab {
    Hosts,
    Sites,
    Services,
    Conversations,
    Processes,
}

impl Tab {
    const fn name(self) -> &'static str {
        match self {
            Self::Hosts => "Hosts",
            Self::Sites => "Sites",
            Self::Services => "Services",
            Self::Conversations => "Conversations",
            Self::Processes => "Processes",
        }
    }

    /// What the columns "sent" and "received" are called.
    const fn ways(self) -> (&'static str, &'static str) {
        match self {
            Self::Hosts => ("Sent", "Received"),
            _ => ("→", "←"),
        }
    }

    /// What stands there while there is no row.
    const fn empty(self, live: bool) -> &'static str {
        match (self, live) {
            (Self::Sites, _) => "No names of servers seen yet.",
            (Self::Processes, true) => "No flow of this machine's own programs seen yet.",
            (Self::Processes, false) => "A capture does not say which programs its traffic is of.",
            (_, true) => "No traffic yet.",
            (_, false) => "No packets.",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Rate,
    Bytes,
    Packets,
    Name,
}

impl Sort {
    const fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Bytes => "bytes",
            Self::Packets => "packets",
            Self::Name => "name",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Rate => Self::Bytes,
            Self::Bytes => Self::Packets,
            Self::Packets => Self::Name,
            Self::Name => Self::Rate,
        }
    }
}

/// What stands in the first line.
#[derive(Debug, Clone, Default)]
pub(super) struct Heading {
    /// Interfaces or files.
    pub(super) source: String,
    /// `1:05`, or how much of the files was read.
    pub(super) progress: String,
    /// Packets that were lost.
    pub(super) dropped: u64,
    /// Watching an interface, not reading files.
    pub(super) live: bool,
    /// What happened last: an interface that went away, an error.
    pub(super) message: Option<String>,
    /// The second now, for rates.
    pub(super) second: i64,
}

/// What the person has chosen to see.
#[derive(Debug)]
pub(super) struct View {
    tab: Tab,
    sort: Sort,
    reversed: bool,
    filter: String,
    /// The filter is being typed.
    typing: bool,
    help: bool,
    paused: bool,
    first_row: usize,
    rows: usize,
    page: usize,
}

/// What a key asks for beyond the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    Quit,
}

struct Item {
    name: String,
    entry: Entry,
    rate: f64,
}

impl View {
    pub(super) fn new(live: bool) -> Self {
        Self {
            tab: Tab::Hosts,
            // What a capture holds has no "now".
            sort: if live { Sort::Rate } else { Sort::Bytes },
            reversed: false,
            filter: String::new(),
            typing: false,
            help: false,
            paused: false,
            first_row: 0,
            rows: 0,
            page: 1,
        }
    }

    pub(super) const fn is_paused(&self) -> bool {
        self.paused
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Wish {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && matches!(key.code, KeyCode::Char('c')) {
            return Wish::Quit;
        }
        if self.typing {
            match key.code {
                KeyCode::Enter => self.typing = false,
                KeyCode::Esc => {
                    self.typing = false;
                    self.filter.clear();
                }
                KeyCode::Backspace => _ = self.filter.pop(),
                KeyCode::Char(letter) if !control && self.filter.len() < MAX_FILTER => {
                    self.filter.push(letter);
                }
                _ => {}
            }
            self.first_row = 0;
            return Wish::Nothing;
        }
        if self.help {
            self.help = false;
            return if key.code == KeyCode::Char('q') {
                Wish::Quit
            } else {
                Wish::Nothing
            };
        }
        let last = self.rows.saturating_sub(self.page);
        match key.code {
            KeyCode::Char('q') => return Wish::Quit,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Char('?' | 'h') => self.help = true,
            KeyCode::Char('p' | ' ') => self.paused = !self.paused,
            KeyCode::Char('s') => self.sort = self.sort.next(),
            KeyCode::Char('r') => self.reversed = !self.reversed,
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Char(digit @ '1'..='5') => {
                let place = digit as usize - '1' as usize;
                self.show(TABS.get(place).copied().unwrap_or(Tab::Hosts));
            }
            KeyCode::Tab | KeyCode::Right => self.step(1),
            KeyCode::BackTab | KeyCode::Left => self.step(TABS.len() - 1),
            KeyCode::Down | KeyCode::Char('j') => self.first_row = (self.first_row + 1).min(last),
            KeyCode::Up | KeyCode::Char('k') => self.first_row = self.first_row.saturating_sub(1),
            KeyCode::PageDown => self.first_row = (self.first_row + self.page).min(last),
            KeyCode::PageUp => self.first_row = self.first_row.saturating_sub(self.page),
            KeyCode::Home => self.first_row = 0,
            KeyCode::End => self.first_row = last,
            _ => {}
        }
        Wish::Nothing
    }

    fn show(&mut self, tab: Tab) {
        self.tab = tab;
        self.first_row = 0;
    }

    fn step(&mut self, by: usize) {
        let place = TABS.iter().position(|&tab| tab == self.tab).unwrap_or(0);
        self.show(TABS[(place + by) % TABS.len()]);
    }

    pub(super) fn draw(&mut self, frame: &mut Frame<'_>, model: &Model, heading: &Heading) {
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
            self.draw_table(frame, left, model, heading, self.tab, self.first_row);
            self.draw_table(frame, right, model, heading, other, 0);
        } else {
            self.draw_table(frame, table, model, heading, self.tab, self.first_row);
        }
        self.page = usize::from(table.height.saturating_sub(1)).max(1);
        self.rows = count(model, self.tab);
        self.first_row = self.first_row.min(self.rows.saturating_sub(1));
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

    fn draw_table(
        &self,
        frame: &mut Frame<'_>,
        area: Rect,
        model: &Model,
        heading: &Heading,
        tab: Tab,
        first_row: usize,
    ) {
        if area.height == 0 || area.width == 0 {
            return;
        }
        let room = usize::from(area.height.saturating_sub(1));
        let (items, others) = self.items(model, tab, heading.second, first_row, room);
        if items.is_empty() && others == 0 {
            let text = if self.filter.is_empty() {
                tab.empty(heading.live).to_owned()
            } else {
                format!("No row contains '{}'.", visible(&self.filter))
            };
            frame.render_widget(Paragraph::new(text), area);
            return;
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
        let mut rows: Vec<Row<'_>> = items
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
        if others > 0 && rows.len() < room {
            let bytes = units::bytes(others);
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
    }

    /// The rows that are on the screen, and the bytes of what has no row of its own.
    fn items(
        &self,
        model: &Model,
        tab: Tab,
        second: i64,
        skip: usize,
        room: usize,
    ) -> (Vec<Item>, u64) {
        match tab {
            Tab::Hosts => self.rank(&model.hosts, second, skip, room, ToString::to_string),
            Tab::Sites => self.rank(&model.sites, second, skip, room, |name| visible(name)),
            Tab::Services => {
                self.rank(&model.services, second, skip, room, |&name| name.to_owned())
            }
            Tab::Conversations => self.rank(&model.conversations, second, skip, room, |both| {
                format!("{} – {}  {}", both.a, both.b, both.service)
            }),
            Tab::Processes => self.rank(&model.processes, second, skip, room, |name| visible(name)),
        }
    }

    fn rank<K: Hash + Eq>(
        &self,
        ranking: &Ranking<K>,
        second: i64,
        skip: usize,
        room: usize,
        name: impl Fn(&K) -> String,
    ) -> (Vec<Item>, u64) {
        let wanted = self.filter.to_lowercase();
        let by_name = self.sort == Sort::Name || !wanted.is_empty();
        // Names are made for those that are shown, unless they decide who is.
        let mut items: Vec<(&K, Item)> = ranking
            .entries
            .iter()
            .map(|(key, entry)| {
                let item = Item {
                    name: if by_name { name(key) } else { String::new() },
                    entry: *entry,
                    rate: entry.rate(second),
                };
                (key, item)
            })
            .filter(|(_, item)| wanted.is_empty() || item.name.to_lowercase().contains(&wanted))
            .collect();
        let order = |a: &(&K, Item), b: &(&K, Item)| {
            let order = self.order(&a.1, &b.1);
            if self.reversed {
                order.reverse()
            } else {
                order
            }
        };
        // With tens of thousands of rows, only what is shown is put in order.
        let end = (skip + room).min(items.len());
        if end > 0 && end < items.len() {
            items.select_nth_unstable_by(end - 1, order);
            items.truncate(end);
        }
        items.sort_by(order);
        let shown = items.into_iter().skip(skip).map(|(key, mut item)| {
            if !by_name {
                item.name = name(key);
            }
            item
        });
        let others = if wanted.is_empty() { ranking.others } else { 0 };
        (shown.collect(), others)
    }

    fn order(&self, a: &Item, b: &Item) -> Ordering {
        let bytes = || b.entry.bytes().cmp(&a.entry.bytes());
        match self.sort {
            Sort::Rate => b.rate.total_cmp(&a.rate).then_with(bytes),
            Sort::Bytes => bytes(),
            Sort::Packets => b.entry.packets.cmp(&a.entry.packets).then_with(bytes),
            Sort::Name => a.name.cmp(&b.name),
        }
        .then_with(|| a.entry.packets.cmp(&b.entry.packets))
    }
}

fn count(model: &Model, tab: Tab) -> usize {
    match tab {
        Tab::Hosts => model.hosts.entries.len(),
        Tab::Sites => model.sites.entries.len(),
        Tab::Services => model.services.entries.len(),
        Tab::Conversations => model.conversations.entries.len(),
        Tab::Processes => model.processes.entries.len(),
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

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::model::{FlowDelta, FlowKey, Interval};
    use super::*;

    fn model(hosts: u32) -> Model {
        let mut model = Model::default();
        for host in 0..hosts {
            let key = FlowKey {
                a: (IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + host)), 1),
                b: (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 443),
                protocol: 6,
            };
            let delta = FlowDelta {
                service: "https",
                a_bytes: 100 + u64::from(host),
                b_bytes: 1000,
                packets: 3,
            };
            model.flow(&key, &delta, None, 99);
            model.name(&key, "example.com", 99);
            model.time(Interval {
                second: 99,
                bytes: 1100 + u64::from(host),
                packets: 3,
            });
        }
        model
    }

    fn heading() -> Heading {
        Heading {
            source: "eth0\u{1b}[31m".to_owned(),
            progress: "1:05".to_owned(),
            live: true,
            second: 100,
            ..Heading::default()
        }
    }

    fn screen(view: &mut View, model: &Model, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal
            .draw(|frame| view.draw(frame, model, &heading()))
            .unwrap();
        let buffer = terminal.backend().buffer();
        (0..height)
            .map(|y| {
                let line: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
                line.trim_end().to_owned() + "\n"
            })
            .collect()
    }

    fn press(view: &mut View, keys: &str) -> Wish {
        let mut wish = Wish::Nothing;
        for key in keys.chars() {
            let code = match key {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                key => KeyCode::Char(key),
            };
            wish = view.key(KeyEvent::new(code, KeyModifiers::NONE));
        }
        wish
    }

    #[test]
    fn any_size_and_any_amount_of_data_can_be_drawn() {
        for hosts in [0, 3, 5000] {
            let model = model(hosts);
            for (width, height) in [
                (0, 0),
                (1, 1),
                (5, 3),
                (20, 5),
                (30, 14),
                (80, 24),
                (200, 60),
                (500, 3),
            ] {
                for keys in ["", "?", "/x", "ssss", "5", "\tp"] {
                    let mut view = View::new(true);
                    press(&mut view, keys);
                    let text = screen(&mut view, &model, width, height);
                    assert!(!text.contains('\u{1b}'));
                    if width >= 80 && height >= 24 && keys.is_empty() {
                        assert!(text.contains("Hosts") && text.contains("q quit"), "{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn keys_choose_the_table_the_order_and_the_rows() {
        let model = model(30);
        let mut view = View::new(true);
        let text = screen(&mut view, &model, 80, 24);
        let first = text
            .lines()
            .position(|line| line.starts_with("192.0.2.1"))
            .unwrap();
        assert!(
            text.lines()
                .nth(first + 1)
                .unwrap()
                .starts_with("10.0.0.29")
        );
        press(&mut view, "sss");
        let text = screen(&mut view, &model, 80, 24);
        assert!(
            text.lines().nth(first).unwrap().starts_with("10.0.0.0 "),
            "{text}"
        );
        press(&mut view, "r");
        let text = screen(&mut view, &model, 80, 24);
        assert!(text.lines().nth(first).unwrap().starts_with("192.0.2.1"));
        press(&mut view, "/.29\n");
        let text = screen(&mut view, &model, 80, 24);
        assert!(text.contains("10.0.0.29") && !text.contains("192.0.2.1"));
        assert!(text.contains("only rows with: .29"));
        press(&mut view, "2");
        view.key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE));
        assert!(screen(&mut view, &model, 80, 24).contains("example.com"));
        press(&mut view, "p");
        assert!(view.is_paused());
        assert_eq!(press(&mut view, "q"), Wish::Quit);
    }

    #[test]
    fn a_wide_screen_has_a_second_table_and_a_narrow_one_fewer_columns() {
        let model = model(3);
        let mut view = View::new(true);
        let wide = screen(&mut view, &model, 160, 40);
        assert!(wide.contains("Hosts") && wide.contains("https"), "{wide}");
        let narrow = screen(&mut view, &model, 40, 24);
        assert!(
            narrow.contains("Now") && !narrow.contains("Packets "),
            "{narrow}"
        );
    }
}
