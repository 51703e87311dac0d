//! What is told of a query that cannot be run.

use crate::{captures, complaint, example, session};

#[test]
fn mistakes_are_told_with_their_cure() {
    let session = session(&captures(&[example()], 2));
    for (sql, message, hint) in [
        (
            "SELECT srcip FROM flows",
            "there is no column 'srcip'",
            "did you mean src_ip?",
        ),
        (
            "SELECT flows.srvice FROM flows",
            "there is no column 'flows.srvice'",
            "did you mean flows.service?",
        ),
        (
            "SELECT \"id.orig_h\" FROM flows",
            "there is no column 'id.orig_h'",
            "did you mean src_ip?",
        ),
        (
            "SELECT * FROM flow",
            "there is no table 'flow'",
            "did you mean flows?",
        ),
        (
            "SELECT * FROM nothing",
            "there is no table 'nothing'",
            "there are: ",
        ),
        (
            "SELECT sum(service) FROM flows",
            "sum does not take (text)",
            "sum(double)",
        ),
        (
            "SELECT entropy(1)",
            "argument 1 of entropy is Int64, not a text: entropy(text)",
            "",
        ),
        (
            "SELECT entrpy('a')",
            "there is no function 'entrpy'",
            "did you mean entropy?",
        ),
        ("", "there is no query", "SELECT"),
        (
            "SELECT src_ip LIMIT 3",
            "there is no column 'src_ip'",
            "its table is missing",
        ),
        (
            "SELECT service FROM flows LIMIT 3 ORDER BY service",
            "cannot be understood",
            "the order is SELECT",
        ),
        (
            "SELECT service FROM flows WERE dst_port = 1",
            "cannot be understood",
            "did you mean WHERE?",
        ),
        (
            "SELECT * FROM flows WHERE src_ip = 10",
            "src_ip holds IP addresses, and 10 is a number; write '10.0.0.1'",
            "",
        ),
        (
            "SELECT * FROM flows WHERE src_mac IN (7)",
            "src_mac holds hardware addresses",
            "",
        ),
        (
            "SELECT * FROM packets WHERE ts > now() - INTERVAL '1 fortnight'",
            "'1 fortnight' is no span of time",
            "'5 minutes'",
        ),
        (
            "SELECT service FROM flows WHERE count(*) > 3 GROUP BY service",
            "WHERE looks at one row",
            "HAVING",
        ),
        (
            "SELECT count(DISTINCT *) FROM flows",
            "DISTINCT in a sum",
            "SELECT DISTINCT *",
        ),
        (
            "SELECT * FROM packets WHERE ts > '2024-01-31 25:00'",
            "is no time",
            "'2024-01-31 10:00'",
        ),
        ("COPY flows TO 'x.csv'", "queries read", "-o OUT"),
        (
            "INSERT INTO flows (service) VALUES ('x')",
            "queries read",
            "",
        ),
        (
            "DROP TABLE flows",
            "'flows' is a table of what is read",
            "CREATE VIEW",
        ),
        ("DROP TABLE IF EXISTS main.flows", "stays as it is", ""),
        (
            "CREATE OR REPLACE TABLE flows AS SELECT 1",
            "stays as it is",
            "",
        ),
        (
            "CREATE OR REPLACE VIEW flows AS SELECT 1 AS a",
            "stays as it is",
            "",
        ),
        ("CREATE SCHEMA s", "queries read", ""),
        (
            "SET datafusion.execution.target_partitions = 8",
            "queries read",
            "",
        ),
        (
            "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
            "queries read",
            "",
        ),
        (
            "SELECT in_subnet(src_ip, 'nonsense') FROM flows",
            "nonsense",
            "",
        ),
        (
            "SELECT * FROM flows WHERE src_ip > 'nonsense'",
            "nonsense",
            "",
        ),
        (
            "SELECT start, interval FROM timeline",
            "'interval' is a word of SQL",
            "write \"interval\"",
        ),
        (
            "SELECT interval FROM timeline",
            "'interval' is a word of SQL",
            "write \"interval\"",
        ),
        (
            "SELECT interval, start FROM timeline",
            "'interval' is a word of SQL",
            "write \"interval\"",
        ),
        (
            "SELECT start, end FROM flows",
            "'end' is a word of SQL",
            "write \"end\"",
        ),
    ] {
        let said = complaint(&session, sql);
        assert!(said.0.contains(message), "{sql}: {said:?}");
        assert!(said.1.contains(hint), "{sql}: {said:?}");
    }
    let (message, _) = complaint(&session, "SELECT * FORM flows");
    assert!(message.ends_with('^'), "{message}");
    let (message, hint) = complaint(&session, "SELECT nosuch(1)");
    assert_eq!(
        (message.as_str(), hint.as_str()),
        ("there is no function 'nosuch'", "")
    );
}
