//! DHCP, NTP, SSDP and ARP in tunnels in one line, each datagram for itself.

use std::fmt::Write as _;

use netloom_decode::app::dhcp::Heading;
use netloom_decode::app::ntp::{TIME_LEN, mode_name};
use netloom_decode::app::text;
use netloom_decode::net::arp::Arp;

use super::app::{LINE_MAX, push_up_to};

/// A datagram on a port of `service`: what it says, and its length on the wire. `None` where it is
/// something else.
pub(super) fn datagram(service: &str, payload: &[u8], len: u32, out: &mut String) -> Option<()> {
    match service {
        "dhcp" => dhcp(payload, out),
        "ntp" => ntp(payload, out),
        "ssdp" => ssdp(payload, out),
        "vxlan" => return arp(payload.get(8..)?, out),
        "geneve" => {
            let options = usize::from(payload.first()? & 0x3f) * 4;
            return arp(payload.get(8 + options..)?, out);
        }
        _ => None,
    }?;
    write!(out, " Len={len}").ok()
}

/// What it is and its transaction (RFC 2131; RFC 2132, section 9.6; RFC 3203; RFC 4388).
fn dhcp(payload: &[u8], out: &mut String) -> Option<()> {
    let heading = Heading::parse(payload)?;
    let name = match heading.message_type {
        0 if heading.is_request => "Boot Request",
        0 => "Boot Reply",
        1 => "DHCP Discover",
        2 => "DHCP Offer",
        3 => "DHCP Request",
        4 => "DHCP Decline",
        5 => "DHCP ACK",
        6 => "DHCP NAK",
        7 => "DHCP Release",
        8 => "DHCP Inform",
        9 => "DHCP Force Renew",
        10 => "DHCP Lease Query",
        11 => "DHCP Lease Unassigned",
        12 => "DHCP Lease Unknown",
        13 => "DHCP Lease Active",
        _ => "DHCP",
    };
    let id = heading.transaction_id;
    write!(out, "{name} - Transaction ID 0x{id:x}").ok()
}

/// Version and mode.
fn ntp(payload: &[u8], out: &mut String) -> Option<()> {
    let first = *payload.first()?;
    let (version, mode) = (first >> 3 & 7, first & 7);
    if !(1..=4).contains(&version) || !(1..=5).contains(&mode) || payload.len() < TIME_LEN {
        return None;
    }
    let mode = mode_name(mode).replace('_', " ");
    write!(out, "NTP Version {version}, {mode}").ok()
}

/// The first line.
fn ssdp(payload: &[u8], out: &mut String) -> Option<()> {
    let (line, _) = text::line(payload)?;
    let known = line.starts_with(b"NOTIFY * HTTP/1.")
        || line.starts_with(b"M-SEARCH * HTTP/1.")
        || line.starts_with(b"HTTP/1.");
    if !known {
        return None;
    }
    push_up_to(LINE_MAX, line, out);
    Some(())
}

/// ARP in an Ethernet frame in a tunnel (RFC 7348, section 5; RFC 8926, section 3.4): what carries
/// it keeps its row, as it does for all that is no IP.
fn arp(frame: &[u8], out: &mut String) -> Option<()> {
    const ETHERNET_LEN: usize = 14;
    const ETHERTYPE: [u8; 2] = [0x08, 0x06];
    let (header, message) = frame.split_at_checked(ETHERNET_LEN)?;
    if !header.ends_with(&ETHERTYPE) {
        return None;
    }
    super::arp(&Arp::parse(message)?, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of DHCP before its options, and what stands in front of them (RFC 2131, section 2).
    const FIXED_LEN: usize = 236;
    const COOKIE: [u8; 4] = [99, 130, 83, 99];

    fn line(service: &str, payload: &[u8]) -> Option<String> {
        let mut out = String::new();
        datagram(service, payload, payload.len() as u32, &mut out).map(|()| out)
    }

    #[test]
    fn dhcp_says_what_it_is() {
        let mut message = vec![0; FIXED_LEN];
        message[..8].copy_from_slice(&[1, 1, 6, 0, 0x00, 0x12, 0x34, 0x56]);
        assert_eq!(line("dhcp", &message), None);
        message.extend_from_slice(&COOKIE);
        assert_eq!(
            line("dhcp", &message).unwrap(),
            "Boot Request - Transaction ID 0x123456 Len=240"
        );
        message.extend_from_slice(&[0, 12, 1, b'a', 53, 1, 3, 255]);
        assert_eq!(
            line("dhcp", &message).unwrap(),
            "DHCP Request - Transaction ID 0x123456 Len=248"
        );
        for end in 0..message.len() {
            line("dhcp", &message[..end]);
        }
    }

    #[test]
    fn arp_in_tunnels() {
        let mut frame = vec![0; 12];
        frame.extend_from_slice(&[8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 10, 0, 0, 1]);
        frame.extend_from_slice(&[0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
        let expected = Some("Who has 10.0.0.2? Tell 10.0.0.1");
        let vxlan = [&[8, 0, 0, 0, 0, 0, 1, 0][..], &frame].concat();
        assert_eq!(line("vxlan", &vxlan).as_deref(), expected);
        // One option of four bytes.
        let geneve = [&[1, 0, 0x65, 0x58, 0, 0, 1, 0][..], &[0; 4], &frame].concat();
        assert_eq!(line("geneve", &geneve).as_deref(), expected);
        for end in 0..geneve.len() {
            assert_eq!(line("geneve", &geneve[..end]), None);
            assert_eq!(line("vxlan", &geneve[..end]), None);
        }
    }

    #[test]
    fn ntp_says_who_speaks() {
        let mut message = vec![0; TIME_LEN];
        message[0] = 0x23;
        assert_eq!(
            line("ntp", &message).unwrap(),
            "NTP Version 4, client Len=48"
        );
        assert_eq!(line("ntp", &message[..47]), None);
        message[0] = 0x26;
        assert_eq!(line("ntp", &message), None);
    }

    #[test]
    fn ssdp_has_a_line() {
        assert_eq!(
            line("ssdp", b"M-SEARCH * HTTP/1.1\r\nMAN: \x1b\r\n").unwrap(),
            "M-SEARCH * HTTP/1.1 Len=29"
        );
        assert_eq!(line("ssdp", b"hello\r\n"), None);
        assert_eq!(line("dns", b"M-SEARCH * HTTP/1.1\r\n"), None);
    }
}
