//! The tables, one file each: every column once.

mod anomalies;
mod capture;
mod dns;
mod flow_features;
mod flows;
mod hosts;
mod http;
mod messages;
mod packets;
mod simple;
pub(crate) mod text;
mod timeline;
mod tls;

pub use anomalies::{Anomalies, AnomalyRow};
pub use capture::Captures;
pub use dns::{Dns, DnsRow};
pub(crate) use flows::community_id;
pub use flows::{FlowRow, Flows};
pub use hosts::{HostRow, Hosts};
pub use http::{Http, HttpRow};
pub use messages::{MessageRow, Messages};
pub use packets::{PacketRow, Packets, packet_ports};
pub use simple::Simple;
pub(crate) use text::some;
pub use timeline::{Timeline, TimelineRow, Traffic};
pub use tls::{Tls, TlsRow};
