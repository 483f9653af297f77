//! Sessions of ONNX Runtime that many speakers share.

use std::sync::{Condvar, Mutex, PoisonError};

use media::seam::VoiceError;
use ort::environment::Environment;
use ort::session::Session;

/// Opens a session on a model in memory: one thread, no spinning, so that a
/// core is used only while there is work.
pub(crate) fn open(environment: &Environment, model: &[u8]) -> Result<Session, ort::Error> {
    Session::builder(environment)?
        .with_intra_threads(1)?
        .with_intra_op_spinning(false)?
        // Plans for reuse of memory are kept for every input shape; clauses
        // and the ends of chunks all differ, so they would only pile up.
        .with_memory_pattern(false)?
        .commit_from_memory(model)
}

/// Equal sessions of one model. Whoever wants one while all are in use waits
/// for one run, never for a clause.
pub(crate) struct Pool {
    free: Mutex<Vec<Session>>,
    returned: Condvar,
}

impl Pool {
    /// `size` sessions, at least one.
    pub fn open(environment: &Environment, model: &[u8], size: usize) -> Result<Self, ort::Error> {
        let sessions = (0..size.max(1)).map(|_| open(environment, model));
        Ok(Self {
            free: Mutex::new(sessions.collect::<Result<_, _>>()?),
            returned: Condvar::new(),
        })
    }

    /// Does `work` on a session.
    pub fn with<T>(&self, work: impl FnOnce(&mut Session) -> T) -> T {
        let mut taken = Taken {
            pool: self,
            session: Some(self.take()),
        };
        let session = taken.session.as_mut().expect("it is there until it drops");
        work(session)
    }

    fn take(&self) -> Session {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(session) = free.pop() {
                return session;
            }
            free = self
                .returned
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Gives its session back, also when the work panics.
struct Taken<'a> {
    pool: &'a Pool,
    session: Option<Session>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.pool
                .free
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(session);
            self.pool.returned.notify_one();
        }
    }
}

/// A failure of the runtime as one of the voice.
pub(crate) fn model_error(error: ort::Error) -> VoiceError {
    VoiceError::Model(error.into())
}

/// An answer of the model that is not as its kind of model gives.
pub(crate) fn odd_answer(what: &'static str) -> VoiceError {
    VoiceError::Model(what.into())
}
