//! A server for tests: one engine for all of them, and requests whose answers
//! are checked against the API's own description.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use api::Config;
use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, Method, Request, StatusCode};
use bytes::Bytes;
use engine::{Engine, Rooms, Settings};
use serde_json::{Value, json};
use tower::ServiceExt;

/// The API key of [`keyed`].
pub const KEY: &str = "test-key-0123456789";

/// Signs the tokens of [`keyed`].
pub const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// Longest text of a turn, bytes.
pub const MAX_TEXT: usize = 2_000;

fn models() -> PathBuf {
    std::env::var_os("VISAVIS_MODELS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models"),
        PathBuf::from,
    )
}

static ROOMS: LazyLock<Rooms> = LazyLock::new(|| {
    let models = models();
    weights::runtime::init(&models.join("lib/libonnxruntime.so")).unwrap();
    let voices = speech::Voices::load(&speech::Settings {
        environment: weights::runtime::environment().unwrap().clone(),
        weights: models.join("weights"),
        piper_folders: Vec::new(),
        remote: Vec::new(),
        parallel: 1,
    });
    let mouth = lipsync::Model::load(&models.join("lipsync/lipsync.onnx"));
    Rooms {
        voices: Arc::new(voices.unwrap()),
        mouth: Arc::new(mouth.unwrap()),
        avatars: Arc::new(face::Avatars::new()),
        backgrounds: Arc::default(),
    }
});

/// An engine of its own, for tests that fill it.
pub fn engine(max_sessions: usize) -> Engine {
    start(
        max_sessions,
        session::Limits {
            max_text_bytes: MAX_TEXT,
            ..session::Limits::default()
        },
    )
}

/// An engine of its own, for tests in which sessions end.
pub fn engine_with(limits: session::Limits) -> Engine {
    start(10, limits)
}

/// An engine of its own that shows the avatars that come with the product.
pub fn stock_engine() -> Engine {
    let (avatars, refused) = face::Avatars::open(Some(&models().join("faces")), None);
    assert!(refused.is_empty(), "{refused:?}");
    let rooms = Rooms {
        avatars: Arc::new(avatars),
        ..ROOMS.clone()
    };
    start_with(rooms, 20, session::Limits::default())
}

fn start(max_sessions: usize, limits: session::Limits) -> Engine {
    start_with(ROOMS.clone(), max_sessions, limits)
}

fn start_with(rooms: Rooms, max_sessions: usize, limits: session::Limits) -> Engine {
    // Removed with the process: it must outlive every session.
    let recordings = tempfile::tempdir().unwrap().keep();
    let endpoint = transport::Endpoint::bind(&transport::Settings {
        udp: "127.0.0.1:0".parse().unwrap(),
        loopback: true,
        ..transport::Settings::default()
    });
    let settings = Settings {
        max_sessions,
        limits,
        default_avatar: "nora".into(),
        default_voice: "joe".into(),
        ..Settings::default()
    };
    Engine::start(
        rooms,
        settings,
        Some(Arc::new(endpoint.unwrap())),
        Some(record::Store::open(recordings).unwrap()),
    )
    .unwrap()
}

static ENGINE: LazyLock<Engine> = LazyLock::new(|| engine(1_000));

/// A server and the way to ask it.
#[derive(Clone)]
pub struct Server {
    pub router: Router,
    pub engine: Engine,
    document: Arc<Value>,
    key: Option<&'static str>,
}

/// One without API keys.
pub fn dev() -> Server {
    Server::new(ENGINE.clone(), &Config::default(), None)
}

/// One that wants [`KEY`], which [`Server::call`] sends unless told otherwise.
pub fn keyed() -> Server {
    let config = Config {
        api_keys: vec![KEY.to_owned()],
        token_secret: Some(SECRET.to_vec()),
        ..Config::default()
    };
    Server::new(ENGINE.clone(), &config, Some(KEY))
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts that this is a problem with this code, and whole.
    #[track_caller]
    pub fn refused(&self, code: &str) -> Value {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["type"], format!("urn:visavis:problem:{code}"));
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        for field in ["title", "detail", "request_id"] {
            assert!(!problem[field].as_str().unwrap().is_empty(), "{problem}");
        }
        if matches!(self.status.as_u16(), 429 | 503) && code != "no_media_port" {
            assert!(self.headers.contains_key(RETRY_AFTER), "{self:?}");
        }
        problem
    }

    #[track_caller]
    pub fn ok(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }
}

impl Server {
    pub fn new(engine: Engine, config: &Config, key: Option<&'static str>) -> Self {
        let state = api::State::new(engine.clone(), config).unwrap();
        let document = serde_json::from_slice(&api::description()).unwrap();
        Self {
            router: api::router(state),
            engine,
            document: Arc::new(document),
            key,
        }
    }

    /// Sends a request as it is.
    pub async fn raw(&self, request: Request<Body>) -> Reply {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let reply = Reply {
            status: parts.status,
            headers: parts.headers,
            body,
        };
        self.check(&method, &path, &reply);
        reply
    }

    /// Sends a request with headers and a body. Without `authorization` or
    /// `x-api-key` among them, the key goes with it.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        let named = |name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        if let Some(key) = self.key
            && !named("authorization")
            && !named("x-api-key")
        {
            request = request.header("x-api-key", key);
        }
        for (name, value) in headers {
            request = request.header(HeaderName::try_from(*name).unwrap(), *value);
        }
        self.raw(request.body(body.into()).unwrap()).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", path, &[], Body::empty()).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &[], Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        let json = [(CONTENT_TYPE.as_str(), "application/json")];
        self.call("POST", path, &json, body.to_string()).await
    }

    /// Opens a small, unrecorded session; gives its description.
    pub async fn open(&self) -> Value {
        self.open_with(json!({ "record": false })).await
    }

    pub async fn open_with(&self, mut wanted: Value) -> Value {
        // As small as can be: the tests share two cores.
        wanted["width"] = 128.into();
        wanted["height"] = 128.into();
        let reply = self.post("/v1/sessions", wanted).await;
        reply.ok(201).json()
    }

    /// Asserts that the description knows this answer.
    #[track_caller]
    fn check(&self, method: &Method, path: &str, reply: &Reply) {
        if of_a_vendor(path) {
            return;
        }
        let item = self.document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .find(|(template, _)| matches(template, path))
            .map(|(_, item)| item);
        let method = match method.as_str() {
            "HEAD" => "get".to_owned(),
            other => other.to_lowercase(),
        };
        let Some(operation) = item.and_then(|item| item.get(&method)) else {
            // No operation: only these can come.
            assert!(
                matches!(reply.status.as_u16(), 404 | 405 | 204 | 200 | 304 | 401),
                "{method} {path}: {reply:?}"
            );
            return;
        };
        let status = reply.status.as_u16().to_string();
        let response = &operation["responses"][&status];
        assert!(
            response.is_object(),
            "{method} {path}: {status} is not described: {reply:?}"
        );
        let content_type = reply.header("content-type").split(';').next().unwrap();
        if let Some(content) = response["content"].as_object()
            && !reply.body.is_empty()
        {
            let content = content.get(content_type);
            assert!(
                content.is_some(),
                "{method} {path}: {content_type} is not described"
            );
            if content_type == "application/problem+json" {
                let codes = &content.unwrap()["schema"]["allOf"][1]["properties"]["code"]["enum"];
                let code = reply.json()["code"].clone();
                assert!(
                    codes.as_array().unwrap().contains(&code),
                    "{method} {path}: {code} is not described"
                );
            }
        }
    }
}

/// Whether an address is one of a vendor's API, which its vendor describes.
fn of_a_vendor(path: &str) -> bool {
    let sessions = ["token", "start", "stop", "keep-alive"];
    path.strip_prefix("/v1/sessions/")
        .is_some_and(|rest| sessions.contains(&rest))
        || path.ends_with("/transcript")
        || path.ends_with("/realtime")
        || path == "/v1/sessions/plugins/livekit"
        || [
            "/v1/streaming.",
            "/v1/ws/",
            "/v1/contexts",
            "/v1/asset",
            "/v1/talking_photo",
            "/v2/",
            "/v3/",
            "/v1/avatars/public",
            "/v1/languages",
            "/v1/users/",
            "/v1/engine/",
            "/compose/",
            "/integrations/",
            "/shims/",
        ]
        .iter()
        .any(|prefix| path.starts_with(prefix))
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(&path)
            .all(|(t, p)| t == p || (t.starts_with('{') && !p.is_empty()))
}

/// Waits until something is so.
pub async fn until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    // A limit for tests that fail, far above what a busy machine needs.
    for _ in 0..6_000 {
        if let Some(found) = check() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never {what}");
}
