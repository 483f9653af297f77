/** Recordings: whole, served in parts, growing, torn, and on a full disk. */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { decodeAll, pictures, probe } from "../../browser/support/media.js";
import { temporaryFolder } from "../support/command.js";
import { startServer } from "../support/server.js";

let server;
before(async () => (server = await startServer()));

const TEXT = "A recording holds the very packets that were sent, and nothing else.";

/** Names of the boxes of an MP4, in order. */
function boxes(bytes) {
  const names = [];
  for (let at = 0; at + 8 <= bytes.length; ) {
    names.push(bytes.toString("latin1", at + 4, at + 8));
    const size = bytes.readUInt32BE(at);
    at += size === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : size || bytes.length;
  }
  return names;
}

/** That a file is what players expect; gives its length in seconds. */
async function checkFile(path, { width = 512, height = 512 } = {}) {
  const { video, audio, complaints } = await probe(path);
  assert.equal(complaints, "");
  assert.deepEqual([video.codec_name, video.width, video.height], ["h264", width, height]);
  assert.deepEqual([audio.codec_name, audio.sample_rate], ["opus", "48000"]);
  const [seen, heard] = [Number(video.duration), Number(audio.duration)];
  assert.ok(Math.abs(seen - heard) <= 0.06, `${seen} s of pictures, ${heard} s of sound`);
  assert.equal(await decodeAll(path), "");
  return seen;
}

test("a recording is an MP4 with its index in front, served in parts", async () => {
  const session = await server.open();
  const events = await session.events();
  await session.speak(TEXT);
  await events.until("idle");
  const { media_time_ms: reached } = await session.get();
  const recording = await session.finish();
  assert.equal(recording.state, "ready");
  assert.equal(recording.reason, undefined);

  const response = await server.fetch(new URL(recording.urls.video, server.url).pathname);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "video/mp4");
  assert.equal(response.headers.get("accept-ranges"), "bytes");
  const all = Buffer.from(await response.arrayBuffer());
  assert.equal(all.length, recording.bytes);
  assert.equal(Number(response.headers.get("content-length")), all.length);
  const order = boxes(all);
  assert.ok(order.indexOf("moov") > 0 && order.indexOf("moov") < order.indexOf("mdat"), order.join());
  assert.ok(!order.includes("moof"), order.join());

  const file = join(temporaryFolder(), "recording.mp4");
  writeFileSync(file, all);
  const seconds = await checkFile(file);
  assert.ok(seconds * 1_000 >= reached - 40, `${seconds} s of ${reached} ms`);
  assert.ok(Math.abs(recording.duration_ms - seconds * 1_000) <= 60);
  const shown = await pictures(file, 16);
  assert.ok(shown.length >= seconds * 25 * 0.5, "pictures come, even on a busy machine");

  const etag = response.headers.get("etag");
  const ask = async (headers, query = "") => {
    const part = await server.fetch(`/v1/recordings/${session.id}/video.mp4${query}`, { headers });
    const body = Buffer.from(await part.arrayBuffer());
    return { status: part.status, headers: part.headers, body };
  };
  for (const [range, from, to] of [
    ["bytes=0-99", 0, 100],
    ["bytes=1000-", 1_000, all.length],
    ["bytes=-50", all.length - 50, all.length],
    [`bytes=10-${all.length * 2}`, 10, all.length],
  ]) {
    const part = await ask({ range });
    assert.equal(part.status, 206, range);
    assert.equal(part.headers.get("content-range"), `bytes ${from}-${to - 1}/${all.length}`);
    assert.ok(part.body.equals(all.subarray(from, to)), range);
  }
  const outside = await ask({ range: `bytes=${all.length}-` });
  assert.equal(outside.status, 416);
  assert.equal(outside.headers.get("content-range"), `bytes */${all.length}`);
  assert.equal(JSON.parse(outside.body).code, "range_not_satisfiable");
  assert.equal((await ask({ range: "bytes=0-9", "if-range": etag })).status, 206);
  const changed = await ask({ range: "bytes=0-9", "if-range": '"another"' });
  assert.deepEqual([changed.status, changed.body.length], [200, all.length]);
  assert.equal((await ask({ "if-none-match": etag })).status, 304);
  const saved = await ask({}, "?download=1");
  assert.match(saved.headers.get("content-disposition"), /^attachment; filename=".+\.mp4"$/);

  const { recordings } = await server.json("GET", "/v1/recordings");
  assert.ok(recordings.some(({ id }) => id === session.id));
  await server.json("DELETE", `/v1/recordings/${session.id}`);
  const gone = await server.fetch(`/v1/recordings/${session.id}/video.mp4`);
  assert.deepEqual([gone.status, (await gone.json()).code], [404, "not_found"]);
});

test("a recording can be played while it grows", async () => {
  const session = await server.open({ width: 640, height: 360 });
  await session.speak(TEXT);
  const growing = async (atLeast) => {
    await server.until(async () => (await session.get()).recording.duration_ms >= atLeast);
    const response = await server.fetch(`/v1/recordings/${session.id}/video.mp4`);
    assert.equal(response.status, 200);
    const file = join(temporaryFolder(), "growing.mp4");
    writeFileSync(file, Buffer.from(await response.arrayBuffer()));
    const { video } = await probe(file);
    assert.deepEqual([video.width, video.height], [640, 360]);
    assert.equal(await decodeAll(file), "");
    return (await pictures(file, 16)).at(-1).at;
  };
  const early = await growing(1_000);
  assert.ok(early >= 900, `${early} ms`);
  const late = await growing(3_000);
  assert.ok(late >= 2_900, `${late} ms`);
  const refused = await server.fetch(`/v1/recordings/${session.id}`, { method: "DELETE" });
  assert.deepEqual([refused.status, (await refused.json()).code], [409, "conflict"]);
  await session.finish();
});

test("after kill -9 the recording is repaired at the next start, less at most 2 s", async () => {
  const recordings = temporaryFolder();
  const first = await startServer({ recordings });
  const session = await first.open();
  const events = await session.events();
  await session.speak(`${TEXT} ${TEXT}`);
  await events.until("speak_started");
  const { media_time_ms: reached } = await first.until(async () => {
    const now = await session.get();
    return now.media_time_ms >= 4_000 && now;
  });
  assert.equal(await first.end("SIGKILL"), "SIGKILL");

  const second = await startServer({ recordings });
  const repaired = await second.json("GET", `/v1/recordings/${session.id}`);
  assert.equal(repaired.state, "ready");
  assert.ok(repaired.duration_ms >= reached - 2_000, `${repaired.duration_ms} of ${reached} ms`);
  assert.match(second.log(), new RegExp(`repaired.*${session.id}|${session.id}.*repaired`));
  const file = join(recordings, `${session.id}.mp4`);
  const seconds = await checkFile(file);
  assert.ok(seconds * 1_000 >= reached - 2_000, `${seconds} s of ${reached} ms`);
  const order = boxes(readFileSync(file));
  assert.ok(order.indexOf("moov") < order.indexOf("mdat"), order.join());
  assert.equal((await second.fetch(session.path)).status, 404, "sessions end with their server");
  await second.end();
});

test("when the disk is full the recording ends early and says so; the session goes on", async () => {
  const KIB = 160;
  // A limit on the length of files stands in for a small disk; the signal that comes with it
  // would end the process where a full disk only fails to be written to.
  const small = `trap "" XFSZ; ulimit -f ${KIB}; exec "$@"`;
  const full = await startServer({ through: ["bash", "-c", small, "bash"] });
  const session = await full.open();
  const events = await session.events();
  const turn = await session.speak([TEXT, TEXT, TEXT, TEXT].join(" "));
  const told = await events.until("recording");
  assert.deepEqual([told.state, told.reason], ["ended_early", "disk_full"]);
  const now = await session.get();
  assert.equal(now.state, "open");
  assert.deepEqual([now.recording.state, now.recording.reason], ["ended_early", "disk_full"]);
  const more = now.media_time_ms + 500;
  await full.until(async () => (await session.get()).media_time_ms > more);
  assert.equal(events.of("speak_ended", { turn }).length, 0, "it still speaks");
  await session.interrupt();
  const after = await session.speak("Still here.");
  assert.equal((await events.until("speak_ended", { turn: after })).heard_text, "Still here.");
  await session.close();
  await events.until("closed", { reason: "client" });

  const kept = await full.until(async () => {
    const response = await full.fetch(`/v1/recordings/${session.id}/video.mp4`);
    return response.status === 200 && Buffer.from(await response.arrayBuffer());
  });
  assert.ok(kept.length > 0 && kept.length <= KIB * 1_024);
  const file = join(temporaryFolder(), "kept.mp4");
  writeFileSync(file, kept);
  assert.equal(await decodeAll(file), "");
  assert.ok((await pictures(file, 16)).at(-1).at > 500);
  await full.end();
});
