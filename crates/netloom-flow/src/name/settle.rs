//! What follows from all that is known of a flow when it ends.

use std::net::IpAddr;

use netloom_decode::app::{Category, Protocol, Risk, ports};
use netloom_packet::MacAddr;

use super::asked::odd;
use super::book::Hint;
use super::{is_local, is_tor_name, product};
use crate::app::{AppInfo, Confidence};
use crate::record::{ConnState, FlowRecord};
use crate::server::{is_usual, originator_serves};

/// TCP's number among IP's protocols.
const TCP: u8 = 6;
const UDP: u8 = 17;
const UDP_LITE: u8 = 136;

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
    let server = record.dst_ip;
    let resolved =
        hint.is_some_and(|(responder, hint)| *responder == server && hint.name.is_some());
    let answered = record.bwd.packets > 0 || needs_no_answer(record);
    // Of flows without a service nobody asks.
    let from_server = record.recognised().is_some() && originator_serves(record);
    let crossing = crossing(record, from_server);
    tcp_issues(record);
    odd_port(record, from_server);
    let fragmented = record.fwd.fragments + record.bwd.fragments > 0;
    if let Some(info) = record.app.as_deref_mut() {
        if fragmented && info.service.is_some_and(|service| service.name == "dns") {
            info.add_risk(Risk::FragmentedDns, "");
        }
        if !tor(info, resolved) {
            odd_name(info);
        }
        by_service(info, crossing, answered);
        find_product(info, server);
    }
}

/// A connection that was refused, or given up before anything was said.
fn tcp_issues(record: &mut FlowRecord) {
    if record.protocol != TCP {
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

/// Whether a handshake of Tor's kind is one, and what follows from that: names and versions are
/// chosen to look like those of others, and are no weakness of their own.
///
/// Where its certificate was hidden, its name alone has to be like no other, and of a server that
/// nobody asked DNS for.
fn tor(info: &mut AppInfo, resolved: bool) -> bool {
    const TITLE: &str = "Tor";
    if info.app != Some(TITLE) {
        return false;
    }
    let by_certificate = info.has_risk(Risk::Anonymizer);
    let by_name = || !resolved && info.server_name.as_deref().is_some_and(is_tor_name);
    if !by_certificate && !by_name() {
        info.app = None;
        return false;
    }
    info.category = Some(Category::Vpn);
    info.risks.retain(|(risk, _)| *risk != Risk::ObsoleteTls);
    info.add_risk(Risk::Anonymizer, TITLE);
    true
}

/// What a server's name gives away.
fn odd_name(info: &mut AppInfo) {
    let Some(name) = info.server_name.take() else {
        return;
    };
    odd(info, &name, true);
    info.server_name = Some(name);
}

/// Which way a flow goes between a local network and another one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Crossing {
    /// A client elsewhere asks a local server.
    Inward,
    /// A local client asks a server elsewhere.
    Outward,
}

/// `None` where both ends are local, or neither is: what networks those are in, nobody knows.
fn crossing(record: &FlowRecord, from_server: bool) -> Option<Crossing> {
    let ends = (is_local(record.src_ip), is_local(record.dst_ip));
    let (client, server) = if from_server { (ends.1, ends.0) } else { ends };
    match (client, server) {
        (false, true) => Some(Crossing::Inward),
        (true, false) => Some(Crossing::Outward),
        _ => None,
    }
}

/// Risks that a protocol is by itself, or by where it goes.
fn by_service(info: &mut AppInfo, crossing: Option<Crossing>, answered: bool) {
    let (Some(service), Some(Confidence::Content)) = (info.service, info.confidence) else {
        return;
    };
    match service.name {
        "telnet" | "rlogin" | "rsh" | "rexec" | "tftp" | "x11" | "vnc" | "finger" => {
            info.add_risk(Risk::UnsafeProtocol, service.title);
        }
        // Readable unless they went over to TLS. Fingerprints do not tell: they are made only where
        // somebody asks for them.
        "ftp" | "pop3" | "imap" if !info.carries("tls") => {
            info.add_risk(Risk::UnsafeProtocol, service.title);
        }
        _ => {}
    }
    match service.name {
        "rdp" | "vnc" | "smb" | "teamviewer" | "anydesk" | "x11" | "radmin" | "nomachine"
        | "dameware" | "pcanywhere" | "spice" | "citrix"
            if crossing.is_some() =>
        {
            info.add_risk(Risk::RemoteDesktop, service.title);
        }
        "mysql" | "postgresql" | "redis" | "mongodb" | "memcached" | "ldap" | "modbus"
        | "s7comm" | "dnp3" | "elasticsearch" | "cassandra" | "mssql"
            if crossing == Some(Crossing::Inward) =>
        {
            info.add_risk(Risk::ExposedService, service.title);
        }
        _ => {}
    }
    if !answered {
        info.add_risk(Risk::Unidirectional, "");
    }
}

/// Whether nobody would answer where nothing is wrong: what goes to all, what only ever goes one
/// way, and what answers a question that went to all, a flow of its own.
fn needs_no_answer(record: &FlowRecord) -> bool {
    let to_all = match record.dst_ip.to_canonical() {
        // Which addresses are a network's broadcast depends on its mask (RFC 919); its frames
        // go to all in any case.
        IpAddr::V4(dst) => {
            dst.is_multicast()
                || dst.is_broadcast()
                || record.dst_mac.is_some_and(MacAddr::is_broadcast)
        }
        IpAddr::V6(dst) => dst.is_multicast(),
    };
    let service = record.app.as_deref().and_then(|info| info.service);
    to_all || service.is_some_and(|service| is_one_way(service, record.src_port, record.dst_port))
}

/// Protocols of which one end never says anything on the same ports.
fn is_one_way(service: &Protocol, src: Option<u16>, dst: Option<u16>) -> bool {
    match service.name {
        // Logs, measurements and copies of traffic: RFC 5426 and RFC 3164 (syslog), RFC 3954
        // (NetFlow), RFC 7011 (IPFIX), sFlow version 5, and datagrams of NetBIOS (RFC 1002, 4.4).
        // Of others each side sends from ports of its own choice: media (RFC 3550), tunnels
        // (RFC 7348, section 5, and RFC 8926, 3.3), BFD (RFC 5881, section 4).
        "syslog" | "netflow" | "ipfix" | "sflow" | "collectd" | "statsd" | "gelf" | "ganglia"
        | "tzsp" | "nbdgm" | "rtp" | "vxlan" | "geneve" | "bfd" => true,
        // Traps (RFC 3417, section 2.2).
        "snmp" => dst == Some(162),
        // Answers to what was asked of a group, or of all.
        "ssdp" => dst != Some(1900),
        "mdns" => dst != Some(5353),
        "wsd" => dst != Some(3702),
        "dhcp" => (src, dst) == (Some(67), Some(68)),
        "dhcpv6" => (src, dst) == (Some(547), Some(546)),
        _ => false,
    }
}

/// A protocol that has ports of its own, where its server uses none of them.
fn odd_port(record: &mut FlowRecord, from_server: bool) {
    let port = if from_server {
        record.src_port
    } else {
        record.dst_port
    };
    let tcp = match record.protocol {
        TCP => true,
        UDP | UDP_LITE => false,
        // The ports of SCTP are a registry of their own.
        _ => return,
    };
    let (Some(info), Some(port)) = (record.app.as_deref_mut(), port) else {
        return;
    };
    let Some(service) = info.service else {
        return;
    };
    if info.confidence == Some(Confidence::Content)
        && !info.announced
        && !ports(service, tcp).is_empty()
        && !is_usual(service, tcp, port)
    {
        let detail = format!("{} on port {port}", service.title);
        info.add_risk(Risk::NonStandardPort, &detail);
    }
}

#[cfg(test)]
mod tests {
    use netloom_decode::app::by_name;
    use netloom_decode::{DecodeOptions, decode_ip};
    use netloom_packet::Timestamp;

    use super::*;
    use crate::{FlowId, FlowKey, FlowRules, flow_id};

    const ALL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::BROADCAST);
    const INSIDE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 50));
    const OUTSIDE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 9));

    /// Some flow's identifier.
    fn id() -> FlowId {
        let datagram = [
            0x45, 0, 0, 20, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        let decoded = decode_ip(&datagram, 20, DecodeOptions::default());
        let (key, _) = FlowKey::new(&decoded, FlowRules::Native).unwrap();
        flow_id(&key, Timestamp::from_nanos(0), 1, "")
    }

    /// A flow of this service, told by its content, with a packet each way.
    fn flow(service: &str, protocol: u8, src: (IpAddr, u16), dst: (IpAddr, u16)) -> FlowRecord {
        let mut record = FlowRecord::new(id(), src.0, dst.0, protocol);
        (record.src_port, record.dst_port) = (Some(src.1), Some(dst.1));
        (record.fwd.packets, record.bwd.packets) = (1, 1);
        let info = record.app.get_or_insert_default();
        info.service = Some(by_name(service).unwrap());
        info.confidence = Some(Confidence::Content);
        record
    }

    /// The risks of a flow, once it has ended.
    fn risks(mut record: FlowRecord) -> Vec<Risk> {
        settle(&mut record, None);
        let risks = record.app.unwrap().risks;
        risks.into_iter().map(|(risk, _)| risk).collect()
    }

    #[test]
    fn protocols_that_went_over_to_tls_are_safe() {
        for (service, port) in [("ftp", 21), ("pop3", 110), ("imap", 143)] {
            let plain = flow(service, 6, (INSIDE, 40_000), (INSIDE, port));
            assert_eq!(risks(plain.clone()), [Risk::UnsafeProtocol], "{service}");
            // No fingerprints: nobody asked for any.
            let mut secured = plain;
            let tls = by_name("tls").unwrap();
            secured.app.as_mut().unwrap().carry(tls, false);
            assert_eq!(risks(secured), [], "{service}");
        }
    }

    #[test]
    fn what_goes_to_all_needs_no_answer() {
        let unanswered = |service, src, dst| {
            let mut record = flow(service, 17, src, dst);
            record.bwd.packets = 0;
            record
        };
        let local: IpAddr = [192, 168, 1, 255].into();
        let lonely = [Risk::Unidirectional];
        let dhcp = unanswered("dhcp", ([0; 4].into(), 68), (ALL, 67));
        assert_eq!(risks(dhcp), []);
        // Whether 192.168.1.255 is a broadcast address, frames tell.
        let mut names = unanswered("nbns", (INSIDE, 137), (local, 137));
        assert_eq!(risks(names.clone()), lonely);
        names.dst_mac = Some(MacAddr::BROADCAST);
        assert_eq!(risks(names), []);
        let group = unanswered("mdns", (INSIDE, 5353), ([224, 0, 0, 251].into(), 5353));
        assert_eq!(risks(group), []);
        let dns = unanswered("dns", (INSIDE, 40_000), (OUTSIDE, 53));
        assert_eq!(risks(dns), lonely);
    }

    #[test]
    fn what_goes_one_way_needs_no_answer() {
        for (service, src, dst, lonely) in [
            ("syslog", 40_000, 514, false),
            ("netflow", 40_000, 2055, false),
            ("ipfix", 40_000, 4739, false),
            ("sflow", 40_000, 6343, false),
            ("nbdgm", 138, 138, false),
            ("snmp", 40_000, 162, false),
            ("snmp", 40_000, 161, true),
            // A search of one device alone, and an answer to a search of all.
            ("ssdp", 40_000, 1900, true),
            ("ssdp", 1900, 40_000, false),
            ("dhcp", 67, 68, false),
            ("dhcp", 68, 67, true),
        ] {
            let mut record = flow(service, 17, (INSIDE, src), (OUTSIDE, dst));
            record.bwd.packets = 0;
            let found = risks(record).contains(&Risk::Unidirectional);
            assert_eq!(found, lonely, "{service} {src} {dst}");
        }
    }

    #[test]
    fn ports_of_protocols() {
        let odd = |service, protocol, src, dst, history: &str| {
            let mut record = flow(service, protocol, (INSIDE, src), (INSIDE, dst));
            record.history = history.to_owned();
            risks(record).contains(&Risk::NonStandardPort)
        };
        assert!(!odd("modbus", 6, 40_000, 502, "ShADda"));
        assert!(odd("modbus", 6, 40_000, 503, "ShADda"));
        // Seen from the server's packet on, the server is the end with the protocol's own port ...
        assert!(!odd("modbus", 6, 502, 40_000, "Dd"));
        assert!(!odd("ssdp", 17, 1900, 1901, "D"));
        assert!(!odd("dns", 17, 53, 40_000, "Dd"));
        // ... but a client may call from any port.
        assert!(odd("modbus", 6, 502, 503, "ShADda"));
        assert!(odd("dns", 17, 40_000, 5300, "Dd"));
        // Ports that mappers give, and others of their own.
        assert!(!odd("dce_rpc", 6, 1067, 4997, "ShADda"));
        assert!(odd("dce_rpc", 6, 1067, 502, "ShADda"));
        assert!(!odd("rpc", 17, 56_262, 32_773, "Dd"));
        assert!(!odd("whatsapp", 6, 40_000, 443, "ShADda"));
        assert!(!odd("tls", 6, 40_000, 5228, "ShADda"));
        assert!(!odd("tls", 6, 40_000, 8009, "ShADda"));
        assert!(odd("tls", 6, 40_000, 4434, "ShADda"));
    }

    #[test]
    fn from_one_network_to_another() {
        let elsewhere: IpAddr = [203, 0, 113, 7].into();
        let found = |service, src, dst| {
            let risks = risks(flow(service, 6, src, dst));
            let of = [Risk::RemoteDesktop, Risk::ExposedService];
            let mut risks = risks.into_iter().filter(|risk| of.contains(risk));
            (risks.next(), risks.next())
        };
        let desktop = (Some(Risk::RemoteDesktop), None);
        let exposed = (Some(Risk::ExposedService), None);
        for (service, port, inward, outward) in [
            ("rdp", 3389, desktop, desktop),
            ("vnc", 5900, desktop, desktop),
            ("redis", 6379, exposed, (None, None)),
            ("modbus", 502, exposed, (None, None)),
        ] {
            let found = |client, server| found(service, (client, 40_000), (server, port));
            assert_eq!(found(OUTSIDE, INSIDE), inward, "{service}");
            assert_eq!(found(INSIDE, OUTSIDE), outward, "{service}");
            for (client, server) in [(INSIDE, INSIDE), (OUTSIDE, OUTSIDE), (OUTSIDE, elsewhere)] {
                assert_eq!(found(client, server), (None, None), "{service}");
            }
        }
        // Seen from the server's packet on.
        let answer = found("modbus", (INSIDE, 502), (OUTSIDE, 40_000));
        assert_eq!(answer, exposed);
    }

    #[test]
    fn tor_is_no_bad_certificate() {
        let tls = |name: &str, by_certificate: bool| {
            let mut record = flow("tls", 6, (INSIDE, 40_000), (OUTSIDE, 443));
            let info = record.app.as_mut().unwrap();
            info.app = Some("Tor");
            info.name_server(name.as_bytes(), "tls_sni");
            info.add_risk(Risk::ObsoleteTls, "TLSv10");
            if by_certificate {
                info.add_risk(Risk::Anonymizer, "Tor");
            }
            record
        };
        // With the certificate any name will do, without it only one that looks made up.
        for (name, by_certificate) in [
            ("www.q4cyamnc6mtokjurvdclt.com", true),
            ("www.abcd.com", true),
            ("www.q4cyamnc6mtokjurvdclt.com", false),
        ] {
            let mut record = tls(name, by_certificate);
            settle(&mut record, None);
            let info = record.app.clone().unwrap();
            assert_eq!(
                (info.app, info.category),
                (Some("Tor"), Some(Category::Vpn))
            );
            assert_eq!(risks(record), [Risk::Anonymizer], "{name}");
        }
        let mut record = tls("www.abcd.com", false);
        settle(&mut record, None);
        assert_eq!(record.app.as_ref().unwrap().app, None);
        assert_eq!(risks(record), [Risk::ObsoleteTls]);
        // A name that DNS knows is none that a client of Tor made up.
        let mut record = tls("www.q4cyamnc6mtokjurvdclt.com", false);
        let hint = Hint {
            name: Some(("www.q4cyamnc6mtokjurvdclt.com".into(), "dns")),
            ..Hint::default()
        };
        settle(&mut record, Some(&(OUTSIDE, hint)));
        assert_eq!(risks(record), [Risk::ObsoleteTls, Risk::DgaDomain]);
    }
}
