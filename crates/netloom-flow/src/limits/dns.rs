//! DNS (RFC 1035): messages with too many questions, and names that are told by too many pointers.

use super::Found;
use super::settings::AnalyzerLimits;

/// Bytes of a header.
const HEADER: usize = 12;
/// Bytes of a name that Zeek has room for.
const NAME_MAX: usize = 512;

/// Looks at a message. `netbios`: one of its ports is 137, where other operations and longer labels
/// are known too.
pub(super) fn message(data: &[u8], netbios: bool, limits: &AnalyzerLimits) -> Found {
    let Some(header) = data.first_chunk::<HEADER>() else {
        return Found::Nothing;
    };
    let field = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    // Query, notify, dynamic update: all that Zeek reads.
    let opcode = header[2] >> 3 & 15;
    if !netbios && !matches!(opcode, 0 | 4 | 5) {
        return Found::Limit;
    }
    let questions = field(4);
    if limits.dns_queries > 0 && questions > limits.dns_queries {
        return Found::Limit;
    }
    let mut walk = Walk {
        data,
        at: HEADER,
        netbios,
        depth_max: limits.dns_pointers,
    };
    // Of answers' other sections Zeek reads nothing by default; of an update, its changes.
    let records = if opcode == 5 && !netbios {
        u32::from(field(6)) + u32::from(field(8))
    } else {
        u32::from(field(6))
    };
    match walk.sections(questions, records) {
        Err(Stop::TooDeep) => Found::Limit,
        Err(Stop::Broken) | Ok(()) => Found::Nothing,
    }
}

/// Why a message is not read on.
enum Stop {
    TooDeep,
    Broken,
}

struct Walk<'a> {
    data: &'a [u8],
    at: usize,
    netbios: bool,
    depth_max: u16,
}

impl Walk<'_> {
    fn sections(&mut self, questions: u16, records: u32) -> Result<(), Stop> {
        for _ in 0..questions {
            self.at = self.name(self.at)?;
            self.at += 4;
            self.check(self.at)?;
        }
        for _ in 0..records {
            self.record()?;
        }
        Ok(())
    }

    fn record(&mut self) -> Result<(), Stop> {
        let head = self.name(self.at)?;
        let kind = self.number(head)?;
        let len = usize::from(self.number(head + 8)?);
        let start = head + 10;
        let end = start + len;
        self.check(end)?;
        if len == 0 {
            return Err(Stop::Broken);
        }
        let names: &[usize] = match kind {
            // NS, CNAME, PTR, NSEC, TKEY.
            2 | 5 | 12 | 47 | 249 => &[0],
            // SOA: two of them.
            6 => &[0, 0],
            // MX, SVCB, HTTPS.
            15 | 64 | 65 => &[2],
            // SRV; on NetBIOS's port it is another record.
            33 if !self.netbios => &[6],
            // RRSIG.
            46 => &[18],
            _ => &[],
        };
        let mut at = start;
        for skip in names {
            at = self.name(at + skip)?;
        }
        self.at = end;
        Ok(())
    }

    /// Reads a name; where it ends.
    fn name(&self, from: usize) -> Result<usize, Stop> {
        let (mut at, mut end) = (from, None);
        // Of what a pointer leads to, nothing behind the pointer counts.
        let mut limit = self.data.len();
        let (mut depth, mut len) = (0, 0);
        loop {
            let byte = *self
                .data
                .get(..limit)
                .and_then(|data| data.get(at))
                .ok_or(Stop::Broken)?;
            let label = usize::from(byte);
            if label == 0 {
                return Ok(end.unwrap_or(at + 1));
            }
            if label & 0xc0 == 0xc0 {
                let target = usize::from(self.number(at)? & 0x3fff);
                if at + 1 >= limit || target >= at {
                    return Err(Stop::Broken);
                }
                end = end.or(Some(at + 2));
                depth += 1;
                if depth > self.depth_max {
                    return Err(Stop::TooDeep);
                }
                (limit, at) = (at, target);
                continue;
            }
            len += label + 1;
            if label > 63 && !self.netbios || len > NAME_MAX {
                return Err(Stop::Broken);
            }
            at += 1 + label;
        }
    }

    fn number(&self, at: usize) -> Result<u16, Stop> {
        let bytes = self.data.get(at..).and_then(<[u8]>::first_chunk);
        bytes
            .map(|bytes| u16::from_be_bytes(*bytes))
            .ok_or(Stop::Broken)
    }

    fn check(&self, end: usize) -> Result<(), Stop> {
        if end > self.data.len() {
            Err(Stop::Broken)
        } else {
            Ok(())
        }
    }
}

/// DNS over TCP: messages, each after its length in two bytes.
#[derive(Debug, Default)]
pub(super) struct Dns {
    /// What has come of a message, by direction; no more than 64 KiB.
    parts: [Vec<u8>; 2],
    /// Where a message begins is not known any more.
    lost: [bool; 2],
}

impl Dns {
    pub(super) fn data(&mut self, side: usize, bytes: &[u8], limits: &AnalyzerLimits) -> Found {
        let mut bytes = bytes;
        if self.lost[side] {
            return Found::Nothing;
        }
        let part = &mut self.parts[side];
        while !bytes.is_empty() {
            if part.is_empty() {
                // Most messages come whole.
                if let [high, low, rest @ ..] = bytes
                    && let Some(whole) = rest.get(..usize::from(u16::from_be_bytes([*high, *low])))
                {
                    if message(whole, false, limits) == Found::Limit {
                        return Found::Limit;
                    }
                    bytes = rest.get(whole.len()..).unwrap_or_default();
                    continue;
                }
                part.extend_from_slice(bytes);
                return Found::Nothing;
            }
            let length = match part.as_slice() {
                [high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])) + 2,
                _ => 2,
            };
            let missing = length.saturating_sub(part.len()).min(bytes.len());
            let (new, rest) = bytes.split_at(missing);
            part.extend_from_slice(new);
            bytes = rest;
            if let [high, low, body @ ..] = part.as_slice()
                && body.len() >= usize::from(u16::from_be_bytes([*high, *low]))
            {
                let found = message(body, false, limits);
                *part = Vec::new();
                if found == Found::Limit {
                    return found;
                }
            }
        }
        Found::Nothing
    }

    pub(super) fn gap(&mut self, side: usize) {
        self.lost[side] = true;
        self.parts[side] = Vec::new();
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.parts.iter().map(Vec::capacity).sum()
    }
}
