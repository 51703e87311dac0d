//! The kernel's tables of sockets: sock_diag(7), or /proc/net where a kernel does not have it.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::super::netlink::Netlink;

/// `SOCK_DIAG_BY_FAMILY`
const BY_FAMILY: u16 = 20;

/// Bytes of `inet_diag_req_v2` and `inet_diag_msg`.
const REQUEST: usize = 56;
const ANSWER: usize = 72;

/// Protocols that have tables: (IANA number, its table in /proc/net, whether sock_diag has it).
const PROTOCOLS: [(u8, &str, bool); 5] = [
    (6, "tcp", true),
    (17, "udp", true),
    (136, "udplite", true),
    // Of raw sockets, /proc/net says the protocol where others have a port; `icmp` are those of
    // ping, with the identifier of its requests as port.
    (1, "icmp", false),
    (58, "icmp6", false),
];

/// A socket, as the kernel lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) protocol: u8,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) uid: u32,
    /// 0 where no process has it (yet, or any more).
    pub(super) inode: u64,
}

/// Reads the tables.
#[derive(Debug)]
pub(super) struct Tables {
    diag: Option<Netlink>,
}

impl Tables {
    pub(super) fn new() -> Self {
        Self {
            diag: Netlink::connect(libc::NETLINK_SOCK_DIAG).ok(),
        }
    }

    /// All sockets of protocols that have ports.
    pub(super) fn all(&mut self, mut each: impl FnMut(Socket)) {
        for (protocol, name, has_diag) in PROTOCOLS {
            for family in [libc::AF_INET as u8, libc::AF_INET6 as u8] {
                let asked = has_diag && self.ask(family, protocol, &mut each).is_ok();
                if !asked {
                    let six = family == libc::AF_INET6 as u8;
                    from_proc(name, six, protocol, &mut each);
                }
            }
        }
    }

    /// The socket that takes the packets from one endpoint to another that is of this machine;
    /// faster than all of them.
    pub(super) fn one(
        &mut self,
        protocol: u8,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Option<Socket> {
        // The kernel has source and destination the other way round for all but TCP.
        let (first, second) = if protocol == 6 {
            (local, remote)
        } else {
            (remote, local)
        };
        let mut request = Vec::with_capacity(REQUEST);
        let family = if local.is_ipv6() {
            libc::AF_INET6
        } else {
            libc::AF_INET
        };
        request.extend([family as u8, protocol, 0, 0]);
        // All states.
        request.extend([0xff; 4]);
        request.extend(first.port().to_be_bytes());
        request.extend(second.port().to_be_bytes());
        for address in [first.ip(), second.ip()] {
            let end = request.len() + 16;
            match address {
                IpAddr::V4(address) => request.extend(address.octets()),
                IpAddr::V6(address) => request.extend(address.octets()),
            }
            request.resize(end, 0);
        }
        // Any interface; no cookie.
        request.extend([0; 4]);
        request.extend([0xff; 8]);
        let mut found = None;
        self.diag
            .as_mut()?
            .ask(BY_FAMILY, &request, |message| {
                found = answer(message, protocol);
            })
            .ok()?;
        found
    }

    fn ask(&mut self, family: u8, protocol: u8, each: &mut impl FnMut(Socket)) -> io::Result<()> {
        let diag = self.diag.as_mut().ok_or(io::ErrorKind::Unsupported)?;
        let mut request = [0_u8; REQUEST];
        request[0] = family;
        request[1] = protocol;
        // All states.
        request[4..8].fill(0xff);
        diag.dump(BY_FAMILY, &request, |_, message| {
            if let Some(socket) = answer(message, protocol) {
                each(socket);
            }
        })
    }
}

/// An `inet_diag_msg`.
fn answer(message: &[u8], protocol: u8) -> Option<Socket> {
    let message = message.first_chunk::<ANSWER>()?;
    let six = i32::from(message[0]) == libc::AF_INET6;
    let address = |offset: usize| -> Option<IpAddr> {
        let bytes = message.get(offset..)?.first_chunk::<16>()?;
        Some(if six {
            plain(Ipv6Addr::from(*bytes))
        } else {
            Ipv4Addr::from(*bytes.first_chunk::<4>()?).into()
        })
    };
    let port = |offset: usize| -> Option<u16> {
        Some(u16::from_be_bytes(*message.get(offset..)?.first_chunk()?))
    };
    let word = |offset: usize| -> Option<u32> {
        Some(u32::from_ne_bytes(*message.get(offset..)?.first_chunk()?))
    };
    Some(Socket {
        protocol,
        local: SocketAddr::new(address(8)?, port(4)?),
        remote: SocketAddr::new(address(24)?, port(6)?),
        uid: word(64)?,
        inode: word(68)?.into(),
    })
}

/// A table of /proc/net.
fn from_proc(name: &str, six: bool, protocol: u8, each: &mut impl FnMut(Socket)) {
    let path = match (six, name) {
        (true, "icmp") | (false, "icmp6") => return,
        (true, "tcp" | "udp" | "udplite") => format!("/proc/net/{name}6"),
        _ => format!("/proc/net/{name}"),
    };
    let table = fs::read_to_string(path).unwrap_or_default();
    for socket in table
        .lines()
        .skip(1)
        .filter_map(|line| line_of(line, protocol))
    {
        each(socket);
    }
}

/// A line: number, local address:port, remote address:port (in hexadecimal digits), state,
/// queues, timer, retransmissions, uid, timeout, inode.
fn line_of(line: &str, protocol: u8) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace();
    let local = endpoint(fields.nth(1)?)?;
    let remote = endpoint(fields.next()?)?;
    Some(Socket {
        protocol,
        local,
        remote,
        uid: fields.nth(4)?.parse().ok()?,
        inode: fields.nth(1)?.parse().ok()?,
    })
}

/// `0100007F:1F90`: words of the address in the machine's byte order.
fn endpoint(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |index: usize| -> Option<[u8; 4]> {
        let digits = address.get(index * 8..index * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let address = match address.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(index)?);
            }
            plain(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(
        address,
        u16::from_str_radix(port, 16).ok()?,
    ))
}

/// IPv4 addresses of IPv6 sockets are IPv4 on the wire.
fn plain(address: Ipv6Addr) -> IpAddr {
    address
        .to_ipv4_mapped()
        .map_or(IpAddr::V6(address), IpAddr::V4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_of_proc() {
        let line = "   0: 0100007F:1F90 0200007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0000000000000000 100 0 0 10 0";
        let socket = line_of(line, 6).unwrap();
        if cfg!(target_endian = "little") {
            assert_eq!(socket.local, "127.0.0.1:8080".parse().unwrap());
            assert_eq!(socket.remote, "127.0.0.2:54321".parse().unwrap());
        }
        assert_eq!((socket.uid, socket.inode), (1000, 12345));
        assert_eq!(line_of("   0: 01:1F90", 6), None);
    }

    #[test]
    fn an_answer_of_the_kernel() {
        let mut message = [0_u8; ANSWER];
        message[0] = libc::AF_INET6 as u8;
        message[4..8].copy_from_slice(&[0x1f, 0x90, 0xd4, 0x31]);
        message[18..24].copy_from_slice(&[0xff, 0xff, 10, 0, 0, 1]);
        message[39] = 1;
        message[64..68].copy_from_slice(&1000_u32.to_ne_bytes());
        message[68..72].copy_from_slice(&77_u32.to_ne_bytes());
        let socket = answer(&message, 6).unwrap();
        assert_eq!(socket.local, "10.0.0.1:8080".parse().unwrap());
        assert_eq!(socket.remote, "[::1]:54321".parse().unwrap());
        assert_eq!((socket.uid, socket.inode), (1000, 77));
        assert_eq!(answer(&message[1..], 6), None);
    }

    proptest! {
        #[test]
        fn any_line(line in ".{0,120}") {
            prop_assert!(line_of(&line, 6).is_none_or(|socket| socket.protocol == 6));
        }
    }
}
