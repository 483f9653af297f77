import { WebRTCPlayer } from "@eyevinn/webrtc-player";
import { note, video } from "./notes.js";

let player;

window.client = {
  async play(url, token) {
    player = new WebRTCPlayer({ video, type: "whep", iceServers: [] });
    for (const name of ["no-media", "media-recovered", "peer-connection-failed", "connect-error"]) {
      player.on(name, () => note(name));
    }
    note("play");
    await player.load(new URL(url), token);
    note("playing");
  },
  stop: () => player.unload(),
};
