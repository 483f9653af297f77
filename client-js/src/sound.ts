/**
 * Plays with sound where the browser allows it. Browsers refuse sound before the user has done
 * something on the page; then the picture plays silently until the first gesture.
 */
export class Sound {
  #wanted: boolean;
  #blocked = false;

  constructor(
    private readonly video: HTMLVideoElement,
    wanted: boolean,
    private readonly onChange: () => void,
  ) {
    this.#wanted = wanted;
    video.muted = !wanted;
  }

  /** Whether sound is wanted but the browser waits for a gesture. */
  get blocked(): boolean {
    return this.#blocked;
  }

  get on(): boolean {
    return !this.video.muted;
  }

  set on(wanted: boolean) {
    this.#wanted = wanted;
    void this.play();
  }

  /** Starts playing; to be called when there is something to play, too. */
  async play(): Promise<void> {
    this.video.muted = !this.#wanted;
    this.#blocked = false;
    try {
      await this.video.play();
    } catch (thrown) {
      // Anything else (a new source meanwhile) settles itself with the next call.
      if (!(thrown instanceof DOMException && thrown.name === "NotAllowedError")) return;
      this.#blocked = this.#wanted;
      this.video.muted = true;
      await this.video.play().catch(() => undefined);
    } finally {
      this.onChange();
    }
  }

  /** Tries again at the user's next gesture anywhere in `target`. */
  unblockOnGesture(target: EventTarget, signal?: AbortSignal): void {
    const retry = (): void => {
      if (this.#blocked && navigator.userActivation?.hasBeenActive !== false) void this.play();
    };
    const options = signal ? { capture: true, signal } : { capture: true };
    for (const type of ["pointerup", "keydown", "touchend"]) {
      target.addEventListener(type, retry, options);
    }
  }
}
