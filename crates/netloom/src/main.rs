//! The `netloom` command.

mod allocator;
mod arguments;
mod clock;
mod commands;
mod data;
mod dialogue;
mod failure;
mod output;
mod progress;
mod units;

use clap::Parser;

use arguments::{Arguments, Command};
use failure::ExitCode;
use output::Printer;

fn main() {
    let arguments = Arguments::parse();
    let printer = Printer::new(&arguments.global);
    let done = match &arguments.command {
        Command::Capture(options) => commands::capture::run(options, &arguments.global, &printer),
        Command::Report(options) => commands::report::run(options, &arguments.global, &printer),
        Command::Export(options) => commands::export::run(options, &arguments.global, &printer),
        Command::Train(options) => commands::train::run(options, &arguments.global, &printer),
        Command::Evaluate(options) => commands::evaluate::run(options, &arguments.global, &printer),
        Command::Predict(options) => commands::predict::run(options, &arguments.global, &printer),
        Command::Anomalies(options) => {
            commands::anomalies::run(options, &arguments.global, &printer)
        }
        Command::Cluster(options) => commands::cluster::run(options, &arguments.global, &printer),
        Command::Forecast(options) => commands::forecast::run(options, &arguments.global, &printer),
        Command::Query(options) => commands::query::run(options, &arguments.global, &printer),
        Command::Slice(options) => commands::slice::run(options, &arguments.global, &printer),
        Command::Top(options) => commands::top::run(options, &arguments.global, &printer),
        Command::Interfaces(options) => commands::interfaces::run(options, &printer),
        Command::Tables(options) => commands::tables::run(options),
        Command::Completions(options) => commands::completions::run(options),
    };
    let code = match done {
        Ok(code) => code,
        // Whoever read our output has enough of it: `netloom … | head`.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            printer.failure(&failure);
            failure.exit_code()
        }
    };
    code.leave()
}
