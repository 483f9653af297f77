import { PipecatClient, RTVIEvent } from "@pipecat-ai/client-js";
import { SmallWebRTCTransport, WavMediaManager } from "@pipecat-ai/small-webrtc-transport";
import { note, video } from "./notes.js";

let client;

window.client = {
  async connect(endpoint, headers, requestData) {
    const stream = new MediaStream();
    client = new PipecatClient({
      // The default one loads code from its vendor at run time.
      transport: new SmallWebRTCTransport({ mediaManager: new WavMediaManager() }),
      enableMic: true,
      enableCam: false,
    });
    for (const name of [
      RTVIEvent.Connected,
      RTVIEvent.Disconnected,
      RTVIEvent.BotReady,
      RTVIEvent.BotStartedSpeaking,
      RTVIEvent.BotStoppedSpeaking,
      RTVIEvent.Error,
    ]) {
      client.on(name, (data) => note(name, { data: JSON.stringify(data ?? null) }));
    }
    client.on(RTVIEvent.TrackStarted, (track, participant) => {
      if (participant?.local) return;
      stream.addTrack(track);
      note(`track ${track.kind}`);
      if (stream.getTracks().length === 2) video.srcObject = stream;
    });
    note("connect");
    await client.connect({
      webrtcRequestParams: { endpoint, headers: new Headers(headers), requestData },
    });
    note("ready");
  },
  say: (text) => client.sendText(text),
  stop: () => client.disconnect(),
};
