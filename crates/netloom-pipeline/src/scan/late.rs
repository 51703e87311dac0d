//! Columns of packets that are known only when flows have ended, apart from the others.
//!
//! Where a [`Write`] takes them apart, rows are made without them in the first pass, and nothing is
//! read and decoded again for a few names: what the first pass found out is enough to tell them.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;
use netloom_tables::{
    AnyColumns, Columns, Packets, RecordBatch, RepeatedTexts, Requires, SchemaRef, repeated_texts,
};

use super::delivery::{Delivery, Made};
use super::flows::{Named, PacketFlow, Server};
use super::packets::Known;
use super::sink::{Prepare, Write};
use super::{RowFilter, TableRequest};

/// Rows that are made at once.
const ROWS: usize = 1 << 16;

/// Where what a thread made is put.
type Slot<T> = Mutex<Option<io::Result<Made<T>>>>;

/// The columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Service,
    ServerName,
    Domain,
    FlowId,
}

impl Column {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "service" => Self::Service,
            "server_name" => Self::ServerName,
            "domain" => Self::Domain,
            "flow_id" => Self::FlowId,
            _ => return None,
        })
    }
}

/// A request in two.
pub(super) struct Apart {
    /// The columns that a first pass can make.
    pub(super) early: TableRequest,
    /// The others.
    pub(super) late: TableRequest,
    /// Their places in the request.
    pub(super) places: Vec<usize>,
    columns: Vec<Column>,
}

impl Apart {
    /// `None` where a request's rows or columns need packets and what is known of their flows at
    /// once, or no column would be early.
    pub(super) fn new(request: &TableRequest) -> Option<Self> {
        let AnyColumns::Packets(of_packets) = &request.columns else {
            return None;
        };
        if request.filter != RowFilter::all() || request.limit.is_some() {
            return None;
        }
        let all: Vec<_> = of_packets.defs();
        let own = Columns::<Packets>::named(all.iter().map(|def| def.name)).ok()?;
        // Another table may have columns of the same names.
        if !own.defs().eq(all.iter().copied()) {
            return None;
        }
        let (mut early, mut late, mut places, mut columns) = (vec![], vec![], vec![], vec![]);
        for (place, def) in all.iter().enumerate() {
            if let Some(column) = Column::of(def.name) {
                late.push(def.name);
                places.push(place);
                columns.push(column);
            } else if [Requires::FLOW_ID, Requires::FLOW_NAME].map(|of| def.requires.contains(of))
                == [false; 2]
            {
                early.push(def.name);
            } else {
                return None;
            }
        }
        let request = |names: Vec<&'static str>| {
            let columns = Columns::<Packets>::named(names).ok()?;
            Some(TableRequest::of(AnyColumns::Packets(columns.into())))
        };
        Some(Self {
            early: request(early)?,
            late: request(late)?,
            places,
            columns,
        })
    }

    /// Whether what packets' ports stand for is to be kept.
    pub(super) fn has_services(&self) -> bool {
        self.columns.contains(&Column::Service)
    }

    /// Makes the late columns of all rows, on some threads, and hands them on. No two flows may
    /// have begun with the same packet.
    pub(super) fn make<P: Prepare, W: Write<Prepared = P::Prepared>>(
        &self,
        request: usize,
        known: &Known,
        delivery: &Delivery<'_, P>,
        writer: &mut W,
        threads: usize,
    ) -> io::Result<()> {
        let schema = self.late.schema();
        let parts = known.packets.parts(ROWS);
        // Some at a time: what was made takes memory until it is handed on.
        for parts in parts.chunks(2 * threads) {
            let tasks = Mutex::new(parts.iter().cloned().enumerate());
            let made: Vec<_> = parts
                .iter()
                .map(|_| Slot::<P::Prepared>::default())
                .collect();
            let run = || {
                loop {
                    let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((place, part)) = task else { break };
                    let batch = self.batch(known, part, &schema);
                    let batch = batch.map(|batch| delivery.make(request, batch));
                    *made[place].lock().unwrap_or_else(PoisonError::into_inner) = Some(batch);
                }
                delivery.work.help();
            };
            std::thread::scope(|scope| {
                for _ in 1..threads {
                    scope.spawn(run);
                }
                run();
            });
            for made in made {
                let made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
                if let Some(made) = made {
                    delivery.deliver_late(writer, request, made?)?;
                }
            }
        }
        Ok(())
    }

    /// The cells of a part of the packets.
    fn batch(
        &self,
        known: &Known,
        part: Range<usize>,
        schema: &SchemaRef,
    ) -> io::Result<RecordBatch> {
        let packets = known.packets.packets_of(part)?;
        let flows = Flows::new(known, &packets);
        let columns = self.columns.iter().map(|column| match column {
            Column::Service => flows.services(&packets),
            Column::ServerName => flows.of_servers(|server| Some(&server.name)),
            Column::Domain => flows.of_servers(Server::domain),
            Column::FlowId => flows.ids(),
        });
        Ok(repeated_texts(schema, columns.collect()))
    }
}

/// The flows of some packets.
struct Flows<'a> {
    /// By the packets' places: their flows' places.
    of_packets: Vec<Option<u32>>,
    named: Vec<&'a Named>,
}

impl<'a> Flows<'a> {
    fn new(known: &'a Known, packets: &[PacketFlow]) -> Self {
        let mut places: HashMap<u64, Option<u32>, RandomState> = HashMap::default();
        let mut named = Vec::new();
        let mut of_packets = Vec::with_capacity(packets.len());
        let mut last = (0, None);
        for &(first, _) in packets {
            // Packets of a flow come in groups.
            if first != last.0 {
                let place = *places.entry(first).or_insert_with(|| {
                    named.push(known.names.of_first(first)?);
                    Some(named.len() as u32 - 1)
                });
                last = (first, place);
            }
            of_packets.push(last.1);
        }
        Self { of_packets, named }
    }

    /// Cells that a flow's packets have in common.
    fn cells(&self, mut cell: impl FnMut(&'a Named) -> Option<u32>) -> Vec<Option<u32>> {
        let of_flows: Vec<Option<u32>> = self.named.iter().map(|named| cell(named)).collect();
        let of_packets = self.of_packets.iter();
        of_packets.map(|flow| of_flows[(*flow)? as usize]).collect()
    }

    fn ids(&self) -> RepeatedTexts {
        let mut texts = RepeatedTexts::default();
        let cells = self.cells(|named| Some(texts.text(named.flow_id.as_str())));
        texts.extend(cells);
        texts
    }

    /// Of servers a flow each, or many.
    fn of_servers(&self, text: impl Fn(&'a Server) -> Option<&'a str>) -> RepeatedTexts {
        let mut texts = RepeatedTexts::default();
        let mut places = HashMap::<&str, u32, RandomState>::default();
        let cells = self.cells(|named| {
            let text = text(named.server.as_deref()?)?;
            Some(*places.entry(text).or_insert_with(|| texts.text(text)))
        });
        texts.extend(cells);
        texts
    }

    /// Those of the packets' flows; of packets without one what their ports stand for.
    fn services(&self, packets: &[PacketFlow]) -> RepeatedTexts {
        let mut texts = RepeatedTexts::default();
        let mut places = HashMap::<&str, u32, RandomState>::default();
        let mut place =
            |name: &'static str| *places.entry(name).or_insert_with(|| texts.text(name));
        let of_flows = self.cells(|named| Some(place(named.service?)));
        let cells: Vec<Option<u32>> = (self.of_packets.iter().zip(of_flows).zip(packets))
            .map(|((flow, service), (_, by_port))| match flow {
                Some(_) => service,
                None => by_port.map(&mut place),
            })
            .collect();
        texts.extend(cells);
        texts
    }
}
