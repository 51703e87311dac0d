//! Programs as people read them: the notation of `tcpdump -d`.

use std::fmt;

use super::program::{Instruction, ancillary, code};

/// Writes instructions, one a line.
pub(super) fn write(instructions: &[Instruction], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, instruction) in instructions.iter().enumerate() {
        let (operation, operand) = image(*instruction, index);
        let is_jump = instruction.code & 7 == code::JMP && instruction.code & 0xf0 != code::JA;
        if is_jump {
            let to = |skip: u8| index + 1 + usize::from(skip);
            writeln!(
                f,
                "({index:03}) {operation:<8} {operand:<16} jt {}\tjf {}",
                to(instruction.jt),
                to(instruction.jf)
            )?;
        } else {
            writeln!(f, "({index:03}) {operation:<8} {operand}")?;
        }
    }
    Ok(())
}

/// The operation and what it works on.
fn image(instruction: Instruction, index: usize) -> (&'static str, String) {
    let Instruction { code, k, .. } = instruction;
    let signed = k as i32;
    match code & 7 {
        code::LD => {
            let name = match code & 0x18 {
                code::H => "ldh",
                code::B => "ldb",
                _ => "ld",
            };
            match code & 0xe0 {
                code::ABS => (name, absolute(k)),
                code::IND => (name, format!("[x + {signed}]")),
                code::MEM => ("ld", format!("M[{signed}]")),
                code::LEN => ("ld", "#pktlen".to_owned()),
                _ => ("ld", format!("#0x{k:x}")),
            }
        }
        code::LDX => match code & 0xe0 {
            code::MSH => ("ldxb", format!("4*([{signed}]&0xf)")),
            code::MEM => ("ldx", format!("M[{signed}]")),
            code::LEN => ("ldx", "#pktlen".to_owned()),
            _ => ("ldx", format!("#0x{k:x}")),
        },
        code::ST => ("st", format!("M[{signed}]")),
        code::STX => ("stx", format!("M[{signed}]")),
        code::ALU => arithmetic(code, k),
        code::JMP => {
            let name = match code & 0xf0 {
                code::JA => return ("ja", (index + 1 + k as usize).to_string()),
                code::JEQ => "jeq",
                code::JGT => "jgt",
                code::JGE => "jge",
                _ => "jset",
            };
            let x = code & code::X != 0;
            (
                name,
                if x {
                    "x".to_owned()
                } else {
                    format!("#0x{k:x}")
                },
            )
        }
        code::RET if code & code::A != 0 => ("ret", String::new()),
        code::RET => ("ret", format!("#{signed}")),
        _ if code & code::TXA != 0 => ("txa", String::new()),
        _ => ("tax", String::new()),
    }
}

fn arithmetic(code: u16, k: u32) -> (&'static str, String) {
    let (name, hexadecimal) = match code & 0xf0 {
        code::ADD => ("add", false),
        code::SUB => ("sub", false),
        code::MUL => ("mul", false),
        code::DIV => ("div", false),
        code::MOD => ("mod", false),
        code::AND => ("and", true),
        code::OR => ("or", true),
        code::XOR => ("xor", true),
        code::LSH => ("lsh", false),
        code::RSH => ("rsh", false),
        _ => return ("neg", String::new()),
    };
    let operand = if code & code::X != 0 {
        "x".to_owned()
    } else if hexadecimal {
        format!("#0x{k:x}")
    } else {
        format!("#{}", k as i32)
    };
    (name, operand)
}

/// An offset, by its name where Linux gives it a meaning.
fn absolute(k: u32) -> String {
    let name = match k {
        ancillary::PROTOCOL => "proto",
        ancillary::PACKET_TYPE => "type",
        ancillary::INTERFACE => "ifidx",
        ancillary::VLAN_TAG => "vlan_tci",
        ancillary::VLAN_TAG_PRESENT => "vlanp",
        ancillary::VLAN_PROTOCOL => "vlan_tpid",
        _ => return format!("[{}]", k as i32),
    };
    format!("[{name}]")
}

#[cfg(test)]
mod tests {
    use super::super::program::Program;
    use super::*;

    fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
        Instruction { code, jt, jf, k }
    }

    #[test]
    fn the_notation_of_tcpdump() {
        let program = Program::new(vec![
            instruction(0x28, 0, 0, 12),
            instruction(0x15, 0, 4, 0x800),
            instruction(0xb1, 0, 0, 14),
            instruction(0x48, 0, 0, 14),
            instruction(0x54, 0, 0, 0xff),
            instruction(0x35, 1, 0, 3),
            instruction(0x06, 0, 0, 262_144),
            instruction(0x06, 0, 0, 0),
        ])
        .unwrap();
        let expected = "\
(000) ldh      [12]
(001) jeq      #0x800           jt 2\tjf 6
(002) ldxb     4*([14]&0xf)
(003) ldh      [x + 14]
(004) and      #0xff
(005) jge      #0x3             jt 7\tjf 6
(006) ret      #262144
(007) ret      #0
";
        assert_eq!(program.to_string(), expected);
    }

    #[test]
    fn what_linux_knows_has_names() {
        assert_eq!(absolute(0xffff_f030), "[vlanp]");
        assert_eq!(absolute(0xffff_f004), "[type]");
    }
}
