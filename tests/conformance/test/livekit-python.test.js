import assert from "node:assert/strict";
import { test } from "node:test";
import { runPython } from "../support/python.js";
import { CAP_MS, LONG, setStage } from "../support/stage.js";
import { SPEECH_MS, speech } from "../support/speech.js";
import { checkHeard, checkMouth, checkPictures } from "../support/verdict.js";

const RATE = 24_000;

const stage = setStage("livekit-python");

// The agents framework still asks for 1.1.
for (const [version, environment, single, skip] of [
  ["1.2.1", "pipecat", true, false],
  ["1.2.1", "pipecat", false, LONG],
  ["1.1.21", "agents", true, LONG],
]) {
  const path = single ? "one peer connection" : "two peer connections";
  const name = `livekit ${version}, ${path}: sees, hears, speaks, sends and leaves`;
  test(name, { timeout: CAP_MS, skip }, async () => {
    const { server } = stage;
    const session = await server.lite({ video_settings: { quality: "low" } });
    const given = {
      url: session.livekit_url,
      token: session.livekit_client_token,
      single,
      pictures: (25 * (SPEECH_MS + 1_500)) / 1_000,
    };
    const seen = await runPython(environment, "livekit_client.py", given, () =>
      server.push(session.session_id, speech(RATE), RATE),
    );
    assert.equal(seen.name, session.session_id);
    assert.deepEqual(seen.others.map(({ identity }) => identity), ["heygen"]);
    checkPictures(seen, { width: 640, height: 360 });
    const heard = checkHeard(seen, speech(RATE), RATE);
    checkMouth(seen, heard, { begin: seen.frames[0].at, end: heard.begin - 150 });
    const told = (await server.events(session.session_id)).map(({ type }) => type);
    assert.ok(told.includes("user_speak_started"), "its microphone is heard");
    await server.untilUnwatched();
    await server.end(session.session_id);
    await server.untilFree();
  });
}
