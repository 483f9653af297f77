import assert from "node:assert/strict";
import { test } from "node:test";
import { API_KEY, CAP_MS, setStage } from "../support/stage.js";
import { speech } from "../support/speech.js";
import { checkHeard, checkInTime, checkMouth, checkOnce, checkPictures } from "../support/verdict.js";

const SECOND = 25;
const RATE = 24_000;
const STARTED = "botStartedSpeaking";
const STOPPED = "botStoppedSpeaking";

const stage = setStage("small-webrtc", { browser: [] });

test("@pipecat-ai/small-webrtc-transport sees, hears and is told", { timeout: CAP_MS }, async () => {
  const { server } = stage;
  const { id } = await server.api("POST", "/v1/sessions", { avatar: "leo" });
  const client = await stage.openClient("small-webrtc");
  const headers = { "x-api-key": API_KEY };
  await client.call("connect", `${server.url}/api/offer`, headers, { session_id: id });
  await client.until("track video");
  await client.pictures(SECOND);
  await client.watch();
  await client.pictures(SECOND);
  const { at: from } = await client.mark("push");
  await server.push(id, speech(RATE), RATE);
  await client.until(STOPPED);
  await client.pictures((SECOND * 1_500) / 1_000);
  const seen = await client.watched();

  checkPictures(seen, { width: 512, height: 512 });
  const heard = checkHeard(seen, speech(RATE), RATE, { from });
  checkMouth(seen, heard, { begin: seen.frames[0].at, end: from });
  const [, started, ended] = checkOnce(seen.notes, ["push", STARTED, STOPPED]);
  checkInTime({ started, ended }, heard);
  await client.call("stop");
  await server.untilUnwatched();
  await server.end(id);
  await server.untilFree();
  assert.deepEqual(client.page.faults, []);
});
