/** One message of a server-sent event stream. */
export interface SseMessage {
  id: string | undefined;
  event: string;
  data: string;
}

/** Cuts a text stream into server-sent events (HTML Living Standard, 9.2.6), chunk by chunk. */
export class SseParser {
  #rest = "";
  #id: string | undefined;
  #event = "";
  #data: string[] = [];

  /** Takes the next piece of text and returns the messages it completes. */
  push(chunk: string): SseMessage[] {
    const messages: SseMessage[] = [];
    const text = this.#rest + chunk;
    let start = 0;
    for (;;) {
      const end = nextBreak(text, start);
      if (!end) break;
      const message = this.#line(text.slice(start, end.at));
      if (message) messages.push(message);
      start = end.next;
    }
    this.#rest = text.slice(start);
    return messages;
  }

  #line(line: string): SseMessage | undefined {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    return undefined;
  }

  #dispatch(): SseMessage | undefined {
    const message = { id: this.#id, event: this.#event || "message", data: this.#data.join("\n") };
    const empty = this.#data.length === 0;
    this.#event = "";
    this.#data = [];
    return empty ? undefined : message;
  }
}

/** The next line end; a CR at the very end waits, since its LF may come with the next chunk. */
function nextBreak(text: string, from: number): { at: number; next: number } | undefined {
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === "\n") return { at, next: at + 1 };
    if (char === "\r") {
      if (at + 1 === text.length) return undefined;
      return { at, next: text[at + 1] === "\n" ? at + 2 : at + 1 };
    }
  }
  return undefined;
}
