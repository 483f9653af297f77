import type { AvatarInfo, VoiceInfo } from "../types.js";
import { byId, make, setText } from "./dom.js";

/** What the choices tell the page. */
export interface ChoicePorts {
  /** Another face needs another session. */
  avatarChosen: (id: string) => void;
  voiceChosen: (id: string) => void;
  /** An avatar that a user made is to be deleted. */
  deleteAvatar: (avatar: AvatarInfo) => void;
  /** Address of an avatar's picture. */
  preview: (avatar: AvatarInfo) => string;
}

/** Face and voice, with their licences. */
export class Choices {
  readonly #box = byId("choices");
  readonly #avatarBox = byId("avatars");
  readonly #voiceBox = byId<HTMLSelectElement>("voice");
  readonly #licence = byId("licence");
  readonly #origin = byId("origin");
  #avatars: AvatarInfo[] = [];
  #voices: VoiceInfo[] = [];
  #avatar = "";

  constructor(private readonly ports: ChoicePorts) {
    this.#voiceBox.addEventListener("change", () => {
      this.ports.voiceChosen(this.#voiceBox.value);
      this.#showLicence();
    });
  }

  fill(avatars: AvatarInfo[], voices: VoiceInfo[]): void {
    this.#avatars = avatars;
    this.#voices = voices;
    this.#avatarBox.replaceChildren(...avatars.map((avatar) => this.#card(avatar)));
    const several = new Set(voices.map((voice) => voice.language)).size > 1;
    this.#voiceBox.replaceChildren(
      ...voices.map((voice) =>
        make("option", {
          value: voice.id,
          textContent: several ? `${voice.name} (${voice.language})` : voice.name,
        }),
      ),
    );
    this.#box.hidden = avatars.length === 0 && voices.length === 0;
  }

  /** The voices, and the one that is chosen. */
  get voices(): { voices: VoiceInfo[]; current: string } {
    return { voices: this.#voices, current: this.#voiceBox.value };
  }

  /** Shows what the session has; the server may have chosen by itself. */
  select(avatar: string, voice: string): void {
    this.#avatar = avatar;
    for (const input of this.#avatarBox.querySelectorAll("input")) {
      input.checked = input.value === avatar;
    }
    this.#voiceBox.value = voice;
    this.#showLicence();
  }

  #card(avatar: AvatarInfo): HTMLElement {
    const input = make("input", { type: "radio", name: "avatar", value: avatar.id });
    input.checked = avatar.id === this.#avatar;
    input.addEventListener("change", () => {
      this.#avatar = avatar.id;
      this.ports.avatarChosen(avatar.id);
      this.#showLicence();
    });
    const picture = make("img", {
      src: this.ports.preview(avatar),
      alt: "",
      width: 64,
      height: 64,
      loading: "lazy",
    });
    const label = make(
      "label",
      { className: "avatar", title: avatar.description },
      input,
      picture,
      make("span", { textContent: avatar.name }),
    );
    if (!avatar.deletable) return label;
    const remove = make("button", { type: "button", className: "remove", textContent: "×" });
    remove.setAttribute("aria-label", `Delete ${avatar.name}`);
    remove.addEventListener("click", () => this.ports.deleteAvatar(avatar));
    return make("div", { className: "own" }, label, remove);
  }

  #showLicence(): void {
    const avatar = this.#avatars.find(({ id }) => id === this.#avatar);
    const voice = this.#voices.find(({ id }) => id === this.#voiceBox.value);
    const parts = [
      avatar ? `Face: ${avatar.licence}.` : "",
      voice ? `Voice: ${voice.licence}.` : "",
    ];
    setText(this.#licence, parts.filter(Boolean).join(" "));
    setText(this.#origin, voice?.origin ?? "");
  }
}
