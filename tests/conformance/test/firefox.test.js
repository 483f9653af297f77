import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_FIREFOX, openAddressInFirefox, openInFirefox } from "../support/firefox.js";
import { SPEECH_MS, speech } from "../support/speech.js";
import { API_KEY, CAP_MS, setStage } from "../support/stage.js";

const RATE = 24_000;
/** `SubscriptionError.SE_CODEC_UNSUPPORTED` of LiveKit's protocol. */
const CODEC_UNSUPPORTED = 1;
/** The energy of sound that was received (`totalAudioEnergy`) which is more than silence. */
const SPOKEN = 0.001;

// It pairs no addresses of the loopback interface alone.
const stage = setStage("firefox", { settings: { VISAVIS_MEDIA_LISTEN: "0.0.0.0:0" } });

/**
 * Firefox has H.264 by a plugin that it downloads when it first runs. Without it (as here, where
 * nothing is downloaded) there are no pictures, and that is what the client is told.
 */
test("livekit-client in Firefox hears, speaks, sends, and is told what it cannot decode", {
  timeout: CAP_MS,
  skip: NO_FIREFOX,
}, async (t) => {
  const { server } = stage;
  const session = await server.lite();
  const { client, stop } = await openInFirefox("livekit-client");
  t.after(stop);
  const room = await client.call("connect", session.livekit_url, session.livekit_client_token);
  assert.deepEqual(room.others.map(({ identity }) => identity), ["heygen"]);
  await client.until("subscribed audio");
  const { identity, reason } = await client.until("subscription failed");
  assert.deepEqual({ identity, reason }, { identity: "heygen", reason: CODEC_UNSUPPORTED });

  const before = await client.call("energy", "heygen");
  await server.push(session.session_id, speech(RATE), RATE);
  await new Promise((resolve) => setTimeout(resolve, SPEECH_MS));
  const after = await client.call("energy", "heygen");
  assert.ok(after > before + SPOKEN, `the speech is heard: energy ${before} before and ${after} after`);

  assert.match(await client.call("speak"), /^TR/);
  const events = async () => (await server.events(session.session_id)).map(({ type }) => type);
  while (!(await events()).includes("user_speak_started")) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const rpc = await client.call("rpc", "heygen", "no-such-method", "");
  assert.equal(rpc.code, 1_400, JSON.stringify(rpc));
  await client.call("leave");
  await server.untilUnwatched();
  await server.end(session.session_id);
});

test("our start page in Firefox speaks, and says why it shows nothing", {
  timeout: CAP_MS,
  skip: NO_FIREFOX,
}, async (t) => {
  const { page, close } = await openAddressInFirefox(stage.server.url);
  t.after(close);
  const notice = (words) =>
    page.waitForFunction((part) => document.querySelector("#notice").innerText.includes(part), {}, words);
  await notice("asks for a key");
  await page.type("#notice input", API_KEY);
  await page.keyboard.press("Enter");
  await notice("cannot play the video");
  await notice("no H.264 decoder");
  assert.equal(await page.$eval("#status-text", (status) => status.innerText), "Sound only");

  await page.type("#text", "The quick brown fox jumps over the lazy dog.");
  await page.keyboard.press("Enter");
  await page.waitForFunction(async (energy) => {
    const stats = await window.peers.at(-1).getStats();
    const sound = [...stats.values()].find(({ type, kind }) => type === "inbound-rtp" && kind === "audio");
    return sound?.totalAudioEnergy > energy;
  }, {}, SPOKEN);
  const media = await page.$eval("#video", ({ paused, muted, srcObject }) => ({
    paused,
    muted,
    tracks: srcObject.getTracks().map(({ kind, readyState }) => [kind, readyState]),
  }));
  assert.deepEqual(media, { paused: false, muted: false, tracks: [["audio", "live"]] });
});
