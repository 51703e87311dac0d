//! `netloom interfaces`.

use serde_json::Value;

use crate::common::stdout;

#[test]
#[cfg(target_os = "linux")]
fn loopback_is_listed() {
    let text = stdout(&["interfaces", "--all"]);
    let lo = text.lines().find(|line| line.starts_with("lo ")).unwrap();
    assert!(lo.contains("loopback"), "{text}");
    assert!(text.contains("capture on them"), "{text}");
}

#[test]
#[cfg(target_os = "linux")]
fn as_json() {
    let listing: Value = serde_json::from_str(&stdout(&["interfaces", "--json"])).unwrap();
    assert!(listing["may_capture"].is_boolean());
    let all = listing["interfaces"].as_array().unwrap();
    let lo = all
        .iter()
        .find(|interface| interface["name"] == "lo")
        .unwrap();
    assert_eq!(lo["link_type"], "ETHERNET");
    assert!(lo["received"]["bytes"].is_u64());
    assert!(lo.get("now").is_none());
    let listing: Value =
        serde_json::from_str(&stdout(&["interfaces", "--json", "--rate"])).unwrap();
    for interface in listing["interfaces"].as_array().unwrap() {
        assert!(interface["now"]["received_bits_per_second"].is_number());
    }
}
