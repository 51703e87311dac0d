//! What a flow's payload says: recognition, reassembly, parsers, and rows.
//!
//! A flow with payload gets an `AppFlow`. It asks the detectors of `netloom-decode::app` until
//! one is certain, then gives that protocol's parser the streams in order (or the datagrams),
//! until the parser has seen enough; from there on a packet costs a comparison. What parsers
//! say becomes [`AppInfo`], which ends up in the flow's record, and [`AppRecord`]s.

mod content;
mod detect;
pub(crate) mod dns;
mod drive;
pub(crate) mod http;
mod info;
mod payload;
mod record;
mod sink;
mod stream;
pub(crate) mod tls;

use netloom_decode::app::{Context, Interest, Next, Parser, Probe, Protocol};

use self::detect::{Detecting, Verdict};
use self::sink::Told;
use self::stream::Half;
pub(crate) use self::stream::StreamStart;

pub(crate) use self::drive::Applications;
pub(crate) use self::payload::Payload;

pub use self::dns::DnsRecord;
pub use self::http::HttpRecord;
pub use self::info::{AppInfo, Confidence};
pub use self::record::{AppRecord, AppRow, DeviceRecord, FieldValue, MessageRecord, RowOrigin};
pub use self::tls::{CertificateRecord, QuicRecord, TlsRecord};

/// Times a flow may be recognised anew after a parser gave up.
const RETRIES_MAX: u8 = 3;
/// Times a flow may change its protocol.
const CHANGES_MAX: u8 = 4;

/// What is wanted of payloads, and where a flow's rows go.
pub(crate) struct Wish<'a> {
    pub(crate) interest: Interest,
    pub(crate) rows: &'a mut Vec<AppRow>,
}

/// A TCP segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TcpData<'a> {
    /// Sequence number of `payload`'s first byte, or of the SYN.
    pub(crate) seq: u32,
    pub(crate) ack: Option<u32>,
    pub(crate) syn: bool,
    pub(crate) payload: &'a [u8],
    /// Bytes of payload on the wire.
    pub(crate) wire_len: u32,
}

/// State that turns events into rows.
#[derive(Debug, Default)]
pub(crate) struct Trackers {
    pub(crate) dns: dns::Pairing,
    pub(crate) tls: tls::Tracker,
    pub(crate) http: http::Pairing,
}

impl Trackers {
    /// Whether nothing is held back.
    fn is_empty(&self) -> bool {
        self.dns.is_empty() && self.tls.is_empty() && self.http.is_empty()
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.dns.heap_bytes() + self.tls.heap_bytes() + self.http.heap_bytes()
    }
}

/// How far a flow is.
#[derive(Debug)]
enum Phase {
    /// With what was asked, once that did not tell.
    Detecting(Option<Box<Detecting>>),
    Parsing(Box<dyn Parser>, &'static netloom_decode::app::Detector),
    Over,
}

/// A flow whose payload is looked at.
#[derive(Debug)]
pub(crate) struct AppFlow {
    phase: Phase,
    told: Told,
    /// TCP: client's and server's stream.
    halves: Option<Box<[Half; 2]>>,
    retries: u8,
    changes: u8,
    /// TCP: whether the server's bytes came first.
    server_first: Option<bool>,
    /// TCP: the direction that has not spoken yet, where the other one told nothing.
    awaited: Option<usize>,
}

impl Default for AppFlow {
    fn default() -> Self {
        Self {
            phase: Phase::Detecting(None),
            told: Told::default(),
            halves: None,
            retries: 0,
            changes: 0,
            server_first: None,
            awaited: None,
        }
    }
}

impl AppFlow {
    /// A flow whose packets say by a number what they carry: nothing further is learned.
    pub(crate) fn told(service: &'static Protocol) -> Self {
        let mut flow = Self::default();
        let info = flow.told.info.get_or_insert_default();
        info.service = Some(service);
        info.confidence = Some(Confidence::Content);
        flow.told.news = true;
        flow.phase = Phase::Over;
        flow
    }

    /// Whether nothing further can be learned.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// The originator turned out to be the other side.
    pub(crate) fn flip(&mut self) {
        if let Some(halves) = &mut self.halves {
            halves.swap(0, 1);
        }
        self.server_first = self.server_first.map(|first| !first);
        self.awaited = self.awaited.map(|direction| 1 - direction);
    }

    /// A datagram.
    pub(crate) fn datagram(&mut self, context: &Context, payload: &[u8], wish: &mut Wish<'_>) {
        if let Phase::Detecting(known) = &mut self.phase {
            // Most flows are told by their first packet: nothing is kept for that.
            let mut first = Detecting::new();
            let detecting = known.as_deref_mut().unwrap_or(&mut first);
            detecting.packets += 1;
            let direction = usize::from(!context.from_client);
            let kept = std::mem::take(&mut detecting.kept);
            let probe = Probe {
                data: payload,
                other: &kept[1 - direction],
                previous: &kept[direction],
                wire_len: context.wire_len,
                tcp: false,
                from_client: context.from_client,
                from_start: true,
                packets: detecting.packets,
                client: context.client,
                server: context.server,
            };
            match detecting.ask(&probe) {
                Verdict::Is(detector) => self.take(detector),
                Verdict::NotYet => {
                    detecting.kept = kept;
                    let start = payload.get(..Probe::KEPT).unwrap_or(payload);
                    detecting.kept[direction].clear();
                    detecting.kept[direction].extend_from_slice(start);
                    known.get_or_insert_with(|| Box::new(first));
                    return;
                }
                Verdict::Unknown => self.phase = Phase::Over,
            }
        }
        let Phase::Parsing(parser, detector) = &mut self.phase else {
            return;
        };
        let detector = *detector;
        let mut sink = self.told.sink(context, wish);
        match parser.datagram(context, payload, &mut sink) {
            Next::Continue | Next::Skip(_) | Next::Quiet => {}
            Next::Done => self.phase = Phase::Over,
            Next::NotThis => {
                self.give_up(detector);
                // What it was not is the first of what it is.
                if !self.is_over() {
                    self.datagram(context, payload, wish);
                }
            }
            Next::Become(next) => {
                self.change(next);
                // What made the parser change is the first of the next one.
                if !self.is_over() {
                    self.datagram(context, payload, wish);
                }
            }
        }
    }

    /// A TCP segment.
    pub(crate) fn segment(
        &mut self,
        context: &Context,
        starts: [StreamStart; 2],
        data: &TcpData<'_>,
        wish: &mut Wish<'_>,
    ) {
        let direction = usize::from(!context.from_client);
        let mut halves = self.halves.take().unwrap_or_default();
        if !data.payload.is_empty() && self.server_first.is_none() {
            self.server_first = Some(direction == 1);
        }
        if !data.payload.is_empty() && self.awaited == Some(direction) {
            // The other side's answer begins where it is acknowledged.
            self.awaited = None;
            self.server_first = Some(direction == 1);
            if let Some(ack) = data.ack {
                halves[1 - direction] = Half::from_sequence(ack);
            }
        }
        let half = &mut halves[direction];
        let mut fresh = false;
        if !data.payload.is_empty() && !half.is_quiet() {
            half.assemble(starts[direction], data, |half, delivered| {
                fresh = true;
                self.deliver(context, half, delivered, wish);
            });
        }
        // What the other side acknowledged will not come again.
        if let Some(ack) = data.ack {
            let other = &mut halves[1 - direction];
            if other.lacks(ack) {
                let mut context = *context;
                context.from_client = !context.from_client;
                other.skip_to(ack, |half, delivered| {
                    fresh = true;
                    self.deliver(&context, half, delivered, wish);
                });
            }
        }
        if fresh && matches!(self.phase, Phase::Detecting(_)) {
            self.detect(context, &mut halves, wish);
        }
        if !self.is_over() {
            self.halves = Some(halves);
        }
    }

    /// Asks what the streams so far are, and on success gives them to the parser.
    fn detect(&mut self, context: &Context, halves: &mut [Half; 2], wish: &mut Wish<'_>) {
        while let Phase::Detecting(known) = &mut self.phase {
            let mut first = Detecting::new();
            let detecting = known.as_deref_mut().unwrap_or(&mut first);
            detecting.packets += 1;
            let direction = usize::from(!context.from_client);
            let mut verdict = Verdict::NotYet;
            // The direction that brought news is asked about, then the other: its probe may
            // have waited for this.
            for (direction, from_client) in [
                (direction, context.from_client),
                (1 - direction, !context.from_client),
            ] {
                let data = halves[direction].held();
                if data.is_empty() {
                    continue;
                }
                let data = data.get(..Probe::MAX).unwrap_or(data);
                let other = halves[1 - direction].held();
                verdict = detecting.ask(&Probe {
                    data,
                    other: other.get(..Probe::MAX).unwrap_or(other),
                    previous: &[],
                    wire_len: data.len(),
                    tcp: true,
                    from_client,
                    from_start: halves[direction].starts_at_syn(),
                    packets: detecting.packets,
                    client: context.client,
                    server: context.server,
                });
                if !matches!(verdict, Verdict::NotYet) {
                    break;
                }
            }
            match verdict {
                Verdict::Is(detector) => self.take(detector),
                Verdict::NotYet if halves.iter().all(|half| half.held().len() < Probe::MAX) => {
                    known.get_or_insert_with(|| Box::new(first));
                    return;
                }
                Verdict::NotYet | Verdict::Unknown => {
                    if self.await_other(halves) {
                        return;
                    }
                    self.phase = Phase::Over;
                }
            }
            self.feed_held(context, halves, wish);
            // A parser may have given up: then what is left is asked about again.
        }
    }

    /// One side has told nothing. Where the capture begins in the middle of what it says, the other
    /// one may still tell: the next request on a connection whose download began before. Until it
    /// speaks, packets cost no more than those of a flow that is over.
    fn await_other(&mut self, halves: &mut [Half; 2]) -> bool {
        let (spoken, silent) = match halves {
            [client, server] if server.is_silent() => (client, 1),
            [client, server] if client.is_silent() => (server, 0),
            _ => return false,
        };
        if spoken.starts_at_syn() || spoken.is_quiet() || self.changes > 0 || self.retries > 0 {
            return false;
        }
        *spoken = Half::unheard();
        self.awaited = Some(silent);
        self.phase = Phase::Detecting(None);
        true
    }

    /// Gives a new parser what both directions have said.
    fn feed_held(&mut self, context: &Context, halves: &mut [Half; 2], wish: &mut Wish<'_>) {
        let order = if self.server_first == Some(true) {
            [1, 0]
        } else {
            [0, 1]
        };
        for direction in order {
            let mut context = *context;
            context.from_client = direction == 0;
            let half = &mut halves[direction];
            self.feed(&context, half, &[], wish);
            if let Some((missing, beyond)) = half.take_hole() {
                self.gap(&context, half, missing, wish);
                self.feed(&context, half, &beyond, wish);
            }
        }
    }

    /// What the assembler gives: bytes in order, or a hole.
    fn deliver(
        &mut self,
        context: &Context,
        half: &mut Half,
        delivered: crate::tcp::Delivered<'_>,
        wish: &mut Wish<'_>,
    ) {
        match delivered {
            crate::tcp::Delivered::Data(bytes) => match &self.phase {
                Phase::Detecting(_) => half.hold(bytes),
                Phase::Parsing(..) => self.feed(context, half, bytes, wish),
                Phase::Over => {}
            },
            crate::tcp::Delivered::Gap(missing) => {
                let left = half.pass_over(missing);
                if left > 0 {
                    self.gap(context, half, left, wish);
                }
            }
        }
    }

    /// Bytes are missing.
    fn gap(&mut self, context: &Context, half: &mut Half, missing: u64, wish: &mut Wish<'_>) {
        let Phase::Parsing(parser, detector) = &mut self.phase else {
            // What is held may be enough to know the protocol.
            half.note_hole(missing);
            return;
        };
        half.drop_held();
        let detector = *detector;
        let mut sink = self.told.sink(context, wish);
        let next = parser.gap(context, missing, &mut sink);
        self.follow(next, half, detector);
    }

    /// Gives a parser what is held of a stream and what is new.
    fn feed(&mut self, context: &Context, half: &mut Half, bytes: &[u8], wish: &mut Wish<'_>) {
        let mut held = half.take_held();
        // Where nothing waits, nothing is copied.
        let from_held = !held.is_empty();
        if from_held {
            held.extend_from_slice(bytes);
        }
        let data: &[u8] = if from_held { &held } else { bytes };
        let mut at = 0;
        loop {
            let skipped = half.pass_over((data.len() - at) as u64);
            at = data.len() - skipped as usize;
            let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) else {
                break;
            };
            let Phase::Parsing(parser, detector) = &mut self.phase else {
                break;
            };
            if half.is_quiet() {
                break;
            }
            let detector = *detector;
            let mut sink = self.told.sink(context, wish);
            let step = parser.stream(context, rest, &mut sink);
            let consumed = step.consumed.min(rest.len());
            at += consumed;
            self.follow(step.next, half, detector);
            let waits = matches!(step.next, Next::Continue | Next::Skip(0)) && consumed == 0;
            if waits {
                break;
            }
        }
        let rest = data.get(at..).unwrap_or_default();
        if self.is_over() || half.is_quiet() || rest.is_empty() {
            return;
        }
        if rest.len() > netloom_decode::app::STREAM_MAX {
            let missing = rest.len() as u64;
            self.gap(context, half, missing, wish);
        } else if from_held {
            held.drain(..at);
            half.put_held(held);
        } else {
            half.hold(rest);
        }
    }

    /// Does what a parser wants.
    fn follow(
        &mut self,
        next: Next,
        half: &mut Half,
        detector: &'static netloom_decode::app::Detector,
    ) {
        match next {
            Next::Continue => {}
            Next::Skip(count) => half.skip(count),
            Next::Quiet => half.silence(),
            Next::Done => self.phase = Phase::Over,
            Next::NotThis => self.give_up(detector),
            Next::Become(next) => self.change(next),
        }
    }

    /// A detector was certain (or as sure as it gets).
    fn take(&mut self, detector: &'static netloom_decode::app::Detector) {
        let info = self.told.info.get_or_insert_default();
        if self.changes == 0 {
            info.service = Some(detector.protocol);
            info.confidence = Some(Confidence::Content);
        } else {
            self.told.spoken = Some(detector.protocol);
            if info.service != Some(detector.protocol) {
                info.carry(detector.protocol, false);
            }
        }
        self.told.news = true;
        self.phase = match detector.parser {
            Some(parser) => Phase::Parsing(parser(), detector),
            None => Phase::Over,
        };
    }

    /// A parser says that it was wrong.
    fn give_up(&mut self, detector: &'static netloom_decode::app::Detector) {
        if self.changes == 0
            && let Some(info) = &mut self.told.info
            && info.service == Some(detector.protocol)
        {
            info.service = None;
            info.confidence = None;
        }
        self.retries += 1;
        self.phase = if self.retries > RETRIES_MAX {
            Phase::Over
        } else {
            let mut detecting = Box::new(Detecting::new());
            detecting.exclude(detector);
            Phase::Detecting(Some(detecting))
        };
    }

    /// The flow goes on in another protocol.
    fn change(&mut self, next: Option<&'static netloom_decode::app::Detector>) {
        self.changes += 1;
        if self.changes > CHANGES_MAX {
            self.phase = Phase::Over;
            return;
        }
        match next {
            Some(detector) => self.take(detector),
            None => self.phase = Phase::Detecting(None),
        }
    }

    /// The flow has ended.
    pub(crate) fn finish(&mut self, context: &Context, wish: &mut Wish<'_>) {
        let mut halves = self.halves.take();
        if let Some(halves) = &mut halves {
            for (direction, half) in halves.iter_mut().enumerate() {
                let mut context = *context;
                context.from_client = direction == 0;
                half.finish(|half, delivered| self.deliver(&context, half, delivered, wish));
            }
            self.detect(context, halves, wish);
        }
        if let Phase::Detecting(Some(detecting)) = &self.phase
            && self
                .told
                .info
                .as_ref()
                .is_none_or(|info| info.service.is_none())
            && let Some(detector) = detecting.at_end(context.server.1)
        {
            self.take(detector);
            let info = self.told.info.get_or_insert_default();
            info.service = Some(detector.protocol);
            info.confidence = Some(Confidence::Content);
            if let Some(halves) = &mut halves {
                self.feed_held(context, halves, wish);
            }
        }
        if let Phase::Parsing(parser, _) = &mut self.phase {
            let mut sink = self.told.sink(context, wish);
            parser.finish(context, &mut sink);
        }
        if let Some(mut trackers) = self.told.trackers.take() {
            let rows = &mut *wish.rows;
            let interest = wish.interest;
            trackers
                .dns
                .finish(&mut |record| rows.push(AppRow::Dns(record)));
            trackers.tls.finish(&mut |record| {
                if interest.contains(Interest::TLS) {
                    rows.push(AppRow::Tls(record));
                }
            });
            trackers
                .http
                .finish(&mut |record| rows.push(AppRow::Http(record)));
        }
        self.phase = Phase::Over;
    }

    /// What was learned.
    pub(crate) fn into_info(self) -> Option<Box<AppInfo>> {
        self.told.info
    }

    /// What the flow keeps of it: once all is said, no more than what was learned.
    pub(crate) fn kept(mut self: Box<Self>) -> Payload {
        let told = self.told.settle();
        if self.is_over() && self.told.trackers.is_none() {
            return Payload::Over {
                info: self.told.info,
                heap: told,
            };
        }
        let heap = told as usize
            + size_of::<Self>()
            + match &self.phase {
                Phase::Detecting(detecting) => {
                    detecting.as_ref().map_or(0, |known| known.heap_bytes())
                }
                Phase::Parsing(parser, _) => parser.heap_bytes(),
                Phase::Over => 0,
            }
            + self.halves.as_ref().map_or(0, |halves| {
                halves.iter().map(Half::heap_bytes).sum::<usize>() + size_of::<[Half; 2]>()
            });
        let heap = u32::try_from(heap).unwrap_or(u32::MAX);
        if self.is_over() {
            return Payload::Held { app: self, heap };
        }
        let halves = self.halves.as_deref();
        Payload::Read {
            heap,
            has_hole: halves.is_some_and(|halves| halves.iter().any(Half::has_hole)),
            quiet: halves.map_or([false; 2], |[client, server]| {
                [client.is_quiet(), server.is_quiet()]
            }),
            app: self,
        }
    }
}

#[cfg(test)]
mod tests;
