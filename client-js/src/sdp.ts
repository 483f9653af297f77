/** The few edits of SDP that WHEP asks of a player (RFC 8840 fragments, ICE restart). */

/** A local candidate, as the browser hands it out. */
export interface Candidate {
  candidate: string;
  sdpMid: string | null;
}

const CRLF = "\r\n";

function lines(sdp: string): string[] {
  return sdp.split(/\r?\n/).filter((line) => line !== "");
}

function valueOf(sdp: string, attribute: string): string | undefined {
  const prefix = `a=${attribute}:`;
  return lines(sdp)
    .find((line) => line.startsWith(prefix))
    ?.slice(prefix.length);
}

/**
 * The body of a trickle PATCH: the ICE credentials of the local description and candidates under
 * the media section they belong to. `ended` says that no more will follow.
 */
export function trickleFragment(localSdp: string, candidates: Candidate[], ended: boolean): string {
  const fragment = [
    `a=ice-ufrag:${valueOf(localSdp, "ice-ufrag") ?? ""}`,
    `a=ice-pwd:${valueOf(localSdp, "ice-pwd") ?? ""}`,
  ];
  const sections = lines(localSdp).filter((line) => line.startsWith("m="));
  const mids = lines(localSdp)
    .filter((line) => line.startsWith("a=mid:"))
    .map((line) => line.slice("a=mid:".length));
  mids.forEach((mid, index) => {
    const own = candidates.filter((candidate) => (candidate.sdpMid ?? mids[0]) === mid);
    // The first section carries the transport of the whole bundle, so it also carries the end.
    const endsHere = ended && index === 0;
    if (own.length === 0 && !endsHere) return;
    // A fragment states the medium only; port and formats are placeholders there (RFC 8840, 4.1).
    const medium = sections[index]?.slice(2).split(" ")[0] ?? "video";
    fragment.push(`m=${medium} 9 UDP/TLS/RTP/SAVPF 0`, `a=mid:${mid}`);
    fragment.push(...own.map(({ candidate }) => `a=${candidate}`));
    if (endsHere) fragment.push("a=end-of-candidates");
  });
  return fragment.join(CRLF) + CRLF;
}

/** Whether a PATCH answer names new ICE credentials. */
export function hasCredentials(fragment: string): boolean {
  return valueOf(fragment, "ice-ufrag") !== undefined && valueOf(fragment, "ice-pwd") !== undefined;
}

/** The remote description after an ICE restart: the old answer with the fragment's ICE in it. */
export function answerAfterRestart(answer: string, fragment: string): string {
  const fresh = lines(fragment).filter(
    (line) => line.startsWith("a=candidate:") || line === "a=end-of-candidates",
  );
  const result: string[] = [];
  let firstSection = true;
  for (const line of lines(answer)) {
    if (line.startsWith("a=candidate:") || line === "a=end-of-candidates") continue;
    if (line.startsWith("a=ice-ufrag:")) {
      result.push(`a=ice-ufrag:${valueOf(fragment, "ice-ufrag")}`);
    } else if (line.startsWith("a=ice-pwd:")) {
      result.push(`a=ice-pwd:${valueOf(fragment, "ice-pwd")}`);
    } else {
      result.push(line);
    }
    if (line.startsWith("a=mid:") && firstSection) {
      firstSection = false;
      result.push(...fresh);
    }
  }
  return result.join(CRLF) + CRLF;
}
