import { describe, expect, it } from "vitest";
import { SseParser } from "../src/sse.js";

const WHOLE = "id: 7\nevent: word\ndata: {\"a\":1}\n\n: comment\n\ndata: x\r\ndata: y\r\n\r\n";

describe("server-sent events", () => {
  it("are read with id, type and data of several lines", () => {
    expect(new SseParser().push(WHOLE)).toEqual([
      { id: "7", event: "word", data: '{"a":1}' },
      { id: "7", event: "message", data: "x\ny" },
    ]);
  });

  it("are the same wherever the stream is cut", () => {
    const expected = new SseParser().push(WHOLE);
    for (let cut = 0; cut <= WHOLE.length; cut++) {
      const parser = new SseParser();
      const got = [...parser.push(WHOLE.slice(0, cut)), ...parser.push(WHOLE.slice(cut))];
      expect(got, `cut at ${cut}`).toEqual(expected);
    }
  });

  it("know bare CR as a line end and drop what has no data", () => {
    expect(new SseParser().push("event: a\r\rdata: b\r\r.")).toEqual([
      { id: undefined, event: "message", data: "b" },
    ]);
  });

  it("keep an unfinished event back", () => {
    const parser = new SseParser();
    expect(parser.push("data: late\n")).toEqual([]);
    expect(parser.push("\n")).toHaveLength(1);
  });
});
