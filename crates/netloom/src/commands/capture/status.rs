//! The status line of a capture, and what it has to say meanwhile.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use netloom::analysis::report::text::cut_end;
use netloom::analysis::report::units;
use netloom::capture::live::StatsHandle;

use crate::arguments::Global;
use crate::clock::Stopwatch;
use crate::output::{Printer, visible};

/// How often the line is drawn again.
const REDRAW: Duration = Duration::from_millis(250);

/// Pictures over which rates are taken: one second.
const RATE_PICTURES: usize = 4;

/// What the capturing thread tells of itself beside the source's counters.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Bytes in files so far; 0: nothing is written.
    pub(crate) bytes: AtomicU64,
}

/// Draws the line until dropped.
pub(crate) struct Status {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Status {
    /// Shows the line if standard error is a terminal and nobody objects; messages of the
    /// source are passed on in any case.
    pub(crate) fn show(
        stats: StatsHandle,
        written: Arc<Written>,
        duration: Option<Duration>,
        visible: bool,
        global: &Global,
    ) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let line = visible && stderr().is_terminal() && !global.no_progress && !global.quiet;
        let drawing = Drawing {
            stats,
            written,
            duration,
            line,
            watch: Stopwatch::start(),
            printer: Printer::new(global),
            over: Arc::clone(&over),
        };
        let thread = std::thread::Builder::new()
            .name("status".to_owned())
            .spawn(move || drawing.run())
            .ok();
        Self { over, thread }
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            _ = thread.join();
        }
    }
}

struct Drawing {
    stats: StatsHandle,
    written: Arc<Written>,
    duration: Option<Duration>,
    line: bool,
    watch: Stopwatch,
    printer: Printer,
    over: Arc<AtomicBool>,
}

/// Counters at a moment.
#[derive(Debug, Clone, Copy, Default)]
struct Picture {
    seconds: f64,
    packets: u64,
    bytes: u64,
}

impl Drawing {
    fn run(&self) {
        let mut pictures = [Picture::default(); RATE_PICTURES];
        let mut next = 0;
        while !self.over.load(Ordering::Relaxed) {
            self.tell();
            if self.line {
                let now = self.draw(&pictures[next]);
                pictures[next] = now;
                next = (next + 1) % RATE_PICTURES;
            }
            std::thread::park_timeout(REDRAW);
        }
        self.tell();
        self.clear();
    }

    /// Says what happened: an interface that went away, say.
    fn tell(&self) {
        let messages = self.stats.take_messages();
        if !messages.is_empty() {
            self.clear();
        }
        for message in messages {
            self.printer.warning(&message);
        }
    }

    fn clear(&self) {
        if self.line {
            // Nobody is left to tell when standard error is gone.
            _ = write!(stderr(), "\r\x1b[K");
        }
    }

    fn draw(&self, before: &Picture) -> Picture {
        let stats = self.stats.stats();
        let elapsed = self.watch.elapsed();
        let now = Picture {
            seconds: elapsed.as_secs_f64(),
            packets: stats.packets,
            bytes: stats.bytes,
        };
        let line = line(
            &now,
            before,
            stats.dropped_kernel + stats.dropped_interface,
            self.written.bytes.load(Ordering::Relaxed),
            self.duration
                .map(|duration| duration.saturating_sub(elapsed)),
        );
        let width = terminal_size::terminal_size_of(stderr())
            .map_or(80, |(terminal_size::Width(width), _)| usize::from(width));
        let line = cut_end(&visible(&line), width.saturating_sub(1), "");
        let mut stderr = stderr().lock();
        _ = write!(stderr, "\r{line}\x1b[K").and_then(|()| stderr.flush());
        now
    }
}

/// The line: what matters most comes first, as a narrow terminal cuts it.
fn line(
    now: &Picture,
    before: &Picture,
    dropped: u64,
    written: u64,
    left: Option<Duration>,
) -> String {
    let passed = (now.seconds - before.seconds).max(0.001);
    let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / passed;
    let mut parts = vec![
        clock_time(now.seconds as u64),
        units::counted(now.packets, "packet", "packets"),
        if dropped > 0 {
            format!("{} DROPPED", units::count(dropped))
        } else {
            "0 dropped".to_owned()
        },
        units::bits_per_second(rate(now.bytes, before.bytes) * 8.0),
        units::packets_per_second(rate(now.packets, before.packets)),
        units::bytes(now.bytes),
    ];
    if let Some(left) = left {
        parts.insert(1, format!("{} left", clock_time(left.as_secs())));
    }
    if written > 0 {
        parts.push(format!("file {}", units::bytes(written)));
    }
    parts.join("  ")
}

/// `1:05`, `2:00:00`.
pub(crate) fn clock_time(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_rates_losses_and_what_is_left() {
        let before = Picture {
            seconds: 9.0,
            packets: 1000,
            bytes: 100_000,
        };
        let now = Picture {
            seconds: 10.0,
            packets: 1500,
            bytes: 225_000,
        };
        assert_eq!(
            line(&now, &before, 3, 230_000, Some(Duration::from_secs(65))),
            "0:10  1:05 left  1,500 packets  3 DROPPED  1.0 Mbit/s  500 pps  225 kB  file 230 kB"
        );
        assert_eq!(
            line(&now, &now, 0, 0, None),
            "0:10  1,500 packets  0 dropped  0 bit/s  0 pps  225 kB"
        );
        assert_eq!(clock_time(7200), "2:00:00");
    }
}
