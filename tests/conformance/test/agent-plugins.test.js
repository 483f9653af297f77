import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runPython } from "../support/python.js";
import { API_KEY, CAP_MS, LIVEKIT, LONG, setStage } from "../support/stage.js";
import { speech } from "../support/speech.js";
import {
  checkHeard,
  checkInterrupted,
  checkInTime,
  checkMouth,
  checkOnce,
  checkPictures,
} from "../support/verdict.js";

const RATE = 24_000;
/** A position that is told may differ from the length of what was said by two pieces, s. */
const POSITION_S = 0.25;

/** How long an avatar waits for an agent that has left to come back, and some. */
const AGENT_GONE_MS = 30_000;

const stage = setStage("agent-plugins");

/**
 * Plugins, whether they learn from the avatar when it begins (others only assume it), and whether
 * they are left out of the short form: those that differ from another by the first request alone.
 */
const PLUGINS = [
  ["liveavatar", true, false],
  ["bey", false, false],
  ["anam", true, false],
  ["simli", false, LONG],
  ["did", false, LONG],
  ["tavus", false, LONG],
  ["keyframe", true, LONG],
  ["lemonslice", true, LONG],
];

describe("LiveKit agents 1.8.9", () => {
  for (const [plugin, told, skip] of PLUGINS) {
    const name = `livekit-plugins-${plugin} brings an avatar that speaks, tells and is cut`;
    test(name, { timeout: CAP_MS, skip }, async () => {
      const { server } = stage;
      const [first, second] = [speech(RATE), speech(RATE, 7_600)];
      const seen = await runPython("agents", "plugin.py", {
        plugin,
        server: server.url,
        key: API_KEY,
        livekit: LIVEKIT,
        // Our own rooms stand in for the LiveKit server of the plugin's user.
        url: `ws://${server.host}`,
        room: `room-of-${plugin}`,
        first: first.toString("base64"),
        second: second.toString("base64"),
      });

      const names = ["first", "started", "finished", "second", "started", "interrupt", "interrupted", "end"];
      const [one, started, finished, two, , interrupt, cut] = checkOnce(seen.notes, names);
      checkPictures(seen, sizeOf(seen));
      const heard = checkHeard(seen, first, RATE, { from: one.at, to: two.at });
      checkInTime({ started: told ? started : { at: heard.begin }, ended: finished }, heard);
      checkMouth(seen, heard, { begin: seen.frames[0].at, end: one.at });
      const length = first.length / 2 / RATE;
      assert.ok(Math.abs(finished.position - length) < POSITION_S, `finished at ${finished.position} s`);
      // This plugin tells how much it has pushed, the others what the avatar says was heard.
      if (plugin !== "liveavatar") assert.ok(cut.position < length, `cut at ${cut.position} s`);
      checkInterrupted(seen, interrupt.at, seen.levels.at(-1)[0]);

      const { tracks } = seen.notes.find(({ name }) => name === "avatar joined");
      assert.deepEqual(tracks, ["KIND_AUDIO", "KIND_VIDEO"], "what it publishes in the agent's room");
    });
  }

  test("the avatars have left with their agents, and their sessions are over", { timeout: CAP_MS }, () =>
    stage.server.untilFree(AGENT_GONE_MS),
  );
});

/** Plugins do not ask for a size: whatever it is, it is one, and has square pixels. */
function sizeOf({ frames }) {
  const { width, height } = frames.at(-1);
  assert.ok(width >= 512 && height >= 360, `${width}x${height}`);
  return { width, height };
}
