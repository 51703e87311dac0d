//! Security tokens as LDAP, SMB and DCE/RPC carry them: SPNEGO (RFC 4178) with a message of
//! Kerberos (RFC 4121) or NTLM in it, or NTLM as it is. What they carry is told as services of
//! the flow.

use super::{Category, Event, Events, Protocol, ber, kerberos, ntlmssp};

/// The negotiation of a mechanism (RFC 4178) within the generic security service (RFC 2743).
pub static PROTOCOL: Protocol = Protocol {
    name: "gssapi",
    title: "GSS-API",
    category: Category::Authentication,
};

/// Object identifier of SPNEGO, 1.3.6.1.5.5.2, as it is encoded.
const SPNEGO: &[u8] = b"\x06\x06\x2b\x06\x01\x05\x05\x02";

/// What a token carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SecurityToken {
    /// The mechanism whose message is in it.
    mechanism: Option<&'static Protocol>,
    /// Whether the mechanism is negotiated.
    negotiated: bool,
}

impl SecurityToken {
    /// Reads a token; one that is cut is read as far as it goes.
    pub fn read(token: &[u8]) -> Self {
        if is_ntlm(token) {
            return Self {
                mechanism: Some(&ntlmssp::PROTOCOL),
                negotiated: false,
            };
        }
        negotiation(token).map_or_else(Self::default, |mechanism| Self {
            mechanism: mechanism_of(mechanism),
            negotiated: true,
        })
    }

    /// Tells the services that it carries; `early` as in [`Event::Carries`].
    pub(crate) fn tell(self, early: bool, events: &mut dyn Events) {
        let negotiation = self.negotiated.then_some(&PROTOCOL);
        for protocol in [self.mechanism, negotiation].into_iter().flatten() {
            events.event(Event::Carries { protocol, early });
        }
    }
}

fn is_ntlm(token: &[u8]) -> bool {
    token.starts_with(b"NTLMSSP\0")
}

/// Tag and content of the element at the start, as much of it as there is, and what follows.
fn open(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (length, header) = ber::length(data)?;
    let rest = data.get(header..)?;
    let (content, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    Some((*data.first()?, content, rest))
}

/// The mechanism's token in a message of SPNEGO, empty where there is none; nothing where it is
/// no such message.
fn negotiation(token: &[u8]) -> Option<&[u8]> {
    let (tag, content, _) = open(token)?;
    let message = match tag {
        // InitialContextToken (RFC 2743, section 3.1), then NegTokenInit.
        0x60 => {
            let (tag, message, _) = open(content.strip_prefix(SPNEGO)?)?;
            (tag == 0xa0).then_some(message)?
        }
        // NegTokenResp.
        0xa1 => content,
        _ => return None,
    };
    let (0x30, mut fields, _) = open(message)? else {
        return None;
    };
    // mechToken and responseToken have the same number.
    while let Some((tag, field, rest)) = open(fields) {
        if tag == 0xa2 {
            return Some(open(field).map_or(&[], |(_, token, _)| token));
        }
        fields = rest;
    }
    Some(&[])
}

/// Whose message a mechanism's token is.
fn mechanism_of(token: &[u8]) -> Option<&'static Protocol> {
    if is_ntlm(token) {
        return Some(&ntlmssp::PROTOCOL);
    }
    let message = match token.first()? {
        // The mechanism's identifier, then two bytes for the kind of message (RFC 4121, 4.1).
        0x60 => {
            let (_, content, _) = open(token)?;
            let (_, _, rest) = open(content).filter(|(tag, ..)| *tag == 6)?;
            rest.get(2..)?
        }
        _ => token,
    };
    // AP-REQ, AP-REP, KRB-ERROR (RFC 4120, section 5.10).
    matches!(message.first()?, 0x6e | 0x6f | 0x7e).then_some(&kerberos::PROTOCOL)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An element with short or long length.
    pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len() as u16;
        let mut bytes = vec![tag, 0x82];
        bytes.extend(length.to_be_bytes());
        bytes.extend(content);
        bytes
    }

    /// A NegTokenInit with a mechanism's token.
    pub(crate) fn init(mechanism: &[u8]) -> Vec<u8> {
        let list = element(0xa0, &element(0x30, b"\x06\x01\x2a"));
        let token = element(0xa2, &element(4, mechanism));
        let fields = element(0x30, &[list, token].concat());
        element(0x60, &[SPNEGO, &element(0xa0, &fields)].concat())
    }

    /// A NegTokenResp with a mechanism's token.
    fn response(mechanism: &[u8]) -> Vec<u8> {
        let state = element(0xa0, b"\x0a\x01\x01");
        let token = element(0xa2, &element(4, mechanism));
        element(0xa1, &element(0x30, &[state, token].concat()))
    }

    /// Names of what a token carries.
    fn names(token: &[u8]) -> Vec<&'static str> {
        let token = SecurityToken::read(token);
        let negotiation = token.negotiated.then_some(&PROTOCOL);
        let both = [token.mechanism, negotiation].into_iter().flatten();
        both.map(|protocol| protocol.name).collect()
    }

    #[test]
    fn mechanisms() {
        let ntlm = b"NTLMSSP\0\x01\0\0\0";
        let krb = element(0x60, b"\x06\x02\x2a\x03\x01\0\x6e\x02\x30\0");
        assert_eq!(names(ntlm), ["ntlm"]);
        assert_eq!(names(&init(ntlm)), ["ntlm", "gssapi"]);
        assert_eq!(names(&init(&krb)), ["kerberos", "gssapi"]);
        assert_eq!(names(&response(b"\x6f\x02\x30\0")), ["kerberos", "gssapi"]);
        assert_eq!(names(&response(b"")), ["gssapi"]);
        // A long ticket is cut.
        assert_eq!(names(&init(&krb)[..50]), ["kerberos", "gssapi"]);
        // Kerberos that nobody negotiated, noise.
        assert!(names(&krb).is_empty());
        assert!(names(b"\xa1\x02\x04\0").is_empty());
        assert!(names(b"").is_empty());
    }

    proptest! {
        #[test]
        fn bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..100), first in any::<bool>()) {
            if first {
                bytes.insert(0, 0xa1);
            }
            let _ = SecurityToken::read(&bytes);
            let _ = SecurityToken::read(&init(&bytes));
        }
    }
}
