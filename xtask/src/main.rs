//! The project's own chores: `cargo xtask COMMAND`.
//!
//! What is generated is committed, so that readers need not build anything; `--check` says
//! whether it is current.

mod docs;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  docs            write the generated pages of docs/ (the dictionary of tables)
  docs --check    fail where a generated page is not current";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["docs"] => docs::write(&root()),
        ["docs", "--check"] => docs::check(&root()),
        ["help" | "--help" | "-h"] => {
            say(USAGE);
            Ok(())
        }
        _ => bail!("no such command: '{}'\n\n{USAGE}", arguments.join(" ")),
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path
}

/// Tells the person at the terminal.
#[expect(
    clippy::print_stderr,
    reason = "a program for developers, its output is for them"
)]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}
