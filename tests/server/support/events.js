/** The events of a session, collected as they come. */

import { PATIENCE_MS } from "./command.js";

export class Events {
  /** All that came. */
  all = [];
  /** Ids of the stream, as sent. */
  ids = [];
  ended = false;
  #waiting = new Set();

  /** Opens the stream and returns once it is open. */
  static async follow(url, headers = {}) {
    const events = new Events();
    const abort = new AbortController();
    const response = await fetch(url, { headers, signal: abort.signal });
    if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
    events.stop = () => abort.abort();
    void events.#read(response.body).catch(() => {});
    return events;
  }

  async #read(body) {
    let rest = "";
    try {
      for await (const text of body.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split("\n");
        rest = lines.pop();
        for (const line of lines) {
          if (line.startsWith("id:")) this.ids.push(Number(line.slice(3)));
          if (line.startsWith("data:")) this.add(JSON.parse(line.slice(5)));
        }
      }
    } finally {
      this.end();
    }
  }

  /** Takes one that came. */
  add(event) {
    this.all.push(event);
    this.#look();
  }

  /** Nothing comes any more. */
  end() {
    this.ended = true;
    this.#look();
  }

  #look() {
    for (const look of this.#waiting) look();
  }

  /** Those of one type. */
  of(type, fields = {}) {
    return this.all.filter(
      (event) =>
        event.type === type && Object.entries(fields).every(([name, value]) => event[name] === value),
    );
  }

  /** Waits for the `count`th event of a type with these fields. */
  until(type, fields = {}, count = 1) {
    const what = `${type} ${JSON.stringify(fields)}`;
    return this.#wait(what, () => this.of(type, fields)[count - 1]);
  }

  /** Waits until the server ends the stream. */
  untilEnd() {
    return this.#wait("the end of the stream", () => this.ended);
  }

  #wait(what, find) {
    return new Promise((resolve, reject) => {
      const over = () => {
        clearTimeout(late);
        this.#waiting.delete(look);
      };
      const late = setTimeout(() => {
        over();
        const came = this.all.map(({ type, turn }) => `${type} ${turn ?? ""}`).join(", ");
        reject(new Error(`No ${what} in time; there were: ${came}`));
      }, PATIENCE_MS);
      const look = () => {
        const found = find();
        if (found) {
          over();
          resolve(found);
        } else if (this.ended) {
          over();
          reject(new Error(`The stream ended without ${what}`));
        }
      };
      this.#waiting.add(look);
      look();
    });
  }
}
