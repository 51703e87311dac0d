//! Network namespaces to capture in, where making them is permitted.
#![expect(clippy::print_stdout, reason = "what is skipped says why")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Two namespaces with a cable between them on which nobody speaks by himself. Both go when
/// this does.
pub(crate) struct Network {
    /// Sends; its interface is `wire0`.
    sender: String,
    /// Captures; its interface is `wire1`.
    listener: String,
}

/// To this address, packets go out without a question and without an answer.
pub(crate) const SILENT: &str = "10.77.0.3";

static NUMBER: AtomicU32 = AtomicU32::new(0);

fn ip(arguments: &str) -> bool {
    Command::new("ip")
        .args(arguments.split(' '))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

impl Network {
    /// `None`, with the reason printed, where it cannot be made.
    pub(crate) fn new() -> Option<Self> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("nl-{}-{number}", std::process::id());
        let (a, b) = (format!("{name}a"), format!("{name}b"));
        if !ip(&format!("netns add {a}")) {
            println!("skipped: network namespaces may not be made here");
            return None;
        }
        let network = Self {
            sender: a.clone(),
            listener: b.clone(),
        };
        // IPv6 would speak by itself.
        let quiet =
            "for name in all default; do echo 1 > /proc/sys/net/ipv6/conf/$name/disable_ipv6; done";
        let made = ip(&format!("netns add {b}"))
            && [&a, &b].into_iter().all(|name| {
                let done = inside(name, "sh")
                    .args(["-c", quiet])
                    .stderr(Stdio::null())
                    .status();
                done.is_ok()
            })
            && ip(&format!(
                "-n {a} link add wire0 type veth peer name wire1 netns {b}"
            ))
            && ip(&format!("-n {a} addr add 10.77.0.1/24 dev wire0"))
            && ip(&format!("-n {a} link set wire0 mtu 9000 up"))
            && ip(&format!("-n {b} link set wire1 mtu 9000 up"))
            && ip(&format!("-n {b} link set lo up"))
            && ip(&format!(
                "-n {a} neigh add {SILENT} lladdr 02:00:00:00:00:03 dev wire0 nud permanent"
            ));
        if !made {
            println!("skipped: a pair of interfaces cannot be made here");
            return None;
        }
        Some(network)
    }

    /// A program where packets are sent.
    pub(crate) fn sender(&self, program: &str) -> Command {
        inside(&self.sender, program)
    }

    /// A program where packets are captured.
    pub(crate) fn listener(&self, program: &str) -> Command {
        inside(&self.listener, program)
    }

    /// Sends datagrams, with a pause of some milliseconds between them.
    pub(crate) fn send(&self, count: u32, pause: bool) -> Child {
        let sleep = if pause { "sleep 0.002;" } else { "" };
        let script = format!(
            "exec 3<>/dev/udp/{SILENT}/9; for ((i = 0; i < {count}; i++)); do echo \"datagram $i\" >&3; {sleep} done"
        );
        self.sender("bash").args(["-c", &script]).spawn().unwrap()
    }

    /// Replays a capture and returns how many packets it has; `None`, with the reason printed,
    /// where there is no tcpreplay.
    pub(crate) fn replay(&self, capture: &Path, speed: &str) -> Option<u64> {
        let output = self
            .sender("tcpreplay")
            .args(["-q", "-i", "wire0", speed])
            .arg(capture)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let sent = text.lines().find_map(|line| {
            line.split_once("Successful packets:")?
                .1
                .trim()
                .parse()
                .ok()
        });
        if sent.is_none() {
            println!("skipped: no tcpreplay: {text}");
        }
        sent
    }

    /// Starts a capture on `wire1` and waits until it is on.
    pub(crate) fn capture(&self, arguments: &[&str]) -> Capture {
        self.capture_on("wire1", arguments)
    }

    /// Starts a capture and waits until it is on.
    pub(crate) fn capture_on(&self, interface: &str, arguments: &[&str]) -> Capture {
        let mut all = vec!["capture", "-i", interface];
        all.extend(arguments);
        self.start(&all, "capturing on")
    }

    /// Starts the command and waits until it says that it is on.
    pub(crate) fn start(&self, arguments: &[&str], on: &str) -> Capture {
        let mut child = self
            .listener(env!("CARGO_BIN_EXE_netloom"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains(on) {
            let before = said.len();
            stderr.read_line(&mut said).unwrap();
            assert!(said.len() > before, "it ended early: {said}");
        }
        let mut stdout = child.stdout.take().unwrap();
        Capture {
            child,
            said,
            stderr,
            stdout: Some(std::thread::spawn(move || {
                let mut bytes = Vec::new();
                stdout.read_to_end(&mut bytes).unwrap();
                bytes
            })),
        }
    }

    /// Takes the cable away.
    pub(crate) fn unplug(&self) {
        assert!(ip(&format!("-n {} link del wire1", self.listener)));
    }
}

fn inside(namespace: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    // It becomes the program: its process number is the program's.
    command.args(["netns", "exec", namespace, program]);
    command.env_remove("NO_COLOR").env("LC_ALL", "C.UTF-8");
    command
}

impl Drop for Network {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.sender));
        ip(&format!("netns del {}", self.listener));
    }
}

/// A capture that is on.
pub(crate) struct Capture {
    child: Child,
    said: String,
    stderr: BufReader<ChildStderr>,
    stdout: Option<JoinHandle<Vec<u8>>>,
}

/// What a capture came to.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    /// The number in front of some words of the summary.
    pub(crate) fn number(&self, words: &str) -> u64 {
        let line = self.stderr.lines().find(|line| line.contains(words));
        let line = line.unwrap_or_else(|| panic!("no '{words}' in {}", self.stderr));
        line.split(' ')
            .next()
            .unwrap()
            .replace(',', "")
            .parse()
            .unwrap()
    }
}

impl Capture {
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Ends it with a signal, once what was sent has had the time to come in.
    pub(crate) fn stop(self, signal: &str) -> Ended {
        std::thread::sleep(Duration::from_millis(100));
        self.signal(signal);
        self.wait()
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Ended {
        self.stderr.read_to_string(&mut self.said).unwrap();
        let status = self.child.wait().unwrap();
        Ended {
            code: status.code(),
            stdout: self.stdout.take().unwrap().join().unwrap(),
            stderr: std::mem::take(&mut self.said),
        }
    }
}
