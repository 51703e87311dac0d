//! Pages of `docs/` that are generated from the code.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use netloom_tables::output::Claims;

/// A generated page: where it is, and what it should say.
type Page = (&'static str, fn() -> String);

const PAGES: &[Page] = &[("docs/tables.md", netloom_tables::markdown)];

/// Writes the pages that are not current.
pub(crate) fn write(root: &Path) -> Result<()> {
    for (path, text) in stale(root)? {
        let mut file = Claims::default().create(root.join(path))?;
        file.write_all(text.as_bytes())
            .with_context(|| format!("{path} cannot be written"))?;
        file.commit()?;
        crate::say(&format!("wrote {path}"));
    }
    Ok(())
}

/// Fails where a page is not current.
pub(crate) fn check(root: &Path) -> Result<()> {
    let stale: Vec<_> = stale(root)?.into_iter().map(|(path, _)| path).collect();
    if !stale.is_empty() {
        bail!(
            "not current: {}\nhint: cargo xtask docs, then commit what it wrote",
            stale.join(", ")
        );
    }
    crate::say("generated pages are current");
    Ok(())
}

/// The pages whose file says something else than it should, or is not there.
fn stale(root: &Path) -> Result<Vec<(&'static str, String)>> {
    let mut stale = Vec::new();
    for &(path, make) in PAGES {
        let text = make();
        let current = match fs::read_to_string(root.join(path)) {
            Ok(current) => Some(current),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("{path} cannot be read")),
        };
        // Git may have turned line ends around.
        if current.is_none_or(|current| current.replace("\r\n", "\n") != text) {
            stale.push((path, text));
        }
    }
    Ok(stale)
}
