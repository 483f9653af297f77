import { describe, expect, it } from "vitest";
import { Captions } from "../src/captions.js";
import type { ServerEvent } from "../src/types.js";

let seq = 0;
const base = { session_id: "s1", at_ms: 0 };
const clause = (turn: number, text: string): ServerEvent => ({
  ...base,
  type: "clause",
  seq: ++seq,
  turn,
  text,
  start_ms: 0,
  end_ms: 1,
});
const word = (turn: number, text: string): ServerEvent => ({
  ...base,
  type: "word",
  seq: ++seq,
  turn,
  index: 0,
  text,
  start_ms: 0,
  end_ms: 1,
  char_start: 0,
  char_end: 0,
});
const ended = (turn: number, heard_text: string, interrupted: boolean): ServerEvent => ({
  ...base,
  type: "speak_ended",
  seq: ++seq,
  turn,
  heard_text,
  interrupted,
});

function marked(captions: Captions): string | undefined {
  const caption = captions.current;
  return caption?.word && caption.text.slice(caption.word.from, caption.word.to);
}

describe("captions", () => {
  it("follow the words in order, repeated ones too", () => {
    const captions = new Captions();
    captions.take(clause(1, "the cat saw the dog"));
    const froms = ["the", "cat", "saw", "the", "dog"].map((text) => {
      expect(captions.take(word(1, text))).toBe(true);
      expect(marked(captions)).toBe(text);
      return captions.current?.word?.from;
    });
    expect(froms).toEqual([0, 4, 8, 12, 16]);
  });

  it("keep the emphasis when a word is not written as it is said", () => {
    const captions = new Captions();
    captions.take(clause(1, "It costs $5 now"));
    captions.take(word(1, "costs"));
    expect(captions.take(word(1, "five"))).toBe(false);
    expect(marked(captions)).toBe("costs");
    captions.take(word(1, "now"));
    expect(marked(captions)).toBe("now");
  });

  it("show what was heard when cut off, and the last clause when not", () => {
    const captions = new Captions();
    captions.take(clause(1, "A long sentence"));
    captions.take(ended(1, "A long", true));
    expect(captions.current).toMatchObject({ text: "A long", state: "interrupted" });
    captions.take(clause(2, "Second clause."));
    captions.take(ended(2, "First clause. Second clause.", false));
    expect(captions.current).toMatchObject({ text: "Second clause.", state: "ended" });
    expect(captions.current?.word).toBeUndefined();
  });

  it("pass over what belongs to another turn", () => {
    const captions = new Captions();
    captions.take(clause(2, "newer"));
    expect(captions.take(word(1, "newer"))).toBe(false);
    expect(captions.take(ended(1, "older", true))).toBe(false);
    expect(captions.current?.text).toBe("newer");
  });

  it("work in scripts without Latin letters", () => {
    const captions = new Captions();
    captions.take(clause(1, "שלום עולם 👋🏽 سلام"));
    captions.take(word(1, "עולם"));
    expect(marked(captions)).toBe("עולם");
    captions.take(word(1, "سلام"));
    expect(marked(captions)).toBe("سلام");
  });

  it("are gone with the session", () => {
    const captions = new Captions();
    captions.take(clause(1, "words"));
    captions.take({ ...base, type: "closed", seq: ++seq, reason: "client" });
    expect(captions.current).toBeUndefined();
  });
});
