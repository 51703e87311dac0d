//! Answers in words.

use std::fmt::Write as _;

use super::number::rtype;
use super::{Data, Record, qtype_name};
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

/// Classes that say of a record in an update that it is not one (RFC 2136, section 1.3).
const CLASS_NONE: u16 = 254;
const CLASS_ANY: u16 = 255;
/// The type that stands for all types.
const TYPE_ANY: u16 = 255;

/// What a record of a dynamic update asks for (RFC 2136, sections 2.4 and 2.5), in Zeek's words:
/// `pre:` of what must hold, `del:` and `add:` of what changes. `zone_class` is that of the zone,
/// `required` whether the record stands among what must hold. `None`: it may not be there.
pub fn update_text(record: &Record<'_>, zone_class: u16, required: bool) -> Option<String> {
    let name = display(&record.name);
    let kind = qtype_name(record.rtype, false);
    let all = record.rtype == TYPE_ANY;
    Some(match (required, record.class) {
        (true, _) if record.ttl != 0 => return None,
        (true, CLASS_NONE) if all => format!("pre: NameNotInUse {name}"),
        (true, CLASS_ANY) if all => format!("pre: NameInUse {name}"),
        (true, CLASS_NONE) => format!("pre: NoRRSet {kind} {name}"),
        (true, CLASS_ANY) => format!("pre: RRSetExists {kind} {name}"),
        (true, class) if class == zone_class => format!("pre: RRSetExists {kind} {name}"),
        (false, CLASS_ANY) if record.ttl == 0 && all => format!("del: RRSet * {name}"),
        (false, CLASS_ANY) if record.ttl == 0 => format!("del: RRSet {kind}"),
        (false, CLASS_NONE) if record.ttl == 0 => format!("del: RR {kind} {name}"),
        (false, class) if class == zone_class => {
            let data = answer_text(record)?;
            match record.data {
                Data::Address(_) => format!("add: {kind} {name} {data}"),
                _ => format!("add: {data}"),
            }
        }
        _ => return None,
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
