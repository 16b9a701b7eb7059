"""Materials of skin, eyes, hair and fabric, as Blender's shader graphs."""

import warnings
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from examples.render.body import Floats, texture_path

Colour = tuple[float, float, float]


class Shader:
    """A material with Blender's principled shader, and helpers for the nodes around it."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.surface = self.tree.nodes["Principled BSDF"]

    def node(self, kind: str) -> Any:
        """Return a new node of this Blender type."""
        return self.tree.nodes.new(kind)

    def connect(self, target: Any, source: Any) -> None:
        """Feed `target` with a colour, a number or another node's output."""
        if isinstance(source, tuple):
            target.default_value = (*source, 1)
        elif isinstance(source, int | float):
            target.default_value = source
        else:
            self.tree.links.new(source, target)

    def set(self, **inputs: Any) -> None:
        """Set the surface's inputs; `base_color` means "Base Color"."""
        for name, source in inputs.items():
            self.connect(self.surface.inputs[name.replace("_", " ").title()], source)

    def mix(self, share: Any, first: Any, second: Any) -> Any:
        """Return a mix: `first` for `share` 0, `second` for 1."""
        node = self.node("ShaderNodeMix")
        node.data_type = "RGBA"
        for index, source in ((0, share), (6, first), (7, second)):
            self.connect(node.inputs[index], source)
        return node.outputs[2]

    def maths(self, operation: str, first: Any, second: Any) -> Any:
        """Return an arithmetic node of two numbers."""
        node = self.node("ShaderNodeMath")
        node.operation = operation
        self.connect(node.inputs[0], first)
        self.connect(node.inputs[1], second)
        return node.outputs[0]

    def values(self, name: str) -> Any:
        """Return the number per vertex that the mesh carries under this name."""
        node = self.node("ShaderNodeAttribute")
        node.attribute_name = name
        return node.outputs["Fac"]

    def noise(self, scale: float, detail: float = 2) -> Any:
        """Return cloudy values about 0.5, with `scale` features per metre."""
        node = self.node("ShaderNodeTexNoise")
        node.inputs["Scale"].default_value = scale
        node.inputs["Detail"].default_value = detail
        place = self.node("ShaderNodeTexCoord")
        self.connect(node.inputs["Vector"], place.outputs["Object"])
        return node.outputs["Fac"]

    def bump(self, height: Any, strength: float, distance: float) -> None:
        """Roughen the surface by at most `distance` metres."""
        node = self.node("ShaderNodeBump")
        node.inputs["Strength"].default_value = strength
        node.inputs["Distance"].default_value = distance
        self.connect(node.inputs["Height"], height)
        self.connect(self.surface.inputs["Normal"], node.outputs["Normal"])

    def mask(self, name: str) -> Any:
        """Return one of the CC0 masks of body parts."""
        node = self.node("ShaderNodeTexImage")
        node.image = bpy.data.images.load(str(texture_path(name)))
        node.image.colorspace_settings.name = "Non-Color"
        return node.outputs["Color"]


def skin(tone: Colour, flush: Colour, lip: Colour, hair: Colour) -> Any:
    """Return skin with flushed cheeks and ears, lips, nails, and dark hair roots on the scalp."""
    shader = Shader("skin")
    dark = (tone[0] * 0.9, tone[1] * 0.82, tone[2] * 0.79)
    colour = shader.mix(shader.noise(9), tone, dark)
    colour = shader.mix(shader.values("blush"), colour, flush)
    colour = shader.mix(shader.maths("MULTIPLY", shader.mask("ears"), 0.25), colour, flush)
    colour = shader.mix(shader.maths("MULTIPLY", shader.mask("fingernails"), 0.3), colour, lip)
    colour = shader.mix(shader.mask("lips"), colour, lip)
    colour = shader.mix(shader.values("scalp"), colour, hair)
    shader.set(base_color=colour, roughness=0.48, subsurface_weight=0.12, subsurface_scale=1.0)
    shader.surface.inputs["Subsurface Radius"].default_value = (0.012, 0.005, 0.003)
    shader.bump(shader.noise(350, 6), 0.06, 0.002)
    return shader.material


def eye(centre: Floats, radius: float, iris: Colour) -> Any:
    """Return a wet eyeball whose pupil, iris and white are rings round the y axis."""
    shader = Shader("eye")
    place = shader.node("ShaderNodeNewGeometry")
    from_centre = shader.node("ShaderNodeVectorMath")
    from_centre.operation = "SUBTRACT"
    shader.connect(from_centre.inputs[0], place.outputs["Position"])
    from_centre.inputs[1].default_value = tuple(centre)
    flat = shader.node("ShaderNodeVectorMath")
    flat.operation = "MULTIPLY"
    shader.connect(flat.inputs[0], from_centre.outputs[0])
    flat.inputs[1].default_value = (1 / radius, 0, 1 / radius)
    distance = shader.node("ShaderNodeVectorMath")
    distance.operation = "LENGTH"
    shader.connect(distance.inputs[0], flat.outputs[0])
    ramp = shader.node("ShaderNodeValToRGB")
    black = (0.004, 0.004, 0.004)
    rim = (iris[0] * 0.2, iris[1] * 0.2, iris[2] * 0.3)
    inner = (iris[0] * 0.55, iris[1] * 0.55, iris[2] * 0.5)
    white = (0.58, 0.54, 0.52)
    rings = [(0.0, black), (0.20, black), (0.23, inner), (0.40, iris), (0.46, rim), (0.51, white)]
    stops = ramp.color_ramp.elements
    for position, colour in rings[1:-1]:
        stops.new(position).color = (*colour, 1)
    stops[0].color = (*black, 1)
    stops[-1].position, stops[-1].color = rings[-1][0], (*white, 1)
    shader.connect(ramp.inputs[0], distance.outputs["Value"])
    shader.set(base_color=ramp.outputs["Color"], roughness=0.06, coat_weight=1.0)
    return shader.material


def hair(melanin: float, redness: float, roughness: float = 0.32) -> Any:
    """Return hair fibres by Chiang et al. 2016, Blender's principled hair shader."""
    shader = Shader("hair")
    fibre = shader.node("ShaderNodeBsdfHairPrincipled")
    fibre.parametrization = "MELANIN"
    fibre.inputs["Melanin"].default_value = melanin
    fibre.inputs["Melanin Redness"].default_value = redness
    fibre.inputs["Roughness"].default_value = roughness
    fibre.inputs["Random Color"].default_value = 0.35
    fibre.inputs["Random Roughness"].default_value = 0.3
    output = shader.tree.nodes["Material Output"]
    shader.connect(output.inputs["Surface"], fibre.outputs[0])
    return shader.material


def weave(shader: Shader, colour: Any) -> Any:
    """Add fine texture, some fuzz, and a line of stitches along every hem of fabric."""
    line = shader.maths("COMPARE", shader.values("rim"), 0.019)
    line.node.inputs[2].default_value = 0.0011
    colour = shader.mix(shader.maths("MULTIPLY", line, 0.28), colour, (0.02, 0.02, 0.02))
    shader.set(base_color=colour, roughness=0.85, sheen_weight=0.15)
    shader.bump(shader.noise(1100, 3), 0.14, 0.001)
    return shader.material


def plain(colour: Colour, spread: float = 0.1, scale: float = 900) -> Any:
    """Return fabric of one colour whose threads vary by `spread` to both sides."""
    shader = Shader("plain")
    light = (colour[0] * (1 + spread), colour[1] * (1 + spread), colour[2] * (1 + spread))
    dark = (colour[0] * (1 - spread), colour[1] * (1 - spread), colour[2] * (1 - spread))
    return weave(shader, shader.mix(shader.noise(scale, 3), dark, light))


def printed(colour: Colour, picture: NDArray[np.float32]) -> Any:
    """Return plain fabric with a picture (h, w, 4) in 0..1 at texture coordinates 0..1."""
    shader = Shader("printed")
    height, width, _ = picture.shape
    image = bpy.data.images.new("print", width, height, alpha=True)
    image.pixels.foreach_set(picture[::-1].ravel())
    image.pack()
    node = shader.node("ShaderNodeTexImage")
    node.image = image
    node.extension = "CLIP"
    dark = (colour[0] * 0.9, colour[1] * 0.9, colour[2] * 0.9)
    cloth = shader.mix(shader.noise(900, 3), dark, colour)
    cloth = shader.mix(node.outputs["Alpha"], cloth, node.outputs["Color"])
    return weave(shader, cloth)


def striped(ground: Colour, stripe: Colour, period: float, width: float) -> Any:
    """Return fabric with a stripe of `width` metres every `period` metres of the second axis."""
    shader = Shader("striped")
    place = shader.node("ShaderNodeSeparateXYZ")
    texture = shader.node("ShaderNodeTexCoord")
    shader.connect(place.inputs[0], texture.outputs["UV"])
    phase = shader.maths("FLOORED_MODULO", place.outputs["Y"], period)
    colour = shader.mix(shader.maths("LESS_THAN", phase, width), ground, stripe)
    threads = shader.maths("MULTIPLY", shader.noise(900, 3), 0.12)
    return weave(shader, shader.mix(threads, colour, (0.3, 0.3, 0.3)))


def matt(colour: Colour) -> Any:
    """Return a dull surface."""
    shader = Shader("matt")
    shader.set(base_color=colour, roughness=1.0)
    return shader.material


def backdrop(brightness: float) -> Any:
    """Return a white of this brightness to the camera, which does not light the scene."""
    shader = Shader("backdrop")
    glow = shader.node("ShaderNodeEmission")
    path = shader.node("ShaderNodeLightPath")
    seen = shader.maths("MULTIPLY", path.outputs["Is Camera Ray"], brightness)
    shader.connect(glow.inputs["Strength"], seen)
    shader.connect(shader.tree.nodes["Material Output"].inputs["Surface"], glow.outputs[0])
    return shader.material
