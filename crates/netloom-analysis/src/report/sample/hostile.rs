//! Reports whose every text is hostile.

use super::super::model::Report;
use super::{full, named};

/// Names that attack what shows them: markup, escapes of terminals and JSON, characters that
/// turn the reading direction, 300 characters, wide ones.
pub(crate) const HOSTILE: [&str; 8] = [
    "</script><script>alert(1)</script>",
    "<!--<img src=x onerror=alert(1)>",
    "\"' onmouseover='alert(1)",
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m",
    "exe.\u{202e}gnp.\u{2066}evil\u{200b}",
    "{{7*7}}&lt;&#60;\0\r\nSet-Cookie: a=b",
    "http://evil.example/x.js漢字漢字漢字🦀e\u{301}\u{301}\u{301}",
    "]]>javascript:alert(1)\u{2028}\u{feff}\\",
];

/// A report in which every text is hostile and the numbers are as large as they can be.
pub(crate) fn hostile() -> Report {
    let mut report = full();
    let long: String = "x".repeat(300);
    let mut turn = 0;
    let mut set = |text: &mut String| {
        turn += 1;
        *text = match turn % 9 {
            0 => long.clone(),
            n => HOSTILE[n - 1].to_owned(),
        };
    };
    each_text(&mut report, &mut set);
    report.bytes = u64::MAX;
    report.packets = u64::MAX;
    report.flows = u64::MAX;
    report.duration = 1e18;
    report.packets_per_second = Some(1e300);
    report.bits_per_second = Some(f64::INFINITY);
    report.mean_packet_len = Some(f64::NAN);
    for a in report
        .top_addresses
        .iter_mut()
        .chain(&mut report.top_addresses_by_packets)
    {
        a.bytes = u64::MAX;
        a.bytes_sent = u64::MAX;
        a.bytes_received = u64::MAX;
        a.packets_sent = u64::MAX;
    }
    report.timeline.bytes[3] = u64::MAX;
    for s in &mut report.timeline.by_protocol {
        s.bytes[3] = u64::MAX;
        s.packets.truncate(7);
    }
    report.timeline.interval = f64::NAN;
    for p in &mut report.protocols {
        p.depth = p.depth.wrapping_mul(1_000_000);
    }
    report.performance.worst[0].retransmission_share = f64::NEG_INFINITY;
    report.named_share = Some(f64::NAN);
    report.sites[0].bytes = u64::MAX;
    report.sites[0].client_count = u64::MAX;
    report.countries[0].bytes = u64::MAX;
    report.dns.queries = u64::MAX;
    report.dns.slow[0].rtt_ms = f64::INFINITY;
    report.tls.expiring[0].days_left = i64::MIN;
    report
}

/// Calls `set` with every text of a report that can come from a packet or a file.
pub(crate) fn each_text(report: &mut Report, set: &mut dyn FnMut(&mut String)) {
    for c in &mut report.capture {
        set(&mut c.name);
        set(&mut c.format);
        for text in [&mut c.application, &mut c.os, &mut c.hardware] {
            set(text.get_or_insert_default());
        }
        c.comments.iter_mut().for_each(&mut *set);
        c.warnings.iter_mut().for_each(&mut *set);
        for i in &mut c.interfaces {
            set(i.name.get_or_insert_default());
            set(&mut i.link_type);
        }
    }
    report
        .timeline
        .by_protocol
        .iter_mut()
        .for_each(|s| set(&mut s.name));
    for p in &mut report.protocols {
        set(&mut p.name);
        set(&mut p.path);
    }
    for s in &mut report.services {
        set(&mut s.name);
        set(&mut s.transport);
        set(&mut s.source);
    }
    let addresses = report
        .top_addresses
        .iter_mut()
        .chain(&mut report.top_addresses_by_packets)
        .chain(&mut report.top_destinations);
    for a in addresses {
        set(&mut a.address);
        set(a.name.get_or_insert_default());
    }
    for c in &mut report.top_conversations {
        set(&mut c.a);
        set(&mut c.b);
        c.services.iter_mut().for_each(&mut *set);
    }
    report
        .unique
        .top_macs
        .iter_mut()
        .for_each(|m| set(&mut m.mac));
    for r in &mut report.risky {
        for text in [
            &mut r.protocol,
            &mut r.label,
            &mut r.severity,
            &mut r.why,
            &mut r.instead,
        ] {
            set(text);
        }
        for p in &mut r.pairs {
            set(&mut p.src);
            set(&mut p.dst);
            set(p.detail.get_or_insert_default());
        }
    }
    for w in &mut report.performance.worst {
        for text in [&mut w.flow_id, &mut w.src, &mut w.dst, &mut w.why] {
            set(text);
        }
        set(w.service.get_or_insert_default());
    }
    for c in &mut report.local.arp_conflicts {
        set(&mut c.address);
        c.macs.iter_mut().for_each(&mut *set);
    }
    for a in &mut report.local.arp_top {
        set(&mut a.mac);
        set(&mut a.address);
    }
    for a in &mut report.anomalies {
        for text in [&mut a.layer, &mut a.kind, &mut a.example] {
            set(text);
        }
    }
    named::each_text(report, set);
    for f in &mut report.findings {
        for text in [&mut f.severity, &mut f.title, &mut f.detail] {
            set(text);
        }
    }
    for text in [&mut report.netloom_version, &mut report.flow_rules] {
        set(text);
    }
    for text in [
        &mut report.first_ts,
        &mut report.last_ts,
        &mut report.timeline.start,
    ] {
        set(text.get_or_insert_default());
    }
}
