//! Sessions in other servers' rooms: one room for each session at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::Handle;

use crate::join::{JoinError, JoinState, Joined, join};

/// The sessions that are in other servers' rooms, by session. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Away(Arc<Mutex<HashMap<String, Arc<Joined>>>>);

impl Away {
    /// Joins a room with a session, as [`join`] does; it leaves the one it was
    /// in. It stays until the session or the agent is gone, or
    /// [`Away::leave`]. Must be called on the tokio runtime.
    ///
    /// # Errors
    /// [`JoinError`].
    pub fn join(&self, url: &str, token: &str, handle: &Handle) -> Result<Arc<Joined>, JoinError> {
        let joined = Arc::new(join(url, token, handle)?);
        let session = handle.id().to_string();
        self.lock().insert(session.clone(), joined.clone());
        let away = self.clone();
        let mut state = joined.state();
        let this = Arc::downgrade(&joined);
        tokio::spawn(async move {
            // An error means that it is over, too.
            let _ = state
                .wait_for(|state| matches!(state, JoinState::Over(_)))
                .await;
            // Another may have taken its place.
            let mut away = away.lock();
            if away
                .get(&session)
                .is_some_and(|j| Arc::as_ptr(j) == this.as_ptr())
            {
                away.remove(&session);
            }
        });
        Ok(joined)
    }

    /// Where a session is.
    #[must_use]
    pub fn get(&self, session: &str) -> Option<Arc<Joined>> {
        self.lock().get(session).cloned()
    }

    /// Leaves the room that a session is in. False when it is in none.
    #[must_use]
    pub fn leave(&self, session: &str) -> bool {
        self.lock().remove(session).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Joined>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
