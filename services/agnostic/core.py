"""Remove the existing garment from a person's label map and photo, by VITON-HD's geometry.

Choi et al., "VITON-HD: High-Resolution Virtual Try-On via Misalignment-Aware Normalization" (CVPR
2021), as the published code (shadow2496/VITON-HD) prepares the networks' inputs. All lengths of
that code are pixels of a 768 x 1024 canvas and scale with the canvas here. If every joint of the
torso is detected, the result equals that of the code. Missing joints are estimated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ImageDraw

from services.agnostic.torso import Point, Torso, estimate_torso, joint_point
from services.kit.errors import InvalidRequest
from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.types import CANVAS_HEIGHT, CANVAS_WIDTH, Image, Keypoints, LabelMap

GREY: Final = 128
"""Level of every channel that hides the garment."""

UPPER_BODY: Final = (Label.UPPER, Label.DRESS, Label.COAT, Label.TORSO_SKIN)
"""Labels that are hidden on the upper body."""

ARMS: Final = (
    (
        Label.LEFT_ARM,
        (Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW, Joint.LEFT_WRIST),
    ),
    (
        Label.RIGHT_ARM,
        (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST),
    ),
)
"""An arm, and the joints from the other shoulder to its own wrist."""

PASTED_BACK: Final = (
    Label.SUNGLASSES,
    Label.PANTS,
    Label.SKIRT,
    Label.FACE,
    Label.LEFT_LEG,
    Label.RIGHT_LEG,
    Label.LEFT_SHOE,
    Label.RIGHT_SHOE,
)
"""Labels that stay visible."""

Region = NDArray[np.bool_]
"""H x W: the pixels covered by a drawing."""


@dataclass(frozen=True, kw_only=True)
class ArmPathShapes:
    """Shapes along an arm within which its label is removed, in pixels of the 768 x 1024 canvas."""

    bone_width_px: float = 100
    """Width of the line between two joints."""
    joint_radius_px: float = 150
    """Radius of the disc at a shoulder or elbow."""
    wrist_radius_px: float = 40
    """Radius of the disc at the wrist."""


@dataclass(frozen=True, kw_only=True)
class BodyShapes:
    """Shapes that cover a body, in pixels of the 768 x 1024 canvas."""

    shoulder_line_width_px: float
    """Width of the line between the shoulders."""
    shoulder_half_width_px: float = 100
    """Half width of the ellipse at a shoulder."""
    shoulder_half_height_px: float
    """Half height of the ellipse at a shoulder."""
    neck_half_width_px: float
    """Half width of the rectangle at the neck."""
    neck_half_height_px: float
    """Half height of the rectangle at the neck."""
    neck_rise_px: float
    """Height of that rectangle's centre above the neck joint."""
    hip_half_width_px: float = 60
    """Half width of the ellipse at a hip."""
    hip_half_height_px: float = 120
    """Half height of the ellipse at a hip."""
    flank_line_width_px: float = 120
    """Width of the line from a shoulder to the hip of its side."""
    hip_line_width_px: float = 240
    """Width of the line between the hips."""
    arm_line_width_px: float = 200
    """Width of the lines along upper arm and forearm."""
    arm_joint_radius_px: float = 100
    """Radius of the disc at an elbow or wrist."""


ARM_PATH_SHAPES: Final = ArmPathShapes()
"""The shapes of VITON-HD's published code."""

VITON_HD_SHAPES: Final = BodyShapes(
    shoulder_line_width_px=200,
    shoulder_half_height_px=100,
    neck_half_width_px=140,
    neck_half_height_px=140,
    neck_rise_px=0,
)
"""The shapes of VITON-HD's published code."""


def parse_agnostic(labels: LabelMap, keypoints: Keypoints) -> LabelMap:
    """Turn upper clothes, neck and the arms near their bones into background (0).

    ``labels`` is H x W CIHP ids, ``keypoints`` 25 x 3 in its pixels. An arm without a seen
    joint is removed whole. Raises InvalidRequest for joints that are not 25 x 3.
    """
    check(labels, keypoints)
    removed = np.isin(labels, UPPER_BODY)
    torso = estimate_torso(keypoints)
    for arm, path in ARMS:
        points = {joint: joint_or_shoulder(keypoints, torso, joint) for joint in path}
        removed |= (labels == arm) & _draw_arm_path(Drawing.on(labels), path, points)
    agnostic: LabelMap = np.where(removed, np.uint8(0), labels)
    return agnostic


def image_agnostic(image: Image, labels: LabelMap, keypoints: Keypoints) -> Image:
    """Paint torso, arms and neck grey (128) and put back face, trousers, legs and shoes.

    ``image`` is H x W x 3, ``labels`` H x W CIHP ids, ``keypoints`` 25 x 3 in their pixels. If
    a joint of the torso was not seen, the labels of upper clothes, neck and arms turn grey as well.
    Raises InvalidRequest if sizes differ or the joints are not 25 x 3.
    """
    check_image(image, labels, keypoints)
    torso = estimate_torso(keypoints)
    drawing = Drawing.on(labels)
    if torso:
        draw_torso(drawing, torso, VITON_HD_SHAPES)
    draw_arms(drawing, keypoints, torso, VITON_HD_SHAPES)
    return paint_grey(image, labels, torso, drawing.region())


def paint_grey(
    image: Image,
    labels: LabelMap,
    torso: Torso | None,
    drawn: Region,
    kept: Region | None = None,
) -> Image:
    """Paint the ``drawn`` pixels grey, except those ``kept`` and those pasted back.

    If a joint of the torso was not seen, the labels of upper clothes, neck and arms turn grey too.
    """
    hidden = drawn.copy()
    if torso is None or torso.estimated:
        hidden |= np.isin(labels, (*UPPER_BODY, *(arm for arm, _ in ARMS)))
    hidden &= ~np.isin(labels, PASTED_BACK)
    if kept is not None:
        hidden &= ~kept
    agnostic = image.copy()
    agnostic[hidden] = GREY
    return agnostic


def check_image(image: Image, labels: LabelMap, keypoints: Keypoints) -> None:
    """Raise InvalidRequest if ``check`` does, or for a picture of another size."""
    check(labels, keypoints)
    if image.shape[:2] != labels.shape:
        raise InvalidRequest("The picture and its labels differ in size.")


def check(labels: LabelMap, keypoints: Keypoints) -> None:
    """Raise InvalidRequest for joints that are not 25 x 3, and for an empty label map."""
    if keypoints.shape != (25, 3):
        raise InvalidRequest("Keypoints must be the 25 joints of BODY_25 as x, y, confidence.")
    if labels.ndim != 2 or not labels.size:
        raise InvalidRequest("A label map must have height x width pixels.")


@dataclass(frozen=True)
class Drawing:
    """Shapes drawn on an H x W region."""

    picture: PIL.Image.Image
    """H x W: 255 on the shapes, 0 elsewhere."""
    pen: ImageDraw.ImageDraw
    """Draws on ``picture``."""
    scale: float
    """Pixels of the region per pixel of the 768 x 1024 canvas."""

    @classmethod
    def on(cls, labels: LabelMap) -> "Drawing":
        """Begin a region as large as the labels, without a shape."""
        height, width = labels.shape
        picture = PIL.Image.new("L", (width, height))
        scale = min(width / CANVAS_WIDTH, height / CANVAS_HEIGHT)
        return cls(picture, ImageDraw.Draw(picture), scale)

    def line(self, start: Point, end: Point, width: float) -> None:
        """Draw a line; as all shapes, its points are (x, y) in pixels of the region."""
        points = [(start[0], start[1]), (end[0], end[1])]
        self.pen.line(points, 255, width=max(1, round(width * self.scale)))

    def ellipse(self, centre: Point, half_width: float, half_height: float) -> None:
        """Draw a filled ellipse."""
        self.pen.ellipse(self._around(centre, half_width, half_height), 255)

    def rectangle(self, centre: Point, half_width: float, half_height: float) -> None:
        """Draw a filled rectangle."""
        self.pen.rectangle(self._around(centre, half_width, half_height), 255)

    def polygon(self, *points: Point) -> None:
        """Draw a filled polygon."""
        self.pen.polygon([(point[0], point[1]) for point in points], 255)

    def region(self) -> Region:
        """Return the pixels that the shapes cover."""
        return np.asarray(self.picture) > 0

    def _around(self, centre: Point, x: float, y: float) -> tuple[float, float, float, float]:
        x, y = x * self.scale, y * self.scale
        return centre[0] - x, centre[1] - y, centre[0] + x, centre[1] + y


def joint_or_shoulder(keypoints: Keypoints, torso: Torso | None, joint: Joint) -> Point | None:
    """Return a joint's point; an undetected shoulder is the torso's."""
    point = joint_point(keypoints, joint)
    if point is None and torso and joint in {Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER}:
        return torso.right_shoulder if joint == Joint.RIGHT_SHOULDER else torso.left_shoulder
    return point


def _draw_arm_path(
    drawing: Drawing,
    path: tuple[Joint, ...],
    points: Mapping[Joint, Point | None],
    shapes: ArmPathShapes = ARM_PATH_SHAPES,
) -> Region:
    """Draw a line along the joints that are known, and a disc at each but the path's first."""
    known = [(joint, point) for joint in path if (point := points[joint]) is not None]
    if not any(joint in path[1:] for joint, _ in known):
        return np.ones(drawing.picture.size[::-1], np.bool_)
    for (_, start), (_, end) in pairwise(known):
        drawing.line(start, end, shapes.bone_width_px)
    for joint, point in known:
        if joint != path[0]:
            radius = shapes.wrist_radius_px if joint == path[-1] else shapes.joint_radius_px
            drawing.ellipse(point, radius, radius)
    return drawing.region()


def draw_torso(drawing: Drawing, torso: Torso, shapes: BodyShapes) -> None:
    """Draw shoulders, trunk, hips and neck."""
    drawing.line(torso.right_shoulder, torso.left_shoulder, shapes.shoulder_line_width_px)
    for shoulder in (torso.right_shoulder, torso.left_shoulder):
        draw_shoulder(drawing, shoulder, shapes)
    for hip in (torso.right_hip, torso.left_hip):
        drawing.ellipse(hip, shapes.hip_half_width_px, shapes.hip_half_height_px)
    drawing.line(torso.right_shoulder, torso.right_hip, shapes.flank_line_width_px)
    drawing.line(torso.left_shoulder, torso.left_hip, shapes.flank_line_width_px)
    drawing.line(torso.right_hip, torso.left_hip, shapes.hip_line_width_px)
    drawing.polygon(torso.right_shoulder, torso.left_shoulder, torso.left_hip, torso.right_hip)
    neck = torso.neck - (0, shapes.neck_rise_px * drawing.scale)
    drawing.rectangle(neck, shapes.neck_half_width_px, shapes.neck_half_height_px)


def draw_shoulder(drawing: Drawing, shoulder: Point, shapes: BodyShapes) -> None:
    """Draw the ellipse at a shoulder."""
    drawing.ellipse(shoulder, shapes.shoulder_half_width_px, shapes.shoulder_half_height_px)


def draw_arms(
    drawing: Drawing, keypoints: Keypoints, torso: Torso | None, shapes: BodyShapes
) -> None:
    """Draw both arms, as far as their joints were seen."""
    for _, (_, *arm) in ARMS:
        upper, middle, lower = (joint_or_shoulder(keypoints, torso, joint) for joint in arm)
        for start, end in ((upper, middle), (middle, lower)):
            if start is not None and end is not None:
                drawing.line(start, end, shapes.arm_line_width_px)
                drawing.ellipse(end, shapes.arm_joint_radius_px, shapes.arm_joint_radius_px)
