/**
 * What travels between a Visavis server and its clients, as it is on the wire.
 *
 * Times that end in `_ms` are milliseconds. `at_ms`, `start_ms` and `end_ms` are positions on the
 * session's media clock, which counts sent samples and never jumps with the wall clock.
 */

/** State of a session's recording. */
export interface RecordingState {
  id?: string;
  state: "recording" | "ready" | "ended_early" | "off";
  bytes: number;
  duration_ms: number;
  reason?: string | null;
}

/** What a session will accept before it refuses or closes. */
export interface SessionLimits {
  max_duration_s: number;
  idle_timeout_s: number;
  max_text_bytes: number;
}

/** A session as the server describes it. */
export interface SessionInfo {
  id: string;
  state: "open" | "closing" | "closed";
  avatar: string;
  voice: string;
  width: number;
  height: number;
  created_at: string;
  media_time_ms: number;
  turn: number;
  speaking: boolean;
  viewers: number;
  record: boolean;
  limits: SessionLimits;
  urls: { self: string; whep: string; events: string; ws: string; recording?: string | null };
  recording: RecordingState;
  /** Only in the answer to a creation. */
  token?: string;
  /** RFC 3339; only in the answer to a creation. */
  token_expires_at?: string;
  /** Latency receipts of the last turns; only when one session is asked for. */
  receipts?: Receipt[];
}

/** A fresh session token. */
export interface TokenGrant {
  token: string;
  token_expires_at: string;
}

/** A voice the server can speak with. */
export interface VoiceInfo {
  id: string;
  name: string;
  language: string;
  licence: string;
  origin: string;
  sample_rate: number;
  cost?: unknown;
  timing?: unknown;
}

/** A face the server can show. */
export interface AvatarInfo {
  id: string;
  name: string;
  description: string;
  licence: string;
  kind: string;
  default_voice?: string | null;
  /** Whether a user made it. */
  deletable?: boolean;
  preview_url: string;
}

/** Something found about a picture. */
export interface PictureFinding {
  level: "error" | "warning";
  code: string;
  /** What to do. */
  advice: string;
}

/** What a picture is good for. Pixels of the upright picture, degrees. */
export interface PictureReport {
  usable: boolean;
  width: number;
  height: number;
  face: { x: number; y: number; width: number; height: number; yaw: number; pitch: number; roll: number } | null;
  crop: { x: number; y: number; size: number } | null;
  findings: PictureFinding[];
}

/** A new avatar and what was found about its picture. */
export interface NewAvatar {
  avatar: AvatarInfo;
  report: PictureReport;
  /** When a draft is gone, RFC 3339. */
  expires_at?: string | null;
}

/** What the server says about itself. */
export interface ServerStatus {
  version: string;
  dev_mode: boolean;
  sessions: number;
  capacity?: unknown;
  public_url?: string | null;
}

/** Milliseconds after the text (or the first pushed sound) was received, by wall clock. */
export interface ReceiptStages {
  text_received_ms: number;
  first_timings_ms?: number | null;
  first_sample_ms?: number | null;
  first_controls_ms?: number | null;
  first_picture_ms?: number | null;
  first_packet_ms?: number | null;
  /** Reported by the client that sent the text; counted from its sending. */
  shown_ms?: number | null;
}

/** How long each stage of a turn took to begin. */
export interface Receipt {
  turn: number;
  stages: ReceiptStages;
}

/** Why a session ended. `gone` is the client's own word: the server no longer knows the session. */
export type CloseReason =
  | "client"
  | "idle_timeout"
  | "max_duration"
  | "shutdown"
  | "internal_error"
  | "gone";

interface EventBase<Type extends string> {
  type: Type;
  session_id: string;
  /** Grows by one with every event of a session; the place to resume from. */
  seq: number;
  at_ms: number;
}

export interface ViewerJoined extends EventBase<"viewer_joined"> {
  viewer: string;
}
export interface ViewerLeft extends EventBase<"viewer_left"> {
  viewer: string;
  reason: string;
}
/** Somebody begins to speak into the microphone of a connection. */
export interface UserSpeakStarted extends EventBase<"user_speak_started"> {
  viewer: string;
}
/** They have stopped for more than half a second, or are gone. */
export interface UserSpeakEnded extends EventBase<"user_speak_ended"> {
  viewer: string;
}
export interface SpeakStarted extends EventBase<"speak_started"> {
  turn: number;
}
/** A clause begins to be heard. */
export interface ClauseEvent extends EventBase<"clause"> {
  turn: number;
  text: string;
  start_ms: number;
  end_ms: number;
}
/** A word begins to be heard. */
export interface WordEvent extends EventBase<"word"> {
  turn: number;
  index: number;
  text: string;
  start_ms: number;
  end_ms: number;
  char_start: number;
  char_end: number;
}
export interface SpeakEnded extends EventBase<"speak_ended"> {
  turn: number;
  heard_text: string;
  interrupted: boolean;
}
export type IdleEvent = EventBase<"idle">;
export interface ReceiptEvent extends EventBase<"receipt">, Receipt {}
export interface LimitWarning extends EventBase<"limit_warning"> {
  limit: "idle_timeout" | "max_duration";
  remaining_s: number;
}
export interface RecordingEvent extends EventBase<"recording">, RecordingState {}
export interface ErrorEvent extends EventBase<"error"> {
  code: string;
  detail: string;
  turn?: number | null;
}
export interface ClosedEvent extends EventBase<"closed"> {
  reason: CloseReason;
}

/** Everything a session tells while it runs. */
export type ServerEvent =
  | ViewerJoined
  | ViewerLeft
  | UserSpeakStarted
  | UserSpeakEnded
  | SpeakStarted
  | ClauseEvent
  | WordEvent
  | SpeakEnded
  | IdleEvent
  | ReceiptEvent
  | LimitWarning
  | RecordingEvent
  | ErrorEvent
  | ClosedEvent;

/** The event of one type. */
export type EventOf<Type extends ServerEvent["type"]> = Extract<ServerEvent, { type: Type }>;

/** `queue` waits for what is being said; `interrupt` replaces it. */
export type SpeakMode = "queue" | "interrupt";
