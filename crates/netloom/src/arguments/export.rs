//! Tables as they are named on the command line.

use std::ffi::OsStr;

use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Table;

/// Tables, each once, in the order in which they were named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tables(pub(crate) Vec<Table>);

/// Reads names of tables with commas between them.
#[derive(Debug, Clone)]
pub(super) struct TablesParser;

impl TypedValueParser for TablesParser {
    type Value = Tables;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Tables, clap::Error> {
        let table = EnumValueParser::<Table>::new();
        let mut tables = Vec::new();
        for name in value.to_string_lossy().split(',') {
            let found = table.parse_ref(command, argument, OsStr::new(name.trim()))?;
            if tables.contains(&found) {
                let mut error = clap::Error::new(ErrorKind::InvalidValue).with_cmd(command);
                error.insert(
                    ContextKind::InvalidArg,
                    ContextValue::String(argument.map(ToString::to_string).unwrap_or_default()),
                );
                error.insert(
                    ContextKind::InvalidValue,
                    ContextValue::String(format!("{name}, named twice")),
                );
                return Err(error);
            }
            tables.push(found);
        }
        Ok(Tables(tables))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        EnumValueParser::<Table>::new()
            .possible_values()
            .map(|values| Box::new(values.collect::<Vec<_>>().into_iter()) as _)
    }
}
