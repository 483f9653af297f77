//! The events of a session as server-sent events, and their published shape.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use engine::Published;
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Session as Asked;
use crate::extract::Query;
use crate::problem::Problem;
use crate::sessions::Stages;
use crate::state::State;

/// How often something is sent when nothing happens: often enough for proxies
/// that cut silent connections after 30 s.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Tells nginx not to collect the stream.
const UNBUFFERED: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-accel-buffering"),
    HeaderValue::from_static("no"),
);

/// Something that happened in a session. New types may be added.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// The session.
    pub session_id: String,
    /// Number in the session, from 1, without gaps.
    pub seq: u64,
    /// Media time, ms.
    pub at_ms: i64,
    /// What happened.
    #[serde(flatten)]
    pub what: Happened,
}

/// The types of events. Positions that end in `_ms` are media time.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Happened {
    /// A viewer's media path is up.
    ViewerJoined {
        /// The viewer.
        viewer: String,
    },
    /// A viewer is gone.
    ViewerLeft {
        /// The viewer.
        viewer: String,
        /// `closed_here`, `closed_by_viewer`, `vanished`, `never_connected`,
        /// `sent_too_fast` or `failed`.
        reason: String,
    },
    /// Somebody begins to speak into the microphone of a connection.
    UserSpeakStarted {
        /// The connection.
        viewer: String,
    },
    /// They have stopped for more than half a second, or are gone.
    UserSpeakEnded {
        /// The connection.
        viewer: String,
    },
    /// The first sound of a turn leaves.
    SpeakStarted {
        /// The turn.
        turn: u64,
    },
    /// A clause begins to be heard: a caption.
    Clause {
        /// The turn.
        turn: u64,
        /// As written.
        text: String,
        /// When it begins.
        start_ms: i64,
        /// When it ends, as planned.
        end_ms: i64,
    },
    /// A word begins to be heard.
    Word {
        /// The turn.
        turn: u64,
        /// Position in the turn, from 0.
        index: usize,
        /// As written.
        text: String,
        /// When it begins.
        start_ms: i64,
        /// When it ends, as planned.
        end_ms: i64,
        /// First byte in the UTF-8 text of the turn.
        char_start: usize,
        /// One past the last byte in the UTF-8 text of the turn.
        char_end: usize,
    },
    /// The last sound of a turn has left, or the turn was dropped. Comes
    /// exactly once for each turn.
    SpeakEnded {
        /// The turn.
        turn: u64,
        /// Its text up to the last word that was heard.
        heard_text: String,
        /// Whether it was cut short.
        interrupted: bool,
    },
    /// Nothing is left to say.
    Idle,
    /// How long each stage of a turn took to begin; again when the client has
    /// reported what it showed.
    Receipt {
        /// The turn.
        turn: u64,
        /// The stages.
        stages: Stages,
    },
    /// A limit strikes soon.
    LimitWarning {
        /// `idle_timeout` or `max_duration`.
        limit: String,
        /// Seconds until it strikes.
        remaining_s: u64,
    },
    /// The state of the recording has changed.
    Recording {
        /// `recording`, `ready`, `ended_early` or `off`.
        state: String,
        /// Why it ended early.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Size so far.
        bytes: u64,
        /// Length so far, ms.
        duration_ms: i64,
    },
    /// Something went wrong with one turn; the session goes on.
    Error {
        /// Such as `nothing_to_say` or `voice_failed`.
        code: String,
        /// What happened and what to do.
        detail: String,
        /// The turn it belongs to.
        #[serde(skip_serializing_if = "Option::is_none")]
        turn: Option<u64>,
    },
    /// The session is over; nothing follows.
    Closed {
        /// `client`, `idle_timeout`, `max_duration`, `shutdown` or
        /// `internal_error`.
        reason: String,
    },
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    /// Begin after the event of this number; 0 for all that are kept. Default:
    /// from now on.
    after: Option<u64>,
    /// A session token: `EventSource` cannot set headers.
    #[serde(rename = "token")]
    _token: Option<String>,
}

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(events))
}

/// Follow the events of a session.
///
/// Server-sent events; `id:` is the event's number. A client that comes back
/// with `Last-Event-ID` goes on where it was, as long as the event is among
/// the last 1024. Ends after `closed`.
#[utoipa::path(get, path = "/v1/sessions/{id}/events", tag = "events",
    params(("id" = String, Path, description = "The session."), EventsQuery,
        ("Last-Event-ID" = Option<u64>, Header, description = "Goes before `after`.")),
    responses((status = 200, description = "The events, each as `data:` in JSON.",
        content_type = "text/event-stream", body = Event)))]
async fn events(
    asked: Asked,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<
    (
        [(HeaderName, HeaderValue); 1],
        Sse<impl Stream<Item = Result<Message, Infallible>>>,
    ),
    Problem,
> {
    let after = match headers.get("last-event-id") {
        None => query.after,
        Some(value) => Some(
            value
                .to_str()
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| Problem::invalid("Last-Event-ID is not the number of an event"))?,
        ),
    };
    let subscription = asked.handle.events(after);
    let stream = stream::unfold(subscription, |mut subscription| async {
        let published = subscription.next().await?;
        Some((Ok(message(&published)), subscription))
    });
    let stream = Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(([UNBUFFERED], stream))
}

fn message(published: &Published) -> Message {
    Message::default()
        .id(published.seq.to_string())
        .data(json(published))
}

/// An event on the wire.
pub(crate) fn json(published: &Published) -> String {
    serde_json::to_string(published).unwrap_or_else(|error| {
        tracing::error!(%error, "an event could not be written");
        String::from("{}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::Turn;
    use session::event::Event as Internal;
    use session::{CloseReason, limits::LimitKind};

    /// What is documented is what is sent: every event reads as its published
    /// shape and writes back the same.
    #[test]
    fn events_have_their_published_shape() {
        let turn = Turn(7);
        let all = [
            Internal::SpeakStarted { turn },
            Internal::Clause {
                turn,
                text: "Hi,".into(),
                start_ms: 1,
                end_ms: 2,
            },
            Internal::Word {
                turn,
                index: 0,
                text: "Hi".into(),
                start_ms: 1,
                end_ms: 2,
                char_start: 0,
                char_end: 2,
            },
            Internal::SpeakEnded {
                turn,
                heard_text: "Hi,".into(),
                interrupted: true,
            },
            Internal::Idle,
            Internal::LimitWarning {
                limit: LimitKind::IdleTimeout,
                remaining_s: 30,
            },
            Internal::Error {
                code: "x",
                detail: "y".into(),
                turn: Some(turn),
            },
            Internal::Error {
                code: "x",
                detail: "y".into(),
                turn: None,
            },
            Internal::ViewerJoined { viewer: "1".into() },
            Internal::UserSpeakStarted { viewer: "1".into() },
            Internal::UserSpeakEnded { viewer: "1".into() },
            Internal::ViewerLeft {
                viewer: "1".into(),
                reason: "vanished".into(),
            },
            Internal::Recording {
                state: "ready",
                reason: None,
                bytes: 1,
                duration_ms: 2,
            },
            Internal::Closed {
                reason: CloseReason::MaxDuration,
            },
        ];
        for event in all {
            let sent = json(&Published {
                session_id: "s".into(),
                seq: 3,
                at_ms: -4,
                event,
            });
            let read: Event = serde_json::from_str(&sent).unwrap();
            let (sent, back): (serde_json::Value, serde_json::Value) = (
                serde_json::from_str(&sent).unwrap(),
                serde_json::to_value(&read).unwrap(),
            );
            assert_eq!(sent, back);
        }
    }
}
