//! HTTP/1 (RFC 9112) and, behind the same events, HTTP/2 in clear (RFC 9113).

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
    /// Request target as sent (HTTP/2: `:path`).
    pub uri: &'a [u8],
    /// `Host` as sent (HTTP/2: `:authority`), else the authority of an absolute target.
    pub host: Option<&'a [u8]>,
    /// Version, without `HTTP/`.
    pub version: &'a [u8],
    /// `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// `Referer`.
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
}

/// The head of a response.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Response<'a> {
    /// Status code.
    pub status: u16,
    /// Reason phrase.
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
}
