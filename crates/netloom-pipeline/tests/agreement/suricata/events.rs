//! Rows of netloom as events of Suricata.

mod dns;
mod tls;

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv6Addr};

use netloom_flow::app::{AppRecord, FieldValue, HttpRecord, MessageRecord};
use netloom_flow::community_id;

use super::checks::Check;
use super::{Event, is_left_out};
use crate::seen::{Seen, field};

/// How many events a check finds. `all` are the checks of its test.
pub(super) fn count(check: &Check, all: &[Check], seen: &Seen) -> usize {
    let mut events = match &*check.kind {
        "dns" => dns::events(check, all, seen),
        "http" => seen.http().map(|(app, row)| http(app, row)).collect(),
        kind @ ("tls" | "quic") => tls::events(kind, seen),
        kind => {
            let messages = seen.messages();
            let of_kind = messages.filter(|(_, message)| message.service.name == kind);
            transactions(of_kind.map(|(app, row)| message(app, row)).collect())
        }
    };
    for event in &mut events {
        of_flow(event, seen);
    }
    let matches = |event: &&Event| {
        check.values.iter().all(|(key, value)| match key.as_str() {
            "has-key" => value.split(' ').all(|key| has(event, key)),
            "not-has-key" => !value.split(' ').any(|key| has(event, key)),
            key if is_left_out(key) => true,
            key => holds(event, key, value),
        })
    };
    events.iter().filter(matches).count()
}

/// Whether a key is there, or something below it.
fn has(event: &Event, key: &str) -> bool {
    event.keys().any(|ours| {
        ours.strip_prefix(key)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

/// Whether a key has the value; its last part may say how they are compared.
fn holds(event: &Event, key: &str, value: &str) -> bool {
    let (of, how) = key.rsplit_once(".__").unwrap_or((key, ""));
    let ours = event.get(of);
    if how == "len" {
        return value.parse() == Ok(len(event, of));
    }
    let Some(ours) = ours else { return false };
    let number = |text: &str| text.parse::<f64>().ok();
    let order = number(ours).and_then(|ours| ours.partial_cmp(&number(value)?));
    match how {
        "find" | "contains" => ours.contains(value),
        "startswith" => ours.starts_with(value),
        "endswith" => ours.ends_with(value),
        "gt" => order.is_some_and(Ordering::is_gt),
        "gte" => order.is_some_and(Ordering::is_ge),
        "lt" => order.is_some_and(Ordering::is_lt),
        "lte" => order.is_some_and(Ordering::is_le),
        _ => tls::same(key, value, ours),
    }
}

/// Items of a list, or characters of a text.
fn len(event: &Event, key: &str) -> usize {
    let is_item = |index: usize| has(event, &format!("{key}[{index}]"));
    match (0..4096).take_while(|&index| is_item(index)).count() {
        0 => event.get(key).map_or(0, |text| text.chars().count()),
        items => items,
    }
}

/// The key under which an event holds its flow, which no check has.
const FLOW: &str = "netloom.flow";

/// What the event's flow says: hardware addresses, VLANs, and of SSH the fingerprints.
fn of_flow(event: &mut Event, seen: &Seen) {
    let Some(id) = event.remove(FLOW) else { return };
    let Some(flow) = seen.flows.iter().find(|flow| flow.flow_id().as_str() == id) else {
        return;
    };
    // A response of DNS is an event of its own, from the responder.
    let back = event.get("src_ip") != Some(&flow.src_ip.to_string());
    let (src, dst) = if back {
        (flow.dst_mac, flow.src_mac)
    } else {
        (flow.src_mac, flow.dst_mac)
    };
    let (is_ssh, is_tls) = (has(event, "ssh"), has(event, "tls"));
    let mut put = |key: String, value: Option<String>| {
        if let Some(value) = value {
            event.insert(key, value);
        }
    };
    put("ether.src_mac".to_owned(), src.map(|mac| mac.to_string()));
    put("ether.dest_mac".to_owned(), dst.map(|mac| mac.to_string()));
    // What was spoken before the connection became TLS.
    let before = flow.app.as_deref().and_then(|app| app.service);
    if is_tls
        && flow.protocol == 6
        && let Some(before) = before.filter(|before| before.name != "tls")
    {
        let name = match before.name {
            "postgresql" => "pgsql",
            other => other,
        };
        put("tls.from_proto".to_owned(), Some(name.to_owned()));
    }
    if is_ssh {
        for (name, kind) in [("client", "hassh"), ("server", "hassh_server")] {
            let app = flow.app.as_deref();
            let hash = app.and_then(|app| app.fingerprint(kind));
            put(format!("ssh.{name}.hassh.hash"), hash.map(str::to_owned));
        }
    }
    for (index, vlan) in flow.vlans.as_slice().iter().enumerate() {
        put(format!("vlan[{index}]"), Some(vlan.to_string()));
    }
}

/// Messages as transactions: of MQTT a request goes with its answers, of SMB all that is read from a
/// file, and all that is written to one.
fn transactions(messages: Vec<Event>) -> Vec<Event> {
    const ANSWERS: [(&str, &[&str]); 7] = [
        ("connack", &["connect"]),
        ("puback", &["publish"]),
        ("pubrec", &["publish"]),
        ("pubrel", &["pubrec"]),
        ("pubcomp", &["pubrel"]),
        ("suback", &["subscribe"]),
        ("unsuback", &["unsubscribe"]),
    ];
    let mut all: Vec<Event> = Vec::new();
    for message in messages {
        let id = |event: &Event, kind: &str| event.get(&format!("mqtt.{kind}.message_id")).cloned();
        let before = ANSWERS.iter().find_map(|(answer, requests)| {
            if !has(&message, &format!("mqtt.{answer}")) {
                return None;
            }
            all.iter().rposition(|event| {
                event.get(FLOW) == message.get(FLOW)
                    && !has(event, &format!("mqtt.{answer}"))
                    && requests.iter().any(|request| {
                        has(event, &format!("mqtt.{request}"))
                            && id(event, request) == id(&message, answer)
                    })
            })
        });
        if let Some(before) = before {
            all[before].extend(message);
            continue;
        }
        let transfer = matches!(
            message.get("smb.command").map(String::as_str),
            Some("SMB2_COMMAND_READ" | "SMB2_COMMAND_WRITE")
        );
        let same = |event: &Event| {
            [FLOW, "smb.command", "smb.fuid"]
                .iter()
                .all(|key| event.get(*key) == message.get(*key))
        };
        // A call over a pipe is no transfer.
        if transfer
            && has(&message, "smb.fuid")
            && !has(&message, "smb.dcerpc")
            && all.iter().any(same)
        {
            continue;
        }
        all.push(message);
    }
    all
}

/// Who talked to whom; `back`: the other way.
fn ends(app: &AppRecord, back: bool) -> Event {
    let (src, dst) = if back {
        (app.origin.dst, app.origin.src)
    } else {
        (app.origin.src, app.origin.dst)
    };
    let protocol = if app.origin.protocol == 6 {
        "TCP"
    } else {
        "UDP"
    };
    let id = community_id(
        app.origin.src.0,
        app.origin.dst.0,
        app.origin.src.1,
        app.origin.dst.1,
        app.origin.protocol,
    );
    [
        ("src_ip", src.0.to_string()),
        ("src_port", src.1.to_string()),
        ("dest_ip", dst.0.to_string()),
        ("dest_port", dst.1.to_string()),
        ("proto", protocol.to_owned()),
        ("community_id", id),
        (FLOW, app.flow_id().as_str().to_owned()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

fn http(app: &AppRecord, http: &HttpRecord) -> Event {
    let mut event = ends(app, false);
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            event.insert(format!("http.{key}"), value);
        }
    };
    // An address of IPv6 has its brackets here.
    put(
        "hostname",
        http.host.as_deref().map(|host| {
            if host.parse::<Ipv6Addr>().is_ok() {
                format!("[{host}]")
            } else {
                host.to_owned()
            }
        }),
    );
    put("url", http.uri.as_deref().map(str::to_owned));
    put("http_method", http.method.as_deref().map(str::to_owned));
    put(
        "http_user_agent",
        http.user_agent.as_deref().map(str::to_owned),
    );
    put("http_refer", http.referrer.as_deref().map(str::to_owned));
    put(
        "http_content_type",
        http.resp_content_type.as_deref().map(str::to_owned),
    );
    put("redirect", http.location.as_deref().map(str::to_owned));
    put("status", http.status_code.map(|status| status.to_string()));
    if http.status_code.is_none() {
        // A status that is no number stands before the reason.
        let status = http
            .status_msg
            .as_deref()
            .and_then(|text| text.split(' ').next());
        put("status_string", status.map(str::to_owned));
    }
    put("length", Some(http.response_encoded_len.to_string()));
    let version = http.request_version.as_deref();
    put("protocol", version.map(|version| format!("HTTP/{version}")));
    event.insert(
        "tx_id".to_owned(),
        http.trans_depth.saturating_sub(1).to_string(),
    );
    event
}

/// Names of fields of `messages` that are not Suricata's.
const FIELDS: &[(&str, &str)] = &[
    ("client_proto_version", "client.proto_version"),
    ("client_software_version", "client.software_version"),
    ("server_proto_version", "server.proto_version"),
    ("server_software_version", "server.software_version"),
];

fn message(app: &AppRecord, message: &MessageRecord) -> Event {
    let mut event = ends(app, false);
    let service = message.service.name;
    // Below `mqtt` there is the message's name.
    let prefix = if service == "mqtt" {
        format!("mqtt.{}", message.kind)
    } else {
        service.to_owned()
    };
    for (name, value) in &message.fields {
        let known = FIELDS.iter().find(|(ours, _)| ours == name);
        let name = known.map_or(*name, |(_, theirs)| theirs);
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
    // Suricata's name for what Zeek calls an endpoint.
    if let Some(FieldValue::List(names)) = field(message, "dcerpc.endpoint") {
        for (index, name) in names.iter().enumerate() {
            let key = format!("{prefix}.dcerpc.interfaces[{index}].service");
            event.insert(key, name.to_string());
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
    if service == "ftp"
        && let Some(received) = event.get_mut("ftp.reply_received")
    {
        let word = if received == "true" { "yes" } else { "no" };
        word.clone_into(received);
    }
    event
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

/// An address with every group of IPv6 in full, as Suricata writes it, in our form.
fn plain_address(text: &str) -> String {
    text.parse::<IpAddr>()
        .map_or_else(|_| text.to_owned(), |address| address.to_string())
}
