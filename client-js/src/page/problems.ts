import type { VisavisError } from "../errors.js";
import type { CloseReason } from "../types.js";
import { remaining, sentence } from "./format.js";

/** What a person needs to know about an error that kept a session from starting or going on. */
export function explain(error: VisavisError): { title: string; text: string } {
  switch (error.code) {
    case "unreachable":
      return {
        title: "The server does not answer",
        text: "It may be restarting, or the network is down. I keep trying.",
      };
    case "unknown_avatar":
      return { title: "There is no such face", text: `${sentence(error.message)} Choose another one.` };
    case "unknown_voice":
      return { title: "There is no such voice", text: `${sentence(error.message)} Choose another one.` };
    case "too_many_sessions":
      return {
        title: "Every place is taken",
        text: error.retryAfterS
          ? `The server is at its limit of sessions. Try again in ${remaining(error.retryAfterS)}.`
          : "The server is at its limit of sessions. Try again in a moment.",
      };
    case "forbidden":
    case "unauthorized":
      return {
        title: "Not allowed in",
        text: "The session's token is wrong or has expired.",
      };
    case "not_found":
    case "session_closed":
      return { title: "This session is over", text: "The server no longer knows it." };
    case "no_h264":
      return {
        title: "This browser cannot play the video",
        text: "It offers no H.264 decoder, so you hear me without seeing me. What you let me say is recorded, and you can watch the recording.",
      };
    case "unsupported_browser":
      return {
        title: "This browser cannot show live video",
        text: "WebRTC is missing or switched off. What you let me say is still recorded, and you can watch the recording.",
      };
    case "no_media_path":
      return {
        title: "No live picture reaches you",
        text: "The network seems to block it (UDP). The session goes on: what you let me say is recorded, and you can watch the recording.",
      };
    default:
      return { title: error.title ?? "That did not work", text: sentence(error.message) };
  }
}

/** Why a session has ended. */
export function farewell(reason: CloseReason | undefined): { title: string; text: string } {
  const texts: Record<CloseReason, string> = {
    client: "It was ended by its owner.",
    idle_timeout: "Nothing was said for a while, so the server has closed it.",
    max_duration: "It has reached the longest time this server allows.",
    shutdown: "The server is shutting down.",
    internal_error: "The server had a fault of its own. Its log says more.",
    gone: "The server no longer knows it; it may have been restarted.",
  };
  return { title: "The session has ended", text: reason ? texts[reason] : "" };
}
