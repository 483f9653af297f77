import { isAbort, toError, type VisavisError } from "../../errors.js";
import type { Http } from "../../http.js";
import type { AvatarInfo, PictureReport, VoiceInfo } from "../../types.js";
import { byId, make, setText } from "../dom.js";
import { sentence } from "../format.js";
import { Camera } from "./camera.js";
import { FrameView } from "./frame.js";
import type { Framing } from "./framing.js";
import { Source } from "./picture.js";
import { Preview } from "./preview.js";
import { lines, summary } from "./report.js";
import { Studio, type Wish } from "./studio.js";

/** The picture is looked at when nobody has moved it for this long. */
const SETTLED_MS = 350;
/** A head that is tilted by more is set upright, degrees. */
const TILTED = 2;

type Step = "picture" | "frame" | "preview";

/** What the dialog needs of the page. */
export interface MakerPorts {
  http: Http;
  apiKey: () => string | undefined;
  /** Voices to choose from, and the one that is in use. */
  voices: () => { voices: VoiceInfo[]; current: string };
  /** Address of an avatar's picture. */
  poster: (id: string) => string;
  /** An avatar was made and kept. */
  kept: (avatar: AvatarInfo) => void;
}

/** The dialog that makes an avatar: picture, framing and words, preview. */
export class Maker {
  readonly #dialog = byId<HTMLDialogElement>("maker");
  readonly #title = byId("maker-title");
  readonly #wrong = byId("maker-wrong");
  readonly #file = byId<HTMLInputElement>("maker-file");
  readonly #drop = byId("maker-drop");
  readonly #verdict = byId("maker-verdict");
  readonly #report = byId("maker-report");
  readonly #details = byId<HTMLFormElement>("maker-details");
  readonly #name = byId<HTMLInputElement>("maker-name");
  readonly #voice = byId<HTMLSelectElement>("maker-voice");
  readonly #by = byId<HTMLInputElement>("maker-by");
  readonly #agreed = byId<HTMLInputElement>("maker-agreed");
  readonly #try = byId<HTMLButtonElement>("maker-try");
  readonly #keep = byId<HTMLButtonElement>("maker-keep");
  readonly #studio: Studio;
  readonly #preview: Preview;
  readonly #frame = new FrameView(() => this.#reframed());
  readonly #camera = new Camera(
    (picture) => void this.#open(picture),
    (why) => this.#tell(why),
  );
  #source: Source | undefined;
  #judgement: PictureReport | undefined;
  #wish: Wish | undefined;
  #draft: string | undefined;
  /** What is being asked of the server; ended by whatever makes it needless. */
  #asking = new AbortController();
  #settling: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly ports: MakerPorts) {
    this.#studio = new Studio(ports.http);
    this.#preview = new Preview(ports.apiKey);
    byId("make-own").addEventListener("click", () => this.#begin());
    this.#file.addEventListener("change", () => this.#choose(this.#file.files?.[0]));
    byId("maker-choose").addEventListener("click", () => this.#file.click());
    byId("maker-other").addEventListener("click", () => this.#show("picture"));
    byId("maker-change").addEventListener("click", () => {
      this.#ask();
      this.#discard();
      this.#show("frame");
    });
    for (const id of ["maker-close", "maker-discard"]) {
      byId(id).addEventListener("click", () => this.#dialog.close());
    }
    this.#dialog.addEventListener("close", () => this.#end());
    this.#dialog.addEventListener("paste", (event) => this.#choose(event.clipboardData?.files[0]));
    this.#dialog.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.#drop.classList.add("over");
    });
    this.#dialog.addEventListener("dragleave", () => this.#drop.classList.remove("over"));
    this.#dialog.addEventListener("drop", (event) => {
      event.preventDefault();
      this.#drop.classList.remove("over");
      this.#choose(event.dataTransfer?.files[0]);
    });
    this.#details.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#look();
    });
    this.#name.addEventListener("input", () => (this.#by.placeholder = this.#name.value.trim()));
    this.#keep.addEventListener("click", () => void this.#keepIt());
    // What nobody kept is not left on the server, unless the page may come back as it is.
    window.addEventListener("pagehide", (event) => {
      if (!event.persisted) this.#discard();
    });
  }

  #begin(): void {
    const { voices, current } = this.ports.voices();
    this.#voice.replaceChildren(
      ...voices.map(({ id, name }) => make("option", { value: id, textContent: name })),
    );
    this.#voice.value = current;
    this.#dialog.showModal();
    this.#show("picture");
  }

  /** The dialog is closed: nothing of it goes on. */
  #end(): void {
    this.#discard();
    this.#ask();
    this.#camera.close();
    this.#source = undefined;
    this.#details.reset();
  }

  #show(step: Step): void {
    const titles: Record<Step, string> = {
      picture: "Make your own face",
      frame: "Frame it and name it",
      preview: "This is how it speaks",
    };
    for (const name of Object.keys(titles)) byId(`maker-${name}-step`).hidden = name !== step;
    this.#dialog.dataset["step"] = step;
    setText(this.#title, titles[step]);
    this.#tell("");
    this.#camera.close();
    // The next thing that is read out is where one is now.
    this.#title.focus();
  }

  #choose(file: File | undefined): void {
    this.#file.value = "";
    if (file && this.#dialog.dataset["step"] !== "preview") void this.#openFile(file);
  }

  async #openFile(file: File): Promise<void> {
    const signal = this.#ask();
    const source = await Source.read(file);
    if (signal.aborted) return;
    if (source) {
      await this.#open(source);
      return;
    }
    // The server knows more kinds by name, and says what to do.
    try {
      const [finding] = (await this.#studio.check(file, signal)).findings;
      this.#tell(finding?.advice ?? "This browser cannot read the picture. Save it as JPEG or PNG.");
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  /** Looks for the face, and frames it. */
  async #open(source: Source): Promise<void> {
    const signal = this.#ask();
    this.#source = source;
    this.#show("frame");
    this.#frame.show(source, undefined);
    this.#judged(undefined);
    try {
      const { file, scale } = await source.whole();
      const report = await this.#studio.check(file, signal);
      if (signal.aborted) return;
      this.#frame.show(source, suggested(report, scale));
      if (report.face) this.#reframed();
      else this.#judged(report);
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  /** The square was moved. */
  #reframed(): void {
    this.#tell("");
    this.#recheck();
  }

  /** What lies in the square is looked at when it rests. */
  #recheck(): void {
    const signal = this.#ask();
    this.#judged(undefined);
    this.#settling = setTimeout(() => void this.#check(signal), SETTLED_MS);
  }

  async #check(signal: AbortSignal): Promise<void> {
    try {
      const framed = await this.#source?.framed(this.#frame.framing);
      if (!framed || signal.aborted) return;
      this.#judged(await this.#studio.check(framed, signal));
    } catch (thrown) {
      this.#failed(thrown);
      if (!signal.aborted) this.#report.setAttribute("aria-busy", "false");
    }
  }

  /** Shows a report; `undefined` while there is none. */
  #judged(report: PictureReport | undefined): void {
    this.#judgement = report;
    this.#report.setAttribute("aria-busy", String(!report));
    if (!report) return;
    setText(this.#verdict, summary(report));
    this.#verdict.dataset["usable"] = String(report.usable);
    this.#report.replaceChildren(...lines(report));
  }

  /** Makes a draft of what is there and lets it speak. */
  async #look(): Promise<void> {
    this.#tell("");
    if (this.#judgement && !this.#judgement.usable) {
      this.#tell("The picture must change first: the report says what.");
      return;
    }
    const missing = [this.#name, this.#agreed].find((field) => !field.checkValidity());
    if (missing || !this.#source) {
      this.#tell(missing === this.#agreed ? "It needs the consent of the person shown." : "Give it a name.");
      missing?.focus();
      return;
    }
    const signal = this.#ask();
    this.#busy(this.#try, "Making it…");
    try {
      this.#wish = {
        picture: await this.#source.framed(this.#frame.framing),
        name: this.#name.value.trim(),
        voice: this.#voice.value,
        consentBy: this.#by.value.trim(),
        consent: byId("maker-statement").textContent.trim(),
      };
      const { avatar } = await this.#studio.make(this.#wish, true, signal);
      this.#draft = avatar.id;
      this.#show("preview");
      const greeting = `Hello, I am ${this.#wish.name}. This is how I look when I speak.`;
      void this.#preview.start(avatar.id, this.ports.poster(avatar.id), greeting);
    } catch (thrown) {
      this.#failed(thrown);
      // It may have come before the picture was judged.
      if (!this.#judgement && !signal.aborted) this.#recheck();
    } finally {
      this.#busy(this.#try, undefined);
    }
  }

  async #keepIt(): Promise<void> {
    const [draft, wish] = [this.#draft, this.#wish];
    if (!draft || !wish) return;
    const signal = this.#ask();
    this.#busy(this.#keep, "Keeping it…");
    try {
      const avatar = await this.#studio.keep(draft, wish, signal);
      this.#draft = undefined;
      this.#dialog.close();
      this.ports.kept(avatar);
    } catch (thrown) {
      this.#failed(thrown);
    } finally {
      this.#busy(this.#keep, undefined);
    }
  }

  #discard(): void {
    this.#preview.stop();
    const draft = this.#draft;
    this.#draft = undefined;
    // One that cannot be discarded now expires by itself.
    if (draft) this.#studio.remove(draft).catch(() => undefined);
  }

  /** Ends what was asked before; gives the signal of what is asked next. */
  #ask(): AbortSignal {
    clearTimeout(this.#settling);
    this.#asking.abort();
    this.#asking = new AbortController();
    return this.#asking.signal;
  }

  #busy(button: HTMLButtonElement, label: string | undefined): void {
    button.dataset["label"] ??= button.textContent;
    setText(button, label ?? button.dataset["label"]);
    button.disabled = label !== undefined;
  }

  #failed(thrown: unknown): void {
    if (!isAbort(thrown)) this.#tell(advice(toError(thrown)));
  }

  #tell(text: string): void {
    setText(this.#wrong, text);
  }
}

/** Where the server suggests to frame a picture that it saw reduced by `scale`. */
function suggested({ face, crop }: PictureReport, scale: number): Framing | undefined {
  if (!face || !crop) return undefined;
  const half = crop.size / 2;
  return {
    x: (crop.x + half) / scale,
    y: (crop.y + half) / scale,
    side: crop.size / scale,
    turn: Math.abs(face.roll) > TILTED ? -face.roll : 0,
  };
}

function advice(error: VisavisError): string {
  const texts: Record<string, string> = {
    unreachable: "The server does not answer. Your picture is still here: try again in a moment.",
    unauthorized: "The server wants an API key to make faces. Reload the page to enter one.",
    forbidden: "Faces can be made with an API key only, not by guests of a session.",
    payload_too_large: "The file is too large. Save the picture as JPEG, or make it smaller.",
    unknown_voice: "The server no longer has this voice. Choose another one.",
  };
  return texts[error.code] ?? sentence(error.message);
}
