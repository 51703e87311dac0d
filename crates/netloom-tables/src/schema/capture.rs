//! The `capture` table.

use std::borrow::Cow;

use netloom_decode::app::text::display;
use netloom_packet::CaptureInfo;

use super::text;
use crate::anonymize::Identity;
use crate::column::{self, Column, Make};
use crate::columns::Table;

/// The `capture` table: a row is a source of packets.
#[derive(Debug)]
pub enum Captures {}

impl Table for Captures {
    type Row<'a> = &'a CaptureInfo;

    const NAME: &'static str = "capture";
    const DOC: &'static str = "A source of packets, a file or an interface, with what it says of \
        itself and what was counted while it was read.";

    fn columns() -> &'static [Column<Self>] {
        COLUMNS
    }
}

/// A text of the capture's own, as it can be shown.
fn shown(text: &str) -> Cow<'_, str> {
    display(text.as_bytes())
}

/// A column of this table; see [`column::column`].
const fn column(name: &'static str, make: Make<Captures>) -> Column<Captures> {
    column::column(name, make)
}

static COLUMNS: &[Column<Captures>] = &[
    column("name", Make::Text(|row, out| text::some(&*shown(&row.name), out)))
        .required()
        .identity(Identity::Text)
        .doc("File as it was given (`-` for standard input), or interface.")
        .ecs("log.file.path"),
    column(
        "format",
        Make::Text(|row, out| {
            text::some((!row.format.is_empty()).then_some(row.format.as_str()), out)
        }),
    )
    .of_nobody()
    .doc("pcap or pcapng, with +gzip, +zstd, +lz4; null where nothing could be read."),
    column("packets", Make::U64(|row| Some(row.packets)))
        .required()
        .doc("Packets read.")
        .unit("packets"),
    column("bytes", Make::U64(|row| Some(row.bytes)))
        .required()
        .doc("Lengths of the packets on the wire, added up.")
        .unit("bytes"),
    column("truncated", Make::U64(|row| Some(row.truncated)))
        .required()
        .doc("Packets of which fewer bytes were captured than were on the wire.")
        .unit("packets"),
    column("out_of_order", Make::U64(|row| Some(row.out_of_order)))
        .required()
        .doc("Packets earlier than one before them.")
        .unit("packets"),
    column("dropped_kernel", Make::U64(|row| row.dropped_kernel))
        .doc("Packets the kernel dropped, as the capture says; null where it does not say.")
        .unit("packets")
        .zeek("dropped")
        .ipfix("droppedPacketTotalCount (135)"),
    column("dropped_interface", Make::U64(|row| row.dropped_interface))
        .doc("Packets the interface dropped, as the capture says; null where it does not say.")
        .unit("packets"),
    column("first_ts", Make::Time(|row| row.first_ts))
        .doc("Smallest time of a packet; null without packets.")
        .unit("ns since 1970, UTC")
        .ecs("event.start"),
    column("last_ts", Make::Time(|row| row.last_ts))
        .doc("Largest time of a packet; null without packets.")
        .unit("ns since 1970, UTC")
        .ecs("event.end"),
    column(
        "interfaces",
        Make::TextList(|row, item| {
            for (index, interface) in row.interfaces.iter().enumerate() {
                match &interface.name {
                    Some(name) => item(format_args!("{}", shown(name))),
                    None => item(format_args!("{index}")),
                }
            }
            (!row.interfaces.is_empty()).then_some(())
        }),
    )
    .identity(Identity::Text)
    .doc("Its interfaces, in the order of `interface` of `packets`: name, or number where the capture has no name.")
    .ecs("observer.ingress.interface.name"),
    column("hardware", Make::Text(|row, out| text::some(row.hardware.as_deref().map(shown).as_deref(), out)))
        .identity(Identity::Text)
        .doc("Hardware it was made on, as it says; null where it does not."),
    column("os", Make::Text(|row, out| text::some(row.os.as_deref().map(shown).as_deref(), out)))
        .of_nobody()
        .doc("Operating system it was made on, as it says; null where it does not.")
        .ecs("observer.os.full"),
    column("application", Make::Text(|row, out| text::some(row.application.as_deref().map(shown).as_deref(), out)))
        .of_nobody()
        .doc("Program that made it, as it says; null where it does not."),
    column(
        "warnings",
        Make::TextList(|row, item| {
            for warning in &row.warnings {
                item(format_args!("{} (at byte {})", warning.message, warning.offset));
            }
            (!row.warnings.is_empty()).then_some(())
        }),
    )
    .of_nobody()
    .doc("What was wrong with it, with the byte offset in the decompressed stream; null where nothing was.")
    .ecs("error.message"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_a_capture_do_nothing_to_a_terminal() {
        assert_eq!(shown("eth0"), "eth0");
        let shown = shown("\u{1b}[2J\u{202e}x\r");
        assert!(!shown.contains(['\u{1b}', '\u{202e}', '\r']), "{shown}");
    }
}
