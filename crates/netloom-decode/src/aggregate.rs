//! The datagrams of an 802.11 aggregate behind its first one.

use crate::decoded::{DecodeOptions, Decoded, Subframes};
use crate::walk::{Next, Walk, run};

/// Destination, source, length (802.11-2020 figure 9-65).
const HEADER: usize = 14;

/// What a subframe of `len` bytes, its header included, takes when another one follows: a
/// multiple of 4 (802.11-2020 section 9.3.2.2.2).
pub(crate) const fn padded(len: usize) -> usize {
    len.next_multiple_of(4)
}

/// The IP datagrams that a packet holds beside the one in `decoded`: those in the further frames
/// of an 802.11 aggregate (A-MSDU). `data` is what was decoded to `decoded`, of `wire_len` bytes
/// on the wire.
///
/// Offsets count from the start of `data`, as in `decoded`; hardware addresses, VLANs and the
/// tunnels around the aggregate are the packet's. Frames with anything but IP are passed over,
/// and so is an aggregate inside of another. There are at most as many as headers fit into
/// `data`.
///
/// # Examples
///
/// ```
/// use netloom_decode::{DecodeOptions, decode_ip, further_datagrams};
///
/// let datagram = [0x45; 20];
/// let decoded = decode_ip(&datagram, 20, DecodeOptions::default());
/// let mut further = further_datagrams(&datagram, 20, &decoded, DecodeOptions::default());
/// assert!(further.next().is_none());
/// ```
pub fn further_datagrams<'a>(
    data: &'a [u8],
    wire_len: u32,
    decoded: &Decoded,
    options: DecodeOptions,
) -> FurtherDatagrams<'a> {
    let Subframes {
        offset,
        wire_len: len,
        depth,
    } = decoded.subframes;
    let mut tunnels = decoded.tunnels;
    // Fewer, where the first frame led to no IP and tunnels were taken back.
    tunnels.truncate(depth.into());
    let at = usize::from(offset);
    FurtherDatagrams {
        data,
        at,
        wire_end: (at + usize::from(len)).min((wire_len as usize).max(data.len())),
        options,
        around: Decoded {
            src_mac: decoded.src_mac,
            dst_mac: decoded.dst_mac,
            ethertype: decoded.ethertype,
            vlans: decoded.vlans,
            tunnels,
            ..Decoded::default()
        },
    }
}

/// See [`further_datagrams`].
#[derive(Debug, Clone)]
pub struct FurtherDatagrams<'a> {
    data: &'a [u8],
    /// Start of the next frame's header.
    at: usize,
    /// End of the aggregate on the wire.
    wire_end: usize,
    options: DecodeOptions,
    /// What all frames share.
    around: Decoded,
}

impl Iterator for FurtherDatagrams<'_> {
    type Item = Decoded;

    fn next(&mut self) -> Option<Decoded> {
        loop {
            let (start, body) = (self.at, self.at.checked_add(HEADER)?);
            let header = self.data.get(start..body)?;
            if body > self.wire_end {
                return None;
            }
            let &[l0, l1] = header.last_chunk()?;
            let len = usize::from(u16::from_be_bytes([l0, l1]));
            self.at = start.checked_add(padded(HEADER + len))?;
            let wire_end = (body + len).min(self.wire_end);
            let mut out = self.around;
            run(
                &mut Walk {
                    data: self.data,
                    at: body,
                    end: wire_end.min(self.data.len()),
                    wire_end,
                    options: self.options,
                    tunnels_to_ip: self.around.tunnels.len(),
                    out: &mut out,
                },
                Next::Llc,
            );
            if out.ip.is_some() {
                out.subframes = Subframes::default();
                return Some(out);
            }
        }
    }
}

#[cfg(test)]
mod tests;
