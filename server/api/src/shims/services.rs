//! The services, one by one: where they are asked, what they read, what they
//! answer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::shims::Join;

/// A service.
pub(super) struct Service {
    /// Its address, with `{id}` where the avatar stands in it. Services whose
    /// address is ours as well have none.
    pub(super) path: &'static str,
    /// Reads the request: the body and what stood in the address.
    pub(super) read: fn(&Value, Option<&str>) -> Result<Join, Problem>,
    /// The answer: what its plugin looks for.
    pub(super) reply: fn(&str, &Join) -> Value,
}

impl Service {
    pub(super) fn is_at(&self, path: &str) -> bool {
        match self.path.split_once("{id}") {
            None => self.path == path,
            Some((before, after)) => path
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after))
                .is_some_and(|id| !id.is_empty() && !id.contains('/')),
        }
    }
}

/// Beyond Presence, at `POST /v1/sessions`, which is ours as well.
pub(super) const BEY: Service = Service {
    path: "",
    read: |body, _| {
        if body["transport"] != "livekit" {
            return Err(Problem::invalid(
                "the transport can be livekit; leave it out for a session of this server",
            ));
        }
        join(body, &["url"], &["token"], &[&["avatar_id"]])
    },
    reply: |id, _| json!({ "id": id, "status": "started" }),
};

/// The services that have an address of their own.
pub(super) const SERVICES: &[Service] = &[
    // Anam.
    Service {
        path: "/v1/engine/session",
        read: |body, _| {
            let mut join = join(
                body,
                &["environment", "livekitUrl"],
                &["environment", "livekitToken"],
                &[&["personaConfig", "avatarId"]],
            )?;
            let pixels = |name: &str| {
                let value = &body["sessionOptions"][name];
                value.as_u64().and_then(|n| usize::try_from(n).ok())
            };
            join.size = pixels("videoWidth").zip(pixels("videoHeight"));
            Ok(join)
        },
        reply: |id, _| json!({ "sessionId": id }),
    },
    // Keyframe Labs.
    Service {
        path: "/v1/sessions/plugins/livekit",
        read: |body, _| {
            join(
                body,
                &["livekit_url"],
                &["livekit_token"],
                &[&["persona_id"], &["persona_slug"]],
            )
        },
        reply: |id, join| {
            json!({
                "reservation_id": id,
                "avatar_participant_identity": identity(&join.token),
                "model_id": "visavis",
            })
        },
    },
    // D-ID.
    Service {
        path: "/v2/agents/{id}/sessions/join",
        read: |body, id| {
            let mut join = join(
                body,
                &["transport", "server_url"],
                &["transport", "token"],
                &[],
            )?;
            join.avatar = id.map(str::to_owned);
            Ok(join)
        },
        reply: |id, _| json!({ "id": id }),
    },
    // Tavus.
    Service {
        path: "/shims/tavus/conversations",
        read: |body, _| {
            join(
                body,
                &["properties", "livekit_ws_url"],
                &["properties", "livekit_room_token"],
                &[&["face_id"], &["replica_id"], &["pal_id"], &["persona_id"]],
            )
        },
        reply: |id, _| json!({ "conversation_id": id, "status": "active" }),
    },
    // LemonSlice.
    Service {
        path: "/shims/lemonslice",
        read: |body, _| {
            if body
                .get("agent_image_url")
                .is_some_and(|url| !url.is_null())
            {
                return Err(Problem::invalid(
                    "agent_image_url cannot be used; name an avatar of /v1/avatars as agent_id",
                ));
            }
            join(
                body,
                &["properties", "livekit_url"],
                &["properties", "livekit_token"],
                &[&["agent_id"]],
            )
        },
        reply: |id, _| json!({ "session_id": id }),
    },
];

/// What is at these addresses in the body: the server, the token, and the
/// first avatar that is named.
fn join(body: &Value, url: &[&str], token: &[&str], avatars: &[&[&str]]) -> Result<Join, Problem> {
    let avatar = avatars.iter().find_map(|path| text(body, path));
    Ok(Join {
        url: field(body, url)?,
        token: field(body, token)?,
        avatar: avatar.map(str::to_owned),
        size: None,
    })
}

fn text<'a>(body: &'a Value, path: &[&str]) -> Option<&'a str> {
    let found = path.iter().try_fold(body, |value, name| value.get(name))?;
    found.as_str().filter(|text| !text.trim().is_empty())
}

/// A text of the body.
///
/// # Errors
/// When it is not there.
pub(super) fn field(body: &Value, path: &[&str]) -> Result<String, Problem> {
    text(body, path)
        .map(str::to_owned)
        .ok_or_else(|| Problem::invalid(format!("the request has no {}", path.join("."))))
}

/// The identity that a `LiveKit` token gives, for the answer only: the server
/// that the token is for checks it.
fn identity(token: &str) -> Option<String> {
    let payload = BASE64.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims["sub"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn service(path: &str) -> &'static Service {
        SERVICES.iter().find(|s| s.is_at(path)).unwrap()
    }

    #[test]
    fn every_plugins_request_is_read() {
        let token = format!("x.{}.y", BASE64.encode(r#"{"sub":"avatar"}"#));
        let expect = |join: Join, avatar: &str| {
            assert_eq!(
                (join.url.as_str(), join.token.as_str()),
                ("wss://a", &*token)
            );
            assert_eq!(join.avatar.as_deref(), Some(avatar));
        };
        let bey =
            json!({ "transport": "livekit", "avatar_id": "leo", "url": "wss://a", "token": token });
        expect((BEY.read)(&bey, None).unwrap(), "leo");
        let anam = json!({
            "personaConfig": { "type": "ephemeral", "avatarId": "leo" },
            "environment": { "livekitUrl": "wss://a", "livekitToken": token },
            "sessionOptions": { "videoWidth": 640, "videoHeight": 480 },
        });
        let read = (service("/v1/engine/session").read)(&anam, None).unwrap();
        assert_eq!(read.size, Some((640, 480)));
        expect(read, "leo");
        let keyframe =
            json!({ "persona_slug": "leo", "livekit_url": "wss://a", "livekit_token": token });
        let at = service("/v1/sessions/plugins/livekit");
        let read = (at.read)(&keyframe, None).unwrap();
        assert_eq!(
            (at.reply)("7", &read)["avatar_participant_identity"],
            "avatar"
        );
        expect(read, "leo");
        let did = json!({ "transport": { "server_url": "wss://a", "token": token } });
        let at = service("/v2/agents/leo/sessions/join");
        expect((at.read)(&did, Some("leo")).unwrap(), "leo");
        let tavus = json!({ "pal_id": "p", "face_id": "leo",
            "properties": { "livekit_ws_url": "wss://a", "livekit_room_token": token } });
        expect(
            (service("/shims/tavus/conversations").read)(&tavus, None).unwrap(),
            "leo",
        );
        let lemonslice = json!({ "agent_id": "leo",
            "properties": { "livekit_url": "wss://a", "livekit_token": token } });
        expect(
            (service("/shims/lemonslice").read)(&lemonslice, None).unwrap(),
            "leo",
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = (service("/v1/engine/session").read)(&json!({}), None).unwrap_err();
        assert!(error.detail.contains("environment.livekitUrl"));
        assert!((BEY.read)(&json!({ "transport": "daily" }), None).is_err());
        assert!(
            !SERVICES
                .iter()
                .any(|s| s.is_at("/v2/agents//sessions/join"))
        );
        assert!(
            !SERVICES
                .iter()
                .any(|s| s.is_at("/v2/agents/a/b/sessions/join"))
        );
    }

    proptest! {
        #[test]
        fn any_body_is_survived(text in "\\PC{0,40}", number in any::<i64>()) {
            for body in [
                Value::Null,
                json!(text),
                json!([text]),
                json!({ "environment": text, "transport": text, "properties": [number], "session_token": number }),
            ] {
                for service in SERVICES.iter().chain([&BEY]) {
                    let _ = (service.read)(&body, Some(&text));
                }
                let _ = identity(&text);
            }
        }
    }
}
