//! `netloom completions`.

use std::io::Write as _;

use clap::CommandFactory as _;

use crate::arguments::{Arguments, CompletionsOptions};
use crate::failure::{ExitCode, Failure};

pub(crate) fn run(options: &CompletionsOptions) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        options.shell,
        &mut Arguments::command(),
        "netloom",
        &mut script,
    );
    std::io::stdout()
        .write_all(&script)
        .map_err(|cause| Failure::writing("-".as_ref(), &cause))?;
    Ok(ExitCode::SUCCESS)
}
