//! DNS messages (RFC 1035), and what uses their form: mDNS (RFC 6762), LLMNR (RFC 4795).

/// A message. Names are in text form without the final dot, labels as sent (no case folding), bytes that
/// are no printable ASCII as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Message<'a> {
    /// Which protocol it is: `dns`, `mdns`, `llmnr`, `nbns`.
    pub service: &'static str,
    /// Transaction identifier.
    pub id: u16,
    /// The second 16 bits of the header: QR, OPCODE, AA, TC, RD, RA, Z, AD, CD, RCODE.
    pub flags: u16,
    /// Questions, at most 16 kept.
    pub questions: Vec<Question>,
    /// Answer records, at most 256 kept.
    pub answers: Vec<Record<'a>>,
    /// Authority records, at most 64 kept.
    pub authorities: Vec<Record<'a>>,
    /// Additional records, at most 64 kept.
    pub additionals: Vec<Record<'a>>,
    /// Bytes of the message on the wire.
    pub len: usize,
    /// Whether the bytes ended before the records that the header counts.
    pub truncated: bool,
}

impl Message<'_> {
    /// Whether it is a response.
    pub const fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// Response code, the extended one (RFC 6891) not included.
    pub const fn rcode(&self) -> u8 {
        (self.flags & 15) as u8
    }

    /// Kind of query.
    pub const fn opcode(&self) -> u8 {
        (self.flags >> 11 & 15) as u8
    }
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Question {
    /// Name asked for.
    pub name: Vec<u8>,
    /// Type (QTYPE).
    pub qtype: u16,
    /// Class (QCLASS), the mDNS unicast bit included.
    pub qclass: u16,
}

/// A resource record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Owner.
    pub name: Vec<u8>,
    /// Type.
    pub rtype: u16,
    /// Class, the mDNS cache-flush bit included.
    pub class: u16,
    /// Time to live, seconds.
    pub ttl: u32,
    /// What it says.
    pub data: Data<'a>,
}

/// The data of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Data<'a> {
    /// A, AAAA.
    Address(std::net::IpAddr),
    /// NS, CNAME, PTR, DNAME, MB, MG, MR.
    Name(Vec<u8>),
    /// MX: preference, exchange.
    Mx(u16, Vec<u8>),
    /// SRV: priority, weight, port, target.
    Srv(u16, u16, u16, Vec<u8>),
    /// TXT, SPF: its strings.
    Txt(Vec<&'a [u8]>),
    /// SOA: primary name server, mailbox.
    Soa(Vec<u8>, Vec<u8>),
    /// Anything else, as sent.
    Other(&'a [u8]),
}
