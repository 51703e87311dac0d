//! Protection of Initial packets (RFC 9001, section 5): keys that anybody can derive, so that
//! only those who change packets by accident are kept out.

use aes::Aes128;
use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockEncrypt, KeyInit};
use aes_gcm::{AeadInPlace, Aes128Gcm};
use hkdf::Hkdf;
use sha2::Sha256;

use super::packet::Long;
use super::version::{Salt, Version};

/// Bytes that authenticate a packet.
const TAG: usize = 16;

/// Keys of one side. The ciphers are made of them for each packet: they take ten times the memory,
/// and of most connections one or two packets are opened.
#[derive(Clone)]
struct Side {
    key: [u8; 16],
    iv: [u8; 12],
    header: [u8; 16],
}

/// Keys of both sides, from the first connection ID that the client sent to; each is derived when it
/// is needed.
#[derive(Clone)]
pub(super) struct Keys {
    version: Version,
    /// The secret that both follow from.
    initial: [u8; 32],
    client: Option<Side>,
    server: Option<Side>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// The keys of a version for a connection ID.
    pub(super) fn new(version: Version, salt: &Salt, dcid: &[u8]) -> Self {
        let (initial, _) = Hkdf::<Sha256>::extract(Some(salt), dcid);
        Self {
            version,
            initial: initial.into(),
            client: None,
            server: None,
        }
    }

    /// The payload of an Initial packet, protection taken off; `None` where the keys are not its
    /// own. What was cut by the snap length cannot be checked, and is only as good as it looks.
    pub(super) fn open(&mut self, packet: &Long<'_>, by_client: bool) -> Option<Vec<u8>> {
        self.side(by_client)?.open(packet)
    }

    fn side(&mut self, by_client: bool) -> Option<&Side> {
        let (side, label) = if by_client {
            (&mut self.client, "client in")
        } else {
            (&mut self.server, "server in")
        };
        if side.is_none() {
            let mut secret = [0; 32];
            let initial = Hkdf::<Sha256>::from_prk(&self.initial).ok()?;
            expand(&initial, label, &mut secret)?;
            *side = Some(Side::derive(self.version, &secret)?);
        }
        side.as_ref()
    }
}

impl Side {
    fn derive(version: Version, secret: &[u8; 32]) -> Option<Self> {
        let (key, iv, header) = material(version, secret)?;
        Some(Self { key, iv, header })
    }

    fn open(&self, packet: &Long<'_>) -> Option<Vec<u8>> {
        let at = packet.number_at;
        // The sample lies where the packet number would end if it were as long as can be.
        let mut mask = *GenericArray::from_slice(packet.whole.get(at + 4..at + 20)?);
        Aes128::new(&self.header.into()).encrypt_block(&mut mask);
        let (&mask_first, mask_number) = mask.split_first()?;
        let mut head = packet.whole.get(..at + 4)?.to_vec();
        let first = head.first_mut()?;
        *first ^= mask_first & 0x0f;
        let number_len = usize::from(*first & 3) + 1;
        head.truncate(at + number_len);
        let mut nonce = self.iv;
        let number = head.get_mut(at..)?;
        for (byte, mask) in number.iter_mut().zip(mask_number) {
            *byte ^= mask;
        }
        // Initial packets are few: their numbers are never cut short.
        for (byte, number) in nonce.iter_mut().rev().zip(number.iter().rev()) {
            *byte ^= number;
        }
        let sealed = packet.whole.get(at + number_len..)?;
        if packet.whole.len() < packet.wire_len {
            return Some(self.decipher(&nonce, sealed));
        }
        let (text, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
        let mut text = text.to_vec();
        Aes128Gcm::new(&self.key.into())
            .decrypt_in_place_detached(
                GenericArray::from_slice(&nonce),
                &head,
                &mut text,
                GenericArray::from_slice(tag),
            )
            .ok()?;
        Some(text)
    }

    /// GCM's counter mode without the check (NIST SP 800-38D, section 6.5).
    fn decipher(&self, nonce: &[u8; 12], sealed: &[u8]) -> Vec<u8> {
        let cipher = Aes128::new(&self.key.into());
        let mut text = sealed.to_vec();
        for (count, chunk) in (2_u32..).zip(text.chunks_mut(16)) {
            let mut block = [0; 16];
            for (byte, value) in block
                .iter_mut()
                .zip(nonce.iter().copied().chain(count.to_be_bytes()))
            {
                *byte = value;
            }
            let mut block = GenericArray::from(block);
            cipher.encrypt_block(&mut block);
            for (byte, key) in chunk.iter_mut().zip(block) {
                *byte ^= key;
            }
        }
        text
    }
}

/// Key, nonce and key of the header's protection, from a side's secret.
fn material(version: Version, secret: &[u8; 32]) -> Option<([u8; 16], [u8; 12], [u8; 16])> {
    let secret = Hkdf::<Sha256>::from_prk(secret).ok()?;
    let [key_label, iv_label, header_label] = if version.is_v2() {
        ["quicv2 key", "quicv2 iv", "quicv2 hp"]
    } else {
        ["quic key", "quic iv", "quic hp"]
    };
    let (mut key, mut iv, mut header) = ([0; 16], [0; 12], [0; 16]);
    expand(&secret, key_label, &mut key)?;
    expand(&secret, iv_label, &mut iv)?;
    expand(&secret, header_label, &mut header)?;
    Some((key, iv, header))
}

/// HKDF-Expand-Label with no context (RFC 8446, section 7.1).
fn expand(secret: &Hkdf<Sha256>, label: &str, out: &mut [u8]) -> Option<()> {
    let lens = [
        (out.len() >> 8) as u8,
        out.len() as u8,
        label.len() as u8 + 6,
    ];
    let info: [&[u8]; 4] = [&lens, b"tls13 ", label.as_bytes(), &[0]];
    secret.expand_multi_info(&info, out).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Seals a payload as an Initial packet: the way back, to make packets for tests.
    pub(in super::super) fn seal(
        version: Version,
        key_dcid: &[u8],
        head: &[u8],
        number: u8,
        payload: &[u8],
        by_client: bool,
    ) -> Vec<u8> {
        let mut keys = Keys::new(version, &version.salts()[0], key_dcid);
        let side = keys.side(by_client).unwrap();
        let mut packet = head.to_vec();
        // Length in two bytes: number, payload, tag. The number takes one byte.
        let len = 1 + payload.len() + TAG;
        packet.extend((0x4000 | len as u16).to_be_bytes());
        let at = packet.len();
        packet.push(number);
        let mut nonce = side.iv;
        nonce[11] ^= number;
        let mut text = payload.to_vec();
        let tag = Aes128Gcm::new(&side.key.into())
            .encrypt_in_place_detached(GenericArray::from_slice(&nonce), &packet, &mut text)
            .unwrap();
        packet.extend(text);
        packet.extend(tag);
        let mut mask = *GenericArray::from_slice(&packet[at + 4..at + 20]);
        Aes128::new(&side.header.into()).encrypt_block(&mut mask);
        packet[0] ^= mask[0] & 0x0f;
        packet[at] ^= mask[1];
        packet
    }

    fn hex(bytes: &[u8]) -> String {
        crate::app::tls::tests::hex(bytes)
    }

    /// RFC 9001, appendix A.1, and RFC 9369, appendix A.1.
    #[test]
    fn keys_of_the_appendices() {
        let dcid = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
        for (version, label, expected) in [
            (
                1,
                "client in",
                [
                    "1f369613dd76d5467730efcbe3b1a22d",
                    "fa044b2f42a3fd3b46fb255c",
                    "9f50449e04a0e810283a1e9933adedd2",
                ],
            ),
            (
                1,
                "server in",
                [
                    "cf3a5331653c364c88f0f379b6067e37",
                    "0ac1493ca1905853b0bba03e",
                    "c206b8d9b9f0f37644430b490eeaa314",
                ],
            ),
            (
                0x6b33_43cf,
                "client in",
                [
                    "8b1a0bc121284290a29e0971b5cd045d",
                    "91f73e2351d8fa91660e909f",
                    "45b95e15235d6f45a6b19cbcb0294ba9",
                ],
            ),
        ] {
            let version = Version(version);
            let initial = Hkdf::<Sha256>::new(Some(&version.salts()[0]), &dcid);
            let mut secret = [0; 32];
            expand(&initial, label, &mut secret).unwrap();
            let (key, iv, header) = material(version, &secret).unwrap();
            assert_eq!([hex(&key), hex(&iv), hex(&header)], expected);
        }
    }
}
