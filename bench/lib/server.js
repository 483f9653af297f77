// Starts the real server for a measurement, and speaks its HTTP API.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createSocket } from "node:dgram";
import { tmpdir } from "node:os";
import path from "node:path";

import { binary, freePort, ROOT } from "../../tests/support/program.mjs";
import { Channel } from "./channel.js";

/** How long the server may take to load its models on a busy machine. */
const START_MS = 60_000;

// A bench that is stopped ends by its usual way, which stops the server it has started.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

/**
 * The environment of the server and of `visavis say`: settings of the person who measures must not
 * leak into the figures, except where the models are.
 */
export function environment(extra = {}) {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith("VISAVIS_") || name === "VISAVIS_MODELS",
  );
  return { VISAVIS_MODELS: path.join(ROOT, "models"), ...Object.fromEntries(kept), ...extra };
}

/** A folder that is gone when `use` is done. */
export async function withFolder(use) {
  const folder = await mkdtemp(path.join(tmpdir(), "visavis-bench-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function freeUdpPort() {
  return new Promise((resolve, reject) => {
    const probe = createSocket("udp4");
    probe.once("error", reject);
    probe.bind(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** A running server. */
export class Server {
  #child;
  #ended;

  constructor(child, ended, url, folder) {
    this.#child = child;
    this.#ended = ended;
    this.url = url;
    this.folder = folder;
  }

  get pid() {
    return this.#child.pid;
  }

  async call(method, where, body, headers = {}) {
    const response = await fetch(new URL(where, this.url), { method, body, headers });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`${method} ${where}: ${response.status} ${text}`);
    }
    return text;
  }

  async json(method, where, body) {
    const text = await this.call(
      method,
      where,
      body === undefined ? undefined : JSON.stringify(body),
      body === undefined ? {} : { "content-type": "application/json" },
    );
    return text === "" ? undefined : JSON.parse(text);
  }

  /** The counters, by name with labels, as the text format of Prometheus writes them. */
  async metrics() {
    const text = await this.call("GET", "/metrics");
    const values = new Map();
    for (const line of text.split("\n")) {
      if (line === "" || line.startsWith("#")) continue;
      const space = line.lastIndexOf(" ");
      values.set(line.slice(0, space), Number(line.slice(space + 1)));
    }
    return values;
  }

  /** Opens a session and its WebSocket. */
  async session(request = {}) {
    const session = await this.json("POST", "/v1/sessions", request);
    const channel = await Channel.open(this.url, `/v1/sessions/${session.id}/ws`, session.token);
    return new Session(this, session, channel);
  }

  async stop() {
    this.#child.kill("SIGTERM");
    const force = setTimeout(() => this.#child.kill("SIGKILL"), 20_000);
    await this.#ended;
    clearTimeout(force);
  }
}

/** An open session with its event stream. */
class Session {
  constructor(server, info, channel) {
    this.server = server;
    this.info = info;
    this.id = info.id;
    this.channel = channel;
  }

  /** Speaks a text; resolves to the turn. */
  async speak(text, mode = "queue") {
    return (await this.channel.request({ type: "speak", text, mode }, "accepted")).turn;
  }

  /** Begins pushed sound; resolves to the turn. */
  async beginSound(rate, mode = "queue") {
    return (await this.channel.request({ type: "audio.begin", rate, mode }, "accepted")).turn;
  }

  /** Ends the session and waits until its recording is whole. Resolves to the recording's state. */
  async close() {
    await this.server.json("DELETE", `/v1/sessions/${this.id}`);
    this.channel.close();
    const deadline = performance.now() + 30_000;
    while (this.info.record) {
      const recording = await this.server.json("GET", `/v1/recordings/${this.info.recording.id}`);
      if (recording.state === "ready" || recording.state === "ended_early") return recording;
      if (performance.now() > deadline) {
        throw new Error(`the recording of ${this.id} is still '${recording.state}'`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return undefined;
  }

  /** The finished recording as bytes. */
  async video() {
    const where = `/v1/recordings/${this.info.recording.id}/video.mp4`;
    const response = await fetch(new URL(where, this.server.url));
    if (!response.ok) throw new Error(`GET ${where}: ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  }
}

/** Starts a server on free ports with an empty folder for recordings, and stops it after `use`. */
export function withServer(use, settings = {}) {
  return withFolder(async (folder) => {
    const port = await freePort();
    const child = spawn(binary(), ["serve"], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: environment({
        VISAVIS_LISTEN: `127.0.0.1:${port}`,
        VISAVIS_MEDIA_LISTEN: `127.0.0.1:${await freeUdpPort()}`,
        VISAVIS_RECORDINGS: path.join(folder, "recordings"),
        VISAVIS_PAGE: path.join(ROOT, "client-js/dist"),
        VISAVIS_MAX_SESSIONS: "512",
        VISAVIS_LOG: "warn",
        ...settings,
      }),
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data) => {
        said = (said + data).slice(-20_000);
      });
    }
    const ended = new Promise((resolve) => child.once("close", resolve));
    let gone = false;
    void ended.then(() => {
      gone = true;
    });
    const server = new Server(child, ended, `http://127.0.0.1:${port}`, folder);
    // The server must not outlive a bench that is interrupted.
    const kill = () => child.kill("SIGKILL");
    process.once("exit", kill);
    try {
      const deadline = performance.now() + START_MS;
      for (;;) {
        const ready = await fetch(`${server.url}/readyz`).then(
          (response) => response.ok,
          () => false,
        );
        if (ready) break;
        if (gone || performance.now() > deadline) {
          throw new Error(`the server did not become ready:\n${said}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return await use(server);
    } catch (error) {
      if (said !== "") process.stderr.write(`the server said:\n${said}\n`);
      throw error;
    } finally {
      process.removeListener("exit", kill);
      if (!gone) await server.stop();
    }
  });
}
