//! Addresses in expressions.

use netloom_sql::{Session, SessionOptions};
use netloom_tables::read::ReadOptions;

use crate::{complaint, csv};

#[test]
fn addresses_that_are_chosen_are_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.csv");
    let rows = "src_ip,dst_ip,g\n10.0.0.10,10.0.0.2,1\n,10.0.0.9,1\n9.9.9.9,::1,2\n2001:db8::1,9.0.0.1,2\n";
    std::fs::write(&file, rows).unwrap();
    let session = Session::new(&SessionOptions::default()).unwrap();
    session
        .add_files("a", &[file], &ReadOptions::default())
        .unwrap();
    let in_order = "9.9.9.9\n10.0.0.9\n10.0.0.10\n2001:db8::1\n";
    for one in [
        "coalesce(src_ip, dst_ip)",
        "coalesce(src_ip, '10.0.0.9')",
        "nvl(src_ip, dst_ip)",
        "nvl2(src_ip, src_ip, dst_ip)",
        "CASE WHEN src_ip IS NULL THEN dst_ip ELSE src_ip END",
        "CASE g WHEN 3 THEN NULL ELSE coalesce(nullif(src_ip, ''), dst_ip) END",
    ] {
        let one = one.replace("nullif(src_ip, '')", "nullif(src_ip, '1.1.1.1')");
        assert_eq!(
            csv(&session, &format!("SELECT {one} FROM a ORDER BY 1")),
            in_order,
            "{one}"
        );
        assert_eq!(
            csv(
                &session,
                &format!("SELECT x FROM (SELECT {one} AS x FROM a) ORDER BY x")
            ),
            in_order
        );
        assert_eq!(
            csv(&session, &format!("SELECT min({one}), max({one}) FROM a")),
            "9.9.9.9,2001:db8::1\n"
        );
        assert_eq!(
            csv(
                &session,
                &format!("SELECT count(*) FROM a WHERE {one} < '10.0.0.10'")
            ),
            "2\n"
        );
    }
    // A choice between an address and a word is a text.
    let words = csv(
        &session,
        "SELECT coalesce(src_ip, 'none') FROM a ORDER BY 1",
    );
    assert_eq!(words, "10.0.0.10\n2001:db8::1\n9.9.9.9\nnone\n");
    let firsts = csv(
        &session,
        "SELECT DISTINCT ON (g) g, dst_ip FROM a ORDER BY g, dst_ip",
    );
    assert_eq!(firsts, "1,10.0.0.2\n2,9.0.0.1\n");
    let (message, hint) = complaint(
        &session,
        "SELECT array_agg(DISTINCT src_ip ORDER BY src_ip) FROM a",
    );
    assert!(
        message.contains("DISTINCT") && hint.contains("SELECT DISTINCT"),
        "{message}"
    );
}
