"""What is known exactly about a rendered picture: where points of the face fall in it."""

import numpy as np

from figure import LOWER_LASH, LOWER_RIM, POINTS, UPPER_LASH

ROWS = {"upper_lash_line": UPPER_LASH, "lower_lash_line": LOWER_LASH, "lower_rim": LOWER_RIM}


class Projection:
    """The portrait camera: a pinhole that looks along +y, shifted upwards, with roll."""

    def __init__(self, eye, distance, lens, canvas, eye_height, size, tilt):
        self.origin = np.array([0.0, eye[1] - distance, eye[2]])
        self.scale = lens / 36.0 * size
        self.centre = np.array([size / 2, size * eye_height])
        self.size, self.tilt = size, np.radians(tilt)
        self.pixels_per_metre = size / canvas

    def __call__(self, points):
        """Pixels (x right, y down) and the distance from the camera's plane in metres."""
        d = np.atleast_2d(points) - self.origin
        c, s = np.cos(self.tilt), np.sin(self.tilt)
        x, z = c * d[:, 0] + s * d[:, 2], -s * d[:, 0] + c * d[:, 2]
        flat = np.stack([x / d[:, 1], -z / d[:, 1]], axis=1) * self.scale
        return np.concatenate([flat + self.centre, d[:, 1:2]], axis=1)


def describe(figure, dense, projection, brows):
    """The facts of one picture as plain lists: named points, lid rows, brows, irises, pose.

    `dense` holds the smoothed surface, whose first vertices are those of the base mesh kept
    for the picture, in order; `left` is the person's left. Pixels, rounded to hundredths.
    """
    def pixels(points):
        return np.round(projection(points)[:, :2], 2).tolist()

    points = {}
    for name, index in POINTS.items():
        both = [index] if abs(figure.rest[index][0]) < 1e-4 else [index, figure.mirror[index]]
        names = [name] if len(both) == 1 else [f"{name}_left", f"{name}_right"]
        for label, i in zip(names, both):
            place = dense.get(int(i), figure.metres[i])
            points[label] = pixels(place)[0]
    out = {"size": projection.size, "points": points, "rows": {}, "eyes": []}
    for name, row in ROWS.items():
        for side, word in ((0, "left"), (1, "right")):
            out["rows"][f"{name}_{word}"] = pixels(figure.line(row, side))
    for word, line in zip(("left", "right"), brows):
        out["rows"][f"brow_{word}"] = pixels(line)
    for word, centre in zip(("left", "right"), figure.eyes):
        front = centre + np.array([0, -0.9 * figure.eye_radius, 0])
        x, y, depth = projection(front)[0]
        out["eyes"].append(
            {
                "side": word,
                "iris_centre": [round(x, 2), round(y, 2)],
                "iris_radius": round(0.42 * figure.eye_radius * projection.scale / depth, 2),
                "ball_radius": round(figure.eye_radius * projection.scale / depth, 2),
            }
        )
    return out
