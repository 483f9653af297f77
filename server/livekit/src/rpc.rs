//! Remote procedure calls between participants, version 1: a request, an
//! acknowledgement within seconds, a response. Packets in, packets out.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::ids::Ids;
use crate::proto::{self, RpcAck, RpcRequest, RpcResponse, RpcResult, Value};

/// Longest payload of a request or response, bytes: LiveKit's limit for
/// version 1, one packet.
pub const MAX_PAYLOAD: usize = 15_360;

/// Time for the acknowledgement, which covers the round trip.
const ACK_WITHIN: Duration = Duration::from_secs(7);

/// Time that a caller gets for the answer where it names none, by default.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Calls that wait at once. An avatar makes two for each thing it says.
const MOST_CALLS: usize = 256;

/// Why a call failed, with LiveKit's codes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("RPC error {code}: {message}")]
pub struct RpcError {
    /// See the constants.
    pub code: u32,
    /// For people.
    pub message: String,
    /// Of the application.
    pub data: String,
}

impl RpcError {
    /// No such method.
    pub const UNSUPPORTED_METHOD: u32 = 1400;
    /// No such participant.
    pub const RECIPIENT_NOT_FOUND: u32 = 1401;
    /// The request is too long.
    pub const REQUEST_TOO_LARGE: u32 = 1402;
    /// A version that is not spoken here.
    pub const UNSUPPORTED_VERSION: u32 = 1404;
    /// The method failed.
    pub const APPLICATION: u32 = 1500;
    /// No acknowledgement came.
    pub const CONNECTION_TIMEOUT: u32 = 1501;
    /// No response came.
    pub const RESPONSE_TIMEOUT: u32 = 1502;
    /// The other side left.
    pub const RECIPIENT_DISCONNECTED: u32 = 1503;
    /// The response is too long.
    pub const RESPONSE_TOO_LARGE: u32 = 1504;
    /// Too many calls wait.
    pub const SEND_FAILED: u32 = 1505;

    /// An error with LiveKit's words for its code.
    #[must_use]
    pub fn new(code: u32) -> Self {
        let message = match code {
            Self::UNSUPPORTED_METHOD => "Method not supported at destination",
            Self::RECIPIENT_NOT_FOUND => "Recipient not found",
            Self::REQUEST_TOO_LARGE => "Request payload too large",
            Self::UNSUPPORTED_VERSION => "Unsupported RPC version",
            Self::CONNECTION_TIMEOUT => "Connection timeout",
            Self::RESPONSE_TIMEOUT => "Response timeout",
            Self::RECIPIENT_DISCONNECTED => "Recipient disconnected",
            Self::RESPONSE_TOO_LARGE => "Response payload too large",
            Self::SEND_FAILED => "Failed to send",
            _ => "Application error in method handler",
        };
        Self {
            code,
            message: message.to_owned(),
            data: String::new(),
        }
    }
}

impl From<proto::RpcError> for RpcError {
    fn from(error: proto::RpcError) -> Self {
        Self {
            code: error.code,
            message: error.message,
            data: error.data,
        }
    }
}

impl From<RpcError> for proto::RpcError {
    fn from(error: RpcError) -> Self {
        Self {
            code: error.code,
            message: error.message,
            data: error.data,
        }
    }
}

/// Names a call that was made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CallId(u64);

/// A call that was made there and waits for [`Rpc::respond`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub from: String,
    pub id: String,
    pub method: String,
    pub payload: String,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Output {
    /// A packet for one participant.
    Send { to: String, value: Value },
    /// A call is over.
    Done {
        call: CallId,
        result: Result<String, RpcError>,
    },
}

#[derive(Debug)]
struct Call {
    id: CallId,
    to: String,
    /// Until the acknowledgement has come.
    ack_by: Option<Instant>,
    answer_by: Instant,
}

/// One participant's side.
#[derive(Debug, Default)]
pub(crate) struct Rpc {
    calls: BTreeMap<String, Call>,
    last: u64,
    out: VecDeque<Output>,
}

impl Rpc {
    /// Calls a method. The result comes as [`Output::Done`], in any case.
    pub(crate) fn call(
        &mut self,
        now: Instant,
        ids: &mut Ids,
        to: &str,
        method: &str,
        payload: String,
    ) -> CallId {
        self.last += 1;
        let call = CallId(self.last);
        let refuse = if payload.len() > MAX_PAYLOAD {
            Some(RpcError::REQUEST_TOO_LARGE)
        } else if self.calls.len() >= MOST_CALLS {
            Some(RpcError::SEND_FAILED)
        } else {
            None
        };
        if let Some(code) = refuse {
            let result = Err(RpcError::new(code));
            self.out.push_back(Output::Done { call, result });
            return call;
        }
        let id = ids.uuid();
        self.calls.insert(
            id.clone(),
            Call {
                id: call,
                to: to.to_owned(),
                ack_by: Some(now + ACK_WITHIN),
                answer_by: now + ANSWER_WITHIN,
            },
        );
        self.send(
            to,
            Value::RpcRequest(RpcRequest {
                id,
                method: method.to_owned(),
                payload,
                // What is left once the request has travelled, so that the
                // other side does not answer in vain.
                response_timeout_ms: ANSWER_WITHIN.saturating_sub(ACK_WITHIN).as_millis() as u32,
                version: 1,
            }),
        );
        call
    }

    /// Takes a request; one that can be answered here already is.
    pub(crate) fn request(&mut self, from: &str, request: RpcRequest) -> Option<Request> {
        self.send(
            from,
            Value::RpcAck(RpcAck {
                request_id: request.id.clone(),
            }),
        );
        let code = if request.version != 1 {
            Some(RpcError::UNSUPPORTED_VERSION)
        } else if request.payload.len() > MAX_PAYLOAD {
            Some(RpcError::REQUEST_TOO_LARGE)
        } else {
            None
        };
        let request = Request {
            from: from.to_owned(),
            id: request.id,
            method: request.method,
            payload: request.payload,
        };
        match code {
            Some(code) => {
                self.respond(&request, Err(RpcError::new(code)));
                None
            }
            None => Some(request),
        }
    }

    /// Answers a request.
    pub(crate) fn respond(&mut self, request: &Request, result: Result<String, RpcError>) {
        let value = match result {
            Ok(payload) if payload.len() > MAX_PAYLOAD => {
                RpcResult::Error(RpcError::new(RpcError::RESPONSE_TOO_LARGE).into())
            }
            Ok(payload) => RpcResult::Payload(payload),
            Err(error) => RpcResult::Error(error.into()),
        };
        self.send(
            &request.from,
            Value::RpcResponse(RpcResponse {
                request_id: request.id.clone(),
                value: Some(value),
            }),
        );
    }

    /// Takes an acknowledgement. Those of strangers are passed over.
    pub(crate) fn ack(&mut self, from: &str, ack: &RpcAck) {
        if let Some(call) = self.calls.get_mut(&ack.request_id)
            && call.to == from
        {
            call.ack_by = None;
        }
    }

    /// Takes a response. Those of strangers are passed over.
    pub(crate) fn response(&mut self, from: &str, response: RpcResponse) {
        let id = response.request_id;
        if self.calls.get(&id).is_some_and(|call| call.to == from) {
            let result = match response.value {
                Some(RpcResult::Payload(payload)) => Ok(payload),
                Some(RpcResult::Error(error)) => Err(error.into()),
                None => Ok(String::new()),
            };
            self.end(&id, result);
        }
    }

    /// A participant left: nothing is to be waited for.
    pub(crate) fn gone(&mut self, identity: &str) {
        self.fail(RpcError::RECIPIENT_DISCONNECTED, |call| call.to == identity);
    }

    /// Lets time pass.
    pub(crate) fn advance(&mut self, now: Instant) {
        self.fail(RpcError::CONNECTION_TIMEOUT, |call| {
            call.ack_by.is_some_and(|by| by <= now)
        });
        self.fail(RpcError::RESPONSE_TIMEOUT, |call| call.answer_by <= now);
    }

    /// When [`Rpc::advance`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.calls
            .values()
            .map(|call| {
                call.ack_by
                    .map_or(call.answer_by, |by| by.min(call.answer_by))
            })
            .min()
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    fn send(&mut self, to: &str, value: Value) {
        let to = to.to_owned();
        self.out.push_back(Output::Send { to, value });
    }

    fn fail(&mut self, code: u32, which: impl Fn(&Call) -> bool) {
        let ids: Vec<String> = self
            .calls
            .iter()
            .filter(|(_, call)| which(call))
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            self.end(&id, Err(RpcError::new(code)));
        }
    }

    fn end(&mut self, id: &str, result: Result<String, RpcError>) {
        if let Some(call) = self.calls.remove(id) {
            self.out.push_back(Output::Done {
                call: call.id,
                result,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(rpc: &mut Rpc) -> Value {
        match rpc.poll() {
            Some(Output::Send { value, .. }) => value,
            other => panic!("{other:?}"),
        }
    }

    fn done(rpc: &mut Rpc) -> (CallId, Result<String, u32>) {
        match rpc.poll() {
            Some(Output::Done { call, result }) => (call, result.map_err(|e| e.code)),
            other => panic!("{other:?}"),
        }
    }

    /// A call on its way to the other side.
    fn call(caller: &mut Rpc, now: Instant) -> (CallId, RpcRequest) {
        let id = caller.call(now, &mut Ids::new(1), "bob", "greet", "hi".to_owned());
        match sent(caller) {
            Value::RpcRequest(request) => (id, request),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_call_is_acknowledged_and_answered() {
        let now = Instant::now();
        let (mut anna, mut bob) = (Rpc::default(), Rpc::default());
        let (id, request) = call(&mut anna, now);
        let request = bob.request("anna", request).unwrap();
        assert_eq!((&request.method[..], &request.payload[..]), ("greet", "hi"));
        let Value::RpcAck(ack) = sent(&mut bob) else {
            panic!()
        };
        anna.ack("bob", &ack);
        bob.respond(&request, Ok("hello".to_owned()));
        let Value::RpcResponse(response) = sent(&mut bob) else {
            panic!()
        };
        anna.response("mallory", response.clone());
        assert_eq!(anna.poll(), None, "a stranger cannot answer");
        anna.response("bob", response.clone());
        assert_eq!(done(&mut anna), (id, Ok("hello".to_owned())));
        anna.response("bob", response);
        assert_eq!(anna.poll(), None, "answered once");
        assert_eq!(anna.poll_timeout(), None);
    }

    #[test]
    fn silence_is_told_by_its_code() {
        let now = Instant::now();
        let mut anna = Rpc::default();
        let (id, _) = call(&mut anna, now);
        assert_eq!(anna.poll_timeout(), Some(now + ACK_WITHIN));
        anna.advance(now + ACK_WITHIN);
        assert_eq!(done(&mut anna), (id, Err(RpcError::CONNECTION_TIMEOUT)));

        let (id, request) = call(&mut anna, now);
        anna.ack(
            "bob",
            &RpcAck {
                request_id: request.id,
            },
        );
        assert_eq!(anna.poll_timeout(), Some(now + ANSWER_WITHIN));
        anna.advance(now + ANSWER_WITHIN);
        assert_eq!(done(&mut anna), (id, Err(RpcError::RESPONSE_TIMEOUT)));

        let (id, _) = call(&mut anna, now);
        anna.gone("bob");
        assert_eq!(done(&mut anna), (id, Err(RpcError::RECIPIENT_DISCONNECTED)));
    }

    #[test]
    fn limits_are_kept_on_both_sides() {
        let now = Instant::now();
        let (mut anna, mut bob) = (Rpc::default(), Rpc::default());
        let long = "x".repeat(MAX_PAYLOAD + 1);
        anna.call(now, &mut Ids::new(1), "bob", "m", long.clone());
        assert_eq!(done(&mut anna).1, Err(RpcError::REQUEST_TOO_LARGE));
        for (version, payload, code) in [
            (1, long.clone(), RpcError::REQUEST_TOO_LARGE),
            (2, String::new(), RpcError::UNSUPPORTED_VERSION),
        ] {
            let request = RpcRequest {
                payload,
                version,
                ..RpcRequest::default()
            };
            assert_eq!(bob.request("anna", request), None);
            assert!(matches!(sent(&mut bob), Value::RpcAck(_)));
            let Value::RpcResponse(RpcResponse {
                value: Some(RpcResult::Error(error)),
                ..
            }) = sent(&mut bob)
            else {
                panic!()
            };
            assert_eq!(error.code, code);
        }
        let mut ids = Ids::new(1);
        for _ in 0..MOST_CALLS {
            anna.call(now, &mut ids, "bob", "m", String::new());
            sent(&mut anna);
        }
        anna.call(now, &mut ids, "bob", "m", String::new());
        assert_eq!(done(&mut anna).1, Err(RpcError::SEND_FAILED));
    }
}
