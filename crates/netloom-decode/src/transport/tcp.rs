//! TCP (RFC 9293) and its options.

use crate::decoded::{Layer, StopKind, Tcp, TcpFlags, Transport};
use crate::walk::{Next, Walk};

const MIN_HEADER_LEN: usize = 20;

/// Reads a TCP header. Where it is cut, ports are told as far as they are there.
#[inline]
pub(crate) fn step(walk: &mut Walk<'_>) -> Next {
    let Some(header) = walk.peek::<MIN_HEADER_LEN>() else {
        super::udp::ports_if_there(walk);
        return walk.short(Layer::Tcp, MIN_HEADER_LEN);
    };
    let header_len = usize::from(header[12] >> 4) * 4;
    let word = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let mut tcp = Tcp {
        seq: word(4),
        ack: word(8),
        window: u16::from_be_bytes([header[14], header[15]]),
        flags: TcpFlags(header[13]),
        header_len: header_len as u8,
        ..Tcp::default()
    };
    walk.out.src_port = u16::from_be_bytes([header[0], header[1]]);
    walk.out.dst_port = u16::from_be_bytes([header[2], header[3]]);
    walk.out.last_layer = Layer::Tcp;
    if header_len < MIN_HEADER_LEN {
        walk.out.transport = Transport::Tcp(tcp);
        let next = walk.stop(Layer::Tcp, StopKind::BadLength, header_len, MIN_HEADER_LEN);
        walk.payload_after(MIN_HEADER_LEN);
        return next;
    }
    if header_len > MIN_HEADER_LEN {
        let options_end = (walk.at + header_len).min(walk.end);
        let options = walk
            .data
            .get(walk.at + MIN_HEADER_LEN..options_end)
            .unwrap_or_default();
        read_options(&mut tcp, options);
    }
    walk.out.transport = Transport::Tcp(tcp);
    if walk.end - walk.at < header_len {
        if walk.wire_end - walk.at < header_len {
            let on_wire = walk.wire_end - walk.at;
            walk.stop(Layer::Tcp, StopKind::BadLength, header_len, on_wire);
        } else {
            walk.short(Layer::Tcp, header_len);
        }
    }
    walk.payload_after(header_len);
    Next::Done
}

#[inline]
fn read_options(tcp: &mut Tcp, options: &[u8]) {
    // What nearly every segment of an established connection has: NOP, NOP, timestamps
    // (RFC 7323 appendix A).
    if let &[1, 1, 8, 10, v0, v1, v2, v3, e0, e1, e2, e3] = options {
        tcp.timestamps = Some((
            u32::from_be_bytes([v0, v1, v2, v3]),
            u32::from_be_bytes([e0, e1, e2, e3]),
        ));
        return;
    }
    for option in TcpOptions::new(options) {
        match option {
            TcpOption::MaximumSegmentSize(mss) => tcp.mss = mss,
            TcpOption::WindowScale(shift) => tcp.window_scale = Some(shift),
            TcpOption::SackPermitted => tcp.sack_permitted = true,
            TcpOption::Timestamps(value, echo) => tcp.timestamps = Some((value, echo)),
            TcpOption::Sack(_) | TcpOption::Other { .. } => {}
        }
    }
}

/// One TCP option, without the padding ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TcpOption<'a> {
    /// Kind 2: the largest segment the sender takes (RFC 9293 section 3.2).
    MaximumSegmentSize(u16),
    /// Kind 3: shift count of the sender's windows (RFC 7323 section 2).
    WindowScale(u8),
    /// Kind 4: selective acknowledgments may be sent (RFC 2018).
    SackPermitted,
    /// Kind 5: the blocks, eight bytes each: left edge, right edge (RFC 2018).
    Sack(&'a [u8]),
    /// Kind 8: value and echo reply (RFC 7323 section 3).
    Timestamps(u32, u32),
    /// Any other kind, or one of the above with a length that is not its own.
    Other {
        /// Option kind (IANA, "TCP option kind numbers").
        kind: u8,
        /// What follows kind and length.
        value: &'a [u8],
    },
}

/// Goes over the options of a TCP header; ends at the end of the list, at an option whose
/// length is not possible, or where the bytes end.
#[derive(Debug, Clone)]
pub struct TcpOptions<'a> {
    rest: &'a [u8],
}

impl<'a> TcpOptions<'a> {
    /// Over the bytes between the fixed header of 20 bytes and the payload.
    pub fn new(options: &'a [u8]) -> Self {
        Self { rest: options }
    }
}

impl<'a> Iterator for TcpOptions<'a> {
    type Item = TcpOption<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match *self.rest {
                [1, ref tail @ ..] => self.rest = tail,
                [kind, len, ref tail @ ..] if kind >= 2 && len >= 2 => {
                    let Some((value, tail)) = tail.split_at_checked(usize::from(len) - 2) else {
                        self.rest = &[];
                        return None;
                    };
                    self.rest = tail;
                    return Some(match (kind, value) {
                        (2, &[a, b]) => TcpOption::MaximumSegmentSize(u16::from_be_bytes([a, b])),
                        (3, &[shift]) => TcpOption::WindowScale(shift),
                        (4, []) => TcpOption::SackPermitted,
                        (5, blocks) if blocks.len() % 8 == 0 => TcpOption::Sack(blocks),
                        (8, &[v0, v1, v2, v3, e0, e1, e2, e3]) => TcpOption::Timestamps(
                            u32::from_be_bytes([v0, v1, v2, v3]),
                            u32::from_be_bytes([e0, e1, e2, e3]),
                        ),
                        _ => TcpOption::Other { kind, value },
                    });
                }
                _ => {
                    self.rest = &[];
                    return None;
                }
            }
        }
    }
}
