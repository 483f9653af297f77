/** What a running connection looks like, over the time since it was last asked. */
export interface ConnectionStats {
  /** Decoded pictures per second. */
  fps: number;
  framesDecoded: number;
  framesDropped: number;
  width: number;
  height: number;
  /** Round trip to the server in ms, if it is known. */
  rttMs: number | undefined;
  /** Lost packets of those expected, 0..1. */
  loss: number;
  videoKbps: number;
  audioKbps: number;
  /** Mean time a picture waited in the jitter buffer, ms. */
  videoJitterBufferMs: number;
  audioJitterBufferMs: number;
  freezes: number;
  codec: string | undefined;
}

interface Inbound {
  kind: "video" | "audio";
  bytesReceived?: number;
  packetsReceived?: number;
  packetsLost?: number;
  framesDecoded?: number;
  framesDropped?: number;
  frameWidth?: number;
  frameHeight?: number;
  freezeCount?: number;
  jitterBufferDelay?: number;
  jitterBufferEmittedCount?: number;
  codecId?: string;
}

interface Snapshot {
  at: number;
  video: Inbound;
  audio: Inbound;
}

/** Packets received so far, of both tracks together. */
export async function packetsReceived(peer: RTCPeerConnection): Promise<number> {
  let packets = 0;
  for (const report of (await peer.getStats()).values() as Iterable<Inbound & { type: string }>) {
    if (report.type === "inbound-rtp") packets += report.packetsReceived ?? 0;
  }
  return packets;
}

/** Asked again within this time, the meter repeats itself: rates over less are noise. */
const SHORTEST_MS = 500;

/** Turns the browser's growing counters into rates. */
export class StatsMeter {
  #last: Snapshot | undefined;
  #stats: ConnectionStats | undefined;
  #peer: RTCPeerConnection | undefined;

  /** The figures since the last call for the same connection; the first call has no rates yet. */
  async read(peer: RTCPeerConnection): Promise<ConnectionStats> {
    if (peer !== this.#peer) {
      this.#peer = peer;
      this.#last = undefined;
      this.#stats = undefined;
    }
    if (this.#last && this.#stats && performance.now() - this.#last.at < SHORTEST_MS) {
      return this.#stats;
    }
    const reports = await peer.getStats();
    const now: Snapshot = {
      at: performance.now(),
      video: { kind: "video" },
      audio: { kind: "audio" },
    };
    let rttMs: number | undefined;
    for (const report of reports.values() as Iterable<Record<string, unknown>>) {
      if (report["type"] === "inbound-rtp") {
        const inbound = report as unknown as Inbound;
        now[inbound.kind] = inbound;
      } else if (report["type"] === "candidate-pair" && report["nominated"] === true) {
        const seconds = report["currentRoundTripTime"];
        if (typeof seconds === "number") rttMs = seconds * 1000;
      }
    }
    const before = this.#last;
    this.#last = now;
    const seconds = before ? Math.max(0.001, (now.at - before.at) / 1000) : Number.POSITIVE_INFINITY;
    const grown = (kind: "video" | "audio", field: keyof Inbound): number =>
      Math.max(0, Number(now[kind][field] ?? 0) - Number(before?.[kind][field] ?? 0));
    const bufferMs = (kind: "video" | "audio"): number =>
      (1000 * grown(kind, "jitterBufferDelay")) / Math.max(1, grown(kind, "jitterBufferEmittedCount"));
    const received = grown("video", "packetsReceived") + grown("audio", "packetsReceived");
    const lost = grown("video", "packetsLost") + grown("audio", "packetsLost");
    const codec = now.video.codecId
      ? (reports as unknown as Map<string, { mimeType?: string }>).get(now.video.codecId)
      : undefined;
    this.#stats = {
      fps: grown("video", "framesDecoded") / seconds,
      framesDecoded: now.video.framesDecoded ?? 0,
      framesDropped: now.video.framesDropped ?? 0,
      width: now.video.frameWidth ?? 0,
      height: now.video.frameHeight ?? 0,
      rttMs,
      loss: lost / Math.max(1, received + lost),
      videoKbps: (grown("video", "bytesReceived") * 8) / 1000 / seconds,
      audioKbps: (grown("audio", "bytesReceived") * 8) / 1000 / seconds,
      videoJitterBufferMs: bufferMs("video"),
      audioJitterBufferMs: bufferMs("audio"),
      freezes: now.video.freezeCount ?? 0,
      codec: codec?.mimeType?.replace("video/", ""),
    };
    return this.#stats;
  }
}
