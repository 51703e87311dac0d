//! Filters as the kernel wants them.

use super::Instruction;

/// `ret #k`
const RET_K: u16 = 0x06;
/// `ret a`
const RET_A: u16 = 0x16;
/// Class of an instruction, and the classes of loads; modes and sizes of loads.
const CLASS: u16 = 0x07;
const LD: u16 = 0x00;
const LDX: u16 = 0x01;
const MODE: u16 = 0xe0;
const ABS: u16 = 0x20;
const IND: u16 = 0x40;
const LEN: u16 = 0x80;
const MSH: u16 = 0xa0;
const SIZE: u16 = 0x18;
const WORD: u16 = 0x00;
const HALF: u16 = 0x08;
const BYTE: u16 = 0x10;

/// What the kernel knows beside a packet (`SKF_AD_OFF` and what stands there).
const AD_OFF: u32 = 0xffff_f000;
const AD_PROTOCOL: u32 = AD_OFF;
const AD_PKTTYPE: u32 = AD_OFF + 4;
const AD_IFINDEX: u32 = AD_OFF + 8;
const AD_HATYPE: u32 = AD_OFF + 28;

/// Bytes of a `LINKTYPE_LINUX_SLL2` header.
const SLL2_LEN: u32 = super::frames::SLL2_LEN as u32;

/// Accepts no packet.
pub(super) const REJECT: Instruction = (RET_K, 0, 0, 0);

/// Accepts every packet, so many bytes of it.
pub(super) const fn accept(snaplen: u32) -> Instruction {
    (RET_K, 0, 0, snaplen)
}

/// The program for the kernel: it keeps `kept` bytes at most, and where packets come `cooked`
/// (without link header) what it reads of the header that netloom puts in front of them it asks
/// of the kernel instead.
///
/// `None` where the kernel cannot tell: then whoever reads the packets has to filter them.
pub(super) fn for_kernel(
    program: &[Instruction],
    cooked: bool,
    kept: u32,
) -> Option<Vec<Instruction>> {
    program
        .iter()
        .map(|&(code, jt, jf, k)| {
            if code == RET_K {
                return Some((code, jt, jf, k.min(kept)));
            }
            if !cooked || code == RET_A {
                return Some((code, jt, jf, k));
            }
            let class = code & CLASS;
            let k = match (class, code & MODE) {
                (LD, ABS) => cooked_offset(k, code & SIZE)?,
                // The header's length is less than what the program adds to.
                (LD, IND) | (LDX, MSH) => k.checked_sub(SLL2_LEN)?,
                // The kernel's length is without the header.
                (LD | LDX, LEN) => return None,
                _ => k,
            };
            Some((code, jt, jf, k))
        })
        .collect()
}

/// Where the kernel has what stands at an offset of a cooked packet.
fn cooked_offset(offset: u32, size: u16) -> Option<u32> {
    match (offset, size) {
        // Already something that only the kernel knows.
        (AD_OFF.., _) => Some(offset),
        (SLL2_LEN.., _) => Some(offset - SLL2_LEN),
        (0, HALF) => Some(AD_PROTOCOL),
        (4, WORD) => Some(AD_IFINDEX),
        (8, HALF) => Some(AD_HATYPE),
        (10, BYTE) => Some(AD_PKTTYPE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_snap_length_bounds_what_is_accepted() {
        let program = [
            (0x28, 0, 0, 12),
            (0x15, 0, 1, 0x0800),
            accept(262_144),
            REJECT,
        ];
        let kernel = for_kernel(&program, false, 96).unwrap();
        assert_eq!(
            kernel,
            [(0x28, 0, 0, 12), (0x15, 0, 1, 0x0800), accept(96), REJECT]
        );
    }

    #[test]
    fn a_cooked_packet_has_no_header_in_the_kernel() {
        // ldh [0]; ld [4]; ldb [10]; ldb [29] (protocol of IPv4); ldx 4*([20]&0xf); ldh [x+22]
        let program = [
            (0x28, 0, 0, 0),
            (0x20, 0, 0, 4),
            (0x30, 0, 0, 10),
            (0x30, 0, 0, 29),
            (0xb1, 0, 0, 20),
            (0x48, 0, 0, 22),
            accept(65535),
        ];
        let kernel: Vec<u32> = for_kernel(&program, true, 65535)
            .unwrap()
            .iter()
            .map(|instruction| instruction.3)
            .collect();
        assert_eq!(
            kernel,
            [AD_PROTOCOL, AD_IFINDEX, AD_PKTTYPE, 9, 0, 2, 65535]
        );
        // The address in the header, or the length: the kernel cannot tell.
        assert_eq!(for_kernel(&[(0x20, 0, 0, 12)], true, 65535), None);
        assert_eq!(for_kernel(&[(0x80, 0, 0, 0)], true, 65535), None);
    }
}
