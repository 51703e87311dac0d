use super::*;
use crate::chance::Chance;
use crate::dataset::Values;

fn flows(rows: usize, odd: bool) -> Dataset {
    let mut chance = Chance::new(if odd { 2 } else { 1 });
    let mut bytes = Vec::new();
    let mut services = Vec::new();
    for row in 0..rows {
        let is_odd = odd && row == rows / 2;
        bytes.push(if is_odd {
            4.8e7
        } else {
            1e5 * (1.0 + 20.0 * chance.unit())
        });
        services.push(Some(if is_odd {
            "irc"
        } else if row % 3 == 0 {
            "dns"
        } else {
            "http"
        }));
    }
    Dataset::new(vec![
        ("bwd_bytes", Values::numbers(bytes)),
        ("noise", Values::numbers((0..rows).map(|_| chance.normal()))),
        ("service", Values::categories(services)),
    ])
    .unwrap()
}

#[test]
fn every_detector_finds_and_explains() {
    let normal = flows(400, false);
    let data = flows(201, true);
    // Kitsune looks at packets.
    for detector in &DetectorKind::ALL[..6] {
        let detector = *detector;
        let options = DetectOptions {
            detector,
            false_alarms: 0.03,
            ..DetectOptions::default()
        };
        // Beyond all that was learnt a forest tells no distances: what lies at the rim of what
        // is normal is as odd to it as what lies far out. It learns from the rows themselves.
        let learnt = (detector != DetectorKind::IsolationForest).then_some((&normal, &[][..]));
        let found = detect(learnt, &data, &[], &options).unwrap();
        let place = found.findings.iter().position(|one| one.row == 100);
        let trees = [DetectorKind::IsolationForest, DetectorKind::HalfSpaceTrees];
        let most = if trees.contains(&detector) { 8 } else { 0 };
        assert!(place.is_some_and(|p| p <= most), "{detector:?} {place:?}");
        let first = &found.findings[place.unwrap()];
        assert!(first.p_value <= 0.03);
        let told: Vec<String> = first.reasons.iter().map(Reason::sentence).collect();
        let bytes = told.iter().find(|t| t.starts_with("bwd_bytes 48 MB"));
        let service = told
            .iter()
            .any(|t| t.starts_with("service irc (never seen"));
        assert!(bytes.is_some() || service, "{detector:?}: {told:?}");
        if let Some(bytes) = bytes.filter(|_| learnt.is_some()) {
            assert!(bytes.contains("0.1") && bytes.contains("MB)"), "{bytes}");
        }
        let threads = DetectOptions {
            threads: 3,
            ..options
        };
        assert_eq!(detect(learnt, &data, &[], &threads).unwrap(), found);
    }
}

#[test]
fn online_as_rows_come() {
    let data = flows(1501, true);
    let hosts: Vec<String> = (0..1501).map(|row| format!("10.0.0.{}", row % 3)).collect();
    for detector in [DetectorKind::HalfSpaceTrees, DetectorKind::RobustZ] {
        let options = DetectOptions {
            detector,
            ..DetectOptions::default()
        };
        let found = detect_online(&data, &hosts, &options).unwrap();
        assert_eq!(found.odd.first(), Some(&750), "{detector:?}");
        assert_eq!(found.findings[0].row, 750);
        assert!(!found.findings[0].reasons.is_empty());
        assert!(found.drift.is_empty(), "{:?}", found.drift);
    }
    assert!(detect_online(&data, &hosts, &DetectOptions::default()).is_err());
}

#[test]
fn tables_that_do_not_fit() {
    let normal = flows(100, false);
    let other = Dataset::new(vec![("x", Values::numbers([1.0]))]).unwrap();
    let options = DetectOptions::default();
    let error = detect(Some((&normal, &[])), &other, &[], &options).unwrap_err();
    assert!(matches!(error, Error::MissingColumns { .. }), "{error}");
    let empty = flows(0, false);
    assert_eq!(
        detect(None, &empty, &[], &options).unwrap_err(),
        Error::NoRows
    );
    // Nothing to score is no error: there is nothing odd in it.
    let found = detect(Some((&normal, &[])), &empty, &[], &options).unwrap();
    assert!(found.scores.is_empty() && found.odd.is_empty());
}
