//! The filters of a `test.yaml`.

use std::collections::BTreeMap;
use std::path::Path;

use yaml_rust2::{Yaml, YamlLoader};

/// A filter.
#[derive(Debug, Clone)]
pub(super) struct Check {
    /// The kind of its events.
    pub(super) kind: String,
    pub(super) count: usize,
    /// What they hold beside their kind.
    pub(super) values: BTreeMap<String, String>,
    /// The file of events that is meant, where it is not the usual one.
    pub(super) output: Option<String>,
}

/// The filters for the newest version.
pub(super) fn of(path: &Path) -> Vec<Check> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    parse(&text)
}

fn parse(text: &str) -> Vec<Check> {
    let documents = YamlLoader::load_from_str(text).unwrap_or_default();
    let Some(checks) = documents.first().and_then(|test| test["checks"].as_vec()) else {
        return Vec::new();
    };
    checks
        .iter()
        .filter_map(|check| filter(&check["filter"]))
        .collect()
}

fn filter(filter: &Yaml) -> Option<Check> {
    if !filter["requires"]["lt-version"].is_badvalue() {
        return None;
    }
    let mut values = BTreeMap::new();
    for (key, value) in filter["match"].as_hash()? {
        flatten(key.as_str()?, value, &mut values);
    }
    Some(Check {
        kind: values.remove("event_type")?,
        count: usize::try_from(filter["count"].as_i64()?).ok()?,
        values,
        output: filter["filename"].as_str().map(str::to_owned),
    })
}

/// A value under its key; the members of an object under keys of their own.
fn flatten(key: &str, value: &Yaml, values: &mut BTreeMap<String, String>) {
    match value {
        Yaml::Hash(members) if !members.is_empty() => {
            for (member, value) in members {
                flatten(&format!("{key}.{}", text_of(member)), value, values);
            }
        }
        // Several keys that must be there, or must not.
        Yaml::Array(keys) if key.ends_with("has-key") => {
            values.insert(
                key.to_owned(),
                keys.iter().map(text_of).collect::<Vec<_>>().join(" "),
            );
        }
        other => {
            values.insert(key.to_owned(), text_of(other));
        }
    }
}

/// A value as text; lists and objects as JSON without quotes and spaces.
fn text_of(value: &Yaml) -> String {
    match value {
        Yaml::String(text) | Yaml::Real(text) => text.clone(),
        Yaml::Integer(number) => number.to_string(),
        Yaml::Boolean(flag) => flag.to_string(),
        Yaml::Array(items) => {
            let items: Vec<String> = items.iter().map(text_of).collect();
            format!("[{}]", items.join(","))
        }
        Yaml::Hash(hash) => {
            let pairs: Vec<String> = hash
                .iter()
                .map(|(key, value)| format!("{}:{}", text_of(key), text_of(value)))
                .collect();
            format!("{{{}}}", pairs.join(","))
        }
        _ => String::new(),
    }
}

#[test]
fn filters_are_read() {
    let checks = parse(
        "args:\n- -k none\nchecks:\n  - filter:\n      requires:\n        min-version: 7\n      count: 2\n      match:\n        event_type: smb\n        smb.share: \"\\\\\\\\a\\\\b\"\n  - shell:\n      args: x\n  - filter:\n      filename: b.json\n      count: 1\n      match:\n        event_type: mqtt\n        not-has-key: [ a, b ]\n        ether: {src_mac: c}\n        mqtt.subscribe.topics: [ {topic: a, qos: 1} ]\n  - filter:\n      requires: {lt-version: 8}\n      count: 1\n      match: {event_type: tls}\n",
    );
    assert_eq!(checks.len(), 2);
    assert_eq!((&*checks[0].kind, checks[0].count), ("smb", 2));
    assert_eq!(checks[0].values["smb.share"], "\\\\a\\b");
    assert_eq!(checks[1].output.as_deref(), Some("b.json"));
    assert_eq!(checks[1].values["not-has-key"], "a b");
    assert_eq!(checks[1].values["ether.src_mac"], "c");
    assert_eq!(
        checks[1].values["mqtt.subscribe.topics"],
        "[{topic:a,qos:1}]"
    );
}
