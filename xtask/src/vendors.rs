//! The table of who makes network cards, from the IEEE's registries.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use netloom_tables::output::Claims;

/// Files of the registries, as <https://standards-oui.ieee.org> has them, and the digits of their
/// prefixes. What stands for companies (CID) is in no card's address.
const REGISTRIES: [(&str, usize); 4] = [
    ("oui.csv", 6),
    ("oui28.csv", 7),
    ("oui36.csv", 9),
    ("iab.csv", 9),
];

/// Where the table is, in the workspace.
const TABLE: &str = "crates/netloom-flow/src/name/vendors.tsv";

/// Reads the registries in `folder` and writes the table: prefixes in their order, each with who
/// has it. Of two lines with the same prefix the first counts.
pub(crate) fn write(root: &Path, folder: &Path) -> Result<()> {
    let mut vendors: BTreeMap<String, String> = BTreeMap::new();
    for (name, digits) in REGISTRIES {
        let path = folder.join(name);
        let mut reader = csv::Reader::from_path(&path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        for (line, record) in reader.records().enumerate() {
            let place = || format!("{}: entry {}", path.display(), line + 1);
            let record = record.with_context(place)?;
            let prefix = record.get(1).unwrap_or_default().to_ascii_uppercase();
            if prefix.len() != digits || !prefix.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                bail!(
                    "{}: '{prefix}' has not {digits} hexadecimal digits",
                    place()
                );
            }
            let words: Vec<&str> = record
                .get(2)
                .unwrap_or_default()
                .split_whitespace()
                .collect();
            if !words.is_empty() {
                vendors.entry(prefix).or_insert_with(|| words.join(" "));
            }
        }
    }
    let mut file = Claims::default().create(root.join(TABLE))?;
    for (prefix, vendor) in &vendors {
        writeln!(file, "{prefix}\t{vendor}")
            .with_context(|| format!("{TABLE} cannot be written"))?;
    }
    file.commit()?;
    crate::say(&format!("wrote {TABLE}: {} prefixes", vendors.len()));
    Ok(())
}
