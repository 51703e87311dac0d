//! The shell of `netloom query`: statements from standard input, and on a terminal.
#![expect(clippy::print_stdout, reason = "what is skipped says why")]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use crate::common::{example, netloom, stderr};

/// Runs `netloom query` with statements on standard input.
fn fed(arguments: &[&str], text: &str) -> Output {
    let mut child = netloom()
        .arg("query")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end before it has read all of it.
    _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    child.wait_with_output().unwrap()
}

fn said(arguments: &[&str], text: &str) -> String {
    let output = fed(arguments, text);
    let (out, err) = (text_of(&output.stdout), text_of(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    out
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn statements_from_standard_input() {
    let example = example();
    let example = example.to_str().unwrap();
    let text = "CREATE VIEW web AS\n  SELECT * FROM flows -- ; no end\n  WHERE dst_port = 443;\n\
        SELECT count(*) > 3 AS many FROM web; SELECT ';' AS c;\n\nSELECT 1 AS last";
    let expected = "many\ntrue\nc\n;\nlast\n1\n";
    assert_eq!(said(&[example], text), expected);
    // As a file in the place of a query, as -, and as the query itself.
    assert_eq!(said(&["-", example], text), expected);
    assert_eq!(said(&[text, example], ""), expected);

    let commands =
        "\\d dns\n\\df in_subnet\n\\x on\nSELECT 1 AS a, 2 AS b;\n\\q\nSELECT nonsense;\n";
    let out = said(&["--format", "table", example], commands);
    for line in [
        "query ",
        "in_subnet(ip, ",
        "── row 1 ",
        "a  1\n",
        "b  2\n(1 row)\n",
    ] {
        assert!(out.contains(line), "{line:?}: {out}");
    }
}

#[test]
fn the_first_statement_that_fails_ends_it() {
    let example = example();
    let example = example.to_str().unwrap();
    let output = fed(&[example], "SELECT 1 AS a;\nSELECT nonsense;\nSELECT 2;\n");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text_of(&output.stdout), "a\n1\n");
    assert!(text_of(&output.stderr).contains("no column 'nonsense'"));
    let output = fed(&[example], "SELECT 'it");
    assert_eq!(output.status.code(), Some(2));
    assert!(text_of(&output.stderr).contains("Unterminated"));
    let output = fed(&[], "\\nonsense\n");
    assert!(text_of(&output.stderr).contains("no command \\nonsense"));
}

#[test]
fn rows_into_a_file_are_those_of_one_statement() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.csv");
    let out = out.to_str().unwrap();
    said(
        &["-", "-o", out],
        "CREATE TABLE t AS SELECT 5 AS five; SELECT * FROM t;",
    );
    assert_eq!(std::fs::read_to_string(out).unwrap(), "five\n5\n");
    let output = fed(&["-", "-o", out], "SELECT 1; SELECT 2;");
    assert_eq!(output.status.code(), Some(2));
    assert!(text_of(&output.stderr).contains("two statements give rows"));
    assert_eq!(std::fs::read_to_string(out).unwrap(), "five\n5\n");
}

#[test]
fn without_any_statement() {
    let example = example();
    let said = stderr(&["query", example.to_str().unwrap()], 2);
    assert!(
        said.contains("stands where the query stands") && said.contains("SELECT"),
        "{said}"
    );
    let said = stderr(&["query"], 2);
    assert!(said.contains("there is no query"), "{said}");
    let said = stderr(&["query", "-", "-"], 2);
    assert!(said.contains("standard input cannot be"), "{said}");
}

#[test]
fn hostile_tables() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.csv");
    std::fs::write(
        &file,
        "a\x1b[2J,\"Two Words\"\nx\x1b]0;pwned\x07,\u{202e}y\n",
    )
    .unwrap();
    let text = "\\d t\nSELECT * FROM t;\n\\x on\nSELECT * FROM t;\nSELECT \"\x1b[2J\" FROM t;\n";
    let output = fed(&["--format", "table", file.to_str().unwrap()], text);
    let all = text_of(&output.stdout) + &text_of(&output.stderr);
    assert!(
        all.contains("\\x1b]0;pwned\\x07") && all.contains("\"Two Words\""),
        "{all}"
    );
    assert!(!all.contains(['\x1b', '\x07', '\u{202e}']), "{all:?}");
}

/// The command on a terminal of its own.
struct Terminal {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    shown: String,
    seen: usize,
}

impl Terminal {
    /// `None` where the system has no `script`.
    fn open(arguments: &[&str], state: &Path) -> Option<Self> {
        // Without `exec`, some shells stay and end by the Ctrl-C that was for the command.
        let mut line = format!("exec '{}' query", env!("CARGO_BIN_EXE_netloom"));
        for argument in arguments {
            write!(line, " '{argument}'").unwrap();
        }
        let child = Command::new("script")
            .args(["-qefc", &line, "/dev/null"])
            .env("XDG_STATE_HOME", state)
            .env("TERM", "xterm")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            println!("skipped: there is no script(1) to get a terminal from");
            return None;
        };
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Some(Self {
            child,
            input,
            output,
            shown: String::new(),
            seen: 0,
        })
    }

    /// Waits for words after those that were waited for before.
    fn wait_for(&mut self, words: &str) {
        let mut bytes = [0; 4096];
        loop {
            if let Some(place) = self.shown[self.seen..].find(words) {
                self.seen += place + words.len();
                return;
            }
            let read = self.output.read(&mut bytes).unwrap();
            assert!(read > 0, "no {words:?} in {:?}", self.shown);
            self.shown += &String::from_utf8_lossy(&bytes[..read]);
        }
    }

    /// Reads to the end; the command has to have ended well.
    fn ends(&mut self) {
        let mut rest = Vec::new();
        self.output.read_to_end(&mut rest).unwrap();
        let status = self.child.wait().unwrap();
        let rest = String::from_utf8_lossy(&rest);
        assert!(status.success(), "{status}: {}{rest}", self.shown);
    }

    fn key_in(&mut self, text: &str) {
        self.input.write_all(text.as_bytes()).unwrap();
        self.input.flush().unwrap();
    }
}

#[test]
fn on_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let example = example();
    let arguments = [example.to_str().unwrap()];
    let Some(mut terminal) = Terminal::open(&arguments, folder.path()) else {
        return;
    };
    terminal.wait_for("10 tables here");
    terminal.wait_for("netloom> ");
    // A tab completes, and a statement has lines.
    terminal.key_in("SELECT server_na\t AS n FROM flows\r");
    terminal.wait_for("server_name");
    terminal.key_in("WHERE dst_port = 99999 AND 'é' <> ';';\r");
    terminal.wait_for("(0 rows)");
    terminal.wait_for(" s\r\n");
    terminal.wait_for("netloom> ");
    // Ctrl-C gives a line up, a mistake ends nothing.
    terminal.key_in("SELECT nons\x03");
    terminal.wait_for("netloom> ");
    terminal.key_in("SELECT srcip FROM flows;\r");
    terminal.wait_for("did you mean src_ip?");
    terminal.wait_for("netloom> ");
    terminal.key_in("\\timing off\r");
    terminal.wait_for("timing is off");
    terminal.wait_for("netloom> ");
    // What would take an hour is stopped.
    terminal.key_in("SELECT count(*) FROM range(1000000000) a, range(1000000) b WHERE a.value % 7 = b.value % 11;\r");
    terminal.wait_for("11;");
    terminal.wait_for("\n");
    std::thread::sleep(std::time::Duration::from_millis(300));
    terminal.key_in("\x03");
    terminal.wait_for("stopped");
    terminal.wait_for("netloom> ");
    // So is a join that finds no row to give, and gives way to nobody.
    terminal.key_in("SELECT count(*) FROM flows a, flows b, flows c, flows d WHERE a.src_ip || b.dst_ip || c.dst_ip = d.flow_id;\r");
    terminal.wait_for("flow_id;");
    terminal.wait_for("\n");
    std::thread::sleep(std::time::Duration::from_millis(300));
    terminal.key_in("\x03");
    terminal.wait_for("stopped");
    terminal.wait_for("netloom> ");
    terminal.key_in("SELECT 41 + 1 AS answer;\r");
    terminal.wait_for("(1 row)");
    terminal.wait_for("netloom> ");
    terminal.key_in("\x04");
    terminal.ends();
    let history = folder.path().join("netloom/query_history");
    let history = std::fs::read_to_string(history).unwrap();
    assert!(
        history.contains("41 + 1") && !history.contains("nons"),
        "{history}"
    );
}
