import { byId, make } from "./dom.js";

/** Something the user can do about a notice. */
export interface Action {
  label: string;
  run: () => void;
}

/** A message over the face. */
export interface Notice {
  title: string;
  text: string;
  actions?: Action[];
  /** A form or other content between text and actions. */
  extra?: HTMLElement;
}

/** The card over the face: what has gone wrong, and what can be done. */
export class NoticeView {
  readonly #card = byId("notice");
  #shown = "";

  show(notice: Notice | undefined): void {
    // A notice that is repeated must not be read out again, nor lose the focus within.
    const key = notice ? `${notice.title}\n${notice.text}` : "";
    if (key === this.#shown) return;
    this.#shown = key;
    this.#card.hidden = !notice;
    if (!notice) {
      this.#card.replaceChildren();
      return;
    }
    const buttons = (notice.actions ?? []).map(({ label, run }, index) => {
      const button = make("button", { type: "button", textContent: label });
      button.className = index === 0 ? "primary" : "quiet";
      button.addEventListener("click", run);
      return button;
    });
    this.#card.replaceChildren(
      make("h2", { textContent: notice.title }),
      make("p", { textContent: notice.text }),
      ...(notice.extra ? [notice.extra] : []),
      ...(buttons.length > 0 ? [make("div", { className: "actions" }, ...buttons)] : []),
    );
  }
}
