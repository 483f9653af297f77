"""Makes `basis.bin`: face landmarks, triangles and ARKit shapes.

    python make.py LANDMARKER.task [PICTURE.png]

LANDMARKER.task is MediaPipe's face landmarker, which finds the landmarks of the
neutral head; PICTURE.png shows them. See README.md for the layout of the file.
"""

import pathlib
import struct
import sys

import mediapipe
import numpy as np
from head import MM, SIDE, Head, project
from mediapipe.tasks.python import BaseOptions, vision
from PIL import Image, ImageDraw
from points import (
    INNER_MOUTH,
    LEFT_EYE,
    LOWER_LIP,
    MESH,
    OUTER_EYE_CORNERS,
    OVAL,
    RIGHT_EYE,
    UPPER_LIP,
)
from scipy.optimize import linear_sum_assignment
from scipy.spatial import Delaunay
from shapes import Shapes

# Steps of a millimetre in the file.
STEPS = 128
# How far eyes and mouth are opened while the mesh is laid, millimetres.
PARTED = 6.0
# Millimetres between points that are no mirror images.
FAR = 1e3
ROOT = pathlib.Path(__file__).parent
ENUM = ROOT.parents[2] / "server" / "media" / "src" / "face.rs"


def landmarks(picture, task):
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=task), num_faces=1
    )
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture)
        (found,) = landmarker.detect(image).face_landmarks
    return np.array([[p.x * SIDE, p.y * SIDE] for p in found])


def reference(head, vertices, weights):
    """Landmarks in millimetres between the eyes, made symmetric, and who mirrors whom."""
    points = (head.vertices[vertices] * weights[:, :, None]).sum(1) * [MM, -MM, -MM]
    points -= points[list(OUTER_EYE_CORNERS)].mean(0)
    mirrored = points * [-1, 1, 1]
    gap = np.linalg.norm((points[:, None] - mirrored[None])[:, :, :2], axis=2)
    # Where points lie close together, the lists say which belong together.
    known = list(zip(RIGHT_EYE, LEFT_EYE, strict=True))
    known += [pair for row in UPPER_LIP + LOWER_LIP for pair in zip(row, row[::-1], strict=True)]
    for right, left in known:
        gap[right], gap[left] = FAR, FAR
        gap[:, right], gap[:, left] = FAR, FAR
    for right, left in known:
        gap[right, left] = gap[left, right] = 0
    gap[MESH:, :MESH] = gap[:MESH, MESH:] = FAR
    mirror = linear_sum_assignment(gap)[1]
    assert (mirror[mirror] == np.arange(478)).all()
    points = (points + mirrored[mirror]) / 2
    # Inner points of the lips are pinned to what is seen between them.
    for row, outside in zip(LOWER_LIP[3][1:-1], LOWER_LIP[2][1:-1], strict=True):
        points[row, 2] = points[outside, 2] + 1
    for row in INNER_MOUTH:
        points[row, 2] = np.clip(points[row, 2], points[0, 2], points[61, 2] + 2)
    return points, mirror


def triangles(points, shapes):
    """The mesh of the face, without eyes and the inside of the mouth."""
    flat = points[:MESH, :2] + PARTED / 24 * shapes["jawOpen"][:MESH, :2]
    for eye in (RIGHT_EYE, LEFT_EYE):
        flat[list(eye[1:8]), 1] -= PARTED / 3
    holes = [set(RIGHT_EYE), set(LEFT_EYE), set(INNER_MOUTH)]
    outline = flat[list(OVAL)]
    mesh = []
    for corners in Delaunay(flat).simplices:
        if any(set(corners) <= hole for hole in holes):
            continue
        if inside(outline, flat[corners].mean(0)):
            mesh.append(corners)
    return np.array(mesh)


def inside(polygon, point):
    a, b = polygon, np.roll(polygon, -1, axis=0)
    crosses = (a[:, 1] > point[1]) != (b[:, 1] > point[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        x = a[:, 0] + (point[1] - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    return (crosses & (point[0] < x)).sum() % 2 == 1


def names():
    """The blendshapes by index, from the server's own list."""
    text = ENUM.read_text().split("Blendshape, BLENDSHAPES")[1].split("}")[0]
    return [line.split('"')[1] for line in text.splitlines() if "=>" in line]


def write(path, points, mesh, shapes):
    order = {name: index for index, name in enumerate(names())}
    steps = lambda offsets: np.round(offsets * STEPS).astype("<i2").tobytes()
    data = [b"VISBASIS", struct.pack("<4H", 1, len(points), len(mesh), len(shapes))]
    data += [steps(points), mesh.astype("<u2").tobytes()]
    for name, offsets in sorted(shapes.items(), key=lambda item: order[item[0]]):
        data += [struct.pack("<H", order[name]), steps(offsets)]
    path.write_bytes(b"".join(data))


def main():
    head = Head()
    picture = head.draw()
    found = landmarks(picture, sys.argv[1])
    vertices, weights = head.pin(found)
    points, mirror = reference(head, vertices, weights)
    shapes = Shapes(head, points, vertices, weights, mirror).all()
    mesh = triangles(points, shapes)
    write(ROOT / "basis.bin", points, mesh, shapes)
    if len(sys.argv) > 2:
        image = Image.fromarray(picture)
        draw = ImageDraw.Draw(image)
        at = project((head.vertices[vertices] * weights[:, :, None]).sum(1))[:, :2]
        for corners in mesh:
            draw.polygon([tuple(at[i]) for i in corners], outline=(0, 120, 60))
        image.save(sys.argv[2])


if __name__ == "__main__":
    main()
