import type { VisavisError } from "./errors.js";
import { isAbort, toError } from "./errors.js";
import type { Http } from "./http.js";
import { sleep } from "./timing.js";
import type { TokenGrant } from "./types.js";

/** Renewed after this share of the lifetime, which leaves room for several tries. */
const RENEW_AT = 0.7;
const MIN_PAUSE_MS = 5000;
/** Bounds for lifetimes worked out with a clock of ours that may be wrong. */
const MIN_LIFETIME_MS = 30_000;
const MAX_LIFETIME_MS = 3_600_000;

/** The session token, kept fresh. */
export class Token {
  #lifetimeMs = MIN_LIFETIME_MS;
  #measured = false;

  constructor(
    private value: string | undefined,
    /** When the token was given and ends, by one clock: the server's, where it is known. */
    given: { at: number; until: number | undefined },
  ) {
    if (given.until !== undefined) this.#setLifetime(given.until - given.at);
  }

  get current(): string | undefined {
    return this.value;
  }

  /** Renews the token over and over until the signal is aborted. */
  async keepFresh(
    http: Http,
    endpoint: string,
    signal: AbortSignal,
    onFailure: (error: VisavisError) => void,
  ): Promise<void> {
    let pause = this.#lifetimeMs * RENEW_AT;
    while (this.value !== undefined && !signal.aborted) {
      try {
        await sleep(pause, signal);
        const grant = await http.json<TokenGrant>(endpoint, { method: "POST", signal });
        this.value = grant.token;
        // Of a token that was handed to us the start is unknown; of this one it is now.
        if (!this.#measured) this.#setLifetime(Date.parse(grant.token_expires_at) - Date.now());
        pause = this.#lifetimeMs * RENEW_AT;
      } catch (thrown) {
        if (signal.aborted || isAbort(thrown)) return;
        const error = toError(thrown);
        onFailure(error);
        if (error.endsSession) return;
        pause = Math.max(MIN_PAUSE_MS, this.#lifetimeMs * (1 - RENEW_AT) * 0.25);
      }
    }
  }

  #setLifetime(ms: number): void {
    if (!Number.isFinite(ms)) return;
    this.#measured = true;
    this.#lifetimeMs = Math.min(MAX_LIFETIME_MS, Math.max(MIN_LIFETIME_MS, ms));
  }
}
