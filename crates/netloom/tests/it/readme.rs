//! Every command in the README and the docs does what it says: it runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::root;

/// The commands in a page's `sh` blocks, one a line; lines that end in `\` go on.
fn commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut inside = false;
    let mut begun = String::new();
    for line in page.lines() {
        match line.trim() {
            "```sh" => inside = true,
            "```" => inside = false,
            command if inside && !command.is_empty() && !command.starts_with('#') => {
                if let Some(part) = command.strip_suffix('\\') {
                    begun += part;
                } else {
                    commands.push(std::mem::take(&mut begun) + command);
                }
            }
            _ => {}
        }
    }
    commands
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("examples/README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

fn run(command: &str, folder: &Path) {
    let binary = Path::new(env!("CARGO_BIN_EXE_netloom")).parent().unwrap();
    let path = format!(
        "{}:{}",
        binary.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{command}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn every_command_in_the_documentation_runs() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("examples"), folder.path().join("examples")).unwrap();
    let mut ran = 0;
    for page in pages() {
        for command in commands(&std::fs::read_to_string(&page).unwrap()) {
            // CI itself builds and tests with these.
            if command.starts_with("cargo ") || command.starts_with("just ") {
                continue;
            }
            println!("{}: {command}", page.display());
            run(&command, folder.path());
            ran += 1;
        }
    }
    assert!(ran >= 8, "only {ran} commands found");
}

#[test]
fn the_first_command_of_the_readme_is_the_main_job() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let commands = commands(&readme);
    let first = commands.first().unwrap();
    let arguments = first
        .strip_prefix("cargo run --release -p netloom -- ")
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("examples"), folder.path().join("examples")).unwrap();
    run(&format!("netloom {arguments}"), folder.path());
    assert!(folder.path().join("report.html").exists());
    assert!(commands[1].starts_with("cargo test"));
    let ci = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    // CI takes its test command from the README.
    assert!(ci.contains("command=$(readme_commands | grep '^cargo test')"));
}
