//! Numbers that stand for other numbers, under a key.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aes::Aes128;
use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockEncrypt as _, KeyInit as _};

/// Crypto-PAn: prefix-preserving anonymisation of addresses (Xu, Fan, Ammar and Moon, *Prefix-
/// Preserving IP Address Anonymization*, ICNP 2002), with AES-128.
///
/// Two addresses that share a prefix of some length, and no longer one, share one of exactly that
/// length afterwards. It is the reference implementation's mapping: the first half of the key is
/// the cipher's, the second half encrypted is the padding. IPv6 addresses are 128 bits under the
/// same padding, as other implementations have them.
pub struct CryptoPan {
    cipher: Aes128,
    pad: u128,
}

impl std::fmt::Debug for CryptoPan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CryptoPan").finish_non_exhaustive()
    }
}

impl CryptoPan {
    /// The mapping under a key of 32 bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        let (cipher, pad) = key.split_at(16);
        let cipher = Aes128::new(GenericArray::from_slice(cipher));
        let mut padding = [0; 16];
        padding.copy_from_slice(pad);
        Self {
            pad: encrypt(&cipher, u128::from_be_bytes(padding)),
            cipher,
        }
    }

    /// An IPv4 address; the whole of Crypto-PAn, without regard to what the address is for.
    pub fn v4(&self, address: Ipv4Addr) -> Ipv4Addr {
        Ipv4Addr::from((self.bits(u128::from(address.to_bits()) << 96, 0, 32) >> 96) as u32)
    }

    /// An IPv6 address, likewise.
    pub fn v6(&self, address: Ipv6Addr) -> Ipv6Addr {
        Ipv6Addr::from_bits(self.bits(address.to_bits(), 0, 128))
    }

    /// Maps the bits from the one numbered `from` (the first is 0) to before `to`; those before
    /// them tell how, and stay.
    pub(super) fn bits(&self, address: u128, from: u32, to: u32) -> u128 {
        let mut flips = 0_u128;
        for position in from..to {
            // The first bits of the address, and the padding's after them.
            let rest = u128::MAX.checked_shr(position).unwrap_or(0);
            let input = (address & !rest) | (self.pad & rest);
            let flip = encrypt(&self.cipher, input) >> 127;
            flips |= flip << (127 - position);
        }
        address ^ flips
    }
}

/// An address of either family, whole.
impl CryptoPan {
    /// An address, without regard to what it is for.
    pub fn ip(&self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(v4) => self.v4(v4).into(),
            IpAddr::V6(v6) => self.v6(v6).into(),
        }
    }
}

/// Permutations of numbers of few bits: a Feistel network over AES-128, as NIST's FF1 is one.
pub(super) struct Permutation(Aes128);

/// Rounds of the network, as many as FF1 has.
const ROUNDS: u8 = 10;

impl Permutation {
    pub(super) fn new(key: &[u8; 16]) -> Self {
        Self(Aes128::new(GenericArray::from_slice(key)))
    }

    /// Another number of at most `bits` bits (at most 64), a different one for each number. Which
    /// permutation it is depends on `tweak`.
    pub(super) fn permute(&self, number: u64, bits: u32, tweak: u32) -> u64 {
        // The halves change places each round; where they are not of the same size, the sizes do.
        let (mut left_bits, mut right_bits) = (bits / 2, bits - bits / 2);
        let mask = |bits: u32| u64::MAX.checked_shr(64 - bits).unwrap_or(0);
        let mut left = (number >> right_bits) & mask(left_bits);
        let mut right = number & mask(right_bits);
        for round in 0..ROUNDS {
            let mut input = u128::from(right);
            input |= u128::from(tweak) << 64;
            input |= u128::from(round) << 96;
            input |= u128::from(bits as u8) << 104;
            let function = encrypt(&self.0, input) as u64;
            let next = (left ^ function) & mask(left_bits);
            left = right;
            right = next;
            std::mem::swap(&mut left_bits, &mut right_bits);
        }
        (left << right_bits) | right
    }
}

/// Four bits after four bits that look like nothing: AES-128 in counter mode.
pub(super) struct Stream {
    cipher: Aes128,
    /// Blocks so far.
    blocks: u128,
    block: u128,
    /// Bits of the block that are left.
    left: u32,
}

impl Stream {
    pub(super) fn new(key: &[u8; 16]) -> Self {
        Self {
            cipher: Aes128::new(GenericArray::from_slice(key)),
            blocks: 0,
            block: 0,
            left: 0,
        }
    }

    pub(super) fn next_nibble(&mut self) -> u8 {
        if self.left == 0 {
            self.block = encrypt(&self.cipher, self.blocks);
            self.blocks += 1;
            self.left = 128;
        }
        self.left -= 4;
        (self.block >> self.left & 15) as u8
    }
}

fn encrypt(cipher: &Aes128, block: u128) -> u128 {
    let mut block = GenericArray::from(block.to_be_bytes());
    cipher.encrypt_block(&mut block);
    u128::from_be_bytes(block.into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// The key of the reference implementation's sample trace.
    const SAMPLE_KEY: [u8; 32] = [
        21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16, 216, 152, 143, 131,
        121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2,
    ];

    /// Addresses of that trace, and what its author's program makes of them.
    const SAMPLE: [(&str, &str); 24] = [
        ("128.11.68.132", "135.242.180.132"),
        ("129.118.74.4", "134.136.186.123"),
        ("130.132.252.244", "133.68.164.234"),
        ("141.223.7.43", "141.167.8.160"),
        ("141.233.145.108", "141.129.237.235"),
        ("152.163.225.39", "151.140.114.167"),
        ("156.29.3.236", "147.225.12.42"),
        ("165.247.96.84", "162.9.99.234"),
        ("166.107.77.190", "160.132.178.185"),
        ("192.102.249.13", "252.138.62.131"),
        ("192.215.32.125", "252.43.47.189"),
        ("192.233.80.103", "252.25.108.8"),
        ("192.41.57.43", "252.222.221.184"),
        ("193.150.244.223", "253.169.52.216"),
        ("195.205.63.100", "255.186.223.5"),
        ("198.200.171.101", "249.199.68.213"),
        ("24.0.250.221", "100.15.198.226"),
        ("24.13.62.231", "100.2.192.247"),
        ("38.15.67.68", "64.3.66.187"),
        ("4.3.88.225", "124.60.155.63"),
        ("63.14.55.111", "95.9.215.7"),
        ("64.14.118.196", "0.255.183.58"),
        ("64.34.154.117", "0.221.154.117"),
        ("64.39.15.238", "0.219.7.41"),
    ];

    /// What other implementations make of IPv6 addresses under the same key.
    const SAMPLE_V6: [(&str, &str); 5] = [
        ("::1", "78ff:f001:9fc0:20df:8380:b1f1:704:ed"),
        ("::2", "78ff:f001:9fc0:20df:8380:b1f1:704:ef"),
        ("::ffff", "78ff:f001:9fc0:20df:8380:b1f1:704:f838"),
        ("2001:db8::1", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e"),
        ("2001:db8::2", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1c"),
    ];

    #[test]
    fn published_vectors() {
        let pan = CryptoPan::new(&SAMPLE_KEY);
        for (address, anonymised) in SAMPLE.iter().chain(&SAMPLE_V6) {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(pan.ip(address).to_string(), *anonymised, "{address}");
        }
    }

    #[test]
    fn permutations_are_permutations() {
        let permutation = Permutation::new(&[7; 16]);
        for bits in [1, 2, 7, 8, 12] {
            let all: HashSet<u64> = (0..1 << bits)
                .map(|number| permutation.permute(number, bits, 3))
                .collect();
            assert_eq!(all.len(), 1 << bits, "{bits}");
            assert!(all.iter().all(|number| number >> bits == 0), "{bits}");
        }
        assert_ne!(
            (0..100)
                .map(|n| permutation.permute(n, 24, 1))
                .collect::<Vec<_>>(),
            (0..100)
                .map(|n| permutation.permute(n, 24, 2))
                .collect::<Vec<_>>()
        );
    }

    proptest! {
        #[test]
        fn prefixes_are_preserved(a: u128, b: u128, shared in 0_u32..=128, key: [u8; 32]) {
            let pan = CryptoPan::new(&key);
            let keep = u128::MAX.checked_shl(128 - shared).unwrap_or(0);
            let b = (a & keep) | (b & !keep);
            let common = |a: u128, b: u128| (a ^ b).leading_zeros();
            let mapped = |address: u128| pan.v6(Ipv6Addr::from_bits(address)).to_bits();
            prop_assert_eq!(common(mapped(a), mapped(b)), common(a, b));
            let (a, b) = ((a >> 96) as u32, (b >> 96) as u32);
            let mapped = |address: u32| pan.v4(Ipv4Addr::from_bits(address)).to_bits();
            prop_assert_eq!((mapped(a) ^ mapped(b)).leading_zeros(), (a ^ b).leading_zeros());
        }

        #[test]
        fn wide_permutations_differ(a: u64, b: u64, bits in 20_u32..=64) {
            let permutation = Permutation::new(&[1; 16]);
            let mask = u64::MAX >> (64 - bits);
            let (a, b) = (a & mask, b & mask);
            let (x, y) = (permutation.permute(a, bits, 0), permutation.permute(b, bits, 0));
            prop_assert_eq!(a == b, x == y);
            prop_assert!(x & !mask == 0);
        }
    }
}
