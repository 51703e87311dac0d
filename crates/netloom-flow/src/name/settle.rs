//! What follows from all that is known of a flow when it ends.

use std::net::IpAddr;

use netloom_decode::app::{Protocol, Risk, detectors};

use super::book::Hint;
use crate::app::{AppInfo, Confidence};
use crate::record::FlowRecord;

/// Adds to a record what was known when the flow began (about this responder), and what follows
/// from the whole.
pub(crate) fn settle(record: &mut FlowRecord, hint: Option<&(IpAddr, Hint)>) {
    if let Some((responder, hint)) = hint
        && *responder == record.dst_ip
    {
        let info = record.app.get_or_insert_default();
        if let Some((name, source)) = &hint.name {
            info.name_server(name.as_bytes(), source);
        }
        if info.service.is_none()
            && let Some(protocol) = hint.expected
        {
            info.service = Some(protocol);
            info.confidence = Some(Confidence::Name);
        }
    }
    let (protocol, port) = (record.protocol, record.dst_port);
    if let Some(info) = record.app.as_deref_mut() {
        odd_port(info, protocol, port);
    }
}

/// A protocol that has ports of its own, on another one.
fn odd_port(info: &mut AppInfo, protocol: u8, port: Option<u16>) {
    let (Some(service), Some(port)) = (info.service, port) else {
        return;
    };
    if info.confidence != Some(Confidence::Content) {
        return;
    }
    let tcp = protocol == 6;
    let mut known = ports(service, tcp).peekable();
    if known.peek().is_some() && !known.any(|other| other == port) && !elsewhere(service, port) {
        info.add_risk(
            Risk::NonStandardPort,
            &format!("{} on port {port}", service.title),
        );
    }
}

/// The ports of a protocol.
fn ports(service: &'static Protocol, tcp: bool) -> impl Iterator<Item = u16> {
    detectors()
        .iter()
        .filter(move |detector| detector.protocol == service && detector.over.contains(tcp))
        .flat_map(|detector| detector.ports)
        .copied()
}

/// Ports on which a protocol is common though they are not its own.
fn elsewhere(service: &Protocol, port: u16) -> bool {
    match service.name {
        "http" => matches!(port, 3128 | 8000..=8100 | 8888),
        "tls" => matches!(
            port,
            465 | 563 | 636 | 853 | 989 | 990 | 992
                ..=995 | 2083 | 3269 | 5061 | 5223 | 6697 | 8443 | 8883
        ),
        // Media have the ports that were agreed on.
        "rtp" | "rtcp" | "stun" | "dtls" | "bittorrent" => true,
        _ => false,
    }
}
