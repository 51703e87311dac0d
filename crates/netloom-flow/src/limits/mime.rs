//! Bodies of mail and HTTP in parts (RFC 2046): header fields that are too long, and parts too deep
//! in one another.

use std::hash::BuildHasher;

use netloom_decode::app::parameters;

use super::Found;
use super::lines::{KEPT, Line};
use super::settings::AnalyzerLimits;

/// Parts in parts that are followed where no limit is set.
const DEPTH_MAX: usize = 1000;

/// What a part holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// No parts.
    Other,
    /// Parts between lines that begin so: the length and the hash of what comes after two hyphens.
    Multipart(u16, u64),
    /// A message.
    Message,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    kind: Kind,
    in_header: bool,
    /// Its last boundary has come.
    ended: bool,
}

impl Part {
    const NEW: Self = Self {
        kind: Kind::Other,
        in_header: true,
        ended: false,
    };
}

/// A body, and the header before it.
#[derive(Debug)]
pub(super) struct Mime {
    /// The parts that are open, each in the one before.
    parts: Vec<Part>,
    /// How the header field that is coming begins; it is continued by lines with space in front.
    field: Vec<u8>,
    /// Bytes of it.
    field_len: u64,
}

/// A header field of the outermost part.
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

impl Mime {
    pub(super) fn new() -> Self {
        Self {
            parts: vec![Part::NEW],
            field: Vec::new(),
            field_len: 0,
        }
    }

    /// Whether the header of all is still coming.
    pub(super) fn in_header(&self) -> bool {
        self.parts.first().is_some_and(|part| part.in_header)
    }

    /// What all of it is.
    pub(super) fn kind(&self) -> Kind {
        self.parts.first().map_or(Kind::Other, |part| part.kind)
    }

    /// Whether the last boundary of all has come.
    pub(super) fn has_ended(&self) -> bool {
        self.parts.first().is_some_and(|part| part.ended)
    }

    /// Takes a line.
    pub(super) fn line(
        &mut self,
        line: Line<'_>,
        limits: &AnalyzerLimits,
        mut take: impl FnMut(Field<'_>),
    ) -> Found {
        let mut depth = 0;
        while let Some(&part) = self.parts.get(depth) {
            if part.ended {
                return Found::Nothing;
            }
            if part.in_header {
                return self.header(depth, line, limits, &mut take);
            }
            if let Kind::Multipart(len, hash) = part.kind
                && let Some(is_last) = boundary(line, len, hash)
            {
                self.parts.truncate(depth + 1);
                if is_last && let Some(part) = self.parts.get_mut(depth) {
                    part.ended = true;
                    return Found::Nothing;
                }
                return self.begin(depth, limits);
            }
            if part.kind == Kind::Other {
                return Found::Nothing;
            }
            depth += 1;
        }
        Found::Nothing
    }

    /// A line of the header of a part.
    fn header(
        &mut self,
        depth: usize,
        line: Line<'_>,
        limits: &AnalyzerLimits,
        take: &mut impl FnMut(Field<'_>),
    ) -> Found {
        match line.start.first() {
            None | Some(0) => {
                self.end_field(depth, take);
                let Some(part) = self.parts.get_mut(depth) else {
                    return Found::Nothing;
                };
                part.in_header = false;
                if part.kind == Kind::Message {
                    return self.begin(depth, limits);
                }
                return Found::Nothing;
            }
            Some(b' ' | b'\t') if self.field_len > 0 => {
                if limits.mime_header > 0 && self.field_len >= limits.mime_header.into() {
                    return Found::Limit;
                }
            }
            Some(_) => self.end_field(depth, take),
        }
        let room = KEPT.saturating_sub(self.field.len());
        self.field
            .extend_from_slice(line.start.get(..room).unwrap_or(line.start));
        self.field_len = self.field_len.saturating_add(line.len);
        Found::Nothing
    }

    /// A part in the one at this depth.
    fn begin(&mut self, depth: usize, limits: &AnalyzerLimits) -> Found {
        let most = limits.mime_depth as usize;
        if most > 0 && depth >= most {
            return Found::Limit;
        }
        if depth >= DEPTH_MAX {
            return Found::Over;
        }
        self.parts.push(Part::NEW);
        Found::Nothing
    }

    /// A header field is complete.
    fn end_field(&mut self, depth: usize, take: &mut impl FnMut(Field<'_>)) {
        self.field_len = 0;
        let colon = self.field.iter().position(|byte| *byte == b':');
        if let Some((name, [_, value @ ..])) = colon.and_then(|at| self.field.split_at_checked(at))
        {
            let field = Field {
                name: name.trim_ascii(),
                value: value.trim_ascii(),
            };
            if field.name.eq_ignore_ascii_case(b"content-type")
                && let Some(part) = self.parts.get_mut(depth)
            {
                part.kind = kind(field.value);
            }
            if depth == 0 {
                take(field);
            }
        }
        self.field.clear();
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.parts.capacity() * size_of::<Part>() + self.field.capacity()
    }
}

/// What a content type is.
fn kind(value: &[u8]) -> Kind {
    let end = value.iter().position(|byte| *byte == b'/');
    let main = value.get(..end.unwrap_or(0)).unwrap_or_default();
    if main.eq_ignore_ascii_case(b"message") {
        Kind::Message
    } else if main.eq_ignore_ascii_case(b"multipart")
        && let Some(boundary) = parameters::boundary(value)
    {
        Kind::Multipart(boundary.len() as u16, hash(boundary))
    } else {
        Kind::Other
    }
}

/// Whether a line is a boundary, and then, the last one.
fn boundary(line: Line<'_>, len: u16, of: u64) -> Option<bool> {
    let text = line.start.strip_prefix(b"--")?;
    let (start, rest) = text.split_at_checked(len.into())?;
    (hash(start) == of).then(|| rest.starts_with(b"--"))
}

/// What is kept of a boundary. Who sends two with one hash has his own parts miscounted.
fn hash(boundary: &[u8]) -> u64 {
    foldhash::fast::FixedState::default().hash_one(boundary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_boundaries() {
        assert_eq!(kind(b"multipart/mixed"), Kind::Other);
        assert_eq!(kind(b"Message/rfc822"), Kind::Message);
        let Kind::Multipart(len, hash) = kind(b"MULTIPART/x; boundary=ab") else {
            panic!("no parts");
        };
        let line = |start| Line { start, len: 0 };
        assert_eq!(boundary(line(b"--abc"), len, hash), Some(false));
        assert_eq!(boundary(line(b"--ab--"), len, hash), Some(true));
        assert_eq!(boundary(line(b"--a"), len, hash), None);
        assert_eq!(boundary(line(b"-ab"), len, hash), None);
    }
}
