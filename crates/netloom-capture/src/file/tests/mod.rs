//! Captures written out byte by byte, and read.

use std::ffi::OsStr;
use std::io::{Cursor, Write};

use netloom_packet::{
    CaptureInfo, LinkType, PacketBatch, PacketSource, SourceError, Timestamp, WarningKind,
};

use super::{OpenOptions, open, open_reader};

mod compressed;
mod inputs;
mod pcap;
mod pcapng;
mod properties;

/// A packet as it was read, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Read {
    number: u64,
    timestamp: Timestamp,
    link_type: LinkType,
    interface: u32,
    wire_len: u32,
    data: Vec<u8>,
}

fn drain(source: &mut dyn PacketSource) -> (Vec<Read>, Vec<CaptureInfo>) {
    let mut batch = PacketBatch::default();
    let mut packets = Vec::new();
    while source.next_batch(&mut batch).unwrap() {
        assert!(!batch.is_empty());
        assert_eq!(
            batch.iter().count(),
            batch.len(),
            "a packet outside its block"
        );
        packets.extend(batch.iter().map(|packet| Read {
            number: packet.number,
            timestamp: packet.timestamp,
            link_type: packet.link_type,
            interface: packet.interface,
            wire_len: packet.wire_len,
            data: packet.data.to_vec(),
        }));
    }
    assert!(
        !source.next_batch(&mut batch).unwrap(),
        "the end stays the end"
    );
    (packets, source.info())
}

fn read_with(bytes: &[u8], block_size: usize) -> (Vec<Read>, CaptureInfo) {
    let reader = Cursor::new(bytes.to_vec());
    let mut source = open_reader("test", reader, &OpenOptions { block_size }).unwrap();
    let (packets, mut info) = drain(&mut *source);
    (packets, info.remove(0))
}

fn read(bytes: &[u8]) -> (Vec<Read>, CaptureInfo) {
    read_with(bytes, 1 << 16)
}

fn refused(bytes: &[u8]) -> SourceError {
    let reader = Cursor::new(bytes.to_vec());
    open_reader("test", reader, &OpenOptions::default())
        .err()
        .expect("no capture")
}

fn kinds(info: &CaptureInfo) -> Vec<(WarningKind, u64)> {
    info.warnings
        .iter()
        .map(|warning| (warning.kind, warning.offset))
        .collect()
}

/// Numbers in a byte order, one after another.
struct Bytes {
    bytes: Vec<u8>,
    big_endian: bool,
}

impl Bytes {
    fn new(big_endian: bool) -> Self {
        Self {
            bytes: Vec::new(),
            big_endian,
        }
    }

    fn u16s(mut self, values: &[u16]) -> Self {
        for value in values {
            self.bytes.extend(if self.big_endian {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            });
        }
        self
    }

    fn u32s(mut self, values: &[u32]) -> Self {
        for value in values {
            self.bytes.extend(if self.big_endian {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            });
        }
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    fn pcap(self, magic: u32, version: [u16; 2], network: u32) -> Self {
        self.u32s(&[magic])
            .u16s(&version)
            .u32s(&[0, 0, 65_535, network])
    }

    /// A pcapng block around `body`, padded.
    fn block(self, block_type: u32, body: &[u8]) -> Self {
        let padding = body.len().next_multiple_of(4) - body.len();
        let length = (12 + body.len() + padding) as u32;
        self.u32s(&[block_type, length])
            .raw(body)
            .raw(&[0; 3][..padding])
            .u32s(&[length])
    }

    fn section(self) -> Self {
        let body = Self::new(self.big_endian)
            .u32s(&[0x1a2b_3c4d])
            .u16s(&[1, 0])
            .u32s(&[u32::MAX, u32::MAX]);
        self.block(0x0a0d_0d0a, &body.bytes)
    }

    fn interface(self, link_type: u16, snap_len: u32, options: &[u8]) -> Self {
        let body = Self::new(self.big_endian)
            .u16s(&[link_type, 0])
            .u32s(&[snap_len])
            .raw(options);
        self.block(1, &body.bytes)
    }

    fn enhanced(self, interface: u32, ticks: u64, wire_len: u32, data: &[u8]) -> Self {
        let body = Self::new(self.big_endian)
            .u32s(&[
                interface,
                (ticks >> 32) as u32,
                ticks as u32,
                data.len() as u32,
                wire_len,
            ])
            .raw(data);
        self.block(6, &body.bytes)
    }

    fn option(self, code: u16, value: &[u8]) -> Self {
        let padding = value.len().next_multiple_of(4) - value.len();
        self.u16s(&[code, value.len() as u16])
            .raw(value)
            .raw(&[0; 3][..padding])
    }
}

fn nanos(packets: &[Read]) -> Vec<i64> {
    packets
        .iter()
        .map(|packet| packet.timestamp.as_nanos())
        .collect()
}

/// A pcap file of packets at these microseconds, each with its time as data.
fn pcap_of(times: &[u32]) -> Vec<u8> {
    let mut file = Bytes::new(false).pcap(0xa1b2_c3d4, [2, 4], 1);
    for time in times {
        file = file.u32s(&[0, *time, 4, 4]).u32s(&[*time]);
    }
    file.bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// A folder of files, gone when the test ends.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

fn open_all<I: AsRef<OsStr>>(
    inputs: &[I],
    block_size: usize,
) -> Result<(Vec<Read>, Vec<CaptureInfo>), SourceError> {
    let mut source = open(inputs, &OpenOptions { block_size })?;
    let result = drain(&mut *source);
    let progress = source.progress();
    assert_eq!(Some(progress.done), progress.total);
    Ok(result)
}

fn micros(packets: &[Read]) -> Vec<i64> {
    nanos(packets)
        .into_iter()
        .map(|time| time / 1_000)
        .collect()
}
