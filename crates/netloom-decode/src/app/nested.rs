//! A stream inside another protocol's messages: TLS in the tokens of FTP's `ADAT`.

use super::{Context, Events, Next, Parser, STREAM_MAX};

/// One direction.
#[derive(Debug, Default)]
struct Half {
    /// Bytes that the parser has not consumed.
    held: Vec<u8>,
    /// Bytes to come that it does not want to see.
    skip: u64,
    quiet: bool,
}

/// Gives a parser what another one finds for it, piece by piece.
#[derive(Debug)]
pub(super) struct Nested {
    parser: Box<dyn Parser>,
    halves: [Half; 2],
}

impl Nested {
    pub(super) fn new(parser: Box<dyn Parser>) -> Self {
        Self {
            parser,
            halves: Default::default(),
        }
    }

    /// The next bytes of a direction. `false`: there is nothing more to learn.
    pub(super) fn push(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> bool {
        let half = &mut self.halves[usize::from(!context.from_client)];
        if half.quiet {
            return true;
        }
        half.held.extend_from_slice(data);
        loop {
            let skipped = half.skip.min(half.held.len() as u64);
            half.held.drain(..skipped as usize);
            half.skip -= skipped;
            if half.held.is_empty() {
                return true;
            }
            let step = self.parser.stream(context, &half.held, events);
            half.held.drain(..step.consumed.min(half.held.len()));
            match step.next {
                Next::Continue if step.consumed > 0 => {}
                Next::Continue => return half.held.len() <= STREAM_MAX,
                Next::Skip(count) => half.skip = count,
                Next::Quiet => {
                    half.quiet = true;
                    half.held = Vec::new();
                    return true;
                }
                Next::Done | Next::NotThis | Next::Become(_) => return false,
            }
        }
    }

    /// The flow has ended.
    pub(super) fn finish(&mut self, context: &Context, events: &mut dyn Events) {
        self.parser.finish(context, events);
    }

    /// Bytes on the heap, this included.
    pub(super) fn heap_bytes(&self) -> usize {
        let held: usize = self.halves.iter().map(|half| half.held.capacity()).sum();
        size_of::<Self>() + self.parser.heap_bytes() + held
    }
}
