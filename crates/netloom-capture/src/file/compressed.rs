//! Byte streams: counted as they come off the disk, and decompressed where their content says so.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use lz4_flex::frame::FrameDecoder;

/// What a capture's bytes are read from, one layer of compression after another taken off.
pub(super) type ByteStream = Box<dyn Read + Send>;

/// Compressed bytes asked for at a time. The decompressors' own buffers are 8 to 32 KiB, which
/// costs a system call for every few packets.
const COMPRESSED_BLOCK: usize = 256 * 1024;

/// Decompressed bytes asked for at a time; see [`Chunks`].
const DECOMPRESSED_CHUNK: usize = 16 * 1024;

/// Largest zstd window accepted, as a power of two: zstd's own limit for streams (128 MiB).
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Layers of compression that are taken off. Each can make a thousand bytes out of one, so
/// more would let a small file keep a reader busy for days.
const MAX_LAYERS: usize = 2;

/// A compression that is recognised by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// gzip, RFC 1952; any number of members.
    Gzip,
    /// Zstandard, RFC 8878; any number of frames.
    Zstd,
    /// LZ4 frames.
    Lz4,
}

impl Compression {
    /// Recognises a compression by the first bytes of its stream.
    pub(super) fn detect(start: &[u8]) -> Option<Self> {
        match start {
            // ID1, ID2 and the only compression method that exists (RFC 1952, 2.3.1).
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            // A skippable frame is the same in both (RFC 8878, 3.1.2); zstd's tools write them.
            [first, 0x2a, 0x4d, 0x18, ..] if first & 0xf0 == 0x50 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The name, as it stands behind the `+` of a format.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
        }
    }

    fn decoder(self, stream: ByteStream) -> io::Result<ByteStream> {
        let stream = BufReader::with_capacity(COMPRESSED_BLOCK, stream);
        Ok(match self {
            Self::Gzip => Box::new(Chunks::new(MultiGzDecoder::new(stream))),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(stream)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(Chunks::new(decoder))
            }
            Self::Lz4 => Box::new(Lz4Frames {
                decoder: FrameDecoder::new(stream),
            }),
        })
    }
}

/// A stream of which the compression has been taken off and the first bytes are known.
pub(super) struct Opened {
    /// The decompressed stream, from its first byte.
    pub(super) stream: ByteStream,
    /// Its first bytes: at least as many as were asked for, unless there are no more.
    pub(super) start: Vec<u8>,
    /// The layers taken off, outermost first.
    pub(super) layers: Vec<Compression>,
    /// Whether there are no more bytes because the compression is damaged.
    pub(super) damaged: bool,
}

/// Takes the compression off `stream` and looks at the first `wanted` bytes.
pub(super) fn open(mut stream: ByteStream, wanted: usize) -> io::Result<Opened> {
    let mut layers = Vec::new();
    loop {
        let mut start = vec![0; wanted];
        let (length, error) = read_up_to(&mut stream, &mut start);
        start.truncate(length);
        let damaged = error.is_some();
        if let Some(error) = error {
            if !is_damage(&error, !layers.is_empty()) {
                return Err(error);
            }
            // A decompressor is not asked again once it failed: what it would say is rubbish.
            stream = Box::new(Damaged { error: Some(error) });
        }
        let found = if layers.len() < MAX_LAYERS && !damaged {
            Compression::detect(&start)
        } else {
            None
        };
        stream = Box::new(Prefixed {
            prefix: start.clone(),
            position: 0,
            rest: stream,
        });
        let Some(compression) = found else {
            return Ok(Opened {
                stream,
                start,
                layers,
                damaged,
            });
        };
        stream = compression.decoder(stream)?;
        layers.push(compression);
    }
}

/// Whether a read error says that compressed data are damaged, and not that reading failed.
pub(super) fn is_damage(error: &io::Error, compressed: bool) -> bool {
    // Decompressors make their errors up; those of the system carry its number.
    compressed && error.raw_os_error().is_none()
}

/// Reads until `buffer` is full, the stream ends or fails.
pub(super) fn read_up_to(stream: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

/// Bytes that were read already, then the rest of the stream.
struct Prefixed {
    prefix: Vec<u8>,
    position: usize,
    rest: ByteStream,
}

impl Read for Prefixed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.prefix.get(self.position..).unwrap_or_default();
        if left.is_empty() {
            return self.rest.read(buffer);
        }
        let length = left.len().min(buffer.len());
        if let (Some(from), Some(to)) = (left.get(..length), buffer.get_mut(..length)) {
            to.copy_from_slice(from);
        }
        self.position += length;
        Ok(length)
    }
}

/// The end of a stream that is damaged: the error, then nothing more.
struct Damaged {
    error: Option<io::Error>,
}

impl Read for Damaged {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.error.take().map_or(Ok(0), Err)
    }
}

/// Counts the bytes that are read from a file.
pub(super) struct Counted<R> {
    /// What is read.
    pub(super) inner: R,
    /// Where the bytes are counted.
    pub(super) count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.count.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

/// Reads in chunks of one size, whatever is asked for.
///
/// A decompressor that meets damaged data throws away what the same call made of the data in
/// front of them. So the chunks are small, and what is left of a damaged capture does not
/// depend on the size of anybody's block.
struct Chunks<R> {
    inner: R,
    chunk: Box<[u8]>,
    /// The part of `chunk` that is still to be handed on.
    left: std::ops::Range<usize>,
}

impl<R: Read> Chunks<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            chunk: vec![0; DECOMPRESSED_CHUNK].into_boxed_slice(),
            left: 0..0,
        }
    }
}

impl<R: Read> Read for Chunks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.is_empty() {
            self.left = 0..self.inner.read(&mut self.chunk)?;
        }
        let mut left = self.chunk.get(self.left.clone()).unwrap_or_default();
        let length = left.read(buffer)?;
        self.left.start += length;
        Ok(length)
    }
}

/// LZ4 frames one after another: the decoder stops at the end of each.
struct Lz4Frames {
    decoder: FrameDecoder<BufReader<ByteStream>>,
}

impl Read for Lz4Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let length = self.decoder.read(buffer)?;
            if length > 0 || self.decoder.get_mut().fill_buf()?.is_empty() {
                return Ok(length);
            }
        }
    }
}
