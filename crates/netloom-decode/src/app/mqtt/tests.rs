//! Conversations made by hand.

use super::*;
use crate::app::trial::{conversation, guess, probe as probe_of};

const CONNECT: &[u8] = b"\x10\x18\x00\x04MQTT\x04\xc2\x00\x3c\x00\x02id\x00\x02me\x00\x04pass";

#[test]
fn a_connection_of_mqtt_5_without_its_start() {
    let mid = |data: &[u8]| {
        (DETECTOR.probe)(&Probe {
            from_start: false,
            ..probe_of(data, true, false, (40_000, 5000))
        })
    };
    // Topic alias maximum, and the name that the server gave.
    let connack: &[u8] = b"\x20\x0b\x00\x00\x08\x22\x00\x0a\x12\x00\x02id";
    for end in 1..connack.len() {
        assert_eq!(mid(&connack[..end]), Guess::More, "{end}");
    }
    assert_eq!(mid(connack), Guess::Certain);
    assert_eq!(
        (DETECTOR.probe)(&probe_of(connack, true, false, (40_000, 5000))),
        Guess::No
    );
    for wrong in [
        b"\x20\x0b\x02\x00\x08\x22\x00\x0a\x12\x00\x02id",
        b"\x20\x0b\x00\x07\x08\x22\x00\x0a\x12\x00\x02id",
        b"\x20\x0b\x00\x00\x07\x22\x00\x0a\x12\x00\x02id",
        b"\x20\x0b\x00\x00\x08\x7f\x00\x0a\x12\x00\x02id",
    ] {
        assert_eq!(mid(wrong), Guess::No, "{wrong:02x?}");
    }
    let said = conversation(
        &DETECTOR,
        &[
            (false, connack),
            (true, b"\x30\x06\x00\x01t\x00hi"),
            (true, b"\xe0\x00"),
        ],
    );
    assert!(
        said.has("properties.assigned_client_identifier=id"),
        "{said:?}"
    );
    assert!(said.has("topic=t"), "{said:?}");
}

#[test]
fn login_and_topics() {
    let said = conversation(
        &DETECTOR,
        &[
            (true, CONNECT),
            (false, b"\x20\x02\x00\x00"),
            (true, b"\x82\x0b\x00\x01\x00\x01a\x00\x00\x02bc\x01"),
            (false, b"\x90\x04\x00\x01\x00\x01"),
            (true, b"\x30\x09\x00\x01tsecret"),
            (true, b"\xe0\x00"),
        ],
    );
    assert_eq!(
        said.0[0],
        "connect: qos=0 retain=false dup=false protocol_string=MQTT protocol_version=4 \
         flags.username=true flags.password=true flags.will_retain=false flags.will=false \
         flags.clean_session=true keep_alive=60 client_id=id username=me"
    );
    assert_eq!(said.0[1], "login: me CONNECT Some(true) true");
    assert!(said.has(
        "subscribe: qos=1 retain=false dup=false message_id=1 topics=[a,bc] topics_qos=[0,1]"
    ));
    assert!(said.has("suback: qos=0 retain=false dup=false message_id=1 qos_granted=[0,1]"));
    assert!(said.has("publish: qos=0 retain=false dup=false topic=t"));
    assert!(!said.has("secret") && !said.has("pass="));
    assert!(said.has("disconnect:"));
}

#[test]
fn version_5_has_properties() {
    let said = conversation(
        &DETECTOR,
        &[
            (
                true,
                b"\x10\x12\x00\x04MQTT\x05\x02\x00\x3c\x03\x21\x00\x14\x00\x02id",
            ),
            (false, b"\x20\x06\x00\x8c\x03\x22\x00\x0a"),
        ],
    );
    assert!(said.has("properties.receive_maximum=20 client_id=id"));
    assert!(said.has("return_code=140 properties.topic_alias_maximum=10"));
}

#[test]
fn only_kept_alive() {
    let guess = |data, other, port| {
        let mut probe = probe_of(data, true, true, (40_000, port));
        probe.other = other;
        (DETECTOR.probe)(&probe)
    };
    let (request, response) = (&b"\xc0\x00"[..], &b"\xd0\x00"[..]);
    assert_eq!(guess(request, b"", 1883), Guess::More);
    assert_eq!(guess(request, response, 1883), Guess::Certain);
    assert_eq!(guess(response, request, 1883), Guess::Certain);
    assert_eq!(guess(request, request, 1883), Guess::Unsure);
    assert_eq!(guess(request, response, 1884), Guess::No);
    assert_eq!(guess(b"\xc0\x01", response, 1883), Guess::No);
}

#[test]
fn recognised() {
    assert_eq!(guess(&DETECTOR, CONNECT), Guess::Certain);
    assert_eq!(guess(&DETECTOR, b"\x10\x0c\x00\x04MQT"), Guess::More);
    assert_eq!(
        guess(&DETECTOR, b"\x10\x0c\x00\x04MQTx\x04\x02\x00"),
        Guess::No
    );
}

#[test]
fn connections_from_the_middle() {
    let of = |data, other, from_start| {
        (DETECTOR.probe)(&Probe {
            other,
            from_start,
            ..probe_of(data, true, true, (40_000, 40_001))
        })
    };
    assert_eq!(of(b"\xc0\0", b"\xd0\0", false), Guess::Certain);
    assert_eq!(of(b"\xc0\0", b"\xd0\0", true), Guess::No);
    assert_eq!(of(b"\xc0\0", b"", false), Guess::More);
    let message = b"\x32\x08\0\x02ab\0\x07hi";
    assert_eq!(of(message, b"\x40\x02\0\x07", false), Guess::Certain);
    assert_eq!(of(b"\x40\x02\0\x07", message, false), Guess::Certain);
    assert_eq!(of(message, b"\x40\x02\0\x08", false), Guess::No);
    assert_eq!(of(&message[..8], b"\x40\x02\0\x07", false), Guess::No);
}
