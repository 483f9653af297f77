import { AudioStream, dispose, Room, RoomEvent, TrackKind, VideoBufferType, VideoStream } from "@livekit/rtc-node";
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Observer } from "../support/observer.js";
import { CAP_MS, setStage } from "../support/stage.js";
import { SPEECH_MS, speech } from "../support/speech.js";
import { checkHeard, checkMouth, checkPictures } from "../support/verdict.js";

const SECOND = 25;
const RATE = 24_000;
const LISTEN_HZ = 48_000;

const stage = setStage("rtc-node");
after(() => dispose());

/** Watches and listens to what a room brings. */
function follow(room, observer) {
  room.on(RoomEvent.TrackSubscribed, async (track) => {
    if (track.kind === TrackKind.KIND_VIDEO) {
      observer.note("video");
      for await (const { frame } of new VideoStream(track)) {
        const { width, height, data } = frame.convert(VideoBufferType.I420);
        observer.picture(width, height, data);
      }
    } else {
      observer.note("audio");
      for await (const frame of new AudioStream(track, LISTEN_HZ, 1)) {
        observer.sound(frame.data, LISTEN_HZ);
      }
    }
  });
}

test("@livekit/rtc-node sees and hears a session, sends and leaves", { timeout: CAP_MS }, async () => {
  const { server } = stage;
  const session = await server.lite({ video_settings: { quality: "low" } });
  const observer = new Observer();
  const room = new Room();
  follow(room, observer);
  await room.connect(session.livekit_url, session.livekit_client_token);
  assert.equal(room.name, session.session_id);
  assert.deepEqual([...room.remoteParticipants.keys()], ["heygen"]);
  await Promise.all([observer.until("video"), observer.until("audio")]);
  await observer.pictures(SECOND);
  const { at: from } = observer.note("push");
  await server.push(session.session_id, speech(RATE), RATE);
  await observer.pictures((SECOND * (SPEECH_MS + 1_500)) / 1_000);

  checkPictures(observer, { width: 640, height: 360 });
  const heard = checkHeard(observer, speech(RATE), RATE, { from });
  checkMouth(observer, heard, { begin: observer.frames[0].at, end: from });
  const refusal = await room.localParticipant
    .performRpc({ destinationIdentity: "heygen", method: "no-such-method", payload: "" })
    .then(() => undefined, (error) => error);
  assert.equal(refusal?.code, 1_400, "an unknown method is refused as such");
  await room.disconnect();
  await server.untilUnwatched();
  await server.end(session.session_id);
  await server.untilFree();
});
