import { ConnectionState, Room, RoomEvent, Track } from "livekit-client";
import { note, video } from "./notes.js";

let room;

/** What a room tells that is noted as it is. */
const PLAIN = [
  RoomEvent.Connected,
  RoomEvent.Reconnecting,
  RoomEvent.SignalReconnecting,
  RoomEvent.Reconnected,
];

window.client = {
  async connect(url, token, options = {}) {
    room = new Room(options);
    for (const name of PLAIN) room.on(name, () => note(name));
    room.on(RoomEvent.Disconnected, (reason) => note("disconnected", { reason }));
    room.on(RoomEvent.TrackSubscribed, (track, _publication, participant) => {
      track.attach(video);
      note(`subscribed ${track.kind}`, { identity: participant.identity });
    });
    room.on(RoomEvent.TrackSubscriptionFailed, (sid, { identity }, reason) =>
      note("subscription failed", { sid, identity, reason }),
    );
    room.on(RoomEvent.TrackUnsubscribed, ({ kind }) => note(`unsubscribed ${kind}`));
    room.on(RoomEvent.TrackMuted, ({ kind }, { identity }) => note(`muted ${kind}`, { identity }));
    room.on(RoomEvent.DataReceived, (payload, participant, _kind, topic) =>
      note("data", { topic, from: participant?.identity, text: new TextDecoder().decode(payload) }),
    );
    room.on(RoomEvent.TranscriptionReceived, (segments, participant) =>
      note("transcription", {
        from: participant?.identity,
        segments: segments.map(({ id, text, final }) => ({ id, text, final })),
      }),
    );
    room.registerTextStreamHandler("lk.transcription", async (reader, { identity }) => {
      note("text", { from: identity, text: await reader.readAll() });
    });
    note("connect");
    await room.connect(url, token);
    note("joined");
    return {
      version: room.serverInfo?.version,
      name: room.name,
      others: [...room.remoteParticipants.values()].map(({ identity, kind }) => ({ identity, kind })),
    };
  },
  /** Publishes the fake microphone, which beeps. */
  async speak() {
    await room.localParticipant.setMicrophoneEnabled(true);
    return room.localParticipant.getTrackPublication(Track.Source.Microphone).trackSid;
  },
  /** The energy of the sound that was received of a participant so far (as of `getStats`). */
  async energy(identity) {
    const [publication] = [...room.remoteParticipants.get(identity).audioTrackPublications.values()];
    const stats = await publication.track.receiver.getStats();
    const inbound = [...stats.values()].find(({ type }) => type === "inbound-rtp");
    return inbound.totalAudioEnergy;
  },
  /** Publishes the fake camera, in the codec of this server. */
  async film() {
    await room.localParticipant.setCameraEnabled(true, undefined, { videoCodec: "h264", simulcast: false });
    return room.localParticipant.getTrackPublication(Track.Source.Camera).trackSid;
  },
  /** Takes the camera back. */
  async cover() {
    const { track } = room.localParticipant.getTrackPublication(Track.Source.Camera);
    await room.localParticipant.unpublishTrack(track);
  },
  async mute() {
    await room.localParticipant.setMicrophoneEnabled(false);
  },
  send: (text, topic) =>
    room.localParticipant.publishData(new TextEncoder().encode(text), { reliable: true, topic }),
  async rpc(to, method, payload) {
    try {
      return { answer: await room.localParticipant.performRpc({ destinationIdentity: to, method, payload }) };
    } catch (error) {
      return { code: error.code, message: error.message };
    }
  },
  /** Loses the signalling, as a change of network does; the SDK is to resume by itself. */
  async loseSignal() {
    await room.simulateScenario("signal-reconnect");
  },
  /** Loses signalling and media, so that the SDK joins anew. */
  async loseAll() {
    await room.simulateScenario("full-reconnect");
  },
  connected: () => room.state === ConnectionState.Connected,
  leave: () => room.disconnect(),
};
