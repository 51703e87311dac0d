//! TFTP (RFC 1350): the file that is asked for; its transfer runs on other ports.

use super::support::{nul_text, printable, risk, say};
use super::{
    Category, Context, Detector, Event, Events, Expect, Guess, Next, Over, Parser, Probe, Protocol,
    Risk, Value, wire,
};

/// TFTP.
pub static PROTOCOL: Protocol = Protocol {
    name: "tftp",
    title: "TFTP",
    category: Category::FileTransfer,
};

/// TFTP on UDP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[69],
    probe,
    parser: Some(|| Box::new(Request)),
};

/// A request: whether it writes, the file, the mode.
fn request(data: &[u8]) -> Option<(bool, &[u8], &[u8])> {
    let write = match wire::u16_at(data, 0)? {
        1 => false,
        2 => true,
        _ => return None,
    };
    let (file, rest) = nul_text(data.get(2..)?)?;
    let (mode, _) = nul_text(rest)?;
    let known = [&b"octet"[..], b"netascii", b"mail"]
        .iter()
        .any(|known| mode.eq_ignore_ascii_case(known));
    (known && printable(file)).then_some((write, file, mode))
}

fn probe(probe: &Probe<'_>) -> Guess {
    if request(probe.data).is_some() {
        Guess::Certain
    } else {
        Guess::No
    }
}

/// Reads the request.
#[derive(Debug)]
struct Request;

impl Parser for Request {
    fn datagram(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        if let Some((write, file, mode)) = request(data) {
            say(
                events,
                if write { "write" } else { "read" },
                &[("file", Value::Text(file)), ("mode", Value::Text(mode))],
            );
            risk(events, Risk::UnsafeProtocol, "TFTP");
            let (asks, answers) = if context.from_client {
                (context.client, context.server)
            } else {
                (context.server, context.client)
            };
            // The server answers from a port of its own choice.
            events.event(Event::Expect(Expect {
                protocol: &PROTOCOL,
                from: Some(answers.0),
                to: asks.0,
                port: asks.1,
                tcp: false,
            }));
        }
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::trial::{Said, datagrams, exchange, guess};
    use super::*;

    #[test]
    fn a_file_is_asked_for() {
        let data = b"\0\x01boot.img\0octet\0blksize\x001024\0";
        assert_eq!(guess(&DETECTOR, data), Guess::Certain);
        let said = exchange(&DETECTOR, &[(true, data)]);
        assert!(said.has("read: file=boot.img mode=octet"), "{said:#?}");
        assert!(said.has("expect: tftp 192.0.2.1:40000 udp"));
        assert_eq!(guess(&DETECTOR, b"\0\x01boot\0other\0"), Guess::No);
        assert_eq!(guess(&DETECTOR, b"\0\x03\0\x01data"), Guess::No);
    }

    proptest! {
        #[test]
        fn bytes_never_panic(data in proptest::collection::vec(any::<u8>(), 0..60)) {
            datagrams(&mut Request, [(true, &data[..])], &mut Said::default());
            let decided = guess(&DETECTOR, &data);
            prop_assert!(decided == Guess::No || data[0] == 0);
        }
    }
}
