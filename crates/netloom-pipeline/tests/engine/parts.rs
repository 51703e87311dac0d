//! Parts of a file, read by several threads at once: in whatever order they are done, the packets come
//! in theirs, and nobody waits in vain.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use netloom_flow::FlowRules;
use netloom_packet::{CaptureInfo, PacketBatch, PacketSource, Part, ReadPart, SourceError};
use netloom_pipeline::{Control, Outcome, run};

use crate::support::{Recording, RecordingStage, Setup, assert_same, traffic};

/// What becomes of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    AsRead,
    /// It is read slowly.
    Slow,
    /// The system fails after half of it.
    Fails,
    /// Looking for its packets panics.
    Panics,
}

/// A source whose parts do not all end well.
struct Parts<F> {
    source: Box<dyn PacketSource + Send>,
    taken: usize,
    found: usize,
    turn: F,
}

impl<F: Fn(usize) -> Turn> PacketSource for Parts<F> {
    fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        self.source.next_batch(batch)
    }

    fn take_part(&mut self) -> Option<ReadPart> {
        let read = self.source.take_part()?;
        self.taken += 1;
        let turn = (self.turn)(self.taken);
        Some(Box::new(move |block| {
            if turn == Turn::Slow {
                std::thread::sleep(Duration::from_millis(3));
            }
            let mut part = read(block);
            if turn == Turn::Fails {
                part.bytes.end -= part.bytes.len() / 2;
                part.is_last = true;
                part.error = Some(io::Error::other("the disk is gone"));
            }
            part
        }))
    }

    fn next_batch_of(&mut self, part: Part, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        self.found += 1;
        assert!((self.turn)(self.found) != Turn::Panics, "on purpose");
        self.source.next_batch_of(part, batch)
    }

    fn info(&self) -> Vec<CaptureInfo> {
        self.source.info()
    }
}

fn outcome(
    setup: Setup,
    file: &[u8],
    turn: impl Fn(usize) -> Turn + Send + 'static,
) -> Outcome<Recording> {
    let source = Parts {
        source: setup.source(file),
        taken: 0,
        found: 0,
        turn,
    };
    let control = Control::default();
    run(
        Box::new(source),
        &RecordingStage,
        &setup.options(),
        &control,
    )
    .expect("the recording cannot fail")
}

/// Small parts, so that there are many rounds.
fn many_rounds(threads: usize) -> Setup {
    Setup {
        threads,
        round_blocks: 3,
        block_size: 400,
        ..Setup::plain(FlowRules::Native)
    }
}

#[test]
fn parts_that_take_long_do_not_change_the_order() {
    let file = traffic(5, 600);
    let expected = Setup::plain(FlowRules::Native).record(&file);
    for threads in [2, 3, 8] {
        for slow in [2, 5, 7] {
            let outcome = outcome(many_rounds(threads), &file, move |part| {
                if part % slow == 0 {
                    Turn::Slow
                } else {
                    Turn::AsRead
                }
            });
            assert!(outcome.failed.is_none());
            assert_same(&expected, &outcome.output, "slow parts");
        }
    }
}

#[test]
fn a_part_that_fails_is_the_last() {
    let file = traffic(6, 600);
    let whole = Setup::plain(FlowRules::Native).record(&file);
    for threads in [2, 3, 8] {
        let outcome = outcome(many_rounds(threads), &file, |part| match part {
            20 => Turn::Fails,
            part if part % 3 == 0 => Turn::Slow,
            _ => Turn::AsRead,
        });
        let failed = outcome.failed.expect("it failed");
        assert_eq!(failed.message, "reading failed");
        assert_eq!(
            failed.cause.expect("it has a cause").to_string(),
            "the disk is gone"
        );
        let packets = outcome.output.packets;
        assert!((10..600).contains(&packets), "{packets}");
        assert_eq!(packets, outcome.captures[0].packets);
        // How large the parts before it were, is a matter of who came first.
        let numbers = |recording: &Recording| -> Vec<u64> {
            recording.rows.iter().map(|row| row.0).collect()
        };
        assert_eq!(
            numbers(&outcome.output),
            numbers(&whole)[..packets as usize]
        );
    }
}

#[test]
fn a_panic_leaves_nobody_waiting_for_a_turn() {
    let file = traffic(7, 600);
    for threads in [2, 3, 8] {
        let panics = catch_unwind(AssertUnwindSafe(|| {
            outcome(many_rounds(threads), &file, |part| match part {
                20 => Turn::Panics,
                // The others are waiting by then.
                19 => Turn::Slow,
                _ => Turn::AsRead,
            })
        }));
        assert!(panics.is_err(), "{threads} threads");
    }
}
