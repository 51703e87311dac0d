//! Asks what to capture, where nothing was said.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use netloom::analysis::report::units;
use netloom::capture::live;
use netloom::pipeline::Control;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::disable_raw_mode;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use ratatui::{Frame, TerminalOptions, Viewport};

use super::interfaces::{self, Interface};
use crate::arguments::{CaptureOptions, Kind};
use crate::clock::{self, Stopwatch};
use crate::failure::Failure;
use crate::output::visible;
use crate::progress::stop_on_signal;

/// Lines that the questions take.
const HEIGHT: u16 = 12;

/// How often rates are shown anew.
const REDRAW: Duration = Duration::from_millis(500);

/// Bytes of a file's name, at most.
const MAX_NAME: usize = 200;

/// The kinds, and what they are called here.
const KINDS: [(Option<Kind>, &str); 7] = [
    (None, "everything"),
    (Some(Kind::Ip), "IP: IPv4 and IPv6"),
    (Some(Kind::Tcp), "TCP: web, mail, remote access, files"),
    (Some(Kind::Udp), "UDP: calls, games, names, QUIC"),
    (Some(Kind::Dns), "DNS: which names are looked up"),
    (Some(Kind::Icmp), "ICMP: ping and errors"),
    (Some(Kind::Arp), "ARP: which devices are here"),
];

/// How long, in seconds.
const DURATIONS: [(Option<u32>, &str); 5] = [
    (None, "until Ctrl-C"),
    (Some(10), "10 seconds"),
    (Some(60), "1 minute"),
    (Some(600), "10 minutes"),
    (Some(3600), "1 hour"),
];

/// Whether to ask: nothing was said, and somebody is there to answer.
pub(super) fn wanted(options: &CaptureOptions) -> bool {
    *options == CaptureOptions::default()
        && io::stdin().is_terminal()
        && io::stdout().is_terminal()
        && io::stderr().is_terminal()
}

/// Asks; `None` if the person would rather not.
pub(super) fn ask() -> Result<Option<CaptureOptions>, Failure> {
    if !live::may_capture() {
        // Nobody answers questions to be told at the end that it was in vain.
        return Err(
            Failure::permission("this user may not capture packets").hint(live::permission_hint())
        );
    }
    let list = interfaces::list()?;
    if list.is_empty() {
        return Err(Failure::usage("there is no interface to capture on"));
    }
    let mut questions = Questions::new(list, &file_name());
    // A signal must not end the process while the terminal is not as it was.
    let control = Arc::new(Control::default());
    stop_on_signal(&control);
    let failed = |cause: io::Error| Failure::writing("-".as_ref(), &cause);
    let mut terminal = ratatui::try_init_with_options(TerminalOptions {
        viewport: Viewport::Inline(HEIGHT),
    })
    .map_err(failed)?;
    let done = dialogue(&mut terminal, &mut questions, &control);
    // Not ratatui's own way, which leaves a screen that this never entered.
    _ = terminal.clear();
    _ = terminal.show_cursor();
    disable_raw_mode().map_err(failed)?;
    _ = write!(io::stdout(), "\r");
    if !done.map_err(failed)? {
        return Ok(None);
    }
    let answers = questions.answers();
    Ok(Some(answers))
}

/// The command line that does the same without asking.
pub(super) fn command_line(options: &CaptureOptions) -> String {
    let mut words = vec!["netloom".to_owned(), "capture".to_owned()];
    for interface in &options.interfaces {
        words.extend(["-i".to_owned(), quoted(interface)]);
    }
    for kind in &options.kinds {
        let name = clap::ValueEnum::to_possible_value(kind);
        let name = name.map_or_else(String::new, |value| value.get_name().to_owned());
        words.extend(["--kind".to_owned(), name]);
    }
    if let Some(nanos) = options.duration {
        words.extend([
            "--duration".to_owned(),
            format!("{}s", nanos / 1_000_000_000),
        ]);
    }
    if let Some(path) = &options.write {
        words.extend(["-w".to_owned(), quoted(&path.to_string_lossy())]);
    }
    words.join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,=@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn file_name() -> String {
    let now = clock::now();
    let local = now.plus_nanos(clock::utc_offset(now) * 1_000_000_000);
    let (year, month, day, hour, minute, second, _) = local.to_civil();
    format!("capture-{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}.pcapng")
}

/// Until all is answered (`true`), or the person leaves or a signal says so.
fn dialogue(
    terminal: &mut ratatui::DefaultTerminal,
    questions: &mut Questions,
    control: &Control,
) -> io::Result<bool> {
    let mut watch = Stopwatch::start();
    loop {
        if control.stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
        terminal.draw(|frame| questions.draw(frame))?;
        if event::poll(REDRAW)?
            && let Event::Key(key) = event::read()?
            && key.kind != KeyEventKind::Release
        {
            match questions.key(key) {
                Step::Asking => {}
                Step::Done => return Ok(true),
                Step::Left => return Ok(false),
            }
        }
        let passed = watch.elapsed();
        if passed >= REDRAW {
            watch = Stopwatch::start();
            interfaces::refresh(&mut questions.interfaces, passed);
        }
    }
}

/// Where the questions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Asking,
    Done,
    Left,
}

struct Questions {
    interfaces: Vec<Interface>,
    /// Which question is being asked, from 0.
    question: usize,
    /// The answers to the first three: places in their lists.
    chosen: [usize; 3],
    file: String,
}

impl Questions {
    fn new(interfaces: Vec<Interface>, file: &str) -> Self {
        Self {
            interfaces,
            question: 0,
            chosen: [0; 3],
            file: file.to_owned(),
        }
    }

    fn key(&mut self, key: KeyEvent) -> Step {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return Step::Left;
        }
        match key.code {
            KeyCode::Enter => {
                self.question += 1;
                if self.question > 3 {
                    return Step::Done;
                }
                return Step::Asking;
            }
            KeyCode::Esc if self.question == 0 => return Step::Left,
            KeyCode::Esc => self.question -= 1,
            _ if self.question == 3 => self.type_name(key, control),
            KeyCode::Char('q') => return Step::Left,
            KeyCode::Left | KeyCode::Backspace => self.question = self.question.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.choose(1),
            KeyCode::Up | KeyCode::Char('k') => self.choose(-1),
            KeyCode::Home => self.choose(isize::MIN),
            KeyCode::End => self.choose(isize::MAX),
            _ => {}
        }
        Step::Asking
    }

    fn type_name(&mut self, key: KeyEvent, control: bool) {
        match key.code {
            KeyCode::Backspace => _ = self.file.pop(),
            KeyCode::Char('u') if control => self.file.clear(),
            KeyCode::Char(letter) if !control && self.file.len() < MAX_NAME => {
                self.file.push(letter);
            }
            _ => {}
        }
    }

    fn choose(&mut self, by: isize) {
        let length = self.list().len();
        if let Some(place) = self.chosen.get_mut(self.question) {
            *place = place
                .saturating_add_signed(by)
                .min(length.saturating_sub(1));
        }
    }

    /// What there is to choose from.
    fn list(&self) -> Vec<String> {
        match self.question {
            0 => {
                let width = self
                    .interfaces
                    .iter()
                    .map(|interface| interface.name.len())
                    .max()
                    .unwrap_or(0);
                self.interfaces
                    .iter()
                    .map(|interface| {
                        let rate = if interface.up {
                            units::bits_per_second(interface.bits_per_second)
                        } else {
                            "down".to_owned()
                        };
                        format!(
                            "{:<width$}  {rate:>12}  {}",
                            visible(&interface.name),
                            visible(&interface.description)
                        )
                    })
                    .collect()
            }
            1 => KINDS.iter().map(|(_, name)| (*name).to_owned()).collect(),
            2 => DURATIONS
                .iter()
                .map(|(_, name)| (*name).to_owned())
                .collect(),
            _ => Vec::new(),
        }
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let area = frame.area();
        let [head, body, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Min(0),
            Constraint::Length(1),
        ])
        .areas(area);
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let question = match self.question {
            0 => "Where to listen?",
            1 => "Which packets?",
            2 => "For how long?",
            _ => "Where to save them?",
        };
        frame.render_widget(
            Paragraph::new(Line::from(vec![
                Span::styled(
                    format!("{} of 4  ", self.question.min(3) + 1),
                    bold.fg(Color::Cyan),
                ),
                Span::styled(question, bold),
            ])),
            head,
        );
        if self.question >= 3 {
            let lines = vec![
                Line::from(format!("> {}█", visible(&self.file))),
                Line::from(""),
                Line::from("A name ending in .pcap is for older tools; .zst or .gz compresses."),
                Line::from("Without a name, packets are shown and not saved."),
            ];
            frame.render_widget(Paragraph::new(lines), body);
        } else {
            let list = self.list();
            let chosen = self.chosen.get(self.question).copied().unwrap_or(0);
            let room = usize::from(body.height).max(1);
            let first = (chosen + 1).saturating_sub(room);
            let lines: Vec<Line<'_>> = list
                .into_iter()
                .enumerate()
                .skip(first)
                .take(room)
                .map(|(place, text)| {
                    if place == chosen {
                        Line::styled(format!("> {text}"), bold.fg(Color::Cyan))
                    } else {
                        Line::from(format!("  {text}"))
                    }
                })
                .collect();
            frame.render_widget(Paragraph::new(lines), body);
        }
        let keys = if self.question >= 3 {
            "Enter start   Ctrl-U clear   Esc back   Ctrl-C leave"
        } else {
            "↑ ↓ choose   Enter next   Esc back   q leave"
        };
        frame.render_widget(
            Paragraph::new(keys).style(Style::new().add_modifier(Modifier::DIM)),
            foot,
        );
    }

    fn answers(&self) -> CaptureOptions {
        let [interface, kind, duration] = self.chosen;
        let file = self.file.trim();
        CaptureOptions {
            interfaces: self
                .interfaces
                .get(interface)
                .map(|interface| interface.name.clone())
                .into_iter()
                .collect(),
            kinds: KINDS
                .get(kind)
                .and_then(|(kind, _)| *kind)
                .into_iter()
                .collect(),
            duration: DURATIONS
                .get(duration)
                .and_then(|(seconds, _)| *seconds)
                .map(|seconds| i64::from(seconds) * 1_000_000_000),
            write: (!file.is_empty()).then(|| PathBuf::from(file)),
            ..CaptureOptions::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn questions() -> Questions {
        let mut list = vec![
            Interface::new("eth0", "10.0.0.1", true),
            Interface::new("wlan0\u{7}", "wireless", false),
        ];
        list[0].bits_per_second = 1000.0;
        Questions::new(list, "a b.pcapng")
    }

    fn press(questions: &mut Questions, code: KeyCode) -> Step {
        questions.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn screen(questions: &Questions, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| questions.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer();
        (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .map(|place| buffer[place].symbol())
            .collect()
    }

    #[test]
    fn enter_alone_captures_everything_into_a_file() {
        let mut questions = questions();
        for _ in 0..3 {
            assert_eq!(press(&mut questions, KeyCode::Enter), Step::Asking);
        }
        assert_eq!(press(&mut questions, KeyCode::Enter), Step::Done);
        assert_eq!(
            command_line(&questions.answers()),
            "netloom capture -i eth0 -w 'a b.pcapng'"
        );
    }

    #[test]
    fn arrows_choose_and_escape_goes_back() {
        let mut questions = questions();
        assert!(screen(&questions, 80, 12).contains("1.0 kbit/s"));
        assert!(!screen(&questions, 80, 12).contains('\u{7}'));
        for code in [
            KeyCode::Enter,
            KeyCode::Esc,
            KeyCode::Enter,
            KeyCode::Down,
            KeyCode::Down,
            KeyCode::Enter,
            KeyCode::End,
            KeyCode::Up,
            KeyCode::Enter,
            KeyCode::Char('x'),
            KeyCode::Backspace,
        ] {
            assert_eq!(press(&mut questions, code), Step::Asking);
        }
        let control_u = KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL);
        questions.key(control_u);
        assert_eq!(
            command_line(&questions.answers()),
            "netloom capture -i eth0 --kind tcp --duration 600s"
        );
        let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(questions.key(control_c), Step::Left);
    }

    #[test]
    fn every_question_fits_any_terminal() {
        let mut questions = questions();
        for _ in 0..4 {
            for (width, height) in [(0, 0), (1, 1), (10, 3), (80, 12), (200, 2)] {
                screen(&questions, width, height);
            }
            press(&mut questions, KeyCode::Enter);
        }
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("eth0.5"), "eth0.5");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
