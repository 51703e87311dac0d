//! What names, certificates and contents tell that a person should notice first.

use super::{count, listed};
use crate::report::model::{Certificate, Report, RiskExample, RiskSummary};
use crate::report::{text, units, words};

/// Share of DNS queries without an answer that is worth saying, of at least so many.
const UNANSWERED: (f64, u64) = (0.2, 10);
/// Share of DNS answers with an error that is worth saying, of at least so many.
const DNS_ERRORS: (f64, u64) = (0.5, 20);
/// Share of bytes without a name that is worth saying, of at least so many bytes.
const NAMELESS: (f64, u64) = (0.5, 100_000);
/// Columns of a text from a packet that a finding quotes.
const QUOTED_MAX: usize = 60;
/// Protocols whose own findings tell of the credentials that they carry.
const TELL_OF_LOGINS: [&str; 6] = [
    "telnet",
    "http login",
    "ftp",
    "rlogin/rsh",
    "mail login",
    "snmp",
];

/// Risks that are findings: key, what it means, what to do.
const WORTH_SAYING: [(&str, &str, &str); 12] = [
    (
        "exploit",
        "A message has the shape of a known attack.",
        "Look at the flow, and at what its target did afterwards.",
    ),
    (
        "suspicious_url",
        "Addresses of pages carry commands or paths that no link would have.",
        "See in the server's log whether it gave what was asked for.",
    ),
    (
        "binary_transfer",
        "Anybody on the way could have put another program in its place.",
        "Download over HTTPS, and check the program's signature.",
    ),
    (
        "certificate_mismatch",
        "The server showed a certificate of another name.",
        "A wrong configuration, or somebody in between: compare the certificate.",
    ),
    (
        "dga_domain",
        "Names like these are made by programs; malware finds its masters so.",
        "See which program on the asking device looks for them.",
    ),
    (
        "mining",
        "Computing power is turned into coins.",
        "If nobody meant to, a stranger's program runs on that device.",
    ),
    (
        "anonymizer",
        "Traffic goes through a network that hides where it comes from and goes to.",
        "Wanted by some people, and by some malware.",
    ),
    (
        "idn_homograph",
        "Letters of several alphabets make a name look like another.",
        "Do not enter a password there.",
    ),
    (
        "suspicious_user_agent",
        "The program that asked names itself as an attack tool does, or carries code in its name.",
        "See who runs it.",
    ),
    (
        "suspicious_content",
        "What was sent is not of the type that it claims to be.",
        "Look at the file before anybody opens it.",
    ),
    (
        "obsolete_ssh",
        "The SSH version or its ciphers have known weaknesses.",
        "Update the server or the client.",
    ),
    (
        "certificate_not_yet_valid",
        "A certificate is from the future.",
        "A clock is wrong, the server's or that of the capture.",
    ),
];

pub(super) fn named(report: &Report, say: &mut impl FnMut(&str, String, String)) {
    credentials(report, say);
    certificates(report, say);
    tls(report, say);
    for (key, why, instead) in WORTH_SAYING {
        if let Some(risk) = risk(report, key) {
            say(
                &risk.severity,
                format!(
                    "{} in {}{}",
                    risk.title,
                    count(risk.flows, "flow"),
                    who(risk.examples.first(), risk.flows)
                ),
                format!("{why} {}{instead}", seen(&risk.examples)),
            );
        }
    }
    dns(report, say);
    nameless(report, say);
}

fn risk<'a>(report: &'a Report, key: &str) -> Option<&'a RiskSummary> {
    report.risks.iter().find(|risk| risk.risk == key)
}

/// `, 10.0.0.1 to www.example`; of several flows the one with the most bytes.
fn who(example: Option<&RiskExample>, flows: u64) -> String {
    example.map_or_else(String::new, |example| {
        let such = if flows > 1 { "such as " } else { "" };
        let to = example.server_name.as_ref().unwrap_or(&example.dst);
        format!(", {such}{} to {}", example.src, quoted(to))
    })
}

/// What was seen, each thing once: `Seen: a, b and 3 more. `.
fn seen(examples: &[RiskExample]) -> String {
    let mut details: Vec<String> = Vec::new();
    for example in examples {
        let detail = quoted(&example.detail);
        if !detail.is_empty() && !details.contains(&detail) {
            details.push(detail);
        }
    }
    if details.is_empty() {
        String::new()
    } else {
        format!("Seen: {}. ", listed(&details, ", "))
    }
}

fn quoted(content: &str) -> String {
    text::cut_end(content, QUOTED_MAX, "…")
}

/// Credentials of protocols that have no finding of their own.
fn credentials(report: &Report, say: &mut impl FnMut(&str, String, String)) {
    let Some(risk) = risk(report, "cleartext_credentials") else {
        return;
    };
    let told: Vec<_> = report
        .risky
        .iter()
        .filter(|risky| TELL_OF_LOGINS.contains(&risky.protocol.as_str()))
        .collect();
    let told_flows = told
        .iter()
        .fold(0_u64, |sum, risky| sum.saturating_add(risky.flows));
    let further = risk.flows.saturating_sub(told_flows);
    if further == 0 {
        return;
    }
    let is_told = |example: &RiskExample| {
        told.iter().flat_map(|risky| &risky.pairs).any(|pair| {
            let server = match pair.dst.parse() {
                Ok(ip) => std::net::SocketAddr::new(ip, pair.dst_port).to_string(),
                Err(_) => return false,
            };
            pair.src == example.src && server == example.dst
        })
    };
    let examples: Vec<RiskExample> = risk
        .examples
        .iter()
        .filter(|example| !is_told(example))
        .cloned()
        .collect();
    let more = if told_flows > 0 { "further " } else { "" };
    say(
        &risk.severity,
        format!(
            "{} in {}{}",
            risk.title,
            count(further, &format!("{more}flow")),
            who(examples.first(), further)
        ),
        format!(
            "Anybody on the way could read them. {}Change them, and encrypt the protocol that carries them.",
            seen(&examples)
        ),
    );
}

fn certificates(report: &Report, say: &mut impl FnMut(&str, String, String)) {
    let of_state = |state: &str| -> Vec<&Certificate> {
        report
            .tls
            .expiring
            .iter()
            .filter(|certificate| certificate.state == state)
            .collect()
    };
    let names = |list: &[&Certificate]| {
        let names: Vec<String> = list
            .iter()
            .map(|c| format!("{} ({})", quoted(&c.server), words::validity(c)))
            .collect();
        listed(&names, ", ")
    };
    let expired = of_state("expired");
    if let Some(first) = expired.first() {
        say(
            "high",
            match expired.len() {
                1 => format!("The certificate of {} has expired", quoted(&first.server)),
                several => format!("{} have expired", count(several as u64, "certificate")),
            },
            format!(
                "{}. Clients that accept them accept anybody's: renew them.",
                names(&expired)
            ),
        );
    }
    let expiring = of_state("expiring");
    if let Some(first) = expiring.first() {
        say(
            "low",
            match expiring.len() {
                1 => format!("The certificate of {} ends soon", quoted(&first.server)),
                several => format!("{} end soon", count(several as u64, "certificate")),
            },
            format!("{}, counted from the capture.", names(&expiring)),
        );
    }
}

/// Old versions and weak ciphers are one finding: the same servers have both.
fn tls(report: &Report, say: &mut impl FnMut(&str, String, String)) {
    let version = risk(report, "obsolete_tls");
    let cipher = risk(report, "weak_cipher");
    let (title, first) = match (version, cipher) {
        (Some(version), None) => ("Obsolete TLS", version),
        (None, Some(cipher)) => ("Weak TLS ciphers", cipher),
        (Some(version), Some(_)) => ("Obsolete TLS and weak ciphers", version),
        (None, None) => return,
    };
    let flows = [version, cipher]
        .into_iter()
        .flatten()
        .map(|risk| risk.flows)
        .max()
        .unwrap_or(0);
    let examples: Vec<RiskExample> = [version, cipher]
        .into_iter()
        .flatten()
        .flat_map(|risk| risk.examples.iter().cloned())
        .collect();
    say(
        &first.severity,
        format!(
            "{title} in {}{}",
            count(flows, "flow"),
            who(first.examples.first(), flows)
        ),
        format!(
            "What is older than TLS 1.2, or encrypted weakly, can be read with some effort. {}Update the older side.",
            seen(&examples)
        ),
    );
}

fn dns(report: &Report, say: &mut impl FnMut(&str, String, String)) {
    let dns = &report.dns;
    let unanswered = dns.queries.saturating_sub(dns.answered);
    if unanswered >= UNANSWERED.1 && unanswered as f64 >= UNANSWERED.0 * dns.queries as f64 {
        let worst = dns
            .servers
            .iter()
            .max_by_key(|server| server.queries.saturating_sub(server.answered));
        say(
            "medium",
            format!(
                "{} of {} had no answer",
                units::count(unanswered),
                queries(dns.queries)
            ),
            worst.map_or_else(String::new, |server| {
                format!(
                    "{} answered {} of {}. A server that is down, a firewall, or a capture of one direction.",
                    server.address,
                    units::count(server.answered),
                    queries(server.queries)
                )
            }),
        );
    }
    if dns.failures >= DNS_ERRORS.1 && dns.failures as f64 >= DNS_ERRORS.0 * dns.answered as f64 {
        let names: Vec<String> = dns
            .failed_names
            .iter()
            .map(|name| format!("{} ({})", quoted(&name.name), name.rcode))
            .collect();
        say(
            "low",
            format!(
                "{} of {} were errors",
                units::count(dns.failures),
                count(dns.answered, "DNS answer")
            ),
            format!("Most often: {}.", listed(&names, ", ")),
        );
    }
}

fn queries(number: u64) -> String {
    units::counted(number, "DNS query", "DNS queries")
}

fn nameless(report: &Report, say: &mut impl FnMut(&str, String, String)) {
    let Some(named) = report.named_share.filter(|share| share.is_finite()) else {
        return;
    };
    if report.bytes >= NAMELESS.1 && 1.0 - named >= NAMELESS.0 {
        say(
            "info",
            format!("{} of the traffic has no name", units::share(1.0 - named)),
            "No handshake, request or DNS answer in the capture names its servers: it began later, or the protocol has no names.".to_owned(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::findings;
    use super::*;
    use crate::report::model::{Dns, DnsServer, Finding, Risky, RiskyPair, Tls};

    fn example(detail: &str) -> RiskExample {
        RiskExample {
            src: "10.0.0.1".into(),
            dst: "10.0.0.2:389".into(),
            detail: detail.into(),
            ..RiskExample::default()
        }
    }

    fn risk(key: &str, severity: &str, flows: u64, examples: Vec<RiskExample>) -> RiskSummary {
        RiskSummary {
            risk: key.into(),
            title: "Title".into(),
            severity: severity.into(),
            flows,
            examples,
        }
    }

    fn titles(report: &Report) -> Vec<String> {
        findings(report).into_iter().map(|f| f.title).collect()
    }

    #[test]
    fn a_login_is_said_once() {
        let telnet = |flows| Risky {
            protocol: "telnet".into(),
            label: "Telnet".into(),
            severity: "high".into(),
            flows,
            pairs: vec![RiskyPair {
                src: "10.0.0.1".into(),
                dst: "10.0.0.2".into(),
                dst_port: 23,
                flows,
                ..RiskyPair::default()
            }],
            ..Risky::default()
        };
        let with = |flows| Report {
            risky: vec![telnet(2)],
            risks: vec![risk(
                "cleartext_credentials",
                "high",
                flows,
                vec![
                    RiskExample {
                        dst: "10.0.0.2:23".into(),
                        ..example("telnet, user anna")
                    },
                    example("simple bind, user ben"),
                ],
            )],
            ..Report::default()
        };
        assert_eq!(titles(&with(2)).len(), 1);
        let said = findings(&with(3));
        assert_eq!(said.len(), 2);
        assert_eq!(
            said[1].title,
            "Title in 1 further flow, 10.0.0.1 to 10.0.0.2:389"
        );
        assert!(said[1].detail.contains("ben") && !said[1].detail.contains("anna"));
    }

    #[test]
    fn many_risks_of_a_kind_are_one_finding() {
        let report = Report {
            risks: vec![
                risk("obsolete_tls", "medium", 4, vec![example("TLSv10"); 9]),
                risk(
                    "weak_cipher",
                    "medium",
                    7,
                    vec![example("TLS_RSA_WITH_RC4_128_MD5")],
                ),
                risk("dga_domain", "medium", 1, vec![example("xjwqpzkvbn.com")]),
                risk("tls_without_sni", "info", 100, Vec::new()),
            ],
            ..Report::default()
        };
        let said: Vec<Finding> = findings(&report);
        assert_eq!(said.len(), 2, "{said:#?}");
        assert_eq!(
            said[0].title,
            "Obsolete TLS and weak ciphers in 7 flows, such as 10.0.0.1 to 10.0.0.2:389"
        );
        assert!(
            said[0]
                .detail
                .contains("Seen: TLSv10, TLS_RSA_WITH_RC4_128_MD5. ")
        );
        assert_eq!(said[1].title, "Title in 1 flow, 10.0.0.1 to 10.0.0.2:389");
    }

    #[test]
    fn certificates_that_end_are_named() {
        let certificate = |server: &str, state: &str, days_left| Certificate {
            server: server.into(),
            state: state.into(),
            days_left,
            ..Certificate::default()
        };
        let report = Report {
            tls: Tls {
                expiring: vec![
                    certificate("a.example", "expired", -400),
                    certificate("b.example", "expired", -3),
                    certificate("c.example", "expiring", 3),
                ],
                ..Tls::default()
            },
            ..Report::default()
        };
        let said = findings(&report);
        assert_eq!(said[0].title, "2 certificates have expired");
        assert!(
            said[0]
                .detail
                .starts_with("a.example (expired 400 days ago)")
        );
        assert_eq!(said[1].title, "The certificate of c.example ends soon");
        assert_eq!(
            said[1].detail,
            "c.example (3 days left), counted from the capture."
        );
    }

    #[test]
    fn resolvers_that_are_silent_are_named() {
        let report = |answered| Report {
            dns: Dns {
                queries: 100,
                answered,
                servers: vec![DnsServer {
                    address: "10.0.0.53".into(),
                    queries: 100,
                    answered,
                    median_ms: None,
                }],
                ..Dns::default()
            },
            ..Report::default()
        };
        assert_eq!(titles(&report(81)), Vec::<String>::new());
        assert_eq!(titles(&report(80)), ["20 of 100 DNS queries had no answer"]);
    }

    #[test]
    fn traffic_without_names_is_said() {
        let report = |named_share| Report {
            bytes: 1_000_000,
            named_share,
            ..Report::default()
        };
        assert!(titles(&report(None)).is_empty());
        assert!(titles(&report(Some(0.6))).is_empty());
        assert_eq!(
            titles(&report(Some(0.25))),
            ["75 % of the traffic has no name"]
        );
    }
}
