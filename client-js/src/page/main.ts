import { isAbort, toError, type VisavisError } from "../errors.js";
import { Http } from "../http.js";
import { Session, type SessionState } from "../session.js";
import type { AvatarInfo, VoiceInfo } from "../types.js";
import { Choices } from "./choices.js";
import { Composer } from "./composer.js";
import { confirmed } from "./confirm.js";
import { byId, make, setText } from "./dom.js";
import { remaining, sentence } from "./format.js";
import { Maker } from "./maker/maker.js";
import { Studio } from "./maker/studio.js";
import { type Action, NoticeView } from "./notice.js";
import { Panel } from "./panel.js";
import { explain, farewell } from "./problems.js";
import { Recorder } from "./recorder.js";
import { Stage } from "./stage.js";

const STATS_EVERY_MS = 1000;
const RECORDING_EVERY_MS = 3000;
const TOUCH_EVERY_MS = 10_000;
const RETRY_START_MS = 3000;
const KEY_STORE = "visavis.key";

const EXAMPLES: [label: string, text: string][] = [
  ["Good evening", "Good evening! I am glad you came by. What shall we talk about?"],
  [
    "A time and a price",
    "The train leaves at 7:45 from platform 3, and a ticket costs $12.50.",
  ],
  [
    "A tongue twister",
    "How much wood would a woodchuck chuck, if a woodchuck could chuck wood?",
  ],
  [
    "A longer story",
    "Let me tell you something about the sea. It is never quite still. Even on a calm day, long, slow waves arrive from storms a thousand miles away, and the whole shore breathes with them.",
  ],
];

const STATUS: Record<SessionState, [text: string, tone: "busy" | "good" | "bad"]> = {
  idle: ["Connecting…", "busy"],
  connecting: ["Connecting…", "busy"],
  live: ["Live", "good"],
  reconnecting: ["Reconnecting…", "busy"],
  no_media: ["Recording only", "bad"],
  closed: ["Ended", "bad"],
  failed: ["Not connected", "bad"],
};

/** The start page: one session, and everything around it. */
class Page {
  readonly #stage = new Stage();
  readonly #notice = new NoticeView();
  readonly #panel = new Panel();
  readonly #recorder = new Recorder();
  readonly #composer = new Composer({
    speak: (text) => this.#speak(text),
    interrupt: async () => {
      await this.#session?.interrupt();
    },
    writing: () => this.#touch(),
  });
  readonly #choices = new Choices({
    avatarChosen: (avatar) => {
      this.#remember("avatar", avatar);
      void this.#start();
    },
    voiceChosen: (voice) => this.#remember("voice", voice),
    deleteAvatar: (avatar) => void this.#delete(avatar),
    preview: (avatar) => {
      const address = new URL(this.#http.url(avatar.preview_url));
      // Three device pixels for each of the 64 that the card shows.
      address.searchParams.set("size", "192");
      return address.href;
    },
  });
  readonly #query = new URLSearchParams(location.search);
  /** A viewer of a session made elsewhere gets its token in the fragment, which is never sent. */
  readonly #invitation = new URLSearchParams(location.hash.slice(1));
  readonly #http = new Http(location.origin, () => this.#apiKey);
  #session: Session | undefined;
  #touchedAt = 0;
  #starting: Promise<void> = Promise.resolve();
  #life = new AbortController();
  #catalogue: Promise<void> | undefined;

  run(): void {
    new Maker({
      http: this.#http,
      apiKey: () => this.#apiKey,
      voices: () => this.#choices.voices,
      poster: (id) => this.#preview(id),
      kept: (avatar) => void this.#kept(avatar),
    });
    byId("examples").replaceChildren(
      ...EXAMPLES.map(([label, text]) => {
        const button = make("button", {
          type: "button",
          className: "example",
          textContent: label,
          title: text,
        });
        button.addEventListener("click", () => void this.#composer.say(text));
        return make("li", {}, button);
      }),
    );
    setInterval(() => void this.#showStats(), STATS_EVERY_MS);
    setInterval(() => void this.#showRecording(), RECORDING_EVERY_MS);
    this.#panel.onToggle(() => void this.#showStats());
    this.#panel.showStats(undefined);
    window.addEventListener("pagehide", () => {
      // Nobody will look at it any more: do not keep the server busy until its idle timeout.
      this.#life.abort();
    });
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) void this.#start();
    });
    void this.#start();
  }

  get #apiKey(): string | undefined {
    return sessionStorage.getItem(KEY_STORE) ?? undefined;
  }

  /** Begins a new session in place of the one before. */
  #start(): Promise<void> {
    this.#life.abort();
    const life = new AbortController();
    this.#life = life;
    this.#session = undefined;
    this.#notice.show(undefined);
    this.#stage.remark("");
    this.#stage.phase = "connecting";
    this.#stage.speaking = false;
    this.#composer.speaking = false;
    this.#composer.enabled = true;
    this.#status("connecting");
    this.#starting = this.#open(life.signal).catch((thrown: unknown) => {
      if (life.signal.aborted || isAbort(thrown)) return;
      this.#refused(toError(thrown), life.signal);
      throw thrown;
    });
    // Whoever speaks meanwhile sees the failure; the notice tells everybody else.
    this.#starting.catch(() => undefined);
    return this.#starting.catch(() => undefined);
  }

  async #open(signal: AbortSignal): Promise<void> {
    const apiKey = this.#apiKey;
    const id = this.#invitation.get("session");
    // Both at once: the face must not wait for the lists.
    this.#catalogue ??= this.#fillChoices().catch(() => {
      this.#catalogue = undefined;
    });
    const session = id
      ? await Session.attach({
          id,
          token: this.#invitation.get("token") ?? undefined,
          apiKey,
          signal,
        })
      : await Session.create({
          apiKey,
          signal,
          avatar: this.#query.get("avatar") ?? undefined,
          voice: this.#query.get("voice") ?? undefined,
          ...sizeOf(this.#query.get("size")),
        });
    signal.throwIfAborted();
    this.#session = session;
    this.#composer.maxBytes = session.info.limits.max_text_bytes;
    this.#listen(session, signal);
    this.#stage.show(session, this.#preview(session.info.avatar));
    this.#recorder.show(session);
    void this.#catalogue?.then(() => {
      if (!signal.aborted) this.#choices.select(session.info.avatar, session.info.voice);
    });
    // The states tell how it goes on.
    session.connect().catch(() => undefined);
  }

  async #fillChoices(): Promise<void> {
    const [{ avatars }, { voices }] = await Promise.all([
      this.#http.json<{ avatars: AvatarInfo[] }>("/v1/avatars"),
      this.#http.json<{ voices: VoiceInfo[] }>("/v1/voices"),
    ]);
    this.#choices.fill(avatars, voices);
  }

  /** Shows a face that was just made, with the voice that was chosen for it. */
  async #kept(avatar: AvatarInfo): Promise<void> {
    this.#forget("voice");
    this.#remember("avatar", avatar.id);
    this.#catalogue = undefined;
    await this.#start();
    this.#stage.remark(`${avatar.name} is kept.`);
    byId("text").focus();
  }

  async #delete(avatar: AvatarInfo): Promise<void> {
    const sure = await confirmed({
      title: `Delete ${avatar.name}?`,
      text: "The picture and the record of consent are deleted, too. This cannot be undone.",
      action: "Delete",
    });
    if (!sure) return;
    try {
      await new Studio(this.#http).remove(avatar.id);
    } catch (thrown) {
      const error = toError(thrown);
      // Gone is gone, whoever did it.
      if (error.code !== "not_found") {
        this.#stage.remark(sentence(error.message));
        return;
      }
    }
    this.#catalogue = undefined;
    if (this.#session?.info.avatar === avatar.id) {
      this.#forget("avatar");
      await this.#start();
    } else {
      await this.#fillChoices().catch(() => undefined);
      const info = this.#session?.info;
      if (info) this.#choices.select(info.avatar, info.voice);
    }
    this.#stage.remark(`${avatar.name} is deleted.`);
    byId("make-own").focus();
  }

  #preview(avatar: string): string {
    return this.#http.url(`/v1/avatars/${encodeURIComponent(avatar)}/preview.png?size=512`);
  }

  #listen(session: Session, signal: AbortSignal): void {
    const current = (): boolean => !signal.aborted;
    session.on("state", ({ state }) => {
      if (current()) this.#showState(session, state);
    });
    session.on("speak_started", () => this.#speaking(true));
    session.on("speak_ended", () => this.#speaking(false));
    session.on("receipt", ({ turn }) => {
      const receipt = session.receipts.get(turn);
      if (receipt) this.#panel.showReceipt(receipt);
    });
    session.on("recording", () => this.#recorder.show(session));
    session.on("limit_warning", ({ limit, remaining_s }) => {
      const left = remaining(remaining_s);
      this.#stage.remark(
        limit === "idle_timeout"
          ? `This session ends in ${left} unless something is said.`
          : `This session ends in ${left}: it reaches the longest time allowed.`,
      );
    });
    session.on("error", ({ detail }) => this.#stage.remark(sentence(detail)));
    session.on("problem", (error) => {
      if (current() && error.code === "unreachable") this.#notice.show(explain(error));
    });
    session.on("reachable", () => {
      if (current()) this.#notice.show(undefined);
    });
  }

  #speaking(speaking: boolean): void {
    this.#stage.speaking = speaking;
    this.#composer.speaking = speaking;
  }

  #showState(session: Session, state: SessionState): void {
    this.#status(state, session.lastError);
    this.#recorder.show(session);
    const startAgain: Action = { label: "Start again", run: () => void this.#startAnew() };
    const watch: Action = { label: "Watch the recording", run: () => void this.#watch(session) };
    switch (state) {
      case "live":
        this.#notice.show(undefined);
        this.#stage.showLive(session);
        break;
      case "reconnecting":
        this.#stage.phase = "away";
        break;
      case "no_media": {
        this.#stage.phase = "ended";
        const again: Action = { label: "Try again", run: () => session.retryMedia() };
        const error = session.lastError;
        if (error) this.#notice.show({ ...explain(error), actions: [watch, again] });
        break;
      }
      case "closed":
      case "failed": {
        this.#speaking(false);
        this.#composer.enabled = false;
        this.#stage.phase = "ended";
        this.#stage.remark("");
        const error = session.lastError;
        const words =
          state === "failed" && error ? explain(error) : farewell(session.closeReason);
        const actions = session.recordingUrl && state === "closed" ? [startAgain, watch] : [startAgain];
        this.#notice.show({ ...words, actions });
        void this.#showRecording();
        break;
      }
      default:
        break;
    }
  }

  /** A session could not be had. */
  #refused(error: VisavisError, signal: AbortSignal): void {
    this.#status("failed");
    this.#stage.phase = "ended";
    this.#composer.enabled = false;
    if (error.code === "unauthorized" && !this.#invitation.has("session")) {
      this.#askForKey(this.#apiKey !== undefined);
      return;
    }
    const actions: Action[] = [{ label: "Start again", run: () => void this.#startAnew() }];
    if (error.code === "unknown_avatar" || error.code === "unknown_voice") {
      const usual = (): void => {
        this.#forget("avatar", "voice");
        void this.#start();
      };
      actions.splice(0, 1, { label: "Use the default face and voice", run: usual });
    }
    this.#notice.show({ ...explain(error), actions });
    if (error.code === "unreachable") {
      setTimeout(() => {
        if (!signal.aborted) void this.#start();
      }, RETRY_START_MS);
    }
  }

  #askForKey(wrong: boolean): void {
    const input = make("input", { type: "password", autocomplete: "off", required: true, id: "key" });
    const form = make(
      "form",
      { className: "key" },
      make("label", { htmlFor: "key", textContent: "API key" }),
      input,
      make("button", { className: "primary", textContent: "Enter" }),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      sessionStorage.setItem(KEY_STORE, input.value.trim());
      void this.#start();
    });
    this.#notice.show({
      title: wrong ? "That key does not fit" : "This server asks for a key",
      text: "It is kept in this tab only, until you close it.",
      extra: form,
    });
    input.focus();
  }

  async #startAnew(): Promise<void> {
    // A session that has ended cannot be joined again; the next one is our own.
    for (const name of ["session", "token"]) this.#invitation.delete(name);
    history.replaceState(null, "", `${location.pathname}${location.search}`);
    await this.#start();
    byId("text").focus();
  }

  async #watch(session: Session): Promise<void> {
    try {
      const recording = await session.downloadRecording();
      this.#notice.show(undefined);
      this.#stage.showRecording(recording);
    } catch (thrown) {
      this.#stage.remark(`The recording could not be fetched: ${toError(thrown).message}`);
    }
  }

  async #speak(text: string): Promise<void> {
    await this.#starting;
    const voice = this.#query.get("voice") ?? undefined;
    await this.#session?.speak(text, { voice });
  }

  /** Whoever is writing is not idle. */
  #touch(): void {
    const now = performance.now();
    if (now - this.#touchedAt < TOUCH_EVERY_MS) return;
    this.#touchedAt = now;
    this.#session?.touch().catch(() => undefined);
  }

  async #showStats(): Promise<void> {
    if (!this.#panel.open) return;
    this.#panel.showStats(await this.#session?.stats().catch(() => undefined));
  }

  async #showRecording(): Promise<void> {
    const session = this.#session;
    if (!session || document.hidden) return;
    if (session.state === "failed" || session.recording.state !== "recording") return;
    // A break is told by the session's own events.
    await session.refreshRecording().catch(() => undefined);
    if (session === this.#session) this.#recorder.show(session);
  }

  #status(state: SessionState, error?: VisavisError): void {
    const heard = state === "no_media" && error?.code === "no_h264";
    const [text, tone] = heard ? (["Sound only", "bad"] as const) : STATUS[state];
    byId("status").dataset["tone"] = tone;
    setText(byId("status-text"), text);
  }

  /** Keeps a choice in the address, so that it can be reloaded and shared. */
  #remember(name: string, value: string): void {
    this.#query.set(name, value);
    this.#showQuery();
  }

  #forget(...names: string[]): void {
    for (const name of names) this.#query.delete(name);
    this.#showQuery();
  }

  #showQuery(): void {
    const query = this.#query.toString();
    history.replaceState(null, "", query ? `?${query}${location.hash}` : location.pathname);
  }
}

/** `1280x720` as the width and height to ask for. */
function sizeOf(text: string | null): { width?: number; height?: number } {
  const match = /^(\d+)x(\d+)$/.exec(text ?? "");
  return match ? { width: Number(match[1]), height: Number(match[2]) } : {};
}

new Page().run();
