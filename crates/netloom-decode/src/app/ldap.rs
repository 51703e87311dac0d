//! LDAP version 3 (RFC 4511) over TCP and, connectionless, over UDP (CLDAP): binds with their
//! name, searches with their base, the switch to TLS, results.

use super::ber::{self, Element};
use super::ntlmssp::{self, Ntlm};
use super::security_token::SecurityToken;
use super::support::{Frame, frames, keep, login, risk, say};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Risk, Step,
    Value,
};

/// LDAP.
pub static PROTOCOL: Protocol = Protocol {
    name: "ldap",
    title: "LDAP",
    category: Category::Authentication,
};

/// Recognised by a message whose number, operation and lengths fit.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[389, 3268],
    probe,
    parser: Some(|| Box::<Ldap>::default()),
};

const KEPT: usize = 8192;
const NAME_MAX: usize = 256;
const MESSAGES_MAX: u32 = 1024;
/// Name of the StartTLS operation (RFC 4511, 4.14.1).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let Some(0x30) = data.first() else {
        return if data.is_empty() {
            Guess::More
        } else {
            Guess::No
        };
    };
    let Some((total, header)) = ber::length(data) else {
        return if data.len() < 6 {
            Guess::More
        } else {
            Guess::No
        };
    };
    let Some(body) = data.get(header..).filter(|body| body.len() >= 5) else {
        return if total >= 7 && probe.tcp {
            Guess::More
        } else {
            Guess::No
        };
    };
    let Some((id, rest)) = ber::element(body) else {
        return Guess::No;
    };
    if id.tag != 2 || !(1..=4).contains(&id.data.len()) {
        return Guess::No;
    }
    let Some(&operation) = rest.first() else {
        return Guess::More;
    };
    let inside = ber::length(rest);
    let fits = inside.is_some_and(|(length, header)| {
        length.saturating_add(header) as u64
            <= (total as u64).saturating_sub(id.data.len() as u64 + 2)
    });
    let whole = total + header >= probe.wire_len || probe.tcp;
    if !fits || !whole || total > 1 << 24 {
        return Guess::No;
    }
    let content = inside
        .and_then(|(_, header)| rest.get(header..))
        .unwrap_or_default();
    match operation {
        // Bind: version 2 or 3.
        0x60 if content.starts_with(&[2, 1, 2]) || content.starts_with(&[2, 1, 3]) => {
            Guess::Certain
        }
        // Search: base, then the scope.
        0x63 => match ber::element(content) {
            Some((base, [10, 1, 0..=3, 10, 1, 0..=3, ..])) if base.tag == 4 => Guess::Certain,
            _ => Guess::No,
        },
        // Results: a code, then two texts.
        0x61 | 0x65 | 0x67 | 0x69 | 0x6b | 0x6d | 0x6f | 0x78
            if content.starts_with(&[10, 1]) && content.get(3) == Some(&4) =>
        {
            Guess::Certain
        }
        // An entry: its name, then attributes.
        0x64 => match ber::element(content) {
            Some((name, [0x30, ..])) if name.tag == 4 => Guess::Certain,
            _ => Guess::No,
        },
        // Unbind; modify, add, delete, extended, abandon.
        0x42 if content.is_empty() && body.len() <= 5 => Guess::Unsure,
        0x66 | 0x68 | 0x6c | 0x6e if content.first() == Some(&4) => Guess::Unsure,
        0x77 if content.first() == Some(&0x80) => Guess::Certain,
        0x4a | 0x50 => Guess::Unsure,
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Ldap {
    user: Option<(Box<[u8]>, &'static str, bool)>,
    messages: u32,
    /// StartTLS was asked for.
    starting: bool,
}

impl Parser for Ldap {
    fn stream(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| match (data.first(), ber::length(data)) {
                (Some(0x30), Some((length, header))) => Frame::Of((length + header) as u64),
                (Some(0x30), None) if data.len() < 6 => Frame::More,
                // A layer of SASL protection (RFC 4513, 5.2.1.7): nothing more to see, or noise.
                _ => Frame::Wrong,
            },
            |message| self.message(message, events),
        )
    }

    fn datagram(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.message(data, events)
    }

    fn finish(&mut self, _: &Context, events: &mut dyn Events) {
        self.answered(None, events);
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.user.as_ref().map_or(0, |(user, ..)| user.len())
    }
}

impl Ldap {
    fn answered(&mut self, success: Option<bool>, events: &mut dyn Events) {
        if let Some((user, method, cleartext)) = self.user.take() {
            login(events, &user, method, success, cleartext);
        }
    }

    fn message(&mut self, message: &[u8], events: &mut dyn Events) -> Next {
        let Some((_, header)) = ber::length(message) else {
            return Next::Done;
        };
        let body = message.get(header..).unwrap_or_default();
        let Some((id, rest)) = ber::element(body) else {
            return Next::Done;
        };
        // The operation itself may be cut: its content is what is there.
        let (Some(&operation), Some((_, header))) = (rest.first(), ber::length(rest)) else {
            return Next::Continue;
        };
        let content = rest.get(header..).unwrap_or_default();
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Next::Done;
        }
        let id = ("message_id", Value::Number(ber::number(id.data)));
        match operation {
            0x60 => self.bind(id, content, events),
            0x61 => self.result("bind_response", id, content, events),
            0x63 => {
                if let Some((base, rest)) = ber::element(content) {
                    let scope = match rest.get(2) {
                        Some(0) => "base",
                        Some(1) => "single",
                        Some(2) => "tree",
                        _ => "subordinate",
                    };
                    say(
                        events,
                        "search_request",
                        &[
                            id,
                            ("base_object", Value::Text(base.data)),
                            ("scope", Value::Word(scope)),
                        ],
                    );
                }
            }
            0x65 => self.result("search_result_done", id, content, events),
            0x66 => named("modify_request", id, content, events),
            0x68 => named("add_request", id, content, events),
            0x4a => {
                say(
                    events,
                    "delete_request",
                    &[id, ("entry", Value::Text(trim(rest, header)))],
                );
            }
            0x6c => named("modify_dn_request", id, content, events),
            0x6e => named("compare_request", id, content, events),
            0x67 => self.result("modify_response", id, content, events),
            0x69 => self.result("add_response", id, content, events),
            0x6b => self.result("delete_response", id, content, events),
            0x6d => self.result("modify_dn_response", id, content, events),
            0x6f => self.result("compare_response", id, content, events),
            0x42 => {
                say(events, "unbind_request", &[id]);
                return Next::Done;
            }
            0x77 => {
                if let Some((name, _)) = ber::element(content) {
                    self.starting = name.data == START_TLS;
                    say(
                        events,
                        "extended_request",
                        &[id, ("name", Value::Text(name.data))],
                    );
                }
            }
            0x78 => {
                let success = content.starts_with(&[10, 1, 0]);
                self.result("extended_response", id, content, events);
                if self.starting && success {
                    return Next::Become(Some(&super::tls::DETECTOR));
                }
                self.starting = false;
            }
            _ => {}
        }
        Next::Continue
    }

    fn bind(&mut self, id: (&'static str, Value<'_>), content: &[u8], events: &mut dyn Events) {
        let Some((version, rest)) = ber::element(content) else {
            return;
        };
        let Some((name, rest)) = ber::element(rest) else {
            return;
        };
        let mut fields = vec![
            id,
            ("version", Value::Number(ber::number(version.data))),
            ("name", Value::Text(name.data)),
        ];
        match rest.first() {
            // Simple: the password as it is, or nothing.
            Some(0x80) => {
                let empty =
                    ber::element(rest).is_some_and(|(password, _)| password.data.is_empty());
                fields.push(("mechanism", Value::Word("simple")));
                say(events, "bind_request", &fields);
                if !empty {
                    risk(events, Risk::CleartextCredentials, "LDAP simple bind");
                }
                if !name.data.is_empty() || !empty {
                    self.user = Some((keep(name.data, NAME_MAX), "simple", !empty));
                }
            }
            Some(0xa3) => {
                let inside = ber::length(rest).and_then(|(_, header)| rest.get(header..));
                let mechanism = inside.and_then(ber::element);
                if let Some((mechanism, after)) = &mechanism {
                    fields.push(("mechanism", Value::Text(mechanism.data)));
                    if mechanism.data == b"PLAIN" {
                        // authzid NUL authcid NUL password (RFC 4616).
                        let text = ber::element(after).map_or(&[][..], |(text, _)| text.data);
                        let user = text.split(|&byte| byte == 0).nth(1).unwrap_or_default();
                        self.user = Some((keep(user, NAME_MAX), "PLAIN", true));
                        risk(events, Risk::CleartextCredentials, "LDAP SASL PLAIN");
                    }
                }
                let credentials = mechanism.and_then(|(_, after)| ber::element(after));
                if let Some((credentials, _)) = credentials {
                    self.token(credentials.data, events);
                }
                let ntlm = ntlmssp::find(rest);
                if let Some(Ntlm::Authenticate(client)) = &ntlm {
                    self.user = Some((keep(client.user.as_bytes(), NAME_MAX), "NTLM", false));
                    fields.push(("ntlmssp.domain", Value::Word(&client.domain)));
                    fields.push(("ntlmssp.user", Value::Word(&client.user)));
                    fields.push(("ntlmssp.host", Value::Word(&client.host)));
                }
                say(events, "bind_request", &fields);
            }
            // Sicily ([MS-ADTS] 5.1.1.1.3): NTLM as it is.
            Some(0x8a | 0x8b) => {
                if let Some((message, _)) = ber::element(rest) {
                    self.token(message.data, events);
                }
                say(events, "bind_request", &fields);
            }
            _ => say(events, "bind_request", &fields),
        }
    }

    /// Tells what the credentials of a bind carry: before the first message is whole, nobody can
    /// be sure of LDAP.
    fn token(&self, token: &[u8], events: &mut dyn Events) {
        SecurityToken::read(token).tell(self.messages <= 1, events);
    }

    /// The same for what a server answers (RFC 4511, section 4.2.2), behind a referral.
    fn server_credentials(&self, kind: &str, mut rest: &[u8], events: &mut dyn Events) {
        while kind == "bind_response"
            && let Some((part, after)) = ber::element(rest)
        {
            if part.tag == 0x87 {
                self.token(part.data, events);
            }
            rest = after;
        }
    }

    fn result(
        &mut self,
        kind: &str,
        id: (&'static str, Value<'_>),
        content: &[u8],
        events: &mut dyn Events,
    ) {
        let Some((code, rest)) = ber::element(content) else {
            return;
        };
        let code = ber::number(code.data);
        // 14 is saslBindInProgress.
        if kind == "bind_response" && code != 14 {
            self.answered(Some(code == 0), events);
        }
        let mut fields = vec![id, ("result_code", Value::Number(code))];
        if let Some(name) = result_name(code) {
            fields.push(("result", Value::Word(name)));
        }
        if let Some((matched, rest)) = ber::element(rest) {
            if !matched.data.is_empty() {
                fields.push(("matched_dn", Value::Text(matched.data)));
            }
            if let Some((Element { data, .. }, rest)) = ber::element(rest) {
                if !data.is_empty() {
                    fields.push(("message", Value::Text(data)));
                }
                self.server_credentials(kind, rest, events);
            }
        }
        say(events, kind, &fields);
    }
}

/// A request whose first element is a name.
fn named(kind: &str, id: (&'static str, Value<'_>), content: &[u8], events: &mut dyn Events) {
    if let Some((name, _)) = ber::element(content) {
        say(events, kind, &[id, ("entry", Value::Text(name.data))]);
    }
}

/// Content of a primitive element, as much of it as there is.
fn trim(element: &[u8], header: usize) -> &[u8] {
    let length = ber::length(element).map_or(0, |(length, _)| length);
    let rest = element.get(header..).unwrap_or_default();
    rest.get(..length).unwrap_or(rest)
}

/// Results (RFC 4511, 4.1.9) that one meets.
fn result_name(code: u64) -> Option<&'static str> {
    Some(match code {
        0 => "success",
        1 => "operations_error",
        2 => "protocol_error",
        3 => "time_limit_exceeded",
        4 => "size_limit_exceeded",
        5 => "compare_false",
        6 => "compare_true",
        7 => "auth_method_not_supported",
        8 => "stronger_auth_required",
        10 => "referral",
        11 => "admin_limit_exceeded",
        12 => "unavailable_critical_extension",
        13 => "confidentiality_required",
        14 => "sasl_bind_in_progress",
        16 => "no_such_attribute",
        17 => "undefined_attribute_type",
        18 => "inappropriate_matching",
        19 => "constraint_violation",
        20 => "attribute_or_value_exists",
        21 => "invalid_attribute_syntax",
        32 => "no_such_object",
        34 => "invalid_dn_syntax",
        48 => "inappropriate_authentication",
        49 => "invalid_credentials",
        50 => "insufficient_access_rights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwilling_to_perform",
        65 => "object_class_violation",
        68 => "entry_already_exists",
        80 => "other",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::security_token::tests::{element, init};
    use crate::app::trial::{conversation, guess};

    const BIND: &[u8] = b"\x30\x16\x02\x01\x01\x60\x11\x02\x01\x03\x04\x06cn=ann\x80\x04hush";

    #[test]
    fn simple_binds_are_logins() {
        let said = conversation(
            &DETECTOR,
            &[
                (true, BIND),
                (
                    false,
                    b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x31\x04\0\x04\0",
                ),
            ],
        );
        assert!(said.has("bind_request: message_id=1 version=3 name=cn=ann mechanism=simple"));
        assert!(said.has("login: cn=ann simple Some(false) true"));
        assert!(said.has("result_code=49 result=invalid_credentials"));
        assert!(!said.has("hush"));
    }

    #[test]
    fn tls_takes_over() {
        let mut request = b"\x30\x1d\x02\x01\x02\x77\x18\x80\x16".to_vec();
        request.extend(START_TLS);
        let said = conversation(
            &DETECTOR,
            &[
                (true, &request),
                (false, b"\x30\x0c\x02\x01\x02\x78\x07\x0a\x01\0\x04\0\x04\0"),
                (true, b"\x16\x03\x01"),
            ],
        );
        assert!(said.has("extended_request: message_id=2 name=1.3.6.1.4.1.1466.20037"));
        assert!(said.has("extended_response: message_id=2 result_code=0"));
    }

    #[test]
    fn credentials_are_services() {
        let bind = |message_id: u8, token: &[u8]| {
            let mechanism = element(4, b"GSS-SPNEGO");
            let sasl = element(0xa3, &[mechanism, element(4, token)].concat());
            let bind = element(0x60, &[b"\x02\x01\x03\x04\0", &sasl[..]].concat());
            element(0x30, &[&[2, 1, message_id], &bind[..]].concat())
        };
        let said = conversation(&DETECTOR, &[(true, &bind(1, &init(b"\x6e\x02\x30\0")))]);
        assert_eq!(said.0[..2], ["carries: kerberos", "carries: gssapi"]);
        let said = conversation(&DETECTOR, &[(true, &bind(1, b"NTLMSSP\0\x01\0\0\0"))]);
        assert_eq!(said.0[0], "carries: ntlm");
        assert!(!said.has("gssapi"));
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, BIND), Guess::Certain);
        let search = b"\x30\x25\x02\x01\x01\x63\x20\x04\0\x0a\x01\0\x0a\x01\0\x02\x01\0\x02\x01\0\x01\x01\0\x87\x0bobjectclass\x30\0";
        assert_eq!(guess(&DETECTOR, search), Guess::Certain);
        // SNMP is a sequence with a number in front as well.
        assert_eq!(
            guess(&DETECTOR, b"\x30\x0b\x02\x01\x00\x04\x06public\xa0"),
            Guess::No
        );
    }
}
