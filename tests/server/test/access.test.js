/** Who may do what, and that no secret reaches the log. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { levelsOf } from "../../browser/support/analysis.js";
import { sound } from "../../browser/support/media.js";
import { temporaryFolder } from "../support/command.js";
import { offer } from "../support/offers.js";
import { Session, startServer } from "../support/server.js";
import { connect } from "../support/socket.js";
import { bursts, correlation, raw } from "../support/sound.js";
import { token } from "../support/tokens.js";

const KEY = "first-key-0123456789abcdef";
const OTHER_KEY = "second-key-0123456789abcdef";
const WRONG_KEY = "wrong-key-0123456789abcdef";
const SECRET = "a-secret-of-session-tokens-0123456789";
const SERVICE_KEY = "key-of-the-speech-service-0123456789";

let server;
let service;
const asked = [];
before(async () => {
  // A speech service like OpenAI's: raw PCM of 24 kHz.
  service = createServer((request, response) => {
    let body = "";
    request.on("data", (data) => (body += data));
    request.on("end", () => {
      asked.push({ url: request.url, key: request.headers.authorization, ...JSON.parse(body) });
      response.setHeader("content-type", "audio/pcm");
      response.end(raw(bursts(24_000), "s16"));
    });
  }).listen(0, "127.0.0.1");
  await once(service, "listening");
  service.unref();
  const config = join(temporaryFolder(), "visavis.toml");
  writeFileSync(
    config,
    `[[remote_voices]]\nid = "far"\nurl = "http://127.0.0.1:${service.address().port}/v1"\n` +
      `model = "tts-1"\nvoice = "alloy"\nkey_env = "FAR_KEY"\n`,
  );
  server = await startServer({
    args: ["--config", config],
    settings: {
      VISAVIS_API_KEYS: `${KEY},${OTHER_KEY}`,
      VISAVIS_TOKEN_SECRET: SECRET,
      VISAVIS_LOG: "debug",
      FAR_KEY: SERVICE_KEY,
    },
  });
});

const bearer = (credential) => ({ authorization: `Bearer ${credential}` });

async function refused(path, headers, status, code) {
  const response = await server.fetch(path, { headers });
  const problem = await response.json();
  assert.deepEqual([response.status, problem.code], [status, code], JSON.stringify(problem));
  assert.ok(status !== 401 || response.headers.get("www-authenticate"), "401 says how");
  return problem.detail;
}

test("keys open everything, tokens their own session, and nothing else opens anything", async () => {
  assert.equal((await server.json("GET", "/v1/status")).dev_mode, false);
  assert.equal((await server.fetch("/healthz")).status, 200);
  await refused("/v1/sessions", {}, 401, "unauthorized");
  await refused("/v1/sessions", bearer(WRONG_KEY), 401, "unauthorized");
  await refused("/v1/sessions", { "x-api-key": WRONG_KEY }, 401, "unauthorized");
  await refused("/v1/sessions", { authorization: `Basic ${WRONG_KEY}` }, 401, "unauthorized");
  await refused(`/v1/sessions?token=${KEY}`, {}, 401, "unauthorized");
  const made = await server.open({ record: true }, { "x-api-key": OTHER_KEY });
  const another = await server.open({ record: false }, bearer(KEY));
  const own = bearer(made.made.token);

  // As its member: looks, speaks, follows, renews.
  const member = new Session(server, made.made, own);
  assert.equal((await member.get()).id, made.id);
  const renewed = await server.json("POST", `${made.path}/token`, undefined, own);
  assert.ok(Date.parse(renewed.token_expires_at) > Date.now());
  assert.equal((await server.fetch(made.path, { headers: bearer(renewed.token) })).status, 200);
  const events = await member.events();
  await member.speak("Hello there.");
  await events.until("idle");
  const socket = await connect({ ...member, headers: {} }, `?token=${renewed.token}`);
  socket.send({ type: "ping" });
  await socket.until("pong");
  socket.stop();
  const whep = await server.fetch(`${made.path}/whep?token=${renewed.token}`, {
    method: "POST",
    headers: { "content-type": "application/sdp" },
    body: offer(),
  });
  assert.equal(whep.status, 201);

  // Not as anybody else.
  assert.match(await refused(another.path, own, 403, "forbidden"), /another session/);
  await refused("/v1/sessions", own, 403, "forbidden");
  await refused("/v1/recordings", own, 403, "forbidden");
  const now = Math.floor(Date.now() / 1_000);
  const claims = { sub: made.id, scope: "session", iat: now - 900, exp: now - 300 };
  assert.match(await refused(made.path, bearer(token(SECRET, claims)), 401, "unauthorized"), /expired/);
  const valid = { ...claims, exp: now + 300 };
  assert.equal((await server.fetch(made.path, { headers: bearer(token(SECRET, valid)) })).status, 200);
  const foreign = token("another-secret-of-session-tokens-000", valid);
  await refused(made.path, bearer(foreign), 401, "unauthorized");
  await refused(made.path, bearer(`${made.made.token}x`), 401, "unauthorized");

  await member.close();
  await events.untilEnd();
  const recording = await member.recorded();
  assert.equal(recording.state, "ready");
  const video = `/v1/recordings/${made.id}/video.mp4`;
  await refused(video, {}, 401, "unauthorized");
  await refused(video, bearer(another.made.token), 403, "forbidden");
  assert.equal((await server.fetch(`${video}?token=${renewed.token}`)).status, 200);
  await another.close();
});

test("a voice behind a service speaks, with its key", async () => {
  const session = await server.open({ voice: "far", width: 128, height: 128 }, bearer(KEY));
  const events = await session.events();
  const turn = await session.speak("It costs $5.");
  const ended = await events.until("speak_ended", { turn });
  assert.equal(ended.heard_text, "It costs $5.");
  assert.equal(asked[0].url, "/v1/audio/speech");
  assert.equal(asked[0].key, `Bearer ${SERVICE_KEY}`);
  assert.deepEqual([asked[0].model, asked[0].voice, asked[0].response_format], ["tts-1", "alloy", "pcm"]);
  assert.match(asked[0].input, /^It costs .*5/);
  await session.finish();
  const [started] = events.of("speak_started");
  const heard = await sound(join(server.recordings, `${session.id}.mp4`));
  const levels = (samples) => levelsOf(samples, 48_000).map(([, value]) => value);
  const wanted = levels(bursts(48_000));
  const part = levels(heard.subarray(started.at_ms * 48));
  // The silence around what a service sends may be cut.
  const scores = Array.from({ length: 40 }, (_, shift) =>
    correlation(wanted.slice(40), part.slice(shift, shift + wanted.length - 40)),
  );
  assert.ok(Math.max(...scores) > 0.9, `${Math.max(...scores)}`);
});

test("a service that fails ends the turn, not the session", async () => {
  service.close();
  service.closeAllConnections();
  const session = await server.open({ voice: "far", record: false }, bearer(KEY));
  const events = await session.events();
  const turn = await session.speak("Nobody answers.");
  const error = await events.until("error", { turn });
  assert.equal(error.code, "voice_failed");
  await events.until("speak_ended", { turn });
  const next = await session.speak("Still here.", { voice: "joe" });
  assert.equal((await events.until("speak_ended", { turn: next })).heard_text, "Still here.");
  await session.close();
});

test("the log holds no key, no secret and no token", async () => {
  const log = server.log();
  assert.match(log, /session/i, "there is a log");
  for (const secret of [KEY, OTHER_KEY, WRONG_KEY, SECRET, SERVICE_KEY]) {
    assert.ok(!log.includes(secret), secret);
  }
  // All tokens begin with the same header.
  assert.doesNotMatch(log, /eyJ[\w-]{10,}\.[\w-]{10,}/);
});
