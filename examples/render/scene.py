"""Build and render Blender's scene: objects, lights, the camera and the picture's file."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from examples.render.body import Floats, Ints


def reset() -> None:
    """Empty Blender's scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)


def add(name: str, data: Any) -> Any:
    """Put a mesh, curve, light or camera into the scene."""
    placed = bpy.data.objects.new(name, data)
    bpy.context.collection.objects.link(placed)
    return placed


def add_mesh(name: str, vertices: Floats, faces: Ints, corners: Floats | None = None) -> Any:
    """Return a smooth-shaded mesh; `corners` are texture coordinates per face corner, (M, 3, 2)."""
    data = bpy.data.meshes.new(name)
    data.from_pydata(vertices.tolist(), [], faces.tolist())
    data.update()
    if corners is not None:
        layer = data.uv_layers.new(name="texture")
        layer.data.foreach_set("uv", corners.astype(np.float32).ravel())
    data.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
    return add(name, data)


def add_values(target: Any, name: str, values: Floats) -> None:
    """Add a number per vertex that materials read by name."""
    layer = target.data.attributes.new(name, "FLOAT", "POINT")
    layer.data.foreach_set("value", values.astype(np.float32))


def add_strands(name: str, strands: Floats, radius: float, material: Any) -> None:
    """Add hair: polylines (n, points, 3), `radius` metres at the root, thinner at the tip."""
    count, points, _ = strands.shape
    data = bpy.data.hair_curves.new(name)
    data.add_curves([points] * count)
    data.position_data.foreach_set("vector", strands.astype(np.float32).ravel())
    taper = radius * (1 - 0.7 * np.linspace(0, 1, points) ** 3)
    layer = data.attributes.get("radius") or data.attributes.new("radius", "FLOAT", "POINT")
    layer.data.foreach_set("value", np.tile(taper, count).astype(np.float32))
    data.materials.append(material)
    add(name, data)


def hide_vertices(target: Any, numbers: Ints) -> None:
    """Omit these vertices from the picture; they still collide."""
    group = target.vertex_groups.new(name="hidden")
    group.add(numbers.tolist(), 1, "ADD")
    mask = target.modifiers.new("hidden", "MASK")
    mask.vertex_group = "hidden"
    mask.invert_vertex_group = True
    target.modifiers.move(len(target.modifiers) - 1, 0)


def add_wall(distance: float, material: Any) -> None:
    """Return an upright background `distance` metres behind the origin."""
    corners = np.array([(-9, distance, -9), (9, distance, -9), (9, distance, 9), (-9, distance, 9)])
    add_mesh("wall", corners, np.array([(0, 1, 2, 3)])).data.materials.append(material)


def add_lights(target: float, strength: float, ambient: float) -> None:
    """Add studio lights aimed `target` metres high: key from the left, fill, rim."""
    world = bpy.data.worlds.new("studio")
    bpy.context.scene.world = world
    if world.node_tree is None:
        world.use_nodes = True
    sky = world.node_tree.nodes["Background"]
    sky.inputs[0].default_value = (0.96, 0.97, 1, 1)
    sky.inputs[1].default_value = ambient
    aim = Vector((0, 0, target))
    for place, watts, size in (
        ((-1.7, -2.8, 2.2), 120, 1.5),
        ((2.4, -2.2, 1.2), 40, 1.8),
        ((0.6, 2, 2.2), 45, 1.2),
    ):
        lamp = bpy.data.lights.new("lamp", "AREA")
        lamp.energy = watts * strength
        lamp.size = size
        placed = add("lamp", lamp)
        placed.location = place
        placed.rotation_euler = (aim - Vector(place)).to_track_quat("-Z", "Y").to_euler()


def photograph(path: Path, centre: float, height: float, scale: float, samples: int) -> None:
    """Render 900x1200 pixels times `scale` to a JPEG file.

    The camera stands 4.2 m in front, `centre` metres high, and sees `height` metres of the scene.
    """
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = samples
    scene.cycles.seed = 1
    scene.cycles.use_denoising = True
    scene.render.resolution_x = round(900 * scale)
    scene.render.resolution_y = round(1200 * scale)
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    lens = bpy.data.cameras.new("camera")
    lens.sensor_fit = "VERTICAL"
    lens.lens = 4.2 * lens.sensor_height / height
    camera = add("camera", lens)
    camera.location = (0, -4.2, centre)
    camera.rotation_euler = (np.pi / 2, 0, 0)
    scene.camera = camera
    scene.render.filepath = str(path)
    scene.render.image_settings.file_format = "JPEG"
    scene.render.image_settings.quality = 92
    bpy.ops.render.render(write_still=True)
