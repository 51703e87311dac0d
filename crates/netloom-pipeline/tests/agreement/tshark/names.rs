//! Names in a capture.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use netloom_decode::app::DeviceSource;

use super::Frame;
use crate::seen::{Seen, cell};
use crate::support::{Capture, Part, Tally};

/// What both sides have of a kind of name.
#[derive(Debug, Default)]
struct Names {
    theirs: BTreeSet<String>,
    /// And what Wireshark says where it is told where to look.
    confirmed: BTreeSet<String>,
    ours: BTreeSet<String>,
}

/// The names of a capture.
#[derive(Debug)]
pub(super) struct Sets([Names; 4]);

/// Kinds of names.
const TITLES: [&str; 4] = [
    "DNS, mDNS, LLMNR and NBNS query names",
    "Server names of TLS and QUIC",
    "HTTP hosts",
    "DHCP host names",
];

impl Sets {
    pub(super) fn of(path: &Path, frames: &[Frame], seen: &Seen) -> Self {
        Self([
            queries(frames, seen),
            servers(path, frames, seen),
            hosts(path, frames, seen),
            dhcp(frames, seen),
        ])
    }

    /// Recall and precision of each kind over captures.
    pub(super) fn parts<'a>(captures: impl Iterator<Item = (&'a Capture, &'a Self)>) -> Vec<Part> {
        let mut tallies: [[Tally; 2]; 4] = Default::default();
        for (capture, Self(kinds)) in captures {
            for (names, [recall, precision]) in kinds.iter().zip(&mut tallies) {
                for name in &names.theirs {
                    recall.add(&capture.name, names.ours.contains(name), || {
                        format!("only Wireshark: `{name}`")
                    });
                }
                for name in &names.ours {
                    let is = names.theirs.contains(name) || names.confirmed.contains(name);
                    precision.add(&capture.name, is, || format!("only netloom: `{name}`"));
                }
            }
        }
        let mut parts = Vec::new();
        for (title, [recall, precision]) in TITLES.into_iter().zip(tallies) {
            parts.push(Part::new(format!("{title}, recall"), 99.0, recall));
            parts.push(Part::new(format!("{title}, precision"), 99.0, precision));
        }
        parts
    }
}

/// The values of a column of all frames that are wanted.
fn values<'a>(
    frames: &'a [Frame],
    column: &'static str,
    wanted: impl Fn(&Frame) -> bool + 'a,
) -> impl Iterator<Item = &'a str> {
    frames
        .iter()
        .filter(move |frame| wanted(frame))
        .flat_map(move |frame| frame.get(column).split(','))
        .filter(|value| !value.is_empty())
}

/// A name in a form that both sides can have: what is no printable ASCII is one `?`.
pub(super) fn plain(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let mut skip = first.len_utf8();
        let odd = if first == '\\' {
            // `\xNN` of ours; `\NNN` (decimal) and `\r` of Wireshark's.
            let escape = rest.as_bytes().get(1).copied().unwrap_or_default();
            skip = match escape {
                b'x' | b'0'..=b'9' => 4,
                b'\\' => 2,
                _ if escape.is_ascii_lowercase() => 2,
                _ => 1,
            };
            true
        } else {
            !matches!(first, ' '..='~')
        };
        if !odd {
            out.push(first);
        } else if !out.ends_with('?') {
            out.push('?');
        }
        rest = rest.get(skip.min(rest.len())..).unwrap_or_default();
    }
    out
}

fn queries(frames: &[Frame], seen: &Seen) -> Names {
    let by_itself = |frame: &Frame| {
        ["dns", "mdns", "llmnr", "nbns"]
            .iter()
            .any(|name| frame.has(name))
            && !["tls", "http2", "icmp", "icmpv6"]
                .iter()
                .any(|name| frame.has(name))
    };
    let name = |name: &str| {
        // The record of a NetBIOS name is shown with what its suffix means.
        let name = match name.find("> (") {
            Some(end) => &name[..=end],
            None => name,
        };
        plain(if name == "<Root>" { "." } else { name })
    };
    let mut names = Names::default();
    for column in ["dns.qry.name", "nbns.name"] {
        names
            .theirs
            .extend(values(frames, column, by_itself).map(name));
    }
    let owners: BTreeSet<String> = values(frames, "dns.resp.name", by_itself)
        .map(name)
        .collect();
    for (_, row) in seen.dns() {
        let Some(query) = &row.query else { continue };
        // Commas part the names of the other side.
        for piece in query.split(',').filter(|piece| !piece.is_empty()) {
            let name = plain(piece);
            // Without a question, the row has the owner of a record.
            let owner = row.qtype.is_none() && owners.contains(&name);
            if !owner || names.theirs.contains(&name) {
                names.ours.insert(name);
            }
        }
    }
    names
}

fn servers(path: &Path, frames: &[Frame], seen: &Seen) -> Names {
    let mut names = Names::default();
    for column in [
        "tls.handshake.extensions_server_name",
        "dtls.handshake.extensions_server_name",
        "gquic.tag.sni",
    ] {
        let all = values(frames, column, |_| true);
        names.theirs.extend(all.map(str::to_lowercase));
    }
    let mut doubtful = BTreeSet::new();
    for row in seen.tls() {
        let name = cell(&row, "server_name").to_lowercase();
        for piece in name.split(',').filter(|piece| !piece.is_empty()) {
            if !names.theirs.contains(piece) {
                doubtful.insert(format!("tcp.port=={},tls", cell(&row, "dst_port")));
            }
            names.ours.insert(piece.to_owned());
        }
    }
    if !doubtful.is_empty() {
        // TLS inside OpenVPN, which Wireshark looks for on one port.
        for flow in seen
            .flows
            .iter()
            .filter(|flow| flow.service() == Some("openvpn"))
        {
            let transport = if flow.protocol == 6 { "tcp" } else { "udp" };
            let port = flow.dst_port.unwrap_or_default();
            doubtful.remove(&format!("tcp.port=={port},tls"));
            doubtful.insert(format!("{transport}.port=={port},openvpn"));
        }
        let text = tshark(path, &doubtful, |command| {
            command.args(["-T", "fields", "-e", "tls.handshake.extensions_server_name"]);
        });
        let found = text.split(['\n', ',']).map(str::to_lowercase);
        names.confirmed.extend(found);
    }
    names
}

/// A host as both are compared: no port, lower case.
fn without_port(host: &str) -> String {
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

fn hosts(path: &Path, frames: &[Frame], seen: &Seen) -> Names {
    let mut names = Names::default();
    let in_clear = |frame: &Frame| !frame.has("tls");
    let http = values(frames, "http.host", move |frame| {
        in_clear(frame) && !frame.has("ssdp")
    });
    let http2 = values(frames, "http2.headers.authority", in_clear);
    names.theirs = http
        .chain(http2)
        .map(without_port)
        .filter(|host| !host.is_empty())
        .collect();
    let mut doubtful = BTreeSet::new();
    for (app, row) in seen.http() {
        let host = row.host.as_deref().map(without_port).unwrap_or_default();
        for piece in host.split(',').filter(|piece| !piece.is_empty()) {
            if !names.theirs.contains(piece) {
                let http2 = row.version.as_deref() == Some("2");
                let protocol = if http2 { "http2" } else { "http" };
                doubtful.insert(format!("tcp.port=={},{protocol}", app.origin.dst.1));
            }
            names.ours.insert(piece.to_owned());
        }
    }
    if doubtful.is_empty() {
        return names;
    }
    for waits in ["TRUE", "FALSE"] {
        let text = tshark(path, &doubtful, |command| {
            command.args(["-o", "tcp.reassemble_out_of_order:TRUE"]);
            command.args(["-o", &format!("http.desegment_headers:{waits}")]);
            command.args(["--enable-heuristic", "teredo_udp"]);
            command.args(["-Y", "(http.request || http2.headers.authority) && !tls"]);
            command.args([
                "-T",
                "fields",
                "-e",
                "http.host",
                "-e",
                "http2.headers.authority",
            ]);
            command.args(["-e", "http.request.uri"]);
        });
        let found = text
            .split(['\n', '\t', ','])
            .map(|host| host.split_once("://").map_or(host, |(_, rest)| rest))
            .filter(|host| !host.starts_with('/'))
            .map(|host| without_port(host.split('/').next().unwrap_or(host)))
            .filter(|host| !host.is_empty());
        names.confirmed.extend(found);
    }
    names
}

fn dhcp(frames: &[Frame], seen: &Seen) -> Names {
    let mut names = Names::default();
    for column in [
        "dhcp.option.hostname",
        "dhcp.fqdn.name",
        "dhcpv6.client_domain",
    ] {
        let all = values(frames, column, |_| true);
        names
            .theirs
            .extend(all.map(|name| plain(name.trim_end_matches('.'))));
    }
    for (_, row) in seen.devices() {
        if matches!(row.source, DeviceSource::Dhcp)
            && let Some(name) = &row.hostname
        {
            let pieces = name.split(',').filter(|piece| !piece.is_empty());
            names
                .ours
                .extend(pieces.map(|name| plain(name.trim_end_matches('.'))));
        }
    }
    names
}

/// tshark where it is told which ports speak what.
fn tshark(path: &Path, ports: &BTreeSet<String>, more: impl Fn(&mut Command)) -> String {
    let mut command = Command::new("tshark");
    command
        .arg("-n")
        .arg("-r")
        .arg(path)
        .env("LC_ALL", "C.UTF-8");
    for port in ports {
        command.arg("-d").arg(port);
    }
    more(&mut command);
    let output = command.output().map(|output| output.stdout);
    String::from_utf8_lossy(&output.unwrap_or_default()).into_owned()
}
