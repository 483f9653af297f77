import { isAbort, toError } from "../../errors.js";
import { onNextPicture } from "../../picture.js";
import { Session } from "../../session.js";
import { Sound } from "../../sound.js";
import { byId, setText } from "../dom.js";
import { explain } from "../problems.js";

/** A preview that nobody uses ends by itself, seconds. */
const IDLE_S = 120;

/** A draft that speaks, in a session of its own. */
export class Preview {
  readonly #box = byId("maker-stage");
  readonly #video = byId<HTMLVideoElement>("maker-video");
  readonly #poster = byId<HTMLImageElement>("maker-poster");
  readonly #note = byId("maker-preview-note");
  readonly #form = byId<HTMLFormElement>("maker-say");
  readonly #text = byId<HTMLInputElement>("maker-text");
  readonly #sound = new Sound(this.#video, true, () => undefined);
  #life = new AbortController();
  #session: Session | undefined;

  constructor(private readonly apiKey: () => string | undefined) {
    this.#sound.unblockOnGesture(document);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#say();
    });
  }

  /** Shows an avatar and lets it speak as soon as it is there. */
  async start(avatar: string, poster: string, text: string): Promise<void> {
    this.stop();
    const life = new AbortController();
    this.#life = life;
    this.#text.value = text;
    this.#poster.src = poster;
    this.#box.dataset["phase"] = "connecting";
    this.#tell("");
    try {
      const session = await Session.create({
        apiKey: this.apiKey(),
        signal: life.signal,
        avatar,
        record: false,
        idleTimeoutS: IDLE_S,
      });
      life.signal.throwIfAborted();
      this.#session = session;
      session.bind(this.#video);
      session.on("stream", () => void this.#sound.play());
      session.on("state", ({ state }) => {
        if (life.signal.aborted) return;
        if (state === "live") {
          onNextPicture(this.#video, () => (this.#box.dataset["phase"] = "live"));
        } else if (state === "closed") {
          this.#tell("The preview has ended. Change something, or keep the avatar.");
        } else if (session.lastError && (state === "failed" || state === "no_media")) {
          this.#tell(explain(session.lastError).text);
        }
      });
      await session.connect();
      await this.#say();
    } catch (thrown) {
      if (life.signal.aborted || isAbort(thrown)) return;
      const error = toError(thrown);
      this.#tell(
        error.code === "too_many_sessions"
          ? "The server has no place for a preview just now. You can keep the avatar without it."
          : explain(error).text,
      );
    }
  }

  /** Ends the session. */
  stop(): void {
    this.#life.abort();
    this.#session?.bind(undefined);
    this.#session = undefined;
  }

  async #say(): Promise<void> {
    const text = this.#text.value.trim();
    const { signal } = this.#life;
    if (!text || !this.#session) return;
    try {
      await this.#session.speak(text, { mode: "interrupt" });
    } catch (thrown) {
      if (!signal.aborted && !isAbort(thrown)) this.#tell(explain(toError(thrown)).text);
    }
  }

  #tell(text: string): void {
    setText(this.#note, text);
  }
}
