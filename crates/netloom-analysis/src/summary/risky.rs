//! Protocols that show what they carry, or that are abused often.

use std::net::IpAddr;

use netloom_pipeline::decode::app::Risk as FlowRisk;
use netloom_pipeline::flow::FlowRecord;
use netloom_pipeline::flow::app::{AppInfo, Confidence};

use crate::report::model::{Risky, RiskyPair};
use crate::summary::groups::Sum;
use netloom_pipeline::bounded::{BoundedTable, Counts};
use netloom_pipeline::compact::Halves;

/// A risk: what it is called, what is wrong, what to do.
#[derive(Debug)]
pub(crate) struct Risk {
    pub(crate) name: &'static str,
    /// What people call it.
    label: &'static str,
    pub(crate) severity: &'static str,
    /// Services (by content) whose flows are at this risk as they are.
    services: &'static [&'static str],
    why: &'static str,
    instead: &'static str,
}

macro_rules! risks {
    ($($name:literal $label:literal $severity:literal [$($service:literal),*] $why:literal => $instead:literal;)*) => {
        &[$(Risk { name: $name, label: $label, severity: $severity, services: &[$($service),*], why: $why, instead: $instead }),*]
    };
}

/// All risks, the worst first.
pub(crate) const RISKS: &[Risk] = risks! {
    "telnet" "Telnet" "high" ["telnet"]
        "Everything typed, passwords included, crosses the network readable."
        => "Use SSH, and switch the Telnet service off.";
    "http login" "HTTP login" "high" []
        "A user name and password were sent over unencrypted HTTP."
        => "Serve the site over HTTPS only, and change the password.";
    "ftp" "FTP" "high" ["ftp"]
        "User name, password and files cross the network readable."
        => "Use SFTP (over SSH) or FTP over TLS.";
    "rlogin/rsh" "rlogin, rsh or rexec" "high" ["rlogin", "rsh", "rexec"]
        "Sessions are readable, and the server trusts the client's address."
        => "Use SSH, and switch the r-services off.";
    "mail login" "Mail login" "high" []
        "A mailbox login was sent without encryption."
        => "Use the TLS ports (IMAPS 993, POP3S 995, submission 465) or require STARTTLS.";
    "smb1" "SMB 1" "high" []
        "SMB version 1 has no protection against tampering and known remote exploits."
        => "Switch SMBv1 off; SMB 3 with signing replaces it.";
    "snmp" "SNMP v1/v2c" "medium" []
        "SNMP versions 1 and 2c send their community string, which is the password, readable."
        => "Use SNMPv3 with authentication and privacy.";
    "tftp" "TFTP" "medium" ["tftp"]
        "Files move without any login or encryption; device configurations often do."
        => "Use SCP, SFTP or HTTPS; keep TFTP to a separate network for booting.";
    "rdp" "Remote Desktop (RDP)" "medium" ["rdp"]
        "Remote Desktop is a favourite target of password guessing and ransomware."
        => "Reach it through a VPN or gateway only, with network-level and two-factor authentication.";
    "vnc" "VNC" "medium" ["vnc", "rfb"]
        "Most VNC sessions are not encrypted, and their passwords are short."
        => "Tunnel it through SSH or a VPN.";
    "x11" "X11" "medium" ["x11"]
        "X11 shows screen and keystrokes to anyone on the path."
        => "Forward X11 over SSH.";
    "ldap" "LDAP" "low" ["ldap"]
        "A simple bind over plain LDAP sends the password readable."
        => "Use LDAPS or StartTLS.";
    "name poisoning" "LLMNR or NetBIOS names" "low" ["llmnr", "nbns"]
        "LLMNR and NetBIOS names are asked of everyone; anyone may answer and collect logins."
        => "Switch LLMNR and NetBIOS name service off and rely on DNS.";
    "database in clear" "Database port" "low" ["redis", "memcached", "mongodb", "mysql", "postgresql"]
        "Database ports were used; by default they do not encrypt."
        => "Require TLS, and let only application servers reach the port.";
    "irc" "IRC" "low" ["irc"]
        "Chat, and often a password, crosses the network readable; malware uses it for control."
        => "Use IRC over TLS (port 6697).";
    "http" "HTTP" "low" ["http", "http-alt"]
        "Pages, addresses and cookies are readable on the way."
        => "Use HTTPS.";
};

/// Risks by a service that TLS within its flows takes nothing from; of the others, it is that all can be
/// read.
const DESPITE_TLS: [&str; 1] = ["rdp"];

/// Services (by content) whose flows are at a risk only where the flow has this one of its own.
const WITH_RISK: [(&[&str], FlowRisk, &str); 4] = [
    (
        &["http", "http_proxy"],
        FlowRisk::CleartextCredentials,
        "http login",
    ),
    (
        &["smtp", "pop3", "imap"],
        FlowRisk::CleartextCredentials,
        "mail login",
    ),
    (&["snmp"], FlowRisk::CleartextCredentials, "snmp"),
    (&["smb"], FlowRisk::ObsoleteSmb, "smb1"),
];

/// What a row of `flows` is told by in SQL, in the order of [`RiskCounter::flow`], and the risk's
/// name. It holds where `confidence` is `content`.
pub(crate) fn conditions() -> impl Iterator<Item = (String, &'static str)> {
    let with_risk = WITH_RISK.iter().map(|(services, risk, name)| {
        let service = is_one_of(services);
        let condition = format!("{service} AND array_has(risks, '{}')", risk.name());
        (condition, *name)
    });
    let by_service = RISKS
        .iter()
        .filter(|risk| !risk.services.is_empty())
        .map(|risk| {
            let service = is_one_of(risk.services);
            let condition = if DESPITE_TLS.contains(&risk.name) {
                service
            } else {
                format!("{service} AND {IS_READABLE}")
            };
            (condition, risk.name)
        });
    with_risk.chain(by_service)
}

/// [`is_readable`] in SQL.
const IS_READABLE: &str = "(carried_services IS NULL OR NOT array_has(carried_services, 'tls') \
    OR array_has(risks, 'cleartext_credentials'))";

/// Whether others can read what matters of a flow: it did not go over to TLS (STARTTLS and the like),
/// or somebody had logged in before.
fn is_readable(app: &AppInfo) -> bool {
    !app.carries("tls") || app.has_risk(FlowRisk::CleartextCredentials)
}

fn is_one_of(services: &[&str]) -> String {
    match services {
        [service] => format!("service = '{service}'"),
        several => format!("service IN ('{}')", several.join("', '")),
    }
}

/// The risk that a service is by itself; `readable`: as [`is_readable`] says of the flow.
fn risk_of_service(service: &str, readable: bool) -> Option<u8> {
    RISKS
        .iter()
        .position(|risk| {
            risk.services.contains(&service) && (readable || DESPITE_TLS.contains(&risk.name))
        })
        .map(|index| index as u8)
}

fn risk_by_name(name: &str) -> Option<u8> {
    RISKS
        .iter()
        .position(|risk| risk.name == name)
        .map(|index| index as u8)
}

/// Who to whom at which port, with which risk.
type RiskKey = (u8, IpAddr, IpAddr, u16);

#[derive(Debug, Default)]
struct RiskCounts {
    /// Flows, packets, bytes; and how bad the risk is, where there is room for it anyway.
    counts: Halves<4>,
    detail: Option<Box<str>>,
}

/// Where of a pair's counts is how bad its risk is.
const GRADE: usize = 3;
/// Bits of a pair's weight below its grade.
const GRADE_SHIFT: u32 = 61;
/// Bytes of what was seen of a pair.
const DETAIL_MAX: usize = 256;

/// How bad a severity is; 0 is the least.
fn grade(severity: &str) -> u64 {
    match severity {
        "high" => 2,
        "medium" => 1,
        _ => 0,
    }
}

impl RiskCounts {
    fn flows(&self) -> u64 {
        self.counts.get(0)
    }

    fn bytes(&self) -> u64 {
        self.counts.get(2)
    }
}

impl Counts for RiskCounts {
    /// The worst stay, however little they carried; of those that are as bad, what carried most.
    fn weight(&self) -> u64 {
        let most = (1 << GRADE_SHIFT) - 1;
        self.counts.get(GRADE) << GRADE_SHIFT | self.bytes().min(most)
    }

    fn absorb(&mut self, other: Self) {
        for at in 0..GRADE {
            self.counts.add(at, other.counts.get(at));
        }
        if self.counts.get(GRADE) == 0 {
            self.counts.add(GRADE, other.counts.get(GRADE));
        }
        // The smaller text: the same whatever the order.
        self.detail = match (self.detail.take(), other.detail) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
}

/// Pairs in a shard's table.
const PAIRS_MAX: usize = 1_024;

/// Counts risky traffic of a shard: all of it by risk, and up to a bound who had it with whom.
#[derive(Debug)]
pub(crate) struct RiskCounter {
    /// By the risk's place.
    totals: [Sum; RISKS.len()],
    table: BoundedTable<RiskKey, RiskCounts>,
    /// Risks of which pairs were forgotten, a bit each.
    forgot: u32,
}

// One bit each.
const _: () = assert!(RISKS.len() <= u32::BITS as usize);

impl Default for RiskCounter {
    fn default() -> Self {
        Self {
            totals: [Sum::default(); RISKS.len()],
            table: BoundedTable::new(PAIRS_MAX),
            forgot: 0,
        }
    }
}

impl RiskCounter {
    /// Counts a flow that ended, by what its payload was recognised to be.
    pub(crate) fn flow(&mut self, flow: &FlowRecord) {
        let Some(app) = flow.app.as_deref() else {
            return;
        };
        let (Some(service), Some(Confidence::Content)) = (app.service, app.confidence) else {
            return;
        };
        let has = |risk: FlowRisk| app.risks.iter().find(|(of_flow, _)| *of_flow == risk);
        let login = has(FlowRisk::CleartextCredentials);
        let named = WITH_RISK
            .iter()
            .find(|(services, risk, _)| services.contains(&service.name) && has(*risk).is_some())
            .map(|(_, _, name)| *name);
        let risk = named
            .and_then(risk_by_name)
            .or_else(|| risk_of_service(service.name, is_readable(app)));
        if let Some(risk) = risk {
            let detail = match (login, &app.user) {
                (Some(_), _) if service.name == "snmp" => {
                    Some("community string in clear".to_owned())
                }
                (Some(_), Some(user)) => Some(format!("login as \"{user}\"")),
                (Some((_, detail)), None) if !detail.is_empty() => Some(detail.to_string()),
                _ => None,
            };
            self.count(risk, flow, detail);
        }
    }

    fn count(&mut self, risk: u8, flow: &FlowRecord, detail: Option<String>) {
        let place = usize::from(risk);
        let (Some(facts), Some(total)) = (RISKS.get(place), self.totals.get_mut(place)) else {
            return;
        };
        let sum = Sum::of(flow);
        total.absorb(sum);
        let key = (risk, flow.src_ip, flow.dst_ip, flow.dst_port.unwrap_or(0));
        let detail = detail.map(|mut detail| {
            detail.truncate(detail.floor_char_boundary(DETAIL_MAX));
            detail.into_boxed_str()
        });
        let mut counts = RiskCounts {
            detail,
            ..RiskCounts::default()
        };
        let of_pair = [sum.count, sum.packets, sum.bytes, grade(facts.severity)];
        for (at, count) in of_pair.into_iter().enumerate() {
            counts.counts.add(at, count);
        }
        let forgot = &mut self.forgot;
        self.table
            .entry_or(key, |forgotten: RiskKey, _| *forgot |= 1 << forgotten.0)
            .absorb(counts);
    }

    /// Adds another shard's counts.
    pub(crate) fn absorb(&mut self, other: Self) {
        for (own, others) in self.totals.iter_mut().zip(other.totals) {
            own.absorb(others);
        }
        self.table.absorb(other.table);
        self.forgot |= other.forgot;
    }

    /// The facts, the worst first.
    pub(crate) fn finish(self, top: usize) -> Vec<Risky> {
        let mut risky = Vec::new();
        for (index, (risk, total)) in RISKS.iter().zip(&self.totals).enumerate() {
            if total.count == 0 {
                continue;
            }
            let mut of_risk: Vec<_> = self
                .table
                .iter()
                .filter(|(key, _)| usize::from(key.0) == index)
                .collect();
            of_risk.sort_by(|a, b| b.1.bytes().cmp(&a.1.bytes()).then_with(|| a.0.cmp(b.0)));
            risky.push(Risky {
                protocol: risk.name.to_owned(),
                label: risk.label.to_owned(),
                severity: risk.severity.to_owned(),
                why: risk.why.to_owned(),
                instead: risk.instead.to_owned(),
                flows: total.count,
                packets: total.packets,
                bytes: total.bytes,
                approximate: self.forgot & 1 << index != 0,
                pairs: of_risk
                    .iter()
                    .take(top)
                    .map(|(key, counts)| RiskyPair {
                        src: key.1.to_string(),
                        dst: key.2.to_string(),
                        dst_port: key.3,
                        flows: counts.flows(),
                        bytes: counts.bytes(),
                        detail: counts.detail.as_deref().map(str::to_owned),
                    })
                    .collect(),
            });
        }
        risky
    }
}

#[cfg(test)]
mod tests {
    use netloom_pipeline::decode::app::tls;

    use super::*;
    use crate::summary::flow_of;

    #[test]
    fn every_login_has_its_risk() {
        for name in ["http login", "ftp", "mail login", "smb1", "snmp", "irc"] {
            assert!(risk_by_name(name).is_some(), "{name}");
        }
        assert_eq!(risk_of_service("telnet", true), Some(0));
        assert_eq!(risk_of_service("ssh", true), None);
    }

    /// What went over to TLS is not readable, unless somebody had logged in before.
    #[test]
    fn what_goes_over_to_tls_is_not_readable() {
        let mut app = AppInfo::default();
        assert!(is_readable(&app));
        app.carried.push(&tls::PROTOCOL);
        assert!(!is_readable(&app));
        for service in ["ftp", "ldap", "irc", "postgresql", "vnc", "http"] {
            assert!(risk_of_service(service, true).is_some(), "{service}");
            assert_eq!(risk_of_service(service, false), None, "{service}");
        }
        assert!(risk_of_service("rdp", false).is_some(), "it has TLS always");
        app.add_risk(FlowRisk::CleartextCredentials, "");
        assert!(is_readable(&app));
    }

    /// What is bad stays, however much else there is, and nothing is missing from the sums.
    #[test]
    fn many_pairs_hide_no_risk() {
        let mut counter = RiskCounter::default();
        let mut flow = flow_of([10, 0, 0, 1], [10, 0, 0, 2]);
        let mut count = |risk: &str, src: u32, bytes: u64| {
            flow.src_ip = std::net::Ipv4Addr::from(src).into();
            (flow.fwd.packets, flow.fwd.bytes) = (1, bytes);
            counter.count(risk_by_name(risk).unwrap(), &flow, None);
        };
        count("telnet", 1, 60);
        count("tftp", 2, 60);
        let many = 10 * PAIRS_MAX as u32;
        for src in 0..many {
            count("http", 3 + src, 1_000);
        }
        let mut all = RiskCounter::default();
        all.absorb(counter);
        let risky = all.finish(3);
        let told: Vec<_> = risky
            .iter()
            .map(|of| (&*of.protocol, of.flows, of.bytes, of.approximate))
            .collect();
        let many = u64::from(many);
        assert_eq!(
            told,
            [
                ("telnet", 1, 60, false),
                ("tftp", 1, 60, false),
                ("http", many, 1_000 * many, true),
            ]
        );
        assert_eq!(risky[0].pairs[0].src, "0.0.0.1");
    }

    #[test]
    fn the_worst_come_first() {
        let rank = |severity: &str| {
            ["high", "medium", "low"]
                .iter()
                .position(|known| *known == severity)
        };
        assert!(
            RISKS
                .windows(2)
                .all(|pair| rank(pair[0].severity) <= rank(pair[1].severity))
        );
    }
}
