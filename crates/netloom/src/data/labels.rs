//! Labels that are not in the data: the names of files and folders.

use std::path::Path;

use super::{Data, FILE_COLUMN, unify};
use crate::failure::Failure;

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
}

impl LabelFrom {
    /// As `--label-from` takes it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "path" => Ok(Self::Path),
            "folder" => Ok(Self::Folder),
            "file" => Ok(Self::File),
            other => Err(format!("'{other}' is none of path, folder and file")),
        }
    }
}

impl Data {
    /// The data with a label for each row, from the file that it is from.
    pub(crate) fn labelled_by_path(self, from: &LabelFrom, column: &str) -> Result<Self, Failure> {
        if self.has(column) {
            return Err(Failure::usage(format!(
                "the data has a column '{column}' already: labels from paths need another name"
            ))
            .hint("--label NAME names the column that they are put into"));
        }
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
            LabelFrom::File => false,
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
        let labels: Vec<Option<String>> = files
            .iter()
            .map(|file| {
                let file = file.as_deref()?;
                if by_folder { folder(file) } else { name(file) }
            })
            .collect();
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
