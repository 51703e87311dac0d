//! Asks what to capture, where nothing was said.

use std::path::PathBuf;
use std::time::Duration;

use netloom::analysis::report::units;
use netloom::capture::live;
use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::interfaces::{self, Interface};
use crate::arguments::{CaptureOptions, Kind};
use crate::clock;
use crate::dialogue::{self, Step, quoted};
use crate::failure::Failure;
use crate::output::visible;

/// Lines that the questions take.
const HEIGHT: u16 = 12;

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
    *options == CaptureOptions::default() && dialogue::possible()
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
    let done = dialogue::ask(&mut questions, HEIGHT)?;
    Ok(done.then(|| questions.answers()))
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

fn file_name() -> String {
    let now = clock::now();
    let local = now.plus_nanos(clock::utc_offset(now) * 1_000_000_000);
    let (year, month, day, hour, minute, second, _) = local.to_civil();
    format!("capture-{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}.pcapng")
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

impl dialogue::Questions for Questions {
    fn key(&mut self, key: KeyEvent) -> Step {
        match key.code {
            KeyCode::Enter => {
                self.question += 1;
                if self.question > 3 {
                    return Step::Done;
                }
            }
            KeyCode::Esc if self.question == 0 => return Step::Left,
            KeyCode::Esc => self.question -= 1,
            _ if self.question == 3 => dialogue::type_text(&mut self.file, key),
            KeyCode::Char('q') => return Step::Left,
            KeyCode::Left | KeyCode::Backspace => self.question = self.question.saturating_sub(1),
            _ => {
                let length = self.list().len();
                if let Some(by) = dialogue::moves(key)
                    && let Some(place) = self.chosen.get_mut(self.question)
                {
                    *place = dialogue::moved(*place, by, length);
                }
            }
        }
        Step::Asking
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let question = match self.question {
            0 => "Where to listen?",
            1 => "Which packets?",
            2 => "For how long?",
            _ => "Where to save them?",
        };
        let number = (self.question.min(3) + 1, 4);
        let Some(&chosen) = self.chosen.get(self.question) else {
            let about = [
                "A name ending in .pcap is for older tools; .zst or .gz compresses.",
                "Without a name, packets are shown and not saved.",
            ];
            let keys = "Enter start   Ctrl-U clear   Esc back   Ctrl-C leave";
            let body = |_| dialogue::typed(&self.file, &about);
            return dialogue::show(frame, number, question, body, keys);
        };
        let keys = "↑ ↓ choose   Enter next   Esc back   q leave";
        let body = |room| dialogue::list(self.list(), chosen, room);
        dialogue::show(frame, number, question, body, keys);
    }

    fn tick(&mut self, passed: Duration) {
        interfaces::refresh(&mut self.interfaces, passed);
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::KeyModifiers;

    use super::*;
    use crate::dialogue::Questions as _;

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
}
