/** Waiting: pauses that can be aborted, and how long to pause between tries. */

/** Resolves after `ms`; rejects with the signal's reason when it is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** Doubling pauses with a bound. */
export interface BackOff {
  firstMs: number;
  maxMs: number;
}

/**
 * The pause before try number `attempt` (0 = the first repetition). Between half and the whole of
 * the doubled pause, so that many clients that lost one server do not come back in step.
 */
export function pauseBefore(attempt: number, { firstMs, maxMs }: BackOff): number {
  const whole = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return whole / 2 + (Math.random() * whole) / 2;
}
