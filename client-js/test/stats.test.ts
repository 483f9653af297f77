import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { StatsMeter } from "../src/stats.js";

/** A connection whose counters the test sets. */
function connection(counters: { frames: number; bytes: number; lost: number; packets: number }) {
  return {
    getStats: async () =>
      new Map<string, unknown>([
        [
          "v",
          {
            type: "inbound-rtp",
            kind: "video",
            framesDecoded: counters.frames,
            bytesReceived: counters.bytes,
            packetsReceived: counters.packets,
            packetsLost: counters.lost,
            jitterBufferDelay: counters.frames * 0.02,
            jitterBufferEmittedCount: counters.frames,
            codecId: "c",
          },
        ],
        ["c", { type: "codec", mimeType: "video/H264" }],
        ["p", { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.012 }],
      ]),
  } as unknown as RTCPeerConnection;
}

describe("connection figures", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("are rates over the time since they were last asked for", async () => {
    const counters = { frames: 100, bytes: 1_000_000, lost: 0, packets: 900 };
    const peer = connection(counters);
    const meter = new StatsMeter();
    expect(await meter.read(peer)).toMatchObject({ fps: 0, framesDecoded: 100 });
    vi.advanceTimersByTime(2000);
    Object.assign(counters, { frames: 150, bytes: 1_250_000, lost: 5, packets: 995 });
    const stats = await meter.read(peer);
    expect(stats).toMatchObject({ fps: 25, videoKbps: 1000, loss: 0.05, rttMs: 12, codec: "H264" });
    expect(stats.videoJitterBufferMs).toBeCloseTo(20);
  });

  it("are repeated when asked for too soon, and begin anew with another connection", async () => {
    const counters = { frames: 0, bytes: 0, lost: 0, packets: 0 };
    const peer = connection(counters);
    const meter = new StatsMeter();
    await meter.read(peer);
    vi.advanceTimersByTime(1000);
    counters.frames = 25;
    const first = await meter.read(peer);
    counters.frames = 26;
    vi.advanceTimersByTime(10);
    expect(await meter.read(peer)).toBe(first);
    expect((await meter.read(connection(counters))).fps).toBe(0);
  });
});
