"""Makes ID.avatar from the folder of one stock person, with the project's own face analysis.

    python pack.py maya kenji

Runs two examples of the workspace: `analyse` of the `vision` crate finds the landmarks and the
expression that the picture shows, `pack` of the `face` crate writes the package.
"""

import argparse
import json
import struct
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

FACES = Path(__file__).resolve().parent.parent
ROOT = FACES.parent.parent
PLATES = {"alpha.png": "person.png", "eyes_closed.jpg": "eyes_closed.png"}


def example(crate, name, *arguments):
    """Runs an example in the root of the repository; returns what it prints."""
    command = ["cargo", "run", "-q", "--release", "-p", crate, "--example", name, "--"]
    done = subprocess.run(
        [*command, *map(str, arguments)], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def toml(value):
    """A string or a list of strings as TOML, whose quoting is that of JSON here."""
    return json.dumps(value, ensure_ascii=False)


def pack(folder, out):
    """Gathers the loose files that `pack` reads, and runs it."""
    with tempfile.TemporaryDirectory() as scratch:
        loose = Path(scratch)
        Image.open(folder / "portrait.jpg").save(loose / "picture.png")
        for source, target in PLATES.items():
            Image.open(folder / source).save(loose / target)
        faces = json.loads(example("vision", "analyse", loose / "picture.png"))["faces"]
        if len(faces) != 1:
            raise SystemExit(f"{folder.name}: {len(faces)} faces in the picture")
        points = [x for point in faces[0]["landmarks"] for x in point]
        (loose / "landmarks.f32").write_bytes(struct.pack(f"<{len(points)}f", *points))
        shapes = [f"{name} = {value:.4f}\n" for name, value in faces[0]["shapes"].items()]
        (loose / "shapes.toml").write_text("".join(shapes))
        about = json.loads((folder / "about.json").read_text())
        lines = [f"{key} = {toml(value)}\n" for key, value in about.items()]
        (loose / "about.toml").write_text("".join(lines))
        example("face", "pack", loose, out)


def main():
    """Command line."""
    parse = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parse.add_argument("people", nargs="+")
    for name in parse.parse_args().people:
        pack(FACES / name, FACES / f"{name}.avatar")


if __name__ == "__main__":
    main()
