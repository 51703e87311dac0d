//! An HTTP/1 connection: messages framed, requests and responses numbered and paired.

mod body;
mod messages;

use smallvec::SmallVec;

use body::clamp;

use super::head;
use super::inspect;
use crate::app::{Context, Events, Next, Parser, Step, text};

/// Most requests that wait for their responses; older ones are forgotten.
const PENDING_MAX: usize = 256;
/// Bytes in which a lost stream is searched for its next head.
const SEARCH_MAX: u64 = 1 << 20;
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
        // What is lost of a body counts in its length, where that was said: so long it was.
        if let State::Length(left) | State::Chunk(left) = side.state
            && left >= missing
            && side.body_len > 0
        {
            side.body_len = side.body_len.saturating_add(missing);
        }
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
