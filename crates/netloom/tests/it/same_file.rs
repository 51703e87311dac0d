//! No command writes over what it reads, or one output over another.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{example, netloom, run, stderr, stdout};

/// A folder with a capture, a table and a model; commands run in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(example(), folder.path().join("s.pcapng")).unwrap();
        Self(folder)
    }

    fn at(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn command(&self, words: &str) -> Command {
        let mut command = netloom();
        command.current_dir(self.0.path()).args(words.split(' '));
        command
    }

    /// All files and what is in them.
    fn contents(&self) -> Vec<(String, Vec<u8>)> {
        fn walk(folder: &Path, all: &mut Vec<(String, Vec<u8>)>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, all);
                } else {
                    all.push((path.display().to_string(), fs::read(&path).unwrap()));
                }
            }
        }
        let mut all = Vec::new();
        walk(self.0.path(), &mut all);
        all.sort();
        all
    }

    /// The command is refused, names both files, and leaves all as it was.
    #[track_caller]
    fn refused(&self, words: &str, parts: &[&str]) {
        let before = self.contents();
        let output = self.command(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words}: {said}");
        assert!(said.contains("the same file as the"), "{words}: {said}");
        for part in parts {
            assert!(said.contains(part), "{words}: no {part} in {said}");
        }
        assert!(said.contains("hint:"), "{words}: {said}");
        assert!(before == self.contents(), "{words}: files have changed");
    }

    #[track_caller]
    fn works(&self, words: &str) {
        let output = self.command(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{words}: {said}");
    }
}

#[test]
fn no_command_writes_over_its_capture() {
    let folder = Folder::new();
    for words in [
        "report s.pcapng --html s.pcapng",
        "report s.pcapng --json s.pcapng",
        "report ./s.pcapng --json s.pcapng",
        "report . --html s.pcapng",
        "report *.pcapng --json s.pcapng",
        "export flows s.pcapng -o s.pcapng",
        "export packets s.pcapng --format parquet -o s.pcapng",
        "slice s.pcapng -w s.pcapng -- udp",
        "slice s.pcapng -w s.pcapng --where dst_port=53",
        "slice . -w s.pcapng -- udp",
        "anomalies s.pcapng -o s.pcapng",
        "anomalies s.pcapng --train s.pcapng --json s.pcapng",
        "cluster s.pcapng --html s.pcapng",
        "cluster . -o s.pcapng",
        "forecast s.pcapng --json s.pcapng",
        "train s.pcapng --label service -o s.pcapng",
        "train s.pcapng --label service --report s.pcapng",
    ] {
        folder.refused(words, &["s.pcapng: cannot be written", "the input "]);
    }
    let before = folder.contents();
    let output = folder
        .command("query")
        .args(["SELECT 1 AS one", "s.pcapng", "-o", "s.pcapng"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let output = folder
        .command("query")
        .args(["SELECT count(*) FROM old.flows", "old=.", "-o", "s.pcapng"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(before == folder.contents());
}

#[test]
fn several_tables_each_in_a_file() {
    let folder = Folder::new();
    fs::copy(example(), folder.at("flows.csv")).unwrap();
    folder.refused("export flows,dns flows.csv -o {table}.csv", &["flows.csv"]);
    folder.refused("export flows,dns flows.csv -o .", &["flows.csv"]);
    fs::copy(example(), folder.at("conn.log")).unwrap();
    folder.refused(
        "export flows,dns conn.log --profile zeek -o .",
        &["conn.log"],
    );
    fs::write(folder.at("key"), "00".repeat(32)).unwrap();
    folder.refused(
        "export flows s.pcapng --anonymize-key key -o ./key",
        &["the input key"],
    );
    folder.refused(
        "export flows s.pcapng --anonymize-key new -o new",
        &["the input new"],
    );
}

#[test]
fn two_outputs_are_two_files() {
    let folder = Folder::new();
    for words in [
        "report s.pcapng --html x --json x",
        "report s.pcapng --html x --json ./x",
        "anomalies s.pcapng --html x -o x",
        "cluster s.pcapng --html x --json x",
        "forecast s.pcapng -o x --json x",
        "train s.pcapng --label service -o x --report x",
        "train s.pcapng --label service --json x --report x",
    ] {
        folder.refused(words, &["cannot be written", "the output x"]);
    }
    let words = "capture -i lo -w x --html x -c 1";
    let output = folder.command(words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // Without permission to capture that is said first.
    assert!(
        said.contains("the output x") || output.status.code() == Some(4),
        "{said}"
    );
    assert!(!Path::new(&folder.at("x")).exists());
}

#[test]
fn models_and_tables_are_inputs_too() {
    let folder = Folder::new();
    folder.works("export flows s.pcapng -o t.csv");
    folder.works("train t.csv --label service --split random --no-gap -o m.netloom");
    for words in [
        "predict m.netloom t.csv -o m.netloom",
        "predict m.netloom t.csv -o t.csv",
        "evaluate m.netloom --json m.netloom",
        "evaluate m.netloom t.csv --report t.csv",
        "evaluate m.netloom --onnx m.netloom",
        "train t.csv --label service --split random -o t.csv",
        "train s.pcapng --label service --test-data t.csv -o t.csv",
        "train --update m.netloom t.csv --split random -o n --json m.netloom",
        "anomalies t.csv -o t.csv",
        "cluster s.pcapng t.csv -o t.csv",
        "forecast t.csv --value fwd_bytes --html t.csv",
    ] {
        folder.refused(words, &["cannot be written"]);
    }
    let query = |output: &str| {
        let mut command = folder.command("query");
        command.args(["SELECT * FROM t", "t.csv", "-o", output]);
        command.output().unwrap().status.code()
    };
    let before = folder.contents();
    assert_eq!(query("./t.csv"), Some(2));
    assert!(before == folder.contents());
    // What is there and is no input is replaced, as a model by what continues it.
    fs::write(folder.at("old.csv"), "old").unwrap();
    assert_eq!(query("old.csv"), Some(0));
    assert!(fs::read(folder.at("old.csv")).unwrap().len() > 100);
    folder.works("train --update m.netloom t.csv --split random --force -o m.netloom");
}

#[cfg(unix)]
#[test]
fn links_lead_to_the_capture() {
    let folder = Folder::new();
    std::os::unix::fs::symlink("s.pcapng", folder.at("soft")).unwrap();
    fs::hard_link(folder.at("s.pcapng"), folder.at("hard")).unwrap();
    for words in [
        "report soft --json s.pcapng",
        "report s.pcapng --json soft",
        "export flows hard -o s.pcapng",
        "slice s.pcapng -w hard -- udp",
    ] {
        folder.refused(words, &["the input"]);
    }
    let before = folder.contents();
    let output = folder
        .command("export flows - -o s.pcapng")
        .stdin(fs::File::open(folder.at("s.pcapng")).unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(before == folder.contents());
}

#[test]
fn what_is_in_a_folder_and_no_capture_is_replaced() {
    let folder = Folder::new();
    for words in [
        "report . --html r.html --json r.json",
        "export flows . -o f.csv",
        "report s.pcapng --png .",
    ] {
        folder.works(words);
        let first = folder.contents();
        folder.works(words);
        // The second report says what else is in the folder; no file is there twice.
        assert_eq!(first.len(), folder.contents().len(), "{words}");
    }
    #[cfg(unix)]
    {
        folder.works("report s.pcapng --json /dev/null --html /dev/null");
        let output = folder
            .command("export flows s.pcapng -o /dev/stdout")
            .stdout(Stdio::piped())
            .output()
            .unwrap();
        assert!(output.stdout.starts_with(b"flow_id,"));
    }
}

#[test]
fn outputs_that_are_being_written_are_no_inputs() {
    let folder = Folder::new();
    fs::write(folder.at(".r.html.29831-0.tmp"), "").unwrap();
    fs::copy(example(), folder.at(".a.pcapng.77-3.tmp")).unwrap();
    let of = |words: &str| {
        let output = folder.command(words).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{words}");
        (output.stdout, String::from_utf8(output.stderr).unwrap())
    };
    let (rows, said) = of("export flows .");
    assert!(!said.contains(".tmp"), "{said}");
    assert_eq!(rows, of("export flows s.pcapng").0);
    let (_, said) = of("report . --html r.html");
    assert!(!said.contains("left out"), "{said}");
}

#[test]
fn a_folder_with_other_files_is_queried() {
    let folder = Folder::new();
    folder.works("report s.pcapng --json facts.json");
    fs::write(folder.at("broken.csv"), "a,b\n\"never ends").unwrap();
    fs::write(folder.at("rows.csv"), "a,b\n1,2\n").unwrap();
    let sql = "SELECT count(*) AS n, (SELECT sum(b) FROM rows) AS b FROM flows";
    let output = run(&["query", sql, &folder.at("")], 0);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("facts.json") && said.contains("left out"),
        "{said}"
    );
    let alone = stdout(&[
        "query",
        "SELECT count(*) AS n FROM flows",
        &folder.at("s.pcapng"),
    ]);
    let count = alone.lines().nth(1).unwrap();
    let rows = String::from_utf8(output.stdout).unwrap();
    assert_eq!(rows, format!("n,b\n{count},2\n"));
    // Whoever names it is told what is wrong with it.
    let said = stderr(&["query", "SELECT 1", &folder.at("facts.json")], 3);
    assert!(said.contains("facts.json"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_signal_leaves_nothing_behind() {
    let folder = Folder::new();
    let before = folder.contents();
    let mut child = folder
        .command("train s.pcapng --label service --param n_estimators=99999999 -o m --report c")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It has begun when its two outputs have; then the handler is there.
    while folder.contents().len() < before.len() + 2 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let sent = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(before == folder.contents());
}

/// A capture that never ends is exported until a signal comes.
#[cfg(unix)]
#[test]
fn an_export_that_a_signal_ends_leaves_nothing_behind() {
    use std::io::Write as _;

    for (signal, arguments) in [
        ("TERM", "export flows - -o out.csv"),
        ("HUP", "export packets - -o out.parquet"),
        ("INT", "export packets - --sort len -o out.csv"),
        ("TERM", "export flows,dns - -o {table}.csv"),
        // It is read twice, and so copied first.
        ("TERM", "export packets - --profile simple -o out.csv"),
        ("TERM", "query SELECT(1)FROM(packets) - -o out.csv"),
    ] {
        let folder = Folder::new();
        let before = folder.contents();
        let mut child = folder
            .command(arguments)
            .env("TMPDIR", folder.at(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let endless = std::thread::spawn(move || {
            let capture = fs::read(example()).unwrap();
            while stdin.write_all(&capture).is_ok() {}
        });
        // It has begun when it writes.
        while folder.contents().len() == before.len() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let pid = child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &pid])
            .status();
        assert!(sent.unwrap().success());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{arguments}: {said}");
        endless.join().unwrap();
        assert!(before == folder.contents(), "{arguments}");
    }
}
