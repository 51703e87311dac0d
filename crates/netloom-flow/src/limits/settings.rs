//! How much Zeek's analyzers take before they stop to look at something.

use crate::config::FlowConfig;

/// An analyzer that Zeek runs only on ports that a script made known for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PortAnalyzer {
    /// `Analyzer::ANALYZER_GNUTELLA`.
    Gnutella,
    /// `Analyzer::ANALYZER_NCP`: NetWare's core protocol.
    Ncp,
    /// `Analyzer::ANALYZER_RLOGIN` (RFC 1282).
    Rlogin,
    /// `Analyzer::ANALYZER_RSH`.
    Rsh,
    /// `Analyzer::ANALYZER_TELNET` (RFC 854).
    Telnet,
}

/// Limits of Zeek's analyzers: where a connection exceeds one, its `history` has an `X`, under
/// [`FlowRules::Zeek`](crate::FlowRules::Zeek) alone. By default they are as Zeek comes. A DNS message
/// for an operation that Zeek does not read, and commands of SMB 1 that are chained to ones before
/// them, count as much as what exceeds a limit.
///
/// Zeek looks for these limits in DNS, FTP, HTTP, SMB 1, SMTP and SSH: on the ports of its default
/// scripts, and elsewhere where a side's first segment tells the protocol. Where
/// [`FlowConfig::server_ports`] are given, in those whose own port (53, 21, 80, 445, 25, 22 of TCP)
/// is one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnalyzerLimits {
    /// Most questions of a DNS message, 25; 0: any number. `dns_max_queries`.
    pub dns_queries: u16,
    /// Most compression pointers that lead from one to the next in a DNS name, 20.
    /// `dns_max_compression_chain_depth`.
    pub dns_pointers: u16,
    /// Most bytes of an FTP command's word, 100; 0: any number. `FTP::max_command_length`.
    pub ftp_command: u32,
    /// Bytes of a header field, in HTTP and in mail, behind which it is not continued, 65 536; 0:
    /// any number. `MIME::max_header_bytes`.
    pub mime_header: u32,
    /// Most parts in parts of a body, 100; 0: any number. `MIME::max_depth`.
    pub mime_depth: u32,
    /// Most bytes of an SSH packet before encryption, 8 MiB; 0: any number.
    /// `SSH::max_packet_length`.
    pub ssh_packet: u32,
    /// Most bytes of a string in SSH's key exchange, 2 MiB; 0: any number. `SSH::max_string_length`.
    pub ssh_string: u32,
    /// Most names in SSH's list of key exchange methods, 100; 0: any number, as in the lists that
    /// follow. `SSH::max_kexinit_kex_algorithms`.
    pub ssh_key_exchanges: u32,
    /// Most kinds of host keys, 100. `SSH::max_kexinit_hostkey_algorithms`.
    pub ssh_host_keys: u32,
    /// Most ciphers, 100. `SSH::max_kexinit_encryption_algorithms`.
    pub ssh_ciphers: u32,
    /// Most message authentication codes, 100. `SSH::max_kexinit_mac_algorithms`.
    pub ssh_macs: u32,
    /// Most compression methods, 100. `SSH::max_kexinit_compression_algorithms`.
    pub ssh_compressions: u32,
    /// Most languages, 100. `SSH::max_kexinit_languages`.
    pub ssh_languages: u32,
    /// Most commands that are chained to one of SMB 1, 10; 0: any number. `SMB::max_andx_depth`.
    pub smb_chain: u8,
    /// Bytes with which a line of Gnutella's handshake is too long, 8 192; 0: none.
    /// `Gnutella::max_line_length`.
    pub gnutella_line: u32,
    /// Bytes with which a head of Gnutella's handshake is too long, 32 768; 0: none.
    /// `Gnutella::max_header_length`.
    pub gnutella_head: u32,
    /// Most bytes of an NCP frame, 65 536. `NCP::max_frame_size`.
    pub ncp_frame: u32,
    /// Most bytes of a line of FTP, Telnet, Rsh and Rlogin, and of what a Telnet option holds,
    /// 16 MiB less 100: a constant of Zeek's.
    pub login_line: u32,
    /// Ports of TCP on which these analyzers run, none of which Zeek runs on any by itself:
    /// `Analyzer::register_for_port`.
    pub on_ports: Vec<(PortAnalyzer, u16)>,
}

impl Default for AnalyzerLimits {
    fn default() -> Self {
        Self {
            dns_queries: 25,
            dns_pointers: 20,
            ftp_command: 100,
            mime_header: 65_536,
            mime_depth: 100,
            ssh_packet: 8 << 20,
            ssh_string: 2 << 20,
            ssh_key_exchanges: 100,
            ssh_host_keys: 100,
            ssh_ciphers: 100,
            ssh_macs: 100,
            ssh_compressions: 100,
            ssh_languages: 100,
            smb_chain: 10,
            gnutella_line: 8_192,
            gnutella_head: 32_768,
            ncp_frame: 65_536,
            login_line: (16 << 20) - 100,
            on_ports: Vec::new(),
        }
    }
}

/// An analyzer that Zeek runs by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnAnalyzer {
    Dns,
    Ftp,
    Http,
    Smb,
    Smtp,
    Ssh,
}

impl OwnAnalyzer {
    const ALL: [Self; 6] = [
        Self::Dns,
        Self::Ftp,
        Self::Http,
        Self::Smb,
        Self::Smtp,
        Self::Ssh,
    ];

    /// Ports of TCP on which Zeek's default scripts have it run; its own one first.
    const fn ports(self) -> &'static [u16] {
        match self {
            Self::Dns => &[53],
            Self::Ftp => &[21, 2811],
            Self::Http => &[80, 81, 631, 1080, 3128, 8000, 8080, 8888],
            Self::Smb => &[445, 139],
            Self::Smtp => &[25, 587],
            Self::Ssh => &[22],
        }
    }
}

/// What is watched for, as a table was told.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(super) limits: AnalyzerLimits,
    on: [bool; OwnAnalyzer::ALL.len()],
}

impl Watch {
    pub(crate) fn new(config: &FlowConfig) -> Self {
        let servers = config.server_ports.as_deref();
        Self {
            limits: config.limits.clone(),
            on: OwnAnalyzer::ALL.map(|analyzer| {
                let own = analyzer.ports().first().map(|&port| (6, port));
                servers.is_none_or(|ports| own.is_some_and(|own| ports.contains(&own)))
            }),
        }
    }

    /// Whether it is run at all.
    pub(super) fn runs(&self, analyzer: OwnAnalyzer) -> bool {
        self.on.get(analyzer as usize).is_some_and(|on| *on)
    }

    /// What runs on a server's port of TCP.
    pub(super) fn on_port(&self, port: u16) -> Option<OwnAnalyzer> {
        OwnAnalyzer::ALL
            .into_iter()
            .find(|analyzer| analyzer.ports().contains(&port) && self.runs(*analyzer))
    }

    /// What was made known for a port of TCP.
    pub(super) fn made_known(&self, port: u16) -> Option<PortAnalyzer> {
        let known = &self.limits.on_ports;
        known.iter().find(|on| on.1 == port).map(|on| on.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FlowRules;

    #[test]
    fn what_runs_where() {
        let mut config = FlowConfig::new(FlowRules::Zeek);
        let all = Watch::new(&config);
        assert_eq!(all.on_port(8080), Some(OwnAnalyzer::Http));
        assert_eq!(all.on_port(139), Some(OwnAnalyzer::Smb));
        assert_eq!(all.on_port(6346), None);
        assert_eq!(all.made_known(6346), None);
        config.server_ports = Some(vec![(6, 22), (17, 53)]);
        config.limits.on_ports = vec![(PortAnalyzer::Ncp, 524), (PortAnalyzer::Gnutella, 6346)];
        let few = Watch::new(&config);
        assert_eq!(few.on_port(22), Some(OwnAnalyzer::Ssh));
        assert!(!few.runs(OwnAnalyzer::Http) && !few.runs(OwnAnalyzer::Dns));
        assert_eq!(few.made_known(6346), Some(PortAnalyzer::Gnutella));
    }
}
