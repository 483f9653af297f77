import { isAbort, toError, VisavisError } from "./errors.js";
import { pauseBefore, sleep } from "./timing.js";
import type { Whep } from "./whep.js";

/** How far the picture and sound of a session have come. */
export type MediaState = "connecting" | "live" | "reconnecting" | "unavailable";

/** Times of the link; the defaults are what a browser on an ordinary network needs. */
export interface LinkTimes {
  /** From the offer to the first packet; a lost handshake shows no other sign. */
  attemptMs: number;
  /** How long `disconnected` may last before ICE is restarted: short gaps heal themselves. */
  graceMs: number;
  /** From an ICE restart to packets flowing again. */
  restartMs: number;
  /** Without a packet for this long the path is taken for dead (silence and stills send too). */
  stallMs: number;
  /** How often packets are counted. */
  pollMs: number;
  /** Pause between tries once media counts as unavailable. */
  retryUnavailableMs: number;
  /** Failed media paths in a row before it counts as unavailable. */
  triesBeforeUnavailable: number;
}

export const LINK_TIMES: LinkTimes = {
  attemptMs: 5000,
  graceMs: 1000,
  restartMs: 4000,
  stallMs: 4000,
  pollMs: 250,
  retryUnavailableMs: 20_000,
  triesBeforeUnavailable: 3,
};

const BACK_OFF = { firstMs: 300, maxMs: 5000 };

/** What the link needs from the outside. */
export interface LinkPorts {
  open: (signal: AbortSignal) => Promise<Whep>;
  packets: (viewer: Whep) => Promise<number>;
  onState: (state: MediaState, error?: VisavisError) => void;
  /** The session itself is gone or out of reach for these credentials. */
  onLost: (error: VisavisError) => void;
  /** The server did not answer; the link goes on trying. */
  onUnreachable: (error: VisavisError) => void;
}

/**
 * Keeps one viewer connected: tries, watches that packets keep flowing, restarts ICE when the
 * network changes, connects anew when that does not help, and says so when nothing does.
 */
export class MediaLink {
  #viewer: Whep | undefined;
  #state: MediaState = "connecting";
  #everLive = false;
  #mediaFailures = 0;
  #wake: (() => void) | undefined;
  #networkChanged: (() => void) | undefined;

  constructor(
    private readonly ports: LinkPorts,
    private readonly signal: AbortSignal,
    private readonly times: LinkTimes = LINK_TIMES,
  ) {}

  /** The connected viewer, if there is one. */
  get viewer(): Whep | undefined {
    return this.#viewer;
  }

  get state(): MediaState {
    return this.#state;
  }

  /** Tries at once, when waiting; restarts ICE, when connected. To be called on network changes. */
  nudge(): void {
    this.#wake?.();
    this.#networkChanged?.();
  }

  /** Runs until the signal is aborted or the session is lost. */
  async run(): Promise<void> {
    let attempt = 0;
    try {
      while (!this.signal.aborted) {
        this.#set(this.#everLive ? "reconnecting" : "connecting");
        const failure = await this.#connectAndWatch(() => (attempt = 0));
        if (failure?.endsSession) {
          this.ports.onLost(failure);
          return;
        }
        await this.#pauseAfter(failure, attempt++);
      }
    } catch (thrown) {
      if (!this.signal.aborted) throw thrown;
    } finally {
      this.#viewer?.close();
      this.#viewer = undefined;
    }
  }

  /** Waits before the next try; how long depends on what went wrong. */
  async #pauseAfter(failure: VisavisError | undefined, attempt: number): Promise<void> {
    let pause = pauseBefore(attempt, BACK_OFF);
    if (failure?.code === "unreachable") {
      this.ports.onUnreachable(failure);
    } else if (failure) {
      this.#mediaFailures += 1;
      const hopeless = ["no_h264", "bad_sdp", "unsupported_browser"].includes(failure.code);
      if (hopeless || this.#mediaFailures >= this.times.triesBeforeUnavailable) {
        this.#set("unavailable", failure);
        pause = this.times.retryUnavailableMs;
      }
    }
    if (failure?.retryAfterS) pause = Math.max(pause, failure.retryAfterS * 1000);
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    try {
      await sleep(pause, AbortSignal.any([this.signal, woken.signal]));
    } catch {
      this.signal.throwIfAborted();
    } finally {
      this.#wake = undefined;
    }
  }

  /** One connection from offer to loss. Returns what went wrong; nothing if it lived and was lost. */
  async #connectAndWatch(onLive: () => void): Promise<VisavisError | undefined> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), this.times.attemptMs);
    let viewer: Whep | undefined;
    try {
      const signal = AbortSignal.any([this.signal, limit.signal]);
      viewer = await this.ports.open(signal);
      this.#viewer = viewer;
      await this.#untilPackets(viewer, 0, signal);
      clearTimeout(timer);
      this.#goLive(viewer, onLive);
      await this.#watch(viewer);
      return undefined;
    } catch (thrown) {
      this.signal.throwIfAborted();
      if (limit.signal.aborted || isAbort(thrown)) {
        return viewer
          ? new VisavisError("no_media_path", "No picture or sound came through in time.")
          : new VisavisError("unreachable", "The server does not answer in time.");
      }
      return toError(thrown);
    } finally {
      clearTimeout(timer);
      viewer?.close();
      if (this.#viewer === viewer) this.#viewer = undefined;
    }
  }

  #goLive(viewer: Whep, onLive: () => void): void {
    this.#everLive = true;
    this.#mediaFailures = 0;
    onLive();
    this.#flows(viewer);
  }

  /** Pictures come, or sound alone does: then pictures stay unavailable, and why is told. */
  #flows(viewer: Whep): void {
    if (viewer.soundAlone) this.#set("unavailable", viewer.soundAlone);
    else this.#set("live");
  }

  /** Resolves once more than `above` packets have come. */
  async #untilPackets(viewer: Whep, above: number, signal: AbortSignal): Promise<void> {
    while ((await this.ports.packets(viewer)) <= above) {
      if (viewer.peer.connectionState === "failed") {
        throw new VisavisError("no_media_path", "No network path to the server was found.");
      }
      // Finer than the watching later on: the first picture waits for this.
      await sleep(Math.min(50, this.times.pollMs), signal);
    }
  }

  /** Resolves when the connection cannot be kept. */
  async #watch(viewer: Whep): Promise<void> {
    let seen = await this.ports.packets(viewer);
    let seenAt = performance.now();
    let downSince: number | undefined;
    let changed = false;
    this.#networkChanged = () => (changed = true);
    try {
      for (;;) {
        await sleep(this.times.pollMs, this.signal);
        const now = performance.now();
        const connection = viewer.peer.connectionState;
        if (connection === "failed" || connection === "closed") return;
        const packets = await this.ports.packets(viewer);
        if (packets > seen) {
          seen = packets;
          seenAt = now;
        }
        downSince = connection === "disconnected" ? (downSince ?? now) : undefined;
        const down = downSince !== undefined && now - downSince >= this.times.graceMs;
        const stalled = now - seenAt >= this.times.stallMs;
        if (!down && !stalled && !changed) continue;
        if (down || stalled) this.#set("reconnecting");
        if (!(await this.#restart(viewer, seen))) return;
        changed = false;
        downSince = undefined;
        seen = await this.ports.packets(viewer);
        seenAt = performance.now();
        this.#flows(viewer);
      }
    } finally {
      this.#networkChanged = undefined;
    }
  }

  /** Restarts ICE; says whether packets came after it. */
  async #restart(viewer: Whep, seen: number): Promise<boolean> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), this.times.restartMs);
    const signal = AbortSignal.any([this.signal, limit.signal]);
    try {
      await viewer.restartIce(signal);
      await this.#untilPackets(viewer, seen, signal);
      return true;
    } catch {
      this.signal.throwIfAborted();
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  #set(state: MediaState, error?: VisavisError): void {
    if (state === this.#state && !error) return;
    // Slow retries in the background are not worth telling: unavailable holds until media flows.
    if (this.#state === "unavailable" && state !== "live" && state !== "unavailable") return;
    this.#state = state;
    this.ports.onState(state, error);
  }
}
