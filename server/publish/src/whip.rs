//! Publishing by WHIP (RFC 9725): LiveKit's `/whip/v1`, MediaMTX, Cloudflare
//! and others.
//!
//! A push offers sound and picture, and offers anew when the server is gone or
//! busy. It ends with its session, when it is stopped, or when the server says
//! that it will not have it. `Link` headers with ICE servers are not used: the
//! server's own address is reached directly, by ICE as a full agent.
//!
//! Whoever may start a push makes this server send requests to an address of
//! their choice. That is for operators alone; answers are bounded and never
//! handed on whole.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use transport::{Ice, Link, LinkEvent, LinkSettings, Tracks};
use ureq::Agent;

use crate::http::{self, Published};

/// Pushes of one session.
pub const MAX_PUSHES: usize = 8;

/// First pause before another attempt; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A connection that stood this long was a success: the next pause is short.
const SETTLED: Duration = Duration::from_secs(30);

/// Where to publish.
#[derive(Clone)]
pub struct Target {
    /// The WHIP endpoint, `http` or `https`.
    pub url: String,
    /// The bearer token, if it wants one. Never shown.
    pub bearer: Option<String>,
}

/// Why a push was not started.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// Not an address that WHIP goes to.
    #[error("the url must begin with http:// or https:// and name a host")]
    Url,
    /// Not a bearer token.
    #[error("the bearer token has characters that cannot stand in a header")]
    Bearer,
    /// The session is published to as many places as it may.
    #[error("this session is published to {MAX_PUSHES} places already")]
    TooMany,
}

/// Why the session has no offer to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoOffer {
    /// It is over.
    Over,
    /// There is no place now; the reason is shown.
    NotNow(String),
}

/// Where a push stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The offer is on its way, or ICE and DTLS are.
    Connecting,
    /// Packets flow.
    Publishing,
    /// The last attempt failed; another follows.
    Retrying,
    /// The server does not want it.
    Failed,
    /// Stopped, or the session is over.
    Stopped,
}

/// A push as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Its name in the session.
    pub id: String,
    /// The endpoint, without query: that may hold a secret.
    pub url: String,
    /// Where it stands.
    pub state: State,
    /// Attempts so far.
    pub attempts: u32,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

struct Push {
    target: Target,
    status: Mutex<Status>,
    stop: Notify,
}

impl Push {
    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is(&self, state: State) {
        self.status().state = state;
    }

    fn failed(&self, state: State, error: &str) {
        let mut status = self.status();
        status.state = state;
        status.error = Some(error.to_owned());
        tracing::info!(url = %status.url, %error, ?state, "a WHIP push");
    }
}

type Pushes = Arc<Mutex<HashMap<String, Vec<Arc<Push>>>>>;

/// The pushes of all sessions.
pub struct Publisher {
    agent: Agent,
    pushes: Pushes,
    last: AtomicU64,
}

impl Default for Publisher {
    fn default() -> Self {
        Self {
            agent: http::agent(),
            pushes: Arc::default(),
            last: AtomicU64::new(0),
        }
    }
}

impl Publisher {
    /// Publishes a session until it is over. `offer` makes a connection of it.
    /// Runs on the present tokio runtime.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(
        &self,
        session: &str,
        target: Target,
        offer: impl Fn(&LinkSettings) -> Result<(String, Link), NoOffer> + Send + Sync + 'static,
    ) -> Result<Status, StartError> {
        http::origin(&target.url).ok_or(StartError::Url)?;
        let fine = |token: &String| token.bytes().all(|b| b.is_ascii_graphic());
        if !target.bearer.as_ref().is_none_or(fine) {
            return Err(StartError::Bearer);
        }
        let status = Status {
            id: (self.last.fetch_add(1, Ordering::Relaxed) + 1).to_string(),
            url: target.url.split('?').next().unwrap_or_default().to_owned(),
            state: State::Connecting,
            attempts: 0,
            error: None,
        };
        let push = Arc::new(Push {
            target,
            status: Mutex::new(status.clone()),
            stop: Notify::new(),
        });
        {
            let mut all = lock(&self.pushes);
            let of_session = all.entry(session.to_owned()).or_default();
            // Those that failed make room.
            if of_session.len() >= MAX_PUSHES {
                of_session.retain(|push| push.status().state != State::Failed);
            }
            if of_session.len() >= MAX_PUSHES {
                return Err(StartError::TooMany);
            }
            of_session.push(push.clone());
        }
        let (agent, session) = (self.agent.clone(), session.to_owned());
        let pushes = self.pushes.clone();
        tokio::spawn(async move {
            let settings = settings(&session);
            let offer = Arc::new(offer);
            if run(&agent, &push, &settings, &offer).await == Over::Session {
                lock(&pushes).remove(&session);
            }
        });
        Ok(status)
    }

    /// The pushes of a session.
    pub fn list(&self, session: &str) -> Vec<Status> {
        let all = lock(&self.pushes);
        let pushes = all.get(session).into_iter().flatten();
        pushes.map(|push| push.status().clone()).collect()
    }

    /// Stops a push. False when there is none of this name.
    pub fn stop(&self, session: &str, id: &str) -> bool {
        let mut all = lock(&self.pushes);
        let Some(of_session) = all.get_mut(session) else {
            return false;
        };
        let Some(at) = of_session.iter().position(|push| push.status().id == id) else {
            return false;
        };
        of_session.remove(at).stop.notify_one();
        if of_session.is_empty() {
            all.remove(session);
        }
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn settings(session: &str) -> LinkSettings {
    LinkSettings {
        send: Some(Tracks {
            stream: session.to_owned(),
            audio: "audio".to_owned(),
            video: "video".to_owned(),
        }),
        ice: Ice::Full,
        ..LinkSettings::default()
    }
}

/// Why a push is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Session,
    Stopped,
    Refused,
}

/// How an attempt ended.
enum Ended {
    Over(Over),
    /// Worth another; the server may have said when.
    Again(String, Option<Duration>),
}

async fn run<F>(agent: &Agent, push: &Arc<Push>, settings: &LinkSettings, offer: &Arc<F>) -> Over
where
    F: Fn(&LinkSettings) -> Result<(String, Link), NoOffer> + Send + Sync + 'static,
{
    let mut pause = FIRST_PAUSE;
    loop {
        push.status().attempts += 1;
        push.is(State::Connecting);
        let began = Instant::now();
        match attempt(agent, push, settings, offer).await {
            Ended::Over(over) => {
                if over != Over::Refused {
                    push.is(State::Stopped);
                }
                return over;
            }
            Ended::Again(error, after) => {
                push.failed(State::Retrying, &error);
                if began.elapsed() >= SETTLED {
                    pause = FIRST_PAUSE;
                }
                let wait = after.unwrap_or(pause).min(LONGEST_PAUSE);
                pause = (pause * 2).min(LONGEST_PAUSE);
                tokio::select! {
                    () = sleep(wait) => {}
                    () = push.stop.notified() => {
                        push.is(State::Stopped);
                        return Over::Stopped;
                    }
                }
            }
        }
    }
}

async fn attempt<F>(
    agent: &Agent,
    push: &Arc<Push>,
    settings: &LinkSettings,
    offer: &Arc<F>,
) -> Ended
where
    F: Fn(&LinkSettings) -> Result<(String, Link), NoOffer> + Send + Sync + 'static,
{
    let (make, wanted) = (offer.clone(), settings.clone());
    let made = spawn_blocking(move || make(&wanted)).await;
    let (text, link) = match made {
        Ok(Ok(made)) => made,
        Ok(Err(NoOffer::Over)) => return Ended::Over(Over::Session),
        Ok(Err(NoOffer::NotNow(why))) => return Ended::Again(why, None),
        Err(error) => return Ended::Again(error.to_string(), None),
    };
    let (asked, asker) = (push.clone(), agent.clone());
    let posted = spawn_blocking(move || {
        let Target { url, bearer } = &asked.target;
        http::post(&asker, url, bearer.as_deref(), &text)
    });
    let published = match posted.await {
        Ok(Ok(published)) => published,
        Ok(Err(error)) if error.is_final() => {
            push.failed(State::Failed, &error.to_string());
            return Ended::Over(Over::Refused);
        }
        Ok(Err(error)) => {
            let after = match &error {
                http::Error::Refused { after, .. } => *after,
                _ => None,
            };
            return Ended::Again(error.to_string(), after);
        }
        Err(error) => return Ended::Again(error.to_string(), None),
    };
    let ended = follow(push, &link, &published).await;
    let agent = agent.clone();
    // Also after a failure: the server may not know of it yet.
    let deleted = spawn_blocking(move || http::delete(&agent, &published)).await;
    if let Err(error) = deleted {
        tracing::warn!(%error, "a WHIP resource was not deleted");
    }
    ended
}

/// From the answer to the end of the connection.
async fn follow(push: &Push, link: &Link, published: &Published) -> Ended {
    if let Err(error) = link.accept(&published.answer) {
        return Ended::Again(error.to_string(), None);
    }
    loop {
        let event = tokio::select! {
            event = link.next() => event,
            () = push.stop.notified() => return Ended::Over(Over::Stopped),
        };
        match event {
            Some(LinkEvent::Connected) => {
                let mut status = push.status();
                status.state = State::Publishing;
                status.error = None;
            }
            Some(LinkEvent::Closed(reason)) => {
                // A session that is over says so when it is asked for the
                // next offer.
                return Ended::Again(format!("the connection ended: {reason:?}"), None);
            }
            Some(_) => {}
            None => return Ended::Again("the connection ended".to_owned(), None),
        }
    }
}
