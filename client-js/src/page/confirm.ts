import { byId, setText } from "./dom.js";

/** Something that must be asked before it is done. */
export interface Question {
  title: string;
  text: string;
  /** What the button says that does it. */
  action: string;
}

/** Asks; whether the answer is yes. Escape is no. */
export function confirmed({ title, text, action }: Question): Promise<boolean> {
  const dialog = byId<HTMLDialogElement>("confirm");
  setText(byId("confirm-title"), title);
  setText(byId("confirm-text"), text);
  setText(byId("confirm-yes"), action);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
