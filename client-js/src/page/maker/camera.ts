import { byId } from "../dom.js";
import { Source } from "./picture.js";

/** What is asked of the camera; it gives what it has. */
const WANTED: MediaStreamConstraints = {
  video: { facingMode: "user", width: { ideal: 1920 }, height: { ideal: 1080 } },
};

/** The camera, where there is one. */
export class Camera {
  readonly #start = byId<HTMLButtonElement>("maker-camera");
  readonly #box = byId("maker-camera-box");
  readonly #video = byId<HTMLVideoElement>("maker-camera-video");
  #stream: MediaStream | undefined;
  /** Counts openings and closings: the user may have gone on before the browser answers. */
  #moment = 0;

  constructor(taken: (picture: Source) => void, told: (why: string) => void) {
    // Browsers give it to safe origins only, and then the element is not shown at all.
    this.#start.hidden = !navigator.mediaDevices?.getUserMedia;
    this.#start.addEventListener("click", () => {
      told("");
      this.#open().catch((thrown: unknown) => told(reason(thrown)));
    });
    byId("maker-camera-take").addEventListener("click", () => {
      const { videoWidth: width, videoHeight: height } = this.#video;
      if (width === 0) return;
      const picture = Source.of(this.#video, { width, height });
      this.close();
      taken(picture);
    });
    byId("maker-camera-stop").addEventListener("click", () => {
      this.close();
      this.#start.focus();
    });
  }

  async #open(): Promise<void> {
    this.close();
    const moment = this.#moment;
    const stream = await navigator.mediaDevices.getUserMedia(WANTED);
    if (moment !== this.#moment) {
      stop(stream);
      return;
    }
    this.#stream = stream;
    this.#video.srcObject = stream;
    this.#show(true);
    byId("maker-camera-take").focus();
    await this.#video.play();
  }

  /** Switches it off. */
  close(): void {
    this.#moment += 1;
    stop(this.#stream);
    this.#stream = undefined;
    this.#video.srcObject = null;
    this.#show(false);
  }

  #show(camera: boolean): void {
    this.#box.hidden = !camera;
    byId("maker-drop").hidden = camera;
  }
}

function stop(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

function reason(thrown: unknown): string {
  const name = thrown instanceof DOMException ? thrown.name : "";
  if (name === "NotAllowedError") return "The browser does not let this page use the camera.";
  if (name === "NotFoundError") return "No camera was found.";
  return "The camera cannot be used. Another program may be using it.";
}
