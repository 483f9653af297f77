import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { VisavisError } from "../src/errors.js";
import { EventFeed, parseEvent } from "../src/events.js";
import { Http } from "../src/http.js";
import type { ServerEvent } from "../src/types.js";
import { FakeServer, problem, Stream } from "./fakes.js";

const PATH = "/v1/sessions/s1/events";
const idle = (seq: number) => ({ type: "idle", session_id: "s1", seq, at_ms: seq });

function follow(server: FakeServer) {
  const events: ServerEvent[] = [];
  const lost: VisavisError[] = [];
  const missed: number[] = [];
  const ending = new AbortController();
  let opened = 0;
  const feed = new EventFeed(
    new Http("http://server.test", () => "secret", server.fetch),
    PATH,
    {
      onEvent: (event) => events.push(event),
      onOpen: () => (opened += 1),
      onUnreachable: (_error, forMs) => missed.push(forMs),
      onLost: (error) => lost.push(error),
    },
    ending.signal,
  );
  const done = feed.run();
  return { events, lost, missed, ending, done, opened: () => opened };
}

describe("event feed", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("resumes behind the last event and lets every event through once", async () => {
    const streams: Stream[] = [];
    const server = new FakeServer({
      [`GET ${PATH}`]: (_seen, signal) => {
        const stream = new Stream(signal);
        streams.push(stream);
        return stream.response;
      },
    });
    const { events, ending, done } = follow(server);
    await vi.advanceTimersByTimeAsync(0);
    streams[0]?.event(idle(1));
    streams[0]?.event(idle(2));
    await vi.advanceTimersByTimeAsync(0);
    streams[0]?.break();
    await vi.advanceTimersByTimeAsync(1000);
    // The server may repeat what was already seen.
    streams[1]?.event(idle(2));
    streams[1]?.event(idle(3));
    await vi.advanceTimersByTimeAsync(0);

    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    const [first, second] = server.requests(`GET ${PATH}`);
    expect(first?.headers.get("last-event-id")).toBeNull();
    expect(second?.headers.get("last-event-id")).toBe("2");
    expect(second?.headers.get("authorization")).toBe("Bearer secret");
    ending.abort();
    await done;
  });

  it("ends with the closed event", async () => {
    const server = new FakeServer({
      [`GET ${PATH}`]: () => {
        const stream = new Stream();
        stream.event({ ...idle(1), type: "closed", reason: "idle_timeout" });
        return stream.response;
      },
    });
    const { events, done } = follow(server);
    await done;
    expect(events).toHaveLength(1);
    expect(server.seen).toHaveLength(1);
  });

  it("gives up at once when the session is gone", async () => {
    const server = new FakeServer({ [`GET ${PATH}`]: () => problem(410, "session_closed") });
    const { lost, done } = follow(server);
    await done;
    expect(lost.map(({ code }) => code)).toEqual(["session_closed"]);
    expect(server.seen).toHaveLength(1);
  });

  it("goes on trying while the server is away, and tells for how long", async () => {
    const server = new FakeServer({ [`GET ${PATH}`]: (_seen, signal) => new Stream(signal).response });
    server.down = true;
    const { missed, ending, done, opened } = follow(server);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(missed.length).toBeGreaterThan(4);
    // Not more often than the longest pause allows in the end.
    expect(missed.length).toBeLessThan(20);
    expect(missed.at(-1)).toBeGreaterThan(10_000);
    expect(opened()).toBe(0);
    server.down = false;
    await vi.advanceTimersByTimeAsync(5000);
    expect(opened()).toBe(1);
    ending.abort();
    await done;
  });

  it("opens a stream anew that has fallen silent", async () => {
    const server = new FakeServer({ [`GET ${PATH}`]: (_seen, signal) => new Stream(signal).response });
    const { ending, done, missed } = follow(server);
    await vi.advanceTimersByTimeAsync(50_000);
    expect(server.seen.length).toBe(2);
    expect(missed).toEqual([]);
    ending.abort();
    await done;
  });
});

describe("event parsing", () => {
  it("refuses what is no event and lets unknown types pass", () => {
    expect(parseEvent("")).toBeUndefined();
    expect(parseEvent("null")).toBeUndefined();
    expect(parseEvent('{"type":"idle"}')).toBeUndefined();
    expect(parseEvent('{"type":5,"seq":1}')).toBeUndefined();
    expect(parseEvent('{"type":"from_the_future","seq":1}')).toMatchObject({ seq: 1 });
  });
});
