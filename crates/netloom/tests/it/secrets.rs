//! No password is shown, wherever in a capture it stands.

use std::fs;
use std::path::Path;

use netloom::decode::app::text::hex;
use netloom::tables::TableName;

use crate::common::{pcap, pcap_packet, stdout};

/// What must never be seen; it holds nothing that any coding of URIs changes.
const SECRET: &str = "Hunter2SecretPw";
/// The user, who is.
const USER: &str = "bobby";

/// A capture of raw IP packets: classic pcap, microseconds.
struct Capture {
    file: Vec<u8>,
    client_port: u16,
    packets: u32,
}

/// Each direction's bytes, in their order; whether the client's.
type Said = Vec<(bool, Vec<u8>)>;

impl Capture {
    fn new() -> Self {
        Self {
            file: pcap(101),
            client_port: 40_000,
            packets: 0,
        }
    }

    fn packet(&mut self, from_client: bool, protocol: u8, segment: &[u8]) {
        let (src, dst) = if from_client { (1, 2) } else { (2, 1) };
        let len = 20 + segment.len();
        self.packets += 1;
        let mut packet = vec![0x45, 0];
        packet.extend((len as u16).to_be_bytes());
        packet.extend([
            0, 0, 0, 0, 64, protocol, 0, 0, 192, 0, 2, src, 192, 0, 2, dst,
        ]);
        packet.extend(segment);
        let seconds = u64::from(1_700_000_000 + self.packets);
        pcap_packet(&mut self.file, seconds * 1_000_000, &packet);
    }

    /// A connection to a port, whole.
    fn tcp(&mut self, port: u16, said: Said) {
        self.client_port += 1;
        let ports = [self.client_port, port];
        let mut next = [1_000_u32, 9_000];
        let mut segment = |capture: &mut Self, from_client: bool, flags: u8, data: &[u8]| {
            let side = usize::from(!from_client);
            let mut segment = ports[side].to_be_bytes().to_vec();
            segment.extend(ports[1 - side].to_be_bytes());
            segment.extend(next[side].to_be_bytes());
            segment.extend(next[1 - side].to_be_bytes());
            segment.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
            segment.extend(data);
            next[side] += data.len() as u32 + u32::from(flags & 3 != 0);
            capture.packet(from_client, 6, &segment);
        };
        segment(self, true, 2, b"");
        segment(self, false, 0x12, b"");
        segment(self, true, 0x10, b"");
        for (from_client, data) in said {
            segment(self, from_client, 0x18, &data);
        }
        segment(self, true, 0x11, b"");
        segment(self, false, 0x11, b"");
    }

    fn udp(&mut self, port: u16, data: &[u8]) {
        self.client_port += 1;
        let mut datagram = self.client_port.to_be_bytes().to_vec();
        datagram.extend(port.to_be_bytes());
        datagram.extend((8 + data.len() as u16).to_be_bytes());
        datagram.extend([0, 0]);
        datagram.extend(data);
        self.packet(true, 17, &datagram);
    }

    fn write(&self, path: &Path) {
        fs::write(path, &self.file).unwrap();
    }
}

/// With `USER`, `SECRET` and what is made of them put in.
fn filled(text: &str) -> Vec<u8> {
    let plain = base64(format!("\0{USER}\0{SECRET}").as_bytes());
    let basic = base64(format!("{USER}:{SECRET}").as_bytes());
    let bearer = base64(format!("user={USER}\x01auth=Bearer {SECRET}\x01\x01").as_bytes());
    text.replace("PLAIN64", &plain)
        .replace("BEARER64", &bearer)
        .replace("BASIC64", &basic)
        .replace("USER64", &base64(USER.as_bytes()))
        .replace("SECRET64", &base64(SECRET.as_bytes()))
        .replace("USERNAME", USER)
        .replace("SECRET", SECRET)
        .into_bytes()
}

/// Lines such as `> client` and `< server`, with line ends of the network, in segments.
fn lines(text: &str) -> Said {
    text.lines()
        .filter_map(|line| line.trim_start().split_once(' '))
        .map(|(side, line)| (side == ">", filled(&format!("{line}\r\n"))))
        .collect()
}

/// Requests by HTTP, each a head as lines, with empty answers that may have a header field.
fn http(exchanges: &[(&str, &str)]) -> Said {
    let mut said = Vec::new();
    for (request, field) in exchanges {
        said.push((
            true,
            filled(
                &format!("{request}\r\n\r\n")
                    .replace('\n', "\r\n")
                    .replace("\r\r", "\r"),
            ),
        ));
        let answer = format!("HTTP/1.1 200 OK\r\n{field}Content-Length: 0\r\n\r\n");
        said.push((false, filled(&answer)));
    }
    said
}

/// A POST with a body of a type.
fn post(kind: &str, body: &str) -> Said {
    let body = filled(body);
    let mut request = format!(
        "POST /in HTTP/1.1\r\nHost: h.example\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend(body);
    vec![
        (true, request),
        (
            false,
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(),
        ),
    ]
}

/// RFC 4648.
fn base64(data: &[u8]) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in data.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for index in 0..4 {
            if index <= chunk.len() {
                let digit = (bits >> (18 - 6 * index) & 63) as usize;
                out.push(digits[digit].into());
            } else {
                out.push('=');
            }
        }
    }
    out
}

/// A packet of MySQL.
fn mysql(sequence: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = (body.len() as u32).to_le_bytes().to_vec();
    packet[3] = sequence;
    packet.extend(body);
    packet
}

/// A frame of Cassandra's protocol, version 4.
fn cassandra(version: u8, opcode: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![version, 0, 0, 1, opcode];
    frame.extend((body.len() as u32).to_be_bytes());
    frame.extend(body);
    frame
}

/// Logins, each a conversation in which user and password cross readably.
fn logins() -> Vec<(&'static str, u16, Said)> {
    let greeting = [
        &b"\x0a8.0.33\0\x07\0\0\0saltsalt\0\xff\xf7\x21\x02\0\xff\x81\x15"[..],
        &[0; 10],
        b"saltsaltsalt\0mysql_clear_password\0",
    ]
    .concat();
    let mut hello = 0x0008_8208_u32.to_le_bytes().to_vec();
    hello.extend([0, 0, 0, 1, 33]);
    hello.extend([0; 23]);
    hello.extend(filled("USERNAME\0"));
    hello.push(SECRET.len() as u8 + 1);
    hello.extend(filled("SECRET\0db\0mysql_clear_password\0"));
    let token = filled("\0USERNAME\0SECRET");
    let token = [&(token.len() as u32).to_be_bytes()[..], &token].concat();
    vec![
        (
            "query",
            80,
            http(&[(
                "GET /in?user=USERNAME&password=SECRET HTTP/1.1\nHost: h.example",
                "",
            )]),
        ),
        (
            "query, coded",
            80,
            http(&[(
                "GET /in?us%65r=USERNAME&pass%77ord=SECRET HTTP/1.1\nHost: h.example",
                "",
            )]),
        ),
        (
            "query within a query",
            80,
            http(&[(
                "GET /?to=%2Fin%3Fuser%3DUSERNAME%26pwd%3DSECRET HTTP/1.1\nHost: h.example",
                "",
            )]),
        ),
        (
            "proxy",
            3128,
            http(&[(
                "GET ftp://USERNAME:SECRET@f.example/a HTTP/1.1\nHost: USERNAME:SECRET@f.example",
                "",
            )]),
        ),
        (
            "tunnel",
            3128,
            vec![
                (
                    true,
                    filled("CONNECT USERNAME:SECRET@h.example:443 HTTP/1.1\r\n\r\n"),
                ),
                (
                    false,
                    b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n".to_vec(),
                ),
            ],
        ),
        (
            "basic",
            80,
            http(&[(
                "GET / HTTP/1.1\nHost: h.example\nAuthorization: Basic BASIC64",
                "",
            )]),
        ),
        (
            "form",
            80,
            post(
                "application/x-www-form-urlencoded",
                "u%5Bemail%5D=USERNAME&u%5Bpassword%5D=SECRET",
            ),
        ),
        (
            "json",
            80,
            post(
                "application/json",
                r#"{"username":"USERNAME","password":"SECRET"}"#,
            ),
        ),
        (
            "rtsp",
            554,
            lines(
                "> OPTIONS rtsp://USERNAME:SECRET@h.example/a RTSP/1.0\n> \n< RTSP/1.0 200 OK\n< ",
            ),
        ),
        (
            "ftp",
            21,
            lines(
                "< 220 x FTP\n> USER USERNAME\n< 331 ok\n> PASS SECRET\n< 530 Not SECRET\n> PASS SECRET\n< 230 ok\n> ACCT SECRET\n< 230 ok\n> SITE CHPASS SECRET\n< 200 ok",
            ),
        ),
        (
            "pop3",
            110,
            lines("< +OK x\n> USER USERNAME\n< +OK\n> PASS SECRET\n< +OK"),
        ),
        (
            "pop3, login",
            110,
            lines(
                "< +OK x\n> AUTH LOGIN\n< + VXNlcm5hbWU6\n> USER64\n< + UGFzc3dvcmQ6\n> SECRET64\n< +OK",
            ),
        ),
        (
            "pop3, plain",
            110,
            lines("< +OK x\n> AUTH PLAIN PLAIN64\n< +OK"),
        ),
        (
            "imap",
            143,
            lines("< * OK IMAP4rev1\n> a LOGIN USERNAME SECRET\n< a OK"),
        ),
        (
            "imap, literals",
            143,
            lines(
                "< * OK IMAP4rev1\n> a LOGIN {5}\n< + go\n> USERNAME {15}\n< + go\n> SECRET\n< a OK",
            ),
        ),
        (
            "imap, plain",
            143,
            lines("< * OK IMAP4rev1\n> a AUTHENTICATE PLAIN\n< +\n> PLAIN64\n< a OK"),
        ),
        (
            "smtp",
            25,
            lines("< 220 h ESMTP\n> EHLO me\n< 250 AUTH PLAIN\n> AUTH PLAIN PLAIN64\n< 235 ok"),
        ),
        (
            "smtp, token",
            587,
            lines(
                "< 220 h ESMTP\n> EHLO me\n< 250 AUTH XOAUTH2\n> AUTH XOAUTH2 BEARER64\n< 235 ok",
            ),
        ),
        (
            "imap, token",
            143,
            lines("< * OK IMAP4rev1\n> a AUTHENTICATE XOAUTH2\n< +\n> BEARER64\n< a NO"),
        ),
        (
            "xmpp",
            5222,
            lines(
                "> <stream:stream to='h.example' xmlns='jabber:client'>\n< <stream:stream>\n> <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>PLAIN64</auth>\n< <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            ),
        ),
        (
            "mysql",
            3306,
            vec![
                (false, mysql(0, &greeting)),
                (true, mysql(1, &hello)),
                (false, mysql(2, &[0, 0, 0, 2, 0, 0, 0])),
            ],
        ),
        (
            "cassandra",
            9042,
            vec![
                (true, cassandra(4, 1, b"\0\x01\0\x0bCQL_VERSION\0\x053.0.0")),
                (
                    false,
                    cassandra(
                        0x84,
                        3,
                        b"\0\x2forg.apache.cassandra.auth.PasswordAuthenticator",
                    ),
                ),
                (true, cassandra(4, 15, &token)),
                (false, cassandra(0x84, 16, b"\xff\xff\xff\xff")),
            ],
        ),
    ]
}

/// Where a password is said again, or where nobody asked for it.
fn others(capture: &mut Capture) {
    capture.tcp(80, http(&[
        ("GET /a HTTP/1.1\nHost: h.example\nReferer: http://h.example/in?password=SECRET", "Location: /in?pwd=SECRET\r\n"),
        ("GET /b HTTP/1.1\nHost: h.example\nReferer: http://USERNAME:SECRET@h.example/\nOrigin: http://USERNAME:SECRET@h.example", "Location: http://USERNAME:SECRET@h.example/\r\n"),
        // Told as attacks, with evidence.
        ("GET /in?password=SECRET&f=../../etc/passwd HTTP/1.1\nHost: h.example", ""),
        ("GET /in?password=SECRET&f=${jndi:ldap://h/a} HTTP/1.1\nHost: h.example\nX-A: SECRET ${jndi:ldap://h/a}", ""),
    ]));
    // A name of a server, and of hosts, too.
    capture.tcp(
        80,
        http(&[("GET / HTTP/1.1\nHost: USERNAME:SECRET@h.example:80", "")]),
    );
    let sip = "INVITE sip:USERNAME:SECRET@h.example SIP/2.0\r\nFrom: <sip:a:SECRET@h.example>\r\nTo: sip:b:SECRET@h.example\r\nCall-ID: 1\r\n\r\n";
    capture.udp(5060, &filled(sip));
    let ssdp = "NOTIFY * HTTP/1.1\r\nNT: upnp:rootdevice\r\nLOCATION: http://USERNAME:SECRET@192.0.2.1/?pwd=SECRET\r\n\r\n";
    capture.udp(1900, &filled(ssdp));
}

/// All columns of a table but the one that is asked for to see what packets carry.
fn all_columns(table: TableName) -> String {
    let names = table.definition().columns.iter().map(|column| column.name);
    names
        .filter(|name| *name != "payload")
        .collect::<Vec<_>>()
        .join(",")
}

#[test]
fn no_password_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.pcap");
    let file = path.to_str().unwrap();
    let logins = logins();
    let mut capture = Capture::new();
    for (_, port, said) in &logins {
        capture.tcp(*port, said.clone());
    }
    others(&mut capture);
    capture.write(&path);

    // Each login is told, with its user.
    let facts = stdout(&[
        "query",
        "select src_port, username, array_has(risks, 'cleartext_credentials') from flows order by src_port",
        file,
        "--format",
        "csv",
    ]);
    let expected: Vec<_> = (40_001..)
        .zip(&logins)
        .map(|(port, (name, ..))| format!("{name}: {port},{USER},true"))
        .collect();
    let told: Vec<_> = facts
        .lines()
        .skip(1)
        .zip(&logins)
        .map(|(line, (name, ..))| format!("{name}: {line}"))
        .collect();
    assert_eq!(told, expected);

    let html = folder.path().join("page.html");
    let mut shown = vec![
        (
            "report".to_owned(),
            stdout(&["report", file, "--html", html.to_str().unwrap()]),
        ),
        (
            "report as JSON".to_owned(),
            stdout(&["report", file, "--json", "-"]),
        ),
    ];
    shown.push(("page".to_owned(), fs::read_to_string(&html).unwrap()));
    for table in TableName::ALL {
        let columns = all_columns(table);
        let arguments = ["export", table.name(), file, "--columns", &columns];
        shown.push((table.name().to_owned(), stdout(&arguments)));
    }
    for (profile, tables) in [
        ("simple", "packets"),
        ("nfstream", "flows"),
        ("cic", "flows"),
        ("zeek", "flows"),
        ("zeek", "http"),
        ("eve", "flows"),
        ("eve", "http"),
        ("ecs", "flows"),
        ("ecs", "http"),
    ] {
        let arguments = ["export", tables, file, "--profile", profile];
        shown.push((format!("{profile}, {tables}"), stdout(&arguments)));
    }
    let secrets = [
        SECRET.to_owned(),
        base64(SECRET.as_bytes()).trim_end_matches('=').to_owned(),
        base64(format!("\0{USER}\0{SECRET}").as_bytes()),
        base64(format!("{USER}:{SECRET}").as_bytes()),
        base64(format!("user={USER}\x01auth=Bearer {SECRET}\x01\x01").as_bytes()),
        hex(SECRET.as_bytes()),
    ];
    for (what, text) in &shown {
        for line in text.lines() {
            let leak = secrets.iter().any(|secret| line.contains(secret));
            assert!(!leak, "{what}: {line}");
        }
    }
    // What is masked is there.
    for (what, part) in [
        ("http", "/in?user=bobby&password=***"),
        ("http", "ftp://bobby:***@f.example/a"),
        ("messages", "rtsp://bobby:***@h.example/a"),
        ("packets", "GET /in?us%65r=bobby&pass%77ord=*** HTTP/1.1"),
        ("eve, http", "/in?user=bobby&password=***"),
    ] {
        let text = shown.iter().find(|(name, _)| name == what);
        assert!(text.unwrap().1.contains(part), "{what}: {part}");
    }
}
