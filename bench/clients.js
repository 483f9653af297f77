// What clients of other vendors see of the server. Definitions: README.md.

import { Channel } from "./lib/channel.js";
import { memory } from "./lib/process.js";
import { Table } from "./lib/results.js";
import { withServer } from "./lib/server.js";
import { RATE, speech } from "./lib/sound.js";
import { chance, sleep, summary } from "./lib/stats.js";
import { withClient } from "./lib/web.js";

const STARTS = 25;
const PUSHES = 40;
const IDLE = 50;
/** The idle sessions are watched twice for this long, s. */
const IDLE_S = 120;
/**
 * How long they run before, s: until then buffers find their size, and the allocator its share for
 * each thread that steps them.
 */
const SETTLE_S = 60;
const VANISHED = 5;

/** Pictures lie on multiples of this media time. */
const PICTURE_MS = 40;
/** Length of a piece of pushed sound, ms. */
const PIECE_MS = 20;

const random = chance(1);

function ms(value) {
  return `${value.toFixed(0)} ms`;
}

/** A LITE session that is started, and its realtime socket. */
async function lite(server, wanted = {}) {
  const { data: made } = await server.json("POST", "/v1/sessions/token", {
    mode: "LITE",
    avatar_id: "leo",
    ...wanted,
  });
  const headers = { authorization: `Bearer ${made.session_token}` };
  const { data } = JSON.parse(await server.call("POST", "/v1/sessions/start", undefined, headers));
  const { pathname, search } = new URL(data.ws_url);
  const socket = await Channel.open(server.url, pathname + search);
  const close = async () => {
    await server.call("POST", "/v1/sessions/stop", undefined, headers);
    socket.close();
  };
  return { id: data.session_id, token: made.session_token, socket, close };
}

/** Waits until the server has no session left; resolves to how long that took, ms. */
async function untilFree(server) {
  const begun = performance.now();
  while ((await server.metrics()).get("visavis_sessions") !== 0) {
    if (performance.now() - begun > 60_000) throw new Error("a session is never freed");
    await sleep(50);
  }
  return performance.now() - begun;
}

async function starts(table, server) {
  const times = { ready: [], connected: [] };
  await withClient("liveavatar-web-sdk", async (open) => {
    for (let n = 0; n <= STARTS; n += 1) {
      const { data } = await server.json("POST", "/v1/sessions/token", { mode: "LITE", avatar_id: "leo" });
      const client = await open();
      await client.call("start", data.session_token, { apiUrl: server.url });
      const begun = await client.until("start");
      const ready = await client.until("session.stream_ready");
      const connected = await client.until("connected");
      // The browser's very first connection also starts its media processes.
      if (n > 0) {
        times.ready.push(ready.at - begun.at);
        times.connected.push(connected.at - begun.at);
      }
      await client.call("stop");
      await client.close();
      await untilFree(server);
      await sleep(100 + 100 * random());
    }
  });
  const [ready, connected] = [summary(times.ready), summary(times.connected)];
  table.details.start = { ready, connected };
  table.figure("web SDK: start → stream_ready, p50", ms(ready.p50), { raw: ready.p50 });
  table.figure("web SDK: start → stream_ready, p95", ms(ready.p95), {
    raw: ready.p95,
    goal: "≤ 1000 ms",
    met: ready.p95 <= 1_000,
  });
}

/** Pushes a second of speech as `agent.speak` in pieces, each when it would be spoken. */
async function pushed(table, server, pcm) {
  const session = await lite(server);
  const events = await Channel.open(server.url, `/v1/sessions/${session.id}/ws`, session.token);
  const piece = (2 * RATE * PIECE_MS) / 1_000;
  const series = { picture: [], packet: [] };
  for (let n = 0; n < PUSHES; n += 1) {
    const event_id = `push-${n}`;
    const receipt = events.next((e) => e.type === "receipt");
    const started = events.next((e) => e.type === "speak_started");
    const ended = session.socket.next((m) => m.type === "agent.speak_ended" && m.event_id === event_id);
    const begun = performance.now();
    for (let k = 0; k < 50; k += 1) {
      const wait = begun + PIECE_MS * k - performance.now();
      if (wait > 0) await sleep(wait);
      const audio = pcm.subarray(k * piece, (k + 1) * piece).toString("base64");
      session.socket.send({ type: "agent.speak", event_id, audio });
    }
    session.socket.send({ type: "agent.speak_end", event_id });
    const [{ stages }, { at_ms }] = await Promise.all([receipt, started]);
    // A turn that begins between two pictures is first seen in one that belongs to sound of a
    // little later, which was pushed that much later.
    series.picture.push(stages.first_picture_ms - ((PICTURE_MS - (at_ms % PICTURE_MS)) % PICTURE_MS));
    series.packet.push(stages.first_packet_ms);
    await ended;
    await sleep(150 + 100 * random());
  }
  events.close();
  await session.close();
  const [picture, packet] = [summary(series.picture), summary(series.packet)];
  table.details.pushed = { picture, packet };
  table.figure("LITE: pushed sound → its sound sent, p50 / p95", `${ms(packet.p50)} / ${ms(packet.p95)}`, {
    raw: packet.p50,
  });
  table.figure("LITE: pushed sound → its picture sent, p50 / p95", `${ms(picture.p50)} / ${ms(picture.p95)}`, {
    raw: picture.p50,
    goal: "≤ 120 ms",
    met: picture.p50 <= 120,
  });
}

async function idle(table, server) {
  const before = memory(server.pid);
  const sessions = [];
  for (let n = 0; n < IDLE; n += 1) sessions.push(await lite(server));
  await sleep(SETTLE_S * 1_000);
  const first = memory(server.pid);
  await sleep(IDLE_S * 1_000);
  const second = memory(server.pid);
  await sleep(IDLE_S * 1_000);
  const last = memory(server.pid);
  for (const session of sessions) await session.close();
  await untilFree(server);
  const growth = [second.rss - first.rss, last.rss - second.rss];
  table.details.idle = { sessions: IDLE, before, first, second, last, seconds: IDLE_S };
  table.figure(`${IDLE} idle LITE sessions: memory of each`, `${((first.rss - before.rss) / IDLE).toFixed(1)} MiB`);
  table.figure(
    `… growth of the server in ${IDLE_S} s, and in ${IDLE_S} s more`,
    growth.map((mib) => `${mib.toFixed(1)} MiB`).join(", "),
    { raw: growth[1], goal: "none (≤ 0.5 %) in the end", met: growth[1] <= 0.005 * second.rss },
  );
}

async function vanished(table, server) {
  const times = [];
  await withClient("liveavatar-web-sdk", async (open) => {
    for (let n = 0; n < VANISHED; n += 1) {
      const { data } = await server.json("POST", "/v1/sessions/token", { mode: "LITE", avatar_id: "leo" });
      const client = await open();
      await client.call("start", data.session_token, { apiUrl: server.url });
      await client.until("session.stream_ready");
      await client.crash();
      times.push(await untilFree(server));
    }
  });
  const worst = Math.max(...times);
  table.details.vanished = summary(times);
  table.figure("page that crashed → its session is freed, worst", `${(worst / 1_000).toFixed(1)} s`, {
    raw: worst,
    goal: "≤ 15 s",
    met: worst <= 15_000,
  });
}

const table = new Table("clients", "What clients of other vendors see");
const pcm = await speech();
await withServer(async (server) => {
  await starts(table, server);
  await pushed(table, server, pcm);
  await vanished(table, server);
  await idle(table, server);
});
await table.save();
