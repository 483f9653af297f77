import { toError } from "../errors.js";
import type { Session } from "../session.js";
import type { RecordingState } from "../types.js";
import { byId, setText } from "./dom.js";
import { clock, size } from "./format.js";

/** The recording's state, and its download. */
export class Recorder {
  readonly #row = byId("recording");
  readonly #text = byId("recording-text");
  readonly #link = byId<HTMLAnchorElement>("download");
  #session: Session | undefined;
  #fetching = false;

  constructor() {
    this.#link.addEventListener("click", (event) => {
      // On an open server the plain link does; a link cannot send credentials, so fetch it then.
      if (!this.#session || this.#session.isOpen) return;
      event.preventDefault();
      void this.#download();
    });
  }

  show(session: Session): void {
    this.#session = session;
    const recording = session.recording;
    const url = session.recordingUrl;
    this.#row.hidden = url === undefined;
    if (!url) return;
    this.#row.dataset["state"] = recording.state;
    if (!this.#fetching) setText(this.#text, describe(recording));
    const address = new URL(url);
    address.searchParams.set("download", "1");
    this.#link.href = address.href;
    this.#link.download = fileName(session);
  }

  async #download(): Promise<void> {
    const session = this.#session;
    if (!session || this.#fetching) return;
    this.#fetching = true;
    setText(this.#text, "Fetching the recording…");
    try {
      const address = URL.createObjectURL(await session.downloadRecording());
      const link = Object.assign(document.createElement("a"), {
        href: address,
        download: fileName(session),
      });
      link.click();
      // The browser reads the blob some time after the click.
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
      setText(this.#text, describe(session.recording));
    } catch (thrown) {
      setText(this.#text, `The recording could not be fetched: ${toError(thrown).message}`);
    } finally {
      this.#fetching = false;
    }
  }
}

function fileName(session: Session): string {
  return `visavis-${session.id}.mp4`;
}

function describe(recording: RecordingState): string {
  const length = `${clock(recording.duration_ms)}, ${size(recording.bytes)}`;
  switch (recording.state) {
    case "recording":
      return recording.bytes > 0 ? `Recording: ${length}` : "Recording";
    case "ready":
      return `Recorded: ${length}`;
    case "ended_early":
      return `Recording ended early (${recording.reason ?? "unknown reason"}): ${length}`;
    default:
      return "";
  }
}
