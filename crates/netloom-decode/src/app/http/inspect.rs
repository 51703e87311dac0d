//! What heads and bodies tell of clients, servers and dangers.

use std::net::IpAddr;

use super::head::{authority, without_port};
use super::words::{Case, Words, words_of};
use super::{Request, Response, auth, content, lookup, url};
use crate::app::ntlmssp::{self, Ntlm};
use crate::app::parameters::parameter;
use crate::app::{
    Context, Device, DeviceSource, Event, Events, Interest, Login, Risk, support, text, uri,
};

/// What a head says of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BodyHint {
    /// A form, as browsers send it.
    form: bool,
    /// JSON, as programs in pages send it.
    json: bool,
    declared: Declared,
}

/// Kinds of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Declared {
    Nothing,
    Text,
    Picture,
    Other,
}

impl BodyHint {
    pub(super) const NONE: Self = Self {
        form: false,
        json: false,
        declared: Declared::Nothing,
    };

    pub(super) fn of_request(request: &Request<'_>) -> Self {
        let is = |kind: &[u8]| {
            let declared = request.content_type.unwrap_or_default();
            text::starts_with_ignore_case(declared, kind)
        };
        Self {
            form: is(b"application/x-www-form-urlencoded"),
            json: is(b"application/json"),
            declared: declared(request.content_type),
        }
    }

    pub(super) fn of_response(response: &Response<'_>) -> Self {
        Self {
            form: false,
            json: false,
            declared: declared(response.content_type),
        }
    }
}

fn declared(content_type: Option<&[u8]>) -> Declared {
    let Some(kind) = content_type else {
        return Declared::Nothing;
    };
    if text::starts_with_ignore_case(kind, b"text/") {
        Declared::Text
    } else if [&b"image/"[..], b"audio/", b"video/"]
        .iter()
        .any(|prefix| text::starts_with_ignore_case(kind, prefix))
    {
        Declared::Picture
    } else {
        Declared::Other
    }
}

/// Programs that look for weaknesses, as they name themselves, and the starts of attacks by a
/// name (Log4j, Shellshock); lower case.
const ATTACKS: &[&[u8]] = &[
    b"${jndi:",
    b"() {",
    b"sqlmap",
    b"nikto",
    b"nmap",
    b"masscan",
    b"zgrab",
    b"dirbuster",
    b"gobuster",
    b"wpscan",
    b"acunetix",
    b"nessus",
    b"openvas",
    b"hydra",
    b"metasploit",
    b"havij",
    b"w3af",
    b"arachni",
    b"nuclei",
    b"feroxbuster",
    b"wfuzz",
    b"jorgee",
    b"morfeus",
    b"zmeu",
    b"muieblackcat",
];

static ATTACK_FINDER: Words = Words::new(ATTACKS, Case::Any);

/// Products that name themselves in `User-Agent`: a part of it, and the product's title.
const PRODUCTS: [(&[u8], &str); 21] = [
    (b"Spotify/", "Spotify"),
    (b"WhatsApp/", "WhatsApp"),
    (b"Microsoft-Delivery-Optimization", "Windows Update"),
    (b"Windows-Update-Agent", "Windows Update"),
    (b"Valve/Steam", "Steam"),
    (b"MicroMessenger", "WeChat"),
    (b"Instagram ", "Instagram"),
    (b"FBAN/", "Facebook"),
    (b"FB_IAB/", "Facebook"),
    (b"Viber/", "Viber"),
    (b"Roblox/", "Roblox"),
    (b"Netflix/", "Netflix"),
    (b"TeamViewer", "TeamViewer"),
    (b"iTunes/", "iTunes"),
    (b"Debian APT-HTTP", "APT"),
    (b"Pinterest/", "Pinterest"),
    (b"Snapchat/", "Snapchat"),
    (b"Deezer/", "Deezer"),
    (b"Ookla", "Ookla Speedtest"),
    (b"Transmission/", "Transmission"),
    (b"uTorrent", "uTorrent"),
];

static PRODUCT_WORDS: [&[u8]; PRODUCTS.len()] = words_of(&PRODUCTS);
static PRODUCT_FINDER: Words = Words::new(&PRODUCT_WORDS, Case::AsIs);

/// Remembers what was said, so that it is not said for every request of a connection.
#[derive(Debug)]
pub(crate) struct Inspector {
    user_agent_seen: bool,
    server_seen: bool,
}

impl Inspector {
    pub(crate) const fn new() -> Self {
        Self {
            user_agent_seen: false,
            server_seen: false,
        }
    }

    /// The head of a request.
    pub(crate) fn request(&mut self, _: &Context, request: &Request<'_>, events: &mut dyn Events) {
        if let Some(host) = request.host {
            let name = without_port(host);
            if !name.is_empty() {
                let source = if is_for_a_proxy(request) {
                    "http_proxy"
                } else {
                    "http_host"
                };
                events.event(Event::ServerName { name, source });
            }
            if is_address(name) {
                risk(events, Risk::NumericHost, name);
            }
        }
        if let Some(agent) = request.user_agent
            && !self.user_agent_seen
        {
            self.user_agent_seen = true;
            user_agent(agent, events);
        }
        fields(request.headers, events);
        if let Some(what) = url::suspicious(request.uri) {
            let uri = uri::masked_target(request.method, request.uri);
            let uri = text::display(uri.get(..120).unwrap_or(&uri));
            support::risk(events, Risk::SuspiciousUrl, &format!("{what}: {uri}"));
        }
        // A question to a tracker, by whatever program (BEP 3).
        if ["/announce?", "/scrape?"]
            .iter()
            .any(|path| request.uri.starts_with(path.as_bytes()))
            && memchr::memmem::find(request.uri, b"info_hash=").is_some()
        {
            events.event(Event::App("BitTorrent"));
        }
        exploit(request.uri, events);
        let user = uri::login_in_target(request.method, request.uri);
        if let Some(user) = user.filter(|user| !is_nobody(user)) {
            support::login(events, &user, "url", None, true);
        }
        if let Some(value) = request.authorization {
            credentials(value, "basic", events);
        }
        if let Some(value) = request.proxy_authorization {
            credentials(value, "proxy basic", events);
        }
    }

    /// The head of a response.
    pub(crate) fn response(&mut self, response: &Response<'_>, events: &mut dyn Events) {
        if let Some(server) = response.server
            && !self.server_seen
        {
            self.server_seen = true;
            if !server.is_empty() {
                events.event(Event::Software {
                    of_client: false,
                    text: server,
                });
            }
            if is_obsolete(server) {
                risk(events, Risk::ObsoleteServer, server);
            }
        }
        if response.status == 0 && !response.reason.is_empty() {
            risk(events, Risk::MalformedPacket, response.reason);
        }
        if response.status >= 400 {
            let detail = format!("HTTP status {}", response.status);
            support::risk(events, Risk::ErrorCode, &detail);
        }
    }
}

/// The start of a body.
pub(super) fn body(of_request: bool, hint: BodyHint, start: &[u8], events: &mut dyn Events) {
    if of_request && hint.form {
        if let Some(user) = uri::login_in(start, uri::Kind::Form) {
            support::login(events, &user, "form", None, true);
        }
    } else if of_request
        && hint.json
        && let Some(user) = uri::login_in_json(start)
    {
        support::login(events, user, "json", None, true);
    }
    if of_request {
        exploit(start, events);
    }
    let Some(kind) = content::sniff(start) else {
        return;
    };
    if content::is_program(kind) {
        if !of_request {
            support::risk(events, Risk::BinaryTransfer, kind);
        } else if !kind.starts_with("text/") {
            support::risk(events, Risk::BinaryTransfer, &format!("sent: {kind}"));
        }
        if hint.declared == Declared::Picture
            || hint.declared == Declared::Text && !kind.starts_with("text/")
        {
            support::risk(events, Risk::SuspiciousContent, kind);
        }
    }
}

fn risk(events: &mut dyn Events, risk: Risk, evidence: &[u8]) {
    let evidence = evidence.get(..150).unwrap_or(evidence);
    support::risk(events, risk, &text::display(evidence));
}

/// Whether `data` holds `word` in any case.
pub(super) fn contains_ignore_case(data: &[u8], word: &[u8]) -> bool {
    data.windows(word.len())
        .any(|window| window.eq_ignore_ascii_case(word))
}

fn user_agent(agent: &[u8], events: &mut dyn Events) {
    let odd = agent.len() < 4 || agent.starts_with(b"<?") || ATTACK_FINDER.find(agent).is_some();
    if odd {
        risk(events, Risk::SuspiciousUserAgent, agent);
    }
    if !agent.is_empty() {
        events.event(Event::Software {
            of_client: true,
            text: agent,
        });
    }
    let product = PRODUCT_FINDER.find(agent);
    if let Some((_, title)) = product.and_then(|(number, _)| PRODUCTS.get(number)) {
        events.event(Event::App(title));
    }
    if events.wants(Interest::DEVICES)
        && let Some((os, model)) = platform(agent)
    {
        let mut device = Device::new(DeviceSource::UserAgent);
        device.os = Some(os);
        device.model = model;
        events.event(Event::Device(device));
    }
}

/// Signs of systems in the comment of a `User-Agent`, the more exact first.
const SYSTEMS: &[&[u8]] = &[
    b"Windows NT",
    b"Windows Phone",
    b"Android",
    b"iPhone OS",
    b"CPU OS",
    b"Mac OS X",
    b"CrOS",
    b"Tizen",
    b"Web0S",
    b"webOS",
    b"PlayStation",
    b"Xbox",
    b"Nintendo",
    b"FreeBSD",
    b"OpenBSD",
    b"Ubuntu",
    b"Fedora",
    b"Linux",
];

static SYSTEM_FINDER: Words = Words::new(SYSTEMS, Case::AsIs);

/// Whether a request is for a proxy, and so names another than the one that is asked: by its method, or
/// by a whole URI as its target (RFC 9112, sections 3.2.2 and 3.2.3). An extended CONNECT has a path (RFC 8441).
fn is_for_a_proxy(request: &Request<'_>) -> bool {
    let connects = request.method == b"CONNECT" && !request.uri.starts_with(b"/");
    connects || authority(request.uri).is_some()
}

/// The system, and the model where Android says it.
fn platform(agent: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let open = text::find(b'(', agent)?;
    let comment = agent.get(open + 1..)?;
    let close = text::find(b')', comment)?;
    let comment = comment.get(..close)?;
    let (number, at) = SYSTEM_FINDER.find(comment)?;
    let mut parts = comment
        .get(at..)?
        .split(|&byte| byte == b';')
        .map(<[u8]>::trim_ascii);
    let system = parts.next()?;
    let end = system
        .windows(5)
        .position(|window| window == b" like")
        .unwrap_or(system.len());
    let model = (SYSTEMS.get(number) == Some(&&b"Android"[..]))
        .then(|| parts.next())
        .flatten()
        .map(|part| {
            let end = part
                .windows(7)
                .position(|window| window == b" Build/")
                .unwrap_or(part.len());
            part.get(..end).unwrap_or(part)
        })
        .filter(|part| part.len() > 2 && !part.starts_with(b"rv:"));
    Some((system.get(..end)?, model))
}

/// Header fields that attack, and a message whose end two readers may see at different places
/// (RFC 9112, section 11.2).
fn fields(headers: &[(&[u8], &[u8])], events: &mut dyn Events) {
    let (mut lengths, mut codings, mut hosts) = (0, 0, 0);
    for (name, value) in headers {
        exploit(value, events);
        if !text::is_graphic(name) {
            risk(events, Risk::SuspiciousHeader, name);
        }
        match name.len() {
            4 => hosts += usize::from(name.eq_ignore_ascii_case(b"host")),
            14 => lengths += usize::from(name.eq_ignore_ascii_case(b"content-length")),
            17 => codings += usize::from(name.eq_ignore_ascii_case(b"transfer-encoding")),
            _ => {}
        }
    }
    if lengths > 0 && codings > 0 {
        risk(
            events,
            Risk::SuspiciousHeader,
            b"Content-Length and Transfer-Encoding",
        );
    } else if lengths > 1 {
        risk(events, Risk::SuspiciousHeader, b"several Content-Length");
    } else if hosts > 1 {
        risk(events, Risk::SuspiciousHeader, b"several Host");
    }
}

/// A look-up of Log4j in what a client sends. What stands before it is not told: it may be anybody's.
fn exploit(data: &[u8], events: &mut dyn Events) {
    if let Some(evidence) = lookup::jndi(data) {
        risk(events, Risk::Exploit, &evidence);
    }
}

/// Whether a host is an address. Most names hold a letter that no address has, near their start.
fn is_address(name: &[u8]) -> bool {
    name.iter()
        .all(|&byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'))
        && std::str::from_utf8(name).is_ok_and(|name| name.parse::<IpAddr>().is_ok())
}

fn credentials(value: &[u8], method: &'static str, events: &mut dyn Events) {
    let (scheme, rest) = text::word(value);
    if scheme.eq_ignore_ascii_case(b"basic") {
        let decoded = auth::base64(rest.trim_ascii());
        let user = decoded
            .split(|&byte| byte == b':')
            .next()
            .unwrap_or_default();
        events.event(Event::Login(Login {
            user,
            method,
            success: None,
            cleartext: true,
        }));
    } else if scheme.eq_ignore_ascii_case(b"digest")
        && let Some(user) = parameter(rest, b',', b"username")
    {
        events.event(Event::Login(Login {
            user,
            method: "digest",
            success: None,
            cleartext: false,
        }));
    } else if (scheme.eq_ignore_ascii_case(b"ntlm") || scheme.eq_ignore_ascii_case(b"negotiate"))
        && let Some(Ntlm::Authenticate(client)) = ntlmssp::find(&auth::base64(rest.trim_ascii()))
        && !client.user.is_empty()
    {
        events.event(Event::Login(Login {
            user: ntlmssp::account(&client.domain, &client.user).as_bytes(),
            method: "NTLM",
            success: None,
            cleartext: false,
        }));
    }
}

/// Whether a user's name is the one of FTP by which everybody is let in (RFC 1635).
fn is_nobody(user: &[u8]) -> bool {
    user.eq_ignore_ascii_case(b"anonymous")
}

/// Servers whose versions get no fixes any more: name, and the first version (major, minor)
/// that still does.
const SUPPORTED: &[(&[u8], (u64, u64))] = &[
    (b"Apache/", (2, 4)),
    (b"nginx/", (1, 18)),
    (b"Microsoft-IIS/", (8, 5)),
    (b"lighttpd/", (1, 4)),
    (b"Apache-Coyote/", (1, 2)),
];

fn is_obsolete(server: &[u8]) -> bool {
    SUPPORTED.iter().any(|(name, since)| {
        let Some(version) = server.strip_prefix(*name) else {
            return false;
        };
        let mut parts = version
            .split(|byte| !byte.is_ascii_digit())
            .map(text::number);
        match (parts.next().flatten(), parts.next().flatten()) {
            (Some(major), Some(minor)) => (major, minor) < *since,
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems() {
        let agent = b"Mozilla/5.0 (Linux; Android 9; SM-G960F Build/PPR1) AppleWebKit/537.36";
        assert_eq!(
            platform(agent),
            Some((&b"Android 9"[..], Some(&b"SM-G960F"[..])))
        );
        let agent = b"Mozilla/5.0 (iPhone; CPU iPhone OS 13_3 like Mac OS X) AppleWebKit/605.1.15";
        assert_eq!(platform(agent), Some((&b"iPhone OS 13_3"[..], None)));
        let agent = b"Mozilla/5.0 (Windows NT 10.0; Win64; x64)";
        assert_eq!(platform(agent), Some((&b"Windows NT 10.0"[..], None)));
        assert_eq!(platform(b"curl/7.1"), None);
    }

    #[test]
    fn old_servers() {
        assert!(is_obsolete(b"Apache/2.2.3 (CentOS)"));
        assert!(!is_obsolete(b"Apache/2.4.57"));
        assert!(!is_obsolete(b"Apache"));
        assert!(is_obsolete(b"nginx/1.4.6"));
        assert!(!is_obsolete(b"nginx/1.25.1"));
        assert!(is_obsolete(b"Microsoft-IIS/6.0"));
    }
}
