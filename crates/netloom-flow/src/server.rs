//! Who serves in a flow: one rule for hosts, risks and the guess by ports.
//!
//! The responder does, who may have been seen first where the capture lacks a connection's beginning,
//! or there is none (UDP). Then ports tell:
//!
//! 1. Who opens a TCP connection asks, from whichever port; who answers with SYN and ACK serves.
//! 2. Else who alone has a port of the protocol's own serves;
//! 3. else who alone has a port on which it is common;
//! 4. else, over TCP, an originator whose port systems do not give to clients, where the other's is
//!    assigned to nobody.

use netloom_decode::app::{Protocol, ports};

use crate::record::FlowRecord;

/// TCP's number among IP's protocols.
const TCP: u8 = 6;
/// The first port after those of the system (RFC 6335, section 6): no client gets one by chance.
const USER_PORTS: u16 = 1024;
/// The first of the ports that common systems give to clients (Linux from 32768 on).
const CLIENT_PORTS: u16 = 32_768;
/// The first of the ports that are assigned to nobody (RFC 6335, section 6).
const DYNAMIC_PORTS: u16 = 49_152;
/// From where an FTP server opens the channel for data (RFC 959, section 3.2).
const FTP_DATA: u16 = 20;

/// Whether the originator is the server. See the [module](self).
pub(crate) fn originator_serves(record: &FlowRecord) -> bool {
    let (Some(src), Some(dst)) = (record.src_port, record.dst_port) else {
        return false;
    };
    if was_opened(record) {
        return false;
    }
    let Some(name) = record.service() else {
        return false;
    };
    let tcp = record.protocol == TCP;
    let service = record.recognised();
    let is_own = |port| {
        service.is_some_and(|service| ports(service, tcp).contains(&port))
            || of_port(record.protocol, port) == Some(name)
    };
    let is_common = |port| service.is_some_and(|service| is_common_on(service, port));
    if is_own(dst) {
        return false;
    }
    if is_own(src) {
        return true;
    }
    match (is_common(src), is_common(dst)) {
        (true, false) => true,
        (false, true) => false,
        _ => tcp && src < CLIENT_PORTS && dst >= DYNAMIC_PORTS,
    }
}

/// The service that a flow's ports stand for.
///
/// A port is the server's (RFC 6335, section 3), so it is the responder's that tells, as for Zeek and
/// nDPI. Where the responder's stands for nothing, the originator's does, as for nDPI, but only if
/// it cannot be there by chance:
///
/// - where the capture has a connection's opening, port 20 alone, from which FTP servers open theirs:
///   who asks, or scans, may do so from any port;
/// - else a port that systems do not give to clients. One of the system (below 1024) tells even where
///   the responder's stands for something, if that may be a client's.
pub(crate) fn service_by_port(record: &FlowRecord) -> Option<&'static str> {
    let (src, dst) = (record.src_port.unwrap_or(0), record.dst_port.unwrap_or(0));
    let of = |port| of_port(record.protocol, port);
    let of_src = |may_serve: bool| of(src).filter(|_| may_serve);
    if was_opened(record) {
        return of(dst).or_else(|| of_src(src == FTP_DATA && dst >= USER_PORTS));
    }
    of_src(src < USER_PORTS && dst >= CLIENT_PORTS)
        .or_else(|| of(dst))
        .or_else(|| of_src(src < CLIENT_PORTS))
}

/// Whether the server of a flow is known to have refused it: it sent a RST, and nothing besides.
pub(crate) fn is_refused(record: &FlowRecord) -> bool {
    if record.protocol != TCP || !record.history.contains(['R', 'r']) {
        return false;
    }
    let letters = if originator_serves(record) {
        (['R'], ['H', 'S', 'A', 'D', 'F'])
    } else {
        (['r'], ['h', 's', 'a', 'd', 'f'])
    };
    record.history.contains(letters.0) && !record.history.contains(letters.1)
}

/// Whether the capture has the opening of a TCP connection: the originator's SYN, or the answer to it.
fn was_opened(record: &FlowRecord) -> bool {
    record.protocol == TCP
        && record
            .history
            .bytes()
            .any(|letter| matches!(letter, b'S' | b'h'))
}

/// The service that one port stands for.
fn of_port(protocol: u8, port: u16) -> Option<&'static str> {
    netloom_decode::service::service_by_port(protocol, 0, port)
}

/// Whether a protocol is at home on a port.
pub(crate) fn is_usual(service: &Protocol, tcp: bool, port: u16) -> bool {
    ports(service, tcp).contains(&port) || is_common_on(service, port)
}

/// Ports on which a protocol is common though they are not its own.
fn is_common_on(service: &Protocol, port: u16) -> bool {
    match service.name {
        "http" => matches!(port, 3128 | 8000..=8100 | 8888),
        // Protocols over TLS that have a port for that (IANA), Google's push messages (5228 to
        // 5230) and Cast (8009).
        "tls" => matches!(
            port,
            465 | 563 | 636 | 853 | 989 | 990 | 992
                ..=995 | 2083 | 2376 | 3269 | 4740 | 4843 | 5061 | 5223 | 5228
                ..=5230 | 5349 | 5671 | 5986 | 6513 | 6514 | 6697 | 8009 | 8443 | 8883 | 10_161
        ),
        "whatsapp" => matches!(port, 80 | 443 | 4244 | 5242),
        // Endpoint mappers give servers their ports: from 1024 on ([MS-RPCE], C706, section 6.2.2),
        // and whatever was free (RFC 1833; by custom from 512 on).
        "dce_rpc" => port >= 1024,
        "rpc" => port >= 512,
        // References to objects and stamps of resolvers say the port; what answers a search goes to
        // the port that asked; media, and peers among themselves, have the ports that were agreed
        // on; games with RakNet have each their own.
        "giop" | "dnscrypt" | "ssdp" | "rtp" | "rtcp" | "stun" | "dtls" | "bittorrent" | "zoom"
        | "raknet" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
