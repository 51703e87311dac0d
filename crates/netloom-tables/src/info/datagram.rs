//! DHCP, NTP and SSDP in one line, each datagram for itself.

use std::fmt::Write as _;

use netloom_decode::app::text;
use netloom_decode::app::wire::Reader;

use super::app::{LINE_MAX, push_up_to};

/// Bytes of DHCP before its options, and what stands in front of them (RFC 2131, section 2).
const FIXED_LEN: usize = 236;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Bytes of an NTP message about time, without extensions (RFC 5905, section 7.3).
const TIME_LEN: usize = 48;

/// A datagram on a port of `service`: what it says, and its length on the wire. `None` where it is
/// something else.
pub(super) fn datagram(service: &str, payload: &[u8], len: u32, out: &mut String) -> Option<()> {
    match service {
        "dhcp" => dhcp(payload, out),
        "ntp" => ntp(payload, out),
        "ssdp" => ssdp(payload, out),
        _ => None,
    }?;
    write!(out, " Len={len}").ok()
}

/// What it is and its transaction (RFC 2131; RFC 2132, section 9.6; RFC 3203; RFC 4388; RFC 6926).
fn dhcp(payload: &[u8], out: &mut String) -> Option<()> {
    let op = *payload.first().filter(|op| matches!(op, 1 | 2))?;
    let mut reader = Reader::new(payload.get(FIXED_LEN..)?);
    if reader.take(4)? != COOKIE {
        return None;
    }
    let transaction = Reader::new(payload.get(4..)?).u32()?;
    let name = match message_type(reader) {
        Some(1) => "DHCP Discover",
        Some(2) => "DHCP Offer",
        Some(3) => "DHCP Request",
        Some(4) => "DHCP Decline",
        Some(5) => "DHCP ACK",
        Some(6) => "DHCP NAK",
        Some(7) => "DHCP Release",
        Some(8) => "DHCP Inform",
        Some(9) => "DHCP Force Renew",
        Some(10) => "DHCP Lease Query",
        Some(11) => "DHCP Lease Unassigned",
        Some(12) => "DHCP Lease Unknown",
        Some(13) => "DHCP Lease Active",
        Some(_) => "DHCP",
        None if op == 1 => "Boot Request",
        None => "Boot Reply",
    };
    write!(out, "{name} - Transaction ID 0x{transaction:x}").ok()
}

/// Option 53.
fn message_type(mut options: Reader<'_>) -> Option<u8> {
    loop {
        match options.u8()? {
            0 => {}
            255 => return None,
            kind => {
                let len = options.u8()?;
                let value = options.take(len.into())?;
                if kind == 53 {
                    return value.first().copied();
                }
            }
        }
    }
}

/// Version and mode.
fn ntp(payload: &[u8], out: &mut String) -> Option<()> {
    let first = *payload.first()?;
    let (version, mode) = (first >> 3 & 7, first & 7);
    let name = match mode {
        1 => "symmetric active",
        2 => "symmetric passive",
        3 => "client",
        4 => "server",
        5 => "broadcast",
        _ => return None,
    };
    if !(1..=4).contains(&version) || payload.len() < TIME_LEN {
        return None;
    }
    write!(out, "NTP Version {version}, {name}").ok()
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

#[cfg(test)]
mod tests {
    use super::*;

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
