//! All vendor sessions that are known: prepared, live, and over for a while.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use engine::Request;
use tokio::sync::mpsc;

use crate::problem::{Code, Problem};
use crate::vendor::conversation::Kind;
use crate::vendor::live::Input;

/// Sessions that are remembered. Beyond it the oldest that are not live are
/// forgotten: some kilobytes each.
const REMEMBERED: usize = 4_096;

/// Lines of a transcript that are kept: hours of speech.
const LINES: usize = 2_000;

/// A `LiveKit` room of the customer's that the avatar is to join.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    /// Its server.
    pub(crate) url: String,
    /// What lets us in. Not to be logged.
    pub(crate) token: String,
}

/// What a session was asked to be.
#[derive(Clone)]
pub(crate) struct Wanted {
    /// By which API.
    pub(crate) kind: Kind,
    /// Of the engine.
    pub(crate) request: Request,
    /// A room of the customer's instead of one here.
    pub(crate) elsewhere: Option<Elsewhere>,
    /// What is said first.
    pub(crate) opening: Option<String>,
    /// The client that may use it besides operators and its own token.
    pub(crate) owner: Option<String>,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// When, wall time.
    pub(crate) at: SystemTime,
    /// What.
    pub(crate) text: String,
}

/// What was said in a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transcript(Arc<Mutex<Vec<Line>>>);

impl Transcript {
    /// Adds a line; the oldest are forgotten.
    pub(crate) fn add(&self, text: String, at: SystemTime) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.remove(0);
        }
        lines.push(Line { at, text });
    }

    /// All lines, the oldest first.
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// How far a session is.
#[derive(Clone)]
pub(crate) enum Stage {
    /// Its token was given out.
    Prepared,
    /// It is being started.
    Starting,
    /// It runs.
    Live(Live),
    /// It is over.
    Over {
        /// Since when.
        since: SystemTime,
        /// Why, as its clients are told.
        reason: &'static str,
    },
}

/// A session that runs.
#[derive(Clone)]
pub(crate) struct Live {
    /// Its task.
    pub(crate) inputs: mpsc::Sender<Input>,
    /// What its start was answered with.
    pub(crate) answer: serde_json::Value,
    /// Since when.
    pub(crate) since: SystemTime,
    /// Whether a client has come since.
    pub(crate) visited: Arc<std::sync::atomic::AtomicBool>,
}

/// A session.
#[derive(Clone)]
pub(crate) struct Entry {
    /// Its identifier.
    pub(crate) id: Arc<str>,
    /// What it was asked to be.
    pub(crate) wanted: Wanted,
    /// When it was asked for.
    pub(crate) created: SystemTime,
    /// How far it is.
    pub(crate) stage: Stage,
    /// What was said.
    pub(crate) transcript: Transcript,
}

/// See the module. The identifiers sort by time.
#[derive(Default)]
pub(crate) struct Table(Mutex<BTreeMap<Arc<str>, Entry>>);

impl Table {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prepares a session and gives its identifier.
    pub(crate) fn prepare(&self, wanted: Wanted, now: SystemTime) -> Arc<str> {
        let id: Arc<str> = uuid::Uuid::now_v7().to_string().into();
        let entry = Entry {
            id: id.clone(),
            wanted,
            created: now,
            stage: Stage::Prepared,
            transcript: Transcript::default(),
        };
        let mut entries = self.lock();
        entries.insert(id.clone(), entry);
        while entries.len() > REMEMBERED {
            let oldest = entries
                .iter()
                .find(|(_, entry)| matches!(entry.stage, Stage::Prepared | Stage::Over { .. }))
                .map(|(id, _)| id.clone());
            match oldest {
                Some(oldest) => entries.remove(&oldest),
                None => break,
            };
        }
        id
    }

    /// A session.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub(crate) fn get(&self, id: &str) -> Result<Entry, Problem> {
        self.lock()
            .get(id)
            .cloned()
            .ok_or_else(|| Problem::not_found("session", id))
    }

    /// A session that runs.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::SessionClosed`], or [`Code::Conflict`] for
    /// one that was not started.
    pub(crate) fn live(&self, id: &str) -> Result<(Entry, Live), Problem> {
        let entry = self.get(id)?;
        match &entry.stage {
            Stage::Live(live) => {
                let live = live.clone();
                Ok((entry, live))
            }
            Stage::Prepared | Stage::Starting => Err(Problem::new(
                Code::Conflict,
                "the session was not started; start it first",
            )),
            Stage::Over { .. } => Err(Problem::new(Code::SessionClosed, "the session is over")),
        }
    }

    /// Takes a prepared session to be started, or gives what its first start
    /// was answered with as long as no client has come: that answer may have
    /// been lost.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::Conflict`], [`Code::SessionClosed`].
    pub(crate) fn begin(&self, id: &str) -> Result<Begin, Problem> {
        let mut entries = self.lock();
        let entry = entries
            .get_mut(id)
            .ok_or_else(|| Problem::not_found("session", id))?;
        match &entry.stage {
            Stage::Prepared => {
                entry.stage = Stage::Starting;
                Ok(Begin::Now(Box::new(entry.clone())))
            }
            Stage::Starting => Err(Problem::new(
                Code::Conflict,
                "the session is being started by another request",
            )),
            Stage::Live(live) if !live.visited.load(std::sync::atomic::Ordering::Acquire) => {
                Ok(Begin::Again(live.answer.clone()))
            }
            Stage::Live(_) => Err(Problem::new(
                Code::Conflict,
                "the session was started before and is in use",
            )),
            Stage::Over { .. } => Err(Problem::new(
                Code::SessionClosed,
                "the session is over; ask for a new token",
            )),
        }
    }

    /// Names the room of a prepared session.
    ///
    /// # Errors
    /// [`Code::NotFound`], or [`Code::Conflict`] when it was started.
    pub(crate) fn send_elsewhere(&self, id: &str, elsewhere: Elsewhere) -> Result<(), Problem> {
        let mut entries = self.lock();
        let entry = entries
            .get_mut(id)
            .ok_or_else(|| Problem::not_found("session", id))?;
        if !matches!(entry.stage, Stage::Prepared) {
            return Err(Problem::new(
                Code::Conflict,
                "the session was started before",
            ));
        }
        entry.wanted.elsewhere = Some(elsewhere);
        Ok(())
    }

    /// Notes how far a session is now.
    pub(crate) fn set(&self, id: &str, stage: Stage) {
        if let Some(entry) = self.lock().get_mut(id) {
            entry.stage = stage;
        }
    }

    /// All sessions, the newest first.
    pub(crate) fn list(&self) -> Vec<Entry> {
        self.lock().values().rev().cloned().collect()
    }
}

/// See [`Table::begin`].
pub(crate) enum Begin {
    /// The session is to be started.
    Now(Box<Entry>),
    /// It was; this was the answer.
    Again(serde_json::Value),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        Wanted {
            kind: Kind::Lite,
            request: Request::default(),
            elsewhere: None,
            opening: None,
            owner: None,
        }
    }

    fn over() -> Stage {
        Stage::Over {
            since: SystemTime::UNIX_EPOCH,
            reason: "x",
        }
    }

    #[test]
    fn a_session_starts_once() {
        let table = Table::default();
        let id = table.prepare(wanted(), SystemTime::UNIX_EPOCH);
        assert!(matches!(table.live(&id), Err(p) if p.code == Code::Conflict));
        assert!(matches!(table.begin(&id), Ok(Begin::Now(_))));
        assert!(matches!(table.begin(&id), Err(p) if p.code == Code::Conflict));
        let (inputs, _keep) = mpsc::channel(1);
        let visited = Arc::new(std::sync::atomic::AtomicBool::new(false));
        table.set(
            &id,
            Stage::Live(Live {
                inputs,
                answer: 7.into(),
                since: SystemTime::UNIX_EPOCH,
                visited: visited.clone(),
            }),
        );
        assert!(matches!(table.begin(&id), Ok(Begin::Again(answer)) if answer == 7));
        visited.store(true, std::sync::atomic::Ordering::Release);
        assert!(matches!(table.begin(&id), Err(p) if p.code == Code::Conflict));
        table.set(&id, over());
        assert!(matches!(table.begin(&id), Err(p) if p.code == Code::SessionClosed));
        assert!(matches!(table.begin("none"), Err(p) if p.code == Code::NotFound));
    }

    #[test]
    fn the_oldest_that_does_not_run_is_forgotten() {
        let table = Table::default();
        let ids: Vec<_> = (0..3)
            .map(|_| table.prepare(wanted(), SystemTime::UNIX_EPOCH))
            .collect();
        table.set(&ids[0], Stage::Starting);
        for _ in 3..=REMEMBERED {
            table.prepare(wanted(), SystemTime::UNIX_EPOCH);
        }
        assert!(table.get(&ids[0]).is_ok());
        assert!(table.get(&ids[1]).is_err());
        assert!(table.get(&ids[2]).is_ok());
        assert_eq!(table.list().len(), REMEMBERED);
    }

    #[test]
    fn transcripts_forget_their_beginning() {
        let transcript = Transcript::default();
        for line in 0..=LINES {
            transcript.add(line.to_string(), SystemTime::UNIX_EPOCH);
        }
        let lines = transcript.lines();
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines[0].text, "1");
    }
}
