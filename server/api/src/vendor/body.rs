//! Bodies as vendors' clients send them: JSON, whatever they call it, or
//! nothing. Fields that are not known are passed over.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use crate::extract::{LONGEST_JSON, parse, read};
use crate::problem::Problem;
use crate::state::State;

/// A JSON body; none is `{}`.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<State>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<State>) -> Result<Self, Self::Rejection> {
        let bytes = read(request.into_body(), LONGEST_JSON).await?;
        parse(if bytes.trim_ascii().is_empty() {
            b"{}"
        } else {
            &bytes
        })
        .map(Self)
    }
}
