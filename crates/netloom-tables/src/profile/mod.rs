//! The same facts with the names, the units and the order that other tools have.
//!
//! A profile has tables of its own, made from the same rows as the tables they rename.

mod cic;
mod ecs;
mod eve;
mod nfstream;
mod objects;
mod style;
mod who;
mod zeek;

use std::fmt;

use netloom_flow::FlowRules;

pub use cic::{CicFlows, CicSpelling, cic_spellings};
pub use ecs::{EcsDns, EcsFlows, EcsHttp, EcsTls};
pub use eve::{EveDns, EveFlows, EveHttp, EveTls};
pub use nfstream::NfstreamFlows;
pub use objects::format_objects;
pub use style::Style;
pub use zeek::{ZeekConn, ZeekDns, ZeekHttp, ZeekSsl, format_zeek_log, zeek_log_header};

use self::who::said;
use crate::any::AnyColumns;
use crate::columns::{Columns, ColumnsError, Table};
use crate::name::TableName;
use crate::schema::Simple;

/// Whose names, units and formats tables have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Profile {
    /// netloom's own.
    #[default]
    Native,
    /// Seven plain columns of packets.
    Simple,
    /// NFStream's flows.
    Nfstream,
    /// CICFlowMeter's flows.
    Cic,
    /// Zeek's logs.
    Zeek,
    /// Suricata's EVE events.
    Eve,
    /// The Elastic Common Schema.
    Ecs,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Native,
        Self::Simple,
        Self::Nfstream,
        Self::Cic,
        Self::Zeek,
        Self::Eve,
        Self::Ecs,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Simple => "simple",
            Self::Nfstream => "nfstream",
            Self::Cic => "cic",
            Self::Zeek => "zeek",
            Self::Eve => "eve",
            Self::Ecs => "ecs",
        }
    }

    /// The tables it has.
    pub const fn tables(self) -> &'static [TableName] {
        match self {
            Self::Native => &TableName::ALL,
            Self::Simple => &[TableName::Packets],
            Self::Nfstream | Self::Cic => &[TableName::Flows],
            Self::Zeek | Self::Eve | Self::Ecs => &[
                TableName::Flows,
                TableName::Dns,
                TableName::Http,
                TableName::Tls,
            ],
        }
    }

    /// The rules of flows that it implies; `None` where any will do.
    pub const fn rules(self) -> Option<FlowRules> {
        match self {
            Self::Nfstream => Some(FlowRules::Nfstream),
            Self::Zeek => Some(FlowRules::Zeek),
            _ => None,
        }
    }

    /// How a table is written.
    pub const fn style(self, table: TableName) -> Style {
        match self {
            Self::Zeek => Style::Zeek(match table {
                TableName::Dns => "dns",
                TableName::Http => "http",
                TableName::Tls => "ssl",
                _ => "conn",
            }),
            Self::Eve | Self::Ecs => Style::Objects,
            _ => Style::Plain,
        }
    }

    /// The columns of a comma-separated list, or without one every column but those that are made
    /// only when named. `None` where the profile has no such table.
    ///
    /// # Errors
    ///
    /// As for [`Columns::parse`].
    pub fn parse_columns(
        self,
        table: TableName,
        list: Option<&str>,
    ) -> Option<Result<AnyColumns, ColumnsError>> {
        use AnyColumns::{Dns, Flows, Http, Packets, Tls};
        if !self.tables().contains(&table) {
            return None;
        }
        Some(match (self, table) {
            (Self::Native, table) => table.parse_columns(list),
            (Self::Simple, _) => chosen::<Simple>(list).map(|of| Packets(of.into())),
            (Self::Nfstream, _) => chosen::<NfstreamFlows>(list).map(|of| Flows(of.into())),
            (Self::Cic, _) => chosen::<CicFlows>(list).map(|of| Flows(of.into())),
            (Self::Zeek, TableName::Dns) => chosen::<ZeekDns>(list).map(|of| Dns(of.into())),
            (Self::Zeek, TableName::Http) => chosen::<ZeekHttp>(list).map(|of| Http(of.into())),
            (Self::Zeek, TableName::Tls) => chosen::<ZeekSsl>(list).map(|of| Tls(of.into())),
            (Self::Zeek, _) => chosen::<ZeekConn>(list).map(|of| Flows(of.into())),
            (Self::Eve, TableName::Dns) => chosen::<EveDns>(list).map(|of| Dns(of.into())),
            (Self::Eve, TableName::Http) => chosen::<EveHttp>(list).map(|of| Http(of.into())),
            (Self::Eve, TableName::Tls) => chosen::<EveTls>(list).map(|of| Tls(of.into())),
            (Self::Eve, _) => chosen::<EveFlows>(list).map(|of| Flows(of.into())),
            (Self::Ecs, TableName::Dns) => chosen::<EcsDns>(list).map(|of| Dns(of.into())),
            (Self::Ecs, TableName::Http) => chosen::<EcsHttp>(list).map(|of| Http(of.into())),
            (Self::Ecs, TableName::Tls) => chosen::<EcsTls>(list).map(|of| Tls(of.into())),
            (Self::Ecs, _) => chosen::<EcsFlows>(list).map(|of| Flows(of.into())),
        })
    }
}

fn chosen<T: Table>(list: Option<&str>) -> Result<Columns<T>, ColumnsError> {
    list.map_or_else(|| Ok(Columns::all()), Columns::parse)
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_table_has_columns_with_names_of_their_own() {
        for profile in Profile::ALL {
            for &table in profile.tables() {
                let columns = profile.parse_columns(table, None).unwrap().unwrap();
                assert_eq!(columns.rows_of(), table, "{profile}");
                let schema = columns.schema();
                let names: HashSet<_> = schema.fields().iter().map(|field| field.name()).collect();
                assert_eq!(names.len(), schema.fields().len(), "{profile} {table}");
                assert!(!names.is_empty());
                // An object is no value at the same time.
                for name in &names {
                    let inside = format!("{name}.");
                    let both = names.iter().find(|other| other.starts_with(&inside));
                    assert_eq!(both, None, "{profile} {table}: {name}");
                }
            }
        }
    }

    #[test]
    fn what_a_profile_lacks_is_told_apart_from_a_wrong_name() {
        assert!(
            Profile::Zeek
                .parse_columns(TableName::Packets, None)
                .is_none()
        );
        let error = Profile::Zeek.parse_columns(TableName::Flows, Some("id.orig_x"));
        let error = error.unwrap().unwrap_err().to_string();
        assert!(error.contains("did you mean 'id.orig_h'?"), "{error}");
    }
}
