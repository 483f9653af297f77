import { VisavisError } from "./errors.js";
import type { SpeakMode } from "./types.js";

/** Streamed text or sound pauses while this many bytes wait in the socket. */
const HIGH_WATER_BYTES = 256 * 1024;
const DRAIN_POLL_MS = 20;

/** Pushed sound: mono PCM, floats in -1..1 or signed 16-bit. */
export type PcmChunk = Float32Array | Int16Array;

interface Waiter {
  resolve: (turn: number) => void;
  reject: (error: VisavisError) => void;
}

/**
 * The command channel: text and sound that are still being made while they are spoken. Opened at
 * the first use and kept. Events come by `EventFeed`, so those repeated here are passed over.
 */
export class Socket {
  #socket: Promise<WebSocket> | undefined;
  #waiters: Waiter[] = [];
  /** Streams take turns: the protocol has one open text or sound at a time. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(
    /** Makes the address anew for each connection, with the credential of that moment. */
    private readonly address: () => string,
    private readonly signal: AbortSignal,
  ) {
    signal.addEventListener("abort", () => this.#drop(new VisavisError("session_closed", "The session is closed.")));
  }

  /** Sends text piece by piece, as a language model gives it. Resolves to the turn. */
  streamText(
    pieces: AsyncIterable<string> | Iterable<string>,
    mode: SpeakMode,
    signal?: AbortSignal,
  ): Promise<number> {
    const begin = { type: "text.begin", mode };
    const end = { type: "text.end" };
    return this.#exclusive(begin, end, (socket) =>
      this.#pump(socket, pieces, signal, (text) => {
        if (text !== "") send(socket, { type: "text.append", text });
      }),
    );
  }

  /** Sends mono sound at `rate` Hz. Resolves to the turn. */
  streamAudio(
    chunks: AsyncIterable<PcmChunk> | Iterable<PcmChunk>,
    rate: number,
    mode: SpeakMode,
    signal?: AbortSignal,
  ): Promise<number> {
    const begin = { type: "audio.begin", rate, mode };
    const end = { type: "audio.end" };
    return this.#exclusive(begin, end, (socket) =>
      this.#pump(socket, chunks, signal, (chunk) => {
        if (chunk.length > 0) socket.send(toS16le(chunk));
      }),
    );
  }

  /** Tells the server that somebody is there. */
  async ping(): Promise<void> {
    send(await this.#open(), { type: "ping" });
  }

  /** Sends `begin`, what `pass` sends, and `end`, after the streams before it. */
  #exclusive(
    begin: object,
    end: object,
    pass: (socket: WebSocket) => Promise<void>,
  ): Promise<number> {
    const run = this.#tail.then(async () => {
      const socket = await this.#open();
      const turn = this.#accepted();
      send(socket, begin);
      try {
        await pass(socket);
      } finally {
        // Whatever ended the source, the server must not wait for more of it.
        if (socket.readyState === WebSocket.OPEN) send(socket, end);
      }
      return turn;
    });
    this.#tail = run.catch(() => undefined);
    return run;
  }

  /** Passes on item by item until the source or the signal ends it. */
  async #pump<Item>(
    socket: WebSocket,
    items: AsyncIterable<Item> | Iterable<Item>,
    signal: AbortSignal | undefined,
    pass: (item: Item) => void,
  ): Promise<void> {
    const iterator =
      Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    const aborted = new Promise<undefined>((resolve) => {
      if (signal?.aborted) resolve(undefined);
      else signal?.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted]);
      if (next === undefined) {
        void iterator.return?.();
        return;
      }
      if (next.done) return;
      if (socket.readyState !== WebSocket.OPEN) {
        throw new VisavisError("unreachable", "The connection broke while text or sound was sent.");
      }
      pass(next.value);
      while (socket.bufferedAmount > HIGH_WATER_BYTES && socket.readyState === WebSocket.OPEN) {
        await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
      }
    }
  }

  /** The turn number the server gives to what is begun next. */
  #accepted(): Promise<number> {
    const turn = new Promise<number>((resolve, reject) => this.#waiters.push({ resolve, reject }));
    // Its failure is seen by the one who waits; until then it must not count as unhandled.
    turn.catch(() => undefined);
    return turn;
  }

  #open(): Promise<WebSocket> {
    this.#socket ??= new Promise<WebSocket>((resolve, reject) => {
      if (this.signal.aborted) {
        reject(new VisavisError("session_closed", "The session is closed."));
        return;
      }
      const socket = new WebSocket(this.address());
      socket.binaryType = "arraybuffer";
      socket.onopen = () => resolve(socket);
      socket.onmessage = ({ data }) => {
        if (typeof data === "string") this.#receive(data);
      };
      socket.onclose = () => {
        const error = new VisavisError("unreachable", "The command connection was closed.");
        reject(error);
        this.#drop(error);
      };
    });
    return this.#socket;
  }

  #receive(data: string): void {
    const message = parse(data);
    if (message?.type === "accepted" && typeof message.turn === "number") {
      this.#waiters.shift()?.resolve(message.turn);
    } else if (message?.type === "error" && message.seq === undefined) {
      // With a sequence number it is an event of the session, not an answer to us.
      const error = new VisavisError(message.code ?? "internal", message.detail ?? "Refused.");
      this.#waiters.shift()?.reject(error);
    }
  }

  #drop(error: VisavisError): void {
    const socket = this.#socket;
    this.#socket = undefined;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
    void socket?.then(
      (open) => open.close(),
      () => undefined,
    );
  }
}

interface Message {
  type?: string;
  turn?: number;
  seq?: number;
  code?: string;
  detail?: string;
}

function parse(data: string): Message | undefined {
  try {
    return JSON.parse(data) as Message;
  } catch {
    return undefined;
  }
}

function send(socket: WebSocket, message: object): void {
  socket.send(JSON.stringify(message));
}

/** Signed 16-bit little-endian samples, whatever this machine's own order is. */
export function toS16le(chunk: PcmChunk): ArrayBuffer {
  const bytes = new ArrayBuffer(chunk.length * 2);
  const view = new DataView(bytes);
  const scale = chunk instanceof Float32Array ? 32_767 : 1;
  for (let index = 0; index < chunk.length; index++) {
    const sample = Math.round((chunk[index] ?? 0) * scale);
    view.setInt16(index * 2, Math.max(-32_768, Math.min(32_767, sample)), true);
  }
  return bytes;
}
