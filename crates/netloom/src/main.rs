//! The `netloom` command.

mod allocator;
mod arguments;
mod clock;
mod commands;
mod data;
mod dialogue;
mod failure;
mod files;
mod output;
mod progress;
mod units;

use clap::{CommandFactory as _, FromArgMatches as _};

use arguments::{Arguments, Command};
use failure::ExitCode;
use output::Printer;

/// The command line; a number below 0 is a number that does not fit, and no option.
fn parse() -> Arguments {
    let command =
        Arguments::command().mut_subcommands(|command| command.allow_negative_numbers(true));
    let parsed = Arguments::from_arg_matches(&command.get_matches());
    parsed.unwrap_or_else(|error| error.exit())
}

fn main() {
    let arguments = parse();
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
