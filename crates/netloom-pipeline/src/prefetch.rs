//! Asking the processor for memory before it is needed.
//!
//! Blocks are filled by one core and looked at by all. Before a line of a cache can be written it has to be
//! taken from all other caches, before it can be read it has to come from the one that wrote it. Where
//! cores share a cache that takes some 40 ns, where they do not 200 ns and more; a processor waits for
//! lines to write one after the other. Asked for in advance they come at the same time.

// What asks for memory before it is needed reads and writes nothing that a program could see, whatever the address.
#![allow(unsafe_code)]

/// Bytes of a line.
const LINE: usize = 64;

/// Asks for places that will be written.
#[inline]
pub(crate) fn to_write_all<V>(places: &mut [V]) {
    lines(places, write);
}

/// Asks for the first `LINES` lines of the place at `index`, which will be written. Past the end it asks
/// for what happens to be there, which does no harm and costs less than finding out.
#[inline]
pub(crate) fn to_write<const LINES: usize, V>(places: &mut [V], index: usize) {
    first_lines::<LINES, V>(places, index, write);
}

/// Asks for the first `LINES` lines of the value at `index`, which will be read; past the end as
/// [`to_write`].
#[inline]
pub(crate) fn to_read<const LINES: usize, V>(values: &[V], index: usize) {
    first_lines::<LINES, V>(values, index, read);
}

#[inline]
fn write(line: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: PREFETCHW changes nothing and never faults; processors without it do nothing.
    unsafe {
        std::arch::asm!(
            "prefetchw [{}]",
            in(reg) line,
            options(nostack, preserves_flags, readonly)
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

#[inline]
fn read(line: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: PREFETCHT0 changes nothing and never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

#[inline]
fn first_lines<const LINES: usize, V>(values: &[V], index: usize, each: impl Fn(*const u8)) {
    let start = values.as_ptr().wrapping_add(index).cast::<u8>();
    for line in 0..LINES {
        each(start.wrapping_add(line * LINE));
    }
}

/// The lines in which some values lie.
#[inline]
fn lines<V>(values: &[V], mut each: impl FnMut(*const u8)) {
    let len = size_of_val(values);
    let start = values.as_ptr().cast::<u8>();
    let mut offset = 0;
    while offset < len {
        each(start.wrapping_add(offset));
        offset += LINE;
    }
    if len > 0 {
        // The last one, where the first begins in the middle.
        each(start.wrapping_add(len - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_cover_all_bytes() {
        for len in 0..300 {
            let bytes = vec![0_u8; len];
            let start = bytes.as_ptr().addr();
            let mut seen = Vec::new();
            lines(&bytes, |line| seen.push(line.addr() / LINE));
            seen.dedup();
            let all: Vec<usize> = match len {
                0 => Vec::new(),
                _ => (start / LINE..=(start + len - 1) / LINE).collect(),
            };
            assert_eq!(seen, all, "{len} bytes");
        }
    }
}
