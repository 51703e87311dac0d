use proptest::prelude::*;

use super::super::trial::{Said, datagrams, guess, probe as make};
use super::*;

/// A message: header, then payloads that begin with their number.
fn message(version: u8, exchange: u8, flags: u8, payloads: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut data = vec![1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 9];
    let first = payloads.first().map_or(0, |(number, _)| *number);
    data.extend([first, version, exchange, flags, 0, 0, 0, 7, 0, 0, 0, 0]);
    for (index, (_, content)) in payloads.iter().enumerate() {
        let next = payloads.get(index + 1).map_or(0, |(number, _)| *number);
        data.extend([next, 0]);
        data.extend((content.len() as u16 + 4).to_be_bytes());
        data.extend(content);
    }
    let length = data.len() as u32;
    data[24..28].copy_from_slice(&length.to_be_bytes());
    data
}

/// A part with its length in front: a proposal or a transform.
fn part(is_last: bool, more: u8, content: &[u8]) -> Vec<u8> {
    let mut data = vec![if is_last { 0 } else { more }, 0];
    data.extend((content.len() as u16 + 4).to_be_bytes());
    data.extend(content);
    data
}

fn told(message: &[u8]) -> Said {
    let mut said = Said::default();
    datagrams(&mut Ike::default(), [(true, message)], &mut said);
    said
}

#[test]
fn a_first_message_of_version_1() {
    let transform = |last, bits: u16, hash: u8| {
        let mut content = vec![1, 1, 0, 0, 0x80, 1, 0, 7, 0x80, 14];
        content.extend(bits.to_be_bytes());
        content.extend([0x80, 2, 0, hash, 0x80, 4, 0, 2, 0x80, 3, 0, 1]);
        // How long it holds: a value with a length.
        content.extend([0, 12, 0, 4, 0, 1, 0x51, 0x80]);
        part(last, 3, &content)
    };
    let mut proposal = vec![1, 1, 0, 2];
    proposal.extend(transform(false, 128, 2));
    proposal.extend(transform(true, 256, 4));
    let mut sa = vec![0, 0, 0, 1, 0, 0, 0, 1];
    sa.extend(part(true, 2, &proposal));
    let dpd = b"\xaf\xca\xd7\x13\x68\xa1\xf1\xc9\x6b\x86\x96\xfc\x77\x57\x01\x00".to_vec();
    let data = message(0x10, 2, 0, &[(1, sa), (13, dpd), (13, vec![0xab, 0xcd])]);
    assert_eq!(guess(&DETECTOR, &data), Guess::Certain);
    let said = told(&data);
    assert!(
        said.has(
            "identity_protection: version_major=1 version_minor=0 init_spi=[01, 02, 03, 04, 05, 06, 07, 08] resp_spi=[00, 00, 00, 00, 00, 00, 00, 09] \
             exchange_type=2 message_id=7 encrypted=false payload=[SA,VID,VID] \
             proposals=[AES_CBC_128/HMAC_SHA1/MODP_1024,AES_CBC_256/HMAC_SHA2_256/MODP_1024] \
             auth_methods=[pre-shared key] vendor_ids=[RFC 3706 dead peer detection,abcd]"
        ),
        "{said:#?}"
    );
    // Behind four zeros on the other port.
    let behind = [&[0; 4], data.as_slice()].concat();
    assert_eq!(guess(&DETECTOR, &behind), Guess::Certain);
    assert!(told(&behind).has("identity_protection"));
}

#[test]
fn who_an_aggressive_side_is() {
    let mut id = vec![3, 17, 1, 0xf4];
    id.extend(b"me@example.org");
    let notification = vec![0, 0, 0, 1, 1, 0, 0, 14];
    let said = told(&message(0x10, 4, 0, &[(5, id), (11, notification)]));
    assert!(
        said.has("notify=[NO-PROPOSAL-CHOSEN] id_type=user_fqdn id=me@example.org"),
        "{said:#?}"
    );
    let said = told(&message(0x10, 5, 1, &[(8, vec![1; 20])]));
    assert!(said.has("informational"), "{said:#?}");
    assert!(said.has("encrypted=true") && !said.has("payload"));
}

#[test]
fn algorithms_of_version_2() {
    let transform = |last, kind: u8, id: u8, attribute: &[u8]| {
        part(last, 3, &[&[kind, 0, 0, id], attribute].concat())
    };
    let mut proposal = vec![1, 1, 0, 5];
    proposal.extend(transform(false, 2, 5, &[]));
    proposal.extend(transform(false, 1, 20, &[0x80, 14, 1, 0]));
    proposal.extend(transform(false, 4, 31, &[]));
    proposal.extend(transform(false, 3, 12, &[]));
    proposal.extend(transform(true, 1, 99, &[]));
    let payloads = [
        (33, part(true, 2, &proposal)),
        (41, vec![0, 0, 0x40, 4, 1, 2]),
        (41, vec![0, 0, 0xff, 0xff]),
    ];
    let said = told(&message(0x20, 34, 0x08, &payloads));
    assert!(
        said.has(
            "ike_sa_init: version_major=2 version_minor=0 init_spi=[01, 02, 03, 04, 05, 06, 07, 08] resp_spi=[00, 00, 00, 00, 00, 00, 00, 09] \
             exchange_type=34 message_id=7 role=initiator response=false encrypted=false payload=[SA,N,N] \
             proposals=[AES_GCM_16_256/ENCR_99/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/CURVE_25519] \
             notify=[NAT_DETECTION_SOURCE_IP,65535]"
        ),
        "{said:#?}"
    );
    let said = told(&message(0x20, 35, 0x20, &[(46, vec![35; 40])]));
    assert!(
        said.has("role=responder response=true encrypted=true payload=[SK]"),
        "{said:#?}"
    );
}

#[test]
fn encapsulated_packets_say_nothing() {
    let mut esp = vec![0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1];
    esp.extend([0x55; 60]);
    assert!(!told(&esp).has("ike"), "no message");
    assert!(!told(&[0xff]).has("ike"));
    let probe = make(&esp, false, true, (4500, 4500));
    assert_eq!((DETECTOR.probe)(&probe), Guess::Unsure);
    assert_eq!(guess(&DETECTOR, &esp), Guess::No);
}

proptest! {
    #[test]
    fn bytes_never_panic(
        version in prop::sample::select(vec![0x10_u8, 0x20]),
        exchange in 0_u8..50,
        payloads in proptest::collection::vec((0_u8..60, proptest::collection::vec(0_u8..16, 0..80)), 0..12),
        cut: prop::sample::Index,
    ) {
        let whole = message(version, exchange, 0, &payloads);
        told(&whole);
        told(&whole[..cut.index(whole.len() + 1)]);
    }

    #[test]
    fn chains_end(next: u8, lengths in proptest::collection::vec(0_u8..9, 0..2000)) {
        let mut data = message(0x20, 34, 0, &[]);
        data[16] = next;
        data.extend(lengths);
        told(&data);
    }
}
