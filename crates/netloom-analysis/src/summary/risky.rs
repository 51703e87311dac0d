//! Protocols that show what they carry, or that are abused often.

use std::net::IpAddr;

use hashbrown::HashMap;
use netloom_pipeline::StagePacket;
use netloom_pipeline::decode::Transport;
use netloom_pipeline::flow::FlowRecord;

use crate::report::model::{Risky, RiskyPair};
use crate::summary::bounded::{BoundedTable, Counts};
use crate::summary::login::{self, Sighting};

/// A risk: what it is called, what is wrong, what to do.
#[derive(Debug)]
pub(crate) struct Risk {
    pub(crate) name: &'static str,
    /// What people call it.
    label: &'static str,
    pub(crate) severity: &'static str,
    /// Services (by port) whose flows are at this risk as they are.
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
    "vnc" "VNC" "medium" ["vnc"]
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

/// The risk that a service is by itself.
fn risk_of_service(service: &str) -> Option<u8> {
    RISKS
        .iter()
        .position(|risk| risk.services.contains(&service))
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
    flows: u64,
    packets: u64,
    bytes: u64,
    detail: Option<String>,
}

impl Counts for RiskCounts {
    fn weight(&self) -> u64 {
        self.bytes
    }

    fn absorb(&mut self, other: Self) {
        self.flows += other.flows;
        self.packets += other.packets;
        self.bytes += other.bytes;
        // The smaller text: the same whatever the order.
        self.detail = match (self.detail.take(), other.detail) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
}

/// What was seen in a flow that has not ended.
#[derive(Debug, Clone)]
enum Seen {
    /// A POST whose body may follow.
    Post(String),
    Login(Sighting),
}

/// Flows with something in them that are watched at once in a shard.
const WATCHED_MAX: usize = 2_048;
/// Pairs in a shard's table.
const PAIRS_MAX: usize = 1_024;

/// Counts risky traffic of a shard.
#[derive(Debug)]
pub(crate) struct RiskCounter {
    table: BoundedTable<RiskKey, RiskCounts>,
    /// By number of the flow's first packet.
    watched: HashMap<u64, Seen, foldhash::fast::RandomState>,
}

impl Default for RiskCounter {
    fn default() -> Self {
        Self {
            table: BoundedTable::new(PAIRS_MAX),
            watched: HashMap::default(),
        }
    }
}

impl RiskCounter {
    /// Looks at a packet's payload, if it is `worth_a_look` or its flow is being watched.
    #[inline]
    pub(crate) fn packet(&mut self, packet: &StagePacket<'_>, worth_a_look: bool) {
        if worth_a_look || !self.watched.is_empty() {
            self.look(packet, worth_a_look);
        }
    }

    fn look(&mut self, packet: &StagePacket<'_>, worth_a_look: bool) {
        let decoded = packet.decoded;
        if decoded.payload_len == 0 || packet.flow.is_none() {
            return;
        }
        let start = decoded.payload_offset as usize;
        let Some(payload) = packet
            .packet
            .data
            .get(start..start + decoded.payload_len as usize)
        else {
            return;
        };
        match decoded.transport {
            Transport::Tcp(_) if worth_a_look => {
                if let Some(seen) = login::in_tcp(payload, packet.service()) {
                    self.watch(packet, Seen::Login(seen));
                } else if let Some(place) = login::post(payload) {
                    self.watch(packet, Seen::Post(place));
                }
            }
            Transport::Tcp(_) => self.body(payload, packet),
            Transport::Udp => {
                if let Some(seen) = login::in_udp(payload, packet.service()) {
                    self.watch(packet, Seen::Login(seen));
                }
            }
            _ => {}
        }
    }

    /// The body of a POST in a segment of its own.
    fn body(&mut self, payload: &[u8], packet: &StagePacket<'_>) {
        let Some(flow) = packet.flow else { return };
        if let Some(seen) = self.watched.get_mut(&flow.first_number)
            && let Seen::Post(place) = seen
            && flow.from_src
            && let Some(form) = login::in_form(payload)
        {
            *seen = Seen::Login(login::login(place, form.user));
        }
    }

    fn watch(&mut self, packet: &StagePacket<'_>, seen: Seen) {
        let Some(flow) = packet.flow else { return };
        if let Some(known) = self.watched.get_mut(&flow.first_number) {
            if matches!(known, Seen::Post(_)) {
                *known = seen;
            }
        } else if self.watched.len() < WATCHED_MAX {
            self.watched.insert(flow.first_number, seen);
        }
    }

    /// Counts a flow that ended.
    pub(crate) fn flow(&mut self, flow: &FlowRecord, service: Option<&'static str>) {
        let seen = if self.watched.is_empty() {
            None
        } else {
            self.watched.remove(&flow.first_number)
        };
        // A scanner's knock on the port is no use of the protocol.
        if let Some(risk) = service.and_then(risk_of_service)
            && flow.fwd.payload_bytes + flow.bwd.payload_bytes > 0
        {
            let detail = match &seen {
                Some(Seen::Login(seen)) if risk_by_name(seen.risk) == Some(risk) => {
                    seen.detail.clone()
                }
                _ => None,
            };
            self.count(risk, flow, detail);
        }
        if let Some(Seen::Login(seen)) = seen
            && let Some(risk) = risk_by_name(seen.risk)
            && service.and_then(risk_of_service) != Some(risk)
        {
            self.count(risk, flow, seen.detail);
        }
    }

    fn count(&mut self, risk: u8, flow: &FlowRecord, detail: Option<String>) {
        let key = (risk, flow.src_ip, flow.dst_ip, flow.dst_port.unwrap_or(0));
        self.table.entry(key).absorb(RiskCounts {
            flows: 1,
            packets: flow.packets(),
            bytes: flow.bytes(),
            detail,
        });
    }

    /// Adds another shard's counts.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.table.absorb(other.table);
    }

    /// The facts, the worst first.
    pub(crate) fn finish(self, top: usize) -> Vec<Risky> {
        let mut risky = Vec::new();
        for (index, risk) in RISKS.iter().enumerate() {
            let mut of_risk: Vec<_> = self
                .table
                .iter()
                .filter(|(key, _)| usize::from(key.0) == index)
                .collect();
            if of_risk.is_empty() {
                continue;
            }
            of_risk.sort_by(|a, b| b.1.bytes.cmp(&a.1.bytes).then_with(|| a.0.cmp(b.0)));
            let sum =
                |part: fn(&RiskCounts) -> u64| of_risk.iter().map(|(_, counts)| part(counts)).sum();
            risky.push(Risky {
                protocol: risk.name.to_owned(),
                label: risk.label.to_owned(),
                severity: risk.severity.to_owned(),
                why: risk.why.to_owned(),
                instead: risk.instead.to_owned(),
                flows: sum(|counts| counts.flows),
                packets: sum(|counts| counts.packets),
                bytes: sum(|counts| counts.bytes),
                pairs: of_risk
                    .iter()
                    .take(top)
                    .map(|(key, counts)| RiskyPair {
                        src: key.1.to_string(),
                        dst: key.2.to_string(),
                        dst_port: key.3,
                        flows: counts.flows,
                        bytes: counts.bytes,
                        detail: counts.detail.clone(),
                    })
                    .collect(),
            });
        }
        risky
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_login_has_its_risk() {
        for name in ["http login", "ftp", "mail login", "smb1", "snmp", "irc"] {
            assert!(risk_by_name(name).is_some(), "{name}");
        }
        assert_eq!(risk_of_service("telnet"), Some(0));
        assert_eq!(risk_of_service("ssh"), None);
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
