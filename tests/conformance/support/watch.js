/** A pushed speech, as a page sees and hears it. */

import { SPEECH_MS, speech } from "./speech.js";
import { checkHeard, checkMouth, checkPictures } from "./verdict.js";

const SECOND = 25;
/** Rate of the sound that is pushed, Hz. */
const RATE = 24_000;
/** Silence that is watched after the speech, ms. */
const AFTER_MS = 1_500;

/**
 * Has session `id` speak while `client`, which shows it already, watches: pictures of this size
 * with a mouth that moves, and the sound that was pushed. Returns what was seen.
 */
export async function watchSpeech(server, client, id, size) {
  await client.pictures(SECOND);
  await client.watch();
  await client.pictures(SECOND);
  const { at: from } = await client.mark("push");
  await server.push(id, speech(RATE), RATE);
  await client.pictures((SECOND * (SPEECH_MS + AFTER_MS)) / 1_000);
  const seen = await client.watched();
  checkPictures(seen, size);
  const heard = checkHeard(seen, speech(RATE), RATE, { from });
  checkMouth(seen, heard, { begin: seen.frames[0].at, end: from });
  return seen;
}
