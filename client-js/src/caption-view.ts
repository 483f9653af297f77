import type { Caption } from "./captions.js";

/**
 * Shows captions with the spoken word marked. Only whole captions are announced to screen readers:
 * the marked copy is hidden from them and a live region carries the plain text.
 */
export class CaptionView {
  readonly #visible = document.createElement("p");
  readonly #spoken = document.createElement("p");

  constructor(container: HTMLElement) {
    this.#visible.className = "caption";
    this.#visible.dir = "auto";
    this.#visible.ariaHidden = "true";
    this.#spoken.className = "visually-hidden";
    this.#spoken.setAttribute("role", "log");
    this.#spoken.setAttribute("aria-label", "Captions");
    this.#spoken.dir = "auto";
    container.replaceChildren(this.#visible, this.#spoken);
  }

  show(caption: Caption | undefined): void {
    const text = caption?.text ?? "";
    this.#visible.dataset["state"] = caption?.state ?? "empty";
    if (this.#spoken.textContent !== text) this.#spoken.textContent = text;
    if (!caption?.word) {
      this.#visible.textContent = text;
      return;
    }
    const { from, to } = caption.word;
    const word = document.createElement("mark");
    word.textContent = text.slice(from, to);
    const said = document.createElement("span");
    said.className = "said";
    said.textContent = text.slice(0, from);
    this.#visible.replaceChildren(said, word, text.slice(to));
  }
}
