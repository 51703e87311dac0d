//! Every protocol is found where it is, and nowhere else.

mod backing;
mod positive;

use std::collections::BTreeMap;
use std::path::Path;

use netloom_flow::app::Confidence;
use netloom_flow::{FlowRecord, FlowRules};

use crate::seen::{Seen, read};

pub(crate) use self::backing::Claims;

/// What netloom knows of a flow by content.
fn by_content(flow: &FlowRecord) -> Option<&'static str> {
    let app = flow.app.as_ref()?;
    let service = app.service?;
    (app.confidence == Some(Confidence::Content)).then_some(service.name)
}

/// The services of a capture that are known by content, and in how many flows.
fn services(seen: &Seen) -> BTreeMap<&'static str, u32> {
    let mut all = BTreeMap::new();
    for service in seen.flows.iter().filter_map(by_content) {
        *all.entry(service).or_default() += 1;
    }
    all
}

#[test]
fn flows_of_the_examples_are_named() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut found: BTreeMap<&str, u32> = BTreeMap::new();
    for name in ["small-office.pcapng", "quic.pcapng"] {
        let seen = read(&examples.join(name), FlowRules::Native);
        for flow in &seen.flows {
            let Some(service @ ("http" | "tls" | "quic")) = by_content(flow) else {
                continue;
            };
            let app = flow.app.as_deref().unwrap();
            let ends = (flow.src_ip, flow.dst_ip, flow.dst_port);
            assert!(app.server_name.is_some(), "{name}: {service} {ends:?}");
            *found.entry(service).or_default() += 1;
        }
    }
    let expected = [("http", 15), ("quic", 3), ("tls", 5)];
    assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
}
