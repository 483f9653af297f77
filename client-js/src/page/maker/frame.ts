import { byId } from "../dom.js";
import { type Framing, LEAST_SIDE, mostSide, moved, pinched, type Place, within, zoomed } from "./framing.js";
import type { Source } from "./picture.js";

/** How much closer than the whole picture one can come. */
const MOST_ZOOM = 8;
/** A step of the keyboard: a part of the square's side, a factor, degrees. */
const STEP = { move: 0.02, moveFar: 0.1, zoom: 1.05, turn: 1 };
/** Zoom for a pixel of the wheel. */
const WHEEL = 0.0015;
const CENTRE: Place = { x: 0.5, y: 0.5 };

/** The square on the picture, moved by fingers, mouse, wheel, keys and sliders. */
export class FrameView {
  readonly #canvas = byId<HTMLCanvasElement>("maker-frame");
  readonly #zoom = byId<HTMLInputElement>("maker-zoom");
  readonly #turn = byId<HTMLInputElement>("maker-turn");
  readonly #pointers = new Map<number, Place>();
  #source: Source | undefined;
  #framing: Framing = { x: 0, y: 0, side: LEAST_SIDE, turn: 0 };
  #suggested: Framing = this.#framing;
  /** Quarters that the picture was turned by, in degrees; the slider adds to it. */
  #quarter = 0;
  #due = false;

  constructor(private readonly changed: () => void) {
    this.#canvas.addEventListener("pointerdown", (event) => this.#down(event));
    this.#canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const type of ["pointerup", "pointercancel", "lostpointercapture"] as const) {
      this.#canvas.addEventListener(type, ({ pointerId }) => this.#pointers.delete(pointerId));
    }
    this.#canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#canvas.addEventListener("keydown", (event) => this.#key(event));
    this.#zoom.addEventListener("input", () => {
      const side = this.#most * MOST_ZOOM ** (-Number(this.#zoom.value) / 100);
      this.#change({ ...this.#framing, side });
    });
    this.#turn.addEventListener("input", () => {
      this.#change({ ...this.#framing, turn: this.#quarter + Number(this.#turn.value) });
    });
    byId("maker-quarter").addEventListener("click", () => {
      this.#quarter = (this.#quarter + 90) % 360;
      this.#change({ ...this.#framing, turn: this.#framing.turn + 90 });
    });
    byId("maker-fit").addEventListener("click", () => {
      this.#quarter = quarterOf(this.#suggested);
      this.#change(this.#suggested);
    });
  }

  get framing(): Framing {
    return this.#framing;
  }

  /** Shows another picture; `suggested` is where its face is, if that is known. */
  show(source: Source, suggested: Framing | undefined): void {
    this.#source = source;
    this.#pointers.clear();
    const { width, height } = source;
    const middle = { x: width / 2, y: height / 2, side: Math.min(width, height), turn: 0 };
    this.#suggested = within(suggested ?? middle, source);
    this.#framing = this.#suggested;
    this.#quarter = quarterOf(this.#suggested);
    this.#draw();
  }

  get #most(): number {
    return this.#source ? mostSide(this.#source, this.#framing.turn) : LEAST_SIDE;
  }

  #change(framing: Framing): void {
    if (!this.#source) return;
    const most = mostSide(this.#source, framing.turn);
    const side = Math.max(most / MOST_ZOOM, framing.side);
    this.#framing = within({ ...framing, side }, this.#source);
    this.#draw();
    this.changed();
  }

  #draw(): void {
    const fine = ((((this.#framing.turn - this.#quarter + 180) % 360) + 360) % 360) - 180;
    this.#turn.value = String(Math.round(fine));
    const zoom = Math.log(this.#most / this.#framing.side) / Math.log(MOST_ZOOM);
    this.#zoom.value = String(Math.round(100 * zoom));
    this.#turn.setAttribute("aria-valuetext", `${Math.round(fine)} degrees`);
    this.#zoom.setAttribute("aria-valuetext", `${Math.round(100 * MOST_ZOOM ** zoom)} percent`);
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#source?.draw(this.#canvas, this.#framing);
    });
  }

  #place(event: MouseEvent): Place {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return { x: (event.clientX - left) / width, y: (event.clientY - top) / height };
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0 || this.#pointers.size === 2) return;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, this.#place(event));
  }

  #move(event: PointerEvent): void {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const after = this.#place(event);
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.#pointers.set(event.pointerId, after);
    this.#change(
      other
        ? pinched(this.#framing, [other, before], [other, after])
        : moved(this.#framing, { x: after.x - before.x, y: after.y - before.y }),
    );
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const factor = Math.exp(-event.deltaY * WHEEL);
    this.#change(zoomed(this.#framing, factor, 0, this.#place(event)));
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? STEP.moveFar : STEP.move;
    const keys: Record<string, () => Framing> = {
      ArrowLeft: () => moved(this.#framing, { x: -step, y: 0 }),
      ArrowRight: () => moved(this.#framing, { x: step, y: 0 }),
      ArrowUp: () => moved(this.#framing, { x: 0, y: -step }),
      ArrowDown: () => moved(this.#framing, { x: 0, y: step }),
      "+": () => zoomed(this.#framing, STEP.zoom, 0, CENTRE),
      "=": () => zoomed(this.#framing, STEP.zoom, 0, CENTRE),
      "-": () => zoomed(this.#framing, 1 / STEP.zoom, 0, CENTRE),
      "[": () => zoomed(this.#framing, 1, -STEP.turn, CENTRE),
      "]": () => zoomed(this.#framing, 1, STEP.turn, CENTRE),
    };
    const change = keys[event.key];
    if (!change) return;
    event.preventDefault();
    this.#change(change());
  }
}

/** The nearest quarter, degrees. */
function quarterOf({ turn }: Framing): number {
  return Math.round(turn / 90) * 90;
}
