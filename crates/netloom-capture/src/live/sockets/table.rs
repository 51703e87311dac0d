//! Sockets, and who owns them, as far as they have been seen.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::kernel::{Socket, Tables};
use super::processes::Processes;

/// Sockets that are remembered, at most.
const MAX_SOCKETS: usize = 65_536;

/// How long a socket is remembered that is gone: its flow may be asked about a while later.
const REMEMBERED: Duration = Duration::from_mins(3);

/// How often a process is looked for in vain before its socket is taken to have none.
const MAX_TRIES: u8 = 3;

/// Who owns a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Owner {
    /// The process; `None` where the caller may not see whose files they are, or where the
    /// process was gone before it was looked for.
    pub pid: Option<u32>,
    /// Its name. It chose that itself: escape it where it is shown.
    pub process: Option<String>,
    /// The user's number.
    pub uid: u32,
    /// The user's name, where /etc/passwd has one.
    pub user: Option<String>,
}

/// A socket by what packets show of it; `remote` is `None` where it takes what anybody sends.
type Key = (u8, SocketAddr, Option<SocketAddr>);

#[derive(Debug)]
struct Known {
    inode: u64,
    seen: Instant,
    owner: Arc<Owner>,
    tries: u8,
}

/// A flow: protocol (IANA number), and its two ends.
pub(super) type Flow = (u8, SocketAddr, SocketAddr);

/// Sockets and their owners, now and lately.
#[derive(Debug, Default)]
pub(super) struct Index {
    sockets: HashMap<Key, Known>,
    /// Owners by inode, for sockets that have been found before.
    owners: HashMap<u64, Arc<Owner>>,
}

/// Asks the system, which takes a while.
#[derive(Debug)]
pub(super) struct Looker {
    tables: Tables,
    processes: Processes,
    users: HashMap<u32, String>,
}

/// What the system said.
#[derive(Debug, Default)]
pub(super) struct Sight {
    listed: Vec<Socket>,
    found: HashMap<u64, Arc<Owner>>,
}

/// Which process owns which socket: what the kernel's tables said, now and lately.
#[derive(Debug, Default)]
pub struct SocketTable {
    looker: Looker,
    index: Index,
}

impl SocketTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the kernel's tables, and looks for the processes of sockets that are new.
    pub fn refresh(&mut self, now: Instant) {
        let listed = self.looker.list();
        let wanted = self.index.unknown(&listed);
        let sight = self.looker.find(listed, wanted);
        self.index.take(sight, &self.looker, now);
        self.index.forget(now);
    }

    /// How many sockets are known.
    pub fn len(&self) -> usize {
        self.index.sockets.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.index.sockets.is_empty()
    }

    /// Who owns the flow of a protocol (IANA number) between two endpoints; where both are of
    /// this machine, the owner of `src`. For ICMP echo, the port is the identifier.
    ///
    /// `is_local` says whether an address is one of this machine.
    pub fn lookup(
        &self,
        protocol: u8,
        src: SocketAddr,
        dst: SocketAddr,
        is_local: impl Fn(IpAddr) -> bool,
    ) -> Option<Arc<Owner>> {
        self.index.lookup(protocol, src, dst, is_local)
    }
}

impl Default for Looker {
    fn default() -> Self {
        Self {
            tables: Tables::new(),
            processes: Processes::default(),
            users: users(&fs::read_to_string("/etc/passwd").unwrap_or_default()),
        }
    }
}

impl Looker {
    /// The sockets there are.
    pub(super) fn list(&mut self) -> Vec<Socket> {
        let mut listed = Vec::new();
        self.tables.all(|socket| {
            if listed.len() < MAX_SOCKETS {
                listed.push(socket);
            }
        });
        listed
    }

    /// The sockets of these flows.
    pub(super) fn some(
        &mut self,
        flows: &[Flow],
        is_local: impl Fn(IpAddr) -> bool,
    ) -> Vec<Socket> {
        let ends = flows
            .iter()
            .flat_map(|&(protocol, src, dst)| [(protocol, src, dst), (protocol, dst, src)]);
        ends.filter(|(_, local, _)| is_local(local.ip()))
            .filter_map(|(protocol, local, remote)| self.tables.one(protocol, local, remote))
            .collect()
    }

    /// Looks for the processes of sockets by their inodes.
    pub(super) fn find(&mut self, listed: Vec<Socket>, mut wanted: HashSet<u64>) -> Sight {
        let mut sight = Sight::default();
        if !wanted.is_empty() {
            let found = self.processes.find(&mut wanted);
            for socket in &listed {
                if let Some(process) = found.get(&socket.inode) {
                    let owner = self.owner(socket.uid, Some(process.clone()));
                    sight.found.insert(socket.inode, Arc::new(owner));
                }
            }
        }
        sight.listed = listed;
        sight
    }

    fn owner(&self, uid: u32, process: Option<(u32, String)>) -> Owner {
        let (pid, process) = process.unzip();
        Owner {
            pid,
            process,
            uid,
            user: self.users.get(&uid).cloned(),
        }
    }
}

impl Index {
    /// Inodes of sockets whose process is to be looked for.
    pub(super) fn unknown(&self, listed: &[Socket]) -> HashSet<u64> {
        let is_unknown = |socket: &&Socket| {
            socket.inode != 0
                && !self.owners.contains_key(&socket.inode)
                && self
                    .sockets
                    .get(&key_of(socket))
                    .is_none_or(|known| known.inode != socket.inode || known.tries < MAX_TRIES)
        };
        listed
            .iter()
            .filter(is_unknown)
            .map(|socket| socket.inode)
            .collect()
    }

    /// Takes over what the system said.
    pub(super) fn take(&mut self, sight: Sight, looker: &Looker, now: Instant) {
        self.owners.extend(sight.found);
        for socket in &sight.listed {
            self.take_socket(socket, looker, now);
        }
        if self.sockets.len() > MAX_SOCKETS {
            self.forget(now);
        }
    }

    fn take_socket(&mut self, socket: &Socket, looker: &Looker, now: Instant) {
        let key = key_of(socket);
        let owner = self.owners.get(&socket.inode).cloned();
        if let Some(known) = self.sockets.get_mut(&key) {
            known.seen = now;
            // One that is closing has no process any more; it is still who it was.
            if socket.inode == 0 || known.inode == socket.inode && known.owner.pid.is_some() {
                return;
            }
            if known.inode == socket.inode && owner.is_none() {
                known.tries = known.tries.saturating_add(1);
                return;
            }
        } else if socket.inode == 0 {
            // Seen only when it was closing, or not yet accepted: nobody's.
            return;
        }
        let owner = owner.unwrap_or_else(|| Arc::new(looker.owner(socket.uid, None)));
        self.sockets.insert(
            key,
            Known {
                inode: socket.inode,
                seen: now,
                owner,
                tries: 1,
            },
        );
    }

    /// Forgets what is long gone, and keeps the table within its bounds.
    pub(super) fn forget(&mut self, now: Instant) {
        let kept = |known: &Known, age: Duration| now.saturating_duration_since(known.seen) <= age;
        self.sockets.retain(|_, known| kept(known, REMEMBERED));
        let mut age = REMEMBERED;
        while self.sockets.len() > MAX_SOCKETS && !age.is_zero() {
            age /= 2;
            self.sockets.retain(|_, known| kept(known, age));
        }
        let inodes: HashSet<u64> = self.sockets.values().map(|known| known.inode).collect();
        self.owners.retain(|inode, _| inodes.contains(inode));
    }

    /// See [`SocketTable::lookup`].
    pub(super) fn lookup(
        &self,
        protocol: u8,
        src: SocketAddr,
        dst: SocketAddr,
        is_local: impl Fn(IpAddr) -> bool,
    ) -> Option<Arc<Owner>> {
        // A connected socket says all four; it cannot be mistaken.
        for (local, remote) in [(src, dst), (dst, src)] {
            if let Some(known) = self.sockets.get(&(protocol, local, Some(remote))) {
                return Some(Arc::clone(&known.owner));
            }
        }
        // One that listens, or talks to many, says only its own port, and sometimes its address.
        for local in [src, dst] {
            // A group or broadcast address is the receiver's too.
            if !is_local(local.ip()) && !is_for_many(local.ip()) {
                continue;
            }
            let any = match local.ip() {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            };
            let places = [
                local.ip(),
                any,
                // A socket of both families.
                IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            ];
            for ip in places {
                let key = (protocol, SocketAddr::new(ip, local.port()), None);
                if let Some(known) = self.sockets.get(&key) {
                    return Some(Arc::clone(&known.owner));
                }
            }
        }
        None
    }
}

/// Multicast and the limited broadcast.
fn is_for_many(address: IpAddr) -> bool {
    address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST)
}

fn key_of(socket: &Socket) -> Key {
    let remote = (socket.remote.port() != 0).then_some(socket.remote);
    (socket.protocol, socket.local, remote)
}

/// Names of users, of /etc/passwd.
fn users(passwd: &str) -> HashMap<u32, String> {
    passwd
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            Some((fields.nth(1)?.parse().ok()?, name.to_owned()))
        })
        .collect()
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test of what is remembered needs a now"
)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::process::{Command, Stdio};

    use super::*;

    fn loopback(address: IpAddr) -> bool {
        address.is_loopback()
    }

    #[test]
    fn own_sockets() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let udp = UdpSocket::bind("[::]:0").unwrap();
        let mut table = SocketTable::new();
        table.refresh(Instant::now());
        let (src, dst) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
        let owner = table.lookup(6, src, dst, loopback).unwrap();
        assert_eq!(owner.pid, Some(std::process::id()));
        assert!(owner.process.as_ref().is_some_and(|name| !name.is_empty()));
        assert!(table.lookup(6, dst, src, loopback).is_some());
        // A flow to the listening port that is not in the table any more.
        let other = "127.0.0.1:1".parse().unwrap();
        assert!(table.lookup(6, other, dst, loopback).is_some());
        assert_eq!(table.lookup(6, other, dst, |_| false), None);
        // A datagram socket that takes from anybody, of both families.
        let port = udp.local_addr().unwrap().port();
        let here = SocketAddr::new("127.0.0.1".parse().unwrap(), port);
        let there = "192.0.2.1:9".parse().unwrap();
        assert!(table.lookup(17, there, here, loopback).is_some());
        assert_eq!(
            table.lookup(17, there, "127.0.0.1:1".parse().unwrap(), loopback),
            None
        );
        // Single flows, by their own question to the kernel.
        let mut looker = Looker::default();
        let asked = looker.some(&[(6, src, dst), (17, there, here)], loopback);
        assert_eq!(asked.len(), 3, "{asked:?}");
        assert!(asked.iter().all(|socket| socket.inode != 0));
        assert!(
            asked
                .iter()
                .any(|socket| socket.local == src && socket.remote == dst)
        );
        assert!(asked.iter().any(|socket| socket.local.port() == port));
        assert!(looker.some(&[(6, other, there)], loopback).is_empty());
        // Closed: still known for a while, then not.
        drop((client, server));
        let later = Instant::now();
        table.refresh(later);
        assert_eq!(table.lookup(6, src, dst, loopback).unwrap().pid, owner.pid);
        drop(listener);
        table.refresh(later + REMEMBERED * 3);
        let known = table.index.sockets.get(&(6, src, Some(dst)));
        assert!(known.is_none_or(|known| known.seen > later));
    }

    #[test]
    fn a_child_process_owns_its_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // bash opens a connection, says a word, and waits for the answer.
        let child = Command::new("bash")
            .args([
                "-c",
                &format!("exec 3<>/dev/tcp/127.0.0.1/{port}; echo hello >&3; read -r answer <&3"),
            ])
            .stdin(Stdio::null())
            .spawn();
        let Ok(mut child) = child else {
            eprintln!("skipped: bash is not installed");
            return;
        };
        let (mut stream, client) = listener.accept().unwrap();
        let mut word = [0; 6];
        stream.read_exact(&mut word).unwrap();
        let mut table = SocketTable::new();
        table.refresh(Instant::now());
        let server = listener.local_addr().unwrap();
        let owner = table.lookup(6, client, server, loopback).unwrap();
        assert_eq!(owner.pid, Some(child.id()));
        assert_eq!(owner.process.as_deref(), Some("bash"));
        // The other end of the same connection is ours.
        assert_eq!(
            table.lookup(6, server, client, loopback).unwrap().pid,
            Some(std::process::id())
        );
        stream.write_all(b"bye\n").unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn names_of_users() {
        let users = users("root:x:0:0::/root:/bin/sh\n:::\nkim:x:1000:100::/:/bin/sh");
        assert_eq!(users.get(&1000).map(String::as_str), Some("kim"));
        assert_eq!(users.len(), 2);
    }
}
