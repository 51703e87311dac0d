//! HTTP/1 (RFC 9112): where its bodies begin and end, for what [`Mime`] watches.

use netloom_decode::app::text::starts_with_ignore_case;

use super::Found;
use super::lines::{Line, Lines};
use super::mime::{Field, Kind, Mime};
use super::settings::AnalyzerLimits;

/// What a direction says next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The first line of a message.
    #[default]
    First,
    /// Its header.
    Header,
    /// Lines of its body, of which so many bytes are left; `None`: nobody told.
    Lines(Option<u64>),
    /// So many bytes of its body, that are passed over.
    Pass(u64),
    /// The length of a chunk.
    Chunk,
    /// So many bytes of a chunk.
    InChunk(u64),
    /// The end of its line.
    BehindChunk,
    /// Fields behind the last chunk.
    Trailer,
    /// Nothing that is looked at.
    Nothing,
}

/// What a header says of the body.
#[derive(Debug, Default, Clone, Copy)]
struct Told {
    length: Option<u64>,
    chunked: bool,
    packed: bool,
    closes: bool,
}

/// One direction.
#[derive(Debug, Default)]
struct Side {
    next: Next,
    lines: Lines,
    mime: Option<Box<Mime>>,
    told: Told,
    /// There is no body, whatever the header says.
    bodiless: bool,
}

/// Both directions.
#[derive(Debug, Default)]
pub(super) struct Http {
    sides: [Side; 2],
    /// Requests that have no answer yet, the oldest in the lowest bit: those for the head alone, and
    /// those for a tunnel; and how many there are.
    heads: u64,
    connects: u64,
    unanswered: u8,
}

impl Http {
    pub(super) fn data(&mut self, side: usize, bytes: &[u8], limits: &AnalyzerLimits) -> Found {
        let mut lines = std::mem::take(&mut self.sides[side].lines);
        let mut found = Found::Nothing;
        let mut bytes = bytes;
        while found == Found::Nothing && !bytes.is_empty() {
            let half = &mut self.sides[side];
            let taken = match &mut half.next {
                Next::Nothing => break,
                Next::Pass(left) | Next::InChunk(left) => {
                    let lf = lines.pass_lf(bytes);
                    let passed =
                        (bytes.len() - lf).min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= passed as u64;
                    if *left == 0 {
                        half.next = match half.next {
                            Next::Pass(_) => Next::First,
                            _ => Next::BehindChunk,
                        };
                    }
                    lf + passed
                }
                _ => {
                    let (taken, line) = lines.take(bytes);
                    if let Some(line) = line {
                        found = self.line(side, line, limits);
                    }
                    taken
                }
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        self.sides[side].lines = lines;
        if self.sides.iter().all(|half| half.next == Next::Nothing) && found == Found::Nothing {
            return Found::Over;
        }
        found
    }

    pub(super) fn gap(&mut self, side: usize, missing: u64) {
        let half = &mut self.sides[side];
        half.lines.clear();
        match &mut half.next {
            Next::Pass(left) | Next::InChunk(left) if *left > missing => *left -= missing,
            Next::Pass(left) if *left == missing => half.next = Next::First,
            Next::InChunk(left) if *left == missing => half.next = Next::BehindChunk,
            next => *next = Next::Nothing,
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let of_side = |half: &Side| {
            let of_mime = |mime: &Mime| size_of::<Mime>() + mime.heap_bytes();
            half.lines.heap_bytes() + half.mime.as_deref().map_or(0, of_mime)
        };
        self.sides.iter().map(of_side).sum()
    }

    fn line(&mut self, side: usize, line: Line<'_>, limits: &AnalyzerLimits) -> Found {
        let half = &mut self.sides[side];
        match half.next {
            Next::First if line.len == 0 => {}
            Next::First if side == 0 => self.request(line.start),
            Next::First => self.response(line.start),
            Next::Header | Next::Lines(_) => return self.body(side, line, limits),
            Next::Chunk => {
                let end = line.start.iter().position(|byte| !byte.is_ascii_hexdigit());
                let digits = line.start.get(..end.unwrap_or(line.start.len()));
                let size = std::str::from_utf8(digits.unwrap_or_default())
                    .ok()
                    .and_then(|digits| u64::from_str_radix(digits, 16).ok());
                half.next = match size {
                    Some(0) | None => Next::Trailer,
                    Some(size) => Next::InChunk(size),
                };
            }
            Next::BehindChunk => half.next = Next::Chunk,
            Next::Trailer if line.len == 0 => half.next = Next::First,
            Next::Trailer | Next::Pass(_) | Next::InChunk(_) | Next::Nothing => {}
        }
        Found::Nothing
    }

    fn request(&mut self, line: &[u8]) {
        let half = &mut self.sides[0];
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let method = words.next().unwrap_or_default();
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !method.iter().all(is_name) || words.next().is_none() {
            half.next = Next::Nothing;
            return;
        }
        if self.unanswered < 64 {
            let is = |name: &[u8]| u64::from(method.eq_ignore_ascii_case(name));
            self.heads |= is(b"HEAD") << self.unanswered;
            self.connects |= is(b"CONNECT") << self.unanswered;
            self.unanswered += 1;
        }
        half.begin(false);
    }

    fn response(&mut self, line: &[u8]) {
        let half = &mut self.sides[1];
        if !starts_with_ignore_case(line, b"HTTP/") {
            half.next = Next::Nothing;
            return;
        }
        let code = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let of_head = self.heads & 1 == 1;
        let is_tunnel = self.connects & 1 == 1 && code == b"200" || code == b"101";
        // Another answer follows one that only informs.
        if !code.starts_with(b"1") && self.unanswered > 0 {
            (self.heads, self.connects) = (self.heads >> 1, self.connects >> 1);
            self.unanswered -= 1;
        }
        if is_tunnel {
            // What follows is another protocol.
            for half in &mut self.sides {
                half.next = Next::Nothing;
            }
            return;
        }
        half.begin(of_head || code.starts_with(b"1") || matches!(code, b"204" | b"304"));
    }

    /// A line of the header or of a body in parts.
    fn body(&mut self, side: usize, line: Line<'_>, limits: &AnalyzerLimits) -> Found {
        let half = &mut self.sides[side];
        let Some(mime) = &mut half.mime else {
            half.next = Next::Nothing;
            return Found::Nothing;
        };
        let told = &mut half.told;
        let found = mime.line(line, limits, |field| told.note(&field));
        if found != Found::Nothing {
            return found;
        }
        let (in_header, ended) = (mime.in_header(), mime.has_ended());
        let next = match half.next {
            Next::Header if in_header => return Found::Nothing,
            Next::Header => half.begin_body(side == 0),
            Next::Lines(Some(left)) => match left.checked_sub(line.len.saturating_add(2)) {
                Some(left) if left > 0 => Next::Lines(Some(left)),
                _ => Next::First,
            },
            Next::Lines(None) if ended => Next::First,
            next => next,
        };
        half.next = next;
        if !matches!(next, Next::Lines(_)) {
            half.mime = None;
        }
        Found::Nothing
    }
}

impl Side {
    /// The first line of a message has come.
    fn begin(&mut self, bodiless: bool) {
        self.next = Next::Header;
        self.mime = Some(Box::new(Mime::new()));
        self.told = Told::default();
        self.bodiless = bodiless;
    }

    /// How the body goes on behind the header.
    fn begin_body(&self, is_request: bool) -> Next {
        let kind = self.mime.as_deref().map_or(Kind::Other, Mime::kind);
        let told = self.told;
        if self.bodiless || told.length == Some(0) && !told.chunked {
            Next::First
        } else if kind != Kind::Other && told.packed {
            Next::Nothing
        } else if kind != Kind::Other {
            Next::Lines(told.length)
        } else if told.chunked {
            Next::Chunk
        } else if let Some(length) = told.length {
            Next::Pass(length)
        } else if is_request && !told.closes && !told.packed {
            Next::First
        } else {
            // All that comes is the body.
            Next::Nothing
        }
    }
}

impl Told {
    fn note(&mut self, field: &Field<'_>) {
        let value = field.value;
        let is = |name: &[u8]| field.name.eq_ignore_ascii_case(name);
        if is(b"content-length") {
            let text = std::str::from_utf8(value).ok();
            self.length = Some(text.and_then(|text| text.parse().ok()).unwrap_or(0));
        } else if is(b"transfer-encoding") {
            self.chunked |= value.eq_ignore_ascii_case(b"chunked");
        } else if is(b"content-encoding") {
            let known: [&[u8]; 3] = [b"gzip", b"x-gzip", b"deflate"];
            self.packed |= known.iter().any(|known| value.eq_ignore_ascii_case(known));
        } else if is(b"connection") {
            self.closes |= value.eq_ignore_ascii_case(b"close");
        }
    }
}
