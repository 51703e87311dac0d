//! SSH and SMB.

use super::*;

fn ssh_packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = (body.len() as u32 + 6).to_be_bytes().to_vec();
    packet.extend([4, kind]);
    packet.extend(body);
    packet.extend([0; 4]);
    packet
}

fn ssh_string(text: &str) -> Vec<u8> {
    [&(text.len() as u32).to_be_bytes(), text.as_bytes()].concat()
}

fn over_ssh(config: &FlowConfig, packets: &[u8]) -> bool {
    let [whole, bytes] = [1400, 1].map(|size| {
        let mut talk = Talk::tcp(config, 2222);
        talk.say(1, b"SSH-2.0-server\r\n", 99)
            .say(0, b"SSH-2.0-client\r\n", 99);
        talk.say(0, packets, size).exceeds()
    });
    assert_eq!(whole, bytes);
    whole
}

#[test]
fn lists_of_ssh() {
    let config = zeek(|limits| limits.ssh_macs = 50);
    for list in 0..10 {
        let most = if matches!(list, 4 | 5) { 50 } else { 100 };
        for (names, exceeds) in [(most - 1, false), (most, false), (most + 1, true)] {
            let mut body = vec![0; 16];
            for other in 0..10 {
                let names = if other == list { names } else { 1 };
                body.extend(ssh_string(&vec!["abc"; names].join(",")));
            }
            body.extend([0; 5]);
            let packet = ssh_packet(20, &body);
            assert_eq!(over_ssh(&config, &packet), exceeds, "{list} {names}");
            // Not before all of it has come, nor without the other side's version.
            assert!(!over_ssh(&config, &packet[..packet.len() - 1]));
            let mut talk = Talk::tcp(&config, 22);
            talk.say(0, b"SSH-2.0-client\r\n", 99).say(0, &packet, 1400);
            assert!(!talk.exceeds());
        }
    }
}

#[test]
fn lengths_of_ssh() {
    let config = zeek(|limits| (limits.ssh_packet, limits.ssh_string) = (300, 100));
    for (len, exceeds) in [(299, false), (300, false), (301, true)] {
        let packet = ssh_packet(2, &vec![0; len - 6]);
        assert_eq!(over_ssh(&config, &packet), exceeds, "{len}");
        // Either side may speak both versions; version 1 has but one packet in clear.
        for (server, client, second) in [
            ("1.99", "2.0", exceeds),
            ("1.99", "1.99", exceeds),
            ("1.99", "1.5", false),
            ("1.5", "1.99", false),
            ("1.5", "2.0", false),
        ] {
            let mut talk = Talk::tcp(&config, 22);
            talk.say(1, format!("SSH-{server}-a\n").as_bytes(), 99);
            talk.say(0, format!("SSH-{client}-b\n").as_bytes(), 99);
            let first = ssh_packet(2, &[0; 20]);
            talk.say(0, &first, 1400).say(0, &packet, 1400);
            assert_eq!(talk.exceeds(), second, "{server} {client}");
        }
        let keys = [ssh_packet(21, b""), packet].concat();
        assert!(!over_ssh(&config, &keys), "encrypted");
    }
    for (len, exceeds) in [(99, false), (100, false), (101, true)] {
        let packet = ssh_packet(31, &ssh_string(&"a".repeat(len)));
        assert_eq!(over_ssh(&config, &packet), exceeds, "{len}");
        // These are numbers.
        let numbers = [len as u8; 12];
        assert!(!over_ssh(&config, &ssh_packet(34, &numbers)));
    }
}

/// A request of SMB 1 with so many commands that are chained to the first.
fn smb(chained: usize) -> Vec<u8> {
    let mut message = b"\xffSMB\x73".to_vec();
    message.resize(32, 0);
    for at in 0..=chained {
        let next = if at == chained { 0xff } else { 0x75 };
        let offset = (message.len() + 12) as u16;
        message.extend([4, next, 0]);
        message.extend(offset.to_le_bytes());
        message.extend([0; 7]);
    }
    let mut packet = (message.len() as u32).to_be_bytes().to_vec();
    packet.extend(message);
    packet
}

#[test]
fn chains_of_smb() {
    let config = zeek(|_| {});
    for (chained, exceeds) in [(9, false), (10, false), (11, true)] {
        let text = [smb(1), smb(chained)].concat();
        assert_eq!(client(&config, 445, &text), exceeds, "{chained}");
        assert_eq!(elsewhere(&config, 4455, &text), exceeds, "{chained}");
    }
    // Back to itself.
    let mut circle = smb(1);
    circle[4 + 35] = 32;
    assert!(client(&config, 445, &circle));
    // A command that cannot chain.
    circle[8] = 0x72;
    assert!(!client(&config, 445, &circle));
}
