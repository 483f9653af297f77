import { AgentEventsEnum, LiveAvatarSession, SessionEvent } from "@heygen/liveavatar-web-sdk";
import { note, noteAll, video } from "./notes.js";

let session;

window.client = {
  /** Starts a session as an application would: attach once the stream is there. */
  async start(token, config) {
    session = new LiveAvatarSession(token, config);
    noteAll(session, [...Object.values(SessionEvent), ...Object.values(AgentEventsEnum)]);
    session.on(SessionEvent.SESSION_STREAM_READY, () => session.attach(video));
    note("start");
    await session.start();
    note("connected");
    return { id: session.sessionId, mode: session.mode, most: session.maxSessionDuration };
  },
  repeatAudio: (base64) => session.repeatAudio(base64),
  repeat: (text) => session.repeat(text),
  message: (text) => session.message(text),
  interrupt: () => session.interrupt(),
  startListening: () => session.startListening(),
  stopListening: () => session.stopListening(),
  keepAlive: () => session.keepAlive(),
  stop: () => session.stop(),
};
