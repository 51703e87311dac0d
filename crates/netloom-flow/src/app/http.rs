//! HTTP requests and their responses: rows of `http`.

use std::borrow::Cow;

use netloom_decode::app::http::{Exchange, Request, Response, base64, sniff};
use netloom_decode::app::parameters;
use netloom_decode::app::text::{display, starts_with_ignore_case, word};
use netloom_decode::app::uri::{masked, masked_target};
use netloom_decode::app::{Context, Interest, Room};
use netloom_packet::Timestamp;
use smallvec::SmallVec;

use super::content::{Account, Coding, Unpacker, unpacked};

/// A request with its response: a row of `http`, in the terms of Zeek's http.log.
///
/// Without [`Interest::DETAILS`] only the fields are filled that sums are made of: method, host,
/// `User-Agent`, status, lengths, and the media type of the response.
///
/// Beside what Zeek says: `uri` is as it was sent, where Zeek takes percent codes away, without
/// passwords; `host` has no port, `host_sent` has it; a kind of content that no signature knows is the one that its
/// header names.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct HttpRecord {
    /// Time of the request, or of the response where no request was seen.
    pub ts: Timestamp,
    /// Number of the exchange within its connection, from 1.
    pub trans_depth: u32,
    /// Method; `None` where no request was seen.
    pub method: Option<Cow<'static, str>>,
    /// Host asked for, without port.
    pub host: Option<Box<str>>,
    /// The same as it was sent, where it was sent otherwise: with a port, or an IPv6 address in
    /// brackets.
    pub host_sent: Option<Box<str>>,
    /// Request target as sent, but for passwords: `***` stands in their place, as in `referrer`,
    /// `origin` and `location`.
    pub uri: Option<Box<str>>,
    /// `Referer`.
    pub referrer: Option<Box<str>>,
    /// Version of the response, else of the request.
    pub version: Option<Cow<'static, str>>,
    /// Version of the request.
    pub request_version: Option<Cow<'static, str>>,
    /// `User-Agent`.
    pub user_agent: Option<Box<str>>,
    /// `Origin`.
    pub origin: Option<Box<str>>,
    /// Bytes of the request's body, transfer and content coding (gzip, deflate) taken off; the
    /// latter only where [`Interest::CONTENT`](netloom_decode::app::Interest::CONTENT) is wanted.
    pub request_body_len: u64,
    /// Bytes of the response's body, in the same way.
    pub response_body_len: u64,
    /// Bytes of the response's body as they were sent: only transfer coding taken off.
    pub response_encoded_len: u64,
    /// Status of the response; 0 for version 0.9; `None` where it is no number.
    pub status_code: Option<u16>,
    /// Its reason phrase, with the status before it where that is no number.
    pub status_msg: Option<Box<str>>,
    /// Last informational (1xx) status.
    pub info_code: Option<u16>,
    /// Its reason phrase.
    pub info_msg: Option<Box<str>>,
    /// User of basic authentication.
    pub username: Option<Box<str>>,
    /// Header fields that proxies add: `NAME -> value`.
    pub proxied: Vec<Box<str>>,
    /// File name of the first part of a request's body of several, as forms send them.
    pub orig_filename: Option<Box<str>>,
    /// File name that the response gives its body.
    pub filename: Option<Box<str>>,
    /// Media type of the request's body.
    pub orig_mime_type: Option<Cow<'static, str>>,
    /// What the first bytes of the request's and of the response's body alone say of it.
    pub sniffed: [Option<&'static str>; 2],
    /// Media type of the response's body, by its first bytes, else by its header.
    pub resp_mime_type: Option<Cow<'static, str>>,
    /// `Content-Type` of the response without its parameters, whatever its body looks like.
    pub resp_content_type: Option<Cow<'static, str>>,
    /// `Location`: where a response leads to.
    pub location: Option<Box<str>>,
    /// `Server`.
    pub server: Option<Box<str>>,
    /// Whether the response's body ended as its head said.
    pub complete: bool,
}

impl HttpRecord {
    /// Bytes of text.
    fn text_bytes(&self) -> usize {
        let texts = [
            &self.host,
            &self.host_sent,
            &self.uri,
            &self.referrer,
            &self.user_agent,
            &self.origin,
            &self.status_msg,
            &self.info_msg,
            &self.username,
            &self.filename,
            &self.orig_filename,
            &self.server,
            &self.location,
        ];
        let words = [
            &self.method,
            &self.version,
            &self.request_version,
            &self.orig_mime_type,
            &self.resp_mime_type,
            &self.resp_content_type,
        ];
        let texts = texts.into_iter().flatten().chain(&self.proxied);
        let words = words.into_iter().flatten().map(|word| match word {
            Cow::Borrowed(_) => 0,
            Cow::Owned(text) => text.len(),
        });
        texts.map(|text| text.len()).sum::<usize>() + words.sum::<usize>()
    }

    /// The port that was sent behind the host.
    pub fn host_port(&self) -> Option<u16> {
        let (_, port) = self.host_sent.as_deref()?.rsplit_once(':')?;
        port.parse().ok()
    }
}

/// Most exchanges of a flow that wait for their ends.
const WAITING_MAX: usize = 64;
/// Longest text that is kept of a header field, in bytes.
const TEXT_MAX: usize = 1024;
/// Most fields of proxies that are kept.
const PROXIED_MAX: usize = 8;

/// Header fields that proxies add, as Zeek knows them.
const PROXY_FIELDS: &[&[u8]] = &[
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-from",
    b"client-ip",
    b"via",
    b"xroxy-connection",
    b"proxy-connection",
];

/// Bytes of text that the rows of a flow of HTTP/2 may have, and how many times the bytes of its blocks
/// of fields: a byte of these stands for a field that was sent before.
const UNPACKED_FREE: usize = 64 * 1024;
const UNPACKED_RATIO: usize = 32;

/// Exchanges of a flow that are not complete.
#[derive(Debug, Default)]
pub(crate) struct Pairing {
    waiting: SmallVec<[Waiting; 1]>,
    /// What bodies unpack to.
    bodies: Account,
    /// Bytes of text for which rows have room yet.
    room: TextRoom,
}

type TextRoom = Room<UNPACKED_FREE, UNPACKED_RATIO>;

/// An exchange under way.
#[derive(Debug)]
struct Waiting {
    number: u32,
    /// Whether the request is over; so it is where none was seen.
    asked: bool,
    answered: bool,
    /// How the response's body is packed.
    coding: Coding,
    /// Counts what the request's and the response's body unpack to.
    unpackers: [Option<Box<Unpacker>>; 2],
    record: Box<HttpRecord>,
}

/// One of a few words, most often.
fn word_of(bytes: &[u8], words: &'static [&'static str]) -> Cow<'static, str> {
    match words.iter().find(|word| word.as_bytes() == bytes) {
        Some(word) => Cow::Borrowed(word),
        None => Cow::Owned(kept(bytes).into()),
    }
}

fn method(bytes: &[u8]) -> Cow<'static, str> {
    word_of(bytes, &["GET", "POST", "HEAD", "OPTIONS", "CONNECT", "PUT"])
}

fn version(bytes: &[u8]) -> Cow<'static, str> {
    word_of(bytes, &["1.1", "1.0", "2", "0.9"])
}

fn kept(bytes: &[u8]) -> Box<str> {
    display(bytes.get(..TEXT_MAX).unwrap_or(bytes)).into()
}

/// A URI, passwords masked.
fn kept_uri(uri: &[u8]) -> Box<str> {
    kept(&masked(uri))
}

fn host_name(host: &[u8]) -> Box<str> {
    kept(netloom_decode::app::http::without_port(host))
}

/// The media type in a `Content-Type`.
fn media_type(value: &[u8]) -> Option<Cow<'static, str>> {
    let kind = value
        .split(|&byte| byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    let common = [
        "text/html",
        "text/plain",
        "text/xml",
        "text/css",
        "image/jpeg",
        "image/png",
        "image/gif",
        "application/json",
        "application/javascript",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
    ];
    if let Some(known) = common.iter().find(|known| known.as_bytes() == kind) {
        return Some(Cow::Borrowed(known));
    }
    (!kind.is_empty()).then(|| {
        let mut kind = display(kind.get(..TEXT_MAX).unwrap_or(kind)).into_owned();
        kind.make_ascii_lowercase();
        Cow::Owned(kind)
    })
}

/// The file's name in a `Content-Disposition`.
fn file_name(value: &[u8]) -> Option<Box<str>> {
    parameters::file_name(value).map(kept)
}

/// The `Content-Disposition` of the first part of a body of several (RFC 2046, section 5.1.1), and
/// how its content begins. Before the first part there may be lines that are no part of it.
fn first_part(start: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let mut rest = start;
    while !rest.starts_with(b"--") {
        let (_, taken) = netloom_decode::app::text::line(rest)?;
        rest = rest.get(taken..)?;
    }
    let mut disposition = None;
    loop {
        let (line, taken) = netloom_decode::app::text::line(rest)?;
        rest = rest.get(taken..)?;
        if line.is_empty() {
            return Some((disposition, rest));
        }
        let colon = line.iter().position(|&byte| byte == b':');
        if let Some((name, value)) = colon.and_then(|at| line.split_at_checked(at))
            && name.eq_ignore_ascii_case(b"content-disposition")
        {
            disposition = value.get(1..);
        }
    }
}

/// The user in `Basic dXNlcjpwYXNz`; the password is left behind.
fn basic_user(authorization: &[u8]) -> Option<Box<str>> {
    let (scheme, rest) = word(authorization);
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let decoded = base64(rest.trim_ascii());
    let user = decoded.split(|&byte| byte == b':').next()?;
    Some(kept(user))
}

impl Waiting {
    fn new(context: &Context, number: u32, asked: bool) -> Self {
        Self {
            number,
            asked,
            answered: false,
            coding: Coding::None,
            unpackers: [None, None],
            record: Box::new(HttpRecord {
                ts: context.timestamp,
                trans_depth: number.saturating_add(1),
                ..HttpRecord::default()
            }),
        }
    }

    fn request(&mut self, request: &Request<'_>, details: bool) {
        let record = &mut *self.record;
        record.method = Some(method(request.method));
        record.host = request.host.map(host_name);
        record.user_agent = request.user_agent.map(kept);
        if !details {
            return;
        }
        record.host_sent = request
            .host
            .filter(|host| netloom_decode::app::http::without_port(host).len() < host.len())
            .map(kept);
        record.uri = Some(display(&masked_target(request.method, request.uri)).into());
        record.referrer = request.referrer.map(kept_uri);
        record.request_version = Some(version(request.version));
        record.version.clone_from(&record.request_version);
        record.origin = request.origin.map(kept_uri);
        record.username = request
            .authorization
            .and_then(basic_user)
            .or_else(|| request.proxy_authorization.and_then(basic_user));
        record.orig_mime_type = request.content_type.and_then(media_type);
        for (name, value) in request.headers {
            if record.proxied.len() < PROXIED_MAX
                && PROXY_FIELDS
                    .iter()
                    .any(|known| name.eq_ignore_ascii_case(known))
            {
                let name = kept(name).to_ascii_uppercase();
                record
                    .proxied
                    .push(format!("{name} -> {}", kept(value)).into());
            }
        }
    }

    fn response(&mut self, response: &Response<'_>, details: bool) {
        let record = &mut *self.record;
        let known = response.status != 0 || response.version == b"0.9";
        record.status_code = known.then_some(response.status);
        record.resp_mime_type = response.content_type.and_then(media_type);
        self.coding = Coding::of(response.headers);
        if !details {
            return;
        }
        let message = (!response.reason.is_empty()).then(|| kept(response.reason));
        if (100..200).contains(&response.status) {
            record.info_code = Some(response.status);
            record.info_msg.clone_from(&message);
        }
        record.status_msg = message;
        record.version = Some(version(response.version));
        record.resp_content_type.clone_from(&record.resp_mime_type);
        record.location = response.location.map(kept_uri);
        if response.server.is_some() {
            record.server = response.server.map(kept);
        }
        record.filename = response.content_disposition.and_then(file_name);
    }

    /// Leaves out texts for which there is no room, `before` of whose bytes were there before.
    fn fit(&mut self, before: usize, room: &mut TextRoom) {
        if room.take(self.record.text_bytes().saturating_sub(before)) {
            return;
        }
        let record = &*self.record;
        let borrowed = |text: &Option<Cow<'static, str>>| {
            text.clone().filter(|text| matches!(text, Cow::Borrowed(_)))
        };
        *self.record = HttpRecord {
            ts: record.ts,
            trans_depth: record.trans_depth,
            method: borrowed(&record.method),
            version: borrowed(&record.version),
            request_version: borrowed(&record.request_version),
            orig_mime_type: borrowed(&record.orig_mime_type),
            resp_mime_type: borrowed(&record.resp_mime_type),
            resp_content_type: borrowed(&record.resp_content_type),
            status_code: record.status_code,
            info_code: record.info_code,
            request_body_len: record.request_body_len,
            sniffed: record.sniffed,
            ..HttpRecord::default()
        };
    }

    fn body(&mut self, of_request: bool, start: &[u8], details: bool) {
        if of_request && !details {
            return;
        }
        let plain = of_request || self.coding == Coding::None;
        let kind = if plain {
            sniff(start)
        } else {
            sniff(&unpacked(self.coding, start))
        };
        let record = &mut *self.record;
        record.sniffed[usize::from(!of_request)] = kind;
        let several = |declared: &str| starts_with_ignore_case(declared.as_bytes(), b"multipart/");
        if of_request
            && record.orig_mime_type.as_deref().is_some_and(several)
            && let Some((head, content)) = first_part(start)
        {
            let content = Some(content).filter(|content| !content.is_empty());
            record.sniffed[0] = content.and_then(sniff).or(kind);
            record.orig_filename = head.and_then(file_name);
        }
        let place = if of_request {
            &mut record.orig_mime_type
        } else {
            &mut record.resp_mime_type
        };
        // Plain text is what anything may look like: then the header knows better, where it
        // names a kind of text.
        let better = place.as_deref().is_some_and(|declared| {
            kind == Some("text/plain")
                && (starts_with_ignore_case(declared.as_bytes(), b"text/")
                    || declared == "application/javascript"
                    || declared == "application/x-www-form-urlencoded")
        });
        if let Some(kind) = kind.filter(|_| !better) {
            *place = Some(kind.into());
        }
    }

    fn heap_bytes(&self) -> usize {
        size_of::<HttpRecord>()
            + self.record.text_bytes()
            + self.record.proxied.capacity() * size_of::<Box<str>>()
            + self
                .unpackers
                .iter()
                .flatten()
                .map(|unpacker| size_of::<Unpacker>() + unpacker.heap_bytes())
                .sum::<usize>()
    }
}

impl Pairing {
    /// A part of an exchange; what is complete goes to `out`.
    pub(crate) fn exchange(
        &mut self,
        context: &Context,
        part: &Exchange<'_>,
        interest: Interest,
        out: &mut dyn FnMut(Box<HttpRecord>),
    ) {
        let details = interest.contains(Interest::DETAILS);
        let content = interest.contains(Interest::CONTENT);
        match part {
            Exchange::Request(number, request) => {
                // A connection that was upgraded counts anew.
                if let Some(at) = self.position(*number) {
                    out(self.waiting.remove(at).record);
                }
                let mut room = self.earn(request.packed);
                let waiting = self.add(Waiting::new(context, *number, false), out);
                waiting.request(request, details);
                if let Some(room) = &mut room {
                    waiting.fit(0, room);
                }
                if content {
                    waiting.unpackers[0] = Unpacker::new(Coding::of(request.headers)).map(Box::new);
                }
                self.room = room.unwrap_or(self.room);
            }
            Exchange::Response(number, response) => {
                let mut room = self.earn(response.packed);
                let waiting = self.get(context, *number, out);
                let before = room.map_or(0, |_| waiting.record.text_bytes());
                waiting.response(response, details);
                if let Some(room) = &mut room {
                    waiting.fit(before, room);
                }
                if content {
                    waiting.unpackers[1] = Unpacker::new(waiting.coding).map(Box::new);
                }
                self.room = room.unwrap_or(self.room);
            }
            Exchange::Body {
                number,
                of_request,
                start,
            } => {
                self.get(context, *number, out)
                    .body(*of_request, start, details);
            }
            Exchange::Content {
                number,
                of_request,
                data,
            } => {
                let at = self.position(*number);
                let waiting = at.and_then(|at| self.waiting.get_mut(at));
                if let Some(waiting) = waiting
                    && let Some(unpacker) = &mut waiting.unpackers[usize::from(!of_request)]
                {
                    unpacker.push(data, &mut self.bodies);
                }
            }
            Exchange::End {
                number,
                of_request,
                body_len,
                complete,
            } => {
                let Some(at) = self.position(*number) else {
                    return;
                };
                let Some(waiting) = self.waiting.get_mut(at) else {
                    return;
                };
                let unpacker = waiting.unpackers[usize::from(!of_request)].take();
                // Where nothing was unpacked, what was sent counts.
                let len = unpacker
                    .and_then(|unpacker| unpacker.len())
                    .filter(|len| *len > 0)
                    .unwrap_or(*body_len);
                if *of_request {
                    waiting.asked = true;
                    waiting.record.request_body_len = len;
                } else {
                    waiting.answered = true;
                    waiting.record.response_body_len = len;
                    waiting.record.response_encoded_len = *body_len;
                    waiting.record.complete = *complete;
                }
                if waiting.asked && waiting.answered {
                    out(self.waiting.remove(at).record);
                }
            }
            _ => {}
        }
    }

    /// The room for text with the head that comes, whose fields took so many bytes packed. Where they
    /// were sent as they are, there is no need to look.
    fn earn(&mut self, packed: Option<usize>) -> Option<TextRoom> {
        self.room.earn(packed?);
        Some(self.room)
    }

    fn position(&self, number: u32) -> Option<usize> {
        self.waiting
            .iter()
            .position(|waiting| waiting.number == number)
    }

    /// The exchange of this number; a response to a request that nobody saw begins one.
    fn get(
        &mut self,
        context: &Context,
        number: u32,
        out: &mut dyn FnMut(Box<HttpRecord>),
    ) -> &mut Waiting {
        match self.position(number) {
            Some(at) => &mut self.waiting[at],
            None => self.add(Waiting::new(context, number, true), out),
        }
    }

    fn add(&mut self, waiting: Waiting, out: &mut dyn FnMut(Box<HttpRecord>)) -> &mut Waiting {
        if self.waiting.len() >= WAITING_MAX {
            out(self.waiting.remove(0).record);
        }
        self.waiting.push(waiting);
        let last = self.waiting.len() - 1;
        &mut self.waiting[last]
    }

    /// The flow has ended: what waits goes out.
    pub(crate) fn finish(&mut self, out: &mut dyn FnMut(Box<HttpRecord>)) {
        for waiting in self.waiting.drain(..) {
            out(waiting.record);
        }
    }

    /// Whether nothing is held back.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let spilled = if self.waiting.spilled() {
            self.waiting.capacity()
        } else {
            0
        };
        spilled * size_of::<Waiting>() + self.waiting.iter().map(Waiting::heap_bytes).sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
