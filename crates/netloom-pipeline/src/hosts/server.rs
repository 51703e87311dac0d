//! Who is the server of a flow, and what it is called.

use netloom_decode::app::ports;
use netloom_decode::service::service_by_port;
use netloom_flow::FlowRecord;
use netloom_flow::app::AppInfo;

pub(super) const TCP: u8 = 6;
/// The first of the ports that are assigned to nobody (RFC 6335, section 6).
const DYNAMIC_PORTS: u16 = 49_152;
/// The first of the ports that common systems give to clients (Linux from 32768 on).
const CLIENT_PORTS: u16 = 32_768;

/// How good a name is that a flow has of its server, beside what devices say of themselves.
pub(super) fn name_rank(source: &str) -> u8 {
    match source {
        "mdns" => 19,
        "dns" => 14,
        "tls_sni" | "quic_sni" | "dtls_sni" => 12,
        "http_host" => 11,
        "certificate" => 9,
        _ => 10,
    }
}

/// Whether the name that a flow has of its server is that of somebody behind it: of the one that a
/// proxy was asked for.
pub(super) fn is_of_another(app: &AppInfo) -> bool {
    let service = app.service.map(|protocol| protocol.name);
    match (app.server_name_source, service) {
        // Looked up, for its address.
        ("dns" | "mdns", _) => false,
        ("http_proxy", _) | (_, Some("socks")) => true,
        // What goes through a tunnel names its own end.
        (source, Some("http")) => source != "http_host" && app.carries("tls"),
        _ => false,
    }
}

/// Whether the originator is the server: its port is the protocol's own and the other is not; or, in
/// a connection that the capture does not have the beginning of, the other is a dynamic port (RFC
/// 6335, section 6) and its own is none that systems give to clients.
pub(super) fn is_from_server(flow: &FlowRecord, service: &str) -> bool {
    let (Some(src), Some(dst)) = (flow.src_port, flow.dst_port) else {
        return false;
    };
    let tcp = flow.protocol == TCP;
    if tcp && flow.history.contains('S') {
        return false;
    }
    let own = |port| {
        let recognised = flow.recognised();
        recognised.is_some_and(|protocol| ports(protocol, tcp).contains(&port))
            || service_by_port(flow.protocol, 0, port) == Some(service)
    };
    match (own(src), own(dst)) {
        (true, false) => true,
        (false, false) => tcp && dst >= DYNAMIC_PORTS && src < CLIENT_PORTS,
        _ => false,
    }
}
