//! Checks of suricata-verify whose events are `messages` of netloom.

use std::collections::BTreeMap;
use std::path::Path;

use netloom::FlowRules;
use netloom::pipeline::flow::app::{AppRecord, FieldValue, MessageRecord};

use super::{Agreement, Seen, read};

/// Keys that netloom does not hold on purpose, and why.
pub(super) const LEFT_OUT: &[(&str, &str)] = &[
    (
        "mqtt.connect.password",
        "a password is never kept, only that there was one",
    ),
    (
        "mqtt.connect.properties.authentication_data",
        "it serves as a password, and is never kept",
    ),
    (
        "mqtt.publish.message",
        "what is published is payload, which is never kept",
    ),
];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) agreement: Agreement,
    /// Keys of all checks, and those of them that were left out.
    pub(super) keys: usize,
    pub(super) left_out: usize,
}

/// A check: how many events there should be, and what they hold.
#[derive(Debug, Default)]
struct Check {
    count: Option<usize>,
    matches: BTreeMap<String, String>,
}

/// The filters of a `test.yaml`, read as the lines they are: `- filter:`, then below it `count:`
/// and `match:`, and below that keys with values on the same line.
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
            // Other kinds of checks get an empty one, which is dropped below.
            below = None;
            checks.push(Check::default());
            continue;
        }
        let (Some(check), Some((key, value))) = (checks.last_mut(), trimmed.split_once(": "))
        else {
            if trimmed == "match:" {
                below = Some(indent);
            }
            continue;
        };
        if below.is_some_and(|deeper| indent > deeper) {
            let key = key.trim_matches(['"', '\'']).to_owned();
            check.matches.insert(key, value_of(value.trim()));
        } else if key == "count" {
            check.count = value.trim().parse().ok();
        }
    }
    checks.retain(|check| check.count.is_some() && !check.matches.is_empty());
    checks
}

/// A value without its quotes (backslashes are doubled between double ones); lists without
/// spaces.
fn value_of(value: &str) -> String {
    if let Some(inside) = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        return inside.replace("\\\\", "\\");
    }
    if value.starts_with('[') {
        return value
            .chars()
            .filter(|letter| !letter.is_whitespace())
            .collect();
    }
    value.trim_matches('\'').to_owned()
}

fn text(value: &FieldValue) -> String {
    match value {
        FieldValue::Text(text) => text.to_string(),
        FieldValue::Number(number) => number.to_string(),
        FieldValue::Flag(flag) => flag.to_string(),
        FieldValue::List(items) => format!("[{}]", items.join(",")),
        other => format!("{other:?}"),
    }
}

/// An event in Suricata's keys.
fn event(record: &AppRecord, message: &MessageRecord) -> BTreeMap<String, String> {
    let (src, dst) = (record.src, record.dst);
    let mut event: BTreeMap<String, String> = [
        ("src_ip", src.0.to_string()),
        ("src_port", src.1.to_string()),
        ("dest_ip", dst.0.to_string()),
        ("dest_port", dst.1.to_string()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect();
    let service = message.service.name;
    // Below `mqtt` there is the message's name.
    let prefix = if service == "mqtt" {
        format!("mqtt.{}", message.kind)
    } else {
        service.to_owned()
    };
    for (name, value) in &message.fields {
        event.insert(format!("{prefix}.{name}"), text(value));
        if let FieldValue::List(items) = value {
            for (index, item) in items.iter().enumerate() {
                event.insert(format!("{prefix}.{name}[{index}]"), item.to_string());
                // A list of objects is one list a member here.
                if let Some((list, member)) = name.rsplit_once('.') {
                    event.insert(
                        format!("{prefix}.{list}[{index}].{member}"),
                        item.to_string(),
                    );
                }
            }
        }
    }
    if let (Some(FieldValue::List(topics)), Some(FieldValue::List(levels))) =
        (field(message, "topics"), field(message, "topics_qos"))
    {
        let topics: Vec<String> = topics
            .iter()
            .zip(levels)
            .map(|(topic, qos)| format!("{{topic:{topic},qos:{qos}}}"))
            .collect();
        event.insert(
            format!("{prefix}.topics"),
            format!("[{}]", topics.join(",")),
        );
    }
    event
}

fn field<'a>(message: &'a MessageRecord, name: &str) -> Option<&'a FieldValue> {
    message
        .fields
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

/// Whether an event holds what a check wants.
fn matches(check: &Check, event: &BTreeMap<String, String>) -> bool {
    check.matches.iter().all(|(key, value)| match key.as_str() {
        "event_type" => true,
        // Every flow has one.
        "has-key" => value == "community_id" || event.contains_key(value),
        key if LEFT_OUT.iter().any(|(left_out, _)| *left_out == key) => true,
        key => event.get(key) == Some(value),
    })
}

/// All checks of a kind of event.
pub(super) fn checks(data: &Path, kind: &str) -> Found {
    let mut found = Found::default();
    let list = std::fs::read_to_string(data.join("CAPTURES.tsv")).unwrap();
    for line in list.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [path, _, _, "suricata-verify", _, expected, ..] = fields.as_slice() else {
            continue;
        };
        let Some(expected) = expected.split(';').find(|name| name.ends_with("test.yaml")) else {
            continue;
        };
        let yaml = std::fs::read_to_string(data.join(expected)).unwrap_or_default();
        let mut wanted = checks_of(&yaml);
        wanted.retain(|check| check.matches.get("event_type").is_some_and(|it| it == kind));
        if wanted.is_empty() {
            continue;
        }
        let short = path.trim_start_matches("suricata-verify/tests/");
        let seen: Seen = read(&data.join(path), FlowRules::Native).unwrap_or_default();
        let events: Vec<_> = seen
            .messages()
            .filter(|(_, message)| message.service.name == kind)
            .map(|(record, message)| event(record, message))
            .collect();
        let mut agreeing = 0;
        for check in &wanted {
            let keys = check.matches.keys().filter(|key| *key != "event_type");
            found.keys += keys.clone().count();
            found.left_out += keys
                .filter(|key| LEFT_OUT.iter().any(|(left_out, _)| left_out == key))
                .count();
            let count = events.iter().filter(|event| matches(check, event)).count();
            if Some(count) == check.count {
                agreeing += 1;
            } else {
                found.agreement.differences.push(format!(
                    "`{short}`: {} of {:?}, found {count}",
                    check.count.unwrap_or(0),
                    check.matches
                ));
            }
        }
        found.agreement.add(short, wanted.len(), agreeing);
    }
    found
}

#[test]
fn filters_are_read() {
    let checks = checks_of(
        "args:\n- -k none\nchecks:\n  - filter:\n      requires:\n        min-version: 7\n      count: 2\n      match:\n        event_type: smb\n        smb.share: \"\\\\\\\\a\\\\b\"\n  - filter:\n      count: 1\n      match:\n        event_type: mqtt\n        mqtt.subscribe.topics: [ {topic: a, qos: 1} ]\n",
    );
    assert_eq!(checks.len(), 2);
    assert_eq!(checks[0].count, Some(2));
    assert_eq!(checks[0].matches["smb.share"], "\\\\a\\b");
    assert_eq!(
        checks[1].matches["mqtt.subscribe.topics"],
        "[{topic:a,qos:1}]"
    );
}
