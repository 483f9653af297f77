import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import {
  sessionOf,
  startBrowser,
  untilEvent,
  untilFrames,
  untilLive,
  watch,
  watched,
} from "../support/browser.js";
import { setStage } from "../support/stage.js";
import { settle } from "../support/text.js";

const SECOND = 25;
const SENTENCE = "Two people are looking at me, and both of them see the very same thing.";

describe("viewers", () => {
  const stage = setStage();

  const viewersOf = async (id) => (await stage.server.api("GET", `/v1/sessions/${id}/stats`)).viewers;

  test("two viewers see the same; one that vanishes is freed and the other goes on", async (t) => {
    // A browser of its own for each: one paints only the tab in front at full rate.
    const other = await startBrowser();
    t.after(() => other.stop());
    const first = await stage.browser.open(stage.server.url);
    await untilLive(first);
    const { id, token } = await sessionOf(first);
    const second = await other.open(`${stage.server.url}/#session=${id}&token=${token}`);
    await untilLive(second);
    await untilFrames(second, SECOND);
    assert.equal((await viewersOf(id)).length, 2);

    await Promise.all([watch(first), watch(second)]);
    await first.fill("#text", SENTENCE);
    await first.press("#text", "Enter");
    await Promise.all([first, second].map((page) => untilEvent(page, "speak_ended")));
    const [one, two] = await Promise.all([watched(first), watched(second)]);

    // One encoding for both: the decoded pictures are the same bytes. A browser may leave out a
    // few on a busy machine, each page others.
    const hashes = ({ frames }) => frames.map(({ pixels }) => createHash("sha1").update(pixels).digest("hex"));
    const seen = new Set(hashes(one));
    const common = hashes(two).filter((hash) => seen.has(hash)).length;
    assert.ok(common > 0.6 * two.frames.length, `${common} of ${two.frames.length} pictures are the same`);
    for (const { levels } of [one, two]) {
      assert.ok(Math.max(...levels.map(([, rms]) => rms)) > 0.05, "both hear it");
    }
    const captions = await Promise.all([first, second].map((page) => page.textContent("#captions .caption")));
    assert.equal(captions[0], captions[1]);

    // Its process dies: no goodbye of any kind reaches the server.
    await second.goto("chrome://crash").catch(() => undefined);
    const left = await settle(async () => {
      const viewers = await viewersOf(id);
      return viewers.length === 1 ? viewers : undefined;
    });
    assert.equal(left[0].state, "connected");
    await untilEvent(first, "viewer_left", { reason: "vanished" });
    await first.fill("#text", "Still here.");
    await first.press("#text", "Enter");
    await untilEvent(first, "word", { text: "Still" });
    await untilFrames(first, SECOND);
    assert.deepEqual(first.faults, []);
    await first.close();
  });
});
