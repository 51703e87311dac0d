//! Tables in all formats, with and without a header.

use super::{Folder, f1, rows, train};
use crate::common::{run, stdout};

#[test]
fn auto_says_what_it_tried_and_goes_on_as_what_it_chose() {
    let folder = Folder::new();
    let data = folder.write("rows.csv", rows(400, 5));
    let model = folder.path("m.netloom");
    let models = "models=[\"naive-bayes\", \"decision-tree\"]";
    let options = [&data, "--label", "Label", "--no-gap", "--model", "auto"];
    let card = train(
        &model,
        &[
            &options[..],
            &["--param", models, "--param", "time_budget=1000"],
        ]
        .concat(),
    );
    let tried = card["model"]["chosen"].as_array().unwrap();
    assert_eq!(tried.len(), 2);
    let taken: Vec<_> = tried.iter().filter(|one| one["taken"] == true).collect();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0]["algorithm"], card["model"]["algorithm"]);
    let scores: Vec<f64> = tried
        .iter()
        .map(|one| one["score"].as_f64().unwrap())
        .collect();
    assert!(scores[0] >= scores[1], "{scores:?}");
    let again = folder.path("again.netloom");
    let update = [
        "--label", "Label", "--no-gap", "--force", "--update", &model,
    ];
    let card = train(&again, &[&[data.as_str()], &update[..]].concat());
    assert_eq!(card["model"]["algorithm"], taken[0]["algorithm"]);
}

#[test]
fn the_same_rows_in_every_format_give_the_same_scores() {
    let folder = Folder::new();
    let text = rows(800, 5);
    let data = folder.write("rows.csv", &text);
    let model = folder.path("m.netloom");
    let scores = |card: &serde_json::Value| card["evaluation"]["scores"].clone();
    let known = scores(&train(&model, &[&data, "--label", "Label", "--no-gap"]));
    for end in ["jsonl", "json", "parquet", "arrow", "csv"] {
        // A table with what was told of its rows is a table, too.
        let out = folder.path(&format!("told.{end}"));
        run(
            &["predict", "-q", &model, &data, "--show", "all", "-o", &out],
            0,
        );
        let again = folder.path("again.netloom");
        let card = train(
            &again,
            &[
                &out,
                "--label",
                "Label",
                "--exclude",
                "prediction,probability",
                "--no-gap",
            ],
        );
        assert_eq!(scores(&card), known, "{end}");
        assert_eq!(card["data"]["sources"][0]["kind"], end);
    }
    // Semicolons, and no names.
    let semicolons = folder.write("semicolons.csv", text.replace(',', ";"));
    let card = train(&model, &[&semicolons, "--label", "Label", "--no-gap"]);
    assert_eq!(scores(&card), known);
    let headless: String = text.split_once('\n').unwrap().1.to_owned();
    let headless = folder.write("headless.csv", headless);
    let card = train(
        &model,
        &[
            &headless,
            "--no-header",
            "--label",
            "column_6",
            "--time",
            "column_1",
            "--exclude",
            "column_2",
            "--no-gap",
        ],
    );
    // Columns of other names are in another order, and chance falls otherwise.
    assert!((f1(&card) - known["f1_macro"]["value"].as_f64().unwrap()).abs() < 0.02);
}

#[test]
fn missing_values_words_and_rows_without_a_label() {
    let folder = Folder::new();
    let mut text = rows(400, 6);
    text.push_str("2026-03-01T02:00:00Z,10.0.0.1,tcp,Infinity,NaN,attack\n");
    text.push_str("2026-03-01T02:00:01Z,10.0.0.1,,absent,,\n");
    let data = folder.write("rows.csv", text);
    let model = folder.path("m.netloom");
    let card = train(&model, &[&data, "--label", "Label", "--missing", "absent"]);
    assert_eq!(card["data"]["rows"], 401);
    assert_eq!(card["data"]["unlabelled"], 1);
    let kinds: Vec<(&str, &str)> = card["data"]["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| {
            (
                column["name"].as_str().unwrap(),
                column["kind"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ("bytes", "number"),
            ("packets", "number"),
            ("proto", "category")
        ]
    );
    let left_out: Vec<&str> = card["data"]["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|left| left["column"].as_str().unwrap())
        .collect();
    assert_eq!(left_out, ["start", "src_ip", "Label"]);
    // Asked for they are learned from, and the card says that they identify someone.
    let card = train(
        &model,
        &[&data, "--label", "Label", "--include", "src_ip", "--no-gap"],
    );
    assert_eq!(card["leakage"]["identifiers"][0], "src_ip");
}

#[test]
fn several_files_and_labels_in_their_names() {
    let folder = Folder::new();
    let text = rows(900, 7);
    let (head, lines) = text.split_once('\n').unwrap();
    let head = head.strip_suffix(",Label").unwrap();
    for class in ["attack", "benign"] {
        let end = format!(",{class}");
        let of_class: Vec<&str> = lines
            .lines()
            .filter_map(|line| line.strip_suffix(&end))
            .collect();
        let half = of_class.len() / 2;
        folder.write(
            &format!("by-folder/{class}/a.csv"),
            format!("{head}\n{}\n", of_class[..half].join("\n")),
        );
        folder.write(
            &format!("by-folder/{class}/b.csv"),
            format!("{head}\n{}\n", of_class[half..].join("\n")),
        );
        folder.write(
            &format!("by-file/{class}.csv"),
            format!("{head}\n{}\n", of_class.join("\n")),
        );
    }
    // No table: nobody meant it.
    folder.write("by-folder/attack/README.md", "about this data");
    let (model, other) = (folder.path("m.netloom"), folder.path("n.netloom"));
    let all = folder.write("rows.csv", &text);
    let known = train(
        &model,
        &[&all, "--label", "Label", "--split", "random", "--no-gap"],
    );
    for place in ["by-folder", "by-file"] {
        let card = train(
            &other,
            &[
                &folder.path(place),
                "--label-from",
                "path",
                "--split",
                "random",
                "--no-gap",
            ],
        );
        assert_eq!(card["data"]["rows"], 900, "{place}");
        assert_eq!(card["data"]["label"], "label");
        assert_eq!(
            card["data"]["classes"].as_array().unwrap().len(),
            2,
            "{place}"
        );
        assert!((f1(&card) - f1(&known)).abs() < 0.1, "{place}");
        // The file is where the label is from: nothing is learned from it.
        let columns = card["data"]["columns"].as_array().unwrap();
        assert!(
            columns.iter().all(|column| column["name"] != "file"),
            "{place}"
        );
    }
    // It says which file a row is from.
    let told = stdout(&["predict", "-q", &other, &folder.path("by-folder")]);
    assert!(told.lines().next().unwrap().contains("file"), "{told}");
    assert!(
        told.contains("by-folder/attack/b.csv"),
        "no file in the rows"
    );
}
