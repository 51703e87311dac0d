//! `netloom interfaces`.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use netloom::analysis::report::{text, units};
use netloom::capture::live::{self, NetworkInterface, Traffic};
use serde_json::{Value, json};

use crate::arguments::InterfacesOptions;
use crate::clock::Stopwatch;
use crate::failure::{ExitCode, Failure};
use crate::output::{self, Printer, visible};

/// How long traffic is measured.
const SAMPLE: Duration = Duration::from_secs(1);

/// What passes an interface now, a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Rate {
    received_bits: f64,
    sent_bits: f64,
    received_packets: f64,
    sent_packets: f64,
}

pub(crate) fn run(options: &InterfacesOptions, printer: &Printer) -> Result<ExitCode, Failure> {
    let stdout = io::stdout();
    let before = live::interfaces()?;
    let (all, rates) = if options.rate || stdout.is_terminal() && !options.json {
        let watch = Stopwatch::start();
        std::thread::sleep(SAMPLE);
        let all = live::interfaces()?;
        let rates = all
            .iter()
            .map(|now| {
                let before = before.iter().find(|before| before.index == now.index)?;
                Some(rate(&before.traffic, &now.traffic, watch.elapsed()))
            })
            .collect();
        (all, rates)
    } else {
        let rates = vec![None; before.len()];
        (before, rates)
    };
    let listed: Vec<(NetworkInterface, Option<Rate>)> = all.into_iter().zip(rates).collect();
    let text = if options.json {
        let interfaces: Vec<Value> = listed.iter().map(json_of).collect();
        let listing = json!({ "may_capture": live::may_capture(), "interfaces": interfaces });
        format!("{listing:#}\n")
    } else {
        let look = Look {
            width: output::width().clamp(60, 120),
            color: printer.colors(&stdout),
        };
        let mut text = table(&listed, options.all, look);
        text += &closing(live::may_capture(), &live::permission_hint());
        text
    };
    stdout
        .lock()
        .write_all(text.as_bytes())
        .map_err(|cause| Failure::writing("-".as_ref(), &cause))?;
    Ok(ExitCode::SUCCESS)
}

fn rate(before: &Traffic, now: &Traffic, elapsed: Duration) -> Rate {
    let seconds = elapsed.as_secs_f64().max(1e-3);
    // A driver may begin to count anew.
    let a_second = |before: u64, now: u64| now.saturating_sub(before) as f64 / seconds;
    Rate {
        received_bits: 8.0 * a_second(before.received_bytes, now.received_bytes),
        sent_bits: 8.0 * a_second(before.sent_bytes, now.sent_bytes),
        received_packets: a_second(before.received_packets, now.received_packets),
        sent_packets: a_second(before.sent_packets, now.sent_packets),
    }
}

/// `up`, `not connected`, `off`
fn state(interface: &NetworkInterface) -> &'static str {
    match (interface.up, interface.carrier) {
        (true, true) => "up",
        (true, false) => "no link",
        (false, _) => "off",
    }
}

/// How the table is to look.
#[derive(Debug, Clone, Copy)]
struct Look {
    width: usize,
    color: bool,
}

impl Look {
    fn paint(self, code: &str, text: &str) -> String {
        if self.color && !text.trim().is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// The table: a line for each interface, its addresses below.
fn table(listed: &[(NetworkInterface, Option<Rate>)], all: bool, look: Look) -> String {
    let measured = listed.iter().any(|(_, rate)| rate.is_some());
    let shown: Vec<_> = listed
        .iter()
        .filter(|(interface, _)| all || interface.up && interface.carrier)
        .collect();
    let names: Vec<String> = shown
        .iter()
        .map(|(interface, _)| visible(&interface.name))
        .collect();
    let wide = names.iter().map(|name| text::width(name)).max();
    let wide = wide.unwrap_or(0).clamp(9, 20);
    let (incoming, outgoing) = if measured {
        ("In now", "Out now")
    } else {
        ("Received", "Sent")
    };
    let header = format!(
        "{:<wide$}  {:<7}  {:<9}  {:>10}  {:>12}  {:>12}",
        "Interface", "State", "Kind", "Speed", incoming, outgoing
    );
    let mut out = look.paint("1", &header) + "\n";
    for ((interface, rate), name) in shown.iter().copied().zip(&names) {
        let pad = " ".repeat(wide.saturating_sub(text::width(name)));
        let state = state(interface);
        let color = match state {
            "up" => "32",
            "off" => "90",
            _ => "33",
        };
        let speed = interface.speed.map_or_else(
            || units::NONE.to_owned(),
            |speed| units::bits_per_second(speed as f64),
        );
        let (incoming, outgoing) = match (measured, rate) {
            (true, Some(rate)) => (
                units::bits_per_second(rate.received_bits),
                units::bits_per_second(rate.sent_bits),
            ),
            // It appeared while the others were measured.
            (true, None) => (units::NONE.to_owned(), units::NONE.to_owned()),
            (false, _) => (
                units::bytes(interface.traffic.received_bytes),
                units::bytes(interface.traffic.sent_bytes),
            ),
        };
        let kind = text::cut_end(&visible(&interface.kind), 9, "…");
        let line = format!(
            "{}{pad}  {}  {kind:<9}  {speed:>10}  {incoming:>12}  {outgoing:>12}\n",
            look.paint("1;36", name),
            look.paint(color, &format!("{state:<7}")),
        );
        out += &line;
        let below = interface
            .mac
            .map(|mac| mac.to_string())
            .into_iter()
            .chain([format!("MTU {}", interface.mtu)])
            .chain(interface.addresses.iter().map(ToString::to_string));
        for line in wrapped(below, wide + 2, look.width) {
            out += &look.paint("90", &line);
            out.push('\n');
        }
    }
    let hidden = listed.len() - shown.len();
    if hidden > 0 {
        let more = format!(
            "\n{} switched off or not connected: --all shows them.\n",
            units::counted(hidden as u64, "interface is", "interfaces are")
        );
        out += &more;
    }
    out
}

/// Words in lines that begin at a column and end within a width.
fn wrapped(words: impl Iterator<Item = String>, indent: usize, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + 2 + word.len() <= width => {
                line.push_str("  ");
                line.push_str(&word);
            }
            _ => lines.push(" ".repeat(indent) + &word),
        }
    }
    lines
}

/// Whether this user may capture, and what to do if not.
fn closing(may_capture: bool, hint: &str) -> String {
    if may_capture {
        "\nYou may capture on them, and on all at once with -i any.\n".to_owned()
    } else {
        format!("\nYou may not capture on them.\nhint: {}\n", visible(hint))
    }
}

fn json_of((interface, rate): &(NetworkInterface, Option<Rate>)) -> Value {
    let traffic = &interface.traffic;
    let mut value = json!({
        "name": interface.name,
        "index": interface.index,
        "kind": interface.kind,
        "link_type": interface.link_type.to_string(),
        "state": state(interface),
        "up": interface.up,
        "carrier": interface.carrier,
        "speed_bits_per_second": interface.speed,
        "mtu": interface.mtu,
        "mac": interface.mac.map(|mac| mac.to_string()),
        "addresses": interface.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "received": {
            "packets": traffic.received_packets,
            "bytes": traffic.received_bytes,
            "errors": traffic.received_errors,
            "dropped": traffic.received_dropped,
        },
        "sent": {
            "packets": traffic.sent_packets,
            "bytes": traffic.sent_bytes,
            "errors": traffic.sent_errors,
            "dropped": traffic.sent_dropped,
        },
    });
    if let (Some(rate), Some(fields)) = (rate, value.as_object_mut()) {
        fields.insert(
            "now".to_owned(),
            json!({
                "received_bits_per_second": rate.received_bits.round(),
                "received_packets_per_second": rate.received_packets.round(),
                "sent_bits_per_second": rate.sent_bits.round(),
                "sent_packets_per_second": rate.sent_packets.round(),
            }),
        );
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        let mut before = Traffic::default();
        before.received_bytes = 1000;
        before.sent_packets = 7;
        let mut now = before;
        now.received_bytes = 3000;
        now.sent_packets = 5;
        let rate = rate(&before, &now, Duration::from_secs(2));
        assert!((rate.received_bits - 8000.0).abs() < 1e-6);
        assert!(rate.sent_packets.abs() < 1e-6);
    }

    #[test]
    fn a_line_fits_eighty_columns() {
        let mut listed: Vec<_> = live::interfaces()
            .unwrap()
            .into_iter()
            .map(|interface| (interface, Some(Rate::default())))
            .collect();
        for (interface, rate) in &mut listed {
            interface.speed = Some(100_000_000_000);
            interface.mtu = 65_536;
            *rate = Some(Rate {
                received_bits: 123.4e9,
                sent_bits: 999.9e6,
                ..Rate::default()
            });
        }
        let look = Look {
            width: 80,
            color: false,
        };
        for all in [false, true] {
            let table = table(&listed, all, look);
            assert!(table.starts_with("Interface"));
            for line in table.lines() {
                assert!(text::width(line) <= 80, "{line}");
            }
        }
    }

    #[test]
    fn addresses_wrap() {
        let words = ["10.0.0.1/8", "fe80::1/64", "fe80::2/64"].map(str::to_owned);
        assert_eq!(
            wrapped(words.into_iter(), 2, 26),
            ["  10.0.0.1/8  fe80::1/64", "  fe80::2/64"]
        );
    }
}
