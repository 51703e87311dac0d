//! The live source: one or several interfaces as one stream.

use std::fs::File;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use netloom_packet::{
    CaptureInfo, LinkType, Packet, PacketBatch, PacketSource, SourceError, Timestamp, Warning,
    WarningKind,
};

use super::Instruction;
use super::device::{ANY, Device, State};
use super::options::LiveOptions;
use super::stats::{Counters, LiveStats, Shared, StatsHandle};
use super::{now, sys};

/// Bytes of a batch, about, as of those that come from files.
const BATCH_BYTES: usize = 256 * 1024;
/// How long [`PacketSource::next_batch`] waits for a packet.
const PATIENCE: Duration = Duration::from_millis(100);
/// Between two looks at the kernel's counters.
const REFRESH: Duration = Duration::from_millis(100);
/// Between two looks for interfaces that are down or gone.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How much later than its block's timeout a block may come: the kernel's timer is coarse.
const SLACK: Duration = Duration::from_millis(10);
/// Warnings of an interface that are kept.
const MAX_WARNINGS: usize = 64;

/// Ends a live capture from another thread, or from a signal handler's thread.
#[derive(Debug, Clone)]
pub struct StopHandle {
    stopped: Arc<AtomicBool>,
    event: Arc<File>,
}

impl StopHandle {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            stopped: Arc::new(AtomicBool::new(false)),
            event: Arc::new(File::from(sys::eventfd()?)),
        })
    }

    /// Ends the capture: what has come until now is still handed out, then the stream ends.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        // Its only failure is that it was written to very often already.
        _ = (&*self.event).write(&1_u64.to_ne_bytes());
    }

    /// Whether the end was asked for.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

/// Interfaces that are being captured, as one stream ordered by time.
///
/// Packets of several interfaces are merged by time; for this, those of a busy one are held back
/// for a moment (the block timeout), until the others cannot have earlier ones any more.
#[derive(Debug)]
pub struct LiveSource {
    devices: Vec<Device>,
    shared: Arc<Shared>,
    stop: StopHandle,
    /// How long a packet may lie in a ring before it is seen.
    hold: Duration,
    /// Times of different interfaces can be compared with each other and with the system's clock.
    one_clock: bool,
    wait_for_return: bool,
    started: bool,
    /// When the stream ends, once that was asked for.
    closing: Option<Instant>,
    ended: bool,
    number: u64,
    refreshed: Option<Instant>,
    looked: Option<Instant>,
    fds: Vec<libc::pollfd>,
}

/// How a look at the rings ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drained {
    /// Nothing more is there.
    Empty,
    /// Something is there that must wait so long for earlier packets of other interfaces.
    Held(Duration),
    /// Whoever takes the packets wants no more.
    Broken,
}

impl LiveSource {
    /// Opens the interfaces; see [`open`](super::open).
    pub(super) fn open(options: &LiveOptions) -> Result<Self, SourceError> {
        let mut names: Vec<&str> = Vec::new();
        for name in &options.interfaces {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        if names.is_empty() {
            return Err(SourceError::new("live", "no interface is given")
                .hint("`netloom interfaces` lists them; `any` is all of them"));
        }
        if names.len() > 1 && names.contains(&ANY) {
            return Err(
                SourceError::new(ANY, "`any` stands for all interfaces already")
                    .hint("give `any` alone, or the interfaces without it"),
            );
        }
        let mut shared = Shared::default();
        let devices = names
            .iter()
            .enumerate()
            .map(|(number, name)| Device::open(name, number as u32, options, &shared))
            .collect::<Result<Vec<_>, _>>()?;
        shared.counters = devices
            .iter()
            .map(|device| Counters {
                name: device.name.clone(),
                ..Counters::default()
            })
            .collect();
        let stop = StopHandle::new().map_err(|error| {
            SourceError::new("live", "the capture cannot be made to stop").caused_by(error)
        })?;
        let mut source = Self {
            devices,
            shared: Arc::new(shared),
            stop,
            hold: options.block_timeout + SLACK,
            one_clock: !options.hardware_timestamps,
            wait_for_return: options.wait_for_return,
            started: false,
            closing: None,
            ended: false,
            number: 0,
            refreshed: None,
            looked: None,
            fds: Vec::new(),
        };
        source.refresh();
        Ok(source)
    }

    /// As many packet sockets for each interface, of which each gets the packets of some flows.
    pub(super) fn open_fanout(
        options: &LiveOptions,
        count: usize,
    ) -> Result<Vec<Self>, SourceError> {
        let mut sources = (0..count.max(1))
            .map(|_| Self::open(options))
            .collect::<Result<Vec<_>, _>>()?;
        if count > 1 {
            for (interface, name) in options.interfaces.iter().enumerate() {
                // A group is known by a number within the network namespace.
                let group = (std::process::id() as u16)
                    .wrapping_mul(31)
                    .wrapping_add(interface as u16);
                for source in &mut sources {
                    // A group takes sockets that are bound, and lets them be bound no more.
                    source.started = true;
                    let Some(device) = source.devices.get(interface) else {
                        continue;
                    };
                    device.start()?;
                    device.join_fanout(group).map_err(|error| {
                        SourceError::new(name, "its packets cannot be spread over threads")
                            .caused_by(error)
                    })?;
                }
            }
        }
        Ok(sources)
    }

    /// Link types of the interfaces, in their order; what a filter has to be compiled for.
    pub fn link_types(&self) -> Vec<LinkType> {
        self.devices.iter().map(Device::link_type).collect()
    }

    /// Names of the interfaces, in their order.
    pub fn interface_names(&self) -> Vec<&str> {
        self.devices
            .iter()
            .map(|device| device.name.as_str())
            .collect()
    }

    /// Sets the filter of an interface (by its index in the stream) in the kernel: from here on,
    /// no packet is handed out that it does not accept.
    ///
    /// Returns `false` where the kernel cannot apply it (on `any`, programs that read the address
    /// in the cooked header): the caller has to filter then.
    ///
    /// # Errors
    ///
    /// When the kernel does not take the program, or there is no such interface.
    pub fn set_filter(
        &mut self,
        interface: usize,
        filter: &[Instruction],
    ) -> Result<bool, SourceError> {
        let started = self.started;
        let pause = self.hold;
        let device = self
            .devices
            .get_mut(interface)
            .ok_or_else(|| SourceError::new("live", "there is no such interface"))?;
        if started {
            // What came before the filter is still in the ring, some of it in a block that is not
            // yet handed over. Nothing more comes in until all of that is thrown away.
            device.reject_all();
            device.discard();
            std::thread::sleep(pause);
            device.discard();
        }
        device.set_filter(filter)
    }

    /// Lets packets come. The first read does it where this was not called.
    ///
    /// # Errors
    ///
    /// When an interface cannot be bound to.
    pub fn start(&mut self) -> Result<(), SourceError> {
        if !self.started {
            for device in &self.devices {
                device.start()?;
            }
            self.started = true;
        }
        Ok(())
    }

    /// What ends the capture from another thread.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// What reads the counters from another thread.
    pub fn stats_handle(&self) -> StatsHandle {
        StatsHandle(Arc::clone(&self.shared))
    }

    /// The counters as they are now.
    pub fn stats(&mut self) -> LiveStats {
        self.refresh();
        self.shared.stats()
    }

    /// Hands out packets where they lie in the ring, without a copy, until nothing is left there
    /// or `take` breaks; waits at most `patience` for the first. Returns how many, or `None` at
    /// the end of the stream.
    ///
    /// # Errors
    ///
    /// As for [`PacketSource::next_batch`].
    pub fn read_with(
        &mut self,
        patience: Duration,
        mut take: impl FnMut(&Packet<'_>) -> ControlFlow<()>,
    ) -> Result<Option<u64>, SourceError> {
        self.start()?;
        let before = self.number;
        let deadline = clock() + patience;
        loop {
            if self.ended {
                return Ok(None);
            }
            let drained = self.drain(&mut take);
            self.housekeeping(drained);
            let taken = self.number - before;
            if taken > 0 || drained == Drained::Broken {
                return Ok(Some(taken));
            }
            let left = deadline.saturating_duration_since(clock());
            if left.is_zero() && !self.ended {
                return Ok(Some(0));
            }
            if !self.ended {
                self.wait(drained, left)?;
            }
        }
    }

    /// Takes what is there.
    fn drain(&mut self, take: &mut impl FnMut(&Packet<'_>) -> ControlFlow<()>) -> Drained {
        if let [device] = self.devices.as_mut_slice() {
            while device.peek().is_some() {
                self.number += 1;
                if let Some(ControlFlow::Break(())) = device.take(self.number, &mut *take) {
                    return Drained::Broken;
                }
            }
            return Drained::Empty;
        }
        // Nothing earlier than this can still come from an interface that shows nothing now.
        let horizon = if self.one_clock {
            now().plus_nanos(-(self.hold.as_nanos() as i64))
        } else {
            Timestamp::MAX
        };
        loop {
            let mut first: Option<(usize, Timestamp)> = None;
            let mut silent = false;
            let mut pressed = false;
            for (index, device) in self.devices.iter_mut().enumerate() {
                match device.peek() {
                    Some(time) => {
                        if first.is_none_or(|(_, earliest)| time < earliest) {
                            first = Some((index, time));
                        }
                        pressed |= device.is_under_pressure();
                    }
                    None => silent |= device.state == State::Attached,
                }
            }
            let Some((index, time)) = first else {
                return Drained::Empty;
            };
            if silent && !pressed && time > horizon && self.closing.is_none() {
                let wait = time.nanos_since(horizon).clamp(0, i64::MAX) as u64;
                return Drained::Held(Duration::from_nanos(wait).min(self.hold));
            }
            let Some(device) = self.devices.get_mut(index) else {
                return Drained::Empty;
            };
            self.number += 1;
            if let Some(ControlFlow::Break(())) = device.take(self.number, &mut *take) {
                return Drained::Broken;
            }
        }
    }

    /// Counters, interfaces that went away, and the end.
    fn housekeeping(&mut self, drained: Drained) {
        let now = clock();
        if self
            .refreshed
            .is_none_or(|last| now.duration_since(last) >= REFRESH)
        {
            self.refresh();
            self.refreshed = Some(now);
        } else {
            for (device, counters) in self.devices.iter_mut().zip(&self.shared.counters) {
                device.publish(counters, false);
            }
        }
        let lost = |device: &Device| device.state != State::Attached;
        if self.devices.iter().any(lost)
            && self
                .looked
                .is_none_or(|last| now.duration_since(last) >= LOOK_AGAIN)
        {
            self.looked = Some(now);
            for index in 0..self.devices.len() {
                if self.devices.get(index).is_some_and(lost) {
                    self.look(index, false);
                }
            }
        }
        if self.closing.is_none()
            && (self.stop.is_stopped() || !self.wait_for_return && self.devices.iter().all(lost))
        {
            // Nothing more comes in, and what has come in is handed over in time.
            for device in &self.devices {
                device.reject_all();
            }
            self.closing = Some(now + self.hold);
        }
        if drained != Drained::Broken && self.closing.is_some_and(|end| now >= end) {
            let left = self.devices.iter().any(Device::is_ready);
            if !left {
                self.ended = true;
                self.refresh();
            }
        }
    }

    /// Reads the kernel's counters.
    fn refresh(&mut self) {
        for (device, counters) in self.devices.iter_mut().zip(&self.shared.counters) {
            device.publish(counters, true);
        }
    }

    /// Looks what became of an interface, and tells it.
    fn look(&mut self, index: usize, error: bool) {
        let Some(device) = self.devices.get_mut(index) else {
            return;
        };
        let Some(message) = device.look(error) else {
            return;
        };
        if device.info.warnings.len() < MAX_WARNINGS {
            device.info.warnings.push(Warning {
                kind: WarningKind::Interrupted,
                offset: 0,
                message: message.clone(),
            });
        }
        let message = if device.state != State::Attached && self.wait_for_return {
            format!("{message}: waiting for it to come back")
        } else {
            message
        };
        self.shared.tell(message);
        self.refresh();
    }

    /// Waits until something may be there.
    fn wait(&mut self, drained: Drained, at_most: Duration) -> Result<(), SourceError> {
        let mut at_most = at_most;
        if let Drained::Held(wait) = drained {
            at_most = at_most.min(wait);
        }
        if let Some(end) = self.closing {
            at_most = at_most.min(end.saturating_duration_since(clock()));
        }
        self.fds.clear();
        // Once the end was asked for, that there is the wish says nothing new.
        if self.closing.is_none() {
            self.fds.push(sys::pollfd(self.stop.event.as_raw_fd()));
        }
        let first = self.fds.len();
        for device in &self.devices {
            // Of one that is held back it is known that something is there; one that is lost
            // would report that again and again.
            let watched = device.state == State::Attached && !device.is_ready();
            let fd = if watched { device.fd() } else { -1 };
            self.fds.push(sys::pollfd(fd));
        }
        // Rounded up: to wake too early is to wake twice.
        let milliseconds = at_most.as_micros().div_ceil(1000).min(1000) as i32;
        sys::poll(&mut self.fds, milliseconds).map_err(|error| {
            SourceError::new("live", "waiting for packets failed").caused_by(error)
        })?;
        for index in 0..self.devices.len() {
            let events = self.fds.get(first + index).map_or(0, |fd| fd.revents);
            if events & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0 {
                self.look(index, true);
            }
        }
        Ok(())
    }
}

impl PacketSource for LiveSource {
    /// Packets are copied out of the ring, once. Comes back after a tenth of a second at the
    /// latest, with an empty batch where there was nothing.
    fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        batch.clear();
        batch.first_number = self.number + 1;
        let read = self.read_with(PATIENCE, |packet| {
            batch.push(
                packet.timestamp,
                packet.link_type,
                packet.interface,
                packet.wire_len,
                packet.data,
            );
            if batch.block.len() >= BATCH_BYTES {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        Ok(read.is_some())
    }

    fn info(&self) -> Vec<CaptureInfo> {
        self.devices
            .iter()
            .map(|device| device.info.clone())
            .collect()
    }

    fn is_ready(&self) -> bool {
        self.devices.iter().any(Device::is_ready)
    }

    fn clock(&self) -> Option<Timestamp> {
        // A packet that came just now may still lie in a block that is not handed over.
        Some(now().plus_nanos(-(self.hold.as_nanos() as i64)))
    }
}

/// The clock that waiting is measured with.
#[expect(
    clippy::disallowed_methods,
    reason = "live capture waits for real packets in real time"
)]
fn clock() -> Instant {
    Instant::now()
}
