"""Which piece of a garment is which, so that a shirt and a suit get different cloth."""

import numpy as np

import mesh

# Half width of the tie by height, in mm of the asset's own file; shirt faces beside it have
# their centres at least 4 mm further out. Below the last step only the tie shows.
TIE_OUTLINE = (
    [430, 440, 480, 509, 521, 552, 592, 626, 645, 646],
    [60, 12, 18, 21, 25, 27, 22, 20, 10, 0],
)


def uv_islands(surface):
    """Lowest UV index of the connected UV island of every face."""
    parent = np.arange(len(surface.uv))

    def root(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for corners in surface.face_uv:
        for i in corners[1:]:
            parent[root(i)] = root(corners[0])
    return np.array([root(corners[0]) for corners in surface.face_uv])


def suit_piece(centre, island_uv):
    """Suit jacket, shirt or tie, by the UV island's place and the face's centre (metres)."""
    u, v = island_uv
    shirt = abs(u - 0.398) < 0.02 and abs(v - 0.90) < 0.02
    collar = abs(u - 0.348) < 0.02 and abs(v - 0.589) < 0.02
    if not (shirt or collar):
        return "suit"
    x, _, z = centre * 1e3
    half = np.interp(z, *TIE_OUTLINE)
    return "tie" if shirt and abs(x) < half else "shirt"


def islands(garment, folder, part, uv, names):
    """Index into `names` of the cloth of every face of `part`.

    Garments with one cloth take the first name; the suit is divided by its UV layout and by
    the positions in the asset's own file, so that the division does not depend on the wearer.
    """
    if garment != "male_elegantsuit01":
        return [0] * len(part.faces)
    verts, _, faces, face_uv, _ = mesh.read_obj(folder / f"{garment}.obj")
    verts = mesh.to_blender(verts)
    whole = mesh.Surface(verts, faces, uv, face_uv)
    label = uv_islands(whole)
    centre_uv = {
        i: uv[np.unique([c for f, j in zip(face_uv, label) if j == i for c in f])].mean(axis=0)
        for i in np.unique(label)
    }
    piece = {
        tuple(corners): names.index(suit_piece(verts[face].mean(axis=0), centre_uv[i]))
        for face, corners, i in zip(faces, face_uv, label)
    }
    return [piece[tuple(corners)] for corners in part.face_uv]


def drape(verts, faces, chin, rounds, ease=0.005):
    """Lets the cloth hang: evens out what lies more than a hand below the chin and eases it.

    The garments follow the bare body closely; cloth spans its hollows instead. `chin` is the
    chin's height, `rounds` how often neighbours are averaged, `ease` the distance that the
    cloth is let out (metres).
    """
    edges = np.array([(a, b) for f in faces for a, b in zip(f, f[1:] + f[:1], strict=True)])
    edges = np.concatenate([edges, edges[:, ::-1]])
    count = np.bincount(edges[:, 0], minlength=len(verts))[:, None]
    low = np.clip((chin - 0.10 - verts[:, 2]) / 0.06, 0, 1)[:, None]
    before = verts
    out = verts.copy()
    for _ in range(rounds):
        total = np.zeros_like(out)
        np.add.at(total, edges[:, 0], out[edges[:, 1]])
        mean = total / np.maximum(count, 1)
        out += 0.6 * low * (mean - out)
    # Evening out shrinks; only what fills hollows is kept, then the cloth is let out.
    normals = np.zeros_like(before)
    for face in faces:
        a, b, c = before[face[0]], before[face[1]], before[face[-1]]
        normals[face] += np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    outwards = np.clip(((out - before) * normals).sum(axis=1, keepdims=True), -0.004, None)
    return before + normals * (outwards + ease * low)


def close_front(verts, depth=0.035, width=0.050):
    """Buttons the blouse up further: its opening is `depth` metres deep afterwards.

    The two front edges are drawn together below that point; cloth up to `width` from the edge
    follows.
    """
    front = verts[:, 1] < np.median(verts[:, 1]) - 0.03
    top = verts[front & (np.abs(verts[:, 0]) < 0.05), 2].max()
    x, z = verts[:, 0], verts[:, 2]
    out = verts.copy()
    edge = []
    levels = np.linspace(top - 0.25, top, 26)
    for level in levels:
        near = front & (np.abs(z - level) < 0.012) & (np.abs(x) < 0.08)
        edge.append(np.abs(x[near]).min() if near.any() else 0.0)
    gap = np.interp(z, levels, np.minimum.accumulate(np.array(edge)[::-1])[::-1])
    share = np.clip((top - depth + 0.03 - z) / 0.03, 0, 1) * (z > top - 0.25) * front
    follow = np.clip(1 - (np.abs(x) - gap) / width, 0, 1)
    # They lap over each other, so that nothing is seen between them.
    out[:, 0] -= np.sign(x) * (gap + 0.004) * share * follow
    return out


# Where cloth hangs from or is drawn to, on each side (metres): beside and below the chin, folds
# for each radian around it, their depth, where they are deepest and where they have run out,
# and the directions that they go in (radians from the outside, downwards).
FANS = (
    (0.132, 0.045, 12.0, 0.0105, 0.09, 0.30, (0.9, 2.7)),  # the end of the shoulder
    (0.136, 0.150, 9.0, 0.0085, 0.04, 0.17, (1.6, 4.0)),  # the armpit
    (0.160, 0.090, 9.0, 0.0080, 0.05, 0.20, (0.6, 2.4)),  # the sleeve under it
)


def creased(verts, normals, chin, amount, rng):
    """Cloth with folds that spread from the shoulders and the armpits.

    Each is a rounded ridge with a narrower valley. `chin` is the chin's height, `amount` the
    share of the depth in `FANS`.
    """
    depth = np.zeros(len(verts))
    for side in (1, -1):
        for across, below, count, most, deepest, ends, (first, last) in FANS:
            dx = side * verts[:, 0] - across
            dz = (chin - below) - verts[:, 2]
            away = np.hypot(dx, dz)
            angle = np.arctan2(dz, dx) % (2 * np.pi)
            # Not quite straight, and none like the next.
            bend = rng.uniform(-2.5, 2.5) * away / ends + rng.uniform(0, 2 * np.pi)
            wave = np.sin(count * angle + bend + 0.8 * np.sin(2.3 * angle + bend))
            ridge = (0.5 + 0.5 * wave) ** 0.6
            share = np.clip(away / deepest, 0, 1) * np.clip((ends - away) / (ends - deepest), 0, 1)
            edge = np.clip((angle - first) / 0.4, 0, 1) * np.clip((last - angle) / 0.4, 0, 1)
            share, edge = (t * t * (3 - 2 * t) for t in (share, edge))
            depth += amount * most * (ridge - 0.1) * share * edge * (side * verts[:, 0] > 0)
    return verts + normals * depth[:, None]
