// The WebSocket of a session (RFC 6455), as small as the bench needs it: Node 20 has no client of
// its own.

import { randomBytes } from "node:crypto";
import { request } from "node:http";

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/** How long an answer may take before the bench gives up. */
const PATIENCE_MS = 60_000;

/** Frames of a client carry a mask (RFC 6455 §5.3). */
export function frame(opcode, payload) {
  const length = payload.length;
  const extra = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const out = Buffer.alloc(6 + extra + length);
  out[0] = 0x80 | opcode;
  if (extra === 0) out[1] = 0x80 | length;
  if (extra === 2) {
    out[1] = 0x80 | 126;
    out.writeUInt16BE(length, 2);
  }
  if (extra === 8) {
    out[1] = 0x80 | 127;
    out.writeBigUInt64BE(BigInt(length), 2);
  }
  const mask = randomBytes(4);
  mask.copy(out, 2 + extra);
  const start = 6 + extra;
  for (let i = 0; i < length; i += 1) out[start + i] = payload[i] ^ mask[i & 3];
  return out;
}

/** Cuts what arrives into frames. The server's frames are whole messages and carry no mask. */
export class Frames {
  #rest = Buffer.alloc(0);

  *push(data) {
    this.#rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    for (;;) {
      const rest = this.#rest;
      if (rest.length < 2) return;
      let length = rest[1] & 0x7f;
      let head = 2;
      if (length === 126) {
        if (rest.length < 4) return;
        length = rest.readUInt16BE(2);
        head = 4;
      } else if (length === 127) {
        if (rest.length < 10) return;
        length = Number(rest.readBigUInt64BE(2));
        head = 10;
      }
      if (rest.length < head + length) return;
      this.#rest = rest.subarray(head + length);
      yield { opcode: rest[0] & 0x0f, payload: rest.subarray(head, head + length) };
    }
  }
}

/** Events and answers of one session, each with the moment it arrived (`performance.now()`). */
export class Channel {
  #socket;
  #waiting = new Set();
  #closed = false;
  /** All events so far, each with `wall`. */
  events = [];
  /** Errors that the server reported. */
  errors = [];

  constructor(socket, head) {
    this.#socket = socket;
    socket.setNoDelay(true);
    const frames = new Frames();
    const read = (data) => {
      for (const { opcode, payload } of frames.push(data)) this.#received(opcode, payload);
    };
    socket.on("data", read);
    socket.on("error", () => this.#end());
    socket.on("close", () => this.#end());
    if (head.length > 0) read(head);
  }

  static open(url, path, token) {
    const { hostname, port } = new URL(url);
    return new Promise((resolve, reject) => {
      const upgrade = request({
        host: hostname,
        port,
        path,
        headers: {
          Connection: "Upgrade",
          Upgrade: "websocket",
          "Sec-WebSocket-Version": "13",
          "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        },
      });
      upgrade.once("upgrade", (_, socket, head) => resolve(new Channel(socket, head)));
      upgrade.once("response", (response) => {
        reject(new Error(`the WebSocket ${path} was refused: ${response.statusCode}`));
      });
      upgrade.once("error", reject);
      upgrade.end();
    });
  }

  #received(opcode, payload) {
    if (opcode === PING) this.#socket.write(frame(PONG, payload));
    if (opcode === CLOSE) this.#end();
    if (opcode !== TEXT) return;
    const message = JSON.parse(payload.toString());
    message.wall = performance.now();
    if (message.type === "error") this.errors.push(message);
    if (message.seq !== undefined) this.events.push(message);
    for (const waiting of [...this.#waiting]) waiting.message(message);
  }

  #end() {
    this.#closed = true;
    for (const waiting of [...this.#waiting]) waiting.end();
  }

  /** Sends a message, JSON or sound. Returns the moment it was handed over. */
  send(message) {
    const sent = performance.now();
    this.#socket.write(
      Buffer.isBuffer(message)
        ? frame(BINARY, message)
        : frame(TEXT, Buffer.from(JSON.stringify(message))),
    );
    return sent;
  }

  /** Sends a message and waits for the answer of a type. */
  request(message, type) {
    const answer = this.next((m) => m.type === type || (m.type === "error" && m.seq === undefined));
    this.send(message);
    return answer.then((m) => {
      if (m.type === "error") throw new Error(`${m.code}: ${m.detail}`);
      return m;
    });
  }

  /** The next message that fits; what came before does not count. */
  next(fits, patience = PATIENCE_MS) {
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
      };
      const waiting = {
        message: (message) => {
          if (!fits(message)) return;
          done();
          resolve(message);
        },
        end: () => {
          done();
          reject(new Error("the WebSocket ended"));
        },
      };
      const timer = setTimeout(() => {
        done();
        const last = this.events.slice(-5).map((e) => `${e.type} ${e.turn ?? ""}`);
        reject(new Error(`what was waited for did not come; last events: ${last.join(", ")}`));
      }, patience);
      this.#waiting.add(waiting);
      if (this.#closed) waiting.end();
    });
  }

  /** An event that fits, whether it came already or comes later. */
  event(fits, patience = PATIENCE_MS) {
    const found = this.events.find(fits);
    return found === undefined ? this.next((m) => m.seq !== undefined && fits(m), patience) : found;
  }

  close() {
    if (!this.#closed) this.#socket.end(frame(CLOSE, Buffer.from([0x03, 0xe8])));
  }
}
