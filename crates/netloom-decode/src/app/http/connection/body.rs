//! Bodies of an HTTP/1 connection: their transfer coding, and where a message ends.

use super::{CHUNK_LINE_MAX, Connection, State, Taken};
use crate::app::http::{Exchange, inspect};
use crate::app::{Event, Events, Interest, text};

/// Most bytes of a body's start that are shown.
const START_MAX: usize = 1024;

impl Connection {
    pub(super) fn chunk_size(
        &mut self,
        request: bool,
        data: &[u8],
        events: &mut dyn Events,
    ) -> Taken {
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
    pub(super) fn body(&mut self, request: bool, data: &[u8], events: &mut dyn Events) {
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
    pub(super) fn end(&mut self, request: bool, complete: bool, events: &mut dyn Events) {
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
}

/// As much of `left` bytes as there is.
pub(super) fn clamp(left: u64, data: &[u8]) -> usize {
    left.min(data.len() as u64) as usize
}
