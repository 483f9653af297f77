import { describe, expect, it, vi } from "vitest";
import { Session, type SessionState } from "../src/session.js";
import {
  ANSWER,
  FakeServer,
  fakeBrowser,
  json,
  newestPeer,
  problem,
  type Route,
  sessionInfo,
  Stream,
} from "./fakes.js";

const SELF = "/v1/sessions/s1";

function ordinary(extra: Record<string, Route> = {}) {
  const streams: Stream[] = [];
  const server = new FakeServer({
    "POST /v1/sessions": () => json(sessionInfo(), 201),
    [`GET ${SELF}`]: () => json(sessionInfo({ token: undefined })),
    [`DELETE ${SELF}`]: () => new Response(null, { status: 204 }),
    [`GET ${SELF}/events`]: (_seen, signal) => {
      const stream = new Stream(signal);
      streams.push(stream);
      return stream.response;
    },
    [`POST ${SELF}/whep`]: () =>
      new Response(ANSWER, { status: 201, headers: { location: `${SELF}/whep/v1` } }),
    [`DELETE ${SELF}/whep/v1`]: () => new Response(null, { status: 200 }),
    [`PATCH ${SELF}/whep/v1`]: () => new Response(null, { status: 204 }),
    [`POST ${SELF}/speak`]: () => json({ turn: 1 }, 202),
    [`POST ${SELF}/interrupt`]: () => json({ turn: 1, heard_text: "Good" }),
    [`POST ${SELF}/shown`]: () => new Response(null, { status: 204 }),
    [`POST ${SELF}/token`]: () =>
      json({ token: "next-token", token_expires_at: "2026-01-01T00:20:00Z" }),
    ...extra,
  });
  return { server, streams };
}

async function live(server: FakeServer, options: { signal?: AbortSignal } = {}) {
  const session = await Session.create({
    server: "http://server.test",
    apiKey: "key",
    fetch: server.fetch,
    ...options,
  });
  const states: SessionState[] = [];
  session.on("state", ({ state }) => states.push(state));
  const connecting = session.connect();
  await vi.advanceTimersByTimeAsync(10);
  newestPeer().flow();
  await vi.advanceTimersByTimeAsync(100);
  await connecting;
  const flowing = setInterval(() => {
    newestPeer().packets += newestPeer().connectionState === "connected" ? 1 : 0;
  }, 100);
  return { session, states, flowing };
}

const event = (seq: number, type: string, fields: Record<string, unknown> = {}) => ({
  seq,
  type,
  session_id: "s1",
  at_ms: seq,
  ...fields,
});

describe("session", () => {
  fakeBrowser();

  it("is created with the key, then speaks with its own token", async () => {
    const { server } = ordinary();
    const session = await Session.create({
      server: "http://server.test",
      apiKey: "key",
      avatar: "ada",
      lipSync: "low_latency",
      fetch: server.fetch,
    });
    expect(session.state).toBe("idle");
    const [creation] = server.requests("POST /v1/sessions");
    expect(creation?.headers.get("authorization")).toBe("Bearer key");
    expect(JSON.parse(creation?.body ?? "")).toEqual({ avatar: "ada", lip_sync: "low_latency" });
    await session.speak("Hello");
    const [speak] = server.requests(`POST ${SELF}/speak`);
    expect(speak?.headers.get("authorization")).toBe("Bearer first-token");
    expect(JSON.parse(speak?.body ?? "")).toEqual({ text: "Hello", mode: "queue" });
    await session.close();
  });

  it("passes the server's refusal on as a typed error", async () => {
    const { server } = ordinary({
      "POST /v1/sessions": () => problem(503, "too_many_sessions", { "retry-after": "20" }),
    });
    await expect(
      Session.create({ server: "http://server.test", fetch: server.fetch }),
    ).rejects.toMatchObject({ code: "too_many_sessions", status: 503, retryAfterS: 20 });
  });

  it("goes from idle to live to closed, and deletes what it made", async () => {
    const { server } = ordinary();
    const { session, states, flowing } = await live(server);
    expect(states).toEqual(["connecting", "live"]);
    // Nothing of a session of ours is missed.
    expect(server.requests(`GET ${SELF}/events`)[0]?.headers.get("last-event-id")).toBe("0");
    await session.close();
    await session.close();
    expect(states).toEqual(["connecting", "live", "closed"]);
    expect(session.closeReason).toBe("client");
    expect(server.requests(`DELETE ${SELF}`)).toHaveLength(1);
    expect(server.requests(`DELETE ${SELF}/whep/v1`)).toHaveLength(1);
    clearInterval(flowing);
  });

  it("only leaves a session that it has joined", async () => {
    const { server } = ordinary();
    const ending = new AbortController();
    const session = await Session.attach({
      server: "http://server.test",
      id: "s1",
      token: "given",
      fetch: server.fetch,
      signal: ending.signal,
    });
    expect(server.requests(`GET ${SELF}`)[0]?.headers.get("authorization")).toBe("Bearer given");
    ending.abort();
    expect(session.state).toBe("closed");
    expect(server.requests(`DELETE ${SELF}`)).toHaveLength(0);
  });

  it("ends the session it has made when its signal is aborted", async () => {
    const { server } = ordinary();
    const ending = new AbortController();
    const { session, flowing } = await live(server, { signal: ending.signal });
    ending.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(session.state).toBe("closed");
    expect(server.requests(`DELETE ${SELF}`)).toHaveLength(1);
    clearInterval(flowing);
  });

  it("deletes a session that was aborted while the server made it", async () => {
    const { server } = ordinary();
    const ending = new AbortController();
    server.routes["POST /v1/sessions"] = () => {
      ending.abort();
      return json(sessionInfo(), 201);
    };
    const session = await Session.create({
      server: "http://server.test",
      fetch: server.fetch,
      signal: ending.signal,
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(session.state).toBe("closed");
    expect(server.requests(`DELETE ${SELF}`)[0]?.headers.get("authorization")).toBe(
      "Bearer first-token",
    );
  });

  it("tells events, captions and receipts, and resolves turns", async () => {
    const { server, streams } = ordinary();
    const { session, flowing } = await live(server);
    const words: string[] = [];
    const captions: (string | undefined)[] = [];
    session.on("word", ({ text }) => words.push(text));
    session.on("caption", (caption) => captions.push(caption?.text));
    const { turn, ended } = await session.speak("Good evening");
    expect(turn).toBe(1);
    const times = { start_ms: 0, end_ms: 1 };
    streams[0]?.event(event(1, "speak_started", { turn }));
    streams[0]?.event(event(2, "clause", { turn, text: "Good evening", ...times }));
    streams[0]?.event(event(3, "word", { turn, index: 0, text: "Good", ...times }));
    streams[0]?.event(
      event(4, "receipt", { turn, stages: { text_received_ms: 0, first_packet_ms: 120 } }),
    );
    streams[0]?.event(
      event(5, "receipt", { turn, stages: { text_received_ms: 0, first_packet_ms: null, shown_ms: 190 } }),
    );
    streams[0]?.event(
      event(6, "speak_ended", { turn, heard_text: "Good evening", interrupted: false }),
    );
    await vi.advanceTimersByTimeAsync(0);
    await expect(ended).resolves.toMatchObject({ heard_text: "Good evening", interrupted: false });
    expect(words).toEqual(["Good"]);
    expect(captions[0]).toBe("Good evening");
    expect(session.receipts.get(turn)?.stages).toEqual({
      text_received_ms: 0,
      first_packet_ms: 120,
      shown_ms: 190,
    });
    clearInterval(flowing);
    await session.close();
  });

  it("resolves a turn whose end was told before its number was answered", async () => {
    let answer: (response: Response) => void = () => undefined;
    const { server, streams } = ordinary({
      [`POST ${SELF}/speak`]: () => new Promise((resolve) => (answer = resolve)),
    });
    const { session, flowing } = await live(server);
    const speaking = session.speak("Hi");
    await vi.advanceTimersByTimeAsync(0);
    streams[0]?.event(event(1, "speak_ended", { turn: 4, heard_text: "Hi", interrupted: false }));
    await vi.advanceTimersByTimeAsync(0);
    answer(json({ turn: 4 }, 202));
    await expect((await speaking).ended).resolves.toMatchObject({ turn: 4 });
    clearInterval(flowing);
    await session.close();
  });

  it("closes with the server's reason and leaves no turn hanging", async () => {
    const { server, streams } = ordinary();
    const { session, states, flowing } = await live(server);
    const { ended } = await session.speak("Hello");
    streams[0]?.event(event(1, "closed", { reason: "max_duration" }));
    await vi.advanceTimersByTimeAsync(0);
    expect(states.at(-1)).toBe("closed");
    expect(session.closeReason).toBe("max_duration");
    await expect(ended).resolves.toBeUndefined();
    // Nothing is asked of a session that is gone.
    const before = server.seen.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.seen.length - before).toBeLessThanOrEqual(1);
    clearInterval(flowing);
  });

  it("goes on without media, keeping speech, events and recording", async () => {
    const { server } = ordinary();
    const session = await Session.create({ server: "http://server.test", fetch: server.fetch });
    const connecting = session.connect();
    await vi.advanceTimersByTimeAsync(20_000);
    await connecting;
    expect(session.state).toBe("no_media");
    expect(session.lastError?.code).toBe("no_media_path");
    expect(session.recordingUrl).toBe("http://server.test/v1/recordings/s1/video.mp4");
    await expect(session.speak("Still here")).resolves.toMatchObject({ turn: 1 });
    await session.close();
  });

  it("says that the server is away, comes back, and gives up in the end", async () => {
    const { server, streams } = ordinary();
    const { session, states, flowing } = await live(server);
    const told: string[] = [];
    session.on("problem", ({ code }) => told.push(code));
    session.on("reachable", () => told.push("reachable"));
    server.down = true;
    streams[0]?.break();
    await vi.advanceTimersByTimeAsync(3000);
    expect(session.state).toBe("reconnecting");
    expect(told[0]).toBe("unreachable");
    server.down = false;
    await vi.advanceTimersByTimeAsync(5000);
    expect(session.state).toBe("live");
    expect(told.at(-1)).toBe("reachable");
    server.down = true;
    streams.at(-1)?.break();
    newestPeer().connectionState = "failed";
    await vi.advanceTimersByTimeAsync(90_000);
    expect(states.at(-1)).toBe("failed");
    expect(session.lastError?.code).toBe("unreachable");
    clearInterval(flowing);
  });

  it("knows a session that a restarted server has forgotten", async () => {
    const { server, streams } = ordinary();
    const { session, flowing } = await live(server);
    server.routes[`GET ${SELF}/events`] = () => problem(404, "not_found");
    streams[0]?.break();
    await vi.advanceTimersByTimeAsync(2000);
    expect(session.state).toBe("closed");
    expect(session.closeReason).toBe("gone");
    clearInterval(flowing);
  });

  it("takes a token that suddenly is refused for a restarted server", async () => {
    const { server, streams } = ordinary();
    const { session, flowing } = await live(server);
    server.routes[`GET ${SELF}/events`] = () => problem(401, "unauthorized");
    streams[0]?.break();
    await vi.advanceTimersByTimeAsync(2000);
    expect(session.closeReason).toBe("gone");
    clearInterval(flowing);
  });

  it("fails with a wrong token and says why", async () => {
    const { server } = ordinary({ [`GET ${SELF}/events`]: () => problem(401, "unauthorized") });
    const session = await Session.create({ server: "http://server.test", fetch: server.fetch });
    const connecting = expect(session.connect()).rejects.toMatchObject({ code: "unauthorized" });
    await vi.advanceTimersByTimeAsync(100);
    await connecting;
    expect(session.state).toBe("failed");
  });

  it("renews its token before it expires", async () => {
    const { server } = ordinary();
    const { session, flowing } = await live(server);
    await vi.advanceTimersByTimeAsync(6 * 60_000);
    expect(server.requests(`POST ${SELF}/token`)).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(2 * 60_000);
    expect(server.requests(`POST ${SELF}/token`)).toHaveLength(1);
    expect(session.currentToken).toBe("next-token");
    await session.speak("Hello");
    expect(server.requests(`POST ${SELF}/speak`)[0]?.headers.get("authorization")).toBe(
      "Bearer next-token",
    );
    clearInterval(flowing);
    await session.close();
  });

  it("renews a token that was handed to it soon, then by its true lifetime", async () => {
    const { server } = ordinary();
    server.routes[`POST ${SELF}/token`] = () =>
      json({ token: "t", token_expires_at: new Date(Date.now() + 600_000).toISOString() });
    const session = await Session.attach({
      server: "http://server.test",
      id: "s1",
      token: "given",
      fetch: server.fetch,
    });
    void session.connect().catch(() => undefined);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(server.requests(`POST ${SELF}/token`)).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(6 * 60_000);
    expect(server.requests(`POST ${SELF}/token`)).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2 * 60_000);
    expect(server.requests(`POST ${SELF}/token`)).toHaveLength(2);
    session.leave();
  });

  it("reports when the first talking picture was shown", async () => {
    const { server, streams } = ordinary();
    const { session, flowing } = await live(server);
    let frame: ((now: number, picture: { expectedDisplayTime: number }) => void) | undefined;
    const video = {
      srcObject: null,
      requestVideoFrameCallback: (callback: typeof frame) => (frame = callback),
    };
    session.bind(video as unknown as HTMLVideoElement);
    const sentAt = performance.now();
    const { turn } = await session.speak("Hello");
    streams[0]?.event(event(1, "speak_started", { turn }));
    await vi.advanceTimersByTimeAsync(0);
    frame?.(0, { expectedDisplayTime: sentAt + 240.4 });
    await vi.advanceTimersByTimeAsync(0);
    const [shown] = server.requests(`POST ${SELF}/shown`);
    expect(JSON.parse(shown?.body ?? "")).toEqual({ turn: 1, after_ms: 240 });
    clearInterval(flowing);
    await session.close();
  });
});
