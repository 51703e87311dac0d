//! What names tell, made up for tests.

use super::super::model::*;

fn count(name: &str, count: u64) -> Count {
    Count {
        name: name.into(),
        count,
    }
}

fn counts(list: &[(&str, u64)]) -> Vec<Count> {
    list.iter()
        .map(|&(name, times)| count(name, times))
        .collect()
}

/// Fills the fields that names give.
pub(super) fn fill(report: &mut Report) {
    let whole = report.bytes;
    let site = |name: &str, source: &str, app: Option<&str>, per_mille: u64, clients: &[&str]| {
        let bytes = whole * per_mille / 1000;
        Site {
            name: name.into(),
            sources: vec![source.into(), "dns".into()],
            app: app.map(Into::into),
            flows: per_mille / 3 + 1,
            bytes,
            bytes_received: bytes * 9 / 10,
            clients: clients.iter().map(|&c| c.into()).collect(),
            client_count: clients.len() as u64,
        }
    };
    report.named_share = Some(0.842);
    report.sites = vec![
        site(
            "cdn.example.net",
            "tls_sni",
            None,
            280,
            &["192.168.1.42", "192.168.1.17", "10.0.0.5"],
        ),
        site(
            "rr3---sn-4g5e6nsz.video.example",
            "quic_sni",
            Some("Example Video"),
            139,
            &["192.168.1.17"],
        ),
        site(
            "a-very-long-name-of-a-machine.in-a-region.of-a-cloud.example.com",
            "tls_sni",
            Some("Example Cloud"),
            122,
            &["2001:db8:1234:5678:9abc:def0:1234:5678"],
        ),
        site("www.example.org", "http_host", None, 11, &["192.168.1.17"]),
    ];
    report.domains = vec![
        site(
            "example.net",
            "tls_sni",
            None,
            290,
            &["192.168.1.42", "192.168.1.17", "10.0.0.5"],
        ),
        site(
            "video.example",
            "quic_sni",
            Some("Example Video"),
            139,
            &["192.168.1.17"],
        ),
    ];
    let group = |name: &str, label: &str, per_mille: u64| Group {
        name: name.into(),
        label: label.into(),
        flows: per_mille / 2 + 1,
        packets: report.packets * per_mille / 1000,
        bytes: whole * per_mille / 1000,
    };
    report.applications = vec![
        group("Example Video", "video", 139),
        group("Example Cloud", "cloud", 122),
    ];
    report.categories = vec![
        group("web", "", 420),
        group("video", "", 139),
        group("social_network", "", 20),
    ];
    report.countries = [
        ("US", 441),
        ("DE", 120),
        ("NL", 61),
        ("JP", 22),
        ("BR", 9),
        ("AU", 3),
        ("ZA", 1),
        ("AQ", 1),
        ("EU", 1),
    ]
    .iter()
    .map(|&(code, per_mille)| group(code, "", per_mille))
    .collect();
    report.dns = dns();
    report.tls = tls();
    report.http = Http {
        requests: 57,
        approximate: false,
        hosts: counts(&[("www.example.org", 40), ("update.example.com:8080", 17)]),
        methods: counts(&[("GET", 50), ("POST", 7)]),
        statuses: counts(&[("200", 48), ("302", 5), ("404", 3), ("500", 1)]),
        user_agents: counts(&[
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                44,
            ),
            ("curl/8.9.1", 13),
        ]),
        mime_types: counts(&[("text/html", 40), ("image/png", 11)]),
        response_bytes: 2_404_118,
    };
    report.hosts = hosts();
    report.risks = risks();
}

fn dns() -> Dns {
    Dns {
        queries: 402,
        approximate: false,
        answered: 390,
        failures: 14,
        local_queries: 61,
        top_names: counts(&[("cdn.example.net", 88), ("www.example.org", 40)]),
        failed_names: vec![
            DnsFailure {
                name: "wpad.home.arpa".into(),
                rcode: "NXDOMAIN".into(),
                count: 12,
            },
            DnsFailure {
                name: "broken.example".into(),
                rcode: "SERVFAIL".into(),
                count: 2,
            },
        ],
        types: counts(&[("A", 220), ("AAAA", 150), ("HTTPS", 32)]),
        rcodes: counts(&[("NOERROR", 376), ("NXDOMAIN", 12), ("SERVFAIL", 2)]),
        servers: vec![
            DnsServer {
                address: "192.168.1.1".into(),
                queries: 380,
                answered: 380,
                median_ms: Some(12.4),
            },
            DnsServer {
                address: "2606:4700:4700::1111".into(),
                queries: 22,
                answered: 10,
                median_ms: None,
            },
        ],
        slow: vec![SlowAnswer {
            name: "broken.example".into(),
            server: "192.168.1.1".into(),
            rtt_ms: 4_001.2,
        }],
        rtt_ms: Distribution {
            count: 390,
            p50: Some(12.6),
            p95: Some(88.0),
            p99: Some(410.0),
            max: Some(4_001.2),
        },
        encrypted_flows: 3,
    }
}

fn tls() -> Tls {
    Tls {
        handshakes: 728,
        approximate: false,
        established: 701,
        with_server_name: 720,
        ech: 4,
        versions: counts(&[("TLSv13", 660), ("TLSv12", 60), ("TLSv10", 2)]),
        ciphers: counts(&[
            ("TLS_AES_128_GCM_SHA256", 520),
            ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 60),
        ]),
        issuers: counts(&[("CN=R11,O=Let's Encrypt,C=US", 41), ("CN=nas.home.arpa", 2)]),
        expiring: vec![
            Certificate {
                subject: "CN=nas.home.arpa".into(),
                issuer: "CN=nas.home.arpa".into(),
                server: "192.168.1.20".into(),
                not_after: "2025-01-01T00:00:00.000000000Z".into(),
                days_left: -426,
                state: "expired".into(),
            },
            Certificate {
                subject: "CN=www.example.com".into(),
                issuer: "CN=R11,O=Let's Encrypt,C=US".into(),
                server: "www.example.com".into(),
                not_after: "2026-03-09T00:00:00.000000000Z".into(),
                days_left: 6,
                state: "expiring".into(),
            },
        ],
        clients: counts(&[("t13d1516h2_8daaf6152771_e5627efa2ab1", 610)]),
    }
}

fn hosts() -> Vec<Host> {
    vec![
        Host {
            address: "192.168.1.42".into(),
            mac: Some("3c:22:fb:10:9a:01".into()),
            vendor: Some("Apple, Inc.".into()),
            name: Some("anna-laptop".into()),
            name_source: Some("dhcp".into()),
            os: Some("macOS".into()),
            device: None,
            services: Vec::new(),
            bytes_sent: 1_204_112,
            bytes_received: 18_220_114,
            peers: 61,
        },
        Host {
            address: "192.168.1.20".into(),
            mac: Some("00:11:32:aa:bb:cc".into()),
            vendor: Some("Synology Incorporated".into()),
            name: Some("nas.home.arpa".into()),
            name_source: Some("mdns".into()),
            os: Some("Linux".into()),
            device: Some("DS220+".into()),
            services: vec!["ftp:21/tcp".into(), "telnet:23/tcp".into()],
            bytes_sent: 2_400_112,
            bytes_received: 900_114,
            peers: 4,
        },
        Host {
            address: "fe80::1c2d:3eff:fe4f:5a6b".into(),
            bytes_sent: 6_112,
            bytes_received: 114,
            peers: 2,
            ..Host::default()
        },
    ]
}

fn risks() -> Vec<RiskSummary> {
    let example = |src: &str, dst: &str, name: Option<&str>, detail: &str| RiskExample {
        flow_id: "3kTMd9hqYv0aZ1Xc".into(),
        src: src.into(),
        dst: dst.into(),
        server_name: name.map(Into::into),
        detail: detail.into(),
    };
    vec![
        RiskSummary {
            risk: "cleartext_credentials".into(),
            title: "Credentials sent in clear".into(),
            severity: "high".into(),
            flows: 5,
            examples: vec![
                example(
                    "192.168.1.42",
                    "192.168.1.20:23",
                    Some("nas.home.arpa"),
                    "telnet, user admin",
                ),
                example(
                    "10.0.0.5",
                    "192.168.1.20:21",
                    None,
                    "USER/PASS, user backup",
                ),
            ],
        },
        RiskSummary {
            risk: "dga_domain".into(),
            title: "Domain looks machine-made".into(),
            severity: "medium".into(),
            flows: 1,
            examples: vec![example(
                "192.168.1.66",
                "192.168.1.1:53",
                None,
                "xjw4qpzk9vbn2.example",
            )],
        },
        RiskSummary {
            risk: "tls_without_sni".into(),
            title: "TLS without a server name".into(),
            severity: "info".into(),
            flows: 8,
            examples: vec![example("192.168.1.66", "203.0.113.9:443", None, "")],
        },
    ]
}

/// Calls `set` with every text of these that can come from a packet.
pub(super) fn each_text(report: &mut Report, set: &mut dyn FnMut(&mut String)) {
    for s in report.sites.iter_mut().chain(&mut report.domains) {
        set(&mut s.name);
        s.sources.iter_mut().for_each(&mut *set);
        s.clients.iter_mut().for_each(&mut *set);
        set(s.app.get_or_insert_default());
    }
    for g in report
        .applications
        .iter_mut()
        .chain(&mut report.categories)
        .chain(&mut report.countries)
    {
        set(&mut g.name);
        set(&mut g.label);
    }
    let d = &mut report.dns;
    let t = &mut report.tls;
    let h = &mut report.http;
    for list in [
        &mut d.top_names,
        &mut d.types,
        &mut d.rcodes,
        &mut t.versions,
        &mut t.ciphers,
        &mut t.issuers,
        &mut t.clients,
        &mut h.hosts,
        &mut h.methods,
        &mut h.statuses,
        &mut h.user_agents,
        &mut h.mime_types,
    ] {
        for c in list {
            set(&mut c.name);
        }
    }
    for f in &mut d.failed_names {
        set(&mut f.name);
        set(&mut f.rcode);
    }
    d.servers.iter_mut().for_each(|s| set(&mut s.address));
    for s in &mut d.slow {
        set(&mut s.name);
        set(&mut s.server);
    }
    for c in &mut t.expiring {
        for text in [
            &mut c.subject,
            &mut c.issuer,
            &mut c.server,
            &mut c.not_after,
            &mut c.state,
        ] {
            set(text);
        }
    }
    for host in &mut report.hosts {
        set(&mut host.address);
        for text in [
            &mut host.mac,
            &mut host.vendor,
            &mut host.name,
            &mut host.name_source,
            &mut host.os,
            &mut host.device,
        ] {
            set(text.get_or_insert_default());
        }
        host.services.iter_mut().for_each(&mut *set);
    }
    for r in &mut report.risks {
        for text in [&mut r.risk, &mut r.title, &mut r.severity] {
            set(text);
        }
        for e in &mut r.examples {
            for text in [&mut e.flow_id, &mut e.src, &mut e.dst, &mut e.detail] {
                set(text);
            }
            set(e.server_name.get_or_insert_default());
        }
    }
}
