//! DNS, TLS and HTTP in one line, each packet for itself.
//!
//! Text out of packets is made safe ([`text::display`]) and cut.

use std::fmt::Write as _;

use netloom_decode::app::dns::{Data, Message, Record, qtype_name, rcode_name};
use netloom_decode::app::text;
use netloom_decode::app::tls::names::{alert, version};
use netloom_decode::app::tls::{Carrier, ClientHello};
use netloom_decode::app::uri::masked_line;
use netloom_decode::app::wire::Reader;

/// Longest text of a packet in the line, in bytes.
const TEXT_MAX: usize = 256;
/// Longest TLS record (RFC 5246, section 6.2.3, and a little).
pub(super) const RECORD_MAX: u16 = 16_640;
/// Longest record of a handshake that may hold no more than a Finished message, encrypted.
pub(super) const FINISHED_MAX: u16 = 96;
/// Longest first line of HTTP.
pub(super) const LINE_MAX: usize = 1024;
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
    let kind = match message.opcode() {
        0 => "Standard query",
        1 => "Inverse query",
        2 => "Server status request",
        4 => "Zone change notification",
        5 => "Dynamic update",
        _ => "Unknown operation",
    };
    out.push_str(kind);
    if message.is_response() {
        out.push_str(" response");
    }
    write!(out, " 0x{:04x}", message.id).ok()?;
    if message.is_response() && message.rcode() != 0 {
        out.push(' ');
        out.push_str(&rcode_name(message.rcode().into()));
    }
    for question in message.questions.iter().take(QUESTIONS_MAX) {
        match question.qtype {
            // `*` in the RFC.
            255 => out.push_str(" ANY "),
            qtype => write!(out, " {} ", qtype_name(qtype, service == "nbns")).ok()?,
        }
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

fn record(record: &Record<'_>, out: &mut String) -> Option<()> {
    write!(out, " {}", qtype_name(record.rtype, false)).ok()?;
    let name = match &record.data {
        Data::Address(address) => return write!(out, " {address}").ok(),
        Data::Name(name) => name,
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
