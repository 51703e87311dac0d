use proptest::prelude::*;

use super::super::tls::tests::{client_hello, extension, message, record, sni};
use super::super::trial::{Said, conversation, datagrams, exchange, guess, probe as make};
use super::*;

const CLIENT: [u8; 8] = [1; 8];
const SERVER: [u8; 8] = [2; 8];

/// A packet with so many bytes of a check sum, and the other side's session where it acknowledges.
fn packet(
    opcode: u8,
    session: [u8; 8],
    check_sum: usize,
    acks: &[u32],
    number: u32,
    payload: &[u8],
) -> Vec<u8> {
    let mut data = vec![opcode << 3];
    data.extend(session);
    if check_sum > 0 {
        data.extend(vec![0x5a; check_sum]);
        data.extend(number.wrapping_add(1).to_be_bytes());
        data.extend(1_700_000_000_u32.to_be_bytes());
    }
    data.push(acks.len() as u8);
    data.extend(acks.iter().flat_map(|ack| ack.to_be_bytes()));
    if !acks.is_empty() {
        data.extend(if session == CLIENT { SERVER } else { CLIENT });
    }
    if opcode != 5 {
        data.extend(number.to_be_bytes());
    }
    data.extend(payload);
    data
}

fn hello() -> Vec<u8> {
    record(
        22,
        &message(1, &client_hello(&[extension(0, &sni("vpn.example"))])),
    )
}

/// A handshake as far as the client's first words, these in three packets.
fn handshake(check_sum: usize) -> Vec<(bool, Vec<u8>)> {
    let hello = hello();
    let part = |from: usize, to: usize| hello[from..to.min(hello.len())].to_vec();
    vec![
        (true, packet(7, CLIENT, check_sum, &[], 0, &[])),
        (false, packet(8, SERVER, check_sum, &[0], 0, &[])),
        (true, packet(5, CLIENT, check_sum, &[0], 0, &[])),
        (true, packet(4, CLIENT, check_sum, &[], 1, &part(0, 20))),
        (true, packet(4, CLIENT, check_sum, &[], 2, &part(20, 50))),
        (true, packet(4, CLIENT, check_sum, &[], 3, &part(50, 500))),
    ]
}

fn said_of(packets: &[(bool, Vec<u8>)]) -> Said {
    let pieces: Vec<(bool, &[u8])> = packets
        .iter()
        .map(|(from_client, packet)| (*from_client, packet.as_slice()))
        .collect();
    exchange(&DETECTOR, &pieces)
}

#[test]
fn tls_in_control_packets() {
    for check_sum in [0, 20, 64] {
        let said = said_of(&handshake(check_sum));
        assert!(said.has("tls_sni"), "{check_sum}: {said:#?}");
    }
}

#[test]
fn a_hello_without_a_name_is_no_risk_here() {
    let hello = record(22, &message(1, &client_hello(&[])));
    let mut packets = handshake(0);
    packets.truncate(3);
    packets.push((true, packet(4, CLIENT, 0, &[], 1, &hello)));
    let said = said_of(&packets);
    assert!(said.has("ja4"), "{said:#?}");
    assert!(
        !said.has("tls_without_sni") && !said.has("risk"),
        "{said:#?}"
    );
}

#[test]
fn packets_out_of_order_and_sent_again() {
    let mut packets = handshake(20);
    packets.swap(4, 5);
    let again = packets[3].clone();
    packets.insert(4, again);
    assert!(said_of(&packets).has("tls_sni"));
    // Without the one in the middle there is no hello.
    packets.retain(|(_, packet)| packet != &handshake(20)[4].1);
    assert!(!said_of(&packets).has("tls_sni"));
}

#[test]
fn over_tcp() {
    let framed: Vec<(bool, Vec<u8>)> = handshake(20)
        .into_iter()
        .map(|(from_client, packet)| {
            let length = (packet.len() as u16).to_be_bytes();
            (from_client, [&length[..], &packet].concat())
        })
        .collect();
    assert_eq!(guess(&DETECTOR, &framed[0].1), Guess::Certain);
    let pieces: Vec<(bool, &[u8])> = framed
        .iter()
        .map(|(from_client, packet)| (*from_client, packet.as_slice()))
        .collect();
    assert!(conversation(&DETECTOR, &pieces).has("tls_sni"));
}

#[test]
fn what_is_encrypted_is_left() {
    let mut parser = OpenVpn::default();
    let mut said = Said::default();
    let packets: Vec<Vec<u8>> = (0..100)
        .map(|number| packet(4, CLIENT, 32, &[], number, &[0x77; 40]))
        .collect();
    let pieces = packets.iter().map(|packet| (true, packet.as_slice()));
    assert!(matches!(
        datagrams(&mut parser, pieces, &mut said),
        Next::Done
    ));
    assert!(said.0.is_empty(), "{said:#?}");
}

#[test]
fn recognition() {
    let reset = packet(7, CLIENT, 20, &[], 0, &[]);
    let ask = |data: &[u8], other: &[u8]| {
        let mut probe = make(data, false, true, (40_000, 40_001));
        probe.other = other;
        (DETECTOR.probe)(&probe)
    };
    assert_eq!(ask(&reset, b""), Guess::Certain);
    let answer = packet(8, SERVER, 0, &[0], 0, &[]);
    assert_eq!(
        ask(&answer, &packet(7, CLIENT, 0, &[], 0, &[])),
        Guess::Certain
    );
    assert_eq!(ask(b"GET / HTTP/1.1\r\n", b""), Guess::No);
}

proptest! {
    #[test]
    fn bytes_never_panic(
        packets in proptest::collection::vec(
            (any::<bool>(), 0_u8..12, 0_usize..3, 0_u32..20, proptest::collection::vec(any::<u8>(), 0..60), 0_usize..90),
            0..60,
        ),
    ) {
        let packets: Vec<(bool, Vec<u8>)> = packets
            .into_iter()
            .map(|(from_client, opcode, check_sum, number, mut payload, cut)| {
                payload.splice(0..0, [22, 3, 3]);
                let mut data = packet(opcode, CLIENT, [0, 16, 20][check_sum], &[], number, &payload);
                data.truncate(data.len().saturating_sub(cut / 8));
                (from_client, data)
            })
            .collect();
        let mut parser = OpenVpn::default();
        let pieces = packets.iter().map(|(side, packet)| (*side, packet.as_slice()));
        datagrams(&mut parser, pieces, &mut Said::default());
        prop_assert!(parser.heap_bytes() < 512 * 1024);
    }
}
