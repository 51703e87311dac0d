//! What single packets teach about later flows, without any state.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use netloom_decode::Decoded;
use netloom_decode::app::dns::{self, Message};
use netloom_decode::app::{Protocol, ftp, rtcp, rtp, text, tftp};
use netloom_packet::Packet;

use super::book::{Fact, Lesson};

/// Longest name that is learned.
const NAME_MAX: usize = 255;
/// Most facts of one packet.
const FACTS_MAX: usize = 64;

/// Puts what a packet teaches at the end of `lessons`: addresses in DNS and mDNS answers, data
/// channels of FTP (RFC 959, RFC 2428), transfers of TFTP (RFC 1350), media of SIP and RTSP (SDP,
/// RFC 8866).
pub fn observe(packet: &Packet<'_>, decoded: &Decoded, lessons: &mut Vec<Lesson>) {
    let Some(ip) = &decoded.ip else { return };
    let from = decoded.payload_offset as usize;
    let data = packet.data.get(from..from + decoded.payload_len as usize);
    let Some(data) = data.filter(|data| data.len() >= 6) else {
        return;
    };
    let most = lessons.len() + FACTS_MAX;
    let mut teach = |fact| {
        if lessons.len() < most {
            lessons.push(Lesson {
                number: packet.number,
                at: packet.timestamp,
                fact,
            });
        }
    };
    match ip.protocol {
        17 => {
            if data[2] & 0x80 != 0 && data.len() > 12 {
                answers(data, decoded, ip.src, ip.dst, &mut teach);
            }
            if decoded.dst_port == 69 && matches!(data, [0, 1 | 2, ..]) {
                expect(ip.src, decoded.src_port, false, &tftp::PROTOCOL, &mut teach);
            }
            if data.starts_with(b"SIP/2.0 ") || data.starts_with(b"INVITE ") {
                media(data, &mut teach);
            }
        }
        6 => match data {
            [_, _, _, _, flags, ..] if decoded.src_port == 53 && flags & 0x80 != 0 => {
                if let Some(message) = data.get(2..) {
                    answers(message, decoded, ip.src, ip.dst, &mut teach);
                }
            }
            [b'2', b'2', b'7' | b'9', b' ' | b'-', ..]
            | [b'P', b'O', b'R', b'T', b' ', ..]
            | [b'E', b'P', b'R', b'T', b' ', ..] => data_channel(data, ip.src, &mut teach),
            [b'S', b'I', b'P', b'/', ..] | [b'I', b'N', b'V', b'I', ..] => media(data, &mut teach),
            _ => {}
        },
        _ => {}
    }
}

/// Addresses in an answer.
fn answers(data: &[u8], decoded: &Decoded, src: IpAddr, dst: IpAddr, teach: &mut dyn FnMut(Fact)) {
    let mdns = decoded.src_port == 5353 && decoded.dst_port == 5353;
    if !mdns && !dns::is_response(data) || matches!(decoded.src_port, 137 | 138) {
        return;
    }
    let (service, source) = match decoded.src_port {
        5353 => ("mdns", "mdns"),
        5355 => ("llmnr", "llmnr"),
        _ => ("dns", "dns"),
    };
    let Some(message) = Message::parse(data, data.len(), service) else {
        return;
    };
    // What a device says of itself by multicast holds for everybody, if it is about itself.
    let everybody = dst.is_multicast();
    dns::learn(&message, &mut |name, address, ttl| {
        if name.len() <= NAME_MAX && !address.is_unspecified() && (!everybody || address == src) {
            teach(Fact::Name {
                client: (!everybody).then_some(dst),
                address,
                name: Arc::from(&*text::display(name)),
                ttl,
                source,
            });
        }
    });
}

/// A flow that was announced.
fn expect(
    to: IpAddr,
    port: u16,
    tcp: bool,
    protocol: &'static Protocol,
    teach: &mut dyn FnMut(Fact),
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
fn data_channel(data: &[u8], src: IpAddr, teach: &mut dyn FnMut(Fact)) {
    let Some((line, _)) = text::line(data) else {
        return;
    };
    if line.starts_with(b"227") {
        if let Some((address, port)) = six_numbers(line.get(4..).unwrap_or_default()) {
            // Behind address translation the server names an address that is not its own.
            expect(src, port, true, &ftp::DATA, teach);
            if address != src {
                expect(address, port, true, &ftp::DATA, teach);
            }
        }
    } else if line.starts_with(b"229") {
        if let Some(at) = line.iter().position(|&byte| byte == b'(')
            && let Some((_, port)) = extended(line.get(at + 1..).unwrap_or_default())
        {
            expect(src, port, true, &ftp::DATA, teach);
        }
    } else if line.starts_with(b"PORT") {
        if let Some((address, port)) = six_numbers(line.get(4..).unwrap_or_default()) {
            expect(address, port, true, &ftp::DATA, teach);
        }
    } else if line.starts_with(b"EPRT")
        && let Some((address, port)) = extended(line.get(4..).unwrap_or_default().trim_ascii())
    {
        expect(address.unwrap_or(src), port, true, &ftp::DATA, teach);
    }
}

/// `h1,h2,h3,h4,p1,p2` somewhere in a line.
fn six_numbers(line: &[u8]) -> Option<(IpAddr, u16)> {
    let start = line.iter().position(u8::is_ascii_digit)?;
    let mut numbers = [0_u8; 6];
    let mut parts = line.get(start..)?.split(|&byte| byte == b',');
    for place in &mut numbers {
        let part = parts.next()?;
        let digits = part.iter().take_while(|byte| byte.is_ascii_digit()).count();
        *place = u8::try_from(text::number(part.get(..digits)?)?).ok()?;
    }
    let [a, b, c, d, high, low] = numbers;
    let address = Ipv4Addr::new(a, b, c, d);
    Some((address.into(), u16::from_be_bytes([high, low])))
}

/// `|1|132.235.1.2|6275|` or `|||6446|`; the first byte is the delimiter (RFC 2428, section 2).
fn extended(text: &[u8]) -> Option<(Option<IpAddr>, u16)> {
    let (&delimiter, rest) = text.split_first()?;
    let mut parts = rest.split(|&byte| byte == delimiter);
    parts.next()?;
    let address = std::str::from_utf8(parts.next()?).ok()?.parse().ok();
    let port = u16::try_from(text::number(parts.next()?)?).ok()?;
    Some((address, port))
}

/// Media in a session description.
fn media(data: &[u8], teach: &mut dyn FnMut(Fact)) {
    let mut address: Option<IpAddr> = None;
    let mut ports = Vec::new();
    for line in data.split(|&byte| byte == b'\n').take(256) {
        let line = line.trim_ascii_end();
        if let Some(rest) = line.strip_prefix(b"c=IN IP") {
            let words = rest.split(|&byte| byte == b' ' || byte == b'/').nth(1);
            address = words
                .and_then(|text| std::str::from_utf8(text).ok())
                .and_then(|text| text.parse().ok())
                .or(address);
        } else if let Some(rest) = line.strip_prefix(b"m=") {
            let mut words = rest.split(|&byte| byte == b' ');
            let (_, port, profile) = (words.next(), words.next(), words.next());
            if let (Some(port), Some(profile)) = (port, profile)
                && profile.starts_with(b"RTP/")
                && let Some(port) = text::number(port).and_then(|port| u16::try_from(port).ok())
                && ports.len() < 8
            {
                ports.push(port);
            }
        }
    }
    if let Some(to) = address {
        for port in ports {
            expect(to, port, false, &rtp::PROTOCOL, teach);
            expect(to, port.saturating_add(1), false, &rtcp::PROTOCOL, teach);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_channels() {
        let address = IpAddr::from([192, 0, 2, 7]);
        assert_eq!(
            six_numbers(b" Entering Passive Mode (192,0,2,7,195,80)."),
            Some((address, 50_000))
        );
        assert_eq!(six_numbers(b" 192,0,2,7,195"), None);
        assert_eq!(six_numbers(b" 192,0,2,777,195,80"), None);
        assert_eq!(extended(b"|||6446|)"), Some((None, 6446)));
        assert_eq!(extended(b"|1|192.0.2.7|6275|"), Some((Some(address), 6275)));
        assert_eq!(extended(b"|1|192.0.2.7|"), None);
    }
}
