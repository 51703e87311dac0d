//! What goes wrong on a person's machine: the message names the file and the cure.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{example, netloom, run, stderr, stdout};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_capture_cut_in_three_gives_what_the_whole_gives() {
    let folder = tempfile::tempdir().unwrap();
    let cut = Command::new("editcap")
        .args(["-c", "900"])
        .arg(example())
        .arg(folder.path().join("part.pcapng"))
        .output();
    if let Err(reason) = cut {
        println!("not tested: editcap cannot be run: {reason}");
        return;
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    let pattern = folder.path().join("part*.pcapng");
    let example = example();
    for arguments in [
        &["export", "flows"][..],
        // `interface` and `number` within a file may differ; all else may not.
        &[
            "export",
            "packets",
            "--columns",
            "number,ts,len,src_ip,dst_ip,flow_id,info",
        ],
    ] {
        let of = |file: &Path| stdout(&[arguments, &[text(file)]].concat());
        let whole = of(&example);
        assert!(whole.lines().count() > 200);
        assert_eq!(whole, of(folder.path()), "{arguments:?}: the folder");
        assert_eq!(whole, of(&pattern), "{arguments:?}: the pattern");
    }
    let facts = |file: &Path| -> serde_json::Value {
        serde_json::from_str(&stdout(&["report", text(file), "--json", "-"])).unwrap()
    };
    let (mut whole, mut parts) = (facts(&example), facts(folder.path()));
    assert_eq!(parts["capture"].as_array().unwrap().len(), 3);
    for facts in [&mut whole, &mut parts] {
        // What each file says about itself is its own; only the whole one counts its losses.
        facts["capture"].take();
        facts["quality"]["dropped"].take();
    }
    assert_eq!(whole, parts);
}

#[test]
fn compressed_standard_input() {
    let packed = Command::new("gzip").arg("-c").arg(example()).output();
    let packed = match packed {
        Ok(packed) => packed.stdout,
        Err(reason) => {
            println!("not tested: gzip cannot be run: {reason}");
            return;
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("packed");
    fs::write(&file, packed).unwrap();
    let output = netloom()
        .args(["export", "flows", "-"])
        .stdin(fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let example = example();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        stdout(&["export", "flows", text(&example)])
    );
}

#[test]
fn a_capture_that_ends_anywhere_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(example()).unwrap();
    let cut = folder.path().join("cut.pcapng");
    // Every place in the first blocks, and some further on.
    for len in (28..400).step_by(13).chain([54_321, 1_000_001]) {
        fs::write(&cut, &whole[..len]).unwrap();
        let output = netloom()
            .args(["report", text(&cut), "--json", "-"])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{len}: {said}");
        let facts: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let listed = facts["capture"][0]["warnings"].as_array().unwrap().len();
        assert_eq!(listed, said.matches("cut.pcapng").count(), "{len}: {said}");
    }
}

#[test]
fn what_is_no_capture_in_a_folder_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(example(), folder.path().join("a.pcapng")).unwrap();
    fs::write(folder.path().join("notes.txt"), "dear diary").unwrap();
    let output = run(&["report", text(folder.path())], 0);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("notes.txt was left out"), "{said}");
    assert!(!said.contains("at byte"), "{said}");
    let shown = String::from_utf8(output.stdout).unwrap();
    let title = shown.lines().next().unwrap();
    assert!(title.ends_with("a.pcapng"), "{title}");
    assert!(!shown.contains("damaged"));

    fs::remove_file(folder.path().join("a.pcapng")).unwrap();
    let said = stderr(&["report", text(folder.path())], 3);
    assert!(
        said.contains("holds no captures") && said.contains("hint:"),
        "{said}"
    );
}

#[test]
fn what_is_no_capture_leaves_no_heading_behind() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("notes.txt");
    fs::write(&notes, "dear diary").unwrap();
    for (input, table) in [
        (text(&notes), "flows"),
        (text(&notes), "packets"),
        ("nosuch.pcap", "dns"),
    ] {
        for format in ["csv", "json", "arrow"] {
            let output = run(&["export", table, input, "--format", format], 3);
            assert_eq!(output.stdout, b"", "{table} of {input} as {format}");
            assert!(!output.stderr.is_empty());
        }
    }
}

#[test]
fn messages_say_a_thing_once_and_how_to_go_on() {
    let example = example();
    let example = text(&example);
    for (arguments, code, parts) in [
        (
            &["report", "nosuch.pcap"][..],
            3,
            &["nosuch.pcap", "hint:"][..],
        ),
        (&["report", "nosuch*.pcap"], 3, &["nosuch*.pcap", "hint:"]),
        (&["report", "-"], 3, &["standard input", "hint:"]),
        (
            &["report", example, "--png", example],
            3,
            &[example, "takes a folder"],
        ),
        (
            &["export", "flows", example, "-o", "no/such/a.csv"],
            3,
            &["no/such/a.csv", "mkdir -p"],
        ),
        (&["report", example, "--flow-rules", "zek"], 2, &["zeek"]),
        (&["report", example, "--htlm", "a"], 2, &["--html"]),
        (&["report", example, "--top", "-5"], 2, &["-5 is not in"]),
        (
            &["export", "timeline", example, "--interval", "0"],
            2,
            &["--interval must be above 0", "hint:"],
        ),
        (
            &[
                "export",
                "packets",
                example,
                "--profile",
                "simple",
                "--columns",
                "src_ip",
            ],
            2,
            &["src_ip", "--profile simple has: Timestamp, "],
        ),
        (
            &["report", example, "--html", "/"],
            3,
            &["name a file in it: /NAME"],
        ),
        (
            &["report", example, "--html", "-", "--json", "-"],
            2,
            &["standard output"],
        ),
    ] {
        let said = stderr(arguments, code);
        for part in parts {
            assert!(said.contains(part), "{arguments:?}: {said}");
        }
        assert!(!said.contains("os error"), "{arguments:?}: {said}");
        assert_eq!(said.matches("error:").count(), 1, "{said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_an_error_with_its_cause() {
    let example = example();
    let example = text(&example);
    for arguments in [
        &["report", example][..],
        &["report", example, "--json", "-"],
        &["export", "packets", example],
        &["tables"],
    ] {
        let output = netloom()
            .args(arguments)
            .stdout(
                fs::OpenOptions::new()
                    .write(true)
                    .open("/dev/full")
                    .unwrap(),
            )
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {said}");
        assert!(said.contains("standard output"), "{said}");
        assert!(said.contains("No space left"), "{said}");
        assert_eq!(said.matches("cannot be written").count(), 1, "{said}");
    }
    let said = stderr(&["export", "flows", example, "-o", "/dev/full"], 3);
    assert!(
        said.contains("/dev/full") && said.contains("No space left"),
        "{said}"
    );
}

#[test]
fn colour_is_where_it_is_wanted() {
    let example = example();
    let example = text(&example);
    let coloured = |arguments: &[&str], no_color: bool| {
        let mut command = netloom();
        if no_color {
            command.env("NO_COLOR", "1");
        }
        let output = command.args(arguments).output().unwrap();
        output.stdout.contains(&0x1b)
    };
    assert!(!coloured(&["report", example], false));
    assert!(coloured(&["report", example, "--color", "always"], false));
    assert!(!coloured(&["report", example, "--color", "never"], false));
    assert!(!coloured(&["report", example], true));
    // Quiet: the data and nothing else.
    let output = run(&["report", example, "--quiet"], 0);
    assert!(output.stderr.is_empty() && !output.stdout.is_empty());
}
