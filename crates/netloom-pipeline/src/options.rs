//! How the engine runs.

use netloom_decode::DecodeOptions;
use netloom_flow::FlowConfig;

/// Logical shards: a flow belongs to one of them, whatever the number of threads.
pub const SHARDS: usize = 64;

/// How the engine runs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PipelineOptions {
    /// Threads that do the work, the calling one included; 0: as many as there are cores.
    pub threads: usize,
    /// What a flow is, when it ends, how much memory the flow table may use (all shards together).
    pub flow: FlowConfig,
    /// Which tunnels are opened.
    pub decode: DecodeOptions,
    /// Blocks in a round.
    pub round_blocks: usize,
}

impl PipelineOptions {
    /// All cores, and the tunnels that the rules open.
    pub fn new(flow: FlowConfig) -> Self {
        let tunnels = flow.rules.tunnels();
        Self {
            threads: 0,
            flow,
            decode: DecodeOptions { tunnels },
            round_blocks: 6,
        }
    }

    /// The number of threads, told from the machine where it is 0.
    pub fn thread_count(&self) -> usize {
        let threads = match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        threads.min(SHARDS)
    }
}
