//! What keys do, and what stands on the screen.

use clap::Parser as _;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::KeyModifiers;

use super::*;
use crate::arguments::{Arguments, Command};
use crate::dialogue::Questions as _;

fn options(words: &[&str]) -> ExportOptions {
    let words = ["netloom", "export"].iter().chain(words);
    match Arguments::try_parse_from(words).unwrap().command {
        Command::Export(options) => options,
        other => panic!("{other:?}"),
    }
}

fn questions(words: &[&str]) -> Questions {
    let capture = |name: &str| Capture {
        name: name.to_owned(),
        bytes: 1_000_000,
    };
    let captures = vec![capture("-a b\u{1b}.pcap"), capture("new.pcapng")];
    Questions::new(&options(words), captures)
}

fn press(questions: &mut Questions, codes: &[KeyCode]) -> Step {
    let mut last = Step::Asking;
    for &code in codes {
        assert_eq!(last, Step::Asking);
        last = questions.key(KeyEvent::new(code, KeyModifiers::NONE));
    }
    last
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

fn line(questions: &Questions, given: &[&str]) -> String {
    let words = questions.command_line(given.iter().map(|&word| word.to_owned()));
    shown(&words)
}

#[test]
fn enter_alone_exports_flows_as_csv() {
    let mut questions = questions(&[]);
    assert!(!screen(&questions, 80, 16).contains('\u{1b}'));
    assert_eq!(press(&mut questions, &[KeyCode::Enter; 5]), Step::Done);
    let line = line(&questions, &["export"]);
    assert_eq!(
        line,
        "netloom export flows './-a b\u{1b}.pcap' -o flows.csv"
    );
}

#[test]
fn columns_and_formats_are_chosen() {
    use KeyCode::{Char, Down, End, Enter, Esc};
    let mut questions = questions(&["--filter", "tcp"]);
    press(&mut questions, &[Down, Enter, Down, Enter]);
    assert!(screen(&questions, 80, 16).contains("[x] number"));
    // None is no choice.
    press(&mut questions, &[Char('n'), Enter]);
    assert!(screen(&questions, 80, 16).contains("Which columns?"));
    press(&mut questions, &[Char(' '), Down, Char(' '), Enter]);
    assert!(screen(&questions, 80, 16).contains("Parquet"));
    press(&mut questions, &[End, Char('k'), Esc, Enter, Enter]);
    assert!(screen(&questions, 80, 16).contains("packets.parquet"));
    assert_eq!(
        line(&questions, &["export", "--filter", "tcp"]),
        "netloom export --filter tcp packets new.pcapng --columns number,ts -o packets.parquet"
    );
    let control_u = KeyEvent::new(Char('u'), KeyModifiers::CONTROL);
    questions.key(control_u);
    assert_eq!(press(&mut questions, &[Enter]), Step::Done);
    assert_eq!(
        line(&questions, &["export", "--", "tcp"]),
        "netloom export packets new.pcapng --columns number,ts --format parquet -- tcp"
    );
}

#[test]
fn what_was_said_is_not_asked() {
    let steps = |words: &[&str]| questions(words).steps();
    assert_eq!(
        steps(&["-i", "eth0", "-o", "x.csv"]),
        [Question::Table, Question::Columns]
    );
    assert_eq!(
        steps(&["-r", "x.pcap", "--columns", "ts"]),
        [Question::Table, Question::Format, Question::Output]
    );
}

#[test]
fn a_capture_elsewhere_must_be_there() {
    use KeyCode::{Backspace, Char, End, Enter};
    let mut questions = questions(&[]);
    press(&mut questions, &[End, Enter, Char('/'), Char('?'), Enter]);
    assert!(screen(&questions, 80, 16).contains("no such file"));
    press(&mut questions, &[Backspace, Enter]);
    assert!(screen(&questions, 80, 16).contains("Which table?"));
    assert!(line(&questions, &["export"]).starts_with("netloom export flows / "));
}

#[test]
fn an_output_that_cannot_be_is_told_where_it_is_asked_for() {
    use KeyCode::{Backspace, Char, Enter};
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("a.pcap");
    std::fs::write(&capture, "").unwrap();
    let mut questions = questions(&["-r", capture.to_str().unwrap()]);
    questions.to_terminal = true;
    press(&mut questions, &[Enter, Enter, Enter]);
    let clear = KeyEvent::new(Char('u'), KeyModifiers::CONTROL);
    let folder = folder.path().to_str().unwrap();
    for (name, said) in [
        (format!("{folder}/no/such/a.csv"), "cannot be created"),
        (folder.to_owned(), "folder"),
        (format!("{folder}/a.pcap"), "input"),
    ] {
        questions.key(clear);
        let typed: Vec<KeyCode> = name.chars().map(Char).collect();
        press(&mut questions, &typed);
        assert_eq!(press(&mut questions, &[Enter]), Step::Asking, "{name}");
        assert!(screen(&questions, 200, 16).contains(said), "{name}");
    }
    // Who types on is asked again.
    press(&mut questions, &[Backspace]);
    assert!(screen(&questions, 200, 16).contains("Without a name"));
    assert_eq!(press(&mut questions, &[Enter]), Step::Done);
    let written: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
    assert_eq!(written.len(), 1);
    // What a terminal cannot show.
    questions.at -= 1;
    questions.format = 3;
    questions.key(clear);
    assert_eq!(press(&mut questions, &[Enter]), Step::Asking);
    assert!(screen(&questions, 200, 16).contains("A terminal cannot show parquet"));
}

#[test]
fn every_question_fits_any_terminal() {
    let mut questions = questions(&[]);
    for _ in 0..5 {
        for (width, height) in [(0, 0), (1, 1), (10, 3), (80, 16), (200, 2)] {
            screen(&questions, width, height);
        }
        press(&mut questions, &[KeyCode::Enter]);
    }
}

#[test]
fn captures_by_name() {
    for name in ["a.pcap", "A.PCAPNG", "b.cap.gz", "c.pcap.zst"] {
        assert!(is_capture(name), "{name}");
    }
    for name in ["pcap", "a.pcap.txt", "a.gz"] {
        assert!(!is_capture(name), "{name}");
    }
}
