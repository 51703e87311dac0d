//! `http.log` and `ssh.log` of Zeek's own tests.

use netloom_decode::app::text::display;

use super::{Row, log};
use crate::seen::{Seen, field_text};
use crate::support::{Capture, Tally};

/// Percent codes taken away, as Zeek does.
fn unescaped(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = (*first == b'%')
            .then(|| std::str::from_utf8(after.get(..2)?).ok())
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = code {
            out.push(byte);
            rest = &after[2..];
        } else {
            out.push(*first);
            rest = after;
        }
    }
    display(&out).into_owned()
}

fn without_port(host: &str) -> String {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.contains(':') =>
        {
            name.to_owned()
        }
        _ => host.to_owned(),
    }
}

/// Baselines of what no capture holds, and why.
pub(super) const MADE_UP: &[(&str, &str)] = &[(
    "spicy.protocol-analyzer-data-in",
    "its script makes up three HTTP exchanges when it sees the name of an SSH client",
)];

/// Rows of one connection are compared with rows of the same, the most alike first.
fn compare(capture: &str, columns: &[&str], theirs: &[Row], ours: &[Row], tally: &mut Tally) {
    const ENDS: [&str; 3] = ["id.orig_p", "id.resp_p", "trans_depth"];
    // A script of a test may have masked them.
    const ADDRESSES: [&str; 2] = ["id.orig_h", "id.resp_h"];
    let mut free: Vec<&Row> = ours.iter().collect();
    let alike = |their: &Row, our: &Row| {
        columns
            .iter()
            .filter(|column| {
                their.contains_key(**column) && their.get(**column) == our.get(**column)
            })
            .count()
    };
    for their in theirs {
        let best = free
            .iter()
            .enumerate()
            .filter(|(_, our)| {
                ENDS.iter().all(|end| {
                    !their.contains_key(*end)
                        || !our.contains_key(*end)
                        || their.get(*end) == our.get(*end)
                })
            })
            .max_by_key(|(at, our)| {
                let places = ADDRESSES.iter();
                let same = places.filter(|end| their.get(**end) == our.get(**end));
                (same.count(), alike(their, our), usize::MAX - at)
            })
            .map(|(at, _)| at);
        let our = best.map(|at| free.remove(at));
        for column in columns {
            let Some(expected) = their.get(*column) else {
                continue;
            };
            let found = our.and_then(|our| our.get(*column));
            // The fingerprints in the baselines are cut.
            let cut = *column == "host_key_fingerprint"
                && expected.len() >= 39
                && found.is_some_and(|found| found.starts_with(expected.as_str()));
            tally.add(capture, found == Some(expected) || cut, || {
                let found = found.map_or("nothing", String::as_str);
                format!("{column}: Zeek `{expected}`, netloom `{found}`")
            });
        }
    }
}

/// Baselines of one kind, against rows of ours.
fn against(
    captures: &[(&Capture, &Seen)],
    name: &str,
    columns: &[&str],
    rows: impl Fn(&Seen) -> Vec<Row>,
) -> Tally {
    let mut tally = Tally::default();
    for (capture, seen) in captures {
        for path in capture.expected.iter().filter(|path| path.ends_with(name)) {
            if MADE_UP
                .iter()
                .any(|(test, _)| path.parent().is_some_and(|parent| parent.ends_with(test)))
            {
                continue;
            }
            let mut theirs = log(path);
            for row in &mut theirs {
                row.retain(|_, value| !matches!(&**value, "-" | "<empty>"));
                for (name, value) in row {
                    if value == "(empty)" {
                        value.clear();
                    }
                    if name == "host" {
                        *value = without_port(value);
                    }
                }
            }
            compare(capture.short(), columns, &theirs, &rows(seen), &mut tally);
        }
    }
    tally
}

/// `http.log`.
pub(super) fn http(captures: &[(&Capture, &Seen)]) -> Tally {
    const COLUMNS: [&str; 18] = [
        "trans_depth",
        "method",
        "host",
        "uri",
        "referrer",
        "version",
        "user_agent",
        "origin",
        "request_body_len",
        "response_body_len",
        "status_code",
        "status_msg",
        "info_code",
        "info_msg",
        "username",
        "proxied",
        "resp_filenames",
        "resp_mime_types",
    ];
    against(captures, "http.log", &COLUMNS, http_rows)
}

/// Rows of ours with Zeek's names.
fn http_rows(seen: &Seen) -> Vec<Row> {
    seen.http()
        .map(|(record, http)| {
            let text = |value: Option<&str>| value.map(str::to_owned);
            let number = |value: Option<u16>| value.map(|value| value.to_string());
            let proxied = (!http.proxied.is_empty()).then(|| http.proxied.join(","));
            [
                ("id.orig_h", Some(record.origin.src.0.to_string())),
                ("id.orig_p", Some(record.origin.src.1.to_string())),
                ("id.resp_h", Some(record.origin.dst.0.to_string())),
                ("id.resp_p", Some(record.origin.dst.1.to_string())),
                ("trans_depth", Some(http.trans_depth.to_string())),
                ("method", text(http.method.as_deref())),
                ("host", text(http.host.as_deref())),
                ("uri", http.uri.as_deref().map(unescaped)),
                ("referrer", text(http.referrer.as_deref())),
                ("version", text(http.version.as_deref())),
                ("user_agent", text(http.user_agent.as_deref())),
                ("origin", text(http.origin.as_deref())),
                ("request_body_len", Some(http.request_body_len.to_string())),
                (
                    "response_body_len",
                    Some(http.response_body_len.to_string()),
                ),
                ("status_code", number(http.status_code)),
                ("status_msg", text(http.status_msg.as_deref())),
                ("info_code", number(http.info_code)),
                ("info_msg", text(http.info_msg.as_deref())),
                ("username", text(http.username.as_deref())),
                ("proxied", proxied),
                ("resp_filenames", text(http.filename.as_deref())),
                ("resp_mime_types", text(http.resp_mime_type.as_deref())),
            ]
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
        })
        .collect()
}

/// `ssh.log`.
pub(super) fn ssh(captures: &[(&Capture, &Seen)]) -> Tally {
    const COLUMNS: [&str; 9] = [
        "version",
        "client",
        "server",
        "cipher_alg",
        "mac_alg",
        "compression_alg",
        "kex_alg",
        "host_key_alg",
        "host_key_fingerprint",
    ];
    let rows = |seen: &Seen| {
        seen.messages()
            // Inside a WebSocket the flow's service is another.
            .filter(|(_, message)| &*message.kind == "kex")
            .map(|(record, message)| {
                let ends = [
                    ("id.orig_h", record.origin.src.0.to_string()),
                    ("id.orig_p", record.origin.src.1.to_string()),
                    ("id.resp_h", record.origin.dst.0.to_string()),
                    ("id.resp_p", record.origin.dst.1.to_string()),
                ];
                let mut row: Row = ends
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect();
                for column in COLUMNS {
                    if let Some(value) = field_text(message, column) {
                        row.insert(column.to_owned(), value);
                    }
                }
                row
            })
            .collect()
    };
    against(captures, "ssh.log", &COLUMNS, rows)
}
