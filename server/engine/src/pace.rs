//! The pacer: a few threads that step many sessions, the most urgent first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Something that is stepped at given moments.
pub(crate) trait Step: Send {
    /// Steps once, `late` after the moment that was asked for. Returns the
    /// next moment, or `None` when it is over.
    fn step(&mut self, late: Duration) -> Option<Instant>;

    /// Called once, after the last step, also when that panicked.
    fn end(self: Box<Self>);
}

struct Due {
    at: Instant,
    order: u64,
    unit: Box<dyn Step>,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

#[derive(Default)]
struct Queue {
    due: BinaryHeap<Reverse<Due>>,
    order: u64,
    stop: bool,
}

impl Queue {
    fn push(&mut self, at: Instant, unit: Box<dyn Step>) {
        self.order += 1;
        self.due.push(Reverse(Due {
            at,
            order: self.order,
            unit,
        }));
    }
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// Steps units on its own threads until it is dropped.
pub(crate) struct Pacer {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Pacer {
    /// Starts `workers` threads.
    pub(crate) fn start(workers: NonZeroUsize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let mut threads = Vec::new();
        for n in 0..workers.get() {
            let shared = shared.clone();
            threads.push(
                std::thread::Builder::new()
                    .name(format!("pacer-{n}"))
                    .spawn(move || run(&shared))?,
            );
        }
        Ok(Self { shared, threads })
    }

    /// Adds a unit whose first step is due at `at`.
    pub(crate) fn add(&self, at: Instant, unit: Box<dyn Step>) {
        lock(&self.shared).push(at, unit);
        self.shared.changed.notify_one();
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        lock(&self.shared).stop = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A panic of a unit was already reported by the panic hook.
            let _ = thread.join();
        }
    }
}

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, Queue> {
    shared.queue.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(shared: &Shared) {
    let mut queue = lock(shared);
    while !queue.stop {
        let now = Instant::now();
        match queue.due.peek().map(|Reverse(due)| due.at) {
            None => {
                queue = shared
                    .changed
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            Some(at) if at > now => {
                queue = shared
                    .changed
                    .wait_timeout(queue, at - now)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
            Some(at) => {
                let Some(Reverse(mut due)) = queue.due.pop() else {
                    continue;
                };
                // Another thread may take the next one meanwhile.
                if !queue.due.is_empty() {
                    shared.changed.notify_one();
                }
                drop(queue);
                // A panic in one session must not take the thread from all
                // others. What it left behind is only ended, not stepped.
                let next = catch_unwind(AssertUnwindSafe(|| due.unit.step(now - at)))
                    .inspect_err(|_| tracing::error!("a session panicked and is closed"))
                    .unwrap_or_default();
                // Not under the lock: the end closes files and sockets.
                if let Some(next) = next {
                    queue = lock(shared);
                    queue.push(next, due.unit);
                } else {
                    let end = catch_unwind(AssertUnwindSafe(|| due.unit.end()));
                    if end.is_err() {
                        tracing::error!("a session panicked while it was closed");
                    }
                    queue = lock(shared);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    struct Count {
        left: u32,
        next: Instant,
        sender: mpsc::Sender<u32>,
    }

    impl Step for Count {
        fn step(&mut self, _: Duration) -> Option<Instant> {
            self.left -= 1;
            let _ = self.sender.send(self.left);
            self.next += Duration::from_millis(1);
            (self.left > 0).then_some(self.next)
        }

        fn end(self: Box<Self>) {
            let _ = self.sender.send(u32::MAX);
        }
    }

    #[test]
    fn every_unit_gets_all_its_steps_in_order() {
        let pacer = Pacer::start(NonZeroUsize::new(2).unwrap()).unwrap();
        let now = Instant::now();
        let receivers: Vec<_> = (0..20)
            .map(|_| {
                let (sender, receiver) = mpsc::channel();
                pacer.add(
                    now,
                    Box::new(Count {
                        left: 10,
                        next: now,
                        sender,
                    }),
                );
                receiver
            })
            .collect();
        for receiver in receivers {
            let steps: Vec<u32> = receiver.iter().collect();
            let expected: Vec<u32> = (0..10).rev().chain([u32::MAX]).collect();
            assert_eq!(steps, expected);
        }
    }

    struct Broken(mpsc::Sender<&'static str>);

    impl Step for Broken {
        fn step(&mut self, _: Duration) -> Option<Instant> {
            let _ = self.0.send("step");
            panic!("a bug in one session");
        }

        fn end(self: Box<Self>) {
            let _ = self.0.send("end");
        }
    }

    #[test]
    fn a_unit_that_panics_is_ended_and_takes_no_thread_along() {
        let pacer = Pacer::start(NonZeroUsize::MIN).unwrap();
        let now = Instant::now();
        for _ in 0..3 {
            let (sender, receiver) = mpsc::channel();
            pacer.add(now, Box::new(Broken(sender)));
            assert_eq!(receiver.iter().collect::<Vec<_>>(), ["step", "end"]);
        }
    }
}
