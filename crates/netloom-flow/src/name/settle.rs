//! What follows from all that is known of a flow when it ends.

use std::net::IpAddr;

use netloom_decode::app::{Protocol, Risk, ports};

use super::book::Hint;
use super::{dga_score, is_homograph, is_local, is_risky_domain, product};
use crate::app::{AppInfo, Confidence};
use crate::record::{ConnState, FlowRecord};

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
        if let Some(protocol) = hint.expected {
            info.announced = true;
            if info.service.is_none() {
                info.service = Some(protocol);
                info.confidence = Some(Confidence::Name);
            }
        }
    }
    let (protocol, port, server) = (record.protocol, record.dst_port, record.dst_ip);
    let answered = record.bwd.packets > 0 || server.is_multicast();
    tcp_issues(record);
    let fragmented = record.fwd.fragments + record.bwd.fragments > 0;
    if let Some(info) = record.app.as_deref_mut() {
        if fragmented && info.service.is_some_and(|service| service.name == "dns") {
            info.add_risk(Risk::FragmentedDns, "");
        }
        odd_port(info, protocol, port);
        odd_name(info);
        by_service(info, server, answered);
        find_product(info, server);
    }
}

/// A connection that was refused, or given up before anything was said.
fn tcp_issues(record: &mut FlowRecord) {
    if record.protocol != 6 {
        return;
    }
    let silent = record.fwd.payload_bytes + record.bwd.payload_bytes == 0;
    let what = match record.conn_state {
        ConnState::Rej => "refused by the server",
        ConnState::Rstos0 => "given up by the client",
        ConnState::Rsto if silent => "reset by the client, nothing was said",
        ConnState::Rstr if silent => "reset by the server, nothing was said",
        _ => return,
    };
    let info = record.app.get_or_insert_default();
    info.add_risk(Risk::TcpIssues, what);
}

/// The product behind the flow, where the payload itself did not show it.
fn find_product(info: &mut AppInfo, server: IpAddr) {
    let found = product(
        info.server_name.as_deref(),
        info.certificate_organization.as_deref(),
        server,
        info.service,
    );
    if let Some(found) = found {
        if info.app.is_none() {
            info.app = Some(found.title);
        }
        info.category = info.category.or(Some(found.category));
    }
}

/// What a server's name gives away.
fn odd_name(info: &mut AppInfo) {
    let Some(name) = info.server_name.take() else {
        return;
    };
    if dga_score(&name) {
        info.add_risk(Risk::DgaDomain, &name);
    }
    if is_homograph(&name) {
        info.add_risk(Risk::IdnHomograph, &name);
    }
    if is_risky_domain(&name) {
        info.add_risk(Risk::RiskyDomain, &name);
    }
    info.server_name = Some(name);
}

/// Risks that a protocol is by itself, or by where it goes.
fn by_service(info: &mut AppInfo, server: IpAddr, answered: bool) {
    let (Some(service), Some(Confidence::Content)) = (info.service, info.confidence) else {
        return;
    };
    match service.name {
        "telnet" | "rlogin" | "rsh" | "rexec" | "tftp" | "x11" | "vnc" | "finger" => {
            info.add_risk(Risk::UnsafeProtocol, service.title);
        }
        // Readable unless they went over to TLS.
        "ftp" | "pop3" | "imap" if info.fingerprint("ja3").is_none() => {
            info.add_risk(Risk::UnsafeProtocol, service.title);
        }
        _ => {}
    }
    let inside = is_local(server);
    match service.name {
        "rdp" | "vnc" | "smb" | "teamviewer" | "anydesk" | "x11" | "radmin" | "nomachine"
        | "dameware" | "pcanywhere" | "spice" | "citrix"
            if !inside =>
        {
            info.add_risk(Risk::RemoteDesktop, service.title);
        }
        "mysql" | "postgresql" | "redis" | "mongodb" | "memcached" | "ldap" | "modbus"
        | "s7comm" | "dnp3" | "elasticsearch" | "cassandra" | "mssql"
            if !inside =>
        {
            info.add_risk(Risk::ExposedService, service.title);
        }
        _ => {}
    }
    if !answered {
        info.add_risk(Risk::Unidirectional, "");
    }
}

/// A protocol that has ports of its own, on another one.
fn odd_port(info: &mut AppInfo, protocol: u8, port: Option<u16>) {
    let (Some(service), Some(port)) = (info.service, port) else {
        return;
    };
    if info.confidence != Some(Confidence::Content) || info.announced {
        return;
    }
    let tcp = protocol == 6;
    let known = ports(service, tcp);
    if !known.is_empty() && !known.contains(&port) && !elsewhere(service, port) {
        info.add_risk(
            Risk::NonStandardPort,
            &format!("{} on port {port}", service.title),
        );
    }
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
