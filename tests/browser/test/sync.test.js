import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { levelsOf, mouthLags, mouthOpening, quantile, soundOnsets } from "../support/analysis.js";
import {
  OUTPUT,
  sessionOf,
  untilEvent,
  untilFrames,
  untilLive,
  watch,
  watched,
} from "../support/browser.js";
import { pictures, sound } from "../support/media.js";
import { setStage } from "../support/stage.js";
import { settle } from "../support/text.js";
import { BURSTS, bursts } from "../support/voice.js";

const SECOND = 25;
const RATE = 24_000;
/**
 * In the file: a picture and a half either way. Lips may open a little ahead of a sound, and their
 * pictures are 40 ms apart.
 */
const FILE_MS = 60;
/**
 * How much Chromium's own buffers of sound and picture may add to what was sent. It aligns them
 * within 20 to 50 ms when at ease; a busy machine without a sound card is not.
 */
const BROWSER_MS = 120;

describe("sound and picture", () => {
  const stage = setStage();

  test("lips follow pushed sound in step, in the browser and in the recording", async () => {
    const page = await stage.browser.open(stage.server.url);
    await untilLive(page);
    const { id, token } = await sessionOf(page);
    // Chromium's buffers settle during the first seconds of a connection.
    await untilFrames(page, 5 * SECOND);
    await watch(page);
    await untilFrames(page, 2 * SECOND);
    const pushed = await fetch(`${stage.server.url}/v1/sessions/${id}/speak`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": `audio/pcm;rate=${RATE}` },
      body: bursts(RATE),
    });
    assert.equal(pushed.status, 202);
    const { turn } = await pushed.json();
    await untilEvent(page, "speak_ended", { turn });
    await untilFrames(page, SECOND);
    const { frames, side, levels } = await watched(page);
    const seenLag = lag(frames, side, levels);

    await page.close();
    await settle(async () => {
      const { state } = await stage.server.api("GET", `/v1/recordings/${id}`);
      return state === "ready" || undefined;
    });
    const path = join(OUTPUT, "sync.mp4");
    const response = await fetch(`${stage.server.url}/v1/recordings/${id}/video.mp4`);
    await writeFile(path, Buffer.from(await response.arrayBuffer()));
    const recordedLag = lag(await pictures(path, side), side, levelsOf(await sound(path), 48_000));

    console.log("mouth after sound, ms:", JSON.stringify({ browser: seenLag, recording: recordedLag }));
    // Most syllables must be seen for the medians to mean anything; the browser may lose a few.
    assert.ok(recordedLag.syllables >= 0.8 * BURSTS.length, "the recorded mouth follows the sound");
    assert.ok(seenLag.syllables >= 0.6 * BURSTS.length, "the seen mouth follows the sound");
    assert.ok(Math.abs(recordedLag.median) <= FILE_MS, `${recordedLag.median} ms in the recording`);
    const added = seenLag.median - recordedLag.median;
    assert.ok(Math.abs(added) <= BROWSER_MS, `the browser adds ${added} ms`);
  });
});

/** How much the mouth lags behind the sound; the rest is what it looks like before the first sound. */
function lag(frames, side, levels) {
  const first = levels.find(([, rms]) => rms > 0.01)[0];
  const calm = frames.filter(({ at }) => at < first - 200 && at > first - 2000);
  const lags = mouthLags(mouthOpening(frames, calm, side), soundOnsets(levels));
  const median = Math.round(quantile(lags, 0.5));
  return { median, from: Math.round(Math.min(...lags)), to: Math.round(Math.max(...lags)), syllables: lags.length };
}
