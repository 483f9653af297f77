/** What a client that runs in this process sees and hears, as pages and Python clients report it. */

/** Width and height of a kept picture. */
const SIDE = 64;
/** Length of sound of one level, ms. */
const LEVEL_MS = 10;
const PATIENCE_MS = 30_000;

export class Observer {
  side = SIDE;
  frames = [];
  notes = [];
  #loudness = [];
  #heardFrom = Infinity;
  #waiting = new Set();

  note(name, more = {}) {
    const taken = { at: performance.now(), name, ...more };
    this.notes.push(taken);
    this.#wake();
    return taken;
  }

  /** Keeps a picture, given as `height` rows of `width` grey levels. */
  picture(width, height, grey) {
    const pixels = new Uint8Array(SIDE * SIDE);
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++) {
        const [row, column] = [Math.floor((y * height) / SIDE), Math.floor((x * width) / SIDE)];
        const at = row * width + column;
        // The mean of four neighbours: a single one would flicker.
        pixels[y * SIDE + x] = (grey[at] + grey[at + 2] + grey[at + 2 * width] + grey[at + 2 * width + 2]) >> 2;
      }
    }
    this.frames.push({ at: performance.now(), width, height, pixels });
    this.#wake();
  }

  /**
   * Keeps the loudness of the next piece of mono 16-bit sound, which ends now. Sound is one stream
   * without gaps, so its samples are its clock; the earliest arrival says when it began. Later ones
   * are later by what this program had to wait for.
   */
  sound(samples, rate) {
    const size = (rate * LEVEL_MS) / 1_000;
    for (let at = 0; at + size <= samples.length; at += size) {
      let sum = 0;
      for (let index = at; index < at + size; index++) sum += (samples[index] / 32_768) ** 2;
      this.#loudness.push(Math.sqrt(sum / size));
    }
    this.#heardFrom = Math.min(this.#heardFrom, performance.now() - this.#loudness.length * LEVEL_MS);
  }

  /** What was heard so far: [at, rms]. */
  get levels() {
    return this.#loudness.map((rms, index) => [this.#heardFrom + (index + 0.5) * LEVEL_MS, rms]);
  }

  /** Waits for a note. */
  until(name) {
    return this.#wait(() => this.notes.find((note) => note.name === name), name);
  }

  /** Waits until `count` more pictures came. */
  pictures(count) {
    const wanted = this.frames.length + count;
    return this.#wait(() => this.frames.length >= wanted, `${count} pictures`);
  }

  #wake() {
    for (const waiting of this.#waiting) waiting();
  }

  #wait(ask, what) {
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(late);
        this.#waiting.delete(waiting);
      };
      const late = setTimeout(() => {
        done();
        reject(new Error(`${what} did not come; noted: ${this.notes.map(({ name }) => name).join(", ")}`));
      }, PATIENCE_MS);
      const waiting = () => {
        const answer = ask();
        if (!answer) return;
        done();
        resolve(answer);
      };
      this.#waiting.add(waiting);
      waiting();
    });
  }
}
