import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Socket, toS16le } from "../src/socket.js";

class FakeSocket {
  static readonly OPEN = 1;
  static made: FakeSocket[] = [];
  readyState = 0;
  bufferedAmount = 0;
  sent: (Record<string, unknown> | ArrayBuffer)[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;

  constructor(readonly url: string) {
    FakeSocket.made.push(this);
    queueMicrotask(() => {
      this.readyState = 1;
      this.onopen?.();
    });
  }
  send(data: string | ArrayBuffer): void {
    this.sent.push(typeof data === "string" ? (JSON.parse(data) as Record<string, unknown>) : data);
  }
  answer(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  close(): void {
    this.readyState = 3;
    this.onclose?.();
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe("command socket", () => {
  beforeEach(() => {
    FakeSocket.made = [];
    vi.stubGlobal("WebSocket", FakeSocket);
  });
  afterEach(() => vi.unstubAllGlobals());

  const open = (): { socket: Socket; ending: AbortController } => {
    const ending = new AbortController();
    return { socket: new Socket(() => "ws://server.test/ws", ending.signal), ending };
  };

  async function* words(...texts: string[]): AsyncGenerator<string> {
    yield* texts;
  }

  it("passes text on as it is written and answers with the turn", async () => {
    const { socket } = open();
    const turn = socket.streamText(words("Good ", "", "evening"), "queue");
    await settle();
    const fake = FakeSocket.made[0];
    expect(fake?.sent).toEqual([
      { type: "text.begin", mode: "queue" },
      { type: "text.append", text: "Good " },
      { type: "text.append", text: "evening" },
      { type: "text.end" },
    ]);
    fake?.answer({ type: "word", seq: 3, turn: 99 });
    fake?.answer({ type: "accepted", turn: 7 });
    await expect(turn).resolves.toBe(7);
  });

  it("sends one stream after the other over one connection", async () => {
    const { socket } = open();
    const first = socket.streamText(words("one"), "queue");
    const second = socket.streamText(words("two"), "queue");
    await settle();
    const fake = FakeSocket.made[0];
    expect(fake?.sent).toHaveLength(3);
    fake?.answer({ type: "accepted", turn: 1 });
    await settle();
    expect(fake?.sent).toHaveLength(6);
    fake?.answer({ type: "accepted", turn: 2 });
    await expect(Promise.all([first, second])).resolves.toEqual([1, 2]);
    expect(FakeSocket.made).toHaveLength(1);
  });

  it("rejects with the server's error, but not with an error event of the session", async () => {
    const { socket } = open();
    const turn = socket.streamText(words("!"), "queue");
    await settle();
    FakeSocket.made[0]?.answer({ type: "error", seq: 5, code: "internal", detail: "elsewhere" });
    FakeSocket.made[0]?.answer({ type: "error", code: "empty_text", detail: "nothing to say" });
    await expect(turn).rejects.toMatchObject({ code: "empty_text" });
  });

  it("ends the stream for the server when the source fails", async () => {
    const { socket } = open();
    async function* failing(): AsyncGenerator<string> {
      yield "So ";
      throw new Error("the model went away");
    }
    await expect(socket.streamText(failing(), "queue")).rejects.toThrow("the model went away");
    expect(FakeSocket.made[0]?.sent.at(-1)).toEqual({ type: "text.end" });
  });

  it("stops waiting for a source that is aborted", async () => {
    const { socket } = open();
    const stop = new AbortController();
    async function* endless(): AsyncGenerator<string> {
      yield "So ";
      await new Promise(() => undefined);
    }
    const turn = socket.streamText(endless(), "queue", stop.signal);
    await settle();
    stop.abort();
    await settle();
    expect(FakeSocket.made[0]?.sent.at(-1)).toEqual({ type: "text.end" });
    FakeSocket.made[0]?.answer({ type: "accepted", turn: 3 });
    await expect(turn).resolves.toBe(3);
  });

  it("fails what waits when the connection breaks, and opens another next time", async () => {
    const { socket } = open();
    const turn = socket.streamText(words("one"), "queue");
    await settle();
    FakeSocket.made[0]?.close();
    await expect(turn).rejects.toMatchObject({ code: "unreachable" });
    const again = socket.streamText(words("two"), "queue");
    await settle();
    FakeSocket.made[1]?.answer({ type: "accepted", turn: 2 });
    await expect(again).resolves.toBe(2);
  });

  it("sends sound as little-endian 16-bit samples", async () => {
    const { socket } = open();
    const turn = socket.streamAudio([Float32Array.of(0, 1, -1, 2)], 24_000, "interrupt");
    await settle();
    const [begin, samples, end] = FakeSocket.made[0]?.sent ?? [];
    expect(begin).toEqual({ type: "audio.begin", rate: 24_000, mode: "interrupt" });
    const view = new DataView(samples as ArrayBuffer);
    expect([0, 2, 4, 6].map((at) => view.getInt16(at, true))).toEqual([0, 32_767, -32_767, 32_767]);
    expect(end).toEqual({ type: "audio.end" });
    FakeSocket.made[0]?.answer({ type: "accepted", turn: 1 });
    await turn;
  });

  it("gives a sign of life", async () => {
    const { socket } = open();
    await socket.ping();
    expect(FakeSocket.made[0]?.sent).toEqual([{ type: "ping" }]);
  });

  it("is closed with the session", async () => {
    const { socket, ending } = open();
    const turn = socket.streamText(words("one"), "queue");
    await settle();
    ending.abort();
    await expect(turn).rejects.toMatchObject({ code: "session_closed" });
    expect(FakeSocket.made[0]?.readyState).toBe(3);
    await expect(socket.streamText(words("two"), "queue")).rejects.toMatchObject({
      code: "session_closed",
    });
  });
});

describe("PCM", () => {
  it("keeps 16-bit samples as they are", () => {
    const view = new DataView(toS16le(Int16Array.of(-32_768, 258)));
    expect(view.getInt16(0, true)).toBe(-32_768);
    expect(view.getUint8(2)).toBe(2);
    expect(view.getUint8(3)).toBe(1);
  });
});
