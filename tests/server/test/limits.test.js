/** Bad input and limits: each is refused by a stable code and a sentence that helps. */

import assert from "node:assert/strict";
import { afterEach, before, test } from "node:test";
import { startServer } from "../support/server.js";
import { offer } from "../support/offers.js";

const MAX_SESSIONS = 3;
let server;
before(async () => (server = await startServer({ settings: { VISAVIS_MAX_SESSIONS: `${MAX_SESSIONS}` } })));

// What a failed test leaves open must not fail the next one.
afterEach(async () => {
  const open = async () => (await server.json("GET", "/v1/sessions")).sessions;
  for (const { id } of await open()) await server.fetch(`/v1/sessions/${id}`, { method: "DELETE" });
  await server.until(async () => (await open()).length === 0);
});

/** That a response is this problem; gives its sentence. */
async function checkProblem(response, status, code, name) {
  const text = await response.text();
  assert.equal(response.headers.get("content-type"), "application/problem+json", `${name}: ${text}`);
  const problem = JSON.parse(text);
  assert.deepEqual([problem.status, problem.code], [status, code], `${name}: ${text}`);
  assert.equal(response.status, status);
  for (const field of ["type", "title", "detail", "request_id"]) {
    assert.ok(problem[field], `${name}: ${field} in ${text}`);
  }
  assert.ok(problem.detail.length < 1_000, `${name}: the sentence is short`);
  return problem.detail;
}

const post = (path, body, type = "application/json") =>
  server.fetch(path, {
    method: "POST",
    headers: type ? { "content-type": type } : {},
    body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body),
  });

test("sessions that cannot be made are refused by field", async () => {
  const table = [
    [{ voice: "nobody" }, "unknown_voice", /nobody.*joe/],
    [{ avatar: "nobody" }, "unknown_avatar", /nobody.*nora/],
    [{ avatar: "x".repeat(5_000) }, "unknown_avatar", /x…/],
    [{ colour: "red" }, "invalid_request", /colour/],
    [{ width: 511 }, "invalid_request", /511.*even/],
    [{ width: 0, height: 0 }, "invalid_request", /0x0/],
    [{ height: 100_000 }, "invalid_request", /100000/],
    [{ width: -2 }, "invalid_request", /-2/],
    [{ width: "wide" }, "invalid_request", /wide/],
    [{ bitrate: 1 }, "invalid_request", /bitrate/],
    [{ idle_timeout_s: 0 }, "invalid_request", /idle_timeout_s/],
    [{ lip_sync: "psychic" }, "invalid_request", /psychic/],
    ["{", "invalid_request", /EOF|line 1/],
    ["[]", "invalid_request", /./],
    ["null", "invalid_request", /./],
  ];
  for (const [body, code, detail] of table) {
    const name = JSON.stringify(body).slice(0, 60);
    assert.match(await checkProblem(await post("/v1/sessions", body), 400, code, name), detail);
  }
  const typed = await post("/v1/sessions", "{}", "text/html");
  await checkProblem(typed, 415, "unsupported_media_type", "HTML");
  await checkProblem(await post("/v1/sessions", " ".repeat(17 << 20)), 413, "payload_too_large", "17 MiB");
  assert.equal((await server.json("GET", "/v1/sessions")).sessions.length, 0, "none is left behind");
});

test("texts of all kinds are spoken or refused; the session goes on", async () => {
  const session = await server.open({ record: false });
  const events = await session.events();
  const path = `${session.path}/speak`;
  const refusals = [
    [{ text: "" }, 400, "empty_text", /empty/],
    [{ text: " \n\t " }, 400, "empty_text", /empty/],
    [{ text: "a".repeat(1 << 20) }, 413, "text_too_long", /100000/],
    [{}, 400, "invalid_request", /text/],
    [{ text: 5 }, 400, "invalid_request", /integer/],
    [{ text: "Hi.", speed: 2 }, 400, "invalid_request", /speed/],
    [{ text: "Hi.", mode: "shout" }, 400, "invalid_request", /shout/],
    [{ text: "Hi.", voice: "nobody" }, 400, "unknown_voice", /nobody/],
    ['{"text": "\\ud800"}', 400, "invalid_request", /./],
  ];
  for (const [body, status, code, detail] of refusals) {
    const name = JSON.stringify(body).slice(0, 60);
    assert.match(await checkProblem(await post(path, body), status, code, name), detail, name);
  }
  await checkProblem(await post(path, "a".repeat(1 << 20), "text/plain"), 413, "text_too_long", "plain");
  await checkProblem(await post(path, "", "text/plain"), 400, "empty_text", "plain");
  await checkProblem(await post(path, "Hi.", "text/html"), 415, "unsupported_media_type", "HTML");
  await checkProblem(await post(path, "Hi.", "text/plain; charset=utf-16"), 415, "unsupported_media_type", "UTF-16");
  const bytes = Uint8Array.from([0x48, 0x69, 0x2e, 0x20, 0xff, 0xfe]);
  assert.match(await checkProblem(await post(path, bytes, "text/plain"), 400, "invalid_request", "bytes"), /UTF-8 from byte 4/);
  await session.interrupt();

  // What is odd, but text: ends as a turn that is over, whatever of it could be said.
  const odd = [
    "🙂🙃🎉",
    "...?!",
    "مرحبا بالعالم",
    "שלום, hello ‮reversed‬ there.",
    "Bell\u0007 and null\u0000 and escape\u001b[31m are not said.",
    "<speak>Hello <break time='5s'/> <prosody rate='x-fast'>you</prosody>.</speak>",
    "你好。",
    `${"a".repeat(300)} b.`,
    "```js\nconst x = 1;\n```",
    "Zero\u200bwidth, combining e\u0301\u0301\u0301, and 1".repeat(2),
  ];
  for (const text of odd) {
    const turn = await session.speak(text, { mode: "interrupt" });
    // Nothing to say is told; what is said is heard to begin, and then enough is known.
    await Promise.race([
      events.until("speak_ended", { turn }),
      events.until("word", { turn }),
    ]);
  }
  const turn = await session.speak("And now a plain sentence.", { mode: "interrupt" });
  const ended = await events.until("speak_ended", { turn });
  assert.deepEqual([ended.heard_text, ended.interrupted], ["And now a plain sentence.", false]);
  for (const { code } of events.of("error")) assert.equal(code, "nothing_to_say");
  assert.ok(events.of("error").length >= 1, "emoji alone are told to have nothing to say");
  await session.close();
});

test("too many waiting turns are refused, and none is lost", async () => {
  const session = await server.open({ record: false });
  let refused;
  for (let turn = 0; turn < 40 && !refused; turn++) {
    const response = await post(`${session.path}/speak`, { text: "One of many." });
    if (response.status !== 202) refused = response;
  }
  assert.ok(refused?.headers.get("retry-after"));
  await checkProblem(refused, 429, "too_many_turns", "turns");
  await session.interrupt();
  assert.ok(await session.speak("Room again."));
  await session.close();
});

test("unknown places and methods are problems too", async () => {
  const unknown = "01900000-0000-7000-8000-000000000000";
  const ask = (method, path) => server.fetch(path, { method });
  await checkProblem(await ask("GET", "/v1/nothing"), 404, "not_found", "path");
  await checkProblem(await ask("GET", `/v1/sessions/${unknown}`), 404, "not_found", "session");
  await checkProblem(await ask("GET", "/v1/sessions/%ff"), 400, "invalid_request", "bytes");
  await checkProblem(await ask("GET", `/v1/recordings/${unknown}`), 404, "not_found", "recording");
  await checkProblem(await ask("GET", "/v1/recordings/..%2f..%2fetc%2fpasswd/video.mp4"), 404, "not_found", "dots");
  await checkProblem(await ask("GET", "/v1/avatars/nobody/preview.png"), 404, "not_found", "avatar");
  const wrong = await ask("PUT", "/v1/sessions");
  assert.match(wrong.headers.get("allow"), /POST/);
  await checkProblem(wrong, 405, "method_not_allowed", "PUT");
  const session = await server.open({ record: false });
  await checkProblem(await ask("GET", `${session.path}/ws`), 426, "upgrade_required", "no WebSocket");
  await checkProblem(await ask("GET", `${session.path}/events?after=x`), 400, "invalid_request", "after");
  await checkProblem(await post(`${session.path}/shown`, { turn: 1, after_ms: -1 }), 400, "invalid_request", "shown");
  await session.close();
});

test("offers that cannot be answered are refused by what is missing", async () => {
  const session = await server.open({ record: false });
  const path = `${session.path}/whep`;
  const vp8 = offer({ video: [[96, "VP8/90000"], [98, "AV1/90000"]] });
  const table = [
    ["not SDP", "hello", 400, "bad_sdp", /./],
    ["nothing", "", 400, "bad_sdp", /./],
    ["cut off", offer().slice(0, 200), 400, "bad_sdp", /./],
    ["binary", Uint8Array.from([0xff, 0x00]), 400, "bad_sdp", /UTF-8/],
    ["without H.264", vp8, 406, "no_h264", /H\.264.*VP8.*AV1/],
    ["without Opus", offer({ audio: [[0, "PCMU/8000"]] }), 406, "no_opus", /Opus.*PCMU/i],
    ["sends only", offer().replaceAll("recvonly", "sendonly"), 400, "bad_sdp", /receive/],
    ["huge", `${offer()}${"a=x\r\n".repeat(40_000)}`, 413, "payload_too_large", /./],
  ];
  for (const [name, body, status, code, detail] of table) {
    const response = await post(path, body, "application/sdp");
    assert.match(await checkProblem(response, status, code, name), detail, name);
  }
  await checkProblem(await post(path, "{}"), 415, "unsupported_media_type", "JSON");

  const response = await post(path, offer(), "application/sdp");
  const answer = await response.text();
  assert.equal(response.status, 201, answer);
  assert.match(answer, /H264/);
  assert.match(answer, /a=candidate:/);
  const viewer = new URL(response.headers.get("location"), server.url).pathname;
  const etag = response.headers.get("etag");
  const patch = (headers, body = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n") =>
    server.fetch(viewer, {
      method: "PATCH",
      headers: { "content-type": "application/trickle-ice-sdpfrag", ...headers },
      body,
    });
  await checkProblem(await patch({}), 428, "precondition_required", "no If-Match");
  await checkProblem(await patch({ "if-match": '"old"' }), 412, "precondition_failed", "old tag");
  const candidate =
    "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n" +
    "a=candidate:1 1 udp 2130706431 127.0.0.1 50000 typ host\r\na=end-of-candidates\r\n";
  const trickled = await patch({ "if-match": etag }, candidate);
  assert.equal(trickled.status, 204, await trickled.text());
  const fresh = "a=ice-ufrag:wxyz\r\na=ice-pwd:zyxwvutsrqponmlkjihgfedc\r\n";
  const restarted = await patch({ "if-match": "*" }, fresh);
  assert.equal(restarted.status, 200);
  assert.match(await restarted.text(), /a=ice-ufrag:/);
  assert.notEqual(restarted.headers.get("etag"), etag);
  assert.equal((await server.fetch(viewer, { method: "DELETE" })).status, 200);
  const options = await server.fetch(path, { method: "OPTIONS" });
  assert.equal(options.headers.get("accept-post"), "application/sdp");
  await session.close();
});

test("limits of time are announced, then strike with their reason", async () => {
  const idle = await server.open({ record: false, idle_timeout_s: 2 });
  const long = await server.open({ record: false, max_duration_s: 4 });
  const kept = await server.open({ record: false, idle_timeout_s: 2 });
  const [idleEvents, longEvents, keptEvents] = await Promise.all([idle, long, kept].map((s) => s.events()));
  // Speech counts as use, here for longer than the limit.
  const turn = await kept.speak("I keep this session open by talking for quite a while, much longer than it may be idle.");

  const warned = await idleEvents.until("limit_warning");
  assert.deepEqual([warned.limit, warned.remaining_s], ["idle_timeout", 1]);
  const closed = await idleEvents.until("closed");
  assert.equal(closed.reason, "idle_timeout");
  assert.ok(closed.at_ms >= 2_000 && closed.at_ms < 2_100, `${closed.at_ms} ms`);
  const announced = await longEvents.until("limit_warning", { limit: "max_duration" });
  assert.ok(announced.at_ms >= 2_000 && announced.at_ms < 2_100, `${announced.at_ms} ms`);
  const over = await longEvents.until("closed");
  assert.equal(over.reason, "max_duration");
  assert.ok(over.at_ms >= 4_000 && over.at_ms < 4_100, `${over.at_ms} ms`);
  const gone = await post(`${long.path}/speak`, { text: "Hi." });
  await checkProblem(gone, 410, "session_closed", "closed");

  const ended = await keptEvents.until("speak_ended", { turn });
  assert.ok(ended.at_ms > 2_000);
  const last = await keptEvents.until("closed");
  assert.equal(last.reason, "idle_timeout");
  assert.ok(last.at_ms >= ended.at_ms + 1_900, `${last.at_ms} after ${ended.at_ms}`);
});

test("a full server says when to come back", async () => {
  const sessions = [];
  for (let open = 0; open < MAX_SESSIONS; open++) sessions.push(await server.open({ record: false }));
  const response = await post("/v1/sessions", {});
  assert.ok(Number(response.headers.get("retry-after")) > 0);
  assert.match(await checkProblem(response, 503, "too_many_sessions", "full"), /3/);
  const status = await server.json("GET", "/v1/status");
  assert.deepEqual([status.sessions, status.capacity], [MAX_SESSIONS, MAX_SESSIONS]);
  await sessions[0].close();
  const place = await server.until(async () => {
    const again = await post("/v1/sessions", {});
    return again.status === 201 && again;
  });
  assert.equal((await place.json()).state, "open");
});
