//! Model files: everything a model needs, in one file.
//!
//! ```text
//! "netloom model\n"  14 bytes
//! format version     u32, little-endian
//! length of header   u32
//! header             JSON, so that any tool can say what the file is
//! sections           u32 how many; each: length of name u8, name, length u64, bytes
//! SHA-256            32 bytes, of all before
//! ```
//!
//! Nothing in a file is executed. It is read whole, at most [`MAX_BYTES`] of it; its checksum must
//! be right, and what a model is made of is checked before it is used: a file can be refused, but
//! not make a model fail later. Sections that a reader does not know are kept and ignored, so that
//! files of later versions can hold more.

use std::borrow::Cow;
use std::io::{Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Classifier, Input, Regressor};
use crate::calibration::Calibration;
use crate::dataset::LeftOut;
use crate::experiment::Calibrated;
use crate::supervised::{FittedClassifier, FittedRegressor};

/// Version of the format that is written; older ones are read too.
pub const FORMAT_VERSION: u32 = 1;
/// A file that is larger is refused.
pub const MAX_BYTES: u64 = 4 << 30;

const MAGIC: &[u8] = b"netloom model\n";
const HASH_BYTES: usize = 32;
/// Sections that this crate reads itself.
const CLASSIFIER: &str = "classifier";
const REGRESSOR: &str = "regressor";

/// What can be known of a model without loading it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Header {
    /// `classifier`, `regressor`, `detector`, `clusters`, `forecast`: what it does.
    pub kind: String,
    /// Its algorithm, as `--model` names it.
    pub algorithm: String,
    /// Version of netloom that wrote it.
    pub netloom_version: String,
    /// What its rows are made from: `flows`, `windows`, or a table of the user's own (empty).
    pub table: String,
    /// Version of the features of that table; a model of another version is refused. None for a
    /// table of the user's own.
    pub feature_version: Option<u32>,
    /// The columns that it needs.
    pub inputs: Vec<Input>,
    /// Columns that it was not given or does not use, and why.
    pub left_out: Vec<LeftOut>,
    /// Classes that it tells.
    pub classes: Vec<String>,
    /// Parameters with their values, as scikit-learn names them.
    pub parameters: Vec<(String, String)>,
    /// Seed.
    pub seed: u64,
    /// Rows that it learned from.
    pub rows: u64,
    /// Times of the first and the last of them, in nanoseconds since 1970 UTC.
    pub window: Option<(i64, i64)>,
}

/// A file with a model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelFile {
    /// What it is.
    pub header: Header,
    sections: Vec<(String, Vec<u8>)>,
}

/// Why a file is no model that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// It cannot be read or written.
    #[error("cannot be read or written")]
    Io(#[from] std::io::Error),
    /// It is something else.
    #[error("is no model of netloom's")]
    NotAModel,
    /// It was written by a later version.
    #[error(
        "has format {found}, but this netloom knows formats up to {FORMAT_VERSION}: a newer one reads it"
    )]
    Version {
        /// Its format.
        found: u32,
    },
    /// It is larger than any model.
    #[error("is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// It was cut off or changed.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// It lacks what was asked for.
    #[error("holds {found}, but {wanted} is wanted")]
    Kind {
        /// What it holds.
        found: String,
        /// What was asked for.
        wanted: &'static str,
    },
    /// Its columns were computed in another way.
    #[error(
        "was made with version {found} of the features, but this netloom has version {known}: \
         train it again"
    )]
    FeatureVersion {
        /// The version that it was made with.
        found: u32,
        /// The version of this netloom.
        known: u32,
    },
    /// A model that has no form in a file.
    #[error("a model of kind {0} cannot be saved")]
    Unsaveable(String),
}

/// A classifier as it stands in a file.
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedClassifier<'a> {
    pub(crate) model: Cow<'a, FittedClassifier>,
    pub(crate) calibration: Option<Cow<'a, Calibration>>,
}

/// A regressor as it stands in a file.
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedRegressor<'a> {
    pub(crate) model: Cow<'a, FittedRegressor>,
}

impl ModelFile {
    /// A file with a classifier.
    ///
    /// # Errors
    ///
    /// If the model has no form in a file.
    pub fn of_classifier(model: &dyn Classifier) -> Result<Self, ModelFileError> {
        let saved = model
            .saved()
            .ok_or_else(|| ModelFileError::Unsaveable(model.algorithm().to_owned()))?;
        let mut file = Self {
            header: Header {
                kind: CLASSIFIER.to_owned(),
                algorithm: model.algorithm().to_owned(),
                netloom_version: env!("CARGO_PKG_VERSION").to_owned(),
                inputs: model.inputs().to_vec(),
                left_out: model.left_out().to_vec(),
                classes: model.classes().to_vec(),
                ..Header::default()
            },
            sections: Vec::new(),
        };
        file.set_binary(CLASSIFIER, &saved)?;
        Ok(file)
    }

    /// The classifier in it.
    ///
    /// # Errors
    ///
    /// If there is none, or it does not hold together.
    pub fn classifier(&self) -> Result<Box<dyn Classifier>, ModelFileError> {
        let saved: SavedClassifier<'static> =
            self.binary(CLASSIFIER)?
                .ok_or_else(|| ModelFileError::Kind {
                    found: self.header.kind.clone(),
                    wanted: "a classifier",
                })?;
        let damaged = || ModelFileError::Damaged("its model does not hold together".to_owned());
        if !saved.model.is_sound() {
            return Err(damaged());
        }
        let classes = saved.model.classes().len();
        let mut model = saved.model.into_owned();
        model.prepare();
        let model: Box<dyn Classifier> = Box::new(model);
        Ok(match saved.calibration {
            None => model,
            Some(calibration) if calibration.is_sound(classes) => {
                Box::new(Calibrated::new(model, calibration.into_owned()))
            }
            Some(_) => return Err(damaged()),
        })
    }

    /// A file with a regressor.
    ///
    /// # Errors
    ///
    /// If the model has no form in a file.
    pub fn of_regressor(model: &dyn Regressor) -> Result<Self, ModelFileError> {
        let saved = model
            .saved()
            .ok_or_else(|| ModelFileError::Unsaveable(model.algorithm().to_owned()))?;
        let mut file = Self {
            header: Header {
                kind: REGRESSOR.to_owned(),
                algorithm: model.algorithm().to_owned(),
                netloom_version: env!("CARGO_PKG_VERSION").to_owned(),
                inputs: model.inputs().to_vec(),
                left_out: model.left_out().to_vec(),
                ..Header::default()
            },
            sections: Vec::new(),
        };
        file.set_binary(REGRESSOR, &saved)?;
        Ok(file)
    }

    /// The regressor in it.
    ///
    /// # Errors
    ///
    /// If there is none, or it does not hold together.
    pub fn regressor(&self) -> Result<Box<dyn Regressor>, ModelFileError> {
        let saved: SavedRegressor<'static> =
            self.binary(REGRESSOR)?
                .ok_or_else(|| ModelFileError::Kind {
                    found: self.header.kind.clone(),
                    wanted: "a regressor",
                })?;
        if saved.model.is_sound() {
            Ok(Box::new(saved.model.into_owned()))
        } else {
            Err(ModelFileError::Damaged(
                "its model does not hold together".to_owned(),
            ))
        }
    }

    /// Refuses a model whose columns were computed in another way than those of this netloom.
    ///
    /// # Errors
    ///
    /// If the versions differ.
    pub fn check_features(&self, known: u32) -> Result<(), ModelFileError> {
        match self.header.feature_version {
            Some(found) if found != known => Err(ModelFileError::FeatureVersion { found, known }),
            _ => Ok(()),
        }
    }

    /// A section's bytes.
    pub fn section(&self, name: &str) -> Option<&[u8]> {
        self.sections
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, bytes)| bytes.as_slice())
    }

    /// Puts bytes into a section, in place of what it held.
    ///
    /// # Panics
    ///
    /// If the name has more than 255 bytes.
    pub fn set_section(&mut self, name: &str, bytes: Vec<u8>) {
        assert!(name.len() <= 255, "names of sections are short");
        self.sections.retain(|(known, _)| known != name);
        self.sections.push((name.to_owned(), bytes));
    }

    /// Puts a value into a section, in a compact form (postcard's).
    ///
    /// # Errors
    ///
    /// If it has no such form.
    pub fn set_binary<T: Serialize>(
        &mut self,
        name: &str,
        value: &T,
    ) -> Result<(), ModelFileError> {
        let bytes = postcard::to_allocvec(value).map_err(|error| damaged(name, &error))?;
        self.set_section(name, bytes);
        Ok(())
    }

    /// A value from a section; none if there is no such section. Whoever reads it must check that
    /// it makes sense.
    ///
    /// # Errors
    ///
    /// If it holds something else, or more.
    pub fn binary<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ModelFileError> {
        let Some(bytes) = self.section(name) else {
            return Ok(None);
        };
        match postcard::take_from_bytes(bytes) {
            Ok((value, [])) => Ok(Some(value)),
            Ok(_) => Err(damaged(name, &"it is too long")),
            Err(error) => Err(damaged(name, &error)),
        }
    }

    /// Puts a value into a section as JSON, for what people and other programs may want to read.
    ///
    /// # Errors
    ///
    /// If it has no such form.
    pub fn set_json<T: Serialize>(&mut self, name: &str, value: &T) -> Result<(), ModelFileError> {
        let bytes = serde_json::to_vec(value).map_err(|error| damaged(name, &error))?;
        self.set_section(name, bytes);
        Ok(())
    }

    /// A value from a section of JSON; none if there is no such section.
    ///
    /// # Errors
    ///
    /// If it holds something else.
    pub fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ModelFileError> {
        self.section(name)
            .map(|bytes| serde_json::from_slice(bytes).map_err(|error| damaged(name, &error)))
            .transpose()
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&self, mut output: impl Write) -> Result<(), ModelFileError> {
        let header = serde_json::to_vec(&self.header).map_err(|error| damaged("header", &error))?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend(FORMAT_VERSION.to_le_bytes());
        bytes.extend((header.len() as u32).to_le_bytes());
        bytes.extend(header);
        bytes.extend((self.sections.len() as u32).to_le_bytes());
        for (name, section) in &self.sections {
            bytes.push(name.len() as u8);
            bytes.extend(name.as_bytes());
            bytes.extend((section.len() as u64).to_le_bytes());
            bytes.extend(section);
        }
        output.write_all(&bytes)?;
        output.write_all(&Sha256::digest(&bytes))?;
        output.flush()?;
        Ok(())
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is no model, too large, damaged, or of a later version.
    pub fn read(input: impl Read) -> Result<Self, ModelFileError> {
        let mut bytes = Vec::new();
        input.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(ModelFileError::TooLarge);
        }
        Self::parse(&bytes)
    }

    /// As [`read`](Self::read), from memory.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelFileError> {
        let mut rest = bytes.strip_prefix(MAGIC).ok_or(ModelFileError::NotAModel)?;
        let version = number(&mut rest)?;
        if version > FORMAT_VERSION {
            return Err(ModelFileError::Version { found: version });
        }
        let (hashed, hash) = bytes
            .len()
            .checked_sub(HASH_BYTES)
            .and_then(|at| bytes.split_at_checked(at))
            .ok_or_else(cut_off)?;
        if Sha256::digest(hashed)[..] != *hash {
            return Err(ModelFileError::Damaged("its checksum is wrong".to_owned()));
        }
        // What follows the checksum's start is not read as content.
        let mut rest = &hashed[MAGIC.len() + 4..];
        let length = number(&mut rest)? as usize;
        let header = serde_json::from_slice(take(&mut rest, length)?)
            .map_err(|error| damaged("header", &error))?;
        let count = number(&mut rest)?;
        let mut sections = Vec::new();
        for _ in 0..count {
            let length = usize::from(take(&mut rest, 1)?[0]);
            let name = String::from_utf8_lossy(take(&mut rest, length)?).into_owned();
            let length = take(&mut rest, 8)?
                .try_into()
                .map_or(u64::MAX, u64::from_le_bytes);
            let length = usize::try_from(length).map_err(|_| cut_off())?;
            sections.push((name, take(&mut rest, length)?.to_vec()));
        }
        if !rest.is_empty() {
            return Err(damaged("sections", &"there is more than they say"));
        }
        Ok(Self { header, sections })
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], ModelFileError> {
    let (taken, left) = rest.split_at_checked(length).ok_or_else(cut_off)?;
    *rest = left;
    Ok(taken)
}

fn number(rest: &mut &[u8]) -> Result<u32, ModelFileError> {
    take(rest, 4)?
        .try_into()
        .map(u32::from_le_bytes)
        .map_err(|_| cut_off())
}

fn cut_off() -> ModelFileError {
    ModelFileError::Damaged("it is cut off".to_owned())
}

fn damaged(section: &str, error: &dyn std::fmt::Display) -> ModelFileError {
    ModelFileError::Damaged(format!("{section}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> ModelFile {
        let mut file = ModelFile {
            header: Header {
                kind: "detector".to_owned(),
                feature_version: Some(3),
                window: Some((-1, 7)),
                ..Header::default()
            },
            sections: Vec::new(),
        };
        file.set_json("card", &vec![1, 2]).unwrap();
        file.set_binary("numbers", &vec![0.5, f64::NAN]).unwrap();
        file
    }

    #[test]
    fn written_and_read() {
        let mut bytes = Vec::new();
        file().write(&mut bytes).unwrap();
        let read = ModelFile::read(&bytes[..]).unwrap();
        assert_eq!(read, file());
        assert_eq!(read.json::<Vec<u8>>("card").unwrap().unwrap(), [1, 2]);
        let numbers = read.binary::<Vec<f64>>("numbers").unwrap().unwrap();
        assert!(numbers[0] == 0.5 && numbers[1].is_nan());
        assert!(read.binary::<u8>("nothing").unwrap().is_none());
        assert!(read.binary::<u8>("numbers").is_err(), "too long");
        assert!(matches!(
            read.classifier(),
            Err(ModelFileError::Kind { .. })
        ));
        assert!(read.check_features(3).is_ok());
        assert!(read.check_features(4).is_err());
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let mut bytes = Vec::new();
        file().write(&mut bytes).unwrap();
        for place in MAGIC.len() + 4..bytes.len() {
            let mut other = bytes.clone();
            other[place] ^= 1;
            assert!(
                matches!(ModelFile::parse(&other), Err(ModelFileError::Damaged(_))),
                "byte {place}"
            );
            assert!(ModelFile::parse(&bytes[..place]).is_err());
        }
        bytes[MAGIC.len()] = 9;
        assert!(matches!(
            ModelFile::parse(&bytes),
            Err(ModelFileError::Version { found: 9 })
        ));
        assert!(matches!(
            ModelFile::parse(b"PK\x03\x04"),
            Err(ModelFileError::NotAModel)
        ));
    }
}
