//! Which process has a socket: the links in /proc/PID/fd.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

/// Open files that one search looks at, at most.
const MAX_FILES: usize = 500_000;

/// Bytes of `/proc/PID/comm` after which the kernel cuts a name.
const COMM_LEN: usize = 15;

/// Processes that had sockets lately, most recent last: they are looked at first.
const MAX_RECENT: usize = 256;

/// Finds the processes of sockets.
#[derive(Debug, Default)]
pub(super) struct Processes {
    recent: Vec<u32>,
}

impl Processes {
    /// Finds the processes that have the sockets with these inodes, and their names. What is
    /// found is taken out of `wanted`; what stays there belongs to no process, or to one whose
    /// files the caller may not see.
    pub(super) fn find(&mut self, wanted: &mut HashSet<u64>) -> HashMap<u64, (u32, String)> {
        let mut found = HashMap::new();
        let mut left = MAX_FILES;
        let recent: Vec<u32> = self.recent.iter().rev().copied().collect();
        for &pid in &recent {
            self.look(pid, wanted, &mut found, &mut left);
        }
        if wanted.is_empty() {
            return found;
        }
        let mut pids: Vec<u32> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid| !recent.contains(pid))
            .collect();
        // Who opens sockets was often started a moment ago.
        pids.sort_unstable_by(|a, b| b.cmp(a));
        for pid in pids {
            if wanted.is_empty() || left == 0 {
                break;
            }
            self.look(pid, wanted, &mut found, &mut left);
        }
        found
    }

    /// Looks at the open files of one process.
    fn look(
        &mut self,
        pid: u32,
        wanted: &mut HashSet<u64>,
        found: &mut HashMap<u64, (u32, String)>,
        left: &mut usize,
    ) {
        if wanted.is_empty() {
            return;
        }
        let folder = format!("/proc/{pid}");
        let Ok(files) = fs::read_dir(format!("{folder}/fd")) else {
            self.recent.retain(|&known| known != pid);
            return;
        };
        let mut name = None;
        for file in files.flatten() {
            let Some(rest) = left.checked_sub(1) else {
                return;
            };
            *left = rest;
            let Ok(target) = fs::read_link(file.path()) else {
                continue;
            };
            let Some(inode) = target.to_str().and_then(socket_inode) else {
                continue;
            };
            if wanted.remove(&inode) {
                let name = name.get_or_insert_with(|| process_name(Path::new(&folder)));
                found.insert(inode, (pid, name.clone()));
            }
        }
        if name.is_some() {
            self.recent.retain(|&known| known != pid);
            if self.recent.len() >= MAX_RECENT {
                self.recent.remove(0);
            }
            self.recent.push(pid);
        }
    }
}

/// `socket:[12345]`
fn socket_inode(target: &str) -> Option<u64> {
    target
        .strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

/// The name of a process, whole where the kernel cut it.
fn process_name(folder: &Path) -> String {
    let comm = fs::read(folder.join("comm")).unwrap_or_default();
    let comm = String::from_utf8_lossy(&comm);
    let comm = comm.trim_end_matches('\n');
    if comm.len() >= COMM_LEN {
        let line = fs::read(folder.join("cmdline")).unwrap_or_default();
        let program = line.split(|&byte| byte == 0).next().unwrap_or_default();
        let program = String::from_utf8_lossy(program);
        let base = program.rsplit('/').next().unwrap_or_default();
        if base.starts_with(comm) {
            return base.to_owned();
        }
    }
    comm.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        assert_eq!(socket_inode("socket:[77]"), Some(77));
        assert_eq!(socket_inode("pipe:[77]"), None);
        assert_eq!(socket_inode("/dev/null"), None);
    }

    #[test]
    fn this_process_has_its_socket() {
        use std::os::fd::AsRawFd as _;
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let link = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
        let inode = socket_inode(link.to_str().unwrap()).unwrap();
        let mut wanted = HashSet::from([inode, u64::MAX]);
        let mut processes = Processes::default();
        for _ in 0..2 {
            wanted.insert(inode);
            let found = processes.find(&mut wanted);
            assert_eq!(found[&inode].0, std::process::id());
            assert!(!found[&inode].1.is_empty());
            assert_eq!(wanted, HashSet::from([u64::MAX]));
        }
    }
}
