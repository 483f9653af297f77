//! Contexts: what a session opens with. The prompt and the links are kept for
//! a language model; what is said at the beginning is said without one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use axum::extract::{Path as InPath, State as Shared};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::auth::Operator;
use crate::config::ConfigError;
use crate::extract::{Query, blocking};
use crate::liveavatar::{Page, answer, page};
use crate::problem::{Code, Problem};
use crate::state::State;
use crate::time::rfc3339;
use crate::vendor::body::Body;

/// Contexts that are kept. More is a runaway client.
const MOST: usize = 1_000;

/// Longest name, bytes.
const LONGEST_NAME: usize = 200;

/// A context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Context {
    id: String,
    name: String,
    prompt: Option<String>,
    /// What is said at the beginning.
    pub(crate) opening_text: Option<String>,
    links: Vec<Value>,
    created_at: String,
}

/// What a client says of one. What it leaves out stays.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Change {
    name: Option<String>,
    prompt: Option<String>,
    opening_text: Option<String>,
    links: Option<Vec<Value>>,
}

impl Change {
    fn apply(self, context: &mut Context) -> Result<(), Problem> {
        if let Some(name) = self.name {
            if name.trim().is_empty() || name.len() > LONGEST_NAME {
                return Err(Problem::invalid(format!(
                    "a name has 1 to {LONGEST_NAME} bytes"
                )));
            }
            context.name = name;
        }
        if self.prompt.is_some() {
            context.prompt = self.prompt;
        }
        if self.opening_text.is_some() {
            context.opening_text = self.opening_text.filter(|text| !text.trim().is_empty());
        }
        if let Some(links) = self.links {
            context.links = links;
        }
        Ok(())
    }
}

/// All contexts, in a file if there is one.
#[derive(Debug, Default)]
pub(crate) struct Contexts {
    file: Option<PathBuf>,
    /// By identifier, which sorts by time.
    all: Mutex<BTreeMap<String, Context>>,
}

impl Contexts {
    /// Reads the file; one that does not exist is empty.
    pub(crate) fn open(file: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(file) = file else {
            return Ok(Self::default());
        };
        let failed = |error| ConfigError::Contexts(file.to_owned(), error);
        let all: Vec<Context> = match std::fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        Ok(Self {
            file: Some(file.to_owned()),
            all: Mutex::new(all.into_iter().map(|c| (c.id.clone(), c)).collect()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Context>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A context.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub(crate) fn get(&self, id: &str) -> Result<Context, Problem> {
        let found = self.lock().get(id).cloned();
        found.ok_or_else(|| Problem::not_found("context", id))
    }

    /// Changes what there is, all or nothing, on disk too. Blocks.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, Context>) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let mut all = self.lock();
        let mut changed = all.clone();
        let result = change(&mut changed)?;
        if let Some(file) = &self.file {
            write(file, &changed).map_err(|error| {
                tracing::error!(%error, "the contexts could not be written");
                Problem::new(Code::Internal, "the contexts could not be written")
            })?;
        }
        *all = changed;
        Ok(result)
    }
}

/// Replaces the file as a whole, so that a crash leaves the old or the new.
fn write(file: &Path, all: &BTreeMap<String, Context>) -> std::io::Result<()> {
    let list: Vec<_> = all.values().collect();
    let new = file.with_extension("new");
    std::fs::write(&new, serde_json::to_vec_pretty(&list)?)?;
    std::fs::rename(&new, file)
}

fn shown(context: &Context) -> Value {
    json!(context)
}

/// `GET /v1/contexts`.
pub(crate) async fn list(
    _: Operator,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<Page>,
) -> Response {
    let all = state.contexts.lock().values().rev().map(shown).collect();
    answer(
        StatusCode::OK,
        page("/v1/contexts?", &query, all),
        "Contexts",
    )
}

/// `POST /v1/contexts`.
pub(crate) async fn create(
    _: Operator,
    Shared(state): Shared<Arc<State>>,
    Body(wanted): Body<Change>,
) -> Result<Response, Problem> {
    if wanted.name.is_none() {
        return Err(Problem::invalid("a context needs a name"));
    }
    let mut context = Context {
        id: uuid::Uuid::now_v7().to_string(),
        name: String::new(),
        prompt: None,
        opening_text: None,
        links: Vec::new(),
        created_at: rfc3339(SystemTime::now()),
    };
    wanted.apply(&mut context)?;
    let new = context.clone();
    blocking(move || {
        state.contexts.change(|all| {
            if all.len() >= MOST {
                return Err(Problem::new(
                    Code::Conflict,
                    format!("there are {MOST} contexts already; delete some"),
                ));
            }
            all.insert(new.id.clone(), new);
            Ok(())
        })
    })
    .await??;
    Ok(answer(StatusCode::CREATED, shown(&context), "Created"))
}

/// `GET /v1/contexts/{id}`.
pub(crate) async fn get(
    _: Operator,
    Shared(state): Shared<Arc<State>>,
    InPath(id): InPath<String>,
) -> Result<Response, Problem> {
    let context = state.contexts.get(&id)?;
    Ok(answer(StatusCode::OK, shown(&context), "Context"))
}

/// `PATCH /v1/contexts/{id}`.
pub(crate) async fn change(
    _: Operator,
    Shared(state): Shared<Arc<State>>,
    InPath(id): InPath<String>,
    Body(wanted): Body<Change>,
) -> Result<Response, Problem> {
    let changed = blocking(move || {
        state.contexts.change(|all| {
            let context = all
                .get_mut(&id)
                .ok_or_else(|| Problem::not_found("context", &id))?;
            wanted.apply(context)?;
            Ok(context.clone())
        })
    })
    .await??;
    Ok(answer(StatusCode::OK, shown(&changed), "Changed"))
}

/// `DELETE /v1/contexts/{id}`.
pub(crate) async fn delete(
    _: Operator,
    Shared(state): Shared<Arc<State>>,
    InPath(id): InPath<String>,
) -> Result<Response, Problem> {
    blocking(move || {
        state.contexts.change(|all| {
            all.remove(&id)
                .map(|_| ())
                .ok_or_else(|| Problem::not_found("context", &id))
        })
    })
    .await??;
    Ok(answer(StatusCode::OK, Value::Null, "Deleted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(id: &str) -> Context {
        Context {
            id: id.to_owned(),
            name: "n".to_owned(),
            prompt: None,
            opening_text: Some("Hello.".to_owned()),
            links: Vec::new(),
            created_at: String::new(),
        }
    }

    #[test]
    fn contexts_outlive_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("contexts.json");
        let contexts = Contexts::open(Some(&file)).unwrap();
        contexts
            .change(|all| {
                all.insert("a".to_owned(), context("a"));
                Ok(())
            })
            .unwrap();
        let again = Contexts::open(Some(&file)).unwrap();
        assert_eq!(again.get("a").unwrap(), context("a"));
        assert!(again.get("b").is_err());
        std::fs::write(&file, "no JSON").unwrap();
        assert!(Contexts::open(Some(&file)).is_err());
    }

    #[test]
    fn a_change_that_cannot_be_written_did_not_happen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("none").join("contexts.json");
        let contexts = Contexts::open(Some(&file)).unwrap();
        let changed = contexts.change(|all| {
            all.insert("a".to_owned(), context("a"));
            Ok(())
        });
        assert!(changed.is_err());
        assert!(contexts.get("a").is_err());
    }

    #[test]
    fn what_is_left_out_stays() {
        let mut changed = context("a");
        let change = Change {
            opening_text: Some(" ".to_owned()),
            ..Change::default()
        };
        change.apply(&mut changed).unwrap();
        assert_eq!((changed.name.as_str(), changed.opening_text), ("n", None));
        let nameless = Change {
            name: Some(String::new()),
            ..Change::default()
        };
        assert!(nameless.apply(&mut context("a")).is_err());
    }
}
