//! Several copies of a network, so that several threads run it at once.
//!
//! A session of ONNX Runtime is run by one thread at a time. What is in each
//! lane is up to its owner: the session, and buffers that go with it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};

/// Copies of something that one thread uses at a time; at least one.
#[derive(Debug)]
pub struct Lanes<T> {
    first: Mutex<T>,
    others: Vec<Mutex<T>>,
    next: AtomicUsize,
}

impl<T> Lanes<T> {
    /// One copy.
    pub fn new(first: T) -> Self {
        Self {
            first: Mutex::new(first),
            others: Vec::new(),
            next: AtomicUsize::new(0),
        }
    }

    /// Adds copies until there is one for each core, `most` at most.
    ///
    /// # Errors
    /// The first that `copy` gives.
    pub fn fill<E>(
        &mut self,
        most: usize,
        mut copy: impl FnMut() -> Result<T, E>,
    ) -> Result<(), E> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        while self.others.len() + 1 < threads.min(most) {
            self.others.push(Mutex::new(copy()?));
        }
        Ok(())
    }

    fn lane(&self, index: usize) -> &Mutex<T> {
        match index % (self.others.len() + 1) {
            0 => &self.first,
            n => &self.others[n - 1],
        }
    }

    /// Runs `work` with a copy that is free, or waits for one.
    pub fn run<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for i in 0..=self.others.len() {
            match self.lane(first.wrapping_add(i)).try_lock() {
                Ok(mut lane) => return work(&mut lane),
                Err(TryLockError::Poisoned(lane)) => return work(&mut lane.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let lane = self.lane(first).lock();
        work(&mut lane.unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_is_in_use_is_passed_by() {
        let mut lanes = Lanes::new(0);
        lanes.others.push(Mutex::new(0));
        lanes.run(|outer| {
            *outer += 1;
            for _ in 0..4 {
                lanes.run(|inner| *inner += 10);
            }
        });
        let mut counts = [lanes.run(|n| *n), lanes.run(|n| *n)];
        counts.sort_unstable();
        assert_eq!(counts, [1, 40]);
    }

    #[test]
    fn there_are_as_many_as_cores_and_no_more_than_asked_for() {
        let mut lanes = Lanes::new(());
        assert_eq!(lanes.fill::<()>(1, || Ok(())), Ok(()));
        assert!(lanes.others.is_empty());
        let cores = std::thread::available_parallelism().unwrap().get();
        assert_eq!(lanes.fill::<()>(usize::MAX, || Ok(())), Ok(()));
        assert_eq!(lanes.others.len() + 1, cores);
        assert_eq!(
            Lanes::new(()).fill(usize::MAX, || Err("no")),
            if cores > 1 { Err("no") } else { Ok(()) }
        );
    }
}
