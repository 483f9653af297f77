// Keeps a session talking, the way its clients would.

import { RATE } from "./sound.js";
import { sleep } from "./stats.js";
import { PARAGRAPHS } from "./texts.js";

/** Length of a piece of pushed sound, s: what speech services stream. */
const PIECE_S = 0.1;

/** How much the first pieces are ahead of real time, s, as from a service faster than speech. */
const LEAD_S = 0.5;

/**
 * Pushes `pcm` in real time, beginning at a position of it and over and over, in one turn, until
 * `stop` is called. `stop` ends the turn and resolves to { turn, seconds } that were pushed.
 */
export async function pushSound(session, pcm, from = 0) {
  const turn = await session.beginSound(RATE);
  const samples = pcm.length / 2;
  const begun = performance.now();
  let sent = 0;
  let running = true;
  const piece = Math.round(PIECE_S * RATE);
  const work = (async () => {
    while (running) {
      const due = ((performance.now() - begun) / 1000 + LEAD_S) * RATE;
      while (sent + piece <= due) {
        const at = (from + sent) % samples;
        const end = Math.min(at + piece, samples);
        session.channel.send(pcm.subarray(2 * at, 2 * end));
        sent += end - at;
      }
      await sleep(PIECE_S * 1000);
    }
    session.channel.send({ type: "audio.end" });
  })();
  return {
    turn,
    stop: async () => {
      running = false;
      await work;
      return { turn, seconds: sent / RATE };
    },
  };
}

/**
 * Speaks paragraphs, beginning with another one for each `first`; there is always one that waits.
 * `stop` resolves to what was said: [{ turn, paragraph }].
 */
export async function speakOn(session, first = 0) {
  const said = [];
  const more = async () => {
    const paragraph = (first + said.length) % PARAGRAPHS.length;
    const entry = { paragraph };
    said.push(entry);
    entry.turn = await session.speak(PARAGRAPHS[paragraph]);
  };
  await more();
  await more();
  let running = true;
  const work = (async () => {
    for (let n = 0; running; ) {
      const over = session.channel.events.some(
        (e) => e.type === "speak_ended" && e.turn === said[n].turn,
      );
      if (over) {
        n += 1;
        await more();
      } else {
        await sleep(200);
      }
    }
  })();
  return {
    stop: async () => {
      running = false;
      await work;
      return said;
    },
  };
}
