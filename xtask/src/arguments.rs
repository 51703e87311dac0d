//! The options of a command: `--name`, `--name VALUE`.

use std::str::FromStr;

use anyhow::{Context as _, Result, bail};

/// What was given after the command, option by option.
pub(crate) struct Options<'a> {
    given: Vec<&'a str>,
}

impl<'a> Options<'a> {
    pub(crate) fn new(given: &[&'a str]) -> Self {
        Self {
            given: given.to_vec(),
        }
    }

    /// Whether `--name` was given.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.given.len();
        self.given.retain(|argument| *argument != name);
        self.given.len() < before
    }

    /// The value after `--name`.
    pub(crate) fn value<V: FromStr>(&mut self, name: &str) -> Result<Option<V>>
    where
        V::Err: std::error::Error + Send + Sync + 'static,
    {
        let Some(at) = self.given.iter().position(|argument| *argument == name) else {
            return Ok(None);
        };
        if at + 1 >= self.given.len() {
            bail!("{name} needs a value");
        }
        let text = self.given.remove(at + 1);
        self.given.remove(at);
        let value = text.parse().with_context(|| format!("{name} {text}"))?;
        Ok(Some(value))
    }

    /// Fails if something is left that nobody asked for.
    pub(crate) fn end(self) -> Result<()> {
        match self.given.first() {
            None => Ok(()),
            Some(unknown) => bail!("no such option here: '{unknown}'"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_taken_one_by_one() {
        let mut options = Options::new(&["--keep", "--share", "0.5", "--what"]);
        assert!(options.flag("--keep"));
        assert!(!options.flag("--keep"));
        assert_eq!(options.value::<f64>("--share").unwrap(), Some(0.5));
        assert_eq!(options.value::<u64>("--seed").unwrap(), None);
        assert!(options.value::<u64>("--what").is_err());
        assert!(options.end().is_err());
    }
}
