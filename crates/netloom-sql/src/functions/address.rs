//! Where an address belongs.

use std::borrow::Cow;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use datafusion::arrow::array::BooleanBuilder;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use netloom_pipeline::flow::name::{country, is_local};

use super::scalar::{Argument, Help, Make, TextDef, Texts, coerce, result};

pub(crate) const IN_SUBNET_HELP: Help = Help {
    name: "in_subnet",
    call: "in_subnet(ip, cidr)",
    doc: "Whether an address is in a subnet, as in in_subnet(src_ip, '10.0.0.0/8'). IPv4 addresses are never in a subnet of IPv6 addresses.",
};

pub(crate) static IS_PRIVATE: TextDef = TextDef {
    help: Help {
        name: "is_private",
        call: "is_private(ip)",
        doc: "Whether an address has no meaning outside of a network of its own: private (RFC 1918), shared (RFC 6598), unique local (RFC 4193), link-local, loopback, unspecified, multicast, broadcast.",
    },
    make: Make::Truth(|text| text.parse().ok().map(is_local)),
    check: Some(("an address", is_address)),
};

pub(crate) static COUNTRY: TextDef = TextDef {
    help: Help {
        name: "country",
        call: "country(ip)",
        doc: "The country that an address is registered in (ISO 3166-1 alpha-2, from the tables of the regional registries): who holds it, not where it is used. Null for private addresses.",
    },
    make: Make::Text(|text| text.parse().ok().and_then(country).map(Cow::Borrowed)),
    check: Some(("an address", is_address)),
};

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

/// Addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subnet {
    first: IpAddr,
    last: IpAddr,
}

impl Subnet {
    pub(crate) fn first(&self) -> IpAddr {
        self.first
    }

    pub(crate) fn last(&self) -> IpAddr {
        self.last
    }

    fn contains(&self, address: IpAddr) -> bool {
        // IpAddr orders IPv4 before IPv6.
        self.first <= address && address <= self.last
    }
}

/// `192.0.2.0/24`, or an address alone. Bits after the prefix do not count.
impl FromStr for Subnet {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, length) = match text.split_once('/') {
            None => (text, None),
            Some((address, length)) => (address, Some(prefix_length(length).ok_or(())?)),
        };
        Ok(match address.parse::<IpAddr>().map_err(|_| ())? {
            IpAddr::V4(address) => {
                let length = length.unwrap_or(32);
                let host = host_bits(length, 32).ok_or(())? as u32;
                let bits = u32::from(address);
                Self {
                    first: IpAddr::V4((bits & !host).into()),
                    last: IpAddr::V4((bits | host).into()),
                }
            }
            IpAddr::V6(address) => {
                let host = host_bits(length.unwrap_or(128), 128).ok_or(())?;
                let bits = u128::from(address);
                Self {
                    first: IpAddr::V6((bits & !host).into()),
                    last: IpAddr::V6((bits | host).into()),
                }
            }
        })
    }
}

/// Digits alone: `parse` takes a sign, too.
fn prefix_length(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// The bits after a prefix, all set.
fn host_bits(prefix: u32, width: u32) -> Option<u128> {
    let bits = width.checked_sub(prefix)?;
    Some(u128::MAX.checked_shr(128 - bits).unwrap_or(0))
}

/// `in_subnet(ip, cidr)`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct InSubnet {
    signature: Signature,
}

impl Default for InSubnet {
    fn default() -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for InSubnet {
    fn name(&self) -> &str {
        IN_SUBNET_HELP.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        coerce(&IN_SUBNET_HELP, types, &[Argument::Text, Argument::Text])
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (address, subnet) = (Texts::of(args.args.first())?, Texts::of(args.args.get(1))?);
        if let Some(Some(constant)) = address.constant()
            && !is_address(constant)
        {
            return plan_err!("in_subnet: '{constant}' is not an address");
        }
        let fixed = match subnet.constant().flatten().map(|text| (text, text.parse())) {
            Some((text, Err(()))) => {
                return plan_err!(
                    "in_subnet: '{text}' is not a subnet; write 10.0.0.0/8 or fd00::/8"
                );
            }
            Some((_, Ok(subnet))) => Some(subnet),
            None => None,
        };
        let constant = address.is_constant() && subnet.is_constant();
        let rows = if constant { 1 } else { args.number_rows };
        let mut builder = BooleanBuilder::with_capacity(rows);
        for row in 0..rows {
            let subnet: Option<Subnet> = if subnet.is_constant() {
                fixed
            } else {
                subnet.get(row).and_then(|text| text.parse().ok())
            };
            let address = address.get(row).and_then(|text| text.parse().ok());
            builder.append_option(subnet.zip(address).map(|(net, ip)| net.contains(ip)));
        }
        result(Arc::new(builder.finish()), constant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets() {
        for (subnet, first, last) in [
            ("10.0.0.0/8", "10.0.0.0", "10.255.255.255"),
            ("10.1.2.3/8", "10.0.0.0", "10.255.255.255"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.7"),
            ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
            (
                "fd00::/8",
                "fd00::",
                "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            ),
            ("::1/128", "::1", "::1"),
            ("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            let subnet: Subnet = subnet.parse().unwrap();
            assert_eq!(subnet.first, first.parse::<IpAddr>().unwrap());
            assert_eq!(subnet.last, last.parse::<IpAddr>().unwrap());
        }
        for wrong in [
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "",
            "x",
            "10.0.0.0/8/8",
        ] {
            assert!(wrong.parse::<Subnet>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn families_are_apart() {
        let all: Subnet = "0.0.0.0/0".parse().unwrap();
        assert!(!all.contains("::ffff:10.0.0.1".parse().unwrap()));
        let all: Subnet = "::/0".parse().unwrap();
        assert!(!all.contains("10.0.0.1".parse().unwrap()));
    }

    proptest::proptest! {
        /// The mask written out, bit by bit.
        #[test]
        fn like_a_mask(net: u32, address: u32, length in 0_u32..=32) {
            let subnet: Subnet = format!("{}/{length}", std::net::Ipv4Addr::from(net)).parse().unwrap();
            let same = (0..length).all(|bit| (net >> (31 - bit)) & 1 == (address >> (31 - bit)) & 1);
            assert_eq!(subnet.contains(IpAddr::V4(address.into())), same);
        }

        #[test]
        fn any_text(text in ".{0,60}") {
            let _ = text.parse::<Subnet>();
        }
    }
}
