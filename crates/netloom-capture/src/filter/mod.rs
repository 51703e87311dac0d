//! The filter language of tcpdump, pcap-filter(7), compiled to programs of the classic Berkeley
//! Packet Filter: for the kernel, and run here on packets of files.
//!
//! An expression means something else for each link type, so it is compiled once for each.
//!
//! ```
//! use netloom_capture::filter::Filter;
//! use netloom_packet::LinkType;
//!
//! let program = Filter::compile("tcp port 443", LinkType::RAW, 262_144)?;
//! let mut packet = [0; 40];
//! packet[0] = 0x45; // IPv4, 20 bytes of header
//! packet[9] = 6; // TCP
//! packet[22..24].copy_from_slice(&443_u16.to_be_bytes());
//! assert!(program.accepts(&packet, 40));
//!
//! let error = Filter::compile("tcp prot 443", LinkType::RAW, 262_144).unwrap_err();
//! assert_eq!(error.column, 5);
//! # Ok::<(), netloom_capture::filter::FilterError>(())
//! ```
//!
//! Names of hosts are looked up in `/etc/hosts`, never with DNS; those of ports and protocols in
//! `/etc/services` and `/etc/protocols`, and in tables of common ones.
//!
//! Steps: words (`lexer`), what they say (`parser`, `syntax`), conditions on the bytes of
//! a link type's packets (`generate`), a graph of tests with its short cuts (`graph`),
//! instructions (`emit`), which are checked and run (`program`).

mod condition;
mod emit;
mod error;
mod generate;
mod graph;
mod keyword;
mod lexer;
mod listing;
mod names;
mod parser;
mod program;
mod source;
mod syntax;
mod value;

use netloom_packet::LinkType;

pub use self::error::FilterError;
pub use self::program::{Ancillary, Instruction, MAX_INSTRUCTIONS, Program, ProgramError};
pub use self::source::{FilterOpenError, FilterTally, Filtered};

use self::emit::EmitError;
use self::error::Fault;
use self::generate::Generator;
use self::graph::Graph;
use self::names::Names;
use self::syntax::Node;

/// Bytes of a packet that are kept where nothing else is said; no packet is longer.
pub const DEFAULT_SNAPLEN: u32 = 262_144;

/// How a filter is compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileOptions {
    /// What the program returns for a packet that matches: the bytes of it to keep.
    pub snaplen: u32,
    /// For packets of Linux's kernel instead of those of a file. The kernel takes VLAN tags off
    /// packets and says which way they went, which `vlan`, `inbound`, `outbound` and `ifindex`
    /// then ask for; the program reads it with [`Program::accepts_with`].
    pub live: bool,
    /// The mask of the network that is captured on, for `ip broadcast`. That of a file is taken
    /// as 0.0.0.0: only the broadcasts to all networks count.
    pub netmask: Option<u32>,
}

impl Default for CompileOptions {
    fn default() -> Self {
        Self {
            snaplen: DEFAULT_SNAPLEN,
            live: false,
            netmask: Some(0),
        }
    }
}

/// A filter that was parsed: sound in itself, but not yet compiled for a link type.
#[derive(Debug, Clone)]
pub struct Filter {
    expression: String,
    /// `None` for an empty one.
    node: Option<Node>,
    names: Names,
}

impl Filter {
    /// Parses an expression. An empty one matches every packet.
    ///
    /// # Errors
    ///
    /// When the expression is not one of the language.
    pub fn new(expression: &str) -> Result<Self, FilterError> {
        let node =
            parser::parse(expression).map_err(|fault| FilterError::new(expression, &fault))?;
        Ok(Self {
            expression: expression.to_owned(),
            node,
            names: Names::of_the_system(),
        })
    }

    /// Parses an expression and compiles it for packets of files.
    ///
    /// # Errors
    ///
    /// When the expression is not one of the language, or tests what packets of this link type
    /// do not have.
    pub fn compile(
        expression: &str,
        link_type: LinkType,
        snaplen: u32,
    ) -> Result<Program, FilterError> {
        Self::new(expression)?.program(
            link_type,
            &CompileOptions {
                snaplen,
                ..CompileOptions::default()
            },
        )
    }

    /// The expression.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// Compiles for a link type.
    ///
    /// # Errors
    ///
    /// When the expression tests what packets of this link type do not have, and when no packet
    /// can match ([`FilterError::matches_nothing`]).
    pub fn program(
        &self,
        link_type: LinkType,
        options: &CompileOptions,
    ) -> Result<Program, FilterError> {
        self.make(link_type, options)
            .map_err(|fault| FilterError::new(&self.expression, &fault))
    }

    fn make(&self, link_type: LinkType, options: &CompileOptions) -> Result<Program, Fault> {
        let whole = 0..self.expression.trim_end().len();
        let too_long = || {
            Fault::new(
                whole.clone(),
                format!("the filter needs more than {MAX_INSTRUCTIONS} instructions"),
            )
            .hint("ranges (`net 10.0.0.0/8`, `portrange 1-1024`) say more in less")
        };
        if options.snaplen == 0 {
            return Err(Fault::new(
                whole,
                "with 0 bytes to keep, no packet can match",
            ));
        }
        let mut generator = Generator::new(link_type, &self.names, options);
        let condition = match &self.node {
            Some(node) => generator.filter(node)?,
            None => condition::Condition::Constant(true),
        };
        let values = generator.values;
        let graph = Graph::new(&condition, &values)
            .map_err(|_| too_long())?
            .optimise(&values);
        if graph.start == graph::Target::Reject {
            let mut fault = Fault::new(
                whole,
                format!("no packet of link type {link_type} can match this"),
            );
            fault.matches_nothing = true;
            return Err(fault);
        }
        let instructions =
            emit::emit(&graph, &values, options.snaplen).map_err(|error| match error {
                EmitError::TooLong => too_long(),
                EmitError::TooComplex => Fault::new(
                    whole.clone(),
                    "an expression needs more than the machine's 16 words of memory",
                ),
            })?;
        Program::new(instructions).map_err(|error| Fault::new(whole.clone(), error.to_string()))
    }
}

#[cfg(test)]
mod tests;
