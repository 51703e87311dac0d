//! Conversations of both versions, byte for byte.

use super::*;
use crate::app::ntlmssp::tests::authenticate;
use crate::app::trial::{conversation, guess};

/// A frame with its length in front.
fn framed(body: &[u8]) -> Vec<u8> {
    let mut frame = (body.len() as u32).to_be_bytes().to_vec();
    frame.extend(body);
    frame
}

/// A message of SMB 2.
fn message_2(
    command: u16,
    id: u64,
    response: bool,
    status: u32,
    tree: u32,
    body: &[u8],
) -> Vec<u8> {
    let mut message = b"\xfeSMB\x40\0\0\0".to_vec();
    message.extend(status.to_le_bytes());
    message.extend(command.to_le_bytes());
    message.extend([1, 0]);
    message.extend(u32::from(response).to_le_bytes());
    message.extend([0; 4]);
    message.extend(id.to_le_bytes());
    message.extend([0; 4]);
    message.extend(tree.to_le_bytes());
    message.extend(7_u64.to_le_bytes());
    message.extend([0; 16]);
    message.extend(body);
    framed(&message)
}

/// A message of SMB 1.
fn message_1(command: u8, reply: bool, words: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut message = b"\xffSMB".to_vec();
    message.push(command);
    message.extend([0; 4]);
    message.push(if reply { 0x80 } else { 0 });
    message.extend(0x4000_u16.to_le_bytes());
    message.extend([0; 12]);
    message.extend([9, 0, 0, 0, 0, 0, 5, 0]);
    message.push((words.len() / 2) as u8);
    message.extend(words);
    message.extend((bytes.len() as u16).to_le_bytes());
    message.extend(bytes);
    framed(&message)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn version_2_from_negotiation_to_file() {
    let negotiate = [36, 0, 2, 0, 1, 0, 0, 0]
        .into_iter()
        .chain([0; 28])
        .chain([0x02, 0x02, 0x11, 0x03])
        .collect::<Vec<_>>();
    let chosen = [65, 0, 1, 0, 0x11, 3, 0, 0]
        .into_iter()
        .chain([0; 60])
        .collect::<Vec<_>>();
    let blob = authenticate();
    let mut setup = vec![25, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 88, 0];
    setup.extend((blob.len() as u16).to_le_bytes());
    setup.extend([0; 8]);
    setup.extend(&blob);
    let path = utf16("\\\\srv\\docs");
    let mut tree = vec![9, 0, 0, 0, 72, 0, path.len() as u8, 0];
    tree.extend(&path);
    let name = utf16("a.txt");
    let mut create = vec![0; 56];
    create[36] = 1;
    create[40..44].copy_from_slice(&0x1000_u32.to_le_bytes());
    create[44..48].copy_from_slice(&[120, 0, name.len() as u8, 0]);
    create.extend(&name);
    let mut created = vec![0; 88];
    created[64] = 0x4d;
    created[72] = 5;
    let said = conversation(
        &DETECTOR,
        &[
            (true, &message_2(0, 0, false, 0, 0, &negotiate)),
            (false, &message_2(0, 0, true, 0, 0, &chosen)),
            (true, &message_2(1, 1, false, 0, 0, &setup)),
            (
                false,
                &message_2(1, 1, true, 0, 0, &[9, 0, 0, 0, 72, 0, 0, 0]),
            ),
            (true, &message_2(3, 2, false, 0, 0, &tree)),
            (false, &message_2(3, 2, true, 0, 3, &[16, 0, 1, 0])),
            (true, &message_2(5, 3, false, 0, 3, &create)),
            (false, &message_2(5, 3, true, 0, 3, &created)),
        ],
    );
    assert!(said.has("dialect=3.11 command=SMB2_COMMAND_NEGOTIATE_PROTOCOL status=STATUS_SUCCESS"));
    assert!(said.has("client_dialects=[2.02,3.11]"));
    assert!(said.has("login: WG\\ann NTLM Some(true) false"));
    assert!(said.has("ntlmssp.domain=WG ntlmssp.user=ann ntlmssp.host=PC"));
    assert!(said.has("share=\\\\srv\\docs share_type=FILE"));
    assert!(said.has(
        "filename=a.txt disposition=FILE_OPEN access=delete on close created=0 accessed=0 \
         modified=0 changed=0 size=0 fuid=0000004d-0000-0000-0005-000000000000"
    ));
    assert!(!said.has("obsolete_smb"));
}

#[test]
fn version_1_is_obsolete() {
    let said = conversation(
        &DETECTOR,
        &[
            (true, &message_1(0x72, false, &[], b"\x02NT LM 0.12\0")),
            (false, &message_1(0x72, true, &[0, 0], b"")),
            (
                true,
                &message_1(
                    0x75,
                    false,
                    &[255, 0, 0, 0, 0, 0, 1, 0],
                    b"\0\\\\S\\C$\0A:\0",
                ),
            ),
            (
                false,
                &message_1(0x75, true, &[255, 0, 0, 0, 0, 0], b"A:\0"),
            ),
        ],
    );
    assert_eq!(
        said.0[0],
        "SMB1_COMMAND_NEGOTIATE_PROTOCOL: id=1 dialect=NT LM 0.12 \
         command=SMB1_COMMAND_NEGOTIATE_PROTOCOL status=STATUS_SUCCESS status_code=0x0 \
         client_dialects=[NT LM 0.12]"
    );
    assert!(said.has("risk: obsolete_smb"));
    assert!(said.has("share=\\\\S\\C$ service.request=A: service.response=A:"));
}

#[test]
fn recognised() {
    assert_eq!(guess(&DETECTOR, b"\0\0\0\x45\xfeSMB"), Guess::Certain);
    assert_eq!(guess(&DETECTOR, b"\x81\0\0\x44"), Guess::More);
    assert_eq!(
        guess(&DETECTOR, b"\x82\0\0\0\0\0\0\x45\xffSMB"),
        Guess::Certain
    );
    assert_eq!(guess(&DETECTOR, b"\0\0\0\x45SMBx"), Guess::No);
}

#[test]
fn a_file_is_two_numbers() {
    let mut file = [0; 16];
    file[0] = 0x2a;
    file[4] = 8;
    file[8] = 9;
    file[10] = 0x20;
    file[12] = 0x1d;
    assert_eq!(file_text(&file), "0000002a-0008-0000-0009-00200000001d");
}

#[test]
fn a_call_names_what_its_pipe_is_bound_to() {
    let pdu = |context, interfaces: &[(u16, &str)], opnum| dce_rpc::Pdu {
        context,
        opnum,
        interfaces: interfaces
            .iter()
            .map(|(context, uuid)| (*context, (*uuid).to_owned(), "1.0".to_owned()))
            .collect(),
        ..dce_rpc::Pdu::default()
    };
    let mut smb = Smb::default();
    let mut ask = |file, pdu| {
        let mut request = Request {
            file: [file; 16],
            rpc: Some(pdu),
            ..Request::default()
        };
        smb.bound(&mut request);
        request.interface.map(|(_, uuid, _)| uuid)
    };
    assert_eq!(ask(1, pdu(0, &[(0, "a"), (1, "b")], None)), None);
    assert_eq!(ask(1, pdu(1, &[], Some(4))).as_deref(), Some("b"));
    assert_eq!(ask(1, pdu(2, &[], Some(4))), None);
    assert_eq!(ask(2, pdu(1, &[], Some(4))), None);
    // What is kept has an end.
    for number in 0..200 {
        ask(3, pdu(number, &[(number, "c")], None));
    }
    assert_eq!(ask(1, pdu(1, &[], Some(4))), None);
    assert!(smb.bound.len() <= BOUND_MAX);
}
