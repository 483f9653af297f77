"""Hair as strands: scalp roots, combed guides, children, brows, lashes, stubble.

A strand set is an array (strands, points, 3) in metres with radii per point. Everything is
drawn from one seeded generator, so that the same person always gets the same hair.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree

MILLIMETRE = 1e-3


def unit(v):
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12)


def ramp(x, low, high):
    """Smooth step from 0 at `low` to 1 at `high` (either order)."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


@dataclass
class Strands:
    """Curves of equal point count with one radius profile."""

    points: np.ndarray
    radius: np.ndarray

    @staticmethod
    def tapered(points, root, tip):
        """Strands whose radius falls from `root` to `tip` (metres), slowly at first."""
        t = np.linspace(0, 1, points.shape[1]) ** 2
        profile = root + (tip - root) * t
        return Strands(points, np.broadcast_to(profile, points.shape[:2]).copy())


class Ground:
    """A dense surface that strands grow on and are kept out of."""

    def __init__(self, verts, normals, faces):
        self.verts = np.asarray(verts)
        self.normals = np.asarray(normals)
        quads = np.array([f if len(f) == 4 else [*f, f[-1]] for f in faces])
        self.triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        self.tree = cKDTree(self.verts)

    def merged(self, other):
        """Both surfaces as one obstacle."""
        out = Ground.__new__(Ground)
        out.verts = np.concatenate([self.verts, other.verts])
        out.normals = np.concatenate([self.normals, other.normals])
        out.triangles = np.concatenate([self.triangles, other.triangles + len(self.verts)])
        out.tree = cKDTree(out.verts)
        return out

    def sample(self, rng, count, density):
        """`count` points with probability proportional to area times `density` (per vertex)."""
        a, b, c = (self.verts[self.triangles[:, k]] for k in range(3))
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        weight = area * density[self.triangles].mean(axis=1)
        cells = rng.choice(len(weight), size=count, p=weight / weight.sum())
        u, v = rng.random(count), rng.random(count)
        flip = u + v > 1
        u[flip], v[flip] = 1 - u[flip], 1 - v[flip]
        share = np.stack([1 - u - v, u, v], axis=1)[:, :, None]
        corner = self.triangles[cells]
        points = (self.verts[corner] * share).sum(axis=1)
        return points, unit((self.normals[corner] * share).sum(axis=1))

    def nearest(self, points):
        """Normal at, and signed height above, the nearest vertex's tangent plane."""
        _, index = self.tree.query(points, workers=1)
        normal = self.normals[index]
        return normal, ((points - self.verts[index]) * normal).sum(axis=1)


@dataclass
class Head:
    """Measures of one head that grooms refer to (metres)."""

    eye: np.ndarray
    centre: np.ndarray
    ear_mask: np.ndarray = field(repr=False)

    def polar(self, points):
        """Azimuth in degrees (0 in front, 90 at the person's left) and height over the eyes."""
        d = points - self.centre
        azimuth = np.degrees(np.arctan2(d[:, 0], -d[:, 1]))
        return azimuth, points[:, 2] - self.eye[2]


@dataclass
class Style:
    """How scalp hair is cut and combed.

    `hairline` maps |azimuth| in degrees to the height in millimetres over the eyes where hair
    begins. The functions take arrays of root positions relative to the head's centre (metres)
    with z measured from the eyes.
    """

    hairline: list
    length: Callable
    comb: Callable
    lift: Callable
    volume: Callable = lambda p: 0.012 + 0 * p[:, 0]
    gravity: float = 0.0
    strands: int = 26000
    guides: int = 1400
    points: int = 14
    clump: float = 0.35
    frizz: float = 0.0012
    wave: tuple = (0.0, 0.03)
    coil: tuple = (0.0, 0.004)
    edge: float = 0.006
    uneven: float = 0.12
    root: float = 0.085 * MILLIMETRE
    tip: float = 0.045 * MILLIMETRE


def scalp_density(ground, head, style):
    """1 where hair grows, falling to 0 over the soft hairline; ears stay bare."""
    azimuth, height = head.polar(ground.verts)
    line = np.interp(np.abs(azimuth), *np.array(style.hairline).T)
    uneven = np.sin(azimuth * 0.31 + 1.0) + np.sin(azimuth * 0.83) + np.sin(azimuth * 1.9 + 2.0)
    line = (line + 1.1 * uneven) * MILLIMETRE
    inside = ramp(height - line, -style.edge, style.edge)
    return inside * (1 - head.ear_mask)


def comb_guides(rng, roots, normals, head, style, obstacle):
    """Integrates guide paths: out of the scalp, along the comb, down by gravity, never inside."""
    local = roots - head.centre
    local[:, 2] = roots[:, 2] - head.eye[2]
    length = style.length(local) * rng.uniform(1 - style.uneven, 1 + style.uneven, len(roots))
    step = (length / (style.points - 1))[:, None]
    lift = style.lift(local)[:, None]
    layer = (rng.random(len(roots)) * style.volume(local))[:, None]
    comb = style.comb(local)
    along = unit(comb - (comb * normals).sum(axis=1, keepdims=True) * normals)
    direction = unit(normals * lift + along * (1 - lift))
    path = [roots]
    for k in range(1, style.points):
        t = k / (style.points - 1)
        normal, height = obstacle.nearest(path[-1])
        here = path[-1] - head.centre
        here[:, 2] = path[-1][:, 2] - head.eye[2]
        comb = style.comb(here)
        tangent = unit(comb - (comb * normal).sum(axis=1, keepdims=True) * normal)
        rest = MILLIMETRE + layer * min(1.0, 2.5 * t)
        keep = np.clip((rest - height[:, None]) / 0.008, -1.0, 1.0)
        keep = np.where(lift > 0.75, np.maximum(keep, 0), keep)
        fall = style.gravity * t * (1 - 0.9 * ramp(here[:, 2:], 0.02, 0.07))
        turn = unit(tangent + keep * normal + fall * np.array([0, 0, -1.0]))
        blend = 0.28 * (1 - 0.6 * lift)
        direction = unit(direction * (1 - blend) + turn * blend)
        following = path[-1] + direction * step
        normal, height = obstacle.nearest(following)
        inside = np.maximum(0.6 * MILLIMETRE - height, 0)[:, None]
        path.append(following + normal * np.minimum(inside, 0.02))
    return np.stack(path, axis=1)


def children(rng, roots, guides, style):
    """Strands between guides: nearest three guides' shapes, clumps, waves, coils and frizz."""
    heads = guides[:, 0]
    distance, index = cKDTree(heads).query(roots, k=3)
    lead = unit(guides[index[:, :1], -1] - guides[index[:, :1], 0])
    other = unit(guides[index, -1] - guides[index, 0])
    alike = (lead * other).sum(axis=2) > 0.4
    share = alike / (distance + 1e-4)
    share /= share.sum(axis=1, keepdims=True)
    shape = guides - heads[:, None]
    offset = (shape[index] * share[:, :, None, None]).sum(axis=1)
    cut = rng.uniform(1 - style.uneven, 1 + style.uneven / 4, (len(roots), 1, 1))
    points = roots[:, None] + offset * cut
    t = np.linspace(0, 1, style.points)[None, :, None]
    nearest = guides[index[:, 0]]
    points = points + (nearest - points) * (style.clump * t**1.5) * rng.uniform(
        0.2, 1.0, (len(roots), 1, 1)
    )
    arc = np.concatenate(
        [
            np.zeros((len(roots), 1)),
            np.cumsum(np.linalg.norm(np.diff(points, axis=1), axis=2), axis=1),
        ],
        axis=1,
    )[:, :, None]
    along = unit(np.gradient(points, axis=1))
    side = unit(np.cross(along, np.array([0.3, 0.5, 0.8])))
    third = np.cross(along, side)
    for size, period, together in ((*style.wave, True), (*style.coil, False)):
        if size == 0:
            continue
        if together:
            phase = rng.uniform(0, 2 * np.pi, (len(guides), 1, 1))[index[:, 0]]
            phase = phase * 0.35 + roots[:, None, :1] * 12 + rng.normal(0, 0.25, phase.shape)
        else:
            phase = rng.uniform(0, 2 * np.pi, (len(roots), 1, 1))
        angle = arc / period * 2 * np.pi + phase
        grow = ramp(arc, 0.0, period)
        points = points + size * grow * (side * np.cos(angle) + third * np.sin(angle))
    wander = np.cumsum(rng.normal(0, 1, points.shape), axis=1) / np.sqrt(style.points)
    return points + style.frizz * wander * t


def scalp_hair(rng, ground, head, style, obstacle):
    """Grows the whole head of hair."""
    density = scalp_density(ground, head, style)
    guide_roots, guide_normals = ground.sample(rng, style.guides, density)
    guides = comb_guides(rng, guide_roots, guide_normals, head, style, obstacle)
    roots, _ = ground.sample(rng, style.strands, density)
    roots = roots - 0.5 * MILLIMETRE * unit(roots - head.centre)
    return Strands.tapered(children(rng, roots, guides, style), style.root, style.tip)


def short_hairs(rng, ground, density, count, length, lift, root=0.05, tip=0.02):
    """Short hairs of a beard that lie downwards and a little outwards (radii in mm)."""
    roots, normals = ground.sample(rng, count, density)
    zero = 0 * roots[:, 0]
    along = np.stack([np.sign(roots[:, 0]) * 0.25, zero, zero - 1], axis=1)
    along = unit(along - (along * normals).sum(axis=1, keepdims=True) * normals)
    aim = unit(normals * lift + along * (1 - lift) + rng.normal(0, 0.18, roots.shape))
    size = length * rng.uniform(0.6, 1.15, (len(roots), 1, 1))
    t = np.linspace(0, 1, 5)[None, :, None]
    droop = -0.25 * t**2 * normals[:, None]
    points = roots[:, None] + size * (aim[:, None] * t + droop)
    return Strands.tapered(points, root * MILLIMETRE, tip * MILLIMETRE)


def brow(rng, ground, line, count, length, thickness, side):
    """One eyebrow along `line` (points from the nose outwards): a fan that turns with the arch.

    Hairs stand nearly upright beside the nose, lie along the arch in the middle, and those of
    the upper edge lean down to meet the lower ones.
    """
    u = np.concatenate(
        [rng.beta(1.15, 1.35, count * 4 // 5), rng.random(count - count * 4 // 5)]
    )
    across = np.clip(rng.normal(0, 0.50, count), -1.25, 1.25)
    width = thickness * np.interp(u, [0, 0.12, 0.45, 0.75, 1], [0.72, 1.0, 1.0, 0.74, 0.24])
    knots = np.linspace(0, 1, len(line))
    centre = np.stack([np.interp(u, knots, line[:, k]) for k in range(3)], axis=1)
    ahead = np.stack(
        [np.interp(np.minimum(u + 0.04, 1.04), knots, line[:, k]) for k in range(3)], axis=1
    )
    behind = np.stack([np.interp(u - 0.04, knots, line[:, k]) for k in range(3)], axis=1)
    along = unit(ahead - behind)
    up = np.array([0.0, 0.0, 1.0])
    roots = centre + up * (across * width / 2)[:, None]
    _, index = ground.tree.query(roots)
    normals = ground.normals[index]
    roots = roots - normals * ((roots - ground.verts[index]) * normals).sum(1, keepdims=True)
    lean = np.interp(u, [0, 0.1, 0.3, 0.6, 1], [56, 42, 24, 10, -8])
    lean = lean - across * np.interp(u, [0, 0.3, 1], [6, 26, 16]) + rng.normal(0, 8, count)
    lean = np.radians(lean)[:, None]
    aim = along * np.cos(lean) + up * np.sin(lean)
    aim = unit(aim - (aim * normals).sum(1, keepdims=True) * normals + normals * 0.16)
    size = length * np.interp(u, [0, 0.3, 0.8, 1], [0.85, 1, 0.8, 0.55])
    size = (size * rng.uniform(0.65, 1.15, count))[:, None, None]
    t = np.linspace(0, 1, 6)[None, :, None]
    bend = np.cross(normals, aim) * (side * rng.normal(0.1, 0.12, (count, 1)))
    points = roots[:, None] + size * (
        aim[:, None] * t + bend[:, None] * t**2 - 0.18 * t**2 * normals[:, None]
    )
    return Strands.tapered(points, 0.05 * MILLIMETRE, 0.012 * MILLIMETRE)


def lashes(rng, line, centre, count, length, upper):
    """Lashes along a lid's edge (`line`, inner to outer corner), fanned away from the eye."""
    u = np.sort(rng.uniform(0.16, 0.985, count))
    knots = np.linspace(0, 1, len(line))
    roots = np.stack([np.interp(u, knots, line[:, k]) for k in range(3)], axis=1)
    out = unit(roots - centre)
    lift = np.array([0, 0, 1.0 if upper else -1.0])
    fan = np.interp(u, [0, 0.5, 1], [-0.25, 0.05, 0.55])
    sideways = np.sign(centre[0]) * np.array([1.0, 0, 0])
    first = unit(out + 0.12 * lift + 0.35 * fan[:, None] * sideways)
    first = unit(first + rng.normal(0, 0.10, first.shape))
    size = length * np.interp(u, [0.1, 0.35, 0.75, 1], [0.35, 0.8, 1.05, 0.85])
    size = (size * rng.uniform(0.75, 1.1, count))[:, None, None]
    t = np.linspace(0, 1, 7)[None, :, None]
    curl = 0.75 if upper else 0.5
    points = roots[:, None] + size * (
        first[:, None] * t + (curl * lift - 0.25 * out)[:, None] * t**2
    )
    return Strands.tapered(points, 0.05 * MILLIMETRE, 0.010 * MILLIMETRE)
