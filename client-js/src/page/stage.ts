import { CaptionView } from "../caption-view.js";
import { onNextPicture } from "../picture.js";
import type { Session } from "../session.js";
import { Sound } from "../sound.js";
import { byId, setText } from "./dom.js";

/** How long a passing remark stays. */
const TOAST_MS = 8000;

/** The face: video, poster until the first picture, sound, captions. */
export class Stage {
  readonly #stage = byId("stage");
  readonly #video = byId<HTMLVideoElement>("video");
  readonly #poster = byId<HTMLImageElement>("poster");
  readonly #soundButton = byId<HTMLButtonElement>("sound");
  readonly #toast = byId("toast");
  readonly #captions = new CaptionView(byId("captions"));
  readonly #sound = new Sound(this.#video, true, () => this.#showSound());
  #toastTimer: ReturnType<typeof setTimeout> | undefined;
  #recordingAddress: string | undefined;
  #session: Session | undefined;

  constructor() {
    this.#sound.unblockOnGesture(document);
    this.#soundButton.addEventListener("click", () => (this.#sound.on = !this.#sound.on));
  }

  /** `connecting` shows the poster, `live` the video, `away` dims the last picture. */
  set phase(phase: "connecting" | "live" | "away" | "ended") {
    this.#stage.dataset["phase"] = phase;
  }

  set speaking(speaking: boolean) {
    this.#stage.classList.toggle("speaking", speaking);
  }

  /** Plays `session` from now on. */
  show(session: Session, poster: string): void {
    this.#leaveRecording();
    this.#session = session;
    const { width, height } = session.info;
    this.#stage.style.setProperty("--ratio", `${width} / ${height}`);
    this.showPoster(poster);
    this.#captions.show(undefined);
    this.phase = "connecting";
    session.bind(this.#video);
    session.on("stream", () => {
      // A stream without a picture yet is black: the poster covers it.
      if (session.state !== "no_media") this.phase = "connecting";
      void this.#sound.play();
    });
    session.on("caption", (caption) => this.#captions.show(caption));
  }

  showPoster(address: string): void {
    this.#poster.onload = () => (this.#poster.hidden = false);
    this.#poster.onerror = () => (this.#poster.hidden = true);
    this.#poster.src = address;
  }

  /** Media flows (again), also after a recording was watched meanwhile. */
  showLive(session: Session): void {
    if (this.#recordingAddress) {
      this.#leaveRecording();
      session.bind(this.#video);
      void this.#sound.play();
    }
    onNextPicture(this.#video, () => {
      if (session === this.#session && session.state === "live") this.phase = "live";
    });
  }

  /** Plays a recording in place of the live picture. */
  showRecording(recording: Blob): void {
    this.#leaveRecording();
    this.#recordingAddress = URL.createObjectURL(recording);
    // Or the next attempt at a live picture would push it aside.
    this.#session?.bind(undefined);
    this.#video.controls = true;
    this.#video.src = this.#recordingAddress;
    onNextPicture(this.#video, () => (this.phase = "live"));
    this.#sound.on = true;
  }

  #leaveRecording(): void {
    if (!this.#recordingAddress) return;
    this.#video.removeAttribute("src");
    this.#video.controls = false;
    URL.revokeObjectURL(this.#recordingAddress);
    this.#recordingAddress = undefined;
  }

  /** A passing remark under the face. */
  remark(text: string): void {
    clearTimeout(this.#toastTimer);
    setText(this.#toast, text);
    if (text) this.#toastTimer = setTimeout(() => setText(this.#toast, ""), TOAST_MS);
  }

  #showSound(): void {
    const { on } = this.#sound;
    this.#soundButton.hidden = false;
    this.#soundButton.classList.toggle("needed", !on);
    setText(this.#soundButton, on ? "Turn sound off" : "Turn sound on");
  }
}
