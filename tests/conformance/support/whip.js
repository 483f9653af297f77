/** A WHIP endpoint (RFC 9725) whose media end is a page of Chromium. */

import { once } from "node:events";
import { createServer } from "node:http";

/**
 * Starts an endpoint that hands offers to `answer`. The first `refusals` offers are refused with
 * 503, as by a media server that is starting. `requests` lists what came: `{ method, path,
 * headers, body }`.
 */
export async function whipEndpoint(answer, { bearer, refusals = 0 }) {
  const requests = [];
  let left = refusals;
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    requests.push({ method: request.method, path: request.url, headers: request.headers, body });
    const reply = (status, headers = {}, content = "") => response.writeHead(status, headers).end(content);
    if (request.headers.authorization !== `Bearer ${bearer}`) return reply(401);
    if (request.method === "DELETE") return reply(200);
    if (request.method !== "POST") return reply(405);
    if (left > 0) {
      left -= 1;
      return reply(503, { "retry-after": "1" });
    }
    try {
      const sdp = await answer(body);
      return reply(201, { "content-type": "application/sdp", location: "/whip/resource/1" }, sdp);
    } catch (error) {
      return reply(400, {}, String(error));
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}/whip`,
    requests,
    stop: () => server.close(),
  };
}
