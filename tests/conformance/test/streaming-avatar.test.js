import assert from "node:assert/strict";
import { test } from "node:test";
import { CAP_MS, setStage } from "../support/stage.js";
import { SENTENCE, STORY } from "../support/texts.js";
import { HOST, tls } from "../support/tls.js";
import {
  checkInterrupted,
  checkInTime,
  checkMouth,
  checkOnce,
  checkPictures,
  spoken,
} from "../support/verdict.js";

const SECOND = 25;
/** `quality: "low"` of the streaming API. */
const LOW = { width: 640, height: 360 };

const STARTED = "avatar_start_talking";
const STOPPED = "avatar_stop_talking";

// The SDK asks for the chat on port 443 of the host whatever its base path says.
const certificate = await tls();
const stage = setStage("streaming-avatar", {
  settings: certificate.settings,
  browser: certificate.flags,
});

test("@heygen/streaming-avatar speaks, tells, is cut and stops", { timeout: CAP_MS }, async () => {
  const { server } = stage;
  const { data } = await server.api("POST", "/v1/streaming.create_token");
  const client = await stage.openClient("streaming-avatar");
  const session = await client.call("start", data.token, `https://${HOST}`, {
    quality: "low",
    avatarName: "leo",
    voice: { rate: 1 },
    language: "en",
    disableIdleTimeout: false,
  });
  assert.ok(session.session_id && session.access_token && session.url);
  await client.until("stream_ready");
  await client.pictures(SECOND);
  await client.watch();
  await client.pictures(SECOND);
  await client.mark("first");
  const task = await client.call("speak", { text: SENTENCE, taskType: "repeat", taskMode: "async" });
  assert.equal(typeof task.task_id, "string");
  await client.until(STOPPED);
  await client.pictures(SECOND);
  await client.mark("second");
  await client.call("speak", { text: STORY, task_type: "repeat" });
  await client.until(STARTED, 2);
  await client.pictures(2 * SECOND);
  await client.mark("interrupt");
  await client.call("interrupt");
  await client.until(STOPPED, 2);
  await client.pictures(2 * SECOND);
  const seen = await client.watched();

  checkPictures(seen, LOW);
  const names = ["first", STARTED, STOPPED, "second", STARTED, "interrupt", STOPPED];
  const [one, begin, end, two, , interrupt] = checkOnce(seen.notes, names);
  assert.equal(begin.task, task.task_id, "events name the task");
  const [heard, ...more] = spoken(seen, { from: one.at, to: two.at });
  assert.equal(more.length, 0, "one stretch of speech");
  checkInTime({ started: begin, ended: end }, heard);
  checkMouth(seen, heard, { begin: seen.frames[0].at, end: one.at });
  const words = seen.notes.filter(({ name, at }) => name === "avatar_talking_message" && at < two.at);
  assert.equal(words.map(({ message }) => message.trim()).join(" "), SENTENCE, "what it says is told word by word");
  checkInterrupted(seen, interrupt.at, seen.levels.at(-1)[0]);

  await client.call("keepAlive");
  await client.call("stop");
  await client.until("stream_disconnected");
  await server.untilFree();
  assert.deepEqual(client.page.faults, []);
});
