//! SSH (RFC 4253): identification and key exchange, which are in clear.
//!
//! One message `kex` in the terms of Zeek's ssh.log, and the fingerprints HASSH (of the client's
//! offer) and hasshServer. What is authenticated and sent afterwards is encrypted and not guessed
//! at.

use md5::{Digest as _, Md5};
use sha2::Sha256;

use super::support::{keep, risk, say, software};
use super::wire::{Reader, u32_at};
use super::{
    Category, Context, Detector, Event, Events, Guess, Interest, Next, Over, Parser, Probe,
    Protocol, Risk, Step, Value,
    text::{self, hex},
};

/// SSH.
pub static PROTOCOL: Protocol = Protocol {
    name: "ssh",
    title: "SSH",
    category: Category::RemoteAccess,
};

/// SSH on TCP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[22],
    probe,
    parser: Some(|| Box::new(Session::default())),
};

fn probe(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [b'S', b'S', b'H', b'-', b'1' | b'2', b'.', ..] => Guess::Certain,
        short if b"SSH-".starts_with(short.get(..4).unwrap_or(short)) && short.len() < 6 => {
            Guess::More
        }
        _ => Guess::No,
    }
}

/// Longest identification that is kept (RFC 4253, section 4.2: 255 bytes with its end).
const BANNER_MAX: usize = 255;
/// Lines that a server may send before its identification; RFC 4253 has no limit, OpenSSH's client
/// has this one.
const LINES_MAX: u16 = 1024;
/// Longest packet in clear that is waited for.
const PACKET_MAX: usize = 40_000;

const KEXINIT: u8 = 20;
const NEWKEYS: u8 = 21;
/// The server's answer in Diffie-Hellman and elliptic curves, and with group exchange.
const KEXDH_REPLY: u8 = 31;
const GEX_REPLY: u8 = 33;

/// What one side says of itself.
#[derive(Debug, Default)]
struct Side {
    banner: Option<Box<[u8]>>,
    lines: u16,
    /// The lists of its key exchange, from `kex_algorithms` on; eight are used.
    lists: Option<Box<[u8]>>,
}

/// Reads the start of a session.
#[derive(Debug, Default)]
struct Session {
    /// The server's and the client's.
    sides: [Side; 2],
    told: bool,
    host_key: Option<Box<str>>,
}

/// The lists of algorithms, in their order on the wire: kex, host key, then cipher, MAC and
/// compression, each to the server and to the client.
fn lists(data: &[u8]) -> Option<[&[u8]; 8]> {
    let mut reader = Reader::new(data);
    let mut out = [&[][..]; 8];
    for list in &mut out {
        let length = reader.u32()?;
        *list = reader.take(usize::try_from(length).ok()?)?;
        if !text::is_graphic(list) {
            return None;
        }
    }
    Some(out)
}

/// The first of the client's algorithms that the server has too (RFC 4253, section 7.1).
fn chosen<'a>(client: &'a [u8], server: &[u8]) -> Option<&'a [u8]> {
    client.split(|&byte| byte == b',').find(|name| {
        server
            .split(|&byte| byte == b',')
            .any(|other| other == *name)
    })
}

/// What is used in both directions.
fn both_ways(client: &[&[u8]; 8], server: &[&[u8]; 8], at: usize) -> Option<Vec<u8>> {
    let up = chosen(client.get(at)?, server.get(at)?)?;
    let down = chosen(client.get(at + 1)?, server.get(at + 1)?)?;
    if up == down {
        return Some(up.to_vec());
    }
    let mut out = b"To server: ".to_vec();
    out.extend_from_slice(up);
    out.extend_from_slice(b", to client: ");
    out.extend_from_slice(down);
    Some(out)
}

/// The MD5 of an offer, as HASSH has it: kex, cipher, MAC, compression of one's own direction.
fn hassh(lists: &[&[u8]; 8], of_client: bool) -> String {
    let own = usize::from(!of_client);
    let parts = [lists[0], lists[2 + own], lists[4 + own], lists[6 + own]];
    hex(&Md5::digest(parts.join(&b';')))
}

/// Algorithms that are no longer considered safe (RFC 8758, RFC 9142, RFC 8270).
const WEAK: &[&[u8]] = &[
    b"arcfour",
    b"arcfour128",
    b"arcfour256",
    b"des-cbc",
    b"3des-cbc",
    b"blowfish-cbc",
    b"cast128-cbc",
    b"hmac-md5",
    b"hmac-md5-96",
    b"diffie-hellman-group1-sha1",
    b"ssh-dss",
    b"none",
];

/// Whether an OpenSSH is one of before 2015 (7.0 dropped what is unsafe).
fn is_old_openssh(words: &[u8]) -> bool {
    words
        .strip_prefix(b"OpenSSH_")
        .and_then(|version| version.split(|byte| !byte.is_ascii_digit()).next())
        .and_then(text::number)
        .is_some_and(|major| major < 7)
}

/// `2.0` and `OpenSSH_9.6p1 comment` of an identification.
fn parts(banner: &[u8]) -> (&[u8], &[u8]) {
    let rest = banner.strip_prefix(b"SSH-").unwrap_or(banner);
    match rest.iter().position(|&byte| byte == b'-') {
        Some(dash) => (
            rest.get(..dash).unwrap_or_default(),
            rest.get(dash + 1..).unwrap_or_default(),
        ),
        None => (rest, &[]),
    }
}

impl Session {
    fn banner(&mut self, from_client: bool, line: &[u8], events: &mut dyn Events) {
        let (version, words) = parts(line);
        software(events, from_client, words);
        if version.starts_with(b"1.") && version != b"1.99" || is_old_openssh(words) {
            let detail = text::display(line.get(..150).unwrap_or(line));
            risk(events, Risk::ObsoleteSsh, &detail);
        }
        self.sides[usize::from(from_client)].banner = Some(keep(line, BANNER_MAX));
    }

    fn key_exchange(&mut self, from_client: bool, payload: &[u8], events: &mut dyn Events) {
        // A cookie of 16 bytes, then the lists.
        let Some(data) = payload.get(16..) else {
            return;
        };
        let Some(offer) = lists(data) else {
            return;
        };
        let used: usize = offer.iter().map(|list| list.len() + 4).sum();
        if events.wants(Interest::HASHES) {
            events.event(Event::Fingerprint {
                kind: if from_client { "hassh" } else { "hassh_server" },
                value: &hassh(&offer, from_client),
            });
        }
        self.sides[usize::from(from_client)].lists = Some(keep(data, used));
    }

    /// Whether the server proposes the group of the key exchange (RFC 4419): its answer has
    /// another number then.
    fn exchanges_groups(&self) -> bool {
        let [server, client] = &self.sides;
        let offers = client
            .lists
            .as_deref()
            .and_then(lists)
            .zip(server.lists.as_deref().and_then(lists));
        offers
            .and_then(|(up, down)| chosen(up[0], down[0]).map(<[u8]>::to_vec))
            .is_some_and(|kex| kex.starts_with(b"diffie-hellman-group-exchange-"))
    }

    /// What was agreed on, once.
    fn tell(&mut self, events: &mut dyn Events) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let [server, client] = &self.sides;
        if server.banner.is_none() && client.banner.is_none() {
            return;
        }
        let mut fields = Vec::with_capacity(14);
        let (client_parts, server_parts) = (
            client.banner.as_deref().map(parts),
            server.banner.as_deref().map(parts),
        );
        if let (Some((up, _)), Some((down, _))) = (client_parts, server_parts) {
            let first = |version: &[u8]| version.starts_with(b"1.") && version != b"1.99";
            let version = if first(up) || first(down) { 1 } else { 2 };
            fields.push(("version", Value::Number(version)));
        }
        for (name, banner) in [("client", &client.banner), ("server", &server.banner)] {
            if let Some(banner) = banner {
                fields.push((name, Value::Text(banner)));
            }
        }
        for (protocol, software, parts) in [
            (
                "client_proto_version",
                "client_software_version",
                client_parts,
            ),
            (
                "server_proto_version",
                "server_software_version",
                server_parts,
            ),
        ] {
            if let Some((version, words)) = parts {
                fields.push((protocol, Value::Text(version)));
                fields.push((software, Value::Text(text::word(words).0)));
            }
        }
        let offers = client
            .lists
            .as_deref()
            .and_then(lists)
            .zip(server.lists.as_deref().and_then(lists));
        let mut agreed: Vec<(&'static str, Vec<u8>)> = Vec::new();
        if let Some((up, down)) = offers {
            let one = |at: usize| chosen(up[at], down[at]).map(<[u8]>::to_vec);
            for (name, algorithm) in [
                ("cipher_alg", both_ways(&up, &down, 2)),
                ("mac_alg", both_ways(&up, &down, 4)),
                ("compression_alg", both_ways(&up, &down, 6)),
                ("kex_alg", one(0)),
                ("host_key_alg", one(1)),
            ] {
                if let Some(algorithm) = algorithm {
                    agreed.push((name, algorithm));
                }
            }
        }
        for (name, algorithm) in &agreed {
            fields.push((*name, Value::Text(algorithm)));
        }
        if let Some(key) = &self.host_key {
            fields.push(("host_key_fingerprint", Value::Word(key)));
        }
        say(events, "kex", &fields);
        let weak = agreed.iter().find(|(name, algorithm)| {
            *name != "compression_alg" && WEAK.contains(&algorithm.as_slice())
        });
        if let Some((_, algorithm)) = weak {
            risk(
                events,
                Risk::ObsoleteSsh,
                &format!("negotiated {}", text::display(algorithm)),
            );
        }
    }
}

impl Parser for Session {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        let from_client = context.from_client;
        let mut consumed = 0;
        loop {
            let rest = data.get(consumed..).unwrap_or_default();
            let side = &mut self.sides[usize::from(from_client)];
            if side.banner.is_none() {
                let Some((line, taken)) = text::line(rest) else {
                    return if rest.len() > 8192 {
                        Step::DONE
                    } else {
                        Step::consumed(consumed)
                    };
                };
                consumed += taken;
                if line.starts_with(b"SSH-") {
                    self.banner(from_client, line, events);
                    let first = parts(line).0;
                    if first.starts_with(b"1.") && first != b"1.99" {
                        // Version 1 has another key exchange, which nobody should use.
                        if self.sides.iter().all(|side| side.banner.is_some()) {
                            self.tell(events);
                            return Step::then(consumed, Next::Done);
                        }
                    }
                } else {
                    side.lines += 1;
                    if side.lines > LINES_MAX {
                        return Step::DONE;
                    }
                }
                continue;
            }
            let Some(length) = u32_at(rest, 0) else {
                return Step::consumed(consumed);
            };
            let length = length as usize;
            if !(5..=PACKET_MAX).contains(&length) {
                // Encrypted, or no version 2.
                self.tell(events);
                return Step::then(consumed, Next::Quiet);
            }
            let Some(packet) = rest.get(4..4 + length) else {
                return Step::consumed(consumed);
            };
            consumed += 4 + length;
            let (padding, kind) = (usize::from(packet[0]), packet[1]);
            let payload = packet
                .get(2..length.saturating_sub(padding))
                .unwrap_or_default();
            match kind {
                KEXINIT => self.key_exchange(from_client, payload, events),
                KEXDH_REPLY | GEX_REPLY
                    if !from_client && (kind == GEX_REPLY) == self.exchanges_groups() =>
                {
                    let key = Reader::new(payload)
                        .u32()
                        .and_then(|length| payload.get(4..4 + length as usize))
                        .filter(|key| key.len() > 8);
                    if let Some(key) = key {
                        self.host_key = Some(fingerprint(key).into());
                        self.tell(events);
                        return Step::then(consumed, Next::Done);
                    }
                }
                NEWKEYS => {
                    self.tell(events);
                    return Step::then(consumed, Next::Done);
                }
                _ => {}
            }
        }
    }

    fn finish(&mut self, _: &Context, events: &mut dyn Events) {
        self.tell(events);
    }

    fn gap(&mut self, _: &Context, _: u64, events: &mut dyn Events) -> Next {
        self.tell(events);
        Next::Done
    }

    fn heap_bytes(&self) -> usize {
        let texts: usize = self
            .sides
            .iter()
            .map(|side| {
                side.banner.as_ref().map_or(0, |text| text.len())
                    + side.lists.as_ref().map_or(0, |text| text.len())
            })
            .sum();
        size_of::<Self>() + texts
    }
}

/// `SHA256:` and the digest of a host key in base64, as OpenSSH shows it.
fn fingerprint(key: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digest = Sha256::digest(key);
    let mut out = String::from("SHA256:");
    for chunk in digest.chunks(3) {
        let mut bits = 0_u32;
        for at in 0..3 {
            bits = bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0));
        }
        for at in 0..=chunk.len() {
            let index = bits >> (18 - 6 * at) & 63;
            out.push(DIGITS[index as usize].into());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::trial::{Said, conversation, guess, streams};
    use super::*;

    fn packet(payload: &[u8]) -> Vec<u8> {
        let mut out = ((payload.len() + 1 + 4) as u32).to_be_bytes().to_vec();
        out.push(4);
        out.extend(payload);
        out.extend([0; 4]);
        out
    }

    fn offer(lists: [&str; 8]) -> Vec<u8> {
        let mut payload = vec![KEXINIT];
        payload.extend([7; 16]);
        for list in lists {
            payload.extend((list.len() as u32).to_be_bytes());
            payload.extend(list.as_bytes());
        }
        payload.extend([0; 13]);
        packet(&payload)
    }

    #[test]
    fn what_is_agreed_on() {
        let client = offer([
            "curve25519-sha256,diffie-hellman-group1-sha1",
            "ssh-ed25519",
            "aes128-ctr,aes256-ctr",
            "aes128-ctr,aes256-ctr",
            "hmac-md5",
            "hmac-sha2-256",
            "none",
            "none",
        ]);
        let server = offer([
            "diffie-hellman-group1-sha1",
            "ssh-rsa,ssh-ed25519",
            "aes256-ctr",
            "aes128-ctr",
            "hmac-md5,hmac-sha2-256",
            "hmac-md5,hmac-sha2-256",
            "none,zlib",
            "none,zlib",
        ]);
        let mut reply = vec![KEXDH_REPLY, 0, 0, 0, 9];
        reply.extend(b"some key!");
        let said = conversation(
            &DETECTOR,
            &[
                (false, b"hello, be welcome\r\nSSH-2.0-OpenSSH_9.6 x\r\n"),
                (true, b"SSH-2.0-PuTTY\r\n"),
                (true, &client),
                (false, &server),
                (false, &packet(&reply)),
            ],
        );
        assert!(said.has("software: server OpenSSH_9.6 x"), "{said:#?}");
        assert!(said.has("version=2 client=SSH-2.0-PuTTY server=SSH-2.0-OpenSSH_9.6 x"));
        assert!(said.has("cipher_alg=To server: aes256-ctr, to client: aes128-ctr"));
        assert!(said.has("kex_alg=diffie-hellman-group1-sha1 host_key_alg=ssh-ed25519"));
        assert!(said.has("risk: obsolete_ssh negotiated"));
        // md5 of the client's lists, made with md5sum.
        assert!(said.has("kind: \"hassh\""));
        assert!(said.has("host_key_fingerprint=SHA256:"));
    }

    #[test]
    fn a_server_may_say_much_before_its_name() {
        let said = |lines: usize| {
            let mut words = b"welcome\n".repeat(lines);
            words.extend(b"SSH-2.0-a\r\n");
            let (up, down) = (offer(["x"; 8]), offer(["x"; 8]));
            conversation(
                &DETECTOR,
                &[
                    (true, b"SSH-2.0-b\r\n"),
                    (false, &words),
                    (true, &up),
                    (false, &down),
                    (false, &packet(&[NEWKEYS])),
                ],
            )
        };
        assert!(said(200).has("server=SSH-2.0-a"), "{:#?}", said(200));
        assert!(!said(1100).has("server=SSH-2.0-a"));
    }

    #[test]
    fn fingerprints() {
        // sha256sum of nothing.
        assert_eq!(
            fingerprint(b""),
            "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
        );
        let lists: [&[u8]; 8] = [b"a", b"", b"b", b"x", b"c", b"y", b"d", b"z"];
        // printf 'a;b;c;d' | md5sum
        assert_eq!(hassh(&lists, true), hex(&Md5::digest(b"a;b;c;d")));
        assert_eq!(hassh(&lists, false), hex(&Md5::digest(b"a;x;y;z")));
    }

    #[test]
    fn version_one() {
        let said = conversation(
            &DETECTOR,
            &[(false, b"SSH-1.5-OpenSSH_3.0\r\n"), (true, b"SSH-1.5-x\n")],
        );
        assert!(said.has("version=1"), "{said:#?}");
        assert!(said.has("risk: obsolete_ssh"));
    }

    #[test]
    fn recognition() {
        assert_eq!(guess(&DETECTOR, b"SSH-2.0-x"), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"SSH"), Guess::More);
        assert_eq!(guess(&DETECTOR, b"SSHD is"), Guess::No);
    }

    proptest! {
        #[test]
        fn bytes_never_panic(pieces in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..60)), 0..10)) {
            let mut all = vec![(true, b"SSH-2.0-a\n".to_vec()), (false, b"SSH-2.0-b\n".to_vec()), (true, vec![0, 0, 0, 60, 4, 20])];
            all.extend(pieces);
            let mut session = Session::default();
            streams(&mut session, all, &mut Said::default());
            prop_assert!(session.heap_bytes() < 128 * 1024);
        }
    }
}
