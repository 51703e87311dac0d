//! Which protocol a link layer's header names.

use netloom_packet::LinkType;

use super::super::condition::Condition;
use super::super::syntax::{Operator, Relation};
use super::super::value::Size;
use super::link::{
    self, ARCNET, ATM_CLIP, BACNET_MS_TP, ENC, ERF, IPNET, MFR, MTP2, MTP2_WITH_PHDR, PPP_BSDOS,
    Place, SLIP_BSDOS,
};
use super::{Generator, Made, compare};

/// Largest value of an Ethernet header's last field that is a length (IEEE 802.3, 3.2.6).
const ETHERNET_MTU: u32 = 1500;

/// EtherTypes, and below 256 service access points of LLC.
pub(super) const IP: u32 = 0x0800;
pub(super) const ARP: u32 = 0x0806;
pub(super) const RARP: u32 = 0x8035;
pub(super) const IP6: u32 = 0x86dd;
pub(super) const DECNET: u32 = 0x6003;
pub(super) const APPLETALK: u32 = 0x809b;
pub(super) const AARP: u32 = 0x80f3;
pub(super) const MPLS: u32 = 0x8847;
pub(super) const SAP_IP: u32 = 0x06;
pub(super) const SAP_STP: u32 = 0x42;
pub(super) const SAP_IPX: u32 = 0xe0;
pub(super) const SAP_NETBEUI: u32 = 0xf0;
pub(super) const SAP_ISO: u32 = 0xfe;

/// EtherType of IPX.
const IPX: u32 = 0x8137;

/// IPv6 in a BSD loopback header: NetBSD and OpenBSD, FreeBSD, macOS.
const BSD_INET6: [u32; 3] = [24, 28, 30];
/// IPv6 on Linux.
const LINUX_INET6: u32 = 10;
const INET: u32 = 2;

impl Generator<'_> {
    /// Whether the link layer says that it carries this protocol.
    pub(super) fn link_protocol(&mut self, protocol: u32) -> Made {
        if self.layer.labels > 0 {
            return self.mpls_protocol(protocol);
        }
        Ok(match self.layer.link_type {
            LinkType::ETHERNET | LinkType::NETANALYZER | LinkType::NETANALYZER_TRANSPARENT => {
                let first = if self.layer.geneve_ethernet.is_some() {
                    None
                } else {
                    self.previous_link_check()
                };
                self.ethernet_protocol(protocol).after(first)
            }
            LinkType::C_HDLC => {
                let protocol = if protocol == SAP_ISO {
                    SAP_ISO << 8 | SAP_ISO
                } else {
                    protocol
                };
                self.equal(Place::LinkType, 0, Size::Half, protocol)
            }
            _ if self.layer.is_wlan() => {
                let data = self.is_wlan_data();
                data.and(self.llc_protocol(protocol))
            }
            LinkType::FDDI
            | LinkType::TOKEN_RING
            | LinkType::ATM_RFC1483
            | ATM_CLIP
            | LinkType::IP_OVER_FC => self.llc_protocol(protocol),
            LinkType::SUNATM => {
                let llc = self.is_atm_llc();
                llc.and(self.llc_protocol(protocol))
            }
            LinkType::LINUX_SLL => self.linux_protocol(protocol),
            LinkType::SLIP | SLIP_BSDOS | LinkType::RAW => match protocol {
                IP => self.masked(Place::Link, 0, Size::Byte, 0x40, 0xf0),
                IP6 => self.masked(Place::Link, 0, Size::Byte, 0x60, 0xf0),
                _ => Condition::Constant(false),
            },
            LinkType::IPV4 => Condition::Constant(protocol == IP),
            LinkType::IPV6 => Condition::Constant(protocol == IP6),
            LinkType::LTALK => Condition::Constant(protocol == APPLETALK),
            LinkType::PPP | LinkType::PPP_PPPD | LinkType::PPP_HDLC | LinkType::PPP_ETHER => {
                self.equal(Place::LinkType, 0, Size::Half, ppp_protocol(protocol))
            }
            PPP_BSDOS if protocol == IP => {
                // IP, and with compressed and uncompressed headers (RFC 1144).
                let plain = self.equal(Place::LinkType, 0, Size::Half, 0x21);
                let compressed = self.equal(Place::LinkType, 0, Size::Half, 0x2d);
                let uncompressed = self.equal(Place::LinkType, 0, Size::Half, 0x2f);
                plain.or(compressed).or(uncompressed)
            }
            PPP_BSDOS => self.equal(Place::LinkType, 0, Size::Half, ppp_protocol(protocol)),
            LinkType::NULL | LinkType::LOOP | ENC => self.loopback_protocol(protocol),
            LinkType::PFLOG => match protocol {
                IP => self.equal(Place::Link, 1, Size::Byte, INET),
                IP6 => self.any_of(Place::Link, 1, Size::Byte, &[LINUX_INET6, 24, 28, 30]),
                _ => Condition::Constant(false),
            },
            ARCNET | LinkType::ARCNET_LINUX => {
                let types: &[u32] = match protocol {
                    IP => &[212, 240],
                    ARP => &[213, 241],
                    RARP => &[214],
                    APPLETALK => &[221],
                    IP6 => &[0xc4],
                    _ => &[],
                };
                self.any_of(Place::LinkType, 0, Size::Byte, types)
            }
            LinkType::FRELAY => {
                // Unnumbered information, then the NLPID (RFC 2427).
                let types: &[u32] = match protocol {
                    IP => &[0x03cc],
                    IP6 => &[0x038e],
                    SAP_ISO => &[0x0381, 0x0382, 0x0383],
                    _ => &[],
                };
                self.any_of(Place::Link, 2, Size::Half, types)
            }
            link_type if is_juniper(link_type) => {
                // All that is known is its magic number.
                self.masked(Place::Link, 0, Size::Word, 0x4d47_4300, 0xffff_ff00)
            }
            BACNET_MS_TP => self.masked(Place::Link, 0, Size::Word, 0x55ff_0000, 0xffff_0000),
            IPNET => match protocol {
                IP => self.equal(Place::LinkType, 0, Size::Byte, 2),
                IP6 => self.equal(Place::LinkType, 0, Size::Byte, 26),
                _ => Condition::Constant(false),
            },
            MFR | MTP2 | MTP2_WITH_PHDR | ERF | link::PFSYNC => {
                return Err(self.no_protocols());
            }
            _ if self.layer.type_at.constant == link::NONE => return Err(self.no_protocols()),
            _ => self.equal(Place::LinkType, 0, Size::Half, protocol),
        })
    }

    /// Whether bytes are one of these numbers.
    fn any_of(&mut self, place: Place, offset: u32, size: Size, numbers: &[u32]) -> Condition {
        let mut condition: Option<Condition> = None;
        for number in numbers {
            let test = self.equal(place, offset, size, *number);
            condition = Some(match condition {
                Some(before) => before.or(test),
                None => test,
            });
        }
        condition.unwrap_or(Condition::Constant(false))
    }

    fn no_protocols(&self) -> super::super::error::Fault {
        self.fault(format!(
            "no protocol can be tested in packets of link type {}",
            self.layer.link_type
        ))
        .hint("`len`, `less`, `greater` and bytes like `link[0]` can")
    }

    fn is_length(&mut self) -> Condition {
        let value = self.load(Place::LinkType, 0, Size::Half);
        compare(value, Relation::LessEqual, ETHERNET_MTU)
    }

    fn ethernet_protocol(&mut self, protocol: u32) -> Condition {
        match protocol {
            SAP_ISO | SAP_IP | SAP_NETBEUI => {
                let length = self.is_length();
                length.and(self.equal(Place::Payload, 0, Size::Half, protocol << 8 | protocol))
            }
            SAP_IPX => {
                // With an EtherType, and with a length before LLC, nothing, or SNAP.
                let ether_type = self.equal(Place::LinkType, 0, Size::Half, IPX);
                let length = self.is_length();
                let snap = self.snap(0, IPX);
                let llc = self.equal(Place::Payload, 0, Size::Byte, SAP_IPX);
                let raw = self.equal(Place::Payload, 0, Size::Half, 0xffff);
                ether_type.or(length.and(snap.or(llc.or(raw))))
            }
            APPLETALK | AARP => {
                let ether_type = self.equal(Place::LinkType, 0, Size::Half, protocol);
                let length = self.is_length();
                let organisation = if protocol == APPLETALK {
                    0x0008_0007
                } else {
                    0
                };
                let snap = self.snap(organisation, protocol);
                ether_type.or(length.and(snap))
            }
            _ if protocol <= ETHERNET_MTU => {
                let length = self.is_length();
                length.and(self.equal(Place::LinkType, 2, Size::Byte, protocol))
            }
            _ => self.equal(Place::LinkType, 0, Size::Half, protocol),
        }
    }

    /// Linux cooked capture, version 1.
    fn linux_protocol(&mut self, protocol: u32) -> Condition {
        /// "802.2" and "802.3" in place of an EtherType (`linux/if_ether.h`).
        const P_802_2: u32 = 0x0004;
        const P_802_3: u32 = 0x0001;
        match protocol {
            SAP_ISO | SAP_IP | SAP_NETBEUI => {
                let llc = self.equal(Place::LinkType, 0, Size::Half, P_802_2);
                llc.and(self.equal(Place::Payload, 0, Size::Half, protocol << 8 | protocol))
            }
            SAP_IPX => {
                let ether_type = self.equal(Place::LinkType, 0, Size::Half, IPX);
                let raw = self.equal(Place::LinkType, 0, Size::Half, P_802_3);
                let llc = self.equal(Place::LinkType, 0, Size::Half, P_802_2);
                let sap = self.equal(Place::Payload, 0, Size::Byte, SAP_IPX);
                let snap = self.snap(0, IPX);
                ether_type.or(raw.or(llc.and(sap.or(snap))))
            }
            APPLETALK | AARP => {
                let ether_type = self.equal(Place::LinkType, 0, Size::Half, protocol);
                let llc = self.equal(Place::LinkType, 0, Size::Half, P_802_2);
                let organisation = if protocol == APPLETALK {
                    0x0008_0007
                } else {
                    0
                };
                let snap = self.snap(organisation, protocol);
                ether_type.or(llc.and(snap))
            }
            _ if protocol <= ETHERNET_MTU => {
                let llc = self.equal(Place::LinkType, 0, Size::Half, P_802_2);
                llc.and(self.equal(Place::Payload, 0, Size::Byte, protocol))
            }
            _ => self.equal(Place::LinkType, 0, Size::Half, protocol),
        }
    }

    /// An LLC header (IEEE 802.2).
    fn llc_protocol(&mut self, protocol: u32) -> Condition {
        match protocol {
            SAP_IP | SAP_ISO | SAP_NETBEUI => {
                self.equal(Place::Payload, 0, Size::Half, protocol << 8 | protocol)
            }
            APPLETALK => self.snap(0x0008_0007, APPLETALK),
            _ if protocol <= ETHERNET_MTU => self.equal(Place::Payload, 0, Size::Byte, protocol),
            _ => self.equal(Place::Payload, 6, Size::Half, protocol),
        }
    }

    /// An LLC header with SNAP.
    fn snap(&mut self, organisation: u32, protocol: u32) -> Condition {
        let [_, o1, o2, o3] = organisation.to_be_bytes();
        let [p1, p2] = (protocol as u16).to_be_bytes();
        self.bytes(Place::Payload, 0, &[0xaa, 0xaa, 0x03, o1, o2, o3, p1, p2])
    }

    /// A BSD loopback header. That of LINKTYPE_NULL is in the byte order of the machine that
    /// captured, so both count.
    fn loopback_protocol(&mut self, protocol: u32) -> Condition {
        let families: &[u32] = match protocol {
            IP => &[INET],
            IP6 if self.options.live => &[LINUX_INET6],
            IP6 => &BSD_INET6,
            _ => &[],
        };
        let mut numbers = Vec::new();
        for family in families {
            if self.layer.link_type == LinkType::LOOP {
                numbers.push(*family);
            } else {
                numbers.extend([family.swap_bytes(), *family]);
            }
        }
        self.any_of(Place::Link, 0, Size::Word, &numbers)
    }

    /// What follows an MPLS label: nothing says what it is, so the label must be the last one
    /// and the version that of IP.
    fn mpls_protocol(&mut self, protocol: u32) -> Made {
        let version = match protocol {
            IP => 0x40,
            IP6 => 0x60,
            _ => {
                return Err(self.fault("of what MPLS carries only IPv4 and IPv6 can be told"));
            }
        };
        let last = self.masked(Place::Network, 2_u32.wrapping_neg(), Size::Byte, 1, 1);
        Ok(last.and(self.masked(Place::Network, 0, Size::Byte, version, 0xf0)))
    }

    /// What must hold for a header inside of another one to be there.
    pub(super) fn previous_link_check(&mut self) -> Option<Condition> {
        if let Some(is_ethernet) = self.layer.geneve_ethernet {
            return Some(compare(is_ethernet, Relation::Equal, 1));
        }
        // ATM LANE: no control frame.
        (self.layer.previous_type == LinkType::SUNATM && self.layer.link_type != LinkType::SUNATM)
            .then(|| {
                self.equal(Place::PreviousLink, 4, Size::Half, 0xff00)
                    .negate()
            })
    }

    /// Whether an 802.11 frame carries data.
    pub(super) fn is_wlan_data(&mut self) -> Condition {
        let no_extension = self.any_bit(Place::Link, 0, 0x04).negate();
        no_extension.and(self.any_bit(Place::Link, 0, 0x08))
    }

    /// Whether a SunATM header says that LLC follows.
    pub(super) fn is_atm_llc(&mut self) -> Condition {
        let value = self.load(Place::Link, 0, Size::Byte);
        let value = self.values.with(Operator::And, value, 0x0f);
        compare(value, Relation::Equal, 2)
    }
}

/// The protocol number of PPP (IANA, "PPP DLL Protocol Numbers") for an EtherType.
const fn ppp_protocol(protocol: u32) -> u32 {
    match protocol {
        IP => 0x21,
        IP6 => 0x57,
        DECNET => 0x27,
        APPLETALK => 0x29,
        // Xerox NS.
        0x0600 => 0x25,
        SAP_ISO => 0x23,
        SAP_STP => 0x31,
        SAP_IPX => 0x2b,
        other => other,
    }
}

/// Whether a link type is one of Juniper's.
pub(super) fn is_juniper(link_type: LinkType) -> bool {
    matches!(
        link_type,
        LinkType::JUNIPER_MFR
            | LinkType::JUNIPER_MLFR
            | LinkType::JUNIPER_MLPPP
            | LinkType::JUNIPER_ATM1
            | LinkType::JUNIPER_ATM2
            | LinkType::JUNIPER_PPPOE
            | LinkType::JUNIPER_PPPOE_ATM
            | LinkType::JUNIPER_GGSN
            | LinkType::JUNIPER_ES
            | LinkType::JUNIPER_MONITOR
            | LinkType::JUNIPER_SERVICES
            | LinkType::JUNIPER_ETHER
            | LinkType::JUNIPER_PPP
            | LinkType::JUNIPER_FRELAY
            | LinkType::JUNIPER_CHDLC
            | LinkType::JUNIPER_VP
            | LinkType::JUNIPER_ST
            | link::JUNIPER_ISM
            | link::JUNIPER_VS
            | link::JUNIPER_SRX_E2E
            | link::JUNIPER_FIBRECHANNEL
            | link::JUNIPER_ATM_CEMIC
    )
}
