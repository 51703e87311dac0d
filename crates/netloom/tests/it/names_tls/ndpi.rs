//! nDPI's result files, and the files beside JA4's own test captures.

use std::collections::HashMap;

use super::*;

/// A flow line with a name or a fingerprint.
struct Line {
    /// Transport and both ends, the smaller first.
    key: String,
    name: Option<String>,
    ja4: Option<String>,
    ja3: Option<String>,
}

fn key(transport: &str, one: &str, other: &str) -> String {
    let (first, second) = if one < other {
        (one, other)
    } else {
        (other, one)
    };
    format!("{transport} {first} {second}")
}

/// `addr:port` or `[addr]:port`, addresses in canonical form; nDPI's own form of IPv6 is not
/// always one that can be read.
fn endpoint(text: &str) -> Option<String> {
    let (address, port) = text.rsplit_once(':')?;
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let address = address
        .parse::<std::net::IpAddr>()
        .map_or_else(|_| address.to_owned(), |address| address.to_string());
    Some(format!("{address}:{port}"))
}

fn part<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let start = line.find(&format!("[{name}: "))? + name.len() + 3;
    line.get(start..)?.split(']').next()
}

fn parse(line: &str) -> Option<Line> {
    let rest = line.strip_prefix('\t')?;
    let (number, rest) = rest.split_once('\t')?;
    number.trim().parse::<u32>().ok()?;
    let mut words = rest.split(' ');
    let transport = words.next()?;
    let one = endpoint(words.next()?)?;
    words.next()?;
    let other = endpoint(words.next()?)?;
    // `91.126/TLS.Google`
    let protocol = part(line, "proto")?.split_once('/')?.1;
    let of_tls = protocol
        .split('.')
        .any(|name| matches!(name, "TLS" | "QUIC" | "DTLS"));
    Some(Line {
        key: key(transport, &one, &other),
        name: part(line, "Hostname/SNI")
            .filter(|_| of_tls)
            .map(str::to_owned),
        ja4: part(line, "JA4").map(str::to_owned),
        ja3: part(line, "JA3C").map(str::to_owned),
    })
}

/// JA4 as nDPI makes it, from ours. It differs from what JA4's authors publish in three ways: `i`
/// stands for a name that is an address, and `d` for no name at all; of the application protocol
/// the first two characters are taken, and `0` for the second where it is all of the list; the
/// hash over no extensions is that of an empty text.
fn variant(ja4: &str, row: &Value) -> String {
    let mut text: Vec<char> = ja4.chars().collect();
    let name = cell(row, "server_name");
    let alpn = cell(row, "client_alpns");
    if text.len() < 10 {
        return String::new();
    }
    text[3] = if name.parse::<std::net::IpAddr>().is_ok() {
        'i'
    } else {
        'd'
    };
    let mut start = alpn.split(',').next().unwrap_or_default().chars();
    if let (Some(first), Some(second)) = (start.next(), start.next()) {
        let second = if alpn.len() == 2 { '0' } else { second };
        (text[8], text[9]) = (first, second);
    }
    let text: String = text.into_iter().collect();
    match text.strip_suffix("000000000000") {
        Some(start) => format!("{start}e3b0c44298fc"),
        None => text,
    }
}

fn transport(protocol: u8) -> &'static str {
    match protocol {
        6 => "TCP",
        17 => "UDP",
        _ => "",
    }
}

#[test]
fn ndpis_results() {
    let Some((data, captures)) = captures() else {
        return;
    };
    let mut names = Tally::default();
    let mut ja4 = Tally::default();
    let mut ja4_variant = Tally::default();
    let mut ja3 = Tally::default();
    for capture in captures.iter().filter(|capture| capture.source == "ndpi") {
        let Some(result) = capture
            .expected
            .iter()
            .find(|path| path.extension().is_some_and(|kind| kind == "out"))
        else {
            continue;
        };
        let text = std::fs::read(result).unwrap_or_default();
        let lines: Vec<Line> = String::from_utf8_lossy(&text)
            .lines()
            .filter_map(parse)
            .filter(|line| line.name.is_some() || line.ja4.is_some() || line.ja3.is_some())
            .collect();
        if lines.is_empty() {
            continue;
        }
        let (rows, flows) = look(&data.join(&capture.path), FlowRules::Ndpi);
        let mut ours: HashMap<String, Vec<&FlowRecord>> = HashMap::new();
        for flow in &flows {
            let end = |address, port: Option<u16>| format!("{address}:{}", port.unwrap_or(0));
            let ends = (
                end(flow.src_ip, flow.src_port),
                end(flow.dst_ip, flow.dst_port),
            );
            let key = key(transport(flow.protocol), &ends.0, &ends.1);
            ours.entry(key).or_default().push(flow);
        }
        for line in &lines {
            let found = ours.get(&line.key).map(Vec::as_slice).unwrap_or_default();
            // Flows that differ only in their VLAN or tunnel: any of them.
            let value = |get: &dyn Fn(&FlowRecord) -> Option<String>, expected: &str| {
                let values: Vec<String> = found.iter().filter_map(|flow| get(flow)).collect();
                let same = values.iter().find(|value| *value == expected);
                same.or_else(|| values.first()).cloned().unwrap_or_default()
            };
            let fingerprint = |kind: &'static str| {
                move |flow: &FlowRecord| flow.app.as_ref()?.fingerprint(kind).map(str::to_owned)
            };
            if let Some(expected) = &line.name {
                let name = value(
                    &|flow| Some(flow.app.as_ref()?.server_name.as_ref()?.to_lowercase()),
                    expected,
                );
                names.add(&capture.path, name == expected.to_lowercase(), || {
                    format!("{}: nDPI `{expected}`, here `{name}`", line.key)
                });
            }
            if let Some(expected) = &line.ja4 {
                let ids: Vec<String> = found.iter().map(|flow| flow.flow_id.to_string()).collect();
                let ours: Vec<String> = rows
                    .iter()
                    .filter(|row| ids.contains(&cell(row, "flow_id")))
                    .map(|row| variant(&cell(row, "ja4"), row))
                    .collect();
                ja4_variant.add(&capture.path, ours.contains(expected), || {
                    format!("{}: nDPI `{expected}`, here {ours:?}", line.key)
                });
            }
            for (expected, kind, tally) in
                [(&line.ja4, "ja4", &mut ja4), (&line.ja3, "ja3", &mut ja3)]
            {
                if let Some(expected) = expected {
                    let print = value(&fingerprint(kind), expected);
                    tally.add(&capture.path, print == *expected, || {
                        format!("{}: nDPI `{expected}`, here `{print}`", line.key)
                    });
                }
            }
        }
    }
    conclude(
        "nDPI",
        &[
            Part {
                name: "name on TLS, DTLS and QUIC lines",
                least: 0.99,
                tally: names,
            },
            Part {
                name: "JA4 as nDPI makes it",
                least: 0.995,
                tally: ja4_variant,
            },
            // Its authors' own results are what counts where nDPI makes it in another way.
            Part {
                name: "JA4 as published",
                least: 0.4,
                tally: ja4,
            },
            Part {
                name: "JA3C",
                least: 0.995,
                tally: ja3,
            },
        ],
    );
}

#[test]
fn ja4s_own_results() {
    let Some((data, captures)) = captures() else {
        return;
    };
    let mut tally = Tally::default();
    for capture in captures.iter().filter(|capture| capture.source == "ja4") {
        let mut rows: Option<Vec<Value>> = None;
        for file in &capture.expected {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let field = |line: &str, name: &str| {
                let value = line.trim().trim_start_matches("- ").strip_prefix(name)?;
                Some(value.trim().to_owned())
            };
            if file.extension().is_none_or(|kind| kind != "snap") {
                continue;
            }
            let mut port = String::new();
            for line in text.lines() {
                if let Some(value) = field(line, "src_port:") {
                    port = value;
                } else if let Some(expected) = field(line, "ja4:") {
                    let rows = rows.get_or_insert_with(|| {
                        look(&data.join(&capture.path), FlowRules::Native).0
                    });
                    let of_port = rows.iter().filter(|row| cell(row, "src_port") == port);
                    let prints: Vec<_> = of_port.map(|row| cell(row, "ja4")).collect();
                    tally.add(&capture.path, prints.contains(&expected), || {
                        format!("port {port}: `{expected}`, here {prints:?}")
                    });
                }
            }
        }
    }
    conclude(
        "JA4's own results",
        &[Part {
            name: "JA4",
            least: 0.995,
            tally,
        }],
    );
}
