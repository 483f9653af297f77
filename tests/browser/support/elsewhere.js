/** A page of somebody else: another origin on this machine. */

import { once } from "node:events";
import { createServer } from "node:http";

/** Serves `html` at every path of a free port. */
export async function elsewhere(html) {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
    response.end(html);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
