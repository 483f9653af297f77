import assert from "node:assert/strict";
import { test } from "node:test";
import { CAP_MS, setStage } from "../support/stage.js";
import { SPEECH_MS, speech } from "../support/speech.js";
import { checkHeard, checkMouth, checkPictures } from "../support/verdict.js";

const SECOND = 25;
const RATE = 24_000;

const stage = setStage("whep-player", { browser: [] });

test("@eyevinn/webrtc-player plays a session over WHEP", { timeout: CAP_MS }, async () => {
  const { server } = stage;
  const { id, token, urls } = await server.api("POST", "/v1/sessions", { avatar: "leo" });
  const client = await stage.openClient("whep-player");
  await client.call("play", new URL(urls.whep, server.url).href, `Bearer ${token}`);
  await client.pictures(SECOND);
  await client.watch();
  await client.pictures(SECOND);
  const { at: from } = await client.mark("push");
  await server.push(id, speech(RATE), RATE);
  await client.pictures((SECOND * (SPEECH_MS + 1_500)) / 1_000);
  const seen = await client.watched();

  checkPictures(seen, { width: 512, height: 512 });
  const heard = checkHeard(seen, speech(RATE), RATE, { from });
  checkMouth(seen, heard, { begin: seen.frames[0].at, end: heard.begin - 150 });
  assert.deepEqual(seen.notes.map(({ name }) => name), ["play", "playing", "push"], "no complaint of the player");

  await client.call("stop");
  await server.untilUnwatched();
  await server.end(id);
  await server.untilFree();
});
