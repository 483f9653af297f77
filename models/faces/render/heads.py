"""More heads, drawn by chance within limits, as pictures for tests of face analysis.

They are not stock people. Each shows something that a user's picture may: a tilted head, a
smile, spectacles, light from one side, facial hair, old age, and what no avatar can be made of:
a profile, sunglasses, two people.
"""

import numpy as np

from figure import Person
from skin import Skin
from styles import bob, cropped, long_waves, short_coils

DETAILS = [
    "nose/nose-scale-horiz-decr|incr",
    "nose/nose-scale-vert-decr|incr",
    "nose/nose-hump-decr|incr",
    "nose/nose-point-down|up",
    "mouth/mouth-scale-horiz-decr|incr",
    "mouth/mouth-upperlip-volume-decr|incr",
    "mouth/mouth-lowerlip-volume-decr|incr",
    "chin/chin-width-decr|incr",
    "chin/chin-prominent-decr|incr",
    "cheek/x-cheek-bones-decr|incr",
    "eyes/x-eye-scale-decr|incr",
    "eyes/x-eye-trans-in|out",
    "forehead/forehead-scale-vert-decr|incr",
    "head/head-fat-decr|incr",
]
TONES = {
    "caucasian": (0.86, 0.69, 0.60),
    "asian": (0.82, 0.65, 0.53),
    "african": (0.45, 0.30, 0.22),
}
CLOTH = [(0.55, 0.20, 0.20), (0.25, 0.36, 0.28), (0.30, 0.30, 0.33), (0.72, 0.62, 0.42)]


def head(name, seed, male, age, race, hair, hair_look, clothes, **rest):
    """A person whose face is drawn by `seed` within plausible limits."""
    rng = np.random.default_rng(seed)
    face = {key: float(rng.normal(0, 0.28)) for key in DETAILS}
    face["neck/neck-scale-vert-decr"] = 0.2
    tone = sum(np.array(TONES[r]) * share for r, share in race.items())
    tone = tuple(np.clip(tone * rng.uniform(0.94, 1.04), 0, 0.9))
    skin = Skin(
        tone=tone,
        blush=tuple(np.array(tone) * np.array([0.98, 0.72, 0.68])),
        lip=tuple(np.array(tone) * np.array([0.86, 0.62, 0.62])),
        shade=tuple(np.array(tone) * np.array([0.66, 0.56, 0.55])),
        freckles=float(rng.uniform(0, 0.4)),
        stubble=0.3 * male,
        wrinkles=float(np.clip((age - 0.5) * 2.5, 0.1, 0.9)),
    )
    cloth = CLOTH[seed % len(CLOTH)]
    return Person(
        id=name, name=name, description="", voices=[], seed=seed, male=male, age=age, race=race,
        weight=float(rng.uniform(0.42, 0.62)), face=face, skin=skin, hair=hair,
        hair_look=hair_look, clothes=clothes, fabrics={"cloth": {"colour": cloth}},
        iris=tuple(np.array([0.24, 0.15, 0.09]) * rng.uniform(0.8, 1.4)),
        brow={"count": 400, "length": 0.008, "thickness": 0.0075},
        brow_look={"melanin": 0.9, "redness": 0.4}, **rest,
    )


BROWN = {"melanin": 0.75, "redness": 0.5}
BLACK = {"melanin": 0.97, "redness": 0.25}
GREY = {"colour": (0.30, 0.29, 0.28), "second": (0.62, 0.61, 0.60)}
BLOND = {"melanin": 0.30, "redness": 0.45}

HEADS = {
    person.id: person
    for person in (
        head("tilted", 102, 0.0, 0.50, {"asian": 0.7, "caucasian": 0.3}, long_waves(), BLACK,
             "female_casualsuit01", mood={"mouth-corner-puller": 0.2}, tilt=11.0),
        head("smiling", 103, 0.0, 0.56, {"african": 1.0}, bob(), BLACK, "female_casualsuit01",
             mood={"mouth-corner-puller": 0.95, "eye-left-slit": 0.3, "eye-right-slit": 0.3}),
        head("glasses", 104, 1.0, 0.70, {"caucasian": 0.8, "asian": 0.2}, cropped(), BROWN,
             "male_casualsuit01", mood={"mouth-corner-puller": 0.15},
             glasses={"colour": (0.06, 0.05, 0.05)}),
        head("sidelit", 105, 0.0, 0.62, {"caucasian": 1.0}, long_waves(), BLOND,
             "female_elegantsuit01", mood={"mouth-corner-puller": 0.2},
             light={"side": 1, "fill": 0.25, "ambient": 0.05}),
        head("bearded", 106, 1.0, 0.55, {"african": 0.5, "caucasian": 0.5}, short_coils(), BLACK,
             "male_casualsuit03", mood={"mouth-corner-puller": 0.1},
             beard={"count": 14000, "length": 0.009}),
        head("elderly", 108, 1.0, 0.93, {"caucasian": 0.5, "asian": 0.5}, cropped(0.030), GREY,
             "male_casualsuit01", mood={"mouth-corner-puller": 0.3}),
        head("profile", 109, 0.0, 0.55, {"african": 0.7, "caucasian": 0.3}, bob(), BLACK,
             "female_casualsuit01", turn=78.0),
        head("sunglasses", 110, 0.0, 0.52, {"caucasian": 1.0}, long_waves(), BROWN,
             "female_casualsuit01", mood={"mouth-corner-puller": 0.3},
             glasses={"colour": (0.06, 0.05, 0.05), "dark": True, "height": 0.024}),
    )
}
# Two heads in one picture, from left to right.
GROUPS = {"pair": ("tilted", "bearded")}
