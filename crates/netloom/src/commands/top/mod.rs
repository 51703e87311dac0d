//! `netloom top`.

mod model;
mod stage;
mod view;

use std::io::{IsTerminal as _, stdin, stdout};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use netloom::analysis::report::units;
use netloom::capture::live::sockets::SocketWatcher;
use netloom::capture::live::{self, LiveOptions, StatsHandle, StopHandle};
use netloom::pipeline::{Control, run as run_pipeline};
use netloom::{OpenOptions, PacketSource};
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use self::model::Model;
use self::stage::{Owner, TopStage, lock};
use self::view::{Heading, View, Wish};
use super::Session;
use super::capture::{filter, interfaces, status};
use crate::arguments::{Global, TopOptions};
use crate::clock::{self, Stopwatch};
use crate::failure::{ExitCode, Failure};
use crate::output::Printer;

/// How often the screen is drawn again.
const REDRAW: Duration = Duration::from_millis(250);

/// What is watched, and how to end that.
struct Watched {
    name: String,
    stats: Option<StatsHandle>,
    stop: Option<StopHandle>,
}

pub(crate) fn run(
    options: &TopOptions,
    global: &Global,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return Err(Failure::usage("netloom top needs a terminal")
            .hint("netloom report says the same of a capture in words"));
    }
    let (source, watched) = open(options, global)?;
    let session = Session::new(global, printer);
    let model = Arc::new(Mutex::new(Model::default()));
    let stage = TopStage {
        model: Arc::clone(&model),
        owner: owner(&watched),
    };
    // Its `stop` is for Ctrl-C where the terminal does not take it as a key, and for SIGTERM.
    let control = Arc::clone(&session.control);
    let over = AtomicBool::new(false);
    let outcome = std::thread::scope(|scope| {
        let engine = scope.spawn(|| {
            let outcome = run_pipeline(source, &stage, &session.options, &control);
            over.store(true, Ordering::Release);
            outcome
        });
        let shown = show(&model, &watched, &control, &over);
        control.stop.store(true, Ordering::Relaxed);
        if let Some(stop) = &watched.stop {
            stop.stop();
        }
        let outcome = match engine.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        shown.map(|()| outcome)
    })
    .map_err(|cause| Failure::writing(Path::new("-"), &cause))?;
    let outcome = outcome.map_err(|cause| Failure::writing(Path::new("-"), &cause))?;
    if let Some(stats) = &watched.stats {
        let stats = stats.stats();
        printer.plain(&format!(
            "{}, {} dropped by kernel, {} dropped by interface",
            units::counted(stats.packets, "packet", "packets"),
            units::count(stats.dropped_kernel),
            units::count(stats.dropped_interface)
        ));
    }
    match outcome.failed {
        Some(failed) => Err(failed.into()),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn open(
    options: &TopOptions,
    global: &Global,
) -> Result<(Box<dyn PacketSource + Send>, Watched), Failure> {
    let expression = global.filter.clone().unwrap_or_default();
    if !options.files.is_empty() {
        let source = netloom::open(&options.files, &OpenOptions::default())?;
        let name = match options.files.as_slice() {
            [file] => file.display().to_string(),
            files => format!("{} captures", files.len()),
        };
        let watched = Watched {
            name,
            stats: None,
            stop: None,
        };
        return Ok((filter::recorded(source, &expression)?, watched));
    }
    let interfaces = match options.interfaces.as_slice() {
        [] => vec![interfaces::default()?],
        interfaces => interfaces.to_vec(),
    };
    let name = interfaces.join(", ");
    let mut source = live::open(&LiveOptions::for_analysis(interfaces))?;
    let filters = filter::set(&mut source, &expression)?;
    live::drop_privileges(None)?;
    let watched = Watched {
        name,
        stats: Some(source.stats_handle()),
        stop: Some(source.stop_handle()),
    };
    Ok((filter::live(source, filters), watched))
}

/// Who owns a flow, where this machine is watched: program and user.
fn owner(watched: &Watched) -> Owner {
    // Without it, there is one table less.
    let Some(watcher) = watched
        .stats
        .as_ref()
        .and_then(|_| SocketWatcher::start().ok())
    else {
        return Box::new(|_| None);
    };
    let watcher = Mutex::new(watcher);
    Box::new(move |flow| {
        let watcher = watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let owner = watcher.lookup(flow.protocol, flow.a.into(), flow.b.into())?;
        let user = match &owner.user {
            Some(user) => user.clone(),
            None => owner.uid.to_string(),
        };
        Some(match &owner.process {
            Some(process) => format!("{process} ({user})"),
            None => format!("? ({user})"),
        })
    })
}

/// Shows the model until the person has seen enough, or a signal ends it. The terminal is left
/// as it was, also if something panics.
fn show(
    model: &Mutex<Model>,
    watched: &Watched,
    control: &Control,
    over: &AtomicBool,
) -> std::io::Result<()> {
    let mut terminal = ratatui::try_init()?;
    let shown = draw(&mut terminal, model, watched, control, over);
    ratatui::try_restore()?;
    shown
}

/// What the person does, read on a thread of its own that nobody waits for: where the terminal
/// went away, reading from it never ends.
fn events() -> Receiver<Event> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.send(event).is_err() {
                break;
            }
        }
    });
    receiver
}

fn draw(
    terminal: &mut ratatui::DefaultTerminal,
    model: &Mutex<Model>,
    watched: &Watched,
    control: &Control,
    over: &AtomicBool,
) -> std::io::Result<()> {
    let live = watched.stats.is_some();
    let mut view = View::new(live);
    let watch = Stopwatch::start();
    let events = events();
    let mut frozen: Option<(Model, Heading)> = None;
    let mut message = None;
    while !control.stop.load(Ordering::Relaxed) {
        if let Some(stats) = &watched.stats
            && let Some(last) = stats.take_messages().pop()
        {
            message = Some(last);
        }
        if !view.is_paused() {
            frozen = None;
        }
        let mut heading = heading(watched, control, over, watch);
        heading.message.clone_from(&message);
        if view.is_paused() && frozen.is_none() {
            frozen = Some((lock(model).clone(), heading.clone()));
        }
        if let Some((model, heading)) = &frozen {
            terminal.draw(|frame| view.draw(frame, model, heading))?;
        } else {
            let model = lock(model);
            terminal.draw(|frame| view.draw(frame, &model, &heading))?;
        }
        let mut next = events.recv_timeout(REDRAW);
        if next == Err(RecvTimeoutError::Disconnected) {
            // Nobody can press a key any more.
            return Ok(());
        }
        while let Ok(event) = next {
            match event {
                Event::Key(key)
                    if key.kind != KeyEventKind::Release && view.key(key) == Wish::Quit =>
                {
                    return Ok(());
                }
                _ => {}
            }
            next = events.try_recv().map_err(|_| RecvTimeoutError::Timeout);
        }
    }
    Ok(())
}

fn heading(watched: &Watched, control: &Control, over: &AtomicBool, watch: Stopwatch) -> Heading {
    let live = watched.stats.is_some();
    let ended = over.load(Ordering::Acquire);
    let progress = if live && ended {
        "the capture has ended".to_owned()
    } else if live {
        status::clock_time(watch.elapsed().as_secs())
    } else if ended {
        "read to its end".to_owned()
    } else {
        let done = control.bytes_done.load(Ordering::Relaxed);
        let total = control.bytes_total.load(Ordering::Relaxed);
        format!("reading: {}", units::percent(done.min(total), total))
    };
    let dropped = watched.stats.as_ref().map_or(0, |stats| {
        let stats = stats.stats();
        stats.dropped_kernel + stats.dropped_interface
    });
    Heading {
        source: watched.name.clone(),
        progress,
        dropped,
        live,
        message: None,
        second: clock::now().as_secs(),
    }
}
