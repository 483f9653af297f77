//! How other threads get the driver's attention without waiting for it.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::socket::Socket;
use crate::viewer::ViewerId;

/// Locks, also after a panic elsewhere: everything behind these locks is
/// valid between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was asked of the driver.
#[derive(Default)]
pub(crate) struct Calls {
    /// Viewers whose inbox or mailbox is no longer empty. Each is at most twice
    /// in here, since only what ends the emptiness rings.
    pub ready: Vec<ViewerId>,
    /// Viewers to be closed.
    pub close: Vec<ViewerId>,
    /// Sockets of connections that have their own.
    pub sockets: Vec<Socket>,
}

/// Wakes the driver.
#[derive(Default)]
pub(crate) struct Doorbell {
    calls: Mutex<Calls>,
    rung: AtomicBool,
    stopped: AtomicBool,
    waker: Option<mio::Waker>,
}

impl Doorbell {
    pub(crate) fn new(waker: mio::Waker) -> Self {
        Self {
            waker: Some(waker),
            ..Self::default()
        }
    }

    pub(crate) fn ready(&self, viewer: ViewerId) {
        lock(&self.calls).ready.push(viewer);
        self.ring();
    }

    pub(crate) fn close(&self, viewer: ViewerId) {
        lock(&self.calls).close.push(viewer);
        self.ring();
    }

    pub(crate) fn adopt(&self, socket: Socket) {
        lock(&self.calls).sockets.push(socket);
        self.ring();
    }

    /// The driver ends after its next round.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.ring();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// One system call for any number of rings between two rounds.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel)
            && let Some(waker) = &self.waker
            && let Err(error) = waker.wake()
        {
            // The driver's own timers still come; nothing is lost but time.
            tracing::warn!(%error, "the transport thread could not be woken");
        }
    }

    /// The driver answers: what was asked since it last did.
    pub(crate) fn answer(&self) -> Calls {
        self.rung.store(false, Ordering::Release);
        mem::take(&mut *lock(&self.calls))
    }
}
