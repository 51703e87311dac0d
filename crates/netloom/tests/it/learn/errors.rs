//! What goes wrong names the file, the place and what to do, and leaves nothing half written.

use super::{Folder, rows, train};
use crate::common::{example, stderr};

#[test]
fn what_is_wrong_with_the_command_line() {
    let folder = Folder::new();
    let data = folder.write("rows.csv", rows(200, 13));
    let timeless = folder.write("timeless.csv", "a,b,label\n1,x,p\n2,y,q\n3,x,p\n4,y,q\n");
    let out = folder.path("m.netloom");
    for (arguments, words) in [
        (
            vec![data.as_str(), "--label", "lable"],
            vec!["no column 'lable'", "did you mean 'Label'?"],
        ),
        (vec![&data], vec!["--label"]),
        (
            vec![&data, "--label", "Label", "--model", "random-forrest"],
            vec!["random-forrest", "random-forest"],
        ),
        (
            vec![&data, "--label", "Label", "--param", "n_estimatrs=3"],
            vec!["no such parameter", "n_estimators"],
        ),
        (
            vec![&data, "--label", "Label", "--param", "n_estimators=many"],
            vec!["n_estimators"],
        ),
        (
            vec![&data, "--label", "Label", "--test", "1.5"],
            vec!["--test", "hint"],
        ),
        (
            vec![&data, "--label", "Label", "--split", "group"],
            vec!["group:src_ip"],
        ),
        (
            vec![&data, "--label", "Label", "--split", "group:host"],
            vec!["'host'"],
        ),
        (
            vec![&data, "--label", "Label", "--exclude", "byte"],
            vec!["'byte'", "'bytes'"],
        ),
        (
            vec![&data, "--label", "Label", "--negative", "fine"],
            vec!["'fine'", "attack", "--negative"],
        ),
        (
            vec![&data, "--label", "Label", "--folds", "all"],
            vec!["--split group:COLUMN"],
        ),
        (
            vec![&timeless, "--label", "label"],
            vec!["--time COLUMN", "--split random"],
        ),
        (
            vec![&timeless, "--label", "label", "--split", "time"],
            vec!["--time COLUMN"],
        ),
        (
            vec![&data, "--label", "Label", "--label-from", "path"],
            vec!["'Label'", "--label NAME"],
        ),
    ] {
        let mut all = vec!["train", "-o", out.as_str()];
        all.extend(&arguments);
        let said = stderr(&all, 2);
        for word in words {
            assert!(said.contains(word), "{arguments:?}: no {word} in\n{said}");
        }
        assert!(!std::path::Path::new(&out).exists(), "{arguments:?}");
    }
}

#[test]
fn what_is_wrong_with_the_data() {
    let folder = Folder::new();
    let out = folder.path("m.netloom");
    let one_class = folder.write("one.csv", "ts,a,label\n1,2,x\n2,3,x\n3,4,x\n");
    let unlabelled = folder.write("none.csv", "ts,a,label\n1,2,\n2,3,\n");
    let nothing = folder.write("nothing.csv", "");
    let uneven = folder.write("uneven.csv", "ts,a,label\n1,2,x\n2,3,4,5,6\n3,4,y\n");
    for (path, words) in [
        (
            folder.path("absent.csv").as_str(),
            vec!["absent.csv", "no such file", "hint"],
        ),
        (&one_class, vec!["one class"]),
        (&unlabelled, vec!["none.csv", "'label' is empty", "--label"]),
        (&nothing, vec!["nothing.csv"]),
        (&uneven, vec!["uneven.csv", "line 3"]),
    ] {
        let said = stderr(&["train", "-o", &out, path, "--label", "label"], 3);
        for word in words {
            assert!(
                said.to_lowercase().contains(word),
                "{path}: no {word} in\n{said}"
            );
        }
        assert!(!std::path::Path::new(&out).exists(), "{path}");
    }
}

#[test]
fn what_is_wrong_with_a_model() {
    let folder = Folder::new();
    let data = folder.write("rows.csv", rows(300, 14));
    let model = folder.path("m.netloom");
    train(&model, &[&data, "--label", "Label", "--no-gap"]);
    let bytes = std::fs::read(&model).unwrap();
    let mut broken = bytes.clone();
    let middle = broken.len() / 2;
    broken[middle] ^= 0x55;
    let broken = folder.write("broken.netloom", broken);
    let cut = folder.write("cut.netloom", &bytes[..bytes.len() / 3]);
    for (path, words) in [
        (data.as_str(), vec!["rows.csv", "netloom train"]),
        (&broken, vec!["broken.netloom", "copy it again"]),
        (&cut, vec!["cut.netloom"]),
        (folder.path("none.netloom").as_str(), vec!["none.netloom"]),
    ] {
        for all in [vec!["evaluate", path], vec!["predict", path, data.as_str()]] {
            let said = stderr(&all, 3);
            for word in &words {
                assert!(said.contains(word), "{all:?}: no {word} in\n{said}");
            }
        }
    }
    // What has no operators, and two outputs in one place.
    let near = folder.path("near.netloom");
    train(
        &near,
        &[
            &data,
            "--label",
            "Label",
            "--no-gap",
            "--model",
            "k-neighbors",
        ],
    );
    let onnx = folder.path("near.onnx");
    let said = stderr(&["evaluate", &near, "--onnx", &onnx], 2);
    assert!(said.contains("k-neighbors"), "{said}");
    assert!(!std::path::Path::new(&onnx).exists());
    let said = stderr(&["evaluate", &model, "--onnx", "-", "--json", "-"], 2);
    assert!(said.contains("standard output"), "{said}");
    // Data without its columns.
    let other = folder.write("other.csv", "byte,packets\n1,2\n");
    let said = stderr(&["predict", &model, &other], 3);
    assert!(said.contains("bytes") && said.contains("hint"), "{said}");
    let said = stderr(&["predict", &model, example().to_str().unwrap()], 3);
    assert!(said.contains("bytes"), "{said}");
    let said = stderr(&["predict", &model, &data, "--only", "evil"], 2);
    assert!(said.contains("attack, benign"), "{said}");
    let said = stderr(&["predict", &model, &data, "--show", "lable"], 2);
    assert!(said.contains("Label"), "{said}");
}
