use proptest::prelude::*;

use super::super::error::FilterError;
use super::super::syntax::{Node, Primitive};
use super::parse;

fn message(expression: &str) -> String {
    let fault = parse(expression).unwrap_err();
    FilterError::new(expression, &fault).to_string()
}

/// The single tests of a filter, without their places.
fn primitives(expression: &str) -> Vec<Primitive> {
    fn collect(node: Node, found: &mut Vec<Primitive>) {
        match node {
            Node::Primitive(primitive, _) => found.push(primitive),
            Node::Not(inner) => collect(*inner, found),
            Node::Chain(first, more) => {
                collect(*first, found);
                for (_, node) in more {
                    collect(node, found);
                }
            }
        }
    }
    let mut found = Vec::new();
    collect(parse(expression).unwrap().unwrap(), &mut found);
    found
}

#[test]
fn qualifiers_are_inherited() {
    assert_eq!(
        primitives("tcp port 80 or 443"),
        primitives("tcp port (80 or 443)")
    );
    assert_eq!(
        format!("{:?}", parse("host 1.2.3.4 and not 5.6.7.8").unwrap())
            .matches("kind: Host")
            .count(),
        2
    );
    // What follows a bracket inherits what stood before it.
    assert!(parse("host 1.2.3.4 and (tcp) or 5.6.7.8").is_ok());
    assert!(parse("(tcp) or 5.6.7.8").is_err());
    assert!(parse("tcp or 5.6.7.8").is_err());
}

#[test]
fn brackets_hold_numbers_names_or_conditions() {
    for expression in [
        "(ip[0]) = 5",
        "((ip[0] & 0xf)) > (5)",
        "(5) + 3 = ip[0]",
        "port (80)",
        "port ((80))",
        "port 80 or (443)",
        "port 80 or (443 + 1) = len",
        "((tcp))",
        "(tcp or (udp and port 53))",
        "not (not tcp)",
        "host 1.2.3.4 or (2.3.4.5 or (3.4.5.6 and 4.5.6.7))",
    ] {
        assert!(parse(expression).is_ok(), "{expression}");
    }
    for expression in [
        "host ((1.2.3.4))",
        "port ((80 or 443) or 22)",
        "host 1.2.3.4 and (2.3.4.5 or tcp)",
        "( ip",
        "ip )",
        "()",
        "ip[0] = ",
        "ip[0:3] = 1",
        "src or host 1.2.3.4",
    ] {
        assert!(parse(expression).is_err(), "{expression}");
    }
}

#[test]
fn errors_point_at_the_place() {
    assert_eq!(
        message("tcp prot 80"),
        "here should be `and` or `or` before the next condition (column 5)\n  tcp prot 80\n      ^^^^"
    );
    assert_eq!(
        message("tcp and"),
        "the filter ends where there should be a condition (column 8)\n  tcp and\n         ^"
    );
    assert!(message("host tcp").contains("(column 6)"));
}

#[test]
fn depth_is_bounded() {
    let deep = |n: usize| format!("{}tcp{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&deep(100)).is_ok());
    assert!(parse(&deep(30_000)).is_err());
    let sum = |n: usize| format!("len = 1{}", " + 1".repeat(n));
    assert!(parse(&sum(100)).is_ok());
    assert!(parse(&sum(15_000)).is_err());
    assert!(parse(&format!("len = {}1", "- ".repeat(30_000))).is_err());
    assert!(parse(&format!("len = 1{}", " % 1".repeat(15_000))).is_err());
    assert!(parse(&format!("ip{}", "[ip".repeat(15_000))).is_err());
    // Conditions in a row are no depth.
    assert!(parse(&format!("tcp{}", " or tcp".repeat(5_000))).is_ok());
    assert!(parse(&format!("{}tcp", "not ".repeat(15_000))).is_ok());
    assert!(parse(&"x".repeat(100_000)).is_err());
}

/// Text that looks like a filter.
fn filter_like() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "tcp",
        "ip",
        "ip6",
        "port",
        "host",
        "net",
        "src",
        "dst",
        "or",
        "and",
        "not",
        "(",
        ")",
        "[",
        "]",
        ":",
        "=",
        "<",
        "!=",
        "+",
        "-",
        "%",
        "&",
        "80",
        "0x800",
        "10.0.0.0",
        "/8",
        "fe80::1",
        "ether",
        "proto",
        "\\tcp",
        "vlan",
        "len",
        "1:2:3:4:5:6",
        "type",
        "mgt",
        "broadcast",
        "!",
        "mask",
        "portrange",
        "1-2",
        "llc",
        "vpi",
        "byte",
        "mpls",
        "^",
        "%",
    ]);
    prop::collection::vec(word, 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        if let Err(fault) = parse(&text) {
            let _ = FilterError::new(&text, &fault).to_string();
        }
    }

    #[test]
    fn no_words_panic(text in filter_like()) {
        if let Err(fault) = parse(&text) {
            let error = FilterError::new(&text, &fault);
            prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1);
        }
    }
}
