//! A network namespace of a test's own, with a veth pair in it.
//!
//! A test that calls [`inside`] is run again, alone, by this same test program inside the new
//! namespace; there it gets the [`Namespace`] and does its work. Where namespaces are not
//! permitted it says so and is done.

use std::ffi::OsStr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Tells a test that it runs inside.
const INSIDE: &str = "NETLOOM_TEST_NAMESPACE";

/// A namespace with the interfaces `va` and `vb`, which are two ends of one cable.
pub(crate) struct Namespace {
    name: String,
}

/// Removes the namespace, and with it all that is in it.
struct Removed(String);

impl Drop for Removed {
    fn drop(&mut self) {
        _ = run("ip", ["netns", "del", &self.0]);
    }
}

/// The namespace, when running inside of it; otherwise makes one, runs the test `name` in it, and
/// returns `None`.
pub(crate) fn inside(name: &str) -> Option<Namespace> {
    if let Ok(name) = std::env::var(INSIDE) {
        return Some(Namespace { name });
    }
    let namespace = format!("nl-{}-{}", name.replace('_', "-"), std::process::id());
    if let Err(reason) = run("ip", ["netns", "add", &namespace]) {
        eprintln!("skipped: no network namespace: {reason}");
        return None;
    }
    let removed = Removed(namespace.clone());
    let set_up = [
        "link set lo up",
        "link add va type veth peer name vb",
        // Nothing but what the test sends: no neighbour or router discovery.
        "link set va addrgenmode none",
        "link set vb addrgenmode none",
        "link set va up",
        "link set vb up",
    ];
    for words in set_up {
        let words = ["-n", &namespace].into_iter().chain(words.split(' '));
        if let Err(reason) = run("ip", words) {
            eprintln!("skipped: no veth pair: {reason}");
            return None;
        }
    }
    let program = std::env::current_exe().unwrap();
    let output = Command::new("ip")
        .args(["netns", "exec", &namespace])
        .arg(program)
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, &namespace)
        .output()
        .unwrap();
    drop(removed);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "inside the namespace: {said}");
    assert!(said.contains("1 passed"), "nothing was run inside: {said}");
    // Reasons to skip among it.
    eprint!("{said}");
    None
}

impl Namespace {
    /// Makes a second namespace that `vb` is moved to, with addresses on both ends: 10.9.0.1 here
    /// and 10.9.0.2 there.
    pub(crate) fn peer(&self) -> Peer {
        let name = format!("{}-p", self.name);
        ip(&format!("netns add {name}"));
        let peer = Peer {
            name: name.clone(),
            _removed: Removed(name.clone()),
        };
        ip(&format!("link set vb netns {name}"));
        ip("addr add 10.9.0.1/24 dev va");
        ip(&format!("-n {name} addr add 10.9.0.2/24 dev vb"));
        ip(&format!("-n {name} link set lo up"));
        ip(&format!("-n {name} link set vb up"));
        peer
    }
}

/// The namespace at the other end.
pub(crate) struct Peer {
    name: String,
    _removed: Removed,
}

impl Peer {
    /// A program to run there.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }
}

/// Runs `ip` with arguments, which must succeed.
pub(crate) fn ip(words: &str) {
    if let Err(reason) = run("ip", words.split(' ')) {
        panic!("ip {words}: {reason}");
    }
}

/// Runs a program to its end.
pub(crate) fn run<S: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = S>,
) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

/// Whether a program is there to be run.
pub(crate) fn has(program: &str) -> bool {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    });
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// A program that runs until this is dropped.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Tries until it succeeds, for at most ten seconds.
pub(crate) fn eventually(what: &str, mut attempt: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !attempt() {
        assert!(begin.elapsed() < Duration::from_secs(10), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
