//! Records as lines of a zone file.

use std::fmt::Write as _;

use super::number::rtype;
use super::{Data, Record, answer_text, qtype_name};
use crate::app::text::{display, hex};
use crate::app::wire::Reader;

/// Bytes of data of an unknown form that are written.
const UNKNOWN_MAX: usize = 512;

/// A record as a line of a zone file (RFC 1035, section 5.1): owner, time to live, class, type, data.
///
/// Names have no final dot (the root is one); data without a form of its own is written as RFC 3597
/// has it. `nbns`: whether it is of the NetBIOS name service.
pub fn record_line(record: &Record<'_>, nbns: bool) -> String {
    let class = match record.class & 0x7fff {
        1 => "IN".to_owned(),
        3 => "CH".to_owned(),
        4 => "HS".to_owned(),
        other => format!("CLASS{other}"),
    };
    let mut line = format!(
        "{} {} {class} {} ",
        name(&record.name),
        record.ttl,
        qtype_name(record.rtype, nbns)
    );
    match &record.data {
        Data::Name(target) => line += &name(target),
        Data::Mx(preference, exchange) => {
            let _ = write!(line, "{preference} {}", name(exchange));
        }
        Data::Srv(priority, weight, port, target) => {
            let _ = write!(line, "{priority} {weight} {port} {}", name(target));
        }
        Data::Soa(names, numbers) => {
            let (primary, mailbox) = &**names;
            let _ = write!(line, "{} {}", name(primary), name(mailbox));
            for number in numbers {
                let _ = write!(line, " {number}");
            }
        }
        Data::Txt(strings) => {
            for (number, string) in strings.iter().enumerate() {
                let space = if number > 0 { " " } else { "" };
                let _ = write!(line, "{space}\"{}\"", quoted(string));
            }
        }
        Data::Other(bytes) => other(record, bytes, &mut line),
        _ => words(record, &mut line),
    }
    line
}

/// A name: the root is a dot, and a space does not end it.
fn name(name: &[u8]) -> String {
    if name.is_empty() {
        ".".to_owned()
    } else {
        display(name).replace(' ', "\\x20")
    }
}

/// A string between quotation marks.
fn quoted(string: &[u8]) -> String {
    display(string).replace('"', "\\x22")
}

/// What [`answer_text`] says behind the type's name.
fn words(record: &Record<'_>, line: &mut String) {
    let text = answer_text(record).unwrap_or_default();
    let kind = qtype_name(record.rtype, false);
    let rest = text
        .strip_prefix(&*kind)
        .and_then(|rest| rest.strip_prefix(' '));
    line.push_str(rest.unwrap_or(&text));
}

fn other(record: &Record<'_>, bytes: &[u8], line: &mut String) {
    let mut reader = Reader::new(bytes);
    match record.rtype {
        rtype::HINFO | rtype::CAA | rtype::NAPTR if answer_text(record).is_some() => {
            words(record, line);
        }
        rtype::SSHFP if bytes.len() > 2 => {
            // RFC 4255, section 3.1.
            let (algorithm, kind) = (reader.u8(), reader.u8());
            let _ = write!(
                line,
                "{} {} {}",
                algorithm.unwrap_or(0),
                kind.unwrap_or(0),
                hex(reader.take_up_to(64))
            );
        }
        _ => {
            let _ = write!(line, "\\# {}", bytes.len());
            if !bytes.is_empty() {
                line.push(' ');
                line.push_str(&hex(reader.take_up_to(UNKNOWN_MAX)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::dns::Name;

    fn name(text: &[u8]) -> Name {
        Name::from(text)
    }

    fn line(rtype: u16, data: Data<'_>) -> String {
        let record = Record {
            name: name(b"a.example"),
            rtype,
            class: 0x8001,
            ttl: 60,
            data,
        };
        record_line(&record, false)
    }

    #[test]
    fn records_are_lines() {
        assert_eq!(
            line(rtype::A, Data::Address([192, 0, 2, 1].into())),
            "a.example 60 IN A 192.0.2.1"
        );
        assert_eq!(
            line(rtype::NS, Data::Name(Name::default())),
            "a.example 60 IN NS ."
        );
        assert_eq!(
            line(rtype::MX, Data::Mx(5, name(b"m x"))),
            "a.example 60 IN MX 5 m\\x20x"
        );
        assert_eq!(
            line(rtype::SRV, Data::Srv(1, 2, 3, name(b"s"))),
            "a.example 60 IN SRV 1 2 3 s"
        );
        let soa = Data::Soa(Box::new((name(b"p"), name(b"m"))), [1, 2, 3, 4, 5]);
        assert_eq!(line(rtype::SOA, soa), "a.example 60 IN SOA p m 1 2 3 4 5");
        assert_eq!(
            line(rtype::TXT, Data::Txt(vec![b"x y", b"", b"\"\n"])),
            "a.example 60 IN TXT \"x y\" \"\" \"\\x22\\x0a\""
        );
        assert_eq!(
            line(rtype::SSHFP, Data::Other(&[1, 2, 0xab, 0xcd])),
            "a.example 60 IN SSHFP 1 2 abcd"
        );
        assert_eq!(
            line(rtype::CAA, Data::Other(b"\x00\x05issueca.example")),
            "a.example 60 IN CAA 0 issue ca.example"
        );
        assert_eq!(
            line(rtype::NULL, Data::Other(&[1, 2])),
            "a.example 60 IN NULL \\# 2 0102"
        );
        assert_eq!(
            line(rtype::SSHFP, Data::Other(&[1])),
            "a.example 60 IN SSHFP \\# 1 01"
        );
    }
}
