//! What all handlers share.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderValue;
use bytes::Bytes;
use engine::{Engine, Handle};
use rooms::{Away, Rooms};

use crate::auth::Keys;
use crate::catalogue::Previews;
use crate::config::{Config, ConfigError, MIN_KEY, Public, Stated, links};
use crate::liveavatar::contexts::Contexts;
use crate::openapi;
use crate::photo_avatars::uploads::Uploads;
use crate::pipecat::Peers;
use crate::problem::{Code, Problem};
use crate::token::Tokens;
use crate::vendor::table::Table;

/// Ended sessions that are answered with 410 instead of 404. A client that
/// comes back after thousands of others have gone learns no more than that
/// there is nothing.
const REMEMBERED: usize = 4_096;

/// What all handlers share.
pub struct State {
    pub(crate) engine: Engine,
    pub(crate) keys: Keys,
    pub(crate) tokens: Tokens,
    pub(crate) public: Public,
    pub(crate) assets: std::path::PathBuf,
    pub(crate) ice_links: Vec<HeaderValue>,
    pub(crate) body_pause: Duration,
    pub(crate) previews: Previews,
    pub(crate) studio: Option<Arc<studio::Studio>>,
    pub(crate) vendor: Table,
    pub(crate) vendor_grace: Duration,
    pub(crate) contexts: Contexts,
    pub(crate) consent: Option<Stated>,
    pub(crate) uploads: Uploads,
    pub(crate) rooms: Rooms,
    pub(crate) away: Away,
    pub(crate) publisher: publish::whip::Publisher,
    pub(crate) peers: Peers,
    openapi: Bytes,
    /// Identifiers of sessions, the oldest first.
    sessions: Mutex<VecDeque<Arc<str>>>,
}

impl State {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn new(engine: Engine, config: &Config) -> Result<Self, ConfigError> {
        if config.api_keys.is_empty() && !config.loopback {
            return Err(ConfigError::NoKeys);
        }
        if let Some(key) = config.api_keys.iter().find(|key| key.len() < MIN_KEY) {
            return Err(ConfigError::ShortKey(key.len()));
        }
        Ok(Self {
            rooms: Rooms::new(engine.clone(), config.rooms.clone())?,
            away: Away::default(),
            engine,
            keys: Keys::new(&config.api_keys),
            tokens: Tokens::new(config.token_secret.as_deref(), config.token_lifetime)?,
            public: Public::parse(config.public_url.as_deref())?,
            assets: config.assets.clone(),
            ice_links: links(&config.ice_servers)?,
            body_pause: config.body_pause,
            previews: Previews::default(),
            studio: None,
            vendor: Table::default(),
            vendor_grace: config.vendor_grace,
            contexts: Contexts::open(config.contexts.as_deref())?,
            consent: config.consent.clone(),
            uploads: Uploads::default(),
            publisher: publish::whip::Publisher::default(),
            peers: Peers::default(),
            openapi: openapi::document(),
            sessions: Mutex::default(),
        })
    }

    /// Lets clients make avatars.
    #[must_use]
    pub fn with_studio(mut self, studio: Arc<studio::Studio>) -> Self {
        self.studio = Some(studio);
        self
    }

    /// Whether the server runs without API keys, for this machine only.
    #[must_use]
    pub fn dev_mode(&self) -> bool {
        self.keys.is_empty()
    }

    /// The description of the API.
    pub(crate) fn openapi(&self) -> Bytes {
        self.openapi.clone()
    }

    /// The address of something on this server, from its path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.public.prefix)
    }

    /// Remembers a session for the time after its end.
    pub(crate) fn remember(&self, id: &Arc<str>) {
        let mut sessions = self.sessions();
        sessions.push_back(id.clone());
        while sessions.len() > REMEMBERED {
            sessions.pop_front();
        }
    }

    /// An open session.
    pub(crate) fn find(&self, id: &str) -> Result<Handle, Problem> {
        self.engine.get(id).ok_or_else(|| {
            if self.sessions().iter().any(|known| **known == *id) {
                Problem::new(
                    Code::SessionClosed,
                    "the session is over; its recording stays",
                )
            } else {
                Problem::not_found("session", id)
            }
        })
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<str>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
