//! The engine: all live sessions of this process.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use session::{CloseReason, Pipeline};
use transport::Endpoint;

use crate::assemble::{Plan, Request, RequestError, Rooms};
use crate::events::Log;
use crate::handle::{Handle, Inner};
use crate::hear::Ears;
use crate::live::{Live, Unit};
use crate::meter::Metrics;
use crate::pace::Pacer;
use crate::permits::Permits;
use crate::recording::{self, Monitor};
use crate::settings::Settings;
use crate::viewer::Viewers;

/// How often [`Engine::drain`] looks whether all sessions are over. Only the
/// end of the process waits for it.
const DRAIN_POLL: Duration = Duration::from_millis(20);

/// Sessions that have ended take no place from new ones while they say
/// farewell and finish their recordings. They cost memory and a thread all the
/// same, so there are no more of them than may be open, and this many where few
/// may be: one client that stops and starts again and again.
const LEAVING: usize = 8;

#[derive(Default)]
struct Sessions {
    /// Open ones, and those that have ended and are not done yet.
    open: BTreeMap<Arc<str>, Handle>,
    draining: bool,
}

impl Sessions {
    fn count(&self) -> usize {
        let all = self.open.values();
        all.filter(|handle| !handle.0.live.closing()).count()
    }
}

struct Shared {
    settings: Settings,
    rooms: Rooms,
    endpoint: Option<Arc<Endpoint>>,
    recordings: Option<record::Store>,
    sessions: Arc<Mutex<Sessions>>,
    permits: Arc<Permits>,
    metrics: Arc<Metrics>,
    pacer: Pacer,
}

/// All live sessions of this process. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

impl Engine {
    /// Starts the pacer. Without an endpoint there are no viewers, only
    /// recordings.
    ///
    /// # Errors
    /// When the system refuses threads.
    pub fn start(
        rooms: Rooms,
        settings: Settings,
        endpoint: Option<Arc<Endpoint>>,
        recordings: Option<record::Store>,
    ) -> std::io::Result<Self> {
        Ok(Self(Arc::new(Shared {
            permits: Arc::new(Permits::new(settings.voices_at_once)),
            pacer: Pacer::start(settings.workers)?,
            settings,
            rooms,
            endpoint,
            recordings,
            sessions: Arc::default(),
            metrics: Arc::default(),
        })))
    }

    /// Opens a session.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn create(&self, request: Request) -> Result<Handle, RequestError> {
        self.create_as(&uuid::Uuid::now_v7().to_string().into(), request)
    }

    /// Opens a session under an identifier that was given out before it.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn create_as(&self, id: &Arc<str>, request: Request) -> Result<Handle, RequestError> {
        let shared = &self.0;
        admit(&self.lock(), id, shared.settings.max_sessions)?;
        let plan = Plan::new(request, &shared.rooms, &shared.settings, seed_of(id))?;
        let mut pipeline = Pipeline::new(plan.parts(&shared.rooms)?, plan.limits);

        let monitor = Monitor::default();
        let recording = match &shared.recordings {
            Some(store) if plan.record => recording::start(store, id, &mut pipeline, &monitor),
            _ => None,
        };

        let live = Arc::new(Live::new(
            &pipeline,
            plan.limits,
            Arc::new(Log::new(id.clone())),
            shared.permits.clone(),
            shared.metrics.clone(),
        ));
        let viewers = Arc::new(Viewers::default());
        let ears = Arc::new(Ears::default());
        let handle = Handle(Arc::new(Inner {
            id: id.clone(),
            plan,
            created: begun(id),
            live: live.clone(),
            viewers: viewers.clone(),
            ears: ears.clone(),
            recording: monitor,
            rooms: shared.rooms.clone(),
            endpoint: shared.endpoint.clone(),
        }));

        {
            // Counted again under the lock: many may have been admitted at once.
            let mut sessions = self.lock();
            admit(&sessions, id, shared.settings.max_sessions)?;
            sessions.open.insert(id.clone(), handle.clone());
        }
        shared.metrics.add_session();
        let sessions = shared.sessions.clone();
        let epoch = Instant::now();
        let ended = id.clone();
        shared.pacer.add(
            epoch,
            Box::new(Unit {
                live,
                pipeline,
                viewers,
                ears,
                recording,
                epoch,
                on_end: Box::new(move || {
                    lock(&sessions).open.remove(&ended);
                    tracing::info!(session = %ended, "session over");
                }),
            }),
        );
        tracing::info!(session = %id, avatar = %handle.0.plan.avatar, voice = %handle.0.plan.voice, "session open");
        Ok(handle)
    }

    /// An open session.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Handle> {
        self.lock().open.get(id).cloned()
    }

    /// All open sessions, the oldest first, and those that have ended and are
    /// not done yet ([`Handle::closed`]).
    #[must_use]
    pub fn list(&self) -> Vec<Handle> {
        self.lock().open.values().cloned().collect()
    }

    /// How many sessions are open. Those that have ended take no place.
    #[must_use]
    pub fn open(&self) -> usize {
        self.lock().count()
    }

    /// Counters.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// What all sessions share.
    #[must_use]
    pub fn rooms(&self) -> &Rooms {
        &self.0.rooms
    }

    /// Where recordings are, if this server records.
    #[must_use]
    pub fn recordings(&self) -> Option<&record::Store> {
        self.0.recordings.as_ref()
    }

    /// The media port, if there is one.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Arc<Endpoint>> {
        self.0.endpoint.as_ref()
    }

    /// Whether new sessions are refused because the server goes down.
    #[must_use]
    pub fn draining(&self) -> bool {
        self.lock().draining
    }

    /// Refuses new sessions from now on.
    pub fn stop_admitting(&self) {
        self.lock().draining = true;
    }

    /// Closes all sessions and waits until their recordings are whole, at most
    /// `patience`. Returns how many were not done by then.
    pub async fn drain(&self, patience: Duration) -> usize {
        self.stop_admitting();
        for handle in self.list() {
            handle.close(CloseReason::Shutdown);
        }
        let deadline = Instant::now() + patience;
        loop {
            let left = self.lock().open.len();
            if left == 0 || Instant::now() >= deadline {
                return left;
            }
            tokio::time::sleep(DRAIN_POLL).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        lock(&self.0.sessions)
    }
}

fn lock(sessions: &Mutex<Sessions>) -> MutexGuard<'_, Sessions> {
    sessions.lock().unwrap_or_else(PoisonError::into_inner)
}

fn admit(sessions: &Sessions, id: &str, max: usize) -> Result<(), RequestError> {
    if sessions.draining {
        return Err(RequestError::Draining);
    }
    if sessions.open.contains_key(id) {
        return Err(RequestError::Taken);
    }
    let open = sessions.count();
    if open >= max || sessions.open.len() - open >= max.max(LEAVING) {
        return Err(RequestError::Full { max });
    }
    Ok(())
}

/// When a session began: the time in its identifier (UUID version 7), which its
/// recording goes by too.
fn begun(id: &str) -> SystemTime {
    uuid::Uuid::parse_str(id)
        .ok()
        .and_then(|id| id.get_timestamp())
        .map_or_else(SystemTime::now, |at| {
            let (seconds, nanos) = at.to_unix();
            SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos)
        })
}

/// A seed that differs between sessions; a client that wants the same blinks
/// twice names its own.
fn seed_of(id: &str) -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write(id.as_bytes());
    hasher.finish()
}
