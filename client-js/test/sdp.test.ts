import { describe, expect, it } from "vitest";
import { answerAfterRestart, hasCredentials, trickleFragment } from "../src/sdp.js";
import { ANSWER, OFFER } from "./fakes.js";

describe("trickle fragment", () => {
  it("names the credentials and puts candidates under their section", () => {
    const fragment = trickleFragment(
      OFFER,
      [
        { candidate: "candidate:1 1 udp 2 192.0.2.9 4000 typ host", sdpMid: "0" },
        { candidate: "candidate:2 1 udp 1 192.0.2.9 4001 typ host", sdpMid: "1" },
      ],
      true,
    );
    expect(fragment.split("\r\n")).toEqual([
      "a=ice-ufrag:LOCAL",
      "a=ice-pwd:localpassword",
      "m=video 9 UDP/TLS/RTP/SAVPF 0",
      "a=mid:0",
      "a=candidate:1 1 udp 2 192.0.2.9 4000 typ host",
      "a=end-of-candidates",
      "m=audio 9 UDP/TLS/RTP/SAVPF 0",
      "a=mid:1",
      "a=candidate:2 1 udp 1 192.0.2.9 4001 typ host",
      "",
    ]);
  });

  it("carries nothing but credentials when there is nothing else", () => {
    expect(trickleFragment(OFFER, [], false)).toBe(
      "a=ice-ufrag:LOCAL\r\na=ice-pwd:localpassword\r\n",
    );
  });

  it("takes a candidate without a section for the first one's", () => {
    const fragment = trickleFragment(OFFER, [{ candidate: "candidate:3", sdpMid: null }], false);
    expect(fragment).toContain("a=mid:0\r\na=candidate:3\r\n");
    expect(fragment).not.toContain("a=mid:1");
  });
});

describe("answer after a restart", () => {
  const fragment =
    "a=ice-ufrag:NEW\r\na=ice-pwd:newpassword\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n" +
    "a=candidate:9 1 udp 1 192.0.2.2 6000 typ host\r\n";

  it("replaces the credentials of every section and all candidates", () => {
    const answer = answerAfterRestart(ANSWER, fragment);
    expect(answer).not.toMatch(/REMOTE|remotepassword|192\.0\.2\.1 /);
    expect(answer.match(/a=ice-ufrag:NEW/g)).toHaveLength(2);
    expect(answer.match(/a=ice-pwd:newpassword/g)).toHaveLength(2);
    expect(answer.match(/192\.0\.2\.2/g)).toHaveLength(1);
    expect(answer.indexOf("192.0.2.2")).toBeLessThan(answer.indexOf("m=audio"));
  });

  it("keeps everything else", () => {
    const kept = ANSWER.split("\r\n").filter((line) => !/ice-|candidate/.test(line));
    const after = answerAfterRestart(ANSWER, fragment)
      .split("\r\n")
      .filter((line) => !/ice-|candidate/.test(line));
    expect(after).toEqual(kept);
  });

  it("knows a fragment without credentials", () => {
    expect(hasCredentials(fragment)).toBe(true);
    expect(hasCredentials("a=ice-ufrag:NEW\r\n")).toBe(false);
    expect(hasCredentials("")).toBe(false);
  });
});
