//! Work on many things at once, by threads of its own.
//!
//! What is made once for all who ask (`OnceLock`) must not be made by rayon: a thread of its pool that waits for its share takes up
//! other work meanwhile, such as the next process, which asks for the same thing and waits for it without end.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Threads at most, and fewer where there are fewer processors.
const MOST_THREADS: usize = 8;

/// What `make` gives for each number below `count`, in their order.
pub fn for_each<T: Send>(count: usize, make: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let others = processors.min(MOST_THREADS).min(count).saturating_sub(1);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut made = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return made;
            }
            made.push((number, make(number)));
        }
    };
    let mut all = thread::scope(|scope| {
        // Where no thread can be had, this one does the work alone.
        let started: Vec<_> = (0..others)
            .filter_map(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
            .collect();
        let mut all = work();
        for thread in started {
            match thread.join() {
                Ok(made) => all.extend(made),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    all.sort_unstable_by_key(|(number, _)| *number);
    all.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::for_each;

    #[test]
    fn order_is_kept_whoever_does_the_work() {
        let squares: Vec<usize> = (0..1000).map(|number| number * number).collect();
        assert_eq!(for_each(1000, |number| number * number), squares);
        assert_eq!(for_each(0, |number| number), Vec::<usize>::new());
    }
}
