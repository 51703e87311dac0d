//! Captures: their flows, labelled by folders and files, and summed up in windows.

use super::{Folder, f1, train};
use crate::common::{example, pcap, pcap_packet, run, stdout};

/// A capture of flows over UDP: one a second, of a client and port of its own.
pub(super) fn capture(
    flows: u32,
    packets: impl Fn(u32) -> u32,
    length: impl Fn(u32) -> u16,
) -> Vec<u8> {
    let mut out = pcap(1);
    for flow in 0..flows {
        for packet in 0..packets(flow) {
            let payload = length(flow).saturating_add(packet as u16);
            let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
            frame.extend([0x45, 0]);
            frame.extend((28 + payload).to_be_bytes());
            frame.extend([0, 0, 0, 0, 64, 17, 0, 0]);
            frame.extend([10, 0, (flow % 7) as u8, 1, 192, 0, 2, (flow % 5) as u8]);
            frame.extend((20_000 + flow as u16).to_be_bytes());
            frame.extend(9999_u16.to_be_bytes());
            frame.extend((8 + payload).to_be_bytes());
            frame.extend([0, 0]);
            frame.resize(frame.len() + usize::from(payload), 0);
            let seconds = u64::from(1_700_000_000 + flow);
            let micros = seconds * 1_000_000 + u64::from(packet) * 1000;
            pcap_packet(&mut out, micros, &frame);
        }
    }
    out
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write(
        "data/chat/1.pcap",
        capture(120, |flow| 1 + flow % 4, |flow| 20 + (flow * 7 % 60) as u16),
    );
    folder.write(
        "data/video/1.pcap",
        capture(
            120,
            |flow| 3 + flow % 5,
            |flow| 500 + (flow * 13 % 700) as u16,
        ),
    );
    folder
}

#[test]
fn flows_of_captures_labelled_by_folder_or_file() {
    let folder = folder();
    let model = folder.path("m.netloom");
    let card = train(&model, &[&folder.path("data"), "--label-from", "folder"]);
    assert_eq!(card["data"]["row"], "flow");
    assert_eq!(card["data"]["rows"], 240);
    assert!(f1(&card) > 0.95, "{}", f1(&card));
    // Whose they are, when, and by which port, is not learned.
    for column in card["data"]["columns"].as_array().unwrap() {
        let name = column["name"].as_str().unwrap();
        assert!(
            ![
                "src_ip", "dst_ip", "src_port", "dst_port", "start", "flow_id", "file", "src_mac"
            ]
            .contains(&name),
            "{name} is learned from"
        );
    }
    let told = stdout(&["predict", "-q", &model, &folder.path("data/video/1.pcap")]);
    let head: Vec<&str> = told.lines().next().unwrap().split(',').collect();
    for name in ["flow_id", "src_ip", "dst_port", "prediction", "probability"] {
        assert!(head.contains(&name), "{name} is not in {head:?}");
    }
    assert_eq!(told.matches(",video,").count(), 120);
    // The same by the names of files.
    folder.write(
        "files/chat.pcap",
        std::fs::read(folder.path("data/chat/1.pcap")).unwrap(),
    );
    folder.write(
        "files/video.pcap",
        std::fs::read(folder.path("data/video/1.pcap")).unwrap(),
    );
    let other = folder.path("n.netloom");
    let by_file = train(&other, &[&folder.path("files"), "--label-from", "file"]);
    assert_eq!(
        by_file["evaluation"]["scores"],
        card["evaluation"]["scores"]
    );
}

#[test]
fn windows_per_host_and_pair() {
    let folder = folder();
    let model = folder.path("m.netloom");
    for per in ["host", "pair", "service"] {
        let card = train(
            &model,
            &[
                &folder.path("data"),
                "--label-from",
                "folder",
                "--per",
                per,
                "--window",
                "10s",
                "--split",
                "random",
                "--no-gap",
            ],
        );
        assert_eq!(card["data"]["row"], format!("{per} in 10 s"));
        let rows = card["data"]["rows"].as_u64().unwrap();
        assert!((20..=480).contains(&rows), "{per}: {rows} windows");
    }
    // The model knows its windows.
    let told = stdout(&["predict", "-q", &model, &folder.path("data/chat/1.pcap")]);
    assert!(told.lines().next().unwrap().contains("prediction"));
    assert!(told.lines().count() > 10);
    run(
        &["predict", &model, &folder.path("data"), "--per", "host"],
        2,
    );
}

#[test]
fn the_example_is_told_by_a_model_of_other_captures() {
    let folder = folder();
    let model = folder.path("m.netloom");
    train(
        &model,
        &[&folder.path("data"), "--label-from", "folder", "--no-gap"],
    );
    let example = example();
    let flows = stdout(&["export", "-q", "flows", example.to_str().unwrap()])
        .lines()
        .count();
    let told = stdout(&[
        "predict",
        "-q",
        &model,
        example.to_str().unwrap(),
        "--show",
        "flow_id",
    ]);
    assert_eq!(told.lines().count(), flows, "a row a flow");
}
