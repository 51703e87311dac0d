//! Which class is the harmless one.

use super::ExperimentError;

/// Names that data sets have for what is harmless, in lower case without punctuation.
const HARMLESS: [&str; 12] = [
    "benign",
    "normal",
    "background",
    "legitimate",
    "legit",
    "clean",
    "harmless",
    "nonattack",
    "notattack",
    "noattack",
    "regular",
    "benigntraffic",
];

/// The same for two classes only, where one of these means that something is not so.
const NOT_SO: [&str; 6] = ["0", "00", "false", "no", "none", "negative"];

/// Whether a class of this name is harmless, as data sets call it.
pub fn harmless_name(name: &str) -> bool {
    HARMLESS.contains(&plain(name).as_str())
}

/// The harmless class: one with a usual name, or of two that which says no or is more frequent.
/// None for more than two classes of which none has such a name.
pub fn negative_class(names: &[String], classes: &[u32]) -> Option<u32> {
    let named = |known: &dyn Fn(&str) -> bool| {
        names
            .iter()
            .position(|name| known(name))
            .map(|place| place as u32)
    };
    if let Some(class) = named(&harmless_name) {
        return Some(class);
    }
    if names.len() != 2 {
        return None;
    }
    named(&|name| NOT_SO.contains(&plain(name).as_str())).or_else(|| {
        let second = classes.iter().filter(|class| **class == 1).count();
        Some(u32::from(2 * second > classes.len()))
    })
}

pub(super) fn chosen(
    asked: Option<&str>,
    names: &[String],
    classes: &[u32],
) -> Result<Option<u32>, ExperimentError> {
    let Some(asked) = asked else {
        return Ok(negative_class(names, classes));
    };
    names
        .iter()
        .position(|name| name == asked)
        .map(|place| Some(place as u32))
        .ok_or_else(|| ExperimentError::UnknownClass {
            name: asked.to_owned(),
            known: names.join(", "),
        })
}

fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_by_name_or_number() {
        let of = |names: &[&str], classes: &[u32]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            negative_class(&names, classes)
        };
        assert_eq!(of(&["BENIGN", "DoS", "PortScan"], &[]), Some(0));
        assert_eq!(of(&["attack", "non-attack"], &[]), Some(1));
        assert_eq!(of(&["0", "1"], &[1, 1, 1]), Some(0));
        assert_eq!(of(&["cam", "plug"], &[0, 1, 1]), Some(1));
        assert_eq!(of(&["cam", "plug"], &[0, 1]), Some(0));
        assert_eq!(of(&["cam", "plug", "hub"], &[0, 1]), None);
        assert_eq!(of(&["0", "1", "2"], &[0, 1]), None);
    }
}
