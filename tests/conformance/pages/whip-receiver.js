import { note, video } from "./notes.js";

let peer;

window.client = {
  /** Answers a WHIP offer as a media server would: everything gathered, receiving only. */
  async answer(sdp) {
    peer = new RTCPeerConnection();
    const stream = new MediaStream();
    peer.ontrack = ({ track }) => {
      stream.addTrack(track);
      note(`track ${track.kind}`);
      if (stream.getTracks().length === 2) video.srcObject = stream;
    };
    peer.onconnectionstatechange = () => note(peer.connectionState);
    await peer.setRemoteDescription({ type: "offer", sdp });
    await peer.setLocalDescription(await peer.createAnswer());
    if (peer.iceGatheringState !== "complete") {
      await new Promise((resolve) => {
        peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && resolve();
      });
    }
    return peer.localDescription.sdp;
  },
  close() {
    peer.close();
    note("closed here");
  },
};
