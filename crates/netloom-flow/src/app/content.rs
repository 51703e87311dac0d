//! Content codings (RFC 9110, section 8.4): what bodies unpack to, as far as their starts and
//! their lengths are asked for.

use flate2::{Decompress, FlushDecompress, Status};

/// Content codings that can be unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    None,
    Gzip,
    Deflate,
    Unknown,
}

impl Coding {
    /// What a head says of its body.
    pub(super) fn of(headers: &[(&[u8], &[u8])]) -> Self {
        let value = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(b"content-encoding"))
            .map_or(&b""[..], |(_, value)| value);
        if value.is_empty() || value.eq_ignore_ascii_case(b"identity") {
            Self::None
        } else if value.eq_ignore_ascii_case(b"gzip") || value.eq_ignore_ascii_case(b"x-gzip") {
            Self::Gzip
        } else if value.eq_ignore_ascii_case(b"deflate") {
            Self::Deflate
        } else {
            Self::Unknown
        }
    }

    /// Who unpacks a body that begins like this; some servers leave the headers out.
    fn inflate(self, start: &[u8]) -> Option<Decompress> {
        match (self, start) {
            (Self::Gzip, [0x1f, 0x8b, ..]) => Some(Decompress::new_gzip(15)),
            (Self::Deflate, [first, second, ..]) => {
                let zlib = first & 15 == 8
                    && (u16::from(*first) << 8 | u16::from(*second)).is_multiple_of(31);
                Some(Decompress::new(zlib))
            }
            (Self::Gzip | Self::Deflate, _) => Some(Decompress::new(false)),
            (Self::None | Self::Unknown, _) => None,
        }
    }
}

/// What the start of a packed body unpacks to, at most 1024 bytes.
pub(super) fn unpacked(coding: Coding, start: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    if let Some(mut inflate) = coding.inflate(start) {
        // What cannot be unpacked, or not further, leaves what came before.
        let _ = inflate.decompress_vec(start, &mut out, FlushDecompress::Sync);
    }
    out
}

/// Bytes that the bodies of a flow may unpack to however few they have; above them [`RATIO_MAX`] holds.
const UNPACKED_FREE: u64 = 256 << 10;
/// How many times their own length the bodies of a flow may unpack to. Deflate packs zeroes a thousand
/// times, pages of text ten times.
const RATIO_MAX: u64 = 100;
/// Memory that an `inflate` of zlib-rs takes: its window and its tables.
const INFLATE_BYTES: usize = 48 << 10;

/// What all bodies of a flow had packed, and unpacked.
#[derive(Debug, Default)]
pub(super) struct Account {
    packed: u64,
    unpacked: u64,
}

impl Account {
    /// Whether more was unpacked than is.
    fn is_over(&self) -> bool {
        self.unpacked > UNPACKED_FREE.saturating_add(self.packed.saturating_mul(RATIO_MAX))
    }
}

/// Counts what a body unpacks to, piece by piece; nothing of it is kept.
#[derive(Debug)]
pub(super) struct Unpacker {
    coding: Coding,
    state: State,
    unpacked: u64,
}

#[derive(Debug)]
enum State {
    /// Fewer bytes than tell whether there is a header.
    Start(Option<u8>),
    Inflating(Box<Decompress>),
    /// A gzip member is over: another may follow.
    Between(Option<u8>),
    Over,
    /// It cannot be unpacked, or all bodies of the flow would unpack to too much.
    Failed,
}

impl Unpacker {
    /// `None` for a coding that is not unpacked.
    pub(super) fn new(coding: Coding) -> Option<Self> {
        matches!(coding, Coding::Gzip | Coding::Deflate).then_some(Self {
            coding,
            state: State::Start(None),
            unpacked: 0,
        })
    }

    /// The next bytes of the body, of a flow with this account.
    pub(super) fn push(&mut self, data: &[u8], account: &mut Account) {
        if matches!(self.state, State::Over | State::Failed) {
            return;
        }
        account.packed = account.packed.saturating_add(data.len() as u64);
        let mut joined;
        let mut data = data;
        loop {
            let (held, between) = match self.state {
                State::Start(held) => (held, false),
                State::Between(held) => (held, true),
                State::Inflating(_) => match self.inflate(data, account) {
                    Some(taken) => {
                        data = data.get(taken..).unwrap_or_default();
                        continue;
                    }
                    None => return,
                },
                State::Over | State::Failed => return,
            };
            if let Some(first) = held {
                joined = [&[first], data].concat();
                data = &joined;
            }
            match data {
                [] => return,
                [first] if between => self.state = State::Between(Some(*first)),
                [first] => self.state = State::Start(Some(*first)),
                // What follows a member is another or nothing of interest.
                [first, second, ..] if between && [*first, *second] != [0x1f, 0x8b] => {
                    self.state = State::Over;
                }
                _ => match self.coding.inflate(data) {
                    Some(inflate) => {
                        self.state = State::Inflating(Box::new(inflate));
                        continue;
                    }
                    None => self.state = State::Failed,
                },
            }
            return;
        }
    }

    /// Bytes taken until the end of a member; `None` where all were, or none can be.
    fn inflate(&mut self, mut data: &[u8], account: &mut Account) -> Option<usize> {
        let State::Inflating(inflate) = &mut self.state else {
            return None;
        };
        let mut out = [0; 8192];
        let whole = data.len();
        loop {
            let (taken_before, made_before) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(data, &mut out, FlushDecompress::None);
            let taken = inflate.total_in().saturating_sub(taken_before);
            let made = inflate.total_out().saturating_sub(made_before);
            data = data.get(taken as usize..).unwrap_or_default();
            self.unpacked = self.unpacked.saturating_add(made);
            account.unpacked = account.unpacked.saturating_add(made);
            match status {
                Ok(_) if account.is_over() => {
                    self.unpacked = 0;
                    self.state = State::Failed;
                    return None;
                }
                Ok(Status::StreamEnd) => {
                    self.state = if self.coding == Coding::Gzip {
                        State::Between(None)
                    } else {
                        State::Over
                    };
                    return Some(whole - data.len());
                }
                Ok(_) if data.is_empty() && made < out.len() as u64 => return None,
                Ok(_) if taken > 0 || made > 0 => {}
                Ok(_) | Err(_) => {
                    self.state = State::Failed;
                    return None;
                }
            }
        }
    }

    /// What there was, unpacked; `None` where nothing could be.
    pub(super) fn len(&self) -> Option<u64> {
        match self.state {
            State::Failed if self.unpacked == 0 => None,
            _ => Some(self.unpacked),
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        match self.state {
            State::Inflating(_) => INFLATE_BYTES,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn len(coding: Coding, pieces: &[&[u8]]) -> Option<u64> {
        let (mut unpacker, mut account) = (Unpacker::new(coding).unwrap(), Account::default());
        for piece in pieces {
            unpacker.push(piece, &mut account);
        }
        unpacker.len()
    }

    #[test]
    fn packed_starts() {
        // printf '<html>' | gzip -n
        let gzip = [
            0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xb3, 0xc9, 0x28, 0xc9, 0xcd, 0xb1, 0x03, 0x00,
        ];
        assert_eq!(unpacked(Coding::Gzip, &gzip), b"<html>");
        assert_eq!(unpacked(Coding::Gzip, &gzip[10..]), b"<html>");
        assert_eq!(unpacked(Coding::Deflate, &gzip[10..]), b"<html>");
        assert_eq!(unpacked(Coding::Gzip, b"\x1f\x8b\x08\xff"), b"");
        assert_eq!(unpacked(Coding::Unknown, &gzip), b"");
    }

    #[test]
    fn lengths() {
        let text = b"many words ".repeat(5000);
        let packed = gzip(&text);
        assert_eq!(len(Coding::Gzip, &[&packed]), Some(55_000));
        // Two members, and padding behind them.
        assert_eq!(
            len(Coding::Gzip, &[&packed, &packed, b"\0\0\0"]),
            Some(110_000)
        );
        // What follows is lost.
        let half = len(Coding::Gzip, &[&packed[..packed.len() / 2]]).unwrap();
        assert!((1..55_000).contains(&half), "{half}");
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        raw.write_all(&text).unwrap();
        let raw = raw.finish().unwrap();
        assert_eq!(len(Coding::Deflate, &[&raw]), Some(55_000));
        assert_eq!(len(Coding::Gzip, &[&raw]), Some(55_000));
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&text).unwrap();
        assert_eq!(
            len(Coding::Deflate, &[&zlib.finish().unwrap()]),
            Some(55_000)
        );
        // The head says so, but it is not packed.
        assert_eq!(len(Coding::Gzip, &[b"<html>plain</html>"]), None);
        assert!(Unpacker::new(Coding::Unknown).is_none());
    }

    #[test]
    fn bombs_are_not_unpacked() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![0; 40 << 20]).unwrap();
        let packed = encoder.finish().unwrap();
        assert!(packed.len() < 1 << 20);
        assert_eq!(len(Coding::Gzip, &[&packed]), None);
    }

    #[test]
    fn many_small_bombs_are_one_large_one() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![0; 200_000]).unwrap();
        let packed = encoder.finish().unwrap();
        let mut account = Account::default();
        let mut lengths = Vec::new();
        for _ in 0..50 {
            let mut unpacker = Unpacker::new(Coding::Gzip).unwrap();
            unpacker.push(&packed, &mut account);
            lengths.push(unpacker.len());
        }
        assert_eq!(lengths[..2], [Some(200_000), None]);
        let most = UNPACKED_FREE + RATIO_MAX * 50 * packed.len() as u64;
        // What was unpacked when the bound was found to be passed: a buffer for each.
        assert!(account.unpacked <= most + 50 * 8192, "{account:?}");
        // Bodies of text earn what they take.
        let text = gzip(&b"many different words 0123456789 ".repeat(20));
        for _ in 0..2000 {
            Unpacker::new(Coding::Gzip)
                .unwrap()
                .push(&text, &mut account);
        }
        let mut unpacker = Unpacker::new(Coding::Gzip).unwrap();
        unpacker.push(&text, &mut account);
        assert_eq!(unpacker.len(), Some(640));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            data in proptest::collection::vec(any::<u8>(), 0..600),
            size in 1_usize..40,
        ) {
            let packed = gzip(&data);
            let pieces: Vec<&[u8]> = packed.chunks(size).collect();
            prop_assert_eq!(len(Coding::Gzip, &pieces), Some(data.len() as u64));
        }

        #[test]
        fn any_bytes(data in proptest::collection::vec(any::<u8>(), 0..600), gzip: bool) {
            let coding = if gzip { Coding::Gzip } else { Coding::Deflate };
            let whole = len(coding, &[&data]);
            let pieces: Vec<&[u8]> = data.chunks(3).collect();
            prop_assert_eq!(len(coding, &pieces), whole);
        }
    }
}
