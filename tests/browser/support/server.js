/** The real server, started for one test file on free ports and stopped after it. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { binary, freePort, ROOT } from "../../support/program.mjs";

/** Loading the models of a cold machine; nothing is measured here. */
const START_MS = 120_000;

/** Starts a server. `env` adds settings (`VISAVIS_…`); `port` is a free one unless given. */
export async function startServer(env = {}, port = undefined) {
  const page = join(ROOT, "client-js", "dist");
  if (!existsSync(join(page, "index.html"))) {
    throw new Error("The start page is not built: npm ci && npm run build in client-js");
  }
  port ??= await freePort();
  const folder = mkdtempSync(join(tmpdir(), "visavis-browser-"));
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(binary(), ["serve"], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    // Media takes the same number for UDP.
    env: {
      ...process.env,
      VISAVIS_LISTEN: `127.0.0.1:${port}`,
      VISAVIS_MEDIA_LISTEN: `127.0.0.1:${port}`,
      VISAVIS_PUBLIC_URL: url,
      VISAVIS_PAGE: page,
      VISAVIS_RECORDINGS: folder,
      VISAVIS_AVATARS: join(folder, "avatars"),
      VISAVIS_MODELS: process.env.VISAVIS_MODELS ?? join(ROOT, "models"),
      VISAVIS_LOG: "warn",
      NO_COLOR: "1",
      ...env,
    },
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => (log = (log + data).slice(-20_000)));
  }
  const exited = once(child, "exit");
  const server = {
    url,
    log: () => log,
    get running() {
      return child.exitCode === null && child.signalCode === null;
    },
    /** Ends the server the hard way. */
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
    /** Ends the server as an operator would, and removes what it left. */
    async stop() {
      if (server.running) child.kill("SIGTERM");
      const late = globalThis.setTimeout(() => child.kill("SIGKILL"), 15_000);
      await exited;
      clearTimeout(late);
      rmSync(folder, { recursive: true, force: true });
    },
    /** Calls the API with JSON; a refusal is thrown. */
    async api(method, path, body) {
      const response = await fetch(url + path, {
        method,
        headers: body === undefined ? {} : { "content-type": "application/json" },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
      return response.status === 204 ? undefined : response.json();
    },
  };
  const deadline = Date.now() + START_MS;
  for (;;) {
    if (!server.running) throw new Error(`The server ended at its start:\n${log}`);
    const ready = await fetch(`${url}/readyz`).catch(() => undefined);
    if (ready?.ok) return server;
    if (Date.now() > deadline) {
      await server.kill();
      throw new Error(`The server was not ready in time:\n${log}`);
    }
    await sleep(100);
  }
}

