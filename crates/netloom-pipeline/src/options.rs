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
    /// Blocks in a round; 0: as many as keep the threads busy. What comes out does not depend on it.
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
            round_blocks: 0,
        }
    }

    /// The number of blocks in a round. Where they become `rows`, that is the larger part of the
    /// work, and eight share it well; else two a thread, a few more where there are few threads:
    /// what is decoded of more blocks does not stay in caches.
    pub fn block_count(&self, rows: bool) -> usize {
        match self.round_blocks {
            0 if rows => 8,
            0 => (2 * self.thread_count()).clamp(4, 8),
            blocks => blocks,
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
