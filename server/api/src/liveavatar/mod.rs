//! The `LiveAvatar` API: sessions in LITE mode (the client brings the sound) and
//! FULL mode (the client brings texts), and what belongs to them.
//!
//! Its addresses are not in `/openapi.json`: the vendor's own documentation
//! describes them, and what is answered here follows it.

pub(crate) mod contexts;
pub(crate) mod control;
pub(crate) mod lists;
pub(crate) mod realtime;
pub(crate) mod request;
pub(crate) mod sessions;
pub(crate) mod socket;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::state::State;

/// What every answer that is none of a refusal says: SDKs compare it.
const OK: u16 = 1_000;

/// The routes of this API that are not ours as well.
pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/v1/sessions/token", post(sessions::token))
        .route("/v1/sessions/start", post(sessions::start))
        .route("/v1/sessions/stop", post(sessions::stop))
        .route("/v1/sessions/keep-alive", post(sessions::keep_alive))
        .route("/v1/sessions/{id}/transcript", get(sessions::transcript))
        .route("/v1/sessions/{id}/realtime", get(socket::realtime))
        .route("/v1/avatars/public", get(lists::public_avatars))
        .route("/v1/languages", get(lists::languages))
        .route("/v1/users/credits", get(lists::credits))
        .route("/v1/contexts", get(contexts::list).post(contexts::create))
        .route(
            "/v1/contexts/{id}",
            get(contexts::get)
                .patch(contexts::change)
                .delete(contexts::delete),
        )
}

/// An answer in the vendor's envelope.
pub(crate) fn answer(status: StatusCode, data: Value, message: &str) -> Response {
    (status, Json(envelope(data, message))).into_response()
}

/// The vendor's envelope.
pub(crate) fn envelope(data: Value, message: &str) -> Value {
    let mut envelope = json!({ "code": OK, "message": message });
    envelope["data"] = data;
    envelope
}

/// What our own API answers, with what the vendor's clients read beside it.
pub(crate) fn beside(ours: &impl serde::Serialize, mut vendors: Value) -> Response {
    if let (Value::Object(vendors), Ok(Value::Object(ours))) =
        (&mut vendors, serde_json::to_value(ours))
    {
        vendors.extend(ours);
    }
    Json(vendors).into_response()
}

/// A part of a list, as the vendor's clients expect it.
pub(crate) fn page(path: &str, query: &Page, all: Vec<Value>) -> Value {
    let size = query.page_size.unwrap_or(20).clamp(1, 100);
    let number = query.page.unwrap_or(1).max(1);
    let count = all.len();
    let first = (number - 1).saturating_mul(size);
    let results: Vec<_> = all.into_iter().skip(first).take(size).collect();
    let link = |number: usize| format!("{path}page={number}&page_size={size}");
    let next = (first + results.len() < count).then(|| link(number + 1));
    let previous = (number > 1).then(|| link(number - 1));
    json!({ "count": count, "next": next, "previous": previous, "results": results })
}

/// Which part of a list clients of `LiveAvatar` want.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// From 1. Default 1.
    pub(crate) page: Option<usize>,
    /// 1 to 100. Default 20.
    pub(crate) page_size: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_in_parts() {
        let all = || (0..45).map(Value::from).collect::<Vec<_>>();
        let part = |page, size| {
            page_of(
                &Page {
                    page,
                    page_size: size,
                },
                all(),
            )
        };
        let page_two = part(Some(2), None);
        assert_eq!(page_two["count"], 45);
        assert_eq!(page_two["results"][0], 20);
        assert_eq!(page_two["next"], "/x?page=3&page_size=20");
        assert_eq!(page_two["previous"], "/x?page=1&page_size=20");
        assert!(part(Some(3), None)["next"].is_null());
        assert_eq!(part(Some(usize::MAX), Some(0))["results"], json!([]));
    }

    fn page_of(query: &Page, all: Vec<Value>) -> Value {
        page("/x?", query, all)
    }
}
