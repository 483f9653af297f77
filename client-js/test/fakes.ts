import { afterEach, beforeEach, vi } from "vitest";
import type { SessionInfo } from "../src/types.js";

/** What reached the fake server. */
export interface Seen {
  method: string;
  path: string;
  headers: Headers;
  body: string;
}

type Answer = Response | Promise<Response>;
export type Route = (seen: Seen, signal: AbortSignal | undefined) => Answer;

/** A server made of routes (`"POST /v1/sessions"`); anything else is a 404 problem. */
export class FakeServer {
  readonly seen: Seen[] = [];
  /** While true, no connection can be had. */
  down = false;

  constructor(readonly routes: Record<string, Route> = {}) {}

  readonly fetch = async (input: string, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input);
    const seen: Seen = {
      method: init.method ?? "GET",
      path: url.pathname,
      headers: new Headers(init.headers),
      body: typeof init.body === "string" ? init.body : "",
    };
    if (this.down) throw new TypeError("fetch failed");
    this.seen.push(seen);
    const route = this.routes[`${seen.method} ${seen.path}`];
    return route ? route(seen, init.signal ?? undefined) : problem(404, "not_found");
  };

  requests(line: string): Seen[] {
    return this.seen.filter(({ method, path }) => `${method} ${path}` === line);
  }
}

export function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json" },
  });
}

export function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  return new Response(
    JSON.stringify({ type: "about:blank", title: code, status, code, detail: `detail of ${code}` }),
    { status, headers: { "content-type": "application/problem+json", ...headers } },
  );
}

/** A response body that is written while it is read. */
export class Stream {
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  readonly response: Response;

  constructor(signal?: AbortSignal) {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
    });
    signal?.addEventListener("abort", () => this.break(signal.reason));
    this.response = new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  event(event: { seq: number; type: string } & Record<string, unknown>): void {
    this.write(`id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  write(text: string): void {
    this.#controller?.enqueue(new TextEncoder().encode(text));
  }

  end(): void {
    this.#controller?.close();
  }

  break(reason: unknown = new TypeError("network error")): void {
    try {
      this.#controller?.error(reason);
    } catch {
      // Already closed.
    }
  }
}

export const OFFER = [
  "v=0",
  "a=group:BUNDLE 0 1",
  "m=video 9 UDP/TLS/RTP/SAVPF 102",
  "a=ice-ufrag:LOCAL",
  "a=ice-pwd:localpassword",
  "a=mid:0",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "a=ice-ufrag:LOCAL",
  "a=ice-pwd:localpassword",
  "a=mid:1",
  "",
].join("\r\n");

export const ANSWER = [
  "v=0",
  "m=video 9 UDP/TLS/RTP/SAVPF 102",
  "a=ice-ufrag:REMOTE",
  "a=ice-pwd:remotepassword",
  "a=mid:0",
  "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host",
  "a=end-of-candidates",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "a=ice-ufrag:REMOTE",
  "a=ice-pwd:remotepassword",
  "a=mid:1",
  "",
].join("\r\n");

/** A peer connection whose network is moved by the test. */
export class FakePeer {
  static made: FakePeer[] = [];
  connectionState = "new";
  signalingState = "stable";
  localDescription: { sdp: string } | null = null;
  remote: string[] = [];
  restarts = 0;
  kinds: string[] = [];
  packets = 0;
  closed = false;
  ontrack: ((event: { track: unknown }) => void) | null = null;
  onicecandidate: ((event: { candidate: unknown }) => void) | null = null;

  constructor() {
    FakePeer.made.push(this);
  }
  addTransceiver(kind: string): void {
    this.kinds.push(kind);
  }
  async setLocalDescription(): Promise<void> {
    this.localDescription = { sdp: this.restarts ? OFFER.replaceAll("LOCAL", "AGAIN") : OFFER };
  }
  async setRemoteDescription({ sdp }: { sdp: string }): Promise<void> {
    this.remote.push(sdp);
  }
  restartIce(): void {
    this.restarts += 1;
  }
  async getStats(): Promise<Map<string, unknown>> {
    return new Map([["in", { type: "inbound-rtp", packetsReceived: this.packets }]]);
  }
  close(): void {
    this.closed = true;
    this.connectionState = "closed";
    this.signalingState = "closed";
  }
  /** Media begins to flow. */
  flow(): void {
    this.connectionState = "connected";
    this.packets += 10;
  }
  found(candidate: string): void {
    this.onicecandidate?.({ candidate: { candidate, sdpMid: "0" } });
  }
  gathered(): void {
    this.onicecandidate?.({ candidate: null });
  }
}

class FakeMediaStream {
  readonly tracks: unknown[] = [];
  addTrack(track: unknown): void {
    this.tracks.push(track);
  }
  getTracks(): unknown[] {
    return [];
  }
}

/** Puts a fake clock and fake WebRTC in place of the browser's during each test of a group. */
export function fakeBrowser(): void {
  beforeEach(() => {
    vi.useFakeTimers();
    FakePeer.made = [];
    vi.stubGlobal("RTCPeerConnection", FakePeer);
    vi.stubGlobal("MediaStream", FakeMediaStream);
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
}

/** The newest peer connection. */
export function newestPeer(): FakePeer {
  const peer = FakePeer.made.at(-1);
  if (!peer) throw new Error("no peer connection was made");
  return peer;
}

export function sessionInfo(changes: Partial<SessionInfo> = {}): SessionInfo {
  return {
    id: "s1",
    state: "open",
    avatar: "ada",
    voice: "joe",
    width: 512,
    height: 512,
    created_at: "2026-01-01T00:00:00Z",
    media_time_ms: 0,
    turn: 0,
    speaking: false,
    viewers: 0,
    record: true,
    limits: { max_duration_s: 600, idle_timeout_s: 60, max_text_bytes: 1000 },
    urls: {
      self: "/v1/sessions/s1",
      whep: "/v1/sessions/s1/whep",
      events: "/v1/sessions/s1/events",
      ws: "/v1/sessions/s1/ws",
      recording: "/v1/recordings/s1/video.mp4",
    },
    recording: { id: "s1", state: "recording", bytes: 0, duration_ms: 0 },
    token: "first-token",
    token_expires_at: "2026-01-01T00:10:00Z",
    ...changes,
  };
}
