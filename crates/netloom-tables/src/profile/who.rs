//! What the columns of profiles say of who it was: all of them at a glance, for a table that is
//! given away is looked over by somebody who wants to know this of every column.
//!
//! NFStream's and the seven simple ones say it where they are: hardly any of them says anything.

use crate::anonymize::Identity;
use crate::column::Column;
use crate::columns::Table;

/// The columns of a profile's table with what they say of who it was.
pub(super) fn said<T: Table>(mut columns: Vec<Column<T>>) -> Vec<Column<T>> {
    for column in &mut columns {
        column.def.identity = of(column.def.name);
    }
    columns
}

/// What a column of Zeek's logs, EVE, the Elastic Common Schema or CICFlowMeter says of who it
/// was. Of a text that is not here nobody has said: it is replaced as a whole.
#[rustfmt::skip]
fn of(column: &str) -> Identity {
    match column {
        // Zeek's addresses, Suricata's, Elastic's, CICFlowMeter's.
        "id.orig_h" | "id.resp_h" | "orig_l2_addr" | "resp_l2_addr" | "src_ip" | "dest_ip"
        | "source.ip" | "destination.ip" | "source.mac" | "destination.mac" | "dns.resolved_ip"
        | "Src IP" | "Dst IP" => Identity::Address,

        "uid" | "event.id" => Identity::FlowId,
        "community_id" | "network.community_id" => Identity::CommunityId,
        "flow_id" => Identity::Number,

        "query" | "host" | "server_name" | "dns.question.name" | "dns.question.registered_domain"
        | "http.hostname" | "url.domain" | "tls.sni" | "tls.subjectaltname"
        | "tls.server.x509.alternative_names" | "tls.client.server_name" | "destination.domain"
        | "destination.registered_domain"
        => Identity::Name,
        "answers" => Identity::Answer,
        "dns.queries" | "dns.answers" => Identity::Records,

        "uri" | "referrer" | "origin" | "http.url" | "http.http_refer" | "http.request.referrer"
        | "url.original" | "url.path" | "url.query" => Identity::Uri,

        "subject" | "issuer" | "client_subject" | "client_issuer" | "tls.subject" | "tls.issuerdn"
        | "tls.client.subject" | "tls.client.issuer" | "tls.server.subject" | "tls.server.issuer"
        => Identity::DistinguishedName,

        // Words of people and programs, and what stands for a certificate.
        "Flow ID" | "user_agent" | "http.http_user_agent" | "user_agent.original" | "username"
        | "user.name" | "password" | "proxied" | "status_msg" | "info_msg" | "orig_filenames"
        | "resp_filenames" | "cert_chain_fps" | "client_cert_chain_fps" | "tls.serial"
        | "tls.fingerprint" | "tls.server.x509.serial_number" | "tls.server.hash.sha1"
        | "tls.server.hash.sha256" => Identity::Text,

        // Times, kinds, states and fingerprints of software.
        "Label" | "Timestamp" | "timestamp" | "flow.start" | "flow.end" | "tls.notbefore"
        | "tls.notafter" | "proto" | "service" | "conn_state" | "history" | "tunnel_parents"
        | "qclass_name"
        | "qtype_name" | "rcode_name" | "opcode_name" | "method" | "version" | "tags"
        | "orig_fuids" | "resp_fuids" | "orig_mime_types" | "resp_mime_types" | "cipher" | "curve"
        | "last_alert" | "next_protocol" | "ssl_history" | "ja3" | "ja3s" | "ja4" | "event_type"
        | "app_proto" | "flow.state" | "flow.reason" | "tcp.tcp_flags" | "tcp.tcp_flags_ts"
        | "tcp.tcp_flags_tc" | "tcp.state" | "dns.type" | "dns.rcode" | "http.http_content_type"
        | "http.http_method" | "http.protocol" | "tls.version" | "tls.client_alpns"
        | "tls.server_alpns" | "tls.ja3.hash" | "tls.ja3.string" | "tls.ja3s.hash"
        | "tls.ja3s.string" | "tls.ja4" | "dns.flags"
        | "ecs.version" | "event.kind" | "event.category" | "event.type" | "event.module"
        | "event.dataset" | "event.reason" | "network.type" | "network.iana_number"
        | "network.transport" | "network.protocol" | "network.application" | "network.vlan.id"
        | "network.inner.vlan.id" | "source.geo.country_iso_code"
        | "destination.geo.country_iso_code" | "tls.client.ja3" | "tls.server.ja3s" | "dns.id"
        | "dns.op_code" | "dns.header_flags" | "dns.response_code" | "dns.question.type"
        | "dns.question.class" | "http.version" | "http.request.method" | "http.request.mime_type"
        | "http.response.mime_type" | "http.http_port" | "url.port" | "tls.version_protocol" | "tls.cipher" | "tls.curve"
        | "tls.next_protocol" | "tls.server.x509.public_key_algorithm"
        | "tls.server.x509.public_key_curve"
        | "tls.server.x509.signature_algorithm" => Identity::Nothing,

        _ => Identity::Unsaid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::Kind;
    use crate::profile::{
        CicFlows, EcsDns, EcsFlows, EcsHttp, EcsTls, EveDns, EveFlows, EveHttp, EveTls,
        NfstreamFlows, ZeekConn, ZeekDns, ZeekHttp, ZeekSsl,
    };
    use crate::schema::Simple;

    fn unsaid<T: Table>() -> Vec<&'static str> {
        let texts = T::columns().iter().map(|column| &column.def).filter(|def| {
            let text = matches!(def.kind, Kind::Text | Kind::TextList);
            text && def.address.is_empty() && def.identity == Identity::Unsaid
        });
        texts.map(|def| def.name).collect()
    }

    #[test]
    fn every_text_says_whether_it_says_who_it_was() {
        let mut unsaid_anywhere = Vec::new();
        for unsaid in [
            unsaid::<Simple>(),
            unsaid::<NfstreamFlows>(),
            unsaid::<CicFlows>(),
            unsaid::<ZeekConn>(),
            unsaid::<ZeekDns>(),
            unsaid::<ZeekHttp>(),
            unsaid::<ZeekSsl>(),
            unsaid::<EveFlows>(),
            unsaid::<EveDns>(),
            unsaid::<EveHttp>(),
            unsaid::<EveTls>(),
            unsaid::<EcsFlows>(),
            unsaid::<EcsDns>(),
            unsaid::<EcsHttp>(),
            unsaid::<EcsTls>(),
        ] {
            unsaid_anywhere.extend(unsaid);
        }
        assert_eq!(unsaid_anywhere, [""; 0]);
    }
}
