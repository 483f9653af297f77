//! How a face feels about what it says, and what it does while it is silent.

use std::sync::Arc;

use axum::Json as Answer;
use media::{Emotion, Mood, Posture};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Session as Asked;
use crate::extract::Json;
use crate::problem::Problem;
use crate::state::State;

/// How something is said. It shows on the face, not in the voice.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Feeling {
    Neutral,
    Happy,
    Friendly,
    Serious,
    Concerned,
    Excited,
}

impl From<Feeling> for Emotion {
    fn from(feeling: Feeling) -> Self {
        match feeling {
            Feeling::Neutral => Self::Neutral,
            Feeling::Happy => Self::Happy,
            Feeling::Friendly => Self::Friendly,
            Feeling::Serious => Self::Serious,
            Feeling::Concerned => Self::Concerned,
            Feeling::Excited => Self::Excited,
        }
    }
}

/// The mood of a request's `emotion` and `intensity`.
pub(crate) fn mood(
    emotion: Option<Feeling>,
    intensity: Option<f32>,
) -> Result<Option<Mood>, Problem> {
    match (emotion, intensity) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Problem::invalid("an intensity needs an emotion")),
        (Some(emotion), intensity) => {
            let intensity = intensity.unwrap_or(1.0);
            if !(0.0..=1.0).contains(&intensity) {
                return Err(Problem::invalid(format!(
                    "the intensity is {intensity}; it may be 0 to 1"
                )));
            }
            Ok(Some(Mood::new(emotion.into(), intensity)))
        }
    }
}

/// What a face does while nothing is said.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IdleState {
    /// Blinks, glances, breathes.
    Idle,
    /// Attends: eyes on the viewer, brows up, a small nod now and then.
    Listening,
    /// Looks up and aside, as people do who look for an answer.
    Thinking,
}

impl From<IdleState> for Posture {
    fn from(state: IdleState) -> Self {
        match state {
            IdleState::Idle => Self::Idle,
            IdleState::Listening => Self::Listening,
            IdleState::Thinking => Self::Thinking,
        }
    }
}

/// What the face is to do between turns.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetState {
    state: IdleState,
}

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(set_state))
}

/// Say what the face does while nothing is said.
///
/// It goes over smoothly and keeps at it. Speech comes first: `listening` goes
/// on after a turn, `thinking` is over when a turn begins to speak.
#[utoipa::path(post, path = "/v1/sessions/{id}/state", tag = "sessions",
    params(("id" = String, Path, description = "The session.")),
    responses((status = 200, description = "The state from now on.", body = SetState)))]
async fn set_state(asked: Asked, Json(wanted): Json<SetState>) -> Answer<SetState> {
    asked.handle.pose(wanted.state.into());
    Answer(wanted)
}
