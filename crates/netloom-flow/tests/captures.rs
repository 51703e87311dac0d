//! All captures at hand under all rules: no panic, no packet lost.

mod support;

use netloom_flow::{FlowConfig, FlowRecord, FlowRules};

#[test]
fn packets_add_up() {
    let Some(data) = support::data() else { return };
    let mut captures = 0;
    for capture in support::all_captures(&data) {
        let path = data.join(&capture.path);
        captures += 1;
        for rules in [
            FlowRules::Native,
            FlowRules::Zeek,
            FlowRules::Nfstream,
            FlowRules::Ndpi,
        ] {
            let mut config = FlowConfig::new(rules);
            config.checksums = rules == FlowRules::Zeek;
            let (records, with_ip) = support::flows_and_packets(&path, &config);
            let packets: u64 = records.iter().map(FlowRecord::packets).sum();
            if rules == FlowRules::Native {
                assert_eq!(packets, with_ip, "{}", capture.path);
            } else if rules != FlowRules::Zeek {
                assert!(packets <= with_ip, "{}", capture.path);
            }
            for record in &records {
                assert!(record.start <= record.end, "{}", capture.path);
            }
        }
    }
    assert!(captures > 0);
}
