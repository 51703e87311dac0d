//! Heads of HTTP/1 messages: start lines and header fields (RFC 9112, sections 3 to 5).

use smallvec::SmallVec;

use crate::app::text;

/// Most header fields that are looked at.
pub(super) const FIELDS_MAX: usize = 128;

/// The first line of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StartLine<'a> {
    Request {
        method: &'a [u8],
        uri: &'a [u8],
        /// `0.9` where the line names none.
        version: &'a [u8],
    },
    Response {
        /// `1.1`; `ICY` of SHOUTcast servers.
        version: &'a [u8],
        /// 0 where it is no number: the reason has it, then.
        status: u16,
        reason: &'a [u8],
    },
}

/// Methods of RFC 9110, WebDAV, UPnP and what else is common.
const METHODS: &[&[u8]] = &[
    b"ACL",
    b"BASELINE-CONTROL",
    b"BCOPY",
    b"BDELETE",
    b"BIND",
    b"BITS_POST",
    b"BMOVE",
    b"BPROPFIND",
    b"BPROPPATCH",
    b"CCM_POST",
    b"CHECKIN",
    b"CHECKOUT",
    b"CONNECT",
    b"COPY",
    b"DELETE",
    b"GET",
    b"HEAD",
    b"LABEL",
    b"LOCK",
    b"M-SEARCH",
    b"MERGE",
    b"MKACTIVITY",
    b"MKCALENDAR",
    b"MKCOL",
    b"MOVE",
    b"NOTIFY",
    b"OPTIONS",
    b"PATCH",
    b"POLL",
    b"POST",
    b"PROPFIND",
    b"PROPPATCH",
    b"PURGE",
    b"PUT",
    b"QUERY",
    b"REPORT",
    b"RPC_IN_DATA",
    b"RPC_OUT_DATA",
    b"SEARCH",
    b"SUBSCRIBE",
    b"SOURCE",
    b"TRACE",
    b"UNLOCK",
    b"UNSUBSCRIBE",
    b"UPDATE",
    b"VERSION-CONTROL",
];

/// Longest method that is believed.
const METHOD_MAX: usize = 24;

/// Whether this is a method that exists.
pub(super) fn is_known_method(method: &[u8]) -> bool {
    METHODS.contains(&method)
}

/// Whether these bytes may be the start of a request line of a known method.
pub(super) fn may_become_request(data: &[u8]) -> bool {
    METHODS
        .iter()
        .any(|method| method.len() >= data.len() && method.starts_with(data))
}

/// Whether these bytes begin a response.
pub(super) fn begins_response(data: &[u8]) -> bool {
    data.starts_with(b"HTTP/") || data.starts_with(b"ICY ")
}

/// Whether these bytes begin a message: otherwise they are the rest of one. `None` where that shows
/// only in what follows.
pub(super) fn may_begin(data: &[u8]) -> Option<bool> {
    let data = data.trim_ascii_start();
    if let Some((line, _)) = text::line(data) {
        return Some(start_line(line).is_some());
    }
    if begins_response(data) || is_known_method(text::word(data).0) {
        return Some(true);
    }
    let is_text = data.len() <= super::START_LINE_MAX && !data.iter().any(u8::is_ascii_control);
    if is_text { None } else { Some(false) }
}

/// Characters of a token (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_method(text: &[u8]) -> bool {
    !text.is_empty() && text.len() <= METHOD_MAX && text.iter().all(|&byte| is_token(byte))
}

/// `1.1` of `HTTP/1.1`.
fn version(text: &[u8]) -> Option<&[u8]> {
    let version = text.strip_prefix(b"HTTP/")?;
    match version {
        [major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => Some(version),
        _ => None,
    }
}

/// Reads a start line; `None` where it is none.
pub(super) fn start_line(line: &[u8]) -> Option<StartLine<'_>> {
    status_line(line).or_else(|| request_line(line))
}

/// `HTTP/1.1 200 OK`
pub(super) fn status_line(line: &[u8]) -> Option<StartLine<'_>> {
    let (first, rest) = text::word(line);
    let version = if first == b"ICY" {
        first
    } else {
        version(first)?
    };
    let (code, reason) = text::word(rest);
    if code.len() != 3 {
        return None;
    }
    let (status, reason) = match text::number(code) {
        Some(status) => (status as u16, reason),
        // `2XX OK`: a server that makes its answers up.
        None if code.first().is_some_and(u8::is_ascii_digit)
            && code.iter().all(u8::is_ascii_alphanumeric) =>
        {
            (0, rest)
        }
        None => return None,
    };
    Some(StartLine::Response {
        version,
        status,
        reason: reason.trim_ascii_end(),
    })
}

/// `GET / HTTP/1.1`; targets may hold spaces, as some clients send them.
pub(super) fn request_line(line: &[u8]) -> Option<StartLine<'_>> {
    let (method, rest) = text::word(line);
    if !is_method(method) {
        return None;
    }
    let rest = rest.trim_ascii_end();
    let (uri, last) = match rest.iter().rposition(|byte| matches!(byte, b' ' | b'\t')) {
        Some(at) => (rest.get(..at)?.trim_ascii_end(), rest.get(at + 1..)?),
        None => (&rest[..0], rest),
    };
    if let Some(version) = version(last) {
        return Some(StartLine::Request {
            method,
            uri,
            version,
        });
    }
    if !uri.is_empty()
        && is_known_method(method)
        && let Some(version) = last.strip_prefix(b"HTTP/")
    {
        // A version that nobody has, or that is cut: the rest fits.
        return Some(StartLine::Request {
            method,
            uri,
            version,
        });
    }
    // HTTP/0.9 and those who forget the version: only where everything else fits.
    let named = last.len() > 5 && last.contains(&b'/') && last.ends_with(b".0")
        || last.starts_with(b"HTTP/")
        || last.starts_with(b"RTSP/");
    (is_known_method(method) && rest.starts_with(b"/") && !named).then_some(StartLine::Request {
        method,
        uri: rest,
        version: b"0.9",
    })
}

/// A start line that names its version: what a lost stream is found again by.
pub(super) fn sure_start_line(line: &[u8], request: bool) -> bool {
    if request {
        matches!(request_line(line), Some(StartLine::Request { method, version, .. })
            if is_known_method(method) && version != b"0.9")
    } else {
        matches!(status_line(line), Some(StartLine::Response { version, status, .. })
            if version != b"ICY" && status != 0)
    }
}

/// Where the head at the start of `data` ends (behind its empty line). `scanned`: bytes that
/// were looked at before without finding it.
pub(super) fn end_of_head(data: &[u8], scanned: usize) -> Option<usize> {
    let mut at = scanned.saturating_sub(3);
    while let Some(found) = memchr::memchr(b'\n', data.get(at..)?) {
        at += found + 1;
        match data.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// Header fields: most heads have fewer than these.
pub(super) type Fields<'a> = SmallVec<[(&'a [u8], &'a [u8]); 16]>;

/// Reads header fields as sent, at most [`FIELDS_MAX`]. A folded line (RFC 9112, section 5.2) belongs
/// to the value before it, line break included. Says where the head ends, behind its empty line;
/// `None` where no end is in sight.
pub(super) fn fields<'a>(head: &'a [u8], fields: &mut Fields<'a>) -> Option<usize> {
    let mut data = head;
    loop {
        let (line, mut taken) = text::line(data)?;
        if line.is_empty() {
            return Some(head.len() - data.len() + taken);
        }
        let mut end = line.len();
        while let Some(rest @ [b' ' | b'\t', ..]) = data.get(taken..) {
            let Some((folded, more)) = text::line(rest) else {
                break;
            };
            end = taken + folded.len();
            taken += more;
        }
        let whole = data.get(..end).unwrap_or(line);
        let colon = text::find(b':', line);
        if let Some(colon) = colon.filter(|_| fields.len() < FIELDS_MAX) {
            let name = whole.get(..colon).unwrap_or_default().trim_ascii_end();
            let value = whole.get(colon + 1..).unwrap_or_default().trim_ascii();
            if !name.is_empty() {
                fields.push((name, value));
            }
        }
        data = data.get(taken..).unwrap_or_default();
    }
}

/// The value of the first field of this name.
pub(super) fn find<'a>(fields: &[(&'a [u8], &'a [u8])], name: &[u8]) -> Option<&'a [u8]> {
    fields
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|&(_, value)| value)
}

/// `Content-Length`: digits, possibly several times the same (RFC 9112, section 6.3). What does
/// not fit into 63 bits is no length.
pub(super) fn content_length(value: &[u8]) -> Option<u64> {
    let first = value
        .split(|&byte| byte == b',')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    let first = first.strip_prefix(b"+").unwrap_or(first);
    if first.is_empty() || !first.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length = first.iter().fold(0_u64, |sum, &byte| {
        sum.saturating_mul(10)
            .saturating_add(u64::from(byte - b'0'))
    });
    i64::try_from(length).is_ok().then_some(length)
}

/// Whether a list such as `Connection`'s or `Transfer-Encoding`'s holds a word.
pub(super) fn lists(value: &[u8], word: &[u8]) -> bool {
    value
        .split(|&byte| byte == b',')
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(word))
}

/// A host without its port; an IPv6 address without its brackets.
pub fn without_port(host: &[u8]) -> &[u8] {
    if let Some(rest) = host.strip_prefix(b"[") {
        let end = rest.iter().position(|&byte| byte == b']');
        return end.and_then(|end| rest.get(..end)).unwrap_or(rest);
    }
    match host.iter().rposition(|&byte| byte == b':') {
        Some(at)
            if host
                .get(at + 1..)
                .is_some_and(|port| port.iter().all(u8::is_ascii_digit))
                && host.get(..at).is_some_and(|name| !name.contains(&b':')) =>
        {
            host.get(..at).unwrap_or(host)
        }
        _ => host,
    }
}

/// The authority of an absolute target (`http://user@host:80/path`), without user information.
pub(super) fn authority(uri: &[u8]) -> Option<&[u8]> {
    if uri.starts_with(b"/") {
        return None;
    }
    let scheme = uri.windows(3).take(12).position(|bytes| bytes == b"://")?;
    let rest = uri.get(scheme + 3..)?;
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#'))
        .unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    let host = authority.rsplit(|&byte| byte == b'@').next()?;
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn start_lines() {
        let request = |line: &'static [u8]| match start_line(line) {
            Some(StartLine::Request {
                method,
                uri,
                version,
            }) => (method, uri, version),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            request(b"GET /a b HTTP/1.1"),
            (&b"GET"[..], &b"/a b"[..], &b"1.1"[..])
        );
        assert_eq!(
            request(b"GET HTTP/1.1"),
            (&b"GET"[..], &b""[..], &b"1.1"[..])
        );
        assert_eq!(
            request(b"GET /old.html"),
            (&b"GET"[..], &b"/old.html"[..], &b"0.9"[..])
        );
        assert_eq!(start_line(b"OPTIONS rtsp://h/ RTSP/1.0"), None);
        assert_eq!(start_line(b"DESCRIBE /x RTSP/1.0"), None);
        assert_eq!(start_line(b"INVITE sip:a@b SIP/2.0"), None);
        assert_eq!(start_line(b"GET /x RTSP/1.0"), None);
        assert_eq!(
            start_line(b"HTTP/1.0 404 Not Found"),
            Some(StartLine::Response {
                version: b"1.0",
                status: 404,
                reason: b"Not Found"
            })
        );
        assert_eq!(
            request(b"GET / HTTP/1."),
            (&b"GET"[..], &b"/"[..], &b"1."[..])
        );
        assert_eq!(
            request(b"GET /HTTP/1.1"),
            (&b"GET"[..], &b"/HTTP/1.1"[..], &b"0.9"[..])
        );
        assert_eq!(
            start_line(b"HTTP/1.0 2XX OK"),
            Some(StartLine::Response {
                version: b"1.0",
                status: 0,
                reason: b"2XX OK"
            })
        );
        assert!(start_line(b"HTTP/1.1 abc OK").is_none());
        assert!(start_line(b"HTTP/1.1 20 OK").is_none());
        assert!(start_line(b"HTTP/1.1 200").is_some());
    }

    #[test]
    fn heads_end_at_an_empty_line() {
        assert_eq!(end_of_head(b"a\r\n\r\nb", 0), Some(5));
        assert_eq!(end_of_head(b"a\n\nb", 0), Some(3));
        assert_eq!(end_of_head(b"a\r\n\r", 0), None);
        assert_eq!(end_of_head(b"a\r\n\r\n", 4), Some(5));
        assert_eq!(end_of_head(b"a\r\nb: c\r\n", 0), None);
    }

    #[test]
    fn header_fields() {
        let head = b"Host: a\r\nX : 1\r\n folded\r\nnonsense\r\nEmpty:\r\n\r\nno: no\r\n";
        let mut found = Fields::new();
        assert_eq!(fields(head, &mut found), Some(head.len() - 8));
        assert_eq!(found[0], (&b"Host"[..], &b"a"[..]));
        assert_eq!(found[1], (&b"X"[..], &b"1\r\n folded"[..]));
        assert_eq!(found[2], (&b"Empty"[..], &b""[..]));
        assert_eq!(found.len(), 3);
        assert_eq!(find(&found, b"host"), Some(&b"a"[..]));
        assert_eq!(fields(b"a: b\r\n c", &mut Fields::new()), None);
        assert_eq!(fields(b"\n", &mut Fields::new()), Some(1));
    }

    #[test]
    fn a_head_may_have_more_fields_than_are_read() {
        let head = [&b"a: b\n".repeat(FIELDS_MAX + 3)[..], b"\nrest"].concat();
        let mut found = Fields::new();
        assert_eq!(fields(&head, &mut found), Some(head.len() - 4));
        assert_eq!(found.len(), FIELDS_MAX);
    }

    proptest! {
        /// What reads the fields finds the same end as what looks for the end alone.
        #[test]
        fn one_end_of_a_head(head in "[ab: \t\r\n]{0,40}") {
            let data = [b"x\n", head.as_bytes()].concat();
            let end = fields(head.as_bytes(), &mut Fields::new());
            prop_assert_eq!(end.map(|end| end + 2), end_of_head(&data, 0));
        }
    }

    #[test]
    fn lengths() {
        assert_eq!(content_length(b"0042"), Some(42));
        assert_eq!(content_length(b"5, 5"), Some(5));
        assert_eq!(content_length(b"-1"), None);
        assert_eq!(content_length(b"99999999999999999999999"), None);
        assert_eq!(content_length(b"18446744073709551615"), None);
        assert_eq!(content_length(b"0x10"), None);
    }

    #[test]
    fn hosts() {
        assert_eq!(without_port(b"a.example:8080"), b"a.example");
        assert_eq!(without_port(b"[2001:db8::1]:80"), b"2001:db8::1");
        assert_eq!(without_port(b"2001:db8::1"), b"2001:db8::1");
        assert_eq!(without_port(b"a:x"), b"a:x");
        assert_eq!(
            authority(b"http://me@h.example:3128/x"),
            Some(&b"h.example:3128"[..])
        );
        assert_eq!(authority(b"/path?u=http://x/"), None);
    }
}
