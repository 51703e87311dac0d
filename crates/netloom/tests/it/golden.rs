//! The example's report and tables, as they are to be, and what its README says is in it.

use serde_json::Value;

use crate::common::{netloom, root};

const EXAMPLE: &str = "examples/small-office.pcapng";

/// Standard output of a run in the project's root, so that names of files are the same anywhere.
fn output(arguments: &[&str]) -> String {
    let output = netloom()
        .current_dir(root())
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn facts() -> Value {
    serde_json::from_str(&output(&["report", EXAMPLE, "--json", "-"])).unwrap()
}

#[test]
fn report_in_a_pipe() {
    insta::assert_snapshot!("small_office_report", output(&["report", EXAMPLE]));
}

#[test]
fn report_as_json() {
    let text = output(&["report", EXAMPLE, "--json", "-"]);
    let version = format!(r#""netloom_version": "{}""#, env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version));
    let text = text.replace(&version, r#""netloom_version": "[version]""#);
    insta::assert_snapshot!("small_office_json", text);
}

#[test]
fn flows() {
    let columns = "flow_id,src_ip,src_port,dst_ip,dst_port,protocol,service,conn_state,history,\
                   fwd_packets,bwd_packets,fwd_bytes,bwd_bytes,end_reason";
    insta::assert_snapshot!(
        "small_office_flows",
        output(&["export", "flows", EXAMPLE, "--columns", columns])
    );
}

#[test]
fn packets() {
    let columns = "number,ts,src_ip,dst_ip,protocol,service,info";
    let text = output(&["export", "packets", EXAMPLE, "--columns", columns]);
    assert_eq!(text.lines().count(), 2_577 + 1);
    let head: Vec<&str> = text.lines().take(60).collect();
    insta::assert_snapshot!("small_office_packets", head.join("\n"));
}

#[test]
fn dns_as_json() {
    let columns = "ts,transport,src_ip,query,qtype_name,rtt,rejected,answers,ttls";
    let text = output(&[
        "export",
        "dns",
        EXAMPLE,
        "--columns",
        columns,
        "--format",
        "json",
    ]);
    insta::assert_snapshot!("small_office_dns_as_json", text);
}

#[test]
fn flows_as_json_lines_by_start() {
    let columns = "start,duration,src_ip,src_port,vlan,tunnel,risks,tcp_rtt_ms,splt_len";
    let arguments = [
        "export",
        "flows",
        EXAMPLE,
        "--columns",
        columns,
        "--sort",
        "start",
    ];
    let text = output(&[&arguments[..], &["--format", "jsonl"]].concat());
    insta::assert_snapshot!("small_office_flows_as_jsonl", text);
}

/// What stands for what stays as it is under a key, from one version to the next.
#[test]
fn anonymised_dns() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let digits = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    std::fs::write(&key, digits).unwrap();
    let columns = "ts,flow_id,src_ip,dst_ip,query,qtype_name,answers";
    let arguments = [
        "export",
        "dns",
        EXAMPLE,
        "--columns",
        columns,
        "--anonymize-key",
    ];
    let text = output(&[&arguments[..], &[key.to_str().unwrap()]].concat());
    insta::assert_snapshot!("small_office_anonymised", text);
}

/// The figures of examples/README.md, which other programs gave.
#[test]
fn what_the_readme_of_the_example_says() {
    let facts = facts();
    assert_eq!(facts["packets"], 2_577);
    assert_eq!(facts["bytes"], 1_516_927);
    let seconds = facts["duration"].as_f64().unwrap();
    assert!((55.7..55.8).contains(&seconds), "{seconds}");
    let protocols = facts["protocols"].as_array().unwrap();
    let packets_with = |name: &str| -> u64 {
        protocols
            .iter()
            .filter(|node| node["name"] == name)
            .map(|node| node["packets"].as_u64().unwrap())
            .sum()
    };
    // tshark's filters `arp`, `vlan`, `ntp` and `dhcp`; two of its 68 ARP frames are inside the
    // tunnel, whose packets without an inner IP header count for the outer one.
    for (name, frames) in [("arp", 68 - 2), ("vlan", 110), ("ntp", 6), ("dhcp", 4)] {
        assert_eq!(packets_with(name), frames, "{name}");
    }
    let quality = &facts["quality"];
    for nothing in ["truncated", "dropped", "missed_bytes", "decode_stopped"] {
        assert_eq!(quality[nothing], 0, "{nothing}");
    }
    assert_eq!(facts["anomalies"].as_array().unwrap().len(), 0);
    assert_eq!(facts["flow_table"]["fragments_incomplete"], 0);
}

/// Whether a risk was seen from one address to another at a port; its detail.
fn seen<'a>(facts: &'a Value, protocol: &str, from: &str, to: &str, port: u16) -> Option<&'a str> {
    let risk = facts["risky"]
        .as_array()
        .unwrap()
        .iter()
        .find(|risk| risk["protocol"] == protocol)?;
    let pair = risk["pairs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|pair| pair["src"] == from && pair["dst"] == to && pair["dst_port"] == port)?;
    Some(pair["detail"].as_str().unwrap_or(""))
}

#[test]
fn logins_in_clear_and_never_a_password() {
    let facts = facts();
    let (ben, files, web, printer) = ("10.77.0.11", "10.77.0.21", "10.77.0.20", "10.77.0.30");
    for (protocol, to, port, detail) in [
        ("telnet", files, 23, ""),
        ("rlogin/rsh", files, 513, ""),
        ("ftp", files, 21, "login as \"ben\""),
        ("tftp", files, 69, ""),
        ("http login", web, 80, "login as \"ben\""),
        ("snmp", printer, 161, "community string in clear"),
    ] {
        let words = seen(&facts, protocol, ben, to, port)
            .unwrap_or_else(|| panic!("{protocol} from {ben} to {to} was not seen"));
        assert!(words.contains(detail), "{protocol}: {words}");
    }
    // Two logins by FTP, one of them with a wrong password, and both forms of HTTP.
    let flows = |protocol: &str| {
        let risky = facts["risky"].as_array().unwrap();
        let risk = risky.iter().find(|risk| risk["protocol"] == protocol);
        risk.unwrap()["flows"].as_u64().unwrap()
    };
    assert_eq!(
        (flows("ftp"), flows("http login"), flows("telnet")),
        (2, 2, 1)
    );

    let page = tempfile::tempdir().unwrap();
    let html = page.path().join("page.html");
    let shown = [
        output(&["report", EXAMPLE, "--html", html.to_str().unwrap()]),
        std::fs::read_to_string(&html).unwrap(),
        facts.to_string(),
        output(&["export", "packets", EXAMPLE]),
        output(&["export", "flows", EXAMPLE]),
    ];
    for text in shown {
        assert!(!text.contains("example-password"));
        assert!(!text.contains("wrong-password"));
        // The same in base64, as HTTP's basic authentication has it.
        assert!(!text.contains("ZXhhbXBsZS1wYXNzd29yZ"));
    }
}

#[test]
fn slow_and_lossy_connections() {
    let facts = facts();
    let performance = &facts["performance"];
    let worst = performance["worst"].as_array().unwrap();
    let to = |end: &str| {
        worst
            .iter()
            .find(|flow| flow["dst"] == end)
            .unwrap_or_else(|| panic!("nothing about {end}"))
    };
    // The upload over the line that loses 4 % of the frames.
    let upload = to("10.77.0.200:80");
    let again = upload["retransmissions"].as_u64().unwrap();
    assert!(again >= 3 && upload["retransmission_share"].as_f64().unwrap() > 0.02);
    let rtt = upload["tcp_rtt_ms"].as_f64().unwrap();
    assert!((70.0..110.0).contains(&rtt), "{rtt}");
    assert!(performance["retransmissions"].as_u64().unwrap() >= again);
    assert!(performance["out_of_order"].as_u64().unwrap() > 0);
    // The server that thinks for 0.8 s, on a fast line.
    let slow = to("10.77.0.20:80");
    let delay = slow["server_delay_ms"].as_f64().unwrap();
    assert!((790.0..850.0).contains(&delay), "{delay}");
    assert!(slow["tcp_rtt_ms"].as_f64().unwrap() < 1.0);
    // The printer that cannot keep up.
    assert!(to("10.77.0.30:9100")["zero_windows"].as_u64().unwrap() > 0);
    // Five refused, one without an answer.
    assert_eq!(performance["failed_connections"], 6);
    let states = output(&[
        "export",
        "flows",
        EXAMPLE,
        "--columns",
        "conn_state,dst_ip,dst_port,fwd_packets",
    ]);
    assert!(states.contains("S0,10.77.0.200,8443,4"));
    assert_eq!(
        states.lines().filter(|row| row.starts_with("REJ,")).count(),
        5
    );
}

#[test]
fn the_address_two_stations_claim() {
    let facts = facts();
    let local = &facts["local"];
    let conflicts = local["arp_conflicts"].as_array().unwrap();
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0]["address"], "10.77.0.30");
    let mut macs: Vec<&str> = conflicts[0]["macs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mac| mac.as_str().unwrap())
        .collect();
    macs.sort_unstable();
    assert_eq!(macs, ["02:00:00:77:00:11", "02:00:00:77:00:30"]);
    assert!(local["arp_gratuitous"].as_u64().unwrap() >= 1);
    let finding = facts["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["title"].as_str().unwrap().contains("10.77.0.30"));
    assert!(finding.is_some());
}

#[test]
fn destinations_are_ordered_by_what_they_show() {
    let facts = facts();
    let received: Vec<u64> = facts["top_destinations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|address| {
            let part = address["bytes_received_as_responder"].as_u64().unwrap();
            assert!(part <= address["bytes_received"].as_u64().unwrap());
            part
        })
        .collect();
    assert!(received.iter().all(|&bytes| bytes > 0));
    assert!(received.is_sorted_by(|a, b| a >= b), "{received:?}");
}

#[test]
fn the_first_screen_tells_what_matters() {
    let text = output(&["report", EXAMPLE]);
    let screen: Vec<&str> = text.lines().take(24).collect();
    let screen = screen.join("\n");
    for fact in [
        "2,577",
        "1.5 MB",
        "224",
        "55.8 s",
        "Telnet",
        "FTP",
        "HTTP login",
        "SNMP",
        "10.77.0.30",
    ] {
        assert!(screen.contains(fact), "{fact} is not in\n{screen}");
    }
}
