"""Haircuts. Positions are metres from the head's centre, z from the eyes; see `groom.Style`."""

import numpy as np

from groom import Style, ramp

MALE_HAIRLINE = [(0, 67), (14, 67), (28, 66), (40, 63), (48, 55), (55, 39), (61, 18), (65, -12),
                 (86, -18), (92, 2), (104, -8), (118, -34), (140, -54), (180, -66)]
FEMALE_HAIRLINE = [(0, 65), (20, 64), (40, 60), (50, 50), (58, 32), (64, 10), (68, -6),
                   (86, -8), (92, 2), (104, -8), (118, -34), (140, -54), (180, -66)]


def field(x, y, z):
    """A comb field from its components (arrays or numbers; at least one array)."""
    return np.stack(np.broadcast_arrays(x, y, z), axis=1).astype(float)


def even(value):
    """The same number at every root."""
    return lambda p: np.full(len(p), float(value))


def side_parting(part=0.030):
    """Clipped sides; the top brushed up at the front and over to the right."""

    def length(p):
        top = ramp(p[:, 2], 0.05, 0.088) * np.where(p[:, 0] < part, 1.0, 0.5)
        return 0.007 + 0.008 * ramp(p[:, 2], -0.05, 0.04) + 0.040 * top

    def comb(p):
        top = ramp(p[:, 2], 0.045, 0.085)
        across = np.where(p[:, 0] < part, -1.0, 0.5)
        front = ramp(p[:, 1], -0.045, -0.10) * top
        back = 0.25 + 0.25 * top + 0.3 * front
        return field(across * 0.9 * top, back, -1.1 * (1 - top) + 0.25 * front)

    def lift(p):
        top = ramp(p[:, 2], 0.05, 0.085)
        front = ramp(p[:, 1], -0.04, -0.09) * top
        return 0.12 + (0.20 * top + 0.28 * front) * ramp(p[:, 0], part + 0.004, part - 0.008)

    def volume(p):
        return 0.002 + 0.013 * ramp(p[:, 2], 0.04, 0.09) * ramp(p[:, 0], part + 0.010, 0.010)

    return Style(MALE_HAIRLINE, length, comb, lift, volume, guides=1800)


def short_coils():
    """Short natural coils with a faded side."""
    return Style(
        MALE_HAIRLINE,
        lambda p: 0.0035 + 0.010 * ramp(p[:, 2], 0.0, 0.075),
        lambda p: field(0 * p[:, 0], 0, 1),
        even(0.95),
        lambda p: 0.002 + 0.012 * ramp(p[:, 2], 0, 0.08),
        coil=(0.0011, 0.0042),
        strands=32000,
        points=22,
        frizz=0.0015,
        clump=0.1,
        edge=0.014,
    )


def cropped(length=0.022):
    """An even short crop combed forwards."""
    return Style(
        MALE_HAIRLINE,
        lambda p: 0.006 + (length - 0.006) * ramp(p[:, 2], 0.0, 0.08),
        lambda p: field(0.2 * np.sign(p[:, 0]), -0.7 * ramp(p[:, 2], 0.03, 0.08), -0.8),
        even(0.4),
        even(0.004),
        guides=1600,
        clump=0.5,
    )


def parted(part, sweep, length, gravity, wave, **rest):
    """Longer hair from a parting at x = `part`, swept off the face, that falls by gravity.

    `length` is a pair: at the sides and at the top.
    """

    def comb(p):
        top = ramp(p[:, 2], 0.03, 0.10)
        low = ramp(p[:, 2], 0.0, -0.12)
        side = np.where(p[:, 0] < part, -1.0, 1.0)
        front = ramp(p[:, 1], -0.05, -0.10) * top
        back = (0.3 + 0.3 * top) * (1 - 0.7 * low) + sweep * front
        spread = side * (0.20 + 0.90 * top) * (1 - 0.9 * low)
        return field(spread, back, -1.0 + 0.75 * top + 0.6 * sweep * front)

    def volume(p):
        # Close to the head over the ears, where it would stand off like a helmet.
        return 0.0035 + 0.0125 * ramp(np.abs(p[:, 0] - part), 0.0, 0.05) * ramp(p[:, 2], 0.0, 0.07)

    return Style(
        FEMALE_HAIRLINE,
        lambda p: length[0] + (length[1] - length[0]) * ramp(p[:, 2], -0.06, 0.10),
        comb,
        even(0.12),
        volume,
        gravity=gravity,
        wave=wave,
        strands=33000,
        guides=2100,
        clump=0.8,
        frizz=0.0010,
        **rest,
    )


def long_waves():
    """Shoulder-length soft waves from a parting near the middle."""
    return parted(0.006, 0.3, (0.19, 0.33), 2.0, (0.008, 0.095), points=34, uneven=0.05)


def long_bob():
    """Soft waves from a parting near the middle that end above the shoulders."""
    return parted(0.012, 0.65, (0.115, 0.24), 1.8, (0.006, 0.10), points=28, uneven=0.04)


def bob():
    """A chin-length bob from a side parting."""
    return parted(0.028, 0.7, (0.10, 0.22), 1.8, (0.004, 0.12), points=26, uneven=0.04)
