import { toError, VisavisError } from "./errors.js";
import type { Http } from "./http.js";
import { SseParser } from "./sse.js";
import { pauseBefore, sleep } from "./timing.js";
import type { ServerEvent } from "./types.js";

const BACK_OFF = { firstMs: 250, maxMs: 4000 };

/**
 * A stream that has been silent for this long is opened anew: some proxies drop idle connections
 * without a word. Servers send comments more often than this.
 */
const SILENCE_MS = 45_000;

/** What the stream tells its owner. */
export interface EventPorts {
  onEvent: (event: ServerEvent) => void;
  /** The stream is open (again). */
  onOpen: () => void;
  /** The server could not be reached; `forMs` is how long this has lasted. */
  onUnreachable: (error: VisavisError, forMs: number) => void;
  /** The session is gone or these credentials no longer fit; the stream has ended. */
  onLost: (error: VisavisError) => void;
}

/**
 * Follows the events of a session. After a break it resumes behind the last event it has seen, so
 * every event arrives once and in order as long as the server still remembers it.
 *
 * It reads server-sent events through `fetch` and not `EventSource`: that one cannot send
 * credentials in a header, and it hides why a connection was refused.
 */
export class EventFeed {
  constructor(
    private readonly http: Http,
    private readonly endpoint: string,
    private readonly ports: EventPorts,
    private readonly signal: AbortSignal,
    /** The last event already known: 0 asks for all, `undefined` only for what comes from now on. */
    private lastSeq?: number,
  ) {}

  /** Runs until the signal is aborted, the session is lost, or it says that it is closed. */
  async run(): Promise<void> {
    let attempt = 0;
    let downSince: number | undefined;
    while (!this.signal.aborted) {
      let failure: VisavisError | undefined;
      try {
        const closed = await this.#follow(() => {
          attempt = 0;
          downSince = undefined;
          this.ports.onOpen();
        });
        if (closed) return;
      } catch (thrown) {
        if (this.signal.aborted) return;
        failure = toError(thrown);
      }
      if (failure?.endsSession) {
        this.ports.onLost(failure);
        return;
      }
      downSince ??= performance.now();
      if (failure) this.ports.onUnreachable(failure, performance.now() - downSince);
      await sleep(pauseBefore(attempt++, BACK_OFF), this.signal).catch(() => undefined);
    }
  }

  /** Reads one stream to its end. Says whether the session closed. */
  async #follow(onOpen: () => void): Promise<boolean> {
    const silence = new AbortController();
    const headers: Record<string, string> = { accept: "text/event-stream" };
    if (this.lastSeq !== undefined) headers["last-event-id"] = String(this.lastSeq);
    let watchdog = setTimeout(() => silence.abort(), SILENCE_MS);
    try {
      const response = await this.http.send(this.endpoint, {
        headers,
        signal: AbortSignal.any([this.signal, silence.signal]),
      });
      if (!response.body) throw new VisavisError("bad_response", "The event stream has no body.");
      onOpen();
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      const parser = new SseParser();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return false;
        clearTimeout(watchdog);
        watchdog = setTimeout(() => silence.abort(), SILENCE_MS);
        for (const message of parser.push(decoder.decode(value, { stream: true }))) {
          const event = parseEvent(message.data);
          if (event && this.#isNew(event)) this.ports.onEvent(event);
          if (event?.type === "closed") return true;
        }
      }
    } catch (thrown) {
      if (silence.signal.aborted && !this.signal.aborted) return false;
      if (thrown instanceof VisavisError || this.signal.aborted) throw thrown;
      throw new VisavisError("unreachable", "The connection to the server broke.", {
        cause: thrown,
      });
    } finally {
      clearTimeout(watchdog);
    }
  }

  #isNew(event: ServerEvent): boolean {
    if (this.lastSeq !== undefined && event.seq <= this.lastSeq) return false;
    this.lastSeq = event.seq;
    return true;
  }
}

/** Reads an event; `undefined` for anything that is none. Unknown types pass: servers grow. */
export function parseEvent(data: string): ServerEvent | undefined {
  try {
    const value = JSON.parse(data) as Partial<ServerEvent> | null;
    if (typeof value?.type !== "string" || typeof value.seq !== "number") return undefined;
    return value as ServerEvent;
  } catch {
    return undefined;
  }
}
