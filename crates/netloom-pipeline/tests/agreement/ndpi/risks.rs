//! Risks of flows.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use netloom_flow::FlowRecord;

use super::line::Line;

/// nDPI's risks and netloom's, or why there is none.
const NAMES: &[(&str, Result<&str, &str>)] = &[
    (
        "ALPN/SNI Mismatch",
        Err("none: what a name and an ALPN have to do with each other is a table of nDPI's"),
    ),
    ("Binary App Transfer", Ok("binary_transfer")),
    ("Binary File/Data Transfer (Attempt)", Ok("binary_transfer")),
    ("Clear-Text Credentials", Ok("cleartext_credentials")),
    (
        "Crawler/Bot",
        Err("none: a robot that says who it is, is no risk"),
    ),
    ("Desktop/File Sharing", Ok("remote_desktop")),
    ("Error Code", Ok("error_code")),
    (
        "Fully Encrypted Flow",
        Err("none: no protocol is known by looking like noise"),
    ),
    (
        "Malicious Fingerpint",
        Err("none: lists of fingerprints are no part of netloom"),
    ),
    ("Minor Issues", Err("none")),
    ("Non-Printable/Invalid Chars Detected", Ok("suspicious_dns")),
    (
        "Obfuscated Traffic",
        Err("none: what nDPI guesses from lengths"),
    ),
    (
        "TLS (probably) Not Carrying HTTPS",
        Err("none: most TLS without ALPN is what it seems, and `alpn` is a column"),
    ),
    ("HTTP Obsolete Server", Ok("obsolete_server")),
    ("HTTP Susp Content", Ok("suspicious_content")),
    ("HTTP Susp Header", Ok("suspicious_header")),
    ("HTTP Susp User-Agent", Ok("suspicious_user_agent")),
    ("HTTP/TLS/QUIC Numeric Hostname/SNI", Ok("numeric_host")),
    ("IDN Domain Name", Ok("idn_homograph")),
    ("Known Proto on Non Std Port", Ok("non_standard_port")),
    ("Malformed Packet", Ok("malformed_packet")),
    ("Missing SNI TLS Extn", Ok("tls_without_sni")),
    ("Obsolete TLS (v1.1 or older)", Ok("obsolete_tls")),
    ("Possible Exploit Attempt", Ok("exploit")),
    ("Risky Domain Name", Ok("risky_domain")),
    ("SMB Insecure Vers", Ok("obsolete_smb")),
    ("SQL Injection", Ok("suspicious_url")),
    ("Self-signed Cert", Ok("certificate_self_signed")),
    ("Susp DGA Domain name", Ok("dga_domain")),
    ("Susp DNS Traffic", Ok("suspicious_dns")),
    (
        "Susp Entropy",
        Err("none: its bounds take texts and pings for programs"),
    ),
    ("TCP Connection Issues", Ok("tcp_issues")),
    ("TLS Cert About To Expire", Ok("certificate_expiring")),
    ("TLS Cert Expired", Ok("certificate_expired")),
    ("TLS Cert Mismatch", Ok("certificate_mismatch")),
    (
        "TLS Cert Validity Too Long",
        Ok("certificate_long_validity"),
    ),
    ("Unidirectional Traffic", Ok("unidirectional")),
    ("Unsafe Protocol", Ok("unsafe_protocol")),
    ("Weak TLS Cipher", Ok("weak_cipher")),
    ("XSS Attack", Ok("suspicious_url")),
];

/// Flows with a risk.
#[derive(Default, Clone, Copy)]
struct Counts {
    theirs: u32,
    both: u32,
    /// By netloom alone.
    ours: u32,
}

#[derive(Default)]
pub(super) struct Risks(BTreeMap<String, Counts>);

impl Risks {
    pub(super) fn line(&mut self, line: &Line, found: &[&FlowRecord]) {
        let has = |risk: &str| {
            found.iter().any(|flow| {
                let app = flow.app.iter();
                app.flat_map(|app| &app.risks)
                    .any(|(known, _)| known.name() == risk)
            })
        };
        for risk in &line.risks {
            let counts = self.0.entry(risk.clone()).or_default();
            counts.theirs += 1;
            let ours = NAMES.iter().find(|(name, _)| name == risk);
            if let Some((_, Ok(ours))) = ours
                && has(ours)
            {
                counts.both += 1;
            }
        }
        for (theirs, ours) in NAMES {
            if let Ok(ours) = ours
                && !line.risks.iter().any(|risk| risk == theirs)
                && has(ours)
            {
                self.0.entry((*theirs).to_owned()).or_default().ours += 1;
            }
        }
    }

    pub(super) fn page(&self) -> String {
        let mut page = String::from(
            "## Risks\n\nFlows that have a risk in nDPI, those of them that have it in netloom, \
             too, and flows that have it in netloom alone.\n\n\
             | nDPI | netloom | flows | both | netloom alone |\n|---|---|---:|---:|---:|\n",
        );
        for (risk, counts) in &self.0 {
            let ours = match NAMES.iter().find(|(name, _)| name == risk) {
                Some((_, Ok(ours))) => format!("`{ours}`"),
                Some((_, Err(why))) => (*why).to_owned(),
                None => "none".to_owned(),
            };
            let _ = writeln!(
                page,
                "| {risk} | {ours} | {} | {} | {} |",
                counts.theirs, counts.both, counts.ours
            );
        }
        page.push('\n');
        page
    }
}
