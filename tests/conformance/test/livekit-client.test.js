import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CAP_MS, setStage } from "../support/stage.js";
import { SPEECH_MS, speech } from "../support/speech.js";
import { checkHeard, checkMouth, checkPictures } from "../support/verdict.js";

const SECOND = 25;
const RATE = 24_000;
const HIGH = { width: 1_280, height: 720 };

const stage = setStage("livekit-client", { browser: [] });

/** Joins the room of a new session and has it speak; returns what was seen of it. */
async function joined(options) {
  const session = await stage.server.lite({ video_settings: { quality: "high" } });
  const client = await stage.openClient("livekit-client");
  const room = await client.call("connect", session.livekit_url, session.livekit_client_token, options);
  assert.equal(room.name, session.session_id);
  assert.deepEqual(room.others.map(({ identity }) => identity), ["heygen"]);
  await client.until("subscribed video");
  await client.until("subscribed audio");
  await client.pictures(SECOND);
  return { session, client };
}

async function watchSpeech({ session, client }) {
  await client.watch();
  await client.pictures(SECOND);
  const { at: from } = await client.mark("push");
  await stage.server.push(session.session_id, speech(RATE), RATE);
  await client.pictures((SECOND * (SPEECH_MS + 1_500)) / 1_000);
  const seen = await client.watched();
  checkPictures(seen, HIGH);
  const heard = checkHeard(seen, speech(RATE), RATE, { from });
  checkMouth(seen, heard, { begin: seen.frames[0].at, end: from });
}

async function left({ session, client }) {
  await client.call("leave");
  await stage.server.untilUnwatched();
  await stage.server.end(session.session_id);
  await stage.server.untilFree();
  assert.deepEqual(client.page.faults, []);
}

describe("livekit-client", () => {
  for (const [path, options] of [
    ["one peer connection (/rtc/v1)", {}],
    ["two peer connections (/rtc)", { singlePeerConnection: false }],
  ]) {
    test(`${path}: sees, hears, speaks, sends and leaves`, { timeout: CAP_MS }, async () => {
      const there = await joined(options);
      const { session, client } = there;
      await watchSpeech(there);

      const microphone = await client.call("speak");
      assert.match(microphone, /^TR/);
      // Chromium's fake microphone beeps every second.
      await told(session.session_id, "user_speak_started");
      await client.call("mute");
      const rpc = await client.call("rpc", "heygen", "no-such-method", "");
      assert.equal(rpc.code, 1_400, `an unknown method is refused as such: ${JSON.stringify(rpc)}`);
      await left(there);
    });
  }

  test("resumes when its signalling is lost, and joins again when all is lost", { timeout: CAP_MS }, async () => {
    const there = await joined({});
    const { client } = there;
    await client.call("loseSignal");
    await client.until("reconnected");
    await client.pictures(SECOND);
    await watchSpeech(there);
    await client.call("loseAll");
    await client.until("reconnected", 2);
    await client.until("subscribed video", 2);
    await client.pictures(SECOND);
    assert.ok(await client.call("connected"));
    await left(there);
  });

  test("is told when the session ends", { timeout: CAP_MS }, async () => {
    const { session, client } = await joined({});
    await stage.server.end(session.session_id);
    const { reason } = await client.until("disconnected");
    assert.equal(reason, ROOM_DELETED, "the reason of the server");
    await stage.server.untilFree();
  });
});

/** `DisconnectReason.ROOM_DELETED` of LiveKit's protocol. */
const ROOM_DELETED = 5;

/** Waits until the session has told of something. */
async function told(id, type) {
  for (const end = Date.now() + CAP_MS / 4; Date.now() < end; ) {
    const events = await stage.server.events(id);
    if (events.some((event) => event.type === type)) return;
  }
  throw new Error(`the session has not told of ${type}`);
}
