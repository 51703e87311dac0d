//! Tests over whole reports.
use super::chart::{self, Theme};
use super::{html, png, sample, terminal};
use super::terminal::TerminalOptions;
#[test]
fn samples_for_looking() {
    let Some(dir) = std::env::var_os("NETLOOM_REPORT_SAMPLES") else { return };
    let dir = std::path::PathBuf::from(dir);
    std::fs::create_dir_all(&dir).unwrap();
    for (name, report) in [("full", sample::full()), ("empty", sample::empty()), ("one", sample::one_packet()), ("hostile", sample::hostile()), ("huge", sample::huge())] {
        for width in [60, 80, 120, 200] {
            let options = TerminalOptions { width, color: true, ..TerminalOptions::default() };
            std::fs::write(dir.join(format!("{name}-{width}.txt")), terminal::render(&report, &options)).unwrap();
        }
        std::fs::write(dir.join(format!("{name}.html")), html::render(&report)).unwrap();
        for theme in [Theme::Light, Theme::Dark] {
            for chart in chart::charts(&report, theme) {
                let file = dir.join(format!("{name}-{theme:?}-{}.png", chart.name));
                std::fs::write(file, png::encode(&chart.svg, 1.0).unwrap()).unwrap();
            }
        }
    }
}
