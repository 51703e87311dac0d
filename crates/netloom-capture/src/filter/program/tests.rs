use proptest::prelude::*;

use super::*;

fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
    Instruction { code, jt, jf, k }
}

fn refused(instructions: Vec<Instruction>) -> &'static str {
    Program::new(instructions).unwrap_err().message
}

#[test]
fn only_programs_that_end_are_taken() {
    let end = instruction(0x06, 0, 0, 1);
    assert!(refused(vec![]).contains("return"));
    assert!(refused(vec![instruction(0x28, 0, 0, 12)]).contains("return"));
    assert!(refused(vec![instruction(0x15, 1, 0, 0), end]).contains("jumps"));
    assert!(refused(vec![instruction(0x05, 0, 0, u32::MAX), end]).contains("jumps"));
    assert!(refused(vec![instruction(0x34, 0, 0, 0), end]).contains("zero"));
    assert!(refused(vec![instruction(0x64, 0, 0, 32), end]).contains("31"));
    assert!(refused(vec![instruction(0x02, 0, 0, 16), end]).contains("memory"));
    assert!(refused(vec![instruction(0xffff, 0, 0, 0), end]).contains("unknown"));
    assert!(refused(vec![end; MAX_INSTRUCTIONS + 1]).contains("4096"));
    assert!(Program::new(vec![end; MAX_INSTRUCTIONS]).is_ok());
}

#[test]
fn reads_behind_the_packet_end_it() {
    let program = |first| Program::new(vec![first, instruction(0x06, 0, 0, 7)]).unwrap();
    assert_eq!(program(instruction(0x28, 0, 0, 2)).run(&[0; 4], 4, None), 7);
    assert_eq!(program(instruction(0x28, 0, 0, 3)).run(&[0; 4], 4, None), 0);
    assert_eq!(
        program(instruction(0x20, 0, 0, u32::MAX)).run(&[0; 4], 4, None),
        0
    );
    assert_eq!(program(instruction(0xb1, 0, 0, 4)).run(&[0; 4], 4, None), 0);
}

#[test]
fn what_the_kernel_knows_is_read_if_there() {
    // ldb [vlanp]; ret a
    let program = Program::new(vec![
        instruction(0x30, 0, 0, ancillary::VLAN_TAG_PRESENT),
        instruction(0x16, 0, 0, 0),
    ])
    .unwrap();
    let tagged = Ancillary {
        vlan_tci: Some(5),
        ..Ancillary::default()
    };
    assert_eq!(program.run(&[], 0, Some(&tagged)), 1);
    assert_eq!(program.run(&[], 0, Some(&Ancillary::default())), 0);
    assert_eq!(program.run(&[], 0, None), 0);
}

fn any_instruction() -> impl Strategy<Value = Instruction> {
    // Mostly codes that exist, and numbers that are small.
    let code = prop_oneof![0..0xc0_u16, any::<u16>()];
    let number = prop_oneof![0..40_u32, any::<u32>()];
    (code, 0..12_u8, 0..12_u8, number).prop_map(|(code, jt, jf, k)| Instruction { code, jt, jf, k })
}

proptest! {
    #[test]
    fn any_instructions_are_refused_or_run(
        instructions in prop::collection::vec(any_instruction(), 0..40),
        packet in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        if let Ok(program) = Program::new(instructions) {
            let _ = program.run(&packet, packet.len() as u32, None);
            let _ = program.run(&packet, 0, Some(&Ancillary::default()));
            prop_assert_eq!(program.to_string().lines().count(), program.instructions().len());
        }
    }
}
