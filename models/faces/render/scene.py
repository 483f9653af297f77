"""Builds one person in Blender and takes the pictures (run with the `bpy` package)."""

from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree

import glasses
import groom
import materials
import mesh
import skin as paint
import wardrobe
from figure import LOWER_LASH, LOWER_RIM, POINTS, UPPER_LASH, Figure

CANVAS = 0.46  # metres of the world that the square picture shows at the face
LENS = 85.0  # mm, on a sensor 36 mm wide
EYE_HEIGHT = 0.36  # the eyes' distance from the top, as a share of the picture
CUT = 0.60  # clothes end this far below the eyes (metres); outside the picture
SKIN_BELOW_CHIN = 0.20  # the skin ends here, under the clothes (metres)


def mesh_object(name, surface, verts, material, subdivide=0, attributes=None):
    """Adds a smooth mesh; `attributes` are per-vertex vectors or numbers."""
    data = bpy.data.meshes.new(name)
    data.from_pydata(np.asarray(verts).tolist(), [], surface.faces)
    data.polygons.foreach_set("use_smooth", np.ones(len(data.polygons), bool))
    if surface.face_uv and surface.face_uv[0]:
        layer = data.uv_layers.new(name="mh")
        corners = [surface.uv[i] for face in surface.face_uv for i in face]
        layer.data.foreach_set("uv", np.array(corners, np.float32).ravel())
    for key, values in (attributes or {}).items():
        set_attribute(data, key, values)
    item = bpy.data.objects.new(name, data)
    bpy.context.collection.objects.link(item)
    for m in material if isinstance(material, list) else [material]:
        data.materials.append(m)
    if subdivide:
        modifier = item.modifiers.new("subdivide", "SUBSURF")
        modifier.levels = modifier.render_levels = subdivide
    return item


def set_attribute(data, name, values):
    values = np.asarray(values, np.float32)
    kind = "FLOAT" if values.ndim == 1 else "FLOAT_VECTOR"
    attribute = data.attributes.new(name, kind, "POINT")
    attribute.data.foreach_set("value" if values.ndim == 1 else "vector", values.ravel())


def applied(item):
    """Replaces an object's mesh by its subdivided one; returns vertices, normals, faces."""
    graph = bpy.context.evaluated_depsgraph_get()
    dense = bpy.data.meshes.new_from_object(item.evaluated_get(graph), depsgraph=graph)
    item.modifiers.clear()
    item.data = dense
    count = len(dense.vertices)
    verts, normals = np.empty(count * 3), np.empty(count * 3)
    dense.vertices.foreach_get("co", verts)
    dense.vertices.foreach_get("normal", normals)
    loops = np.empty(len(dense.loops), int)
    dense.loops.foreach_get("vertex_index", loops)
    faces = loops.reshape(-1, 4)
    return verts.reshape(-1, 3), normals.reshape(-1, 3), faces


def read_attribute(data, name, width):
    attribute = data.attributes[name]
    values = np.empty(len(attribute.data) * width)
    attribute.data.foreach_get("value" if width == 1 else "vector", values)
    return values.reshape(-1, width) if width > 1 else values


def curves_object(name, strands, material):
    """Adds strands as Cycles hair curves."""
    count, points = strands.points.shape[:2]
    data = bpy.data.hair_curves.new(name)
    data.add_curves([points] * count)
    data.attributes["position"].data.foreach_set(
        "vector", strands.points.astype(np.float32).ravel()
    )
    radius = data.attributes.get("radius") or data.attributes.new("radius", "FLOAT", "POINT")
    radius.data.foreach_set("value", strands.radius.astype(np.float32).ravel())
    data.materials.append(material)
    item = bpy.data.objects.new(name, data)
    bpy.context.collection.objects.link(item)
    return item


def eyeball_meshes(radius, segments=96):
    """Inner ball (flat, sunken iris) and outer film (corneal bulge) that look along -y."""
    iris = 0.42
    angles = np.concatenate([np.linspace(0, 0.62, 28), np.linspace(0.66, 2.4, 36)])
    limit = np.arcsin(iris)
    inner, outer = [], []
    turn = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    for a in angles:
        r = np.sin(a)
        depth = np.cos(a)
        if a < limit:
            q = a / limit
            depth = np.cos(limit) - 0.035 * (1 - q**2)
        rise = 0.085 * max(0.0, 1 - (a / (limit * 1.12)) ** 2) ** 1.5
        ring = np.stack([r * np.cos(turn), np.zeros(segments), r * np.sin(turn)], 1)
        inner.append(ring + np.array([0, -depth, 0]))
        shell = 1.008 + rise
        outer.append(ring * shell + np.array([0, -np.cos(a) * shell, 0]))
    faces = [
        [k * segments + i, (k + 1) * segments + i,
         (k + 1) * segments + (i + 1) % segments, k * segments + (i + 1) % segments]
        for k in range(len(angles) - 1)
        for i in range(segments)
    ]
    return tuple(mesh.Surface(np.concatenate(r) * radius, faces) for r in (inner, outer))


class Studio:
    """Everything of one person that does not change with the expression, and the pictures."""

    def __init__(self, base, person, assets):
        self.base, self.person, self.assets = base, person, Path(assets)
        self.still = Figure(base, person, {})
        self.marks = self.still.marks()
        self.maps = self.strands = None
        textures = Path(base.root) / "textures"
        self.masks = {
            name: np.array(read_grey(textures / f"mpfb_{name}.jpg"))
            for name in ("lips", "inside-mouth", "ears")
        }

    def rng(self, part):
        """The generator of one part, so that changing one leaves the others as they are."""
        return np.random.default_rng([self.person.seed, part])

    # -- parts ------------------------------------------------------------------------------

    def brow_lines(self, figure):
        """Centre lines of both brows on the given figure, from the nose outwards."""
        shape = self.person.brow.get("shape", "eyebrow001")
        asset = mesh.fit_asset(self.assets / "eyebrows" / shape, figure.verts)
        verts = mesh.to_blender(asset.verts)
        lines = []
        for side in (1, -1):
            half = verts[verts[:, 0] * side > 0]
            order = np.argsort(np.abs(half[:, 0]))
            chunks = np.array_split(half[order], 12)
            line = np.array([c.mean(axis=0) for c in chunks])
            line[:, 2] += self.person.brow.get("raise", 0.0)
            line[:, 2] += self.person.brow.get("slope", 0.0) * (np.linspace(0, 1, 12) - 0.4)
            start, end = self.person.brow.get("span", (0.0, 1.0))
            knots = np.linspace(0, 1, 12)
            want = np.linspace(start, end, 12)
            lines.append(np.stack([np.interp(want, knots, line[:, k]) for k in range(3)], 1))
        return lines

    def beard_mask(self, points_mm):
        """How much beard grows at points (x, z in mm; arrays): moustache, chin, jaw, cheeks."""
        x, z = np.abs(points_mm[0]), points_mm[1]
        m = self.marks
        corner_x, corner_z = m["mouth_corner"]
        top = np.interp(
            x, [0, 12, 20, 30, 45, 62, 72],
            [m["nose_base"][1] - 3, m["nose_base"][1] - 3, m["nose_base"][1] - 5,
             corner_z + 3, corner_z + 4, corner_z + 22, corner_z + 55],
        )
        inside = groom.ramp(top - z, -2.5, 5)
        mouth = ((x / (corner_x + 3.5)) ** 2 + ((z - corner_z) / 10.5) ** 2) ** 0.5
        inside = inside * groom.ramp(mouth, 0.92, 1.12)
        below = groom.ramp(z, m["chin"][1] - 42, m["chin"][1] - 16)
        patch = groom.ramp(np.hypot((x - 11) / 8, (z - m["lip_bottom"][1] + 5) / 5), 0.6, 1.1)
        return inside * below * patch

    def build_skin(self):
        marks = dict(self.marks)
        lines = [self.still.front_mm(line)[:, [0, 2]] for line in self.brow_lines(self.still)]
        marks["brow_top"] = (0, max(line[:, 1].max() for line in lines))
        person = self.person
        if self.maps is None:
            self.maps = paint.paint(
                person.skin, marks, lambda c: self.beard_mask((c.x, c.z)).astype(np.float32),
                lines, person.seed,
            )
        pictures = [
            materials.picture(n, m, colour=n == "colour")
            for n, m in zip(("colour", "rough", "relief"), self.maps, strict=True)
        ]
        lips = materials.picture("lips", self.masks["lips"], colour=False)
        inside = materials.picture("inside", self.masks["inside-mouth"], colour=False)
        return materials.skin(pictures, lips, inside, person.skin, person.scalp)

    def build_body(self, figure, skin_material):
        """Head, neck and chest; below the collar the body shrinks under the clothes."""
        base = self.base
        surface = base.surface(figure.metres, "body")
        verts = figure.metres.copy()
        low = self.still.rest[POINTS["chin"]][2] - SKIN_BELOW_CHIN
        wanted = np.zeros(len(verts), bool)
        wanted[:13380] = verts[:13380, 2] > low
        ears = np.zeros(len(verts))
        for face, face_uv in zip(surface.faces, surface.face_uv):
            for v, u in zip(face, face_uv):
                ears[v] = sample(self.masks["ears"], base.uv[u])
        whole = mesh.Surface(verts, surface.faces, base.uv, surface.face_uv)
        part = whole.keep(wanted)
        mm = self.still.front_mm(self.still.rest[wanted])
        front = np.concatenate([paint.front_uv(mm), np.zeros((len(mm), 1))], 1)
        item = mesh_object(
            "body", part, part.verts, skin_material, 2,
            {"front": front, "rest": self.still.rest[wanted], "ears": ears[wanted]},
        )
        self.kept = np.where(wanted)[0]
        return item

    def build_eyes(self, figure):
        person = self.person
        map_ = paint.iris(person.iris, 0.85, person.seed)
        ball_material = materials.eyeball(materials.picture("iris", map_))
        film = materials.wet("cornea", 0.02, 1.7)
        camera = figure.between_eyes + np.array([0, -self.distance(), 0])
        for centre in figure.eyes:
            inner, outer = eyeball_meshes(figure.eye_radius)
            gaze = Vector(camera - centre)
            turn = np.array(Vector((0, -1, 0)).rotation_difference(gaze).to_matrix())
            disc = inner.verts / figure.eye_radius
            uv = np.stack([disc[:, 0] * 0.5 + 0.5, disc[:, 2] * 0.5 + 0.5, 0 * disc[:, 0]], 1)
            mesh_object("eye", inner, inner.verts @ turn.T + centre, ball_material, 0,
                        {"disc": uv})
            mesh_object("film", outer, outer.verts @ turn.T + centre, film)
        tear = materials.wet("tear", 0.05, 1.34)
        for side in (0, 1):
            line = figure.line(LOWER_RIM, side)
            line = line + 0.0004 * groom.unit(line - figure.eyes[side])
            fine = resample(line, 40)
            radius = 0.00038 * np.sin(np.linspace(0.25, np.pi - 0.2, 40)) ** 0.5
            curves_object("tear", groom.Strands(fine[None], radius[None]), tear)

    def build_clothes(self):
        """The garment, its pieces dressed by `Person.fabrics` (UV island to material)."""
        person = self.person
        folder = self.assets / "clothes" / person.clothes
        asset = mesh.fit_asset(folder, self.still.verts)
        verts = mesh.to_blender(asset.verts)
        if person.clothes in {"female_elegantsuit01", "male_casualsuit03"}:
            verts = wardrobe.close_front(verts)
        rounds = 0 if person.clothes == "male_elegantsuit01" else 14  # lapels keep their edges
        verts = wardrobe.drape(verts, asset.faces, self.still.rest[POINTS["chin"]][2], rounds)
        low = self.still.between_eyes[2] - CUT
        part = mesh.Surface(verts, asset.faces, asset.uv, asset.face_uv).keep(verts[:, 2] > low)
        fabrics = list(person.fabrics.items())
        names = [name for name, _ in fabrics]
        dressed = [materials.cloth(name, **look) for name, look in fabrics]
        item = mesh_object("clothes", part, part.verts, dressed, 0, {"rest": part.verts})
        chosen = wardrobe.islands(person.clothes, folder, part, asset.uv, names)
        item.data.polygons.foreach_set("material_index", np.array(chosen, np.int32))
        smooth = item.modifiers.new("subdivide", "SUBSURF")
        smooth.levels = smooth.render_levels = 2
        verts, normals, faces = applied(item)
        chin = self.still.rest[POINTS["chin"]][2]
        verts = wardrobe.creased(verts, normals, chin, person.creases, self.rng(8))
        item.data.vertices.foreach_set("co", verts.ravel())
        item.data.update()
        solid = item.modifiers.new("thickness", "SOLIDIFY")
        solid.thickness, solid.offset = 0.0016, -1.0
        smooth = item.modifiers.new("subdivide", "SUBSURF")
        smooth.levels = smooth.render_levels = 1
        cloth = mesh.Surface(verts, faces.tolist())
        if person.buttons:
            self.sew_buttons(cloth)
        return cloth

    def sew_buttons(self, cloth):
        """Buttons down the front, beside where it closes; rays from ahead find the cloth."""
        first, step, count = self.person.buttons
        colour = 0.75 * np.array(next(iter(self.person.fabrics.values()))["colour"])
        material = materials.plain("button", colour, 0.35)
        tree = BVHTree.FromPolygons(cloth.verts.tolist(), cloth.faces)
        top = self.still.rest[POINTS["chin"]][2] - first
        turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        for k in range(count):
            place = tree.ray_cast(Vector((0.008, -2.0, top - k * step)), Vector((0, 1, 0)))[0]
            if place is None:
                continue
            rings = [
                np.array(place) + np.stack([r * np.cos(turn), 0 * turn + y, r * np.sin(turn)], 1)
                for r, y in ((0.0055, 0.001), (0.0055, -0.002), (0.0045, -0.0028),
                             (0.0038, -0.0022), (0.0001, -0.0022))
            ]
            n = len(turn)
            faces = [
                [a * n + i, a * n + (i + 1) % n, (a + 1) * n + (i + 1) % n, (a + 1) * n + i]
                for a in range(len(rings) - 1)
                for i in range(n)
            ]
            disc = mesh.Surface(np.concatenate(rings), faces)
            mesh_object("button", disc, disc.verts, material)

    # -- light and camera ---------------------------------------------------------------------

    def distance(self):
        return LENS / 36.0 * CANVAS

    def build_camera(self):
        eye = self.still.between_eyes
        data = bpy.data.cameras.new("camera")
        data.lens, data.sensor_width = LENS, 36.0
        data.shift_y = -(0.5 - EYE_HEIGHT)
        item = bpy.data.objects.new("camera", data)
        # About the vertical through the middle of the head.
        turn = np.radians(self.person.turn)
        away = self.distance() + 0.08
        item.location = (away * np.sin(turn), eye[1] + 0.08 - away * np.cos(turn), eye[2])
        item.rotation_euler = (np.pi / 2, np.radians(self.person.tilt), turn)
        bpy.context.collection.objects.link(item)
        bpy.context.scene.camera = item
        return item

    def build_light(self):
        eye = self.still.between_eyes
        look = self.person.light
        world = bpy.data.worlds.new("world")
        world.use_nodes = True
        world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.9, 0.95, 1, 1)
        world.node_tree.nodes["Background"].inputs["Strength"].default_value = look.get(
            "ambient", 0.14
        )
        bpy.context.scene.world = world
        # Only the lamps shine in eyes and skin; a grey sky would lie over them as a veil.
        world.cycles_visibility.glossy = False
        side = look.get("side", -1)
        key = look.get("key", 1.0)
        fill, rim = look.get("fill", 1.0), look.get("rim", 1.0)
        # One window in the eyes; dark skin, though, takes its shape from what it mirrors.
        mirrored = look.get("fill_mirrored", False)
        films = bpy.data.collections.new("films")
        for item in bpy.data.objects:
            if item.name.split(".")[0] in ("film", "tear"):
                films.objects.link(item)
        for member in films.collection_objects:
            member.light_linking.link_state = "EXCLUDE"
        lamps = (
            # Position from the eyes, size, watts, colour, seen in skin, and in the eyes.
            ((side * 0.75, -1.15, 0.50), 1.0, 26.0 * key, (1.0, 0.955, 0.90), True, True),
            ((-side * 1.1, -1.1, 0.05), 1.3, 7.5 * fill, (0.92, 0.96, 1.0), mirrored, not mirrored),
            ((-side * 0.75, 0.85, 0.55), 0.5, 17.0 * rim, (0.95, 0.97, 1.0), True, True),
            ((side * 0.55, 0.9, 0.75), 0.5, 8.0 * rim, (1.0, 0.96, 0.92), True, True),
            ((0.0, -0.75, -0.75), 0.9, 2.2 * fill, (1.0, 0.97, 0.95), mirrored, not mirrored),
        )
        for place, size, watts, colour, seen, in_eyes in lamps:
            data = bpy.data.lights.new("lamp", "AREA")
            data.shape, data.size = "DISK", size
            data.energy, data.color = watts, colour
            item = bpy.data.objects.new("lamp", data)
            item.location = eye + np.array(place)
            item.visible_glossy = seen
            if not in_eyes:
                item.light_linking.receiver_collection = films
            aim = Vector(eye + np.array([0, 0, -0.06])) - item.location
            item.rotation_euler = aim.to_track_quat("-Z", "Y").to_euler()
            bpy.context.collection.objects.link(item)

    # -- the whole ----------------------------------------------------------------------------

    def assemble(self, mood):
        """Builds the scene with an expression."""
        bpy.ops.wm.read_factory_settings(use_empty=True)
        person = self.person
        figure = Figure(self.base, person, mood)
        skin_material = self.build_skin()
        still = self.build_body(self.still, skin_material)
        verts, normals, faces = applied(still)
        ears = read_attribute(still.data, "ears", 1)
        ground = groom.Ground(verts, normals, faces)
        eye = self.still.between_eyes
        crown = self.still.rest[:13380, 2].max()
        head = groom.Head(eye, np.array([0, eye[1] + 0.082, (eye[2] + crown) / 2 - 0.02]),
                          groom.ramp(ears, 0.15, 0.6))
        clothes = self.build_clothes() if person.clothes else None
        rest_dense = verts
        if person.hair:
            self.build_hair(ground, head, clothes)
            scalp = groom.scalp_density(ground, head, person.hair)
        else:
            scalp = np.zeros(len(verts))
        bpy.data.objects.remove(still)
        body = self.build_body(figure, skin_material)
        verts, normals, faces = applied(body)
        set_attribute(body.data, "scalp", scalp)
        moved = groom.Ground(verts, normals, faces)
        self.tuck_in(body, figure, clothes)
        self.build_face_hair(figure, moved, rest_dense)
        self.build_eyes(figure)
        if person.glasses:
            glasses.wear(figure, **person.glasses)
        self.build_camera()
        self.build_light()
        return figure, dict(zip(self.kept.tolist(), verts))

    def tuck_in(self, body, figure, clothes):
        """Draws the body in where cloth lies over it, so that it cannot show through."""
        if clothes is None:
            return
        count = len(body.data.vertices)
        verts, normals = np.empty(count * 3), np.empty(count * 3)
        body.data.vertices.foreach_get("co", verts)
        body.data.vertices.foreach_get("normal", normals)
        verts, normals = verts.reshape(-1, 3), normals.reshape(-1, 3)
        cloth = BVHTree.FromPolygons(clothes.verts.tolist(), clothes.faces)
        chin = figure.metres[POINTS["chin"]][2]
        for i in np.where(verts[:, 2] < chin - 0.05)[0]:
            out = Vector(normals[i])
            if cloth.ray_cast(Vector(verts[i]) - out * 0.012, out, 0.021)[0] is not None:
                verts[i] -= 0.004 * normals[i]
        body.data.vertices.foreach_set("co", verts.ravel())

    def build_hair(self, ground, head, clothes):
        person = self.person
        if self.strands is None:
            obstacle = ground
            if clothes is not None:
                data = bpy.data.objects["clothes"].data
                normals = np.empty(len(data.vertices) * 3)
                data.vertices.foreach_get("normal", normals)
                cloth = groom.Ground(clothes.verts, normals.reshape(-1, 3), clothes.faces)
                obstacle = ground.merged(cloth)
            self.strands = groom.scalp_hair(self.rng(1), ground, head, person.hair, obstacle)
        curves_object("hair", self.strands, materials.hair("hair", **person.hair_look))

    def build_face_hair(self, figure, ground, rest_dense):
        person = self.person
        look = materials.hair("brow", **person.brow_look)
        lines = self.brow_lines(figure)
        for side, line in enumerate(lines):
            brow = groom.brow(
                self.rng(2), ground, line, person.brow.get("count", 900),
                person.brow.get("length", 0.0085), person.brow.get("thickness", 0.009),
                1 - 2 * side,
            )
            curves_object("brow", brow, look)
        dark = materials.hair("lash", melanin=0.97, redness=0.2, vary=0.0)
        for side in (0, 1):
            centre = figure.eyes[side]
            upper = resample(figure.line(UPPER_LASH, side), 60)
            lower = resample(figure.line(LOWER_LASH, side), 60)
            hairs = groom.lashes(self.rng(3 + side), upper, centre, 110, person.lash, True)
            curves_object("lash", hairs, dark)
            hairs = groom.lashes(
                self.rng(5 + side), lower, centre, 55, person.lash * 0.55, False
            )
            curves_object("lash", hairs, dark)
        if person.beard:
            mm = self.still.front_mm(rest_dense)
            density = self.beard_mask((mm[:, 0], mm[:, 2])) * (mm[:, 1] < 75)
            hairs = groom.short_hairs(
                self.rng(7), ground, density + 1e-9, person.beard["count"],
                person.beard["length"], person.beard.get("lift", 0.45),
            )
            curves_object("beard", hairs, look)

    def render(self, path, size, samples, crop=None):
        """Renders with a transparent film to a 16-bit PNG.

        `crop` is a part of the picture (shares: left, right, bottom, top).
        """
        scene = bpy.context.scene
        scene.render.engine = "CYCLES"
        scene.cycles.device = "CPU"
        scene.cycles.samples = samples
        scene.cycles.use_adaptive_sampling = True
        scene.cycles.adaptive_threshold = 0.03
        scene.cycles.adaptive_min_samples = 8
        scene.cycles.use_denoising = True
        scene.cycles.denoiser = "OPENIMAGEDENOISE"
        scene.cycles.denoising_prefilter = "ACCURATE"
        scene.cycles.filter_width = 1.8
        scene.cycles.seed = self.person.seed
        scene.cycles.max_bounces = 8
        scene.cycles.diffuse_bounces = scene.cycles.glossy_bounces = 3
        scene.cycles.transparent_max_bounces = 12
        scene.cycles.caustics_reflective = scene.cycles.caustics_refractive = False
        scene.cycles.sample_clamp_indirect = 4.0
        scene.cycles_curves.shape = "RIBBONS"
        scene.render.film_transparent = True
        scene.render.resolution_x = scene.render.resolution_y = size
        scene.render.use_border = scene.render.use_crop_to_border = crop is not None
        if crop:
            scene.render.border_min_x, scene.render.border_max_x = crop[:2]
            scene.render.border_min_y, scene.render.border_max_y = crop[2:]
        scene.render.threads_mode, scene.render.threads = "FIXED", 2
        scene.render.use_persistent_data = False
        scene.view_settings.view_transform = "AgX"
        scene.view_settings.look = "AgX - Medium High Contrast"
        scene.view_settings.exposure = self.person.light.get("exposure", 0.1)
        scene.render.image_settings.file_format = "PNG"
        scene.render.image_settings.color_mode = "RGBA"
        scene.render.image_settings.color_depth = "16"
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)


def resample(line, count):
    """The polyline as `count` points at even arc lengths."""
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    want = np.linspace(0, arc[-1], count)
    return np.stack([np.interp(want, arc, line[:, k]) for k in range(3)], axis=1)


def read_grey(path):
    """A picture as grey 0..1 with rows from the bottom."""
    image = bpy.data.images.load(str(path), check_existing=False)
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    return pixels.reshape(height, width, 4)[:, :, 0]


def sample(grey, uv):
    """Nearest value of a picture at a UV."""
    height, width = grey.shape
    return grey[int(np.clip(uv[1], 0, 1) * (height - 1)), int(np.clip(uv[0], 0, 1) * (width - 1))]
