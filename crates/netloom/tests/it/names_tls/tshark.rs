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
        || bytes.windows(7).any(|window| match *window {
            [22, 3, 0..=4, _, _, 1, 0] => true,
            [22, 0xfe, 0xfd | 0xff, ..] => true,
            [0x80..=0xff, 0, 0, 0, 1, ..] | [0x80..=0xff, 0x6b, 0x33, 0x43, 0xcf, ..] => true,
            [0x80..=0xff, 0xff, 0, 0, 0x12..=0x22, ..] | [0x80..=0xff, 0xfa, 0xce, 0xb0, ..] => {
                true
            }
            [b'Q' | b'T', b'0', b'0'..=b'9', b'0'..=b'9', ..] => true,
            _ => false,
        })
}

/// Names in a capture; `None` where tshark cannot be run.
fn names(path: &Path) -> Option<BTreeSet<String>> {
    let filter = FIELDS.join(" or ");
    let mut command = Command::new("tshark");
    command.args(["-n", "-Y", &filter, "-T", "fields", "-E", "separator=|"]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.arg("-r").arg(path).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Some(
        text.split(['\n', '|', ','])
            .filter(|name| !name.is_empty())
            .map(str::to_lowercase)
            .collect(),
    )
}

#[test]
#[expect(clippy::print_stdout, reason = "a test that compares nothing says why")]
fn names_that_tshark_finds() {
    let Some((data, captures)) = captures() else {
        return;
    };
    if names(Path::new("/dev/null")).is_none() {
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
                names(&path).unwrap_or_default()
            } else {
                BTreeSet::new()
            };
            let (rows, _) = look(&path, FlowRules::Native);
            let ours: BTreeSet<String> = rows
                .iter()
                .map(|row| cell(row, "server_name").to_lowercase())
                .filter(|name| !name.is_empty())
                .collect();
            if !theirs.is_empty() || !ours.is_empty() {
                found.push((capture.path.clone(), theirs, ours));
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
    for (path, theirs, ours) in &found {
        for name in theirs {
            recall.add(path, ours.contains(name), || {
                format!("only tshark: `{name}`")
            });
        }
        for name in ours {
            precision.add(path, theirs.contains(name), || {
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
