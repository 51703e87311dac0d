//! Logins in clear: told from the first bytes of a payload, without keeping any secret.

use base64::Engine as _;
use netloom_pipeline::StagePacket;
use netloom_pipeline::decode::Transport;

/// What a payload gives away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// The risk it belongs to: a key of [`crate::summary::risky::RISKS`].
    pub(crate) risk: &'static str,
    /// In words, without any secret; hostile text, to be escaped where it is shown.
    pub(crate) detail: Option<String>,
}

/// Longest user name or path that is kept.
const TEXT_MAX: usize = 64;

/// Whether [`in_tcp`], [`in_udp`] or [`post`] could find something in a packet: a quick look
/// at its first bytes.
#[inline]
pub(crate) fn is_worth_a_look(packet: &StagePacket<'_>, service: Option<&'static str>) -> bool {
    let decoded = packet.decoded;
    if decoded.payload_len < 4 {
        return false;
    }
    match decoded.transport {
        Transport::Tcp(_) => {
            let start = decoded.payload_offset as usize;
            let Some(head) = packet
                .packet
                .data
                .get(start..)
                .and_then(<[u8]>::first_chunk::<8>)
            else {
                return false;
            };
            let [a, b, c, d] = [head[0], head[1], head[2], head[3]].map(|byte| byte & 0xdf);
            // What begins with letters, or with an SMB header, or asks for mail.
            matches!(
                &[a, b, c, d],
                b"GET\0"
                    | b"POST"
                    | b"PUT\0"
                    | b"HEAD"
                    | b"PROP"
                    | b"OPTI"
                    | b"CONN"
                    | b"PATC"
                    | b"USER"
                    | b"AUTH"
            ) || head[..4] == *b"\xffSMB"
                || head[4..] == *b"\xffSMB"
                || service == Some("imap")
        }
        Transport::Udp => service.is_some_and(|service| service.starts_with("snmp")),
        _ => false,
    }
}

/// Looks at a payload of TCP.
pub(crate) fn in_tcp(payload: &[u8], service: Option<&'static str>) -> Option<Sighting> {
    let head = payload.first_chunk::<4>()?;
    match &head.map(|byte| byte.to_ascii_uppercase()) {
        b"GET " | b"POST" | b"PUT " | b"HEAD" | b"PROP" | b"OPTI" | b"CONN" | b"PATC" => {
            http(payload)
        }
        b"USER" => {
            let line = line(payload).get(5..)?;
            // IRC has four parameters where FTP and POP3 have one (RFC 2812, section 3.1.3).
            if line.split(|&byte| byte == b' ').count() >= 4 {
                let user = text(line.split(|&byte| byte == b' ').next()?);
                return Some(Sighting {
                    risk: "irc",
                    detail: Some(format!("login as \"{user}\"")),
                });
            }
            let user = text(line);
            let risk = if service == Some("pop3") {
                "mail login"
            } else {
                "ftp"
            };
            Some(Sighting {
                risk,
                detail: Some(format!("login as \"{user}\"")),
            })
        }
        b"AUTH" => {
            let line = line(payload);
            let method = text(line.get(5..)?.split(|&byte| byte == b' ').next()?);
            ["PLAIN", "LOGIN"]
                .iter()
                .find(|known| method.eq_ignore_ascii_case(known))
                .map(|known| Sighting {
                    risk: "mail login",
                    detail: Some(format!("AUTH {known}")),
                })
        }
        b"\xffSMB" => Some(smb1()),
        _ if service == Some("imap") => imap(payload),
        // NetBIOS session message, then SMB 1.
        _ if head[0] == 0 && payload.get(4..8) == Some(b"\xffSMB") => Some(smb1()),
        _ => None,
    }
}

/// Looks at a payload of UDP.
pub(crate) fn in_udp(payload: &[u8], service: Option<&'static str>) -> Option<Sighting> {
    if !service?.starts_with("snmp") {
        return None;
    }
    // RFC 1157, RFC 3416: SEQUENCE { version INTEGER, … }; the length takes one to three bytes.
    let (&tag, rest) = payload.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let rest = if length & 0x80 == 0 {
        rest
    } else {
        rest.get(usize::from(length & 0x7f).min(4)..)?
    };
    let version = match rest.get(..3)? {
        [2, 1, 0] => "SNMPv1",
        [2, 1, 1] => "SNMPv2c",
        _ => return None,
    };
    (tag == 0x30).then(|| Sighting {
        risk: "snmp",
        detail: Some(format!("{version}, community string in clear")),
    })
}

/// A form that carries a password.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LoginForm {
    /// Whom it names.
    pub(crate) user: Option<String>,
}

/// Whether the body of a form (or the query of an address) carries a password.
pub(crate) fn in_form(body: &[u8]) -> Option<LoginForm> {
    let body = &body[..body.len().min(4096)];
    let mut user = None;
    let mut password = false;
    for field in body.split(|&byte| byte == b'&') {
        let Some(equals) = field.iter().position(|&byte| byte == b'=') else {
            continue;
        };
        let (name, value) = (&field[..equals], &field[equals + 1..]);
        let is = |names: &[&str]| {
            names
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        };
        if is(&[
            "password",
            "passwd",
            "pass",
            "pwd",
            "passwort",
            "user_password",
            "login_password",
        ]) {
            password = true;
        } else if user.is_none()
            && is(&[
                "user",
                "username",
                "login",
                "email",
                "user_name",
                "userid",
                "uid",
                "account",
                "log",
            ])
        {
            user = Some(text(value));
        }
    }
    password.then_some(LoginForm { user })
}

fn smb1() -> Sighting {
    Sighting {
        risk: "smb1",
        detail: None,
    }
}

/// `TAG LOGIN user password` (RFC 9051, section 6.2.3).
fn imap(payload: &[u8]) -> Option<Sighting> {
    let mut words = line(payload).split(|&byte| byte == b' ').skip(1);
    words.next()?.eq_ignore_ascii_case(b"login").then_some(())?;
    let user = text(words.next()?).trim_matches('"').to_owned();
    Some(Sighting {
        risk: "mail login",
        detail: Some(format!("login as \"{user}\"")),
    })
}

fn http(payload: &[u8]) -> Option<Sighting> {
    let first = line(payload);
    let mut words = first.split(|&byte| byte == b' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if !version.starts_with(b"HTTP/") {
        return None;
    }
    let (path, query) = match target.iter().position(|&byte| byte == b'?') {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, &target[target.len()..]),
    };
    let place = format!("{} {}", text(method), text(path));
    let mut rest = payload.get(first.len()..)?;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\n') {
        rest = &rest[at + 1..];
        let line = line(rest);
        if line.is_empty() {
            break;
        }
        if let Some(value) = header(line, b"authorization")
            && value.len() > 6
            && value[..6].eq_ignore_ascii_case(b"basic ")
        {
            let user = basic_user(&value[6..]);
            return Some(login(&place, user));
        }
    }
    let body = rest
        .iter()
        .position(|&byte| byte == b'\n')
        .map_or(&rest[..0], |at| &rest[at + 1..]);
    let form = in_form(query).or_else(|| in_form(body))?;
    Some(login(&place, form.user))
}

/// The method and path of a request whose body may follow in another segment.
pub(crate) fn post(payload: &[u8]) -> Option<String> {
    let first = line(payload);
    if !first.starts_with(b"POST ") {
        return None;
    }
    let target = first.split(|&byte| byte == b' ').nth(1)?;
    Some(format!(
        "POST {}",
        text(target.split(|&byte| byte == b'?').next()?)
    ))
}

/// A login by HTTP at `place`.
pub(crate) fn login(place: &str, user: Option<String>) -> Sighting {
    let detail = match user {
        Some(user) => format!("{place}, login as \"{user}\""),
        None => place.to_owned(),
    };
    Sighting {
        risk: "http login",
        detail: Some(detail),
    }
}

/// The value of a header line, if it is the header `name`.
fn header<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = line.get(name.len() + 1..)?;
    (line[..name.len()].eq_ignore_ascii_case(name) && line[name.len()] == b':')
        .then(|| value.trim_ascii())
}

/// The user of `user:password` in base64 (RFC 7617); the password is dropped here.
fn basic_user(encoded: &[u8]) -> Option<String> {
    let encoded = &encoded[..encoded.len().min(512)];
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(encoded.trim_ascii())
        .ok()?;
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    Some(text(&decoded[..colon]))
}

/// The first line, without its end.
fn line(bytes: &[u8]) -> &[u8] {
    let bytes = &bytes[..bytes.len().min(2048)];
    let line = bytes.split(|&byte| byte == b'\n').next();
    line.unwrap_or_default().trim_ascii_end()
}

/// Text of bounded length.
fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.trim_ascii());
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(sighting: Option<Sighting>) -> String {
        sighting.unwrap().detail.unwrap()
    }

    #[test]
    fn basic_authentication() {
        // "alice:secret" in base64.
        let request = b"GET /private?x=1 HTTP/1.1\r\nHost: a\r\nauthorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n";
        let seen = in_tcp(request, Some("http"));
        assert_eq!(seen.as_ref().unwrap().risk, "http login");
        let words = detail(seen);
        assert_eq!(words, "GET /private, login as \"alice\"");
        assert!(!words.contains("secret"));
    }

    #[test]
    fn forms() {
        let request = b"POST /login HTTP/1.1\r\nHost: a\r\n\r\nusername=bob&password=hunter2";
        assert_eq!(
            detail(in_tcp(request, None)),
            "POST /login, login as \"bob\""
        );
        let harmless = b"POST /search HTTP/1.1\r\nHost: a\r\n\r\nq=password";
        assert_eq!(in_tcp(harmless, None), None);
        assert_eq!(post(harmless).as_deref(), Some("POST /search"));
        assert_eq!(in_form(b"pwd=x"), Some(LoginForm { user: None }));
    }

    #[test]
    fn mail_ftp_smb() {
        assert_eq!(
            in_tcp(b"USER anonymous\r\n", Some("ftp")).unwrap().risk,
            "ftp"
        );
        assert_eq!(
            in_tcp(b"USER bob\r\n", Some("pop3")).unwrap().risk,
            "mail login"
        );
        assert_eq!(
            detail(in_tcp(b"a1 LOGIN \"bob\" secret\r\n", Some("imap"))),
            "login as \"bob\""
        );
        assert_eq!(
            detail(in_tcp(b"AUTH PLAIN AGJvYgBzZWNyZXQ=\r\n", Some("smtp"))),
            "AUTH PLAIN"
        );
        assert_eq!(
            in_tcp(b"USER guest 0 * :Guest\r\n", None).unwrap().risk,
            "irc"
        );
        assert_eq!(in_tcp(b"AUTH TLS\r\n", Some("ftp")), None);
        assert_eq!(in_tcp(b"\0\0\0\x2f\xffSMBr", None).unwrap().risk, "smb1");
    }

    #[test]
    fn snmp_versions() {
        assert!(in_udp(b"\x30\x26\x02\x01\x01\x04\x06public", Some("snmp")).is_some());
        assert!(in_udp(b"\x30\x82\x01\x26\x02\x01\x00", Some("snmp")).is_some());
        assert_eq!(in_udp(b"\x30\x26\x02\x01\x03", Some("snmp")), None);
        assert_eq!(in_udp(b"\x30\x26\x02\x01\x01", Some("dns")), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            for service in [None, Some("imap"), Some("snmp"), Some("pop3")] {
                let _ = in_tcp(&bytes, service);
                let _ = in_udp(&bytes, service);
            }
            for start in [&b"GET "[..], b"POST / HTTP/1.1\r\n", b"USER ", b"AUTH "] {
                let bytes = [start, &bytes].concat();
                let _ = in_tcp(&bytes, Some("imap"));
                let _ = post(&bytes);
            }
        }
    }
}
