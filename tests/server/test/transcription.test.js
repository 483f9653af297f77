/** What can be heard in the videos is what was to be said: written down by a speech recogniser. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { MODELS, temporaryFolder, visavis } from "../support/command.js";
import { startServer } from "../support/server.js";
import { distance, spoken } from "../support/spoken.js";

const TRANSCRIBER = fileURLToPath(new URL("../support/transcribe.py", import.meta.url));
/** Share of words that may be wrong over the whole set; the recogniser has a few of its own. */
const MOST_WRONG = 0.12;

/** Text and, where it is not read as it is written, how it is to be read. */
const SENTENCES = [
  ["Thanks for calling, I can help you reset your password right now."],
  ["The meeting is at 5:30 on Tuesday, and it costs $50.", "the meeting is at five thirty on tuesday and it costs fifty dollars"],
  ["We ship to **twelve** countries, so your package should arrive by [Friday](https://example.org/x)."],
  ["About 25% of 1,200 people agreed in 1999.", "about twenty five percent of one thousand two hundred people agreed in nineteen ninety nine"],
  ["Please read more on example.com, or call Dr. Smith on March 3rd.", "please read more on example dot com or call doctor smith on march third"],
];

/** The words that are heard in files. */
async function transcribe(...paths) {
  const model = join(MODELS, "weights", "whisper-tiny-en");
  const { stdout } = await promisify(execFile)("python3", [TRANSCRIBER, model, ...paths]);
  return stdout.trim().split("\n").map((line) => spoken(JSON.parse(line)));
}

function checkHeard(heard) {
  let wrong = 0;
  let all = 0;
  const lines = SENTENCES.slice(0, heard.length).map(([text, read], at) => {
    const wanted = spoken(read ?? text.replace(/\(.*?\)/g, ""));
    const errors = distance(wanted, heard[at]);
    wrong += errors;
    all += wanted.length;
    return `${errors} wrong: ${heard[at].join(" ")}`;
  });
  assert.ok(wrong / all <= MOST_WRONG, `${wrong} of ${all} words are wrong\n${lines.join("\n")}`);
}

// The second voice takes much longer, and shares with the first what makes words of figures.
for (const [voice, count] of [
  ["joe", SENTENCES.length],
  ["af_heart", 3],
]) {
  test(`videos in the voice ${voice} say what they were told to`, async () => {
    const folder = temporaryFolder();
    const files = [];
    for (const [text] of SENTENCES.slice(0, count)) {
      const file = join(folder, `${files.length}.mp4`);
      const { code, stderr } = await visavis(["say", text, "-o", file, "--voice", voice, "--size", "128x128"]);
      assert.equal(code, 0, stderr);
      files.push(file);
    }
    checkHeard(await transcribe(...files));
  });
}

test("the recording of a live session says what was spoken", async () => {
  const server = await startServer();
  const session = await server.open({ width: 128, height: 128 });
  const events = await session.events();
  await session.speak(SENTENCES[0][0]);
  await events.until("idle");
  await session.finish();
  checkHeard(await transcribe(join(server.recordings, `${session.id}.mp4`)));
  await server.end();
});
