//! What the server of a flow is called.

use netloom_flow::app::AppInfo;

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
