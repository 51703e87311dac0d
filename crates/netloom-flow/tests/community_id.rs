//! Community IDs against the vectors of the specification's reference implementation.

mod support;

use netloom_flow::community_id;

#[test]
fn vectors() {
    let Some(data) = support::data() else { return };
    let path = data.join("community-id/baseline/baseline_deflt.json");
    let vectors: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let vectors = vectors.as_array().unwrap();
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let number = |name: &str| vector[name].as_u64().unwrap_or(0) as u16;
        let id = community_id(
            text("saddr").parse().unwrap(),
            text("daddr").parse().unwrap(),
            number("sport"),
            number("dport"),
            number("proto") as u8,
        );
        assert_eq!(id, text("communityid"), "{vector}");
    }
    assert_eq!(vectors.len(), 23);
}
