//! Programs of the classic Berkeley Packet Filter, and the machine that runs them.

use std::fmt;

use super::listing;

/// Classes, modes and operations of an instruction's code, as `linux/bpf_common.h` and
/// McCanne and Jacobson, "The BSD Packet Filter" (1993), name them.
pub(super) mod code {
    pub(in super::super) const LD: u16 = 0x00;
    pub(in super::super) const LDX: u16 = 0x01;
    pub(in super::super) const ST: u16 = 0x02;
    pub(in super::super) const STX: u16 = 0x03;
    pub(in super::super) const ALU: u16 = 0x04;
    pub(in super::super) const JMP: u16 = 0x05;
    pub(in super::super) const RET: u16 = 0x06;
    pub(in super::super) const MISC: u16 = 0x07;

    pub(in super::super) const W: u16 = 0x00;
    pub(in super::super) const H: u16 = 0x08;
    pub(in super::super) const B: u16 = 0x10;

    pub(in super::super) const IMM: u16 = 0x00;
    pub(in super::super) const ABS: u16 = 0x20;
    pub(in super::super) const IND: u16 = 0x40;
    pub(in super::super) const MEM: u16 = 0x60;
    pub(in super::super) const LEN: u16 = 0x80;
    pub(in super::super) const MSH: u16 = 0xa0;

    pub(in super::super) const ADD: u16 = 0x00;
    pub(in super::super) const SUB: u16 = 0x10;
    pub(in super::super) const MUL: u16 = 0x20;
    pub(in super::super) const DIV: u16 = 0x30;
    pub(in super::super) const OR: u16 = 0x40;
    pub(in super::super) const AND: u16 = 0x50;
    pub(in super::super) const LSH: u16 = 0x60;
    pub(in super::super) const RSH: u16 = 0x70;
    pub(in super::super) const NEG: u16 = 0x80;
    pub(in super::super) const MOD: u16 = 0x90;
    pub(in super::super) const XOR: u16 = 0xa0;

    pub(in super::super) const JA: u16 = 0x00;
    pub(in super::super) const JEQ: u16 = 0x10;
    pub(in super::super) const JGT: u16 = 0x20;
    pub(in super::super) const JGE: u16 = 0x30;
    pub(in super::super) const JSET: u16 = 0x40;

    pub(in super::super) const K: u16 = 0x00;
    pub(in super::super) const X: u16 = 0x08;
    pub(in super::super) const A: u16 = 0x10;

    pub(in super::super) const TAX: u16 = 0x00;
    pub(in super::super) const TXA: u16 = 0x80;
}

/// Offsets at which Linux gives not bytes of the packet but what else it knows of it
/// (`linux/filter.h`, SKF_AD_OFF).
pub(super) mod ancillary {
    /// The first of them.
    pub(in super::super) const BASE: u32 = 0xffff_f000;
    /// The EtherType.
    pub(in super::super) const PROTOCOL: u32 = BASE;
    /// To whom the packet was sent: 4 is "sent by this machine".
    pub(in super::super) const PACKET_TYPE: u32 = BASE + 4;
    /// The interface.
    pub(in super::super) const INTERFACE: u32 = BASE + 8;
    /// The VLAN tag that was taken off the packet.
    pub(in super::super) const VLAN_TAG: u32 = BASE + 44;
    /// 1 if a VLAN tag was taken off the packet.
    pub(in super::super) const VLAN_TAG_PRESENT: u32 = BASE + 48;
    /// The tag protocol of the VLAN tag that was taken off.
    pub(in super::super) const VLAN_PROTOCOL: u32 = BASE + 60;
}

/// Instructions of the longest program (`linux/bpf_common.h`, BPF_MAXINSNS).
pub const MAX_INSTRUCTIONS: usize = 4096;

/// Words of scratch memory (BPF_MEMWORDS).
pub(super) const MEMORY: usize = 16;

/// An instruction; in memory it is Linux's `struct sock_filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// Instructions to skip if a comparison holds.
    pub jt: u8,
    /// Instructions to skip if it does not.
    pub jf: u8,
    /// A number, an offset into the packet, or instructions to skip.
    pub k: u32,
}

/// What the kernel knows of a packet beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ancillary {
    /// The tag control information of a VLAN tag that was taken off the packet.
    pub vlan_tci: Option<u16>,
    /// The EtherType of that tag.
    pub vlan_tpid: u16,
    /// To whom it was sent (PACKET_HOST and so on; 4, PACKET_OUTGOING, if by this machine).
    pub packet_type: u8,
    /// Index of the interface.
    pub interface: u32,
    /// EtherType of the packet.
    pub protocol: u16,
}

/// A program that was checked: it ends after at most as many steps as it has instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    instructions: Vec<Instruction>,
}

/// Why instructions are no program.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProgramError {
    /// The instruction, from 0.
    pub instruction: usize,
    /// What is wrong with it.
    pub message: &'static str,
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instruction {}: {}", self.instruction, self.message)
    }
}

impl std::error::Error for ProgramError {}

impl Program {
    /// Checks instructions by the kernel's rules: known codes, jumps forward and inside, memory
    /// that exists, no division by a constant zero, no shift by 32 or more, a return at the end.
    ///
    /// # Errors
    ///
    /// When they are no such program.
    pub fn new(instructions: Vec<Instruction>) -> Result<Self, ProgramError> {
        let wrong = |instruction, message| ProgramError {
            instruction,
            message,
        };
        let count = instructions.len();
        if count > MAX_INSTRUCTIONS {
            return Err(wrong(MAX_INSTRUCTIONS, "more than 4096 instructions"));
        }
        for (index, instruction) in instructions.iter().enumerate() {
            check(*instruction, count - index - 1).map_err(|message| wrong(index, message))?;
        }
        match instructions.last() {
            Some(last) if last.code & 7 == code::RET => Ok(Self { instructions }),
            _ => Err(wrong(count, "the program has no return at its end")),
        }
    }

    /// The instructions.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// Whether a packet of a file matches. `wire_len` is its length on the wire.
    #[inline]
    pub fn accepts(&self, packet: &[u8], wire_len: u32) -> bool {
        self.run(packet, wire_len, None) != 0
    }

    /// Whether a packet of the kernel matches.
    pub fn accepts_with(&self, packet: &[u8], wire_len: u32, ancillary: &Ancillary) -> bool {
        self.run(packet, wire_len, Some(ancillary)) != 0
    }

    /// Runs the program; what it returns is how many bytes of the packet to keep.
    ///
    /// As in the kernel, a read behind the packet's captured bytes and a division by zero end
    /// it with 0.
    pub fn run(&self, packet: &[u8], wire_len: u32, known: Option<&Ancillary>) -> u32 {
        self.steps(packet, wire_len, known).unwrap_or(0)
    }

    #[inline]
    fn steps(&self, packet: &[u8], wire_len: u32, known: Option<&Ancillary>) -> Option<u32> {
        let mut a = 0_u32;
        let mut x = 0_u32;
        let mut memory = [0_u32; MEMORY];
        let mut next = 0_usize;
        // Jumps go forward only, so this ends.
        loop {
            let instruction = *self.instructions.get(next)?;
            let k = instruction.k;
            next += 1;
            match instruction.code {
                LD_H_ABS => {
                    a = match load2(packet, k as usize) {
                        Some(value) => value,
                        None => special(k, known)?,
                    }
                }
                LD_B_ABS => {
                    a = match load1(packet, k as usize) {
                        Some(value) => value,
                        None => special(k, known)?,
                    }
                }
                LD_W_ABS => {
                    a = match load4(packet, k as usize) {
                        Some(value) => value,
                        None => special(k, known)?,
                    }
                }
                JEQ_K => next += jump(instruction, a == k),
                JSET_K => next += jump(instruction, a & k != 0),
                JGT_K => next += jump(instruction, a > k),
                JGE_K => next += jump(instruction, a >= k),
                LDX_MSH => x = (load1(packet, k as usize)? & 0xf) << 2,
                LD_H_IND => a = load2(packet, at(x, k))?,
                LD_B_IND => a = load1(packet, at(x, k))?,
                LD_W_IND => a = load4(packet, at(x, k))?,
                RET_K => return Some(k),
                AND_K => a &= k,
                JA => next = next.checked_add(k as usize)?,
                JEQ_X => next += jump(instruction, a == x),
                JSET_X => next += jump(instruction, a & x != 0),
                JGT_X => next += jump(instruction, a > x),
                JGE_X => next += jump(instruction, a >= x),
                RET_A => return Some(a),
                LD_IMM => a = k,
                LDX_IMM => x = k,
                LD_LEN => a = wire_len,
                LDX_LEN => x = wire_len,
                LD_MEM => a = *memory.get(k as usize)?,
                LDX_MEM => x = *memory.get(k as usize)?,
                ST => *memory.get_mut(k as usize)? = a,
                STX => *memory.get_mut(k as usize)? = x,
                TAX => x = a,
                TXA => a = x,
                NEG => a = a.wrapping_neg(),
                code => {
                    let operand = if code & code::X == 0 { k } else { x };
                    a = match code & 0xf0 {
                        code::ADD => a.wrapping_add(operand),
                        code::SUB => a.wrapping_sub(operand),
                        code::MUL => a.wrapping_mul(operand),
                        code::DIV => a.checked_div(operand)?,
                        code::MOD => a.checked_rem(operand)?,
                        code::AND => a & operand,
                        code::OR => a | operand,
                        code::XOR => a ^ operand,
                        code::LSH => a.checked_shl(operand).unwrap_or(0),
                        code::RSH => a.checked_shr(operand).unwrap_or(0),
                        // `check` lets no other code pass.
                        _ => return None,
                    };
                }
            }
        }
    }
}

impl fmt::Display for Program {
    /// The instructions, one a line, as `tcpdump -d` shows them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        listing::write(&self.instructions, f)
    }
}

const LD_W_ABS: u16 = code::LD | code::W | code::ABS;
const LD_H_ABS: u16 = code::LD | code::H | code::ABS;
const LD_B_ABS: u16 = code::LD | code::B | code::ABS;
const LD_W_IND: u16 = code::LD | code::W | code::IND;
const LD_H_IND: u16 = code::LD | code::H | code::IND;
const LD_B_IND: u16 = code::LD | code::B | code::IND;
const LD_IMM: u16 = code::LD | code::IMM;
const LD_LEN: u16 = code::LD | code::LEN;
const LD_MEM: u16 = code::LD | code::MEM;
const LDX_IMM: u16 = code::LDX | code::IMM;
const LDX_LEN: u16 = code::LDX | code::LEN;
const LDX_MEM: u16 = code::LDX | code::MEM;
const LDX_MSH: u16 = code::LDX | code::B | code::MSH;
const ST: u16 = code::ST;
const STX: u16 = code::STX;
const TAX: u16 = code::MISC | code::TAX;
const TXA: u16 = code::MISC | code::TXA;
const NEG: u16 = code::ALU | code::NEG;
const AND_K: u16 = code::ALU | code::AND | code::K;
const RET_K: u16 = code::RET | code::K;
const RET_A: u16 = code::RET | code::A;
const JA: u16 = code::JMP | code::JA;
const JEQ_K: u16 = code::JMP | code::JEQ | code::K;
const JGT_K: u16 = code::JMP | code::JGT | code::K;
const JGE_K: u16 = code::JMP | code::JGE | code::K;
const JSET_K: u16 = code::JMP | code::JSET | code::K;
const JEQ_X: u16 = code::JMP | code::JEQ | code::X;
const JGT_X: u16 = code::JMP | code::JGT | code::X;
const JGE_X: u16 = code::JMP | code::JGE | code::X;
const JSET_X: u16 = code::JMP | code::JSET | code::X;

/// Checks an instruction that has `left` more behind it.
fn check(instruction: Instruction, left: usize) -> Result<(), &'static str> {
    match instruction.code {
        LD_W_ABS | LD_H_ABS | LD_B_ABS | LD_W_IND | LD_H_IND | LD_B_IND | LD_IMM | LD_LEN
        | LDX_IMM | LDX_LEN | LDX_MSH | TAX | TXA | NEG | RET_K | RET_A => Ok(()),
        LD_MEM | LDX_MEM | ST | STX => {
            if (instruction.k as usize) < MEMORY {
                Ok(())
            } else {
                Err("it names memory that does not exist")
            }
        }
        JA => {
            if (instruction.k as usize) < left {
                Ok(())
            } else {
                Err("it jumps out of the program")
            }
        }
        JEQ_K | JGT_K | JGE_K | JSET_K | JEQ_X | JGT_X | JGE_X | JSET_X => {
            if usize::from(instruction.jt.max(instruction.jf)) < left {
                Ok(())
            } else {
                Err("it jumps out of the program")
            }
        }
        other if other & 7 == code::ALU && other & !0xff == 0 => {
            let constant = other & code::X == 0;
            match other & 0xf0 {
                code::DIV | code::MOD if constant && instruction.k == 0 => {
                    Err("it divides by zero")
                }
                code::LSH | code::RSH if constant && instruction.k > 31 => {
                    Err("it shifts by more than 31 bits")
                }
                code::ADD
                | code::SUB
                | code::MUL
                | code::DIV
                | code::MOD
                | code::AND
                | code::OR
                | code::XOR
                | code::LSH
                | code::RSH => Ok(()),
                _ => Err("its code is unknown"),
            }
        }
        _ => Err("its code is unknown"),
    }
}

#[inline]
fn jump(instruction: Instruction, holds: bool) -> usize {
    usize::from(if holds {
        instruction.jt
    } else {
        instruction.jf
    })
}

/// The place a load relative to X reads from.
#[inline]
fn at(x: u32, k: u32) -> usize {
    (x as usize).saturating_add(k as usize)
}

#[inline]
fn load1(packet: &[u8], offset: usize) -> Option<u32> {
    packet.get(offset).map(|byte| u32::from(*byte))
}

#[inline]
fn load2(packet: &[u8], offset: usize) -> Option<u32> {
    let bytes = packet.get(offset..)?.first_chunk::<2>()?;
    Some(u32::from(u16::from_be_bytes(*bytes)))
}

#[inline]
fn load4(packet: &[u8], offset: usize) -> Option<u32> {
    let bytes = packet.get(offset..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*bytes))
}

/// What the kernel knows beside the bytes.
#[cold]
fn special(offset: u32, known: Option<&Ancillary>) -> Option<u32> {
    let known = known?;
    Some(match offset {
        ancillary::PROTOCOL => u32::from(known.protocol),
        ancillary::PACKET_TYPE => u32::from(known.packet_type),
        ancillary::INTERFACE => known.interface,
        ancillary::VLAN_TAG => u32::from(known.vlan_tci.unwrap_or(0)),
        ancillary::VLAN_TAG_PRESENT => u32::from(known.vlan_tci.is_some()),
        ancillary::VLAN_PROTOCOL => u32::from(known.vlan_tpid),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
