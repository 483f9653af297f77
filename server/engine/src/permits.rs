//! How many voices compute at once, and in which order they get to.

use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Those who came and those who are done. Everybody who came is served in the
/// end, so two counters hold the whole line.
#[derive(Debug, Default)]
struct Line {
    came: u64,
    done: u64,
}

/// Limits how many voices compute at once. First come, first served: else a
/// voice that goes from chunk to chunk would take its permit again before one
/// that waits for its first word has woken.
#[derive(Debug)]
pub(crate) struct Permits {
    count: u64,
    line: Mutex<Line>,
    changed: Condvar,
}

impl Permits {
    pub(crate) fn new(count: NonZeroUsize) -> Self {
        Self {
            count: count.get() as u64,
            line: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Runs `work` when its turn has come.
    pub(crate) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut line = self.lock();
        let number = line.came;
        line.came += 1;
        let served = self
            .changed
            .wait_while(line, |line| number >= line.done + self.count)
            .unwrap_or_else(PoisonError::into_inner);
        drop(served);
        let _done = Done(self);
        work()
    }

    /// How many ever came.
    #[cfg(test)]
    pub(crate) fn came(&self) -> u64 {
        self.lock().came
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the permit back, also after a panic.
struct Done<'a>(&'a Permits);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.lock().done += 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    #[test]
    fn who_waits_goes_before_who_comes_again() {
        let permits = Permits::new(NonZeroUsize::MIN);
        let order = Mutex::new(Vec::new());
        thread::scope(|scope| {
            permits.run(|| {
                scope.spawn(|| permits.run(|| order.lock().unwrap().push("waited")));
                while permits.came() < 2 {
                    thread::yield_now();
                }
            });
            permits.run(|| order.lock().unwrap().push("came again"));
        });
        assert_eq!(*order.lock().unwrap(), ["waited", "came again"]);
    }

    #[test]
    fn no_more_than_allowed_run_at_once() {
        let permits = Permits::new(NonZeroUsize::new(2).unwrap());
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        permits.run(|| {
                            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                            most.fetch_max(now, Ordering::SeqCst);
                            thread::yield_now();
                            running.fetch_sub(1, Ordering::SeqCst);
                        });
                    }
                });
            }
        });
        assert!(most.into_inner() <= 2);
    }

    #[test]
    fn a_panic_gives_its_permit_back() {
        let permits = Permits::new(NonZeroUsize::MIN);
        let broken: thread::Result<()> =
            catch_unwind(AssertUnwindSafe(|| permits.run(|| panic!("a bug"))));
        assert!(broken.is_err());
        assert_eq!(permits.run(|| 1), 1);
    }
}
