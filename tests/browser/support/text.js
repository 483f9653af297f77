/** A word without case and punctuation. */
export function plain(word) {
  return word.toLowerCase().replace(/[^\p{L}\p{N}']/gu, "");
}

/** Asks again and again until the answer is not `undefined`. */
export async function settle(ask, { everyMs = 200, tries = 200 } = {}) {
  for (let left = tries; left > 0; left--) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  throw new Error("It did not come about in time.");
}
