//! Dropbox's LAN sync discovery: machines of one user find each other.

use super::support::{json_text, say};
use super::{
    Category, Context, Detector, Event, Events, Guess, Next, Over, Parser, Probe, Protocol, Value,
};

/// Dropbox.
pub static PROTOCOL: Protocol = Protocol {
    name: "dropbox",
    title: "Dropbox LAN Sync",
    category: Category::Cloud,
};

/// Recognises the discovery.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[17_500],
    probe,
    parser: Some(|| Box::new(LanSync)),
};

fn probe(probe: &Probe<'_>) -> Guess {
    let start = probe.data.get(..256).unwrap_or(probe.data);
    let has = |word: &[u8]| start.windows(word.len()).any(|window| window == word);
    if start.starts_with(b"{\"host_int\"") || start.starts_with(b"{") && has(b"\"host_int\":") {
        Guess::Certain
    } else {
        Guess::No
    }
}

/// One message says everything.
#[derive(Debug)]
struct LanSync;

impl Parser for LanSync {
    fn datagram(&mut self, _context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        events.event(Event::App("Dropbox"));
        let name = json_text(data, b"displayname").unwrap_or_default();
        say(events, "discovery", &[("display_name", Value::Text(name))]);
        Next::Done
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{exchange, guess};

    #[test]
    fn a_machine_announces_itself() {
        let bytes =
            b"{\"host_int\": 12, \"version\": [2, 0], \"displayname\": \"me\", \"port\": 17500}";
        assert_eq!(guess(&DETECTOR, bytes), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"{\"version\": [2, 0]}"), Guess::No);
        let said = exchange(&DETECTOR, &[(true, bytes)]);
        assert!(said.has("discovery: display_name=me"), "{said:?}");
    }
}
