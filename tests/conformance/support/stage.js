/** A server for the tests of one client, and a browser where the client needs one. */

import { createHmac } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before } from "node:test";
import { fileURLToPath } from "node:url";
import { startBrowser } from "../../browser/support/browser.js";
import { startServer } from "../../browser/support/server.js";
import { openClient } from "./page.js";

/** The key that clients send; the server is not in dev mode, so that it has to be right. */
export const API_KEY = "conformance-key-0123456789";
/** Key and secret by which clients sign LiveKit tokens of their own. */
export const LIVEKIT = { key: "conformance", secret: "conformance-secret-of-more-than-32-bytes" };

/** A token for a room that is nobody's session, as a customer's backend signs it. */
export function roomToken(room, identity) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1_000) + 600;
  const video = { roomJoin: true, room };
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ iss: LIVEKIT.key, sub: identity, exp, video })}`;
  return `${signed}.${createHmac("sha256", LIVEKIT.secret).update(signed).digest("base64url")}`;
}

/** Why a test is left out of the short form that `./test` runs; false otherwise. */
export const LONG = process.env.CONFORMANCE === "short" && "only in the whole";

/** Longest that one client may take: nothing here waits for the length of a speech. */
export const CAP_MS = 60_000;
/** How much of the server's log a failed test shows. */
const LOG_SHOWN = 6_000;
const OUTPUT = fileURLToPath(new URL("../output/", import.meta.url));

/** A microphone and a camera for clients that ask for them. */
const FAKE_DEVICES = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

/**
 * Starts a server before the tests of the file and stops it after them. `settings` are further
 * settings of the server; `browser` is false, or flags of Chromium to start it, too.
 */
export function setStage(client, { settings = {}, browser = false } = {}) {
  const stage = { server: undefined, browser: undefined };
  let failed = false;
  before(async () => {
    stage.server = new Server(
      await startServer({
        VISAVIS_API_KEYS: API_KEY,
        VISAVIS_LIVEKIT_KEYS: `${LIVEKIT.key}:${LIVEKIT.secret}`,
        VISAVIS_LOG: "info,api=debug,rooms=debug,livekit=debug,publish=debug",
        ...settings,
      }),
    );
    if (browser) {
      stage.browser = await startBrowser({ flags: [...FAKE_DEVICES, ...browser] });
      stage.openClient = (name) => openClient(stage.browser, name);
    }
  });
  afterEach(async (context) => {
    if (context.error ?? context.passed === false) failed = true;
    await stage.browser?.closePages();
  });
  after(async () => {
    await stage.browser?.stop();
    await stage.server?.stop();
    const log = stage.server?.log() ?? "";
    mkdirSync(OUTPUT, { recursive: true });
    writeFileSync(join(OUTPUT, `${client}.log`), log);
    if (failed) console.error(`--- the server said (${client}) ---\n${log.slice(-LOG_SHOWN)}`);
  });
  return stage;
}

/** The server as clients' backends use it. */
class Server {
  #server;

  constructor(server) {
    this.#server = server;
    this.url = server.url;
  }

  get host() {
    return new URL(this.url).host;
  }

  log() {
    return this.#server.log();
  }

  stop() {
    return this.#server.stop();
  }

  /** A request with JSON and the key; a refusal is thrown. */
  async api(method, path, body, headers = { "x-api-key": API_KEY }) {
    const response = await fetch(this.url + path, {
      method,
      headers: { ...headers, ...(body !== undefined && { "content-type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  /** A session token as a web application's backend gets it for its page. */
  async liveAvatarToken(wanted) {
    const { data } = await this.api("POST", "/v1/sessions/token", { avatar_id: "leo", ...wanted });
    return data;
  }

  /** A LITE session that is started: its id, and where its room is. */
  async lite(wanted = {}) {
    const { session_token: token } = await this.liveAvatarToken({ mode: "LITE", ...wanted });
    const headers = { authorization: `Bearer ${token}` };
    const { data } = await this.api("POST", "/v1/sessions/start", undefined, headers);
    return { ...data, token };
  }

  /** Has a session speak sound, as 16-bit little-endian samples at `rate`. */
  async push(id, pcm, rate) {
    const response = await fetch(`${this.url}/v1/sessions/${id}/speak`, {
      method: "POST",
      headers: { "x-api-key": API_KEY, "content-type": `audio/pcm;rate=${rate}` },
      body: pcm,
    });
    if (!response.ok) throw new Error(`speak: ${response.status} ${await response.text()}`);
  }

  /** Ends a session. */
  end(id) {
    return this.api("DELETE", `/v1/sessions/${id}`);
  }

  /** What the session has told so far, from its event stream: `{ type, … }`. */
  async events(id) {
    const response = await fetch(`${this.url}/v1/sessions/${id}/events?after=0`, {
      headers: { "x-api-key": API_KEY },
    });
    const events = [];
    const decoder = new TextDecoderStream();
    let rest = "";
    const quiet = () => new Promise((resolve) => setTimeout(resolve, EVENTS_MS));
    const reader = response.body.pipeThrough(decoder).getReader();
    for (;;) {
      const chunk = await Promise.race([reader.read(), quiet()]);
      if (!chunk || chunk.done) break;
      const lines = (rest + chunk.value).split("\n");
      rest = lines.pop();
      for (const line of lines) if (line.startsWith("data:")) events.push(JSON.parse(line.slice(5)));
    }
    await reader.cancel();
    return events;
  }

  /** A counter of `/metrics`. */
  async counter(name) {
    const response = await fetch(`${this.url}/metrics`, { headers: { "x-api-key": API_KEY } });
    const line = (await response.text()).split("\n").find((each) => each.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  }

  /** Waits until no session is left: what a client began, its end has freed. */
  untilFree(withinMs = FREE_MS) {
    return this.#untilNone("sessions", withinMs);
  }

  /** Waits until nobody watches any more. */
  untilUnwatched() {
    return this.#untilNone("viewers", FREE_MS);
  }

  async #untilNone(what, withinMs) {
    for (const end = Date.now() + withinMs; ; ) {
      const left = await this.counter(`visavis_${what}`);
      if (left === 0) return;
      if (Date.now() > end) throw new Error(`${left} ${what} are left after the client's end`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** Events that were told are all there when nothing comes for this long, on one machine. */
const EVENTS_MS = 300;

/** A session whose client stopped it, or vanished, must be gone by then. */
const FREE_MS = 15_000;
