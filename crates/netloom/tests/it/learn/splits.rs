//! What is learned from and what is tested on.

use std::fmt::Write as _;

use super::{Folder, f1, rows, train};
use crate::common::{run, stdout};

#[test]
fn by_time_by_group_at_random_and_given() {
    let folder = Folder::new();
    let data = folder.write("rows.csv", rows(1000, 8));
    let new = folder.write("new.csv", rows(300, 9));
    let model = folder.path("m.netloom");
    let split = |arguments: &[&str]| {
        let mut all = vec![data.as_str(), "--label", "Label", "--no-gap"];
        all.extend(arguments);
        train(&model, &all)["split"].clone()
    };
    let time = split(&[]);
    assert_eq!(time["method"], "by time");
    assert_eq!(time["test_rows"], 300);
    assert!(time["train_window"][1].as_str() <= time["test_window"][0].as_str());
    let quarter = split(&["--test", "0.25", "--split", "time"]);
    assert_eq!(quarter["test_rows"], 250);
    let group = split(&["--split", "group:src_ip"]);
    assert_eq!(group["method"], "by src_ip");
    let groups = |of: &str| group[of].as_u64().unwrap();
    assert_eq!(groups("train_groups") + groups("test_groups"), 40);
    assert_eq!(split(&["--split", "random"])["method"], "at random");
    let given = split(&["--test-data", &new]);
    assert_eq!(
        (&given["test_rows"], &given["train_rows"]),
        (&300.into(), &1000.into())
    );

    let card = train(
        &model,
        &[
            &data,
            "--label",
            "Label",
            "--split",
            "group:src_ip",
            "--folds",
            "4",
            "--no-gap",
        ],
    );
    assert_eq!(card["folds"].as_array().unwrap().len(), 4);
    assert_eq!(card["split"]["test_rows"], 1000, "each row is tested once");
}

#[test]
fn what_flatters_is_said() {
    // Each host has one class: by host nothing is known, at random all is.
    let folder = Folder::new();
    let mut text = "host,size,label\n".to_owned();
    for row in 0..1200_u32 {
        let host = row * 7919 % 60;
        let class = if host * 31 % 7 < 3 { "bad" } else { "good" };
        writeln!(text, "h{host},{},{class}", host * 1000 + row % 10).unwrap();
    }
    let data = folder.write("rows.csv", text);
    let model = folder.path("m.netloom");
    let honest = train(
        &model,
        &[&data, "--label", "label", "--split", "group:host"],
    );
    let gap = &honest["leakage"]["gap"];
    assert!(
        gap["random"].as_f64().unwrap() - gap["split"].as_f64().unwrap() > 0.3,
        "{gap}"
    );
    assert!((gap["split"].as_f64().unwrap() - f1(&honest)).abs() < 1e-12);
    let shown = stdout(&["evaluate", &model]);
    assert!(shown.contains("a random split would show"), "{shown}");
}

#[test]
fn a_model_is_continued_and_a_worse_one_refused() {
    let folder = Folder::new();
    let (old, new) = (
        folder.write("old.csv", rows(800, 10)),
        folder.write("new.csv", rows(800, 11)),
    );
    let model = folder.path("m.netloom");
    let first = train(&model, &[&old, "--label", "Label", "--keep", "400"]);
    let next = folder.path("n.netloom");
    let card = train(&next, &["--update", &model, &new]);
    let update = &card["updates"][0];
    assert_eq!(update["rows"], 800);
    assert_eq!(update["forced"], false);
    assert_eq!(card["data"]["sources"].as_array().unwrap().len(), 2);
    assert!((f1(&card) - f1(&first)).abs() < 0.15);

    // New data whose labels are the wrong way round makes it worse.
    let swapped = std::fs::read_to_string(&new)
        .unwrap()
        .replace(",attack", ",x")
        .replace(",benign", ",attack")
        .replace(",x", ",benign");
    let swapped = folder.write("swapped.csv", swapped);
    let worse = folder.path("worse.netloom");
    let test = folder.write("test.csv", rows(300, 12));
    let said = run(
        &[
            "train",
            "--update",
            &model,
            &swapped,
            "--test-data",
            &test,
            "-o",
            &worse,
        ],
        1,
    );
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("worse") && said.contains("--force"), "{said}");
    assert!(!std::path::Path::new(&worse).exists());
    let forced = train(
        &worse,
        &[
            "--update",
            &model,
            &swapped,
            "--test-data",
            &test,
            "--force",
        ],
    );
    assert_eq!(forced["updates"][0]["forced"], true);
    // Onto itself.
    train(&model, &["--update", &model, &new]);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&stdout(&["evaluate", &model, "--json", "-"]))
            .unwrap()["updates"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
