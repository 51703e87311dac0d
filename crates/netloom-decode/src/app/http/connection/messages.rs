//! Heads of an HTTP/1 connection: requests, the responses to them, and what is left of those whose
//! end does not come.

use super::{Asked, Connection, PENDING_MAX, Side, State, Taken};
use crate::app::http::head::{self, StartLine};
use crate::app::http::{Exchange, ICECAST, Request, Response, inspect};
use crate::app::{Context, Detector, Event, Events, Next, h2, text, websocket};

impl Connection {
    pub(super) fn head(
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
        let rest = data.get(line_len..).unwrap_or_default();
        let mut fields = head::Fields::new();
        if let StartLine::Request {
            version: b"0.9", ..
        } = start
        {
            // Such a request has no header, though some send one.
            let taken = if has_field(rest) {
                head::fields(rest, &mut fields)
            } else {
                None
            };
            if taken.is_none() {
                fields.clear();
            }
            self.request(context, start, &fields, events);
            return Taken::Bytes(line_len + taken.unwrap_or(0));
        }
        // Most heads come whole, and are read at once. One that does not is read when its end is
        // there, however many pieces it takes.
        let scanned = self.side(request).scanned;
        let waits = scanned > 0 && head::end_of_head(data, scanned).is_none();
        let taken = if waits {
            None
        } else {
            head::fields(rest, &mut fields)
        };
        let Some(taken) = taken else {
            let side = self.side(request);
            side.scanned = data.len();
            side.remember(data);
            return Taken::Wait;
        };
        let end = line_len + taken;
        self.side(request).partial = Vec::new();
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
    pub(super) fn tell_partial(
        &mut self,
        context: &Context,
        request: bool,
        events: &mut dyn Events,
    ) {
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
        let mut fields = head::Fields::new();
        // As many as there are, to an end or without one.
        let _ = head::fields(data.get(taken..).unwrap_or_default(), &mut fields);
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
        let is_icy = |name: &[u8]| name.starts_with(b"i") && is_prefix(name, b"icy-");
        if version == b"ICY" || fields.iter().any(|(name, _)| is_icy(name)) {
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
