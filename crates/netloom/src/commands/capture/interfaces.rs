//! The interfaces to choose from, with what passes there now.

use std::time::Duration;

use netloom::capture::live::{self, NetworkInterface};

use crate::failure::Failure;

/// An interface, with what is going on there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interface {
    pub(crate) name: String,
    /// For people.
    pub(crate) description: String,
    pub(crate) up: bool,
    pub(crate) bits_per_second: f64,
    /// Bytes received and sent until now.
    bytes: u64,
}

impl Interface {
    pub(crate) fn new(name: &str, description: &str, up: bool) -> Self {
        Self {
            name: name.to_owned(),
            description: description.to_owned(),
            up,
            ..Self::default()
        }
    }
}

/// The interface that is meant where none is named: the one that most likely leads somewhere.
pub(crate) fn default() -> Result<String, Failure> {
    live::interfaces()?
        .into_iter()
        .next()
        .map(|interface| interface.name)
        .ok_or_else(|| Failure::usage("there is no interface to capture on"))
}

/// The system's interfaces, the most likely one first, and all of them as one.
pub(crate) fn list() -> Result<Vec<Interface>, Failure> {
    let known = live::interfaces()?;
    let mut list: Vec<Interface> = known
        .iter()
        .map(|interface| {
            let description = match interface.addresses.first() {
                Some(first) => format!("{}, {}", interface.kind, first.address),
                None => interface.kind.clone(),
            };
            Interface::new(&interface.name, &description, interface.up)
        })
        .collect();
    if !list.is_empty() {
        list.push(Interface::new("any", "all of them", true));
    }
    count(&mut list, &known);
    Ok(list)
}

/// Looks again at the counters, `passed` after the last time.
pub(crate) fn refresh(list: &mut [Interface], passed: Duration) {
    // What was seen last stays where the kernel does not tell.
    let Ok(known) = live::interfaces() else {
        return;
    };
    let before: Vec<u64> = list.iter().map(|interface| interface.bytes).collect();
    count(list, &known);
    for (interface, before) in list.iter_mut().zip(before) {
        let more = interface.bytes.saturating_sub(before);
        interface.bits_per_second = more as f64 * 8.0 / passed.as_secs_f64().max(0.001);
    }
}

fn count(list: &mut [Interface], known: &[NetworkInterface]) {
    let bytes = |interface: &NetworkInterface| {
        interface.traffic.received_bytes + interface.traffic.sent_bytes
    };
    for interface in list {
        if interface.name == "any" {
            interface.bytes = known.iter().map(bytes).sum();
            continue;
        }
        let now = known.iter().find(|known| known.name == interface.name);
        interface.up = now.is_some_and(|now| now.up);
        interface.bytes = now.map_or(interface.bytes, bytes);
    }
}
