//! The system calls that live capture is made of, behind functions that are safe to call.
//!
//! All `unsafe` of this crate is in this file. What is left to the callers is plain bytes: a
//! block of the ring is handed out as a slice, and read with checked arithmetic elsewhere.
#![expect(
    unsafe_code,
    reason = "AF_PACKET rings, netlink and capabilities have no safe interface in std"
)]

use std::ffi::{c_int, c_uint, c_ulong};
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

/// The result of a system call that says -1 for an error.
fn checked(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// A socket of the kernel's own families: packet or netlink.
#[derive(Debug)]
pub(super) struct Socket(OwnedFd);

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> Self {
        socket.0
    }
}

/// Socket options whose value is the plain memory of a C structure.
///
/// # Safety
///
/// The type must be valid for any bytes that the kernel writes into it.
unsafe trait Plain: Copy {}

// SAFETY: integers, and structures of integers (and, in `sock_fprog`, a pointer that is only ever
// handed to the kernel).
unsafe impl Plain for c_int {}
// SAFETY: as above.
unsafe impl Plain for libc::tpacket_req3 {}
// SAFETY: as above.
unsafe impl Plain for libc::packet_mreq {}
// SAFETY: as above.
unsafe impl Plain for libc::tpacket_stats_v3 {}
// SAFETY: as above; never read back from the kernel.
unsafe impl Plain for libc::sock_fprog {}

impl Socket {
    /// Opens a socket that is closed on exec.
    fn open(family: c_int, kind: c_int, protocol: c_int) -> io::Result<Self> {
        // SAFETY: no pointers; the descriptor that comes back is ours alone.
        let fd = checked(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) })?;
        // SAFETY: it was just opened and nobody else has it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// A packet socket that receives nothing before it is bound; `cooked`: without link header.
    pub(super) fn packet(cooked: bool) -> io::Result<Self> {
        let kind = if cooked {
            libc::SOCK_DGRAM
        } else {
            libc::SOCK_RAW
        };
        Self::open(libc::AF_PACKET, kind, 0)
    }

    /// A netlink socket of a family (`NETLINK_ROUTE`, `NETLINK_SOCK_DIAG`).
    pub(super) fn netlink(family: c_int) -> io::Result<Self> {
        Self::open(libc::AF_NETLINK, libc::SOCK_RAW, family)
    }

    fn set<T: Plain>(&self, level: c_int, name: c_int, value: &T) -> io::Result<()> {
        // SAFETY: the pointer and length are those of `value`, which the kernel only reads.
        checked(unsafe {
            libc::setsockopt(
                self.as_raw_fd(),
                level,
                name,
                ptr::from_ref(value).cast(),
                size_of::<T>() as libc::socklen_t,
            )
        })
        .map(drop)
    }

    fn get<T: Plain>(&self, level: c_int, name: c_int, mut value: T) -> io::Result<T> {
        let mut length = size_of::<T>() as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes into `value`, of which any are valid.
        checked(unsafe {
            libc::getsockopt(
                self.as_raw_fd(),
                level,
                name,
                ptr::from_mut(&mut value).cast(),
                &raw mut length,
            )
        })?;
        Ok(value)
    }

    /// Sets an option of `SOL_PACKET` that is a number.
    pub(super) fn set_packet(&self, name: c_int, value: c_int) -> io::Result<()> {
        self.set(libc::SOL_PACKET, name, &value)
    }

    /// Takes the error that the kernel noted for this socket (`SO_ERROR`); 0: none.
    pub(super) fn take_error(&self) -> io::Result<c_int> {
        self.get(libc::SOL_SOCKET, libc::SO_ERROR, 0)
    }

    /// Receives the packets of an interface (0: of all), of every protocol.
    pub(super) fn bind(&self, interface: u32) -> io::Result<()> {
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
            sll_ifindex: interface as c_int,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        // SAFETY: pointer and length are those of `address`.
        checked(unsafe {
            libc::bind(
                self.as_raw_fd(),
                ptr::from_ref(&address).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        })
        .map(drop)
    }

    /// Wants to see what is addressed to others too, as long as the socket is open.
    pub(super) fn promiscuous(&self, interface: u32) -> io::Result<()> {
        self.set(
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            &libc::packet_mreq {
                mr_ifindex: interface as c_int,
                mr_type: libc::PACKET_MR_PROMISC as u16,
                mr_alen: 0,
                mr_address: [0; 8],
            },
        )
    }

    /// Sets the filter: the instructions of classic BPF as (code, jt, jf, k).
    pub(super) fn attach_filter(&self, program: &[(u16, u8, u8, u32)]) -> io::Result<()> {
        let mut instructions: Vec<libc::sock_filter> = program
            .iter()
            .map(|&(code, jt, jf, k)| libc::sock_filter { code, jt, jf, k })
            .collect();
        let len = u16::try_from(instructions.len())
            .map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        // The kernel copies the program before the call returns.
        self.set(
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            &libc::sock_fprog {
                len,
                filter: instructions.as_mut_ptr(),
            },
        )
    }

    /// Takes the counters since the last call: packets that passed the filter (those dropped
    /// among them), and packets dropped because the ring was full.
    pub(super) fn take_statistics(&self) -> io::Result<(u32, u32)> {
        let zero = libc::tpacket_stats_v3 {
            tp_packets: 0,
            tp_drops: 0,
            tp_freeze_q_cnt: 0,
        };
        let counted = self.get(libc::SOL_PACKET, libc::PACKET_STATISTICS, zero)?;
        Ok((counted.tp_packets, counted.tp_drops))
    }

    /// An `ioctl` about an interface, in the network namespace of this socket.
    fn interface_request(
        &self,
        request: c_ulong,
        name: &str,
        fill: impl FnOnce(&mut libc::ifreq),
    ) -> io::Result<libc::ifreq> {
        // SAFETY: `ifreq` is made of integers and a union of such and a pointer: zeros are valid.
        let mut about: libc::ifreq = unsafe { std::mem::zeroed() };
        if name.len() >= about.ifr_name.len() || name.bytes().any(|byte| byte == 0) {
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        for (to, from) in about.ifr_name.iter_mut().zip(name.bytes()) {
            *to = from as libc::c_char;
        }
        fill(&mut about);
        // SAFETY: the kernel reads and writes one `ifreq`, and what `fill` made it point to, which
        // outlives the call.
        checked(unsafe { libc::ioctl(self.as_raw_fd(), request as _, &raw mut about) })?;
        Ok(about)
    }

    /// The index of the interface that has this name now.
    pub(super) fn interface_index(&self, name: &str) -> io::Result<u32> {
        let about = self.interface_request(libc::SIOCGIFINDEX as c_ulong, name, |_| {})?;
        // SAFETY: the kernel has filled in this member of the union.
        Ok(unsafe { about.ifr_ifru.ifru_ifindex } as u32)
    }

    /// The interface's flags, `IFF_UP` and others.
    pub(super) fn interface_flags(&self, name: &str) -> io::Result<c_int> {
        let about = self.interface_request(libc::SIOCGIFFLAGS as c_ulong, name, |_| {})?;
        // SAFETY: the kernel has filled in this member of the union.
        Ok(c_int::from(unsafe { about.ifr_ifru.ifru_flags }))
    }

    /// The interface's kind, an `ARPHRD_` value.
    pub(super) fn interface_kind(&self, name: &str) -> io::Result<u16> {
        let about = self.interface_request(libc::SIOCGIFHWADDR as c_ulong, name, |_| {})?;
        // SAFETY: the kernel has filled in this member of the union.
        Ok(unsafe { about.ifr_ifru.ifru_hwaddr }.sa_family)
    }

    /// Tells the interface to stamp every packet that it receives.
    pub(super) fn hardware_timestamps(&self, name: &str) -> io::Result<()> {
        // HWTSTAMP_TX_OFF, HWTSTAMP_FILTER_ALL
        let mut config: [c_int; 3] = [0, 0, 1];
        let config = config.as_mut_ptr();
        self.interface_request(libc::SIOCSHWTSTAMP as c_ulong, name, |about| {
            about.ifr_ifru.ifru_data = config.cast();
        })?;
        self.set_packet(
            libc::PACKET_TIMESTAMP,
            libc::SOF_TIMESTAMPING_RAW_HARDWARE as c_int,
        )
    }
}

/// A ring of blocks that the kernel fills with packets (`TPACKET_V3`), mapped into memory.
#[derive(Debug)]
pub(super) struct Ring {
    memory: NonNull<u8>,
    block_size: usize,
    blocks: usize,
}

// SAFETY: the mapping belongs to this value alone; it may be used from any one thread.
unsafe impl Send for Ring {}

/// Where in a block its status stands (`tpacket_block_desc.hdr.bh1.block_status`).
const BLOCK_STATUS: usize = 8;

impl Ring {
    /// Gives the socket a ring, and maps it. `block_size` is a multiple of the page size.
    pub(super) fn new(
        socket: &Socket,
        block_size: usize,
        blocks: usize,
        retire_milliseconds: u32,
    ) -> io::Result<Self> {
        let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
        let length = block_size.checked_mul(blocks).ok_or_else(invalid)?;
        let block = c_uint::try_from(block_size).map_err(|_| invalid())?;
        if block_size <= BLOCK_STATUS + size_of::<u32>() || blocks == 0 {
            return Err(invalid());
        }
        socket.set_packet(
            libc::PACKET_VERSION,
            libc::tpacket_versions::TPACKET_V3 as c_int,
        )?;
        socket.set(
            libc::SOL_PACKET,
            libc::PACKET_RX_RING,
            &libc::tpacket_req3 {
                tp_block_size: block,
                tp_block_nr: c_uint::try_from(blocks).map_err(|_| invalid())?,
                // Packets lie as close as they fit, whatever this says; it must only divide.
                tp_frame_size: block,
                tp_frame_nr: c_uint::try_from(blocks).map_err(|_| invalid())?,
                tp_retire_blk_tov: retire_milliseconds,
                tp_sizeof_priv: 0,
                tp_feature_req_word: 0,
            },
        )?;
        // SAFETY: a new mapping, at an address of the kernel's choice.
        let memory = unsafe {
            libc::mmap(
                ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            memory: NonNull::new(memory.cast()).ok_or_else(invalid)?,
            block_size,
            blocks,
        })
    }

    /// How many blocks there are.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// The first byte of a block; `index` wraps around.
    fn block_start(&self, index: usize) -> NonNull<u8> {
        // SAFETY: the offset is inside the mapping, as `index % blocks` is below `blocks`.
        unsafe { self.memory.add(index % self.blocks * self.block_size) }
    }

    fn status(&self, index: usize) -> &AtomicU32 {
        // SAFETY: inside the block (checked in `new`), aligned to 4 as blocks are to pages, alive
        // as long as `self`, and only ever accessed atomically by us while the kernel may write.
        unsafe { AtomicU32::from_ptr(self.block_start(index).add(BLOCK_STATUS).cast().as_ptr()) }
    }

    /// Whether the kernel has handed a block over.
    pub(super) fn is_ready(&self, index: usize) -> bool {
        // Acquire: what the kernel wrote before the status is seen.
        self.status(index).load(Ordering::Acquire) & libc::TP_STATUS_USER != 0
    }

    /// A block that the kernel has handed over.
    pub(super) fn block(&mut self, index: usize) -> Option<&mut [u8]> {
        if !self.is_ready(index) {
            return None;
        }
        // SAFETY: the block lies inside the mapping. While its status says that it is ours the
        // kernel does not write to it, and only `release`, which needs `self`, gives it back.
        Some(unsafe {
            std::slice::from_raw_parts_mut(self.block_start(index).as_ptr(), self.block_size)
        })
    }

    /// Gives a block back to the kernel.
    pub(super) fn release(&mut self, index: usize) {
        // Release: we are done with it before the kernel sees that.
        self.status(index)
            .store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with these values and nobody has a slice of it any more.
        unsafe {
            libc::munmap(self.memory.as_ptr().cast(), self.block_size * self.blocks);
        }
    }
}

/// Something to wait for: input on a descriptor.
pub(super) fn pollfd(fd: RawFd) -> libc::pollfd {
    libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    }
}

/// Waits for any of the descriptors, at most so long; a signal ends the wait too.
pub(super) fn poll(fds: &mut [libc::pollfd], milliseconds: c_int) -> io::Result<()> {
    // SAFETY: pointer and length are those of the slice.
    let result = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, milliseconds) };
    match checked(result) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            for fd in fds {
                fd.revents = 0;
            }
            Ok(())
        }
        other => other.map(drop),
    }
}

/// A descriptor that becomes readable when eight bytes are written to it.
pub(super) fn eventfd() -> io::Result<OwnedFd> {
    // SAFETY: no pointers; the descriptor that comes back is ours alone.
    let fd = checked(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
    // SAFETY: it was just opened and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Bytes of a page of memory.
pub(super) fn page_size() -> usize {
    // SAFETY: no pointers.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// The effective user.
pub(super) fn effective_uid() -> u32 {
    // SAFETY: cannot fail, no pointers.
    unsafe { libc::geteuid() }
}

/// Becomes another user and group for good, without any further groups.
pub(super) fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    // SAFETY: no groups are read for a count of 0.
    checked(unsafe { libc::setgroups(0, ptr::null()) })?;
    // SAFETY: no pointers.
    checked(unsafe { libc::setresgid(gid, gid, gid) })?;
    // SAFETY: no pointers.
    checked(unsafe { libc::setresuid(uid, uid, uid) })?;
    Ok(())
}

/// Nothing that is executed from now on can gain privileges.
pub(super) fn no_new_privileges() -> io::Result<()> {
    // SAFETY: no pointers.
    checked(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }).map(drop)
}

/// Gives up all capabilities of the calling thread (and of threads it starts from now on).
pub(super) fn clear_capabilities() -> io::Result<()> {
    /// `_LINUX_CAPABILITY_VERSION_3`
    const VERSION: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION, 0];
    // Effective, permitted and inheritable, twice: 64 capabilities.
    let none = [0_u32; 6];
    // SAFETY: the kernel reads two words from the one and, in version 3, six from the other.
    let result = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
    checked(result as c_int).map(drop)
}
