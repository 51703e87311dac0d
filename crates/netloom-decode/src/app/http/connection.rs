//! An HTTP/1 connection: messages framed, requests and responses numbered and paired.

use smallvec::SmallVec;

use super::head::{self, StartLine};
use super::{Exchange, ICECAST, Request, Response, inspect};
use crate::app::{
    Context, Detector, Event, Events, Interest, Next, Parser, Step, h2, text, websocket,
};

/// Most requests that wait for their responses; older ones are forgotten.
const PENDING_MAX: usize = 256;
/// Bytes in which a lost stream is searched for its next head.
const SEARCH_MAX: u64 = 1 << 20;
/// Most bytes of a body's start that are shown.
const START_MAX: usize = 1024;
/// Longest line of a chunk's size, its extensions included.
const CHUNK_LINE_MAX: usize = 4096;
/// Bytes of a head without its end that are remembered.
const PARTIAL_MAX: usize = 4096;

/// Where a direction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a message.
    Head,
    /// In a body of known length: so many bytes are to come.
    Length(u64),
    /// In a body that ends with the connection.
    UntilClose,
    /// At a chunk's size.
    ChunkSize,
    /// In a chunk.
    Chunk(u64),
    /// Behind a chunk's data.
    ChunkEnd,
    /// In the trailer section.
    Trailer,
    /// Somewhere after bytes that are lost; so many were searched.
    Lost(u64),
    /// The other side decides what this side's next bytes are (CONNECT, upgrades).
    Waiting,
}

/// One direction.
#[derive(Debug)]
struct Side {
    state: State,
    /// Bytes at the front that hold no end of a head.
    scanned: usize,
    /// Number of the message under way.
    number: u32,
    /// Whether a message is under way.
    open: bool,
    body_len: u64,
    /// Whether the body's start was shown.
    shown: bool,
    /// What the head said of the body.
    body: inspect::BodyHint,
    /// The start of a head that waits for its end: what is told if the end is lost.
    partial: Vec<u8>,
}

impl Side {
    const fn new() -> Self {
        Self {
            state: State::Head,
            scanned: 0,
            number: 0,
            open: false,
            body_len: 0,
            shown: false,
            body: inspect::BodyHint::NONE,
            partial: Vec::new(),
        }
    }

    /// Keeps the start of a head whose end has not come.
    fn remember(&mut self, data: &[u8]) {
        if self.partial.len() < PARTIAL_MAX {
            self.partial.clear();
            let start = data.get(..PARTIAL_MAX).unwrap_or(data);
            self.partial.extend_from_slice(start);
        }
    }
}

/// What a request means for its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Plain,
    /// The response has no body.
    Head,
    /// A tunnel.
    Connect,
    /// Version 0.9: the response has no head.
    Bare,
}

/// Reads an HTTP/1 connection.
#[derive(Debug)]
pub(super) struct Connection {
    requests: Side,
    responses: Side,
    /// Whether the flow's originator makes the requests; unknown before the first head.
    client_asks: Option<bool>,
    /// Whether the direction of the originator, of the responder began in the middle of a message.
    begun: [bool; 2],
    pending: SmallVec<[(u32, Asked); 2]>,
    next_request: u32,
    next_response: u32,
    inspector: inspect::Inspector,
}

/// What a step of a direction came to.
enum Taken {
    /// So many bytes, go on with what follows.
    Bytes(usize),
    /// More bytes are needed.
    Wait,
    /// So many bytes, and something else follows.
    End(usize, Next),
}

impl Connection {
    pub(super) fn new() -> Self {
        Self {
            requests: Side::new(),
            responses: Side::new(),
            client_asks: None,
            begun: [false; 2],
            pending: SmallVec::new(),
            next_request: 0,
            next_response: 0,
            inspector: inspect::Inspector::new(),
        }
    }

    /// Learns from the first bytes of a direction who makes the requests; what to do with them where
    /// they do not tell.
    fn learn(&mut self, from_client: bool, data: &[u8]) -> Option<Step> {
        match head::may_begin(data) {
            Some(true) => {}
            // The rest of a message that began before the capture.
            Some(false) => {
                self.begun[usize::from(!from_client)] = true;
                return Some(Step::consumed(data.len()));
            }
            None => return Some(Step::consumed(0)),
        }
        let asks = from_client != head::begins_response(data);
        self.client_asks = Some(asks);
        for (begun, of_client) in std::mem::take(&mut self.begun)
            .into_iter()
            .zip([true, false])
        {
            if begun {
                self.side(of_client == asks).state = State::Lost(0);
            }
        }
        None
    }

    fn side(&mut self, request: bool) -> &mut Side {
        if request {
            &mut self.requests
        } else {
            &mut self.responses
        }
    }

    /// Takes what can be taken at the front of `data`.
    fn step(
        &mut self,
        context: &Context,
        request: bool,
        data: &[u8],
        events: &mut dyn Events,
    ) -> Taken {
        match self.side(request).state {
            State::Head => self.head(context, request, data, events),
            State::Lost(searched) => self.search(request, searched, data, events),
            State::Waiting => Taken::Wait,
            State::Length(left) => {
                let count = clamp(left, data);
                self.body(request, data.get(..count).unwrap_or_default(), events);
                if count as u64 == left {
                    self.end(request, true, events);
                } else {
                    self.side(request).state = State::Length(left - count as u64);
                }
                Taken::Bytes(count)
            }
            State::UntilClose => {
                self.body(request, data, events);
                Taken::Bytes(data.len())
            }
            State::ChunkSize => self.chunk_size(request, data, events),
            State::Chunk(left) => {
                let count = clamp(left, data);
                self.body(request, data.get(..count).unwrap_or_default(), events);
                self.side(request).state = if count as u64 == left {
                    State::ChunkEnd
                } else {
                    State::Chunk(left - count as u64)
                };
                Taken::Bytes(count)
            }
            State::ChunkEnd => match data {
                [b'\r', b'\n', ..] => self.then(request, 2, State::ChunkSize),
                [b'\n', ..] => self.then(request, 1, State::ChunkSize),
                [b'\r'] => Taken::Wait,
                _ => self.lose(request, events),
            },
            State::Trailer => match text::line(data) {
                Some((b"", taken)) => {
                    self.end(request, true, events);
                    Taken::Bytes(taken)
                }
                Some((_, taken)) => Taken::Bytes(taken),
                None => Taken::Wait,
            },
        }
    }

    fn then(&mut self, request: bool, taken: usize, state: State) -> Taken {
        self.side(request).state = state;
        Taken::Bytes(taken)
    }

    /// The place in the stream is lost.
    fn lose(&mut self, request: bool, events: &mut dyn Events) -> Taken {
        self.end(request, false, events);
        self.then(request, 0, State::Lost(0))
    }

    fn chunk_size(&mut self, request: bool, data: &[u8], events: &mut dyn Events) -> Taken {
        let Some((line, taken)) = text::line(data) else {
            return if data.len() > CHUNK_LINE_MAX {
                self.lose(request, events)
            } else {
                Taken::Wait
            };
        };
        let size = line
            .split(|&byte| byte == b';')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        let valid = !size.is_empty() && size.len() <= 16 && size.iter().all(u8::is_ascii_hexdigit);
        if !valid {
            return self.lose(request, events);
        }
        let size = size.iter().fold(0_u64, |sum, &byte| {
            sum << 4 | u64::from((byte as char).to_digit(16).unwrap_or(0))
        });
        let state = if size == 0 {
            State::Trailer
        } else {
            State::Chunk(size)
        };
        self.then(request, taken, state)
    }

    /// Bytes of a body, transfer coding taken off.
    fn body(&mut self, request: bool, data: &[u8], events: &mut dyn Events) {
        let side = self.side(request);
        side.body_len = side.body_len.saturating_add(data.len() as u64);
        let (number, hint) = (side.number, side.body);
        let first = !data.is_empty() && !std::mem::replace(&mut side.shown, true);
        if !data.is_empty() && events.wants(Interest::CONTENT) {
            events.event(Event::Http(Exchange::Content {
                number,
                of_request: request,
                data,
            }));
        }
        if !first {
            return;
        }
        let start = data.get(..START_MAX).unwrap_or(data);
        events.event(Event::Http(Exchange::Body {
            number,
            of_request: request,
            start,
        }));
        inspect::body(request, hint, start, events);
    }

    /// The message of a direction is over.
    fn end(&mut self, request: bool, complete: bool, events: &mut dyn Events) {
        let side = self.side(request);
        let (number, body_len, open) = (side.number, side.body_len, side.open);
        side.open = false;
        side.state = State::Head;
        side.scanned = 0;
        if !open {
            return;
        }
        events.event(Event::Http(Exchange::End {
            number,
            of_request: request,
            body_len,
            complete,
        }));
        if !request {
            self.next_response = number.saturating_add(1);
            // A response that nobody was seen to ask for counts as an exchange.
            self.next_request = self.next_request.max(self.next_response);
        }
    }

    /// Looks for the next head in a stream that was cut.
    fn search(
        &mut self,
        request: bool,
        searched: u64,
        data: &[u8],
        events: &mut dyn Events,
    ) -> Taken {
        let mut at = 0;
        while let Some((line, taken)) = data.get(at..).and_then(text::line) {
            if head::sure_start_line(line, request) {
                self.end(request, false, events);
                if !request {
                    // Which request it answers cannot be known: the newest, most likely.
                    self.next_response =
                        self.next_response.max(self.next_request.saturating_sub(1));
                }
                return self.then(request, at, State::Head);
            }
            at += taken;
        }
        // A last line without its end may be the start of a head, if it is short.
        let rest = data.len() - at;
        let taken = if rest > CHUNK_LINE_MAX {
            data.len()
        } else {
            at
        };
        let searched = searched.saturating_add(taken as u64);
        if searched > SEARCH_MAX {
            return Taken::End(taken, Next::Quiet);
        }
        self.side(request).state = State::Lost(searched);
        if taken == 0 {
            Taken::Wait
        } else {
            Taken::Bytes(taken)
        }
    }

    fn head(
        &mut self,
        context: &Context,
        request: bool,
        data: &[u8],
        events: &mut dyn Events,
    ) -> Taken {
        // Empty lines before a start line are passed over (RFC 9112, section 2.2).
        match data {
            [b'\r', b'\n', ..] => return Taken::Bytes(2),
            [b'\n', ..] => return Taken::Bytes(1),
            _ => {}
        }
        if !request && self.asked(self.next_response) == Asked::Bare {
            // The answer to a request without a version is a body (RFC 1945, section 6), even
            // where it begins with what looks like a head.
            return self.bare_response(events);
        }
        let Some((line, line_len)) = text::line(data) else {
            self.side(request).remember(data);
            return Taken::Wait;
        };
        let start = if request {
            head::request_line(line)
        } else {
            head::status_line(line)
        };
        let Some(start) = start else {
            return self.lose(request, events);
        };
        if let StartLine::Request {
            version: b"0.9", ..
        } = start
        {
            // Such a request has no header, though some send one.
            let rest = data.get(line_len..).unwrap_or_default();
            let (fields, taken) = match head::end_of_head(data, 0) {
                Some(end) if has_field(rest) => {
                    let fields = head::fields(data.get(line_len..end).unwrap_or_default());
                    (fields, end)
                }
                _ => (head::Fields::new(), line_len),
            };
            self.request(context, start, &fields, events);
            return Taken::Bytes(taken);
        }
        let scanned = self.side(request).scanned;
        let Some(end) = head::end_of_head(data, scanned) else {
            let side = self.side(request);
            side.scanned = data.len();
            side.remember(data);
            return Taken::Wait;
        };
        self.side(request).partial = Vec::new();
        let fields = head::fields(data.get(line_len..end).unwrap_or_default());
        let next = match start {
            StartLine::Request { .. } => {
                self.request(context, start, &fields, events);
                Next::Continue
            }
            StartLine::Response {
                version,
                status,
                reason,
            } => self.response(version, status, reason, &fields, events),
        };
        match next {
            Next::Continue => Taken::Bytes(end),
            next => Taken::End(end, next),
        }
    }

    /// Tells of a head whose end does not come.
    fn tell_partial(&mut self, context: &Context, request: bool, events: &mut dyn Events) {
        let side = self.side(request);
        let data = std::mem::take(&mut side.partial);
        if side.state != State::Head || data.is_empty() {
            return;
        }
        if !request && self.asked(self.next_response) == Asked::Bare {
            self.bare_response(events);
            self.body(false, &data, events);
            return;
        }
        let Some((line, taken)) = text::line(&data) else {
            if request {
                self.tell_bare(context, &data, events);
            }
            return;
        };
        let fields = head::fields(data.get(taken..).unwrap_or_default());
        match head::start_line(line) {
            Some(start @ StartLine::Request { .. }) if request => {
                self.request(context, start, &fields, events);
            }
            Some(StartLine::Response {
                version,
                status,
                reason,
            }) if !request => {
                // What would follow is lost with the rest.
                let _ = self.response(version, status, reason, &fields, events);
            }
            _ => return,
        }
        self.end(request, false, events);
    }

    /// Tells of a request of version 0.9 whose line never ended, if it was answered as such.
    fn tell_bare(&mut self, context: &Context, line: &[u8], events: &mut dyn Events) {
        let answer = &self.responses;
        let bare = answer.state == State::Head
            && !answer.partial.is_empty()
            && !is_prefix(&answer.partial, b"HTTP/");
        if let Some(
            start @ StartLine::Request {
                version: b"0.9", ..
            },
        ) = head::request_line(line)
            && bare
        {
            self.request(context, start, &[], events);
        }
    }

    fn request(
        &mut self,
        context: &Context,
        start: StartLine<'_>,
        fields: &[(&[u8], &[u8])],
        events: &mut dyn Events,
    ) {
        let StartLine::Request {
            method,
            uri,
            version,
        } = start
        else {
            return;
        };
        let number = self.next_request;
        self.next_request = number.saturating_add(1);
        let connect = method == b"CONNECT";
        let request = Request::read(method, uri, version, fields);
        let asked = match method {
            // Whatever the method: such an answer has no head.
            _ if version == b"0.9" => Asked::Bare,
            b"CONNECT" => Asked::Connect,
            b"HEAD" => Asked::Head,
            _ => Asked::Plain,
        };
        if self.pending.len() >= PENDING_MAX {
            self.pending.remove(0);
        }
        self.pending.push((number, asked));
        let chunked = is_chunked(fields);
        let upgrade = head::find(fields, b"upgrade").is_some();
        let side = &mut self.requests;
        *side = Side {
            number,
            open: true,
            body: inspect::BodyHint::of_request(&request),
            ..Side::new()
        };
        side.state = if connect {
            State::Waiting
        } else if chunked {
            State::ChunkSize
        } else {
            match request.content_length {
                Some(length @ 1..) => State::Length(length),
                _ => State::Head,
            }
        };
        self.inspector.request(context, &request, events);
        events.event(Event::Http(Exchange::Request(number, request)));
        if matches!(self.requests.state, State::Head | State::Waiting) {
            let waits = connect || upgrade;
            self.end(true, true, events);
            if waits {
                self.requests.state = State::Waiting;
            }
        }
    }

    /// What the request of this number asked for.
    fn asked(&self, number: u32) -> Asked {
        self.pending
            .iter()
            .find(|(known, _)| *known == number)
            .map_or(Asked::Plain, |&(_, asked)| asked)
    }

    /// A response of version 0.9: a body and nothing else.
    fn bare_response(&mut self, events: &mut dyn Events) -> Taken {
        let number = self.next_response;
        let response = Response {
            version: b"0.9",
            ..Response::default()
        };
        self.responses = Side {
            number,
            open: true,
            state: State::UntilClose,
            ..Side::new()
        };
        self.inspector.response(&response, events);
        events.event(Event::Http(Exchange::Response(number, response)));
        Taken::Bytes(0)
    }

    fn response(
        &mut self,
        version: &[u8],
        status: u16,
        reason: &[u8],
        fields: &[(&[u8], &[u8])],
        events: &mut dyn Events,
    ) -> Next {
        let number = self.next_response;
        let asked = self.asked(number);
        let response = Response::read(status, reason, version, fields);
        self.responses.scanned = 0;
        if version == b"ICY" || fields.iter().any(|(name, _)| is_prefix(name, b"icy-")) {
            events.event(Event::Service(&ICECAST));
        }
        self.inspector.response(&response, events);
        events.event(Event::Http(Exchange::Response(number, response)));
        let informational = (100..200).contains(&status) && status != 101;
        if informational {
            // The answer proper follows.
            return Next::Continue;
        }
        // Numbers ascend.
        self.pending.retain(|(known, _)| *known > number);
        self.responses = Side {
            number,
            open: true,
            body: inspect::BodyHint::of_response(&response),
            ..Side::new()
        };
        if status == 101 {
            self.end(false, true, events);
            return match upgraded(fields) {
                Some(detector) => {
                    events.event(Event::Service(detector.protocol));
                    Next::Become(Some(detector))
                }
                None => Next::Become(None),
            };
        }
        if asked == Asked::Connect && (200..300).contains(&status) {
            self.end(false, true, events);
            return Next::Become(None);
        }
        if self.requests.state == State::Waiting {
            self.requests.state = State::Head;
        }
        let state = if asked == Asked::Head || matches!(status, 204 | 304) {
            State::Head
        } else if is_chunked(fields) {
            State::ChunkSize
        } else {
            match response.content_length {
                Some(0) => State::Head,
                Some(length) => State::Length(length),
                None => State::UntilClose,
            }
        };
        self.responses.state = state;
        if state == State::Head {
            self.end(false, true, events);
        }
        Next::Continue
    }
}

impl Parser for Connection {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if self.client_asks.is_none()
            && let Some(step) = self.learn(context.from_client, data)
        {
            return step;
        }
        let request = self.client_asks == Some(context.from_client);
        let mut consumed = 0;
        loop {
            let rest = data.get(consumed..).unwrap_or_default();
            if rest.is_empty() {
                return Step::consumed(consumed);
            }
            match self.step(context, request, rest, events) {
                Taken::Bytes(count) => consumed += count.min(rest.len()),
                Taken::Wait => return Step::consumed(consumed),
                Taken::End(count, next) => {
                    return Step::then(consumed + count.min(rest.len()), next);
                }
            }
        }
    }

    fn gap(&mut self, context: &Context, missing: u64, events: &mut dyn Events) -> Next {
        let Some(asks) = self.client_asks else {
            return Next::Continue;
        };
        let request = asks == context.from_client;
        self.tell_partial(context, request, events);
        let side = self.side(request);
        match side.state {
            State::Length(left) if left > missing => side.state = State::Length(left - missing),
            State::Length(left) if left == missing => {
                side.state = State::Head;
                self.end(request, false, events);
            }
            State::Chunk(left) if left > missing => side.state = State::Chunk(left - missing),
            State::Chunk(left) if left == missing => side.state = State::ChunkEnd,
            State::UntilClose => {}
            _ => {
                side.scanned = 0;
                self.lose(request, events);
            }
        }
        Next::Continue
    }

    fn finish(&mut self, context: &Context, events: &mut dyn Events) {
        self.tell_partial(context, true, events);
        self.tell_partial(context, false, events);
        let until_close = self.responses.open && self.responses.state == State::UntilClose;
        self.end(true, false, events);
        self.end(false, until_close, events);
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
            + if self.pending.spilled() {
                self.pending.capacity() * size_of::<(u32, Asked)>()
            } else {
                0
            }
            + self.requests.partial.capacity()
            + self.responses.partial.capacity()
    }
}

/// As much of `left` bytes as there is.
fn clamp(left: u64, data: &[u8]) -> usize {
    left.min(data.len() as u64) as usize
}

/// Whether either is the start of the other.
fn is_prefix(data: &[u8], word: &[u8]) -> bool {
    let shorter = data.len().min(word.len());
    data.get(..shorter) == word.get(..shorter)
}

/// Whether there is a header field among the lines up to an empty one.
fn has_field(mut data: &[u8]) -> bool {
    while let Some((line, taken)) = text::line(data).filter(|(line, _)| !line.is_empty()) {
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
        if name.len() < line.len() && !name.is_empty() && !name.contains(&b' ') {
            return true;
        }
        data = data.get(taken..).unwrap_or_default();
    }
    false
}

/// Whether the last transfer coding is `chunked`.
fn is_chunked(fields: &[(&[u8], &[u8])]) -> bool {
    fields.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case(b"transfer-encoding") && head::lists(value, b"chunked")
    })
}

/// Which protocol a connection was upgraded to.
fn upgraded(fields: &[(&[u8], &[u8])]) -> Option<&'static Detector> {
    let upgrade = head::find(fields, b"upgrade")?;
    if head::lists(upgrade, b"websocket") {
        Some(&websocket::DETECTOR)
    } else if head::lists(upgrade, b"h2c") {
        Some(&h2::DETECTOR)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::has_field;

    #[test]
    fn fields_before_the_empty_line() {
        assert!(has_field(b"Host: a\r\n\r\n"));
        assert!(has_field(b"Fake\r\nHost: a\r\n\r\n"));
        assert!(!has_field(b"Fake\r\n\r\nHost: a\r\n"));
        assert!(!has_field(b"not a: field\r\n\r\n"));
        assert!(!has_field(b""));
    }
}
