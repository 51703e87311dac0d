//! One interface's socket and ring.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::Ordering;

use netloom_packet::{CaptureInfo, Interface, LinkType, Packet, SourceError, Timestamp};

use super::Instruction;
use super::frames::{Cursor, Frame, Layout, PACKET_OUTGOING, SLL2_LEN};
use super::link_kind;
use super::options::{Direction, LiveOptions};
use super::program;
use super::stats::{Counters, Shared};
use super::sys::{Ring, Socket};

/// The name that means all interfaces.
pub(super) const ANY: &str = "any";

/// Bytes of a block of the ring: room for the largest packet that offloading makes of many
/// (64 KiB and headers), and few enough that a ring has many of them.
const BLOCK_SIZE: usize = 128 * 1024;

/// Whether packets can come from an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It is there and up.
    Attached,
    /// It is there, but down: packets come again when it is up.
    Down,
    /// It is not there.
    Gone,
}

/// One interface's socket and ring, and what was counted.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) name: String,
    /// Its index in the stream.
    number: u32,
    /// The kernel's index; 0: all interfaces.
    index: u32,
    kind: u16,
    socket: Socket,
    ring: Ring,
    layout: Layout,
    direction: Direction,
    promiscuous: bool,
    /// The kernel's index of the loopback interface, where its outgoing packets come too.
    loopback: Option<u32>,
    /// The block that is being read, where in it, and the packet that comes next.
    block: usize,
    cursor: Option<Cursor>,
    frame: Option<Frame>,
    pub(super) state: State,
    /// What the system had counted as dropped by the interface when the capture began.
    dropped_before: Option<u64>,
    dropped_interface: u64,
    pub(super) info: CaptureInfo,
}

impl Device {
    /// Opens the socket and makes the ring; nothing is received before [`start`](Self::start).
    pub(super) fn open(
        name: &str,
        number: u32,
        options: &LiveOptions,
        shared: &Shared,
    ) -> Result<Self, SourceError> {
        let failed = |what: &'static str| {
            move |error: io::Error| SourceError::new(name, what).caused_by(error)
        };
        let mut socket = Socket::packet(false).map_err(|error| cannot_open(name, error))?;
        let (index, kind, link_type) = if name == ANY {
            (0, 0, None)
        } else {
            let index = socket
                .interface_index(name)
                .map_err(|error| no_such_interface(name, error))?;
            let flags = socket
                .interface_flags(name)
                .map_err(failed("its state cannot be read"))?;
            if flags & libc::IFF_UP == 0 {
                return Err(SourceError::new(name, "the interface is down")
                    .hint(format!("bring it up: sudo ip link set {name} up")));
            }
            let kind = socket
                .interface_kind(name)
                .map_err(failed("its kind cannot be read"))?;
            (index, kind, link_kind::link_type(kind))
        };
        let cooked = link_type.is_none();
        if cooked {
            socket = Socket::packet(true).map_err(|error| cannot_open(name, error))?;
        }
        let layout = Layout {
            link_type: link_type.unwrap_or(LinkType::LINUX_SLL2),
            cooked,
            snaplen: options.snaplen.max(1),
        };
        if options.hardware_timestamps
            && index != 0
            && let Err(error) = socket.hardware_timestamps(name)
        {
            shared.tell(format!(
                "{name}: no hardware timestamps ({error}); the kernel's are used"
            ));
        }
        if link_type == Some(LinkType::ETHERNET) {
            // Room to put a VLAN tag back; a kernel without the option leaves enough by itself.
            _ = socket.set_packet(libc::PACKET_RESERVE, 8);
        }
        let loopback = socket.interface_index("lo").ok();
        let is_loopback = index != 0 && loopback == Some(index);
        if options.direction == Direction::In || is_loopback && options.direction != Direction::Out
        {
            // What goes out over loopback comes in again: one of the two is enough. Older kernels
            // do not have the option; then the packets are left out here.
            _ = socket.set_packet(libc::PACKET_IGNORE_OUTGOING, 1);
        }
        let ring = make_ring(&socket, name, options, shared)?;
        let mut info = CaptureInfo::default();
        name.clone_into(&mut info.name);
        "live".clone_into(&mut info.format);
        let mut interface = Interface::default();
        interface.index = number;
        interface.name = Some(name.to_owned());
        interface.link_type = layout.link_type;
        interface.snap_len = options.snaplen;
        interface.ticks_per_second = 1_000_000_000;
        info.interfaces.push(interface);
        let device = Self {
            name: name.to_owned(),
            number,
            index,
            kind,
            socket,
            ring,
            layout,
            direction: options.direction,
            promiscuous: options.promiscuous,
            loopback,
            block: 0,
            cursor: None,
            frame: None,
            state: State::Attached,
            dropped_before: interface_drops(name),
            dropped_interface: 0,
            info,
        };
        device.set_filter(&[program::accept(options.snaplen)])?;
        Ok(device)
    }

    /// Joins a group of sockets over which the packets of flows are spread.
    pub(super) fn join_fanout(&self, group: u16) -> io::Result<()> {
        let kind = libc::PACKET_FANOUT_HASH as i32;
        self.socket
            .set_packet(libc::PACKET_FANOUT, i32::from(group) | kind << 16)
    }

    /// Lets packets come.
    pub(super) fn start(&self) -> Result<(), SourceError> {
        self.attach()
            .map_err(|error| SourceError::new(&self.name, "cannot be captured").caused_by(error))
    }

    fn attach(&self) -> io::Result<()> {
        self.socket.bind(self.index)?;
        if self.promiscuous && self.index != 0 {
            self.socket.promiscuous(self.index)?;
        }
        Ok(())
    }

    /// What its packets begin with.
    pub(super) fn link_type(&self) -> LinkType {
        self.layout.link_type
    }

    /// Sets the filter in the kernel; whether it can be set there.
    pub(super) fn set_filter(&self, filter: &[Instruction]) -> Result<bool, SourceError> {
        let kept = if self.layout.cooked {
            self.layout.snaplen.saturating_sub(SLL2_LEN as u32).max(1)
        } else {
            self.layout.snaplen
        };
        let Some(program) = program::for_kernel(filter, self.layout.cooked, kept) else {
            return Ok(false);
        };
        self.socket
            .attach_filter(&program)
            .map(|()| true)
            .map_err(|error| {
                SourceError::new(&self.name, "the kernel does not take the filter").caused_by(error)
            })
    }

    /// Lets no further packet come.
    pub(super) fn reject_all(&self) {
        // It cannot fail for want of anything; if it does, the capture ends a bit later.
        _ = self.socket.attach_filter(&[program::REJECT]);
    }

    /// Throws away what waits in the ring.
    pub(super) fn discard(&mut self) {
        self.cursor = None;
        self.frame = None;
        while self.ring.is_ready(self.block) {
            self.next_block();
        }
    }

    fn next_block(&mut self) {
        self.cursor = None;
        self.ring.release(self.block);
        self.block = (self.block + 1) % self.ring.blocks();
    }

    /// Whether a packet is there without waiting, as far as is known without looking into blocks.
    pub(super) fn is_ready(&self) -> bool {
        self.frame.is_some() || self.ring.is_ready(self.block)
    }

    /// Whether half of the ring or more waits to be read.
    pub(super) fn is_under_pressure(&self) -> bool {
        self.ring.is_ready(self.block + self.ring.blocks() / 2)
    }

    /// Time of the packet that comes next, if one is there.
    pub(super) fn peek(&mut self) -> Option<Timestamp> {
        if let Some(frame) = &self.frame {
            return Some(frame.timestamp);
        }
        loop {
            let block = self.ring.block(self.block)?;
            let cursor = self.cursor.get_or_insert_with(|| Cursor::new(block));
            match cursor.next(block) {
                Some(frame) if self.wants(&frame) => {
                    self.frame = Some(frame);
                    return Some(frame.timestamp);
                }
                Some(_) => {}
                None => self.next_block(),
            }
        }
    }

    fn wants(&self, frame: &Frame) -> bool {
        if frame.packet_type == PACKET_OUTGOING {
            match self.direction {
                Direction::Both => self.loopback != Some(frame.interface_index),
                Direction::In => false,
                Direction::Out => true,
            }
        } else {
            self.direction != Direction::Out
        }
    }

    /// Hands out the packet that [`peek`](Self::peek) saw.
    pub(super) fn take<R>(
        &mut self,
        number: u64,
        take: impl FnOnce(&Packet<'_>) -> R,
    ) -> Option<R> {
        let frame = self.frame.take()?;
        let block = self.ring.block(self.block)?;
        let placed = frame.place(block, self.layout);
        let packet = Packet {
            number,
            timestamp: frame.timestamp,
            link_type: self.layout.link_type,
            interface: self.number,
            wire_len: placed.wire_len,
            data: block.get(placed.range)?,
        };
        let info = &mut self.info;
        info.packets += 1;
        info.bytes += u64::from(packet.wire_len);
        info.truncated += u64::from(packet.is_truncated());
        info.first_ts = Some(
            info.first_ts
                .map_or(frame.timestamp, |first| first.min(frame.timestamp)),
        );
        if info.last_ts.is_some_and(|last| frame.timestamp < last) {
            info.out_of_order += 1;
        } else {
            info.last_ts = Some(frame.timestamp);
        }
        Some(take(&packet))
    }

    /// Brings the counters that others see up to date.
    pub(super) fn publish(&mut self, counters: &Counters, with_kernel: bool) {
        counters.packets.store(self.info.packets, Ordering::Relaxed);
        counters.bytes.store(self.info.bytes, Ordering::Relaxed);
        if !with_kernel {
            return;
        }
        counters
            .attached
            .store(u64::from(self.state == State::Attached), Ordering::Relaxed);
        if let Ok((packets, drops)) = self.socket.take_statistics() {
            // Reading them sets them to 0.
            let received = counters.received.load(Ordering::Relaxed) + u64::from(packets);
            let dropped = counters.dropped_kernel.load(Ordering::Relaxed) + u64::from(drops);
            counters.received.store(received, Ordering::Relaxed);
            counters.dropped_kernel.store(dropped, Ordering::Relaxed);
            self.info.dropped_kernel = Some(dropped);
            if let Some(interface) = self.info.interfaces.first_mut() {
                interface.packets = self.info.packets;
                interface.received = Some(received);
                interface.dropped_kernel = Some(dropped);
            }
        }
        if let Some(before) = self.dropped_before
            && let Some(now) = interface_drops(&self.name)
        {
            let dropped = self.dropped_interface + now.saturating_sub(before);
            counters
                .dropped_interface
                .store(dropped + 1, Ordering::Relaxed);
            self.info.dropped_interface = Some(dropped);
            if let Some(interface) = self.info.interfaces.first_mut() {
                interface.dropped_interface = Some(dropped);
            }
        }
    }

    /// The descriptor to wait for.
    pub(super) fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Looks what became of the interface; what there is to say about it.
    ///
    /// `error`: the kernel noted an error for the socket.
    pub(super) fn look(&mut self, error: bool) -> Option<String> {
        if self.index == 0 && self.name == ANY {
            return None;
        }
        let name = &self.name;
        let noted = error.then(|| self.socket.take_error().unwrap_or(0));
        let before = self.state;
        let Ok(index) = self.socket.interface_index(name) else {
            self.state = State::Gone;
            return (before != State::Gone).then(|| format!("{name} went away"));
        };
        let up = self
            .socket
            .interface_flags(name)
            .is_ok_and(|flags| flags & libc::IFF_UP != 0);
        if index != self.index || before == State::Gone {
            // It is another one by the same name. The socket is bound anew, which needs no
            // privilege; its kind must be the same, as others were told the link type.
            if self.socket.interface_kind(name).ok() != Some(self.kind) {
                self.state = State::Gone;
                return None;
            }
            self.index = index;
            if let Err(error) = self.attach() {
                self.state = State::Gone;
                return (before != State::Gone)
                    .then(|| format!("{name} came back but cannot be captured: {error}"));
            }
            self.dropped_interface = self.info.dropped_interface.unwrap_or(0);
            self.dropped_before = interface_drops(name);
        }
        if !up {
            self.state = State::Down;
            // Binding to an interface that is down notes an error.
            _ = self.socket.take_error();
            return (before == State::Attached).then(|| format!("{name} went down"));
        }
        self.state = State::Attached;
        match before {
            State::Attached => noted
                .filter(|&noted| noted == libc::ENETDOWN)
                .map(|_| format!("{name} went down for a moment")),
            State::Down => Some(format!("{name} is up again")),
            State::Gone => Some(format!("{name} is back")),
        }
    }
}

/// Makes the ring; a smaller one where there is not that much memory.
fn make_ring(
    socket: &Socket,
    name: &str,
    options: &LiveOptions,
    shared: &Shared,
) -> Result<Ring, SourceError> {
    let retire = options.block_timeout.as_millis().clamp(1, 10_000) as u32;
    let block_size = BLOCK_SIZE.next_multiple_of(super::sys::page_size());
    let wanted = (options.ring_bytes / block_size).max(2);
    let mut blocks = wanted;
    loop {
        match Ring::new(socket, block_size, blocks, retire) {
            Ok(ring) => {
                if blocks < wanted {
                    shared.tell(format!(
                        "{name}: memory for a ring of {} KiB only",
                        blocks * block_size / 1024
                    ));
                }
                return Ok(ring);
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) && blocks > 2 => {
                blocks = (blocks / 2).max(2);
            }
            Err(error) => {
                return Err(
                    SourceError::new(name, "the ring for packets cannot be made").caused_by(error),
                );
            }
        }
    }
}

/// Packets that the interface dropped since it exists: missed or dropped on reception.
fn interface_drops(name: &str) -> Option<u64> {
    // `any` has no folder there; a name cannot contain a slash.
    let read = |what: &str| -> Option<u64> {
        let path = format!("/sys/class/net/{name}/statistics/{what}");
        std::fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    Some(read("rx_missed_errors")? + read("rx_dropped")?)
}

/// A packet socket cannot be had.
fn cannot_open(name: &str, error: io::Error) -> SourceError {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return SourceError::new(name, "you may not capture here")
            .hint(super::permission_hint())
            .caused_by(error);
    }
    SourceError::new(name, "a packet socket cannot be opened").caused_by(error)
}

fn no_such_interface(name: &str, error: io::Error) -> SourceError {
    SourceError::new(name, "there is no such interface")
        .hint("`netloom interfaces` lists those there are; `any` is all of them")
        .caused_by(error)
}
