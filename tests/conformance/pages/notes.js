/** What every page has: a list of what its client told, and when. */

window.notes = [];

/** Notes that something happened now; gives the note. */
export function note(name, more = {}) {
  const taken = { at: performance.now(), name, ...more };
  window.notes.push(taken);
  return taken;
}
window.note = note;

/** Notes every event of these names that an emitter tells. */
export function noteAll(emitter, names) {
  for (const name of names) {
    emitter.on(name, (data) => note(name, { data: plain(data) }));
  }
}

/** What can be handed to the test. */
function plain(data) {
  try {
    return JSON.parse(JSON.stringify(data ?? null));
  } catch {
    return String(data);
  }
}

export const video = document.querySelector("video");
