//! What a column is.

use std::net::IpAddr;
use std::sync::Arc;

use arrow_schema::{DataType, Field, TimeUnit};
use netloom_decode::app::Interest;
use netloom_flow::features::FeatureSet;
use netloom_packet::{MacAddr, Timestamp};

use crate::anonymize::Identity;
use crate::columns::Table;

/// Type of a column's cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// True or false.
    Bool,
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
    /// Double-precision float.
    F64,
    /// Nanoseconds since 1970, UTC.
    Time,
    /// UTF-8 text.
    Text,
    /// List of unsigned 8-bit numbers.
    U8List,
    /// List of unsigned 16-bit numbers.
    U16List,
    /// List of unsigned 32-bit numbers.
    U32List,
    /// List of unsigned 64-bit numbers.
    U64List,
    /// List of double-precision floats.
    F64List,
    /// List of UTF-8 texts.
    TextList,
}

impl Kind {
    /// The Arrow type.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::U8 => DataType::UInt8,
            Self::U16 => DataType::UInt16,
            Self::U32 => DataType::UInt32,
            Self::U64 => DataType::UInt64,
            Self::F64 => DataType::Float64,
            Self::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into())),
            Self::Text => DataType::Utf8,
            Self::U8List => DataType::List(list_item(DataType::UInt8)),
            Self::U16List => DataType::List(list_item(DataType::UInt16)),
            Self::U32List => DataType::List(list_item(DataType::UInt32)),
            Self::U64List => DataType::List(list_item(DataType::UInt64)),
            Self::F64List => DataType::List(list_item(DataType::Float64)),
            Self::TextList => DataType::List(list_item(DataType::Utf8)),
        }
    }

    /// The type as the dictionary writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::F64 => "float64",
            Self::Time => "timestamp(ns, UTC)",
            Self::Text => "text",
            Self::U8List => "list<uint8>",
            Self::U16List => "list<uint16>",
            Self::U32List => "list<uint32>",
            Self::U64List => "list<uint64>",
            Self::F64List => "list<float64>",
            Self::TextList => "list<text>",
        }
    }
}

/// Time zone of every timestamp column.
pub(crate) const UTC: &str = "UTC";

/// Field of a list's items, which are never null.
pub(crate) fn list_item(data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new("item", data_type, false))
}

/// What other tools call a column; empty where they have no such thing. A name here means the
/// nearest thing, not always the same value: units and direction are converted by profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Aliases {
    /// Field of Zeek's logs.
    pub zeek: &'static str,
    /// Attribute of NFStream's `NFlow`.
    pub nfstream: &'static str,
    /// Column of CICFlowMeter's CSV.
    pub cic: &'static str,
    /// Field of the Elastic Common Schema.
    pub ecs: &'static str,
    /// IPFIX information element (IANA registry; `reverse` for RFC 5103's).
    pub ipfix: &'static str,
}

/// A column as the dictionary shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnDef {
    /// Name, in snake_case.
    pub name: &'static str,
    /// Type of the cells.
    pub kind: Kind,
    /// Whether cells can be null.
    pub nullable: bool,
    /// Whether the column is there when no columns are named.
    pub default: bool,
    /// Unit; empty for names and flags.
    pub unit: &'static str,
    /// What it means, and when it is null.
    pub doc: &'static str,
    /// What kind of address a text is (`ip`, `mac`), for readers that compare addresses as
    /// addresses; empty for other columns.
    pub address: &'static str,
    /// What has to be done so that its cells can be made.
    pub requires: Requires,
    /// What it says of who it was.
    pub identity: Identity,
    /// What other tools call it.
    pub aliases: Aliases,
}

/// What has to be done so that cells can be made; what no column requires is not done.
///
/// A set: [`with`](Self::with) joins two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Requires(u16);

impl Requires {
    /// Nothing but what a row is made from anyway; for packets, what the capture says of them.
    pub const NOTHING: Self = Self(0);
    /// The packet is decoded.
    pub const HEADERS: Self = Self(1);
    /// The packet's flow is known, which may be later than the packet.
    pub const FLOW_ID: Self = Self(2);
    /// What is behind the packet's flow is known, which is so when the flow has ended.
    pub const FLOW_NAME: Self = Self(4);
    /// Payloads are looked at: applications are recognised, servers get names.
    pub const APPLICATIONS: Self = Self(8);
    /// The processes of this machine that own flows are looked for; live only.
    pub const OWNERS: Self = Self(16);
    /// Checksums are verified.
    pub const CHECKSUMS: Self = Self(32);
    /// What models learn from is summed up over each flow's packets.
    pub const STATISTICS: Self = Self(64);
    /// The first packets of each flow are kept one by one.
    pub const SEQUENCE: Self = Self(128);
    /// JA4 of clients is made; payloads are looked at.
    pub const JA4: Self = Self(256 | Self::APPLICATIONS.0);
    /// The other fingerprints and the hashes of certificates are made; payloads are looked at.
    pub const HASHES: Self = Self(512 | Self::APPLICATIONS.0);
    /// Flows are kept.
    pub const FLOWS: Self = Self(1024);
    /// Bodies are unpacked to be counted; payloads are looked at.
    pub const CONTENT: Self = Self(2048 | Self::APPLICATIONS.0);
    /// What NFStream sums up is summed up.
    pub const NFSTREAM: Self = Self(4096);
    /// Packets are told what they say as parts of their TCP streams.
    pub const STREAMS: Self = Self(8192);
    /// DNS records are written in full; payloads are looked at.
    pub const RECORDS: Self = Self(16384 | Self::APPLICATIONS.0);

    /// Both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What parsers have to make.
    pub const fn interest(self) -> Interest {
        let mut interest = Interest::NONE;
        if self.contains(Self::JA4) {
            interest = interest.with(Interest::JA4);
        }
        if self.contains(Self::HASHES) {
            interest = interest.with(Interest::HASHES);
        }
        if self.contains(Self::CONTENT) {
            interest = interest.with(Interest::CONTENT);
        }
        if self.contains(Self::RECORDS) {
            interest = interest.with(Interest::RECORDS);
        }
        interest
    }

    /// What has to be kept of flows.
    pub const fn features(self) -> FeatureSet {
        let mut set = FeatureSet::NONE;
        if self.contains(Self::STATISTICS) {
            set = set.with(FeatureSet::STATISTICS);
        }
        if self.contains(Self::SEQUENCE) {
            set = set.with(FeatureSet::SEQUENCE);
        }
        if self.contains(Self::NFSTREAM) {
            set = set.with(FeatureSet::NFSTREAM);
        }
        set
    }
}

impl ColumnDef {
    /// The Arrow field, with unit and kind of address as metadata (`netloom.unit`,
    /// `netloom.address`).
    pub fn field(&self) -> Field {
        let metadata = [
            ("netloom.unit", self.unit),
            ("netloom.address", self.address),
        ];
        Field::new(self.name, self.kind.data_type(), self.nullable).with_metadata(
            metadata
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        )
    }
}

/// A table as the dictionary shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableDef {
    /// Name of the table.
    pub name: &'static str,
    /// What a row is.
    pub doc: &'static str,
    /// The columns in their order.
    pub columns: Vec<ColumnDef>,
}

/// Makes a cell of `V` from a row; `None` is null.
pub(crate) type Get<T, V> = fn(&<T as Table>::Row<'_>) -> Option<V>;
/// Appends a cell's text to the column's; `None` is null (and drops what was appended).
pub(crate) type GetText<T> = fn(&<T as Table>::Row<'_>, &mut String) -> Option<()>;
/// Appends a cell's numbers to the column's; `None` is null.
pub(crate) type GetList<T, V> = fn(&<T as Table>::Row<'_>, &mut Vec<V>) -> Option<()>;
/// Hands a cell's texts to the column one by one; `None` is null.
pub(crate) type GetTexts<T> =
    fn(&<T as Table>::Row<'_>, &mut dyn FnMut(std::fmt::Arguments<'_>)) -> Option<()>;

/// How a cell is made from a row; the variant says the column's type, see [`Kind`].
#[derive(Debug)]
pub(crate) enum Make<T: Table> {
    Bool(Get<T, bool>),
    U8(Get<T, u8>),
    U16(Get<T, u16>),
    U32(Get<T, u32>),
    U64(Get<T, u64>),
    F64(Get<T, f64>),
    Time(Get<T, Timestamp>),
    Text(GetText<T>),
    /// Its text; many rows have the same.
    Ip(Get<T, IpAddr>),
    /// Its text; many rows have the same.
    Mac(Get<T, MacAddr>),
    U8List(GetList<T, u8>),
    U16List(GetList<T, u16>),
    U32List(GetList<T, u32>),
    U64List(GetList<T, u64>),
    F64List(GetList<T, f64>),
    TextList(GetTexts<T>),
}

/// A column of table `T`: what it is and how its cells are made.
#[derive(Debug)]
pub struct Column<T: Table> {
    pub(crate) def: ColumnDef,
    pub(crate) make: Make<T>,
}

/// A column that is null at times; the schema files refine it with the methods below.
pub(crate) const fn column<T: Table>(name: &'static str, make: Make<T>) -> Column<T> {
    let kind = match make {
        Make::Bool(_) => Kind::Bool,
        Make::U8(_) => Kind::U8,
        Make::U16(_) => Kind::U16,
        Make::U32(_) => Kind::U32,
        Make::U64(_) => Kind::U64,
        Make::F64(_) => Kind::F64,
        Make::Time(_) => Kind::Time,
        Make::Text(_) | Make::Ip(_) | Make::Mac(_) => Kind::Text,
        Make::U8List(_) => Kind::U8List,
        Make::U16List(_) => Kind::U16List,
        Make::U32List(_) => Kind::U32List,
        Make::U64List(_) => Kind::U64List,
        Make::F64List(_) => Kind::F64List,
        Make::TextList(_) => Kind::TextList,
    };
    Column {
        def: ColumnDef {
            name,
            kind,
            nullable: true,
            default: true,
            unit: "",
            doc: "",
            address: "",
            requires: Requires::NOTHING,
            identity: Identity::Unsaid,
            aliases: Aliases {
                zeek: "",
                nfstream: "",
                cic: "",
                ecs: "",
                ipfix: "",
            },
        },
        make,
    }
}

macro_rules! refine {
    ($($(#[$doc:meta])* $name:ident => $($field:ident).+;)*) => {
        impl<T: Table> Column<T> {
            $($(#[$doc])*
            pub(crate) const fn $name(mut self, value: &'static str) -> Self {
                self.def.$($field).+ = value;
                self
            })*
        }
    };
}

refine! {
    /// What it means.
    doc => doc;
    /// Its unit.
    unit => unit;
    /// What kind of address it is.
    address => address;
    /// Zeek's name.
    zeek => aliases.zeek;
    /// NFStream's name.
    nfstream => aliases.nfstream;
    /// CICFlowMeter's name.
    cic => aliases.cic;
    /// ECS's name.
    ecs => aliases.ecs;
    /// IPFIX's name.
    ipfix => aliases.ipfix;
}

impl<T: Table> Column<T> {
    /// What has to be done for it, beside what was said before.
    pub(crate) const fn requires(mut self, requires: Requires) -> Self {
        self.def.requires = self.def.requires.with(requires);
        self
    }

    /// What it says of who it was.
    pub(crate) const fn identity(mut self, identity: Identity) -> Self {
        self.def.identity = identity;
        self
    }

    /// Says nothing of who it was.
    pub(crate) const fn of_nobody(self) -> Self {
        self.identity(Identity::Nothing)
    }

    /// Never null.
    pub(crate) const fn required(mut self) -> Self {
        self.def.nullable = false;
        self
    }

    /// Made only when it is asked for by name.
    pub(crate) const fn when_asked(mut self) -> Self {
        self.def.default = false;
        self
    }
}
