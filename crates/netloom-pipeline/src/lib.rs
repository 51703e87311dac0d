//! The engine: a source of packets, through decoding and flow tables, into stages.
//!
//! Work goes in *rounds* of a few blocks. In each round
//! 1. blocks are read (one thread at a time) and decoded (all threads),
//! 2. one thread does, in packet order, what crosses flows: it puts fragments together, moves
//!    the packet clock, and calls [`Stage::cross`],
//! 3. the 64 logical shards take their packets, each shard on one thread at a time,
//! 4. blocks are turned into rows, where a stage wants them (all threads),
//! 5. one thread hands out what the round gave, in order ([`Stage::round_end`]).
//!
//! Nothing depends on which thread did what, nor on where rounds begin: the same input and
//! options give the same results for any number of threads.

mod barrier;
mod block;
pub mod bounded;
mod clock;
pub mod compact;
mod engine;
mod fragments;
pub mod hosts;
mod interfaces;
pub mod intervals;
mod options;
mod prefetch;
pub mod scan;
mod shard;
mod stage;

/// The vocabulary of stages, for crates that may use this one but not those below it.
pub use {netloom_decode as decode, netloom_flow as flow, netloom_packet as packet};

pub use block::BlockView;
pub use engine::{Control, Outcome, run};
pub use options::{PipelineOptions, SHARDS};
pub use shard::ShardFacts;
pub use stage::{FragmentFacts, Needs, RoundError, Stage, StagePacket};
