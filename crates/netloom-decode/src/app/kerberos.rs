//! Kerberos 5 (RFC 4120) over UDP and TCP: who asks which realm for a ticket to what, and errors.

use super::ber;
use super::support::{Frame, frame_u32, frames, say};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// Kerberos.
pub static PROTOCOL: Protocol = Protocol {
    name: "kerberos",
    title: "Kerberos",
    category: Category::Authentication,
};

/// Recognised by an application tag with version and type inside.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[88, 464, 750],
    probe,
    parser: Some(|| Box::<Kerberos>::default()),
};

const KEPT: usize = 16 * 1024;
const MESSAGES_MAX: u32 = 256;

fn probe(probe: &Probe<'_>) -> Guess {
    let mut data = probe.data;
    if probe.tcp {
        let Some(length) = super::wire::u32_at(data, 0) else {
            return if matches!(data, [] | [0] | [0, 0 | 1, ..]) {
                Guess::More
            } else {
                Guess::No
            };
        };
        if !(20..=1 << 20).contains(&length) {
            return Guess::No;
        }
        data = data.get(4..).unwrap_or_default();
        if data.len() < 20 {
            return match data.first() {
                None | Some(0x6a..=0x6d | 0x74 | 0x75 | 0x7e) => Guess::More,
                _ => Guess::No,
            };
        }
    }
    match version_and_type(data) {
        Some(kind) if data.first() == Some(&(0x60 | kind)) => Guess::Certain,
        _ => Guess::No,
    }
}

/// The type of the message, where pvno 5 stands before it (RFC 4120, 5.4.1 and 5.9.1).
fn version_and_type(data: &[u8]) -> Option<u8> {
    if !matches!(data.first()?, 0x6a..=0x6d | 0x74 | 0x75 | 0x7e) {
        return None;
    }
    let (_, header) = ber::length(data)?;
    let sequence = data.get(header..)?;
    if sequence.first() != Some(&0x30) {
        return None;
    }
    let (_, header) = ber::length(sequence)?;
    let fields = sequence.get(header..)?;
    // Requests count their fields from 1, answers from 0.
    let [0xa0 | 0xa1, 3, 2, 1, 5, 0xa1 | 0xa2, 3, 2, 1, kind, ..] = fields else {
        return None;
    };
    Some(*kind)
}

#[derive(Debug, Default)]
struct Kerberos {
    messages: u32,
}

impl Parser for Kerberos {
    fn stream(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| match frame_u32(data, 0, 4) {
                Frame::Of(length) if length > 1 << 20 => Frame::Wrong,
                other => other,
            },
            |message| self.message(message.get(4..).unwrap_or_default(), events),
        )
    }

    fn datagram(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.message(data, events)
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// The fields of a sequence: context tag and content; what is cut is handed out as it is.
fn fields(sequence: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = sequence;
    std::iter::from_fn(move || {
        let tag = *rest.first()?;
        let (length, header) = ber::length(rest)?;
        let inside = rest.get(header..)?;
        let (content, after) = inside.split_at(length.min(inside.len()));
        rest = after;
        Some((tag & 0x1f, content))
    })
    .take(32)
}

/// Content of the element at the start, whole or cut.
fn content(data: &[u8]) -> &[u8] {
    ber::length(data)
        .and_then(|(length, header)| {
            let inside = data.get(header..)?;
            Some(inside.get(..length).unwrap_or(inside))
        })
        .unwrap_or_default()
}

/// A name of several parts (PrincipalName), joined by `/`.
fn principal(data: &[u8]) -> Vec<u8> {
    let mut name = Vec::new();
    for (tag, part) in fields(content(data)) {
        if tag != 1 {
            continue;
        }
        for (_, text) in fields(content(part)).take(8) {
            if !name.is_empty() {
                name.push(b'/');
            }
            name.extend(text.iter().take(256));
        }
    }
    name
}

impl Kerberos {
    fn message(&mut self, data: &[u8], events: &mut dyn Events) -> Next {
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Next::Done;
        }
        let Some(kind) = version_and_type(data) else {
            return Next::Continue;
        };
        let sequence = content(content(data));
        let found = match kind {
            10 | 12 => request(sequence),
            11 | 13 => reply(sequence),
            30 => error(sequence),
            _ => Found::default(),
        };
        let name = match kind {
            10 => "AS_REQ",
            11 => "AS_REP",
            12 => "TGS_REQ",
            13 => "TGS_REP",
            14 => "AP_REQ",
            15 => "AP_REP",
            20 => "KRB_SAFE",
            21 => "KRB_PRIV",
            30 => "KRB_ERROR",
            _ => return Next::Continue,
        };
        let encryptions: Vec<&[u8]> = found
            .encryptions
            .iter()
            .map(|name| name.as_bytes())
            .collect();
        let mut out = vec![("msg_type", Value::Number(kind.into()))];
        for (name, text) in [
            ("cname", &found.cname),
            ("realm", &found.realm),
            ("sname", &found.sname),
        ] {
            if !text.is_empty() {
                out.push((name, Value::Text(text)));
            }
        }
        if let Some(code) = found.error {
            out.push(("error_code", Value::Number(code)));
            out.push(("error", Value::Word(error_name(code))));
        }
        if !encryptions.is_empty() {
            out.push(("encryption", Value::List(&encryptions)));
        }
        if let Some(weak) = found.weak {
            out.push(("weak_encryption", Value::Flag(weak)));
        }
        say(events, name, &out);
        Next::Continue
    }
}

#[derive(Default)]
struct Found {
    cname: Vec<u8>,
    realm: Vec<u8>,
    sname: Vec<u8>,
    error: Option<u64>,
    encryptions: Vec<&'static str>,
    weak: Option<bool>,
}

fn request(sequence: &[u8]) -> Found {
    let mut found = Found::default();
    for (tag, body) in fields(sequence) {
        if tag != 4 {
            continue;
        }
        for (tag, field) in fields(content(body)) {
            match tag {
                1 => found.cname = principal(field),
                2 => found.realm = content(field).iter().take(256).copied().collect(),
                3 => found.sname = principal(field),
                8 => {
                    let numbers = fields(content(field)).take(16).map(|(_, n)| ber::number(n));
                    found.encryptions = numbers.filter_map(encryption_name).collect();
                }
                _ => {}
            }
        }
    }
    found
}

fn reply(sequence: &[u8]) -> Found {
    let mut found = Found::default();
    for (tag, field) in fields(sequence) {
        match tag {
            3 => found.realm = content(field).iter().take(256).copied().collect(),
            4 => found.cname = principal(field),
            5 => {
                // The ticket: application tag 1, a sequence.
                for (tag, part) in fields(content(content(field))) {
                    if tag == 2 {
                        found.sname = principal(part);
                    }
                }
            }
            6 => {
                for (tag, part) in fields(content(field)) {
                    if tag == 0 {
                        let number = ber::number(content(part));
                        found.encryptions.extend(encryption_name(number));
                        found.weak = Some(matches!(number, 1..=3 | 23 | 24));
                    }
                }
            }
            _ => {}
        }
    }
    found
}

fn error(sequence: &[u8]) -> Found {
    let mut found = Found::default();
    for (tag, field) in fields(sequence) {
        match tag {
            6 => found.error = Some(ber::number(content(field))),
            8 => found.cname = principal(field),
            9 => found.realm = content(field).iter().take(256).copied().collect(),
            10 => found.sname = principal(field),
            _ => {}
        }
    }
    found
}

/// Encryption types (IANA's registry), as they are written in configurations.
fn encryption_name(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "des-cbc-crc",
        2 => "des-cbc-md4",
        3 => "des-cbc-md5",
        16 => "des3-cbc-sha1",
        17 => "aes128-cts-hmac-sha1-96",
        18 => "aes256-cts-hmac-sha1-96",
        19 => "aes128-cts-hmac-sha256-128",
        20 => "aes256-cts-hmac-sha384-192",
        23 => "arcfour-hmac-md5",
        24 => "arcfour-hmac-md5-exp",
        25 => "camellia128-cts-cmac",
        26 => "camellia256-cts-cmac",
        _ => return None,
    })
}

/// Errors (RFC 4120, 7.5.9), as Zeek writes them.
fn error_name(code: u64) -> &'static str {
    match code {
        0 => "KDC_ERR_NONE",
        1 => "KDC_ERR_NAME_EXP",
        2 => "KDC_ERR_SERVICE_EXP",
        3 => "KDC_ERR_BAD_PVNO",
        6 => "KDC_ERR_C_PRINCIPAL_UNKNOWN",
        7 => "KDC_ERR_S_PRINCIPAL_UNKNOWN",
        8 => "KDC_ERR_PRINCIPAL_NOT_UNIQUE",
        9 => "KDC_ERR_NULL_KEY",
        12 => "KDC_ERR_POLICY",
        13 => "KDC_ERR_BADOPTION",
        14 => "KDC_ERR_ETYPE_NOSUPP",
        18 => "KDC_ERR_CLIENT_REVOKED",
        23 => "KDC_ERR_KEY_EXPIRED",
        24 => "KDC_ERR_PREAUTH_FAILED",
        25 => "KDC_ERR_PREAUTH_REQUIRED",
        31 => "KRB_AP_ERR_BAD_INTEGRITY",
        32 => "KRB_AP_ERR_TKT_EXPIRED",
        33 => "KRB_AP_ERR_TKT_NYV",
        34 => "KRB_AP_ERR_REPEAT",
        36 => "KRB_AP_ERR_BADMATCH",
        37 => "KRB_AP_ERR_SKEW",
        41 => "KRB_AP_ERR_MODIFIED",
        52 => "KRB_ERR_RESPONSE_TOO_BIG",
        60 => "KRB_ERR_GENERIC",
        68 => "KDC_ERR_WRONG_REALM",
        _ => "UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, exchange, probe as first};

    /// An element of the encoding.
    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let mut out = vec![tag, content.len() as u8];
        out.extend(content);
        out
    }

    fn name(parts: &[&str]) -> Vec<u8> {
        let texts: Vec<_> = parts
            .iter()
            .map(|text| tlv(0x1b, &[text.as_bytes()]))
            .collect();
        let texts: Vec<_> = texts.iter().map(Vec::as_slice).collect();
        tlv(
            0x30,
            &[
                &tlv(0xa0, &[b"\x02\x01\x01"]),
                &tlv(0xa1, &[&tlv(0x30, &texts)]),
            ],
        )
    }

    fn request() -> Vec<u8> {
        let body = tlv(
            0x30,
            &[
                &tlv(0xa1, &[&name(&["ann"])]),
                &tlv(0xa2, &[&tlv(0x1b, &[b"EXAMPLE.ORG"])]),
                &tlv(0xa3, &[&name(&["krbtgt", "EXAMPLE.ORG"])]),
                &tlv(0xa8, &[&tlv(0x30, &[b"\x02\x01\x12", b"\x02\x01\x17"])]),
            ],
        );
        let sequence = tlv(
            0x30,
            &[
                b"\xa1\x03\x02\x01\x05",
                b"\xa2\x03\x02\x01\x0a",
                &tlv(0xa4, &[&body]),
            ],
        );
        tlv(0x6a, &[&sequence])
    }

    #[test]
    fn tickets_and_errors() {
        let error = tlv(
            0x7e,
            &[&tlv(
                0x30,
                &[
                    b"\xa0\x03\x02\x01\x05",
                    b"\xa1\x03\x02\x01\x1e",
                    b"\xa6\x03\x02\x01\x19",
                ],
            )],
        );
        let said = exchange(&DETECTOR, &[(true, &request()), (false, &error)]);
        assert_eq!(
            said.0,
            [
                "AS_REQ: msg_type=10 cname=ann realm=EXAMPLE.ORG sname=krbtgt/EXAMPLE.ORG \
                 encryption=[aes256-cts-hmac-sha1-96,arcfour-hmac-md5]",
                "KRB_ERROR: msg_type=30 error_code=25 error=KDC_ERR_PREAUTH_REQUIRED",
            ]
        );
        let mut framed = (request().len() as u32).to_be_bytes().to_vec();
        framed.extend(request());
        assert!(conversation(&DETECTOR, &[(true, &framed)]).has("cname=ann"));
    }

    #[test]
    fn recognised() {
        let request = request();
        let ports = (40_000, 40_001);
        assert_eq!(
            (DETECTOR.probe)(&first(&request, false, true, ports)),
            Guess::Certain
        );
        assert_eq!(
            (DETECTOR.probe)(&first(b"\x6a\x03\x30\x01\x01", false, true, ports)),
            Guess::No
        );
        assert_eq!(
            (DETECTOR.probe)(&first(b"\0\0", true, true, ports)),
            Guess::More
        );
    }
}
