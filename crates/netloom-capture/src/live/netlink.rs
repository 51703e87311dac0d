//! Questions to the kernel over netlink (RFC 3549): tables that it dumps.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;

use super::sys::Socket;

/// Bytes of `nlmsghdr`.
const HEADER: usize = 16;

/// `NLM_F_REQUEST`, and with `NLM_F_DUMP`
const REQUEST: u16 = 0x001;
const DUMP: u16 = REQUEST | 0x300;

/// `nlmsg_type` of an error and of the end of a dump.
const ERROR: u16 = 2;
const DONE: u16 = 3;

/// Bytes read at once; the kernel sends no more than 32 KiB of a dump at a time.
const BUFFER: usize = 64 * 1024;

/// A connection to a netlink family.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: File,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Netlink {
    /// Connects to a family, `NETLINK_ROUTE` or another.
    pub(super) fn connect(family: i32) -> io::Result<Self> {
        let socket = OwnedFd::from(Socket::netlink(family)?);
        Ok(Self {
            socket: File::from(socket),
            sequence: 0,
            buffer: vec![0; BUFFER],
        })
    }

    fn send(&mut self, message_type: u16, flags: u16, request: &[u8]) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = Vec::with_capacity(HEADER + request.len());
        message.extend(((HEADER + request.len()) as u32).to_ne_bytes());
        message.extend(message_type.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        message.extend(self.sequence.to_ne_bytes());
        message.extend(0_u32.to_ne_bytes());
        message.extend(request);
        // Written and read as a file: the peer of a netlink socket is the kernel by default.
        self.socket.write_all(&message)
    }

    /// Asks for one entry, and hands it out.
    pub(super) fn ask(
        &mut self,
        message_type: u16,
        request: &[u8],
        mut entry: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        self.send(message_type, REQUEST, request)?;
        loop {
            let length = self.socket.read(&mut self.buffer)?;
            let mut rest = self.buffer.get(..length).unwrap_or_default();
            if rest.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            while let Some(message) = Message::next(&mut rest) {
                if message.sequence == self.sequence {
                    if message.kind == ERROR {
                        return Err(message.error());
                    }
                    entry(message.body);
                    return Ok(());
                }
            }
        }
    }

    /// Asks for a table, and hands out its entries: type of the message, and what is in it.
    pub(super) fn dump(
        &mut self,
        message_type: u16,
        request: &[u8],
        mut entry: impl FnMut(u16, &[u8]),
    ) -> io::Result<()> {
        self.send(message_type, DUMP, request)?;
        loop {
            let length = self.socket.read(&mut self.buffer)?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut rest = self.buffer.get(..length).unwrap_or_default();
            while let Some(message) = Message::next(&mut rest) {
                // What is left of a dump that was given up.
                if message.sequence != self.sequence {
                    continue;
                }
                match message.kind {
                    DONE => return Ok(()),
                    ERROR => return Err(message.error()),
                    kind => entry(kind, message.body),
                }
            }
        }
    }
}

/// A message of an answer.
struct Message<'a> {
    kind: u16,
    sequence: u32,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    /// The error that it is.
    fn error(&self) -> io::Error {
        let code = self
            .body
            .first_chunk()
            .map_or(0, |code| i32::from_ne_bytes(*code));
        io::Error::from_raw_os_error(code.saturating_neg())
    }

    /// Takes the next one off the bytes.
    fn next(rest: &mut &'a [u8]) -> Option<Self> {
        let header = rest.first_chunk::<HEADER>()?;
        let [l0, l1, l2, l3, k0, k1, _, _, s0, s1, s2, s3, ..] = *header;
        let length = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        let body = rest.get(HEADER..length)?;
        *rest = rest
            .get(length.next_multiple_of(4).min(rest.len())..)
            .unwrap_or_default();
        Some(Self {
            kind: u16::from_ne_bytes([k0, k1]),
            sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
            body,
        })
    }
}

/// The attributes (`nlattr`) in a message behind its fixed part: (type, value).
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let [l0, l1, t0, t1] = *rest.first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = rest.get(4..length)?;
        rest = rest
            .get(length.next_multiple_of(4).min(rest.len())..)
            .unwrap_or_default();
        // The two highest bits say how it is nested.
        Some((u16::from_ne_bytes([t0, t1]) & 0x3fff, value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_and_attributes() {
        let mut bytes = Vec::new();
        bytes.extend(27_u32.to_ne_bytes());
        bytes.extend(16_u16.to_ne_bytes());
        bytes.extend([0, 0]);
        bytes.extend(7_u32.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(7_u16.to_ne_bytes());
        bytes.extend(3_u16.to_ne_bytes());
        bytes.extend(b"lo\0\0");
        bytes.extend([0; 4]);
        let mut rest = bytes.as_slice();
        let message = Message::next(&mut rest).unwrap();
        assert_eq!((message.kind, message.sequence), (16, 7));
        assert_eq!(
            attributes(message.body).collect::<Vec<_>>(),
            [(3, &b"lo\0"[..])]
        );
        assert!(Message::next(&mut rest).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut rest = bytes.as_slice();
            while let Some(message) = Message::next(&mut rest) {
                for (_, value) in attributes(message.body) {
                    prop_assert!(value.len() < bytes.len());
                }
            }
        }
    }
}
