/**
 * Measures what the user waits for: from sending a text to the first picture of its turn on the
 * screen. The turn's number (in the answer), its start (an event) and the picture come in any
 * order from different connections, so each is kept until all are there.
 */
export class ShownMeter {
  readonly #sent = new Map<number, number>();
  readonly #shown = new Map<number, number>();
  #video: HTMLVideoElement | undefined;

  constructor(private readonly report: (turn: number, afterMs: number) => void) {}

  /** The element whose pictures count. */
  bind(video: HTMLVideoElement | undefined): void {
    this.#video = video;
  }

  /** The text of `turn` was sent at `at` (`performance.now()`). */
  sent(turn: number, at: number): void {
    this.#sent.set(turn, at);
    this.#settle(turn);
  }

  /** The server says that `turn` begins to be heard; the next picture is its first. */
  started(turn: number): void {
    const video = this.#video;
    if (!video || !("requestVideoFrameCallback" in video)) return;
    video.requestVideoFrameCallback((_now, picture) => {
      this.#shown.set(turn, picture.expectedDisplayTime);
      this.#settle(turn);
    });
  }

  /** The turn is over; what is not known by now will not be. */
  ended(turn: number): void {
    this.#sent.delete(turn);
    this.#shown.delete(turn);
  }

  #settle(turn: number): void {
    const sent = this.#sent.get(turn);
    const shown = this.#shown.get(turn);
    if (sent === undefined || shown === undefined) return;
    this.ended(turn);
    this.report(turn, Math.max(0, shown - sent));
  }
}
