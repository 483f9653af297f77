"""One person's body as numbers: shape, pose, landmarks, eyes, lash lines."""

import json
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree

import mesh
from skin import Skin

# Vertices of the base mesh (person's left side where there are two).
POINTS = {
    "eye_inner": 14763,
    "eye_outer": 14747,
    "lid_upper": 14743,
    "lid_lower": 14756,
    "nose_bridge": 132,
    "nose_tip": 297,
    "nose_base": 343,
    "lip_top": 466,
    "lip_upper_inner": 474,
    "lip_lower_inner": 493,
    "lip_bottom": 492,
    "mouth_corner": 7272,
    "chin": 5225,
    "chin_front": 5171,
    "forehead": 3750,
    "crown": 881,
}
# The edge of the lids from the inner to the outer corner: lash roots, and the wet rim inside.
UPPER_LASH = [14769, 14771, 14774, 14775, 14794, 14795, 14791, 14790, 14789, 14788, 14787, 14786]
LOWER_LASH = [14776, 14767, 14777, 14778, 14779, 14780, 14781, 14782, 14783, 14784]
LOWER_RIM = [14759, 14758, 14757, 14756, 14755, 14754, 14753, 14752, 14751]


@dataclass
class Person:
    """All that makes one portrait; see `people`."""

    id: str
    name: str
    description: str
    voices: list
    seed: int
    male: float
    age: float
    race: dict
    muscle: float = 0.5
    weight: float = 0.5
    face: dict = field(default_factory=dict)
    mood: dict = field(default_factory=dict)
    skin: Skin = None
    iris: tuple = (0.30, 0.18, 0.10)
    hair: object = None
    hair_look: dict = field(default_factory=dict)
    scalp: tuple = (0.06, 0.045, 0.04)
    brow: dict = field(default_factory=dict)
    brow_look: dict = field(default_factory=dict)
    lash: float = 0.006
    seal: float = 1.0  # how far each lip is let into the other, mm
    beard: dict = None
    clothes: str = ""
    fabrics: dict = field(default_factory=dict)
    creases: float = 1.0  # depth of the folds at shoulders and armpits; 1 for a loose shirt
    buttons: tuple = None  # metres from the chin to the first and between them, how many
    backdrop: tuple = ((0.62, 0.66, 0.70), (0.36, 0.40, 0.45))
    light: dict = field(default_factory=dict)
    tilt: float = 0.0
    turn: float = 0.0  # degrees that the camera stands to the person's left
    glasses: dict = None


class Figure:
    """Vertices of one person with one expression."""

    def __init__(self, base, person, mood=None):
        self.base, self.person = base, person
        weights = mesh.macro(person.male, person.age, person.muscle, person.weight, person.race)
        weights.update(mesh.details(person.face))
        self.neutral = lower_arms(base, base.displaced(weights))
        mood = person.mood if mood is None else mood
        faces = mesh.expression(mood, person.race)
        self.verts = self.neutral.copy()
        for name, amount in faces.items():
            index, offset = base.target(name)
            self.verts[index] += amount * offset
        self.verts = sealed(base, self.verts, person.seal)
        self.rest = mesh.to_blender(self.neutral)
        self.metres = mesh.to_blender(self.verts)
        groups = base.vertex_groups
        self.eyes = [self.rest[groups[f"joint-{s}-eye"]].mean(axis=0) for s in "lr"]
        ball = self.rest[groups["helper-l-eye"]]
        self.eye_radius = np.linalg.norm(ball - self.eyes[0], axis=1).mean()
        self.between_eyes = (self.eyes[0] + self.eyes[1]) / 2
        mirror = base.verts * np.array([-1, 1, 1])
        self.mirror = cKDTree(base.verts).query(mirror)[1]

    def front_mm(self, points):
        """Millimetres from the point between the eyes (the skin maps' coordinates)."""
        return (points - self.between_eyes) * 1e3

    def marks(self):
        """Named (x, z) points in mm of the resting face, and derived ones."""
        out = {}
        for name, index in POINTS.items():
            p = self.front_mm(self.rest[index])
            out[name] = (abs(p[0]), p[2])
        out["eye"] = (self.front_mm(self.eyes[0])[0], 0.0)
        nose = self.front_mm(self.rest[:13380])
        tip = self.front_mm(self.rest[POINTS["nose_tip"]])
        near = (np.abs(nose[:, 2] - tip[2] + 4) < 6) & (nose[:, 1] < tip[1] + 22)
        near &= np.abs(nose[:, 0]) < 26
        wing = nose[near][np.argmax(nose[near][:, 0])]
        out["nostril"] = (wing[0], wing[2])
        return out

    def line(self, indices, side, rest=False):
        """Points of a vertex row on the left (0) or right (1) side."""
        index = np.array(indices)
        if side:
            index = self.mirror[index]
        return (self.rest if rest else self.metres)[index]


def sealed(base, verts, amount):
    """Presses the lips together: smoothing the mesh would leave them ajar.

    Near the line between them the vertices that go with the jaw rise by `amount` mm and the
    others sink by it, less towards the corners.
    """
    jaw = np.zeros(len(verts))
    index, offset = base.target("expression/units/caucasian/mouth-open")
    jaw[index] = offset[:, 1]
    upper, lower = verts[POINTS["lip_upper_inner"]], verts[POINTS["lip_lower_inner"]]
    corner = verts[POINTS["mouth_corner"]]
    across = np.clip(np.abs(verts[:, 0] / corner[0]), 0, 1) ** 2
    middle = (upper + lower) / 2
    line = middle[1] + (corner[1] - middle[1]) * across
    # Decimetres, as the mesh: within 4 mm of the line, and not the back of the mouth.
    near = np.exp(-(((verts[:, 1] - line) / 0.04) ** 2)) * (1 - across)
    near *= np.clip((verts[:, 2] - middle[2] + 0.10) / 0.05, 0, 1)
    near[13380:] = 0
    out = verts.copy()
    out[:, 1] += 0.01 * amount * near * np.where(jaw < -0.12, 1, -1)
    return out


def lower_arms(base, verts, arm=26.0, shoulder=5.0):
    """Turns the arms of the A-pose down (degrees) about the shoulder and collar-bone joints."""
    path = base.root / "rigs/standard/weights.default.json"
    weights = json.loads(path.read_text())["weights"]
    arm_bones = ("upperarm", "lowerarm", "wrist", "finger", "metacarpal")
    out = verts.copy()
    for side, sign in (("L", 1), ("R", -1)):
        upper = np.zeros(len(verts))
        collar = np.zeros(len(verts))
        for bone, pairs in weights.items():
            if not bone.endswith("." + side):
                continue
            for index, amount in pairs:
                if bone.startswith(arm_bones):
                    upper[index] += amount
                elif bone.startswith(("shoulder", "clavicle")):
                    collar[index] += amount
        joint = {
            name: verts[base.vertex_groups[f"joint-{side.lower()}-{name}"]].mean(axis=0)
            for name in ("shoulder", "clavicle")
        }
        for weight, degrees, pivot in (
            (upper, arm, joint["shoulder"]),
            (np.minimum(upper + collar, 1), shoulder, joint["clavicle"]),
        ):
            a = -sign * np.radians(degrees)
            c, s = np.cos(a), np.sin(a)
            d = out - pivot
            turned = out.copy()
            turned[:, 0] = pivot[0] + c * d[:, 0] - s * d[:, 1]
            turned[:, 1] = pivot[1] + s * d[:, 0] + c * d[:, 1]
            out += (turned - out) * np.clip(weight, 0, 1)[:, None]
    return out
