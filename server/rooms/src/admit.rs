//! Who may enter which room.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use engine::{Engine, Handle};
use livekit::Join;
use livekit::room::IceServer;
use livekit::token::{Claims, Grants, Key, KeyError, Keys, Kind, TokenError};
use rand::TryRngCore;
use rand::rngs::OsRng;
use thiserror::Error;

use crate::driver::{Connection, Resident, Room};
use crate::media::Source;

/// Rooms without a session that may be open at once. Whoever has the key may
/// open them, so this only bounds mistakes.
const MOST_GUEST_ROOMS: usize = 256;

/// Attribute of tokens that this server gives out for a session: they open no
/// other room when it is over.
const SESSION: &str = "visavis.session";

/// How long a guest's token is good to join with; what is issued while it is
/// in the room lasts longer.
const TOKEN_LIFETIME: Duration = Duration::from_hours(1);

/// What the rooms are made with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Keys that tokens are signed with, as `ID:SECRET`; the first signs those
    /// of this server. None: a random one, so that only this server's own
    /// tokens are good, until it ends.
    pub keys: Vec<String>,
    /// For clients.
    pub ice_servers: Vec<IceServer>,
    /// How long a client that vanished may come back. Default 10 s: LiveKit's
    /// clients come back within 4 s, and a session should not wait for long.
    pub grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            ice_servers: Vec::new(),
            grace: Duration::from_secs(10),
        }
    }
}

/// Who speaks for the server in a session's room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The avatar.
    #[default]
    Lite,
    /// The avatar and its agent.
    Full,
}

/// Why a client cannot connect.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// See [`TokenError`].
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The session of the token, or the room, is over.
    #[error("requested room does not exist")]
    Over,
    /// Too many rooms.
    #[error("this server has {MOST_GUEST_ROOMS} rooms without a session already")]
    TooManyRooms,
    /// The server was started without a media port.
    #[error("this server has no media port")]
    NoEndpoint,
}

struct Shared {
    engine: Engine,
    key: Key,
    keys: Keys,
    settings: Settings,
    rooms: Mutex<HashMap<String, Room>>,
}

/// The rooms of this server. Cheap to clone.
#[derive(Clone)]
pub struct Rooms(Arc<Shared>);

impl Rooms {
    /// Checks the keys.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn new(engine: Engine, settings: Settings) -> Result<Self, KeyError> {
        let mut keys: Vec<Key> = settings
            .keys
            .iter()
            .map(|text| Key::parse(text))
            .collect::<Result<_, _>>()?;
        if keys.is_empty() {
            keys.push(random_key()?);
        }
        let key = keys.first().cloned().ok_or(KeyError::Unnamed)?;
        Ok(Self(Arc::new(Shared {
            engine,
            key,
            keys: Keys::new(keys),
            settings,
            rooms: Mutex::default(),
        })))
    }

    /// The room of a session; opened if it is not. In [`Mode::Full`], the
    /// agent is there too from then on. Must be called on the tokio runtime.
    #[must_use]
    pub fn open(&self, handle: &Handle, mode: Mode) -> Room {
        let name = handle.id().to_string();
        let mut rooms = self.lock();
        let known = rooms.get(&name).cloned();
        let room = known.unwrap_or_else(|| {
            let room = self.start(&name, Source::Session(handle.clone()));
            room.add_resident(Resident::Avatar);
            rooms.insert(name, room.clone());
            room
        });
        if mode == Mode::Full {
            room.add_resident(Resident::Agent);
        }
        room
    }

    /// The room of this name, if it is open.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Room> {
        self.lock().get(name).cloned()
    }

    /// A token for a person who watches and talks to a session.
    #[must_use]
    pub fn viewer_token(&self, session: &str, identity: &str) -> String {
        self.token(session, identity, Kind::Standard)
    }

    /// A token for an agent in a session's room, with the identity `agent`.
    #[must_use]
    pub fn agent_token(&self, session: &str) -> String {
        self.token(session, "agent", Kind::Agent)
    }

    fn token(&self, room: &str, identity: &str, kind: Kind) -> String {
        let claims = Claims {
            identity: identity.to_owned(),
            kind,
            attributes: [(SESSION.to_owned(), room.to_owned())].into(),
            grants: Grants::join(room),
            ..Claims::default()
        };
        self.0.key.sign(&claims, SystemTime::now(), TOKEN_LIFETIME)
    }

    /// Whether a token is good, for clients that ask before or after they
    /// connect.
    ///
    /// # Errors
    /// [`ConnectError::Token`], [`ConnectError::Over`].
    pub fn check(&self, token: &str) -> Result<Claims, ConnectError> {
        let claims = self.0.keys.verify(token, SystemTime::now())?;
        let name = &claims.grants.room;
        let session = claims.attributes.contains_key(SESSION);
        if session && self.0.engine.get(name).is_none() {
            return Err(ConnectError::Over);
        }
        Ok(claims)
    }

    /// A client connects to the room of its token. Must be called on the tokio
    /// runtime.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(&self, claims: Claims, join: Join) -> Result<Connection, ConnectError> {
        let name = &claims.grants.room;
        let room = match (self.get(name), self.0.engine.get(name)) {
            (Some(room), _) => room,
            (None, Some(handle)) => self.open(&handle, Mode::Lite),
            (None, None) => self.open_for_guests(name)?,
        };
        room.connect(claims, join).ok_or(ConnectError::Over)
    }

    fn open_for_guests(&self, name: &str) -> Result<Room, ConnectError> {
        let endpoint = self.0.engine.endpoint().cloned();
        let endpoint = endpoint.ok_or(ConnectError::NoEndpoint)?;
        let mut rooms = self.lock();
        if let Some(room) = rooms.get(name) {
            return Ok(room.clone());
        }
        if rooms.len() >= MOST_GUEST_ROOMS + self.0.engine.settings().max_sessions {
            return Err(ConnectError::TooManyRooms);
        }
        let room = self.start(name, Source::Guests(endpoint));
        rooms.insert(name.to_owned(), room.clone());
        Ok(room)
    }

    fn start(&self, name: &str, source: Source) -> Room {
        let settings = livekit::room::Settings {
            name: name.to_owned(),
            key: self.0.key.clone(),
            ice_servers: self.0.settings.ice_servers.clone(),
            grace: self.0.settings.grace,
            seed: rand::random(),
        };
        let shared = Arc::downgrade(&self.0);
        let ended = name.to_owned();
        Room::start(settings, source, move || {
            if let Some(shared) = shared.upgrade() {
                lock(&shared.rooms).remove(&ended);
            }
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Room>> {
        lock(&self.0.rooms)
    }
}

fn lock(rooms: &Mutex<HashMap<String, Room>>) -> MutexGuard<'_, HashMap<String, Room>> {
    rooms.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A key that nobody else knows.
fn random_key() -> Result<Key, KeyError> {
    let mut bytes = [0; 32];
    let id = "visavis";
    OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|_| KeyError::Short {
            id: id.to_owned(),
            bytes: 0,
        })?;
    let secret = bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Key::new(id, &secret)
}
