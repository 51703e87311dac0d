//! Checks of suricata-verify whose events are http, ssh or ftp.

use std::collections::BTreeMap;
use std::path::Path;

use netloom_flow::FlowRules;
use netloom_flow::app::AppRecord;

use super::read::{Seen, field, read};
use super::{Agreement, Capture};

/// A check: how many events there should be, and what they hold.
#[derive(Debug, Default)]
struct Check {
    count: Option<usize>,
    matches: BTreeMap<String, String>,
}

/// The filters of a `test.yaml`, read as the lines they are: `- filter:`, `count:`, `match:`
/// and keys below it.
fn checks_of(text: &str) -> Vec<Check> {
    let mut checks: Vec<Check> = Vec::new();
    let mut below = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if trimmed.starts_with("- ") {
            below = None;
            if trimmed == "- filter:" {
                checks.push(Check::default());
            } else if indent <= 4 {
                // Another kind of check; its keys belong to no filter.
                checks.push(Check::default());
            }
            continue;
        }
        let Some(check) = checks.last_mut() else {
            continue;
        };
        let Some((key, value)) = trimmed.split_once(':') else {
            continue;
        };
        let value = value.trim().trim_matches(['"', '\'']).to_owned();
        if key == "match" {
            below = Some(indent);
        } else if below.is_some_and(|match_indent| indent > match_indent) {
            check
                .matches
                .insert(key.trim_matches(['"', '\'']).to_owned(), value);
        } else if key == "count" {
            check.count = value.parse().ok();
        }
    }
    checks.retain(|check| check.count.is_some() && !check.matches.is_empty());
    checks
}

/// An event in Suricata's keys.
type Event = BTreeMap<String, String>;

fn ends(record: &AppRecord) -> Event {
    [
        ("src_ip", record.src.0.to_string()),
        ("src_port", record.src.1.to_string()),
        ("dest_ip", record.dst.0.to_string()),
        ("dest_port", record.dst.1.to_string()),
        ("proto", "TCP".to_owned()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

fn events(seen: &Seen, kind: &str) -> Vec<Event> {
    if kind == "http" {
        return seen
            .http()
            .map(|(record, http)| {
                let mut event = ends(record);
                let mut put = |key: &str, value: Option<String>| {
                    if let Some(value) = value {
                        event.insert(format!("http.{key}"), value);
                    }
                };
                let text = |value: Option<&str>| value.map(str::to_owned);
                put("hostname", text(http.host.as_deref()));
                put("url", text(http.uri.as_deref()));
                put("http_method", text(http.method.as_deref()));
                put("http_user_agent", text(http.user_agent.as_deref()));
                put("http_refer", text(http.referrer.as_deref()));
                put("http_content_type", text(http.resp_mime_type.as_deref()));
                put("status", http.status_code.map(|status| status.to_string()));
                put("length", Some(http.response_body_len.to_string()));
                let protocol = http
                    .version
                    .as_deref()
                    .map(|version| format!("HTTP/{version}"));
                put("protocol", protocol);
                event.insert("tx_id".to_owned(), (http.trans_depth - 1).to_string());
                event
            })
            .collect();
    }
    seen.messages()
        .filter(|(_, message)| message.service.name == kind)
        .map(|(record, message)| {
            let mut event = ends(record);
            for (ours, theirs) in [
                ("client_proto_version", "ssh.client.proto_version"),
                ("client_software_version", "ssh.client.software_version"),
                ("server_proto_version", "ssh.server.proto_version"),
                ("server_software_version", "ssh.server.software_version"),
                ("command", "ftp.command"),
                ("command_data", "ftp.command_data"),
                ("mode", "ftp.mode"),
                ("dynamic_port", "ftp.dynamic_port"),
            ] {
                if let Some(value) = field(message, ours) {
                    event.insert(theirs.to_owned(), value);
                }
            }
            event
        })
        .collect()
}

/// All checks of these kinds; a key that netloom does not hold is a miss.
pub(super) fn checks(data: &Path, captures: &[Capture]) -> Agreement {
    let mut agreement = Agreement::default();
    for capture in captures
        .iter()
        .filter(|capture| capture.source == "suricata-verify")
    {
        let Some(expected) = capture
            .expected
            .iter()
            .find(|expected| expected.ends_with("test.yaml"))
        else {
            continue;
        };
        let text = std::fs::read_to_string(data.join(expected)).unwrap_or_default();
        let wanted: Vec<Check> = checks_of(&text)
            .into_iter()
            .filter(|check| {
                matches!(
                    check.matches.get("event_type").map(String::as_str),
                    Some("http" | "ssh" | "ftp")
                )
            })
            .collect();
        if wanted.is_empty() {
            continue;
        }
        let short = capture.path.trim_start_matches("suricata-verify/tests/");
        let seen = read(&data.join(&capture.path), FlowRules::Native).unwrap_or_default();
        let mut agreeing = 0;
        for check in &wanted {
            let kind = check.matches.get("event_type").map_or("", String::as_str);
            let found = events(&seen, kind)
                .iter()
                .filter(|event| {
                    check
                        .matches
                        .iter()
                        .filter(|(key, _)| *key != "event_type")
                        .all(|(key, value)| event.get(key) == Some(value))
                })
                .count();
            if Some(found) == check.count {
                agreeing += 1;
            } else {
                agreement.differences.push(format!(
                    "`{short}`: {} of {:?}, found {found}",
                    check.count.unwrap_or(0),
                    check.matches
                ));
            }
        }
        agreement.add(short, wanted.len(), agreeing);
    }
    agreement
}
