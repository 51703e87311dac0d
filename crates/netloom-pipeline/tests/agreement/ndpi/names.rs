//! Names on lines.

use std::collections::BTreeSet;

use netloom_decode::app::dns::netbios_base;
use netloom_flow::FlowRecord;

use super::line::Line;
use crate::seen::Seen;
use crate::support::Tally;

#[derive(Default)]
pub(super) struct Names {
    pub(super) tls: Tally,
    pub(super) http: Tally,
    pub(super) dns: Tally,
}

/// A name in lower case, without the port that a few lines keep.
fn plain(name: &str) -> String {
    let name = name.to_lowercase();
    match name.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
        _ => name,
    }
}

/// Whether nDPI's name is ours, with `_` and `?` for any character. Ours has `\xNN` for those
/// that are not to be shown.
fn same(theirs: &str, ours: &str) -> bool {
    let mut ours = ours.chars();
    for expected in theirs.chars() {
        let Some(mut character) = ours.next() else {
            return false;
        };
        if character == '\\' && ours.as_str().starts_with('x') {
            character = '\u{fffd}';
            ours.nth(2);
        }
        if expected != character && !matches!(expected, '_' | '?') {
            return false;
        }
    }
    ours.next().is_none()
}

impl Names {
    /// A line of TLS, DTLS, QUIC or HTTP.
    pub(super) fn line(&mut self, capture: &str, line: &Line, found: &[&FlowRecord]) {
        let Some(name) = &line.name else { return };
        let of_tls = line
            .protocol
            .split('.')
            .any(|name| matches!(name, "TLS" | "QUIC" | "DTLS"));
        let of_http = matches!(
            line.master(),
            "HTTP" | "HTTP_Connect" | "HTTP_Proxy" | "WebSocket"
        );
        let tally = match (of_tls, of_http) {
            (true, _) => &mut self.tls,
            (_, true) => &mut self.http,
            _ => return,
        };
        let ours: Vec<&str> = found
            .iter()
            .map(|flow| flow.server_name().unwrap_or("nothing"))
            .collect();
        let is = ours.iter().any(|ours| plain(ours) == plain(name));
        tally.add(capture, is, || {
            let ours = ours.first().unwrap_or(&"no flow");
            format!("{}: nDPI `{name}`, netloom `{ours}`", line.key)
        });
    }

    /// All names of a capture's lines of DNS, mDNS, LLMNR and NetBIOS.
    pub(super) fn queries(&mut self, capture: &str, lines: &[Line], seen: &Seen) {
        let theirs: BTreeSet<String> = lines
            .iter()
            .filter(|line| matches!(line.master(), "DNS" | "MDNS" | "LLMNR" | "NetBIOS"))
            .filter_map(|line| line.name.as_ref().map(|name| name.to_lowercase()))
            .collect();
        if theirs.is_empty() {
            return;
        }
        let mut ours = BTreeSet::new();
        for (_, row) in seen.dns() {
            if let Some(query) = row.query.as_deref() {
                let base = String::from_utf8_lossy(netbios_base(query.as_bytes())).into_owned();
                ours.insert(base.to_lowercase());
                ours.insert(query.to_lowercase());
            }
        }
        let hosts = seen
            .devices()
            .filter_map(|(_, row)| row.hostname.as_deref());
        ours.extend(hosts.map(str::to_lowercase));
        for name in &theirs {
            let is = ours.contains(name) || ours.iter().any(|ours| same(name, ours));
            self.dns.add(capture, is, || format!("`{name}`"));
        }
    }
}
