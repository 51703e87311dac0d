//! Session descriptions (SDP, RFC 8866) inside SIP, MGCP and others: which media will flow where.

use std::net::IpAddr;

use super::text::{line, number};
use super::{Event, Events, Expect, Protocol};

/// A stream of media that a description offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Media<'a> {
    /// `audio`, `video`, ….
    pub kind: &'a [u8],
    /// Port at which it is awaited.
    pub port: u16,
    /// `RTP/AVP`, `RTP/SAVPF`, ….
    pub transport: &'a [u8],
    /// Address at which it is awaited.
    pub address: Option<IpAddr>,
}

/// Most streams of one description.
const MEDIA_MAX: usize = 8;

/// The streams of a description, at most eight.
pub fn media(mut body: &[u8]) -> Vec<Media<'_>> {
    let mut found: Vec<Media<'_>> = Vec::new();
    let mut session = None;
    while let Some((text, used)) = line(body) {
        body = body.get(used..).unwrap_or_default();
        match text {
            [b'c', b'=', rest @ ..] => {
                let address = address(rest);
                match found.last_mut() {
                    Some(media) => media.address = address.or(media.address),
                    None => session = address,
                }
            }
            [b'm', b'=', rest @ ..] if found.len() < MEDIA_MAX => {
                let mut words = rest.split(|&byte| byte == b' ');
                let kind = words.next().unwrap_or_default();
                let port = words.next().unwrap_or_default();
                let port = port.split(|&byte| byte == b'/').next().and_then(number);
                let Some(port) = port.and_then(|port| u16::try_from(port).ok()) else {
                    continue;
                };
                found.push(Media {
                    kind,
                    port,
                    transport: words.next().unwrap_or_default(),
                    address: session,
                });
            }
            _ => {}
        }
    }
    found
}

/// `IN IP4 192.0.2.1`, `IN IP6 2001:db8::1`; a multicast address may have a TTL behind it.
fn address(rest: &[u8]) -> Option<IpAddr> {
    let text = rest.split(|&byte| byte == b' ').nth(2)?;
    let text = text.split(|&byte| byte == b'/').next()?;
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

/// Says which flows of RTP, and of RTCP one port higher, a description announces: what they
/// speak, where.
pub fn rtp_flows(body: &[u8], out: &mut dyn FnMut(&'static Protocol, IpAddr, u16)) {
    for media in media(body) {
        let Some(to) = media.address.filter(|to| !to.is_unspecified()) else {
            continue;
        };
        if media.port == 0 || !media.transport.starts_with(b"RTP/") {
            continue;
        }
        out(&super::rtp::PROTOCOL, to, media.port);
        if let Some(port) = media.port.checked_add(1) {
            out(&super::rtcp::PROTOCOL, to, port);
        }
    }
}

/// Announces the flows of a description.
pub(crate) fn announce(body: &[u8], events: &mut dyn Events) {
    rtp_flows(body, &mut |protocol, to, port| {
        events.event(Event::Expect(Expect {
            protocol,
            from: None,
            to,
            port,
            tcp: false,
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_session_and_media() {
        let body = b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0 8\r\nm=video 4002/2 RTP/AVP 96\r\nc=IN IP6 2001:db8::1\r\n";
        let found = media(body);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].kind, found[0].port), (&b"audio"[..], 4000));
        assert_eq!(found[0].address, Some("192.0.2.1".parse().unwrap()));
        assert_eq!(found[1].address, Some("2001:db8::1".parse().unwrap()));
        assert_eq!(media(b"m=audio x RTP/AVP\r\n"), []);
    }
}
