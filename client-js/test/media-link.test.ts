import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { VisavisError } from "../src/errors.js";
import { LINK_TIMES, MediaLink, type MediaState } from "../src/media-link.js";
import type { Whep } from "../src/whep.js";

/** A viewer whose network the test moves. */
class FakeViewer {
  packets = 0;
  closed = false;
  restarts = 0;
  soundAlone: VisavisError | undefined;
  /** Packets per poll once it runs. */
  speed = 0;
  restart: () => Promise<void> = async () => undefined;
  readonly peer = { connectionState: "new" };

  async restartIce(): Promise<void> {
    this.restarts += 1;
    await this.restart();
  }
  close(): void {
    this.closed = true;
  }
  flow(): this {
    this.peer.connectionState = "connected";
    this.speed = 5;
    this.packets += 5;
    return this;
  }
}

function link(open: (attempt: number) => Promise<FakeViewer>) {
  const states: MediaState[] = [];
  const errors: (string | undefined)[] = [];
  const lost: string[] = [];
  let unreachable = 0;
  let attempts = 0;
  const ending = new AbortController();
  const viewers: FakeViewer[] = [];
  const media = new MediaLink(
    {
      open: async () => {
        const viewer = await open(attempts++);
        viewers.push(viewer);
        return viewer as unknown as Whep;
      },
      packets: async (viewer) => {
        const fake = viewer as unknown as FakeViewer;
        return (fake.packets += fake.speed);
      },
      onState: (state, error) => {
        states.push(state);
        errors.push(error?.code);
      },
      onLost: (error) => lost.push(error.code),
      onUnreachable: () => (unreachable += 1),
    },
    ending.signal,
  );
  const done = media.run();
  return {
    media,
    states,
    errors,
    lost,
    ending,
    done,
    viewers,
    attempts: () => attempts,
    unreachable: () => unreachable,
  };
}

describe("media link", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("is live with the first packet, not with the answer", async () => {
    const run = link(async () => new FakeViewer());
    await vi.advanceTimersByTimeAsync(1000);
    expect(run.states).toEqual([]);
    run.viewers[0]?.flow();
    await vi.advanceTimersByTimeAsync(100);
    expect(run.states).toEqual(["live"]);
    run.ending.abort();
    await run.done;
    expect(run.viewers[0]?.closed).toBe(true);
  });

  it("tries again when no packet comes, then calls media unavailable, and still recovers", async () => {
    let working = false;
    const run = link(async () => (working ? new FakeViewer().flow() : new FakeViewer()));
    await vi.advanceTimersByTimeAsync(3 * LINK_TIMES.attemptMs + 3000);
    expect(run.attempts()).toBe(LINK_TIMES.triesBeforeUnavailable);
    expect(run.states).toEqual(["unavailable"]);
    expect(run.errors).toEqual(["no_media_path"]);
    expect(run.viewers.every((viewer) => viewer.closed)).toBe(true);
    working = true;
    await vi.advanceTimersByTimeAsync(LINK_TIMES.retryUnavailableMs + 500);
    expect(run.states).toEqual(["unavailable", "live"]);
    run.ending.abort();
    await run.done;
  });

  it("does not wait when it is nudged", async () => {
    let working = false;
    const run = link(async () => (working ? new FakeViewer().flow() : new FakeViewer()));
    await vi.advanceTimersByTimeAsync(3 * LINK_TIMES.attemptMs + 3000);
    working = true;
    run.media.nudge();
    await vi.advanceTimersByTimeAsync(200);
    expect(run.states.at(-1)).toBe("live");
    run.ending.abort();
    await run.done;
  });

  it("calls media unavailable at once when another try cannot help", async () => {
    const run = link(async () => {
      throw new VisavisError("no_h264", "The offer has no H.264.");
    });
    await vi.advanceTimersByTimeAsync(10);
    expect(run.states).toEqual(["unavailable"]);
    expect(run.errors).toEqual(["no_h264"]);
    run.ending.abort();
    await run.done;
  });

  it("keeps a viewer that has sound alone, and says why there are no pictures", async () => {
    const viewer = new FakeViewer();
    viewer.soundAlone = new VisavisError("no_h264", "The offer has no H.264.");
    const run = link(async () => viewer.flow());
    await vi.advanceTimersByTimeAsync(60_000);
    expect(run.states).toEqual(["unavailable"]);
    expect(run.errors).toEqual(["no_h264"]);
    expect(run.attempts()).toBe(1);
    expect(viewer.closed).toBe(false);
    run.ending.abort();
    await run.done;
  });

  it("ends when the session is gone", async () => {
    const run = link(async () => {
      throw new VisavisError("session_closed", "gone");
    });
    await run.done;
    expect(run.lost).toEqual(["session_closed"]);
    expect(run.attempts()).toBe(1);
  });

  it("does not take an absent server for a blocked path", async () => {
    const run = link(async () => {
      throw new VisavisError("unreachable", "no answer");
    });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(run.states).toEqual([]);
    expect(run.unreachable()).toBeGreaterThan(5);
    expect(run.unreachable()).toBeLessThan(20);
    run.ending.abort();
    await run.done;
  });

  it("waits as long as the server asks", async () => {
    const run = link(async () => {
      throw new VisavisError("too_many_sessions", "busy", { retryAfterS: 12 });
    });
    await vi.advanceTimersByTimeAsync(11_900);
    expect(run.attempts()).toBe(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(run.attempts()).toBe(2);
    run.ending.abort();
    await run.done;
  });

  it("restarts ICE after a disconnection that lasts, and stays with the viewer", async () => {
    const run = link(async () => new FakeViewer().flow());
    await vi.advanceTimersByTimeAsync(500);
    const viewer = run.viewers[0] as FakeViewer;
    viewer.restart = async () => void viewer.flow();
    viewer.peer.connectionState = "disconnected";
    viewer.speed = 0;
    await vi.advanceTimersByTimeAsync(LINK_TIMES.graceMs + 2 * LINK_TIMES.pollMs);
    expect(viewer.restarts).toBe(1);
    expect(run.states).toEqual(["live", "reconnecting", "live"]);
    expect(run.attempts()).toBe(1);
    run.ending.abort();
    await run.done;
  });

  it("lets a short disconnection heal by itself", async () => {
    const run = link(async () => new FakeViewer().flow());
    await vi.advanceTimersByTimeAsync(500);
    const viewer = run.viewers[0] as FakeViewer;
    viewer.peer.connectionState = "disconnected";
    await vi.advanceTimersByTimeAsync(LINK_TIMES.graceMs / 2);
    viewer.peer.connectionState = "connected";
    await vi.advanceTimersByTimeAsync(5000);
    expect(viewer.restarts).toBe(0);
    expect(run.states).toEqual(["live"]);
    run.ending.abort();
    await run.done;
  });

  it("restarts ICE when the network changes, without a visible break", async () => {
    const run = link(async () => new FakeViewer().flow());
    await vi.advanceTimersByTimeAsync(500);
    run.media.nudge();
    await vi.advanceTimersByTimeAsync(1000);
    expect(run.viewers[0]?.restarts).toBe(1);
    expect(run.states).toEqual(["live"]);
    run.ending.abort();
    await run.done;
  });

  it("connects anew when the restart brings nothing", async () => {
    const run = link(async () => new FakeViewer().flow());
    await vi.advanceTimersByTimeAsync(500);
    const first = run.viewers[0] as FakeViewer;
    first.peer.connectionState = "disconnected";
    first.speed = 0;
    first.restart = () => Promise.reject(new VisavisError("precondition_failed", "no"));
    await vi.advanceTimersByTimeAsync(LINK_TIMES.graceMs + 2000);
    expect(first.closed).toBe(true);
    expect(run.attempts()).toBe(2);
    expect(run.states).toEqual(["live", "reconnecting", "live"]);
    run.ending.abort();
    await run.done;
  });

  it("notices a path that is silent although it counts as connected", async () => {
    const run = link(async () => new FakeViewer().flow());
    await vi.advanceTimersByTimeAsync(500);
    (run.viewers[0] as FakeViewer).speed = 0;
    await vi.advanceTimersByTimeAsync(LINK_TIMES.stallMs + LINK_TIMES.restartMs + 2000);
    expect(run.attempts()).toBe(2);
    expect(run.states).toEqual(["live", "reconnecting", "live"]);
    run.ending.abort();
    await run.done;
  });
});
