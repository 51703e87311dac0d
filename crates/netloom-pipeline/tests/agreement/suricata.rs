//! The checks of suricata-verify: so many events that hold these values.

mod checks;
mod events;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use netloom_flow::FlowRules;

use crate::seen::read;
use crate::support::{Part, Tally, captures, conclude, in_parallel};

use self::checks::Check;

/// An event in Suricata's keys.
type Event = BTreeMap<String, String>;

/// Keys that netloom does not hold on purpose, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "pcap_cnt",
        "at which packet Suricata happens to log: its own book-keeping",
    ),
    (
        "pkt_src",
        "how Suricata made the packet: its own book-keeping",
    ),
    (
        "dns.tx_id",
        "a number that Suricata's parser gives: its own book-keeping",
    ),
    ("dns.version", "the version of Suricata's form of events"),
    (
        "mqtt.connect.password",
        "a password is never kept, only that there was one",
    ),
    (
        "mqtt.connect.properties.authentication_data",
        "it serves as a password, and is never kept",
    ),
    (
        "mqtt.publish.message",
        "what is published is payload, which is never kept",
    ),
];

/// The kinds of events, in groups.
const KINDS: &[(&str, &[&str])] = &[
    ("dns", &["dns"]),
    ("http, ssh and ftp", &["http", "ssh", "ftp"]),
    ("tls and quic", &["tls", "quic"]),
    ("smb", &["smb"]),
    ("mqtt", &["mqtt"]),
];

/// What is known about differences.
const INTRODUCTION: &str = "\
Written by the test `agreement` of `netloom-pipeline` (`NETLOOM_BLESS=1`). A check is a filter of
suricata-verify's `test.yaml` with one of these kinds of events: so many events that match all of
its keys. Checks that are for versions before another one are left out, for both cannot hold: the
newest counts. Where a check names a file of events, that file is one of several outputs which the
test sets up, each for some types of records: the same choice is made here. Every difference is a
miss, explained or not. A key that netloom does not hold is a miss, too, unless it stands below.

Differences that are known:

- Some tests run with policies that drop or ignore traffic (`exception-policy-*`, `firewall/*`,
  `output-multi-eve`, `tcp-fastopen-10-syn-data-ignore`); netloom has none.
- Suricata says the version of a client hello that nobody answered (`bug-5713-01`); here a version
  is one that was agreed on.
- `community-id-ipv4` and `community-id-ipv6` have Community IDs made with a seed of 7, which their
  settings hold and their `test.yaml` do not; all else of their checks agrees.
- Checks that name a packet and nothing else (`quic-ack3`) are held against all events of a kind.
- Suricata's settings leave handshakes out that go on with an earlier session (`ethernet-eve`).
- Suricata's events of HTTP/2 are for control frames, too (`http2-compression-bug`).
- netloom keeps no header fields but those with a column (`http2-range`, `http-all-headers`,
  `http2-continuation`); it does not read DNS inside HTTP/2.
- Calls of DCE/RPC have their numbers, not their names (`dcerpc-smb-ctxid`).
- Limits of a test's settings cut or leave out what Suricata says: `mqtt-limit-2`,
  `ftp-too-long-command-*`, `bug-8489`, `cond-log-dns-dig`, `mac-eve-single-disabled`.
- Flows are kept apart by VLAN (`bug-4376`: one direction has one, the other has none).
- Suricata takes the reason of a short DISCONNECT of MQTT for 0 (`mqtt5-sub-userpass`: it is 4).
- User properties of MQTT are what programs say to each other, and are not kept
  (`mqtt5-pub-mosquittoprops`).

What is compared in another form: a QUIC connection is one row here, and an event for each hello
there: cut into those of the client and of the server. An MQTT request with its answers, and all
reads (or writes) of a file in SMB, are one event there and several rows here; here they are put
together.
";

#[test]
fn suricata() {
    let Some(captures) = captures("suricata-verify") else {
        return;
    };
    let results = in_parallel(
        &captures,
        || (),
        |(), capture| {
            let all = checks::of(capture.result("test.yaml")?);
            let ours =
                |check: &&Check| KINDS.iter().any(|(_, kinds)| kinds.contains(&&*check.kind));
            let checks: Vec<Check> = all.iter().filter(ours).cloned().collect();
            (!checks.is_empty()).then(|| {
                let seen = read(&capture.path, FlowRules::Native);
                let found: Vec<usize> = checks
                    .iter()
                    .map(|check| events::count(check, &all, &seen))
                    .collect();
                (checks, found)
            })
        },
    );
    let mut parts: Vec<Part> = KINDS
        .iter()
        .map(|(title, _)| Part::new(format!("Checks of {title}"), 80.0, Tally::default()))
        .collect();
    let (mut keys, mut left_out) = (0, 0);
    for (capture, result) in captures.iter().zip(results) {
        let Some((checks, found)) = result else {
            continue;
        };
        for (check, found) in checks.iter().zip(found) {
            let group = KINDS
                .iter()
                .position(|(_, kinds)| kinds.contains(&&*check.kind));
            let tally = &mut parts[group.unwrap()].tally;
            tally.add(capture.short(), found == check.count, || {
                format!(
                    "{} {} with {:?}, netloom has {found}",
                    check.count, check.kind, check.values
                )
            });
            keys += check.values.len();
            let of_check = check.values.keys();
            left_out += of_check.filter(|key| is_left_out(key)).count();
        }
    }
    let mut more = format!("Keys left out of the comparison, {left_out} of {keys}:\n\n");
    for (key, reason) in LEFT_OUT {
        let _ = writeln!(more, "- `{key}`: {reason}");
    }
    more.push('\n');
    conclude(
        "agreement-suricata.md",
        "Agreement with Suricata",
        INTRODUCTION,
        &parts,
        &more,
    );
    assert!(left_out * 5 <= keys, "{left_out} of {keys} keys left out");
}

/// The kinds of events and the protocols that a test speaks of.
pub(crate) fn kinds_of(test: &Path) -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    for check in checks::of(test).into_iter().filter(|check| check.count > 0) {
        kinds.extend(check.values.get("app_proto").cloned());
        let keys = check.values.keys().filter_map(|key| key.split_once('.'));
        kinds.extend(keys.map(|(kind, _)| kind.to_owned()));
        kinds.insert(check.kind);
    }
    kinds
}

fn is_left_out(key: &str) -> bool {
    LEFT_OUT.iter().any(|(left_out, _)| *left_out == key)
}
