//! Labels by rules.

use super::{Folder, rows, train};
use crate::common::{example, run, stderr};

#[test]
fn rules_over_the_columns_of_a_table() {
    let folder = Folder::new();
    let data = folder.write("rows.csv", rows(500, 15));
    let rules = folder.write(
        "rules.csv",
        "label,where\nlarge,bytes >= 3200\nlarge,\"bytes > 3000 AND Label IN ('attack', 'benign')\"\nsmall,\n",
    );
    let model = folder.path("m.netloom");
    let card = train(&model, &[&data, "--label-from", &rules, "--no-gap"]);
    assert_eq!(card["data"]["rows"], 500);
    assert_eq!(card["data"]["unlabelled"], 0);
    let left_out = card["data"]["left_out"].as_array().unwrap();
    // What the rules look at would tell what they say.
    for name in ["bytes", "Label"] {
        assert!(
            left_out.iter().any(
                |left| left["column"] == name && left["reason"] == "the label was made from it"
            ),
            "{left_out:?}"
        );
    }
    let columns = card["data"]["columns"].as_array().unwrap();
    assert_eq!(columns.len(), 2, "{columns:?}");

    // Rules that contradict each other, that leave rows without a label, that hold for nothing.
    let rules = folder.write(
        "poor.csv",
        "label,where\nlarge,bytes > 5000\ntcp,\"proto = 'tcp' AND bytes > 4000\"\nsmall,bytes < 1000\nnone,bytes < 0\n",
    );
    let said = run(
        &[
            "train",
            &data,
            "--label-from",
            &rules,
            "--json",
            "-",
            "-o",
            &model,
        ],
        0,
    );
    let card: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    let said = String::from_utf8(said.stderr).unwrap();
    for words in [
        "rules of several labels hold for",
        "the first is both large (rule 1) and tcp (rule 2)",
        "rule 4 (none) holds for no row",
        "no rule holds for",
    ] {
        assert!(said.contains(words), "no {words} in\n{said}");
    }
    assert_eq!(
        card["data"]["rows"].as_u64().unwrap() + card["data"]["unlabelled"].as_u64().unwrap(),
        500
    );
}

#[test]
fn rules_over_flows() {
    let folder = Folder::new();
    let rules = folder.write(
        "rules.csv",
        "label,where\nweb,\"service IN ('http', 'tls')\"\nnames,service = 'dns'\nother,\n",
    );
    let model = folder.path("m.netloom");
    let card = train(
        &model,
        &[
            example().to_str().unwrap(),
            "--label-from",
            &rules,
            "--stratify",
            "--exclude",
            "app,category",
        ],
    );
    let classes: Vec<&str> = card["data"]["classes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|class| class["class"].as_str().unwrap())
        .collect();
    assert_eq!(classes, ["names", "other", "web"]);
    assert!(
        card["data"]["columns"]
            .as_array()
            .unwrap()
            .iter()
            .all(|column| column["name"] != "service")
    );
}

#[test]
fn what_is_wrong_with_rules() {
    let folder = Folder::new();
    let data = folder.write("rows.csv", rows(50, 16));
    let out = folder.path("m.netloom");
    for (rules, words) in [
        (
            "label,where\na,byte > 1\nb,\n",
            vec!["rule 1 (a)", "byte > 1", "did you mean bytes?"],
        ),
        (
            "label,where\na,bytes > 1\nb,bytes +\n",
            vec!["rule 2 (b)", "bytes +", "WHERE"],
        ),
        (
            "label,where\na,bytes + 1\n",
            vec!["rule 1 (a)", "true or false"],
        ),
        (
            "class,where\na,bytes > 1\n",
            vec!["no column 'label'", "label,where"],
        ),
        ("label,where\n,bytes > 1\n", vec!["rule 1 has no label"]),
        ("label,where\n", vec!["holds no rules"]),
    ] {
        let path = folder.write("rules.csv", rules);
        let said = stderr(&["train", "-o", &out, &data, "--label-from", &path], 2);
        for word in words {
            assert!(said.contains(word), "{rules}: no {word} in\n{said}");
        }
        assert!(said.contains("rules.csv"), "{said}");
    }
    let said = stderr(
        &["train", "-o", &out, &data, "--label-from", "nothing.csv"],
        2,
    );
    assert!(said.contains("nothing.csv"), "{said}");
}
