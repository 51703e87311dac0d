//! Checks on `tls` and `quic` events in the tests of Suricata.

use super::*;

/// A filter: how many events match all of the values.
#[derive(Debug, Default)]
struct Filter {
    count: Option<usize>,
    values: Vec<(String, String)>,
}

/// The filters of a test.yaml: as much of YAML as they use.
fn filters(text: &str) -> Vec<Filter> {
    let mut filters: Vec<Filter> = Vec::new();
    // Indentation of `match:` within the filter that is read.
    let mut inside: Option<usize> = None;
    for line in text.lines() {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if content.starts_with("- filter:") || content == "filter:" {
            filters.push(Filter::default());
            inside = None;
            continue;
        }
        let Some(filter) = filters.last_mut() else {
            continue;
        };
        if content.starts_with("- ") && inside.is_none_or(|at| indent < at) {
            // Another kind of check.
            filters.push(Filter::default());
            inside = None;
            continue;
        }
        if inside.is_some_and(|at| indent <= at) {
            inside = None;
        }
        let Some((name, value)) = content.split_once(':') else {
            // A value that goes on in the next line.
            if let Some(last) = filter.values.last_mut() {
                last.1.push(' ');
                last.1.push_str(unquoted(content));
            }
            continue;
        };
        match (name, inside) {
            ("match", _) => inside = Some(indent),
            ("count", None) => filter.count = value.trim().parse().ok(),
            (_, Some(_)) if name.contains(' ') => {
                if let Some(last) = filter.values.last_mut() {
                    last.1.push(' ');
                    last.1.push_str(unquoted(content));
                }
            }
            (name, Some(_)) => {
                let value = unquoted(value.trim());
                filter.values.push((name.to_owned(), value.to_owned()));
            }
            _ => (),
        }
    }
    filters
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(|quote| matches!(quote, '"' | '\''))
}

/// A name as Suricata writes it (the order of the certificate, `Email`), from ours.
fn distinguished(name: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut part = String::new();
    let mut escaped = false;
    for character in name.chars() {
        match character {
            '\\' if !escaped => escaped = true,
            ',' if !escaped => parts.push(std::mem::take(&mut part)),
            other => {
                escaped = false;
                part.push(other);
            }
        }
    }
    parts.push(part);
    parts.reverse();
    let parts = parts.iter().map(|part| {
        part.strip_prefix("emailAddress=")
            .map_or_else(|| part.clone(), |value| format!("Email={value}"))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// Our value of a key; `None` where we hold no such thing.
fn value(row: &Value, key: &str) -> Option<String> {
    let listed = |column: &str, rest: &str| {
        let place: usize = rest.trim_end_matches(']').parse().ok()?;
        Some(row[column][place].as_str().unwrap_or_default().to_owned())
    };
    let time = |column: &str| {
        let time = cell(row, column);
        time.get(..19).unwrap_or_default().to_owned()
    };
    if let Some((name, rest)) = key.split_once('[') {
        return match name {
            "tls.client_alpns" => listed("client_alpns", rest),
            "tls.server_alpns" if rest == "0]" => Some(cell(row, "next_protocol")),
            "tls.subjectaltname" => listed("san_dns", rest),
            // `quic.extensions[6].name`, and `.values[0]` of a server name or a protocol
            "quic.extensions" => {
                let (place, what) = rest.split_once("].")?;
                let name = match row["client_extensions"][place.parse::<usize>().ok()?].as_str()? {
                    "application_layer_protocol_negotiation" => "alpn",
                    name => name,
                };
                match (what, name) {
                    ("name", name) => Some(name.to_owned()),
                    ("values[0]", "alpn") => listed("client_alpns", "0]"),
                    ("values[0]", "server_name") => Some(cell(row, "server_name")),
                    _ => None,
                }
            }
            _ => None,
        };
    }
    Some(match key {
        "src_ip" | "dest_ip" => {
            let address = cell(row, if key == "src_ip" { "src_ip" } else { "dst_ip" });
            // Suricata writes every group in full.
            match address.parse::<std::net::Ipv6Addr>() {
                Ok(six) => six.segments().map(|group| format!("{group:04x}")).join(":"),
                Err(_) => address,
            }
        }
        "src_port" => cell(row, "src_port"),
        "dest_port" => cell(row, "dst_port"),
        "proto" => match row["transport"].as_str() {
            Some("tcp") => "TCP".to_owned(),
            _ => "UDP".to_owned(),
        },
        "event_type" => match row["transport"].as_str() {
            Some("quic") => "quic".to_owned(),
            _ => "tls".to_owned(),
        },
        "tls.sni" | "quic.sni" => cell(row, "server_name"),
        "tls.version" => match cell(row, "version").as_str() {
            "TLSv10" => "TLSv1".to_owned(),
            "TLSv11" => "TLS 1.1".to_owned(),
            "TLSv12" => "TLS 1.2".to_owned(),
            "TLSv13" => "TLS 1.3".to_owned(),
            other => other.strip_prefix("TLSv13-draft").map_or_else(
                || other.to_owned(),
                |draft| format!("TLS 1.3 draft-{draft}"),
            ),
        },
        "tls.subject" => distinguished(&cell(row, "subject")),
        "tls.issuerdn" => distinguished(&cell(row, "issuer")),
        "tls.serial" => cell(row, "serial"),
        "tls.fingerprint" => cell(row, "cert_sha1"),
        "tls.notbefore" => time("not_before"),
        "tls.notafter" => time("not_after"),
        "tls.ja3.hash" | "quic.ja3.hash" => cell(row, "ja3"),
        "tls.ja3s.hash" | "quic.ja3s.hash" => cell(row, "ja3s"),
        "tls.ja3.string" | "quic.ja3.string" => cell(row, "ja3_text"),
        "tls.ja4" | "quic.ja4" => cell(row, "ja4"),
        "tls.session_resumed" => cell(row, "resumed"),
        _ => return None,
    })
}

/// The same but for how each writes it.
fn same(key: &str, expected: &str, ours: &str) -> bool {
    let plain = |text: &str| match key {
        "tls.serial" | "tls.fingerprint" => text.replace(':', "").to_uppercase(),
        "tls.session_resumed" => text.to_uppercase().chars().take(1).collect(),
        "tls.version" => text.replace("TLSv1.", "TLS 1.").replace("TLSv1", "TLS 1.0"),
        "src_ip" | "dest_ip" => match text.parse::<std::net::IpAddr>() {
            Ok(address) => address.to_string(),
            Err(_) => text.to_owned(),
        },
        _ => text.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    plain(expected) == plain(ours)
}

/// Keys of Suricata's own book-keeping, which say nothing of the traffic.
const APART: &[&str] = &[
    "pcap_cnt",
    "pkt_src",
    "flow_id",
    "community_id",
    "ip_v",
    "direction",
    "tx_id",
];

#[test]
fn suricatas_checks() {
    let Some((data, captures)) = captures() else {
        return;
    };
    let mut tally = Tally::default();
    for capture in captures
        .iter()
        .filter(|capture| capture.source == "suricata-verify")
    {
        for test in &capture.expected {
            let text = std::fs::read_to_string(test).unwrap_or_default();
            let checks: Vec<Filter> = filters(&text)
                .into_iter()
                .filter(|filter| {
                    filter.count.is_some()
                        && filter.values.iter().any(|(key, value)| {
                            key == "event_type" && matches!(value.as_str(), "tls" | "quic")
                        })
                })
                .collect();
            if checks.is_empty() {
                continue;
            }
            let (rows, _) = look(&data.join(&capture.path), FlowRules::Native);
            for check in checks {
                let matching = rows
                    .iter()
                    .filter(|row| {
                        check
                            .values
                            .iter()
                            .filter(|(key, _)| !APART.contains(&key.as_str()))
                            .all(|(key, expected)| {
                                value(row, key).is_some_and(|ours| same(key, expected, &ours))
                            })
                    })
                    .count();
                tally.add(&capture.path, Some(matching) == check.count, || {
                    format!(
                        "{:?} expected of {:?}, here {matching}",
                        check.count, check.values
                    )
                });
            }
        }
    }
    conclude(
        "Suricata",
        &[Part {
            name: "checks on tls and quic events",
            least: 0.80,
            tally,
        }],
    );
}
