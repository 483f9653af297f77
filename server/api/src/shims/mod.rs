//! The services of `LiveKit` agent plugins. Each asks for the same in words of
//! its own: an avatar that joins the customer's room. One table says where
//! they ask, how the request reads, and what they look for in the answer; what
//! follows is the same for all.

mod services;

use std::sync::Arc;

use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use engine::Request;
use serde_json::{Value, json};

use crate::auth::Operator;
use crate::liveavatar::request::{avatar, check};
use crate::liveavatar::sessions::{open, session_token};
use crate::problem::{Code, Problem};
use crate::state::State;
use crate::vendor::address::Address;
use crate::vendor::body::Body;
use crate::vendor::conversation::Kind;
use crate::vendor::table::{Elsewhere, Wanted};
use services::{SERVICES, Service, field};

/// What every service is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Join {
    /// The customer's server.
    url: String,
    /// What lets us into the room.
    token: String,
    /// Which avatar.
    avatar: Option<String>,
    /// Width and height, pixels.
    size: Option<(usize, usize)>,
}

/// Where the session of a two-step service is prepared, and where it joins.
const SIMLI: [&str; 2] = ["/compose/token", "/integrations/livekit/agents"];

/// Whether an address is one of a plugin's service only.
pub(crate) fn knows(path: &str) -> bool {
    SIMLI.contains(&path) || SERVICES.iter().any(|service| service.is_at(path))
}

/// The routes of all services that have an address of their own.
pub(crate) fn routes() -> Router<Arc<State>> {
    let mut routes = Router::new()
        .route(SIMLI[0], post(prepare))
        .route(SIMLI[1], post(join_prepared));
    for service in SERVICES {
        let handler = move |operator: Operator,
                            shared: Shared<Arc<State>>,
                            path: Option<Path<String>>,
                            address: Address,
                            body: Body<Value>| async move {
            let id = path.map(|Path(id)| id);
            join(
                operator,
                &shared.0,
                service,
                id.as_deref(),
                address,
                &body.0,
            )
            .await
        };
        routes = routes.route(service.path, post(handler));
    }
    routes
}

/// Whether a request to make a session is one of Beyond Presence's plugin.
pub(crate) fn is_bey(body: &Value) -> bool {
    body.get("transport").is_some()
}

/// Answers the request of Beyond Presence's plugin, whose address is ours.
///
/// # Errors
/// As for all services.
pub(crate) async fn bey(
    operator: Operator,
    state: &Arc<State>,
    address: Address,
    body: &Value,
) -> Result<Response, Problem> {
    join(operator, state, &services::BEY, None, address, body).await
}

async fn join(
    _: Operator,
    state: &Arc<State>,
    service: &Service,
    id: Option<&str>,
    address: Address,
    body: &Value,
) -> Result<Response, Problem> {
    let join = (service.read)(body, id)?;
    let wanted = wanted(join.clone(), state)?;
    let id = state.vendor.prepare(wanted, std::time::SystemTime::now());
    open(state, &id, address).await?;
    Ok((StatusCode::CREATED, Json((service.reply)(&id, &join))).into_response())
}

fn wanted(join: Join, state: &State) -> Result<Wanted, Problem> {
    let request = Request {
        avatar: avatar(join.avatar),
        width: join.size.map(|(width, _)| width),
        height: join.size.map(|(_, height)| height),
        ..Request::default()
    };
    check(&request, state)?;
    Ok(Wanted {
        kind: Kind::Lite,
        request,
        elsewhere: Some(Elsewhere {
            url: join.url,
            token: join.token,
        }),
        opening: None,
        owner: None,
    })
}

/// Simli's first step: what the session is to be.
async fn prepare(
    _: Operator,
    Shared(state): Shared<Arc<State>>,
    Body(body): Body<Value>,
) -> Result<Response, Problem> {
    // `face/emotion`.
    let face = body.get("faceId").and_then(Value::as_str).unwrap_or("");
    let face = face.split('/').next().unwrap_or("").to_owned();
    let request = Request {
        avatar: avatar(Some(face)),
        ..Request::default()
    };
    check(&request, &state)?;
    let wanted = Wanted {
        kind: Kind::Lite,
        request,
        elsewhere: None,
        opening: None,
        owner: None,
    };
    let now = std::time::SystemTime::now();
    let id = state.vendor.prepare(wanted, now);
    let entry = state.vendor.get(&id)?;
    let token = session_token(&state, &entry, now);
    Ok(Json(json!({ "session_token": token })).into_response())
}

/// Simli's second step: the room. The first step's token says who asks.
async fn join_prepared(
    Shared(state): Shared<Arc<State>>,
    address: Address,
    Body(body): Body<Value>,
) -> Result<Response, Problem> {
    let token = field(&body, &["session_token"])?;
    let id = state
        .tokens
        .check(&token, std::time::SystemTime::now())
        .map_err(|error| Problem::new(Code::Unauthorized, error.to_string()))?;
    let elsewhere = Elsewhere {
        url: field(&body, &["livekit_url"])?,
        token: field(&body, &["livekit_token"])?,
    };
    state.vendor.send_elsewhere(&id, elsewhere)?;
    open(&state, &id, address).await?;
    Ok(Json(json!({ "session_id": id })).into_response())
}
