//! Work over threads whose result does not depend on how many there are.

use std::sync::atomic::{AtomicUsize, Ordering};

/// `work(0)`, `work(1)` … `work(count - 1)` on up to `threads` threads, in order.
///
/// Each piece must depend on its number alone; then the result is the same for any number of
/// threads.
pub(crate) fn map<T, F>(count: usize, threads: usize, work: F) -> Vec<T>
where
    T: Send,
    F: Fn(usize) -> T + Sync,
{
    let threads = threads.clamp(1, count.max(1));
    if threads == 1 {
        return (0..count).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let mut done: Vec<(usize, T)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    loop {
                        let piece = next.fetch_add(1, Ordering::Relaxed);
                        if piece >= count {
                            return mine;
                        }
                        mine.push((piece, work(piece)));
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| match worker.join() {
                Ok(mine) => mine,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    done.sort_unstable_by_key(|(piece, _)| *piece);
    done.into_iter().map(|(_, value)| value).collect()
}

/// A value for each of `rows` rows: `work` is given ranges of rows and returns their values.
pub(crate) fn rows<T, F>(rows: usize, threads: usize, work: F) -> Vec<T>
where
    T: Send,
    F: Fn(std::ops::Range<usize>) -> Vec<T> + Sync,
{
    const BLOCK: usize = 1024;
    map(rows.div_ceil(BLOCK), threads, |block| {
        work(block * BLOCK..((block + 1) * BLOCK).min(rows))
    })
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_depend_on_threads() {
        let one = map(1000, 1, |i| i * i);
        let four = map(1000, 4, |i| i * i);
        assert_eq!(one, four);
        assert_eq!(
            rows(3000, 3, Iterator::collect::<Vec<_>>),
            (0..3000).collect::<Vec<_>>()
        );
        assert!(map(0, 4, |i| i).is_empty());
    }
}
