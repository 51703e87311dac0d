//! HTTP/1 (RFC 9112) and, behind the same events, HTTP/2 in clear (RFC 9113).
//!
//! Messages are framed by their heads; of bodies only the start is looked at. Behind bytes that
//! the capture lacks the next head is searched for. What it does not do: decode content codings,
//! put byte ranges together, read multipart bodies.

mod auth;
mod connection;
mod content;
mod head;
pub(crate) mod inspect;
mod lookup;
mod url;
mod words;

use super::uri::without_userinfo;
use super::{Category, Detector, Guess, Over, Probe, Protocol, text};

pub use auth::base64;
pub(crate) use auth::base64_whole;
pub use content::{is_program, sniff};
pub use head::without_port;
pub(crate) use url::percent_decoded;

/// HTTP/1.
pub static PROTOCOL: Protocol = Protocol {
    name: "http",
    title: "HTTP",
    category: Category::Web,
};

/// Streams of sound over HTTP, as Icecast and SHOUTcast servers send them.
pub static ICECAST: Protocol = Protocol {
    name: "icecast",
    title: "Icecast",
    category: Category::Media,
};

/// HTTP/1 on TCP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[80, 8080, 8000, 3128, 8008, 8888, 81, 591],
    probe,
    parser: Some(|| Box::new(connection::Connection::new())),
};

/// Longest start line that is waited for.
const START_LINE_MAX: usize = 4096;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.starts_with(b"PRI * HTTP/2.0") {
        return Guess::No;
    }
    let trimmed = data.trim_ascii_start();
    match text::line(trimmed) {
        Some((line, _)) => match head::start_line(line) {
            Some(head::StartLine::Request {
                version: b"0.9", ..
            }) if !probe.from_client => Guess::No,
            Some(_) => Guess::Certain,
            None => Guess::No,
        },
        None if trimmed.is_empty() => Guess::More,
        None if b"HTTP/".starts_with(trimmed) => Guess::More,
        None if trimmed.starts_with(b"HTTP/") => {
            if trimmed.len() > START_LINE_MAX {
                Guess::No
            } else {
                Guess::Unsure
            }
        }
        None if head::may_become_request(trimmed) => Guess::More,
        None => {
            let (method, rest) = text::word(trimmed);
            if !head::is_known_method(method) {
                return Guess::No;
            }
            match rest {
                [] => Guess::More,
                // A long URI in several segments.
                [b'/', ..] if trimmed.len() > START_LINE_MAX / 4 => Guess::Certain,
                [b'/', ..] => Guess::Unsure,
                _ if trimmed.len() <= START_LINE_MAX => Guess::More,
                _ => Guess::No,
            }
        }
    }
}

/// A part of an exchange. Requests and responses are numbered from 0 in their order on the flow
/// (HTTP/2: in the order in which streams were opened); the response to a request has its number.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Exchange<'a> {
    /// The head of a request.
    Request(u32, Request<'a>),
    /// The head of a response (informational ones too).
    Response(u32, Response<'a>),
    /// The start of a body, as it is (before content decoding).
    Body {
        /// Number of the exchange.
        number: u32,
        /// Whether the request's.
        of_request: bool,
        /// Its first bytes, at least one, at most 1024 and as many as one piece holds.
        start: &'a [u8],
    },
    /// The next bytes of a body, as they are (before content decoding); only where
    /// [`Interest::CONTENT`](super::Interest::CONTENT) is wanted.
    Content {
        /// Number of the exchange.
        number: u32,
        /// Whether the request's.
        of_request: bool,
        /// The bytes; what the capture lacks is left out.
        data: &'a [u8],
    },
    /// A message is over.
    End {
        /// Number of the exchange.
        number: u32,
        /// Whether the request.
        of_request: bool,
        /// Bytes of body seen on the wire, transfer coding taken off.
        body_len: u64,
        /// Whether it ended as its head said.
        complete: bool,
    },
}

/// The head of a request.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Request<'a> {
    /// Method.
    pub method: &'a [u8],
    /// Request target as sent (HTTP/2: `:path`). A password may be in it:
    /// [`masked_target`](super::uri::masked_target) is what is shown.
    pub uri: &'a [u8],
    /// `Host` as sent (HTTP/2: `:authority`), else the authority of an absolute target; without user
    /// information.
    pub host: Option<&'a [u8]>,
    /// Version, without `HTTP/`.
    pub version: &'a [u8],
    /// `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// `Referer`; what is shown is [`masked`](super::uri::masked), as of `origin` and `location`.
    pub referrer: Option<&'a [u8]>,
    /// `Origin`.
    pub origin: Option<&'a [u8]>,
    /// `Content-Type`.
    pub content_type: Option<&'a [u8]>,
    /// `Content-Length`.
    pub content_length: Option<u64>,
    /// `Authorization`, its scheme and what follows (a password may be in it: never kept).
    pub authorization: Option<&'a [u8]>,
    /// `Proxy-Authorization`.
    pub proxy_authorization: Option<&'a [u8]>,
    /// `X-Forwarded-For`.
    pub forwarded_for: Option<&'a [u8]>,
    /// All header fields, names as sent, at most 128.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// HTTP/2: bytes of the frame that the fields came in; they may be of many times as many (RFC 7541).
    pub packed: Option<usize>,
}

/// The head of a response.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Response<'a> {
    /// Status code; 0 where there is none (version 0.9), or none that is a number.
    pub status: u16,
    /// Reason phrase; where the status is no number, that before it.
    pub reason: &'a [u8],
    /// Version, without `HTTP/`.
    pub version: &'a [u8],
    /// `Content-Type`.
    pub content_type: Option<&'a [u8]>,
    /// `Content-Length`.
    pub content_length: Option<u64>,
    /// `Content-Disposition`.
    pub content_disposition: Option<&'a [u8]>,
    /// `Server`.
    pub server: Option<&'a [u8]>,
    /// `Location`.
    pub location: Option<&'a [u8]>,
    /// All header fields, names as sent, at most 128.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// HTTP/2: bytes of the frame that the fields came in; they may be of many times as many (RFC 7541).
    pub packed: Option<usize>,
}

impl<'a> Request<'a> {
    /// A request by its start line and fields.
    pub(crate) fn read(
        method: &'a [u8],
        uri: &'a [u8],
        version: &'a [u8],
        headers: &'a [(&'a [u8], &'a [u8])],
    ) -> Self {
        let find = |name: &[u8]| head::find(headers, name);
        let host = find(b"host").or_else(|| {
            if method == b"CONNECT" {
                Some(text::word(uri).0).filter(|host| !host.is_empty() && !host.contains(&b'/'))
            } else {
                head::authority(uri)
            }
        });
        // What follows a NUL is no name.
        let host = host.map(super::support::until_nul);
        let host = host.map(without_userinfo);
        Self {
            method,
            uri,
            host,
            version,
            user_agent: find(b"user-agent"),
            referrer: find(b"referer"),
            origin: find(b"origin"),
            content_type: find(b"content-type"),
            content_length: find(b"content-length").and_then(head::content_length),
            authorization: find(b"authorization"),
            proxy_authorization: find(b"proxy-authorization"),
            forwarded_for: find(b"x-forwarded-for"),
            headers,
            packed: None,
        }
    }
}

impl<'a> Response<'a> {
    /// A response by its start line and fields.
    pub(crate) fn read(
        status: u16,
        reason: &'a [u8],
        version: &'a [u8],
        headers: &'a [(&'a [u8], &'a [u8])],
    ) -> Self {
        let find = |name: &[u8]| head::find(headers, name);
        Self {
            status,
            reason,
            version,
            content_type: find(b"content-type"),
            content_length: find(b"content-length").and_then(head::content_length),
            content_disposition: find(b"content-disposition"),
            server: find(b"server"),
            location: find(b"location"),
            headers,
            packed: None,
        }
    }
}

#[cfg(test)]
mod tests;
