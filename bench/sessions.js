// How many sessions the machine holds. Definitions: README.md.

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

import { machineSeconds } from "./lib/machine.js";
import { CpuMark } from "./lib/process.js";
import { Table } from "./lib/results.js";
import { withServer } from "./lib/server.js";
import { speech } from "./lib/sound.js";
import { histogramPercentile, sleep } from "./lib/stats.js";
import { pushSound, speakOn } from "./lib/talk.js";

const run = promisify(execFile);

/** How long a level must hold, ms. */
const MEASURED = 12_000;

/** Time between two sessions that begin, ms: clients do not come in one instant. */
const STAGGER = 150;

/** Before a level is measured: the voices get as far ahead as they may. */
const SETTLE = { silent: 3_000, pushed: 3_000, voice: 12_000 };

const PICTURES_PER_S = 25;

/** A level holds when at most this share of its pictures was skipped, */
const MOST_SKIPPED = 0.01;

/** … 95 % of the steps began less than this late, ms, */
const MOST_LATE = 20;

/** … none so late that a player's buffer of sound runs dry, s, */
const GAP = "0.1";

/** … and no session waited for its sound: a turn lasts as long as it does alone, ms. */
const STALL = 40;

/** Recordings of a level that are looked at. */
const RECORDINGS_CHECKED = 4;

/** Ticks of the media clock, in which recordings count. */
const CLOCK_HZ = 48_000;
const SOUND_TICKS = 960;
const PICTURE_TICKS = 1_920;

const CORES = cpus().length;

async function talk(session, mode, pcm, n) {
  if (mode === "pushed") return pushSound(session, pcm, Math.round((n * pcm.length) / 7.3));
  if (mode === "voice") return speakOn(session, n);
  return { stop: async () => [] };
}

function buckets(before, after) {
  const edges = [];
  for (const [name, count] of after) {
    const edge = /^visavis_hop_late_seconds_bucket\{le="([^"]+)"\}$/.exec(name)?.[1];
    if (edge !== undefined) {
      edges.push([edge === "+Inf" ? Infinity : Number(edge) * 1000, count - before.get(name)]);
    }
  }
  return edges;
}

/** Mean time for which the sound of a step waits until its picture is made, ms. */
function apart(before, after) {
  const grown = (name) => after.get(name) - before.get(name);
  const making = ["render", "encode_video"].reduce(
    (sum, stage) => sum + grown(`visavis_stage_seconds_total{stage="${stage}"}`),
    0,
  );
  return (1000 * making) / grown("visavis_pictures_total");
}

/** The longest that a turn lasted beyond its own sound, ms. */
function stalls(session, said, shortest) {
  let worst = 0;
  for (const { turn, seconds, paragraph } of said) {
    const at = (type) => session.channel.events.find((e) => e.type === type && e.turn === turn);
    const [started, ended] = [at("speak_started"), at("speak_ended")];
    if (started === undefined || ended === undefined || ended.interrupted) continue;
    const lasted = ended.at_ms - started.at_ms;
    if (seconds !== undefined) {
      worst = Math.max(worst, lasted - seconds * 1000);
    } else {
      shortest[paragraph] = Math.min(shortest[paragraph] ?? Infinity, lasted);
      worst = Math.max(worst, lasted - shortest[paragraph]);
    }
  }
  return worst;
}

/** Times of a track's packets in a recording, and what its decoder drops at first, in ticks. */
async function track(file, name) {
  const { stdout } = await run(
    "ffprobe",
    ["-v", "error", "-select_streams", name, "-of", "json"].concat(
      ["-show_entries", "packet=pts:packet_side_data=skip_samples", file],
    ),
    { maxBuffer: 2 ** 28 },
  );
  const { packets } = JSON.parse(stdout);
  const [first] = packets[0].side_data_list ?? [];
  return { times: packets.map(({ pts }) => pts), padding: Number(first?.skip_samples ?? 0) };
}

/**
 * How far the tracks of a recording stray from the grid they share, in ticks: sound without a hole,
 * pictures on the grid that begins with the first, and both from the same moment.
 */
async function strays(server, session) {
  const file = path.join(server.folder, `${session.id}.mp4`);
  await writeFile(file, await session.video());
  const [sound, pictures] = [await track(file, "a:0"), await track(file, "v:0")];
  const [first] = pictures.times;
  const steps = sound.times.slice(1).map((pts, n) => Math.abs(pts - sound.times[n] - SOUND_TICKS));
  const grid = pictures.times.map((pts) => (pts - first) % PICTURE_TICKS);
  return {
    sound: Math.max(...steps),
    pictures: Math.max(...grid),
    beginning: Math.abs(sound.times[0] + sound.padding - first),
  };
}

async function level(mode, count, pcm, shortest) {
  return withServer(async (server) => {
    const sessions = [];
    for (let n = 0; n < count; n += 1) {
      const session = await server.session({ width: 512, height: 512 });
      sessions.push({ session, talking: await talk(session, mode, pcm, n) });
      await sleep(STAGGER);
    }
    await sleep(SETTLE[mode]);

    const before = await server.metrics();
    const machine = machineSeconds().busy;
    const mark = new CpuMark(server.pid);
    const self = process.cpuUsage();
    await sleep(MEASURED);
    const cpu = mark.since();
    const { user, system } = process.cpuUsage(self);
    const busy = machineSeconds().busy - machine;
    const after = await server.metrics();

    let worstStall = 0;
    const checked = [];
    const stopped = await Promise.all(
      sessions.map(async ({ session, talking }) => {
        const said = await talking.stop();
        const turns = [said].flat();
        if (mode === "pushed") {
          await session.channel.event((e) => e.type === "speak_ended");
        }
        return { session, turns };
      }),
    );
    for (const { session, turns } of stopped) {
      worstStall = Math.max(worstStall, stalls(session, turns, shortest));
      await session.close();
    }
    for (const { session } of stopped.slice(0, RECORDINGS_CHECKED)) {
      checked.push(await strays(server, session));
    }

    const skipped =
      after.get("visavis_pictures_skipped_total") - before.get("visavis_pictures_skipped_total");
    const late = buckets(before, after);
    const hops = late.at(-1)[1];
    const below = (seconds) => late.find(([edge]) => edge === Number(seconds) * 1000)[1];
    const share = skipped / (count * PICTURES_PER_S * cpu.wall);
    const generator = (user + system) / 1e6;
    const result = {
      sessions: count,
      skipped_share: share,
      late_p50_ms: histogramPercentile(late, 0.5),
      late_p95_ms: histogramPercentile(late, 0.95),
      late_p99_ms: histogramPercentile(late, 0.99),
      gaps: hops - below(GAP),
      stall_ms: worstStall,
      // Within a step the picture is made and sent first, and then its sound.
      apart_ms: apart(before, after),
      server_cores: cpu.total / cpu.wall,
      generator_cores: generator / cpu.wall,
      other_cores: (busy - cpu.total - generator) / cpu.wall,
      strays: {
        sound: Math.max(...checked.map((c) => c.sound)),
        pictures: Math.max(...checked.map((c) => c.pictures)),
        beginning: Math.max(...checked.map((c) => c.beginning)),
      },
    };
    result.holds =
      share < MOST_SKIPPED &&
      below(MOST_LATE / 1000) >= 0.95 * hops &&
      result.gaps === 0 &&
      worstStall < STALL;
    return result;
  });
}

/** Doubles the sessions until a level fails twice, then closes in on the most that hold. */
async function ramp(table, mode, from, pcm) {
  const levels = [];
  // How long each paragraph lasts when nothing waits: the shortest that was seen.
  const shortest = [];
  const holds = async (count) => {
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const result = await level(mode, count, pcm, shortest);
      levels.push(result);
      const r = result;
      table.note(
        `${mode} ${String(count).padStart(3)}: ${r.holds ? "holds" : "fails"}  late p95 ${r.late_p95_ms.toFixed(1)} ms, ` +
          `skipped ${(100 * r.skipped_share).toFixed(2)} %, gaps ${r.gaps}, stall ${r.stall_ms.toFixed(0)} ms, ` +
          `cores: server ${r.server_cores.toFixed(2)}, generator ${r.generator_cores.toFixed(2)}, other ${r.other_cores.toFixed(2)}`,
      );
      if (result.holds) return true;
    }
    return false;
  };
  let good = 0;
  let bad = from;
  while (await holds(bad)) [good, bad] = [bad, bad * 2];
  // Past a few dozen sessions one more or less is not worth the time it takes.
  while (bad - good > Math.max(1, Math.floor(good / 16))) {
    const middle = Math.floor((good + bad) / 2);
    if (await holds(middle)) good = middle;
    else bad = middle;
  }
  table.details[mode] = { held: good, levels };
  return { held: good, at: levels.findLast((l) => l.sessions === good && l.holds) };
}

const table = new Table("sessions", "Sessions held on the machine (512×512, 25 a second, recorded)");
table.details.conditions = {
  seconds: MEASURED / 1000,
  skipped_below: MOST_SKIPPED,
  late_p95_below_ms: MOST_LATE,
  stall_below_ms: STALL,
};
const pcm = await speech();
const modes = [
  { mode: "pushed", from: 8, words: "talking, pushed sound", goal: 8 },
  { mode: "voice", from: 4, words: "talking, local voice", goal: 4 },
  { mode: "silent", from: 48, words: "silent", goal: 40 },
];
// Some of the modes can be named; then nothing is kept.
const only = process.argv.slice(2);
let worst = 0;
let apartMs = 0;
let checked = false;
for (const { mode, from, words, goal } of modes) {
  if (only.length > 0 && !only.includes(mode)) continue;
  const { held, at } = await ramp(table, mode, from, pcm);
  const perCore = held / CORES;
  table.figure(`sessions held, ${words}`, `${held} (${perCore.toFixed(1)} per core)`, {
    raw: perCore,
    goal: `≥ ${goal} per core`,
    met: perCore >= goal,
  });
  if (at === undefined) continue;
  table.figure(
    "… late pictures skipped, lateness p95 at that level",
    `${(100 * at.skipped_share).toFixed(2)} %, ${at.late_p95_ms.toFixed(1)} ms`,
  );
  checked = true;
  apartMs = Math.max(apartMs, at.apart_ms);
  worst = Math.max(worst, at.strays.sound, at.strays.pictures, at.strays.beginning);
}
if (checked) {
  const skew = (worst * 1000) / CLOCK_HZ + apartMs;
  table.figure("skew of sound and picture as sent", `${skew.toFixed(1)} ms`, {
    raw: skew,
    goal: "≤ 20 ms",
    met: skew <= 20,
  });
}
if (only.length === 0) await table.save();
