//! Autonomous systems of addresses, from a database of the user's.

use std::net::IpAddr;
use std::path::Path;

use maxminddb::{MaxMindDbError, Reader};
use netloom::pipeline::scan::AutonomousSystems;
use serde::Deserialize;

use crate::failure::Failure;

/// A database in MaxMind's format.
pub(super) struct Systems(Reader<Vec<u8>>);

/// What databases say of a network: MaxMind's and DB-IP's words, and IPinfo's.
#[derive(Deserialize)]
struct Entry {
    autonomous_system_number: Option<u32>,
    autonomous_system_organization: Option<Box<str>>,
    /// `AS64496`
    asn: Option<Box<str>>,
    as_name: Option<Box<str>>,
    name: Option<Box<str>>,
}

impl Systems {
    /// Reads a database.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        const HINT: &str = "--asn-db takes a database of autonomous systems in MaxMind's format (MMDB): \
            GeoLite2-ASN, GeoIP2-ISP, DB-IP's ASN Lite or IPinfo's";
        let reader = Reader::open_readfile(path).map_err(|error| match error {
            MaxMindDbError::Io(cause) => Failure::input(path.display(), Some(&cause)),
            other => Failure::input(format_args!("{}: {other}", path.display()), None).hint(HINT),
        })?;
        let kind = &reader.metadata().database_type;
        let lower = kind.to_ascii_lowercase();
        if !["asn", "isp", "ipinfo"]
            .iter()
            .any(|word| lower.contains(word))
        {
            let kind = netloom::decode::app::text::display(kind.as_bytes());
            let message = format!(
                "{}: a database of the type {kind}, which knows no autonomous systems",
                path.display()
            );
            return Err(Failure::input(message, None).hint(HINT));
        }
        Ok(Self(reader))
    }
}

impl AutonomousSystems for Systems {
    fn system(&self, address: IpAddr) -> Option<(u32, Box<str>)> {
        // What is damaged in the database is not known.
        let entry: Entry = self.0.lookup(address).ok()?.decode().ok()??;
        let number = entry.autonomous_system_number.or_else(|| {
            let asn = entry.asn?;
            asn.trim_start_matches("AS").parse().ok()
        })?;
        let name = entry.autonomous_system_organization;
        let name = name.or(entry.as_name).or(entry.name).unwrap_or_default();
        Some((number, name))
    }
}
