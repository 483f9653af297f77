import { toError } from "../../errors.js";
import type { Http } from "../../http.js";
import type { AvatarInfo, NewAvatar, PictureReport } from "../../types.js";
import { LEAST_SIDE } from "./framing.js";
import type { Framed } from "./picture.js";

/** What an avatar is made of. */
export interface Wish {
  picture: Framed;
  name: string;
  voice: string;
  /** Who says that the person shown agrees; the name when it is empty. */
  consentBy: string;
  /** What they say. */
  consent: string;
}

/** The part of the server that makes avatars. */
export class Studio {
  constructor(private readonly http: Http) {}

  /** Says what a picture is good for. A framed one is taken as it is. */
  async check(picture: Blob | Framed, signal: AbortSignal): Promise<PictureReport> {
    const form = picture instanceof Blob ? new FormData() : formOf(picture);
    if (picture instanceof Blob) form.set("picture", picture);
    const call = { method: "POST", body: form, signal } as const;
    const response = await this.http.send("/v1/avatars/check", call);
    return (await response.json()) as PictureReport;
  }

  /** Makes an avatar; a draft is there for a quarter of an hour and listed nowhere. */
  async make(wish: Wish, draft: boolean, signal?: AbortSignal): Promise<NewAvatar> {
    const form = formOf(wish.picture);
    form.set("name", wish.name);
    form.set("voice", wish.voice);
    form.set("consent", wish.consent);
    if (wish.consentBy) form.set("consent_by", wish.consentBy);
    form.set("draft", String(draft));
    const response = await this.http.send("/v1/avatars", { method: "POST", body: form, signal });
    return (await response.json()) as NewAvatar;
  }

  /**
   * Keeps a draft. If it is gone because that took so long, the same is made once more, to stay.
   *
   * The answer is awaited also when nobody wants it any longer: what was kept meanwhile is deleted
   * then, and the signal's reason thrown.
   */
  async keep(draft: string, wish: Wish, signal: AbortSignal): Promise<AvatarInfo> {
    const avatar = await this.http
      .json<AvatarInfo>(`${path(draft)}/keep`, { method: "POST" })
      .catch(async (thrown: unknown) => {
        if (toError(thrown).code !== "not_found") throw thrown;
        signal.throwIfAborted();
        return (await this.make(wish, false)).avatar;
      });
    if (signal.aborted) await this.remove(avatar.id);
    signal.throwIfAborted();
    return avatar;
  }

  /** Deletes an avatar or discards a draft, even if the page goes away meanwhile. */
  async remove(id: string): Promise<void> {
    await this.http.send(path(id), { method: "DELETE", keepalive: true });
  }
}

function formOf({ file, side }: Framed): FormData {
  const form = new FormData();
  form.set("picture", file);
  // Of a smaller one the server says by itself what is wrong.
  if (side >= LEAST_SIDE) form.set("crop", `0,0,${side}`);
  return form;
}

function path(id: string): string {
  return `/v1/avatars/${encodeURIComponent(id)}`;
}
