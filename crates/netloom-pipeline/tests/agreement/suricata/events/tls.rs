//! `tls` and `quic` events, and how values are compared.

use serde_json::Value;

use super::{Event, plain_address};
use crate::seen::{Seen, cell};

/// The events of a kind.
pub(super) fn events(kind: &str, seen: &Seen) -> Vec<Event> {
    seen.tls()
        .iter()
        .filter(|row| (row["transport"].as_str() == Some("quic")) == (kind == "quic"))
        .flat_map(|row| match kind {
            "quic" => hellos(row),
            _ => vec![event(kind, row)],
        })
        .collect()
}

/// A QUIC connection, of which there is an event for each hello.
fn hellos(row: &Value) -> Vec<Event> {
    let client = event("quic", row);
    let list = |column: &str| row[column].as_array().cloned().unwrap_or_default();
    let (hashes, texts) = (list("cyu"), list("cyu_text"));
    let mut all: Vec<Event> = hashes
        .iter()
        .zip(&texts)
        .map(|(hash, text)| {
            let mut event = client.clone();
            for (member, value) in [("hash", hash), ("string", text)] {
                let value = value.as_str().unwrap_or_default();
                event.insert(format!("quic.cyu[0].{member}"), value.to_owned());
            }
            event
        })
        .collect();
    if all.is_empty() {
        all.push(client);
    }
    let names = list("server_extensions");
    if !names.is_empty() {
        let mut server = all[0].clone();
        server.retain(|key, _| !key.starts_with("quic."));
        for (member, column) in [("hash", "ja3s"), ("string", "ja3s_text")] {
            let value = cell(row, column);
            server.insert(format!("quic.ja3s.{member}"), value);
        }
        for (index, name) in names.iter().enumerate() {
            let name = name.as_str().unwrap_or_default().to_owned();
            server.insert(format!("quic.extensions[{index}].name"), name);
        }
        all.push(server);
    }
    all
}

fn event(kind: &str, row: &Value) -> Event {
    let mut event = Event::new();
    let mut put = |key: &str, value: String| {
        if !value.is_empty() {
            event.insert(key.to_owned(), value);
        }
    };
    put(super::FLOW, cell(row, "flow_id"));
    put("src_ip", cell(row, "src_ip"));
    put("src_port", cell(row, "src_port"));
    put("dest_ip", cell(row, "dst_ip"));
    put("dest_port", cell(row, "dst_port"));
    let tcp = row["transport"].as_str() == Some("tcp");
    put("proto", if tcp { "TCP" } else { "UDP" }.to_owned());
    if let (Ok(src), Ok(dst), Ok(src_port), Ok(dst_port)) = (
        cell(row, "src_ip").parse(),
        cell(row, "dst_ip").parse(),
        cell(row, "src_port").parse(),
        cell(row, "dst_port").parse(),
    ) {
        let protocol = if tcp { 6 } else { 17 };
        let id = netloom_flow::community_id(src, dst, src_port, dst_port, protocol);
        put("community_id", id);
    }
    for (key, column) in [
        ("sni", "server_name"),
        ("serial", "serial"),
        ("fingerprint", "cert_sha1"),
        ("ja3.hash", "ja3"),
        ("ja3.string", "ja3_text"),
        ("ja3s.hash", "ja3s"),
        ("ja3s.string", "ja3s_text"),
        ("ja4", "ja4"),
    ] {
        put(&format!("{kind}.{key}"), cell(row, column));
    }
    put("tls.version", version(&cell(row, "version")));
    put("tls.subject", distinguished(&cell(row, "subject")));
    put("tls.issuerdn", distinguished(&cell(row, "issuer")));
    for (key, column) in [("notbefore", "not_before"), ("notafter", "not_after")] {
        let time = cell(row, column);
        put(
            &format!("tls.{key}"),
            time.get(..19).unwrap_or_default().to_owned(),
        );
    }
    let resumed = if row["resumed"].as_bool() == Some(true) {
        "true"
    } else {
        "false"
    };
    put("tls.session_resumed", resumed.to_owned());
    put("tls.server_alpns[0]", cell(row, "next_protocol"));
    let items = |column: &str| -> Vec<String> {
        let items = row[column]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        items
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    for (key, column) in [
        ("client_alpns", "client_alpns"),
        ("subjectaltname", "san_dns"),
    ] {
        for (index, item) in items(column).into_iter().enumerate() {
            put(&format!("tls.{key}[{index}]"), item);
        }
    }
    // The numbers of JA3, which leaves GREASE out, in lists.
    let ja3 = cell(row, "ja3_text");
    let mut parts = ja3.split(',');
    let number = parts.next().unwrap_or_default();
    put(
        "tls.client_handshake.version",
        match number {
            "769" => "TLSv1".to_owned(),
            "770" => "TLS 1.1".to_owned(),
            "771" => "TLS 1.2".to_owned(),
            _ => String::new(),
        },
    );
    for key in ["ciphers", "exts"] {
        let numbers = parts.next().unwrap_or_default().replace('-', ",");
        put(
            &format!("tls.client_handshake.{key}"),
            format!("[{numbers}]"),
        );
    }
    let numbers = row["client_signature_algorithms"].as_array();
    let numbers = numbers.map(Vec::as_slice).unwrap_or_default().iter();
    // GREASE (RFC 8701): both bytes alike, 0x?a.
    let numbers = numbers.filter_map(Value::as_u64);
    let numbers =
        numbers.filter(|number| number & 0x0f0f != 0x0a0a || number >> 8 != number & 0xff);
    let numbers: Vec<_> = numbers.map(|number| number.to_string()).collect();
    let numbers = numbers.join(",");
    put("tls.client_handshake.sig_algs", format!("[{numbers}]"));
    let ja3s = cell(row, "ja3s_text");
    let mut parts = ja3s.split(',').skip(1);
    if let (Some(cipher), Some(numbers)) = (parts.next(), parts.next()) {
        put(
            "tls.server_handshake.version",
            version(&cell(row, "version")),
        );
        put("tls.server_handshake.cipher", cipher.to_owned());
        let numbers = numbers.replace('-', ",");
        put("tls.server_handshake.exts", format!("[{numbers}]"));
    }
    for (index, name) in items("client_extensions").into_iter().enumerate() {
        let (name, value) = match &*name {
            "application_layer_protocol_negotiation" => {
                let first = items("client_alpns").into_iter().next();
                ("alpn".to_owned(), first.unwrap_or_default())
            }
            "server_name" => (name.clone(), cell(row, "server_name")),
            _ => (name, String::new()),
        };
        put(&format!("quic.extensions[{index}].name"), name);
        put(&format!("quic.extensions[{index}].values[0]"), value);
    }
    event
}

fn version(ours: &str) -> String {
    match ours {
        "TLSv10" => "TLSv1".to_owned(),
        "TLSv11" => "TLS 1.1".to_owned(),
        "TLSv12" => "TLS 1.2".to_owned(),
        "TLSv13" => "TLS 1.3".to_owned(),
        other => match other.strip_prefix("TLSv13-draft") {
            // Those that had no number.
            Some("") => "TLS 1.3 draft-<16".to_owned(),
            Some(draft) => format!("TLS 1.3 draft-{draft}"),
            None => other.to_owned(),
        },
    }
}

/// A name as Suricata writes it (the order of the certificate, `Email`), from ours.
fn distinguished(name: &str) -> String {
    if name.is_empty() {
        return String::new();
    }
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

/// The same but for how each writes it.
pub(super) fn same(key: &str, expected: &str, ours: &str) -> bool {
    let plain = |text: &str| match key {
        // The serial number with the byte that only says that it is positive.
        "tls.serial" => {
            let digits = text.replace(':', "").to_uppercase();
            digits.trim_start_matches("00").to_owned()
        }
        "tls.fingerprint" => text.replace(':', "").to_uppercase(),
        "tls.version" => text.replace("TLSv1.", "TLS 1.").replace("TLSv1", "TLS 1.0"),
        "src_ip" | "dest_ip" => plain_address(text),
        // Fingerprints of SSHFP have colons between their bytes.
        key if key.ends_with(".fingerprint") => text.replace(':', ""),
        key if key.contains("].rdata") || key.starts_with("dns.grouped.") => plain_address(text),
        _ => text.to_owned(),
    };
    plain(expected) == plain(ours)
}
