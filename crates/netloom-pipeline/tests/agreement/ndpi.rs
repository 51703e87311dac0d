//! The flows that ndpiReader printed for the captures of nDPI's own tests.

mod fingerprints;
mod line;
mod names;
mod protocols;
mod risks;

use netloom_flow::FlowRules;

use crate::seen::read;
use crate::support::{Part, captures, conclude, in_parallel};

pub(crate) use self::line::{Flows, Line};

/// What is known about differences.
const INTRODUCTION: &str = "\
Written by the test `agreement` of `netloom-pipeline` (`NETLOOM_BLESS=1`), under
`--flow-rules ndpi`: flows are those of the lines that ndpiReader printed for nDPI's own tests.
What is compared:

- Names: on TLS, DTLS, QUIC and HTTP lines with `server_name`; on DNS, mDNS, LLMNR and NetBIOS lines
  the name is looked for, in lower case, among the queries and the host names of the capture; `_`
  and `?`, which nDPI writes for what it does not expect, stand for any character.
- JA4 and JA3C with the flow's. nDPI's JA4 is not JA4 as its authors publish it: `i` stands for a
  name that is an address, and `d` for no name at all; of the application protocol the first two
  characters are taken, not first and last (`ht` for `http/1.1`, and `h0` where `h2` or `h3` is all
  of the list); and the hash over no extensions is that of an empty text, not zeroes. Under nDPI's
  rules netloom makes it in nDPI's way, under its own in the authors', whose own results are compared
  in [Agreement with JA4's authors](agreement-ja4.md).
- Protocols of flows whose confidence is DPI: what stands before the dot, and `service` as far as
  netloom knows it by content. Names are mapped by a table in the test.
- False hits: flows that netloom knows by content and nDPI by DPI, the other way round. They agree
  where nDPI's protocol or application is netloom's service.

Differences that are known:

- nDPI ends a NetBIOS name at the first byte that is no letter.
";

#[test]
fn ndpi() {
    let Some(captures) = captures("ndpi") else {
        return;
    };
    let results = in_parallel(
        &captures,
        || (),
        |(), capture| {
            let lines = Line::all(capture.result(".out")?);
            (!lines.is_empty()).then(|| {
                let seen = read(&capture.path, FlowRules::Ndpi);
                (lines, seen)
            })
        },
    );
    let (mut names, mut prints) = (names::Names::default(), fingerprints::Prints::default());
    let (mut protocols, mut risks) = (protocols::Protocols::default(), risks::Risks::default());
    for (capture, result) in captures.iter().zip(&results) {
        let Some((lines, seen)) = result else {
            continue;
        };
        let name = capture.short();
        let flows = Flows::of(seen);
        names.queries(name, lines, seen);
        for line in lines {
            let found = flows.get(line);
            names.line(name, line, found);
            prints.line(name, line, found);
            protocols.line(name, line, found);
            risks.line(line, found);
        }
    }
    let more = format!("{}{}", protocols.page(), risks.page());
    conclude(
        "agreement-ndpi-names.md",
        "Agreement with nDPI: names and protocols",
        INTRODUCTION,
        &[
            Part::new("Names on TLS, DTLS and QUIC lines", 99.0, names.tls),
            Part::new("Names on HTTP lines", 99.0, names.http),
            Part::new(
                "Names on DNS, mDNS, LLMNR and NetBIOS lines",
                99.0,
                names.dns,
            ),
            Part::new("JA4", 99.5, prints.ja4),
            Part::new("JA3C", 99.5, prints.ja3),
            Part::new(
                "Master protocol where nDPI says DPI",
                92.0,
                protocols.theirs,
            ),
            Part::new(
                "False hits: nDPI says the same as netloom",
                92.0,
                protocols.ours,
            ),
        ],
        &more,
    );
}

#[test]
fn ja4() {
    let Some(captures) = captures("ja4") else {
        return;
    };
    conclude(
        "agreement-ja4.md",
        "Agreement with JA4's authors",
        "Written by the test `agreement` of `netloom-pipeline` (`NETLOOM_BLESS=1`): JA4 of every \
         client hello in the `.snap` files beside the captures of JA4's own tests.\n",
        &[Part::new("JA4", 99.5, fingerprints::authors(&captures))],
        "",
    );
}
