//! The progress bar, and Ctrl-C.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use netloom::capture::file::remove_copies;
use netloom::pipeline::Control;
use netloom::tables::output::abandon;

use crate::arguments::Global;
use crate::failure::ExitCode;
use crate::output::Printer;

/// How often the bar is redrawn.
const REDRAW: Duration = Duration::from_millis(100);

/// Shows how far the engine has come, until dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Shows a bar if standard error is a terminal and nobody objects.
    pub(crate) fn show(control: &Arc<Control>, global: &Global, printer: &Printer) -> Self {
        Self::unless(printer.is_quiet(), control, global)
    }

    /// As [`show`](Self::show), for those who have no printer at hand.
    pub(crate) fn unless(quiet: bool, control: &Arc<Control>, global: &Global) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let wanted = stderr().is_terminal() && !global.no_progress && !quiet;
        let thread = wanted.then(|| {
            let (control, over) = (Arc::clone(control), Arc::clone(&over));
            std::thread::spawn(move || draw(&control, &over))
        });
        Self { over, thread }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            _ = thread.join();
        }
    }
}

fn draw(control: &Control, over: &AtomicBool) {
    // Short work shows no bar at all.
    std::thread::park_timeout(3 * REDRAW);
    let bar = ProgressBar::no_length();
    let known = "{bar:30.cyan/dim} {percent:>3} %  {bytes}/{total_bytes}  {msg}  {eta} left";
    let unknown = "{spinner} {bytes}  {msg}";
    let mut styled = false;
    while !over.load(Ordering::Relaxed) {
        let total = control.bytes_total.load(Ordering::Relaxed);
        if !styled || (total > 0) != bar.length().is_some() {
            styled = true;
            if total > 0 {
                bar.set_length(total);
            }
            if let Ok(style) = ProgressStyle::with_template(if total > 0 { known } else { unknown })
            {
                bar.set_style(style);
            }
        }
        bar.set_position(control.bytes_done.load(Ordering::Relaxed));
        bar.set_message(format!(
            "{} packets",
            HumanCount(control.packets.load(Ordering::Relaxed))
        ));
        bar.tick();
        std::thread::park_timeout(REDRAW);
    }
    bar.finish_and_clear();
}

/// What a signal stops now.
static STOPPED: Mutex<Option<Arc<Control>>> = Mutex::new(None);

fn stopped() -> MutexGuard<'static, Option<Arc<Control>>> {
    STOPPED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets Ctrl-C (and SIGTERM) end what is being done; a second one ends the process. What was
/// given before is not stopped any more.
pub(crate) fn stop_on_signal(control: &Arc<Control>) {
    *stopped() = Some(Arc::clone(control));
    clean_up_on_signal();
}

/// Lets a signal end the process: nothing is being done that could be ended in order.
pub(crate) fn end_on_signal() {
    *stopped() = None;
    clean_up_on_signal();
}

/// Lets a signal that ends the process leave no output behind that is half written.
pub(crate) fn clean_up_on_signal() {
    // Fails only if a handler is there already: this one.
    _ = ctrlc::set_handler(|| {
        let control = stopped().clone();
        // The second one means now.
        if control.is_none_or(|control| control.stop.swap(true, Ordering::Relaxed)) {
            abandon();
            remove_copies();
            ExitCode::INTERRUPTED.end()
        }
    });
}
