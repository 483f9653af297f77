import assert from "node:assert/strict";
import { test } from "node:test";

import { frame, Frames } from "../lib/channel.js";
import { firstAudible, lastAudible, RATE, tone, trim } from "../lib/sound.js";
import { histogramPercentile, percentile, slope } from "../lib/stats.js";
import { figures, replaced } from "../table.js";

test("percentiles are by nearest rank", () => {
  const values = Array.from({ length: 100 }, (_, n) => 100 - n);
  assert.equal(percentile(values, 0.5), 50);
  assert.equal(percentile(values, 0.99), 99);
  assert.equal(percentile([7], 0.99), 7);
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

test("percentiles of a histogram lie within their bucket", () => {
  const buckets = [
    [1, 90],
    [5, 98],
    [Infinity, 100],
  ];
  assert.equal(histogramPercentile(buckets, 0.94), 3);
  assert.equal(histogramPercentile(buckets, 0.99), 5);
  assert.equal(histogramPercentile(buckets, 0.45), 0.5);
  assert.ok(Number.isNaN(histogramPercentile([[1, 0]], 0.5)));
});

test("the slope of a line is found", () => {
  const found = slope([
    [1, 5],
    [2, 8],
    [4, 14],
  ]);
  assert.ok(Math.abs(found - 3) < 1e-9, `${found}`);
});

test("frames are masked, and read in any pieces", () => {
  for (const length of [0, 125, 126, 65_535, 65_536]) {
    const payload = Buffer.alloc(length, "visavis");
    const sent = frame(2, payload);
    const mask = sent.subarray(sent.length - length - 4, sent.length - length);
    const plain = sent.subarray(sent.length - length).map((byte, n) => byte ^ mask[n & 3]);
    assert.deepEqual(Buffer.from(plain), payload);

    // As a server would send it: the same without mask.
    const head = Buffer.from(sent.subarray(0, sent.length - length - 4));
    head[1] &= 0x7f;
    const received = Buffer.concat([head, payload, head, payload]);
    const frames = new Frames();
    const found = [];
    for (let at = 0; at < received.length; at += 1_000) {
      found.push(...frames.push(received.subarray(at, at + 1_000)));
    }
    assert.equal(found.length, 2);
    for (const { opcode, payload: read } of found) {
      assert.equal(opcode, 2);
      assert.deepEqual(Buffer.from(read), payload);
    }
  }
});

test("a tone is found where it is", () => {
  const silence = Buffer.alloc(2 * RATE);
  const pcm = Buffer.concat([silence, tone(1), silence]);
  const [first, last] = [firstAudible(pcm, 0, 3 * RATE), lastAudible(pcm, 0, 3 * RATE)];
  assert.ok(Math.abs(first - RATE) < 5 && Math.abs(last - 2 * RATE) < 5, `${first} ${last}`);
  assert.equal(firstAudible(pcm, 0, RATE / 2), -1);
  assert.equal(trim(pcm).length, 2 * (last + 1 - first));
});

test("figures replace what is between the markers, and nothing else", () => {
  const block = figures([
    {
      title: "Title",
      command: "npm --prefix bench run latency",
      at: "2026-01-02T03:04:05.000Z",
      machine: { cpu: "A", cores: 2, kernel: "6", rustc: "rustc 1 (x)", revision: "r", busy_cores_before: 0 },
      figures: [{ what: "speed", value: "3 ms", goal: "≤ 2 ms", met: false }],
    },
  ]);
  assert.match(block, /\| speed \| 3 ms \| ≤ 2 ms \(missed\) \|/);
  const readme = "before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n";
  const once = replaced(readme, block);
  assert.ok(once.startsWith("before\n<!-- figures -->\n"));
  assert.ok(once.endsWith("<!-- /figures -->\nafter\n"));
  assert.ok(!once.includes("old"));
  assert.equal(replaced(once, block), once);
  assert.throws(() => replaced("no markers", block));
});
