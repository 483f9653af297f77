import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AUDIBLE } from "../../browser/support/analysis.js";
import { CAP_MS, roomToken, setStage } from "../support/stage.js";
import { checkSteady } from "../support/verdict.js";
import { watchSpeech } from "../support/watch.js";

const SECOND = 25;
const HIGH = { width: 1_280, height: 720 };
/** How often a camera is published: its client begins a section of its description each time. */
const TIMES = 12;

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
      await watchSpeech(stage.server, client, session.session_id, HIGH);

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
    const { session, client } = there;
    await client.call("loseSignal");
    await client.until("reconnected");
    await client.pictures(SECOND);
    await watchSpeech(stage.server, client, session.session_id, HIGH);
    await client.call("loseAll");
    await client.until("reconnected", 2);
    await client.until("subscribed video", 2);
    await client.pictures(SECOND);
    assert.ok(await client.call("connected"));
    await left(there);
  });

  for (const [path, options] of [
    ["one peer connection", {}],
    ["two peer connections", { singlePeerConnection: false }],
  ]) {
    test(`guests see and hear each other: ${path}`, { timeout: CAP_MS }, async () => {
      const url = `ws://${stage.server.host}`;
      const name = `guests-${path.split(" ")[0]}`;
      const enter = async (identity) => {
        const client = await stage.openClient("livekit-client");
        await client.call("connect", url, roomToken(name, identity), options);
        return client;
      };
      const [anna, bob] = [await enter("anna"), await enter("bob")];
      assert.match(await anna.call("film"), /^TR/);
      assert.match(await anna.call("speak"), /^TR/);
      const { identity } = await bob.until("subscribed video");
      assert.equal(identity, "anna");
      await bob.until("subscribed audio");
      await bob.pictures(SECOND);
      await bob.watch();
      // Chromium's fake microphone beeps every second, and its fake camera moves all the time.
      await bob.pictures(3 * SECOND);
      const seen = await bob.watched();
      const { width, height } = seen.frames.at(-1);
      assert.ok(width >= 320 && height >= 180, `${width}x${height}`);
      checkSteady(seen, SECOND);
      assert.ok(Math.max(...seen.levels.map(([, rms]) => rms)) > AUDIBLE, "the beeps are heard");

      // One who comes later sees what was there before.
      const carl = await enter("carl");
      await carl.until("subscribed video");
      await carl.pictures(SECOND);

      await anna.call("mute");
      await bob.until("muted audio");
      await anna.call("leave");
      await bob.until("unsubscribed video");
      for (const client of [anna, bob, carl]) assert.deepEqual(client.page.faults, []);
      await Promise.all([bob.call("leave"), carl.call("leave")]);
    });
  }

  for (const [path, options] of [
    ["one peer connection", {}],
    ["two peer connections", { singlePeerConnection: false }],
  ]) {
    test(`a camera that comes and goes is seen each time: ${path}`, { timeout: CAP_MS }, async () => {
      const url = `ws://${stage.server.host}`;
      const name = `comes-and-goes-${path.split(" ")[0]}`;
      const enter = async (identity) => {
        const client = await stage.openClient("livekit-client");
        await client.call("connect", url, roomToken(name, identity), options);
        return client;
      };
      const [anna, bob] = [await enter("anna"), await enter("bob")];
      for (let time = 1; time <= TIMES; time++) {
        await anna.call("film");
        await bob.until("subscribed video", time);
        await bob.pictures(SECOND / 5);
        await anna.call("cover");
        await bob.until("unsubscribed video", time);
      }
      for (const client of [anna, bob]) {
        assert.deepEqual(client.page.faults, []);
        const names = (await client.notes()).map(({ name }) => name);
        assert.ok(!names.includes("reconnecting") && !names.includes("disconnected"), names.join(", "));
      }
      await Promise.all([anna.call("leave"), bob.call("leave")]);
    });
  }

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
