//! DCE/RPC (The Open Group C706; [MS-RPCE]), connection-oriented over TCP and SMB pipes and
//! connectionless over UDP: which interfaces are bound to and what is called of them.

use super::ntlmssp::{self, Ntlm};
use super::security_token::SecurityToken;
use super::support::{Frame, frames, login, say};
use super::wire::{Reader, u16_at, u16_le_at, u32_at, u32_le_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
    text,
};

/// DCE/RPC.
pub static PROTOCOL: Protocol = Protocol {
    name: "dce_rpc",
    title: "DCE/RPC",
    category: Category::Rpc,
};

/// Over TCP (endpoint mapper and dynamic ports).
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[135],
    probe,
    parser: Some(|| Box::<DceRpc>::default()),
};

/// Bytes of a message that are looked at.
const KEPT: usize = 8192;
/// Most interfaces of one bind.
const INTERFACES_MAX: usize = 32;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if !probe.tcp {
        // Connectionless: version 4, a packet type, known flags, a data representation, and a
        // body length that is the datagram's.
        let valid = data.len() >= 80
            && data[0] == 4
            && data[1] <= 10
            && data[2] & 0x81 == 0
            && matches!(data[4], 0 | 0x10)
            && data[5] == 0
            && data[6] == 0;
        let length = if data.get(4) == Some(&0x10) {
            u16_le_at(data, 74)
        } else {
            u16_at(data, 74)
        };
        return match length {
            Some(length) if valid && usize::from(length) + 80 == probe.wire_len => Guess::Certain,
            _ => Guess::No,
        };
    }
    match data {
        [5, 0, kind, flags, representation, _, rest @ ..]
            if *kind <= 20 && matches!(representation, 0 | 0x10) && flags & 3 != 0 =>
        {
            if rest.len() < 10 {
                return Guess::More;
            }
            let length = fragment_length(data).unwrap_or_default();
            let auth = field16(data, 10).unwrap_or_default();
            if rest.first() == Some(&0)
                && rest.get(1) == Some(&0)
                && (16..=0x8000).contains(&length)
                && auth <= length
                && matches!(kind, 0 | 2 | 3 | 11..=19)
            {
                Guess::Certain
            } else {
                Guess::No
            }
        }
        [5] | [5, 0] => Guess::More,
        _ if data.len() < 6 && b"\x05\0".starts_with(data.get(..2).unwrap_or(data)) => Guess::More,
        _ => Guess::No,
    }
}

/// Whether numbers are sent least significant byte first.
fn little(data: &[u8]) -> bool {
    data.get(4).is_some_and(|byte| byte & 0x10 != 0)
}

fn field16(data: &[u8], at: usize) -> Option<u16> {
    if little(data) {
        u16_le_at(data, at)
    } else {
        u16_at(data, at)
    }
}

fn field32(data: &[u8], at: usize) -> Option<u32> {
    if little(data) {
        u32_le_at(data, at)
    } else {
        u32_at(data, at)
    }
}

fn fragment_length(data: &[u8]) -> Option<u16> {
    field16(data, 8)
}

/// A connection-oriented message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pdu {
    /// Its type's name as Suricata writes it: `BIND`, `REQUEST`, ….
    pub kind: &'static str,
    /// Whether it is one of those that the server sends.
    pub response: bool,
    /// Number that goes with the answer.
    pub call_id: u32,
    /// Number of the operation (requests).
    pub opnum: Option<u16>,
    /// Presentation context that the request is for.
    pub context: u16,
    /// Interfaces bound to: context, UUID and version.
    pub interfaces: Vec<(u16, String, String)>,
    /// What the server said to each: result and reason.
    pub results: Vec<(u16, u16)>,
    /// Login inside.
    pub ntlm: Option<Ntlm>,
    /// What the verifier carries.
    pub token: SecurityToken,
}

/// A message at the start of `data` (which may be cut).
pub fn parse(data: &[u8]) -> Option<Pdu> {
    if !matches!(data, [5, 0 | 1, ..]) {
        return None;
    }
    let kind = *data.get(2)?;
    let auth = usize::from(field16(data, 10)?);
    let mut pdu = Pdu {
        kind: kind_name(kind)?,
        response: matches!(kind, 2 | 3 | 12 | 13 | 15),
        call_id: field32(data, 12)?,
        ..Pdu::default()
    };
    let length = usize::from(fragment_length(data)?);
    if auth != 0
        && matches!(kind, 11 | 12 | 14 | 15 | 16)
        && let Some(blob) = data.get(length.saturating_sub(auth)..length)
    {
        pdu.ntlm = ntlmssp::find(blob);
        // Of SPNEGO or NTLM ([MS-RPCE] 2.2.1.1.7), as the trailer before says.
        let kind = length.checked_sub(auth + 8).and_then(|at| data.get(at));
        if matches!(kind, Some(9 | 10)) {
            pdu.token = SecurityToken::read(blob);
        }
    }
    match kind {
        0 => {
            pdu.context = field16(data, 20)?;
            pdu.opnum = field16(data, 22);
        }
        11 | 14 => {
            let count = usize::from(*data.get(24)?).min(INTERFACES_MAX);
            let mut at = 28;
            for _ in 0..count {
                let Some(context) = field16(data, at) else {
                    break;
                };
                let Some(transfers) = data.get(at + 2) else {
                    break;
                };
                let Some(uuid) = data.get(at + 4..at + 20) else {
                    break;
                };
                let (Some(major), Some(minor)) = (field16(data, at + 20), field16(data, at + 22))
                else {
                    break;
                };
                pdu.interfaces.push((
                    context,
                    uuid_text(uuid, little(data)),
                    format!("{major}.{minor}"),
                ));
                at += 24 + 20 * usize::from(*transfers);
            }
        }
        12 | 15 => {
            let secondary = usize::from(field16(data, 24)?);
            let at = (26 + secondary).next_multiple_of(4);
            let count = usize::from(*data.get(at)?).min(INTERFACES_MAX);
            for index in 0..count {
                let at = at + 4 + 24 * index;
                let (Some(result), Some(reason)) = (field16(data, at), field16(data, at + 2))
                else {
                    break;
                };
                pdu.results.push((result, reason));
            }
        }
        _ => {}
    }
    Some(pdu)
}

fn kind_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "REQUEST",
        1 => "PING",
        2 => "RESPONSE",
        3 => "FAULT",
        4 => "WORKING",
        5 => "NOCALL",
        6 => "REJECT",
        7 => "ACK",
        8 => "CL_CANCEL",
        9 => "FACK",
        10 => "CANCEL_ACK",
        11 => "BIND",
        12 => "BINDACK",
        13 => "BINDNAK",
        14 => "ALTER_CONTEXT",
        15 => "ALTER_CONTEXT_RESP",
        16 => "AUTH3",
        17 => "SHUTDOWN",
        18 => "CO_CANCEL",
        19 => "ORPHANED",
        20 => "RTS",
        _ => return None,
    })
}

/// A UUID as text; its first three fields are in the sender's byte order.
pub(crate) fn uuid_text(uuid: &[u8], little: bool) -> String {
    const LITTLE: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut out = String::with_capacity(36);
    for (index, &place) in LITTLE.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        let place = if little { place } else { index };
        text::push_digits(&mut out, uuid.get(place).copied().unwrap_or_default());
    }
    out
}

/// What Windows (and others) call an interface: Zeek's names of endpoints.
pub fn endpoint(uuid: &str) -> Option<&'static str> {
    ENDPOINTS
        .binary_search_by(|(known, _)| known.cmp(&uuid))
        .ok()
        .and_then(|index| ENDPOINTS.get(index))
        .map(|&(_, name)| name)
}

/// UUIDs of interfaces, sorted. From Microsoft's open specifications.
const ENDPOINTS: &[(&str, &str)] = &[
    ("00000131-0000-0000-c000-000000000046", "IRemUnknown"),
    ("00000143-0000-0000-c000-000000000046", "IRemUnknown2"),
    ("000001a0-0000-0000-c000-000000000046", "ISystemActivator"),
    ("0b0a6584-9e0f-11cf-a3cf-00805f68cb1b", "localpmp"),
    ("11220835-5b26-4d94-ae86-c3e475a809de", "ICryptProtect"),
    ("12345678-1234-abcd-ef00-0123456789ab", "spoolss"),
    ("12345678-1234-abcd-ef00-01234567cffb", "netlogon"),
    ("12345778-1234-abcd-ef00-0123456789ab", "lsarpc"),
    ("12345778-1234-abcd-ef00-0123456789ac", "samr"),
    ("1544f5e0-613c-11d1-93df-00c04fd7bd09", "rfri"),
    ("1ff70682-0a51-30e8-076d-740be8cee98b", "atsvc"),
    ("2f5f6520-ca46-1067-b319-00dd010662da", "tapsrv"),
    ("300f3532-38cc-11d0-a3f0-0020af6b0add", "trkwks"),
    ("338cd001-2244-31f1-aaaa-900038001003", "winreg"),
    ("342cfd40-3c6c-11ce-a893-08002b2e9c6d", "llsrpc"),
    ("367abb81-9844-35f1-ad32-98f038001003", "svcctl"),
    ("378e52b0-c0a9-11cf-822d-00aa0051e40f", "sasec"),
    ("3919286a-b10c-11d0-9ba8-00c04fd92ef5", "dssetup"),
    ("45f52c28-7f9f-101a-b52b-08002b2efabe", "winspipe"),
    ("4b324fc8-1670-01d3-1278-5a47bf6ee188", "srvsvc"),
    ("4d9f4ab8-7d1c-11cf-861e-0020af6e7c57", "IActivation"),
    ("4fc742e0-4a10-11cf-8273-00aa004ae673", "netdfs"),
    ("50abc2a4-574d-40b3-9d66-ee4fd5fba076", "dnsserver"),
    ("5a7b91f8-ff00-11d0-a9b2-00c04fb6e6fc", "msgsvcsend"),
    ("68b58241-c259-4f03-a2e5-a2651dcbc930", "IKeyIso"),
    ("6bffd098-a112-3610-9833-46c3f87e345a", "wkssvc"),
    ("811109bf-a4e1-11d1-ab54-00a0c91e9b45", "winsi2"),
    ("82273fdc-e32a-18c3-3f78-827929dc23ea", "eventlog"),
    (
        "86d35949-83c9-4044-b424-db363231fd0c",
        "ITaskSchedulerService",
    ),
    ("894de0c0-0d55-11d3-a322-00c04fa321a1", "InitShutdown"),
    ("8d9f4e40-a03d-11ce-8f69-08003e30051b", "pnp"),
    ("8f09f000-b7ed-11ce-bbd2-00001a181cad", "dimsvc"),
    ("91ae6020-9e3c-11cf-8d7c-00aa00c091be", "cert"),
    ("99fcfec4-5260-101b-bbcb-00aa0021347a", "IOXIDResolver"),
    ("a4f1db00-ca47-1067-b31f-00dd010662da", "exchange_mapi"),
    ("afa8bd80-7d8a-11c9-bef4-08002b102989", "mgmt"),
    ("c681d488-d850-11d0-8c52-00c04fd90f7e", "efs"),
    ("c8cb7687-e6d3-11d2-a958-00c04f682e16", "davclntrpc"),
    ("d049b186-814f-11d1-9a3c-00c04fc9b232", "ntfrsapi"),
    ("d6d70ef0-0e3b-11cb-acc3-08002b1d29c4", "nsi"),
    ("df1941c5-fe89-4e79-bf10-463657acf44d", "efsrpc"),
    ("e1af8308-5d1f-11c9-91a4-08002b14a0fa", "epmapper"),
    ("e3514235-4b06-11d1-ab04-00c04fc2dcd2", "drsuapi"),
    ("ecec0d70-a603-11d0-96b1-00a0c91ece30", "ntdsbackup"),
    ("f50aac00-c7f3-428e-a022-a6b71bfb9d43", "ICatDBSvc"),
    ("f5cc5a18-4264-101a-8c59-08002b2f8426", "nspi"),
    ("f5cc5a7c-4264-101a-8c59-08002b2f8426", "xds"),
];

/// Adds a message's facts as fields; the lists live in `texts`.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    uuids: Vec<String>,
    versions: Vec<String>,
    results: Vec<String>,
    reasons: Vec<String>,
    endpoints: Vec<&'static str>,
}

impl Texts {
    /// The lists of a bind and its answer.
    pub(crate) fn new(interfaces: &[(u16, String, String)], results: &[(u16, u16)]) -> Self {
        Self {
            uuids: interfaces.iter().map(|(_, uuid, _)| uuid.clone()).collect(),
            versions: interfaces.iter().map(|(_, _, text)| text.clone()).collect(),
            results: results
                .iter()
                .map(|(result, _)| result.to_string())
                .collect(),
            reasons: results
                .iter()
                .map(|(_, reason)| reason.to_string())
                .collect(),
            endpoints: interfaces
                .iter()
                .filter_map(|(_, uuid, _)| endpoint(uuid))
                .collect(),
        }
    }

    /// The same, borrowed as lists of values: interfaces, versions, results, reasons, endpoints.
    pub(crate) fn lists(&self) -> [Vec<&[u8]>; 5] {
        [
            self.uuids.iter().map(String::as_bytes).collect(),
            self.versions.iter().map(String::as_bytes).collect(),
            self.results.iter().map(String::as_bytes).collect(),
            self.reasons.iter().map(String::as_bytes).collect(),
            self.endpoints.iter().map(|name| name.as_bytes()).collect(),
        ]
    }
}

/// Names of [`Texts::lists`] in SMB's messages and in DCE/RPC's own.
pub(crate) const LISTS: [(&str, &str); 5] = [
    ("dcerpc.interfaces.uuid", "interfaces.uuid"),
    ("dcerpc.interfaces.version", "interfaces.version"),
    ("dcerpc.interfaces.ack_result", "interfaces.ack_result"),
    ("dcerpc.interfaces.ack_reason", "interfaces.ack_reason"),
    ("dcerpc.endpoint", "endpoint"),
];

#[derive(Debug, Default)]
struct DceRpc {
    /// Contexts bound, and the index in [`ENDPOINTS`]' terms of what they are.
    bound: Vec<(u16, Option<&'static str>)>,
    /// Whether a message was read.
    spoken: bool,
}

impl Parser for DceRpc {
    fn stream(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| match data {
                [5, 0 | 1, ..] => fragment_length(data).filter(|_| data.len() >= 16).map_or(
                    Frame::More,
                    |length| {
                        if length < 16 {
                            Frame::Wrong
                        } else {
                            Frame::Of(length.into())
                        }
                    },
                ),
                [5] => Frame::More,
                _ => Frame::Wrong,
            },
            |message| {
                let Some(pdu) = parse(message) else {
                    return Next::Continue;
                };
                self.say(&pdu, events);
                Next::Continue
            },
        )
    }

    fn datagram(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        let mut reader = Reader::new(data);
        let (Some(4), Some(kind)) = (reader.u8(), reader.u8()) else {
            return Next::Continue;
        };
        let little = little(data);
        let (Some(uuid), Some(opnum), Some(name)) =
            (data.get(24..40), field16(data, 68), kind_name(kind))
        else {
            return Next::Continue;
        };
        if kind == 0 {
            let uuid = uuid_text(uuid, little);
            say(
                events,
                name,
                &[
                    ("interface.uuid", Value::Word(&uuid)),
                    ("endpoint", Value::Word(endpoint(&uuid).unwrap_or_default())),
                    ("opnum", Value::Number(opnum.into())),
                ],
            );
        }
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.bound.capacity() * size_of::<(u16, Option<&str>)>()
    }
}

impl DceRpc {
    fn say(&mut self, pdu: &Pdu, events: &mut dyn Events) {
        for (context, uuid, _) in &pdu.interfaces {
            if self.bound.len() < INTERFACES_MAX {
                self.bound.push((*context, endpoint(uuid)));
            }
        }
        if let Some(Ntlm::Authenticate(client)) = &pdu.ntlm {
            login(events, client.user.as_bytes(), "NTLM", None, false);
        }
        pdu.token
            .tell(!std::mem::replace(&mut self.spoken, true), events);
        let texts = Texts::new(&pdu.interfaces, &pdu.results);
        let lists = texts.lists();
        let mut fields = vec![("call_id", Value::Number(pdu.call_id.into()))];
        if let Some(opnum) = pdu.opnum {
            fields.push(("opnum", Value::Number(opnum.into())));
            let bound = self.bound.iter().rev();
            if let Some((_, Some(name))) = { bound }.find(|(context, _)| *context == pdu.context) {
                fields.push(("endpoint", Value::Word(name)));
            }
        }
        for (list, (_, name)) in lists.iter().zip(LISTS) {
            if !list.is_empty() {
                fields.push((name, Value::List(list)));
            }
        }
        say(events, pdu.kind, &fields);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    const BIND: &[u8] = &[
        5, 0, 11, 3, 0x10, 0, 0, 0, 72, 0, 0, 0, 1, 0, 0, 0, 0xd0, 0x16, 0xd0, 0x16, 0, 0, 0, 0, 1,
        0, 0, 0, 0, 0, 1, 0, 0x08, 0x83, 0xaf, 0xe1, 0x1f, 0x5d, 0xc9, 0x11, 0x91, 0xa4, 8, 0,
        0x2b, 0x14, 0xa0, 0xfa, 3, 0, 0, 0, 4, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f,
        0xe8, 8, 0, 0x2b, 0x10, 0x48, 0x60, 2, 0, 0, 0,
    ];

    #[test]
    fn a_bind_names_its_interface() {
        let request = [
            5, 0, 0, 3, 0x10, 0, 0, 0, 24, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0,
        ];
        let said = conversation(&DETECTOR, &[(true, BIND), (true, &request)]);
        assert_eq!(
            said.0[0],
            "BIND: call_id=1 interfaces.uuid=[e1af8308-5d1f-11c9-91a4-08002b14a0fa] \
             interfaces.version=[3.0] endpoint=[epmapper]"
        );
        assert_eq!(said.0[1], "REQUEST: call_id=2 opnum=3 endpoint=epmapper");
    }

    #[test]
    fn a_verifier_longer_than_its_fragment_is_none() {
        let mut bind = BIND.to_vec();
        bind[10..12].copy_from_slice(&[0xff, 0xff]);
        let pdu = parse(&bind).unwrap();
        assert_eq!((pdu.token, pdu.ntlm), (SecurityToken::default(), None));
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, BIND), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &BIND[..8]), Guess::More);
        assert_eq!(guess(&DETECTOR, b"\x05\x01\x00"), Guess::No);
    }

    #[test]
    fn endpoints_are_sorted() {
        assert!(ENDPOINTS.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(
            endpoint("367abb81-9844-35f1-ad32-98f038001003"),
            Some("svcctl")
        );
    }
}
