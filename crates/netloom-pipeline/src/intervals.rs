//! Lengths of intervals that traffic over time is counted in, in ns.

/// A millisecond.
const MS: i64 = 1_000_000;

/// Lengths to count in while it is not known yet how long the capture is, each a multiple of the
/// one before.
pub const LEVELS: [i64; 13] = [
    MS,
    10 * MS,
    100 * MS,
    1_000 * MS,
    10_000 * MS,
    60_000 * MS,
    600_000 * MS,
    3_600_000 * MS,
    21_600_000 * MS,
    86_400_000 * MS,
    864_000_000 * MS,
    8_640_000_000 * MS,
    86_400_000_000 * MS,
];

/// Lengths that people like to read, smallest first: 1, 2 and 5 times a power of ten up to ten
/// seconds, then as clocks and calendars have them.
pub const NICE: [i64; 32] = [
    MS,
    2 * MS,
    5 * MS,
    10 * MS,
    20 * MS,
    50 * MS,
    100 * MS,
    200 * MS,
    500 * MS,
    1_000 * MS,
    2_000 * MS,
    5_000 * MS,
    10_000 * MS,
    30_000 * MS,
    60_000 * MS,
    120_000 * MS,
    300_000 * MS,
    600_000 * MS,
    1_800_000 * MS,
    3_600_000 * MS,
    10_800_000 * MS,
    21_600_000 * MS,
    43_200_000 * MS,
    86_400_000 * MS,
    172_800_000 * MS,
    604_800_000 * MS,
    864_000_000 * MS,
    2_592_000_000 * MS,
    8_640_000_000 * MS,
    17_280_000_000 * MS,
    43_200_000_000 * MS,
    86_400_000_000 * MS,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_divide() {
        for pair in LEVELS.windows(2) {
            assert_eq!(pair[1] % pair[0], 0);
        }
        for level in LEVELS {
            assert!(NICE.contains(&level));
        }
    }
}
