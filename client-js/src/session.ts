import { type Caption, Captions } from "./captions.js";
import { Emitter } from "./emitter.js";
import { isAbort, toError, VisavisError } from "./errors.js";
import { EventFeed } from "./events.js";
import { type Fetch, Http } from "./http.js";
import { MediaLink, type MediaState } from "./media-link.js";
import { watchNetwork } from "./network.js";
import { ShownMeter } from "./shown.js";
import { type PcmChunk, Socket } from "./socket.js";
import { type ConnectionStats, packetsReceived, StatsMeter } from "./stats.js";
import { Token } from "./token.js";
import type {
  CloseReason,
  EventOf,
  Receipt,
  RecordingState,
  ServerEvent,
  SessionInfo,
  SpeakEnded,
  SpeakMode,
} from "./types.js";
import { Whep } from "./whep.js";

/** A server that has not answered for this long is given up. */
const GIVE_UP_MS = 60_000;

/**
 * Where a session stands.
 *
 * - `idle`: made, not connected yet
 * - `connecting`: on the way to the first picture
 * - `live`: picture and sound arrive
 * - `reconnecting`: they did, and will again
 * - `no_media`: the session runs and is recorded, but no picture can reach this browser; its sound
 *   does if the reason is `no_h264`
 * - `closed`: ended, see `closeReason`
 * - `failed`: given up, see `lastError`
 */
export type SessionState =
  | "idle"
  | "connecting"
  | "live"
  | "reconnecting"
  | "no_media"
  | "closed"
  | "failed";

/** How to reach a server. */
export interface ServerOptions {
  /** Address of the server; by default the one the page came from. */
  server?: string | URL;
  /** API key, for pages that may hold one. Pages for the public get a session token instead. */
  apiKey?: string | undefined;
  /** When aborted, ends a session that was created with it, or leaves one that was joined. */
  signal?: AbortSignal;
  /** STUN and TURN servers, for networks that need them. */
  iceServers?: RTCIceServer[];
  /** Another `fetch`. */
  fetch?: Fetch;
}

/** What to create. Everything has a default at the server. */
export interface CreateOptions extends ServerOptions {
  avatar?: string | undefined;
  voice?: string | undefined;
  width?: number;
  height?: number;
  record?: boolean;
  lipSync?: "balanced" | "low_latency";
  seed?: number;
  maxDurationS?: number;
  idleTimeoutS?: number;
  /** Video bits per second. */
  bitrate?: number;
}

/** A session that somebody else has made. */
export interface AttachOptions extends ServerOptions {
  id: string;
  token?: string | undefined;
}

/** How to speak. */
export interface SpeakOptions {
  mode?: SpeakMode;
  /** Another voice for this text only. */
  voice?: string | undefined;
  signal?: AbortSignal;
}

/** Something being said. */
export interface SpokenTurn {
  turn: number;
  /** Resolves when it has been said, cut off, or the session has ended (then `undefined`). */
  ended: Promise<SpeakEnded | undefined>;
}

type ServerEvents = { [Type in ServerEvent["type"]]: EventOf<Type> };

/** What a session tells its listeners: every server event by its type, and these. */
export interface SessionEvents extends ServerEvents {
  state: { state: SessionState; previous: SessionState };
  /** Every server event. */
  event: ServerEvent;
  caption: Caption | undefined;
  stream: MediaStream;
  /** Something went wrong and the session goes on, or tries to. */
  problem: VisavisError;
  /** The server answers again after a `problem` of code `unreachable`. */
  reachable: undefined;
}

/** A session with a talking face. */
export class Session extends Emitter<SessionEvents> {
  #info: SessionInfo;
  #state: SessionState = "idle";
  #lastError: VisavisError | undefined;
  #closeReason: CloseReason | undefined;
  #unreachable = false;
  /** Whether the server has let us in with these credentials. */
  #admitted = false;
  #link: MediaLink | undefined;
  #stream: MediaStream | undefined;
  #video: HTMLVideoElement | undefined;
  #recording: RecordingState;
  readonly #ending = new AbortController();
  readonly #captions = new Captions();
  readonly #receipts = new Map<number, Receipt>();
  readonly #meter = new StatsMeter();
  readonly #shown = new ShownMeter((turn, afterMs) => this.#reportShown(turn, afterMs));
  readonly #turns = new Map<number, (ended: SpeakEnded | undefined) => void>();
  readonly #ended = new Map<number, SpeakEnded>();
  readonly #sources = new Set<AbortController>();
  readonly #socket: Socket;

  private constructor(
    private readonly http: Http,
    private readonly token: Token,
    info: SessionInfo,
    private readonly options: ServerOptions,
    /** Whether this client made the session: its signal then ends it and not only the viewing. */
    private readonly owned: boolean,
  ) {
    super();
    this.#info = info;
    this.#recording = info.recording;
    this.#socket = new Socket(() => this.#socketAddress(), this.#ending.signal);
  }

  /** Creates a session on the server. Nothing is played until `connect`. */
  static async create(options: CreateOptions = {}): Promise<Session> {
    const http = new Http(serverOf(options), () => options.apiKey, options.fetch);
    const info = await http.json<SessionInfo>("/v1/sessions", {
      method: "POST",
      signal: options.signal,
      body: {
        avatar: options.avatar,
        voice: options.voice,
        width: options.width,
        height: options.height,
        record: options.record,
        lip_sync: options.lipSync,
        seed: options.seed,
        max_duration_s: options.maxDurationS,
        idle_timeout_s: options.idleTimeoutS,
        bitrate: options.bitrate,
      },
    });
    const token = new Token(info.token, {
      at: Date.parse(info.created_at),
      until: info.token_expires_at ? Date.parse(info.token_expires_at) : undefined,
    });
    return Session.#from(info, options, token, true);
  }

  /** Joins a session that exists. */
  static async attach(options: AttachOptions): Promise<Session> {
    const credential = options.token ?? options.apiKey;
    const http = new Http(serverOf(options), () => credential, options.fetch);
    const path = `/v1/sessions/${encodeURIComponent(options.id)}`;
    const info = await http.json<SessionInfo>(path, { signal: options.signal });
    const token = new Token(options.token, { at: 0, until: undefined });
    return Session.#from(info, options, token, false);
  }

  static #from(info: SessionInfo, options: ServerOptions, token: Token, owned: boolean): Session {
    const { apiKey } = options;
    // The token of a session that has ended can no longer be renewed; a key outlives it.
    const credential = (): string | undefined =>
      session.#ending.signal.aborted ? (apiKey ?? token.current) : (token.current ?? apiKey);
    const http = new Http(serverOf(options), credential, options.fetch);
    const session = new Session(http, token, info, options, owned);
    const abort = (): void => {
      if (owned) session.close().catch(() => undefined);
      else session.leave();
    };
    // Also when it came while the server was still answering.
    if (options.signal?.aborted) abort();
    else options.signal?.addEventListener("abort", abort, { once: true });
    return session;
  }

  get id(): string {
    return this.#info.id;
  }
  /** The session as the server described it last. */
  get info(): SessionInfo {
    return this.#info;
  }
  get state(): SessionState {
    return this.#state;
  }
  get lastError(): VisavisError | undefined {
    return this.#lastError;
  }
  get closeReason(): CloseReason | undefined {
    return this.#closeReason;
  }
  get caption(): Caption | undefined {
    return this.#captions.current;
  }
  get recording(): RecordingState {
    return this.#recording;
  }
  /** Picture and sound, once they are there. A reconnection brings a new one. */
  get stream(): MediaStream | undefined {
    return this.#stream;
  }
  /** The session token of this moment, to hand to another viewer. */
  get currentToken(): string | undefined {
    return this.token.current;
  }

  /** Whether a plain link to the recording works: the server let us make a session with no key. */
  get isOpen(): boolean {
    return this.options.apiKey === undefined && (this.owned || this.token.current === undefined);
  }

  /** Latency receipts of the turns so far, by turn. */
  get receipts(): ReadonlyMap<number, Receipt> {
    return this.#receipts;
  }

  /** Plays into `video` from now on, through reconnections too; `undefined` lets go of it. */
  bind(video: HTMLVideoElement | undefined): void {
    if (this.#video && this.#video !== video) this.#video.srcObject = null;
    this.#video = video;
    this.#shown.bind(video);
    if (video && this.#stream) video.srcObject = this.#stream;
  }

  /**
   * Connects. Resolves when picture and sound arrive, or when it is clear that they cannot while
   * the session goes on (`no_media`).
   * @throws VisavisError when the session cannot be had at all.
   */
  async connect(): Promise<void> {
    if (this.#state !== "idle") return;
    this.#set("connecting");
    const { signal } = this.#ending;
    const { urls } = this.#info;
    const feed = new EventFeed(
      this.http,
      urls.events,
      {
        onEvent: (event) => this.#take(event),
        onOpen: () => {
          this.#admitted = true;
          this.#reached();
        },
        onUnreachable: (error, forMs) => {
          this.#missed(error);
          if (forMs >= GIVE_UP_MS) this.#fail(error);
        },
        onLost: (error) => this.#lost(error),
      },
      signal,
      // Of a session of ours everything is told, from its first moment on.
      this.owned ? 0 : undefined,
    );
    const link = new MediaLink(
      {
        open: (attempt) => this.#openViewer(attempt),
        packets: (viewer) => packetsReceived(viewer.peer),
        onState: (state, error) => this.#takeMedia(state, error),
        onLost: (error) => this.#lost(error),
        onUnreachable: (error) => this.#missed(error),
      },
      signal,
    );
    this.#link = link;
    watchNetwork(() => link.nudge(), signal);
    this.#background(feed.run());
    this.#background(link.run());
    this.#background(
      this.token.keepFresh(this.http, `${urls.self}/token`, signal, (error) => this.#missed(error)),
    );
    await new Promise<void>((resolve, reject) => {
      const stop = this.on("state", ({ state }) => {
        if (state === "connecting") return;
        stop();
        if (state === "live" || state === "no_media") resolve();
        else reject(this.#lastError ?? new VisavisError("session_closed", "The session has ended."));
      });
    });
  }

  /**
   * Says something: a whole text, or one that is still being written, piece by piece.
   * Resolves as soon as the server has taken it.
   */
  async speak(
    text: string | AsyncIterable<string>,
    { mode = "queue", voice, signal }: SpeakOptions = {},
  ): Promise<SpokenTurn> {
    const sentAt = performance.now();
    if (typeof text !== "string") {
      return this.#fromSource(sentAt, signal, (until) => this.#socket.streamText(text, mode, until));
    }
    const { turn } = await this.http.json<{ turn: number }>(`${this.#info.urls.self}/speak`, {
      method: "POST",
      body: { text, mode, voice },
      signal,
    });
    return this.#spoken(turn, sentAt);
  }

  /** Lets the face say sound of yours: mono PCM at `rate` Hz, whole or as it comes. */
  async speakAudio(
    pcm: PcmChunk | AsyncIterable<PcmChunk>,
    { rate, mode = "queue", signal }: { rate: number } & Omit<SpeakOptions, "voice">,
  ): Promise<SpokenTurn> {
    const chunks =
      pcm instanceof Float32Array || pcm instanceof Int16Array ? inPieces(pcm, rate) : pcm;
    return this.#fromSource(performance.now(), signal, (until) =>
      this.#socket.streamAudio(chunks, rate, mode, until),
    );
  }

  /** Stops what is being said and drops what waits. */
  async interrupt(): Promise<{ turn: number | null; heard_text: string }> {
    for (const source of this.#sources) source.abort();
    return this.http.json(`${this.#info.urls.self}/interrupt`, { method: "POST" });
  }

  /** A sign of life: the idle limit begins anew. For a user who is typing, for example. */
  async touch(): Promise<void> {
    await this.#socket.ping();
  }

  /** The connection's figures since the last call; `undefined` while there is none. */
  async stats(): Promise<ConnectionStats | undefined> {
    const peer = this.#link?.viewer?.peer;
    return peer && peer.connectionState !== "closed" ? this.#meter.read(peer) : undefined;
  }

  /** Asks the server how the session stands now. */
  async refresh(): Promise<SessionInfo> {
    this.#info = { ...this.#info, ...(await this.http.json<SessionInfo>(this.#info.urls.self)) };
    this.#recording = this.#info.recording;
    return this.#info;
  }

  /** Asks the server for the recording's size and state, also after the session's end. */
  async refreshRecording(): Promise<RecordingState> {
    const path = `/v1/recordings/${encodeURIComponent(this.#recording.id ?? this.id)}`;
    this.#recording = await this.http.json<RecordingState>(path);
    return this.#recording;
  }

  /** Tries the media path again at once, for example after the user has changed the network. */
  retryMedia(): void {
    this.#link?.nudge();
  }

  /** The recording's address; `undefined` when the session is not recorded. */
  get recordingUrl(): string | undefined {
    const path = this.#info.urls.recording;
    return path && this.#recording.state !== "off" ? this.http.url(path) : undefined;
  }

  /** Fetches the recording so far, with this session's credentials. */
  async downloadRecording(signal?: AbortSignal): Promise<Blob> {
    const url = this.recordingUrl;
    if (!url) throw new VisavisError("not_found", "This session is not recorded.");
    return (await this.http.send(url, { signal })).blob();
  }

  /** Ends the session for everybody and finishes its recording. */
  async close(): Promise<void> {
    if (this.#state === "closed" || this.#state === "failed") return;
    this.#end("closed", "client");
    await this.http
      .send(this.#info.urls.self, { method: "DELETE", keepalive: true })
      .catch((thrown: unknown) => {
        if (!isAbort(thrown) && !toError(thrown).endsSession) throw thrown;
      });
  }

  /** Stops watching; the session goes on without this viewer. */
  leave(): void {
    if (this.#state !== "closed" && this.#state !== "failed") this.#end("closed", "client");
  }

  #openViewer(signal: AbortSignal): Promise<Whep> {
    const { iceServers } = this.options;
    return Whep.open({
      http: this.http,
      endpoint: this.#info.urls.whep,
      signal,
      ...(iceServers ? { configuration: { iceServers } } : {}),
      onStream: (stream) => {
        if (this.#stream === stream) return;
        this.#stream = stream;
        if (this.#video) this.#video.srcObject = stream;
        this.emit("stream", stream);
      },
    });
  }

  async #fromSource(
    sentAt: number,
    signal: AbortSignal | undefined,
    start: (until: AbortSignal) => Promise<number>,
  ): Promise<SpokenTurn> {
    const source = new AbortController();
    this.#sources.add(source);
    try {
      const until = signal ? AbortSignal.any([signal, source.signal]) : source.signal;
      return this.#spoken(await start(until), sentAt);
    } finally {
      this.#sources.delete(source);
    }
  }

  #spoken(turn: number, sentAt: number): SpokenTurn {
    this.#shown.sent(turn, sentAt);
    const ended = new Promise<SpeakEnded | undefined>((resolve) => {
      // Events come by another connection and can be ahead of the answer.
      const already = this.#ended.get(turn);
      if (already || this.#ending.signal.aborted) resolve(already);
      else this.#turns.set(turn, resolve);
    });
    return { turn, ended };
  }

  #take(event: ServerEvent): void {
    switch (event.type) {
      case "speak_started":
        this.#shown.started(event.turn);
        break;
      case "speak_ended":
        this.#ended.set(event.turn, event);
        // Only answers that are still on their way can ask for it.
        if (this.#ended.size > 32) this.#ended.delete(this.#ended.keys().next().value ?? 0);
        this.#turns.get(event.turn)?.(event);
        this.#turns.delete(event.turn);
        break;
      case "receipt":
        this.#takeReceipt(event);
        break;
      case "recording":
        this.#recording = {
          id: this.#recording.id ?? this.id,
          state: event.state,
          bytes: event.bytes,
          duration_ms: event.duration_ms,
          reason: event.reason ?? null,
        };
        break;
      default:
        break;
    }
    const captionChanged = this.#captions.take(event);
    this.emit("event", event);
    (this.emit as (type: string, value: ServerEvent) => void).call(this, event.type, event);
    if (captionChanged) this.emit("caption", this.#captions.current);
    if (event.type === "closed") this.#end("closed", event.reason);
  }

  #takeReceipt(receipt: Receipt): void {
    const known = this.#receipts.get(receipt.turn)?.stages;
    this.#receipts.set(receipt.turn, {
      turn: receipt.turn,
      stages: { ...known, ...withoutEmpty(receipt.stages) },
    });
  }

  #reportShown(turn: number, afterMs: number): void {
    this.http
      .json(`${this.#info.urls.self}/shown`, {
        method: "POST",
        body: { turn, after_ms: Math.round(afterMs) },
      })
      // A receipt that is not complete harms nobody.
      .catch(() => undefined);
  }

  #takeMedia(media: MediaState, error: VisavisError | undefined): void {
    if (error) this.#lastError = error;
    if (media === "live" || error?.code === "no_h264") {
      this.#reached();
      // The starting point of the rates.
      this.stats().catch(() => undefined);
    }
    this.#set(media === "unavailable" ? "no_media" : media);
    if (error) this.emit("problem", error);
  }

  #missed(error: VisavisError): void {
    this.#lastError = error;
    if (error.code === "unreachable") {
      this.#unreachable = true;
      if (this.#state === "live") this.#set("reconnecting");
    }
    this.emit("problem", error);
  }

  #reached(): void {
    if (!this.#unreachable) return;
    this.#unreachable = false;
    // The media may have outlived the break of the other connection.
    if (this.#link?.state === "live") this.#set("live");
    else this.#link?.nudge();
    this.emit("reachable", undefined);
  }

  #lost(error: VisavisError): void {
    this.#lastError = error;
    // A server that was started anew has new secrets: our token, good before, is nothing to it.
    const forgotten = error.code === "unauthorized" && this.#admitted;
    if (forgotten || error.code === "not_found" || error.code === "session_closed") {
      this.#end("closed", "gone");
    } else {
      this.#fail(error);
    }
  }

  #fail(error: VisavisError): void {
    this.#lastError = error;
    this.#end("failed");
  }

  #end(state: "closed" | "failed", reason?: CloseReason): void {
    if (this.#state === "closed" || this.#state === "failed") return;
    this.#closeReason = reason;
    for (const source of this.#sources) source.abort();
    for (const resolve of this.#turns.values()) resolve(undefined);
    this.#turns.clear();
    this.#ending.abort();
    this.#set(state);
  }

  #set(state: SessionState): void {
    const previous = this.#state;
    if (state === previous || previous === "closed" || previous === "failed") return;
    this.#state = state;
    this.emit("state", { state, previous });
  }

  #background(work: Promise<void>): void {
    work.catch((thrown: unknown) => {
      if (!this.#ending.signal.aborted) this.#fail(toError(thrown));
    });
  }

  #socketAddress(): string {
    const url = new URL(this.http.url(this.#info.urls.ws));
    url.protocol = url.protocol === "https:" || url.protocol === "wss:" ? "wss:" : "ws:";
    // A browser's WebSocket has no headers of its own.
    const credential = this.token.current ?? this.options.apiKey;
    if (credential) url.searchParams.set("token", credential);
    return url.href;
  }
}

function serverOf(options: ServerOptions): string | URL {
  const server = options.server ?? globalThis.location?.origin;
  if (server === undefined) throw new VisavisError("invalid_request", "No server is given.");
  return server;
}

function withoutEmpty<Fields extends object>(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null)) as Fields;
}

/** Tenths of a second: small enough to be interrupted, large enough not to flood the socket. */
function* inPieces(pcm: PcmChunk, rate: number): Generator<PcmChunk> {
  const size = Math.max(1, Math.round(rate / 10));
  for (let at = 0; at < pcm.length; at += size) yield pcm.subarray(at, at + size);
}
