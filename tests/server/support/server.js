/** The real server on free ports, and what clients do with it. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { binary, freePort } from "../../support/program.mjs";
import { environment, PATIENCE_MS, temporaryFolder } from "./command.js";
import { Events } from "./events.js";

/** Log kept for a failed test, characters. */
const LOG_KEPT = 200_000;

const servers = [];
process.on("exit", () => {
  for (const { child, log } of servers) {
    child.kill("SIGKILL");
    if (process.exitCode) console.error(`--- log of the server ---\n${log().slice(-10_000)}`);
  }
});

/**
 * Starts a server.
 * `settings` are environment variables, `args` further flags, `recordings` the folder of
 * recordings, `through` a command that starts another (such as one that sets limits).
 */
export async function startServer({
  settings = {},
  args = [],
  recordings = temporaryFolder(),
  through = [],
} = {}) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const [program, ...rest] = [...through, binary(), "serve", ...args];
  const child = spawn(program, rest, {
    // Where no configuration lies.
    cwd: temporaryFolder(),
    stdio: ["ignore", "pipe", "pipe"],
    // Media takes the same number for UDP.
    env: environment({
      VISAVIS_LISTEN: `127.0.0.1:${port}`,
      VISAVIS_MEDIA_LISTEN: `127.0.0.1:${port}`,
      VISAVIS_RECORDINGS: recordings,
      ...settings,
    }),
  });
  let log = "";
  let ready;
  const readiness = new Promise((resolve) => (ready = resolve));
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (data) => {
      log = (log + data).slice(-LOG_KEPT);
      if (stream === child.stdout && log.includes("Visavis is ready")) ready(true);
    });
  }
  // Tests end without waiting for servers, which end with them.
  child.unref();
  for (const stream of [child.stdout, child.stderr]) stream.unref();
  const exited = once(child, "exit").then(([code, signal]) => code ?? signal);
  const server = new Server({ url, port, child, recordings, exited, log: () => log });
  servers.push(server);
  const late = setTimeout(() => ready(false), PATIENCE_MS);
  const up = await Promise.race([readiness, exited.then(() => false)]);
  clearTimeout(late);
  if (!up) {
    child.kill("SIGKILL");
    throw new Error(`The server did not start:\n${log}`);
  }
  return server;
}

class Server {
  constructor(parts) {
    Object.assign(this, parts);
  }

  get pid() {
    return this.child.pid;
  }

  /** Sends a signal and waits for the end; returns the exit code, or the signal that ended it. */
  async end(signal = "SIGTERM") {
    this.child.kill(signal);
    const late = setTimeout(() => this.child.kill("SIGKILL"), PATIENCE_MS);
    const code = await this.exited;
    clearTimeout(late);
    return code;
  }

  /** A request as it is. */
  fetch(path, init = {}) {
    return fetch(this.url + path, {
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...(init.body instanceof ReadableStream && { duplex: "half" }),
      ...init,
    });
  }

  /** A request with JSON, which must be accepted. */
  async json(method, path, body, headers = {}) {
    const response = await this.fetch(path, {
      method,
      headers: { ...headers, ...(body !== undefined && { "content-type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.status === 204 ? undefined : response.json();
  }

  /** Opens a session. */
  async open(wanted = {}, headers = {}) {
    return new Session(this, await this.json("POST", "/v1/sessions", wanted, headers), headers);
  }

  /** Asks until `ask` gives something. */
  async until(ask) {
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
      const answer = await ask();
      if (answer) return answer;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`It did not come about: ${ask}`);
  }
}

export class Session {
  constructor(server, made, headers) {
    this.server = server;
    this.made = made;
    this.id = made.id;
    this.path = `/v1/sessions/${made.id}`;
    this.headers = headers;
  }

  /** Follows its events from the first one on. */
  events(after = 0) {
    return Events.follow(`${this.server.url}${this.path}/events?after=${after}`, this.headers);
  }

  get() {
    return this.server.json("GET", this.path, undefined, this.headers);
  }

  /** Says a text; gives the turn. */
  async speak(text, more = {}) {
    const body = { text, ...more };
    return (await this.server.json("POST", `${this.path}/speak`, body, this.headers)).turn;
  }

  /** Sends a body of any type to be spoken; gives the response. */
  push(type, body, query = "") {
    return this.server.fetch(`${this.path}/speak${query}`, {
      method: "POST",
      headers: { ...this.headers, "content-type": type },
      body,
    });
  }

  interrupt() {
    return this.server.json("POST", `${this.path}/interrupt`, undefined, this.headers);
  }

  close() {
    return this.server.json("DELETE", this.path, undefined, this.headers);
  }

  /** Waits until its recording is whole; gives what the list of recordings says of it. */
  recorded() {
    const path = `/v1/recordings/${this.id}`;
    return this.server.until(async () => {
      const recording = await this.server.json("GET", path, undefined, this.headers);
      return recording.state !== "recording" && recording;
    });
  }

  /** Ends it and waits for its recording. */
  async finish() {
    await this.close();
    return this.recorded();
  }
}
