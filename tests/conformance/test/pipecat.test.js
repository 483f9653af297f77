import { describe, test } from "node:test";
import { runPython } from "../support/python.js";
import { API_KEY, CAP_MS, setStage } from "../support/stage.js";
import { speech } from "../support/speech.js";
import { checkHeard, checkInterrupted, checkMouth, checkPictures } from "../support/verdict.js";

const RATE = 24_000;

const stage = setStage("pipecat");

describe("pipecat-ai 1.14.0 HeyGenVideoService", () => {
  for (const [type, size] of [
    ["LIVE_AVATAR", { width: 1_280, height: 720 }],
    ["INTERACTIVE_AVATAR", { width: 854, height: 480 }],
  ]) {
    test(`${type}: a voice in, picture and sound out, cut by the user`, { timeout: CAP_MS }, async () => {
      const { server } = stage;
      const first = speech(RATE);
      const seen = await runPython("pipecat", "pipecat_heygen.py", {
        type,
        server: server.url,
        key: API_KEY,
        first: first.toString("base64"),
        second: speech(RATE, 7_600).toString("base64"),
      });
      const [one, two, interrupt, end] = seen.notes;
      checkPictures(seen, size);
      const heard = checkHeard(seen, first, RATE, { from: one.at, to: two.at });
      checkMouth(seen, heard, { begin: seen.frames[0].at, end: one.at });
      checkInterrupted(seen, interrupt.at, end.at);
      await server.untilFree();
    });
  }
});
