//! Messages that are small and say much: what is made of them is of their size.

use std::net::IpAddr;

use super::tests::{header, question, record};
use super::*;
use crate::app::trial::exchange;

/// A response with as many questions, aliases and addresses as are kept, all of the same name but
/// for the aliases: `a` to `b`, `b` to `c` and so on.
fn crowded() -> Vec<u8> {
    let mut bytes = header(0x8180, [64, 256, 0, 0]);
    bytes.extend(question("a", rtype::A));
    for _ in 1..64 {
        bytes.extend([0xc0, 12, 0, 1, 0, 1]);
    }
    let mut owner = 12;
    for letter in b'b'..=b'p' {
        bytes.extend(record(owner, rtype::CNAME, 60, &[1, letter, 0]));
        owner = bytes.len() as u16 - 3;
    }
    for number in 15..=255 {
        bytes.extend(record(owner, rtype::A, 60, &[192, 0, 2, number]));
    }
    bytes
}

#[test]
fn each_record_teaches_once() {
    let bytes = crowded();
    for service in ["dns", "mdns"] {
        let mut learnt = Vec::new();
        learn_from(&bytes, service, &mut |name, address, _| {
            assert_eq!(name, b"a");
            learnt.push(address);
            true
        });
        let expected: Vec<IpAddr> = (15..=255).map(|last| [192, 0, 2, last].into()).collect();
        assert_eq!(learnt, expected);
        // Who has enough says so.
        let mut told = 0;
        learn_from(&bytes, service, &mut |_, _, _| {
            told += 1;
            told < 3
        });
        assert_eq!(told, 3);
    }
    // Two questions, each with its own answer in the other's place.
    let mut bytes = header(0x8180, [2, 2, 0, 0]);
    bytes.extend([&question("a", rtype::A)[..], &question("b", rtype::A)].concat());
    bytes.extend(record(19, rtype::A, 60, &[192, 0, 2, 2]));
    bytes.extend(record(12, rtype::A, 60, &[192, 0, 2, 1]));
    let mut learnt = Vec::new();
    learn_from(&bytes, "mdns", &mut |name, address, _| {
        learnt.push((name.to_vec(), address));
        true
    });
    let expected = [(b"a", 1), (b"b", 2)];
    let expected = expected.map(|(name, last)| (name.to_vec(), IpAddr::from([192, 0, 2, last])));
    assert_eq!(learnt, expected);
}

#[test]
fn names_that_are_pointed_to_make_no_more_devices_than_the_message_has_room_for() {
    // 64 addresses of one long name.
    let mut bytes = header(0x8400, [0, 65, 0, 0]);
    let name: Vec<u8> = [&[63][..], &[b'a'; 63]].concat().repeat(3);
    bytes.extend([&name[..], &[0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 0]].concat());
    for number in 1..65 {
        bytes.extend(record(12, rtype::A, 9, &[192, 0, 2, number]));
    }
    let said = exchange(&MDNS_DETECTOR, &[(false, &bytes)]);
    let devices = said.0.iter().filter(|event| event.starts_with("Device"));
    assert_eq!(devices.count(), (1024 + 4 * bytes.len()) / 191);
    assert!(
        said.has("names of 12415 bytes in a message of 1243"),
        "{said:#?}"
    );
}
