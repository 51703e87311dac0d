//! Labels that are not in the data: the names of files and folders, or rules.

use std::path::{Path, PathBuf};

use super::rules;
use super::{Data, FILE_COLUMN, unify};
use crate::failure::Failure;
use crate::output::Printer;

/// The column that labels from paths are put into, unless `--label` names another.
pub(crate) const PATH_LABEL: &str = "label";

/// Where labels are from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LabelFrom {
    /// The folder of each file if they are in different ones, else the file's name.
    Path,
    /// The folder of each file.
    Folder,
    /// The name of each file without its endings.
    File,
    /// A file of rules: labels, each with a condition in SQL.
    Rules(PathBuf),
}

impl LabelFrom {
    /// Labels are the names of files, so that it matters which file a row is from.
    pub(crate) fn is_path(&self) -> bool {
        !matches!(self, Self::Rules(_))
    }

    /// As `--label-from` takes it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "path" => Ok(Self::Path),
            "folder" => Ok(Self::Folder),
            "file" => Ok(Self::File),
            other if Path::new(other).is_file() => Ok(Self::Rules(PathBuf::from(other))),
            other => Err(format!(
                "'{other}' is none of path, folder and file, and there is no file of rules of that name"
            )),
        }
    }
}

impl Data {
    /// The data with a label for each row.
    pub(crate) fn labelled(
        self,
        from: &LabelFrom,
        column: &str,
        printer: &Printer,
    ) -> Result<Self, Failure> {
        if self.has(column) {
            return Err(Failure::usage(format!(
                "the data has a column '{column}' already: labels from elsewhere need another name"
            ))
            .hint("--label NAME names the column that they are put into"));
        }
        let labels = match from {
            LabelFrom::Rules(path) => {
                let rules = rules::read(path, &self.schema)?;
                let told = rules.tell(&self, printer)?;
                return Ok(Self {
                    label_columns: rules.columns(),
                    ..self.with_labels(column, &told)?
                });
            }
            _ => self.labels_of_paths(from)?,
        };
        self.with_labels(column, &labels)
    }

    fn labels_of_paths(&self, from: &LabelFrom) -> Result<Vec<Option<String>>, Failure> {
        let files = unify::texts(&self.batches, FILE_COLUMN)?;
        let folder = |file: &str| {
            let parent = Path::new(file).parent().and_then(Path::file_name);
            parent.map(|name| name.to_string_lossy().into_owned())
        };
        let name = |file: &str| {
            let name = Path::new(file).file_name()?.to_string_lossy().into_owned();
            // All endings: `dos.pcap.gz` is `dos`; a name that begins with a point stays.
            let end = name
                .get(1..)
                .and_then(|rest| rest.find('.'))
                .map_or(name.len(), |at| at + 1);
            Some(name[..end].to_owned())
        };
        let by_folder = match from {
            LabelFrom::Folder => true,
            LabelFrom::File | LabelFrom::Rules(_) => false,
            LabelFrom::Path => {
                let mut folders: Vec<Option<String>> = self
                    .sources
                    .iter()
                    .map(|source| folder(&source.name))
                    .collect();
                folders.sort();
                folders.dedup();
                folders.len() > 1
            }
        };
        Ok(files
            .iter()
            .map(|file| {
                let file = file.as_deref()?;
                if by_folder { folder(file) } else { name(file) }
            })
            .collect())
    }

    fn with_labels(self, column: &str, labels: &[Option<String>]) -> Result<Self, Failure> {
        let mut starts = Vec::with_capacity(self.batches.len());
        let mut rows = 0;
        for batch in &self.batches {
            starts.push(rows);
            rows += batch.num_rows();
        }
        let (schema, batches) =
            unify::with_text(&self.schema, &self.batches, column, |batch, row| {
                labels.get(starts[batch] + row).cloned().flatten()
            })?;
        Ok(Self {
            schema,
            batches,
            ..self
        })
    }

    /// The names that occur in a column, sorted.
    pub(crate) fn names_in(&self, column: &str) -> Result<Vec<String>, Failure> {
        let mut names: Vec<String> = unify::texts(&self.batches, column)?
            .into_iter()
            .flatten()
            .collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// The data with a column that says the same of all rows.
    pub(crate) fn marked(self, column: &str, mark: &str) -> Result<Self, Failure> {
        let (schema, batches) = unify::with_text(&self.schema, &self.batches, column, |_, _| {
            Some(mark.to_owned())
        })?;
        Ok(Self {
            schema,
            batches,
            ..self
        })
    }

    /// The data with a column that joins others, for groups that several columns make up.
    pub(crate) fn joined(self, columns: &[String], name: &str) -> Result<Self, Failure> {
        let mut all: Vec<Vec<Option<String>>> = Vec::new();
        for column in columns {
            all.push(unify::texts(&self.batches, column)?);
        }
        let mut starts = Vec::with_capacity(self.batches.len());
        let mut rows = 0;
        for batch in &self.batches {
            starts.push(rows);
            rows += batch.num_rows();
        }
        let (schema, batches) =
            unify::with_text(&self.schema, &self.batches, name, |batch, row| {
                let at = starts[batch] + row;
                let parts: Vec<&str> = all
                    .iter()
                    .map(|column| column[at].as_deref().unwrap_or(""))
                    .collect();
                Some(parts.join(", "))
            })?;
        Ok(Self {
            schema,
            batches,
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sources() {
        assert_eq!(LabelFrom::parse("folder"), Ok(LabelFrom::Folder));
        assert!(LabelFrom::parse("colour").is_err());
    }
}
