//! Questions on the terminal, where a command was given nothing to do.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use netloom::pipeline::Control;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::disable_raw_mode;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use ratatui::{Frame, TerminalOptions, Viewport};

use crate::clock::Stopwatch;
use crate::failure::Failure;
use crate::output::visible;
use crate::progress::stop_on_signal;

/// How often what moves is shown anew.
pub(crate) const REDRAW: Duration = Duration::from_millis(500);

/// Bytes of a text that is typed, at most.
const MAX_TEXT: usize = 200;

/// Where the questions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Asking,
    Done,
    Left,
}

/// Questions, one at a time.
pub(crate) trait Questions {
    /// A key was pressed; not Ctrl-C or Ctrl-D, which leave.
    fn key(&mut self, key: KeyEvent) -> Step;
    /// Shows the question.
    fn draw(&self, frame: &mut Frame<'_>);
    /// Time has passed.
    fn tick(&mut self, _passed: Duration) {}
}

/// Whether somebody is there to answer.
pub(crate) fn possible() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal()
}

/// Asks, on some lines; whether all was answered, or the person would rather not.
pub(crate) fn ask(questions: &mut impl Questions, lines: u16) -> Result<bool, Failure> {
    // A signal must not end the process while the terminal is not as it was.
    let control = Arc::new(Control::default());
    stop_on_signal(&control);
    let failed = |cause: io::Error| Failure::writing("-".as_ref(), &cause);
    let mut terminal = ratatui::try_init_with_options(TerminalOptions {
        viewport: Viewport::Inline(lines),
    })
    .map_err(failed)?;
    let done = dialogue(&mut terminal, questions, &control);
    // Not ratatui's own way, which leaves a screen that this never entered.
    _ = terminal.clear();
    _ = terminal.show_cursor();
    disable_raw_mode().map_err(failed)?;
    // Now: what is said next goes to standard error, and would begin where the cursor is.
    _ = write!(io::stdout(), "\r").and_then(|()| io::stdout().flush());
    done.map_err(failed)
}

/// Until all is answered (`true`), or the person leaves or a signal says so.
fn dialogue(
    terminal: &mut ratatui::DefaultTerminal,
    questions: &mut impl Questions,
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
            if leaves(key) {
                return Ok(false);
            }
            match questions.key(key) {
                Step::Asking => {}
                Step::Done => return Ok(true),
                Step::Left => return Ok(false),
            }
        }
        let passed = watch.elapsed();
        if passed >= REDRAW {
            watch = Stopwatch::start();
            questions.tick(passed);
        }
    }
}

/// Ctrl-C and Ctrl-D.
fn leaves(key: KeyEvent) -> bool {
    key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char('c' | 'd'))
}

/// A key where a text is typed.
pub(crate) fn type_text(text: &mut String, key: KeyEvent) {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Backspace => _ = text.pop(),
        KeyCode::Char('u') if control => text.clear(),
        KeyCode::Char(letter) if !control && text.len() < MAX_TEXT => text.push(letter),
        _ => {}
    }
}

/// A text that is typed, and below it what there is to know about it.
pub(crate) fn typed<'a>(text: &str, about: &[&'a str]) -> Vec<Line<'a>> {
    let mut lines = vec![Line::from(format!("> {}█", visible(text))), Line::from("")];
    lines.extend(about.iter().copied().map(Line::from));
    lines
}

/// How far a key moves in a list, if it does.
pub(crate) fn moves(key: KeyEvent) -> Option<isize> {
    Some(match key.code {
        KeyCode::Down | KeyCode::Char('j') => 1,
        KeyCode::Up | KeyCode::Char('k') => -1,
        KeyCode::PageDown => 8,
        KeyCode::PageUp => -8,
        KeyCode::Home => isize::MIN,
        KeyCode::End => isize::MAX,
        _ => return None,
    })
}

/// The place in a list of some length that a move leads to.
pub(crate) fn moved(place: usize, by: isize, length: usize) -> usize {
    place
        .saturating_add_signed(by)
        .min(length.saturating_sub(1))
}

/// As much of a list as there is room for, with what was chosen in it.
pub(crate) fn list<'a>(
    rows: impl IntoIterator<Item = String>,
    chosen: usize,
    room: u16,
) -> Vec<Line<'a>> {
    let room = usize::from(room).max(1);
    let first = (chosen + 1).saturating_sub(room);
    rows.into_iter()
        .enumerate()
        .skip(first)
        .take(room)
        .map(|(place, text)| {
            if place == chosen {
                Line::styled(format!("> {text}"), strong().fg(Color::Cyan))
            } else {
                Line::from(format!("  {text}"))
            }
        })
        .collect()
}

/// Shows a question: which of how many it is, what there is to choose from in as much room as
/// there is, and which keys do what.
pub(crate) fn show<'a>(
    frame: &mut Frame<'_>,
    (number, count): (usize, usize),
    question: &str,
    body: impl FnOnce(u16) -> Vec<Line<'a>>,
    keys: &str,
) {
    let [head, middle, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let head_line = Line::from(vec![
        Span::styled(format!("{number} of {count}  "), strong().fg(Color::Cyan)),
        Span::styled(question, strong()),
    ]);
    frame.render_widget(Paragraph::new(head_line), head);
    frame.render_widget(Paragraph::new(body(middle.height)), middle);
    let dim = Style::new().add_modifier(Modifier::DIM);
    frame.render_widget(Paragraph::new(keys).style(dim), foot);
}

fn strong() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,=@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_c_leaves() {
        let key = |letter, modifiers| KeyEvent::new(KeyCode::Char(letter), modifiers);
        assert!(leaves(key('c', KeyModifiers::CONTROL)));
        assert!(leaves(key('d', KeyModifiers::CONTROL)));
        assert!(!leaves(key('c', KeyModifiers::NONE)));
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("eth0.5"), "eth0.5");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn moves_stay_in_the_list() {
        assert_eq!(moved(0, -1, 3), 0);
        assert_eq!(moved(1, isize::MAX, 3), 2);
        assert_eq!(moved(2, isize::MIN, 3), 0);
        assert_eq!(moved(0, 1, 0), 0);
    }
}
