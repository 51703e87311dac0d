//! What blocks other than packets say about a capture, kept up to bounds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netloom_packet::{CaptureInfo, NameRecord};

use super::super::scan::{u16_at, u32_at};
use super::Block;
use super::interface::SectionInterface;
use super::options::{Options, number, padded, text};

/// Bytes of comments kept.
const MAX_COMMENT_BYTES: usize = 1024 * 1024;
/// Comments kept; empty ones take memory too.
const MAX_COMMENTS: usize = 4096;
/// Names kept.
const MAX_NAMES: usize = 65_536;
/// Bytes of names kept.
const MAX_NAME_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of decryption secrets kept.
const MAX_SECRET_BYTES: usize = 16 * 1024 * 1024;
/// Secrets kept, whatever their size.
const MAX_SECRETS: usize = 65_536;

/// How much was kept of what a file can have any amount of.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Bytes of comments.
    comments: usize,
    /// Bytes of names.
    names: usize,
    /// Bytes of decryption secrets.
    secrets: usize,
}

impl Kept {
    /// The options of a Section Header Block (section 4.1).
    pub(super) fn section(&mut self, options: &[u8], big_endian: bool, info: &mut CaptureInfo) {
        for (code, value) in Options::new(options, big_endian) {
            // The first section's writer stands for the file.
            let field = match code {
                1 => {
                    self.comment(text(value), info);
                    continue;
                }
                2 => &mut info.hardware,
                3 => &mut info.os,
                4 => &mut info.application,
                _ => continue,
            };
            if field.is_none() {
                *field = Some(text(value));
            }
        }
    }

    /// Keeps a comment.
    pub(super) fn comment(&mut self, comment: String, info: &mut CaptureInfo) {
        if info.comments.len() < MAX_COMMENTS
            && self.comments.saturating_add(comment.len()) <= MAX_COMMENT_BYTES
        {
            self.comments += comment.len();
            info.comments.push(comment);
        }
    }

    /// Counts a comment on a packet, and keeps it.
    pub(super) fn packet_comment(&mut self, value: &[u8], info: &mut CaptureInfo) {
        info.packet_comments += 1;
        self.comment(text(value), info);
    }

    /// The options of an Enhanced Packet Block (section 4.3); the packets lost in front of it.
    pub(super) fn packet_options(
        &mut self,
        options: &[u8],
        big_endian: bool,
        info: &mut CaptureInfo,
    ) -> u64 {
        let mut lost = 0_u64;
        for (code, value) in Options::new(options, big_endian) {
            match code {
                1 => self.packet_comment(value, info),
                // epb_dropcount
                4 => lost = lost.saturating_add(number(value, big_endian).unwrap_or(0)),
                _ => {}
            }
        }
        lost
    }

    /// An Interface Statistics Block (section 4.6). Its counters run from the start of the
    /// capture, so the last block of an interface is the one that counts.
    pub(super) fn statistics(
        &mut self,
        body: &[u8],
        big_endian: bool,
        interfaces: &[SectionInterface],
        info: &mut CaptureInfo,
    ) -> Block {
        let (Some(interface), Some(options)) = (u32_at(body, 0, big_endian), body.get(12..)) else {
            return Block::Malformed("interface statistics that are too short");
        };
        let Some(interface) = interfaces.get(interface as usize) else {
            return Block::Malformed("statistics of an interface that was not described");
        };
        for (code, value) in Options::new(options, big_endian) {
            if code == 1 {
                self.comment(text(value), info);
                continue;
            }
            let Some(counters) = info.interfaces.get_mut(interface.index as usize) else {
                break;
            };
            let counter = match code {
                4 => &mut counters.received,
                5 => &mut counters.dropped_interface,
                7 => &mut counters.dropped_kernel,
                _ => continue,
            };
            if let Some(value) = number(value, big_endian) {
                *counter = Some(value);
            }
        }
        Block::Done
    }

    /// A Name Resolution Block (section 4.5): addresses, each with one name or several.
    pub(super) fn names(&mut self, body: &[u8], big_endian: bool, info: &mut CaptureInfo) -> Block {
        let mut rest = body;
        while let (Some(record), Some(length)) =
            (u16_at(rest, 0, big_endian), u16_at(rest, 2, big_endian))
        {
            let length = usize::from(length);
            // nrb_record_end
            if record == 0 {
                break;
            }
            let Some(value) = rest.get(4..4 + length) else {
                return Block::Malformed("a name record that is longer than its block");
            };
            let parsed = match record {
                1 => value
                    .split_first_chunk()
                    .map(|(address, names)| (IpAddr::V4(Ipv4Addr::from(*address)), names)),
                2 => value
                    .split_first_chunk()
                    .map(|(address, names)| (IpAddr::V6(Ipv6Addr::from(*address)), names)),
                // Names of hardware addresses and what is yet to come.
                _ => None,
            };
            if let Some((address, names)) = parsed {
                for name in names
                    .split(|byte| *byte == 0)
                    .filter(|name| !name.is_empty())
                {
                    self.name(address, name, info);
                }
            }
            rest = rest.get(4 + padded(length)..).unwrap_or_default();
        }
        Block::Done
    }

    fn name(&mut self, address: IpAddr, name: &[u8], info: &mut CaptureInfo) {
        let bytes = self.names.saturating_add(name.len());
        if info.names.len() < MAX_NAMES && bytes <= MAX_NAME_BYTES {
            self.names = bytes;
            info.names.push(NameRecord {
                address,
                name: text(name),
            });
        }
    }

    /// A Decryption Secrets Block (section 4.7).
    pub(super) fn secrets(
        &mut self,
        body: &[u8],
        big_endian: bool,
        info: &mut CaptureInfo,
    ) -> Block {
        let (Some(kind), Some(length)) = (u32_at(body, 0, big_endian), u32_at(body, 4, big_endian))
        else {
            return Block::Malformed("decryption secrets that are too short");
        };
        let Some(secrets) = 8_usize
            .checked_add(length as usize)
            .and_then(|end| body.get(8..end))
        else {
            return Block::Malformed("decryption secrets that are longer than their block");
        };
        let bytes = self.secrets.saturating_add(secrets.len());
        if info.secrets.len() < MAX_SECRETS && bytes <= MAX_SECRET_BYTES {
            self.secrets = bytes;
            info.secrets.push((kind, secrets.to_vec()));
        }
        Block::Done
    }
}

/// Adds the drops of the interfaces up; `lost` is what packets said of drops before them.
///
/// An interface's statistics count what its packets said too, so they win.
pub(super) fn sum_up(info: &mut CaptureInfo, lost: u64) {
    let sum = |counter: fn(&netloom_packet::Interface) -> Option<u64>| {
        info.interfaces
            .iter()
            .filter_map(counter)
            .reduce(u64::saturating_add)
    };
    let kernel = sum(|interface| interface.dropped_kernel);
    let interface = sum(|interface| interface.dropped_interface);
    info.dropped_interface = interface;
    let lost = (lost > 0).then_some(lost);
    info.dropped_kernel = kernel.or(lost);
}
