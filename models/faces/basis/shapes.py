"""ARKit shapes as offsets of the face landmarks, millimetres.

Jaw, smile, frown, nose and brows are MakeHuman's expression units, split into
sides. Its lips can neither seal over an open jaw nor tuck, round or spread as
speech needs, so those shapes are made here, row by row of the lips, and fade
into the skin around them.

x points to the viewer's right (the person's left), y down, z away from the
viewer.
"""

import numpy as np
from points import (
    CHIN,
    FOREHEAD,
    LEFT_EYE,
    LOWER_LIP,
    MESH,
    RIGHT_EYE,
    UPPER_LIP,
)

# How far the middle of the lower lip goes down when the jaw is fully open.
JAW_DROP = 24.0
# Where lips that close over an open jaw meet, of the way down from the upper one:
# the lower lip is the more movable one.
MEETING = 0.3
# Half the width over which a shape of one side fades into the other.
SEAM = 9.0


class Shapes:
    """All shapes for landmarks at `rest` (478 x 3), read from `head`."""

    def __init__(self, head, rest, vertices, weights, mirror):
        self.head, self.rest, self.mirror = head, rest, mirror
        self.vertices, self.weights = vertices, weights
        lips = set(np.ravel(UPPER_LIP + LOWER_LIP))
        self.lips = np.array(sorted(lips))
        self.skin = np.array([i for i in range(MESH) if i not in lips])
        corners = rest[[61, 291]]
        self.mouth = corners.mean(0)
        self.half = (corners[1, 0] - corners[0, 0]) / 2

    def all(self):
        """Name to offsets, 478 x 3."""
        jaw = self.unit("mouth-open")
        jaw *= JAW_DROP / jaw[LOWER_LIP[0][5], 1]
        shapes = {
            "jawOpen": jaw,
            "mouthClose": self.close(jaw),
            "jawForward": self.along_jaw(jaw, [0, 0.8, -6]),
            "jawLeft": self.along_jaw(jaw, [8, 0, 0]),
            "jawRight": self.along_jaw(jaw, [-8, 0, 0]),
            "mouthFunnel": self.funnel(),
            "mouthPucker": self.pucker(),
            "mouthLeft": self.shift(7),
            "mouthRight": self.shift(-7),
            "mouthRollLower": self.roll(LOWER_LIP, 0.62, 1.5),
            "mouthRollUpper": self.roll(UPPER_LIP, 0.5, 1.0),
            "mouthShrugLower": self.shrug_lower(),
            "mouthShrugUpper": self.shrug_upper(),
            "browInnerUp": self.smooth(
                1.5 * (self.unit("eyebrows-left-inner-up") + self.unit("eyebrows-right-inner-up"))
                + 0.25 * (self.unit("eyebrows-left-up") + self.unit("eyebrows-right-up"))
            ),
            "cheekPuff": self.puff(),
        }
        for name, both in {
            "mouthSmile": self.smile(),
            "mouthFrown": self.unit("mouth-depression"),
            "mouthDimple": self.corners(4.0, -0.4, 3.0, 0.04, 10),
            "mouthStretch": self.corners(6.5, 1.2, 1.5, 0.14, 16),
            "mouthPress": self.press(),
            "mouthLowerDown": self.lower_down(),
            "mouthUpperUp": self.upper_up(),
            "cheekSquint": self.cheek_squint(),
            "noseSneer": self.sneer(),
            "eyeSquint": self.squint(),
        }.items():
            shapes[f"{name}Left"], shapes[f"{name}Right"] = self.sides(both)
        for side in ("Left", "Right"):
            unit = lambda name: self.unit(name.format(side.lower()))
            shapes[f"browDown{side}"] = self.smooth(unit("eyebrows-{}-down"))
            shapes[f"browOuterUp{side}"] = self.smooth(
                0.8 * unit("eyebrows-{}-extern-up") + 0.4 * unit("eyebrows-{}-up")
            )
            shapes[f"eyeWide{side}"] = 0.8 * unit("eye-{}-opened-up")
        return self.level(shapes)

    # From MakeHuman.

    def unit(self, name):
        """A unit read at the landmarks."""
        offsets = self.head.unit(name)[self.vertices] * self.weights[:, :, None]
        offsets = offsets.sum(1) * [100, -100, -100]
        # The inner rows are pinned to whatever is in front of them, so they go
        # with the row outside them.
        for rows in (UPPER_LIP, LOWER_LIP):
            for row in rows[2:]:
                offsets[list(row)] = offsets[list(rows[1])]
        for corner, outer in ((61, 61), (76, 61), (62, 61), (78, 61)):
            offsets[corner] = offsets[outer]
            offsets[self.mirror[corner]] = offsets[self.mirror[outer]]
        return offsets

    def smile(self):
        smile = 0.8 * self.unit("mouth-corner-puller")
        # The lips spread and thin a little.
        return smile + self.corners(2.5, 0, 0.5, 0.06, 14)

    def sneer(self):
        nose = self.unit("nose-left-elevation") + self.unit("nose-right-elevation")
        return self.smooth(nose) + 0.35 * self.upper_up()

    def squint(self):
        # Only the skin around: lids are drawn apart.
        slit = self.unit("eye-left-slit") + self.unit("eye-right-slit")
        return 0.5 * slit + 0.3 * self.cheek_squint()

    # Made by hand.

    def lip(self, rows, offset):
        """Offsets of one lip: `offset(t, row)` for the place across the mouth t
        (-1 right corner, 1 left one) and the row (0 outer, 1 inner)."""
        offsets = np.zeros((478, 3))
        for row, points in enumerate(rows):
            for point in points:
                t = np.clip((self.rest[point, 0] - self.mouth[0]) / self.half, -1, 1)
                offsets[point] = offset(t, row / 3)
        return offsets

    def spread(self, offsets, reach):
        """Lets the skin follow the lips, less and less within `reach`."""
        for point in self.skin:
            away = self.rest[self.lips, :2] - self.rest[point, :2]
            distance = np.hypot(*away.T)
            near = 1 / (distance**2 + 4)
            follow = np.exp(-((distance.min() / reach) ** 2))
            offsets[point] = follow * (near @ offsets[self.lips]) / near.sum()
        return offsets

    def both(self, upper, lower, reach):
        """A shape of both lips; at the corners, which they share, the mean."""
        high, low = self.lip(UPPER_LIP, upper), self.lip(LOWER_LIP, lower)
        shared = [row[end] for row in UPPER_LIP for end in (0, -1)]
        offsets = high + low
        offsets[shared] /= 2
        return self.spread(offsets, reach)

    def close(self, jaw):
        """Takes back what the jaw does to the lips' inner edges, so that equal
        weights of both seal."""
        offsets = np.zeros((478, 3))
        for high, low in zip(UPPER_LIP[3], LOWER_LIP[3], strict=True):
            meeting = (1 - MEETING) * jaw[high] + MEETING * jaw[low]
            column = UPPER_LIP[3].index(high)
            for row in range(4):
                offsets[UPPER_LIP[row][column]] = meeting - jaw[high]
                offsets[LOWER_LIP[row][column]] = (meeting - jaw[low]) * (0.86 + 0.14 * row / 3)
        return self.spread(offsets, 9)

    def along_jaw(self, jaw, way):
        share = np.clip(jaw[:, 1] / jaw[CHIN, 1], 0, 1)
        return share[:, None] * np.array(way, float)

    def pucker(self):
        x = self.half
        return self.both(
            lambda t, r: [-0.46 * x * t, -(1.2 - 0.9 * r) * bell(t), -7 * bell(t) - 2],
            lambda t, r: [-0.46 * x * t, (1.6 - 1.2 * r) * bell(t), -7 * bell(t) - 2],
            15,
        )

    def funnel(self):
        x = self.half
        return self.both(
            lambda t, r: [-0.26 * x * t, -(3.0 - 0.2 * r) * bell(t), -6 * bell(t) - 1],
            lambda t, r: [-0.26 * x * t, (3.8 - 0.2 * r) * bell(t), -6 * bell(t) - 1],
            14,
        )

    def shift(self, way):
        side = lambda t, r: [way, 0, 0.25 * way * t]
        return self.both(side, side, 20)

    def roll(self, rows, share, tuck):
        """Rolls a lip in: `share` of its height vanishes, its edge goes `tuck`
        behind the other lip."""
        up = -1 if rows is LOWER_LIP else 1
        offsets = np.zeros((478, 3))
        for column in range(1, 10):
            edge = rows[3][column]
            wide = min(1.0, 1.8 * bell((self.rest[edge, 0] - self.mouth[0]) / self.half) ** 0.5)
            for row in range(4):
                point = rows[row][column]
                height = abs(self.rest[point, 1] - self.rest[edge, 1])
                offsets[point, 1] = up * wide * (share * height + tuck * (0.4 + 0.6 * row / 3))
                offsets[point, 2] = 2.0 * wide
        return self.spread(offsets, 8)

    def press(self):
        """Both lips thinner against each other, corners tucked in."""
        offsets = np.zeros((478, 3))
        for rows, up in ((UPPER_LIP, 1), (LOWER_LIP, -1)):
            for column in range(1, 10):
                edge = self.rest[rows[3][column]]
                for row in range(4):
                    point = rows[row][column]
                    height = abs(self.rest[point, 1] - edge[1])
                    offsets[point, 1] = up * (0.3 * height + 0.25)
        corner = self.corners(1.6, 0.3, 1.0, 0, 9)
        return self.spread(offsets, 8) + corner

    def shrug_lower(self):
        offsets = self.lip(LOWER_LIP, lambda t, r: [0, -3.6 * bell(t), -1.5 * bell(t)])
        offsets += self.lip(UPPER_LIP, lambda t, r: [0, -1.4 * bell(t), 0])
        offsets = self.spread(offsets, 10)
        # The chin goes up with it.
        away = self.rest[:, :2] - self.rest[CHIN, :2] - [0, -8]
        near = np.exp(-((np.hypot(*away.T) / 16) ** 2))
        near[self.lips] = 0
        offsets[:, 1] = np.minimum(offsets[:, 1], -3.0 * near)
        return offsets

    def shrug_upper(self):
        return self.spread(
            self.lip(UPPER_LIP, lambda t, r: [0, -2.6 * bell(t), -1.5 * bell(t)]), 9
        )

    def lower_down(self):
        return self.spread(
            self.lip(LOWER_LIP, lambda t, r: [0.04 * self.half * t, (5.4 + 0.9 * r) * wide(t), 0]),
            12,
        )

    def upper_up(self):
        return self.spread(
            self.lip(UPPER_LIP, lambda t, r: [0.03 * self.half * t, -(4.2 + 0.6 * r) * wide(t), 0]),
            12,
        )

    def corners(self, out, down, back, thin, reach):
        """The corners go out, down and back; the lips between thin out."""
        offsets = np.zeros((478, 3))
        for rows in (UPPER_LIP, LOWER_LIP):
            for column in range(11):
                edge = self.rest[rows[3][column]]
                for points in rows:
                    point = points[column]
                    t = np.clip((self.rest[point, 0] - self.mouth[0]) / self.half, -1, 1)
                    pull = abs(t) ** 1.4
                    offsets[point] = [
                        np.sign(t) * out * pull,
                        down * pull + thin * (edge[1] - self.rest[point, 1]),
                        back * pull,
                    ]
        return self.spread(offsets, reach)

    def puff(self):
        offsets = np.zeros((478, 3))
        for side in (-1, 1):
            middle = self.mouth[:2] + [side * (self.half + 15), -2]
            near = np.exp(-((np.hypot(*(self.rest[:, :2] - middle).T) / 17) ** 2))
            offsets += near[:, None] * [side * 4.0, 0, -7]
        return offsets

    def cheek_squint(self):
        offsets = np.zeros((478, 3))
        for eye in (RIGHT_EYE, LEFT_EYE):
            middle = self.rest[list(eye), :2].mean(0) + [0, 20]
            near = np.exp(-((np.hypot(*(self.rest[:, :2] - middle).T) / 14) ** 2))
            offsets[:, 1] -= 3.6 * near
        offsets[self.lips] = 0
        return offsets

    # Help.

    def sides(self, both):
        """Left and right half of a symmetric shape; halves add up to it."""
        t = np.clip((self.rest[:, 0] - self.mouth[0]) / SEAM, -1, 1)
        left = 0.5 + 0.75 * t - 0.25 * t**3
        return both * left[:, None], both * (1 - left)[:, None]

    def smooth(self, offsets):
        """Evens out a shape over a few millimetres."""
        out = np.zeros_like(offsets)
        # The hairline stays where it is.
        crown = self.rest[FOREHEAD, 1]
        still = np.clip((self.rest[:, 1] - crown - 2) / 14, 0, 1)[:, None]
        for point in range(MESH):
            distance = np.linalg.norm(self.rest[:MESH] - self.rest[point], axis=1)
            near = np.exp(-((distance / 6) ** 2))
            out[point] = near @ offsets[:MESH] / near.sum()
        return out * still

    def level(self, shapes):
        """The same on both sides, and nothing at the irises."""
        mirrored = {}
        for name, offsets in shapes.items():
            swapped = name
            for side, other in (("Left", "Right"), ("Right", "Left")):
                if name.endswith(side):
                    swapped = name.removesuffix(side) + other
            mirrored[swapped] = offsets[self.mirror] * [-1, 1, 1]
        leveled = {name: (shapes[name] + mirrored[name]) / 2 for name in shapes}
        for offsets in leveled.values():
            offsets[MESH:] = 0
        return leveled


def bell(t):
    """1 in the middle of the mouth, 0 at its corners."""
    return np.cos(np.pi / 2 * np.clip(t, -1, 1)) ** 2


def wide(t):
    """Like `bell`, but flatter: lips are drawn aside more than in the middle."""
    return 1 - np.abs(np.clip(t, -1, 1)) ** 2.6
