"""Joints in the form that OpenPose writes and the field's tools read."""

from typing import Any, Final

from services.kit.types import Keypoints

VERSION: Final = 1.2


def to_openpose_json(keypoints: Keypoints) -> dict[str, Any]:
    """Write 25 x 3 joints as OpenPose does, one person a file (``--write_json``, version 1.2).

    Nobody seen gives an empty ``people`` list. Source of the form:
    https://github.com/CMU-Perceptual-Computing-Lab/openpose, doc/02_output.md.
    """
    people = []
    if bool((keypoints[:, 2] > 0).any()):
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
