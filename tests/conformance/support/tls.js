/** A server with TLS under a name of its own, for clients that insist on port 443. */

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../../support/program.mjs";

/** A name that nobody has (RFC 6761, 6.2). */
export const HOST = "visavis.test";

/**
 * A certificate for `HOST`, the settings of a server that uses it on a free port, and the flags of
 * a Chromium to which that port is port 443 of `HOST`.
 */
export async function tls() {
  const folder = mkdtempSync(join(tmpdir(), "visavis-tls-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  await promisify(execFile)("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
    ...["-days", "2", "-subj", `/CN=${HOST}`, "-addext", `subjectAltName=DNS:${HOST}`],
    ...["-keyout", key, "-out", cert],
  ]);
  const port = await freePort();
  return {
    settings: {
      VISAVIS_TLS_LISTEN: `127.0.0.1:${port}`,
      VISAVIS_TLS_CERT: cert,
      VISAVIS_TLS_KEY: key,
      VISAVIS_PUBLIC_URL: `https://${HOST}`,
    },
    flags: [`--host-resolver-rules=MAP ${HOST} 127.0.0.1:${port}`, "--ignore-certificate-errors"],
  };
}
