//! Server names as tshark finds them.

use std::collections::BTreeSet;
use std::process::Command;

use super::*;

/// Fields that hold names.
const FIELDS: [&str; 3] = [
    "tls.handshake.extensions_server_name",
    "dtls.handshake.extensions_server_name",
    "gquic.tag.sni",
];

/// Whether bytes that begin a hello or name a version of QUIC stand anywhere in the file: others
/// need not be given to tshark, which takes its time.
fn may_have_names(bytes: &[u8]) -> bool {
    let compressed =
        bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    compressed
        || bytes.windows(7).any(|window| {
            matches!(
                *window,
                [22, 3, 0..=4, _, _, 1, 0]
                    | [22, 0xfe, 0xfd | 0xff, ..]
                    | [0x80..=0xff, 0, 0, 0, 1, ..]
                    | [0x80..=0xff, 0x6b, 0x33, 0x43, 0xcf, ..]
                    | [0x80..=0xff, 0xff, 0, 0, 0x12..=0x22, ..]
                    | [0x80..=0xff, 0xfa, 0xce, 0xb0, ..]
                    | [b'Q' | b'T', b'0', b'0'..=b'9', b'0'..=b'9', ..]
            )
        })
}

/// tshark, asked for the names in a capture.
fn command(path: &Path) -> Command {
    let filter = FIELDS.join(" or ");
    let mut command = Command::new("tshark");
    command.args(["-n", "-Y", &filter, "-T", "fields", "-E", "separator=|"]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    command.arg("-r").arg(path);
    command
}

/// The names in what tshark printed.
fn names_in(text: &str) -> BTreeSet<String> {
    text.split(['\n', '|', ','])
        .filter(|name| !name.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// What tshark says where it is told which ports speak TLS: it goes by ports first.
fn told(path: &Path, ports: &BTreeSet<String>) -> BTreeSet<String> {
    let mut command = command(path);
    for port in ports {
        command.arg("-d").arg(format!("tcp.port=={port},tls"));
    }
    let output = command.output().map(|output| output.stdout);
    names_in(&String::from_utf8_lossy(&output.unwrap_or_default()))
}

/// What tshark prints of a capture; `None` where it cannot be run. `NETLOOM_PEER_CACHE` names a
/// folder that keeps it between runs.
fn printed(path: &Path, name: &str) -> Option<String> {
    let cached = std::env::var_os("NETLOOM_PEER_CACHE")
        .map(|folder| PathBuf::from(folder).join(format!("{}.tls", name.replace('/', "%"))));
    if let Some(text) = cached.as_ref().and_then(|path| std::fs::read(path).ok()) {
        return Some(String::from_utf8_lossy(&text).into_owned());
    }
    let output = command(path).output().ok()?;
    if let Some(path) = cached {
        let _ = std::fs::write(path, &output.stdout);
    }
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Names in a capture; `None` where tshark cannot be run.
fn names(path: &Path, name: &str) -> Option<BTreeSet<String>> {
    printed(path, name).map(|text| names_in(&text))
}

#[test]
fn names_that_tshark_finds() {
    let Some((data, captures)) = captures() else {
        return;
    };
    if Command::new("tshark").arg("--version").output().is_err() {
        println!("not compared: tshark cannot be run");
        return;
    }
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            let place = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(capture) = captures.get(place) else {
                return found;
            };
            let path = data.join(&capture.path);
            let bytes = std::fs::read(&path).unwrap_or_default();
            let theirs = if may_have_names(&bytes) {
                names(&path, &capture.path).unwrap_or_default()
            } else {
                BTreeSet::new()
            };
            let (rows, _) = look(&path, FlowRules::Native);
            let ours: BTreeSet<String> = rows
                .iter()
                .map(|row| cell(row, "server_name").to_lowercase())
                .filter(|name| !name.is_empty())
                .collect();
            let ports: BTreeSet<String> = rows
                .iter()
                .filter(|row| !theirs.contains(&cell(row, "server_name").to_lowercase()))
                .filter(|row| !cell(row, "server_name").is_empty())
                .map(|row| cell(row, "dst_port"))
                .collect();
            let mut confirmed = theirs.clone();
            if !ports.is_empty() {
                confirmed.append(&mut told(&path, &ports));
            }
            if !theirs.is_empty() || !ours.is_empty() {
                found.push((capture.path.clone(), theirs, confirmed, ours));
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let found: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    let mut recall = Tally::default();
    let mut precision = Tally::default();
    for (path, theirs, confirmed, ours) in &found {
        for name in theirs {
            recall.add(path, ours.contains(name), || {
                format!("only tshark: `{name}`")
            });
        }
        for name in ours {
            precision.add(path, confirmed.contains(name), || {
                format!("only here: `{name}`")
            });
        }
    }
    // What is only here or there depends on the order in which threads came.
    for tally in [&mut recall, &mut precision] {
        tally.differences.sort();
    }
    conclude(
        "tshark",
        &[
            Part {
                name: "recall of server names",
                least: 0.99,
                tally: recall,
            },
            Part {
                name: "precision of server names",
                least: 0.99,
                tally: precision,
            },
        ],
    );
}
