import { CaptionView } from "./caption-view.js";
import styles from "./element.css?inline";
import { toError, VisavisError } from "./errors.js";
import { onNextPicture } from "./picture.js";
import { type AttachOptions, Session, type SpeakOptions, type SpokenTurn } from "./session.js";
import { Sound } from "./sound.js";

const TEMPLATE = `
<div class="stage" part="stage">
  <video part="video" playsinline autoplay disablepictureinpicture></video>
  <img part="poster" alt="" hidden>
  <p class="note" part="note" role="status"></p>
  <div class="controls" part="controls">
    <button type="button" class="stop" part="button" hidden>Stop</button>
    <button type="button" class="sound" part="button">Turn sound off</button>
  </div>
  <div class="captions" part="captions"></div>
</div>`;

/**
 * `<visavis-avatar server avatar voice muted captions>`: a talking face for any page.
 *
 * It connects when it is put into a document and ends its session when it is taken out. With
 * `session` and `token` it shows a session that your server has made; otherwise it makes one.
 * Every server event is dispatched on the element under its own name (`speak_started`, `word`,
 * `speak_ended`, `closed`, …) with the event as `detail`; `statechange` tells of the connection.
 */
export class VisavisAvatar extends HTMLElement {
  static readonly observedAttributes = [
    "server",
    "avatar",
    "voice",
    "session",
    "token",
    "muted",
    "captions",
  ];

  readonly #stage: HTMLElement;
  readonly #video: HTMLVideoElement;
  readonly #poster: HTMLImageElement;
  readonly #note: HTMLElement;
  readonly #captions: HTMLElement;
  readonly #controls: HTMLElement;
  readonly #soundButton: HTMLButtonElement;
  readonly #stopButton: HTMLButtonElement;
  readonly #captionView: CaptionView;
  readonly #sound: Sound;
  #session: Session | undefined;
  #starting: Promise<Session> | undefined;
  #life: AbortController | undefined;
  #restartQueued = false;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.innerHTML = `<style>${styles}</style>${TEMPLATE}`;
    const part = <Kind extends Element>(selector: string): Kind =>
      root.querySelector(selector) as Kind;
    this.#stage = part(".stage");
    this.#video = part("video");
    this.#poster = part("img");
    this.#note = part(".note");
    this.#captions = part(".captions");
    this.#controls = part(".controls");
    this.#soundButton = part(".sound");
    this.#stopButton = part(".stop");
    this.#captionView = new CaptionView(this.#captions);
    this.#sound = new Sound(this.#video, !this.hasAttribute("muted"), () => this.#showSound());
    this.#soundButton.addEventListener("click", () => {
      this.toggleAttribute("muted", this.#sound.on);
    });
    this.#stopButton.addEventListener("click", () => void this.interrupt());
  }

  /** The session behind the element, once there is one. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** Says a text, whole or as it is being written. Waits for the session if need be. */
  async speak(text: string | AsyncIterable<string>, options?: SpeakOptions): Promise<SpokenTurn> {
    return (await this.#ready()).speak(text, options);
  }

  /** Stops what is being said. */
  async interrupt(): Promise<void> {
    await this.#session?.interrupt();
  }

  connectedCallback(): void {
    if (!this.#life) this.#start();
  }

  disconnectedCallback(): void {
    // Moving the element within a document takes it out and in again at once.
    queueMicrotask(() => {
      if (!this.isConnected) this.#stop();
    });
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after) return;
    if (name === "muted") {
      this.#sound.on = after === null;
    } else if (name === "captions") {
      this.#showCaptions();
    } else if (this.#life && !this.#restartQueued) {
      // Several attributes set together make one new session.
      this.#restartQueued = true;
      queueMicrotask(() => {
        this.#restartQueued = false;
        if (!this.isConnected) return;
        this.#stop();
        this.#start();
      });
    }
  }

  #ready(): Promise<Session> {
    return (
      this.#starting ??
      Promise.reject(new VisavisError("conflict", "The element is not in a document."))
    );
  }

  #start(): void {
    const life = new AbortController();
    this.#life = life;
    this.#sound.unblockOnGesture(document, life.signal);
    this.#showCaptions();
    this.#say("Connecting…");
    const starting = this.#open(life.signal);
    this.#starting = starting;
    starting.catch((thrown: unknown) => {
      if (life.signal.aborted) return;
      this.#report(toError(thrown));
    });
  }

  #stop(): void {
    this.#life?.abort();
    this.#life = undefined;
    this.#starting = undefined;
    this.#session?.bind(undefined);
    this.#session = undefined;
    this.#stage.classList.remove("live");
    this.#captionView.show(undefined);
  }

  async #open(signal: AbortSignal): Promise<Session> {
    const server = this.getAttribute("server") || location.origin;
    const id = this.getAttribute("session");
    const attach: AttachOptions | undefined = id
      ? { server, signal, id, token: this.getAttribute("token") ?? undefined }
      : undefined;
    const session = attach
      ? await Session.attach(attach)
      : await Session.create({
          server,
          signal,
          avatar: this.getAttribute("avatar") ?? undefined,
          voice: this.getAttribute("voice") ?? undefined,
        });
    signal.throwIfAborted();
    this.#session = session;
    this.style.setProperty("--visavis-ratio", `${session.info.width} / ${session.info.height}`);
    this.#showPoster(server, session.info.avatar);
    this.#listen(session);
    session.bind(this.#video);
    session.connect().catch((thrown: unknown) => {
      if (!signal.aborted) this.#report(toError(thrown));
    });
    return session;
  }

  #listen(session: Session): void {
    session.on("event", (event) => {
      this.dispatchEvent(new CustomEvent(event.type, { detail: event }));
    });
    session.on("speak_started", () => (this.#stopButton.hidden = false));
    session.on("speak_ended", () => (this.#stopButton.hidden = true));
    session.on("caption", (caption) => this.#captionView.show(caption));
    session.on("stream", () => {
      this.#stage.classList.remove("live");
      onNextPicture(this.#video, () => this.#stage.classList.add("live"));
      void this.#sound.play();
    });
    session.on("state", (change) => {
      this.#say(
        {
          idle: "",
          connecting: "Connecting…",
          live: "",
          reconnecting: "Reconnecting…",
          no_media: "No live picture can reach this browser.",
          closed: "The session has ended.",
          failed: session.lastError?.message ?? "The server does not answer.",
        }[change.state],
      );
      this.dispatchEvent(new CustomEvent("statechange", { detail: change }));
    });
  }

  #report(error: VisavisError): void {
    this.#say(error.message);
    this.dispatchEvent(new CustomEvent("error", { detail: error }));
  }

  #say(note: string): void {
    this.#note.textContent = note;
  }

  #showPoster(server: string, avatar: string): void {
    const path = `/v1/avatars/${encodeURIComponent(avatar)}/preview.png?size=512`;
    this.#poster.src = new URL(path, new URL(server, location.href)).href;
    this.#poster.onload = () => (this.#poster.hidden = false);
    this.#poster.onerror = () => (this.#poster.hidden = true);
  }

  #showCaptions(): void {
    this.#captions.hidden = !this.hasAttribute("captions") || this.getAttribute("captions") === "off";
  }

  #showSound(): void {
    const { on, blocked } = this.#sound;
    this.#soundButton.textContent = on ? "Turn sound off" : "Turn sound on";
    this.#controls.classList.toggle("needed", blocked);
  }
}

if (!customElements.get("visavis-avatar")) customElements.define("visavis-avatar", VisavisAvatar);

declare global {
  interface HTMLElementTagNameMap {
    "visavis-avatar": VisavisAvatar;
  }
}
