import { VisavisError } from "./errors.js";
import type { Http } from "./http.js";
import { answerAfterRestart, type Candidate, hasCredentials, trickleFragment } from "./sdp.js";

/** What is watched, and what is when the pictures cannot be decoded. */
const MEDIA = ["video", "audio"] as const;
const SOUND = ["audio"] as const;

/** Candidates found within this time travel in one PATCH. */
const TRICKLE_BATCH_MS = 30;

/** How to open a WHEP viewer. */
export interface WhepOptions {
  http: Http;
  /** Address of the WHEP endpoint. */
  endpoint: string;
  signal: AbortSignal;
  configuration?: RTCConfiguration;
  /** Called with the stream when all its tracks are there. */
  onStream?: (stream: MediaStream) => void;
}

/**
 * One WHEP playback resource and its peer connection.
 *
 * The offer is posted at once, without waiting for candidates: a server with a reachable address
 * learns ours from the first check. Candidates follow by PATCH for those servers that need them.
 */
export class Whep {
  readonly stream = new MediaStream();
  #resource: string | undefined;
  #etag: string | undefined;
  #answer = "";
  #candidates: Candidate[] = [];
  #gathered = false;
  #trickleTimer: ReturnType<typeof setTimeout> | undefined;
  #trickles = true;
  #restarting = false;

  private constructor(
    readonly peer: RTCPeerConnection,
    private readonly options: WhepOptions,
    media: readonly ("video" | "audio")[],
    /** Why there are no pictures, if the sound comes alone. */
    readonly soundAlone?: VisavisError,
  ) {
    for (const kind of media) peer.addTransceiver(kind, { direction: "recvonly" });
    peer.ontrack = ({ track }) => {
      this.stream.addTrack(track);
      // When it is whole: a video element that gets a track later begins anew.
      if (this.stream.getTracks().length === media.length) options.onStream?.(this.stream);
    };
    peer.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) this.#candidates.push(candidate);
      else this.#gathered = true;
      this.#scheduleTrickle();
    };
  }

  /**
   * Offers, and applies the server's answer. Media flows some time after this resolves. A browser
   * that cannot decode the pictures gets the sound alone.
   * @throws VisavisError when the server refuses; the signal's reason when aborted.
   */
  static async open(options: WhepOptions): Promise<Whep> {
    if (typeof RTCPeerConnection === "undefined") {
      throw new VisavisError("unsupported_browser", "This browser has no WebRTC.");
    }
    try {
      return await Whep.#open(options, MEDIA);
    } catch (thrown) {
      if (!(thrown instanceof VisavisError) || thrown.code !== "no_h264") throw thrown;
      return Whep.#open(options, SOUND, thrown);
    }
  }

  static async #open(
    options: WhepOptions,
    media: readonly ("video" | "audio")[],
    soundAlone?: VisavisError,
  ): Promise<Whep> {
    const peer = new RTCPeerConnection(options.configuration);
    const viewer = new Whep(peer, options, media, soundAlone);
    try {
      await viewer.#negotiate();
      return viewer;
    } catch (thrown) {
      viewer.close();
      throw thrown;
    }
  }

  async #negotiate(): Promise<void> {
    const { http, endpoint, signal } = this.options;
    await this.peer.setLocalDescription();
    const response = await http.send(endpoint, {
      method: "POST",
      headers: { "content-type": "application/sdp", accept: "application/sdp" },
      body: this.peer.localDescription?.sdp ?? "",
      signal,
    });
    const location = response.headers.get("location");
    // Relative to the endpoint (RFC 3986), which may lie below another path than our base.
    if (location) this.#resource = new URL(location, http.url(endpoint)).href;
    this.#etag = response.headers.get("etag") ?? undefined;
    this.#answer = await response.text();
    signal.throwIfAborted();
    try {
      await this.peer.setRemoteDescription({ type: "answer", sdp: this.#answer });
    } catch (thrown) {
      throw new VisavisError("bad_sdp", "This browser refuses the server's answer.", {
        cause: thrown,
      });
    }
    this.#scheduleTrickle();
  }

  /**
   * Moves the running connection to other network paths. Media goes on through it if the server
   * agrees; resolves when the new credentials are in place.
   */
  async restartIce(signal: AbortSignal): Promise<void> {
    if (!this.#resource) throw new VisavisError("bad_response", "The server gave no WHEP resource.");
    this.#restarting = true;
    try {
      this.#candidates = [];
      this.#gathered = false;
      this.peer.restartIce();
      await this.peer.setLocalDescription();
      const response = await this.options.http.send(this.#resource, {
        method: "PATCH",
        // A restart replaces whatever ICE session the server is in.
        headers: { "content-type": "application/trickle-ice-sdpfrag", "if-match": "*" },
        body: trickleFragment(this.peer.localDescription?.sdp ?? "", [], false),
        signal,
      });
      const fragment = await response.text();
      if (!hasCredentials(fragment)) {
        throw new VisavisError("bad_response", "The server did not restart ICE.");
      }
      this.#etag = response.headers.get("etag") ?? this.#etag;
      this.#answer = answerAfterRestart(this.#answer, fragment);
      await this.peer.setRemoteDescription({ type: "answer", sdp: this.#answer });
    } finally {
      this.#restarting = false;
    }
    this.#scheduleTrickle();
  }

  #scheduleTrickle(): void {
    if (!this.#trickles || this.#trickleTimer !== undefined) return;
    if (this.#candidates.length === 0 && !this.#gathered) return;
    this.#trickleTimer = setTimeout(() => {
      this.#trickleTimer = undefined;
      void this.#trickle();
    }, TRICKLE_BATCH_MS);
  }

  async #trickle(): Promise<void> {
    // Before the answer there is nowhere to send to, and during a restart the old tag is void;
    // both end by scheduling again.
    if (!this.#resource || this.#restarting || this.peer.signalingState === "closed") return;
    const candidates = this.#candidates.splice(0);
    const body = trickleFragment(this.peer.localDescription?.sdp ?? "", candidates, this.#gathered);
    const headers: Record<string, string> = { "content-type": "application/trickle-ice-sdpfrag" };
    if (this.#etag) headers["if-match"] = this.#etag;
    try {
      await this.options.http.send(this.#resource, { method: "PATCH", headers, body });
    } catch {
      // A server may do without trickle (RFC 9725, 4.3.1); then no further PATCH helps either.
      this.#trickles = false;
    }
  }

  /** Ends the playback here and at the server. */
  close(): void {
    clearTimeout(this.#trickleTimer);
    this.#trickles = false;
    this.peer.close();
    for (const track of this.stream.getTracks()) track.stop();
    if (this.#resource) {
      // Best effort: the server frees a viewer that has vanished as well.
      void this.options.http
        .send(this.#resource, { method: "DELETE", keepalive: true })
        .catch(() => undefined);
    }
    this.#resource = undefined;
  }
}
