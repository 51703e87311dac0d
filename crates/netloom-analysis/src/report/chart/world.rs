//! A map of the world with a mark for each country that traffic went to or came from.

use std::fmt::Write as _;

use super::super::model::Group;
use super::super::{country, text, units};
use super::theme::{Paint, number, share};

/// Land (`#`) and sea, drawn by hand for this map: a character is 2.5 degrees of longitude and
/// of latitude in plate carrée projection, the rows from 85° north to 57.5° south, the columns
/// from 180° west to 180° east.
static LAND: &str = include_str!("../../../assets/world.txt");

/// Degrees of a character of [`LAND`].
const STEP: f64 = 2.5;
/// Latitude of the upper edge.
const NORTH: f64 = 85.0;
/// Units of the drawing for a character of [`LAND`].
const CELL: f64 = 10.0;
/// Rows of [`LAND`].
const ROWS: u16 = 57;
/// Characters of a row of [`LAND`].
const COLUMNS: u16 = 144;
/// Width of the drawing.
pub(crate) const WIDTH: f64 = COLUMNS as f64 * CELL;
/// Height of the drawing.
pub(crate) const HEIGHT: f64 = ROWS as f64 * CELL;
/// Radius of the mark of the country with the most bytes.
const LARGEST: f64 = 56.0;
/// Radius below which no mark goes.
const SMALLEST: f64 = 9.0;
/// Most marks; countries beyond have next to nothing.
const MARKS_MAX: usize = 250;

/// The map: SVG for a drawing of [`WIDTH`] by [`HEIGHT`], none without a country that has a
/// place. The area of a mark is as its bytes.
pub(crate) fn draw(countries: &[Group], paint: &Paint) -> Option<String> {
    let placed: Vec<(&Group, f64, f64)> = countries
        .iter()
        .filter_map(|group| {
            let (latitude, longitude) = country::place(&group.name)?;
            Some((group, latitude, longitude))
        })
        .take(MARKS_MAX)
        .collect();
    let most = placed.iter().map(|(group, ..)| group.bytes).max()?;
    let mut out = land(paint);
    for (group, latitude, longitude) in placed {
        let x = (longitude + 180.0) / STEP * CELL;
        // Antarctica is below the lower edge: its mark stands on it.
        let y = ((NORTH - latitude) / STEP * CELL).clamp(0.0, HEIGHT - SMALLEST);
        let radius = (LARGEST * share(group.bytes as f64, most as f64).sqrt()).max(SMALLEST);
        let name = text::html(country::name(&group.name));
        let bytes = units::bytes(group.bytes);
        let flows = units::counted(group.flows, "flow", "flows");
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            r#"<circle cx="{}" cy="{}" r="{}" fill="{}" fill-opacity="0.55" stroke="{}" stroke-width="2.5" data-title="{name}" data-text="{bytes}|{flows}"><title>{name}: {bytes}, {flows}</title></circle>"#,
            number(x),
            number(y),
            number(radius),
            paint.sent,
            paint.ground,
        );
    }
    Some(out)
}

/// The land as dots: each run of them is a dashed line of round, very short dashes.
fn land(paint: &Paint) -> String {
    let mut path = String::new();
    for (row, line) in LAND.lines().enumerate() {
        let y = row as f64 * CELL + CELL / 2.0;
        let cells = line.as_bytes();
        let mut at = 0;
        while at < cells.len() {
            let run = cells
                .iter()
                .skip(at)
                .take_while(|&&cell| cell == b'#')
                .count();
            if run > 0 {
                let first = at as f64 * CELL + CELL / 2.0;
                let last = first + (run - 1) as f64 * CELL + 0.1;
                let _ = write!(path, "M{} {}H{}", number(first), number(y), number(last));
            }
            at += run.max(1);
        }
    }
    format!(
        r#"<path d="{path}" fill="none" stroke="{}" stroke-width="6.6" stroke-linecap="round" stroke-dasharray="0.1 9.9"/>"#,
        paint.grid
    )
}

#[cfg(test)]
mod tests {
    use super::super::Theme;
    use super::*;

    #[test]
    fn the_map_is_whole() {
        assert_eq!(LAND.lines().count(), usize::from(ROWS));
        for line in LAND.lines() {
            assert_eq!(line.len(), usize::from(COLUMNS));
            assert!(line.bytes().all(|b| matches!(b, b'#' | b'.')));
        }
    }

    #[test]
    fn large_countries_stand_on_land() {
        let rows: Vec<&[u8]> = LAND.lines().map(str::as_bytes).collect();
        for code in [
            "US", "CA", "BR", "AR", "DE", "FR", "RU", "CN", "IN", "AU", "ZA", "DZ", "CD", "SA",
            "KZ", "MX", "GB", "JP", "GL", "IR",
        ] {
            let (latitude, longitude) = country::place(code).unwrap();
            let row = ((NORTH - latitude) / STEP) as usize;
            let column = ((longitude + 180.0) / STEP) as usize;
            assert_eq!(rows[row][column], b'#', "{code}");
        }
    }

    #[test]
    fn marks_are_for_places_only() {
        let group = |code: &str, bytes| Group {
            name: code.into(),
            bytes,
            ..Group::default()
        };
        let paint = Paint::of(Theme::Light);
        assert_eq!(draw(&[], &paint), None);
        assert_eq!(draw(&[group("<x>", 1)], &paint), None);
        let map = draw(
            &[group("US", u64::MAX), group("??", 5), group("DE", 0)],
            &paint,
        )
        .unwrap();
        assert_eq!(map.matches("<circle").count(), 2);
        assert!((f64::from(COLUMNS) * STEP - 360.0).abs() < 1e-9);
        assert!(map.contains(r#"r="56""#) && map.contains(r#"r="9""#));
    }
}
