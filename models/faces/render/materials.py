"""Cycles materials: skin, eyes, hair, cloth. All procedural or painted by `skin`."""

import bpy
import numpy as np


def picture(name, array, colour=True):
    """A Blender image from rows that run from the bottom; grey or RGB, 0..1."""
    array = np.asarray(array, dtype=np.float32)
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    height, width = array.shape[:2]
    rgba = np.ones((height, width, 4), np.float32)
    rgba[:, :, :3] = array
    image = bpy.data.images.new(name, width, height, float_buffer=not colour)
    image.colorspace_settings.name = "sRGB" if colour else "Non-Color"
    image.pixels.foreach_set(rgba.ravel())
    image.pack()
    return image


class Nodes:
    """A short way to write a node tree down."""

    def __init__(self, name):
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()
        self.out = self.tree.nodes.new("ShaderNodeOutputMaterial")

    def add(self, kind, inputs=None, **settings):
        node = self.tree.nodes.new("ShaderNode" + kind)
        for key, value in settings.items():
            setattr(node, key, value)
        for key, value in (inputs or {}).items():
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, node.inputs[key])
            else:
                node.inputs[key].default_value = value
        return node

    def image(self, image, vector, **settings):
        node = self.add("TexImage", {"Vector": vector}, image=image, **settings)
        return node.outputs["Color"]

    def attribute(self, name, output="Vector"):
        return self.add("Attribute", attribute_name=name).outputs[output]

    def math(self, operation, a, b):
        return self.add("Math", {0: a, 1: b}, operation=operation).outputs[0]

    def mix(self, factor, a, b, blend="MIX"):
        node = self.add("Mix", data_type="RGBA", blend_type=blend)
        for key, value in ((0, factor), (6, a), (7, b)):
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, node.inputs[key])
            else:
                node.inputs[key].default_value = value
        return node.outputs[2]

    def noise(self, vector, scale, detail=2.0, rough=0.5):
        node = self.add("TexNoise", {"Vector": vector, "Scale": scale, "Detail": detail})
        node.inputs["Roughness"].default_value = rough
        return node.outputs[0]

    def surface(self, socket):
        self.tree.links.new(socket, self.out.inputs["Surface"])
        return self.material


def rgba(colour):
    """sRGB tuple to the linear RGBA that nodes take."""
    from skin import linear

    return (*linear(colour), 1.0)


def skin(maps, lips_mask, mouth_mask, person, hair_colour):
    """Skin with subsurface scattering; reads attributes `front`, `rest`, `scalp`."""
    colour_map, rough_map, relief_map = maps
    n = Nodes("skin")
    front = n.attribute("front")
    rest = n.attribute("rest")
    uv = n.add("UVMap", uv_map="mh").outputs["UV"]
    extend = {"extension": "MIRROR", "interpolation": "Cubic"}
    colour = n.image(colour_map, front, **extend)
    rough = n.image(rough_map, front, **extend)
    relief = n.image(relief_map, front, **extend)
    lips = n.image(lips_mask, uv)
    inside = n.image(mouth_mask, uv)
    # Lips: darker towards the inside, with fine vertical grooves.
    stretched = n.add("VectorMath", {0: rest, 1: (1.0, 0.2, 0.16)}, operation="MULTIPLY")
    groove = n.noise(stretched.outputs[0], 900.0, 2.0)
    tint = n.mix(groove, rgba(np.array(person.lip) * 0.90), rgba(np.array(person.lip) * 1.06))
    colour = n.mix(n.math("MULTIPLY", lips, person.lip_amount), colour, tint)
    colour = n.mix(inside, colour, rgba((0.55, 0.24, 0.24)))
    scalp = n.attribute("scalp", "Fac")
    colour = n.mix(n.math("MULTIPLY", scalp, 0.85), colour, rgba(hair_colour))
    rough = n.mix(n.math("MULTIPLY", lips, 0.7), rough, (0.36, 0.36, 0.36, 1))
    rough = n.mix(inside, rough, (0.22, 0.22, 0.22, 1))
    pores = n.add("TexVoronoi", {"Vector": rest, "Scale": 1150.0, "Randomness": 1.0})
    pore = n.math("MULTIPLY", n.math("MINIMUM", pores.outputs["Distance"], 0.5), 0.10)
    height = n.math("ADD", relief, pore)
    height = n.math("ADD", height, n.math("MULTIPLY", n.noise(rest, 2600.0, 1.0), 0.05))
    ridges = n.math("MULTIPLY", n.math("MULTIPLY", groove, lips), 0.28)
    height = n.math("ADD", height, ridges)
    bump = n.add("Bump", {"Height": height, "Distance": 0.001, "Strength": 0.85})
    shader = n.add(
        "BsdfPrincipled",
        {
            "Base Color": colour,
            "Roughness": rough,
            "Subsurface Weight": 1.0,
            "Subsurface Radius": (1.0, 0.36, 0.19),
            "Subsurface Scale": person.scatter,
            "Specular IOR Level": person.shine,
            "Normal": bump.outputs["Normal"],
        },
        subsurface_method="RANDOM_WALK",
    )
    return n.surface(shader.outputs[0])


def eyeball(iris_map):
    """Sclera and iris; the wet film above them is `cornea`."""
    n = Nodes("eyeball")
    uv = n.attribute("disc")
    colour = n.image(iris_map, uv, extension="EXTEND", interpolation="Cubic")
    shader = n.add(
        "BsdfPrincipled",
        {
            "Base Color": colour,
            "Roughness": 0.45,
            "Subsurface Weight": 0.25,
            "Subsurface Radius": (1.0, 0.5, 0.35),
            "Subsurface Scale": 0.0015,
            "Specular IOR Level": 0.2,
        },
    )
    return n.surface(shader.outputs[0])


def wet(name, rough=0.02, ior=1.376):
    """A clear film: reflects by Fresnel, lets the rest through unbent (no caustics needed)."""
    n = Nodes(name)
    clear = n.add("BsdfTransparent", {"Color": (1, 1, 1, 1)})
    gloss = n.add("BsdfGlossy", {"Roughness": rough})
    fresnel = n.add("Fresnel", {"IOR": ior})
    mix = n.add("MixShader", {0: fresnel.outputs[0], 1: clear.outputs[0], 2: gloss.outputs[0]})
    return n.surface(mix.outputs[0])


def hair(name, colour=None, second=None, melanin=0.9, redness=0.3, rough=0.32, vary=0.12):
    """Principled hair: by melanin, or by colour (sRGB), strand by strand towards `second`.

    Coloured hair is darker at its roots, where strands shade each other.
    """
    n = Nodes(name)
    node = n.add("BsdfHairPrincipled")
    node.model = "CHIANG"
    node.parametrization = "COLOR" if colour is not None else "MELANIN"
    if colour is not None:
        info = n.add("HairInfo")
        tint = n.mix(info.outputs["Random"], rgba(colour), rgba(second or colour))
        root = n.add("MapRange", {"Value": info.outputs["Intercept"], 1: 0.0, 2: 0.45, 3: 0.55})
        tint = n.mix(1.0, tint, root.outputs[0], "MULTIPLY")
        n.tree.links.new(tint, node.inputs["Color"])
    else:
        node.inputs["Melanin"].default_value = melanin
        node.inputs["Melanin Redness"].default_value = redness
        node.inputs["Random Color"].default_value = vary
    node.inputs["Roughness"].default_value = rough
    node.inputs["Radial Roughness"].default_value = 0.5
    node.inputs["Random Roughness"].default_value = 0.15
    node.inputs["Coat"].default_value = 0.0
    return n.surface(node.outputs[0])


def cloth(name, colour, weave=0.00045, sheen=0.25, rough=0.85, contrast=0.12, knit=False,
          folds=0.3):
    """Woven or knitted cloth: threads in relief, slight colour variation, and `folds`.

    Folds hang down and spread: ridges of noise stretched along the height.
    """
    n = Nodes(name)
    rest = n.attribute("rest")
    scale = 1.0 / weave
    axes = n.add("SeparateXYZ", {0: rest})
    x = n.math("SINE", n.math("MULTIPLY", axes.outputs[0], scale * 3.1416), 0.0)
    z = n.math("SINE", n.math("MULTIPLY", axes.outputs[2], scale * 3.1416), 0.0)
    if knit:
        thread = n.math("MAXIMUM", n.math("ABSOLUTE", x, 0.0), n.math("ABSOLUTE", z, 0.0))
    else:
        thread = n.math("MULTIPLY", x, z)
    fuzz = n.noise(rest, 700.0, 3.0, 0.65)
    hang = n.add("VectorMath", {0: rest, 1: (1.0, 0.6, 0.34)}, operation="MULTIPLY").outputs[0]
    waves = n.noise(hang, 17.0, 1.0, 0.4)
    crease = n.math("ABSOLUTE", n.math("SUBTRACT", n.noise(hang, 11.0, 1.5, 0.45), 0.5), 0.0)
    drape = n.math("SUBTRACT", n.math("MULTIPLY", waves, 26.0), n.math("MULTIPLY", crease, 44.0))
    low = rgba(np.clip(np.array(colour) * (1 - contrast), 0, 1))
    high = rgba(np.clip(np.array(colour) * (1 + contrast), 0, 1))
    tint = n.mix(fuzz, low, high)
    height = n.math("ADD", n.math("MULTIPLY", thread, 0.12), n.math("MULTIPLY", fuzz, 0.25))
    height = n.math("ADD", height, n.math("MULTIPLY", drape, folds))
    bump = n.add("Bump", {"Height": height, "Distance": 0.001, "Strength": 0.7})
    shader = n.add(
        "BsdfPrincipled",
        {
            "Base Color": tint,
            "Roughness": rough,
            "Sheen Weight": sheen,
            "Sheen Roughness": 0.5,
            "Specular IOR Level": 0.25,
            "Normal": bump.outputs["Normal"],
        },
    )
    return n.surface(shader.outputs[0])


def plain(name, colour, rough=0.25, metal=0.0):
    """An even, glossy surface (spectacle frames)."""
    n = Nodes(name)
    shader = n.add(
        "BsdfPrincipled", {"Base Color": rgba(colour), "Roughness": rough, "Metallic": metal}
    )
    return n.surface(shader.outputs[0])
