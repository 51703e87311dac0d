//! Captures as tables.
//!
//! A capture is a [`FileSource`](datafusion::datasource::physical_plan::FileSource) inside a
//! [`FileScanConfig`](datafusion::datasource::physical_plan::FileScanConfig), as Parquet files
//! are, so that plans can be sent elsewhere; all captures of a table are one group of files and
//! one partition, because together they are one stream in the order of time.
//!
//! | file | what |
//! |---|---|
//! | `table.rs` | the table that the planner sees |
//! | `filter.rs` | what of `WHERE` the decoder can do |
//! | `source.rs` | the leaf of a physical plan |
//! | `share.rs` | leaves of one plan that read the same captures get one pass |
//! | `pass.rs` | that pass: a thread that decodes, and queues of batches to the leaves |

pub(crate) mod filter;
mod pass;
mod share;
mod source;
mod table;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use netloom_pipeline::Control;
use netloom_pipeline::scan::{ScanOptions, ScanOutcome, Source};

pub(crate) use share::ShareCaptures;
pub(crate) use table::CaptureTable;

/// An error of whoever opens captures.
pub type OpenError = Box<dyn std::error::Error + Send + Sync>;

/// Opens captures: all of them, as one stream of packets in the order of time.
///
/// The same files give the same packets each time: some tables are made in two passes.
pub trait OpenCaptures: Send + Sync {
    /// Opens them.
    ///
    /// # Errors
    ///
    /// When one of them cannot be opened.
    fn open(&self, files: &[PathBuf]) -> Result<Source, OpenError>;
}

impl<F> OpenCaptures for F
where
    F: Fn(&[PathBuf]) -> Result<Source, OpenError> + Send + Sync,
{
    fn open(&self, files: &[PathBuf]) -> Result<Source, OpenError> {
        self(files)
    }
}

/// Captures that are queried together.
pub struct Captures {
    files: Vec<PathBuf>,
    open: Box<dyn OpenCaptures>,
    options: ScanOptions,
    on_pass: Option<Box<OnPass>>,
    passes: Mutex<Passes>,
}

/// What is done when a pass begins.
type OnPass = dyn Fn(&Arc<Control>) + Send + Sync;

/// The passes over captures, done and under way.
#[derive(Default)]
struct Passes {
    threads: Vec<JoinHandle<()>>,
    outcomes: Vec<ScanOutcome>,
    begun: usize,
}

impl fmt::Debug for Captures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captures")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Captures {
    /// These files; nothing is opened before a query needs it.
    pub fn new(
        files: Vec<PathBuf>,
        open: impl OpenCaptures + 'static,
        options: ScanOptions,
    ) -> Self {
        Self {
            files,
            open: Box::new(open),
            options,
            on_pass: None,
            passes: Mutex::default(),
        }
    }

    /// Does something whenever a pass begins, with what shows how far it has come and can stop
    /// it.
    #[must_use]
    pub fn on_pass(mut self, tell: impl Fn(&Arc<Control>) + Send + Sync + 'static) -> Self {
        self.on_pass = Some(Box::new(tell));
        self
    }

    /// The files.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Passes that were begun. A query that needs the captures at all begins one.
    pub fn passes_begun(&self) -> usize {
        self.passes().begun
    }

    /// Waits for passes that go on, and tells what those since the last call came to. One that
    /// nobody waits for any more ends soon.
    pub fn take_outcomes(&self) -> Vec<ScanOutcome> {
        let threads = std::mem::take(&mut self.passes().threads);
        for thread in threads {
            // A pass that panicked has told its queues.
            let _ = thread.join();
        }
        std::mem::take(&mut self.passes().outcomes)
    }

    fn passes(&self) -> MutexGuard<'_, Passes> {
        self.passes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
