/** What is said: one text to be heard whole, one long enough to be cut. */

export const SENTENCE = "Good morning, this is what I was asked to say.";
export const STORY = `${SENTENCE} And there is more of it, much more, so that somebody may well cut in before it is over.`;
