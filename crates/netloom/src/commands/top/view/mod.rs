//! The screen of `netloom top`: what is on it, and what keys do to it.

mod draw;
mod rows;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

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
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::model::{FlowDelta, FlowKey, Interval, Model};
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
    fn the_end_of_what_a_filter_leaves_fills_the_screen() {
        let model = model(300);
        let mut view = View::new(true);
        press(&mut view, "sss/10.0.0.2\n");
        let shown = |text: &str| text.lines().filter(|l| l.starts_with("10.0.0.")).count();
        let all = shown(&screen(&mut view, &model, 80, 12));
        view.key(KeyEvent::new(KeyCode::End, KeyModifiers::NONE));
        let text = screen(&mut view, &model, 80, 12);
        assert!(all > 3 && shown(&text) == all, "{text}");
        assert!(
            text.contains("10.0.0.99") || text.contains("10.0.0.29 "),
            "{text}"
        );
        view.key(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE));
        assert_eq!(screen(&mut view, &model, 80, 12), text);
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
