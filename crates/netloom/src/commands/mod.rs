//! The commands, one a file.

pub(crate) mod completions;
pub(crate) mod export;
pub(crate) mod report;
pub(crate) mod tables;

use std::path::PathBuf;
use std::sync::Arc;

use netloom::pipeline::{Control, Outcome, PipelineOptions, Stage, run};
use netloom::{FlowConfig, OpenOptions};

use crate::arguments::Global;
use crate::failure::Failure;
use crate::output::Printer;
use crate::progress::{Progress, stop_on_signal};

/// Runs captures through a stage, with a progress bar, until their end or Ctrl-C. `output` is
/// where the stage writes, for messages.
fn run_stage<T: Stage>(
    files: &[PathBuf],
    stage: &T,
    global: &Global,
    printer: &Printer,
    output: &std::path::Path,
) -> Result<Outcome<T::Output>, Failure> {
    let source = netloom::open(files, &OpenOptions::default())?;
    let mut flow = FlowConfig::new(global.flow_rules);
    flow.idle_timeout = global.idle_timeout;
    flow.active_timeout = global.active_timeout;
    flow.max_memory = global.max_memory;
    flow.checksums = global.checksums;
    let mut options = PipelineOptions::new(flow);
    options.threads = global.threads;

    let control = Arc::new(Control::default());
    stop_on_signal(&control);
    let progress = Progress::show(&control, global, printer);
    let outcome = run(source, stage, &options, &control);
    drop(progress);
    let outcome = outcome.map_err(|cause| Failure::writing(output, &cause))?;
    for capture in &outcome.captures {
        for warning in &capture.warnings {
            printer.warning(&format!(
                "{}: {} (at byte {})",
                capture.name, warning.message, warning.offset
            ));
        }
        printer.detail(&format!(
            "{}: {}, {} packets",
            capture.name, capture.format, capture.packets
        ));
    }
    if outcome.interrupted {
        printer.note("stopped early; what follows is about what was read until then");
    }
    Ok(outcome)
}
