//! What single packets teach about later flows, without any state.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use netloom_decode::app::dns;
use netloom_decode::app::{Protocol, ftp, irc, sdp, text, tftp};
use netloom_decode::{Decoded, Ip};
use netloom_packet::Packet;

use super::book::{Fact, Lesson};

/// Longest name that is learned.
const NAME_MAX: usize = 255;
/// Lines of a packet of IRC that are looked at.
const LINES_MAX: usize = 8;
/// Most facts of one packet.
const FACTS_MAX: usize = 64;
/// Most bytes of text in the names of one packet: each address of an answer may have its own, by two
/// bytes that point to it.
const NAMES_BYTES_MAX: usize = 4096;

/// Puts what a packet teaches at the end of `lessons`: addresses in DNS and mDNS answers, data
/// channels of FTP (RFC 959, RFC 2428), transfers of TFTP (RFC 1350), files that go from one client
/// of IRC to another, media of SIP and RTSP (SDP, RFC 8866).
#[inline]
pub fn observe(packet: &Packet<'_>, decoded: &Decoded, lessons: &mut Vec<Lesson>) {
    let Some(ip) = &decoded.ip else { return };
    let data = decoded.payload(packet.data);
    let &[first, _, flags, _, _, _, ..] = data else {
        return;
    };
    // Nearly every packet teaches nothing, as a byte of it or a port tells.
    let may_teach = match ip.protocol {
        17 => flags & 0x80 != 0 || decoded.dst_port == 69 || matches!(first, b'S' | b'I'),
        6 => decoded.src_port == 53 || matches!(first, b'2' | b'P' | b'E' | b':' | b'S' | b'I'),
        _ => false,
    };
    if may_teach {
        read(packet, decoded, ip, data, lessons);
    }
}

/// Reads the payload of a packet that may teach something.
#[inline(never)]
fn read(packet: &Packet<'_>, decoded: &Decoded, ip: &Ip, data: &[u8], lessons: &mut Vec<Lesson>) {
    let most = lessons.len() + FACTS_MAX;
    // Whether there is room for more.
    let mut teach = |fact| {
        if lessons.len() < most {
            lessons.push(Lesson {
                number: packet.number,
                at: packet.timestamp,
                fact,
            });
        }
        lessons.len() < most
    };
    match (ip.protocol, data) {
        (17, &[_, _, flags, ..]) => {
            if flags & 0x80 != 0 && data.len() > 12 {
                answers(data, decoded, ip.src, ip.dst, &mut teach);
            }
            if decoded.dst_port == 69 && matches!(data, [0, 1 | 2, ..]) {
                expect(ip.src, decoded.src_port, false, &tftp::PROTOCOL, &mut teach);
            }
            if data.starts_with(b"SIP/2.0 ") || data.starts_with(b"INVITE ") {
                media(data, &mut teach);
            }
        }
        (6, _) if decoded.src_port == 53 => {
            for message in messages(data) {
                if !answers(message, decoded, ip.src, ip.dst, &mut teach) {
                    break;
                }
            }
        }
        (
            6,
            [b'2', b'2', b'7' | b'9', b' ' | b'-', ..]
            | [b'P', b'O', b'R', b'T', b' ', ..]
            | [b'E', b'P', b'R', b'T', b' ', ..],
        ) => data_channel(data, ip.src, &mut teach),
        (6, [b'P', b'R', b'I', b'V', ..] | [b':', ..]) => files(data, &mut teach),
        (6, [b'S', b'I', b'P', b'/', ..] | [b'I', b'N', b'V', b'I', ..]) => {
            media(data, &mut teach);
        }
        _ => {}
    }
}

/// The messages of DNS in a segment, each behind its length (RFC 1035, section 4.2.2; several may
/// follow each other, RFC 7766, section 6.2.1). Of one that is cut there is what there is.
fn messages(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, behind) = data.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (message, after) = behind.split_at(length.min(behind.len()));
        data = after;
        Some(message)
    })
}

/// Addresses in an answer; whether there is room for those of another.
fn answers(
    data: &[u8],
    decoded: &Decoded,
    src: IpAddr,
    dst: IpAddr,
    teach: &mut dyn FnMut(Fact) -> bool,
) -> bool {
    let mdns = decoded.src_port == 5353 && decoded.dst_port == 5353;
    if !mdns && !dns::is_response(data) || matches!(decoded.src_port, 137 | 138) {
        return true;
    }
    let (service, source) = match decoded.src_port {
        5353 => ("mdns", "mdns"),
        5355 => ("llmnr", "llmnr"),
        _ => ("dns", "dns"),
    };
    // What a device says of itself by multicast holds for everybody, if it is about itself.
    let everybody = dst.is_multicast();
    let wanted = |address: IpAddr| !address.is_unspecified() && (!everybody || address == src);
    let mut is_room = true;
    named(data, service, &wanted, &mut |name, address, ttl| {
        is_room = teach(Fact::Name {
            client: (!everybody).then_some(dst),
            address,
            name: Arc::clone(name),
            ttl,
            source,
        });
        is_room
    });
    is_room
}

/// A name as it is shown, and as it was sent where that is another.
struct Shown {
    text: Arc<str>,
    sent: Option<Box<[u8]>>,
}

impl Shown {
    fn sent(&self) -> &[u8] {
        self.sent.as_deref().unwrap_or(self.text.as_bytes())
    }
}

/// Names of addresses in an answer, as they are shown; of the addresses that are wanted. `out` says
/// whether to go on.
fn named(
    data: &[u8],
    service: &'static str,
    wanted: &dyn Fn(IpAddr) -> bool,
    out: &mut dyn FnMut(&Arc<str>, IpAddr, u32) -> bool,
) {
    // Of one name there may be many addresses.
    let mut last: Option<Shown> = None;
    let mut room = NAMES_BYTES_MAX;
    dns::learn_from(data, service, &mut |name, address, ttl| {
        if name.len() > NAME_MAX || !wanted(address) {
            return true;
        }
        let known = last.take().filter(|last| last.sent() == name);
        let known = known.or_else(|| {
            let text = text::display(name);
            room = room.checked_sub(text.len())?;
            let sent = matches!(text, Cow::Owned(_)).then(|| name.into());
            let text = Arc::from(&*text);
            Some(Shown { text, sent })
        });
        let goes_on = known
            .as_ref()
            .is_some_and(|known| out(&known.text, address, ttl));
        last = known;
        goes_on
    });
}

/// A flow that was announced.
fn expect(
    to: IpAddr,
    port: u16,
    tcp: bool,
    protocol: &'static Protocol,
    teach: &mut dyn FnMut(Fact) -> bool,
) {
    if port != 0 && !to.is_unspecified() {
        teach(Fact::Expect {
            to,
            port,
            tcp,
            protocol,
        });
    }
}

/// A data channel of FTP.
fn data_channel(data: &[u8], src: IpAddr, teach: &mut dyn FnMut(Fact) -> bool) {
    let Some((line, _)) = text::line(data) else {
        return;
    };
    let words = line.get(4..).unwrap_or_default();
    let mut channel = |to, port| expect(to, port, true, &ftp::DATA, teach);
    match line.get(..4) {
        Some(b"PORT") => {
            if let Some((to, port)) = ftp::numbers(words) {
                channel(to.into(), port);
            }
        }
        Some(b"EPRT") => {
            if let Some((to, port)) = ftp::extended_address(words.trim_ascii()) {
                channel(to.unwrap_or(src), port);
            }
        }
        Some([b'2', b'2', b'9', _]) => {
            if let Some(port) = ftp::extended(words) {
                channel(src, port);
            }
        }
        _ => {
            if let Some((to, port)) = ftp::numbers(words) {
                // Behind address translation the server names an address that is not its own.
                channel(src, port);
                if IpAddr::from(to) != src {
                    channel(to.into(), port);
                }
            }
        }
    }
}

/// Files that clients of IRC offer each other.
fn files(mut data: &[u8], teach: &mut dyn FnMut(Fact) -> bool) {
    for _ in 0..LINES_MAX {
        let Some((line, taken)) = text::line(data) else {
            break;
        };
        if let Some((to, port)) = irc::offer(line) {
            expect(to, port, true, &irc::DATA, teach);
        }
        data = data.get(taken..).unwrap_or_default();
    }
}

/// Media in a session description.
fn media(data: &[u8], teach: &mut dyn FnMut(Fact) -> bool) {
    sdp::rtp_flows(data, &mut |protocol, to, port| {
        expect(to, port, false, protocol, teach);
    });
}

#[cfg(test)]
mod tests {
    use netloom_decode::app::{rtcp, rtp};

    use super::*;

    /// What a line teaches: addresses and ports.
    fn taught(line: &[u8]) -> Vec<(IpAddr, u16)> {
        let mut taught = Vec::new();
        data_channel(line, IpAddr::from([198, 51, 100, 1]), &mut |fact| {
            if let Fact::Expect { to, port, tcp, .. } = fact {
                assert!(tcp);
                taught.push((to, port));
            }
            true
        });
        taught
    }

    #[test]
    fn messages_in_a_segment() {
        let parts = |data: &'static [u8]| messages(data).collect::<Vec<_>>();
        assert_eq!(parts(b"\0\x02ab\0\x01c\0\0"), [&b"ab"[..], b"c", b""]);
        assert_eq!(parts(b"\0\x02ab\0\x02c"), [&b"ab"[..], b"c"]);
        assert_eq!(parts(b"\0\x09ab"), [b"ab"]);
        assert_eq!(parts(b"\0"), [&b""[..]; 0]);
    }

    /// What a TCP segment of a DNS server teaches.
    fn lessons(payload: &[u8]) -> Vec<Lesson> {
        let mut data = vec![0x45, 0];
        data.extend((40 + payload.len() as u16).to_be_bytes());
        data.extend([0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 53, 192, 0, 2, 1]);
        data.extend([
            0, 53, 0x9c, 0x40, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 1, 0, 0, 0, 0, 0,
        ]);
        data.extend(payload);
        let packet = Packet {
            number: 1,
            timestamp: netloom_packet::Timestamp::from_nanos(0),
            link_type: netloom_packet::LinkType::RAW,
            interface: 0,
            wire_len: data.len() as u32,
            data: &data,
        };
        let decoded = netloom_decode::decode(&packet, netloom_decode::DecodeOptions::default());
        let mut lessons = Vec::new();
        observe(&packet, &decoded, &mut lessons);
        lessons
    }

    #[test]
    fn all_answers_of_a_segment_teach() {
        let answer = |name: u8, address: u8| {
            let mut message = b"\0\x07\x81\x80\0\x01\0\x01\0\0\0\0\x01".to_vec();
            message.extend([name, 0, 0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60]);
            message.extend([0, 4, 192, 0, 2, address]);
            [&(message.len() as u16).to_be_bytes()[..], &message].concat()
        };
        let segment = [answer(b'a', 7), answer(b'b', 8), answer(b'c', 9)].concat();
        // The last one goes on in another segment.
        let payload = &segment[..segment.len() - 2];
        let lessons = lessons(payload);
        let names: Vec<_> = lessons
            .iter()
            .map(|lesson| match &lesson.fact {
                Fact::Name { address, name, .. } => (address.to_string(), name.to_string()),
                Fact::Expect { .. } => unreachable!("no flow was announced"),
            })
            .collect();
        let expected = [("192.0.2.7", "a"), ("192.0.2.8", "b")];
        assert_eq!(
            names,
            expected.map(|(at, name)| (at.to_owned(), name.to_owned()))
        );
    }

    /// Addresses that belong to a long name and to its end by turns, each by two bytes.
    #[test]
    fn names_take_no_more_than_their_room() {
        let mut message = b"\0\x07\x84\0\0\x01\0\x40\0\0\0\0".to_vec();
        for length in [63, 63, 63, 60] {
            message.push(length);
            message.extend(vec![0xff; length.into()]);
        }
        message.extend([0, 0, 1, 0, 1]);
        for number in 0..64 {
            message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, number]);
        }
        let one = [&(message.len() as u16).to_be_bytes()[..], &message].concat();
        let learnt = lessons(&one);
        assert_eq!(learnt.len(), FACTS_MAX, "they share the name");
        // Further messages of the same segment have no room left.
        assert_eq!(lessons(&one.repeat(10)), learnt);
        // No question, and each record speaks for its owner.
        let mut message = b"\0\x07\x84\0\0\0\0\x40\0\0\0\0".to_vec();
        for length in [63, 63, 63, 60] {
            message.push(length);
            message.extend(vec![0xff; length.into()]);
        }
        message.extend([0, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
        for number in 0..63 {
            let at = 12 + 64 * (number % 2);
            message.extend([0xc0, at, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, number]);
        }
        let mut names = Vec::new();
        named(&message, "mdns", &|_| true, &mut |name, _, _| {
            names.push(Arc::clone(name));
            true
        });
        names.dedup_by(|one, other| Arc::ptr_eq(one, other));
        let text: usize = names.iter().map(|name| name.len()).sum();
        assert!((3 * 700..=NAMES_BYTES_MAX).contains(&text), "{text}");
    }

    #[test]
    fn data_channels() {
        let address = IpAddr::from([192, 0, 2, 7]);
        let server = IpAddr::from([198, 51, 100, 1]);
        assert_eq!(
            taught(b"227 Entering Passive Mode (192,0,2,7,195,80).\r\n"),
            [(server, 50_000), (address, 50_000)]
        );
        assert_eq!(taught(b"PORT 192,0,2,7,195\r\n"), []);
        assert_eq!(taught(b"PORT 192,0,2,777,195,80\r\n"), []);
        assert_eq!(taught(b"PORT 192,0,2,7,195,80\r\n"), [(address, 50_000)]);
        assert_eq!(taught(b"229 Passive (|||6446|)\r\n"), [(server, 6446)]);
        assert_eq!(taught(b"EPRT |1|192.0.2.7|6275|\r\n"), [(address, 6275)]);
        assert_eq!(taught(b"EPRT |1|192.0.2.7|\r\n"), []);
    }

    #[test]
    fn files_over_irc() {
        let mut taught = Vec::new();
        let lines = b":a!b@c PRIVMSG d :hello\r\n:a!b@c PRIVMSG d :\x01DCC SEND x 167772167 59130 9\x01\r\n";
        files(lines, &mut |fact| {
            taught.push(fact);
            true
        });
        let expected = Fact::Expect {
            to: [10, 0, 0, 7].into(),
            port: 59_130,
            tcp: true,
            protocol: &irc::DATA,
        };
        assert_eq!(taught, [expected]);
    }

    #[test]
    fn media_of_a_call() {
        let mut taught = Vec::new();
        let body = b"INVITE sip:a SIP/2.0\r\n\r\nc=IN IP4 192.0.2.7\r\nm=audio 4000 RTP/AVP 0\r\n";
        media(body, &mut |fact| {
            taught.push(fact);
            true
        });
        let expected = [(4000, &rtp::PROTOCOL), (4001, &rtcp::PROTOCOL)].map(|(port, protocol)| {
            Fact::Expect {
                to: [192, 0, 2, 7].into(),
                port,
                tcp: false,
                protocol,
            }
        });
        assert_eq!(taught, expected);
    }
}
