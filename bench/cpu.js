// What one session costs. Definitions: README.md.

import { watch, withBrowser } from "./lib/browser.js";
import { CpuMark, memory } from "./lib/process.js";
import { Table } from "./lib/results.js";
import { withServer } from "./lib/server.js";
import { speech } from "./lib/sound.js";
import { slope, sleep } from "./lib/stats.js";
import { pushSound, speakOn } from "./lib/talk.js";

/** How long each case is measured, ms. */
const MEASURED = 15_000;

/** Before that: connections are made, and the voice gets as far ahead as it may. */
const SETTLE = { silent: 3_000, pushed: 3_000, voice: 10_000 };

const SIZES = [
  [512, 512],
  [1280, 720],
];
const MOST_SESSIONS = 8;
const SESSION_STAGES = ["lipsync", "render", "encode_video", "encode_audio", "send"];

function stageSeconds(metrics) {
  return Object.fromEntries(
    SESSION_STAGES.map((s) => [s, metrics.get(`visavis_stage_seconds_total{stage="${s}"}`)]),
  );
}

/** CPU milliseconds a second, in all and by part, while whatever runs goes on. */
async function measure(server) {
  const mark = new CpuMark(server.pid);
  const before = await server.metrics();
  await sleep(MEASURED);
  const after = await server.metrics();
  const { wall, total, groups } = mark.since();
  // The stages are timed by the wall clock, and include moments in which the thread had to wait for
  // a core: only their proportions are used, to divide the CPU time of the threads they run on.
  const [from, to] = [stageSeconds(before), stageSeconds(after)];
  const timed = SESSION_STAGES.map((stage) => to[stage] - from[stage]);
  const sum = timed.reduce((a, b) => a + b, 0);
  const { pacer = 0, ...others } = groups;
  const parts = Object.fromEntries(
    SESSION_STAGES.map((stage, n) => [stage, sum > 0 ? (pacer * timed[n]) / sum : 0]),
  );
  const per = (seconds) => (seconds * 1000) / wall;
  return {
    total: per(total),
    parts: Object.fromEntries(
      Object.entries({ ...parts, ...others }).map(([name, seconds]) => [name, per(seconds)]),
    ),
    pictures_per_s: (after.get("visavis_pictures_total") - before.get("visavis_pictures_total")) / wall,
    skipped:
      after.get("visavis_pictures_skipped_total") - before.get("visavis_pictures_skipped_total"),
  };
}

async function talk(session, mode, pcm, n = 0) {
  if (mode === "pushed") return pushSound(session, pcm, Math.round((n * pcm.length) / 18));
  if (mode === "voice") return speakOn(session, n);
  return { stop: async () => undefined };
}

function row(name, result, reference) {
  const parts = Object.entries(result.parts)
    .filter(([, cost]) => cost >= 0.05)
    .sort((a, b) => b[1] - a[1])
    .map(([part, cost]) => `${part} ${cost.toFixed(1)}`);
  const total = result.total.toFixed(1).padStart(6);
  const ratio = (result.total / reference).toFixed(2);
  console.log(`  ${name.padEnd(34)} ${total} ms/s  ${ratio} ref   ${parts.join(", ")}`);
}

async function sessionCost(table, pcm) {
  const cases = {};
  await withServer(async (server) => {
    cases.empty = await measure(server);
    row("no session", cases.empty, table.reference);
    await withBrowser(async (open) => {
      for (const [width, height] of SIZES) {
        for (const mode of ["silent", "pushed", "voice"]) {
          for (const viewers of [0, 1]) {
            const session = await server.session({ width, height });
            const page = viewers === 0 ? undefined : await open();
            if (page !== undefined) await watch(page, session);
            const talking = await talk(session, mode, pcm);
            await sleep(SETTLE[mode]);
            const result = await measure(server);
            await talking.stop();
            await page?.close();
            await session.close();
            const name = `${width}x${height} ${mode} ${viewers === 0 ? "alone" : "1 viewer"}`;
            cases[name] = { width, height, mode, viewers, ...result };
            row(name, result, table.reference);
          }
        }
      }
    });
  });
  return cases;
}

async function sessionMemory(table) {
  return withServer(async (server) => {
    const points = [{ sessions: 0, ...memory(server.pid) }];
    const open = [];
    for (const count of [1, 2, 4, MOST_SESSIONS]) {
      while (open.length < count) {
        const session = await server.session();
        open.push({ session, talking: await speakOn(session, open.length) });
      }
      await sleep(10_000);
      points.push({ sessions: count, ...memory(server.pid) });
      const { rss } = points.at(-1);
      table.note(`${count} talking sessions: ${rss.toFixed(0)} MiB resident`);
    }
    for (const { talking } of open) await talking.stop();
    for (const { session } of open) await session.close();
    return points;
  });
}

const table = new Table("cpu", "What one session costs (recorded, 25 pictures a second)");
const pcm = await speech();
const cases = await sessionCost(table, pcm);
table.details.cases = cases;
console.log();

const cost = (width, mode, viewers) =>
  Object.values(cases).find((c) => c.width === width && c.mode === mode && c.viewers === viewers);
const inWords = { silent: "silent", pushed: "talking, pushed sound", voice: "talking, local voice" };
for (const [width, height] of SIZES) {
  for (const [mode, words] of Object.entries(inWords)) {
    const alone = cost(width, mode, 0);
    const watched = cost(width, mode, 1);
    table.figure(
      `CPU for a second of session, ${width}×${height}, ${words}`,
      `${alone.total.toFixed(0)} ms, ${watched.total.toFixed(0)} ms with a viewer`,
      { raw: alone.total, ratio: alone.total / table.reference },
    );
  }
}
const talking = cost(512, "voice", 0);
const stages = Object.entries(talking.parts)
  .filter(([, part]) => part >= 0.5)
  .sort((a, b) => b[1] - a[1])
  .map(([part, ms]) => `${part} ${ms.toFixed(0)}`);
table.figure("… its parts, 512×512, local voice, ms", stages.join(", "));

const points = await sessionMemory(table);
table.details.memory_mib = points;
const one = points.find((p) => p.sessions === 1);
table.figure("memory of the server with one talking session", `${one.rss.toFixed(0)} MiB`, {
  raw: one.rss,
  goal: "≤ 400 MiB",
  met: one.rss <= 400,
});
const more = slope(points.filter((p) => p.sessions >= 1).map((p) => [p.sessions, p.rss]));
table.figure("… each further one", `${more.toFixed(1)} MiB`, {
  raw: more,
  goal: "≤ 15 MiB",
  met: more <= 15,
});
await table.save();
