//! Where the bytes of a capture go: a file, a pipe, standard output; compressed or not.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, Write};
use std::path::{Path, PathBuf};

/// A compression that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteCompression {
    /// gzip (RFC 1952), one member after another.
    Gzip,
    /// Zstandard (RFC 8878), one frame that is flushed again and again. (Wireshark 4.0 takes the
    /// second of several frames for garbage.)
    Zstd,
}

impl WriteCompression {
    /// The compression that a file's name asks for: `.gz` or `.zst`.
    pub fn by_name(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        if extension.eq_ignore_ascii_case("gz") {
            Some(Self::Gzip)
        } else if extension.eq_ignore_ascii_case("zst") {
            Some(Self::Zstd)
        } else {
            None
        }
    }
}

/// Levels that keep up with a capture: what is saved beyond them costs several times the work.
const GZIP_LEVEL: u32 = 1;
const ZSTD_LEVEL: i32 = 1;

/// An open file or pipe that takes whole packets.
pub(super) struct Destination {
    path: PathBuf,
    target: Target,
    packer: Packer,
    /// Bytes in the file; all of them whole packets, or whole frames of them.
    length: u64,
    packed: Vec<u8>,
}

enum Target {
    /// A regular file, which is cut back to whole packets when it cannot take more.
    Regular(File),
    /// A pipe or device: what it took is gone.
    Stream(File),
    Stdout(io::Stdout),
}

enum Packer {
    None,
    Gzip,
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

/// The last block of a Zstandard frame without a checksum: of raw bytes, none of them
/// (RFC 8878, 3.1.1.2).
const ZSTD_LAST_BLOCK: [u8; 3] = [1, 0, 0];

impl Destination {
    /// Opens it under its final name: people watch a capture grow. `-` is standard output.
    pub(super) fn create(path: &Path, compression: Option<WriteCompression>) -> io::Result<Self> {
        let target = if path == Path::new("-") {
            Target::Stdout(io::stdout())
        } else {
            let regular = std::fs::metadata(path).map_or(true, |metadata| metadata.is_file());
            let file = OpenOptions::new()
                .write(true)
                .create(regular)
                .truncate(regular)
                .open(path)?;
            if regular {
                Target::Regular(file)
            } else {
                Target::Stream(file)
            }
        };
        let packer = match compression {
            None => Packer::None,
            Some(WriteCompression::Gzip) => Packer::Gzip,
            Some(WriteCompression::Zstd) => {
                Packer::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?)
            }
        };
        Ok(Self {
            path: path.to_owned(),
            target,
            packer,
            length: 0,
            packed: Vec::new(),
        })
    }

    /// Its name.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes written.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Whether it is a file that stays: no pipe, no device.
    pub(super) const fn is_regular(&self) -> bool {
        matches!(self.target, Target::Regular(_))
    }

    pub(super) const fn is_compressed(&self) -> bool {
        !matches!(self.packer, Packer::None)
    }

    /// Whether what a chunk saves grows with its length: nothing of one helps the next.
    pub(super) const fn likes_large_chunks(&self) -> bool {
        matches!(self.packer, Packer::Gzip)
    }

    /// Takes a chunk of whole packets; compressed, it can be read whatever comes after it.
    ///
    /// If the file cannot take it all, it is cut back to whole packets; `whole` says where the
    /// last of them ends among the first bytes of the chunk.
    pub(super) fn write(
        &mut self,
        chunk: &[u8],
        whole: impl FnOnce(&[u8], usize) -> usize,
    ) -> io::Result<()> {
        if chunk.is_empty() {
            return Ok(());
        }
        self.packed.clear();
        let bytes = match &mut self.packer {
            Packer::None => chunk,
            Packer::Gzip => {
                let level = flate2::Compression::new(GZIP_LEVEL);
                let mut encoder =
                    flate2::write::GzEncoder::new(std::mem::take(&mut self.packed), level);
                encoder.write_all(chunk)?;
                self.packed = encoder.finish()?;
                &self.packed
            }
            Packer::Zstd(encoder) => {
                encoder.get_mut().clear();
                encoder.write_all(chunk)?;
                encoder.flush()?;
                encoder.get_ref()
            }
        };
        let (written, done) = write_all(&mut self.target, bytes);
        if done.is_ok() {
            self.length += written as u64;
            return done;
        }
        if let Target::Regular(file) = &self.target {
            let whole = match self.packer {
                Packer::None => whole(chunk, written),
                Packer::Gzip | Packer::Zstd(_) => 0,
            };
            self.length += whole as u64;
            // Readers bear with a torn end; this saves them the warning.
            _ = file.set_len(self.length);
            self.end();
        } else {
            self.length += written as u64;
        }
        done
    }
}

impl Destination {
    /// Ends what has an end of its own.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if let Packer::Zstd(_) = self.packer {
            let (written, done) = write_all(&mut self.target, &ZSTD_LAST_BLOCK);
            self.length += written as u64;
            self.packer = Packer::None;
            return done;
        }
        Ok(())
    }

    /// Ends a file that was cut back: there is room for a few bytes where there was some for
    /// part of a chunk.
    fn end(&mut self) {
        if let (Target::Regular(file), Packer::Zstd(_)) = (&mut self.target, &self.packer)
            && file.seek(io::SeekFrom::Start(self.length)).is_ok()
        {
            // If not, readers say that the file was cut.
            _ = self.finish();
        }
    }
}

/// Writes until all is written or nothing more can be; how much was.
fn write_all(target: &mut Target, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        let done = match target {
            Target::Regular(file) | Target::Stream(file) => file.write(rest),
            Target::Stdout(stdout) => stdout.write(rest),
        };
        match done {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(some) => written += some,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    if let Target::Stdout(stdout) = target {
        return (written, stdout.flush());
    }
    (written, Ok(()))
}
