import assert from "node:assert/strict";
import { test } from "node:test";
import { CAP_MS, setStage } from "../support/stage.js";
import { SENTENCE, STORY } from "../support/texts.js";
import { speech } from "../support/speech.js";
import {
  checkHeard,
  checkInterrupted,
  checkInTime,
  checkMouth,
  checkOnce,
  checkPictures,
  spoken,
} from "../support/verdict.js";

const SECOND = 25;
/** Rate of the sound that the SDK cuts into pieces, Hz. */
const RATE = 24_000;
/** `video_settings.quality: "medium"` of the LiveAvatar API. */
const MEDIUM = { width: 854, height: 480 };
const HIGH = { width: 1_280, height: 720 };

const STARTED = "avatar.speak_started";
const ENDED = "avatar.speak_ended";
/** What is done and told in a session: one speech that ends, and one that is cut. */
const COURSE = ["first", STARTED, ENDED, "second", STARTED, "interrupt", ENDED];

const stage = setStage("liveavatar-web-sdk", { browser: [] });

/** Opens the page and starts a session in it. */
async function started(wanted, config = {}) {
  const { session_token: token, session_id: id } = await stage.server.liveAvatarToken(wanted);
  const client = await stage.openClient("liveavatar-web-sdk");
  const session = await client.call("start", token, { apiUrl: stage.server.url, ...config });
  assert.equal(session.id, id);
  assert.equal(session.mode, wanted.mode);
  await client.until("session.stream_ready");
  await client.pictures(SECOND);
  await client.watch();
  await client.pictures(SECOND);
  return client;
}

/** Ends the session as an application does; the server must be free of it. */
async function stopped(client) {
  await client.call("keepAlive");
  await client.call("stop");
  const { data: reason } = await client.until("session.disconnected");
  assert.equal(reason, "CLIENT_INITIATED");
  await stage.server.untilFree();
  assert.deepEqual(client.page.faults, []);
}

test("LITE: pushed sound is spoken, told, cut and stopped", { timeout: CAP_MS }, async () => {
  const client = await started({ mode: "LITE", video_settings: { quality: "high", encoding: "H264" } });
  const sound = speech(RATE);
  await client.mark("first");
  await client.call("repeatAudio", sound.toString("base64"));
  await client.until(ENDED);
  await client.pictures(SECOND);
  await client.mark("second");
  await client.call("repeatAudio", speech(RATE, 7_000).toString("base64"));
  await client.until(STARTED, 2);
  await client.pictures(SECOND);
  await client.mark("interrupt");
  await client.call("interrupt");
  await client.until(ENDED, 2);
  await client.pictures(2 * SECOND);
  const seen = await client.watched();

  checkPictures(seen, HIGH);
  const [one, begin, end, two, , interrupt] = checkOnce(seen.notes, COURSE);
  const heard = checkHeard(seen, sound, RATE, { from: one.at, to: two.at });
  checkInTime({ started: begin, ended: end }, heard);
  checkMouth(seen, heard, { begin: seen.frames[0].at, end: one.at });
  checkInterrupted(seen, interrupt.at, seen.levels.at(-1)[0]);
  await stopped(client);
});

test("FULL: text is spoken, told, cut and stopped, with an open microphone", { timeout: CAP_MS }, async () => {
  const client = await started(
    { mode: "FULL", video_settings: { quality: "medium" }, avatar_persona: { language: "en" } },
    { voiceChat: true },
  );
  await client.mark("first");
  await client.call("repeat", SENTENCE);
  await client.until(ENDED);
  await client.pictures(SECOND);
  await client.mark("second");
  await client.call("repeat", STORY);
  await client.until(STARTED, 2);
  await client.pictures(2 * SECOND);
  await client.mark("interrupt");
  await client.call("interrupt");
  await client.until(ENDED, 2);
  await client.pictures(2 * SECOND);
  const seen = await client.watched();

  checkPictures(seen, MEDIUM);
  const [one, begin, end, two, , interrupt] = checkOnce(seen.notes, COURSE);
  const [heard, ...more] = spoken(seen, { from: one.at, to: two.at });
  assert.equal(more.length, 0, "one stretch of speech");
  checkInTime({ started: begin, ended: end }, heard);
  checkMouth(seen, heard, { begin: seen.frames[0].at, end: one.at });
  const texts = seen.notes.filter(({ name }) => name === "avatar.transcription");
  assert.equal(texts[0]?.data.text, SENTENCE, "what it said is told as text");
  checkInterrupted(seen, interrupt.at, seen.levels.at(-1)[0]);
  await stopped(client);
});

test("FULL: a session that ends by itself says so before its room is gone", { timeout: CAP_MS }, async () => {
  const client = await started({ mode: "FULL", max_session_duration: 8 });
  const { data: reason } = await client.until("session.disconnected");
  assert.equal(reason, "SERVER_INITIATED", "what the SDK makes of session.stopped");
  await stage.server.untilFree();
  assert.deepEqual(client.page.faults, []);
});

test("a wrong key, a used token and a second start are refused in the vendor's words", { timeout: CAP_MS }, async () => {
  const { server } = stage;
  const refused = await fetch(`${server.url}/v1/sessions/token`, {
    method: "POST",
    headers: { "x-api-key": "not-a-key-of-this-server", "content-type": "application/json" },
    body: JSON.stringify({ mode: "LITE", avatar_id: "leo" }),
  });
  assert.equal(refused.status, 401);
  const answer = await refused.json();
  assert.equal(typeof answer.code, "number");
  assert.equal(typeof answer.message, "string");

  const client = await stage.openClient("liveavatar-web-sdk");
  await assert.rejects(client.call("start", "not.a.token", { apiUrl: server.url }));
  const { data: reason } = await client.until("session.disconnected");
  assert.equal(reason, "SESSION_START_FAILED");
});
