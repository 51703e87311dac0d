use std::collections::HashSet;

use arrow_array::RecordBatch;
use proptest::prelude::*;

use super::*;
use crate::TableName;
use crate::dictionary::tables;

fn anonymizer() -> Anonymizer {
    Anonymizer::new(&AnonymizeKey::new(*b"0123456789abcdef0123456789abcdef"))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn every_text_says_whether_it_says_who_it_was() {
    for table in tables() {
        for column in &table.columns {
            let text = matches!(column.kind, Kind::Text | Kind::TextList);
            assert!(
                !text || !column.address.is_empty() || column.identity != Identity::Unsaid,
                "{}.{}: .of_nobody() or .identity(…)",
                table.name,
                column.name
            );
        }
    }
}

#[test]
fn what_is_no_hosts_address_stays() {
    let anonymizer = anonymizer();
    for stays in [
        "0.0.0.0",
        "127.0.0.1",
        "127.3.2.1",
        "224.0.0.251",
        "239.255.255.250",
        "255.255.255.255",
        "255.255.240.0",
        "255.0.0.0",
        "::",
        "::1",
        "ff02::fb",
        "ff05::2",
    ] {
        assert_eq!(anonymizer.ip(ip(stays)), ip(stays));
    }
    let link_local = anonymizer.ip(ip("169.254.7.9"));
    assert!(link_local != ip("169.254.7.9") && link_local.to_string().starts_with("169.254."));
    let IpAddr::V6(link_local) = anonymizer.ip(ip("fe80::1234:5678:9abc:def0")) else {
        panic!("another family")
    };
    assert_eq!(link_local.segments()[..4], [0xfe80, 0, 0, 0]);
    assert_ne!(link_local.segments()[4..], [0x1234, 0x5678, 0x9abc, 0xdef0]);
    let IpAddr::V6(mapped) = anonymizer.ip(ip("::ffff:10.1.2.3")) else {
        panic!("another family")
    };
    assert_eq!(
        IpAddr::from(mapped.to_ipv4_mapped().unwrap()),
        anonymizer.ip(ip("10.1.2.3"))
    );
    // The end of a host's address, in the group and in the frame to it.
    let IpAddr::V6(group) = anonymizer.ip(ip("ff02::1:ff12:3456")) else {
        panic!("another family")
    };
    let mac = anonymizer.mac(MacAddr([0x33, 0x33, 0xff, 0x12, 0x34, 0x56]));
    assert_eq!(group.segments()[..6], [0xff02, 0, 0, 0, 0, 1]);
    assert_ne!(group, "ff02::1:ff12:3456".parse::<Ipv6Addr>().unwrap());
    assert_eq!(group.octets()[13..], mac.0[3..]);
    // A group that a network made up has the network in it.
    let made_up = anonymizer.ip(ip("ff3e:40:2001:db8::1"));
    assert!(made_up.to_string().starts_with("ff3e:") && made_up != ip("ff3e:40:2001:db8::1"));
}

#[test]
fn hardware_addresses_keep_their_maker() {
    let anonymizer = anonymizer();
    let maker = MacAddr([0x00, 0x1b, 0x21, 1, 2, 3]);
    let mapped = anonymizer.mac(maker);
    assert_eq!(mapped.0[..3], maker.0[..3]);
    assert_ne!(mapped, maker);
    let random = MacAddr([0xda, 0xa1, 0x19, 1, 2, 3]);
    let mapped = anonymizer.mac(random);
    assert_eq!(mapped.0[0] & 3, 2);
    assert_ne!(mapped.0[..3], random.0[..3]);
    for stays in [
        [0; 6],
        [0xff; 6],
        [0x01, 0x00, 0x5e, 0, 0, 0xfb],
        [0x33, 0x33, 0, 0, 0, 1],
    ] {
        assert_eq!(anonymizer.mac(MacAddr(stays)), MacAddr(stays));
    }
}

#[test]
fn names_keep_their_form() {
    let anonymizer = anonymizer();
    let name = |text: &str| anonymizer.name(text);
    let www = name("www.example.co.uk");
    let labels: Vec<&str> = www.split('.').collect();
    assert_eq!(labels.len(), 4);
    assert_eq!(labels[2..], ["co", "uk"]);
    assert!(!www.contains("www") && !www.contains("example"), "{www}");
    // The domain is its end, with the dot or without.
    assert!(www.ends_with(&format!(".{}", name("example.co.uk"))));
    assert_eq!(name("www.example.co.uk."), format!("{www}."));
    // In DNS capital and small letters are the same; what differs in them still does.
    let mut written = HashSet::from([www.clone()]);
    for other in ["WWW", "Www", "wWw", "wwW", "WWw", "WwW", "wWW"] {
        let other = name(&format!("{other}.example.CO.uk"));
        assert!(other.ends_with(".CO.uk"), "{other}");
        assert_eq!(other.to_lowercase(), www);
        assert!(written.insert(other));
    }
    let nibbles = "B.8.B.D.0.1.0.0.2.ip6.arpa";
    assert_eq!(name(nibbles).to_lowercase(), name(&nibbles.to_lowercase()));
    assert_ne!(
        name("www.example.com").split('.').next(),
        name("www.example.org").split('.').next(),
        "the same word elsewhere looks otherwise"
    );
    let service = name("Alice's Printer._ipp._tcp.local");
    assert!(service.ends_with("._ipp._tcp.local") && !service.contains("Alice"));
    assert!(name("*.example.com").starts_with("*."));
    assert_eq!(name("FILESERVER").len(), 10);
    assert_eq!(name(""), "");
    // Addresses in names.
    let address = anonymizer.ip(ip("192.0.2.7")).to_string();
    assert_eq!(name("192.0.2.7"), address);
    assert_eq!(name("192.0.2.7:8080"), format!("{address}:8080"));
    assert_eq!(
        name("[2001:db8::1]:443"),
        format!("[{}]:443", anonymizer.ip(ip("2001:db8::1")))
    );
    let reversed = |address: &str| {
        let octets: Vec<&str> = address.split('.').rev().collect();
        format!("{}.in-addr.arpa", octets.join("."))
    };
    assert_eq!(name("7.2.0.192.in-addr.arpa"), reversed(&address));
    assert!(reversed(&address).ends_with(&name("2.0.192.in-addr.arpa")));
    let v6 = name("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
    let nibbles: String = v6
        .strip_suffix(".ip6.arpa")
        .unwrap()
        .split('.')
        .rev()
        .collect();
    let mapped = u128::from_str_radix(&nibbles, 16).unwrap();
    assert_eq!(
        IpAddr::from(Ipv6Addr::from_bits(mapped)),
        anonymizer.ip(ip("2001:db8::1"))
    );
}

#[test]
fn other_texts() {
    let anonymizer = anonymizer();
    let uri = anonymizer.uri("http://alice@www.example.com:8080/a/b.html?user=alice&x=#top");
    let host = anonymizer.name("www.example.com");
    assert!(
        uri.starts_with("http://") && uri.contains(&format!("@{host}:8080/")),
        "{uri}"
    );
    assert!(!uri.contains("alice") && !uri.contains("html"), "{uri}");
    let form: String = uri.chars().filter(|c| !c.is_ascii_alphanumeric()).collect();
    assert_eq!(form, "://@..:/".to_owned() + "/.?=&=#");
    let subject = anonymizer.distinguished_name("CN=www.example.com,O=Example\\, Inc,C=US");
    assert!(
        subject.starts_with(&format!("CN={host},O=")) && subject.ends_with(",C=US"),
        "{subject}"
    );
    assert!(!subject.contains("Example"), "{subject}");
    let fields = r#"{"user":"al\"ice","port":21,"host":"192.0.2.7","list":["a","b\\"],"none":""}"#;
    let address = anonymizer.ip(ip("192.0.2.7"));
    let replaced = anonymizer.json(fields);
    let value: serde_json::Value = serde_json::from_str(&replaced).unwrap();
    assert_eq!(value["host"], address.to_string());
    assert_eq!((&value["port"], &value["none"]), (&21.into(), &"".into()));
    assert!(
        !replaced.contains("ice") && value["list"][0] != "a",
        "{replaced}"
    );
    assert_eq!(anonymizer.service("tls:443/tcp"), "tls:443/tcp");
    assert_eq!(anonymizer.service("_ipp._tcp"), "_ipp._tcp");
    assert_eq!(anonymizer.service("Alice's box").len(), 16);
    assert!(
        anonymizer
            .evidence("Clear text: user alice")
            .starts_with("Clear text: ")
    );
    assert!(
        !anonymizer
            .evidence("Clear text: user alice")
            .contains("alice")
    );
    let answer = anonymizer.answer("TXT 5 hello");
    assert!(
        answer.starts_with("TXT ") && !answer.contains("hello"),
        "{answer}"
    );
    assert_eq!(anonymizer.answer("192.0.2.7"), address.to_string());
    let id = anonymizer.flow_id("0123456789abcdef");
    assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let id = anonymizer.community_id("1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    assert!(
        id.starts_with("1:") && id.ends_with('=') && id.len() == 30,
        "{id}"
    );
}

#[test]
fn what_other_tools_write() {
    let anonymizer = anonymizer();
    let records = r#"[{"rrname":"www.example.com","ttl":60,"rdata":"10.1.2.3"},{"name":"a\"b"}]"#;
    let name = anonymizer.name("www.example.com");
    let address = anonymizer.ip(ip("10.1.2.3"));
    let replaced = anonymizer.records(records);
    let begin = format!(r#"[{{"rrname":"{name}","ttl":60,"rdata":"{address}"}},{{"name":""#);
    assert!(replaced.starts_with(&begin), "{replaced}");
    assert!(!replaced.contains("a\\"), "{replaced}");
    let kept = r#"[{"rrname":"local","rrtype":"AAAA"}]"#;
    assert_eq!(anonymizer.records(kept), kept);
    let kept = r#"[{"name":"local","type":"CNAME"}]"#;
    assert_eq!(anonymizer.records(kept), kept);

    let mac = anonymizer.mac(MacAddr([0, 0, 0x5e, 0, 0x53, 0x23]));
    let dashes = mac.to_string().replace(':', "-").to_uppercase();
    assert_eq!(anonymizer.address("00-00-5E-00-53-23"), dashes);

    for number in [0, 7, (1 << 48) - 1] {
        let other = anonymizer.long_number(number);
        assert!(other != number && other >> 48 == 0, "{number} {other}");
    }
    assert!(anonymizer.long_number(u64::MAX) >> 48 > 0);
}

#[test]
fn short_payloads_are_one_for_one() {
    let anonymizer = anonymizer();
    let one: HashSet<String> = (0..=255)
        .map(|byte| anonymizer.bytes(&format!("{byte:02x}")))
        .collect();
    assert_eq!(one.len(), 256);
    let two: HashSet<String> = (0..=0xffff)
        .map(|bytes| anonymizer.bytes(&format!("{bytes:04x}")))
        .collect();
    assert_eq!(two.len(), 1 << 16);
    assert!(two.iter().all(|digits| digits.len() == 4));
    assert_eq!(anonymizer.bytes(""), "");
    // Zeros in front count, and longer ones go on.
    assert_eq!(anonymizer.bytes("0000000000000001").len(), 16);
    assert_eq!(anonymizer.bytes("000000000000000001").len(), 18);
}

#[test]
fn serial_numbers_are_replaced() {
    let anonymizer = anonymizer();
    let fields = r#"{"vendor":1,"serial":5393806,"name":"PLC","rate":1.5}"#;
    let replaced = anonymizer.json(fields);
    let value: serde_json::Value = serde_json::from_str(&replaced).unwrap();
    assert_eq!((&value["vendor"], &value["rate"]), (&1.into(), &1.5.into()));
    assert!(
        value["serial"].is_u64() && value["serial"] != 5_393_806,
        "{replaced}"
    );
    let wide = anonymizer.json(r#"{"serial":4294967296}"#);
    let value: serde_json::Value = serde_json::from_str(&wide).unwrap();
    assert!(
        value["serial"].as_u64().unwrap() > u32::MAX.into(),
        "{wide}"
    );
}

#[test]
fn another_key_makes_others() {
    let (one, other) = (anonymizer(), Anonymizer::new(&AnonymizeKey::new([9; 32])));
    assert_ne!(one.ip(ip("8.8.8.8")), other.ip(ip("8.8.8.8")));
    assert_ne!(one.name("example.com"), other.name("example.com"));
    let mac = MacAddr([0, 0x1b, 0x21, 1, 2, 3]);
    assert_ne!(one.mac(mac), other.mac(mac));
    assert_ne!(
        one.flow_id("0123456789abcdef"),
        other.flow_id("0123456789abcdef")
    );
}

#[test]
fn keys_are_bytes_or_digits() {
    let key = AnonymizeKey::new(std::array::from_fn(|place| place as u8));
    assert_eq!(
        AnonymizeKey::parse(key.to_hex().as_bytes()),
        Ok(key.clone())
    );
    assert_eq!(
        AnonymizeKey::parse(format!("{}\n", key.to_hex()).as_bytes()),
        Ok(key.clone())
    );
    let bytes: Vec<u8> = (0..32).collect();
    assert_eq!(AnonymizeKey::parse(&bytes), Ok(key));
    for bad in ["", "secret", "z".repeat(64).as_str()] {
        let error = AnonymizeKey::parse(bad.as_bytes()).unwrap_err();
        assert!(
            error.to_string().contains("64 hexadecimal digits"),
            "{error}"
        );
    }
}

#[test]
fn batches_are_replaced_by_column() {
    let names = [
        "number",
        "src_ip",
        "server_name",
        "payload",
        "vlan",
        "flow_id",
    ];
    let columns = TableName::Packets.columns(Some(&names)).unwrap();
    let schema = columns.schema();
    let texts =
        |cells: [Option<&str>; 3]| -> ArrayRef { Arc::new(StringArray::from(cells.to_vec())) };
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(arrow_array::UInt64Array::from(vec![1, 2, 3])),
        texts([Some("10.0.0.1"), None, Some("10.0.0.1")]),
        texts([Some("example.com"), Some("example.com"), None]),
        texts([Some("616c696365"), None, Some("00")]),
        new_null_array(schema.field(4).data_type(), 3),
        texts([Some("0123456789abcdef"), None, Some("0123456789abcdeF")]),
    ];
    let batch = RecordBatch::try_new(schema, arrays).unwrap();
    let definition = TableName::Packets.definition();
    let identities: Vec<Identity> = names
        .iter()
        .map(|name| {
            let column = definition
                .columns
                .iter()
                .find(|column| column.name == *name);
            Identity::of(column.unwrap())
        })
        .collect();
    let replaced = anonymizer().batch(&identities, &batch);
    assert_eq!(replaced.schema(), batch.schema());
    assert_eq!(replaced.column(0), batch.column(0));
    let text = |column: usize, row: usize| -> Option<String> {
        let column = replaced.column(column).as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    assert_eq!(text(1, 0), text(1, 2));
    assert!(text(1, 0) != Some("10.0.0.1".to_owned()) && text(1, 1).is_none());
    assert_eq!(text(2, 0).unwrap().rsplit_once('.').unwrap().1, "com");
    assert_eq!(text(2, 2), None);
    let payload = text(3, 0).unwrap();
    assert!(payload.len() == 10 && payload != "616c696365", "{payload}");
    assert!(payload.bytes().all(|byte| byte.is_ascii_hexdigit()) && text(3, 1).is_none());
    assert_ne!(text(5, 0), text(5, 2));
    // Columns that nobody has told are texts like any other.
    let replaced = anonymizer().batch(&[], &batch);
    let named = replaced.column(2).as_string::<i32>().value(0);
    assert_eq!(named.len(), 16, "{named}");
}

proptest! {
    #[test]
    fn addresses_are_permuted(addresses in proptest::collection::hash_set(any::<u32>(), 1..300)) {
        let anonymizer = anonymizer();
        let mapped: HashSet<Ipv4Addr> = addresses.iter().map(|&bits| anonymizer.v4(Ipv4Addr::from_bits(bits))).collect();
        prop_assert_eq!(mapped.len(), addresses.len());
    }

    #[test]
    fn networks_stay_together(network: u16, a: u16, b: u16, special in 0_u8..4) {
        let anonymizer = anonymizer();
        let network = if special == 0 { network | 0xe000 } else { network };
        let mapped = |host: u16| anonymizer.v4(Ipv4Addr::from_bits(u32::from(network) << 16 | u32::from(host))).to_bits();
        let kept = |host: u16| v4_keeps(Ipv4Addr::from_bits(u32::from(network) << 16 | u32::from(host)));
        prop_assume!(kept(a) == kept(b));
        prop_assert_eq!(mapped(a) >> 16, mapped(b) >> 16);
        prop_assert_eq!((mapped(a) ^ mapped(b)).leading_zeros(), (u32::from(a) ^ u32::from(b)).leading_zeros());
    }

    #[test]
    fn hosts_stay_hosts(bits: u128) {
        let anonymizer = anonymizer();
        let address = Ipv6Addr::from_bits(bits);
        prop_assert_eq!(v6_keeps(anonymizer.v6(address)).is_none(), v6_keeps(address).is_none());
        let address = Ipv4Addr::from_bits(bits as u32);
        prop_assert_eq!(v4_keeps(anonymizer.v4(address)), v4_keeps(address));
    }

    #[test]
    fn any_text_is_replaced(text: String) {
        let anonymizer = anonymizer();
        for identity in [Identity::Name, Identity::Address, Identity::Answer, Identity::Uri,
            Identity::DistinguishedName, Identity::Evidence, Identity::Service, Identity::Text,
            Identity::FlowId, Identity::CommunityId, Identity::Json, Identity::Bytes] {
            // Whatever it is, it does not fail, and is the same twice.
            prop_assert_eq!(anonymizer.cell(identity, &text), anonymizer.cell(identity, &text));
        }
        let long: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 9).collect();
        let name = anonymizer.name(&text);
        prop_assert!(long.iter().all(|word| !name.contains(word)), "{}", name);
    }
}
