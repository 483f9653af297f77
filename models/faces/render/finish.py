"""From rendered layers to the files of a stock person: backdrop, mask, plates, preview."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

QUALITY = 93  # JPEG; with full chroma, about 250 kB for 1024 x 1024
TEST_QUALITY = 88  # under 40 kB for 512 x 512


def load(path):
    """A rendered RGBA layer as floats 0..1 (straight alpha)."""
    return np.asarray(Image.open(path).convert("RGBA"), dtype=np.float32) / 255.0


def backdrop(size, top, bottom, seed):
    """A studio wall out of focus: a lit oval behind the head, darker corners, fine grain.

    The grain (one grey level) keeps the gradient from banding in 8 bits.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    glow = np.exp(-(((x - 0.56) / 0.55) ** 2) - ((y - 0.36) / 0.50) ** 2)
    drift = gaussian_filter(rng.normal(size=(size // 8, size // 8)), size / 8 * 0.16)
    drift = np.asarray(
        Image.fromarray((drift / np.abs(drift).max()).astype(np.float32)).resize(
            (size, size), Image.BICUBIC
        )
    )
    share = np.clip(glow + 0.10 * drift, 0, 1)[:, :, None]
    wall = np.asarray(top) * share + np.asarray(bottom) * (1 - share)
    return np.clip(wall + rng.normal(0, 0.004, (size, size, 1)), 0, 1)


def graded(layer):
    """Brighter, with a little more contrast and colour than the renderer's neutral film."""
    out = layer.copy()
    rgb = out[:, :, :3] ** 0.88
    rgb = rgb + 0.10 * (rgb - 0.5) * (1 - np.abs(2 * rgb - 1))
    grey = rgb @ np.array([0.3, 0.6, 0.1], np.float32)
    out[:, :, :3] = np.clip(grey[:, :, None] + 1.03 * (rgb - grey[:, :, None]), 0, 1)
    return out


def settled(layer):
    """Smooths the mask by less than a pixel: thin strands are few samples wide there."""
    out = layer.copy()
    alpha = layer[:, :, 3]
    soft = gaussian_filter(alpha, 0.8)
    edge = np.clip(gaussian_filter(((alpha > 0.02) & (alpha < 0.98)).astype(np.float32), 1.5), 0, 1)
    out[:, :, 3] = alpha + (soft - alpha) * edge
    return out


def over(layer, below):
    """Alpha compositing of a straight RGBA layer."""
    alpha = layer[:, :, 3:]
    return layer[:, :, :3] * alpha + below * (1 - alpha)


def feather(shape, edge):
    """1 inside, falling to 0 over `edge` pixels at the border of a crop."""
    def side(n):
        i = np.arange(n)
        t = np.clip(np.minimum(i, n - 1 - i) / edge, 0, 1)
        return t * t * (3 - 2 * t)

    return side(shape[0])[:, None] * side(shape[1])[None]


def save(path, image, mode="RGB", quality=QUALITY):
    """Writes JPEG (RGB) or PNG (RGBA, grey) by the file's extension."""
    data = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
    picture = Image.fromarray(data, mode)
    if Path(path).suffix == ".jpg":
        picture.save(path, quality=quality, subsampling=0, optimize=True)
    else:
        picture.save(path, optimize=True)


def portrait_files(layers, person, folder, truth):
    """Writes the picture, its mask, plates, preview, about.json and truth.json to `folder`.

    `layers` is the renderer's folder: full.png and crops named NAME.png with their place in
    places.json.
    """
    layers, folder = Path(layers), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    full = settled(graded(load(layers / "full.png")))
    size = full.shape[0]
    wall = backdrop(size, *person.backdrop, person.seed)
    picture = over(full, wall)
    save(folder / "portrait.jpg", picture)
    save(folder / "alpha.png", full[:, :, 3], "L")
    places = json.loads((layers / "places.json").read_text())
    for name, box in places.items():
        layer = graded(load(layers / f"{name}.png"))
        height, width = layer.shape[:2]
        area = np.s_[box[1] : box[1] + height, box[0] : box[0] + width]
        plate = picture.copy()
        mix = feather((height, width), 0.12 * height)[:, :, None]
        plate[area] = over(layer, wall[area]) * mix + picture[area] * (1 - mix)
        save(folder / f"{name}.jpg", plate)
    small = Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
    inset = int(0.12 * size)
    top = int(0.04 * size)
    small = small.crop((inset, top, size - inset, top + size - 2 * inset))
    small.resize((256, 256), Image.LANCZOS).save(
        folder / "preview.jpg", quality=88, optimize=True
    )
    about = {
        "id": person.id,
        "name": person.name,
        "description": person.description,
        "voices": person.voices,
        "licence": "Apache-2.0",
    }
    (folder / "about.json").write_text(json.dumps(about, indent=2) + "\n")
    (folder / "truth.json").write_text(json.dumps(truth) + "\n")


def test_picture(layers, person, path):
    """Writes heads for tests as a small JPEG over the backdrop of `person`.

    One layer fills the picture; several stand side by side, smaller.
    """
    layers = [settled(graded(load(layer))) for layer in layers]
    size = layers[0].shape[0]
    picture = backdrop(size, *person.backdrop, person.seed)
    share = 1 if len(layers) == 1 else 1.3 / len(layers)
    for k, layer in enumerate(layers):
        pixels = Image.fromarray((layer * 255 + 0.5).astype(np.uint8), "RGBA")
        pixels = pixels.resize((round(share * size),) * 2, Image.LANCZOS)
        sheet = Image.new("RGBA", (size, size))
        left = round(size * (k + 0.5) / len(layers)) - pixels.width // 2
        sheet.paste(pixels, (left, size - pixels.height))
        picture = over(np.asarray(sheet, np.float32) / 255, picture)
    save(path, picture, quality=TEST_QUALITY)
