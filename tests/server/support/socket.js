/** A WebSocket client of a session. */

import { once } from "node:events";
import WebSocket from "ws";
import { Events } from "./events.js";

/** Connects; messages of the server are collected like events. */
export async function connect(session, query = "?after=0") {
  const socket = new WebSocket(`${session.server.url.replace("http", "ws")}${session.path}/ws${query}`, {
    headers: session.headers,
  });
  const messages = new Events();
  socket.on("message", (data) => messages.add(JSON.parse(data)));
  const closed = once(socket, "close").then(([code]) => {
    messages.end();
    return code;
  });
  await once(socket, "open");
  return {
    closed,
    of: (...wanted) => messages.of(...wanted),
    until: (...wanted) => messages.until(...wanted),
    /** Sends a message: an object as JSON, bytes and strings as they are. */
    send(message) {
      const raw = Buffer.isBuffer(message) || typeof message === "string";
      socket.send(raw ? message : JSON.stringify(message));
    },
    stop: () => socket.terminate(),
  };
}
