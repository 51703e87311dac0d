//! What of `WHERE` the decoder can do: ranges of time, addresses, ports, protocols and lengths.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use netloom_pipeline::scan::{Field, RowFilter, Term};
use netloom_tables::TableName;

use crate::functions::{Subnet, address_of_key};

/// The filter of a scan, and how it reads, of those conditions that it can take over.
pub(crate) fn of(table: TableName, conditions: &[Expr]) -> (RowFilter, String) {
    let mut filter = RowFilter::all();
    let mut shown = Vec::new();
    for condition in conditions {
        if let Some(term) = term(table, condition) {
            filter = filter.and(term);
            shown.push(condition.human_display().to_string());
        }
    }
    (filter, shown.join(" AND "))
}

/// The term that says exactly what a condition says; `None` where there is none.
pub(super) fn term(table: TableName, condition: &Expr) -> Option<Term> {
    let (field, values) = values(table, condition)?;
    Some(match (field, values) {
        (Field::Time, Values::Numbers(ranges)) => Term::Time(clipped(ranges)),
        (Field::SrcIp, Values::Addresses(ranges)) => Term::SrcIp(ranges),
        (Field::DstIp, Values::Addresses(ranges)) => Term::DstIp(ranges),
        (Field::SrcPort, Values::Numbers(ranges)) => Term::SrcPort(clipped(ranges)),
        (Field::DstPort, Values::Numbers(ranges)) => Term::DstPort(clipped(ranges)),
        (Field::Protocol, Values::Numbers(ranges)) => Term::Protocol(clipped(ranges)),
        (Field::Len, Values::Numbers(ranges)) => Term::Len(clipped(ranges)),
        _ => return None,
    })
}

/// The values that a field may have.
#[derive(Debug, Clone, PartialEq)]
enum Values {
    Numbers(Vec<RangeInclusive<i128>>),
    Addresses(Vec<RangeInclusive<IpAddr>>),
}

fn values(table: TableName, condition: &Expr) -> Option<(Field, Values)> {
    match condition {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Or,
            right,
        }) => {
            let (one, mut all) = values(table, left)?;
            let (other, more) = values(table, right)?;
            if one != other {
                return None;
            }
            match (&mut all, more) {
                (Values::Numbers(ranges), Values::Numbers(more)) => ranges.extend(more),
                (Values::Addresses(ranges), Values::Addresses(more)) => ranges.extend(more),
                _ => return None,
            }
            Some((one, all))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            if let (Some(side), Expr::Literal(value, _)) = (Side::of(table, left), &**right) {
                side.compared(*op, value)
            } else if let (Expr::Literal(value, _), Some(side)) = (&**left, Side::of(table, right))
            {
                side.compared(op.swap()?, value)
            } else {
                None
            }
        }
        Expr::Between(between) if !between.negated => {
            let side = Side::of(table, &between.expr)?;
            let (Expr::Literal(low, _), Expr::Literal(high, _)) = (&*between.low, &*between.high)
            else {
                return None;
            };
            let (field, low) = side.compared(Operator::GtEq, low)?;
            let (_, high) = side.compared(Operator::LtEq, high)?;
            Some((field, both(&low, &high)?))
        }
        Expr::InList(list) if !list.negated => {
            let side = Side::of(table, &list.expr)?;
            let mut all = None;
            for item in &list.list {
                let Expr::Literal(value, _) = item else {
                    return None;
                };
                let (_, one) = side.compared(Operator::Eq, value)?;
                match (&mut all, one) {
                    (None, one) => all = Some(one),
                    (Some(Values::Numbers(all)), Values::Numbers(one)) => all.extend(one),
                    (Some(Values::Addresses(all)), Values::Addresses(one)) => all.extend(one),
                    _ => return None,
                }
            }
            Some((side.field, all?))
        }
        Expr::IsNotNull(expr) => {
            let side = Side::of(table, expr)?;
            (!side.is_key).then(|| (side.field, all_of(side.field)))
        }
        Expr::ScalarFunction(function) if function.name() == "in_subnet" => {
            let [address, Expr::Literal(subnet, _)] = function.args.as_slice() else {
                return None;
            };
            let side = Side::of(table, address)?;
            let subnet: Subnet = subnet.try_as_str()??.parse().ok()?;
            let range = subnet.first()..=subnet.last();
            (is_address(side.field) && !side.is_key)
                .then(|| (side.field, Values::Addresses(vec![range])))
        }
        _ => None,
    }
}

/// A side of a comparison that the scan knows.
struct Side {
    field: Field,
    /// It is the key of an address.
    is_key: bool,
}

impl Side {
    fn of(table: TableName, expr: &Expr) -> Option<Self> {
        match expr {
            Expr::Column(column) => Field::of(table, &column.name).map(|field| Self {
                field,
                is_key: false,
            }),
            Expr::ScalarFunction(function) if function.name() == "ip_key" => {
                let side = Self::of(table, function.args.first()?)?;
                is_address(side.field).then_some(Self {
                    is_key: true,
                    ..side
                })
            }
            _ => None,
        }
    }

    /// The values for which a comparison holds.
    fn compared(&self, op: Operator, value: &ScalarValue) -> Option<(Field, Values)> {
        let values = if is_address(self.field) {
            let address = match value {
                ScalarValue::Binary(Some(key)) if self.is_key => address_of_key(key)?,
                // Texts are compared as texts, but for being the same.
                text if !self.is_key && matches!(op, Operator::Eq | Operator::NotEq) => {
                    let text = text.try_as_str()??;
                    let address: IpAddr = text.parse().ok()?;
                    (address.to_string() == text).then_some(address)?
                }
                _ => return None,
            };
            Values::Addresses(addresses(op, address)?)
        } else {
            Values::Numbers(numbers(op, number(self.field, value)?)?)
        };
        Some((self.field, values))
    }
}

fn is_address(field: Field) -> bool {
    matches!(field, Field::SrcIp | Field::DstIp)
}

fn number(field: Field, value: &ScalarValue) -> Option<i128> {
    Some(match value {
        ScalarValue::TimestampNanosecond(Some(value), _) if field == Field::Time => (*value).into(),
        _ if field == Field::Time => return None,
        ScalarValue::Int8(Some(value)) => (*value).into(),
        ScalarValue::Int16(Some(value)) => (*value).into(),
        ScalarValue::Int32(Some(value)) => (*value).into(),
        ScalarValue::Int64(Some(value)) => (*value).into(),
        ScalarValue::UInt8(Some(value)) => (*value).into(),
        ScalarValue::UInt16(Some(value)) => (*value).into(),
        ScalarValue::UInt32(Some(value)) => (*value).into(),
        ScalarValue::UInt64(Some(value)) => (*value).into(),
        _ => return None,
    })
}

fn numbers(op: Operator, value: i128) -> Option<Vec<RangeInclusive<i128>>> {
    let (below, above) = (i128::MIN..=value - 1, value + 1..=i128::MAX);
    Some(match op {
        Operator::Eq => vec![value..=value],
        Operator::NotEq => vec![below, above],
        Operator::Lt => vec![below],
        Operator::LtEq => vec![i128::MIN..=value],
        Operator::Gt => vec![above],
        Operator::GtEq => vec![value..=i128::MAX],
        _ => return None,
    })
}

const FIRST_V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
const LAST_V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::BROADCAST);
const FIRST_V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED);
const LAST_V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::from_bits(u128::MAX));

/// The addresses before or after one, IPv4 before IPv6; each range is of one family.
fn addresses(op: Operator, address: IpAddr) -> Option<Vec<RangeInclusive<IpAddr>>> {
    let below = || {
        let mut ranges = Vec::new();
        if address.is_ipv6() {
            ranges.push(FIRST_V4..=LAST_V4);
        }
        ranges.extend(before(address).map(|last| {
            let first = if last.is_ipv4() { FIRST_V4 } else { FIRST_V6 };
            first..=last
        }));
        ranges
    };
    let above = || {
        let mut ranges = Vec::new();
        ranges.extend(after(address).map(|first| {
            let last = if first.is_ipv4() { LAST_V4 } else { LAST_V6 };
            first..=last
        }));
        if address.is_ipv4() {
            ranges.push(FIRST_V6..=LAST_V6);
        }
        ranges
    };
    let same = address..=address;
    Some(match op {
        Operator::Eq => vec![same],
        Operator::NotEq => [below(), above()].concat(),
        Operator::Lt => below(),
        Operator::LtEq => [below(), vec![same]].concat(),
        Operator::Gt => above(),
        Operator::GtEq => [vec![same], above()].concat(),
        _ => return None,
    })
}

/// The address before one in its family.
fn before(address: IpAddr) -> Option<IpAddr> {
    Some(match address {
        IpAddr::V4(address) => IpAddr::V4(address.to_bits().checked_sub(1)?.into()),
        IpAddr::V6(address) => IpAddr::V6(address.to_bits().checked_sub(1)?.into()),
    })
}

/// The address after one in its family.
fn after(address: IpAddr) -> Option<IpAddr> {
    Some(match address {
        IpAddr::V4(address) => IpAddr::V4(address.to_bits().checked_add(1)?.into()),
        IpAddr::V6(address) => IpAddr::V6(address.to_bits().checked_add(1)?.into()),
    })
}

/// Every value there is.
fn all_of(field: Field) -> Values {
    if is_address(field) {
        Values::Addresses(vec![FIRST_V4..=LAST_V4, FIRST_V6..=LAST_V6])
    } else {
        Values::Numbers(vec![i128::MIN..=i128::MAX])
    }
}

/// The values that are in both.
fn both(one: &Values, other: &Values) -> Option<Values> {
    fn cut<V: Copy + Ord>(
        one: &[RangeInclusive<V>],
        other: &[RangeInclusive<V>],
    ) -> Vec<RangeInclusive<V>> {
        let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
        pairs
            .map(|(a, b)| *a.start().max(b.start())..=*a.end().min(b.end()))
            .filter(|range| !range.is_empty())
            .collect()
    }
    Some(match (one, other) {
        (Values::Numbers(one), Values::Numbers(other)) => Values::Numbers(cut(one, other)),
        // Ranges are of one family each; those of different families have nothing in common, and
        // what is cut out of them is empty, as IPv4 stands before IPv6.
        (Values::Addresses(one), Values::Addresses(other)) => Values::Addresses(cut(one, other)),
        _ => return None,
    })
}

/// Ranges within what the field can hold.
fn clipped<V: TryFrom<i128> + Bounded>(
    ranges: Vec<RangeInclusive<i128>>,
) -> Vec<RangeInclusive<V>> {
    let within = |range: RangeInclusive<i128>| {
        let (first, last) = (V::FIRST, V::LAST);
        if *range.end() < first || *range.start() > last {
            return None;
        }
        let start = V::try_from((*range.start()).max(first)).ok()?;
        let end = V::try_from((*range.end()).min(last)).ok()?;
        Some(start..=end)
    };
    ranges.into_iter().filter_map(within).collect()
}

/// The ends of a type.
trait Bounded {
    const FIRST: i128;
    const LAST: i128;
}

impl Bounded for i64 {
    const FIRST: i128 = Self::MIN as i128;
    const LAST: i128 = Self::MAX as i128;
}

impl Bounded for u64 {
    const FIRST: i128 = 0;
    const LAST: i128 = Self::MAX as i128;
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};

    use super::*;
    use crate::functions::ip_key;

    fn term_of(condition: &Expr) -> Option<Term> {
        term(TableName::Packets, condition)
    }

    #[test]
    fn ranges() {
        for (condition, ranges) in [
            (col("src_port").eq(lit(80_u16)), vec![80..=80]),
            (col("src_port").gt(lit(80_u16)), vec![81..=u64::MAX]),
            (lit(80_u16).gt(col("src_port")), vec![0..=79]),
            (col("src_port").lt(lit(0_u16)), vec![]),
            (col("src_port").not_eq(lit(0_i64)), vec![1..=u64::MAX]),
            (
                col("src_port").between(lit(80_u16), lit(90_u16)),
                vec![80..=90],
            ),
            (
                col("src_port").in_list(vec![lit(80_u16), lit(443_u16)], false),
                vec![80..=80, 443..=443],
            ),
            (
                col("src_port")
                    .eq(lit(1_u16))
                    .or(col("src_port").gt(lit(9_u16))),
                vec![1..=1, 10..=u64::MAX],
            ),
            (col("src_port").is_not_null(), vec![0..=u64::MAX]),
        ] {
            assert_eq!(
                term_of(&condition),
                Some(Term::SrcPort(ranges)),
                "{condition}"
            );
        }
    }

    #[test]
    fn what_it_cannot_do() {
        for condition in [
            col("ttl").eq(lit(64_u8)),
            col("src_port").eq(col("dst_port")),
            col("src_port")
                .eq(lit(80_u16))
                .or(col("len").eq(lit(1_u32))),
            col("src_port").is_null(),
            col("src_port").in_list(vec![lit(80_u16)], true),
            // As text that is something else.
            col("src_ip").gt(lit("10.0.0.1")),
            col("src_ip").eq(lit("010.0.0.1")),
            col("src_ip").eq(lit("2001:DB8::1")),
            col("len").gt(lit(1.5)),
        ] {
            assert_eq!(term_of(&condition), None, "{condition}");
        }
    }

    #[test]
    fn addresses_by_key() {
        let key = |text: &str| {
            let key = crate::functions::key(text.parse().unwrap());
            Expr::Literal(ScalarValue::Binary(Some(key)), None)
        };
        let src = || ip_key().call(vec![col("src_ip")]);
        let range = |first: &str, last: &str| first.parse().unwrap()..=last.parse().unwrap();
        let all_v6 = || range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
        for (condition, ranges) in [
            (
                src().gt(key("10.0.0.255")),
                vec![range("10.0.1.0", "255.255.255.255"), all_v6()],
            ),
            (src().lt(key("0.0.0.0")), vec![]),
            (
                src().lt_eq(key("::1")),
                vec![
                    range("0.0.0.0", "255.255.255.255"),
                    range("::", "::"),
                    range("::1", "::1"),
                ],
            ),
            (
                src().between(key("10.0.0.0"), key("10.0.0.9")),
                vec![
                    range("10.0.0.0", "10.0.0.0"),
                    range("10.0.0.1", "10.0.0.8"),
                    range("10.0.0.9", "10.0.0.9"),
                ],
            ),
        ] {
            let Some(Term::SrcIp(mut found)) = term_of(&condition) else {
                panic!("{condition}");
            };
            found.sort_by_key(|range| *range.start());
            let same = |address: IpAddr| {
                found.iter().any(|range| range.contains(&address))
                    == ranges
                        .iter()
                        .any(|range: &RangeInclusive<IpAddr>| range.contains(&address))
            };
            for address in [
                "0.0.0.0",
                "10.0.0.0",
                "10.0.0.5",
                "10.0.0.9",
                "10.0.1.0",
                "255.255.255.255",
                "::",
                "::1",
                "::2",
            ] {
                assert!(same(address.parse().unwrap()), "{condition}: {address}");
            }
        }
    }

    proptest::proptest! {
        /// Addresses and numbers are in a range exactly when the comparison holds.
        #[test]
        fn exact(a: IpAddr, b: IpAddr, n: u32, m: u32) {
            for (op, holds, number) in [
                (Operator::Eq, a == b, n == m),
                (Operator::NotEq, a != b, n != m),
                (Operator::Lt, a < b, n < m),
                (Operator::LtEq, a <= b, n <= m),
                (Operator::Gt, a > b, n > m),
                (Operator::GtEq, a >= b, n >= m),
            ] {
                let ranges = addresses(op, b).unwrap();
                assert!(ranges.iter().all(|r| r.start().is_ipv4() == r.end().is_ipv4()));
                assert_eq!(ranges.iter().any(|r| r.contains(&a)), holds, "{a} {op} {b}");
                let ranges: Vec<RangeInclusive<u64>> = clipped(numbers(op, m.into()).unwrap());
                assert_eq!(ranges.iter().any(|r| r.contains(&n.into())), number);
            }
        }
    }
}
