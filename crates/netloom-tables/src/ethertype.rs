//! Names of what EtherTypes announce besides the protocols that are decoded.

/// Number, name, and what people call it; in the order of the numbers.
///
/// Sources: the IEEE's registry of EtherTypes, and the specifications of the protocols.
const NAMES: [(u16, &str, &str); 63] = [
    (0x0600, "xns_idp", "XNS internet datagram"),
    (0x0842, "wake_on_lan", "Wake-on-LAN"),
    (0x0bad, "vines", "Banyan VINES"),
    (0x22ea, "msrp", "Stream reservation (MSRP)"),
    (0x22f0, "avtp", "Audio and video transport (AVTP)"),
    (0x22f4, "isis", "IS-IS in TRILL"),
    (0x4305, "batman_adv", "B.A.T.M.A.N. Advanced"),
    (0x6001, "dec_mop", "DEC dump and load (MOP)"),
    (0x6002, "dec_mop", "DEC remote console (MOP)"),
    (0x6003, "decnet", "DECnet phase IV"),
    (0x6004, "dec_lat", "DEC local area transport (LAT)"),
    (0x6007, "dec_lavc", "DEC clusters (LAVC)"),
    (0x809b, "appletalk", "AppleTalk datagram"),
    (0x80e1, "dlr", "EtherNet/IP device level ring (DLR)"),
    (0x80f3, "aarp", "AppleTalk address resolution (AARP)"),
    (0x872d, "wlccp", "Cisco wireless LAN context control"),
    (0x8808, "mac_control", "Pause and other MAC control"),
    (0x8819, "cobranet", "CobraNet audio"),
    (0x886d, "intel_ans", "Intel advanced network services"),
    (0x886f, "nlb", "Network load balancing heartbeat (NLB)"),
    (0x8870, "jumbo_llc", "Jumbo frame of LLC"),
    (0x887b, "homeplug", "HomePlug 1.0"),
    (0x8892, "profinet", "PROFINET"),
    (
        0x8899,
        "realtek",
        "Realtek remote control and loop detection",
    ),
    (0x88a2, "ata_over_ethernet", "ATA over Ethernet"),
    (0x88a4, "ethercat", "EtherCAT"),
    (0x88ab, "powerlink", "Ethernet POWERLINK"),
    (0x88b8, "goose", "GOOSE (IEC 61850)"),
    (0x88b9, "gse_management", "GSE management (IEC 61850)"),
    (0x88ba, "sampled_values", "Sampled values (IEC 61850)"),
    (0x88bf, "romon", "MikroTik router monitoring (RoMON)"),
    (0x88c7, "eapol_preauth", "802.1X pre-authentication"),
    (0x88ca, "tipc", "TIPC"),
    (0x88cd, "sercos", "SERCOS III"),
    (0x88d8, "circuit_emulation", "Circuit emulation (MEF 8)"),
    (0x88d9, "lltd", "Link layer topology discovery (LLTD)"),
    (0x88dc, "wsmp", "Vehicles' short messages (WSMP)"),
    (0x88e1, "homeplug_av", "HomePlug AV"),
    (0x88e3, "mrp", "Media redundancy (MRP, IEC 62439)"),
    (0x88e5, "macsec", "MACsec"),
    (0x88ee, "elmi", "Ethernet local management (E-LMI)"),
    (0x88f5, "mvrp", "VLAN registration (MVRP)"),
    (0x88f6, "mmrp", "Multicast registration (MMRP)"),
    (0x88f7, "ptp", "Precision time (PTP)"),
    (0x88f8, "ncsi", "Network controller sideband (NC-SI)"),
    (0x88fb, "prp", "Parallel redundancy (PRP)"),
    (0x8902, "cfm", "Connectivity fault management (CFM)"),
    (0x8906, "fcoe", "Fibre Channel over Ethernet"),
    (0x890d, "wlan_tunnel", "802.11 in Ethernet (TDLS)"),
    (0x8914, "fip", "Fibre Channel initialization (FIP)"),
    (0x8915, "roce", "RDMA over Converged Ethernet (RoCE)"),
    (0x8917, "mih", "Media independent handover"),
    (0x891d, "tte_control", "TTEthernet control"),
    (0x892f, "hsr", "Seamless redundancy (HSR)"),
    (0x893a, "ieee1905", "Home network control (IEEE 1905.1)"),
    (0x8947, "geonetworking", "GeoNetworking (vehicles)"),
    (0x9021, "rtmac", "Real-time media access (RTnet)"),
    (0x9022, "rtcfg", "Real-time configuration (RTnet)"),
    (0x99fe, "tecmp", "Automotive capture module (TECMP)"),
    (0xa0ed, "lowpan", "6LoWPAN in Ethernet"),
    (0xaefe, "ecpri", "Radio fronthaul (eCPRI)"),
    (0xcafe, "veritas_llt", "Veritas low latency transport"),
    (0xd00d, "tdmoe", "TDM over Ethernet"),
];

/// Short name of what an EtherType announces, where it is nothing that is decoded (`profinet`,
/// `ptp`); `None` for those that have none here.
///
/// ```
/// use netloom_tables::ethertype_name;
/// assert_eq!(ethertype_name(0x8892), Some("profinet"));
/// assert_eq!(ethertype_name(0x0800), None);
/// ```
pub fn ethertype_name(ethertype: u16) -> Option<&'static str> {
    find(ethertype).map(|(name, _)| name)
}

/// The same, as it is said.
pub(crate) fn ethertype_title(ethertype: u16) -> Option<&'static str> {
    find(ethertype).map(|(_, title)| title)
}

fn find(ethertype: u16) -> Option<(&'static str, &'static str)> {
    let place = NAMES
        .binary_search_by_key(&ethertype, |(number, _, _)| *number)
        .ok()?;
    NAMES.get(place).map(|(_, name, title)| (*name, *title))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_and_names_are_names() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
        for (number, name, title) in NAMES {
            assert_eq!(ethertype_name(number), Some(name));
            assert_eq!(ethertype_title(number), Some(title));
            let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(name.chars().all(is_word), "{name}");
        }
    }
}
