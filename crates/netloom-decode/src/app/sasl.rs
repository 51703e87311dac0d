//! Logins by SASL (RFC 4422) in protocols of text lines: who logs in, and by which mechanism. What
//! proves it (a password, an answer to a challenge, a token) is not kept.

use super::http::base64;
use super::ntlmssp::{self, Ntlm};
use super::parameters::parameter;
use super::smtp::plain_user;
use super::support::{keep, login};
use super::{Events, text};

/// Longest name of a user that is kept.
const USER_MAX: usize = 256;

/// How a mechanism says who logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `authorization NUL user NUL password` (RFC 4616).
    Plain,
    /// The user in the first response, the password in the second.
    Login,
    /// `user digest` (RFC 2195).
    CramMd5,
    /// `username="user",…` (RFC 2831).
    DigestMd5,
    /// Messages of NTLM.
    Ntlm,
    /// `user=user 0x01 auth=Bearer token 0x01 0x01`.
    Xoauth2,
    /// `n,a=user,` (RFC 5801), then as above (RFC 7628).
    OauthBearer,
    /// `n,,n=user,r=nonce` (RFC 5802).
    Scram,
}

/// Mechanisms that say who logs in.
const MECHANISMS: &[(&str, Kind)] = &[
    ("PLAIN", Kind::Plain),
    ("LOGIN", Kind::Login),
    ("CRAM-MD5", Kind::CramMd5),
    ("DIGEST-MD5", Kind::DigestMd5),
    ("NTLM", Kind::Ntlm),
    ("XOAUTH2", Kind::Xoauth2),
    ("OAUTHBEARER", Kind::OauthBearer),
    ("SCRAM-SHA-1", Kind::Scram),
    ("SCRAM-SHA-1-PLUS", Kind::Scram),
    ("SCRAM-SHA-256", Kind::Scram),
    ("SCRAM-SHA-256-PLUS", Kind::Scram),
];

/// A login that is going on: all that the client says until it ends belongs to it.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// `None`: a mechanism that is not known.
    mechanism: Option<(&'static str, Kind)>,
    user: Option<Box<[u8]>>,
    /// Responses that came, as far as they are counted.
    responses: u8,
    is_cancelled: bool,
}

impl Exchange {
    /// A mechanism and, for some, the first response (RFC 4954, RFC 5034, RFC 4959).
    pub(super) fn begin(data: &[u8]) -> Self {
        let (name, initial) = text::word(data);
        let mut exchange = Self {
            mechanism: MECHANISMS
                .iter()
                .find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))
                .copied(),
            ..Self::default()
        };
        if !initial.trim_ascii().is_empty() {
            exchange.response(initial);
        }
        exchange
    }

    /// The client's next line.
    pub(super) fn response(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        if line == b"*" {
            self.is_cancelled = true;
            return;
        }
        self.responses = self.responses.saturating_add(1);
        if self.user.is_some() {
            return;
        }
        let Some((_, kind)) = self.mechanism else {
            return;
        };
        let said = base64(line);
        let user = match kind {
            // Where there is no name, a password may still have been sent.
            Kind::Plain if !said.is_empty() => Some(keep(plain_user(&said), USER_MAX)),
            Kind::Login if self.responses == 1 => Some(keep(&said, USER_MAX)),
            Kind::Plain | Kind::Login => None,
            Kind::CramMd5 => said
                .iter()
                .rposition(|&byte| byte == b' ')
                .and_then(|space| said.get(..space))
                .map(|user| keep(user, USER_MAX)),
            Kind::DigestMd5 => parameter(&said, b',', b"username").map(|user| keep(user, USER_MAX)),
            Kind::Ntlm => match ntlmssp::find(&said) {
                Some(Ntlm::Authenticate(client)) => {
                    let account = ntlmssp::account(&client.domain, &client.user);
                    Some(keep(account.as_bytes(), USER_MAX))
                }
                _ => None,
            },
            Kind::Xoauth2 => said
                .strip_prefix(b"user=")
                .and_then(|rest| rest.split(|&byte| byte == 1).next())
                .map(|user| keep(user, USER_MAX)),
            Kind::OauthBearer => said
                .split(|&byte| byte == 1)
                .next()
                .and_then(|header| header.split(|&byte| byte == b',').nth(1))
                .map(|identity| name(identity.strip_prefix(b"a=").unwrap_or_default())),
            Kind::Scram => said
                .split(|&byte| byte == b',')
                .nth(2)
                .and_then(|first| first.strip_prefix(b"n="))
                .map(name),
        };
        // No name by which nobody is told, but for passwords.
        self.user = user.filter(|user| !user.is_empty() || self.may_be_readable());
    }

    /// The server's word on it, or none; whether there was a login to tell of.
    pub(super) fn end(self, success: Option<bool>, events: &mut dyn Events) -> bool {
        let readable = match self.mechanism {
            Some((_, Kind::Login)) => self.responses > 1,
            _ => self.may_be_readable(),
        };
        match (self.mechanism, &self.user) {
            (Some((method, _)), Some(user)) if !self.is_cancelled => {
                login(events, user, method, success, readable);
                true
            }
            _ => false,
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.user.as_ref().map_or(0, |user| user.len())
    }

    /// Whether the mechanism sends what serves as a password as it is.
    fn may_be_readable(&self) -> bool {
        matches!(
            self.mechanism,
            Some((
                _,
                Kind::Plain | Kind::Login | Kind::Xoauth2 | Kind::OauthBearer
            ))
        )
    }
}

/// A name in which `=2C` stands for a comma and `=3D` for an equals sign (RFC 5801, section 4).
fn name(escaped: &[u8]) -> Box<[u8]> {
    let mut name = Vec::new();
    let mut rest = escaped.get(..USER_MAX).unwrap_or(escaped);
    while let Some((&first, more)) = rest.split_first() {
        let (byte, more) = match rest {
            [b'=', b'2', b'C' | b'c', more @ ..] => (b',', more),
            [b'=', b'3', b'D' | b'd', more @ ..] => (b'=', more),
            _ => (first, more),
        };
        name.push(byte);
        rest = more;
    }
    name.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::trial::{Said, conversation};
    use super::super::{Detector, imap, pop3, smtp};
    use super::*;

    /// NTLM's third message: WG, ann, PC, and no answer to a challenge.
    const NTLM: &str = "TlRMTVNTUAADAAAAAAAAAEgAAAAAAAAASAAAAAQABABIAAAABgAGAEwAAAAEAAQAUgAAAAAAAABWAAAAAQAAAgoAYUoAAAAPVwBHAGEAbgBuAFAAQwA=";

    /// Mechanism, responses, who is told, and whether it was readable.
    const LOGINS: [(&str, &[&str], &str, bool); 9] = [
        ("PLAIN", &["AGJvYgBzZWNyZXQ="], "bob", true),
        ("login", &["Ym9i", "c2VjcmV0"], "bob", true),
        // bob b 0123456789abcdef0123456789abcdef
        (
            "CRAM-MD5",
            &["Ym9iIGIgMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="],
            "bob b",
            false,
        ),
        // username="bob",realm="x",response=00
        (
            "DIGEST-MD5",
            &["dXNlcm5hbWU9ImJvYiIscmVhbG09IngiLHJlc3BvbnNlPTAw", ""],
            "bob",
            false,
        ),
        // The first message, then the third.
        ("NTLM", &["TlRMTVNTUAABAAAA", NTLM], "WG\\ann", false),
        // user=bob@x^Aauth=Bearer secret^A^A
        (
            "XOAUTH2",
            &["dXNlcj1ib2JAeAFhdXRoPUJlYXJlciBzZWNyZXQBAQ=="],
            "bob@x",
            true,
        ),
        // n,a=b=2Cob@x,^Ahost=y^Aauth=Bearer secret^A^A
        (
            "OAUTHBEARER",
            &["bixhPWI9MkNvYkB4LAFob3N0PXkBYXV0aD1CZWFyZXIgc2VjcmV0AQE="],
            "b,ob@x",
            true,
        ),
        // n,,n=bob,r=abc
        (
            "SCRAM-SHA-256",
            &["biwsbj1ib2Iscj1hYmM=", "Yz1iaXdz"],
            "bob",
            false,
        ),
        ("PLAIN", &["AGJvYg=="], "bob", true),
    ];

    struct Protocol {
        detector: &'static Detector,
        greeting: &'static str,
        ask: &'static str,
        more: &'static str,
        outcomes: [&'static str; 2],
        next: &'static str,
    }

    const PROTOCOLS: [Protocol; 3] = [
        Protocol {
            detector: &smtp::DETECTOR,
            greeting: "220 mail.example.org ESMTP\r\n",
            ask: "AUTH ",
            more: "334 \r\n",
            outcomes: ["535 no\r\n", "235 yes\r\n"],
            next: "NOOP\r\n",
        },
        Protocol {
            detector: &pop3::DETECTOR,
            greeting: "+OK POP3\r\n",
            ask: "AUTH ",
            more: "+ \r\n",
            outcomes: ["-ERR no\r\n", "+OK yes\r\n"],
            next: "CAPA\r\n",
        },
        Protocol {
            detector: &imap::DETECTOR,
            greeting: "* OK IMAP\r\n",
            ask: "a AUTHENTICATE ",
            more: "+ \r\n",
            outcomes: ["a NO no\r\n", "a OK yes\r\n"],
            next: "b NOOP\r\n",
        },
    ];

    /// A login whose lines come in pieces of so many bytes; `end` is what the server says of it.
    fn said(protocol: &Protocol, lines: &[String], end: &str, size: usize) -> Said {
        let mut all = vec![(false, protocol.greeting.as_bytes())];
        for (number, line) in lines.iter().enumerate() {
            if number > 0 {
                all.push((false, protocol.more.as_bytes()));
            }
            all.extend(line.as_bytes().chunks(size).map(|piece| (true, piece)));
        }
        all.push((false, end.as_bytes()));
        all.push((true, protocol.next.as_bytes()));
        conversation(protocol.detector, &all)
    }

    /// The client's lines, the first response with the command or behind it.
    fn lines(
        protocol: &Protocol,
        mechanism: &str,
        responses: &[&str],
        initial: bool,
    ) -> Vec<String> {
        let mut lines = vec![format!("{}{mechanism}\r\n", protocol.ask)];
        let mut rest = responses;
        if initial && let Some((first, more)) = responses.split_first() {
            lines = vec![format!("{}{mechanism} {first}\r\n", protocol.ask)];
            rest = more;
        }
        lines.extend(rest.iter().map(|response| format!("{response}\r\n")));
        lines
    }

    #[test]
    fn every_mechanism_in_every_protocol() {
        for protocol in &PROTOCOLS {
            for (mechanism, responses, user, readable) in LOGINS {
                for initial in [false, true] {
                    let lines = lines(protocol, mechanism, responses, initial);
                    for (success, end) in protocol.outcomes.iter().enumerate() {
                        for size in [1, 2, 7, 1000] {
                            let said = said(protocol, &lines, end, size);
                            let told = format!(
                                "login: {} {} Some({}) {readable}",
                                user,
                                mechanism.to_ascii_uppercase(),
                                success == 1,
                            );
                            assert!(said.has(&told), "{told} {said:#?}");
                            let logins = said.0.iter().filter(|line| line.starts_with("login"));
                            assert_eq!(logins.count(), 1, "{said:#?}");
                            for secret in ["secret", "c2VjcmV0", "Yz1iaXdz"] {
                                assert!(!said.has(secret), "{said:#?}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_cancelled_or_unknown_is_no_login() {
        for protocol in &PROTOCOLS {
            for (mechanism, responses) in [
                ("PLAIN", &["*"][..]),
                ("LOGIN", &["Ym9i", "*"]),
                ("CRAM-MD5", &["*"]),
                ("GSSAPI", &["YWJj"]),
                ("NTLM", &["TlRMTVNTUAABAAAA"]),
                ("PLAIN", &["="]),
            ] {
                let lines = lines(protocol, mechanism, responses, false);
                let said = said(protocol, &lines, protocol.outcomes[0], 1000);
                assert!(!said.has("login"), "{mechanism} {said:#?}");
            }
        }
    }

    #[test]
    fn a_name_without_its_password_is_not_readable() {
        for protocol in &PROTOCOLS {
            let lines = lines(protocol, "LOGIN", &["Ym9i"], true);
            let said = said(protocol, &lines, protocol.outcomes[0], 1000);
            assert!(said.has("login: bob LOGIN Some(false) false"), "{said:#?}");
        }
    }

    proptest! {
        #[test]
        fn any_responses_are_bounded(
            mechanism in 0..MECHANISMS.len(),
            responses in proptest::collection::vec("[A-Za-z0-9+/=*]{0,600}", 0..6),
        ) {
            let mut exchange = Exchange::begin(MECHANISMS[mechanism].0.as_bytes());
            for response in &responses {
                exchange.response(response.as_bytes());
                prop_assert!(exchange.heap_bytes() <= USER_MAX);
            }
        }
    }
}
