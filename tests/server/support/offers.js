/** Offers of players, by rule. */

const FINGERPRINT = Array.from({ length: 32 }, (_, at) => (at + 16).toString(16).toUpperCase()).join(":");

/** An offer to receive sound and pictures with these codecs (`[payload type, name]`). */
export function offer({ video = [[102, "H264/90000"]], audio = [[111, "opus/48000/2"]] } = {}) {
  const section = (kind, mid, codecs) => [
    `m=${kind} 9 UDP/TLS/RTP/SAVPF ${codecs.map(([type]) => type).join(" ")}`,
    "c=IN IP4 0.0.0.0",
    "a=rtcp:9 IN IP4 0.0.0.0",
    "a=ice-ufrag:abcd",
    "a=ice-pwd:abcdefghijklmnopqrstuvwx",
    "a=ice-options:trickle",
    `a=fingerprint:sha-256 ${FINGERPRINT}`,
    "a=setup:actpass",
    `a=mid:${mid}`,
    "a=recvonly",
    "a=rtcp-mux",
    "a=rtcp-rsize",
    ...codecs.flatMap(([type, name]) => [
      `a=rtpmap:${type} ${name}`,
      ...(name.startsWith("H264")
        ? [
            `a=rtcp-fb:${type} nack pli`,
            `a=fmtp:${type} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f`,
          ]
        : []),
    ]),
  ];
  const lines = [
    "v=0",
    "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0 1",
    "a=msid-semantic: WMS",
    ...section("audio", 0, audio),
    ...section("video", 1, video),
  ];
  return `${lines.join("\r\n")}\r\n`;
}
