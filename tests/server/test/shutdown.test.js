/** SIGTERM: nothing new is taken, what runs is finished, and the process ends well. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { decodeAll, probe } from "../../browser/support/media.js";
import { startServer } from "../support/server.js";
import { connect } from "../support/socket.js";

/** Time to drain; far more than it takes. */
const DRAIN_S = 20;

test("a server that is told to end finishes its sessions and their recordings", async () => {
  const server = await startServer({ settings: { VISAVIS_DRAIN_S: `${DRAIN_S}` } });
  const sessions = [];
  for (let open = 0; open < 3; open++) sessions.push(await server.open({ width: 256, height: 256 }));
  const followed = await Promise.all(sessions.map((session) => session.events()));
  const socket = await connect(sessions[0], "");
  await sessions[0].speak("I am cut short by the end of the server, and that is told to everybody who listens.");
  await followed[0].until("word", { turn: 1, index: 3 });

  // A request that never ends by itself must not hold up the end.
  let stuck = true;
  const body = new ReadableStream({
    async pull(controller) {
      controller.enqueue(Buffer.from("word "));
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (!stuck) controller.close();
    },
  });
  const upload = sessions[1].push("text/plain", body).then((response) => response.status, () => "cut");
  await followed[1].until("speak_started");

  // Asked without a pause, so that the moments between the signal and the end are seen too.
  const statuses = [];
  const asking = Array.from({ length: 4 }, async () => {
    for (;;) {
      const response = await server.fetch("/readyz").catch(() => undefined);
      if (!response) return;
      statuses.push(response.status);
      await response.arrayBuffer().catch(() => undefined);
    }
  });
  await server.until(() => statuses.includes(200));
  const begun = Date.now();
  const code = await server.end("SIGTERM");
  assert.equal(code, 0, server.log());
  assert.ok(Date.now() - begun < DRAIN_S * 1_000, "it ends when all is done, not when time is up");
  stuck = false;
  await Promise.all(asking);
  assert.ok(statuses.includes(503), "readyz says that the server goes down");
  const first = statuses.indexOf(503);
  // Answers of four askers may overtake each other, but not by more than one each.
  assert.ok(statuses.slice(first + 4).every((status) => status === 503), statuses.join());
  assert.ok([400, 409, 410, "cut"].includes(await upload), `${await upload}`);

  for (const [at, events] of followed.entries()) {
    assert.equal(events.all.at(-1).type, "closed", `session ${at}`);
    assert.equal(events.all.at(-1).reason, "shutdown");
  }
  const [cut] = followed[0].of("speak_ended", { turn: 1 });
  assert.equal(cut.interrupted, true);
  assert.ok(cut.heard_text.startsWith("I am cut"));
  assert.equal(await socket.closed, 1000);
  for (const { id } of sessions) {
    const file = join(server.recordings, `${id}.mp4`);
    const { video, complaints } = await probe(file);
    assert.equal(complaints, "");
    assert.ok(Number(video.duration) > 0);
    assert.equal(await decodeAll(file), "");
  }
});
