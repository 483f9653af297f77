/** Calls `shown` once, with the next picture that `video` shows. */
export function onNextPicture(video: HTMLVideoElement, shown: () => void): void {
  if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(shown);
  // Older browsers tell of pictures only by the time going on.
  else (video as HTMLVideoElement).addEventListener("timeupdate", shown, { once: true });
}
