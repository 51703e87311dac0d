//! Any text as a filter: no panic, an error that points into the text, and programs that are
//! checked, run on any packet, and say the same whether they are compiled once or twice.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netloom_capture::filter::{
    Ancillary, CompileOptions, Filter, Instruction, MAX_INSTRUCTIONS, Program,
};
use netloom_packet::LinkType;

fuzz_target!(|input: (&str, u16, bool, Vec<u8>, Vec<(u16, u8, u8, u32)>)| {
    let (expression, link_type, live, packet, instructions) = input;
    let wire_len = packet.len() as u32;
    match Filter::new(expression) {
        Err(error) => {
            assert!(error.column >= 1 && error.column <= expression.chars().count() + 1);
            assert!(!error.to_string().contains('\u{1b}'));
        }
        Ok(filter) => {
            let options = CompileOptions {
                live,
                ..CompileOptions::default()
            };
            // Mostly link types that have a meaning.
            match filter.program(LinkType(link_type % 300), &options) {
                Err(error) => {
                    assert!(error.column >= 1 && error.column <= expression.chars().count() + 1);
                }
                Ok(program) => {
                    assert!(program.instructions().len() <= MAX_INSTRUCTIONS);
                    let known = live.then(Ancillary::default);
                    let kept = program.run(&packet, wire_len, known.as_ref());
                    assert!(kept == 0 || kept == options.snaplen);
                    let again = filter.program(LinkType(link_type % 300), &options);
                    assert_eq!(again.as_ref(), Ok(&program));
                    assert_eq!(
                        program.to_string().lines().count(),
                        program.instructions().len()
                    );
                }
            }
        }
    }
    let instructions = instructions
        .into_iter()
        .map(|(code, jt, jf, k)| Instruction { code, jt, jf, k })
        .collect();
    if let Ok(program) = Program::new(instructions) {
        program.run(&packet, wire_len, None);
    }
});
