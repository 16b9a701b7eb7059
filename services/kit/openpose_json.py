"""Joints as the JSON that OpenPose writes."""

from typing import Any, Final

from services.kit.skeleton import confident_joints
from services.kit.types import Keypoints

VERSION: Final = 1.2
"""Version of the JSON format."""


def to_openpose_json(keypoints: Keypoints) -> dict[str, Any]:
    """Convert 25 x 3 joints to OpenPose's JSON of one person (``--write_json``, version 1.2).

    Without a visible joint the list ``people`` is empty. Source of the format:
    https://github.com/CMU-Perceptual-Computing-Lab/openpose, doc/02_output.md.
    """
    people = []
    if bool(confident_joints(keypoints).any()):
        people.append(
            {
                "pose_keypoints_2d": [round(float(value), 6) for value in keypoints.reshape(-1)],
                "face_keypoints_2d": [],
                "hand_left_keypoints_2d": [],
                "hand_right_keypoints_2d": [],
                "pose_keypoints_3d": [],
                "face_keypoints_3d": [],
                "hand_left_keypoints_3d": [],
                "hand_right_keypoints_3d": [],
            }
        )
    return {"version": VERSION, "people": people}
