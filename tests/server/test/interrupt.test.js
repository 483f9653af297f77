/** Turns that wait, turns that are cut, and what is heard of them. */

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { sound } from "../../browser/support/media.js";
import { startServer } from "../support/server.js";
import { connect } from "../support/socket.js";
import { bursts, level, raw } from "../support/sound.js";

let server;
before(async () => (server = await startServer()));

const LONG =
  "This is a rather long story about a traveller who went from town to town, and who never " +
  "stayed anywhere for longer than a week, because there was always another town behind the hills.";
/** Silence follows an interrupt within this time. */
const SILENT_AFTER_MS = 150;
/** Nothing is heard below this level (RMS). */
const SILENT = 0.002;

/** Level of recorded sound between two moments of media time. */
function levelBetween(heard, fromMs, toMs) {
  const part = heard.subarray(Math.round(fromMs * 48), Math.round(toMs * 48));
  assert.ok(part.length > 0, `${fromMs}..${toMs} ms are not in the recording`);
  return level(part);
}

/** That a turn was audible until it was cut, and nothing after it. */
function checkCut(heard, started, ended, until) {
  assert.ok(levelBetween(heard, started.at_ms, ended.at_ms) > 0.01, "it spoke before");
  const after = levelBetween(heard, ended.at_ms + SILENT_AFTER_MS, until);
  assert.ok(after < SILENT, `a level of ${after} after the interrupt`);
}

test("an interrupt silences what is said, by HTTP and by WebSocket", async () => {
  const session = await server.open({ width: 256, height: 256 });
  const events = await session.events();
  assert.deepEqual(await session.interrupt(), { turn: null, heard_text: "" });

  const first = await session.speak(LONG);
  const waiting = await session.speak("This waits and is never heard.");
  await events.until("word", { turn: first, index: 5 });
  const cut = await session.interrupt();
  assert.equal(cut.turn, first);
  const firstEnd = await events.until("speak_ended", { turn: first });
  assert.equal(firstEnd.interrupted, true);
  assert.equal(firstEnd.heard_text, cut.heard_text);
  assert.ok(LONG.startsWith(cut.heard_text) && cut.heard_text.length >= 15, cut.heard_text);
  assert.ok(cut.heard_text.length < LONG.length);
  const dropped = await events.until("speak_ended", { turn: waiting });
  assert.deepEqual([dropped.heard_text, dropped.interrupted], ["", true]);
  await server.until(async () => (await session.get()).media_time_ms > firstEnd.at_ms + 600);

  const socket = await connect(session, "");
  socket.send({ type: "speak", text: LONG });
  const { turn } = await socket.until("accepted");
  await socket.until("word", { turn, index: 3 });
  socket.send({ type: "interrupt" });
  const secondEnd = await socket.until("speak_ended", { turn });
  assert.equal(secondEnd.interrupted, true);
  assert.ok(LONG.startsWith(secondEnd.heard_text));
  await server.until(async () => (await session.get()).media_time_ms > secondEnd.at_ms + 600);

  assert.equal((await session.finish()).state, "ready");
  const heard = await sound(`${server.recordings}/${session.id}.mp4`);
  const started = (turn) => events.of("speak_started", { turn })[0];
  checkCut(heard, started(first), firstEnd, firstEnd.at_ms + 500);
  checkCut(heard, started(turn), secondEnd, secondEnd.at_ms + 500);
  assert.equal(events.of("speak_started", { turn: waiting }).length, 0);
  for (const cut of [firstEnd, secondEnd]) {
    const late = events.of("word", { turn: cut.turn }).filter(({ seq }) => seq > cut.seq);
    assert.deepEqual(late, [], "no word is told after the interrupt");
  }
});

test("queued turns follow each other; an interrupting one cuts them", async () => {
  const session = await server.open({ record: false });
  const events = await session.events();
  const texts = ["One, two.", "Three, four.", "Five, six."];
  const turns = [];
  for (const text of texts) turns.push(await session.speak(text));
  assert.deepEqual(turns, [1, 2, 3]);
  await events.until("speak_ended", { turn: 3 });
  const told = events.all.filter(({ type }) => /^speak_/.test(type));
  assert.deepEqual(
    told.map(({ type, turn, heard_text }) => [type, turn, heard_text]),
    turns.flatMap((turn, at) => [
      ["speak_started", turn, undefined],
      ["speak_ended", turn, texts[at]],
    ]),
  );

  const cut = await session.speak(LONG);
  const waiting = await session.speak("Never heard.");
  await events.until("word", { turn: cut, index: 2 });
  const last = await session.speak("Instead of that, this.", { mode: "interrupt" });
  const ended = await events.until("speak_ended", { turn: last });
  assert.deepEqual([ended.heard_text, ended.interrupted], ["Instead of that, this.", false]);
  for (const turn of [cut, waiting]) {
    const [end, ...more] = events.of("speak_ended", { turn });
    assert.equal(end.interrupted, true);
    assert.deepEqual(more, []);
    assert.ok(end.seq < events.of("speak_started", { turn: last })[0].seq);
  }
  await session.close();
});

test("many interrupts in a row lose nothing and hang nothing", async () => {
  const session = await server.open({ record: false });
  const events = await session.events();
  const turns = [];
  for (let round = 0; round < 15; round++) {
    turns.push(await session.speak(LONG));
    if (round % 3 === 0) turns.push(await session.speak(LONG, { mode: "interrupt" }));
    if (round % 5 === 0) await events.until("speak_started", { turn: turns.at(-1) });
    await session.interrupt();
  }
  const text = "After all of this, the last one is heard.";
  const last = await session.speak(text);
  const ended = await events.until("speak_ended", { turn: last });
  assert.deepEqual([ended.heard_text, ended.interrupted], [text, false]);
  for (const turn of turns) {
    const ends = events.of("speak_ended", { turn });
    assert.deepEqual(ends.map(({ interrupted }) => interrupted), [true], `turn ${turn}`);
  }
  await session.close();
});

test("streams that are cut come to an end for their senders", async () => {
  const session = await server.open({ record: false });
  const events = await session.events();
  const cutWhileSending = async (type, piece, count) => {
    let over = false;
    const body = new ReadableStream({
      async pull(controller) {
        controller.enqueue(piece);
        await new Promise((resolve) => setTimeout(resolve, 20));
        if (over) controller.close();
      },
    });
    const answer = session.push(type, body);
    // An interrupt takes a number too, so the turn is not known beforehand.
    const { turn } = await events.until("speak_started", {}, count);
    assert.equal((await session.interrupt()).turn, turn);
    await events.until("speak_ended", { turn, interrupted: true });
    const response = await answer.finally(() => (over = true));
    assert.equal((await response.json()).code, "conflict");
  };
  await cutWhileSending("text/plain", Buffer.from("and so on, and on, "), 1);
  await cutWhileSending("audio/pcm;rate=24000", raw(bursts(24_000), "s16"), 2);
  assert.equal((await session.get()).speaking, false);
  await session.close();
});
