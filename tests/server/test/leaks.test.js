/** Sessions that are over leave nothing behind. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { before, test } from "node:test";
import { offer } from "../support/offers.js";
import { startServer } from "../support/server.js";
import { connect } from "../support/socket.js";

const ROUNDS = 10;
const WARM_UP = 5;
const AT_ONCE = 3;
/** What allocators keep for later. A session takes about 15 MB; 1 MB of each would be seen. */
const MORE_MB = 25;

let server;
before(async () => (server = await startServer()));

/** What the process holds. */
function held() {
  const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
  const number = (name) => Number(status.match(new RegExp(`^${name}:\\s+(\\d+)`, "m"))[1]);
  return {
    threads: number("Threads"),
    rssMb: number("VmRSS") / 1_024,
    files: readdirSync(`/proc/${server.pid}/fd`).length,
  };
}

/** A session with all that belongs to one, ended in the middle of it. */
async function use(round) {
  const session = await server.open({ width: 256, height: 256 });
  const events = await session.events();
  const socket = await connect(session, "");
  const whep = await server.fetch(`${session.path}/whep`, {
    method: "POST",
    headers: { "content-type": "application/sdp" },
    body: offer(),
  });
  assert.equal(whep.status, 201);
  await whep.text();
  await session.speak("This sentence is never spoken to its end, because its session ends before.");
  await events.until("speak_started");
  // Some clients go without a word.
  if (round % 2) socket.stop();
  await session.close();
  await events.until("closed");
  await session.recorded();
  await socket.closed;
}

/** Uses `rounds` times some sessions at once; gives what is held when all are gone. */
async function useMany(rounds) {
  for (let round = 0; round < rounds; round++) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => use(round)));
  }
  await server.until(async () => (await server.json("GET", "/v1/sessions")).sessions.length === 0);
}

test(
  `${ROUNDS * AT_ONCE} sessions leave no thread, no file and no memory behind`,
  { skip: process.platform !== "linux" && "needs /proc" },
  async () => {
    // The first ones load what is kept, and threads' heaps find their size.
    await useMany(WARM_UP);
    const before = await settled(() => true);
    await useMany(ROUNDS);
    const after = await settled(
      ({ threads, files }) => threads <= before.threads + 1 && files <= before.files + 2,
    );
    assert.ok(
      after.rssMb <= before.rssMb + MORE_MB,
      `${Math.round(before.rssMb)} MB before, ${Math.round(after.rssMb)} MB after`,
    );
  },
);

/** What is held once nothing is being put away any more, and `good` says so. */
function settled(good) {
  let last = "";
  return server.until(() => {
    const now = held();
    const text = `${now.threads} ${now.files}`;
    const still = text === last;
    last = text;
    return still && good(now) && now;
  });
}
