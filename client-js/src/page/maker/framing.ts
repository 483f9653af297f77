/** A square laid on a picture. */
export interface Framing {
  /** Its centre, pixels of the picture. */
  x: number;
  y: number;
  /** Its side, pixels of the picture. */
  side: number;
  /** How far the picture is turned clockwise under it, degrees. */
  turn: number;
}

/** Width and height, pixels. */
export interface Size {
  width: number;
  height: number;
}

/** A position on the square, as a part of its side: 0 is left or top, 1 is right or bottom. */
export interface Place {
  x: number;
  y: number;
}

/** The server takes no square that is smaller. */
export const LEAST_SIDE = 64;

const RADIANS = Math.PI / 180;

/** The side of the upright square around a square that is turned, as a part of its own side. */
function spread(turn: number): number {
  return Math.abs(Math.cos(turn * RADIANS)) + Math.abs(Math.sin(turn * RADIANS));
}

/** The largest side that fits into a picture that is turned. */
export function mostSide(size: Size, turn: number): number {
  return Math.min(size.width, size.height) / spread(turn);
}

/** The nearest square that lies within the picture, so that no corner of it is empty. */
export function within(framing: Framing, size: Size): Framing {
  const turn = ((((framing.turn + 180) % 360) + 360) % 360) - 180;
  const most = mostSide(size, turn);
  const side = Math.min(most, Math.max(Math.min(LEAST_SIDE, most), framing.side));
  const half = (side * spread(turn)) / 2;
  const clamp = (at: number, length: number): number => Math.min(length - half, Math.max(half, at));
  return { x: clamp(framing.x, size.width), y: clamp(framing.y, size.height), side, turn };
}

/** A vector on the screen, as a part of the square's side, as one on the picture. */
function onPicture(vector: Place, { side, turn }: Framing): Place {
  const [sin, cos] = [Math.sin(-turn * RADIANS), Math.cos(-turn * RADIANS)];
  return {
    x: (vector.x * cos - vector.y * sin) * side,
    y: (vector.x * sin + vector.y * cos) * side,
  };
}

/** Moves the picture under the square. */
export function moved(framing: Framing, by: Place): Framing {
  const { x, y } = onPicture(by, framing);
  return { ...framing, x: framing.x - x, y: framing.y - y };
}

/**
 * Makes the picture larger by `factor` and turns it by `degrees`, while what lies under `place`
 * stays there.
 */
export function zoomed(framing: Framing, factor: number, degrees: number, place: Place): Framing {
  const from = onPicture({ x: place.x - 0.5, y: place.y - 0.5 }, framing);
  const next = { ...framing, side: framing.side / factor, turn: framing.turn + degrees };
  const to = onPicture({ x: place.x - 0.5, y: place.y - 0.5 }, next);
  return { ...next, x: framing.x + from.x - to.x, y: framing.y + from.y - to.y };
}

/** What two fingers did that were at `before` and are at `after`. */
export function pinched(framing: Framing, before: [Place, Place], after: [Place, Place]): Framing {
  const middle = ([a, b]: [Place, Place]): Place => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  const vector = ([a, b]: [Place, Place]): Place => ({ x: b.x - a.x, y: b.y - a.y });
  const length = ({ x, y }: Place): number => Math.max(0.01, Math.hypot(x, y));
  const angle = ({ x, y }: Place): number => Math.atan2(y, x) / RADIANS;
  const [from, to] = [vector(before), vector(after)];
  const [start, end] = [middle(before), middle(after)];
  const dragged = moved(framing, { x: end.x - start.x, y: end.y - start.y });
  return zoomed(dragged, length(to) / length(from), angle(to) - angle(from), end);
}
