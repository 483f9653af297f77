//! Pipecat's SmallWebRTC transport: an offer and an answer in JSON, candidates
//! by PATCH, and RTVI on the data channel.

mod peer;
mod rtvi;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json as Answer;
use axum::body::Body;
use axum::extract::State as Shared;
use engine::{Handle, Request};
use serde::{Deserialize, Serialize};
use session::CloseReason;
use transport::{LinkSettings, Tracks};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Caller, Who, allow};
use crate::extract::{blocking, parse, read};
use crate::problem::{Code, Problem};
use crate::state::State;
use peer::Peer;

/// Longest body, bytes: as for WHEP, in JSON.
const LONGEST: usize = 96 * 1024;

/// Candidates that are looked at in one request: browsers gather a dozen.
const MOST_CANDIDATES: usize = 64;

/// Connections by their name.
#[derive(Default)]
pub(crate) struct Peers(Mutex<HashMap<String, Arc<Peer>>>);

impl Peers {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Peer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, id: &str) -> Option<Arc<Peer>> {
        self.lock().get(id).cloned()
    }

    fn forget(&self, id: &str) {
        self.lock().remove(id);
    }
}

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(offer, candidates))
}

#[derive(Debug, Deserialize, ToSchema)]
struct Offer {
    /// The description of the client.
    sdp: String,
    /// `offer`.
    #[serde(rename = "type")]
    kind: String,
    /// The connection that it belongs to, after the first offer.
    pc_id: Option<String>,
    /// Whether that connection is replaced by a new one.
    #[serde(default)]
    restart_pc: Option<bool>,
    /// What the application says.
    #[serde(default, alias = "requestData")]
    request_data: Option<Asked>,
}

/// What an application may say with its offer. Other fields are its own.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
struct Asked {
    /// A session to join. Without one, a session begins that ends with the
    /// connection.
    session_id: Option<String>,
    /// The avatar of a session that begins.
    avatar: Option<String>,
    /// The voice of a session that begins.
    voice: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Answered {
    /// The description of this side.
    sdp: String,
    /// `answer`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The name of the connection, for further offers and candidates.
    pc_id: String,
    /// Its session.
    session_id: String,
}

/// Connect by Pipecat's SmallWebRTC transport.
///
/// An operator may leave `session_id` out: then a session begins, and ends
/// when the client has left. The data channel speaks RTVI; the client messages
/// `speak` (`{"text": …}`) and `interrupt` are understood.
#[utoipa::path(post, path = "/api/offer", tag = "viewers", request_body = Offer,
    responses((status = 200, description = "The answer.", body = Answered)))]
async fn offer(
    Who(caller): Who,
    Shared(state): Shared<Arc<State>>,
    body: Body,
) -> Result<Answer<Answered>, Problem> {
    let offer: Offer = parse(&read(body, LONGEST).await?)?;
    if offer.kind != "offer" {
        return Err(Problem::invalid(
            "the type of the description is not 'offer'",
        ));
    }
    let known = offer.pc_id.as_deref().and_then(|id| state.peers.get(id));
    if let Some(peer) = &known {
        allow(&caller, peer.session())?;
        if offer.restart_pc != Some(true) {
            let (peer, sdp) = (peer.clone(), offer.sdp);
            let (peer, answer) = blocking(move || {
                let answer = peer.renegotiate(&sdp);
                (peer, answer)
            })
            .await?;
            return Ok(Answer(answered(&peer, answer?.sdp)));
        }
    }
    let asked = offer.request_data.unwrap_or_default();
    let (handle, own) = match &known {
        Some(old) => {
            let session = (state.find(old.session())?, old.own());
            old.replace();
            session
        }
        None => session(&caller, &state, asked).await?,
    };
    let settings = LinkSettings {
        send: Some(Tracks {
            stream: "avatar".into(),
            audio: "avatar-audio".into(),
            video: "avatar-video".into(),
        }),
        hear: true,
        ..LinkSettings::default()
    };
    let (connecting, sdp) = (handle.clone(), offer.sdp);
    let connected = blocking(move || connecting.answer(&sdp, &settings)).await?;
    let (answer, link) = match connected {
        Ok(connected) => connected,
        Err(error) => {
            if own && known.is_none() {
                handle.close(CloseReason::Client);
            }
            return Err(error.into());
        }
    };
    let peer = Arc::new(Peer::new(handle, link, own));
    state.peers.lock().insert(peer.id(), peer.clone());
    tokio::spawn(peer::converse(state, peer.clone()));
    Ok(Answer(answered(&peer, answer.sdp)))
}

fn answered(peer: &Peer, sdp: String) -> Answered {
    Answered {
        sdp,
        kind: "answer",
        pc_id: peer.id(),
        session_id: peer.session().to_owned(),
    }
}

/// The session to connect with, and whether it ends with the connection.
async fn session(
    caller: &Caller,
    state: &Arc<State>,
    asked: Asked,
) -> Result<(Handle, bool), Problem> {
    let wanted = match (asked.session_id, caller) {
        (Some(id), _) => id,
        (None, Caller::Member(id)) => id.clone(),
        (None, Caller::Operator) => {
            let mut request = Request::default();
            if let Some(avatar) = asked.avatar {
                request.avatar = Some(avatar);
            }
            if let Some(voice) = asked.voice {
                request.voice = Some(voice);
            }
            let engine = state.engine.clone();
            let handle = blocking(move || engine.create(request)).await??;
            state.remember(handle.id());
            return Ok((handle, true));
        }
    };
    allow(caller, &wanted)?;
    Ok((state.find(&wanted)?, false))
}

#[derive(Debug, Deserialize, ToSchema)]
struct Candidates {
    /// The connection.
    pc_id: String,
    /// What the client has found.
    candidates: Vec<Candidate>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct Candidate {
    /// As in `a=candidate` (RFC 8839 §5.1).
    candidate: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct Noted {
    status: &'static str,
}

/// Tell a SmallWebRTC connection of further candidates.
#[utoipa::path(patch, path = "/api/offer", tag = "viewers", request_body = Candidates,
    responses((status = 200, description = "They are noted.", body = Noted)))]
async fn candidates(
    Who(caller): Who,
    Shared(state): Shared<Arc<State>>,
    body: Body,
) -> Result<Answer<Noted>, Problem> {
    let told: Candidates = parse(&read(body, LONGEST).await?)?;
    let peer = state
        .peers
        .get(&told.pc_id)
        .ok_or_else(|| Problem::not_found("connection", &told.pc_id))?;
    allow(&caller, peer.session())?;
    if told.candidates.len() > MOST_CANDIDATES {
        return Err(Problem::new(
            Code::InvalidRequest,
            format!("these are more than {MOST_CANDIDATES} candidates"),
        ));
    }
    for each in &told.candidates {
        // The last one is empty: there are no more (RFC 8838 §13).
        if !each.candidate.trim().is_empty() {
            peer.trickle(&each.candidate)?;
        }
    }
    Ok(Answer(Noted { status: "success" }))
}
