import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { AUDIBLE, mean, mouthMotion, mouthOpening, quantile } from "../support/analysis.js";
import {
  OUTPUT,
  sessionOf,
  shot,
  untilEvent,
  untilFrames,
  untilLive,
  watch,
  watched,
  eventsOf,
} from "../support/browser.js";
import { elsewhere } from "../support/elsewhere.js";
import { decodeAll, probe } from "../support/media.js";
import { setStage } from "../support/stage.js";
import { plain, settle } from "../support/text.js";

const SENTENCE = "Good evening! The quick brown fox jumps over the lazy dog.";
const LONG =
  "Let me tell you something about the sea. It is never quite still. Even on a calm day, long, " +
  "slow waves arrive from storms a thousand miles away, and the whole shore breathes with them. " +
  "Sailors used to say that the seventh wave is the largest, and that it never comes alone.";
/** RTP ticks of a picture at 25 per second. */
const TICKS = 90_000 / 25;
/** Pictures of a second. */
const SECOND = 25;

/** Sound levels between two times. */
const between = (levels, from, to) =>
  levels.filter(([at]) => at >= from && at < to).map(([, rms]) => rms);

/** From the first to the last moment with sound, by the page's clock. */
function heard(levels) {
  const audible = levels.filter(([, rms]) => rms > AUDIBLE);
  return { from: audible.at(0)?.[0], to: audible.at(-1)?.[0] };
}

/** How many pictures came to the screen, and how many 40 ms steps there were. */
function shownAndDue(frames) {
  const [first, last] = [frames[0], frames.at(-1)];
  return { shown: last.presented - first.presented, due: (last.rtp - first.rtp) / TICKS };
}

describe("start page", () => {
  const stage = setStage();

  test("a typed sentence is spoken: sound, moving lips, captions, receipt", async () => {
    const page = await stage.browser.open(stage.server.url);
    await untilLive(page);
    await shot(page, "live");
    await watch(page);
    await untilFrames(page, 2 * SECOND);
    await page.focus("#text");
    await page.keyboard.type(SENTENCE);
    await page.keyboard.press("Enter");
    await untilEvent(page, "word", { text: "fox" });
    await shot(page, "speaking");
    const ended = await untilEvent(page, "speak_ended");
    await untilFrames(page, 2 * SECOND);
    const { frames, side, levels, captions } = await watched(page);

    const { from, to } = heard(levels);
    assert.ok(to - from > 1500, `a sentence was heard (${to - from} ms)`);
    // Pictures lie on a grid of 40 ms. Speech has one at each place but for a few that a busy
    // machine leaves out. Silence has one where something moved, and at every fifth place.
    for (const [index, { rtp }] of frames.slice(1).entries()) {
      const places = (rtp - frames[index].rtp) / TICKS;
      assert.ok(Number.isInteger(places) && places > 0, `${places} places to the next picture`);
    }
    const talking = shownAndDue(frames.filter(({ at }) => at >= from && at <= to));
    const silent = shownAndDue(frames.filter(({ at }) => at < from - 200));
    console.log("pictures shown of those due:", JSON.stringify({ talking, silent }));
    assert.ok(talking.shown >= 0.8 * talking.due, "25 pictures per second of speech");
    assert.ok(silent.shown >= 0.18 * silent.due, "about 5 per second of silence, or more");

    const quiet = between(levels, levels[0][0], from - 100);
    assert.ok(Math.max(...quiet) < AUDIBLE, "silence before it");
    const loud = between(levels, from, to);
    assert.ok(quantile(loud, 0.9) > 10 * AUDIBLE, `loud enough (${quantile(loud, 0.9)})`);

    // The rest is what the mouth looks like before anything is said.
    const calm = frames.filter(({ at }) => at < from - 200);
    const motion = mouthMotion(frames, side);
    const opening = mouthOpening(frames, calm, side);
    const during = (series) => series.filter(({ at }) => at >= from && at <= to).map(({ value }) => value);
    const before_ = (series) => series.filter(({ at }) => at < from - 200).map(({ value }) => value);
    const afterwards = (series) => series.filter(({ at }) => at > to + 500).map(({ value }) => value);
    const figures = {
      motion: [before_, during, afterwards].map((part) => mean(part(motion)).toFixed(2)),
      opening: [before_, during, afterwards].map((part) => mean(part(opening)).toFixed(2)),
    };
    console.log("mouth before, during and after speech (grey levels):", JSON.stringify(figures));
    assert.ok(mean(during(motion)) > 3 * mean(before_(motion)), "it moves while it speaks");
    assert.ok(mean(during(motion)) > 3 * mean(afterwards(motion)), "it rests when it has spoken");
    assert.ok(mean(afterwards(opening)) < 0.5 * mean(during(opening)), "it is closed again");

    const words = (await eventsOf(page, "word")).map(({ text }) => text);
    assert.deepEqual(words.map(plain), SENTENCE.split(" ").map(plain));
    assert.equal(ended.interrupted, false);
    assert.equal(ended.heard_text.trim(), SENTENCE);
    const marked = captions.map(({ word }) => word).filter((word, i, all) => word && word !== all[i - 1]);
    assert.deepEqual(marked.map(plain), SENTENCE.split(" ").map(plain));

    await page.click("#panel summary");
    await page.waitForSelector('#receipt tr[data-stage="shown_ms"]');
    const stages = await page.$$eval("#receipt tbody tr", (rows) =>
      rows.map((row) => [row.dataset.stage, Number.parseInt(row.querySelector(".ms").textContent)]),
    );
    assert.deepEqual(
      stages.map(([stage]) => stage),
      [
        ...["first_timings_ms", "first_sample_ms", "first_controls_ms"],
        ...["first_picture_ms", "first_packet_ms", "shown_ms"],
      ],
    );
    const ms = Object.fromEntries(stages);
    assert.ok(ms.first_timings_ms <= ms.first_sample_ms, "timings come before sound");
    assert.ok(ms.first_sample_ms <= ms.first_packet_ms, "sound is made before it is sent");
    await page.waitForFunction(() => /[1-9].* per second/.test(document.querySelector("#connection").innerText));
    await shot(page, "panel", { fullPage: true });
    assert.deepEqual(page.faults, []);
    await page.close();
  });

  test("an interrupt stops the voice and the mouth", async () => {
    const page = await stage.browser.open(stage.server.url);
    await untilLive(page);
    await watch(page);
    await untilFrames(page, SECOND);
    await page.fill("#text", LONG);
    await page.press("#text", "Enter");
    await untilEvent(page, "word", { text: "still" });
    const pressed = await page.evaluate(() => performance.now());
    await page.keyboard.press("Escape");
    const ended = await untilEvent(page, "speak_ended");
    await untilFrames(page, 2 * SECOND);
    const { frames, side, levels } = await watched(page);

    assert.equal(ended.interrupted, true);
    assert.ok(LONG.startsWith(ended.heard_text.trim()), `“${ended.heard_text}” begins the text`);
    assert.ok(ended.heard_text.includes("never quite"), `“${ended.heard_text}” holds what was heard`);
    assert.ok(ended.heard_text.length < LONG.length / 2);
    const { from, to } = heard(levels);
    const end = levels.at(-1)[0];
    assert.ok(to - pressed < end - pressed - 1000, "silence holds to the end");
    const calm = frames.filter(({ at }) => at < from - 100);
    const opening = mouthOpening(frames, calm, side);
    const talking = opening.filter(({ at }) => at >= from && at <= to).map(({ value }) => value);
    const settled = opening.filter(({ at }) => at > to + 500).map(({ value }) => value);
    assert.ok(mean(settled) < 0.5 * mean(talking), `${mean(settled)} after ${mean(talking)}`);
    assert.equal(await page.isDisabled("#interrupt"), true);
    await shot(page, "interrupted");

    // And it goes on with the next text.
    await page.fill("#text", "Where were we?");
    await page.press("#text", "Enter");
    await untilEvent(page, "speak_ended", { interrupted: false });
    assert.deepEqual(page.faults, []);
    await page.close();
  });

  test("the MP4 plays while it is recorded and after it is finished", async () => {
    const page = await stage.browser.open(stage.server.url);
    await untilLive(page);
    await page.fill("#text", SENTENCE);
    await page.press("#text", "Enter");
    await untilEvent(page, "speak_ended");
    const { id } = await sessionOf(page);
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
    const early = join(OUTPUT, "while-recording.mp4");
    await download.saveAs(early);
    assert.equal(await decodeAll(early), "", "the part so far decodes");
    await page.close();

    // Leaving the page ends its session.
    const finished = await settle(async () => {
      const recording = await stage.server.api("GET", `/v1/recordings/${id}`);
      return recording.state === "ready" ? recording : undefined;
    });
    const response = await fetch(`${stage.server.url}/v1/recordings/${id}/video.mp4`);
    const path = join(OUTPUT, "recording.mp4");
    await writeFile(path, Buffer.from(await response.arrayBuffer()));
    const file = await probe(path);
    assert.equal(file.complaints, "");
    assert.equal(await decodeAll(path), "");
    assert.equal(file.video.codec_name, "h264");
    assert.equal(file.audio.codec_name, "opus");
    const seconds = Number(file.format.duration);
    assert.ok(Math.abs(seconds - finished.duration_ms / 1000) < 0.1, `${seconds} s`);
    // Every 40 ms a picture, none twice, none left out but those that the server skipped.
    const pictures = Number(file.video.nb_read_packets);
    assert.ok(pictures <= Math.ceil(seconds * 25) + 1 && pictures >= 0.8 * seconds * 25);
    // The index comes first, so that a browser can seek at once.
    const head = (await readFile(path)).subarray(0, 4096).toString("latin1");
    assert.ok(head.includes("moov"), "the index is at the start");

    const player = await stage.browser.open(stage.server.url);
    const played = await player.evaluate(async (source) => {
      const video = Object.assign(document.createElement("video"), { src: source, muted: true });
      document.body.append(video);
      const once = (type) =>
        new Promise((resolve, reject) => {
          video.addEventListener(type, resolve, { once: true });
          video.addEventListener("error", () => reject(new Error(video.error?.message)), { once: true });
        });
      await once("loadedmetadata");
      const { duration } = video;
      await video.play();
      await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
      video.currentTime = duration / 2;
      await once("seeked");
      const middle = video.currentTime;
      video.currentTime = Math.max(0, duration - 0.5);
      await once("seeked");
      await video.play().catch(() => undefined);
      if (!video.ended) await once("ended");
      return {
        duration,
        middle,
        width: video.videoWidth,
        soundBytes: video.webkitAudioDecodedByteCount,
      };
    }, `/v1/recordings/${id}/video.mp4`);
    assert.ok(Math.abs(played.duration - seconds) < 0.1, `${played.duration} s in the browser`);
    assert.ok(Math.abs(played.middle - played.duration / 2) < 0.1, "seeking works");
    assert.equal(played.width, 512);
    assert.ok(played.soundBytes > 0, "sound is decoded");
    await player.close();
  });

  test("the element speaks in any page, from another origin", async (t) => {
    const site = await elsewhere(
      `<!doctype html><script type="module" src="${stage.server.url}/visavis-avatar.js"></script>
       <visavis-avatar server="${stage.server.url}" captions></visavis-avatar>`,
    );
    t.after(() => site.stop());
    const page = await stage.browser.open(site.url);
    const heardText = await page.evaluate(async () => {
      await customElements.whenDefined("visavis-avatar");
      const avatar = document.querySelector("visavis-avatar");
      const words = [];
      avatar.addEventListener("word", ({ detail }) => words.push(detail.text));
      async function* tokens() {
        for (const token of ["Good ", "even", "ing, ", "friend."]) {
          await new Promise((resolve) => setTimeout(resolve, 30));
          yield token;
        }
      }
      const { ended } = await avatar.speak(tokens());
      const { heard_text, interrupted } = await ended;
      return { heard_text, interrupted, words, state: avatar.session.state };
    });
    assert.equal(heardText.heard_text.trim(), "Good evening, friend.");
    assert.equal(heardText.interrupted, false);
    assert.deepEqual(heardText.words.map(plain), ["good", "evening", "friend"]);
    await page.locator("visavis-avatar").screenshot({ path: join(OUTPUT, "element.png") });
    await page.evaluate(() => document.querySelector("visavis-avatar").remove());
    await settle(async () => {
      const { sessions } = await stage.server.api("GET", "/v1/sessions");
      return sessions.every(({ state }) => state !== "open") || undefined;
    });
    assert.deepEqual(page.faults, []);
    await page.close();
  });
});
