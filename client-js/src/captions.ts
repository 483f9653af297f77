import type { ServerEvent } from "./types.js";

/** What is being said, and which part of it is heard just now. */
export interface Caption {
  turn: number;
  text: string;
  /** The heard word within `text`, from (inclusive) and to (exclusive), in UTF-16 units. */
  word: { from: number; to: number } | undefined;
  /** Whether it was fully said, cut off, or is still going on. */
  state: "speaking" | "ended" | "interrupted";
}

/** Follows the events of a session and knows the caption to show. */
export class Captions {
  #caption: Caption | undefined;
  /** Where the search for the next word begins: words come in the order of the text. */
  #cursor = 0;

  get current(): Caption | undefined {
    return this.#caption;
  }

  /** Takes the next event; says whether the caption changed. */
  take(event: ServerEvent): boolean {
    switch (event.type) {
      case "clause":
        this.#cursor = 0;
        this.#caption = { turn: event.turn, text: event.text, word: undefined, state: "speaking" };
        return true;
      case "word":
        return this.#takeWord(event.turn, event.text);
      case "speak_ended": {
        const caption = this.#caption;
        if (caption && caption.turn !== event.turn) return false;
        if (!caption && event.heard_text === "") return false;
        const state = event.interrupted ? "interrupted" : "ended";
        // The last clause stays to be read; when cut off, only what was heard of the turn is true.
        const text = event.interrupted || !caption ? event.heard_text : caption.text;
        this.#caption = { turn: event.turn, text, word: undefined, state };
        return true;
      }
      case "closed":
        this.#caption = undefined;
        return true;
      default:
        return false;
    }
  }

  #takeWord(turn: number, word: string): boolean {
    const caption = this.#caption;
    if (!caption || caption.turn !== turn) return false;
    const from = word === "" ? -1 : caption.text.indexOf(word, this.#cursor);
    // A word that is not written as it is said ("5 %") leaves the emphasis where it was.
    if (from < 0) return false;
    const to = from + word.length;
    this.#cursor = to;
    this.#caption = { ...caption, word: { from, to } };
    return true;
  }
}
