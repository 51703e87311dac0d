//! What the tests of the command share.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The project's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The example capture.
pub(crate) fn example() -> PathBuf {
    root().join("examples/small-office.pcapng")
}

/// The built command, without what the environment could change.
pub(crate) fn netloom() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netloom"));
    command
        .env_remove("NO_COLOR")
        .env("LC_ALL", "C.UTF-8")
        .stdin(std::process::Stdio::null());
    command
}

/// Runs the command and expects an exit code.
pub(crate) fn run(arguments: &[&str], code: i32) -> Output {
    let output = netloom().args(arguments).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(code),
        "netloom {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Standard output of a run that must succeed.
pub(crate) fn stdout(arguments: &[&str]) -> String {
    String::from_utf8(run(arguments, 0).stdout).unwrap()
}

/// Standard error of a run that must end with a code.
pub(crate) fn stderr(arguments: &[&str], code: i32) -> String {
    String::from_utf8(run(arguments, code).stderr).unwrap()
}

/// A capture without a packet: a pcap file's header, times in microseconds.
pub(crate) fn pcap(link_type: u32) -> Vec<u8> {
    let words = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 1 << 18, link_type];
    words.map(u32::to_le_bytes).concat()
}

/// Appends a packet of so many microseconds since 1970.
pub(crate) fn pcap_packet(file: &mut Vec<u8>, micros: u64, data: &[u8]) {
    let (seconds, micros) = ((micros / 1_000_000) as u32, (micros % 1_000_000) as u32);
    let len = data.len() as u32;
    for word in [seconds, micros, len, len] {
        file.extend(word.to_le_bytes());
    }
    file.extend(data);
}
