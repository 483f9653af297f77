import StreamingAvatar, { StreamingEvents } from "@heygen/streaming-avatar";
import { note, video } from "./notes.js";

let avatar;

window.client = {
  async start(token, basePath, request) {
    avatar = new StreamingAvatar({ token, basePath });
    for (const name of Object.values(StreamingEvents)) {
      avatar.on(name, ({ detail }) => {
        if (name === StreamingEvents.STREAM_READY) video.srcObject = detail;
        const { task_id, message } = detail ?? {};
        note(name, { task: task_id, message });
      });
    }
    note("start");
    const session = await avatar.createStartAvatar(request);
    note("connected");
    return session;
  },
  speak: (request) => avatar.speak(request),
  interrupt: () => avatar.interrupt(),
  keepAlive: () => avatar.keepAlive(),
  startListening: () => avatar.startListening(),
  stopListening: () => avatar.stopListening(),
  stop: () => avatar.stopAvatar(),
};
