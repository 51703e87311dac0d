//! The options of `netloom interfaces`.

use clap::Args;

/// Lists the network interfaces of this machine, and whether you may capture on them
///
/// What passes them now is measured for a second, on a terminal or with --rate.
#[derive(Debug, Args)]
pub(crate) struct InterfacesOptions {
    /// Measure what passes them now, for a second, also where this is no terminal
    #[arg(long)]
    pub(crate) rate: bool,
    /// Write them as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Also those that are switched off or not connected
    #[arg(short, long)]
    pub(crate) all: bool,
}
