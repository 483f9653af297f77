export { type Caption, Captions } from "./captions.js";
export { type ErrorCode, VisavisError } from "./errors.js";
export type { Fetch } from "./http.js";
export {
  type AttachOptions,
  type CreateOptions,
  type ServerOptions,
  Session,
  type SessionEvents,
  type SessionState,
  type SpeakOptions,
  type SpokenTurn,
} from "./session.js";
export type { PcmChunk } from "./socket.js";
export type { ConnectionStats } from "./stats.js";
export type * from "./types.js";
