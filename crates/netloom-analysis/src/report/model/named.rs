//! What names tell: sites, applications, DNS, TLS, HTTP, hosts, countries, risks.

use serde::Serialize;

/// A site (a server's full name) or a registrable domain.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Site {
    /// The name.
    pub name: String,
    /// Where it was told (`tls_sni`, `quic_sni`, `http_host`, `dns`, …), the most bytes first.
    pub sources: Vec<String>,
    /// The product it belongs to, where known.
    pub app: Option<String>,
    /// Flows.
    pub flows: u64,
    /// Bytes, both ways.
    pub bytes: u64,
    /// Bytes that clients received.
    pub bytes_received: u64,
    /// Clients that used it, the one with the most bytes first, at most eight.
    pub clients: Vec<String>,
    /// How many clients there were (at least so many, from 64 on, and where the report is
    /// `approximate`).
    pub client_count: u64,
}

impl Site {
    /// Clients of a site that are told apart.
    pub(crate) const CLIENTS_MAX: usize = 64;

    /// Whether there may have been more clients than were counted.
    pub(crate) const fn has_more_clients(&self) -> bool {
        self.client_count >= Self::CLIENTS_MAX as u64
    }
}

/// Flows, bytes and clients under a name: an application, a category, a country.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Of an application its category, of a country its name.
    pub label: String,
    /// Flows.
    pub flows: u64,
    /// Packets, both ways.
    pub packets: u64,
    /// Bytes, both ways.
    pub bytes: u64,
}

/// A thing and how often it was seen.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Count {
    /// What.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// Name resolution.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Dns {
    /// Queries, over UDP and TCP; mDNS, LLMNR and NBNS not included.
    pub queries: u64,
    /// Queries whose response was seen.
    pub answered: u64,
    /// Responses with an error (`NXDOMAIN`, `SERVFAIL`, …).
    pub failures: u64,
    /// mDNS, LLMNR and NBNS messages.
    pub local_queries: u64,
    /// Whether there was too much to count each: the lists are estimates then, and the sums are not.
    pub approximate: bool,
    /// Names asked for most often.
    pub top_names: Vec<Count>,
    /// Names that failed most often, with the error.
    pub failed_names: Vec<DnsFailure>,
    /// Types asked for.
    pub types: Vec<Count>,
    /// Response codes.
    pub rcodes: Vec<Count>,
    /// Who answers.
    pub servers: Vec<DnsServer>,
    /// The slowest answers.
    pub slow: Vec<SlowAnswer>,
    /// Time from query to response, milliseconds.
    pub rtt_ms: super::Distribution,
    /// Flows of encrypted DNS (DoT, DoH, DoQ) that could be told.
    pub encrypted_flows: u64,
}

/// A name that could not be resolved.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DnsFailure {
    /// The name.
    pub name: String,
    /// The error, the most frequent one.
    pub rcode: String,
    /// How often.
    pub count: u64,
}

/// A DNS server.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DnsServer {
    /// Its address.
    pub address: String,
    /// Queries sent to it.
    pub queries: u64,
    /// Of these answered.
    pub answered: u64,
    /// Median time to its answers, milliseconds, within 5 %.
    pub median_ms: Option<f64>,
}

/// A slow answer.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SlowAnswer {
    /// The name asked for.
    pub name: String,
    /// The server.
    pub server: String,
    /// Milliseconds to the answer.
    pub rtt_ms: f64,
}

/// TLS, over TCP and QUIC.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Tls {
    /// Handshakes.
    pub handshakes: u64,
    /// Of these completed.
    pub established: u64,
    /// Of these with a server name.
    pub with_server_name: u64,
    /// Of these with Encrypted Client Hello.
    pub ech: u64,
    /// Whether there was too much to count each: the lists are estimates then, and the sums are not.
    pub approximate: bool,
    /// Versions negotiated.
    pub versions: Vec<Count>,
    /// Cipher suites negotiated.
    pub ciphers: Vec<Count>,
    /// Issuers of the servers' certificates (visible up to TLS 1.2).
    pub issuers: Vec<Count>,
    /// Certificates that have expired, expire within 30 days of the capture, or are not valid yet.
    pub expiring: Vec<Certificate>,
    /// Client fingerprints (JA4), most frequent first.
    pub clients: Vec<Count>,
}

/// A certificate whose validity is worth a look.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Certificate {
    /// Subject.
    pub subject: String,
    /// Issuer.
    pub issuer: String,
    /// Server name it was shown for, or the server's address.
    pub server: String,
    /// End of its validity.
    pub not_after: String,
    /// Whole days from the handshake to the end of its validity; negative: expired.
    pub days_left: i64,
    /// `expired`, `expiring` or `not_yet_valid`.
    pub state: String,
}

/// HTTP in clear.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Http {
    /// Requests.
    pub requests: u64,
    /// Whether there was too much to count each: the lists are estimates then, and the sums are not.
    pub approximate: bool,
    /// Hosts asked, most requests first.
    pub hosts: Vec<Count>,
    /// Methods.
    pub methods: Vec<Count>,
    /// Status codes.
    pub statuses: Vec<Count>,
    /// Programs that asked.
    pub user_agents: Vec<Count>,
    /// Types of what was answered.
    pub mime_types: Vec<Count>,
    /// Bytes of response bodies.
    pub response_bytes: u64,
}

/// A host on the local network.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Host {
    /// Address.
    pub address: String,
    /// Hardware address.
    pub mac: Option<String>,
    /// Maker of the network card.
    pub vendor: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Where the name is from.
    pub name_source: Option<String>,
    /// Operating system.
    pub os: Option<String>,
    /// What it says it is.
    pub device: Option<String>,
    /// Services it offers.
    pub services: Vec<String>,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Other addresses that it talked with.
    pub peers: u64,
}

/// A kind of risk, and the flows it was seen in.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RiskSummary {
    /// Key: the word in the `risks` column of `flows`.
    pub risk: String,
    /// In words.
    pub title: String,
    /// `high`, `medium`, `low`, `info`.
    pub severity: String,
    /// Flows.
    pub flows: u64,
    /// Some of them, those with the most bytes first.
    pub examples: Vec<RiskExample>,
}

/// A flow with a risk.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RiskExample {
    /// Its `flow_id` in `export flows`.
    pub flow_id: String,
    /// Originator.
    pub src: String,
    /// Responder with port.
    pub dst: String,
    /// Name of the server.
    pub server_name: Option<String>,
    /// What was seen.
    pub detail: String,
}
