/** The program under test and a place for it to listen. Needs no packages: the bench uses it, too. */

import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The binary to test: `VISAVIS_BIN`, or the release build of this workspace. */
export function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
  const path = resolve(process.env.VISAVIS_BIN ?? join(target, "release", "visavis"));
  if (!existsSync(path)) {
    throw new Error(`${path} is not there: cargo build --release -p visavis, or set VISAVIS_BIN`);
  }
  return path;
}

/** A port that is free now, for TCP. */
export async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}
