//! Live capture into files, as a person uses it; in network namespaces of its own.
#![expect(clippy::print_stdout, reason = "what is skipped says why")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::common::{example, run, stderr, stdout};
use crate::network::{Ended, Network};

/// How many packets a file has, as netloom reads it; without a warning.
fn packets(path: &Path) -> u64 {
    let output = run(
        &[
            "export",
            "capture",
            path.to_str().unwrap(),
            "--columns",
            "packets",
        ],
        0,
    );
    let warnings = String::from_utf8_lossy(&output.stderr);
    assert!(warnings.is_empty(), "{}: {warnings}", path.display());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().nth(1).unwrap().parse().unwrap()
}

/// Seconds since the epoch of a file's last packet; what is cut is not complained of.
fn last_time(path: &Path) -> f64 {
    let text = stdout(&[
        "export",
        "capture",
        path.to_str().unwrap(),
        "--format",
        "jsonl",
    ]);
    let value: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let time = value["last_ts"].as_str().unwrap();
    let output = Command::new("date")
        .args(["-u", "+%s.%N", "-d", time])
        .output()
        .unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

/// Others read the file without a word, and count the same packets.
fn others_read(path: &Path, packets: u64) {
    let file = path.to_str().unwrap();
    let extension = path.extension().unwrap();
    let compressed = extension == "gz" || extension == "zst";
    let mut asked = vec![
        ("capinfos", vec!["-cM", file]),
        (
            "tshark",
            vec!["-r", file, "-T", "fields", "-e", "frame.number"],
        ),
    ];
    if !compressed {
        // tcpdump reads neither.
        asked.push(("tcpdump", vec!["-ttnr", file]));
    }
    for (program, arguments) in asked {
        let Ok(output) = Command::new(program).args(&arguments).output() else {
            println!("skipped: no {program}");
            continue;
        };
        let complaints: Vec<String> = String::from_utf8_lossy(&output.stderr)
            .lines()
            .filter(|line| !line.starts_with("reading from file"))
            .filter(|line| !line.starts_with("Running as user"))
            .filter(|line| !line.trim().is_empty())
            .map(str::to_owned)
            .collect();
        assert!(complaints.is_empty(), "{program} {file}: {complaints:?}");
        assert!(output.status.success(), "{program} {file}");
        let text = String::from_utf8_lossy(&output.stdout);
        let counted = if program == "capinfos" {
            let line = text
                .lines()
                .find(|line| line.starts_with("Number of packets"))
                .unwrap();
            line.rsplit(' ').next().unwrap().parse().unwrap()
        } else {
            // tcpdump's goes on in further lines; only the first begins with the time.
            let begins = |line: &&str| {
                let first = line.split(' ').next().unwrap();
                first.parse::<f64>().is_ok()
            };
            text.lines().filter(begins).count() as u64
        };
        assert_eq!(counted, packets, "{program} {file}");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn clean(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.number("dropped by kernel"), 0);
    assert_eq!(ended.number("dropped by interface"), 0);
}

#[test]
fn every_format_holds_every_packet_whichever_signal_ends_it() {
    let Some(network) = Network::new() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let outputs = [
        "a.pcapng",
        "a.pcap",
        "a.pcapng.gz",
        "a.pcapng.zst",
        "a.pcap.zst",
    ];
    let captures: Vec<_> = outputs
        .iter()
        .map(|name| {
            let path = folder.path().join(name);
            let capture = network.capture(&["-w", path.to_str().unwrap()]);
            (path, capture)
        })
        .collect();
    let Some(sent) = network.replay(&example(), "--pps=5000") else {
        return;
    };
    for (number, (path, capture)) in captures.into_iter().enumerate() {
        let ended = capture.stop(if number % 2 == 0 { "INT" } else { "TERM" });
        clean(&ended);
        assert_eq!(ended.number("captured"), sent, "{}", path.display());
        // And what it was: the report of the file.
        let report = String::from_utf8(ended.stdout).unwrap();
        assert!(report.contains("Top addresses by bytes"), "{report}");
        assert_eq!(packets(&path), sent);
        others_read(&path, sent);
    }
}

#[test]
fn a_pcapng_says_who_where_and_how_many() {
    let Some(network) = Network::new() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcapng");
    let file = path.to_str().unwrap();
    let capture = network.capture(&["-w", file, "-s", "40", "udp", "port", "9"]);
    network.send(20, false).wait().unwrap();
    let ended = capture.stop("INT");
    clean(&ended);
    let text = stdout(&["export", "capture", file, "--format", "jsonl"]);
    let value: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(value["packets"], 20);
    assert_eq!(value["truncated"], 20);
    assert_eq!(value["dropped_kernel"], 0);
    let Ok(output) = Command::new("capinfos").arg(file).output() else {
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    for words in [
        "Capture application: netloom",
        "Capture oper-sys:    Linux",
        "Name = wire1",
        "Filter string = udp port 9",
        "Capture length = 40",
        "Time precision = nanoseconds",
        "Number of packets = 20",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let Ok(output) = Command::new("tshark")
        .args([
            "-r",
            file,
            "-c",
            "1",
            "-T",
            "fields",
            "-e",
            "frame.interface_name",
            "-e",
            "frame.packet_flags_direction",
        ])
        .output()
    else {
        return;
    };
    // It was addressed to another station, so that nothing is said of its direction.
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "wire1");
}

#[test]
fn rotated_by_size_by_time_by_both_and_in_a_ring() {
    let Some(network) = Network::new() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let start = |name: &str, file: &str, arguments: &[&str]| {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join(file);
        let mut all = vec!["-w", path.to_str().unwrap()];
        all.extend(arguments);
        (folder.clone(), network.capture(&all))
    };
    let size = start("size", "a.pcap", &["--rotate", "10KB"]);
    let time = start("time", "t-%Y%m%d-%H%M%S.pcapng", &["--rotate", "1s"]);
    let both = start(
        "both",
        "a.pcapng.zst",
        &["--rotate", "2s", "--rotate", "10KB"],
    );
    let ring = start("ring", "a.pcapng", &["--rotate", "10KB", "--keep", "3"]);
    network.send(600, true).wait().unwrap();
    for (folder, capture) in [size, time, both] {
        let ended = capture.stop("INT");
        clean(&ended);
        assert_eq!(ended.number("captured"), 600);
        let files = files(&folder);
        assert!(files.len() > 1, "{files:?}");
        let mut all = 0;
        for (number, file) in files.iter().enumerate() {
            let some = packets(file);
            if number < 2 || number + 1 == files.len() {
                others_read(file, some);
            }
            all += some;
            if folder.ends_with("size") {
                assert!(std::fs::metadata(file).unwrap().len() <= 10_000);
            }
        }
        assert_eq!(all, 600, "{files:?}");
    }
    let (folder, capture) = ring;
    let ended = capture.stop("TERM");
    clean(&ended);
    assert!(
        ended.stderr.contains("older ones removed"),
        "{}",
        ended.stderr
    );
    let files = files(&folder);
    assert_eq!(files.len(), 3);
    assert!(files.iter().all(|file| packets(file) > 0));
}

#[test]
fn a_count_and_a_duration_end_it() {
    let Some(network) = Network::new() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let counted = folder.path().join("counted.pcap");
    let timed = folder.path().join("timed.pcap");
    let counted_capture = network.capture(&["-c", "7", "-w", counted.to_str().unwrap()]);
    let timed_capture = network.capture(&["--duration", "500ms", "-w", timed.to_str().unwrap()]);
    network.send(30, false).wait().unwrap();
    let ended = counted_capture.wait();
    clean(&ended);
    assert_eq!(ended.number("captured"), 7);
    others_read(&counted, 7);
    let ended = timed_capture.wait();
    clean(&ended);
    assert_eq!(packets(&timed), ended.number("captured"));
}

#[test]
fn standard_output_takes_a_capture_or_lines() {
    let Some(network) = Network::new() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (format, name) in [("pcapng", "a.pcapng"), ("pcap", "a.pcap")] {
        let capture = network.capture(&["-w", "-", "--format", format, "-c", "5"]);
        network.send(5, false).wait().unwrap();
        let ended = capture.wait();
        clean(&ended);
        let path = folder.path().join(name);
        std::fs::write(&path, &ended.stdout).unwrap();
        others_read(&path, 5);
    }
    let capture = network.capture(&["-c", "2", "--kind", "udp"]);
    network.send(2, false).wait().unwrap();
    let ended = capture.wait();
    let lines = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(lines.lines().count(), 2);
    for line in lines.lines() {
        // 14:03:22.123456 10.77.0.1:51234 > 10.77.0.3:9: udp Len=11, length 53
        let (time, rest) = line.split_once(' ').unwrap();
        assert_eq!(time.len(), 15);
        assert!(rest.starts_with("10.77.0.1:"), "{line}");
        assert!(rest.contains(" > 10.77.0.3:9: udp "), "{line}");
        assert!(rest.ends_with(", length 53"), "{line}");
    }
}

#[test]
fn a_page_of_what_was_captured_with_and_without_a_file() {
    let Some(network) = Network::new() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let without = network.capture(&["--html", &path("a.html")]);
    let with = network.capture(&["--html", &path("b.html"), "-w", &path("b.pcapng")]);
    let piped = network.capture(&["--html", &path("c.html"), "-w", "-"]);
    network.send(25, false).wait().unwrap();
    for (name, capture) in [("a.html", without), ("b.html", with), ("c.html", piped)] {
        let ended = capture.stop("INT");
        clean(&ended);
        assert_eq!(ended.number("captured"), 25);
        let page = std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(page.contains("10.77.0.3"), "{name}");
        if name == "c.html" {
            let piped = folder.path().join("c.pcapng");
            std::fs::write(&piped, &ended.stdout).unwrap();
            others_read(&piped, 25);
        } else {
            let report = String::from_utf8_lossy(&ended.stdout).into_owned();
            assert!(report.contains("10.77.0.3"), "{report}");
        }
    }
}

#[test]
fn all_interfaces_at_once() {
    let Some(network) = Network::new() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("any.pcapng");
    let capture = network.capture_on("any", &["-w", path.to_str().unwrap(), "udp"]);
    network.send(10, false).wait().unwrap();
    let ended = capture.stop("INT");
    clean(&ended);
    assert_eq!(packets(&path), 10);
}

#[test]
fn killed_twenty_times_it_loses_the_last_second_at_most() {
    let Some(network) = Network::new() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut captures = Vec::new();
    // A fixed seed: xorshift.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for number in 0..20 {
        let name = ["a.pcapng", "b.pcap", "c.pcapng.zst", "d.pcapng.gz"][number % 4];
        let path = folder.path().join(format!("{number}-{name}"));
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let after = Duration::from_millis(1200 + state % 2500);
        captures.push((
            after,
            path.clone(),
            network.capture(&["-w", path.to_str().unwrap()]),
        ));
    }
    captures.sort_by_key(|(after, ..)| *after);
    let mut sender = network.send(100_000, true);
    let mut passed = Duration::ZERO;
    let mut killed = Vec::new();
    for (after, path, capture) in captures {
        std::thread::sleep(after.saturating_sub(passed));
        passed = after;
        #[expect(
            clippy::disallowed_methods,
            reason = "the files' times are the clock's"
        )]
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs_f64();
        capture.signal("KILL");
        let ended = capture.wait();
        assert_eq!(ended.code, None);
        killed.push((path, now));
    }
    sender.kill().unwrap();
    sender.wait().unwrap();
    for (number, (path, at)) in killed.into_iter().enumerate() {
        let last = last_time(&path);
        assert!(
            at - last < 1.0,
            "{}: {} s are missing",
            path.display(),
            at - last
        );
        // Others read it; that it may be cut inside a packet they may say. tshark takes its time.
        if number % 2 == 1 {
            continue;
        }
        let Ok(output) = Command::new("tshark")
            .args([
                "-r",
                path.to_str().unwrap(),
                "-T",
                "fields",
                "-e",
                "frame.time_epoch",
            ])
            .stderr(Stdio::null())
            .output()
        else {
            continue;
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let theirs: f64 = text.lines().last().unwrap().parse().unwrap();
        assert!(
            at - theirs < 1.0,
            "tshark, {}: {}",
            path.display(),
            at - theirs
        );
    }
}

#[test]
fn a_full_disk_ends_it_with_an_error_and_whole_packets() {
    struct Mounted(PathBuf);
    impl Drop for Mounted {
        fn drop(&mut self) {
            _ = Command::new("umount").arg(&self.0).status();
        }
    }
    let Some(network) = Network::new() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=200k", "tmpfs"])
        .arg(folder.path())
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: no small disk can be made here");
        return;
    }
    let mounted = Mounted(folder.path().to_owned());
    for name in ["a.pcapng", "b.pcap", "c.pcapng.zst"] {
        let path = folder.path().join(name);
        let capture = network.capture(&["-w", path.to_str().unwrap()]);
        let Some(_) = network.replay(&example(), "--pps=5000") else {
            return;
        };
        let ended = capture.wait();
        assert_eq!(ended.code, Some(3), "{}", ended.stderr);
        assert!(ended.stderr.contains(name), "{}", ended.stderr);
        assert!(ended.stderr.contains("No space left"), "{}", ended.stderr);
        assert!(ended.stderr.contains("make room there"), "{}", ended.stderr);
        let kept = packets(&path);
        if !name.ends_with("zst") {
            assert!(kept > 50, "{name}: {kept}");
        }
        others_read(&path, kept);
        std::fs::remove_file(path).unwrap();
    }
    drop(mounted);
}

#[test]
fn an_interface_that_goes_away_is_said_and_costs_nothing() {
    let Some(network) = Network::new() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcapng");
    let capture = network.capture(&["-w", path.to_str().unwrap()]);
    network.send(10, false).wait().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    network.unplug();
    std::thread::sleep(Duration::from_millis(800));
    let ended = capture.stop("INT");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("warning: wire1"), "{}", ended.stderr);
    assert_eq!(ended.number("captured"), 10);
    others_read(&path, 10);
}

#[test]
fn without_permission_it_says_what_to_do() {
    let Some(network) = Network::new() else {
        return;
    };
    let output = network
        .listener("setpriv")
        .args([
            "--bounding-set=-net_raw,-net_admin,-sys_admin",
            "--inh-caps=-all",
        ])
        .arg(env!("CARGO_BIN_EXE_netloom"))
        .args(["capture", "-i", "wire1", "-c", "1"])
        .output();
    let Ok(output) = output else {
        println!("skipped: no setpriv");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.contains("sudo setcap cap_net_raw,cap_net_admin=eip "),
        "{said}"
    );
}

#[test]
fn the_program_of_a_filter_is_printed() {
    let text = stdout(&["capture", "-d", "--kind", "arp"]);
    assert_eq!(
        text,
        "(000) ldh      [12]\n\
         (001) jeq      #0x806           jt 2\tjf 3\n\
         (002) ret      #262144\n\
         (003) ret      #0\n"
    );
    let said = stderr(&["capture", "-d", "tcp", "prot", "80"], 2);
    assert!(said.contains("tcp prot 80"), "{said}");
    assert!(said.contains("      ^^^^"), "{said}");
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    for (arguments, words) in [
        (
            &["-w", "-", "--rotate", "1h"][..],
            "standard output is one file",
        ),
        (&["--keep", "3"][..], "--rotate"),
        (&["--rotate", "1h"][..], "--write"),
        (&["-w", "-", "--html", "-"][..], "standard output"),
        (
            &["-w", "a", "--rotate", "1h", "--rotate", "2h"][..],
            "not two of a kind",
        ),
        (&["--html", "-", "--open"][..], "--open needs a file"),
        (&["-w", "a", "--rotate", "5"][..], "has no unit"),
    ] {
        let all: Vec<&str> = ["capture"].iter().chain(arguments).copied().collect();
        let said = stderr(&all, 2);
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}
