import { expect, test } from "vitest";
import { type Framing, mostSide, moved, pinched, within, zoomed } from "../src/page/maker/framing.js";

const SIZE = { width: 800, height: 600 };
const framing: Framing = { x: 400, y: 300, side: 200, turn: 0 };

/** The corners of the square, on the picture. */
function corners({ x, y, side, turn }: Framing): { x: number; y: number }[] {
  const angle = (-turn * Math.PI) / 180;
  return [-1, 1].flatMap((a) =>
    [-1, 1].map((b) => ({
      x: x + (side / 2) * (a * Math.cos(angle) - b * Math.sin(angle)),
      y: y + (side / 2) * (a * Math.sin(angle) + b * Math.cos(angle)),
    })),
  );
}

test("a square never leaves the picture, however it is moved, enlarged and turned", () => {
  for (let turn = -200; turn <= 200; turn += 7) {
    for (const [x, y] of [[0, 0], [800, 0], [-50, 900], [400, 300]] as const) {
      for (const side of [1, 64, 300, 5000]) {
        for (const corner of corners(within({ x, y, side, turn }, SIZE))) {
          expect(corner.x).toBeGreaterThan(-0.001);
          expect(corner.x).toBeLessThan(800.001);
          expect(corner.y).toBeGreaterThan(-0.001);
          expect(corner.y).toBeLessThan(600.001);
        }
      }
    }
  }
});

test("a picture turned by a quarter or a half offers as much as an upright one", () => {
  for (const turn of [0, 90, 180, -90]) expect(mostSide(SIZE, turn)).toBeCloseTo(600);
  expect(mostSide(SIZE, 45)).toBeCloseTo(600 / Math.SQRT2);
});

test("the picture follows the hand, also when it is turned", () => {
  expect(moved(framing, { x: 0.1, y: 0 })).toMatchObject({ x: 380, y: 300 });
  const turned = moved({ ...framing, turn: 90 }, { x: 0.1, y: 0 });
  expect(turned.x).toBeCloseTo(400);
  expect(turned.y).toBeCloseTo(320);
});

test("what lies under the pointer stays there", () => {
  const place = { x: 0.75, y: 0.25 };
  const at = ({ x, y, side, turn }: Framing) => {
    const angle = (-turn * Math.PI) / 180;
    const [dx, dy] = [(place.x - 0.5) * side, (place.y - 0.5) * side];
    return [x + dx * Math.cos(angle) - dy * Math.sin(angle), y + dx * Math.sin(angle) + dy * Math.cos(angle)];
  };
  const before = at(framing);
  const after = at(zoomed(framing, 1.7, 33, place));
  expect(after[0]).toBeCloseTo(before[0] ?? Number.NaN);
  expect(after[1]).toBeCloseTo(before[1] ?? Number.NaN);
});

test("two fingers that part enlarge the picture, and turning them turns it", () => {
  const left = { x: 0.4, y: 0.5 };
  const apart = pinched(framing, [left, { x: 0.6, y: 0.5 }], [left, { x: 0.8, y: 0.5 }]);
  expect(apart.side).toBeCloseTo(100);
  expect(apart.turn).toBeCloseTo(0);
  const round = pinched(framing, [left, { x: 0.6, y: 0.5 }], [left, { x: 0.4, y: 0.7 }]);
  expect(round.turn).toBeCloseTo(90);
  expect(round.side).toBeCloseTo(200);
});
