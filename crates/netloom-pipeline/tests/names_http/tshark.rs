//! Hosts of HTTP requests, as tshark sees them in every capture.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use netloom_flow::FlowRules;

use super::read::read;
use super::{Agreement, Capture};

/// What tshark says of a capture. `NETLOOM_PEER_CACHE` names a folder that keeps it between
/// runs.
fn tshark(data: &Path, capture: &str) -> Option<String> {
    let cached = std::env::var_os("NETLOOM_PEER_CACHE")
        .map(|folder| PathBuf::from(folder).join(format!("{}.http", capture.replace('/', "%"))));
    if let Some(text) = cached.as_ref().and_then(|path| std::fs::read(path).ok()) {
        return Some(String::from_utf8_lossy(&text).into_owned());
    }
    let output = Command::new("tshark")
        .arg("-n")
        .arg("-r")
        .arg(data.join(capture))
        .args([
            "-Y",
            "(http.host && !ssdp && !tls) || (http2.headers.authority && !tls)",
        ])
        .args(["-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|"])
        .args(["-e", "http.host", "-e", "http2.headers.authority"])
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .output()
        .ok()?;
    if let Some(path) = cached {
        let _ = std::fs::write(path, &output.stdout);
    }
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a capture can hold HTTP in clear at all: it says its name in every head.
fn may_hold_http(path: &Path) -> bool {
    let packed = path.extension().is_some_and(|extension| {
        ["gz", "zst", "lz4", "xz", "bz2"]
            .iter()
            .any(|known| extension == *known)
    });
    packed
        || std::fs::read(path).is_ok_and(|bytes| bytes.windows(5).any(|window| window == b"HTTP/"))
}

/// A host as both are compared: no port, lower case.
fn normal(host: &str) -> String {
    let host = host.trim().to_lowercase();
    if let Some(address) = host.strip_prefix('[') {
        return address.split(']').next().unwrap_or(address).to_owned();
    }
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.contains(':') =>
        {
            name.to_owned()
        }
        _ => host,
    }
}

/// The hosts in what tshark printed.
fn hosts_in(text: &str) -> BTreeSet<String> {
    text.split(['\n', '\t', '|'])
        .map(|host| host.split_once("://").map_or(host, |(_, rest)| rest))
        .filter(|host| !host.starts_with('/'))
        .map(|host| normal(host.split('/').next().unwrap_or(host)))
        .filter(|host| !host.is_empty())
        .collect()
}

/// What tshark says where it is told which ports speak HTTP (it goes by ports first), that a
/// host may stand in the target alone (CONNECT), that Teredo is there on any port, and, once,
/// not to wait for the ends of heads that the capture lacks.
fn told(path: &Path, ports: &BTreeSet<(u16, bool)>) -> BTreeSet<String> {
    let mut hosts = BTreeSet::new();
    for waits in ["TRUE", "FALSE"] {
        let mut command = Command::new("tshark");
        command.arg("-n").arg("-r").arg(path);
        command.args(["-o", "tcp.reassemble_out_of_order:TRUE"]);
        command.args(["-o", &format!("http.desegment_headers:{waits}")]);
        command.args(["--enable-heuristic", "teredo_udp"]);
        for (port, http2) in ports {
            let protocol = if *http2 { "http2" } else { "http" };
            command
                .arg("-d")
                .arg(format!("tcp.port=={port},{protocol}"));
        }
        let output = command
            .args(["-Y", "(http.request || http2.headers.authority) && !tls"])
            .args(["-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|"])
            .args([
                "-e",
                "http.host",
                "-e",
                "http2.headers.authority",
                "-e",
                "http.request.uri",
            ])
            .env("LC_ALL", "C.UTF-8")
            .output();
        if let Ok(output) = output {
            hosts.append(&mut hosts_in(&String::from_utf8_lossy(&output.stdout)));
        }
    }
    hosts
}

/// Recall and precision; nothing where tshark is not installed.
#[expect(clippy::print_stdout, reason = "a test that compares nothing says why")]
pub(super) fn hosts(data: &Path, captures: &[Capture]) -> Option<(Agreement, Agreement)> {
    if let Err(reason) = Command::new("tshark").arg("--version").output() {
        println!("not compared: tshark cannot be run: {reason}");
        return None;
    }
    let (mut recall, mut precision) = (Agreement::default(), Agreement::default());
    for capture in captures {
        let path = data.join(&capture.path);
        if !may_hold_http(&path) {
            continue;
        }
        let Some(text) = tshark(data, &capture.path) else {
            continue;
        };
        let theirs: BTreeSet<String> = text
            .split(['\n', '\t', '|'])
            .map(normal)
            .filter(|host| !host.is_empty())
            .collect();
        let seen = read(&path, FlowRules::Native).unwrap_or_default();
        let rows: Vec<_> = seen
            .http()
            .filter_map(|(record, http)| {
                let host = http.host.as_deref().map(normal)?;
                let http2 = http.version.as_deref() == Some("2");
                (!host.is_empty()).then_some((host, record.dst.1, http2))
            })
            .collect();
        let ours: BTreeSet<String> = rows.iter().map(|(host, _, _)| host.clone()).collect();
        recall.add(
            &capture.path,
            theirs.len(),
            theirs.intersection(&ours).count(),
        );
        for host in theirs.difference(&ours) {
            recall
                .differences
                .push(format!("`{}`: `{host}`", capture.path));
        }
        let doubtful: BTreeSet<(u16, bool)> = rows
            .iter()
            .filter(|(host, _, _)| !theirs.contains(host))
            .map(|&(_, port, http2)| (port, http2))
            .collect();
        let mut confirmed = theirs;
        if !doubtful.is_empty() {
            confirmed.append(&mut told(&path, &doubtful));
        }
        precision.add(
            &capture.path,
            ours.len(),
            ours.intersection(&confirmed).count(),
        );
        for host in ours.difference(&confirmed) {
            precision
                .differences
                .push(format!("`{}`: `{host}`", capture.path));
        }
    }
    Some((recall, precision))
}
