/** The life of a session, and text that comes whole or in pieces. */

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { plain, settle } from "../../browser/support/text.js";
import { startServer } from "../support/server.js";
import { connect } from "../support/socket.js";

let server;
before(async () => (server = await startServer()));

/** The words of a text as people count them. */
const words = (text) => text.split(/\s+/).map(plain).filter(Boolean);

/** What the events of a turn say about its text. */
function checkWords(events, turn, text) {
  const bytes = Buffer.from(text);
  const heard = events.of("word", { turn });
  // “10 °C” may be one word or two.
  assert.equal(heard.map(({ text }) => plain(text)).join(""), words(text).join(""));
  heard.forEach((word, index) => {
    assert.equal(word.index, index);
    assert.equal(bytes.subarray(word.char_start, word.char_end).toString(), word.text);
    assert.ok(word.start_ms < word.end_ms);
    // Told in the step of 20 ms in which it begins to be heard.
    assert.ok(Math.abs(word.at_ms - word.start_ms) <= 20, `${word.at_ms} ${word.start_ms}`);
    if (index) assert.ok(word.start_ms >= heard[index - 1].end_ms);
  });
}

/** What holds for any session's events. */
function checkOrder(events) {
  events.all.forEach((event, index) => {
    assert.equal(event.seq, index + 1);
    assert.equal(events.ids[index], event.seq);
    if (index) assert.ok(event.at_ms >= events.all[index - 1].at_ms);
  });
  const turns = events.all.flatMap(({ type, turn }) => (type === "speak_ended" ? [turn] : []));
  assert.equal(new Set(turns).size, turns.length, "a turn ends once");
  for (const turn of turns) {
    assert.ok(events.of("speak_started", { turn }).length <= 1);
    const types = events.all.filter((event) => event.turn === turn && event.type !== "receipt");
    assert.equal(types.at(-1).type, "speak_ended");
    if (types.length > 1) assert.equal(types[0].type, "speak_started");
  }
}

test("a session is made, speaks, tells what happens and ends", async () => {
  const text = "Hello there. This café is Visavis, and it works!";
  const session = await server.open({ width: 320, height: 240, seed: 7 });
  const { made } = session;
  assert.equal(made.state, "open");
  assert.deepEqual([made.width, made.height], [320, 240]);
  assert.ok(Number.isFinite(Date.parse(made.created_at)));
  assert.ok(Date.parse(made.token_expires_at) > Date.now());
  assert.equal(made.recording.state, "recording");
  const events = await session.events();

  assert.equal(await session.speak(text), 1);
  await events.until("speak_started", { turn: 1 });
  const speaking = await session.get();
  assert.equal(speaking.speaking, true);
  assert.equal(speaking.turn, 1);
  assert.equal(speaking.token, undefined, "tokens are only in the answer to the making");
  const listed = await server.json("GET", "/v1/sessions");
  assert.ok(listed.sessions.some(({ id }) => id === session.id));

  const ended = await events.until("speak_ended", { turn: 1 });
  assert.deepEqual([ended.heard_text, ended.interrupted], [text, false]);
  await events.until("idle");
  checkWords(events, 1, text);
  assert.deepEqual(
    events.of("clause").map(({ text }) => text.trim()).join(" "),
    text,
    "captions hold the whole text",
  );

  const { stages } = await events.until("receipt", { turn: 1 });
  const order = ["text_received_ms", "first_timings_ms", "first_sample_ms", "first_packet_ms"];
  order.slice(1).forEach((name, at) => assert.ok(stages[name] >= stages[order[at]], name));
  assert.ok(stages.first_controls_ms <= stages.first_picture_ms);
  await server.json("POST", `${session.path}/shown`, { turn: 1, after_ms: 321 });
  const shown = await events.until("receipt", { turn: 1 }, 2);
  assert.equal(shown.stages.shown_ms, 321);
  assert.equal((await session.get()).receipts.at(-1).stages.shown_ms, 321);

  await session.close();
  await events.untilEnd();
  assert.equal(events.all.at(-1).type, "closed");
  assert.equal(events.all.at(-1).reason, "client");
  checkOrder(events);

  const recording = await session.recorded();
  // Its connections stay for a moment, so that they can be told why it is over.
  await settle(async () => (await server.fetch(session.path)).status === 410 || undefined);
  for (const [method, path] of [["GET", ""], ["POST", "/speak"], ["POST", "/interrupt"]]) {
    const response = await server.fetch(session.path + path, {
      method,
      headers: { "content-type": "application/json" },
      body: method === "POST" ? JSON.stringify({ text: "Too late." }) : undefined,
    });
    assert.equal(response.status, 410, `${method} ${path}`);
    assert.equal((await response.json()).code, "session_closed");
  }
  assert.equal(recording.state, "ready");
  assert.ok(recording.duration_ms >= ended.at_ms, "the recording holds the whole session");
});

test("a session without recording leaves none", async () => {
  const session = await server.open({ record: false });
  assert.equal(session.made.recording.state, "off");
  assert.equal(session.made.record, false);
  await session.close();
  assert.equal((await server.fetch(`/v1/recordings/${session.id}`)).status, 404);
});

test("events go on where a client left off", async () => {
  const session = await server.open({ record: false });
  const first = await session.events();
  await session.speak("One two three.");
  await first.until("idle");
  first.stop();
  const response = await server.fetch(`${session.path}/events`, {
    headers: { "last-event-id": "2" },
  });
  const reader = response.body.getReader();
  let text = "";
  while (!text.includes("idle")) text += Buffer.from((await reader.read()).value).toString();
  await reader.cancel();
  assert.match(text.match(/id: ?(\d+)/)[1], /^3$/);
  assert.equal(text.includes("speak_started"), first.all.findIndex(({ type }) => type === "speak_started") > 1);
  await session.close();
});

test("text is spoken while it is still being written, cut anywhere", async () => {
  const session = await server.open({ record: false });
  const events = await session.events();
  const head = "The naïve café owner said: “Ça va, it is 10 °C outside.” ";
  const tail = "Then the señor 🙂 left, and the rest of us stayed until midnight.";
  let ended = false;
  const body = new ReadableStream({
    async start(controller) {
      // Two bytes at a time: letters of two to four bytes and all words are cut.
      const write = async (text) => {
        const bytes = Buffer.from(text);
        for (let at = 0; at < bytes.length; at += 2) {
          controller.enqueue(new Uint8Array(bytes.subarray(at, at + 2)));
          await sleep(1);
        }
      };
      await write(head);
      // The body goes on only when speech has begun: a server that waits for its end would hang.
      await events.until("speak_started", { turn: 1 });
      await events.until("word", { turn: 1 });
      await write(tail);
      ended = true;
      controller.close();
    },
  });
  const response = await session.push("text/plain; charset=utf-8", body);
  assert.ok(ended);
  assert.equal(response.status, 202);
  assert.deepEqual(await response.json(), { turn: 1 });
  const over = await events.until("speak_ended", { turn: 1 });
  assert.equal(over.interrupted, false);
  assert.equal(over.heard_text.trimEnd(), head + tail);
  checkWords(events, 1, head + tail);
  await session.close();
  await events.untilEnd();
  checkOrder(events);
});

test("a WebSocket takes text in pieces and tells the events", async () => {
  const session = await server.open({ record: false });
  const socket = await connect(session);
  socket.send({ type: "ping" });
  await socket.until("pong");
  socket.send({ type: "text.append", text: "Nothing is open." });
  assert.equal((await socket.until("error")).code, "conflict");
  socket.send({ type: "text.begin" });
  const { turn } = await socket.until("accepted");
  const pieces = ["Good mor", "ning to you", " all. It ", "is a fine day", "."];
  for (const text of pieces) socket.send({ type: "text.append", text });
  socket.send({ type: "text.end" });
  const ended = await socket.until("speak_ended", { turn });
  assert.equal(ended.heard_text, pieces.join(""));
  assert.equal(ended.interrupted, false);
  await socket.until("idle");
  assert.deepEqual(
    socket.of("word", { turn }).map(({ text }) => plain(text)),
    words(pieces.join("")),
  );
  socket.send("{not json");
  assert.equal((await socket.until("error", {}, 2)).code, "invalid_request");
  await session.close();
  await socket.until("closed", { reason: "client" });
  assert.equal(await socket.closed, 1000);
});

test("voices, avatars and the description of the API are served", async () => {
  const voices = await server.json("GET", "/v1/voices");
  assert.ok(voices.voices.some(({ id }) => id === voices.default));
  for (const voice of voices.voices) {
    for (const field of ["id", "name", "language", "licence", "origin"]) {
      assert.equal(typeof voice[field], "string", `${voice.id}: ${field}`);
    }
    assert.ok(voice.sample_rate >= 8_000);
  }
  const avatars = await server.json("GET", "/v1/avatars");
  assert.ok(avatars.avatars.some(({ id }) => id === avatars.default));
  for (const { id, licence } of avatars.avatars) {
    assert.ok(licence);
    const preview = await server.fetch(`/v1/avatars/${id}/preview.png?size=128`);
    assert.equal(preview.headers.get("content-type"), "image/png");
    assert.equal(Buffer.from(await preview.arrayBuffer()).readUInt32BE(16), 128);
  }
  const openapi = await server.json("GET", "/openapi.json");
  assert.match(openapi.openapi, /^3\./);
  assert.ok(openapi.paths["/v1/sessions/{id}/speak"].post);
  const metrics = await (await server.fetch("/metrics")).text();
  assert.match(metrics, /^visavis_\w+(\{.*\})? \d/m);
  assert.equal((await server.fetch("/healthz")).status, 200);
  assert.equal((await server.fetch("/readyz")).status, 200);
  assert.match(await (await server.fetch("/")).text(), /<html/i);
});

test("a turn may have another voice than its session", async () => {
  const session = await server.open({ record: false });
  const events = await session.events();
  for (const voice of ["af_heart", session.made.voice]) {
    const turn = await session.speak("Yes, I can.", { voice });
    const ended = await events.until("speak_ended", { turn });
    assert.deepEqual([voice, ended.heard_text], [voice, "Yes, I can."]);
    const [started] = events.of("speak_started", { turn });
    const length = ended.at_ms - started.at_ms;
    assert.ok(length > 400 && length < 4_000, `${voice} speaks for ${length} ms`);
  }
  await session.close();
});
