//! Tests over whole reports: what they look like, and that hostile names stay harmless.

mod pages;

use proptest::prelude::*;

use self::pages::check_page;
use super::chart::{self, Theme};
use super::model::{Count, Report, Service};
use super::terminal::TerminalOptions;
use super::{html, json, png, sample, terminal, text};

fn samples() -> Vec<(&'static str, Report)> {
    vec![
        ("full", sample::full()),
        ("empty", sample::empty()),
        ("default", Report::default()),
        ("one", sample::one_packet()),
        ("hostile", sample::hostile()),
        ("huge", sample::huge()),
    ]
}

fn options(width: usize) -> TerminalOptions {
    TerminalOptions {
        width,
        ..TerminalOptions::default()
    }
}

/// Writes every rendering of every sample into the folder that `NETLOOM_REPORT_SAMPLES` names,
/// for a person to look at.
#[test]
fn samples_for_looking() {
    let Some(dir) = std::env::var_os("NETLOOM_REPORT_SAMPLES") else {
        println!("NETLOOM_REPORT_SAMPLES is not set: nothing is written");
        return;
    };
    let dir = std::path::PathBuf::from(dir);
    std::fs::create_dir_all(&dir).unwrap();
    for (name, report) in samples() {
        for width in [60, 80, 120, 200] {
            let options = TerminalOptions {
                color: true,
                ..options(width)
            };
            let file = dir.join(format!("{name}-{width}.txt"));
            std::fs::write(file, terminal::render(&report, &options)).unwrap();
        }
        std::fs::write(dir.join(format!("{name}.html")), html::render(&report)).unwrap();
        std::fs::write(
            dir.join(format!("{name}.json")),
            json::to_string(&report).unwrap(),
        )
        .unwrap();
        for theme in [Theme::Light, Theme::Dark] {
            for chart in chart::charts(&report, theme) {
                let file = dir.join(format!("{name}-{theme:?}-{}.png", chart.name));
                std::fs::write(file, png::encode(&chart.svg, 1.0).unwrap()).unwrap();
            }
        }
    }
}

#[test]
fn terminal_of_60_columns() {
    insta::assert_snapshot!(terminal::render(&sample::full(), &options(60)));
}

#[test]
fn terminal_of_80_columns() {
    insta::assert_snapshot!(terminal::render(&sample::full(), &options(80)));
}

#[test]
fn terminal_of_120_columns() {
    insta::assert_snapshot!(terminal::render(&sample::full(), &options(120)));
}

#[test]
fn terminal_of_small_captures() {
    insta::assert_snapshot!(
        "terminal_empty",
        terminal::render(&sample::empty(), &options(80))
    );
    insta::assert_snapshot!(
        "terminal_one",
        terminal::render(&sample::one_packet(), &options(80))
    );
}

#[test]
fn terminal_of_hostile_names() {
    insta::assert_snapshot!(terminal::render(&sample::hostile(), &options(100)));
}

#[test]
fn terminal_without_unicode_is_ascii() {
    for (name, report) in samples() {
        let shown = terminal::render(
            &report,
            &TerminalOptions {
                unicode: false,
                ..options(80)
            },
        );
        assert!(shown.is_ascii(), "{name}");
    }
}

#[test]
fn terminal_lines_fit_every_width() {
    for (name, report) in samples() {
        for width in (40..=220).step_by(3) {
            check_terminal(&report, width).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
}

/// Each line fits, nothing hidden is in it, and colours are the only escape sequences.
fn check_terminal(report: &Report, width: usize) -> Result<(), String> {
    let plain = terminal::render(report, &options(width));
    for line in plain.lines() {
        let columns = text::width(line);
        if columns > width {
            return Err(format!("{columns} columns of {width}: {line}"));
        }
        if line.chars().any(text::is_hidden) {
            return Err(format!("hidden characters: {line:?}"));
        }
    }
    let colored = terminal::render(
        report,
        &TerminalOptions {
            color: true,
            ..options(width)
        },
    );
    let mut stripped = String::new();
    let mut rest = colored.as_str();
    while let Some(at) = rest.find('\u{1b}') {
        stripped.push_str(&rest[..at]);
        let sequence = &rest[at..];
        let end = sequence.find('m').ok_or("unfinished escape sequence")?;
        let body = sequence[..end]
            .strip_prefix("\u{1b}[")
            .ok_or("strange escape sequence")?;
        if !body.bytes().all(|b| b.is_ascii_digit() || b == b';') {
            return Err(format!("strange escape sequence {body:?}"));
        }
        rest = &sequence[end + 1..];
    }
    stripped.push_str(rest);
    let trimmed = |text: &str| {
        text.lines()
            .map(|l| l.trim_end().to_owned())
            .collect::<Vec<_>>()
    };
    if trimmed(&stripped) == trimmed(&plain) {
        Ok(())
    } else {
        Err("colour changes the text".to_owned())
    }
}

#[test]
fn lists_are_as_long_as_asked() {
    let shown = terminal::render(
        &sample::full(),
        &TerminalOptions {
            top: 3,
            ..options(120)
        },
    );
    assert!(!shown.contains("224.0.0.251"));
    assert!(shown.contains("151.101.1.69"));
}

#[test]
fn lists_are_as_long_as_asked_everywhere() {
    let mut report = sample::full();
    let names: Vec<String> = (1..=12).map(|n| format!("name-{n:02}.example")).collect();
    let counts = |names: &[String]| -> Vec<Count> {
        let counted = names.iter().map(|name| Count {
            name: name.clone(),
            count: 1,
        });
        counted.collect()
    };
    report.dns.top_names = counts(&names);
    report.tls.issuers = counts(&names);
    report.http.hosts = counts(&names);
    for top in [3, 8, 12] {
        let options = TerminalOptions {
            top,
            ..options(120)
        };
        let shown = terminal::render(&report, &options);
        let times = |name: &str| shown.matches(name).count();
        assert_eq!(times(&names[top - 1]), 3, "{top}");
        assert!(top == 12 || times(&names[top]) == 0, "{top}");
    }
}

#[test]
fn guesses_by_port_are_marked_and_what_is_cut_is_said() {
    let mut report = sample::full();
    report.host_count = report.hosts.len() as u64 + 4;
    let service = |name: &str, source: &str| Service {
        name: name.into(),
        source: source.into(),
        transport: "tcp".into(),
        port: Some(443),
        bytes: 10,
        ..Service::default()
    };
    report.services = vec![service("tls", "content"), service("pop3", "port")];
    let shown = terminal::render(&report, &options(120));
    assert!(shown.contains("pop3 ?") && !shown.contains("tls ?"));
    assert!(shown.contains("and 4 more devices."));
    let page = html::render(&report);
    assert_eq!(page.matches("tcp/443 · told by port").count(), 1);
    assert!(page.contains("and 4 more devices<"));
    report.services.pop();
    report.host_count = report.hosts.len() as u64;
    let page = html::render(&report);
    assert!(!page.contains("old by port:") && !page.contains("more devices"));
    let options = TerminalOptions {
        top: 1,
        ..options(120)
    };
    let shown = terminal::render(&sample::full(), &options);
    assert!(shown.contains("more services."), "{shown}");
}

/// What a destination received as responder is of some of its flows: no count of all stands beside.
#[test]
fn clients_beyond_those_that_are_told_apart_may_be_more() {
    let mut report = sample::full();
    report.sites[0].client_count = 63;
    let shown = terminal::render(&report, &options(160));
    assert!(shown.contains(" +62 "), "{shown}");
    assert!(!shown.contains("or more"));
    assert!(!html::render(&report).contains("and at least"));
    report.sites[0].client_count = 64;
    let shown = terminal::render(&report, &options(160));
    assert!(shown.contains(" +63 or more"), "{shown}");
    assert!(html::render(&report).contains("and at least 6"));
}

#[test]
fn destinations_have_no_flows_of_another_kind() {
    let page = html::render(&sample::full());
    let (_, section) = page.split_once(r#"id="destinations""#).unwrap();
    let (section, _) = section.split_once("</section>").unwrap();
    assert!(section.contains("Received<") && !section.contains("Flows<"));
}

#[test]
fn charts_are_documents_and_pictures() {
    for (name, report) in samples() {
        for theme in [Theme::Light, Theme::Dark] {
            for chart in chart::charts(&report, theme) {
                let document = roxmltree::Document::parse(&chart.svg)
                    .unwrap_or_else(|e| panic!("{name} {}: {e}", chart.name));
                assert_eq!(document.root_element().tag_name().name(), "svg");
                assert!(
                    document
                        .descendants()
                        .all(|n| n.attribute("href").is_none())
                );
                assert!(!chart.svg.contains("var("), "{name} {}", chart.name);
                assert!(!chart.svg.chars().any(text::is_hidden));
                assert!(!chart.svg.contains("NaN") && !chart.svg.contains("inf\""));
            }
        }
    }
    let names: Vec<&str> = chart::charts(&sample::full(), Theme::Light)
        .iter()
        .map(|c| c.name)
        .collect();
    assert_eq!(
        names,
        [
            "timeline-bytes",
            "timeline-packets",
            "timeline-flows",
            "top-addresses-bytes",
            "top-addresses-packets",
            "top-destinations",
            "top-conversations",
            "top-sites",
            "countries",
            "protocols",
            "services",
            "packet-sizes"
        ]
    );
    assert!(chart::charts(&sample::empty(), Theme::Light).is_empty());
}

#[test]
fn charts_in_pages_are_well_formed() {
    for (name, report) in samples() {
        let page = html::render(&report);
        let body = page.split("<script").next().unwrap();
        let mut depth = 0;
        let mut start = 0;
        for (at, _) in body.match_indices("svg") {
            if body[..at].ends_with('<') {
                if depth == 0 {
                    start = at - 1;
                }
                depth += 1;
            } else if body[..at].ends_with("</") {
                depth -= 1;
                if depth == 0 {
                    let svg = &body[start..at + 4];
                    assert!(roxmltree::Document::parse(svg).is_ok(), "{name}: {svg}");
                }
            }
        }
        assert_eq!(depth, 0);
    }
}

#[test]
fn pictures_are_png_of_the_size_asked_for() {
    let charts = chart::charts(&sample::full(), Theme::Dark);
    let picture = png::encode(&charts[0].svg, 2.0).unwrap();
    // PNG signature and the width of IHDR (ISO/IEC 15948 sections 5.2 and 11.2.2).
    assert_eq!(&picture[..8], b"\x89PNG\r\n\x1a\n");
    assert_eq!(&picture[16..20], 1920_u32.to_be_bytes());
    assert!(matches!(
        png::encode("<svg", 1.0),
        Err(png::PngError::Svg(_))
    ));
    assert!(matches!(
        png::encode(&charts[0].svg, 1e6),
        Err(png::PngError::Size { .. })
    ));
    assert!(matches!(
        png::encode(&charts[0].svg, f32::NAN),
        Err(png::PngError::Size { .. })
    ));
}

#[test]
fn letters_are_drawn_with_the_embedded_font() {
    let picture = |letters: &str| {
        let svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40" font-family="Inter, sans-serif"><text x="4" y="24">{letters}</text></svg>"#
        );
        png::encode(&svg, 1.0).unwrap()
    };
    assert_ne!(picture("Traffic"), picture(""));
    assert_ne!(picture("…–"), picture(""));
}

#[test]
fn every_field_of_the_json_is_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/report-json.md");
    let documentation = std::fs::read_to_string(path).unwrap();
    let facts: serde_json::Value =
        serde_json::from_str(&json::to_string(&sample::full()).unwrap()).unwrap();
    let mut missing = Vec::new();
    let mut left = vec![&facts];
    while let Some(value) = left.pop() {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    if !documentation.contains(&format!("| `{name}` |")) {
                        missing.push(name.clone());
                    }
                    left.push(value);
                }
            }
            serde_json::Value::Array(list) => left.extend(list),
            _ => {}
        }
    }
    assert!(
        missing.is_empty(),
        "not in docs/report-json.md: {missing:?}"
    );
}

#[test]
fn json_is_stable_and_whole() {
    let shown = json::to_string(&sample::full()).unwrap();
    assert_eq!(shown, json::to_string(&sample::full()).unwrap());
    let order: Vec<usize> = [
        "\"schema_version\"",
        "\"packets\"",
        "\"capture\"",
        "\"findings\"",
    ]
    .iter()
    .map(|field| shown.find(field).unwrap())
    .collect();
    assert!(order.is_sorted());
    // Numbers that JSON does not have are null.
    assert!(
        json::to_string(&sample::hostile())
            .unwrap()
            .contains("\"mean_packet_len\": null")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_name_breaks_out(name in "(\\PC|[<>&\"'/!\\-\\x00-\\x1f\u{80}-\u{9f}\u{202a}-\u{202e}]){0,60}", width in 40_usize..200) {
        let mut report = sample::full();
        sample::each_text(&mut report, &mut |text| text.clone_from(&name));
        prop_assert_eq!(check_page(&html::render(&report)), Ok(()));
        prop_assert_eq!(check_terminal(&report, width), Ok(()));
        for chart in chart::charts(&report, Theme::Light) {
            prop_assert!(roxmltree::Document::parse(&chart.svg).is_ok());
        }
    }

    #[test]
    fn no_number_breaks_a_chart(numbers in prop::collection::vec(any::<u64>(), 1..40), interval in any::<f64>(), depth in any::<u32>()) {
        let mut report = sample::full();
        report.timeline.bytes.clone_from(&numbers);
        report.timeline.packets.clone_from(&numbers);
        report.timeline.interval = interval;
        for (i, p) in report.protocols.iter_mut().enumerate() {
            p.bytes = numbers[i % numbers.len()];
            p.depth = depth.wrapping_mul(i as u32);
        }
        for (i, a) in report.top_addresses.iter_mut().enumerate() {
            a.bytes_sent = numbers[i % numbers.len()];
        }
        prop_assert_eq!(check_page(&html::render(&report)), Ok(()));
        prop_assert_eq!(check_terminal(&report, 80), Ok(()));
        for chart in chart::charts(&report, Theme::Dark) {
            prop_assert!(roxmltree::Document::parse(&chart.svg).is_ok());
        }
    }
}
