// How fast it answers. Definitions: README.md.

import { writeFile } from "node:fs/promises";
import path from "node:path";

import { watch, withBrowser } from "./lib/browser.js";
import { Table } from "./lib/results.js";
import { withFolder, withServer } from "./lib/server.js";
import { CLEAR, decode, firstAudible, lastAudible, RATE, speech, tone } from "./lib/sound.js";
import { chance, sleep, summary } from "./lib/stats.js";
import { SENTENCES, STORY } from "./lib/texts.js";

const PUSHES = 40;
const INTERRUPTS = 60;
const VOICE_INTERRUPTS = 20;
const VIEWERS = 25;

/** Rate of the decoded recording, Hz: that of the media clock. */
const CLOCK_HZ = 48_000;

/** Pictures lie on multiples of this media time. */
const PICTURE_MS = 40;

/** Stillness before the next turn that does not count: codecs smear a beginning over a frame. */
const SMEAR_MS = 30;

const STAGES = ["timings", "sample", "controls", "picture", "packet"];

const random = chance(1);

function ms(value) {
  return `${value.toFixed(0)} ms`;
}

/** The receipt of a turn, when it is complete. */
function receipt(session, turn) {
  return session.channel.event((e) => e.type === "receipt" && e.turn === turn);
}

/** Cuts a turn and waits for silence, so that the next begins at a moment of its own. */
async function quiet(session) {
  const idle = session.channel.next((e) => e.type === "idle");
  await session.server.json("POST", `/v1/sessions/${session.id}/interrupt`);
  await idle;
  await sleep(150 + 100 * random());
}

async function text(table, server) {
  const session = await server.session();
  const series = Object.fromEntries(STAGES.map((stage) => [stage, []]));
  const answered = [];
  let first;
  for (const [n, sentence] of [STORY, ...SENTENCES].entries()) {
    const sent = performance.now();
    const turn = await session.speak(sentence);
    const { stages } = await receipt(session, turn);
    if (n === 0) {
      first = stages.first_packet_ms;
    } else {
      for (const stage of STAGES) series[stage].push(stages[`first_${stage}_ms`]);
      const started = await session.channel.event(
        (e) => e.type === "speak_started" && e.turn === turn,
      );
      answered.push(started.wall - sent);
    }
    await sleep(200);
    await quiet(session);
  }
  await session.close();
  const stages = Object.fromEntries(STAGES.map((stage) => [stage, summary(series[stage])]));
  table.details.text = { stages, speak_started_at_client: summary(answered), first_turn_ms: first };
  const packet = stages.packet;
  table.figure("text → first talking packet, local voice, p50", ms(packet.p50), {
    raw: packet.p50,
    goal: "≤ 250 ms",
    met: packet.p50 <= 250,
  });
  table.figure("text → first talking packet, local voice, p95", ms(packet.p95), {
    raw: packet.p95,
    goal: "≤ 400 ms",
    met: packet.p95 <= 400,
  });
  const parts = STAGES.map((stage) => `${stage} ${ms(stages[stage].p50)}`).join(", ");
  table.figure("… its stages, p50 after the text", parts);
}

/** Pushes the first second of speech in pieces of 20 ms, each when it would be spoken. */
async function pushes(session, pcm) {
  const piece = 2 * Math.round(RATE * 0.02);
  const series = { picture: [], packet: [], client: [] };
  for (let n = 0; n < PUSHES; n += 1) {
    const turnReady = session.channel.next((m) => m.type === "accepted");
    const begun = session.channel.send({ type: "audio.begin", rate: RATE });
    for (let k = 0; k < 50; k += 1) {
      const wait = begun + 20 * k - performance.now();
      if (wait > 0) await sleep(wait);
      session.channel.send(pcm.subarray(k * piece, (k + 1) * piece));
    }
    session.channel.send({ type: "audio.end" });
    const { turn } = await turnReady;
    const { stages, wall } = await receipt(session, turn);
    const started = await session.channel.event(
      (e) => e.type === "speak_started" && e.turn === turn,
    );
    // A turn that begins between two pictures is first seen in one that belongs to sound of a
    // little later, which was pushed that much later.
    const within = (PICTURE_MS - (started.at_ms % PICTURE_MS)) % PICTURE_MS;
    series.picture.push(stages.first_picture_ms - within);
    series.packet.push(stages.first_packet_ms);
    series.client.push(wall - begun);
    await session.channel.event((e) => e.type === "speak_ended" && e.turn === turn);
    await sleep(150 + 100 * random());
  }
  return Object.fromEntries(Object.entries(series).map(([name, s]) => [name, summary(s)]));
}

async function pushed(table, server, pcm) {
  table.details.pushed = {};
  for (const lip_sync of ["balanced", "low_latency"]) {
    const session = await server.session({ lip_sync });
    const result = await pushes(session, pcm);
    await session.close();
    table.details.pushed[lip_sync] = result;
    const goal = lip_sync === "balanced" ? { goal: "≤ 120 ms", met: result.picture.p50 <= 120 } : {};
    table.figure(
      `pushed sound → its picture sent, ${lip_sync}, p50 / p95`,
      `${ms(result.picture.p50)} / ${ms(result.picture.p95)}`,
      { raw: result.picture.p50, ...goal },
    );
  }
}

/** Wall time of media time zero: events of a hop arrive a little after it, never before. */
function epoch(events) {
  return Math.min(...events.map((e) => e.wall - e.at_ms));
}

/** Lets a session speak and cuts it, again and again. Resolves to the moments of the cuts. */
async function cuts(session, count, begin) {
  const moments = [];
  for (let n = 0; n < count; n += 1) {
    const turn = await begin();
    const started = await session.channel.event(
      (e) => e.type === "speak_started" && e.turn === turn,
    );
    // Anywhere within a hop, and far from the beginning.
    await sleep(300 + 300 * random());
    const idle = session.channel.next((e) => e.type === "idle");
    // Both ways to ask, in turns.
    const sent = performance.now();
    if (n % 2 === 0) session.channel.send({ type: "interrupt" });
    else await session.server.json("POST", `/v1/sessions/${session.id}/interrupt`);
    await idle;
    moments.push({ started: started.at_ms, sent });
    await sleep(350);
  }
  return moments;
}

/** From the moments of the cuts to what is heard after them in the recording. */
async function heardAfter(session, moments) {
  const zero = epoch(session.channel.events.filter((e) => e.type === "speak_started"));
  await session.close();
  const pcm = await withFolder(async (folder) => {
    const file = path.join(folder, "session.mp4");
    await writeFile(file, await session.video());
    return decode(file, CLOCK_HZ);
  });
  const sample = (at) => Math.round((at * CLOCK_HZ) / 1000);
  return moments.map(({ started, sent }, n) => {
    const asked = sent - zero;
    const until = (moments[n + 1]?.started ?? asked + 350) - SMEAR_MS;
    const first = firstAudible(pcm, sample(started - 100), sample(asked), CLEAR);
    const last = lastAudible(pcm, sample(started), sample(until));
    return {
      after: Math.max(0, ((last + 1) * 1000) / CLOCK_HZ - asked),
      // How well the recording and the events agree on when it began.
      onset: (first * 1000) / CLOCK_HZ - started,
    };
  });
}

async function interrupt(table, server) {
  const session = await server.session();
  const beep = tone(10);
  const moments = await cuts(session, INTERRUPTS, async () => {
    const turn = await session.beginSound(RATE);
    session.channel.send(beep);
    session.channel.send({ type: "audio.end" });
    return turn;
  });
  const heard = await heardAfter(session, moments);
  const after = summary(heard.map((h) => h.after));

  const talker = await server.session();
  const spoken = await cuts(talker, VOICE_INTERRUPTS, () => talker.speak(STORY));
  const voice = summary((await heardAfter(talker, spoken)).map((h) => h.after));

  table.details.interrupt = { tone: after, voice, onset: summary(heard.map((h) => h.onset)) };
  table.figure("interrupt → last audible sample, p50", ms(after.p50), { raw: after.p50 });
  table.figure("interrupt → last audible sample, p99", ms(after.p99), {
    raw: after.p99,
    goal: "≤ 120 ms",
    met: after.p99 <= 120,
  });
  table.figure("… while the local voice speaks, worst", ms(voice.max), { raw: voice.max });
}

async function offer(table, server) {
  const session = await server.session();
  const steps = await withBrowser(async (open) => {
    const steps = [];
    for (let n = 0; n < VIEWERS; n += 1) {
      const page = await open();
      steps.push(await watch(page, session));
      await page.close();
      await sleep(100 + 100 * random());
    }
    return steps;
  });
  await session.close();
  // The browser's very first connection also starts its media processes.
  const [cold, ...warm] = steps;
  const of = (step) => warm.map((times) => times[step]).filter((time) => time !== undefined);
  const series = Object.fromEntries(
    // The connection's event may come after the picture, and is then not among the steps.
    ["offer", "answer", "connected", "picture"].map((step) => [step, summary(of(step))]),
  );
  table.details.offer = { ...series, cold };
  table.figure("offer → first decoded picture in Chromium, p50", ms(series.picture.p50), {
    raw: series.picture.p50,
  });
  table.figure("offer → first decoded picture in Chromium, p95", ms(series.picture.p95), {
    raw: series.picture.p95,
    goal: "≤ 500 ms",
    met: series.picture.p95 <= 500,
  });
}

const table = new Table("latency", "How fast it answers");
const pcm = await speech();
await withServer(async (server) => {
  await text(table, server);
  await pushed(table, server, pcm);
  await interrupt(table, server);
  await offer(table, server);
});
await table.save();
