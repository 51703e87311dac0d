//! HTTP/1 messages: the head, then as many bytes as it says (RFC 9112, section 6).

use netloom_decode::app::text;
use netloom_decode::app::uri::masked_line;

use super::Progress;
use crate::info::app::{LINE_MAX, is_request, push_media_type, push_up_to};

/// Longest head that is waited for.
const HEAD_MAX: usize = 16 << 10;
/// Header fields that are looked at.
const FIELDS_MAX: usize = 256;
/// Requests whose answers are waited for.
const REQUESTS_MAX: u8 = 32;
/// Methods that are known before the end of the line.
const METHODS: [&[u8]; 12] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"CONNECT ",
    b"TRACE ",
    b"PROPFIND ",
    b"NOTIFY ",
    b"SUBSCRIBE ",
];

/// Whether data begins with a message, as far as it goes.
pub(super) fn begins(data: &[u8]) -> bool {
    if !data.first().is_some_and(u8::is_ascii_uppercase) {
        return false;
    }
    if data.starts_with(b"HTTP/1.") {
        return true;
    }
    let start = data.get(..LINE_MAX).unwrap_or(data);
    if let Some((line, _)) = text::line(start) {
        return is_request(line);
    }
    // Where the target is a path or an address, and not one of RTSP or SIP.
    METHODS
        .iter()
        .any(|method| match data.strip_prefix(*method) {
            Some(target) => {
                target.is_empty() || target.starts_with(b"/") || target.starts_with(b"http")
            }
            None => false,
        })
}

/// Requests that were not answered yet, the oldest first: two bits each.
#[derive(Debug, Default)]
pub(super) struct Requests {
    bits: u64,
    count: u8,
}

/// What of a request's method matters for the answer.
const PLAIN: u64 = 0;
const HEAD: u64 = 1;
const CONNECT: u64 = 2;

impl Requests {
    fn push(&mut self, method: u64) {
        if self.count < REQUESTS_MAX {
            self.bits |= method << (2 * self.count);
            self.count += 1;
        }
    }

    fn pop(&mut self) -> u64 {
        let method = self.bits & 3;
        self.bits >>= 2;
        self.count = self.count.saturating_sub(1);
        method
    }
}

/// A message that has begun.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// What there is of the head, while it has not ended.
    head: Vec<u8>,
    /// What is told of it.
    line: String,
    body: Body,
}

#[derive(Debug, Default)]
enum Body {
    /// The head has not ended.
    #[default]
    Head,
    /// So many bytes.
    Length(u64),
    Chunked(Chunk),
    UntilClose,
}

/// Where in a chunked body reading is (RFC 9112, section 7.1).
#[derive(Debug)]
enum Chunk {
    Size {
        size: u64,
        digits: u8,
        extension: bool,
    },
    Data(u64),
    /// The end of line behind the data.
    End,
    /// Behind the last chunk; whether the line has something in it.
    Trailer(bool),
}

const SIZE: Chunk = Chunk::Size {
    size: 0,
    digits: 0,
    extension: false,
};

impl Message {
    pub(super) fn held(&self) -> usize {
        self.head.capacity() + self.line.capacity()
    }

    /// What is known of its first line.
    pub(super) fn line(&self) -> &str {
        &self.line
    }

    /// Whether the end of the stream is its end.
    pub(super) fn is_until_close(&self) -> bool {
        matches!(self.body, Body::UntilClose)
    }

    /// Appends what it is.
    pub(super) fn say(&self, said: &mut String) {
        if !said.is_empty() {
            said.push_str(" | ");
        }
        said.push_str(&self.line);
    }

    /// Reads on.
    pub(super) fn read<'a>(
        &mut self,
        data: &'a [u8],
        requests: &mut Requests,
        said: &mut String,
    ) -> Progress<'a> {
        let mut rest = data;
        if matches!(self.body, Body::Head) {
            if self.head.is_empty()
                && let Some(end) = head_end(data, 0)
                && end <= HEAD_MAX
                && let Some((head, behind)) = data.split_at_checked(end)
            {
                self.body = self.read_head(head, requests);
                rest = behind;
            } else {
                let before = self.head.len();
                let room = HEAD_MAX.saturating_sub(before);
                self.head.extend(data.iter().take(room));
                let Some(end) = head_end(&self.head, before) else {
                    if self.head.len() >= HEAD_MAX {
                        return Progress::Lost;
                    }
                    if self.line.is_empty()
                        && let Some((line, _)) = text::line(&self.head)
                    {
                        push_up_to(LINE_MAX, &masked_line(line), &mut self.line);
                    }
                    return Progress::More;
                };
                let mut head = std::mem::take(&mut self.head);
                head.truncate(end);
                self.body = self.read_head(&head, requests);
                rest = data.get(end.saturating_sub(before)..).unwrap_or_default();
            }
        }
        let progress = self.read_body(rest);
        if let Progress::Done(_) = progress {
            self.say(said);
        }
        progress
    }

    /// Reads a whole head, and tells how its body ends.
    fn read_head(&mut self, head: &[u8], requests: &mut Requests) -> Body {
        self.line.clear();
        let Some((first, mut at)) = text::line(head) else {
            return Body::Length(0);
        };
        push_up_to(LINE_MAX, &masked_line(first), &mut self.line);
        let (mut length, mut kind) = (None, None);
        let (mut chunked, mut keep_alive) = (false, false);
        for _ in 0..FIELDS_MAX {
            let Some((field, taken)) = head.get(at..).and_then(text::line) else {
                break;
            };
            at += taken;
            let Some(colon) = field.iter().position(|&byte| byte == b':') else {
                continue;
            };
            let (name, value) = field.split_at(colon);
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            if name.eq_ignore_ascii_case(b"content-length") {
                length = length.or_else(|| text::number(value));
            } else if name.eq_ignore_ascii_case(b"content-type") {
                kind = kind.or(Some(value));
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                chunked = value.to_ascii_lowercase().ends_with(b"chunked");
            } else if name.eq_ignore_ascii_case(b"connection") {
                keep_alive = value.eq_ignore_ascii_case(b"keep-alive");
            }
        }
        if let Some(kind) = kind {
            push_media_type(kind, &mut self.line);
        }
        if let Some(status) = first.strip_prefix(b"HTTP/1.") {
            let (_, status) = text::word(status);
            let interim = status.starts_with(b"1") && !status.starts_with(b"101");
            let method = if interim { PLAIN } else { requests.pop() };
            let ok = status.starts_with(b"2");
            if status.starts_with(b"1")
                || status.starts_with(b"204")
                || status.starts_with(b"304")
                || method == HEAD
                || method == CONNECT && ok
            {
                return Body::Length(0);
            }
        } else {
            requests.push(match text::word(first).0 {
                b"HEAD" => HEAD,
                b"CONNECT" => CONNECT,
                _ => PLAIN,
            });
        }
        match length {
            _ if chunked => Body::Chunked(SIZE),
            Some(length) => Body::Length(length),
            // Of a request that does not say so, none; of an answer, all until the end, which
            // may never come where the connection is to be kept.
            None if first.starts_with(b"HTTP/") && kind.is_some() && !keep_alive => {
                Body::UntilClose
            }
            None => Body::Length(0),
        }
    }

    fn read_body<'a>(&mut self, mut data: &'a [u8]) -> Progress<'a> {
        match &mut self.body {
            Body::Head | Body::UntilClose => Progress::More,
            Body::Length(left) => {
                let taken = (*left).min(data.len() as u64);
                *left -= taken;
                data = data.get(taken as usize..).unwrap_or_default();
                if *left == 0 {
                    Progress::Done(data)
                } else {
                    Progress::More
                }
            }
            Body::Chunked(chunk) => chunk.read(data),
        }
    }
}

impl Chunk {
    fn read<'a>(&mut self, mut data: &'a [u8]) -> Progress<'a> {
        while let Some((&byte, behind)) = data.split_first() {
            if let Self::Data(left) = self {
                let taken = (*left).min(data.len() as u64);
                *left -= taken;
                data = data.get(taken as usize..).unwrap_or_default();
                if *left == 0 {
                    *self = Self::End;
                }
                continue;
            }
            data = behind;
            match self {
                Self::Size {
                    size,
                    digits,
                    extension,
                } => match (byte, char::from(byte).to_digit(16)) {
                    (b'\n', _) if *digits == 0 => return Progress::Lost,
                    (b'\n', _) if *size == 0 => *self = Self::Trailer(false),
                    (b'\n', _) => *self = Self::Data(*size),
                    (_, Some(digit)) if !*extension => {
                        if *digits >= 15 {
                            return Progress::Lost;
                        }
                        *size = *size << 4 | u64::from(digit);
                        *digits += 1;
                    }
                    _ if *digits == 0 => return Progress::Lost,
                    _ => *extension = true,
                },
                Self::End => {
                    if byte == b'\n' {
                        *self = SIZE;
                    }
                }
                Self::Trailer(something) => match byte {
                    b'\n' if !*something => return Progress::Done(data),
                    b'\n' => *something = false,
                    b'\r' => {}
                    _ => *something = true,
                },
                Self::Data(_) => {}
            }
        }
        Progress::More
    }
}

/// Where a head ends, behind its empty line, which is not before `from`.
fn head_end(data: &[u8], from: usize) -> Option<usize> {
    let mut at = from.saturating_sub(3);
    loop {
        let rest = data.get(at..)?;
        let end = at + rest.iter().position(|&byte| byte == b'\n')? + 1;
        match data.get(end..)? {
            [b'\n', ..] => return Some(end + 1),
            [b'\r', b'\n', ..] => return Some(end + 2),
            _ => at = end,
        }
    }
}
