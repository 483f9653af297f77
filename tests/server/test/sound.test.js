/** Sound that clients push, in all formats: what is recorded is what was sent. */

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { levelsOf } from "../../browser/support/analysis.js";
import { sound } from "../../browser/support/media.js";
import { startServer } from "../support/server.js";
import { connect } from "../support/socket.js";
import { bursts, BURSTS_MS, chunk, correlation, level, raw, wav } from "../support/sound.js";

let server;
before(async () => (server = await startServer()));

const CLOCK = 48_000;
const STEP_MS = 5;
const REFERENCE = bursts(CLOCK);

/** The recorded sound of a finished session. */
async function recorded(session) {
  const recording = await session.finish();
  assert.equal(recording.state, "ready");
  return sound(`${server.recordings}/${session.id}.mp4`);
}

/** Where in `heard` the bursts are, near `nearMs`: `{ lagMs, score, level }`. */
function find(heard, nearMs) {
  const wanted = levelsOf(REFERENCE, CLOCK, STEP_MS).map(([, value]) => value);
  let best = { score: -1 };
  for (let lagMs = -100; lagMs <= 100; lagMs += STEP_MS) {
    const from = Math.round(((nearMs + lagMs) * CLOCK) / 1_000);
    const part = heard.subarray(Math.max(0, from), from + REFERENCE.length);
    if (part.length < REFERENCE.length) continue;
    const levels = levelsOf(part, CLOCK, STEP_MS).map(([, value]) => value);
    const score = correlation(wanted, levels);
    if (score > best.score) best = { lagMs, score, level: level(part) };
  }
  return best;
}

function checkBursts(heard, at, name) {
  const found = find(heard, at);
  const text = `${name}: ${JSON.stringify(found)}`;
  assert.ok(found.score > 0.97, text);
  assert.ok(Math.abs(found.lagMs) <= 20, text);
  const decibels = 20 * Math.log10(found.level / level(REFERENCE));
  assert.ok(Math.abs(decibels) < 1.5, `${text}, ${decibels} dB off`);
}

const note = chunk("LIST", Buffer.from("INFOodd"));
const FORMATS = [
  ["8 bit, 8 kHz", "audio/wav", wav(bursts(8_000), 8_000, "u8")],
  ["16 bit, 11.025 kHz", "audio/wav", wav(bursts(11_025), 11_025, "s16")],
  ["16 bit, 22.05 kHz, extensible", "audio/x-wav", wav(bursts(22_050), 22_050, "s16", { extensible: true })],
  ["24 bit, 44.1 kHz, stereo", "audio/wav", wav(bursts(44_100), 44_100, "s24", { channels: 2 })],
  ["32 bit, 48 kHz, with a note of odd length", "audio/wave", wav(bursts(CLOCK), CLOCK, "s32", { before: [note] })],
  ["float, 24 kHz, stereo", "audio/wav", wav(bursts(24_000), 24_000, "f32", { channels: 2 })],
  ["double, 96 kHz", "audio/vnd.wave", wav(bursts(96_000), 96_000, "f64")],
  ["length unknown", "audio/wav", wav(bursts(16_000), 16_000, "s16", { size: 0xffff_ffff })],
  ["truncated", "audio/wav", wav(bursts(16_000), 16_000, "s16", { size: 1_000_000 })],
  ["raw, 24 kHz by default", "audio/pcm", raw(bursts(24_000), "s16")],
  ["raw, 44.1 kHz, stereo", "audio/pcm;rate=44100; channels=2", raw(bursts(44_100), "s16", 2)],
  ["network byte order", "audio/L16;rate=16000", raw(bursts(16_000), "s16be")],
];

test("sound of every format is heard as it was sent", async () => {
  const session = await server.open({ width: 256, height: 256 });
  const events = await session.events();
  const turns = [];
  for (const [name, type, body] of FORMATS) {
    const response = await session.push(type, body);
    assert.equal(response.status, 202, `${name}: ${await response.clone().text()}`);
    turns.push((await response.json()).turn);
  }
  const last = await events.until("speak_ended", { turn: turns.at(-1) });
  assert.equal(last.interrupted, false);
  const heard = await recorded(session);
  FORMATS.forEach(([name], index) => {
    const turn = turns[index];
    const [started] = events.of("speak_started", { turn });
    const [ended] = events.of("speak_ended", { turn });
    const length = ended.at_ms - started.at_ms;
    assert.ok(Math.abs(length - BURSTS_MS) <= 60, `${name} took ${length} ms`);
    checkBursts(heard, started.at_ms, name);
    const { stages } = events.of("receipt", { turn })[0];
    assert.equal(stages.first_timings_ms, null, "pushed sound has no phonemes");
    assert.ok(stages.first_packet_ms >= 0);
  });
});

test("sound is played while it is still being sent, and by WebSocket", async () => {
  const session = await server.open({ width: 256, height: 256 });
  const events = await session.events();
  const bytes = wav(bursts(16_000), 16_000, "s16", { size: 0 });
  const body = new ReadableStream({
    async start(controller) {
      // Pieces of odd length: samples are cut.
      const half = Math.floor(bytes.length / 2) | 1;
      for (let at = 0; at < half; at += 997) {
        controller.enqueue(new Uint8Array(bytes.subarray(at, Math.min(half, at + 997))));
      }
      await events.until("speak_started", { turn: 1 });
      controller.enqueue(new Uint8Array(bytes.subarray(half)));
      controller.close();
    },
  });
  const response = await session.push("audio/wav", body);
  assert.deepEqual(await response.json(), { turn: 1 });
  await events.until("speak_ended", { turn: 1 });

  const socket = await connect(session, "");
  socket.send({ type: "audio.begin", rate: 24_000 });
  const { turn } = await socket.until("accepted");
  const pcm = raw(bursts(24_000), "s16");
  for (let at = 0; at < pcm.length; at += 1_001) socket.send(pcm.subarray(at, at + 1_001));
  socket.send({ type: "audio.end" });
  await socket.until("speak_ended", { turn, interrupted: false });
  const heard = await recorded(session);
  const [started] = events.of("speak_started", { turn });
  checkBursts(heard, started.at_ms, "by WebSocket");
});

test("sound that cannot be used is refused by its reason", async () => {
  const session = await server.open({ record: false });
  const samples = bursts(8_000);
  const strange = wav(samples, 8_000, "s16");
  strange.writeUInt16LE(85, 20);
  const table = [
    ["no RIFF", "audio/wav", Buffer.from("ID3 this is an MP3 file"), "bad_audio", /WAV/],
    ["nothing", "audio/wav", Buffer.alloc(0), "bad_audio", /sound/],
    ["only a head", "audio/wav", wav(samples, 8_000, "s16").subarray(0, 30), "bad_audio", /before its sound/],
    ["MP3 in a WAV", "audio/wav", strange, "bad_audio", /format 85/],
    ["too many channels", "audio/pcm;rate=8000;channels=9", raw(samples, "s16"), "bad_audio", /9 channels/],
    ["rate is a word", "audio/pcm;rate=fast", raw(samples, "s16"), "bad_audio", /rate=fast/],
    ["rate too low", "audio/pcm;rate=100", raw(samples, "s16"), "bad_audio", /100/],
    ["an MP3", "audio/mpeg", Buffer.from("ID3"), "unsupported_media_type", /audio\/wav/],
  ];
  for (const [name, type, body, code, detail] of table) {
    const response = await session.push(type, body);
    const problem = await response.json();
    assert.equal(problem.code, code, `${name}: ${JSON.stringify(problem)}`);
    assert.match(problem.detail, detail, name);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
  }
  assert.equal((await session.get()).state, "open");
  await session.close();
});
