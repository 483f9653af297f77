import { isAbort, toError, VisavisError } from "../errors.js";
import { byId, setText } from "./dom.js";
import { sentence } from "./format.js";

/** The counter shows from this share of the limit on. */
const NEAR_LIMIT = 0.8;
const MAX_RECALLED = 50;

/** What the composer asks of the page. */
export interface ComposerPorts {
  speak: (text: string) => Promise<void>;
  interrupt: () => Promise<void>;
  /** Somebody is writing. */
  writing: () => void;
}

/** The text box and what belongs to it. */
export class Composer {
  readonly #form = byId<HTMLFormElement>("composer");
  readonly #text = byId<HTMLTextAreaElement>("text");
  readonly #note = byId("text-note");
  readonly #speak = byId<HTMLButtonElement>("speak");
  readonly #interrupt = byId<HTMLButtonElement>("interrupt");
  readonly #said: string[] = [];
  #recalled: number | undefined;
  #maxBytes = Number.POSITIVE_INFINITY;

  constructor(private readonly ports: ComposerPorts) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
    this.#text.addEventListener("keydown", (event) => this.#key(event));
    this.#text.addEventListener("input", () => {
      this.#recalled = undefined;
      this.#fit();
      this.#measure();
      this.ports.writing();
    });
    this.#interrupt.addEventListener("click", () => void this.#stop());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) void this.#stop();
    });
  }

  set maxBytes(limit: number) {
    this.#maxBytes = limit;
    this.#measure();
  }

  set speaking(speaking: boolean) {
    // A disabled button loses the focus; whoever has just used it goes on in the text box.
    if (!speaking && document.activeElement === this.#interrupt) this.#text.focus();
    this.#interrupt.disabled = !speaking;
  }

  set enabled(enabled: boolean) {
    this.#speak.disabled = !enabled;
  }

  /** Says `text` as if it had been typed. */
  async say(text: string): Promise<void> {
    this.#tell("");
    try {
      await this.ports.speak(text);
    } catch (thrown) {
      this.#refused(thrown);
    }
  }

  async #submit(): Promise<void> {
    const text = this.#text.value;
    if (this.#speak.disabled) return;
    if (text.trim() === "") {
      this.#tell("Write something first.", true);
      this.#text.focus();
      return;
    }
    if (this.#measure() > this.#maxBytes) {
      this.#text.focus();
      return;
    }
    this.#said.push(text);
    if (this.#said.length > MAX_RECALLED) this.#said.shift();
    this.#recalled = undefined;
    this.#replace("");
    this.#tell("");
    try {
      await this.ports.speak(text);
    } catch (thrown) {
      // Nothing that was written gets lost, unless something new has been begun.
      if (this.#text.value === "") this.#replace(text);
      this.#refused(thrown);
    }
  }

  async #stop(): Promise<void> {
    if (this.#interrupt.disabled) return;
    try {
      await this.ports.interrupt();
    } catch (thrown) {
      this.#refused(thrown);
    }
  }

  #key(event: KeyboardEvent): void {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#form.requestSubmit();
    } else if (event.key === "ArrowUp" && (this.#text.value === "" || this.#recalled !== undefined)) {
      this.#recall(event, (this.#recalled ?? this.#said.length) - 1);
    } else if (event.key === "ArrowDown" && this.#recalled !== undefined) {
      this.#recall(event, this.#recalled + 1);
    }
  }

  #recall(event: KeyboardEvent, index: number): void {
    const text = index === this.#said.length ? "" : this.#said[index];
    if (text === undefined) return;
    event.preventDefault();
    this.#replace(text);
    this.#recalled = text === "" ? undefined : index;
  }

  #replace(text: string): void {
    this.#text.value = text;
    this.#text.setSelectionRange(text.length, text.length);
    this.#fit();
    this.#measure();
  }

  #refused(thrown: unknown): void {
    if (isAbort(thrown)) return;
    const error: VisavisError = toError(thrown);
    const texts: Record<string, string> = {
      empty_text: "There is nothing in it that can be said. Write a few words.",
      text_too_long: "That is more than I may say at once. Shorten it, please.",
      payload_too_large: "That is more than I may say at once. Shorten it, please.",
      unreachable: "The server does not answer. Your text is still here.",
      session_closed: "This session has ended. Start again to go on.",
      not_found: "This session has ended. Start again to go on.",
    };
    this.#tell(texts[error.code] ?? sentence(error.message), true);
  }

  /** Grows with its text; the style sheet bounds it. */
  #fit(): void {
    this.#text.style.blockSize = "auto";
    this.#text.style.blockSize = `${this.#text.scrollHeight + 2}px`;
  }

  /** The text's size in bytes; says so when it comes near the limit. */
  #measure(): number {
    const text = this.#text.value;
    const bytes = new TextEncoder().encode(text).length;
    // The limit counts bytes, people count letters.
    const letters = (count: number): string =>
      Math.ceil((count * text.length) / Math.max(1, bytes)).toLocaleString("en");
    if (bytes > this.#maxBytes) {
      this.#tell(`${letters(bytes - this.#maxBytes)} letters too long.`, true);
    } else if (bytes > this.#maxBytes * NEAR_LIMIT) {
      this.#tell(`Room for ${letters(this.#maxBytes - bytes)} more letters.`);
    } else {
      this.#tell("");
    }
    return bytes;
  }

  #tell(text: string, wrong = false): void {
    setText(this.#note, text);
    this.#note.classList.toggle("wrong", wrong);
    this.#text.setAttribute("aria-invalid", String(wrong));
  }
}
