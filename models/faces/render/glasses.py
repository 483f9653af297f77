"""Spectacles: two rims, a bridge, temples that reach the ears, lenses."""

import bpy
import numpy as np

import materials

RIM = 0.0013  # metres, half the frame's thickness


def tube(name, points, radius, material, closed=False):
    """A round tube along points."""
    data = bpy.data.curves.new(name, "CURVE")
    data.dimensions = "3D"
    data.bevel_depth, data.bevel_resolution = radius, 3
    line = data.splines.new("POLY")
    line.points.add(len(points) - 1)
    line.points.foreach_set("co", np.c_[points, np.ones(len(points))].ravel())
    line.use_cyclic_u = closed
    data.materials.append(material)
    item = bpy.data.objects.new(name, data)
    bpy.context.collection.objects.link(item)


def wear(figure, colour, width=0.0265, height=0.020, dark=False):
    """Puts spectacles before the figure's eyes; `width` and `height` are half a lens.

    The lenses are clear, or `dark`: sunglasses that nothing is seen through.
    """
    frame = materials.plain("frame", colour)
    tint = (0.05, 0.05, 0.06)
    lens = materials.plain("lens", tint, 0.05) if dark else materials.wet("lens", 0.01, 1.5)
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    front = min(c[1] for c in figure.eyes) - figure.eye_radius - 0.013
    inner, outer = [], []
    for centre in figure.eyes:
        side = np.sign(centre[0])
        middle = np.array([centre[0] + side * 0.002, front, centre[2] - 0.004])
        # A rounded rectangle: a superellipse of the fourth order.
        c, s = np.cos(turn), np.sin(turn)
        x = np.sign(c) * np.abs(c) ** 0.6 * width
        z = np.sign(s) * np.abs(s) ** 0.6 * height
        rim = middle + np.stack([x, 0.12 * np.abs(x) * (x * side > 0), z], axis=1)
        tube("glasses rim", rim, RIM, frame, closed=True)
        data = bpy.data.meshes.new("glasses lens")
        data.from_pydata(rim.tolist(), [], [list(range(len(rim)))])
        data.materials.append(lens)
        item = bpy.data.objects.new("glasses lens", data)
        bpy.context.collection.objects.link(item)
        inner.append(middle + [-side * width, 0, 0.006])
        hinge = middle + [side * width, 0.12 * width, 0.010]
        outer.append((side, hinge))
    arch = np.linspace(0, 1, 16)[:, None]
    bridge = inner[0] * (1 - arch) + inner[1] * arch
    bridge[:, 2] += 0.003 * np.sin(np.pi * arch[:, 0])
    tube("glasses bridge", bridge, RIM, frame)
    ears = figure.rest[:13380]
    for side, hinge in outer:
        head = ears[(np.abs(ears[:, 2] - hinge[2]) < 0.012) & (ears[:, 0] * side > 0)]
        head = head[head[:, 1] < figure.eyes[0][1] + 0.065]
        reach = np.abs(head[:, 0]).max() + 0.003
        end = np.array([side * reach, figure.eyes[0][1] + 0.085, hinge[2] - 0.002])
        tube("glasses temple", np.stack([hinge, (hinge + end) / 2, end]), RIM, frame)
