//! What holds for any packets in any order.

use proptest::prelude::*;

use super::*;

/// A packet of the property tests: who, what, when.
#[derive(Debug, Clone)]
struct Step {
    client_port: u16,
    server_port: u16,
    from_client: bool,
    kind: u8,
    flags: u8,
    seq: u32,
    ack: u32,
    len: u16,
    wait: i64,
}

fn step() -> impl Strategy<Value = Step> {
    (
        0_u16..4,
        prop::sample::select(vec![53_u16, 80, 40_000]),
        any::<bool>(),
        0_u8..4,
        any::<u8>(),
        prop_oneof![0_u32..3000, any::<u32>()],
        prop_oneof![0_u32..3000, any::<u32>()],
        0_u16..2000,
        prop_oneof![0_i64..1000, -5 * SECOND..400 * SECOND, any::<i64>()],
    )
        .prop_map(
            |(client_port, server_port, from_client, kind, flags, seq, ack, len, wait)| Step {
                client_port,
                server_port,
                from_client,
                kind,
                flags,
                seq,
                ack,
                len,
                wait,
            },
        )
}

fn run(steps: &[Step], rules: FlowRules, max_memory: usize, advance: bool) -> Vec<FlowRecord> {
    let mut config = FlowConfig::new(rules);
    config.max_memory = max_memory;
    let mut pair = Pair::with(&config);
    for step in steps {
        pair.clock = pair.clock.saturating_add(step.wait).min(i64::MAX - 10_000);
        if advance {
            let clock = Timestamp::from_nanos(pair.clock);
            let number = pair.number + 1;
            pair.table.advance(clock, number, &mut pair.closed);
        }
        (pair.client_port, pair.server_port) = (step.client_port, step.server_port);
        let transport = match step.kind {
            0 | 1 => Transport::Tcp(Tcp {
                seq: step.seq,
                ack: step.ack,
                window: step.seq as u16,
                flags: TcpFlags(step.flags),
                ..Tcp::default()
            }),
            2 => Transport::Udp,
            _ => Transport::Icmpv4(Icmp {
                icmp_type: step.flags,
                ..Icmp::default()
            }),
        };
        let protocol = match step.kind {
            0 | 1 => 6,
            2 => 17,
            _ => 1,
        };
        pair.packet(step.from_client, transport, protocol, u32::from(step.len));
        let stats = pair.table.stats();
        assert!(stats.memory <= max_memory || stats.live == 1, "{stats:?}");
    }
    pair.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every packet counts in exactly one flow, whatever happens.
    #[test]
    fn packets_are_conserved(
        steps in prop::collection::vec(step(), 0..300),
        small in any::<bool>(),
        advance in any::<bool>(),
    ) {
        for rules in [FlowRules::Native, FlowRules::Zeek, FlowRules::Nfstream, FlowRules::Ndpi] {
            let max_memory = if small { 60_000 } else { 1 << 24 };
            let records = run(&steps, rules, max_memory, advance);
            let packets: u64 = records.iter().map(FlowRecord::packets).sum();
            prop_assert_eq!(packets, steps.len() as u64);
            prop_assert!(records.is_sorted_by_key(|record| record.closed_by));
            for record in &records {
                prop_assert!(record.history.len() <= FlowRecord::HISTORY_MAX);
                prop_assert!(record.start <= record.end);
            }
            // The same again, though the map's seed is another.
            prop_assert_eq!(records, run(&steps, rules, max_memory, advance));
        }
    }

    /// When records come out does not change what is in them, as long as time goes forward.
    #[test]
    fn advancing_changes_nothing(steps in prop::collection::vec(step(), 0..200)) {
        let steps: Vec<Step> = steps
            .into_iter()
            .map(|step| Step { wait: step.wait.rem_euclid(400 * SECOND), ..step })
            .collect();
        for rules in [FlowRules::Native, FlowRules::Zeek, FlowRules::Nfstream, FlowRules::Ndpi] {
            let strip = |mut records: Vec<FlowRecord>| {
                for record in &mut records {
                    record.closed_by = 0;
                    if record.end_reason == EndReason::Idle
                        || record.end_reason == EndReason::CaptureEnd
                        || record.end_reason == EndReason::Rst
                        || record.end_reason == EndReason::Fin
                    {
                        record.end_reason = EndReason::CaptureEnd;
                    }
                }
                records.sort_by_key(|record| record.first_number);
                records
            };
            prop_assert_eq!(
                strip(run(&steps, rules, 1 << 24, false)),
                strip(run(&steps, rules, 1 << 24, true))
            );
        }
    }
}
