//! Answers in words.

use std::fmt::Write as _;

use super::number::rtype;
use super::{Data, Record};
use crate::app::text::display;
use crate::app::wire::Reader;

/// An answer in one line, as Zeek's `dns.log` has it; `None` for a record that says nothing (OPT,
/// WKS). Types that Zeek leaves out or calls unknown (HINFO, CAA, SVCB, HTTPS, DNAME) are written
/// much as zone files have them, those of NBNS as `NB` addresses and node names.
pub fn answer_text(record: &Record<'_>) -> Option<String> {
    let name = |name: &[u8]| display(name).into_owned();
    Some(match &record.data {
        Data::Address(address) => address.to_string(),
        Data::Name(target) | Data::Mx(_, target) | Data::Srv(_, _, _, target) => name(target),
        Data::Soa(names, _) => name(&names.0),
        Data::Txt(strings) => {
            let word = if record.rtype == rtype::SPF {
                "SPF"
            } else {
                "TXT"
            };
            let mut text = String::new();
            for string in strings {
                if !text.is_empty() {
                    text.push(' ');
                }
                let _ = write!(text, "{word} {} {}", string.len(), display(string));
            }
            text
        }
        Data::Rrsig(covered, signer) => {
            let signer = if signer.is_empty() {
                "<Root>".into()
            } else {
                display(signer)
            };
            format!("RRSIG {covered} {signer}")
        }
        Data::Nsec(next) => format!("NSEC {} {}", display(&record.name), display(next)),
        Data::ServiceBinding(binding) => {
            let word = if record.rtype == rtype::HTTPS {
                "HTTPS"
            } else {
                "SVCB"
            };
            let mut text = format!("{word} {} ", binding.priority);
            if binding.target.is_empty() {
                text.push('.');
            } else {
                text.push_str(&display(&binding.target));
            }
            for (number, alpn) in binding.alpn.iter().enumerate() {
                text.push_str(if number == 0 { " alpn=" } else { "," });
                text.push_str(&display(alpn));
            }
            if let Some(port) = binding.port {
                let _ = write!(text, " port={port}");
            }
            for (number, hint) in binding.hints.iter().enumerate() {
                text.push_str(if number == 0 { " hint=" } else { "," });
                let _ = write!(text, "{hint}");
            }
            if binding.ech {
                text.push_str(" ech");
            }
            text
        }
        Data::Nb(owners) => {
            let mut text = String::new();
            for (_, address) in owners {
                if !text.is_empty() {
                    text.push(' ');
                }
                let _ = write!(text, "{address}");
            }
            text
        }
        Data::NodeStatus(names, mac) => {
            let mut bytes = Vec::new();
            for (name, _) in names {
                if !bytes.is_empty() {
                    bytes.push(b' ');
                }
                name.write(&mut bytes);
            }
            let mut text = name(&bytes);
            if let Some(mac) = mac {
                let _ = write!(text, " {mac}");
            }
            text
        }
        Data::Other(bytes) => return other(record.rtype, bytes),
    })
}

/// Records whose data is only looked at here.
fn other(rtype: u16, bytes: &[u8]) -> Option<String> {
    let mut reader = Reader::new(bytes);
    Some(match rtype {
        rtype::HINFO => {
            let (cpu, os) = (reader.bytes8()?, reader.bytes8()?);
            format!("HINFO {} {}", display(cpu), display(os))
        }
        rtype::DS => {
            let _key_tag = reader.u16()?;
            format!("DS {} {}", reader.u8()?, reader.u8()?)
        }
        rtype::DNSKEY => {
            let _flags_and_protocol = reader.u24()?;
            format!("DNSKEY {}", reader.u8()?)
        }
        rtype::NSEC3 => "NSEC3".into(),
        rtype::NSEC3PARAM => "NSEC3PARAM".into(),
        rtype::SSHFP => {
            let _algorithm_and_type = reader.u16()?;
            let mut text = "SSHFP: ".to_owned();
            for byte in reader.take_up_to(64) {
                let _ = write!(text, "{byte:02x}");
            }
            text
        }
        rtype::LOC => {
            let _version = reader.u8()?;
            format!("LOC:  {} {} {}", reader.u8()?, reader.u8()?, reader.u8()?)
        }
        rtype::CAA => {
            let flags = reader.u8()?;
            let tag = reader.bytes8()?;
            format!("CAA {flags} {} {}", display(tag), display(reader.rest()))
        }
        rtype::NAPTR => {
            // RFC 3403, section 4.1; the name at the end is not compressed.
            let (order, preference) = (reader.u16()?, reader.u16()?);
            let mut text = format!("NAPTR {order} {preference}");
            for _ in 0..2 {
                let _ = write!(text, " {}", display(reader.bytes8()?));
            }
            let mut words = vec![display(reader.bytes8()?).into_owned()];
            let mut replacement = Vec::new();
            while let Some(label) = reader.bytes8().filter(|label| !label.is_empty()) {
                if !replacement.is_empty() {
                    replacement.push(b'.');
                }
                replacement.extend_from_slice(label);
            }
            words.push(display(&replacement).into_owned());
            words.retain(|word| !word.is_empty());
            let _ = write!(text, " {}", words.join(" "));
            text
        }
        rtype::BIND_SIGNING if bytes.len() == 5 => "BIND9 signing signal".into(),
        // Nothing to say; or the data of a type that is known was not what it has to be.
        rtype::OPT
        | rtype::WKS
        | rtype::TSIG
        | rtype::A
        | rtype::AAAA
        | rtype::CNAME
        | rtype::NS
        | rtype::PTR
        | rtype::MX
        | rtype::SOA
        | rtype::SRV
        | rtype::TXT => return None,
        _ => format!("<unknown type={rtype}>"),
    })
}
