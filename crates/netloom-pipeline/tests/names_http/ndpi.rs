//! Names on nDPI's lines of HTTP flows.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use netloom_flow::{FlowRecord, FlowRules};

use super::read::read;
use super::{Agreement, Capture};

/// The value in `[key: value]`.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let from = line.find(key)? + key.len();
    let rest = &line[from..];
    Some(&rest[..rest.find(']')?])
}

/// The two ends of `TCP 192.0.2.1:1024 <-> 192.0.2.2:80 [...`.
fn ends(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let rest = line.split("TCP ").nth(1)?;
    let mut words = rest.split_whitespace();
    let first = words.next()?.parse().ok()?;
    words.next()?;
    let second = words.next()?.parse().ok()?;
    Some((first, second))
}

fn is_between(flow: &FlowRecord, ends: (SocketAddr, SocketAddr)) -> bool {
    let is = |address: IpAddr, port: Option<u16>, end: SocketAddr| {
        address == end.ip() && port == Some(end.port())
    };
    let one_way = |a, b| is(flow.src_ip, flow.src_port, a) && is(flow.dst_ip, flow.dst_port, b);
    flow.protocol == 6 && (one_way(ends.0, ends.1) || one_way(ends.1, ends.0))
}

/// The names on lines whose master protocol is HTTP.
pub(super) fn names(data: &Path, captures: &[Capture]) -> Agreement {
    let mut agreement = Agreement::default();
    for capture in captures.iter().filter(|capture| capture.source == "ndpi") {
        let Some(expected) = capture.expected.first() else {
            continue;
        };
        let text = std::fs::read(data.join(expected)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text
            .lines()
            .filter(|line| {
                value(line, "[proto: ").is_some_and(|proto| {
                    let name = proto.split('/').nth(1).unwrap_or_default();
                    matches!(
                        name.split('.').next(),
                        Some("HTTP" | "HTTP_Connect" | "HTTP_Proxy" | "WebSocket")
                    )
                })
            })
            .filter_map(|line| Some((ends(line)?, value(line, "[Hostname/SNI: ")?)))
            .collect();
        if lines.is_empty() {
            continue;
        }
        let seen = read(&data.join(&capture.path), FlowRules::Ndpi).unwrap_or_default();
        let mut agreeing = 0;
        let short = capture.path.trim_start_matches("ndpi/pcap/");
        for (ends, name) in &lines {
            let mut found = seen
                .flows
                .iter()
                .filter(|flow| is_between(flow, *ends))
                .map(|flow| flow.server_name().unwrap_or("nothing").to_owned());
            let first = found.next();
            // nDPI's text is lower case and without the port that a few of its lines keep.
            let plain = |name: &str| {
                let name = name.to_lowercase();
                match name.rsplit_once(':') {
                    Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                        host.to_owned()
                    }
                    _ => name,
                }
            };
            let agrees = first
                .iter()
                .cloned()
                .chain(found)
                .any(|ours| plain(&ours) == plain(name));
            if agrees {
                agreeing += 1;
            } else {
                agreement.differences.push(format!(
                    "`{short}` {} to {}: nDPI `{name}`, netloom `{}`",
                    ends.0,
                    ends.1,
                    first.unwrap_or_else(|| "no flow".to_owned())
                ));
            }
        }
        agreement.add(short, lines.len(), agreeing);
    }
    agreement
}
