//! DNS, TLS and HTTP in one line, each packet for itself.
//!
//! Text out of packets is made safe ([`text::display`]) and cut.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use netloom_decode::app::dns::{Data, Message, Record, known_type, qtype_name, rcode_name, rtype};
use netloom_decode::app::text;
use netloom_decode::app::tls::names::{alert, version};
use netloom_decode::app::tls::{Carrier, ClientHello};
use netloom_decode::app::uri::masked_line;
use netloom_decode::app::wire::Reader;

use crate::schema::some;

/// Longest text of a packet in the line, in bytes.
const TEXT_MAX: usize = 256;
/// Longest TLS record (RFC 5246, section 6.2.3, and a little).
pub(super) const RECORD_MAX: u16 = 16_640;
/// Longest record of a handshake that may hold no more than a Finished message, encrypted.
pub(super) const FINISHED_MAX: u16 = 96;
/// Longest first line of HTTP: Wireshark's columns end there, too.
pub(super) const LINE_MAX: usize = 4096;
/// Questions that are named.
const QUESTIONS_MAX: usize = 64;
/// Records that are named.
const RECORDS_MAX: usize = 32;

/// Appends text of a packet.
pub(super) fn push_text(bytes: &[u8], out: &mut String) {
    push_up_to(TEXT_MAX, bytes, out);
}

/// Appends so much of it.
pub(super) fn push_up_to(max: usize, bytes: &[u8], out: &mut String) {
    let cut = bytes.get(..max).unwrap_or(bytes);
    out.push_str(&text::display(cut));
    if cut.len() < bytes.len() {
        out.push('…');
    }
}

/// A DNS message (also mDNS, LLMNR): kind, identifier, questions, records.
pub(super) fn dns(
    payload: &[u8],
    len: usize,
    service: &'static str,
    out: &mut String,
) -> Option<()> {
    let message = Message::parse(payload, len, service)?;
    match message.opcode() {
        0 => out.push_str("Standard query"),
        1 => out.push_str("Inverse query"),
        2 => out.push_str("Server status request"),
        4 => out.push_str("Zone change notification"),
        5 => out.push_str("Dynamic update"),
        6 => out.push_str("DNS stateful operation"),
        other => write!(out, "Unknown operation ({other})").ok()?,
    }
    if message.is_response() {
        out.push_str(" response");
    }
    write!(out, " 0x{:04x}", message.id).ok()?;
    if message.is_response() && message.rcode() != 0 {
        out.push(' ');
        out.push_str(&rcode_name(message.rcode().into()));
    }
    for question in message.questions.iter().take(QUESTIONS_MAX) {
        push_type(question.qtype, service == "nbns", out)?;
        out.push(' ');
        push_name(&question.name, out);
    }
    let records = message.answers.iter();
    let records = records
        .chain(&message.authorities)
        .chain(&message.additionals);
    for record in records.take(RECORDS_MAX) {
        self::record(record, out)?;
    }
    Some(())
}

/// A name; the root has none.
fn push_name(name: &[u8], out: &mut String) {
    match name {
        [] => out.push_str("<Root>"),
        name => push_text(name, out),
    }
}

/// A type, as Wireshark names those that have no name.
fn push_type(number: u16, nbns: bool, out: &mut String) -> Option<()> {
    match (number, known_type(number)) {
        (0, _) => some(" Unused", out),
        // `*` in the RFC.
        (255, _) => some(" ANY", out),
        (_, None) => write!(out, " Unknown ({number})").ok(),
        _ => write!(out, " {}", qtype_name(number, nbns)).ok(),
    }
}

fn record(record: &Record<'_>, out: &mut String) -> Option<()> {
    push_type(record.rtype, false, out)?;
    let name = match &record.data {
        Data::Address(address) => return write!(out, " {address}").ok(),
        Data::Name(name) | Data::Nsec(name) => name,
        Data::Other(bytes) => return other(record.rtype, bytes, out),
        Data::Soa(names, _) => &names.0,
        Data::Mx(preference, name) => {
            write!(out, " {preference}").ok()?;
            name
        }
        Data::Srv(priority, weight, port, name) => {
            write!(out, " {priority} {weight} {port}").ok()?;
            name
        }
        _ => return Some(()),
    };
    out.push(' ');
    push_name(name, out);
    Some(())
}

/// Data of types that are rare.
fn other(kind: u16, bytes: &[u8], out: &mut String) -> Option<()> {
    let mut reader = Reader::new(bytes);
    match kind {
        // The address in front of the services (RFC 1035, section 3.4.2).
        rtype::WKS => {
            if let Some(&address) = bytes.first_chunk::<4>() {
                write!(out, " {}", Ipv4Addr::from(address)).ok()?;
            }
        }
        // Processor and system (RFC 1035, section 3.3.2).
        rtype::HINFO => {
            while let Some(word) = reader.bytes8() {
                out.push(' ');
                push_text(word, out);
            }
        }
        // Order, preference, flags (RFC 3403, section 4.1).
        rtype::NAPTR => {
            if let (Some(order), Some(preference), Some(flags)) =
                (reader.u16(), reader.u16(), reader.bytes8())
            {
                write!(out, " {order} {preference} ").ok()?;
                push_text(flags, out);
            }
        }
        _ => {}
    }
    Some(())
}

/// TLS records: what each of them is. `None` where the payload does not begin with a record.
pub(super) fn tls(payload: &[u8], out: &mut String) -> Option<()> {
    let mut reader = Reader::new(payload);
    let mut any = false;
    let mut encrypted = false;
    while reader.len() >= 5 {
        let (kind, record_version, len) = (reader.u8()?, reader.u16()?, reader.u16()?);
        if !(20..=24).contains(&kind) || record_version >> 8 != 3 || len > RECORD_MAX {
            break;
        }
        let body = reader.take_up_to(len.into());
        if any {
            out.push_str(", ");
        } else if record_version <= 0x0303 {
            // What the record says; TLS 1.3 says 1.2 there.
            write!(out, "{} ", version(record_version)).ok()?;
        }
        any = true;
        match kind {
            20 => {
                encrypted = true;
                out.push_str("Change Cipher Spec");
            }
            21 if body.len() == 2 && !encrypted => {
                write!(out, "Alert ({})", alert(*body.get(1)?)).ok()?;
            }
            21 => out.push_str("Encrypted Alert"),
            22 if encrypted => out.push_str("Encrypted Handshake Message"),
            22 if !is_plain(body) => out.push_str("Encrypted Handshake Message"),
            22 => handshake(body, record_version, out)?,
            23 => out.push_str("Application Data"),
            _ => out.push_str("Heartbeat"),
        }
    }
    any.then_some(())
}

/// Whether a record of the handshake is readable, as far as one packet tells: what is encrypted
/// begins with zeros or with anything. Messages that do not end with a record have long records.
fn is_plain(body: &[u8]) -> bool {
    let mut reader = Reader::new(body);
    while let (Some(kind), Some(len)) = (reader.u8(), reader.u24()) {
        let (len, left) = (len as usize, reader.len());
        // RFC 5246, section 7.4.1.1: a Hello Request stands alone.
        if kind == 0 && body.len() != 4 || len > left && body.len() <= usize::from(FINISHED_MAX) {
            return false;
        }
        reader.take_up_to(len);
    }
    true
}

/// Handshake messages of a record.
fn handshake(body: &[u8], record_version: u16, out: &mut String) -> Option<()> {
    let mut reader = Reader::new(body);
    let mut first = true;
    while reader.len() >= 4 {
        let (kind, len) = (reader.u8()?, reader.u24()? as usize);
        let name = match kind {
            0 if len == 0 => "Hello Request",
            1 => "Client Hello",
            2 => "Server Hello",
            4 => "New Session Ticket",
            11 => "Certificate",
            12 => "Server Key Exchange",
            13 => "Certificate Request",
            14 if len == 0 => "Server Hello Done",
            15 => "Certificate Verify",
            16 => "Client Key Exchange",
            22 => "Certificate Status",
            _ => {
                if first {
                    out.push_str("Encrypted Handshake Message");
                }
                return Some(());
            }
        };
        if !first {
            out.push_str(", ");
        }
        first = false;
        out.push_str(name);
        let message = reader.take_up_to(len);
        if kind == 1 {
            push_server_name(message, record_version, out);
        }
    }
    Some(())
}

/// Appends the server's name in a Client Hello, if there is one.
pub(super) fn push_server_name(hello: &[u8], record_version: u16, out: &mut String) {
    if let Some(hello) = ClientHello::parse(hello, Carrier::Tcp, record_version)
        && let Some(name) = hello.server_name
    {
        out.push_str(" (SNI=");
        push_text(name, out);
        out.push(')');
    }
}

/// The first line of an HTTP/1 message. `None` where there is none.
pub(super) fn http(payload: &[u8], out: &mut String) -> Option<()> {
    let (line, _) = text::line(payload)?;
    if !line.starts_with(b"HTTP/1.") && !is_request(line) {
        return None;
    }
    push_up_to(LINE_MAX, &masked_line(line), out);
    if let Some(kind) = header(payload, b"content-type:") {
        push_media_type(kind, out);
    }
    Some(())
}

/// Whether a line is a request's first.
pub(super) fn is_request(line: &[u8]) -> bool {
    line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0")
}

/// Appends the media type that a `Content-Type` says.
pub(super) fn push_media_type(value: &[u8], out: &mut String) {
    let end = value.iter().position(|&byte| byte == b';');
    let kind = value.get(..end.unwrap_or(value.len())).unwrap_or_default();
    out.push_str("  (");
    // Types are the same in any case (RFC 9110, section 8.3.1).
    push_text(&kind.trim_ascii().to_ascii_lowercase(), out);
    out.push(')');
}

/// Value of a header field, if its line is in this packet.
fn header<'a>(payload: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = payload;
    for _ in 0..64 {
        let (line, taken) = text::line(rest)?;
        if line.is_empty() {
            return None;
        }
        if text::starts_with_ignore_case(line, name) {
            return line.get(name.len()..).map(<[u8]>::trim_ascii);
        }
        rest = rest.get(taken..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(make: impl FnOnce(&mut String) -> Option<()>) -> Option<String> {
        let mut out = String::new();
        make(&mut out).map(|()| out)
    }

    #[test]
    fn a_query_and_its_answer() {
        let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        message.extend_from_slice(b"\x01a\x07example\0\0\x01\0\x01");
        assert_eq!(
            line(|out| dns(&message, message.len(), "dns", out)).unwrap(),
            "Standard query 0x1234 A a.example"
        );
        message[2] = 0x81;
        message[3] = 0x80;
        message[7] = 1;
        message.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01");
        assert_eq!(
            line(|out| dns(&message, message.len(), "dns", out)).unwrap(),
            "Standard query response 0x1234 A a.example A 192.0.2.1"
        );
    }

    #[test]
    fn all_sections_of_a_message() {
        let mut message = vec![0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0, 0, 1, 0, 2];
        message.extend_from_slice(b"\0\0\x06\0\x01");
        message.extend_from_slice(b"\0\0\x02\0\x01\0\0\0\x3c\0\x03\x01n\0");
        message.extend_from_slice(b"\0\0\x21\0\x01\0\0\0\x3c\0\x09\0\x01\0\x02\0\x35\x01s\0");
        message.extend_from_slice(b"\0\0\x29\x04\xd0\0\0\0\0\0\0");
        assert_eq!(
            line(|out| dns(&message, message.len(), "dns", out)).unwrap(),
            "Standard query response 0x1234 SOA <Root> NS n SRV 1 2 53 s OPT"
        );
    }

    #[test]
    fn rare_types_and_operations() {
        // Opcode 15, questions of types 0 and 0xfffe.
        let mut message = vec![0x12, 0x34, 0x78, 0, 0, 2, 0, 4, 0, 0, 0, 0];
        message.extend_from_slice(b"\x01a\0\0\0\0\x01\x01a\0\xff\xfe\0\x01");
        for (kind, data) in [
            (47, &b"\x01n\0\0\x01\x40"[..]),
            (11, b"\xc0\0\x02\x01\x06\x80"),
            (13, b"\x03cpu\x02os"),
            (35, b"\0\x64\0\x0a\x01s\0\0\0"),
        ] {
            message.extend_from_slice(&[0, 0, kind, 0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
            message.extend_from_slice(data);
        }
        assert_eq!(
            line(|out| dns(&message, message.len(), "dns", out)).unwrap(),
            "Unknown operation (15) 0x1234 Unused a Unknown (65534) a \
             NSEC n WKS 192.0.2.1 HINFO cpu os NAPTR 100 10 s"
        );
    }

    #[test]
    fn records() {
        let payload = b"\x14\x03\x03\0\x01\x01\x16\x03\x03\0\x02\xab\xcd\x17\x03\x03\0\x01\0";
        assert_eq!(
            line(|out| tls(payload, out)).unwrap(),
            "TLSv12 Change Cipher Spec, Encrypted Handshake Message, Application Data"
        );
        assert_eq!(line(|out| tls(b"GET / HTTP/1.1\r\n", out)), None);
        let mut finished = b"\x16\x03\x03\0\x28".to_vec();
        finished.extend([0; 8]);
        finished.extend([0x5a; 32]);
        assert_eq!(
            line(|out| tls(&finished, out)).unwrap(),
            "TLSv12 Encrypted Handshake Message"
        );
        assert_eq!(
            line(|out| tls(b"\x16\x03\x03\0\x04\0\0\0\0", out)).unwrap(),
            "TLSv12 Hello Request"
        );
    }

    #[test]
    fn first_lines() {
        let request = b"GET /a\x1b[2J HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(
            line(|out| http(request, out)).unwrap(),
            "GET /a\\x1b[2J HTTP/1.1"
        );
        let response = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n";
        assert_eq!(
            line(|out| http(response, out)).unwrap(),
            "HTTP/1.1 200 OK  (text/html)"
        );
        assert_eq!(line(|out| http(b"hello\r\n", out)), None);
    }
}
