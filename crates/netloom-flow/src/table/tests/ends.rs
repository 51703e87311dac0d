//! When flows end.

use super::*;

#[test]
fn timeouts() {
    // (rules, seconds of silence, flows of: UDP, an open TCP connection)
    for (rules, silence, udp, tcp) in [
        (FlowRules::Native, 119, 1, 1),
        (FlowRules::Native, 121, 2, 2),
        (FlowRules::Nfstream, 121, 2, 2),
        (FlowRules::Ndpi, 100_000, 1, 1),
        (FlowRules::Zeek, 59, 1, 1),
        (FlowRules::Zeek, 61, 2, 1),
        (FlowRules::Zeek, 301, 2, 2),
    ] {
        for advance in [false, true] {
            let mut pair = Pair::new(rules);
            pair.udp(true, 1);
            pair.wait(silence * SECOND);
            if advance {
                let clock = Timestamp::from_nanos(pair.clock);
                pair.table.advance(clock, 1, &mut pair.closed);
                assert_eq!(pair.closed.len() + 1, udp, "{rules:?} {silence}");
            }
            pair.udp(true, 1);
            assert_eq!(pair.finish().len(), udp, "{rules:?} {silence}");

            let mut pair = Pair::new(rules);
            pair.handshake()
                .wait(silence * SECOND)
                .tcp(true, "A", 101, 501, 1);
            assert_eq!(pair.finish().len(), tcp, "{rules:?} {silence}");
        }
    }
    let mut config = FlowConfig::new(FlowRules::Native);
    config.idle_timeout = Some(0);
    config.active_timeout = Some(10 * SECOND);
    let mut pair = Pair::with(&config);
    for _ in 0..22 {
        pair.wait(SECOND).udp(true, 1);
    }
    let records = pair.finish();
    let reasons: Vec<EndReason> = records.iter().map(|record| record.end_reason).collect();
    assert_eq!(
        reasons,
        [EndReason::Active, EndReason::Active, EndReason::CaptureEnd]
    );
}

#[test]
fn ends_and_reuse() {
    // Native: what follows within 5 s belongs to the connection, a new SYN does not.
    let mut pair = Pair::new(FlowRules::Native);
    pair.handshake().tcp(true, "R", 101, 0, 0);
    pair.wait(4 * SECOND).tcp(false, "A", 501, 101, 3);
    pair.tcp(true, "S", 9000, 0, 0);
    pair.wait(6 * SECOND).tcp(true, "S", 9000, 0, 0);
    let records = pair.finish();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].end_reason, EndReason::NewConnection);
    assert_eq!(records[0].packets(), 5);
    assert_eq!(records[1].fwd.retransmissions, 1);
    assert_eq!(records[1].fwd.data_retransmissions, 0, "a SYN has no data");

    let mut pair = Pair::new(FlowRules::Native);
    pair.handshake().tcp(true, "R", 101, 0, 0);
    pair.wait(6 * SECOND).tcp(false, "A", 501, 101, 3);
    let records = pair.finish();
    assert_eq!(records[0].end_reason, EndReason::Rst);

    // Zeek: an unanswered SYN is over after 5 s; so is what was closed.
    let mut pair = Pair::new(FlowRules::Zeek);
    pair.tcp(true, "S", 100, 0, 0);
    pair.wait(3 * SECOND).tcp(true, "S", 100, 0, 0);
    pair.wait(6 * SECOND).tcp(true, "S", 100, 0, 0);
    pair.tcp(true, "S", 200, 0, 0);
    let records = pair.finish();
    assert_eq!(
        records.iter().map(FlowRecord::packets).collect::<Vec<_>>(),
        [2, 1, 1]
    );

    // nDPI: nothing ever ends.
    let mut pair = Pair::new(FlowRules::Ndpi);
    pair.handshake().tcp(true, "R", 101, 0, 0);
    pair.wait(6 * SECOND).tcp(true, "S", 9000, 0, 0);
    assert_eq!(pair.only().packets(), 5);
}

#[test]
fn sessions_of_dns() {
    // (port, seconds after the first packet, flows)
    for (port, seconds, flows) in [
        // Looked at after ten seconds, and seven before that it was seen.
        (53, &[3, 19][..], 1),
        (53, &[3, 21], 2),
        // Idle for nine seconds of ten.
        (53, &[0, 9], 1),
        (5353, &[0, 11], 2),
        (5353, &[5, 10, 15, 20, 25], 1),
        (5355, &[5, 10, 31], 2),
        // Any other.
        (54, &[3, 21], 1),
    ] {
        let mut pair = Pair::new(FlowRules::Zeek);
        pair.server_port = port;
        let start = pair.clock;
        pair.udp(true, 1);
        for at in seconds {
            pair.clock = start + at * SECOND;
            pair.udp(true, 1);
        }
        assert_eq!(pair.finish().len(), flows, "{port} {seconds:?}");
    }
    // A timeout that was asked for holds for them, too; so it does where Zeek is said not to know
    // the port.
    let mut asked = FlowConfig::new(FlowRules::Zeek);
    asked.idle_timeout = Some(30 * SECOND);
    let mut unknown = FlowConfig::new(FlowRules::Zeek);
    unknown.server_ports = Some(Vec::new());
    for config in [asked, unknown] {
        let mut pair = Pair::with(&config);
        pair.server_port = 53;
        pair.udp(true, 1);
        pair.wait(25 * SECOND).udp(true, 1);
        assert_eq!(pair.only().packets(), 2);
    }
}
