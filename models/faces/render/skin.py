"""Paints the skin of one head: colour, roughness and relief, seen from the front.

The maps cover a window of the undeformed face: x from -160 to 160 mm (the person's left is
positive), z from -200 to 120 mm about the point between the eyes. Painting in millimetres
of the real face keeps every feature where the anatomy has it, whatever the head's shape.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

SIZE = 2048
WIDTH = 320.0  # mm
BOTTOM = -200.0  # mm
PIXEL = WIDTH / SIZE


def front_uv(points_mm):
    """Map coordinates (0..1, v upwards) of points given in mm from between the eyes."""
    return np.stack(
        [(points_mm[:, 0] + WIDTH / 2) / WIDTH, (points_mm[:, 2] - BOTTOM) / WIDTH], axis=1
    )


@dataclass
class Skin:
    """A complexion. Colours are sRGB 0..1; amounts are 0 (none) to 1 (strong)."""

    tone: tuple
    blush: tuple
    lip: tuple
    shade: tuple = (0.42, 0.28, 0.27)  # under the eyes, in folds
    redness: float = 0.5
    under_eye: float = 0.4
    freckles: float = 0.2
    moles: int = 3
    stubble: float = 0.0
    stubble_colour: tuple = (0.30, 0.28, 0.28)
    lid_makeup: float = 0.0
    wrinkles: float = 0.15
    oil: float = 0.5
    brow: tuple = (0.1, 0.08, 0.07)
    brow_tint: float = 0.34  # how much the skin under the brows takes their colour
    lip_amount: float = 0.75
    scatter: float = 0.0020  # depth of subsurface scattering in metres
    shine: float = 0.42  # level of the skin's specular reflection


class Canvas:
    """Grids of millimetre coordinates and the usual brushes on them."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        axis = (np.arange(SIZE) + 0.5) * PIXEL
        self.x = (axis - WIDTH / 2)[None, :].astype(np.float32)
        self.z = (BOTTOM + axis)[:, None].astype(np.float32)

    def blob(self, x, z, rx, rz, tilt=0.0):
        """A Gaussian ellipse with half-widths in mm; `tilt` in degrees."""
        c, s = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
        u = (self.x - x) * c + (self.z - z) * s
        v = -(self.x - x) * s + (self.z - z) * c
        return np.exp(-((u / rx) ** 2) - (v / rz) ** 2)

    def both(self, x, z, rx, rz, tilt=0.0):
        """The same ellipse on both sides of the face."""
        return self.blob(x, z, rx, rz, tilt) + self.blob(-x, z, rx, rz, -tilt)

    def noise(self, size):
        """Smooth noise of unit deviation with features of `size` mm."""
        sigma = size / PIXEL
        step = max(1, int(sigma / 3))
        n = SIZE // step + 2
        values = gaussian_filter(self.rng.normal(size=(n, n)), sigma / step)
        values = np.kron(values, np.ones((step, step)))[:SIZE, :SIZE] if step > 1 else values
        if step > 1:
            values = gaussian_filter(values, step * 0.7)
        values = values[:SIZE, :SIZE]
        return ((values - values.mean()) / values.std()).astype(np.float32)

    def stroke(self, points, width):
        """A soft line through `points` (mm), `width` mm to the deviation of its profile."""
        points = np.asarray(points, dtype=float)
        out = np.zeros((SIZE, SIZE), np.float32)
        for a, b in zip(points[:-1], points[1:]):
            low = np.minimum(a, b) - 4 * width
            high = np.maximum(a, b) + 4 * width
            i0, i1 = ((np.array([low[1], high[1]]) - BOTTOM) / PIXEL).astype(int)
            j0, j1 = ((np.array([low[0], high[0]]) + WIDTH / 2) / PIXEL).astype(int)
            rows, columns = slice(max(i0, 0), i1 + 1), slice(max(j0, 0), j1 + 1)
            px, pz = self.x[:, columns] - a[0], self.z[rows] - a[1]
            d = b - a
            t = np.clip((px * d[0] + pz * d[1]) / max(d @ d, 1e-9), 0, 1)
            gap = (px - t * d[0]) ** 2 + (pz - t * d[1]) ** 2
            out[rows, columns] = np.maximum(out[rows, columns], np.exp(-gap / (2 * width**2)))
        return out

    def dots(self, count, where, low, high):
        """Small discs of `low`..`high` mm radius, more of them where the mask is high."""
        p = where.ravel().astype(np.float64)
        index = self.rng.choice(p.size, size=count, p=p / p.sum())
        out = np.zeros((SIZE, SIZE), np.float32)
        for i in index:
            row, column = divmod(int(i), SIZE)
            radius = self.rng.uniform(low, high) / PIXEL
            r = int(radius * 3) + 1
            rows = slice(max(row - r, 0), row + r + 1)
            columns = slice(max(column - r, 0), column + r + 1)
            yy, xx = np.mgrid[rows, columns][:, : SIZE - row + r, : SIZE - column + r]
            yy, xx = yy[yy[:, 0] < SIZE], xx[: (yy[:, 0] < SIZE).sum()]
            spot = np.exp(-((yy - row) ** 2 + (xx - column) ** 2) / (2 * radius**2))
            part = out[rows, columns]
            strength = self.rng.uniform(0.4, 1.0)
            part[...] = np.maximum(part, strength * spot[: part.shape[0], : part.shape[1]])
        return out


def linear(colour):
    """sRGB to linear light."""
    c = np.asarray(colour, dtype=np.float64)
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def toward(image, colour, amount):
    """Blends `image` (linear) towards an sRGB colour by a mask."""
    amount = np.clip(amount, 0, 1)[:, :, None]
    return image * (1 - amount) + linear(colour) * amount


def wrinkle_lines(marks, seed):
    """Lines that skin folds along, as (points, width mm, weight)."""
    rng = np.random.default_rng(seed)
    lines = []
    forehead = marks["brow_top"][1]
    for k, height in enumerate((20, 29, 38)):
        x = np.linspace(-34 + 4 * k, 34 - 4 * k, 15)
        wave = rng.normal(0, 0.5, 15) + 2.4 * np.cos(x / 34 * 2.4)
        lines.append((np.stack([x, forehead + height + wave], 1), 0.6, 0.6))
    for side in (1, -1):
        ox, oz = marks["eye_outer"]
        for angle in (24, 6, -12, -28):
            length = rng.uniform(11, 17)
            t = np.linspace(0, 1, 6)
            a = np.radians(angle)
            x = ox + 5 + length * t * np.cos(a)
            z = oz - 1 + length * t * np.sin(a) - 3.0 * t**2
            lines.append((np.stack([side * x, z], 1), 0.4, 0.75))
        ix, iz = marks["eye_inner"]
        for drop, reach in ((9, 20), (13, 16)):
            t = np.linspace(0, 1, 8)
            x = ix + 3 + reach * t
            z = iz - drop * np.sin(t * 2.2) - 3.5
            lines.append((np.stack([side * x, z], 1), 0.55, 0.5))
        wx, wz = marks["nostril"]
        cx, cz = marks["mouth_corner"]
        t = np.linspace(0, 1, 9)
        x = wx + 2 + (cx + 6 - wx) * t**0.9
        z = wz + 5 + (cz - 2 - wz) * t
        lines.append((np.stack([side * x, z], 1), 1.0, 0.9))
        lines.append((np.array([[side * 9, forehead - 2], [side * 7, forehead + 9]]), 0.6, 0.35))
    return lines


def paint(skin, marks, beard, brows, seed):
    """Colour (sRGB), roughness and relief (mm) maps, rows from the bottom.

    `marks` gives named points (x > 0, z) in mm, `brows` the two brow lines, and `beard` a
    function of a canvas that masks where a beard would grow.
    """
    c = Canvas(seed)
    colour = np.broadcast_to(linear(skin.tone), (SIZE, SIZE, 3)).copy()
    broad, middle, fine = c.noise(14.0), c.noise(3.5), c.noise(0.9)
    colour *= (1 + 0.030 * broad + 0.030 * middle + 0.028 * fine)[:, :, None]
    colour *= 1 + np.array([0.02, -0.012, -0.02]) * c.noise(5.0)[:, :, None]
    ex, ez = marks["eye"]
    tip = marks["nose_tip"][1]
    wing_x, wing_z = marks["nostril"]
    mouth_x, mouth_z = marks["mouth_corner"]
    chin = marks["chin"][1]
    patchy = 1 + 0.25 * broad + 0.18 * middle
    red = (
        0.55 * c.both(ex + 9, tip + 4, 22, 15, -18)
        + 0.62 * c.blob(0, tip, 11, 9)
        + 0.5 * c.both(wing_x, wing_z + 1, 6, 7)
        + 0.35 * c.blob(0, chin + 9, 14, 9)
        + 0.25 * c.both(82, -12, 14, 30)
        + 0.3 * c.both(ex, ez + 6, 13, 4)
        + 0.20 * c.both(0, mouth_z, mouth_x + 9, 15)
    )
    colour = toward(colour, skin.blush, 0.62 * skin.redness * red * patchy)
    dark = (
        0.75 * c.both(ex - 8, ez - 10, 12, 4.2, -22)
        + 0.45 * c.both(ex - 13, ez - 2, 6, 7)
        + 0.35 * c.both(ex + 2, ez + 8.5, 15, 3.2)
    )
    colour = toward(colour, skin.shade, 0.5 * skin.under_eye * dark)
    if skin.lid_makeup:
        colour = toward(colour, skin.shade, skin.lid_makeup * c.both(ex + 2, ez + 7, 14, 4.2))
    cheeks = c.both(ex + 6, tip + 8, 24, 13) + 0.8 * c.blob(0, tip + 12, 12, 14) + 0.08
    if skin.freckles:
        spots = c.dots(int(900 * skin.freckles), cheeks, 0.25, 0.6)
        brown = np.asarray(skin.tone) * np.array([0.72, 0.60, 0.52])
        colour = toward(colour, brown, 0.42 * spots)
    face = np.maximum(0, 1 - ((c.x / 70) ** 2 + ((c.z + 30) / 90) ** 2))
    if skin.moles:
        spots = c.dots(skin.moles, face, 0.5, 0.9)
        colour = toward(colour, np.asarray(skin.tone) * 0.38, 0.8 * spots)
    mask = beard(c)
    if skin.stubble:
        grain = c.dots(26000, mask + 1e-4 * (mask > 0.02), 0.1, 0.17)
        colour = toward(colour, skin.stubble_colour, skin.stubble * mask * (0.42 + 0.06 * middle))
        colour = toward(colour, skin.brow, 0.5 * skin.stubble * grain)
    under = sum(c.stroke(line, 2.6) for line in brows)
    colour = toward(colour, skin.brow, skin.brow_tint * under)

    relief = 0.026 * c.noise(1.6) + 0.02 * c.noise(0.5)
    folds = np.zeros((SIZE, SIZE), np.float32)
    for points, width, weight in wrinkle_lines(marks, seed):
        ends = c.stroke(points, width)
        folds = np.maximum(folds, weight * ends * (0.75 + 0.25 * np.tanh(middle)))
    relief -= 0.55 * skin.wrinkles * folds
    colour = toward(colour, skin.shade, 0.30 * skin.wrinkles * folds)

    shiny = (
        0.8 * c.blob(0, marks["brow_top"][1] + 24, 34, 20)
        + 0.9 * c.blob(0, tip + 16, 8, 26)
        + 0.7 * c.blob(0, tip, 10, 8)
        + 0.4 * c.blob(0, chin + 8, 12, 9)
        + 0.35 * c.both(ex + 12, tip + 14, 15, 9, -25)
    )
    rough = 0.52 - 0.17 * skin.oil * shiny + 0.03 * middle + 0.02 * fine
    rough = np.clip(rough + 0.05 * mask, 0.3, 0.7)
    srgb = np.clip(colour, 0, 1)
    srgb = np.where(srgb <= 0.0031308, srgb * 12.92, 1.055 * srgb ** (1 / 2.4) - 0.055)
    return srgb, rough, relief


def iris(colour, ring, seed, size=768, radius=0.42, pupil=0.36):
    """The eye seen along its axis: sclera, limbal ring, fibres, pupil (sRGB, size x size).

    `radius` is the iris' share of the eyeball's radius; `pupil` its share of the iris.
    """
    rng = np.random.default_rng(seed)
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    x, z = np.meshgrid(axis, axis)
    r = np.hypot(x, z)
    angle = np.arctan2(z, x)
    q = r / radius
    turns = np.linspace(-np.pi, np.pi, 1441)

    def fibres(smooth, shift):
        n = gaussian_filter(rng.normal(size=1440), smooth, mode="wrap")
        n = np.append(n, n[0]) / n.std()
        return np.interp(np.mod(angle + shift * q + np.pi, 2 * np.pi) - np.pi, turns, n)

    strands = 0.5 * fibres(2.2, 0.10) + 0.4 * fibres(5, -0.15) + 0.35 * fibres(11, 0.05)
    body = linear(colour) * (1.0 + 0.34 * strands[:, :, None])
    collar = np.exp(-(((q - pupil - 0.14 - 0.02 * fibres(14, 0)) / 0.10) ** 2))
    warm = linear(np.clip(np.array(colour) * np.array([1.45, 1.18, 0.85]) + 0.03, 0, 1))
    body = body * (1 - 0.55 * collar[:, :, None]) + warm * 0.55 * collar[:, :, None]
    body *= (0.62 + 0.62 * np.clip((q - pupil) / (1 - pupil), 0, 1) ** 0.8)[:, :, None]
    edge = 1 / (1 + np.exp(-(q - 0.90 - 0.012 * fibres(9, 0)) / 0.035))
    body = body * (1 - edge[:, :, None] * ring) + linear(np.array(colour) * 0.22) * (
        edge[:, :, None] * ring
    )
    hole = 1 / (1 + np.exp((q - pupil - 0.004 * fibres(6, 0)) / 0.012))
    body = np.maximum(body, 0) * (1 - hole[:, :, None]) + 0.002 * hole[:, :, None]

    white = np.broadcast_to(linear((0.84, 0.82, 0.80)), (size, size, 3)).copy()
    veins = np.zeros((size, size))
    for _ in range(34):
        side = rng.choice([-1, 1])
        px, pz = side * rng.uniform(0.8, 0.98), rng.uniform(-0.5, 0.5)
        heading = np.pi * (side > 0) + rng.normal(0, 0.4)
        for _ in range(int(rng.uniform(20, 60))):
            heading += rng.normal(0, 0.22)
            px, pz = px + 0.008 * np.cos(heading), pz + 0.008 * np.sin(heading)
            i, j = int((pz + 1) / 2 * size), int((px + 1) / 2 * size)
            if 0 <= i < size and 0 <= j < size and np.hypot(px, pz) > radius * 1.12:
                veins[i, j] = 1
    veins = np.clip(gaussian_filter(veins, 1.3) * 3.2, 0, 1)
    white = toward(white, (0.72, 0.32, 0.28), 0.30 * veins)
    # The lids shade the white from above.
    white *= (1 - 0.25 * np.clip((z - 0.12) / 0.5, 0, 1) - 0.15 * np.abs(x) ** 2)[:, :, None]
    corner = np.clip((np.abs(x) - 0.55) / 0.45, 0, 1)
    white = toward(white, (0.80, 0.56, 0.52), 0.55 * corner)
    soft = 1 / (1 + np.exp((q - 1.01) / 0.025))
    out = white * (1 - soft[:, :, None]) + body * soft[:, :, None]
    out = np.clip(out, 0, 1)
    return np.where(out <= 0.0031308, out * 12.92, 1.055 * out ** (1 / 2.4) - 0.055)
